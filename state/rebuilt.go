package state

import (
	"errors"
	"fmt"

	"carbonledger/tx"
)

// A ledger that was made from its log stands at a height without an index of
// Raft's, which the log does not say: 0 is on the disk. Apply is total, every entry
// of Raft's log that holds a block makes one height: so it counts entries from the
// beginning of Raft's log, passes over those that it has the blocks of, and learns
// the index from the last of them.

// MarkRebuilt forgets Raft's index, on the disk, of a ledger that was made from its
// log. A crash before it returns leaves the ledger with or without the mark: it is
// to be called again.
func (l *Ledger) MarkRebuilt() error {
	if err := l.setIndex(0); err != nil {
		return fmt.Errorf("state: mark the ledger as rebuilt: %w", err)
	}
	return l.Flush()
}

// IndexKnown is false for a rebuilt ledger that has not learned yet where it stands
// in Raft's log.
func (l *Ledger) IndexKnown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.height == 0 || l.now.index != 0
}

// setIndex writes Raft's index alone. Lost in a crash it is counted out again: Raft
// cuts its log behind a snapshot only, which flushes first.
func (l *Ledger) setIndex(index uint64) error {
	if !l.enter() {
		return ErrClosed
	}
	defer l.leave()
	b := l.db.NewBatch()
	if err := b.Set([]byte{localApplied}, appendNumbers(nil, int64(index)), nil); err != nil {
		return errors.Join(err, b.Close())
	}
	l.publish.Lock()
	defer l.publish.Unlock()
	if err := l.db.Commit(b, false); err != nil {
		return err
	}
	l.mu.Lock()
	l.now.index = index
	l.mu.Unlock()
	return nil
}

// place counts entries of which a rebuilt ledger has the blocks, and returns how
// many of these entries it passed over.
func (l *Ledger) place(entries []Entry) (passed int, err error) {
	for passed < len(entries) && !l.IndexKnown() {
		e := entries[passed]
		passed++
		if e.Index <= l.passed.index {
			continue
		}
		l.passed.height, l.passed.index = l.passed.height+1, e.Index
		if err := l.checkPassed(l.passed.height, e); err != nil {
			return passed, err
		}
		if l.passed.height == l.now.height {
			if err := l.setIndex(e.Index); err != nil {
				return passed, fmt.Errorf("state: write where the rebuilt ledger stands: %w", err)
			}
		}
	}
	return passed, nil
}

// checkPassed compares an entry's head, with stamp and running hash, with the one
// in the ledger's log: an entry of another history must not be passed over.
func (l *Ledger) checkPassed(height uint64, e Entry) error {
	before, err := endOf(height-1, l.get)
	if err != nil {
		return err
	}
	raw, err := l.get(heightKey(localEntry, before.size))
	if err != nil {
		return err
	}
	record, err := tx.DecodeRecord(raw)
	if err != nil {
		return fmt.Errorf("state: the log entry %d: %w", before.size, err)
	}
	var head *tx.BlockHead
	if b, ok := tx.DecodeBlock(e.Block, height); ok {
		head = b.Head()
	}
	if !head.Equal(record.Head) {
		return fmt.Errorf("state: this ledger was rebuilt from a log in which block %d is another one than Raft's entry %d: they are of two histories: "+
			"keep both for the auditors, and begin with a new data directory", height, e.Index)
	}
	return nil
}
