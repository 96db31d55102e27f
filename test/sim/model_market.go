package sim

import (
	"math/big"
	"strconv"
	"strings"
	"time"

	"carbonledger/tx"
)

type order struct {
	party, instrument, session string
	side                       tx.Side
	kind                       tx.TradeKind
	price, quantity, filled    int64
	number                     int
	open                       bool
}

func (o order) rest() int64 { return o.quantity - o.filled }

type trade struct {
	instrument, buyer, seller string
	tonnes, price             int64
}

type session struct {
	seller, instrument, sellOrder string
	tonnes, floor, ceiling        int64
	mode                          tx.BiddingMode
	day                           tx.Day
	concluded                     bool
}

type statement struct {
	trades, tonnes, amount, money int64
	tradable                      string
}

type settlement struct {
	exchange, bank, ledger statement
	stated                 [2]bool
	reconciled             bool
}

// volume is what was traded of an instrument on a day in listed trades.
type volume struct{ tonnes, amount *big.Int }

// market is the exchange's part of the register.
type market struct {
	closes           map[string]int64
	bulletins        map[tx.Day]map[string]int64 // closes of closed days, and COMCEA
	openDay, lastDay tx.Day
	listed           map[string]volume
	orders           map[of]order
	queue            []of // the open day's orders
	trades           []trade
	sessions         map[string]session
	suspended        map[string]bool
	settlements      map[tx.Day]settlement
	turnover         *big.Int
	yearEnd          map[tx.Year]*big.Int // turnover after the last trade of a year
	sales            map[tx.Year]map[of]int64
}

func newMarket() market {
	return market{
		closes: map[string]int64{}, bulletins: map[tx.Day]map[string]int64{}, listed: map[string]volume{}, orders: map[of]order{},
		sessions: map[string]session{}, suspended: map[string]bool{}, settlements: map[tx.Day]settlement{}, turnover: new(big.Int),
		yearEnd: map[tx.Year]*big.Int{}, sales: map[tx.Year]map[of]int64{},
	}
}

func (m *model) deposit(o *tx.Deposit) verdict {
	if v := positive(int64(o.Amount)); v != fine {
		return v
	}
	if !m.trader(o.Party) {
		return refuse(tx.UnknownCounterparty)
	}
	if !fits(m.deposited, int64(o.Amount)) {
		return refuse(tx.AmountOverflow)
	}
	put(m, &m.deposited, m.deposited+int64(o.Amount))
	m.pay(o.Party, func(p *purse) { p.balance += int64(o.Amount) })
	return fine
}

func (m *model) withdraw(o *tx.Withdraw) verdict {
	if v := positive(int64(o.Amount)); v != fine {
		return v
	}
	if !m.trader(o.Party) {
		return refuse(tx.UnknownCounterparty)
	}
	if free := m.money[o.Party].free(); free < int64(o.Amount) {
		return refuse(tx.InsufficientMoney, free, int64(o.Amount))
	}
	put(m, &m.withdrawn, m.withdrawn+int64(o.Amount))
	m.pay(o.Party, func(p *purse) { p.balance -= int64(o.Amount) })
	return fine
}

func (m *model) open1(day tx.Day) verdict {
	switch {
	case m.openDay != 0:
		return refuse(tx.DayOpen)
	case day != m.today():
		return refuse(tx.NotLedgerDay)
	case day.Weekday() == time.Saturday || day.Weekday() == time.Sunday:
		return refuse(tx.NotBusinessDay)
	case day <= m.lastDay:
		return refuse(tx.DayAlreadyClosed)
	case m.lastDay != 0 && !m.settlements[m.lastDay].reconciled:
		return refuse(tx.DayNotReconciled)
	}
	put(m, &m.openDay, day)
	put(m, &m.lastDay, day)
	put(m, &m.listed, map[string]volume{})
	put(m, &m.queue, nil)
	put(m, &m.trades, nil)
	return fine
}

