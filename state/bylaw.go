package state

import (
	"crypto/sha256"

	"carbonledger/tx"
)

// byLaw is how much of a transaction's transfers between two parties is not
// corrected yet.
func (x *exec) byLaw(id []byte, from, to, instrument string) *cell {
	b := append(append(x.key(), rangeByLaw), id...)
	b = append(append(append(append(b, from...), 0), to...), 0)
	return x.at(append(b, instrument...))
}

// transferByLaw moves units for a reason that the law knows (Trial Measures,
// Art. 18 and 23), into the registry holding of the receiver.
func (x *exec) transferByLaw(o *tx.TransferByLaw) *tx.Rejection {
	if o.Kind == tx.TransferKindUnspecified {
		return about(tx.BadTransferKind, o.Kind.String())
	}
	if _, n := x.instrumentAmount(o.Instrument, o.Tonnes); n != nil {
		return n
	}
	if n := validDocument(o.Document); n != nil {
		return n
	}
	if o.From == o.To {
		return about(tx.SameParty, o.To)
	}
	from, to, n := x.transferParties(o)
	if n != nil {
		return n
	}
	if n := x.checkTransfer(o, &from, &to); n != nil {
		return n
	}
	document := x.at(documentKey(x.key(), o.To, o.Instrument, o.Document))
	if document.exists() {
		return about(tx.DocumentUsed, o.Document+" for "+o.Instrument+" of "+o.To)
	}
	if have := x.transferable(o); have < o.Tonnes {
		return short(tx.InsufficientHolding, o.Instrument+" of "+o.From, have, o.Tonnes)
	}
	// Past this point the transfer cannot fail.
	x.set(document, mark)
	source := registryAvailable
	switch o.Kind {
	case tx.Judicial:
		source = frozen
		c, r := x.frozenBy(o.Freeze)
		x.lift(c, &r, o.Tonnes)
	case tx.Release:
		c, a := x.allocation(o.To, o.Instrument)
		a.AtRegion -= o.Tonnes
		x.setMessage(c, &a)
	case tx.Correction:
		x.add(x.byLaw(o.Corrects, o.To, o.From, o.Instrument), -int64(o.Tonnes))
	}
	x.change(o.From, o.Instrument, source, -o.Tonnes)
	x.change(o.To, o.Instrument, registryAvailable, o.Tonnes)
	id := x.verified.ID()
	x.add(x.byLaw(id[:], o.From, o.To, o.Instrument), int64(o.Tonnes))
	return nil
}

// transferParties finds both accounts: a release goes from a region to an entity
// of it, all others between trading parties.
func (x *exec) transferParties(o *tx.TransferByLaw) (from, to account, n *tx.Rejection) {
	if o.Kind != tx.Release {
		if from, n = x.trader(o.From); n != nil {
			return from, to, n
		}
		to, n = x.trader(o.To)
		return from, to, n
	}
	from, ok := x.account(o.From)
	if !ok || from.closed || from.role != tx.RegionDepartment {
		return from, to, about(tx.UnknownCounterparty, o.From)
	}
	if to, n = x.entity(o.To); n == nil && to.region != from.id {
		n = about(tx.NotOwnEntity, to.id+" of "+to.region)
	}
	return from, to, n
}

// checkTransfer checks what a kind of transfer rests on: a freeze, signatures, or
// an earlier transfer.
func (x *exec) checkTransfer(o *tx.TransferByLaw, from, to *account) *tx.Rejection {
	signer := ""
	switch o.Kind {
	case tx.Division:
		signer = from.region
	case tx.Release:
		signer = from.id
	case tx.Judicial:
		c, r := x.frozenBy(o.Freeze)
		if !c.exists() || r.Party != o.From || r.Instrument != o.Instrument {
			return about(tx.UnknownFreeze, o.Freeze)
		}
		signer = r.Court
	}
	if signer != "" && !x.cosigned(signer, tx.RightPrepare|tx.RightApprove) {
		return about(tx.MissingCosignature, signer)
	}
	if o.Kind != tx.Correction {
		return nil
	}
	if len(o.Corrects) != sha256.Size {
		return about(tx.UnknownTransfer, "")
	}
	if left := x.byLaw(o.Corrects, to.id, from.id, o.Instrument).number(); left < int64(o.Tonnes) {
		return short(tx.UnknownTransfer, o.Instrument, left, int64(o.Tonnes))
	}
	return nil
}

// transferable is how many units a transfer can take.
func (x *exec) transferable(o *tx.TransferByLaw) tx.Tonnes {
	_, h := x.holding(o.From, o.Instrument)
	switch o.Kind {
	case tx.Judicial:
		_, r := x.frozenBy(o.Freeze)
		return r.Tonnes
	case tx.Release:
		_, a := x.allocation(o.To, o.Instrument)
		return min(a.AtRegion, h.of[registryAvailable])
	}
	return h.of[registryAvailable]
}
