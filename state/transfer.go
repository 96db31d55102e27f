package state

import "carbonledger/tx"

// transfer moves units without a trade. The law knows no free transfer (Trial
// Measures, Art. 23): only bench and test chains allow it.
func (x *exec) transfer(o *tx.Transfer) *tx.Rejection {
	if !x.chain.FreeTransfers {
		return no(tx.TransfersNotFree)
	}
	if _, n := x.instrumentAmount(o.Instrument, o.Tonnes); n != nil {
		return n
	}
	if o.To == x.asker.id {
		return about(tx.SameParty, o.To)
	}
	if _, n := x.entity(o.To); n != nil {
		return n
	}
	from := x.holding(x.asker.id, o.Instrument)
	if have := from.number(); have < int64(o.Tonnes) {
		return short(tx.InsufficientHolding, o.Instrument+" of "+x.asker.id, have, int64(o.Tonnes))
	}
	to := x.holding(o.To, o.Instrument)
	// Past this point the transfer cannot fail.
	x.add(from, -int64(o.Tonnes))
	x.add(to, int64(o.Tonnes))
	return nil
}
