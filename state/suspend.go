package state

import "carbonledger/tx"

// suspendTrading suspends trading or takes it up again (exchange's trading rules:
// force majeure, technical failure).
func (x *exec) suspendTrading(o *tx.SuspendTrading) *tx.Rejection {
	if n := validDocument(o.Document); n != nil {
		return n
	}
	if _, known := x.chain.instrument[o.Instrument]; !known && o.Instrument != "" {
		return about(tx.UnknownInstrument, o.Instrument)
	}
	c, now := x.suspended(o.Instrument), int64(0)
	if o.Suspended {
		now = 1
	}
	if c.number() == now {
		return about(tx.NothingChanged, o.Instrument)
	}
	// Past this point trading is suspended, or goes on.
	x.setNumber(c, now)
	return nil
}

func (x *exec) notSuspended(instrument string) *tx.Rejection {
	for _, code := range []string{"", instrument} {
		if x.suspended(code).number() != 0 {
			return about(tx.TradingSuspended, code)
		}
	}
	return nil
}

// suspended is 1 where trading in an instrument, or with "" in all, is suspended.
func (x *exec) suspended(instrument string) *cell {
	return x.at(keyOf1(x.key(), rangeSuspended, instrument))
}
