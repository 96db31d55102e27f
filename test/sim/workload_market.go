package sim

import (
	"fmt"
	"strconv"
	"strings"

	"carbonledger/tx"
)

var marketKinds = []kind{
	{8, (*workload).dayGoes, false}, {40, (*workload).registerOrder, true}, {30, (*workload).recordTrade, true}, {5, (*workload).withdrawOrder, true},
	{3, (*workload).announce, true}, {9, (*workload).bid, true}, {6, (*workload).conclude, true}, {2, (*workload).suspend, false}, {3, (*workload).totals, false},
	{2, (*workload).reconcileAny, false}, {8, (*workload).money, false}, {10, (*workload).moveHolding, false},
}

// dayGoes takes the next step of a trading day, or one out of turn.
func (w *workload) dayGoes() request {
	last, s := w.m.lastDay, w.m.settlements[w.m.lastDay]
	switch {
	case w.some(8):
		d := pick(w, w.m.today(), w.m.openDay, w.m.today().Next())
		if w.some(50) {
			return ask("exchange", &tx.OpenDay{Day: d})
		}
		return ask("exchange", &tx.CloseDay{Day: d})
	case w.m.openDay != 0 && w.some(70):
		return w.registerOrder()
	case w.m.openDay != 0 && w.some(5): // the day runs over midnight
		return ask("timekeeper", &tx.SetClock{Time: w.m.openDay.Next().Start()})
	case w.m.openDay != 0:
		return ask("exchange", &tx.CloseDay{Day: w.m.openDay})
	case last != 0 && !s.stated[0]:
		return ask("exchange", w.exchangeStates(last, s))
	case last != 0 && !s.stated[1]:
		return ask("bank", &tx.StateTotals{Day: last, Money: tx.Fen(s.ledger.money)})
	case last != 0 && !s.reconciled:
		if s.exchange.tonnes != s.ledger.tonnes || s.exchange.tradable != s.ledger.tradable || s.exchange.trades != s.ledger.trades || s.exchange.amount != s.ledger.amount {
			return ask("exchange", w.exchangeStates(last, s))
		}
		if s.bank.money != s.ledger.money {
			return ask("bank", &tx.StateTotals{Day: last, Money: tx.Fen(s.ledger.money)})
		}
		return ask("registry", &tx.Reconcile{Day: last})
	case w.m.today() == last, w.m.today().Weekday() == 0, w.m.today().Weekday() == 6:
		to := w.m.today()
		for range 1 + w.r.IntN(w.stride) {
			to = to.Next()
		}
		return ask("timekeeper", &tx.SetClock{Time: to.Start() + tx.Instant(w.r.Int64N(int64(day)))})
	}
	return ask("exchange", &tx.OpenDay{Day: w.m.today()})
}

// exchangeStates is a right statement of the model's figures.
func (w *workload) exchangeStates(on tx.Day, s settlement) *tx.StateTotals {
	o := &tx.StateTotals{Day: on, Trades: s.ledger.trades, Tonnes: tx.Tonnes(s.ledger.tonnes), Amount: tx.Fen(s.ledger.amount)}
	for part := range strings.FieldsSeq(s.ledger.tradable) {
		code, n, _ := strings.Cut(part, ":")
		t, _ := strconv.ParseInt(n, 10, 64)
		o.Tradable = append(o.Tradable, tx.InstrumentTotal{Instrument: code, Tonnes: tx.Tonnes(t)})
	}
	return o
}

// totals are a statement with a fault, most often.
func (w *workload) totals() request {
	last := w.m.lastDay
	if w.some(20) {
		last = 20241001
	}
	s := w.m.settlements[last]
	o := w.exchangeStates(last, s)
	switch w.r.IntN(6) {
	case 0:
		o.Tonnes++
	case 1:
		o.Tradable = nil
	case 2:
		o.Money = 1
	case 3:
		o.Amount = -1
	case 4:
		return ask("bank", &tx.StateTotals{Day: last, Money: tx.Fen(s.ledger.money + int64(w.r.IntN(2)))})
	case 5:
		return ask("bank", pick(w, &tx.StateTotals{Day: last, Money: -1}, &tx.StateTotals{Day: last, Trades: 1}))
	}
	return ask("exchange", o)
}

func (w *workload) reconcileAny() request {
	return ask("registry", &tx.Reconcile{Day: pick(w, w.m.lastDay, w.m.today(), 20241001)})
}

// traded is an instrument with a price.
func (w *workload) near(code string, percent int64) int64 {
	close := w.m.closes[code]
	return close + close*(w.r.Int64N(2*percent+1)-percent)/100
}

