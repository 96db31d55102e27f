package state

import (
	"bytes"
	"errors"
	"fmt"

	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// CheckRecord compares what the ledger would answer about an entry of its log,
// its block, its receipt and the use of its reference, with the entry itself.
func (v *View) CheckRecord(index uint64, r *tx.OutcomeRecord) error {
	if err := v.checkEnds(index, r); err != nil || r.Receipt == nil {
		return err
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

// checkEnds compares the ends of an entry's block and of the one before with the entry.
func (v *View) checkEnds(index uint64, r *tx.OutcomeRecord) error {
	if r.Height == 0 { // the founding's
		return nil
	}
	before, err := v.blockEnd(r.Height - 1)
	if err != nil {
		return err
	}
	end, err := v.blockEnd(r.Height)
	if err != nil {
		return err
	}
	within := before.size <= index && index < end.size && before.time <= end.time
	if o := r.Receipt; o != nil {
		within = within && before.time <= o.Time && o.Time <= end.time
	}
	if !within || !bytes.Equal(before.hash[:], r.PreviousHash) {
		return fmt.Errorf("state: the ends of the blocks %d and %d do not fit the entry %d of the log", r.Height-1, r.Height, index)
	}
	return nil
}

// checkStatements compares the entries of each statement with its head, which is state.
func (v *View) checkStatements() (err error) {
	for party, value := range v.each([]byte{rangeStatement}, &err) {
		size, head := decodeStatement(value)
		var is proof.Hash
		for after := uint64(0); after < size; {
			s, err := v.Statement(string(party), after, statementPage)
			if err != nil {
				return err
			}
			is, after = proof.StatementHead(is, s.Entries...), after+uint64(len(s.Entries))
		}
		if is != head {
			return fmt.Errorf("state: the entries of the statement of %s do not lead to its head", party)
		}
	}
	return err
}

// statementPage is how many entries of a statement are read at once.
const statementPage = 256

// CheckState compares each record of the chosen ranges with its newest version, the
// versions with the root of the newest epoch, which is in the log, and statements with
// their entries.
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
	if err := v.checkStatements(); err != nil {
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
