package state

import "carbonledger/tx"

func (x *exec) order(party, reference string) (*cell, tx.OrderRecord) {
	var r tx.OrderRecord
	c := x.at(keyOf2(x.key(), rangeOrder, party, reference))
	if c.exists() {
		decode(c.value, &r)
	}
	return c, r
}

// orderNamed is the order whose party and reference stand in the record with this
// key: one of a day's numbers, or of a session's.
func (x *exec) orderNamed(key []byte) (*cell, tx.OrderRecord) {
	party, reference := cutKey(string(x.at(key).value))
	return x.order(party, reference)
}

// registerOrder locks what an order may cost (exchange's trading rules; Trial
// Measures, Art. 23): trading-available units, or money at the limit price.
func (x *exec) registerOrder(*tx.RegisterOrder) *tx.Rejection {
	o := x.verified.Order(x.chain.Hash, x.op)
	name := o.Reference + " of " + o.Party
	if n := x.dayRuns(); n != nil {
		return n
	}
	if o.ChainId != x.chain.ChainID {
		return about(tx.OrderWrongChain, name)
	}
	if _, n := x.instrumentAmount(o.Instrument, o.Quantity); n != nil {
		return n
	}
	if o.LimitPrice <= 0 {
		return short(tx.AmountNotPositive, "price", 0, o.LimitPrice)
	}
	if o.Day != x.facts.openDay {
		return short(tx.OrderWrongDay, name, x.facts.openDay, o.Day)
	}
	if n := x.tradable(o.Kind, o.Instrument); n != nil {
		return n
	}
	if n := x.checkTrader(&o, name); n != nil {
		return n
	}
	if n := x.checkSize(&o); n != nil {
		return n
	}
	session, n := x.checkOrderPrice(&o)
	if n != nil {
		return n
	}
	amount, fits := tx.Amount(o.Quantity, o.LimitPrice)
	if !fits {
		return about(tx.AmountOverflow, name)
	}
	c, _ := x.order(o.Party, o.Reference)
	if c.exists() {
		return about(tx.OrderReferenceReused, name)
	}
	if n := x.lockFor(&o, amount); n != nil {
		return n
	}
	// Past this point the order is registered.
	x.facts.orders++
	r := tx.OrderRecord{
		Party: o.Party, Reference: o.Reference, OrderId: o.ID[:], Quantity: o.Quantity, Instrument: o.Instrument, Side: o.Side,
		LimitPrice: o.LimitPrice, Day: o.Day, Kind: o.Kind, Session: o.Session, State: tx.OrderOpen, Number: x.facts.orders, Key: o.Key,
	}
	x.setMessage(c, &r)
	key := []byte(c.key[1:])
	x.set(x.at(numberKey(x.key(), rangeDayOrder, o.Day, r.Number)), key)
	if session != nil {
		session.Orders++
		if o.Side == tx.Sell {
			session.SellReference = o.Reference
		}
		x.set(x.at(sessionOrderKey(x.key(), session.Session, session.Orders)), key)
		x.setMessage(x.at(keyOf1(x.key(), rangeSession, session.Session)), session)
	}
	return nil
}

// checkTrader checks whose order it is: party, key, restriction, receivable.
func (x *exec) checkTrader(o *tx.Order, name string) *tx.Rejection {
	a, n := x.trader(o.Party)
	if n != nil {
		return about(tx.NotTrader, o.Party)
	}
	switch k, ok := x.keyOwner(&o.Key); {
	case !ok || k.party != o.Party:
		return about(tx.OrderKeyUnknown, name)
	case k.revoked != 0:
		return about(tx.OrderKeyRevoked, name)
	case k.rights&tx.RightTrade == 0 || !k.valid(x.facts.time):
		return about(tx.OrderKeyRight, name)
	}
	if n := unrestricted(&a, tx.NoTrading); n != nil {
		return n
	}
	if o.Side == tx.Sell && x.hasReceivable(o.Party) {
		return about(tx.ReceivableOutstanding, o.Party)
	}
	return nil
}

