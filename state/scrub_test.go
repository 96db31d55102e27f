package state_test

import (
	"bytes"
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
	// The money of e0 as a block of long ago left it, which later ones have changed.
	version := []byte{0x88, 0, 3, 0x07, 'e', '0'}
	version = binary.BigEndian.AppendUint64(version, firstOf(t, s, version))
	statement := binary.BigEndian.AppendUint64([]byte("\x89e0\x00"), 3)
	end := binary.BigEndian.AppendUint64([]byte{0x85}, 17)
	for _, test := range []struct {
		what string
		key  []byte
		at   int
	}{
		{"the index in a statement's entry", statement, 7}, {"what it wrote", statement, -1},
		{"a balance of the past", version, 7}, {"the hash of a block", end, 0}, {"its size", end, 39}, {"its time", end, 41},
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

// firstOf is the first height behind the founding of which a version with this beginning
// is kept; there must be later ones.
func firstOf(t *testing.T, s *script, prefix []byte) uint64 {
	t.Helper()
	db, err := disk.Open(s.dir, disk.Options{FS: s.fs, DisableWAL: true})
	s.must(err)
	defer func() { s.must(db.Close()) }()
	i, err := db.NewIter(nil)
	s.must(err)
	defer func() { s.must(i.Close()) }()
	var heights []uint64
	for ok := i.SeekGE(prefix); ok && bytes.HasPrefix(i.Key(), prefix); ok = i.Next() {
		if h := binary.BigEndian.Uint64(i.Key()[len(prefix):]); h > 0 {
			heights = append(heights, h)
		}
	}
	if len(heights) < 3 {
		t.Fatalf("versions of %x are kept of the heights %v", prefix, heights)
	}
	return heights[0]
}
