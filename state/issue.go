package state

import (
	"crypto/sha256"
	"slices"

	"carbonledger/tx"
)

// maxDocument bounds the number of a document.
const maxDocument = 64

func (x *exec) allocation(entity, instrument string) (*cell, tx.Allocation) {
	a := tx.Allocation{Entity: entity, Instrument: instrument}
	c := x.at(keyOf2(x.key(), rangeAllocation, entity, instrument))
	if c.exists() {
		decode(c.value, &a)
	}
	return c, a
}

// putLot records the provenance of units, under the next number.
func (x *exec) putLot(l *tx.Lot) {
	x.facts.lots++
	l.Number, l.Height = x.facts.lots, x.height
	x.setMessage(x.at(lotKey(x.key(), l.Number)), l)
}

// issueAllowances carries out an allocation (plan 国环规气候〔2024〕1号, annex 6:
// on the province's formal document and table; part 5: return the excess, make up
// the shortage).
func (x *exec) issueAllowances(o *tx.IssueAllowances) *tx.Rejection {
	i, ok := x.chain.instrument[o.Instrument]
	switch {
	case !ok:
		return about(tx.UnknownInstrument, o.Instrument)
	case o.Stage == tx.StageUnspecified:
		return about(tx.BadStage, o.Stage.String())
	case o.Tonnes == 0, o.Tonnes < 0 && o.Stage != tx.Adjustment:
		return short(tx.AmountNotPositive, "tonnes", 0, o.Tonnes)
	}
	if n := validDocument(o.Document); n != nil {
		return n
	}
	if len(o.TableSha256) != sha256.Size {
		return about(tx.BadTable, o.Document)
	}
	e, n := x.allottee(o)
	if n != nil {
		return n
	}
	if !x.cosigned(e.region, tx.RightPrepare|tx.RightApprove) {
		return about(tx.MissingCosignature, e.region)
	}
	allocationCell, allocation := x.allocation(e.id, o.Instrument)
	if n := x.checkStage(o, &e, &allocation, i.Vintage); n != nil {
		return n
	}
	document := x.at(documentKey(x.key(), o.To, o.Instrument, o.Document))
	if document.exists() {
		return about(tx.DocumentUsed, o.Document+" for "+o.Instrument+" of "+o.To)
	}
	delta, n := x.allotted(o, &e, &allocation, i.Vintage)
	if n != nil {
		return n
	}
	// Past this point the issue cannot fail.
	x.set(document, mark)
	switch o.Stage {
	case tx.PreAllocation:
		allocation.Pre, allocation.PreTonnes = true, o.Tonnes
	case tx.FinalAllocation:
		allocation.Final, allocation.FinalTonnes = true, o.Tonnes
	}
	if delta > 0 {
		supplyCell, s := x.supply(o.Instrument)
		s.issued += int64(delta)
		x.setSupply(supplyCell, s)
		x.change(o.To, o.Instrument, registryAvailable, delta)
		if o.To != e.id {
			allocation.AtRegion += delta
		}
	} else if delta < 0 {
		x.takeBack(o, &e, &allocation, -delta)
	}
	x.setMessage(allocationCell, &allocation)
	x.putLot(&tx.Lot{
		To: o.To, Beneficiary: o.Beneficiary, Instrument: o.Instrument, Tonnes: delta, Stage: o.Stage, Region: e.region,
		Document: o.Document, TableSha256: o.TableSha256,
	})
	return nil
}

// allotted is what an issue adds, or takes back where it is negative: of a final
// allocation what goes beyond the pre-allocation and a recorded deduction. It fits
// into what came of the instrument, and into what the entity may owe.
func (x *exec) allotted(o *tx.IssueAllowances, e *account, a *tx.Allocation, year tx.Year) (tx.Tonnes, *tx.Rejection) {
	delta := o.Tonnes
	if o.Stage == tx.FinalAllocation {
		less := x.deduction(year, e.id).number()
		if !fits(int64(a.PreTonnes), less) {
			return 0, about(tx.AmountOverflow, o.Instrument+" of "+e.id)
		}
		delta -= a.PreTonnes + tx.Tonnes(less)
	}
	if _, s := x.supply(o.Instrument); delta > 0 && !fits(s.broughtForward, s.issued, int64(delta)) {
		return 0, about(tx.AmountOverflow, o.Instrument+" of all parties")
	}
	// The least number has no opposite: its own is negative, and does not fit.
	if owed := x.receivable(e.id, o.Instrument).number(); delta < 0 && !fits(owed, -int64(delta)) {
		return 0, about(tx.AmountOverflow, o.Instrument+" of "+e.id)
	}
	return delta, nil
}

