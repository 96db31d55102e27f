package state

import (
	"math/big"

	"carbonledger/tx"
)

// carryRules are the parameters of carry-over on a day.
type carryRules struct {
	year, since tx.Year // the new vintage, and the first year whose trades count
	from, until tx.Day  // of applications
	base        tx.Tonnes
	rate        share
}

func (x *exec) carryRules() carryRules {
	today := x.facts.day()
	day := func(name string) tx.Day {
		d, err := tx.ParseDay(x.parameter(name, today))
		if err != nil {
			panic("state: the parameter " + name + " holds no day")
		}
		return d
	}
	return carryRules{
		year: tx.Year(x.wholeOn(parameterCarryYear, today)), since: tx.Year(x.wholeOn(parameterCarrySince, today)),
		from: day(parameterCarryFrom), until: day(parameterCarryUntil),
		base: tx.Tonnes(x.wholeOn(parameterCarryBase, today)), rate: x.shareOn(parameterCarryRate, today),
	}
}

// target is the instrument that old vintages are exchanged for.
func (x *exec) target(year tx.Year) (tx.Instrument, bool) {
	for _, i := range x.chain.Instruments {
		if i.Vintage == year {
			return i, true
		}
	}
	return tx.Instrument{}, false
}

// mostCarried is floor(base + rate × max(0, sold − bought)) (plan
// 国环规气候〔2024〕1号, annex 5). What does not fit is the greatest number.
func mostCarried(base tx.Tonnes, rate share, sold, bought tx.Tonnes) tx.Tonnes {
	net := max(0, sold-bought)
	n := new(big.Int).Mul(big.NewInt(int64(net)), big.NewInt(rate.numerator))
	n.Div(n, big.NewInt(rate.denominator)).Add(n, big.NewInt(int64(base)))
	if !n.IsInt64() {
		return 1<<63 - 1
	}
	return tx.Tonnes(n.Int64())
}

// carryStanding is how much an entity may carry over, and why.
func (x *exec) carryStanding(entity string) tx.CarryOverStanding {
	r := x.carryRules()
	s := tx.CarryOverStanding{Entity: entity, Applied: tx.Tonnes(x.carriedOver(entity).number())}
	for _, i := range x.chain.Instruments {
		if i.Vintage >= r.year {
			continue
		}
		for year := r.since; year <= r.year; year++ {
			var sold, bought int64
			numbers(x.at(yearPartyKey(x.key(), rangeNetSales, year, entity+"\x00"+i.Code)).value, &sold, &bought)
			s.Sold, s.Bought = s.Sold+tx.Tonnes(sold), s.Bought+tx.Tonnes(bought)
		}
		h := x.endOfYear(entity, i.Code, r.year)
		s.Held = capped(s.Held, h.of[registryAvailable], h.of[tradingAvailable], h.of[frozen])
	}
	s.NetSales = max(0, s.Sold-s.Bought)
	s.Maximum = mostCarried(r.base, r.rate, s.Sold, s.Bought)
	return s
}

// carriedOver is what an entity applied for and was not refused.
func (x *exec) carriedOver(entity string) *cell {
	return x.at(keyOf1(x.key(), rangeCarriedOver, entity))
}

// applyCarryOver applies to exchange old vintages (plan 国环规气候〔2024〕1号,
// annex 5).
func (x *exec) applyCarryOver(o *tx.ApplyCarryOver) *tx.Rejection {
	r, today := x.carryRules(), x.facts.day()
	_, there := x.target(r.year)
	switch {
	case today < r.from:
		return short(tx.CarryOverNotOpen, yearName(r.year), r.from, today)
	case !there || today.Year() <= r.year:
		return about(tx.CarryOverNotOpen, yearName(r.year))
	case today > r.until:
		return short(tx.CarryOverTooLate, yearName(r.year), r.until, today)
	}
	i, n := x.instrumentAmount(o.Instrument, o.Tonnes)
	if n != nil {
		return n
	}
	if i.Vintage >= r.year {
		return short(tx.VintageNotCarried, o.Instrument, i.Vintage, r.year)
	}
	if n := x.checkApplication(o.Application); n != nil {
		return n
	}
	if n := x.mayLeave(); n != nil {
		return n
	}
	s := x.carryStanding(x.asker.id)
	if left := min(s.Maximum, s.Held) - s.Applied; o.Tonnes > left {
		return short(tx.CarryOverOverMaximum, x.asker.id, left, o.Tonnes)
	}
	if _, h := x.holding(x.asker.id, o.Instrument); h.of[registryAvailable] < o.Tonnes {
		return short(tx.InsufficientHolding, o.Instrument+" of "+x.asker.id, h.of[registryAvailable], o.Tonnes)
	}
	// Past this point the application is submitted.
	x.add(x.carriedOver(x.asker.id), int64(o.Tonnes))
	x.putApplication(&tx.Application{
		Application: o.Application, Kind: tx.CarryOverApplication, Instrument: o.Instrument, Tonnes: o.Tonnes, Year: r.year,
	})
	return nil
}

// checkExchange: the new units fit into the supply of their vintage.
func (x *exec) checkExchange(a *tx.Application) *tx.Rejection {
	i, ok := x.target(a.Year)
	if !ok {
		panic("state: an application carries over to a vintage without an instrument")
	}
	if _, s := x.supply(i.Code); !fits(s.broughtForward, s.issued, int64(a.Tonnes)) {
		return about(tx.AmountOverflow, i.Code+" of all parties")
	}
	return nil
}

// finishCarryOver issues as many units of the new vintage as are recovered; the
// pending units are the caller's matter.
func (x *exec) finishCarryOver(a *tx.Application, approved bool) {
	if !approved {
		x.add(x.carriedOver(a.Applicant), -int64(a.Tonnes))
		return
	}
	c, s := x.supply(a.Instrument)
	s.carriedOver += int64(a.Tonnes)
	x.setSupply(c, s)
	i, _ := x.target(a.Year)
	c, s = x.supply(i.Code)
	s.issued += int64(a.Tonnes)
	x.setSupply(c, s)
	x.change(a.Applicant, i.Code, registryAvailable, a.Tonnes)
	x.putLot(&tx.Lot{To: a.Applicant, Instrument: i.Code, Tonnes: a.Tonnes, CarryOver: a.Applicant + "/" + a.Application})
}
