package state

import (
	"math/big"
	"unicode/utf8"

	"carbonledger/tx"
)

func (x *exec) pledgeOf(registration string) (*cell, tx.PledgeRecord) {
	var r tx.PledgeRecord
	c := x.at(keyOf1(x.key(), rangePledge, registration))
	if c.exists() {
		decode(c.value, &r)
	}
	return c, r
}

// toLift is how many open pledges and freezes of others wait for a party, which
// alone may lift them.
func (x *exec) toLift(party string) *cell { return x.at(keyOf1(x.key(), rangeToLift, party)) }

// pledge encumbers units of the asking holder for a creditor (design: neither the
// Measures nor the Registration Rules know pledges).
func (x *exec) pledge(o *tx.Pledge) *tx.Rejection {
	if _, n := x.instrumentAmount(o.Instrument, o.Tonnes); n != nil {
		return n
	}
	if n := validDocument(o.Registration); n != nil {
		return n
	}
	if utf8.RuneCountInString(o.Condition) > maxName {
		return about(tx.BadPurpose, o.Registration)
	}
	if o.Pledgee == x.asker.id {
		return about(tx.SameParty, o.Pledgee)
	}
	if a, ok := x.account(o.Pledgee); !ok || a.closed || a.role != tx.SettlementBank && a.role != tx.KeyEmittingEntity && a.role != tx.OtherInstitution {
		return about(tx.UnknownCounterparty, o.Pledgee)
	}
	c, _ := x.pledgeOf(o.Registration)
	if c.exists() {
		return about(tx.DocumentUsed, o.Registration)
	}
	if n := x.mayLeave(); n != nil {
		return n
	}
	if n := x.leavesDuty(o.Tonnes); n != nil {
		return n
	}
	if _, h := x.holding(x.asker.id, o.Instrument); h.of[registryAvailable] < o.Tonnes {
		return short(tx.InsufficientHolding, o.Instrument+" of "+x.asker.id, h.of[registryAvailable], o.Tonnes)
	}
	// Past this point the units are pledged.
	x.shift(x.asker.id, o.Instrument, registryAvailable, pledged, o.Tonnes)
	x.add(x.toLift(o.Pledgee), 1)
	x.setMessage(c, &tx.PledgeRecord{
		Registration: o.Registration, Pledgor: x.asker.id, Pledgee: o.Pledgee, Instrument: o.Instrument, Tonnes: o.Tonnes, Condition: o.Condition,
	})
	return nil
}

// leavesDuty: where duty goes first, a pledge leaves as many available units, of
// whatever vintage, as the asker still owes for all open years.
func (x *exec) leavesDuty(pledge tx.Tonnes) *tx.Rejection {
	if x.parameter(parameterPledgeDuty, x.facts.day()) != "duty" {
		return nil
	}
	left := new(big.Int) // over several years and vintages: beyond 63 bits
	for i := range x.chain.Instruments {
		_, h := x.holding(x.asker.id, x.chain.Instruments[i].Code)
		left.Add(left, big.NewInt(int64(h.of[registryAvailable]+h.of[tradingAvailable])))
	}
	for year := firstYear; year <= x.facts.day().Year(); year++ {
		if _, y := x.year(year); y.closed == 0 {
			_, o := x.obligation(year, x.asker)
			left.Sub(left, big.NewInt(int64(stillDue(&o)-o.Submitted)))
		}
	}
	switch {
	case left.Sign() <= 0:
		return short(tx.DutyFirst, x.asker.id, 0, pledge)
	case left.Cmp(big.NewInt(int64(pledge))) < 0:
		return short(tx.DutyFirst, x.asker.id, tx.Tonnes(left.Int64()), pledge)
	}
	return nil
}

// releasePledge returns pledged units to the pledgor. The pledgee alone, or who
// goes on in its place.
func (x *exec) releasePledge(o *tx.ReleasePledge) *tx.Rejection {
	c, r := x.pledgeOf(o.Registration)
	switch {
	case !c.exists() || r.Released:
		return about(tx.UnknownPledge, o.Registration)
	case x.successor(r.Pledgee) != x.asker.id:
		return about(tx.NotPledgee, o.Registration+" of "+r.Pledgee)
	}
	// Past this point the pledge is released.
	r.Released = true
	x.add(x.toLift(x.asker.id), -1)
	x.setMessage(c, &r)
	x.shift(r.Pledgor, r.Instrument, pledged, registryAvailable, r.Tonnes)
	return nil
}
