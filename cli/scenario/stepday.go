package scenario

import (
	"fmt"

	"carbonledger/tx"
)

// day makes the business of one trading day, in its order: money in, issuance,
// encumbrances, moves to the trading holdings, opening, listed and block trades, close,
// reconciliation, offsets and surrenders, money out.
func (a *author) day(i int) (Step, error) {
	day := a.p.Days[i]
	s := Step{Day: day, What: "trading"}
	if err := a.clock(&s, at(day, 9, 0)); err != nil {
		return s, err
	}
	issued := a.p.issueDay()
	steps := []struct {
		today bool
		do    func() error
	}{
		{i == 0 || month(a.p.Days[i-1]) != month(day), func() error { return a.deposits(&s, i) }},
		{i == issued, func() error { return a.issue(&s) }},
		{i == issued, func() error { return a.encumber(&s) }},
		{i == issued+1, func() error { return a.release(&s) }},
		{i == 0 || i == issued, func() error { return a.toTrading(&s, i) }},
		{true, func() error { return a.clock(&s, at(day, 9, 30)) }},
		{true, func() error {
			return a.sign(&s, Exchange, "open-"+day.String(), []tx.Operation{{Operation: &tx.Operation_OpenDay{OpenDay: &tx.OpenDay{Day: day}}}})
		}},
		{true, func() error { return a.trade(&s, day, tx.Listed) }},
		{true, func() error { return a.clock(&s, at(day, 13, 0)) }},
		{true, func() error { return a.trade(&s, day, tx.BlockTrade) }},
		{true, func() error { return a.clock(&s, at(day, 15, 0)) }},
		{true, func() error {
			return a.sign(&s, Exchange, "close-"+day.String(), []tx.Operation{{Operation: &tx.Operation_CloseDay{CloseDay: &tx.CloseDay{Day: day}}}})
		}},
		{true, func() error { return a.reconcile(&s, i) }},
		{true, func() error { return a.surrender(&s, i) }},
		{i == len(a.p.Days)-1, func() error { return a.withdrawals(&s) }},
	}
	for _, step := range steps {
		if !step.today {
			continue
		}
		if err := step.do(); err != nil {
			return s, err
		}
	}
	return s, nil
}

// issueDay is the first trading day on which the own vintage is issued.
func (p *Plan) issueDay() int {
	issued := p.File.Invented.OwnVintageIssued.Day()
	i := atOrBefore(p.Days, issued)
	if i < 0 || p.Days[i] < issued {
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
		a.deposited += lack
		operations = append(operations, tx.Operation{Operation: &tx.Operation_Deposit{Deposit: &tx.Deposit{Party: a.p.Entities[e].ID, Amount: tx.Fen(lack)}}})
	}
	return a.signMany(s, Bank, "deposits-"+a.p.Days[i].String(), operations)
}

// toTrading moves what an entity will sell into its trading holding: what it was
// given at the opening on the first day, the own vintage once it is issued.
func (a *author) toTrading(s *Step, day int) error {
	for i := range a.p.Entities {
		e := &a.p.Entities[i]
		var operations []tx.Operation
		for k, sold := range e.sold {
			n := min(sold-a.tradable[i][k], a.registered[i][k])
			if n <= 0 {
				continue
			}
			operations = append(operations, a.move(i, k, n, tx.TradingAvailable))
		}
		if len(operations) > 0 {
			if err := a.sign(s, e.ID, fmt.Sprintf("to-trading-%d", day), operations); err != nil {
				return err
			}
		}
	}
	return nil
}

// move moves units of an entity and keeps the author's books.
func (a *author) move(entity, instrument int, n tx.Tonnes, to tx.SubBalance) tx.Operation {
	signed := n
	if to == tx.RegistryAvailable {
		signed = -n
	}
	a.tradable[entity][instrument] += signed
	a.registered[entity][instrument] -= signed
	return tx.Operation{Operation: &tx.Operation_MoveHolding{MoveHolding: &tx.MoveHolding{
		Instrument: a.p.File.Instruments[instrument], Tonnes: n, To: to}}}
}

