package state_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestEpochs: every block that closed a day has the root of what it left: the root
// of the versions of its height, whatever a crash took in between; and the records
// that are proven are those of the statements.
func TestEpochs(t *testing.T) {
	made, blocks := history(t, 3, 150)
	r := rand.New(rand.NewPCG(3, 2))
	fs := vfs.NewCrashableMem()
	l := openAt(t, fs, made.f, "epochs")
	entries := entriesOf(blocks)
	copies := 0
	for done := 0; done < len(entries); done++ {
		if _, err := l.Apply(entries[done : done+1]); err != nil {
			t.Fatal(err)
		}
		switch r.IntN(15) {
		case 0, 1, 2:
			made.must(l.Checkpoint(fmt.Sprintf("copy-%d", copies)))
			copies++
		case 3:
			after := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: r})
			closeLedger(t, l)
			fs = after
			l = openAt(t, fs, made.f, "epochs")
			done = int(l.Head().Height) - 1
		}
	}
	defer closeLedger(t, l)
	v, err := l.View()
	made.must(err)
	defer func() { made.must(v.Close()) }()
	all, err := v.Epochs(0, 1000)
	made.must(err)
	if len(all) < 5 {
		t.Fatalf("%d epochs", len(all))
	}
	for i, e := range all {
		if i > 0 && (all[i-1].Height >= e.Height || all[i-1].Day >= e.Day || all[i-1].Root == e.Root) {
			t.Errorf("epoch %v comes after %v", e, all[i-1])
		}
		at, ok, err := v.EpochAt(e.Height)
		if err != nil || !ok || at != e {
			t.Errorf("at %d the epoch is %v, %v", e.Height, at, err)
		}
		if before, ok, _ := v.EpochAt(e.Height - 1); ok != (i > 0) || i > 0 && before != all[i-1] {
			t.Errorf("before %d the epoch is %v", e.Height, before)
		}
		proveEpoch(t, v, e)
	}
	page, err := v.Epochs(all[1].Height, 2)
	if err != nil || !slices.Equal(page, all[2:4]) {
		t.Errorf("two epochs behind %d are %v, %v", all[1].Height, page, err)
	}
}

// proveEpoch proves records of an epoch, and that one is absent.
func proveEpoch(t *testing.T, v *state.View, e state.Epoch) {
	past, err := v.At(e.Height)
	if err != nil {
		t.Fatal(err)
	}
	s, err := past.Statement("e0", 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"\x02e0", "\x07e1", "\x06e0\x00CEA21", "\x17", "\x31e0", "\x06e0\x00CEA99", "\x02zz", "\x31zzz"} {
		p, root, err := v.ProveState(e.Height, []byte(key))
		if err != nil || root != e.Root {
			t.Fatalf("height %d: prove %q: root %x, not %x: %v", e.Height, key, root, e.Root, err)
		}
		value, exists, err := proof.VerifyState(e.Root, p, []byte(key))
		if err != nil || exists == (key[len(key)-1] == '9' || key[len(key)-1] == 'z') {
			t.Fatalf("height %d: the proof of %q says %v, %v", e.Height, key, exists, err)
		}
		if key == "\x31e0" && !bytes.Equal(value[8:], s.Head[:]) {
			t.Errorf("height %d: the head %x is proven, the statement has %x", e.Height, value[8:], s.Head)
		}
	}
	for height, key := range map[uint64]string{e.Height: "\x04e0\x00r1", e.Height - 1: "\x02e0"} {
		if _, _, err := v.ProveState(height, []byte(key)); !errors.Is(err, state.ErrNoProof) {
			t.Errorf("height %d: %q is proven: %v", height, key, err)
		}
	}
}