// ordered signs an order for its party.
func (w *workload) ordered(o *tx.OrderBody) *tx.RegisterOrder {
	p := w.m.parties[o.Party]
	keys := w.signer(p, tx.RightTrade)
	if w.some(4) {
		keys = w.any(p)
	}
	if w.some(2) {
		keys = w.any(w.m.parties["e1"])
	}
	signed, err := tx.NewOrder(w.parties.Domain, o, keys[0])
	if err != nil {
		panic(err)
	}
	return &tx.RegisterOrder{Order: signed}
}

// breakOrder spoils one thing of an order, in some cases.
func (w *workload) breakOrder(o *tx.OrderBody) {
	switch w.r.IntN(60) {
	case 0:
		o.ChainId = "other"
	case 1:
		o.Day = w.m.today().Next()
	case 2:
		o.Party = pick(w, "bank", "nobody")
	case 3:
		o.LimitPrice = tx.Fen(-w.r.IntN(2))
	case 4:
		o.Quantity = tx.Tonnes(-w.r.IntN(2))
	case 5:
		o.LimitPrice = o.LimitPrice * 2
	case 6:
		o.Quantity = 1 << 60
	case 7:
		o.Session = w.liveSession()
	case 8:
		o.Quantity = 99_999
	case 9:
		o.Reference = w.name("order", "o")
	}
}

func (w *workload) registerOrder() request {
	r := ask("exchange")
	for range 1 + w.r.IntN(3) {
		w.n++
		code := w.code()
		o := &tx.OrderBody{
			ChainId: w.parties.ChainID, Party: w.entity(), Reference: fmt.Sprintf("o%d", w.n), Instrument: code, Side: pick(w, tx.Buy, tx.Sell),
			LimitPrice: tx.Fen(w.near(code, 4)), Quantity: tx.Tonnes(1 + w.r.IntN(3000)), Day: w.m.openDay, Kind: tx.Listed,
		}
		if w.some(25) {
			o.Kind, o.Quantity, o.LimitPrice = tx.BlockTrade, tx.Tonnes(99_990+w.r.IntN(500)), tx.Fen(w.near(code, 20))
		}
		if w.some(3) {
			o.Quantity *= 1000
		}
		w.breakOrder(o)
		r.ops = append(r.ops, op(w.ordered(o)))
	}
	return r
}

// pair is a buy and a sell order that fit, if it finds them soon.
func (w *workload) pair() (buy, sell of, found bool) {
	queue := w.m.queue
	if len(queue) < 2 {
		return of{"e0", "none"}, of{"e1", "none"}, false
	}
	for range 60 {
		a, b := pick(w, queue...), pick(w, queue...)
		x, y := w.m.orders[a], w.m.orders[b]
		if x.side == tx.Buy && y.side == tx.Sell && x.open && y.open && x.instrument == y.instrument && x.kind == y.kind && x.kind != tx.Bidding && x.price >= y.price {
			return a, b, true
		}
	}
	return pick(w, queue...), pick(w, queue...), false
}

func (w *workload) recordTrade() request {
	buy, sell, found := w.pair()
	if !found && w.some(80) {
		return w.registerOrder()
	}
	x, y := w.m.orders[buy], w.m.orders[sell]
	o := &tx.RecordTrade{
		Kind: x.kind, Instrument: x.instrument, Price: tx.Fen(y.price), Tonnes: tx.Tonnes(min(x.rest(), y.rest())),
		Buy: tx.OrderName{Party: buy.party, Reference: buy.what}, Sell: tx.OrderName{Party: sell.party, Reference: sell.what},
	}
	if o.Kind == 0 {
		o.Kind = tx.Listed
	}
	if x.price > y.price {
		o.Price += tx.Fen(w.r.Int64N(x.price - y.price))
	}
	if o.Tonnes > 1 && w.some(50) {
		o.Tonnes = 1 + tx.Tonnes(w.r.Int64N(int64(o.Tonnes)))
	}
	switch w.r.IntN(40) {
	case 0:
		o.Tonnes += tx.Tonnes(max(x.rest(), y.rest()))
	case 1:
		o.Price += 500
	case 2:
		o.Price = tx.Fen(-w.r.IntN(2))
	case 3:
		o.Buy, o.Sell = o.Sell, o.Buy
	case 4:
		o.Instrument = w.code()
	case 5:
		o.Kind = pick(w, tx.Listed, tx.BlockTrade, tx.Bidding)
	case 6:
		o.Sell.Reference = "none"
	}
	return ask("exchange", o)
}

func (w *workload) withdrawOrder() request {
	if len(w.m.queue) == 0 || w.some(10) {
		return ask(w.entity(), &tx.WithdrawOrder{Reference: "none"})
	}
	name := pick(w, w.m.queue...)
	return ask(name.party, &tx.WithdrawOrder{Reference: name.what})
}