// allottee is the entity whose allocation it is: the receiver, or the beneficiary
// for which its region's account receives it.
func (x *exec) allottee(o *tx.IssueAllowances) (account, *tx.Rejection) {
	if o.Beneficiary == "" {
		return x.entity(o.To)
	}
	e, n := x.entity(o.Beneficiary)
	if n != nil {
		return e, n
	}
	to, ok := x.account(o.To)
	switch {
	case !ok || to.closed || to.role != tx.RegionDepartment:
		return e, about(tx.UnknownCounterparty, o.To)
	case to.id != e.region:
		return e, about(tx.NotOwnEntity, e.id+" of "+e.region)
	}
	return e, nil
}

// checkStage: each stage once for an entity and year; sectors that get their
// verified emissions exactly have no pre-allocation, and neither has a
// differentiated allocation.
func (x *exec) checkStage(o *tx.IssueAllowances, e *account, a *tx.Allocation, year tx.Year) *tx.Rejection {
	if o.Stage == tx.Adjustment {
		return nil
	}
	if a.Final || a.Pre && o.Stage == tx.PreAllocation {
		return about(tx.IssuedBefore, o.Instrument+" of "+e.id)
	}
	sectors, ok := parseSectors(x.verifiedSectors(year))
	if !ok {
		panic("state: the sectors of " + yearName(year) + " do not parse")
	}
	verified := slices.Contains(sectors, e.sector)
	if o.Stage == tx.PreAllocation {
		if verified || o.To != e.id {
			return about(tx.NoPreAllocation, o.Instrument+" of "+e.id)
		}
		return nil
	}
	if c, v := x.verification(year, e.id); verified && (!c.exists() || v.Tonnes != o.Tonnes) {
		return short(tx.DiffersFromVerified, e.id, v.Tonnes, o.Tonnes)
	}
	return nil
}

func (x *exec) verifiedSectors(year tx.Year) string {
	if s := x.parameter(parameterVerified+yearName(year), x.facts.day()); s != "" {
		return s
	}
	return "none"
}

// takeBack takes issued units back: from what the region holds for the entity,
// where its account received them, else from what the entity has available. What
// is missing the entity owes.
func (x *exec) takeBack(o *tx.IssueAllowances, e *account, a *tx.Allocation, n tx.Tonnes) {
	var taken tx.Tonnes
	if o.To != e.id {
		taken = x.take(o.To, o.Instrument, min(n, a.AtRegion), registryAvailable)
		a.AtRegion -= taken
	} else {
		taken = x.take(o.To, o.Instrument, n, registryAvailable, tradingAvailable)
	}
	c, s := x.supply(o.Instrument)
	s.clawedBack += int64(taken)
	x.setSupply(c, s)
	if taken < n {
		x.add(x.receivable(e.id, o.Instrument), int64(n-taken))
	}
}

// repayReceivable hands units back that could not be taken.
func (x *exec) repayReceivable(o *tx.RepayReceivable) *tx.Rejection {
	if _, n := x.instrumentAmount(o.Instrument, o.Tonnes); n != nil {
		return n
	}
	owed := x.receivable(x.asker.id, o.Instrument)
	if have := owed.number(); have < int64(o.Tonnes) {
		return short(tx.RepayOverReceivable, o.Instrument+" of "+x.asker.id, have, int64(o.Tonnes))
	}
	if _, h := x.holding(x.asker.id, o.Instrument); h.of[registryAvailable] < o.Tonnes {
		return short(tx.InsufficientHolding, o.Instrument+" of "+x.asker.id, h.of[registryAvailable], o.Tonnes)
	}
	// Past this point the units go back.
	x.setNumber(owed, owed.number()-int64(o.Tonnes))
	x.change(x.asker.id, o.Instrument, registryAvailable, -o.Tonnes)
	c, s := x.supply(o.Instrument)
	s.clawedBack += int64(o.Tonnes)
	x.setSupply(c, s)
	return nil
}