// checkSize: listed orders are smaller than block orders (exchange's rules).
func (x *exec) checkSize(o *tx.Order) *tx.Rejection {
	switch o.Kind {
	case tx.Listed:
		if below := x.wholeOn(parameterListedBelow, x.facts.openDay); int64(o.Quantity) >= below {
			return short(tx.ListedTooLarge, o.Instrument, below-1, int64(o.Quantity))
		}
	case tx.BlockTrade:
		if least := x.wholeOn(parameterBlockLeast, x.facts.openDay); int64(o.Quantity) < least {
			return short(tx.BlockTooSmall, o.Instrument, least, int64(o.Quantity))
		}
	}
	return nil
}

// checkOrderPrice checks the limit price against the day's limits or the bidding
// session's, and returns the session.
func (x *exec) checkOrderPrice(o *tx.Order) (*tx.BiddingSession, *tx.Rejection) {
	previous := x.openedAt(o.Instrument)
	if o.Kind == tx.Bidding {
		s, n := x.checkSessionOrder(o)
		if n != nil {
			return nil, n
		}
		switch {
		case o.LimitPrice < s.Floor, o.Side == tx.Sell && o.LimitPrice > s.Floor:
			return nil, short(tx.PriceOutOfLimit, o.Instrument, s.Floor, o.LimitPrice)
		case o.LimitPrice > s.Ceiling:
			return nil, short(tx.PriceOutOfLimit, o.Instrument, s.Ceiling, o.LimitPrice)
		}
		return s, nil
	}
	if o.Session != "" {
		return nil, about(tx.BadSession, o.Session)
	}
	limit := parameterListedLimit
	if o.Kind == tx.BlockTrade {
		limit = parameterBlockLimit
	}
	if previous == 0 {
		return nil, short(tx.PriceOutOfLimit, o.Instrument+" has no reference price", previous, o.LimitPrice)
	}
	if !within(o.LimitPrice, previous, x.shareOn(limit, x.facts.openDay)) {
		return nil, short(tx.PriceOutOfLimit, o.Instrument, previous, o.LimitPrice)
	}
	return nil, nil
}

// within: |price − previous| ÷ previous is at most the share, exactly.
func within(price, previous tx.Fen, s share) bool {
	away := max(price-previous, previous-price)
	return price <= maxPrice && int64(away)*s.denominator <= s.numerator*int64(previous)
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

// lockFor checks and locks units to sell or money to buy; it is the last check.
func (x *exec) lockFor(o *tx.Order, amount tx.Fen) *tx.Rejection {
	if o.Side == tx.Sell {
		if _, h := x.holding(o.Party, o.Instrument); h.of[tradingAvailable] < o.Quantity {
			return short(tx.InsufficientHolding, o.Instrument+" of "+o.Party, h.of[tradingAvailable], o.Quantity)
		}
		x.shift(o.Party, o.Instrument, tradingAvailable, locked, o.Quantity)
		return nil
	}
	m := x.money(o.Party)
	if have := m.power(); have < amount {
		return short(tx.InsufficientMoney, "money of "+o.Party, have, amount)
	}
	m.locked += amount
	x.setMoney(m)
	return nil
}

// release ends an open order in a state and unlocks what is unfilled of it.
func (x *exec) release(c *cell, r *tx.OrderRecord, state tx.OrderState) {
	rest := r.Quantity - r.Filled
	r.State = state
	x.setMessage(c, r)
	if r.Side == tx.Buy {
		m := x.money(r.Party)
		m.locked -= tx.Fen(int64(rest) * int64(r.LimitPrice))
		x.setMoney(m)
		return
	}
	// A freeze may have taken locked units.
	_, h := x.holding(r.Party, r.Instrument)
	x.shift(r.Party, r.Instrument, locked, tradingAvailable, min(rest, h.of[locked]))
}

// withdrawOrder takes an open order of the asking trader back.
func (x *exec) withdrawOrder(o *tx.WithdrawOrder) *tx.Rejection {
	c, r := x.order(x.asker.id, o.Reference)
	name := o.Reference + " of " + x.asker.id
	if !c.exists() {
		return about(tx.UnknownOrder, name)
	}
	if r.State != tx.OrderOpen {
		return about(tx.OrderNotOpen, name)
	}
	// Past this point the order is withdrawn.
	x.release(c, &r, tx.OrderWithdrawn)
	return nil
}
