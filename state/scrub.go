package state

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sort"

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

// checkStatements compares the entries of each statement with its head, which is state,
// and what they wrote with the versions that are kept for queries of the past.
func (v *View) checkStatements() (err error) {
	for party, value := range v.each([]byte{rangeStatement}, &err) {
		size, head := decodeStatement(value)
		var is proof.Hash
		past := writtenBlock{v: v}
		for after := uint64(0); after < size; {
			s, err := v.Statement(string(party), after, statementPage)
			if err != nil {
				return err
			}
			is, after = proof.StatementHead(is, s.Entries...), after+uint64(len(s.Entries))
			for i := range s.Entries {
				if err := past.add(&s.Entries[i]); err != nil {
					return err
				}
			}
		}
		if err := past.check(); err != nil {
			return err
		}
		if is != head {
			return fmt.Errorf("state: the entries of the statement of %s do not lead to its head", party)
		}
	}
	return err
}

// statementPage is how many entries of a statement are read at once.
const statementPage = 256

// writtenBlock is what the entries of a statement wrote in one block, as it left it.
type writtenBlock struct {
	v            *View
	height, size uint64 // of the log after it
	puts         []proof.Put
}

// add takes the next entry of the statement; the block before is checked where it is of
// a later one.
func (w *writtenBlock) add(e *proof.StatementEntry) error {
	if e.Index >= w.size {
		if err := w.check(); err != nil {
			return err
		}
		var failed error
		w.height += 1 + uint64(sort.Search(int(w.v.at.height-w.height), func(i int) bool {
			size, err := w.v.SizeAt(w.height + 1 + uint64(i))
			failed = errors.Join(failed, err)
			return err != nil || size > e.Index
		}))
		size, err := w.v.SizeAt(min(w.height, w.v.at.height))
		if failed = errors.Join(failed, err); failed != nil {
			return failed
		}
		w.size = size
	}
	puts, err := proof.DecodePuts(e.Puts)
	if err != nil {
		return fmt.Errorf("state: the entry of number %d in a statement: %w", e.Index, err)
	}
	for _, p := range puts {
		if len(p.Key) == 0 || !versioned(p.Key[0]) {
			continue
		}
		same := func(q proof.Put) bool { return bytes.Equal(q.Key, p.Key) }
		if i := slices.IndexFunc(w.puts, same); i >= 0 {
			w.puts[i] = p
		} else {
			w.puts = append(w.puts, p)
		}
	}
	return nil
}

// check compares what was written with the versions of that height.
func (w *writtenBlock) check() error {
	for _, p := range w.puts {
		version, err := w.v.get(versionKey(nil, p.Key, w.height))
		if err != nil {
			return err
		}
		if !bytes.Equal(version, p.Value) {
			return fmt.Errorf("state: the version of the record %x at height %d is not what was written there", p.Key, w.height)
		}
	}
	w.puts = w.puts[:0]
	return nil
}

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
