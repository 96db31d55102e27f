package sim

import (
	"cmp"
	"math/big"
	"slices"

	"carbonledger/tx"
)

func (m *model) announce(o *tx.AnnounceBidding) verdict {
	_, known := m.sessions[o.Session]
	switch {
	case o.Session == "" || o.Mode == 0:
		return refuse(tx.BadSession)
	case known:
		return refuse(tx.SessionExists)
	}
	if v := m.amount(o.Instrument, o.Tonnes); v != fine {
		return v
	}
	if v := m.dayRuns(); v != fine {
		return v
	}
	least, previous := m.whole("order.bidding.least", m.openDay), m.closes[o.Instrument]
	switch {
	case !m.trader(o.Seller):
		return refuse(tx.NotTrader)
	case int64(o.Tonnes) < least:
		return refuse(tx.BlockTooSmall, least, int64(o.Tonnes))
	case previous == 0:
		return refuse(tx.PriceOutOfLimit)
	}
	// Floor and ceiling lie within the limit: the last fen that does.
	n, d := m.share("price.limit.bidding", m.openDay)
	step := new(big.Int).Div(new(big.Int).Mul(big.NewInt(n), big.NewInt(previous)), big.NewInt(d)).Int64()
	s := session{seller: o.Seller, instrument: o.Instrument, tonnes: int64(o.Tonnes), mode: o.Mode, day: m.openDay, floor: previous, ceiling: previous + step}
	if o.LowFloor {
		s.floor = previous - step
	}
	set(m, m.sessions, o.Session, s)
	return fine
}

func (m *model) conclude(o *tx.ConcludeBidding) verdict {
	s, known := m.sessions[o.Session]
	sell := of{s.seller, s.sellOrder}
	switch {
	case !known:
		return refuse(tx.UnknownSession)
	case s.concluded || s.day != m.openDay:
		return refuse(tx.SessionConcluded)
	case m.suspended[""] || m.suspended[s.instrument]:
		return refuse(tx.TradingSuspended)
	case s.sellOrder == "" || !m.orders[sell].open:
		return refuse(tx.UnknownOrder)
	}
	var bids []of
	for _, name := range m.queue {
		if b := m.orders[name]; b.open && b.session == o.Session && b.side == tx.Buy {
			bids = append(bids, name)
		}
	}
	slices.SortStableFunc(bids, func(a, b of) int {
		x, y := m.orders[a], m.orders[b]
		return cmp.Or(cmp.Compare(y.price, x.price), cmp.Compare(x.number, y.number))
	})
	type win struct {
		bid    of
		tonnes int64
		price  int64
	}
	var winners []win
	left := m.orders[sell].rest()
	for _, name := range bids {
		if n := min(left, m.orders[name].rest()); n > 0 {
			winners, left = append(winners, win{name, n, m.orders[name].price}), left-n
		}
	}
	for _, w := range winners {
		price := w.price
		if s.mode == tx.UniformPrice {
			price = winners[len(winners)-1].price
		}
		m.match(w.bid, sell, w.tonnes, price)
	}
	for _, name := range append(bids, sell) {
		if r := m.orders[name]; r.open {
			m.release(name, r)
		}
	}
	s.concluded = true
	set(m, m.sessions, o.Session, s)
	return fine
}

func (m *model) suspend(o *tx.SuspendTrading) verdict {
	_, known := m.vintage[o.Instrument]
	switch {
	case !document(o.Document):
		return refuse(tx.BadDocument)
	case o.Instrument != "" && !known:
		return refuse(tx.UnknownInstrument)
	case m.suspended[o.Instrument] == o.Suspended:
		return refuse(tx.NothingChanged)
	}
	set(m, m.suspended, o.Instrument, o.Suspended)
	return fine
}

// lastDayIs checks what is reconciled.
func (m *model) lastDayIs(day tx.Day) verdict {
	switch {
	case m.openDay != 0 && m.openDay == day: // any other is not the last one
		return refuse(tx.DayOpen)
	case m.lastDay == 0 || day != m.lastDay:
		return refuse(tx.NotLastDay)
	case m.settlements[day].reconciled:
		return refuse(tx.AlreadyReconciled)
	}
	return fine
}

func (m *model) stateTotals(o *tx.StateTotals) verdict {
	if v := m.lastDayIs(o.Day); v != fine {
		return v
	}
	s, said := m.settlements[o.Day], statement{trades: o.Trades, tonnes: int64(o.Tonnes), amount: int64(o.Amount), money: int64(o.Money)}
	bad := o.Trades < 0 || o.Tonnes < 0 || o.Amount < 0 || o.Money < 0
	for i, t := range o.Tradable {
		said.tradable += " " + t.Instrument + ":" + t.Tonnes.String()
		bad = bad || t.Tonnes < 0 || i >= len(m.instruments) || t.Instrument != m.instruments[i]
	}
	if m.parties[m.body.Party].role == tx.Exchange {
		if bad || o.Money != 0 || len(o.Tradable) != len(m.instruments) {
			return refuse(tx.BadStatement)
		}
		s.exchange, s.stated[0] = said, true
	} else {
		if bad || o.Trades != 0 || o.Tonnes != 0 || o.Amount != 0 || len(o.Tradable) != 0 {
			return refuse(tx.BadStatement)
		}
		s.bank, s.stated[1] = said, true
	}
	set(m, m.settlements, o.Day, s)
	return fine
}

func (m *model) reconcile(o *tx.Reconcile) verdict {
	if v := m.lastDayIs(o.Day); v != fine {
		return v
	}
	s := m.settlements[o.Day]
	if s.stated != [2]bool{true, true} {
		return refuse(tx.StatementMissing)
	}
	said := s.exchange
	said.money = s.bank.money
	s.reconciled = said == s.ledger
	set(m, m.settlements, o.Day, s)
	return fine
}
