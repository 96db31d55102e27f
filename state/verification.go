package state

import (
	"crypto/sha256"

	"carbonledger/tx"
)

// firstYear is the first year that anything was due for.
const firstYear tx.Year = 2019

func (x *exec) verification(year tx.Year, entity string) (*cell, tx.Verification) {
	var v tx.Verification
	c := x.at(yearPartyKey(x.key(), rangeVerification, year, entity))
	if c.exists() {
		decode(c.value, &v)
	}
	return c, v
}

// checkYear: an obligation year is one from the market's first on, not after the
// ledger's.
func (x *exec) checkYear(year tx.Year) *tx.Rejection {
	if today := x.facts.day().Year(); year > today {
		return short(tx.BadYear, "", today, year)
	}
	if year < firstYear {
		return short(tx.BadYear, "", firstYear, year)
	}
	return nil
}

// recordVerification records verified emissions (Interim Regulations, Art. 12).
func (x *exec) recordVerification(o *tx.RecordVerification) *tx.Rejection {
	if o.Tonnes <= 0 {
		return short(tx.AmountNotPositive, "tonnes", 0, o.Tonnes)
	}
	if n := x.checkYear(o.Year); n != nil {
		return n
	}
	if _, n := x.entity(o.Entity); n != nil {
		return n
	}
	if len(o.ReportSha256) != sha256.Size {
		return about(tx.BadTable, o.Entity)
	}
	if _, y := x.year(o.Year); y.closed != 0 {
		return about(tx.YearClosed, yearName(o.Year))
	}
	// Past this point the verification is recorded.
	c, _ := x.verification(o.Year, o.Entity)
	x.setMessage(c, &tx.Verification{
		Entity: o.Entity, Year: o.Year, Tonnes: o.Tonnes, ReportSha256: o.ReportSha256, Verifier: x.asker.id, Height: x.height,
	})
	return nil
}

// deduction is what the final allocation of a year loses.
func (x *exec) deduction(year tx.Year, entity string) *cell {
	return x.at(yearPartyKey(x.key(), rangeDeduction, year, entity))
}

// recordDeduction takes what was not surrendered from the next year's final
// allocation (Interim Regulations, Art. 24).
func (x *exec) recordDeduction(o *tx.RecordDeduction) *tx.Rejection {
	if n := validDocument(o.Document); n != nil {
		return n
	}
	e, n := x.entity(o.Entity)
	if n != nil {
		return n
	}
	if e.region != x.asker.id {
		return about(tx.NotOwnEntity, e.id+" of "+e.region)
	}
	_, obligation := x.obligation(o.Year, e)
	if obligation.Due == 0 {
		return about(tx.NoObligation, e.id)
	}
	if _, y := x.year(o.Year); y.closed == 0 {
		return about(tx.YearNotClosed, yearName(o.Year))
	}
	missing := stillDue(&obligation)
	if missing == 0 {
		return about(tx.NothingDue, e.id)
	}
	record := x.deduction(o.Year+1, e.id)
	if record.exists() {
		return about(tx.AlreadyRecorded, e.id)
	}
	for i := range x.chain.Instruments {
		if code := x.chain.Instruments[i].Code; x.chain.Instruments[i].Vintage == o.Year+1 {
			if _, a := x.allocation(e.id, code); a.Final {
				return about(tx.IssuedBefore, code+" of "+e.id)
			}
		}
	}
	// Past this point the deduction is recorded.
	x.setNumber(record, int64(missing))
	return nil
}
