package sim

import (
	"math/big"
	"time"

	"carbonledger/tx"
)

// The generator asks for days and trades as the only operation of their
// transaction: what they change is not undone.

func (m *model) open(day tx.Day) verdict {
	today := m.now.Day()
	switch {
	case m.openDay != 0:
		return refuse(tx.DayOpen)
	case day != today:
		return refuse(tx.NotLedgerDay, int64(today), int64(day))
	case day.Weekday() == time.Saturday || day.Weekday() == time.Sunday:
		return refuse(tx.NotBusinessDay)
	case day <= m.lastDay:
		return refuse(tx.DayAlreadyClosed)
	}
	m.openDay, m.lastDay = day, day
	m.today = &dayStats{tonnes: map[string]*big.Int{}, amount: map[string]*big.Int{}}
	return fine
}

func (m *model) close(day tx.Day) verdict {
	if m.openDay == 0 || m.openDay != day {
		return refuse(tx.DayNotOpen)
	}
	quotes, sum := map[string]int64{}, new(big.Int)
	for _, code := range m.codes {
		if t := m.today.tonnes[code]; t != nil {
			m.closes[code] = nearest(m.today.amount[code], t)
		}
		quotes[code] = m.closes[code]
		sum.Add(sum, big.NewInt(m.closes[code]))
	}
	// Without the exchange's parameter every instrument weighs the same.
	quotes["COMCEA"] = nearest(sum, big.NewInt(int64(len(m.codes))))
	m.bulletins[day], m.openDay = quotes, 0
	return fine
}

// nearest is a/b, half up: floor((2a + b) / 2b).
func nearest(a, b *big.Int) int64 {
	two := big.NewInt(2)
	n := new(big.Int).Add(new(big.Int).Mul(a, two), b)
	return n.Div(n, new(big.Int).Mul(b, two)).Int64()
}

func (m *model) trade(t *tx.SettleTrade, op int) verdict {
	if v := m.amount(t.Instrument, t.Tonnes); v != fine {
		return v
	}
	switch {
	case t.Price <= 0:
		return refuse(tx.AmountNotPositive, 0, int64(t.Price))
	case m.openDay == 0:
		return refuse(tx.DayNotOpen)
	case m.openDay != m.now.Day():
		return refuse(tx.NotLedgerDay, int64(m.now.Day()), int64(m.openDay))
	}
	buy, sell := m.transaction.Orders(m.domain, op)
	for _, v := range []verdict{m.order(t, &buy, tx.Buy), m.order(t, &sell, tx.Sell)} {
		if v != fine {
			return v
		}
	}
	if buy.Party == sell.Party {
		return refuse(tx.SameParty)
	}
	percent := int64(30)
	if t.Kind == tx.Listed {
		percent = 10
		if t.Tonnes >= 100_000 {
			return refuse(tx.ListedTooLarge, 99_999, int64(t.Tonnes))
		}
	} else if t.Tonnes < 100_000 {
		return refuse(tx.BlockTooSmall, 100_000, int64(t.Tonnes))
	}
	reference, price := m.closes[t.Instrument], int64(t.Price)
	if 100*price > (100+percent)*reference || 100*price < (100-percent)*reference {
		return refuse(tx.PriceOutOfLimit, reference, price)
	}
	amount := new(big.Int).Mul(big.NewInt(int64(t.Tonnes)), big.NewInt(price))
	units := m.units[sell.Party+"/"+t.Instrument]
	switch {
	case units < int64(t.Tonnes):
		return refuse(tx.InsufficientHolding, units, int64(t.Tonnes))
	case amount.Cmp(big.NewInt(m.money[buy.Party])) > 0:
		return refuse(tx.InsufficientMoney, m.money[buy.Party], amount.Int64())
	}
	m.units[sell.Party+"/"+t.Instrument] -= int64(t.Tonnes)
	m.units[buy.Party+"/"+t.Instrument] += int64(t.Tonnes)
	m.money[buy.Party] -= amount.Int64()
	m.money[sell.Party] += amount.Int64()
	for _, o := range []*tx.Order{&buy, &sell} {
		key := o.Party + "/" + o.Reference
		m.orders[key] = o.ID
		m.filled[key] += int64(t.Tonnes)
	}
	m.turnover.Add(m.turnover, amount)
	m.yearEnd[m.openDay.Year()] = new(big.Int).Set(m.turnover)
	if t.Kind == tx.Listed {
		s := m.today
		if s.tonnes[t.Instrument] == nil {
			s.tonnes[t.Instrument], s.amount[t.Instrument] = new(big.Int), new(big.Int)
		}
		s.tonnes[t.Instrument].Add(s.tonnes[t.Instrument], big.NewInt(int64(t.Tonnes)))
		s.amount[t.Instrument].Add(s.amount[t.Instrument], amount)
	}
	return fine
}

func (m *model) order(t *tx.SettleTrade, o *tx.Order, side tx.Side) verdict {
	key := o.Party + "/" + o.Reference
	first, known := m.orders[key]
	switch {
	case o.ChainId != m.chain:
		return refuse(tx.OrderWrongChain)
	case o.Side != side:
		return refuse(tx.OrderWrongSide)
	case o.Instrument != t.Instrument:
		return refuse(tx.OrderWrongInstrument)
	case o.Day != m.openDay:
		return refuse(tx.OrderWrongDay, int64(m.openDay), int64(o.Day))
	case !m.entity(o.Party):
		return refuse(tx.NotTrader)
	case side == tx.Buy && o.LimitPrice < t.Price, side == tx.Sell && o.LimitPrice > t.Price:
		return refuse(tx.OrderPrice, int64(o.LimitPrice), int64(t.Price))
	case known && first != o.ID:
		return refuse(tx.OrderReferenceReused)
	case int64(o.Quantity)-m.filled[key] < int64(t.Tonnes):
		return refuse(tx.OrderOverfilled, int64(o.Quantity)-m.filled[key], int64(t.Tonnes))
	}
	return fine
}
