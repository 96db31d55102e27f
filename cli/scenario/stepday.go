package scenario

import (
	"fmt"

	"carbonledger/tx"
)

// day makes the business of one trading day, in its order: money in, issuance,
// opening, trades, close, offsets and surrenders, money out.
func (a *author) day(i int) (Step, error) {
	day := a.p.Days[i]
	s := Step{Day: day, What: "trading"}
	if err := a.clock(&s, at(day, 9, 0)); err != nil {
		return s, err
	}
	if i == 0 || month(a.p.Days[i-1]) != month(day) {
		if err := a.deposits(&s, i); err != nil {
			return s, err
		}
	}
	if i == a.issueDay() {
		if err := a.issue(&s); err != nil {
			return s, err
		}
	}
	steps := []func() error{
		func() error { return a.clock(&s, at(day, 9, 30)) },
		func() error {
			return a.sign(&s, Exchange, "open-"+day.String(), []tx.Operation{{Operation: &tx.Operation_OpenDay{OpenDay: &tx.OpenDay{Day: day}}}})
		},
		func() error { return a.trade(&s, day) },
		func() error { return a.clock(&s, at(day, 15, 0)) },
		func() error {
			return a.sign(&s, Exchange, "close-"+day.String(), []tx.Operation{{Operation: &tx.Operation_CloseDay{CloseDay: &tx.CloseDay{Day: day}}}})
		},
		func() error { return a.surrender(&s, i) },
	}
	if i == len(a.p.Days)-1 {
		steps = append(steps, func() error { return a.withdrawals(&s) })
	}
	for _, f := range steps {
		if err := f(); err != nil {
			return s, err
		}
	}
	return s, nil
}

// issueDay is the first trading day on which the own vintage is issued.
func (a *author) issueDay() int {
	issued := a.p.File.Invented.OwnVintageIssued.Day()
	i := atOrBefore(a.p.Days, issued)
	if i < 0 || a.p.Days[i] < issued {
		i++
	}
	return i
}

// deposits gives every buyer what it pays until the next month begins.
func (a *author) deposits(s *Step, i int) error {
	need := make([]int64, len(a.p.Entities))
	for n := a.next; n < len(a.p.Trades) && month(a.p.Trades[n].Day) == month(a.p.Days[i]); n++ {
		t := &a.p.Trades[n]
		need[t.Buyer] += t.amount()
	}
	const rounded = 100_000 // fen
	var operations []tx.Operation
	for e := range need {
		lack := need[e] - a.money[e]
		if lack <= 0 {
			continue
		}
		lack = (lack + rounded - 1) / rounded * rounded
		a.money[e] += lack
		operations = append(operations, tx.Operation{Operation: &tx.Operation_Deposit{Deposit: &tx.Deposit{Party: a.p.Entities[e].ID, Amount: tx.Fen(lack)}}})
	}
	return a.signMany(s, Bank, "deposits-"+a.p.Days[i].String(), operations)
}

// issue allocates the own vintage and records what is due.
func (a *author) issue(s *Step) error {
	code, year := a.p.File.Instruments[a.p.own], tx.Year(a.p.File.obligation().Year)
	var operations []tx.Operation
	due := map[string][]tx.Operation{}
	for i := range a.p.Entities {
		e := &a.p.Entities[i]
		operations = append(operations, tx.Operation{Operation: &tx.Operation_IssueAllowances{IssueAllowances: &tx.IssueAllowances{
			To: e.ID, Instrument: code, Tonnes: e.Allocated, Document: fmt.Sprintf("%s-%d-1", e.Region, year)}}})
		due[e.Region] = append(due[e.Region], tx.Operation{Operation: &tx.Operation_SetObligation{SetObligation: &tx.SetObligation{
			Entity: e.ID, Year: year, Tonnes: e.Due}}})
	}
	if err := a.signMany(s, Registry, fmt.Sprintf("issue-%d", year), operations); err != nil {
		return err
	}
	for _, r := range a.p.File.Invented.Regions {
		if err := a.signMany(s, r.ID, fmt.Sprintf("due-%d", year), due[r.ID]); err != nil {
			return err
		}
	}
	return nil
}

