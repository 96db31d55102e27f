package state

import "carbonledger/tx"

// yearFacts are what the ledger keeps of an obligation year beside the
// obligations: whether it is closed, what was surrendered for it by vintage, and
// what is due of all entities. Because what is due is checked to stay within 63
// bits, no sum over the year's obligations can overflow.
type yearFacts struct{ closed, ownVintage, older, due int64 }

func decodeYearFacts(b []byte) (y yearFacts) {
	numbers(b, &y.closed, &y.ownVintage, &y.older, &y.due)
	return y
}

func (x *exec) year(year tx.Year) (*cell, yearFacts) {
	c := x.at(yearKey(x.key(), rangeYear, year))
	return c, decodeYearFacts(c.value)
}

func (x *exec) setYear(c *cell, y yearFacts) {
	x.set(c, appendNumbers(nil, y.closed, y.ownVintage, y.older, y.due))
}

// obligation is an entity's obligation of a year.
func (x *exec) obligation(year tx.Year, e account) (*cell, tx.Obligation) {
	c := x.at(obligationKey(x.key(), year, e.region, e.id))
	o := tx.Obligation{Entity: e.id, Region: e.region, Year: year}
	if c.exists() {
		decode(c.value, &o)
	}
	return c, o
}

func stillDue(o *tx.Obligation) tx.Tonnes { return o.Due - o.Surrendered - o.Offset }

// setObligation records verified emissions, which their entity must cover
// (Interim Regulations, Art. 14). It may be corrected until the year is closed.
func (x *exec) setObligation(o *tx.SetObligation) *tx.Rejection {
	if o.Tonnes <= 0 {
		return short(tx.AmountNotPositive, "tonnes", 0, o.Tonnes)
	}
	if o.Year < 1 || o.Year > x.facts.day().Year() {
		return short(tx.BadYear, "", x.facts.day().Year(), o.Year)
	}
	e, n := x.entity(o.Entity)
	if n != nil {
		return n
	}
	if e.region != x.asker.id {
		return about(tx.NotOwnEntity, e.id+" of "+e.region)
	}
	yearCell, year := x.year(o.Year)
	if year.closed != 0 {
		return about(tx.YearClosed, yearName(o.Year))
	}
	c, obligation := x.obligation(o.Year, e)
	if covered := obligation.Surrendered + obligation.Offset; o.Tonnes < covered {
		return short(tx.ObligationCovered, e.id, covered, o.Tonnes)
	}
	limit := tx.Tonnes(x.shareOn(parameterOffsetShare, x.facts.day()).of(int64(o.Tonnes)))
	if obligation.Offset > limit {
		return short(tx.OffsetOverLimit, e.id, limit, obligation.Offset)
	}
	if year.due -= int64(obligation.Due); !fits(year.due, int64(o.Tonnes)) {
		return about(tx.AmountOverflow, yearName(o.Year)+" of all entities")
	}
	// Past this point the obligation is set.
	year.due += int64(o.Tonnes)
	x.setYear(yearCell, year)
	obligation.Due = o.Tonnes
	x.setMessage(c, &obligation)
	return nil
}

func yearName(y tx.Year) string { return (tx.Day(y)*10000 + 101).String()[:4] }

// dueOf finds what an entity owes in a year that is still open.
func (x *exec) dueOf(year tx.Year, e account) (*cell, tx.Obligation, *tx.Rejection) {
	_, y := x.year(year)
	c, o := x.obligation(year, e)
	switch {
	case !c.exists():
		return c, o, about(tx.NoObligation, e.id)
	case y.closed != 0:
		return c, o, about(tx.YearClosed, yearName(year))
	}
	return c, o, nil
}

// surrender hands allowances in. Allowances of the year or of an earlier
// vintage count (plan 国环规气候〔2024〕1号).
func (x *exec) surrender(o *tx.Surrender) *tx.Rejection {
	instrument, n := x.instrumentAmount(o.Instrument, o.Tonnes)
	if n != nil {
		return n
	}
	c, obligation, n := x.dueOf(o.Year, x.asker)
	if n != nil {
		return n
	}
	if instrument.Vintage > o.Year {
		return short(tx.VintageNotUsable, o.Instrument, instrument.Vintage, o.Year)
	}
	if due := stillDue(&obligation); o.Tonnes > due {
		return short(tx.SurrenderOverDue, x.asker.id, due, o.Tonnes)
	}
	from := x.holding(x.asker.id, o.Instrument)
	if have := from.number(); have < int64(o.Tonnes) {
		return short(tx.InsufficientHolding, o.Instrument+" of "+x.asker.id, have, int64(o.Tonnes))
	}
	// Past this point the surrender cannot fail.
	x.add(from, -int64(o.Tonnes))
	supplyCell, s := x.supply(o.Instrument)
	s.surrendered += int64(o.Tonnes)
	x.setSupply(supplyCell, s)
	obligation.Surrendered += o.Tonnes
	x.setMessage(c, &obligation)
	yearCell, y := x.year(o.Year)
	if instrument.Vintage == o.Year {
		y.ownVintage += int64(o.Tonnes)
	} else {
		y.older += int64(o.Tonnes)
	}
	x.setYear(yearCell, y)
	return nil
}

// bookOffset counts cancelled CCER, up to their share of the obligation
// (Trial Measures, Art. 29: 5 %).
func (x *exec) bookOffset(o *tx.BookOffset) *tx.Rejection {
	if o.Tonnes <= 0 {
		return short(tx.AmountNotPositive, "tonnes", 0, o.Tonnes)
	}
	if !printableText(o.Cancellation, maxDocument) {
		return about(tx.BadDocument, o.Cancellation)
	}
	e, n := x.entity(o.Entity)
	if n != nil {
		return n
	}
	c, obligation, n := x.dueOf(o.Year, e)
	if n != nil {
		return n
	}
	limit := tx.Tonnes(x.shareOn(parameterOffsetShare, x.facts.day()).of(int64(obligation.Due)))
	if left := limit - obligation.Offset; o.Tonnes > left {
		return short(tx.OffsetOverLimit, e.id, left, o.Tonnes)
	}
	if due := stillDue(&obligation); o.Tonnes > due {
		return short(tx.SurrenderOverDue, e.id, due, o.Tonnes)
	}
	cancellation := x.at(keyOf1(x.key(), rangeCancellation, o.Cancellation))
	if cancellation.exists() {
		return about(tx.CancellationUsed, o.Cancellation)
	}
	// Past this point the offset cannot fail.
	x.set(cancellation, append(appendNumbers(nil, int64(o.Year), int64(o.Tonnes)), e.id...))
	obligation.Offset += o.Tonnes
	x.setMessage(c, &obligation)
	return nil
}

// closeYear makes a year's obligations final, after its deadline.
func (x *exec) closeYear(o *tx.CloseYear) *tx.Rejection {
	c, y := x.year(o.Year)
	switch {
	case !c.exists():
		return short(tx.BadYear, "no obligations", 0, o.Year)
	case y.closed != 0:
		return about(tx.YearClosed, yearName(o.Year))
	}
	today := x.facts.day()
	deadline, err := tx.ParseDay(x.parameter(parameterDeadline+yearName(o.Year), today))
	if err != nil || today <= deadline {
		return short(tx.DeadlineNotPassed, yearName(o.Year), deadline, today)
	}
	// Past this point the year is closed.
	y.closed = 1
	x.setYear(c, y)
	return nil
}
