package state

import (
	"carbonledger/tx"
)

// composite is the code under which the exchange quotes all vintages together.
const composite = "COMCEA"

// turnover is what was traded since the market's start.
type turnover struct {
	tonnes tx.Tonnes
	amount tx.Fen
}

func (x *exec) turnover() (t turnover) {
	var tonnes, amount int64
	numbers(x.at([]byte{rangeMarket}).value, &tonnes, &amount)
	return turnover{tx.Tonnes(tonnes), tx.Fen(amount)}
}

func (x *exec) setTurnover(t turnover) {
	x.set(x.at([]byte{rangeMarket}), appendNumbers(nil, int64(t.tonnes), int64(t.amount)))
}

func (x *exec) closeOf(instrument string) *cell {
	return x.at(keyOf1(x.key(), rangeClose, instrument))
}

// previousClose is the price that a day's limits start from: the last close,
// else the reference price that the exchange set, else the one of genesis.
// 0 says that there is none.
func (x *exec) previousClose(i *tx.Instrument, day tx.Day) tx.Fen {
	if c := x.closeOf(i.Code); c.exists() {
		return tx.Fen(c.number())
	}
	if s := x.parameter(parameterReference+i.Code, day); s != "" {
		price, ok := parsePrice(s)
		if !ok {
			panic("state: the reference price of " + i.Code + " is none")
		}
		return price
	}
	return i.ReferencePrice
}

func (x *exec) bulletin(day tx.Day) (*cell, tx.Bulletin) {
	var b tx.Bulletin
	c := x.at(dayKey(x.key(), rangeBulletin, day))
	if c.exists() {
		decode(c.value, &b)
	}
	return c, b
}

func (x *exec) yearTotals(year tx.Year) (*cell, tx.YearTotals) {
	t := tx.YearTotals{Year: year}
	c := x.at(yearKey(x.key(), rangeYearTotals, year))
	if c.exists() {
		decode(c.value, &t)
	}
	return c, t
}

// openDay begins trading. A day is opened once, and days only go up.
func (x *exec) openDay(o *tx.OpenDay) *tx.Rejection {
	switch {
	case x.facts.openDay != 0:
		return about(tx.DayOpen, x.facts.openDay.String())
	case o.Day != x.facts.day():
		return short(tx.NotLedgerDay, o.Day.String(), x.facts.day(), o.Day)
	case !x.chain.businessDay(o.Day):
		return about(tx.NotBusinessDay, o.Day.String())
	case o.Day <= x.facts.lastDay:
		return about(tx.DayAlreadyClosed, o.Day.String())
	}
	if x.facts.lastDay != 0 {
		if _, last := x.settlement(x.facts.lastDay); !last.Reconciled {
			return about(tx.DayNotReconciled, x.facts.lastDay.String())
		}
	}
	// Past this point the day is open.
	x.facts.orders, x.facts.trades = 0, 0
	all := x.turnover()
	totalsCell, totals := x.yearTotals(o.Day.Year())
	b := tx.Bulletin{
		Day: o.Day, YearTonnes: totals.ListedTonnes + totals.BlockTonnes + totals.BiddingTonnes,
		YearAmount:       totals.ListedAmount + totals.BlockAmount + totals.BiddingAmount,
		CumulativeTonnes: all.tonnes, CumulativeAmount: all.amount,
	}
	for i := range x.chain.Instruments {
		p := x.previousClose(&x.chain.Instruments[i], o.Day)
		b.Instruments = append(b.Instruments, tx.Quote{Instrument: x.chain.Instruments[i].Code, Close: p, PreviousClose: p})
	}
	price := x.compositeOf(&b)
	b.Composite = tx.Quote{Instrument: composite, Close: price, PreviousClose: price}
	x.setMessage(x.at(dayKey(x.key(), rangeBulletin, o.Day)), &b)
	totals.TradingDays++
	totals.CumulativeTonnes, totals.CumulativeAmount = all.tonnes, all.amount
	x.setMessage(totalsCell, &totals)
	x.facts.openDay, x.facts.lastDay = o.Day, o.Day
	return nil
}

// closeDay ends trading, computes closes and settles the day. An instrument's close
// is the volume-weighted mean of the day's listed trades, half up to a fen, or
// the previous close where there were none.
func (x *exec) closeDay(o *tx.CloseDay) *tx.Rejection {
	if x.facts.openDay == 0 || o.Day != x.facts.openDay {
		return about(tx.DayNotOpen, o.Day.String())
	}
	// Past this point the day is closed.
	c, b := x.bulletin(o.Day)
	for i := range b.Instruments {
		q := &b.Instruments[i]
		q.Close = q.PreviousClose
		if q.ListedTonnes > 0 {
			q.Close = tx.Fen(halfUp(int64(q.ListedAmount), int64(q.ListedTonnes)))
		}
		if q.Trades > 0 || x.closeOf(q.Instrument).exists() {
			x.setNumber(x.closeOf(q.Instrument), int64(q.Close))
		}
	}
	b.Composite.Close = x.compositeOf(&b)
	b.Closed = true
	x.setMessage(c, &b)
	x.settle(o.Day)
	x.facts.openDay, x.closed = 0, o.Day
	return nil
}

