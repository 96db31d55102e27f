package state

import "carbonledger/tx"

// moveHolding moves available units of the asking holder between its registry and
// its trading holding (plan 国环规气候〔2024〕1号, annex 5).
func (x *exec) moveHolding(o *tx.MoveHolding) *tx.Rejection {
	if _, n := x.instrumentAmount(o.Instrument, o.Tonnes); n != nil {
		return n
	}
	from, to := tradingAvailable, registryAvailable
	switch o.To {
	case tx.TradingAvailable:
		from, to = registryAvailable, tradingAvailable
	case tx.RegistryAvailable:
	default:
		return about(tx.BadSubBalance, o.To.String())
	}
	if n := unrestricted(&x.asker, tx.NoUse); n != nil {
		return n
	}
	_, h := x.holding(x.asker.id, o.Instrument)
	if h.of[from] < o.Tonnes {
		return short(tx.InsufficientHolding, o.Instrument+" of "+x.asker.id, h.of[from], o.Tonnes)
	}
	// Past this point the move cannot fail.
	x.shift(x.asker.id, o.Instrument, from, to, o.Tonnes)
	return nil
}
