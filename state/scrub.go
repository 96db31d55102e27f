package state

import (
	"bytes"
	"errors"
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

// CheckState compares each record of the chosen ranges with its newest version,
// and the versions with the root of the newest epoch, which is in the log.
func (v *View) CheckState() (err error) {
	past, err := v.At(v.at.height)
	if err != nil {
		return err
	}
	versions, err := past.openVersions()
	if err != nil {
		return fmt.Errorf("state: read the past: %w", err)
	}
	var differs error
	for _, r := range chosenRanges {
		for key, value := range v.each([]byte{r}, &err) {
			whole := append([]byte{r}, key...)
			newest, readErr := versions.newest(whole)
			if readErr == nil && !bytes.Equal(newest, value) {
				readErr = fmt.Errorf("state: the record %x is not the one that was written last", whole)
			}
			if differs = readErr; differs != nil {
				break
			}
		}
		if err != nil || differs != nil {
			break
		}
	}
	if err := errors.Join(err, differs, versions.close()); err != nil {
		return err
	}
	e, ok, err := v.EpochAt(v.at.height)
	if err != nil || !ok {
		return err
	}
	if past, err = v.At(e.Height); err != nil {
		return err
	}
	_, err = past.tree(&e)
	return err
}
