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
	_, from := x.holding(x.asker.id, o.Instrument)
	if have := from.of[registryAvailable]; have < o.Tonnes {
		return short(tx.InsufficientHolding, o.Instrument+" of "+x.asker.id, have, o.Tonnes)
	}
	// Past this point the transfer cannot fail.
	x.change(x.asker.id, o.Instrument, registryAvailable, -o.Tonnes)
	x.change(o.To, o.Instrument, registryAvailable, o.Tonnes)
	return nil
}