func (m *model) closeDay(day tx.Day) verdict {
	if m.openDay == 0 || m.openDay != day {
		return refuse(tx.DayNotOpen)
	}
	quotes, sum := map[string]int64{}, new(big.Int)
	for _, code := range m.instruments {
		if v, traded := m.listed[code]; traded {
			set(m, m.closes, code, nearest(v.amount, v.tonnes))
		}
		quotes[code] = m.closes[code]
		sum.Add(sum, big.NewInt(m.closes[code]))
	}
	// Without the exchange's parameter every instrument weighs the same.
	quotes["COMCEA"] = nearest(sum, big.NewInt(int64(len(m.instruments))))
	set(m, m.bulletins, day, quotes)
	s := settlement{ledger: m.settle(day)}
	for _, name := range m.queue {
		if o := m.orders[name]; o.open {
			m.release(name, o)
		}
	}
	for _, code := range m.instruments {
		n := int64(0)
		for k, u := range m.units {
			if k.what == code {
				n += u.trading
			}
		}
		s.ledger.tradable += " " + code + ":" + strconv.FormatInt(n, 10)
	}
	s.ledger.money = m.deposited - m.withdrawn
	set(m, m.settlements, day, s)
	put(m, &m.openDay, 0)
	return fine
}

// settle delivers the day's trades against payment, in their order.
func (m *model) settle(day tx.Day) (sum statement) {
	for _, t := range m.trades {
		amount := t.tonnes * t.price
		sum.trades, sum.tonnes, sum.amount = sum.trades+1, sum.tonnes+t.tonnes, sum.amount+amount
		delivered := m.units[of{t.seller, t.instrument}].locked >= t.tonnes && m.money[t.buyer].balance >= amount
		m.pay(t.buyer, func(p *purse) { p.locked -= amount })
		m.pay(t.seller, func(p *purse) { p.proceeds -= amount })
		if !delivered {
			m.give(t.seller, t.instrument, func(u *units) {
				back := min(u.locked, t.tonnes)
				u.locked, u.trading = u.locked-back, u.trading+back
			})
			continue
		}
		m.give(t.seller, t.instrument, func(u *units) { u.locked -= t.tonnes })
		m.give(t.buyer, t.instrument, func(u *units) { u.trading += t.tonnes })
		m.pay(t.buyer, func(p *purse) { p.balance -= amount })
		m.pay(t.seller, func(p *purse) { p.balance += amount })
		m.sold(day.Year(), t.seller, t.instrument, t.tonnes)
		m.sold(day.Year(), t.buyer, t.instrument, -t.tonnes)
	}
	return sum
}

// sold adds to the net sales of a year.
func (m *model) sold(year tx.Year, party, code string, n int64) {
	if m.sales[year] == nil {
		m.sales[year] = map[of]int64{}
	}
	set(m, m.sales[year], of{party, code}, m.sales[year][of{party, code}]+n)
}

// release unlocks what is unfilled of an order, which is over.
func (m *model) release(name of, o order) {
	if o.side == tx.Buy {
		m.pay(o.party, func(p *purse) { p.locked -= o.price * o.rest() })
	} else {
		m.give(o.party, o.instrument, func(u *units) {
			back := min(u.locked, o.rest())
			u.locked, u.trading = u.locked-back, u.trading+back
		})
	}
	o.open = false
	set(m, m.orders, name, o)
}

// nearest is a/b, half up: floor((2a + b) / 2b).
func nearest(a, b *big.Int) int64 {
	two := big.NewInt(2)
	n := new(big.Int).Add(new(big.Int).Mul(a, two), b)
	return n.Div(n, new(big.Int).Mul(b, two)).Int64()
}

// dayOpen, hours and suspensions stand before every order and trade.
func (m *model) dayRuns() verdict {
	switch {
	case m.openDay == 0:
		return refuse(tx.DayNotOpen)
	case m.openDay != m.today():
		return refuse(tx.NotLedgerDay)
	}
	return fine
}

func (m *model) hours(kind tx.TradeKind) bool {
	name := map[tx.TradeKind]string{tx.Listed: "listed", tx.BlockTrade: "block", tx.Bidding: "bidding"}[kind]
	at := int64(m.now-m.today().Start()) / 60_000
	for part := range strings.FieldsSeq(m.parameter("hours."+name, m.openDay)) {
		minute := func(s string) int64 {
			h, _ := strconv.ParseInt(s[:2], 10, 64)
			n, _ := strconv.ParseInt(s[3:], 10, 64)
			return 60*h + n
		}
		from, to, _ := strings.Cut(part, "-")
		if at >= minute(from) && at < minute(to) {
			return true
		}
	}
	return false
}

