package state

import "carbonledger/tx"

// yearFacts are what the ledger keeps of an obligation year beside the
// obligations: whether it is closed, what was surrendered for it by vintage, what
// is due of all entities, and what waits in applications. Because what is due is
// checked to stay within 63 bits, no sum over the year's obligations can overflow.
type yearFacts struct{ closed, ownVintage, older, due, submitted int64 }

func decodeYearFacts(b []byte) (y yearFacts) {
	numbers(b, &y.closed, &y.ownVintage, &y.older, &y.due, &y.submitted)
	return y
}

func (x *exec) year(year tx.Year) (*cell, yearFacts) {
	c := x.at(yearKey(x.key(), rangeYear, year))
	return c, decodeYearFacts(c.value)
}

func (x *exec) setYear(c *cell, y yearFacts) {
	x.set(c, appendNumbers(nil, y.closed, y.ownVintage, y.older, y.due, y.submitted))
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

// setObligation records what an entity must cover: its verified emissions (Interim
// Regulations, Art. 12 and 14). It may be corrected until the year is closed.
func (x *exec) setObligation(o *tx.SetObligation) *tx.Rejection {
	if o.Tonnes <= 0 {
		return short(tx.AmountNotPositive, "tonnes", 0, o.Tonnes)
	}
	if n := x.checkYear(o.Year); n != nil {
		return n
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
	if verified, v := x.verification(o.Year, e.id); !verified.exists() || v.Tonnes != o.Tonnes {
		return short(tx.DiffersFromVerified, e.id, v.Tonnes, o.Tonnes)
	}
	c, obligation := x.obligation(o.Year, e)
	if covered := obligation.Surrendered + obligation.Offset + obligation.Submitted; o.Tonnes < covered {
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
	x.complete(&obligation)
	x.setMessage(c, &obligation)
	return nil
}

func yearName(y tx.Year) string { return (tx.Day(y)*10000 + 101).String()[:4] }

// dueOf finds what an entity owes in a year that is still open.
func (x *exec) dueOf(year tx.Year, e account) (*cell, tx.Obligation, *tx.Rejection) {
	_, y := x.year(year)
	c, o := x.obligation(year, e)
	switch {
	case o.Due == 0:
		return c, o, about(tx.NoObligation, e.id)
	case y.closed != 0:
		return c, o, about(tx.YearClosed, yearName(year))
	}
	return c, o, nil
}

// deadline of a year's obligations as it holds on the ledger's day; 0: none is set.
func (x *exec) deadline(year tx.Year) tx.Day {
	s := x.parameter(parameterDeadline+yearName(year), x.today())
	if s == "" {
		return 0
	}
	day, err := tx.ParseDay(s)
	if err != nil {
		panic("state: the deadline of " + yearName(year) + " is no day")
	}
	return day
}

// closeYear makes a year's obligations final, after its deadline and when no
// application waits.
func (x *exec) closeYear(o *tx.CloseYear) *tx.Rejection {
	c, y := x.year(o.Year)
	switch {
	case !c.exists():
		return short(tx.BadYear, "no obligations", 0, o.Year)
	case y.closed != 0:
		return about(tx.YearClosed, yearName(o.Year))
	case y.submitted > 0:
		return short(tx.OpenBusiness, yearName(o.Year), 0, y.submitted)
	}
	today := x.facts.day()
	if deadline := x.deadline(o.Year); deadline == 0 || today <= deadline {
		return short(tx.DeadlineNotPassed, yearName(o.Year), deadline, today)
	}
	// Past this point the year is closed.
	y.closed = 1
	x.setYear(c, y)
	return nil
}
