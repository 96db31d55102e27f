package state

import (
	"bytes"
	"fmt"

	"carbonledger/tx"
)

// CheckRecord compares what the ledger would answer about an entry of its log,
// its receipt and the use of its reference, with the entry itself.
func (v *View) CheckRecord(r *tx.OutcomeRecord) error {
	if r.Receipt == nil {
		return nil
	}
	id := tx.ID(r.Receipt.Id)
	stored, err := v.get(receiptKey(nil, &id))
	if err != nil {
		return err
	}
	if !bytes.Equal(stored, encode(nil, r.Receipt)) {
		return fmt.Errorf("state: the receipt of transaction %s is not the one of its entry %d in the log", id, r.Receipt.Index)
	}
	used, err := v.get(keyOf2(nil, rangeReference, r.Receipt.Party, r.Receipt.Reference))
	if err != nil {
		return err
	}
	if !bytes.Equal(used, id[:]) {
		return fmt.Errorf("state: the reference %q of %s does not lead to its transaction %s", r.Receipt.Reference, r.Receipt.Party, id)
	}
	return nil
}