// within says whether a price lies within a share of the previous close.
func (m *model) within(share string, previous, price int64) bool {
	n, d := m.share(share, m.openDay)
	away := new(big.Int).Abs(new(big.Int).Sub(big.NewInt(price), big.NewInt(previous)))
	return away.Mul(away, big.NewInt(d)).Cmp(new(big.Int).Mul(big.NewInt(n), big.NewInt(previous))) <= 0
}

const maxPrice = 1_000_000_000_000

func (m *model) registerOrder(o tx.Order) verdict {
	if v := m.dayRuns(); v != fine {
		return v
	}
	if o.ChainId != m.founding.ChainID {
		return refuse(tx.OrderWrongChain)
	}
	if v := m.amount(o.Instrument, o.Quantity); v != fine {
		return v
	}
	if v := positive(int64(o.LimitPrice)); v != fine {
		return v
	}
	k, known := m.owners[o.Key.String()]
	p := m.parties[o.Party]
	switch {
	case o.Day != m.openDay:
		return refuse(tx.OrderWrongDay, int64(m.openDay), int64(o.Day))
	case !m.hours(o.Kind):
		return refuse(tx.OutsideHours)
	case m.suspended[""] || m.suspended[o.Instrument]:
		return refuse(tx.TradingSuspended)
	case !m.trader(o.Party):
		return refuse(tx.NotTrader)
	case !known || k.party != o.Party:
		return refuse(tx.OrderKeyUnknown)
	case k.revoked:
		return refuse(tx.OrderKeyRevoked)
	case k.rights&tx.RightTrade == 0 || !k.valid(m.now):
		return refuse(tx.OrderKeyRight)
	case p.restriction >= tx.NoTrading:
		return refuse(tx.AccountRestricted)
	case o.Side == tx.Sell && m.owes(o.Party):
		return refuse(tx.ReceivableOutstanding)
	}
	if v := m.orderFits(&o); v != fine {
		return v
	}
	amount := new(big.Int).Mul(big.NewInt(int64(o.Quantity)), big.NewInt(int64(o.LimitPrice)))
	name := of{o.Party, o.Reference}
	_, used := m.orders[name]
	trading, power := m.units[of{o.Party, o.Instrument}].trading, m.money[o.Party].power()
	switch {
	case !amount.IsInt64():
		return refuse(tx.AmountOverflow)
	case used:
		return refuse(tx.OrderReferenceReused)
	case o.Side == tx.Sell && trading < int64(o.Quantity):
		return refuse(tx.InsufficientHolding, trading, int64(o.Quantity))
	case o.Side == tx.Buy && power < amount.Int64():
		return refuse(tx.InsufficientMoney, power, amount.Int64())
	case o.Side == tx.Sell:
		m.give(o.Party, o.Instrument, func(u *units) { u.trading, u.locked = u.trading-int64(o.Quantity), u.locked+int64(o.Quantity) })
	default:
		m.pay(o.Party, func(p *purse) { p.locked += amount.Int64() })
	}
	set(m, m.orders, name, order{
		party: o.Party, instrument: o.Instrument, session: o.Session, side: o.Side, kind: o.Kind, price: int64(o.LimitPrice),
		quantity: int64(o.Quantity), number: len(m.queue) + 1, open: true,
	})
	put(m, &m.queue, append(m.queue[:len(m.queue):len(m.queue)], name))
	if s := m.sessions[o.Session]; o.Kind == tx.Bidding && o.Side == tx.Sell {
		s.sellOrder = o.Reference
		set(m, m.sessions, o.Session, s)
	}
	return fine
}

// orderFits checks size, session and price.
func (m *model) orderFits(o *tx.Order) verdict {
	price, tonnes, previous := int64(o.LimitPrice), int64(o.Quantity), m.closes[o.Instrument]
	if o.Kind == tx.Bidding {
		s, known := m.sessions[o.Session]
		switch {
		case !known:
			return refuse(tx.UnknownSession)
		case s.concluded || s.day != m.openDay:
			return refuse(tx.SessionConcluded)
		case s.instrument != o.Instrument, (o.Party == s.seller) != (o.Side == tx.Sell), o.Side == tx.Sell && (s.tonnes != tonnes || s.sellOrder != ""):
			return refuse(tx.BadSession)
		case o.Side == tx.Sell && price != s.floor:
			return refuse(tx.PriceOutOfLimit, s.floor, price)
		case price < s.floor:
			return refuse(tx.PriceOutOfLimit, s.floor, price)
		case price > s.ceiling:
			return refuse(tx.PriceOutOfLimit, s.ceiling, price)
		}
		return fine
	}
	below, least := m.whole("order.listed.below", m.openDay), m.whole("order.block.least", m.openDay)
	share := "price.limit.listed"
	if o.Kind == tx.BlockTrade {
		share = "price.limit.block"
	}
	switch {
	case o.Kind == tx.Listed && tonnes >= below:
		return refuse(tx.ListedTooLarge, below-1, tonnes)
	case o.Kind == tx.BlockTrade && tonnes < least:
		return refuse(tx.BlockTooSmall, least, tonnes)
	case o.Session != "":
		return refuse(tx.BadSession)
	case previous == 0 || price > maxPrice || !m.within(share, previous, price):
		return refuse(tx.PriceOutOfLimit, previous, price)
	}
	return fine
}

