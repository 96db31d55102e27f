package state

import (
	"cmp"
	"slices"

	"carbonledger/tx"
)

// forceSurrender surrenders on a region's signed entrustment (plan
// 国环规气候〔2024〕1号, part 6): what the region holds for the entity, then what the
// entity has, up to what is due; the rest that the region holds goes to the entity.
func (x *exec) forceSurrender(o *tx.ForceSurrender) *tx.Rejection {
	if n := validDocument(o.Document); n != nil {
		return n
	}
	e, n := x.entity(o.Entity)
	if n != nil {
		return n
	}
	if !x.cosigned(e.region, tx.RightPrepare|tx.RightApprove) {
		return about(tx.MissingCosignature, e.region)
	}
	c, obligation, n := x.dueOf(o.Year, e)
	if n != nil {
		return n
	}
	if obligation.Submitted > 0 {
		return about(tx.OpenBusiness, e.id)
	}
	due := stillDue(&obligation)
	if due == 0 {
		return about(tx.NothingDue, e.id)
	}
	vintages := x.usable(o.Year)
	if !x.hasAny(&e, vintages) {
		return short(tx.InsufficientHolding, e.id, 0, due)
	}
	// Past this point something is surrendered.
	for _, code := range vintages {
		x.forceFrom(&e, &obligation, code, true, registryAvailable)
	}
	for _, sub := range []subBalance{registryAvailable, tradingAvailable} {
		for _, code := range vintages {
			x.forceFrom(&e, &obligation, code, false, sub)
		}
	}
	x.setMessage(c, &obligation)
	if stillDue(&obligation) == 0 {
		for i := range x.chain.Instruments {
			x.releaseRest(&e, x.chain.Instruments[i].Code)
		}
	}
	return nil
}

// usable are the instruments that count for a year, in the order in which a
// forced surrender takes them.
func (x *exec) usable(year tx.Year) []string {
	var all []tx.Instrument
	for _, i := range x.chain.Instruments {
		if i.Vintage <= year {
			all = append(all, i)
		}
	}
	oldest := x.parameter(parameterForcedOrder, x.facts.day()) == "oldest-first"
	slices.SortStableFunc(all, func(a, b tx.Instrument) int {
		if oldest {
			return cmp.Compare(a.Vintage, b.Vintage)
		}
		return cmp.Compare(b.Vintage, a.Vintage)
	})
	var codes []string
	for _, i := range all {
		codes = append(codes, i.Code)
	}
	return codes
}

// hasAny reports whether there is a unit to surrender.
func (x *exec) hasAny(e *account, codes []string) bool {
	return slices.ContainsFunc(codes, func(code string) bool {
		_, a := x.allocation(e.id, code)
		_, h := x.holding(e.id, code)
		return a.AtRegion+h.of[registryAvailable]+h.of[tradingAvailable] > 0
	})
}

// forceFrom surrenders what it can of one instrument from one place.
func (x *exec) forceFrom(e *account, o *tx.Obligation, code string, atRegion bool, sub subBalance) {
	party, most := e.id, stillDue(o)
	c, a := x.allocation(e.id, code)
	if atRegion {
		party, most = e.region, min(most, a.AtRegion)
	}
	taken := x.take(party, code, most, sub)
	if taken == 0 {
		return
	}
	if atRegion {
		a.AtRegion -= taken
		x.setMessage(c, &a)
	}
	o.Forced += taken
	x.cover(o, code, taken)
}

// releaseRest hands what a region holds for an entity to it.
func (x *exec) releaseRest(e *account, code string) {
	c, a := x.allocation(e.id, code)
	if a.AtRegion == 0 {
		return
	}
	taken := x.take(e.region, code, a.AtRegion, registryAvailable)
	a.AtRegion -= taken
	x.setMessage(c, &a)
	x.change(e.id, code, registryAvailable, taken)
}
