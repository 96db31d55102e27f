package state

import (
	"cmp"
	"encoding/binary"
	"slices"

	"carbonledger/tx"
)

func (x *exec) session(name string) (*cell, tx.BiddingSession) {
	var s tx.BiddingSession
	c := x.at(keyOf1(x.key(), rangeSession, name))
	if c.exists() {
		decode(c.value, &s)
	}
	return c, s
}

func sessionOrderKey(b []byte, session string, number int64) []byte {
	return binary.BigEndian.AppendUint64(append(keyOf1(b, rangeSessionOrder, session), 0), uint64(number))
}

// announceBidding announces a one-way bidding session on the open day (exchange's
// notice 2025-23): the floor is the previous close, or as much below it as the
// ceiling is above.
func (x *exec) announceBidding(o *tx.AnnounceBidding) *tx.Rejection {
	if !validID(o.Session) || o.Mode == tx.BiddingModeUnspecified {
		return about(tx.BadSession, o.Session)
	}
	c, _ := x.session(o.Session)
	if c.exists() {
		return about(tx.SessionExists, o.Session)
	}
	if _, n := x.instrumentAmount(o.Instrument, o.Tonnes); n != nil {
		return n
	}
	if n := x.dayRuns(); n != nil {
		return n
	}
	if _, n := x.trader(o.Seller); n != nil {
		return about(tx.NotTrader, o.Seller)
	}
	if least := x.wholeOn(parameterBiddingLeast, x.facts.openDay); int64(o.Tonnes) < least {
		return short(tx.BlockTooSmall, o.Instrument, least, int64(o.Tonnes))
	}
	previous := x.openedAt(o.Instrument)
	if previous == 0 {
		return about(tx.PriceOutOfLimit, o.Instrument+" has no reference price")
	}
	// Past this point the session is announced.
	away := tx.Fen(x.shareOn(parameterBiddingLimit, x.facts.openDay).of(int64(previous)))
	s := tx.BiddingSession{
		Session: o.Session, Seller: o.Seller, Instrument: o.Instrument, Tonnes: o.Tonnes, Mode: o.Mode,
		Floor: previous, Ceiling: previous + away, Day: x.facts.openDay,
	}
	if o.LowFloor {
		s.Floor = max(1, previous-away)
	}
	x.setMessage(c, &s)
	return nil
}

// checkSessionOrder checks an order against the session that it names.
func (x *exec) checkSessionOrder(o *tx.Order) (*tx.BiddingSession, *tx.Rejection) {
	c, s := x.session(o.Session)
	switch {
	case !c.exists():
		return nil, about(tx.UnknownSession, o.Session)
	case s.Concluded || s.Day != x.facts.openDay:
		return nil, about(tx.SessionConcluded, o.Session)
	case o.Instrument != s.Instrument,
		o.Side == tx.Sell && (o.Party != s.Seller || o.Quantity != s.Tonnes || s.SellReference != ""),
		o.Side == tx.Buy && o.Party == s.Seller:
		return nil, about(tx.BadSession, o.Session)
	}
	return &s, nil
}

// bid is an open bid of a session with its record.
type bid struct {
	cell  *cell
	order tx.OrderRecord
}

// concludeBidding lets the highest bids win, at one price the earliest.
func (x *exec) concludeBidding(o *tx.ConcludeBidding) *tx.Rejection {
	c, s := x.session(o.Session)
	if !c.exists() {
		return about(tx.UnknownSession, o.Session)
	}
	if s.Concluded || s.Day != x.facts.openDay {
		return about(tx.SessionConcluded, o.Session)
	}
	if n := x.notSuspended(s.Instrument); n != nil {
		return n
	}
	sellCell, sell := x.order(s.Seller, s.SellReference)
	if s.SellReference == "" || sell.State != tx.OrderOpen {
		return about(tx.UnknownOrder, "of "+s.Seller+" for "+s.Session)
	}
	bids := x.bids(&s)
	trades := winners(&s, bids)
	if n := x.fitting(trades); n != nil {
		return n
	}
	// Past this point the session is concluded.
	for i := range trades {
		x.conclude(&trades[i], bids[i].cell, &bids[i].order, sellCell, &sell)
		s.Sold += trades[i].Tonnes
	}
	for i := range bids {
		if bids[i].order.State == tx.OrderOpen {
			x.release(bids[i].cell, &bids[i].order, tx.OrderLapsed)
		}
	}
	if sell.State == tx.OrderOpen {
		x.release(sellCell, &sell, tx.OrderLapsed)
	}
	s.Concluded = true
	x.setMessage(c, &s)
	return nil
}

// bids are a session's open bids, the winning ones first.
func (x *exec) bids(s *tx.BiddingSession) []bid {
	var all []bid
	for n := int64(1); n <= s.Orders; n++ {
		c, r := x.orderNamed(sessionOrderKey(x.key(), s.Session, n))
		if r.Side == tx.Buy && r.State == tx.OrderOpen {
			all = append(all, bid{c, r})
		}
	}
	slices.SortFunc(all, func(a, b bid) int {
		return cmp.Or(cmp.Compare(b.order.LimitPrice, a.order.LimitPrice), cmp.Compare(a.order.Number, b.order.Number))
	})
	return all
}

// winners are the trades of the first bids, until nothing is left to sell.
func winners(s *tx.BiddingSession, bids []bid) []tx.TradeRecord {
	var all []tx.TradeRecord
	for left, i := s.Tonnes, 0; left > 0 && i < len(bids); i++ {
		r := &bids[i].order
		t := tx.TradeRecord{
			Day: s.Day, Kind: tx.Bidding, Instrument: s.Instrument, Price: r.LimitPrice, Tonnes: min(left, r.Quantity), State: tx.TradeRecorded,
			Buy: tx.OrderName{Party: r.Party, Reference: r.Reference}, Sell: tx.OrderName{Party: s.Seller, Reference: s.SellReference},
		}
		left -= t.Tonnes
		all = append(all, t)
	}
	if s.Mode == tx.UniformPrice && len(all) > 0 {
		lowest := all[len(all)-1].Price
		for i := range all {
			all[i].Price = lowest
		}
	}
	return all
}
