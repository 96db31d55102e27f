package state_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/datadriven"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// rewriteGolden shares datadriven's flag, which that package registers.
func rewriteGolden() bool { return flag.Lookup("rewrite").Value.String() == "true" }

// history makes blocks of random business, valid and not, from a seed. It is
// the same for ever: the golden hash depends on it.
func history(t testing.TB, seed uint64, blocks int) (*script, [][]byte) {
	s := newScript(t)
	s.open()
	defer func() { s.close(); s.ledger, s.index = nil, 0 }()
	r := rand.New(rand.NewPCG(seed, 7))
	d := &datadriven.TestData{Pos: "history"}
	var all [][]byte
	day := tx.Day(20240102)
	n := 0
	add := func(lines ...string) {
		b := tx.Block{Proposer: "n1", AppliedHash: make([]byte, 32), Stamp: s.f.Start + tx.Instant(len(all))}
		for _, line := range lines {
			b.Transactions = append(b.Transactions, s.transaction(d, line))
		}
		raw, err := b.Marshal()
		s.must(err)
		all = append(all, raw)
		s.apply(raw)
	}
	add("registry o with=hubei: issue to=e0 of=CEA21 t=900000 doc=o ; issue to=e1 of=CEA22 t=900000 doc=o",
		"e0 o: move of=CEA21 t=600000 to=trading", "e1 o: move of=CEA22 t=600000 to=trading", "exchange o: open-day day=20240102",
		"bank o: deposit to=e0 fen=9000000000 ; deposit to=e1 fen=9000000000",
		"verifier o: verification of=e0 year=2023 t=100000", "hubei o: obligation of=e0 year=2023 t=100000")
	for len(all) < blocks {
		switch r.IntN(12) {
		case 0: // noise
			noise := make([]byte, r.IntN(60))
			for i := range noise {
				noise[i] = byte(r.Uint32())
			}
			all = append(all, noise)
			s.apply(noise)
			continue
		case 1:
			old := day
			day = day.Next()
			n++
			add(fmt.Sprintf("exchange d%d: close-day day=%d", n, old), fmt.Sprintf("timekeeper d%d: clock day=%d", n, day))
			add(s.reconciliation(n, old)...)
			add(fmt.Sprintf("exchange e%d: open-day day=%d", n, day))
			continue
		}
		var lines []string
		for range r.IntN(8) {
			n++
			lines = append(lines, business(r, n))
		}
		add(lines...)
	}
	return s, all[:blocks]
}

// reconciliation states what the ledger itself says of a day, if it closed.
func (s *script) reconciliation(n int, day tx.Day) []string {
	v, err := s.ledger.View()
	s.must(err)
	defer func() { s.must(v.Close()) }()
	d, closed, err := v.Settlement(day)
	s.must(err)
	if !closed {
		return nil
	}
	var tradable []string
	for _, i := range d.Tradable {
		tradable = append(tradable, fmt.Sprintf("%s:%d", i.Instrument, i.Tonnes))
	}
	return []string{
		fmt.Sprintf("exchange t%d: totals day=%d trades=%d t=%d fen=%d tradable=%s", n, day, d.Trades, d.Tonnes, d.Amount, strings.Join(tradable, ",")),
		fmt.Sprintf("bank t%d: totals day=%d money=%d", n, day, d.Money),
		fmt.Sprintf("registry t%d: reconcile day=%d", n, day),
	}
}

