package state

import "carbonledger/tx"

func (x *exec) frozenBy(document string) (*cell, tx.FreezeRecord) {
	var r tx.FreezeRecord
	c := x.at(keyOf1(x.key(), rangeFreeze, document))
	if c.exists() {
		decode(c.value, &r)
	}
	return c, r
}

// freeze freezes units on a court's document (registration rules): registry-
// available ones first, then trading-available, then locked ones, whose trades are
// exceptions at the close.
func (x *exec) freeze(o *tx.Freeze) *tx.Rejection {
	if _, n := x.instrumentAmount(o.Instrument, o.Tonnes); n != nil {
		return n
	}
	if n := validDocument(o.Document); n != nil {
		return n
	}
	if _, n := x.trader(o.Party); n != nil {
		return n
	}
	c, _ := x.frozenBy(o.Document)
	if c.exists() {
		return about(tx.DocumentUsed, o.Document)
	}
	_, h := x.holding(o.Party, o.Instrument)
	if have := h.of[registryAvailable] + h.of[tradingAvailable] + h.of[locked]; have < o.Tonnes {
		return short(tx.InsufficientHolding, o.Instrument+" of "+o.Party, have, o.Tonnes)
	}
	// Past this point the units are frozen.
	x.take(o.Party, o.Instrument, o.Tonnes, registryAvailable, tradingAvailable, locked)
	x.change(o.Party, o.Instrument, frozen, o.Tonnes)
	x.add(x.toLift(x.asker.id), 1)
	x.setMessage(c, &tx.FreezeRecord{Document: o.Document, Party: o.Party, Instrument: o.Instrument, Tonnes: o.Tonnes, Court: x.asker.id})
	return nil
}

// lift takes units out of a freeze; with the last ones it is over.
func (x *exec) lift(c *cell, r *tx.FreezeRecord, tonnes tx.Tonnes) {
	if r.Tonnes -= tonnes; r.Tonnes == 0 {
		x.add(x.toLift(r.Court), -1)
	}
	x.setMessage(c, r)
}

// unfreeze returns frozen units to the registry holding. Only the court that
// froze them.
func (x *exec) unfreeze(o *tx.Unfreeze) *tx.Rejection {
	c, r := x.frozenBy(o.Freeze)
	switch {
	case !c.exists() || r.Court != x.asker.id:
		return about(tx.UnknownFreeze, o.Freeze)
	case o.Tonnes <= 0:
		return short(tx.AmountNotPositive, "tonnes", 0, o.Tonnes)
	case o.Tonnes > r.Tonnes:
		return short(tx.InsufficientHolding, r.Instrument+" of "+r.Party, r.Tonnes, o.Tonnes)
	}
	// Past this point the units are free.
	x.lift(c, &r, o.Tonnes)
	x.shift(r.Party, r.Instrument, frozen, registryAvailable, o.Tonnes)
	return nil
}
