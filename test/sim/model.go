// Package sim plays seeded business on a ledger, and on a network under faults,
// and compares what the ledgers say with a model that was written without looking
// at the rules' code: plain maps and big integers, from the regulations, the
// vocabulary (tx.proto) and the rows of the table of rules.
package sim

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"carbonledger/state"
	"carbonledger/tx"
)

// verdict is what the model says of a transaction; names of subjects are left
// to the rules' own tests.
type verdict struct {
	reason     tx.Reason
	operation  uint32
	have, want int64
}

func (v verdict) String() string {
	return fmt.Sprintf("%s operation %d have %d want %d", v.reason, v.operation, v.have, v.want)
}

var fine = verdict{}

func refuse(r tx.Reason, numbers ...int64) verdict {
	v := verdict{reason: r}
	if len(numbers) == 2 {
		v.have, v.want = numbers[0], numbers[1]
	}
	return v
}

// loose are the reasons whose numbers the model does not promise: the contract
// says when they are given, and not what was short.
var loose = map[tx.Reason]bool{
	tx.BadYear: true, tx.DayNotReconciled: true, tx.NotLastDay: true, tx.BadStatement: true, tx.BadName: true, tx.BadPolicy: true,
	tx.BadSession: true, tx.PreparedLapsed: true, tx.CarryOverNotOpen: true, tx.CarryOverTooLate: true, tx.VintageNotCarried: true,
	tx.ReductionTooOld: true, tx.AmountOverflow: true, tx.OutsideHours: true, tx.OpenBusiness: true, tx.NotLedgerDay: true, tx.UnknownTransfer: true,
	tx.BadParameterValue: true, tx.AccountRestricted: true, tx.NothingDue: true, tx.BadTable: true, tx.BadValidator: true, tx.LastVoter: true,
}

// agree says that a receipt is what the model foretold.
func agree(ledger, model verdict) bool {
	if loose[model.reason] {
		ledger.have, ledger.want, model.have, model.want = 0, 0, 0, 0
	}
	return ledger == model
}

// units of a holder in one instrument, by sub-balance.
type units struct{ registry, trading, locked, pending, pledged, frozen int64 }

func (u units) all() int64 {
	return u.registry + u.trading + u.locked + u.pending + u.pledged + u.frozen
}

// purse is a holder's money.
type purse struct{ balance, locked, proceeds int64 }

// power is what the holder may buy for, free what may be paid out.
func (p purse) power() int64 {
	all := new(big.Int).Add(big.NewInt(p.balance), big.NewInt(p.proceeds))
	if !all.IsInt64() {
		all.SetInt64(math.MaxInt64)
	}
	return max(0, all.Int64()-p.locked)
}
func (p purse) free() int64 { return max(0, p.balance-p.locked) }

// of names what a holder has of an instrument, a batch or a year.
type of struct {
	party, what string
}

// flows are what left and came to be in an instrument.
type flows struct{ issued, surrendered, clawedBack, cancelled, carriedOver int64 }

// model is the whole register in plain maps. Whatever changes in a transaction
// goes through set or put, and can be taken back.
type model struct {
	founding tx.Founding
	rows     map[string]*state.Rule
	verifier *tx.Verifier
	undo     []func()

	used  map[of]tx.ID // references
	first map[tx.ID]place

	parties    map[string]party
	owners     map[string]key // public key → what it may do
	codes      map[string]string
	validators map[string]bool // name → voter
	parameters map[string][]tx.SetParameter
	prepared   map[tx.ID]prepared
	rootTime   tx.Instant // of the newest request for a state root
	rootHeight uint64

	vintage     map[string]tx.Year
	instruments []string

	units      map[of]units
	money      map[string]purse
	deposited  int64
	withdrawn  int64
	receivable map[of]int64
	supply     map[string]flows
	yearEnds   map[tx.Year]map[of]int64
	documents  map[string]bool

	market
	duties
	law

	// Of the transaction that is played.
	body   *tx.Body
	id     tx.ID
	at     int // operation
	own    []key
	others []key
	now    tx.Instant
	height uint64
}

// place is where a transaction got its first receipt.
type place struct {
	height   uint64
	position uint32
	verdict  verdict
}

func newModel(f tx.Founding, v *tx.Verifier) *model {
	m := &model{
		founding: f, rows: map[string]*state.Rule{}, verifier: v, used: map[of]tx.ID{}, first: map[tx.ID]place{},
		parties: map[string]party{}, owners: map[string]key{}, codes: map[string]string{}, validators: map[string]bool{},
		parameters: map[string][]tx.SetParameter{}, prepared: map[tx.ID]prepared{}, vintage: map[string]tx.Year{},
		units: map[of]units{}, money: map[string]purse{}, receivable: map[of]int64{}, supply: map[string]flows{},
		yearEnds: map[tx.Year]map[of]int64{}, documents: map[string]bool{}, now: f.Start,
		market: newMarket(), duties: newDuties(), law: newLaw(),
	}
	rows := state.Rules()
	for i := range rows {
		m.rows[rows[i].Operation] = &rows[i]
	}
	for _, i := range f.Instruments {
		m.vintage[i.Code], m.closes[i.Code] = i.Vintage, int64(i.ReferencePrice)
		m.instruments = append(m.instruments, i.Code)
	}
	for i := range f.Parties {
		m.found(&f.Parties[i])
	}
	for _, v := range f.Validators {
		m.validators[v.Name] = v.Voter
	}
	for _, p := range f.Parameters {
		m.parameters[p.Name] = append(m.parameters[p.Name], p)
	}
	return m
}