// trade settles the day's trades, each with the two orders that it fills.
func (a *author) trade(s *Step, day tx.Day) error {
	for ; a.next < len(a.p.Trades) && a.p.Trades[a.next].Day == day; a.next++ {
		t := &a.p.Trades[a.next]
		buy, err := a.side(t, tx.Buy, t.Buyer)
		if err != nil {
			return err
		}
		sell, err := a.side(t, tx.Sell, t.Seller)
		if err != nil {
			return err
		}
		a.money[t.Buyer] -= t.amount()
		a.money[t.Seller] += t.amount()
		op := tx.Operation{Operation: &tx.Operation_SettleTrade{SettleTrade: &tx.SettleTrade{
			Kind: t.Kind, Instrument: a.p.File.Instruments[t.Instrument], Price: t.Price, Tonnes: t.Tonnes, Buy: buy, Sell: sell}}}
		if err := a.sign(s, Exchange, fmt.Sprintf("trade-%d", a.next+1), []tx.Operation{op}); err != nil {
			return err
		}
	}
	return nil
}

func (a *author) side(t *Trade, side tx.Side, entity int) (tx.SignedOrder, error) {
	a.order++
	id := a.p.Entities[entity].ID
	k, err := a.key(id)
	if err != nil {
		return tx.SignedOrder{}, err
	}
	o, err := tx.NewOrder(a.domain, &tx.OrderBody{
		ChainId: a.chain, Party: id, Reference: fmt.Sprintf("order-%d", a.order), Instrument: a.p.File.Instruments[t.Instrument],
		Side: side, LimitPrice: t.Price, Quantity: t.Tonnes, Day: t.Day,
	}, k)
	if err != nil {
		return o, fmt.Errorf("scenario: an order of %s: %w", id, err)
	}
	return o, nil
}

// surrender books the offsets and hands in the allowances of the entities that
// do so after this day's close.
func (a *author) surrender(s *Step, i int) error {
	year := tx.Year(a.p.File.obligation().Year)
	for n := range a.p.Entities {
		e := &a.p.Entities[n]
		if e.surrender.day != i {
			continue
		}
		if e.Offset > 0 {
			op := tx.Operation{Operation: &tx.Operation_BookOffset{BookOffset: &tx.BookOffset{
				Entity: e.ID, Year: year, Tonnes: e.Offset, Cancellation: fmt.Sprintf("ccer-%d-%s", year, e.ID)}}}
			if err := a.sign(s, Registry, "offset-"+e.ID, []tx.Operation{op}); err != nil {
				return err
			}
		}
		var operations []tx.Operation
		for k, t := range e.surrender.tonnes {
			if t > 0 {
				operations = append(operations, tx.Operation{Operation: &tx.Operation_Surrender{Surrender: &tx.Surrender{
					Instrument: a.p.File.Instruments[k], Tonnes: t, Year: year}}})
			}
		}
		if len(operations) > 0 {
			if err := a.sign(s, e.ID, fmt.Sprintf("surrender-%d", year), operations); err != nil {
				return err
			}
		}
	}
	return nil
}

// withdrawals pays out part of everybody's money.
func (a *author) withdrawals(s *Step) error {
	var operations []tx.Operation
	for e := range a.money {
		if out := a.money[e] / 100 * a.p.File.Invented.WithdrawnPercent; out > 0 {
			a.money[e] -= out
			operations = append(operations, tx.Operation{Operation: &tx.Operation_Withdraw{Withdraw: &tx.Withdraw{Party: a.p.Entities[e].ID, Amount: tx.Fen(out)}}})
		}
	}
	return a.signMany(s, Bank, "withdrawals", operations)
}
