package disk_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"carbonledger/state/disk"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

var errEIO = errors.New("injected: input/output error")

// patience is how long a test waits for what must come. It only turns a hang
// into a failure.
const patience = time.Minute

// faults is a memory disk whose operations go wrong once it is broken.
type faults struct {
	*errorfs.FS
	broken atomic.Bool
	hits   atomic.Int64
}

// newFaults asks goWrong about the operations that match, once break is called.
func newFaults(match func(path string) bool, goWrong func() error, kinds ...errorfs.OpKind) *faults {
	f := &faults{}
	f.FS = errorfs.Wrap(vfs.NewCrashableMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !f.broken.Load() || !match(op.Path) {
			return nil
		}
		for _, k := range kinds {
			if op.Kind == k {
				f.hits.Add(1)
				return goWrong()
			}
		}
		return nil
	}))
	return f
}

func eio() error { return errEIO }

func suffix(s string) func(string) bool {
	return func(path string) bool { return strings.HasSuffix(path, s) }
}

func within(s string) func(string) bool {
	return func(path string) bool { return strings.Contains(path, s) }
}

var (
	writes  = []errorfs.OpKind{errorfs.OpFileWrite, errorfs.OpFileWriteAt}
	creates = []errorfs.OpKind{errorfs.OpCreate, errorfs.OpReuseForWrite}
	syncs   = []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileSyncData, errorfs.OpFileSyncTo}
)

// store is an open store with the failures that it told.
type store struct {
	*disk.DB
	t    *testing.T
	told chan error
}

func open(t *testing.T, fs vfs.FS, o disk.Options) *store {
	t.Helper()
	s := &store{t: t, told: make(chan error, 16)}
	o.FS = fs
	o.OnFailure = func(err error) { s.told <- err }
	db, err := disk.Open("db", o)
	if err != nil {
		t.Fatal(err)
	}
	s.DB = db
	return s
}

func key(n int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func (s *store) commit(n int, size int, sync bool) error {
	b := s.NewBatch()
	if err := b.Set(key(n), bytes.Repeat([]byte{byte(n)}, size), nil); err != nil {
		s.t.Fatal(err)
	}
	return s.Commit(b, sync)
}

// commits writes until one fails, at most n.
func (s *store) commits(n, size int, sync bool) error {
	for i := range n {
		if err := s.commit(i, size, sync); err != nil {
			return err
		}
	}
	return nil
}

// soon fails the test where f hangs.
func soon(t *testing.T, what string, f func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Fatalf("%s hangs", what)
		return nil
	}
}

// mustBeDead: every call returns the failure that was told, and it was told
// once.
func (s *store) mustBeDead(want error) {
	s.t.Helper()
	var failure error
	select {
	case failure = <-s.told:
	case <-time.After(patience):
		s.t.Fatal("OnFailure was not called")
	}
	if !errors.Is(failure, want) {
		s.t.Fatalf("told %v, want %v", failure, want)
	}
	calls := map[string]func() error{
		"Err":             s.Err,
		"synced Commit":   func() error { return s.commit(1, 10, true) },
		"unsynced Commit": func() error { return s.commit(1, 10, false) },
		"Flush":           s.Flush,
		"Checkpoint":      func() error { return s.Checkpoint("late") },
		"Get":             func() error { _, _, err := s.Get(key(0)); return err },
		"NewIter":         func() error { _, err := s.NewIter(nil); return err },
		"NewSnapshot":     func() error { _, err := s.NewSnapshot(); return err },
		"Close":           s.Close,
	}
	for what, call := range calls {
		if err := soon(s.t, what, call); err != failure {
			s.t.Errorf("%s after the failure: %v, want %v", what, err, failure)
		}
	}
	_ = soon(s.t, "Bytes", func() error { s.Bytes(); return nil })
	if n := len(s.told); n != 0 {
		s.t.Errorf("OnFailure was called %d times", n+1)
	}
}

