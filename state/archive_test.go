package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// TestDropEntries: what was dropped is said to be in the archive, whoever asks;
// all else is as before, in a copy of the store too, and the ledger goes on.
func TestDropEntries(t *testing.T) {
	s := newScript(t)
	s.open()
	defer func() { s.must(s.ledger.Close()) }()
	deposits := func(n int) {
		for range n {
			var lines []string
			for i := range 100 {
				lines = append(lines, fmt.Sprintf("bank d%d-%d: deposit to=e0 fen=1", s.index, i))
			}
			s.apply(benchBlockOf(s, lines))
		}
	}
	deposits(7)
	s.must(s.ledger.Checkpoint("whole"))
	whole, err := state.Open("whole", s.f, tx.NewVerifier(s.f.Hash), state.Options{FS: s.fs})
	s.must(err)
	defer func() { s.must(whole.Close()) }()
	before, err := whole.View()
	s.must(err)
	defer func() { s.must(before.Close()) }()
	for _, to := range []uint64{100, 768, 1 << 20} {
		if err := s.ledger.DropEntries(to, "https://archive.test"); err == nil {
			t.Errorf("dropped up to %d of %d", to, before.LogSize())
		}
	}
	s.must(whole.MarkRebuilt())
	if err := whole.DropEntries(256, "https://archive.test"); err == nil {
		t.Error("a rebuilt ledger dropped what it compares Raft's log with")
	}
	s.must(s.ledger.DropEntries(256, "https://elsewhere.test"))
	s.must(s.ledger.DropEntries(512, "https://archive.test"))
	if err := s.ledger.DropEntries(256, "https://archive.test"); err == nil {
		t.Error("dropped again")
	}
	look := func(l *state.Ledger) {
		t.Helper()
		v, err := l.View()
		s.must(err)
		defer func() { s.must(v.Close()) }()
		if first, url, err := v.Archive(); err != nil || first != 512 || url != "https://archive.test" {
			t.Errorf("entries from %d, older ones at %s: %v", first, url, err)
		}
		archived := func(what string, index uint64, err error) {
			t.Helper()
			var a *state.ErrArchived
			if !errors.As(err, &a) || a.Index != index || a.URL != "https://archive.test" {
				t.Errorf("%s: %v", what, err)
			}
		}
		none := func(uint64, []byte) error { t.Error("an entry was given"); return nil }
		archived("entries", 0, v.Entries(0, 700, none))
		archived("the last one", 511, v.Entries(511, 513, none))
		_, err = v.Tile(proof.Tile{Entries: true, Index: 1, Width: 256})
		archived("a bundle", 256, err)
		_, _, err = v.Block(3)
		archived("a block", 201, err)
		_, _, err = v.Block(6) // 501 to 600
		archived("a block in parts", 501, err)
		var id tx.ID
		s.must(before.Entries(5, 6, func(_ uint64, entry []byte) error {
			r, err := tx.DecodeRecord(entry)
			id = tx.ID(r.Receipt.Id)
			return err
		}))
		_, _, err = v.Transaction(id)
		archived("a transaction", 5, err)

		for _, tile := range proof.TilesOf(512, v.LogSize()) {
			was, err := before.Tile(tile)
			s.must(err)
			if is, err := v.Tile(tile); err != nil || !bytes.Equal(is[:len(was)], was) {
				t.Errorf("%s: %v", tile.Path(), err)
			}
		}
		if b, err := v.Tile(proof.Tile{Index: 0, Width: 256}); err != nil || len(b) != 256*32 {
			t.Errorf("hashes of dropped entries: %v", err)
		}
		if _, ok, err := v.Block(7); !ok || err != nil {
			t.Errorf("a block that is here: %v", err)
		}
		for size, ends := range map[uint64]bool{0: false, 1: true, 2: false, 100: false, 101: true, 601: true, 602: false, 701: true, 9999: false} {
			if err := v.EndsBlock(size); (err == nil) != ends {
				t.Errorf("size %d: %v", size, err)
			}
		}
	}
	look(s.ledger)
	s.must(s.ledger.Checkpoint("copy"))
	copied, err := state.Open("copy", s.f, tx.NewVerifier(s.f.Hash), state.Options{FS: s.fs, CheckConservation: true})
	s.must(err)
	look(copied)
	s.must(copied.Close())
	s.must(s.ledger.Close())
	s.open()
	look(s.ledger)
	s.must(s.ledger.Scrub())
	deposits(1)
}

// TestKeptCheckpoints: a checkpoint is kept for the newest day whose root a log of
// its size names, and for no block that closed none.
func TestKeptCheckpoints(t *testing.T) {
	s := newScript(t)
	s.open()
	defer s.close()
	block := func(lines ...string) { s.apply(benchBlockOf(s, lines)) }
	closed := func(size uint64) tx.Day {
		t.Helper()
		v, err := s.ledger.View()
		s.must(err)
		defer func() { s.must(v.Close()) }()
		day, ok, err := v.ClosedDay(size)
		if err != nil || ok != (day != 0) {
			t.Errorf("size %d: %v, %v", size, ok, err)
		}
		return day
	}
	block("exchange a: open-day day=20240102")
	block("exchange b: close-day day=20240102", "bank x: deposit to=e0 fen=5") // entries 2 and 3
	if day := closed(4); day != 0 {
		t.Errorf("no entry names the root of %s yet", day)
	}
	block(append(s.reconciliation(1, 20240102), "timekeeper d: clock day=20240103", "exchange d: open-day day=20240103")...)
	block("exchange e: close-day day=20240103")
	v, err := s.ledger.View()
	s.must(err)
	end := v.LogSize()
	s.must(v.Close())
	block("bank z: deposit to=e2 fen=9")
	for size, want := range map[uint64]tx.Day{4: 0, 5: 20240102, end: 20240102, end + 1: 20240103} {
		if day := closed(size); day != want {
			t.Errorf("size %d: %s, want %s", size, day, want)
		}
	}
	s.must(s.ledger.KeepCheckpoint(20240102, []byte("signed")))
	v, err = s.ledger.View()
	s.must(err)
	defer func() { s.must(v.Close()) }()
	for day, want := range map[tx.Day]string{20240102: "signed", 20240103: "", 20240101: ""} {
		if b, err := v.KeptCheckpoint(day); err != nil || string(b) != want {
			t.Errorf("%s: %q, %v", day, b, err)
		}
	}
}
