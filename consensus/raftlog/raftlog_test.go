package raftlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"carbonledger/consensus/raftlog"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

const dir = "log"

func open(t *testing.T, fs vfs.FS) *raftlog.Store {
	t.Helper()
	s, err := raftlog.Open(dir, raftlog.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// entry of a term: its content follows from both numbers.
func entry(index, term uint64, size int) *raft.Log {
	return &raft.Log{
		Index: index, Term: term, Type: raft.LogCommand, Extensions: []byte{byte(index)},
		Data: bytes.Repeat([]byte{byte(index), byte(term)}, size/2), AppendedAt: time.Unix(1_700_000_000, int64(index)),
	}
}

func entries(from, to, term uint64, size int) []*raft.Log {
	var all []*raft.Log
	for i := from; i <= to; i++ {
		all = append(all, entry(i, term, size))
	}
	return all
}

func ends(t *testing.T, s *raftlog.Store) (first, last uint64) {
	t.Helper()
	first, err1 := s.FirstIndex()
	last, err2 := s.LastIndex()
	must(t, err1, err2)
	return first, last
}

// wantEntries checks the ends, every entry between them and its neighbours.
func wantEntries(t *testing.T, s *raftlog.Store, first, last uint64, term func(uint64) uint64, size int) {
	t.Helper()
	if f, l := ends(t, s); f != first || l != last {
		t.Fatalf("the log is %d to %d, want %d to %d", f, l, first, last)
	}
	for i := first; i <= last && i != 0; i++ {
		var got raft.Log
		must(t, s.GetLog(i, &got))
		if want := entry(i, term(i), size); got.Index != i || got.Term != want.Term || got.Type != want.Type ||
			!bytes.Equal(got.Data, want.Data) || !bytes.Equal(got.Extensions, want.Extensions) || !got.AppendedAt.Equal(want.AppendedAt) {
			t.Fatalf("entry %d is %+v", i, got)
		}
	}
	for _, i := range []uint64{0, first - 1, last + 1, math.MaxUint64} {
		if i >= first && i <= last && i != 0 {
			continue
		}
		if err := s.GetLog(i, new(raft.Log)); !errors.Is(err, raft.ErrLogNotFound) {
			t.Errorf("entry %d outside of the log: %v", i, err)
		}
	}
}

func term1(uint64) uint64 { return 1 }

func TestLogStore(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs)
	reopen := func() { t.Helper(); must(t, s.Close()); s = open(t, fs) }
	wantEntries(t, s, 0, 0, term1, 0)
	must(t, s.StoreLogs(nil), s.DeleteRange(1, 10))
	if !s.IsMonotonic() {
		t.Error("Raft must empty the log before it goes on behind a gap")
	}

	// A log may begin anywhere, as it does behind a snapshot.
	must(t, s.StoreLogs(entries(7, 20, 1, 100)), s.StoreLog(entry(21, 1, 100)))
	wantEntries(t, s, 7, 21, term1, 100)
	reopen()
	wantEntries(t, s, 7, 21, term1, 100)

	// No gap, nothing twice, and nothing of a batch that does not fit.
	for _, bad := range [][]*raft.Log{
		{entry(23, 1, 100)}, {entry(21, 1, 100)}, {entry(0, 1, 100)}, {entry(6, 1, 100)},
		{entry(22, 1, 100), entry(24, 1, 100)}, {entry(22, 1, 100), entry(22, 1, 100)},
	} {
		if err := s.StoreLogs(bad); err == nil {
			t.Errorf("stored entry %d behind entry 21", bad[len(bad)-1].Index)
		}
	}
	wantEntries(t, s, 7, 21, term1, 100)

	// Both ends may be cut; the middle may not.
	if err := s.DeleteRange(10, 12); err == nil {
		t.Error("removed entries from the middle")
	}
	must(t, s.DeleteRange(0, 9))
	wantEntries(t, s, 10, 21, term1, 100)
	must(t, s.DeleteRange(18, 99))
	wantEntries(t, s, 10, 17, term1, 100)
	must(t, s.DeleteRange(1, 9), s.DeleteRange(18, 20), s.DeleteRange(12, 11))
	wantEntries(t, s, 10, 17, term1, 100)
	reopen()
	wantEntries(t, s, 10, 17, term1, 100)

	// What a new leader has replaces what was cut.
	must(t, s.StoreLogs(entries(18, 25, 2, 100)))
	second := func(i uint64) uint64 { return 1 + (i+82)/100 } // from 18 on
	wantEntries(t, s, 10, 25, second, 100)
	reopen()
	wantEntries(t, s, 10, 25, second, 100)

	// Emptied, it may begin elsewhere.
	must(t, s.DeleteRange(10, 25))
	wantEntries(t, s, 0, 0, term1, 100)
	must(t, s.StoreLogs(entries(300, 301, 1, 100)))
	reopen()
	wantEntries(t, s, 300, 301, term1, 100)
	must(t, s.Close())
}

// TestBytes: what Raft's log is cut by is the sum of what it holds.
func TestBytes(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs)
	if s.Bytes() != 0 {
		t.Errorf("an empty log has %d bytes", s.Bytes())
	}
	must(t, s.StoreLogs(entries(1, 10, 1, 1000)))
	ten := s.Bytes()
	if ten < 10_000 || ten > 10_500 {
		t.Errorf("ten entries of 1000 bytes take %d", ten)
	}
	must(t, s.DeleteRange(1, 3), s.DeleteRange(9, 10))
	if got := s.Bytes(); got != ten/2 {
		t.Errorf("five entries of ten take %d of %d bytes", got, ten)
	}
	must(t, s.Close())
	if s = open(t, fs); s.Bytes() != ten/2 {
		t.Errorf("after a restart they take %d", s.Bytes())
	}
	must(t, s.Close())
}