// trade registers the orders of the day's trades of one method and records the
// trades.
func (a *author) trade(s *Step, day tx.Day, kind tx.TradeKind) error {
	for ; a.next < len(a.p.Trades) && a.p.Trades[a.next].Day == day && a.p.Trades[a.next].Kind == kind; a.next++ {
		t := &a.p.Trades[a.next]
		buy, buyName, err := a.side(t, tx.Buy, t.Buyer)
		if err != nil {
			return err
		}
		sell, sellName, err := a.side(t, tx.Sell, t.Seller)
		if err != nil {
			return err
		}
		a.money[t.Buyer] -= t.amount()
		a.money[t.Seller] += t.amount()
		// Units arrive at the close; nobody of the plan both buys and sells.
		a.tradable[t.Seller][t.Instrument] -= t.Tonnes
		a.tradable[t.Buyer][t.Instrument] += t.Tonnes
		record := tx.Operation{Operation: &tx.Operation_RecordTrade{RecordTrade: &tx.RecordTrade{
			Kind: t.Kind, Instrument: a.p.File.Instruments[t.Instrument], Price: t.Price, Tonnes: t.Tonnes, Buy: buyName, Sell: sellName}}}
		if err := a.sign(s, Exchange, fmt.Sprintf("trade-%d", a.next+1), []tx.Operation{buy, sell, record}); err != nil {
			return err
		}
	}
	return nil
}

// side registers one side's signed order.
func (a *author) side(t *Trade, side tx.Side, entity int) (op tx.Operation, name tx.OrderName, err error) {
	a.order++
	name = tx.OrderName{Party: a.p.Entities[entity].ID, Reference: fmt.Sprintf("order-%d", a.order)}
	keys, err := a.keysOf(name.Party)
	if err != nil {
		return op, name, err
	}
	o, err := tx.NewOrder(a.domain, &tx.OrderBody{
		ChainId: a.chain, Party: name.Party, Reference: name.Reference, Instrument: a.p.File.Instruments[t.Instrument],
		Side: side, LimitPrice: t.Price, Quantity: t.Tonnes, Day: t.Day, Kind: t.Kind,
	}, keys[0])
	if err != nil {
		return op, name, fmt.Errorf("scenario: an order of %s: %w", name.Party, err)
	}
	return tx.Operation{Operation: &tx.Operation_RegisterOrder{RegisterOrder: &tx.RegisterOrder{Order: o}}}, name, nil
}

// reconcile states what the exchange and the bank have in their own books, which
// are the author's, and lets the registry compare.
func (a *author) reconcile(s *Step, i int) error {
	day := a.p.Days[i]
	exchange := &tx.StateTotals{Day: day}
	for n := a.next - 1; n >= 0 && a.p.Trades[n].Day == day; n-- {
		t := &a.p.Trades[n]
		exchange.Trades++
		exchange.Tonnes, exchange.Amount = exchange.Tonnes+t.Tonnes, exchange.Amount+tx.Fen(t.amount())
	}
	for k, code := range a.p.File.Instruments {
		total := tx.InstrumentTotal{Instrument: code}
		for e := range a.tradable {
			total.Tonnes += a.tradable[e][k]
		}
		exchange.Tradable = append(exchange.Tradable, total)
	}
	for _, x := range []struct {
		party string
		op    tx.Operation
	}{
		{Exchange, tx.Operation{Operation: &tx.Operation_StateTotals{StateTotals: exchange}}},
		{Bank, tx.Operation{Operation: &tx.Operation_StateTotals{StateTotals: &tx.StateTotals{Day: day, Money: tx.Fen(a.deposited)}}}},
		{Registry, tx.Operation{Operation: &tx.Operation_Reconcile{Reconcile: &tx.Reconcile{Day: day}}}},
	} {
		if err := a.sign(s, x.party, "totals-"+day.String(), []tx.Operation{x.op}); err != nil {
			return err
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
			a.deposited -= out
			operations = append(operations, tx.Operation{Operation: &tx.Operation_Withdraw{Withdraw: &tx.Withdraw{Party: a.p.Entities[e].ID, Amount: tx.Fen(out)}}})
		}
	}
	return a.signMany(s, Bank, "withdrawals", operations)
}