func (w *workload) announce() request {
	o := &tx.AnnounceBidding{
		Session: w.name("session", "s"), Seller: w.entity(), Instrument: w.code(), Tonnes: tx.Tonnes(100_000 + w.r.IntN(3)), Mode: pick(w, tx.UniformPrice, tx.PayAsBid),
		LowFloor: w.some(60),
	}
	switch w.r.IntN(15) {
	case 0:
		o.Mode = 0
	case 1:
		o.Tonnes = tx.Tonnes(pick(w, 99_999, 0, -1))
	case 2:
		o.Seller = "bank"
	case 3:
		o.Session = ""
	}
	return ask("exchange", o)
}

// liveSession is one that still takes orders, if there is one.
func (w *workload) liveSession() string {
	name := w.known("session")
	for range 10 {
		if s := w.m.sessions[name]; s.seller != "" && !s.concluded && s.day == w.m.openDay {
			break
		}
		name = w.known("session")
	}
	return name
}

func (w *workload) bid() request {
	name := w.liveSession()
	s := w.m.sessions[name]
	w.n++
	o := &tx.OrderBody{
		ChainId: w.parties.ChainID, Party: w.entity(), Reference: fmt.Sprintf("o%d", w.n), Instrument: s.instrument, Side: tx.Buy,
		LimitPrice: tx.Fen(s.floor), Quantity: tx.Tonnes(1 + w.r.IntN(60_000)), Day: w.m.openDay, Kind: tx.Bidding, Session: name,
	}
	if o.Instrument == "" {
		o.Instrument = w.code()
	}
	if s.ceiling > s.floor {
		o.LimitPrice += tx.Fen(w.r.Int64N(s.ceiling - s.floor + 1))
	}
	if s.sellOrder == "" && w.some(60) {
		o.Party, o.Side, o.Quantity, o.LimitPrice = s.seller, tx.Sell, tx.Tonnes(s.tonnes), tx.Fen(s.floor)
	}
	switch w.r.IntN(25) {
	case 0:
		o.LimitPrice = tx.Fen(s.ceiling + 1)
	case 1:
		o.LimitPrice = tx.Fen(s.floor - 1)
	case 2:
		o.Instrument = w.code()
	case 3:
		o.Quantity++
	case 4:
		o.Party = pick(w, s.seller, "e0")
	case 5:
		o.Session = "none"
	case 6:
		o.Side = tx.Sell
	}
	if o.Party == "" {
		o.Party = "e0"
	}
	return ask("exchange", w.ordered(o))
}

func (w *workload) conclude() request {
	name := w.liveSession()
	if s := w.m.sessions[name]; s.sellOrder == "" && s.seller != "" && w.some(80) {
		w.n++
		return ask("exchange", w.ordered(&tx.OrderBody{
			ChainId: w.parties.ChainID, Party: s.seller, Reference: fmt.Sprintf("o%d", w.n), Instrument: s.instrument, Side: tx.Sell,
			LimitPrice: tx.Fen(s.floor), Quantity: tx.Tonnes(s.tonnes), Day: w.m.openDay, Kind: tx.Bidding, Session: name,
		}))
	}
	return ask("exchange", &tx.ConcludeBidding{Session: name})
}

func (w *workload) suspend() request {
	code := pick(w, "", "CEA21", "CEA20")
	on := !w.m.suspended[code]
	if w.some(20) || on && w.some(60) {
		on = !on
	}
	return ask("exchange", &tx.SuspendTrading{Instrument: code, Suspended: on, Document: w.document("notice")})
}

func (w *workload) money() request {
	if w.some(50) {
		p := w.holder()
		return ask("bank", &tx.Withdraw{Party: p, Amount: tx.Fen(w.upTo(w.m.money[p].free() / 50))})
	}
	r := ask("bank")
	for range 1 + w.r.IntN(3) {
		most := int64(30_000_000_000)
		if w.some(1) {
			most = 1 << 62
		}
		r.ops = append(r.ops, op(&tx.Deposit{Party: w.holder(), Amount: tx.Fen(w.tonnes(most))}))
	}
	return r
}

func (w *workload) moveHolding() request {
	p, code := w.entity(), w.code()
	u := w.m.units[of{p, code}]
	o := &tx.MoveHolding{Instrument: code, To: tx.TradingAvailable, Tonnes: w.upTo(u.registry / 2)}
	if u.trading > u.registry {
		o.To, o.Tonnes = tx.RegistryAvailable, w.upTo(u.trading/2)
	}
	if w.some(3) {
		o.To = 0
	}
	return ask(p, o)
}