// set changes an entry of a map, put a number, so that it can be taken back.
func set[K comparable, V any](m *model, in map[K]V, k K, v V) {
	old, had := in[k]
	m.undo = append(m.undo, func() {
		if had {
			in[k] = old
		} else {
			delete(in, k)
		}
	})
	in[k] = v
}

func put[V any](m *model, at *V, v V) {
	old := *at
	m.undo = append(m.undo, func() { *at = old })
	*at = v
}

// play executes one transaction and says where its receipt is.
func (m *model) play(raw []byte, height uint64, position uint32) place {
	p := place{height: height, position: position}
	v, err := m.verifier.Verify(raw)
	if err != nil {
		var no *tx.Rejection
		if !errors.As(err, &no) {
			panic(err)
		}
		p.verdict = verdict{no.Reason, no.Operation, no.Have, no.Want}
		return p
	}
	if first, again := m.first[v.ID()]; again {
		return first
	}
	m.body, m.id, m.height = v.Body(), v.ID(), height
	if p.verdict = m.admit(v.Signers()); p.verdict != fine {
		return p
	}
	reference := of{m.body.Party, m.body.Reference}
	if _, used := m.used[reference]; used {
		p.verdict = refuse(tx.ReferenceReused)
		return p
	}
	m.used[reference] = v.ID()
	m.undo = m.undo[:0]
	if m.body.Expiry != 0 && m.body.Expiry < m.now {
		p.verdict = refuse(tx.Expired, int64(m.body.Expiry), int64(m.now))
	}
	for i := range m.body.Operations {
		if p.verdict != fine {
			break
		}
		m.at = i
		if p.verdict = m.operation(&m.body.Operations[i]); p.verdict != fine {
			p.verdict.operation = uint32(i)
		}
	}
	if p.verdict != fine {
		m.takeBack()
	}
	m.first[v.ID()] = p
	return p
}

// takeBack undoes what the transaction changed.
func (m *model) takeBack() {
	for j := len(m.undo) - 1; j >= 0; j-- {
		m.undo[j]()
	}
	m.undo = m.undo[:0]
}

// admit says whether the keys may act for the party.
func (m *model) admit(signers []tx.PublicKey) verdict {
	if m.body.ChainId != m.founding.ChainID {
		return refuse(tx.WrongChain)
	}
	if m.parties[m.body.Party].role == 0 {
		return refuse(tx.UnknownParty)
	}
	m.own, m.others = nil, nil
	for i := range signers {
		k, known := m.owners[signers[i].String()]
		switch {
		case !known:
			return refuse(tx.UnknownKey)
		case k.revoked:
			return refuse(tx.KeyRevoked)
		case !k.valid(m.now):
			return refuse(tx.KeyNotValid)
		case k.party == m.body.Party:
			m.own = append(m.own, k)
		default:
			m.others = append(m.others, k)
		}
	}
	if len(m.own) == 0 {
		return refuse(tx.NotSignedByParty)
	}
	return fine
}

// today is the ledger's day.
func (m *model) today() tx.Day { return m.now.Day() }

// take and give change a holding.
func (m *model) give(party, code string, change func(*units)) {
	u := m.units[of{party, code}]
	change(&u)
	if u.registry < 0 || u.trading < 0 || u.locked < 0 || u.pending < 0 || u.pledged < 0 || u.frozen < 0 {
		panic(fmt.Sprintf("the model takes what is not there: %s of %s: %+v", code, party, u))
	}
	set(m, m.units, of{party, code}, u)
}

func (m *model) pay(party string, change func(*purse)) {
	p := m.money[party]
	change(&p)
	set(m, m.money, party, p)
}

func (m *model) count(code string, change func(*flows)) {
	f := m.supply[code]
	change(&f)
	set(m, m.supply, code, f)
}

// instrument and amount are checked first by most operations.
func (m *model) amount(code string, tonnes tx.Tonnes) verdict {
	if _, known := m.vintage[code]; !known {
		return refuse(tx.UnknownInstrument)
	}
	return positive(int64(tonnes))
}

func positive(n int64) verdict {
	if n <= 0 {
		return refuse(tx.AmountNotPositive, 0, n)
	}
	return fine
}

// fits says whether the sum of numbers is one of the ledger's.
func fits(numbers ...int64) bool {
	sum := new(big.Int)
	for _, n := range numbers {
		sum.Add(sum, big.NewInt(n))
	}
	return sum.IsInt64()
}

func (m *model) setClock(o *tx.SetClock) verdict {
	switch {
	case !m.founding.ScriptClock:
		return refuse(tx.NotScriptClock)
	case o.Time <= m.now:
		return refuse(tx.ClockBackwards, int64(m.now), int64(o.Time))
	case o.Time > tx.Day(9999_12_31).Start()+24*60*60*1000-1:
		return refuse(tx.BadParameterValue)
	}
	for y := m.today().Year(); y < o.Time.Day().Year(); y++ {
		end := map[of]int64{}
		for k, u := range m.units {
			end[k] = u.registry + u.trading + u.frozen
		}
		set(m, m.yearEnds, y, end)
	}
	put(m, &m.now, o.Time)
	return fine
}