func TestStableStore(t *testing.T) {
	fs := vfs.NewCrashableMem()
	var writes int
	s, err := raftlog.Open(dir, raftlog.Options{FS: fs, Synced: func(time.Duration) { writes++ }})
	must(t, err)
	// Raft compares the text.
	if _, err := s.Get([]byte("k")); err == nil || err.Error() != "not found" {
		t.Errorf("a key that is not there: %v", err)
	}
	if _, err := s.GetUint64([]byte("k")); err == nil || err.Error() != "not found" {
		t.Errorf("a number that is not there: %v", err)
	}
	must(t, s.Set([]byte("k"), []byte("v")), s.Set(nil, []byte{}), s.SetUint64([]byte("n"), math.MaxUint64), s.SetUint64([]byte("n"), 7))
	if writes != 4 {
		t.Errorf("%d of 4 writes were measured", writes)
	}
	// An entry's key and a stable key never meet.
	must(t, s.StoreLog(entry(1, 1, 10)), s.Set([]byte{0, 0, 0, 0, 0, 0, 0, 1}, []byte("other")))
	s2 := open(t, fs.CrashClone(vfs.CrashCloneCfg{}))
	v, err := s2.Get([]byte("k"))
	must(t, err)
	n, err := s2.GetUint64([]byte("n"))
	must(t, err)
	empty, err := s2.Get(nil)
	must(t, err)
	if string(v) != "v" || n != 7 || empty == nil || len(empty) != 0 {
		t.Errorf("after a crash: %q, %d, %q", v, n, empty)
	}
	wantEntries(t, s2, 1, 1, term1, 10)
	if _, err := s2.GetUint64([]byte("k")); !errors.Is(err, raftlog.ErrDamaged) {
		t.Errorf("a number of one byte: %v", err)
	}
	must(t, s.Close(), s2.Close())
}

// TestAnyEntry: every field comes back, also where it is empty.
func TestAnyEntry(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs)
	all := []raft.Log{
		{Index: 1}, {Index: 2, Term: math.MaxUint64, Type: raft.LogConfiguration, Data: []byte{0}},
		{Index: 3, Extensions: []byte("only"), Type: raft.LogNoop}, {Index: 4, Data: make([]byte, 512<<10), AppendedAt: time.Unix(0, 1)},
	}
	for i := range all {
		must(t, s.StoreLog(&all[i]))
	}
	must(t, s.Close())
	s = open(t, fs)
	for i := range all {
		got := raft.Log{Term: 99, Data: []byte("left over"), Extensions: []byte("left over"), AppendedAt: time.Unix(5, 5)}
		must(t, s.GetLog(uint64(i+1), &got))
		if a, b := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", all[i]); a != b {
			t.Errorf("entry %d came back as %.200s", i+1, a)
		}
	}
	must(t, s.Close())
}