// TestEpochOfBlock: a close that is taken back leaves no epoch, and an epoch covers
// all of its block.
func TestEpochOfBlock(t *testing.T) {
	s := newScript(t)
	s.open()
	defer s.close()
	epochs := func() []state.Epoch {
		v, err := s.ledger.View()
		s.must(err)
		defer func() { s.must(v.Close()) }()
		all, err := v.Epochs(0, 10)
		s.must(err)
		return all
	}
	block := func(lines ...string) { s.apply(benchBlockOf(s, lines)) }
	block("exchange a: open-day day=20240102")
	block("exchange b: close-day day=20240102 ; open-day day=20240102", "bank x: deposit to=e0 fen=5")
	if all := epochs(); len(all) != 0 {
		t.Fatalf("a day that is still open has the epochs %v", all)
	}
	block("exchange c: close-day day=20240102")
	block(append(s.reconciliation(1, 20240102), "timekeeper d: clock day=20240103", "exchange d: open-day day=20240103", "bank y: deposit to=e1 fen=7")...)
	block("exchange e: close-day day=20240103", "bank z: deposit to=e2 fen=9")
	all := epochs()
	if len(all) != 2 || all[0].Height != 3 || all[0].Day != 20240102 || all[1].Height != 5 || all[1].Day != 20240103 {
		t.Fatalf("the epochs are %v", all)
	}
	// What the block wrote after the close is in its epoch too.
	v, err := s.ledger.View()
	s.must(err)
	defer func() { s.must(v.Close()) }()
	p, root, err := v.ProveState(5, []byte("\x07e2"))
	s.must(err)
	if value, _, err := proof.VerifyState(root, p, []byte("\x07e2")); err != nil || len(value) != 24 || value[7] != 9 {
		t.Errorf("e2 has %x, %v", value, err)
	}
}

// TestRequestRefused: a request in a transaction that is refused, by itself or by what
// an approval carries out, leaves no root and keeps no other request away.
func TestRequestRefused(t *testing.T) {
	s := newScript(t)
	s.open()
	defer s.close()
	block := func(lines ...string) { s.apply(benchBlockOf(s, lines)) }
	roots := func() (heights []uint64) {
		v, err := s.ledger.View()
		s.must(err)
		defer func() { s.must(v.Close()) }()
		all, err := v.Epochs(0, 10)
		s.must(err)
		for _, e := range all {
			heights = append(heights, e.Height)
		}
		return heights
	}
	block("registry a by=registry: take-state-root ; restrict party=court restriction=use doc=d", "bank b: deposit to=e0 fen=5")
	block("registry c by=registry: prepare [take-state-root] [restrict party=court restriction=use doc=d]",
		"registry d by=registry: prepare [take-state-root] [restrict party=e0 restriction=use doc=d]",
		"registry e by=registry/2: approve prepared=id:registry/c")
	if got := roots(); len(got) != 0 {
		t.Fatalf("refused requests left roots at %d", got)
	}
	// Another one that is refused does not take away the root of the block.
	block("registry f by=registry/2: approve prepared=id:registry/d", "registry g by=registry: take-state-root ; restrict party=court restriction=use doc=d")
	block("registry h by=registry: take-state-root")
	if got := roots(); !slices.Equal(got, []uint64{3}) {
		t.Errorf("there are roots at %d, want 3 alone", got)
	}
}

// TestRequestedRoot: a root that was asked for stands in the log behind its block,
// without a day, proves what the block left, and is no close.
func TestRequestedRoot(t *testing.T) {
	s := newScript(t)
	s.open()
	defer s.close()
	block := func(lines ...string) { s.apply(benchBlockOf(s, lines)) }
	block("exchange a: open-day day=20240102", "exchange b: close-day day=20240102", "bank c: deposit to=e0 fen=5")
	block("bank d: deposit to=e0 fen=6")
	block("ministry e: take-state-root", "bank f: deposit to=e0 fen=7")
	block("bank g: deposit to=e0 fen=8")
	v, err := s.ledger.View()
	s.must(err)
	defer func() { s.must(v.Close()) }()
	for at, want := range map[uint64][2]uint64{1: {1, 1}, 2: {1, 1}, 3: {3, 1}, 4: {3, 1}} {
		newest, err1 := v.EpochHeight(at)
		closed, err2 := v.CloseHeight(at)
		if err := errors.Join(err1, err2); err != nil || newest != want[0] || closed != want[1] {
			t.Errorf("at height %d the newest root is of %d, the newest close %d: %v", at, newest, closed, err)
		}
	}
	if _, err := v.CloseHeight(0); !errors.Is(err, state.ErrNoProof) {
		t.Errorf("a close before any: %v", err)
	}
	p, root, err := v.ProveState(3, []byte("\x07e0"))
	s.must(err)
	if value, _, err := proof.VerifyState(root, p, []byte("\x07e0")); err != nil || value[7] != 18 {
		t.Errorf("e0 has %x, %v", value, err)
	}
	entry, err := v.RootEntry(3)
	s.must(err)
	s.must(v.Entries(entry, entry+1, func(_ uint64, raw []byte) error {
		r, err := tx.DecodeRecord(raw)
		if err != nil || r.Height != 4 || r.StateRoot == nil || r.StateRoot.Height != 3 || r.StateRoot.Day != 0 || !bytes.Equal(r.StateRoot.Root, root[:]) {
			t.Errorf("the record behind it is %v, %v", r, err)
		}
		return nil
	}))
}