// halfUp is n/d rounded half up, for n ≥ 0 and d > 0.
func halfUp(n, d int64) int64 {
	q, r := n/d, n%d
	if r >= d-r {
		q++
	}
	return q
}

// compositeOf is Σ weight × close ÷ Σ weight over the instruments that have a
// price, half up to a fen; while a day is open, close is the last listed price.
// Rounding keeps the order of prices, so the greatest of rounded prices is the
// rounded greatest. 0 says that no instrument has a price.
func (x *exec) compositeOf(b *tx.Bulletin) tx.Fen {
	weights := map[string]int64{}
	value := x.parameter(parameterWeights, b.Day)
	if value != "" {
		var ok bool
		if weights, ok = x.chain.parseWeights(value); !ok {
			panic("state: the composite's weights do not parse: " + value)
		}
	}
	var sum, all int64
	for i := range b.Instruments {
		q := &b.Instruments[i]
		if q.Close == 0 {
			continue
		}
		weight := weights[q.Instrument]
		if value == "" {
			weight = 1
		}
		sum, all = sum+weight*int64(q.Close), all+weight
	}
	if all == 0 {
		return 0
	}
	return tx.Fen(halfUp(sum, all))
}

// book enters a trade into the day's bulletin and the year's totals. Its rule
// has checked that the sums stay within 63 bits.
func (x *exec) book(t *tx.TradeRecord) {
	amount := t.Amount
	c, b := x.bulletin(x.facts.openDay)
	listed := t.Kind == tx.Listed
	for i := range b.Instruments {
		if q := &b.Instruments[i]; q.Instrument == t.Instrument {
			count(q, t)
			if listed {
				price(q, t.Price)
			}
		}
	}
	count(&b.Composite, t)
	if listed {
		price(&b.Composite, x.compositeOf(&b))
	}
	all := x.turnover()
	all.tonnes, all.amount = all.tonnes+t.Tonnes, all.amount+amount
	x.setTurnover(all)
	b.YearTonnes, b.YearAmount = b.YearTonnes+t.Tonnes, b.YearAmount+amount
	b.CumulativeTonnes, b.CumulativeAmount = all.tonnes, all.amount
	x.setMessage(c, &b)

	totalsCell, totals := x.yearTotals(b.Day.Year())
	totals.Trades++
	switch t.Kind {
	case tx.Listed:
		totals.ListedTonnes, totals.ListedAmount = totals.ListedTonnes+t.Tonnes, totals.ListedAmount+amount
	case tx.BlockTrade:
		totals.BlockTonnes, totals.BlockAmount = totals.BlockTonnes+t.Tonnes, totals.BlockAmount+amount
	case tx.Bidding:
		totals.BiddingTonnes, totals.BiddingAmount = totals.BiddingTonnes+t.Tonnes, totals.BiddingAmount+amount
	}
	for _, party := range []string{t.Buy.Party, t.Sell.Party} {
		if c := x.at(yearTraderKey(x.key(), totals.Year, party)); !c.exists() {
			x.set(c, mark)
			totals.PartiesTrading++
		}
	}
	totals.CumulativeTonnes, totals.CumulativeAmount = all.tonnes, all.amount
	x.setMessage(totalsCell, &totals)
}

// count adds a trade's volume to a quote.
func count(q *tx.Quote, t *tx.TradeRecord) {
	amount := t.Amount
	q.Trades++
	switch t.Kind {
	case tx.Listed:
		q.ListedTonnes, q.ListedAmount = q.ListedTonnes+t.Tonnes, q.ListedAmount+amount
	case tx.BlockTrade:
		q.BlockTonnes, q.BlockAmount = q.BlockTonnes+t.Tonnes, q.BlockAmount+amount
	case tx.Bidding:
		q.BiddingTonnes, q.BiddingAmount = q.BiddingTonnes+t.Tonnes, q.BiddingAmount+amount
	}
}

// price enters a listed price into a quote.
func price(q *tx.Quote, p tx.Fen) {
	if q.Open == 0 {
		q.Open, q.High, q.Low = p, p, p
	}
	q.High, q.Low, q.Close = max(q.High, p), min(q.Low, p), p
}