func business(r *rand.Rand, n int) string {
	entity := func() string { return fmt.Sprintf("e%d", r.IntN(3)) }
	code := func() string { return []string{"CEA21", "CEA22", "CEA23", "CEA24"}[r.IntN(4)] }
	ref := fmt.Sprintf("r%d", n-r.IntN(2)*r.IntN(3))
	switch r.IntN(16) {
	case 0:
		return fmt.Sprintf("registry %s with=hubei: issue to=%s of=%s t=%d doc=d%d", ref, entity(), code(), r.IntN(1000)-200, r.IntN(50))
	case 1:
		return fmt.Sprintf("bank %s: withdraw from=%s fen=%d", ref, entity(), r.IntN(1_000_000_000))
	case 2:
		return fmt.Sprintf("%s %s: surrender of=%s t=%d year=%d app=a%d", entity(), ref, code(), r.IntN(3000), 2022+r.IntN(3), r.IntN(n))
	case 3:
		return fmt.Sprintf("hubei %s: decide applicant=%s app=a%d approved=yes", ref, entity(), r.IntN(n))
	case 4:
		e := entity()
		return fmt.Sprintf("%s %s: add-key key=k%d ; transfer to=%s of=%s t=%d", e, ref, r.IntN(30), entity(), code(), r.IntN(2000))
	case 5:
		return fmt.Sprintf("%s %s: move of=%s t=%d to=%s", entity(), ref, code(), r.IntN(9000), []string{"trading", "registry"}[r.IntN(2)])
	case 6:
		return fmt.Sprintf("court %s: freeze party=%s of=%s t=%d doc=f%d", ref, entity(), code(), r.IntN(900), r.IntN(20))
	case 7:
		return fmt.Sprintf("%s %s: pledge pledgee=bank of=%s t=%d doc=p%d", entity(), ref, code(), r.IntN(900), r.IntN(20))
	case 8:
		return fmt.Sprintf("exchange %s: trade kind=block of=%s price=%d t=%d buy=%s/b%d sell=%s/s%d", ref, code(), 5000+r.IntN(5000), 99_990+r.IntN(30), entity(), r.IntN(n), entity(), r.IntN(n))
	case 9, 10, 11:
		side, limit := "sell", 6300
		if r.IntN(2) == 0 {
			side, limit = "buy", 8700
		}
		return fmt.Sprintf("exchange %s: order name=%s/%c%d of=%s side=%s limit=%d t=%d", ref, entity(), side[0], r.IntN(n)/4, code(), side, limit, 1+r.IntN(4000))
	default:
		return fmt.Sprintf("exchange %s: trade of=%s kind=listed price=%d t=%d buy=%s/b%d sell=%s/s%d", ref, code(), 6900+r.IntN(1500), 1+r.IntN(400), entity(), r.IntN(n)/4, entity(), r.IntN(n)/4)
	}
}

func entriesOf(blocks [][]byte) []state.Entry {
	all := make([]state.Entry, len(blocks))
	for i, b := range blocks {
		all[i] = state.Entry{Index: uint64(3 + 2*i), Block: b}
	}
	return all
}

func openAt(t testing.TB, fs vfs.FS, f tx.Founding, dir string) *state.Ledger {
	l, err := state.Open(dir, f, tx.NewVerifier(f.Hash), state.Options{FS: fs, CheckConservation: true})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func closeLedger(t testing.TB, l *state.Ledger) {
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func hashOf(l *state.Ledger) string {
	h := l.Head()
	return fmt.Sprintf("%d %s", h.Height, hex.EncodeToString(h.Hash))
}

// TestBatching: however the log arrives, and whatever crashes lose, the ledger
// ends the same.
func TestBatching(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			s, blocks := history(t, seed, 120)
			entries := entriesOf(blocks)
			whole := openAt(t, vfs.NewMem(), s.f, "whole")
			defer closeLedger(t, whole)
			want, err := whole.Apply(entries)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(seed, 9))
			fs := vfs.NewCrashableMem()
			dir := "one"
			l := openAt(t, fs, s.f, dir)
			for l.AppliedIndex() < entries[len(entries)-1].Index {
				from := 0
				for from < len(entries) && entries[from].Index <= l.AppliedIndex() {
					from++
				}
				// Overlap with what was applied: Raft may hand it out again.
				got, err := l.Apply(entries[max(0, from-r.IntN(3)):min(len(entries), from+1+r.IntN(20))])
				if err != nil {
					t.Fatal(err)
				}
				for i := range got {
					if !got[i].Skipped && !sameApplied(&got[i], &want[got[i].Height-1]) {
						t.Fatalf("height %d differs", got[i].Height)
					}
				}
				switch r.IntN(4) {
				case 0: // power cut
					after := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: r})
					closeLedger(t, l)
					fs = after
					l = openAt(t, fs, s.f, dir)
				case 1: // go on from a checkpoint
					next := fmt.Sprintf("%s-%d", dir[:3], from)
					if err := l.Checkpoint(next); err != nil {
						t.Fatal(err)
					}
					closeLedger(t, l)
					l, dir = openAt(t, fs, s.f, next), next
				}
			}
			defer closeLedger(t, l)
			if a, b := hashOf(whole), hashOf(l); a != b {
				t.Fatalf("all at once: %s, piece by piece: %s", a, b)
			}
		})
	}
}

