package state_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"carbonledger/state"
	"carbonledger/state/disk"
	"carbonledger/tx"
)

// TestScrubOfIndexes: a changed byte of what leads to the log's entries, the entries of
// a statement and the ends of blocks, is found, with good checksums too.
func TestScrubOfIndexes(t *testing.T) {
	s, blocks := history(t, 11, 40)
	s.open()
	for _, e := range entriesOf(blocks) {
		_, err := s.ledger.Apply([]state.Entry{e})
		s.must(err)
	}
	s.must(errors.Join(s.ledger.Flush(), s.ledger.Close()))
	// look opens the ledger and reads everything that is its own, as the scrub does.
	look := func() (found error) {
		s.open()
		defer func() { s.must(s.ledger.Close()) }()
		v, err := s.ledger.View()
		s.must(err)
		defer func() { s.must(v.Close()) }()
		err = v.Entries(0, v.LogSize(), func(index uint64, entry []byte) error {
			r, err := tx.DecodeRecord(entry)
			s.must(err)
			return v.CheckRecord(index, r)
		})
		return errors.Join(err, v.CheckState())
	}
	s.must(look())
	flip := func(key []byte, at int) {
		db, err := disk.Open(s.dir, disk.Options{FS: s.fs, DisableWAL: true})
		s.must(err)
		i, err := db.NewIter(nil)
		s.must(err)
		if !i.SeekGE(key) || !slices.Equal(i.Key(), key) {
			t.Fatalf("no record %x", key)
		}
		value := slices.Clone(i.Value())
		value[(at+len(value))%len(value)] ^= 1
		b := db.NewBatch()
		s.must(errors.Join(b.Set(key, value, nil), i.Close(), db.Commit(b, false), db.Flush(), db.Close()))
	}
	statement := binary.BigEndian.AppendUint64([]byte("\x89e0\x00"), 3)
	end := binary.BigEndian.AppendUint64([]byte{0x85}, 17)
	for _, test := range []struct {
		what string
		key  []byte
		at   int
	}{
		{"the index in a statement's entry", statement, 7}, {"what it wrote", statement, -1},
		{"the hash of a block", end, 0}, {"its size", end, 39}, {"its time", end, 41},
	} {
		flip(test.key, test.at)
		if err := look(); err == nil {
			t.Errorf("%s: nothing is found", test.what)
		} else {
			t.Logf("%s: %v", test.what, err)
		}
		flip(test.key, test.at)
	}
	s.must(look())
}
