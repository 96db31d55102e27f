package state

import (
	"encoding/binary"
	"errors"
	"fmt"

	"carbonledger/tx"
	"carbonledger/tx/proof"

	"github.com/cockroachdb/pebble/v2"
)

// ErrArchived: an entry of the log was dropped here, after it had been found in
// the log at URL byte for byte.
type ErrArchived struct {
	Index uint64
	URL   string
}

// Error says where the entry is.
func (e *ErrArchived) Error() string {
	return fmt.Sprintf("the entry %d of the log is not on this node any more, it is in the archive %s", e.Index, e.URL)
}

// Archived is what the error holds, for packages that know no state.
func (e *ErrArchived) Archived() (index uint64, url string) { return e.Index, e.URL }

// Archive is the index of the first entry that is still here, 0 where all are, and
// the URL of the log that has those before.
func (v *View) Archive() (first uint64, url string, err error) {
	b, err := v.get([]byte{localArchive})
	if err != nil || b == nil {
		return 0, "", err
	}
	if len(b) < 8 {
		return 0, "", fmt.Errorf("state: the record of the archive has %d bytes", len(b))
	}
	return binary.BigEndian.Uint64(b), string(b[8:]), nil
}

// lacks is why an entry of the log is not here.
func (v *View) lacks(index uint64) error {
	first, url, err := v.Archive()
	if err == nil && index < first {
		err = &ErrArchived{index, url}
	}
	if err == nil {
		err = fmt.Errorf("state: the log lacks entry %d", index)
	}
	return err
}

// DropEntries deletes the log's entries before an index, which the caller has
// compared with those in the log at url; leaves and nodes stay. to is a multiple
// of a tile's width.
func (l *Ledger) DropEntries(to uint64, url string) error {
	if !l.IndexKnown() {
		return errors.New("state: a rebuilt ledger keeps its entries until it knows where it stands in Raft's log")
	}
	v, err := l.View()
	if err != nil {
		return err
	}
	first, _, err := v.Archive()
	if err := errors.Join(err, v.Close()); err != nil {
		return err
	}
	if to%proof.TileWidth != 0 || to < first || to > v.LogSize() || url == "" {
		return fmt.Errorf("state: no entries from %d up to %d can be dropped from a log of size %d", first, to, v.LogSize())
	}
	err = l.local("drop entries", func(b *pebble.Batch) error {
		// One batch: a crash here leaves all of them and no record, or none and the
		// record, which says where they are.
		return errors.Join(
			b.DeleteRange(heightKey(localEntry, 0), heightKey(localEntry, to), nil),
			b.Set([]byte{localArchive}, append(binary.BigEndian.AppendUint64(nil, to), url...), nil),
		)
	})
	if err != nil {
		return err
	}
	// Lost in a crash, all would have to be compared again.
	return l.Flush()
}

// ClosedDay is the newest business day whose state root is named in a log of this
// size; false where there is none.
func (v *View) ClosedDay(size uint64) (tx.Day, bool, error) {
	for height := v.at.height; height > 0; {
		e, ok, err := v.CloseAt(height - 1)
		if err != nil || !ok {
			return 0, false, err
		}
		entry, err := v.RootEntry(e.Height)
		if err != nil || entry < size {
			return e.Day, err == nil, err
		}
		height = e.Height
	}
	return 0, false, nil
}

// KeptCheckpoint is the published checkpoint that was kept for a business day that
// was closed, nil where none was.
func (v *View) KeptCheckpoint(day tx.Day) ([]byte, error) {
	return v.get(dayKey(nil, localKept, day))
}

// KeepCheckpoint keeps a published checkpoint for a business day. Lost in a crash,
// it is missing here: other validators have theirs.
func (l *Ledger) KeepCheckpoint(day tx.Day, signed []byte) error {
	return l.local("keep a checkpoint", func(b *pebble.Batch) error { return b.Set(dayKey(nil, localKept, day), signed, nil) })
}

// local writes what is no part of any block.
func (l *Ledger) local(what string, fill func(*pebble.Batch) error) error {
	if !l.enter() {
		return ErrClosed
	}
	defer l.leave()
	b := l.db.NewBatch()
	if err := fill(b); err != nil {
		return errors.Join(fmt.Errorf("state: %s: %w", what, err), b.Close())
	}
	if err := l.db.Commit(b, false); err != nil {
		return fmt.Errorf("state: %s: %w", what, err)
	}
	return nil
}
