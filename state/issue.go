package state

import "carbonledger/tx"

// maxDocument bounds the number of a document or a cancellation.
const maxDocument = 64

// issueAllowances creates allowances of a vintage. The document that determined
// the allocation is used once for a holder and an instrument (plan
// 国环规气候〔2024〕1号, annex 6: issuance on the province's formal document).
func (x *exec) issueAllowances(o *tx.IssueAllowances) *tx.Rejection {
	if _, n := x.instrumentAmount(o.Instrument, o.Tonnes); n != nil {
		return n
	}
	if !printableText(o.Document, maxDocument) {
		return about(tx.BadDocument, o.Document)
	}
	if _, n := x.entity(o.To); n != nil {
		return n
	}
	c, s := x.supply(o.Instrument)
	if !fits(s.broughtForward, s.issued, int64(o.Tonnes)) {
		return about(tx.AmountOverflow, o.Instrument+" of all parties")
	}
	document := x.at(documentKey(x.key(), o.To, o.Instrument, o.Document))
	if document.exists() {
		return about(tx.DocumentUsed, o.Document+" for "+o.Instrument+" of "+o.To)
	}
	// Past this point the issue cannot fail.
	x.set(document, mark)
	s.issued += int64(o.Tonnes)
	x.setSupply(c, s)
	x.add(x.holding(o.To, o.Instrument), int64(o.Tonnes))
	return nil
}
