package state

import "carbonledger/tx"

// Foreseen is what the ledger can say of a transaction before any block holds
// it. The zero value says that it belongs into a block.
type Foreseen struct {
	// First is the receipt that the ledger has of it already.
	First *tx.Receipt
	// Refused says why it would leave no record (see the frame, 3): another
	// chain, a party or key that does not exist, a key that may not act for it.
	// What comes before it in a block may change that, if it opens an account or
	// adds a key.
	Refused *tx.Rejection
}

// Foresee looks at transactions as they stand at the view's height. A leader that
// asks keeps out of its blocks, and so off every disk, what anybody can make in
// anybody's name, and what is there already.
func (v *View) Foresee(all []tx.Verified) (foreseen []Foreseen, err error) {
	defer recovered(&err)
	x := newExec(v.ledger.chain, v.store, v.at.facts)
	foreseen = make([]Foreseen, len(all))
	for i := range all {
		body, id := all[i].Body(), all[i].ID()
		reference := x.at(keyOf2(x.key(), rangeReference, body.Party, body.Reference))
		if string(reference.value) == string(id[:]) {
			r := x.firstReceipt(&id)
			foreseen[i].First = &r
			continue
		}
		foreseen[i].Refused = x.admit(all[i])
	}
	return foreseen, nil
}

// MakesSigners says whether a transaction opens an account or gives one keys, so that
// those behind it may be by a party or key that does not exist yet. What an approval
// carries out is not looked at: whoever signs behind it waits for its receipt.
func MakesSigners(v tx.Verified) bool {
	for i := range v.Body().Operations {
		switch v.Body().Operations[i].Operation.(type) {
		case *tx.Operation_OpenAccount, *tx.Operation_AddKey, *tx.Operation_RecoverKeys:
			return true
		}
	}
	return false
}
