package scenario

import (
	"crypto/sha256"
	"fmt"
	"iter"
	"strings"

	"carbonledger/tx"
)

// Step is what is submitted together, in order.
type Step struct {
	// Day whose business it is; 0 before the first.
	Day          tx.Day
	What         string
	Transactions [][]byte
}

// author signs the transactions of a plan for one chain.
type author struct {
	p      *Plan
	chain  string
	domain tx.Domain
	keys   map[string][]tx.PrivateKey
	// money of each entity as the plan moves it; deposited is all of it.
	money     []int64
	deposited int64
	// registered and tradable units of each entity by instrument: what stands in
	// its registry holding and in its trading holding.
	registered, tradable [][]tx.Tonnes
	next                 int // of the trades
	order                int // number of the next order
}

// Steps signs the year for the chain with this id and genesis hash. Steps must
// be submitted in order; each may be submitted again.
func (p *Plan) Steps(chainID string, domain tx.Domain) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		a := &author{p: p, chain: chainID, domain: domain, keys: map[string][]tx.PrivateKey{}, money: make([]int64, len(p.Entities))}
		for range p.Entities {
			a.registered = append(a.registered, make([]tx.Tonnes, len(p.File.Instruments)))
			a.tradable = append(a.tradable, make([]tx.Tonnes, len(p.File.Instruments)))
		}
		makers := []func() (Step, error){a.bringForward, a.institutions, a.accounts, a.pages}
		for i := range p.Days {
			makers = append(makers, func() (Step, error) { return a.day(i) })
		}
		makers = append(makers, a.closeYear)
		for _, f := range makers {
			s, err := f()
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// Count of the steps.
func (p *Plan) Count() int { return len(p.Days) + 5 }

func (a *author) keysOf(party string) ([]tx.PrivateKey, error) {
	k, ok := a.keys[party]
	if ok {
		return k, nil
	}
	k, err := a.p.Keys(party)
	a.keys[party] = k
	if err != nil {
		err = fmt.Errorf("scenario: the keys of %s: %w", party, err)
	}
	return k, err
}

// sign adds a transaction to a step, signed by all persons of the parties.
func (a *author) sign(s *Step, party, reference string, operations []tx.Operation, cosigners ...string) error {
	var keys []tx.PrivateKey
	for _, who := range append([]string{party}, cosigners...) {
		k, err := a.keysOf(who)
		if err != nil {
			return err
		}
		keys = append(keys, k...)
	}
	_, err := a.signBy(s, party, reference, operations, keys)
	return err
}

// signBy adds a transaction that these keys sign, and returns its id.
func (a *author) signBy(s *Step, party, reference string, operations []tx.Operation, keys []tx.PrivateKey) (tx.ID, error) {
	raw, err := tx.NewTransaction(a.domain, &tx.Body{ChainId: a.chain, Party: party, Reference: reference, Operations: operations}, keys...)
	if err != nil {
		return tx.ID{}, fmt.Errorf("scenario: %s of %s: %w", reference, party, err)
	}
	s.Transactions = append(s.Transactions, raw)
	return tx.TransactionID(a.domain, raw)
}

// signMany cuts operations into transactions that are not too large.
func (a *author) signMany(s *Step, party, reference string, operations []tx.Operation, cosigners ...string) error {
	for n := 1; len(operations) > 0; n++ {
		k, size := 0, 0
		for k < len(operations) && size+operations[k].Size()+8 < tx.MaxTransactionBytes-1000 {
			size += operations[k].Size() + 8
			k++
		}
		if err := a.sign(s, party, fmt.Sprintf("%s-%d", reference, n), operations[:k], cosigners...); err != nil {
			return err
		}
		operations = operations[k:]
	}
	return nil
}

// pageBytes is what a page of the opening may have.
const pageBytes = 50_000

func (a *author) openingPages() []tx.OpeningPage {
	pages := []tx.OpeningPage{{}}
	page := func() *tx.OpeningPage {
		if pages[len(pages)-1].Size() > pageBytes {
			pages = append(pages, tx.OpeningPage{})
		}
		return &pages[len(pages)-1]
	}
	for i := range a.p.Entities {
		e := &a.p.Entities[i]
		for k, t := range e.Opening {
			if t > 0 {
				p := page()
				p.Holdings = append(p.Holdings, tx.OpeningHolding{Party: e.ID, Instrument: a.p.File.Instruments[k], Tonnes: t})
			}
		}
		if e.OpeningMoney > 0 {
			p := page()
			p.Money = append(p.Money, tx.OpeningMoney{Party: e.ID, Amount: e.OpeningMoney})
		}
	}
	if pages[0].Size() == 0 {
		return nil
	}
	return pages
}

// bringForward opens the books: the ledger's first transaction.
func (a *author) bringForward() (Step, error) {
	s := Step{What: "the opening position"}
	o := &tx.BringForward{AsOf: a.p.eve(), CumulativeTonnes: tx.Tonnes(a.p.baseTonnes), CumulativeAmount: tx.Fen(a.p.baseFen)}
	held := make([]tx.Tonnes, len(a.p.File.Instruments))
	for i := range a.p.Entities {
		for k, t := range a.p.Entities[i].Opening {
			held[k] += t
			a.registered[i][k] = t
		}
		o.Money += a.p.Entities[i].OpeningMoney
		a.money[i] = int64(a.p.Entities[i].OpeningMoney)
	}
	a.deposited = int64(o.Money)
	for k, code := range a.p.File.Instruments {
		if k != a.p.own {
			o.Instruments = append(o.Instruments, tx.InstrumentPosition{Instrument: code, Tonnes: held[k], Close: fenOf(a.p.File.trading().PreviousYearClose)})
		}
	}
	for _, page := range a.openingPages() {
		raw, err := page.Marshal()
		if err != nil {
			return s, fmt.Errorf("scenario: encode a page: %w", err)
		}
		sum := sha256.Sum256(raw)
		o.PageSha256 = append(o.PageSha256, sum[:])
	}
	return s, a.sign(&s, Registry, "opening", []tx.Operation{{Operation: &tx.Operation_BringForward{BringForward: o}}}, Ministry)
}

func (a *author) open(o tx.OpenAccount) (tx.Operation, error) {
	keys, err := a.keysOf(o.Id)
	if err != nil {
		return tx.Operation{}, err
	}
	for i, k := range keys {
		proven, err := tx.ProveKey(a.domain, o.Id, k)
		if err != nil {
			return tx.Operation{}, fmt.Errorf("scenario: prove the key of %s: %w", o.Id, err)
		}
		if len(keys) > 1 {
			proven.Person = fmt.Sprintf("%s, person %d", o.Id, i+1)
		}
		o.Keys = append(o.Keys, proven)
	}
	return tx.Operation{Operation: &tx.Operation_OpenAccount{OpenAccount: &o}}, nil
}

// institutions opens their accounts and sets the parameters.
func (a *author) institutions() (Step, error) {
	s := Step{What: "accounts of institutions"}
	var operations []tx.Operation
	add := func(id, name string, role tx.Role) error {
		op, err := a.open(tx.OpenAccount{Id: id, Name: name, Role: role})
		operations = append(operations, op)
		return err
	}
	for _, r := range a.p.File.Invented.Regions {
		if err := add(r.ID, r.Name, tx.RegionDepartment); err != nil {
			return s, err
		}
	}
	for _, i := range []struct {
		id, name string
		role     tx.Role
	}{{Exchange, "Exchange", tx.Exchange}, {Bank, "Settlement bank", tx.SettlementBank}, {Auditor, "Auditor", tx.Auditor},
		{Verifier, "Verification body", tx.VerificationBody}, {Court, "Court", tx.Court},
		{CCERRegistry, "CCER registry", tx.CCERRegistry}, {CCERExchange, "CCER exchange", tx.CCERExchange}} {
		if err := add(i.id, i.name, i.role); err != nil {
			return s, err
		}
	}
	if err := a.signMany(&s, Ministry, "institutions", operations); err != nil {
		return s, err
	}
	parameter := func(name string, from tx.Day, value string) []tx.Operation {
		return []tx.Operation{{Operation: &tx.Operation_SetParameter{SetParameter: &tx.SetParameter{Name: name, From: from, Value: value}}}}
	}
	o := a.p.File.obligation()
	if err := a.sign(&s, Ministry, "deadline", parameter(fmt.Sprintf("obligation.deadline.%d", o.Year), a.p.eve(), o.Deadline.Day().String())); err != nil {
		return s, err
	}
	var weights []string
	for _, code := range a.p.File.Instruments {
		weights = append(weights, fmt.Sprintf("%s:%d", code, a.p.File.Invented.Weights[code]))
	}
	return s, a.sign(&s, Exchange, "weights", parameter("composite.weights", a.p.eve(), strings.Join(weights, " ")))
}

// accounts opens those of the entities.
func (a *author) accounts() (Step, error) {
	s := Step{What: "accounts of entities"}
	var operations []tx.Operation
	for i := range a.p.Entities {
		e := &a.p.Entities[i]
		k, err := a.p.key(e.ID, e.Scheme)
		if err != nil {
			return s, err
		}
		a.keys[e.ID] = []tx.PrivateKey{k}
		op, err := a.open(tx.OpenAccount{Id: e.ID, Name: e.Name, Region: e.Region, Role: tx.KeyEmittingEntity, USCC: tx.PracticeUSCC(i + 1), Sector: tx.Power})
		if err != nil {
			return s, err
		}
		operations = append(operations, op)
	}
	return s, a.signMany(&s, Registry, "accounts", operations)
}

func (a *author) pages() (Step, error) {
	s := Step{What: "the opening position's pages"}
	for n, page := range a.openingPages() {
		raw, err := page.Marshal()
		if err != nil {
			return s, fmt.Errorf("scenario: encode a page: %w", err)
		}
		op := tx.Operation{Operation: &tx.Operation_BringForwardPage{BringForwardPage: &tx.BringForwardPage{Page: raw}}}
		if err := a.sign(&s, Registry, fmt.Sprintf("page-%d", n+1), []tx.Operation{op}); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (a *author) clock(s *Step, to tx.Instant) error {
	return a.sign(s, Timekeeper, fmt.Sprintf("clock-%d", to), []tx.Operation{{Operation: &tx.Operation_SetClock{SetClock: &tx.SetClock{Time: to}}}})
}

// closeYear makes the obligations final, on the first day of the next year.
func (a *author) closeYear() (Step, error) {
	day := tx.Day((a.p.File.Calendar.Year+1)*10000 + 101)
	s := Step{Day: day, What: "the close of the obligation year"}
	if err := a.clock(&s, at(day, 9, 0)); err != nil {
		return s, err
	}
	year := tx.Year(a.p.File.obligation().Year)
	return s, a.sign(&s, Registry, fmt.Sprintf("close-%d", year), []tx.Operation{{Operation: &tx.Operation_CloseYear{CloseYear: &tx.CloseYear{Year: year}}}})
}