// TestFailures: whatever fails on the disk ends as an error of the call that
// waits for it, and as the end of the store.
func TestFailures(t *testing.T) {
	const small = 256 << 10 // of a memtable
	synced := func(s *store) error { return s.commits(1, 100, true) }
	flush := func(s *store) error { return errors.Join(s.commits(10, 100, false), s.Flush()) }
	fill := func(s *store) error { return s.commits(5000, 4<<10, false) } // flushes by itself
	checkpoint := func(s *store) error { return s.Checkpoint("copy") }
	for _, test := range []struct {
		name  string
		match func(string) bool
		kinds []errorfs.OpKind
		noWAL bool
		act   func(*store) error
	}{
		{"log write, synced", suffix(".log"), writes, false, synced},
		{"log sync, synced", suffix(".log"), syncs, false, synced},
		{"log write, unsynced, flush", suffix(".log"), writes, false, flush},
		{"log sync, unsynced, flush", suffix(".log"), syncs, false, flush},
		{"log write, unsynced, filling", suffix(".log"), writes, false, fill},
		{"log sync, unsynced, filling", suffix(".log"), syncs, false, fill},
		{"log write, checkpoint", suffix(".log"), writes, false, func(s *store) error {
			return errors.Join(s.commits(10, 100, false), s.Checkpoint("copy"))
		}},
		{"table write, flush", suffix(".sst"), writes, false, flush},
		{"table sync, flush", suffix(".sst"), syncs, false, flush},
		{"table create, flush", suffix(".sst"), []errorfs.OpKind{errorfs.OpCreate}, false, flush},
		{"table write, flush without log", suffix(".sst"), writes, true, flush},
		{"table sync, flush without log", suffix(".sst"), syncs, true, flush},
		{"table write, filling", suffix(".sst"), writes, false, fill},
		{"table sync, filling", suffix(".sst"), syncs, false, fill},
		{"table write, filling without log", suffix(".sst"), writes, true, fill},
		{"table sync, filling without log", suffix(".sst"), syncs, true, fill},
		{"manifest write, flush", within("MANIFEST"), writes, false, flush},
		{"manifest sync, flush", within("MANIFEST"), syncs, false, flush},
		{"manifest write, flush without log", within("MANIFEST"), writes, true, flush},
		{"manifest sync, flush without log", within("MANIFEST"), syncs, true, flush},
		{"manifest write, filling without log", within("MANIFEST"), writes, true, fill},
		{"manifest sync, filling", within("MANIFEST"), syncs, false, fill},
		{"checkpoint write", within("copy"), writes, true, checkpoint},
		{"checkpoint sync", within("copy"), syncs, true, checkpoint},
		{"checkpoint directory", within("copy"), []errorfs.OpKind{errorfs.OpMkdirAll}, true, checkpoint},
		{"log create, flush", suffix(".log"), creates, false, flush},
		{"log create, filling", suffix(".log"), creates, false, fill},
		{"log create, synced filling", suffix(".log"), creates, false, func(s *store) error { return s.commits(200, 4<<10, true) }},
		{"directory sync, flush", func(p string) bool { return p == "db" }, syncs, false, flush},
		{"directory sync, flush without log", func(p string) bool { return p == "db" }, syncs, true, flush},
	} {
		t.Run(test.name, func(t *testing.T) {
			fs := newFaults(test.match, eio, test.kinds...)
			s := open(t, fs, disk.Options{DisableWAL: test.noWAL, MemTableBytes: small})
			if err := errors.Join(s.commits(10, 100, !test.noWAL), s.Flush()); err != nil {
				t.Fatal(err)
			}
			fs.broken.Store(true)
			if err := soon(t, "the call", func() error { return test.act(s) }); !errors.Is(err, errEIO) {
				t.Errorf("after %d injected errors: %v", fs.hits.Load(), err)
			}
			s.mustBeDead(errEIO)
		})
	}
}

// TestSlow: a disk that never answers is a failed disk.
func TestSlow(t *testing.T) {
	for _, test := range []struct {
		name  string
		match func(string) bool
		kinds []errorfs.OpKind
		act   func(*store) error
	}{
		{"commit, log write", suffix(".log"), writes, func(s *store) error { return s.commit(0, 100, true) }},
		{"commit, log sync", suffix(".log"), syncs, func(s *store) error { return s.commit(0, 100, true) }},
		{"flush, table", suffix(".sst"), writes, func(s *store) error { return errors.Join(s.commit(0, 100, false), s.Flush()) }},
		{"flush, manifest", within("MANIFEST"), syncs, func(s *store) error { return errors.Join(s.commit(0, 100, false), s.Flush()) }},
		{"flush beside commits", suffix(".sst"), syncs, func(s *store) error { return s.commits(100000, 4<<10, false) }},
		{"flush that nobody waits for", suffix(".sst"), syncs, func(s *store) error {
			if err := s.commits(70, 4<<10, false); err != nil { // one memtable and a bit
				return err
			}
			return <-s.told
		}},
		{"checkpoint", within("copy"), syncs, func(s *store) error { return s.Checkpoint("copy") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			answer := make(chan struct{})
			t.Cleanup(func() { close(answer) })
			fs := newFaults(test.match, func() error { <-answer; return errEIO }, test.kinds...)
			s := open(t, fs, disk.Options{MemTableBytes: 256 << 10, Slow: 200 * time.Millisecond})
			fs.broken.Store(true)
			err := soon(t, "the call", func() error { return test.act(s) })
			if !errors.Is(err, disk.ErrSlow) {
				t.Errorf("a disk that does not answer: %v", err)
			}
			if len(s.told) == 0 && strings.Contains(test.name, "nobody") {
				s.told <- err
			}
			s.mustBeDead(disk.ErrSlow)
		})
	}
}
