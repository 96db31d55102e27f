package state

import "carbonledger/tx"

// settleTrade moves units and money between the two sides of a matched trade,
// both or neither (Settlement Rules: delivery versus payment). Each side has
// signed an order; no trade takes more than an order leaves, at a worse price,
// or on another day.
func (x *exec) settleTrade(o *tx.SettleTrade) *tx.Rejection {
	if _, n := x.instrumentAmount(o.Instrument, o.Tonnes); n != nil {
		return n
	}
	if o.Price <= 0 {
		return short(tx.AmountNotPositive, "price", 0, o.Price)
	}
	if x.facts.openDay == 0 {
		return no(tx.DayNotOpen)
	}
	if today := x.facts.day(); today != x.facts.openDay {
		return short(tx.NotLedgerDay, x.facts.openDay.String(), today, x.facts.openDay)
	}
	buy, sell := x.verified.Orders(x.chain.Hash, x.op)
	if n := x.checkOrder(o, &buy, tx.Buy); n != nil {
		return n
	}
	if n := x.checkOrder(o, &sell, tx.Sell); n != nil {
		return n
	}
	if buy.Party == sell.Party {
		return about(tx.SameParty, buy.Party)
	}
	if n := x.checkPrice(o); n != nil {
		return n
	}
	amount, n := x.fitting(o)
	if n != nil {
		return n
	}
	units, money := x.holding(sell.Party, o.Instrument), x.money(buy.Party)
	if have := units.number(); have < int64(o.Tonnes) {
		return short(tx.InsufficientHolding, o.Instrument+" of "+sell.Party, have, int64(o.Tonnes))
	}
	if have := money.number(); have < int64(amount) {
		return short(tx.InsufficientMoney, "money of "+buy.Party, have, int64(amount))
	}
	// Past this point the trade cannot fail.
	x.add(units, -int64(o.Tonnes))
	x.add(x.holding(buy.Party, o.Instrument), int64(o.Tonnes))
	x.add(money, -int64(amount))
	x.add(x.money(sell.Party), int64(amount))
	x.fillOrder(&buy, o.Tonnes)
	x.fillOrder(&sell, o.Tonnes)
	x.book(o, amount, buy.Party, sell.Party)
	return nil
}

// checkOrder checks one side's order against the trade, in this order: chain,
// side, instrument, day, party, key, price, reference, what is left.
func (x *exec) checkOrder(t *tx.SettleTrade, o *tx.Order, side tx.Side) *tx.Rejection {
	name := o.Reference + " of " + o.Party
	switch {
	case o.ChainId != x.chain.ChainID:
		return about(tx.OrderWrongChain, name)
	case o.Side != side:
		return about(tx.OrderWrongSide, name)
	case o.Instrument != t.Instrument:
		return about(tx.OrderWrongInstrument, name)
	case o.Day != x.facts.openDay:
		return short(tx.OrderWrongDay, name, x.facts.openDay, o.Day)
	}
	if a, ok := x.account(o.Party); !ok || a.role != tx.KeyEmittingEntity {
		return about(tx.NotTrader, o.Party)
	}
	switch k, ok := x.keyOwner(&o.Key); {
	case !ok || k.party != o.Party:
		return about(tx.OrderKeyUnknown, name)
	case k.revoked != 0:
		return about(tx.OrderKeyRevoked, name)
	}
	if side == tx.Buy && t.Price > o.LimitPrice || side == tx.Sell && t.Price < o.LimitPrice {
		return short(tx.OrderPrice, name, o.LimitPrice, t.Price)
	}
	c, fill := x.orderFill(o.Party, o.Reference)
	if c.exists() && string(fill.OrderId) != string(o.ID[:]) {
		return about(tx.OrderReferenceReused, name)
	}
	if left := o.Quantity - fill.Filled; t.Tonnes > left {
		return short(tx.OrderOverfilled, name, left, t.Tonnes)
	}
	return nil
}

func (x *exec) orderFill(party, reference string) (*cell, tx.OrderFill) {
	f := tx.OrderFill{Party: party, Reference: reference}
	c := x.at(keyOf2(x.key(), rangeOrderFill, party, reference))
	if c.exists() {
		decode(c.value, &f)
	}
	return c, f
}

func (x *exec) fillOrder(o *tx.Order, tonnes tx.Tonnes) {
	c, f := x.orderFill(o.Party, o.Reference)
	f.OrderId, f.Quantity, f.Filled = o.ID[:], o.Quantity, f.Filled+tonnes
	x.setMessage(c, &f)
}

// checkPrice checks size and price against the trade method's limits: listed
// ±10 % and below 100,000 t, block ±30 % and from 100,000 t on, of the
// instrument's previous close (exchange's rules; parameters).
func (x *exec) checkPrice(t *tx.SettleTrade) *tx.Rejection {
	day, limit := x.facts.openDay, parameterBlockLimit
	if t.Kind == tx.Listed {
		limit = parameterListedLimit
		if below := x.wholeOn(parameterListedBelow, day); int64(t.Tonnes) >= below {
			return short(tx.ListedTooLarge, t.Instrument, below-1, int64(t.Tonnes))
		}
	} else if least := x.wholeOn(parameterBlockLeast, day); int64(t.Tonnes) < least {
		return short(tx.BlockTooSmall, t.Instrument, least, int64(t.Tonnes))
	}
	previous, s := x.openedAt(t.Instrument), x.shareOn(limit, day)
	switch {
	case previous == 0:
		return short(tx.PriceOutOfLimit, t.Instrument+" has no reference price", previous, t.Price)
	case t.Price > maxPrice:
		return short(tx.PriceOutOfLimit, t.Instrument, previous, t.Price)
	}
	away := max(t.Price-previous, previous-t.Price)
	if int64(away)*s.denominator > s.numerator*int64(previous) {
		return short(tx.PriceOutOfLimit, t.Instrument, previous, t.Price)
	}
	return nil
}

// openedAt is the instrument's previous close as the open day's bulletin has it.
func (x *exec) openedAt(instrument string) tx.Fen {
	_, b := x.bulletin(x.facts.openDay)
	for i := range b.Instruments {
		if b.Instruments[i].Instrument == instrument {
			return b.Instruments[i].PreviousClose
		}
	}
	return 0
}

// fitting is the trade's amount, if it and the market's sums fit into 63 bits.
// The market's turnover is the greatest of all sums of tonnes and of fen.
func (x *exec) fitting(t *tx.SettleTrade) (tx.Fen, *tx.Rejection) {
	amount, ok := tx.Amount(t.Tonnes, t.Price)
	all := x.turnover()
	if !ok || !fits(int64(all.tonnes), int64(t.Tonnes)) || !fits(int64(all.amount), int64(amount)) {
		return 0, about(tx.AmountOverflow, t.Instrument)
	}
	return amount, nil
}
