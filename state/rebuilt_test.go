package state_test

import (
	"errors"
	"strings"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// recordedBlocks are the entries of a ledger's log as an audit puts them together:
// blocks without what left no record, with their heights for an index.
func recordedBlocks(t *testing.T, l *state.Ledger) (all []state.Entry) {
	t.Helper()
	v, err := l.View()
	if err != nil {
		t.Fatal(err)
	}
	for h := uint64(1); h <= v.Head().Height; h++ {
		b, ok, err := v.Block(h)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		if b.Block == nil {
			b.Block = []byte{0xff} // what was no block; audits refuse it
		}
		all = append(all, state.Entry{Index: h, Block: b.Block})
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRebuilt: a ledger that was made from its log passes over the entries of
// Raft's log that it has, however they come and whatever restarts do in between,
// and goes on behind them as the one that executed all of it.
func TestRebuilt(t *testing.T) {
	made, blocks := history(t, 9, 60)
	entries := entriesOf(blocks)
	whole := openAt(t, vfs.NewMem(), made.f, "ledger")
	defer closeLedger(t, whole)
	if _, err := whole.Apply(entries[:40]); err != nil {
		t.Fatal(err)
	}
	log := recordedBlocks(t, whole)
	rebuild := func(t *testing.T) (*vfs.MemFS, *state.Ledger) {
		fs := vfs.NewCrashableMem()
		l := openAt(t, fs, made.f, "ledger")
		if _, err := l.Apply(log); err != nil {
			t.Fatal(err)
		}
		if !l.IndexKnown() || hashOf(l) != hashOf(whole) {
			t.Fatalf("%s from the log, %s from Raft's", hashOf(l), hashOf(whole))
		}
		if err := l.MarkRebuilt(); err != nil {
			t.Fatal(err)
		}
		return fs, l
	}
	want := hashOf(whole)
	apply := func(t *testing.T, l *state.Ledger, part []state.Entry, skipped int) {
		t.Helper()
		applied, err := l.Apply(part)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range applied {
			if a.Skipped != (i < skipped) {
				t.Fatalf("entry %d of %d: skipped %v", i, len(part), a.Skipped)
			}
		}
	}
	t.Run("restart in the middle", func(t *testing.T) {
		fs, l := rebuild(t)
		apply(t, l, entries[:25], 25)
		if l.IndexKnown() || l.AppliedIndex() != 0 || hashOf(l) != want {
			t.Fatalf("in the middle it stands at index %d, %s", l.AppliedIndex(), hashOf(l))
		}
		// A power cut: it begins to count again.
		fs = fs.CrashClone(vfs.CrashCloneCfg{})
		closeLedger(t, l)
		l = openAt(t, fs, made.f, "ledger")
		apply(t, l, entries[:39], 39)
		apply(t, l, entries[:39], 39) // what was handed over counts once
		if l.IndexKnown() {
			t.Fatal("it knows its index before the last of its blocks came")
		}
		apply(t, l, entries[39:45], 1)
		if !l.IndexKnown() || l.AppliedIndex() != entries[44].Index {
			t.Fatalf("it stands at index %d, want %d", l.AppliedIndex(), entries[44].Index)
		}
		// What it has learned is flushed with the blocks behind.
		if err := errors.Join(l.Flush(), l.Close()); err != nil {
			t.Fatal(err)
		}
		l = openAt(t, fs, made.f, "ledger")
		defer closeLedger(t, l)
		apply(t, l, entries, 45)
		all := openAt(t, vfs.NewMem(), made.f, "ledger")
		defer closeLedger(t, all)
		apply(t, all, entries, 0)
		if hashOf(l) != hashOf(all) {
			t.Errorf("it ends at %s, want %s", hashOf(l), hashOf(all))
		}
	})
	t.Run("the index is lost in a crash", func(t *testing.T) {
		fs, l := rebuild(t)
		apply(t, l, entries[:42], 40)
		fs = fs.CrashClone(vfs.CrashCloneCfg{})
		closeLedger(t, l)
		l = openAt(t, fs, made.f, "ledger")
		defer closeLedger(t, l)
		if l.IndexKnown() || l.Head().Height != 40 {
			t.Fatalf("unflushed, it knows index %d at height %d", l.AppliedIndex(), l.Head().Height)
		}
		apply(t, l, entries[:50], 40)
	})
	t.Run("another history", func(t *testing.T) {
		_, l := rebuild(t)
		defer closeLedger(t, l)
		var other tx.Block
		b, ok := tx.DecodeBlock(entries[3].Block, 4)
		if !ok {
			t.Fatal("no block")
		}
		other = *b
		other.Stamp++
		raw, err := other.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.Apply(append(append([]state.Entry{}, entries[:3]...), state.Entry{Index: entries[3].Index, Block: raw}))
		if err == nil || !strings.Contains(err.Error(), "block 4 is another one than Raft's entry") {
			t.Errorf("it passes over a block of another history: %v", err)
		}
	})
	t.Run("the founding", func(t *testing.T) {
		l := openAt(t, vfs.NewMem(), made.f, "ledger")
		defer closeLedger(t, l)
		if err := l.MarkRebuilt(); err != nil || !l.IndexKnown() {
			t.Fatalf("there is nothing to pass over: %v", err)
		}
		apply(t, l, entries[:2], 0)
	})
}
