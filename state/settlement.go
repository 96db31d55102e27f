package state

import "carbonledger/tx"

func (x *exec) settlement(day tx.Day) (*cell, tx.DaySettlement) {
	var d tx.DaySettlement
	c := x.at(dayKey(x.key(), rangeSettlement, day))
	if c.exists() {
		decode(c.value, &d)
	}
	return c, d
}

// settle delivers the day's trades one by one in the order of recording, units
// against money (Settlement Rules: gross, trade by trade, delivery versus
// payment), lets the open orders lapse, and writes the day's settlement.
func (x *exec) settle(day tx.Day) {
	d := tx.DaySettlement{Day: day, Trades: x.facts.trades}
	for n := int64(1); n <= x.facts.trades; n++ {
		c := x.at(numberKey(x.key(), rangeTrade, day, n))
		var t tx.TradeRecord
		decode(c.value, &t)
		d.Tonnes, d.Amount = d.Tonnes+t.Tonnes, d.Amount+t.Amount
		if t.State = tx.TradeSettled; !x.deliver(&t) {
			t.State = tx.TradeException
			d.Exceptions++
		}
		x.setMessage(c, &t)
	}
	for n := int64(1); n <= x.facts.orders; n++ {
		if c, r := x.orderNamed(numberKey(x.key(), rangeDayOrder, day, n)); r.State == tx.OrderOpen {
			x.release(c, &r, tx.OrderLapsed)
		}
	}
	for i := range x.chain.Instruments {
		_, s := x.supply(x.chain.Instruments[i].Code)
		d.Tradable = append(d.Tradable, tx.InstrumentTotal{Instrument: x.chain.Instruments[i].Code, Tonnes: tx.Tonnes(s.tradable)})
	}
	_, m := x.moneySupply()
	d.Money = tx.Fen(m.broughtForward + m.deposited - m.withdrawn)
	c, _ := x.settlement(day)
	x.setMessage(c, &d)
}

// deliver moves a trade's units and money, both or neither. Both sides' claims
// on each other end in either case.
func (x *exec) deliver(t *tx.TradeRecord) bool {
	_, units := x.holding(t.Sell.Party, t.Instrument)
	buyer, seller := x.money(t.Buy.Party), x.money(t.Sell.Party)
	delivered := units.of[locked] >= t.Tonnes && buyer.balance >= t.Amount
	buyer.locked -= t.Amount
	seller.proceeds -= t.Amount
	if delivered {
		buyer.balance -= t.Amount
		seller.balance += t.Amount
		x.change(t.Sell.Party, t.Instrument, locked, -t.Tonnes)
		x.change(t.Buy.Party, t.Instrument, tradingAvailable, t.Tonnes)
		x.countNetSales(t)
	} else {
		x.shift(t.Sell.Party, t.Instrument, locked, tradingAvailable, min(t.Tonnes, units.of[locked]))
	}
	x.setMoney(buyer)
	x.setMoney(seller)
	return delivered
}

// countNetSales keeps what carry-over asks for: sales and purchases by calendar
// year and instrument (plan 国环规气候〔2024〕1号, annex 5).
func (x *exec) countNetSales(t *tx.TradeRecord) {
	for _, side := range []struct {
		party        string
		sold, bought tx.Tonnes
	}{{t.Sell.Party, t.Tonnes, 0}, {t.Buy.Party, 0, t.Tonnes}} {
		c := x.at(yearPartyKey(x.key(), rangeNetSales, t.Day.Year(), side.party+"\x00"+t.Instrument))
		var sold, bought int64
		numbers(c.value, &sold, &bought)
		x.set(c, appendNumbers(nil, sold+int64(side.sold), bought+int64(side.bought)))
	}
}