func sameApplied(a, b *state.Applied) bool {
	if a.Height != b.Height || a.Hash != b.Hash || a.Time != b.Time || len(a.Receipts) != len(b.Receipts) {
		return false
	}
	for i := range a.Receipts {
		if !a.Receipts[i].Equal(&b.Receipts[i]) {
			return false
		}
	}
	return true
}

// TestGolden: a fixed history has fixed hashes. Where this fails the change is
// ledger-changing: it needs a new protocol version, or a new chain.
func TestGolden(t *testing.T) {
	s, blocks := history(t, 2024, 200)
	l := openAt(t, vfs.NewMem(), s.f, "golden")
	defer closeLedger(t, l)
	applied, err := l.Apply(entriesOf(blocks))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	founding, _, err := l.HashAt(0)
	if err != nil {
		t.Fatal(err)
	}
	accepted := 0
	fmt.Fprintf(&out, "0 %s\n", founding)
	for _, a := range applied {
		for i := range a.Receipts {
			if a.Receipts[i].Reason == tx.Accepted {
				accepted++
			}
		}
		if a.Height%20 == 0 {
			fmt.Fprintf(&out, "%d %s\n", a.Height, a.Hash)
		}
	}
	fmt.Fprintf(&out, "accepted %d\n", accepted)
	const path = "testdata/golden.txt"
	if rewriteGolden() {
		if err := os.WriteFile(path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(out.String())) {
		t.Fatalf("the ledger changed:\n%s\nwant\n%s", out.String(), want)
	}
}

func TestTooLarge(t *testing.T) {
	s := newScript(t)
	s.open()
	defer s.close()
	b := tx.Block{AppliedHash: make([]byte, 32), Transactions: [][]byte{make([]byte, tx.MaxTransactionBytes+1)}}
	raw, err := b.Marshal()
	s.must(err)
	a, err := s.ledger.Apply([]state.Entry{{Index: 1, Block: raw}})
	s.must(err)
	if r := a[0].Receipts[0]; r.Reason != tx.TooLarge || r.Have != tx.MaxTransactionBytes || r.Want != tx.MaxTransactionBytes+1 {
		t.Fatalf("receipt %v", &r)
	}
}

// FuzzApply: any bytes make a block. The head advances by one, every
// transaction has a receipt, and the books balance.
func FuzzApply(f *testing.F) {
	s, blocks := history(f, 1, 30)
	for _, b := range blocks {
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte{})
	l := openAt(f, vfs.NewMem(), s.f, "fuzz")
	f.Cleanup(func() { closeLedger(f, l) })
	f.Fuzz(func(t *testing.T, block []byte) {
		before := l.Head().Height
		a, err := l.Apply([]state.Entry{{Index: l.AppliedIndex() + 1, Block: block}})
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		if b, ok := tx.DecodeBlock(block, before+1); ok {
			want = len(b.Transactions)
		}
		if a[0].Height != before+1 || len(a[0].Receipts) != want {
			t.Fatalf("height %d after %d, %d receipts for %d transactions", a[0].Height, before, len(a[0].Receipts), want)
		}
	})
}
