package state

import "carbonledger/tx"

// surrender applies to hand allowances in (Trial Measures, Art. 28). Allowances of
// the year or of an earlier vintage count (plan 国环规气候〔2024〕1号, part 7).
func (x *exec) surrender(o *tx.Surrender) *tx.Rejection {
	i, n := x.instrumentAmount(o.Instrument, o.Tonnes)
	if n != nil {
		return n
	}
	if n := x.checkApplication(o.Application); n != nil {
		return n
	}
	return x.submitSurrender(&x.asker, &i, &tx.Application{
		Application: o.Application, Kind: tx.SurrenderApplication, Instrument: o.Instrument, Tonnes: o.Tonnes,
		Beneficiary: x.asker.id, Year: o.Year,
	})
}

// surrenderOnBehalf applies to hand allowances in for another entity (plan
// 国环规气候〔2024〕1号: provided by another enterprise). It is no trade.
func (x *exec) surrenderOnBehalf(o *tx.SurrenderOnBehalf) *tx.Rejection {
	i, n := x.instrumentAmount(o.Instrument, o.Tonnes)
	if n != nil {
		return n
	}
	if n := x.checkApplication(o.Application); n != nil {
		return n
	}
	if o.Beneficiary == x.asker.id {
		return about(tx.SameParty, o.Beneficiary)
	}
	e, n := x.entity(o.Beneficiary)
	if n != nil {
		return n
	}
	if n := x.mayLeave(); n != nil {
		return n
	}
	return x.submitSurrender(&e, &i, &tx.Application{
		Application: o.Application, Kind: tx.OnBehalfApplication, Instrument: o.Instrument, Tonnes: o.Tonnes,
		Beneficiary: e.id, Year: o.Year,
	})
}

// submitSurrender checks the obligation that units are to be surrendered for, and
// the units.
func (x *exec) submitSurrender(e *account, i *tx.Instrument, a *tx.Application) *tx.Rejection {
	c, obligation, n := x.dueOf(a.Year, *e)
	if n != nil {
		return n
	}
	if i.Vintage > a.Year {
		return short(tx.VintageNotUsable, a.Instrument, i.Vintage, a.Year)
	}
	if due := stillDue(&obligation) - obligation.Submitted; a.Tonnes > due {
		return short(tx.SurrenderOverDue, e.id, due, a.Tonnes)
	}
	if _, h := x.holding(x.asker.id, a.Instrument); h.of[registryAvailable] < a.Tonnes {
		return short(tx.InsufficientHolding, a.Instrument+" of "+x.asker.id, h.of[registryAvailable], a.Tonnes)
	}
	// Past this point the application is submitted.
	obligation.Submitted += a.Tonnes
	x.setMessage(c, &obligation)
	yearCell, y := x.year(a.Year)
	y.submitted += int64(a.Tonnes)
	x.setYear(yearCell, y)
	x.putApplication(a)
	return nil
}

// finishSurrender ends an application for an obligation; its units are the
// caller's matter.
func (x *exec) finishSurrender(a *tx.Application, approved bool) {
	e, ok := x.account(a.Beneficiary)
	if !ok {
		panic("state: an application is for an entity that does not exist: " + a.Beneficiary)
	}
	c, obligation := x.obligation(a.Year, e)
	yearCell, y := x.year(a.Year)
	obligation.Submitted -= a.Tonnes
	y.submitted -= int64(a.Tonnes)
	x.setYear(yearCell, y)
	if approved {
		x.cover(&obligation, a.Instrument, a.Tonnes)
	}
	x.setMessage(c, &obligation)
}

// cover counts surrendered units for an obligation, which the caller writes, and
// in the counters of the instrument and the year.
func (x *exec) cover(o *tx.Obligation, instrument string, tonnes tx.Tonnes) {
	supplyCell, s := x.supply(instrument)
	s.surrendered += int64(tonnes)
	x.setSupply(supplyCell, s)
	yearCell, y := x.year(o.Year)
	if x.chain.instrument[instrument].Vintage == o.Year {
		y.ownVintage += int64(tonnes)
	} else {
		y.older += int64(tonnes)
	}
	x.setYear(yearCell, y)
	o.Surrendered += tonnes
	x.complete(o)
}

// complete notes the day on which an obligation is covered.
func (x *exec) complete(o *tx.Obligation) {
	switch {
	case stillDue(o) > 0:
		o.Completed = 0
	case o.Completed == 0:
		o.Completed = x.facts.day()
	}
}
