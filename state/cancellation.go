package state

import "carbonledger/tx"

// cancelVoluntarily applies to cancel allowances for the public benefit (Trial
// Measures, Art. 19).
func (x *exec) cancelVoluntarily(o *tx.CancelVoluntarily) *tx.Rejection {
	if _, n := x.instrumentAmount(o.Instrument, o.Tonnes); n != nil {
		return n
	}
	if !printableText(o.Purpose, maxName) {
		return about(tx.BadPurpose, o.Purpose)
	}
	if n := x.checkApplication(o.Application); n != nil {
		return n
	}
	if n := x.mayLeave(); n != nil {
		return n
	}
	if _, h := x.holding(x.asker.id, o.Instrument); h.of[registryAvailable] < o.Tonnes {
		return short(tx.InsufficientHolding, o.Instrument+" of "+x.asker.id, h.of[registryAvailable], o.Tonnes)
	}
	// Past this point the application is submitted.
	x.putApplication(&tx.Application{
		Application: o.Application, Kind: tx.CancellationApplication, Instrument: o.Instrument, Tonnes: o.Tonnes, Purpose: o.Purpose,
	})
	return nil
}

// finishCancellation takes approved units out of the supply for ever; the pending
// units are the caller's matter.
func (x *exec) finishCancellation(a *tx.Application, approved bool) {
	if !approved {
		return
	}
	c, s := x.supply(a.Instrument)
	s.cancelled += int64(a.Tonnes)
	x.setSupply(c, s)
}
