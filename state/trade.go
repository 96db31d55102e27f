package state

import "carbonledger/tx"

// recordTrade records a matched trade of two registered orders (Trial Measures,
// Art. 23). It is final; units and money change hands at the close.
func (x *exec) recordTrade(o *tx.RecordTrade) *tx.Rejection {
	if _, n := x.instrumentAmount(o.Instrument, o.Tonnes); n != nil {
		return n
	}
	if o.Price <= 0 {
		return short(tx.AmountNotPositive, "price", 0, o.Price)
	}
	if n := x.dayRuns(); n != nil {
		return n
	}
	if n := x.tradable(o.Kind, o.Instrument); n != nil {
		return n
	}
	buyCell, buy := x.order(o.Buy.Party, o.Buy.Reference)
	sellCell, sell := x.order(o.Sell.Party, o.Sell.Reference)
	if !buyCell.exists() {
		return about(tx.UnknownOrder, orderName(&o.Buy))
	}
	if !sellCell.exists() {
		return about(tx.UnknownOrder, orderName(&o.Sell))
	}
	if n := checkOrder(o, &buy, tx.Buy); n != nil {
		return n
	}
	if n := checkOrder(o, &sell, tx.Sell); n != nil {
		return n
	}
	if buy.Party == sell.Party {
		return about(tx.SameParty, buy.Party)
	}
	trade := []tx.TradeRecord{{
		Day: x.facts.openDay, Kind: o.Kind, Instrument: o.Instrument, Price: o.Price, Tonnes: o.Tonnes, Buy: o.Buy, Sell: o.Sell, State: tx.TradeRecorded,
	}}
	if n := x.fitting(trade); n != nil {
		return n
	}
	// Past this point the trade cannot fail.
	x.conclude(&trade[0], buyCell, &buy, sellCell, &sell)
	return nil
}

func orderName(o *tx.OrderName) string { return o.Reference + " of " + o.Party }

// checkOrder checks one side's order against the trade, in this order: state,
// side, instrument, method, price, what is left.
func checkOrder(t *tx.RecordTrade, r *tx.OrderRecord, side tx.Side) *tx.Rejection {
	name := r.Reference + " of " + r.Party
	switch {
	case r.State != tx.OrderOpen:
		return about(tx.OrderNotOpen, name)
	case r.Side != side:
		return about(tx.OrderWrongSide, name)
	case r.Instrument != t.Instrument:
		return about(tx.OrderWrongInstrument, name)
	case r.Kind != t.Kind, t.Kind == tx.Bidding: // the ledger itself concludes bidding
		return about(tx.OrderWrongKind, name)
	case side == tx.Buy && t.Price > r.LimitPrice, side == tx.Sell && t.Price < r.LimitPrice:
		return short(tx.OrderPrice, name, r.LimitPrice, t.Price)
	}
	if left := r.Quantity - r.Filled; t.Tonnes > left {
		return short(tx.OrderOverfilled, name, left, t.Tonnes)
	}
	return nil
}

// fitting computes the trades' amounts, if they and the market's sums fit into 63
// bits. The market's turnover is the greatest of all sums of tonnes and of fen.
func (x *exec) fitting(trades []tx.TradeRecord) *tx.Rejection {
	all := x.turnover()
	for i := range trades {
		t := &trades[i]
		amount, ok := tx.Amount(t.Tonnes, t.Price)
		if !ok || !fits(int64(all.tonnes), int64(t.Tonnes)) || !fits(int64(all.amount), int64(amount)) {
			return about(tx.AmountOverflow, t.Instrument)
		}
		t.Amount, all.tonnes, all.amount = amount, all.tonnes+t.Tonnes, all.amount+amount
	}
	return nil
}

// conclude books a trade: the buyer's money above the price is free again, the
// seller may buy with the proceeds.
func (x *exec) conclude(t *tx.TradeRecord, buyCell *cell, buy *tx.OrderRecord, sellCell *cell, sell *tx.OrderRecord) {
	x.facts.trades++
	t.Number = x.facts.trades
	x.setMessage(x.at(numberKey(x.key(), rangeTrade, t.Day, t.Number)), t)
	for _, side := range []struct {
		c *cell
		r *tx.OrderRecord
	}{{buyCell, buy}, {sellCell, sell}} {
		if side.r.Filled += t.Tonnes; side.r.Filled == side.r.Quantity {
			side.r.State = tx.OrderFilled
		}
		x.setMessage(side.c, side.r)
	}
	m := x.money(buy.Party)
	m.locked -= tx.Fen(int64(t.Tonnes) * int64(buy.LimitPrice-t.Price))
	x.setMoney(m)
	m = x.money(sell.Party)
	m.proceeds += t.Amount
	x.setMoney(m)
	x.book(t)
}