func (m *model) withdrawOrder(o *tx.WithdrawOrder) verdict {
	name := of{m.body.Party, o.Reference}
	registered, known := m.orders[name]
	if !known {
		return refuse(tx.UnknownOrder)
	}
	if !registered.open {
		return refuse(tx.OrderNotOpen)
	}
	m.release(name, registered)
	return fine
}

func (m *model) recordTrade(o *tx.RecordTrade) verdict {
	if v := m.amount(o.Instrument, o.Tonnes); v != fine {
		return v
	}
	if v := positive(int64(o.Price)); v != fine {
		return v
	}
	if v := m.dayRuns(); v != fine {
		return v
	}
	names := [2]of{{o.Buy.Party, o.Buy.Reference}, {o.Sell.Party, o.Sell.Reference}}
	_, buyKnown := m.orders[names[0]]
	_, sellKnown := m.orders[names[1]]
	switch {
	case !m.hours(o.Kind):
		return refuse(tx.OutsideHours)
	case m.suspended[""] || m.suspended[o.Instrument]:
		return refuse(tx.TradingSuspended)
	case !buyKnown || !sellKnown:
		return refuse(tx.UnknownOrder)
	}
	for i, name := range names {
		r := m.orders[name]
		switch {
		case !r.open:
			return refuse(tx.OrderNotOpen)
		case r.side != []tx.Side{tx.Buy, tx.Sell}[i]:
			return refuse(tx.OrderWrongSide)
		case r.instrument != o.Instrument:
			return refuse(tx.OrderWrongInstrument)
		case r.kind != o.Kind || o.Kind == tx.Bidding:
			return refuse(tx.OrderWrongKind)
		case i == 0 && r.price < int64(o.Price), i == 1 && r.price > int64(o.Price):
			return refuse(tx.OrderPrice, r.price, int64(o.Price))
		case r.rest() < int64(o.Tonnes):
			return refuse(tx.OrderOverfilled, r.rest(), int64(o.Tonnes))
		}
	}
	if o.Buy.Party == o.Sell.Party {
		return refuse(tx.SameParty)
	}
	m.match(names[0], names[1], int64(o.Tonnes), int64(o.Price))
	if o.Kind == tx.Listed {
		v, traded := m.listed[o.Instrument]
		if !traded {
			v = volume{new(big.Int), new(big.Int)}
		}
		amount := new(big.Int).Mul(big.NewInt(int64(o.Tonnes)), big.NewInt(int64(o.Price)))
		set(m, m.listed, o.Instrument, volume{new(big.Int).Add(v.tonnes, big.NewInt(int64(o.Tonnes))), amount.Add(amount, v.amount)})
	}
	return fine
}

// match fills two orders; units and money wait for the close.
func (m *model) match(buy, sell of, tonnes, price int64) {
	b := m.orders[buy]
	m.pay(buy.party, func(p *purse) { p.locked -= (b.price - price) * tonnes })
	m.pay(sell.party, func(p *purse) { p.proceeds += price * tonnes })
	for _, name := range []of{buy, sell} {
		o := m.orders[name]
		o.filled += tonnes
		o.open = o.rest() > 0
		set(m, m.orders, name, o)
	}
	put(m, &m.trades, append(m.trades[:len(m.trades):len(m.trades)], trade{b.instrument, buy.party, sell.party, tonnes, price}))
	amount := new(big.Int).Mul(big.NewInt(tonnes), big.NewInt(price))
	put(m, &m.turnover, amount.Add(amount, m.turnover))
	set(m, m.yearEnd, m.openDay.Year(), m.turnover)
}
