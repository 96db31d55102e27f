package raftlog_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"carbonledger/consensus/raftlog"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/raft"
)

// image is what a log holds: the terms of its entries from first on, and one
// number of the stable store.
type image struct {
	first  uint64
	terms  []uint64
	number uint64
}

func (m image) clone() image {
	m.terms = append([]uint64(nil), m.terms...)
	return m
}

func (m *image) last() uint64 { return m.first + uint64(len(m.terms)) - 1 }

// step does something at random to a log and says what it then holds.
func (m image) step(r *rand.Rand, size int) (after image, do func(*raftlog.Store) error) {
	after = m.clone()
	term := after.number/10 + 1
	switch what := r.IntN(10); {
	case what < 6 || len(m.terms) < 4:
		if len(m.terms) == 0 {
			after.first = 1 + r.Uint64N(50)
		}
		var logs []*raft.Log
		for range 1 + r.IntN(4) {
			after.terms = append(after.terms, term)
			logs = append(logs, entry(after.last(), term, size))
		}
		return after, func(s *raftlog.Store) error { return s.StoreLogs(logs) }
	case what < 7:
		cut := 1 + r.Uint64N(uint64(len(m.terms)))
		after.terms, after.first = after.terms[cut:], after.first+cut
		return after, func(s *raftlog.Store) error { return s.DeleteRange(m.first, m.first+cut-1) }
	case what < 8:
		cut := 1 + r.Uint64N(3)
		after.terms = after.terms[:uint64(len(m.terms))-cut]
		return after, func(s *raftlog.Store) error { return s.DeleteRange(m.last()-cut+1, m.last()) }
	}
	after.number++
	return after, func(s *raftlog.Store) error { return s.SetUint64([]byte("n"), after.number) }
}

// differs says what of an image is not in the log on a disk, empty for nothing.
func (m *image) differs(fs vfs.FS, size int) string {
	s, err := raftlog.Open(dir, raftlog.Options{FS: fs})
	if err != nil {
		return err.Error()
	}
	defer s.Close()
	first, _ := s.FirstIndex()
	last, _ := s.LastIndex()
	if len(m.terms) == 0 {
		if first != 0 || last != 0 {
			return "not empty"
		}
	} else if first != m.first || last != m.last() {
		return "other ends"
	}
	for i, term := range m.terms {
		var got raft.Log
		index := m.first + uint64(i)
		if err := s.GetLog(index, &got); err != nil {
			return err.Error()
		}
		if got.Term != term || !bytes.Equal(got.Data, entry(index, term, size).Data) {
			return "other entries"
		}
	}
	n, err := s.GetUint64([]byte("n"))
	if err != nil && err.Error() != "not found" {
		return err.Error()
	}
	if n != m.number {
		return "another number"
	}
	return ""
}

// TestCrashAnywhere stops the world before every write, sync, rename and
// removal. The disk that is left holds what was there before the operation in
// progress, or after it, and nothing else.
func TestCrashAnywhere(t *testing.T) {
	const size = 300
	disk, r := vfs.NewCrashableMem(), rand.New(rand.NewPCG(4, 2))
	type crash struct {
		fs            vfs.FS
		before, after image
	}
	var mu sync.Mutex // Pebble also writes beside the test
	var crashes []crash
	var before, after image
	fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			mu.Lock()
			defer mu.Unlock()
			for _, percent := range []int{0, 50, 100} {
				c := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: r})
				crashes = append(crashes, crash{c, before, after})
			}
		}
		return nil
	}))
	s := open(t, fs)
	const steps = 50
	for range steps {
		mu.Lock()
		next, do := before.step(r, size)
		after = next
		mu.Unlock()
		must(t, do(s))
		mu.Lock()
		before = after
		mu.Unlock()
	}
	must(t, s.Close())
	if len(crashes) < 3*2*steps {
		t.Fatalf("only %d crashes", len(crashes))
	}
	for i, c := range crashes {
		was, is := c.before.differs(c.fs, size), c.after.differs(c.fs, size)
		if was != "" && is != "" {
			t.Errorf("crash %d: the log is neither as before the operation (%s) nor as after it (%s)", i, was, is)
		}
	}
	if what := before.differs(disk, size); what != "" {
		t.Errorf("at the end: %s", what)
	}
}

// TestCrashWhileFlushing crashes where Pebble changes to its next log, writes
// a table and edits its manifest, beside appends.
func TestCrashWhileFlushing(t *testing.T) {
	const size, count = 256 << 10, 300 // more than one memtable
	disk := vfs.NewCrashableMem()
	var stored, tried atomic.Uint64
	var mu sync.Mutex
	var crashed int
	var busy atomic.Bool
	r := rand.New(rand.NewPCG(9, 9))
	fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !busy.Load() || op.Kind.ReadOrWrite() != errorfs.OpIsWrite || strings.HasSuffix(op.Path, ".log") && op.Kind != errorfs.OpCreate && op.Kind != errorfs.OpReuseForWrite ||
			op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, ".sst") {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		if crashed == 12 {
			return nil
		}
		least := stored.Load()
		c := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: r})
		most := tried.Load()
		crashed++
		s, err := raftlog.Open(dir, raftlog.Options{FS: c})
		if err != nil {
			t.Errorf("%s %d: %v", op.Path, op.Kind, err)
			return nil
		}
		last, _ := s.LastIndex()
		if last < least || last > most {
			t.Errorf("%s %d: the log ends at %d; %d entries were stored, %d tried", op.Path, op.Kind, last, least, most)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		return nil
	}))
	s := open(t, fs)
	busy.Store(true)
	for i := uint64(1); i <= count; i++ {
		tried.Store(i)
		must(t, s.StoreLog(entry(i, 1, size)))
		stored.Store(i)
	}
	must(t, s.Close())
	busy.Store(false)
	if crashed < 5 {
		t.Errorf("only %d crashes: nothing was flushed", crashed)
	}
}

// TestFailedSync: after a sync that failed nothing is believed any more.
func TestFailedSync(t *testing.T) {
	errEIO := errors.New("injected: input/output error")
	disk := vfs.NewCrashableMem()
	var broken atomic.Bool
	fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		// Only the first sync fails: the next would "succeed".
		if sync && strings.HasSuffix(op.Path, ".log") && broken.CompareAndSwap(true, false) {
			return errEIO
		}
		return nil
	}))
	told := make(chan error, 9)
	s, err := raftlog.Open(dir, raftlog.Options{FS: fs, OnFailure: func(err error) { told <- err }})
	must(t, err)
	must(t, s.StoreLogs(entries(1, 5, 1, 100)))
	broken.Store(true)
	if err := s.StoreLog(entry(6, 1, 100)); !errors.Is(err, errEIO) {
		t.Fatalf("a failed sync: %v", err)
	}
	select {
	case err := <-told:
		if !errors.Is(err, errEIO) {
			t.Errorf("told %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("nobody was told")
	}
	_, errFirst := s.FirstIndex()
	_, errLast := s.LastIndex()
	_, errGet := s.Get([]byte("k"))
	for what, err := range map[string]error{
		"StoreLog": s.StoreLog(entry(6, 1, 100)), "DeleteRange": s.DeleteRange(1, 2), "Set": s.Set([]byte("k"), nil),
		"SetUint64": s.SetUint64([]byte("k"), 1), "GetLog": s.GetLog(1, new(raft.Log)), "Get": errGet, "FirstIndex": errFirst, "LastIndex": errLast,
	} {
		if !errors.Is(err, errEIO) {
			t.Errorf("%s after a failed sync: %v", what, err)
		}
	}
	after := open(t, disk.CrashClone(vfs.CrashCloneCfg{}))
	wantEntries(t, after, 1, 5, term1, 100)
	must(t, after.Close())
}

// TestFlippedByte: a bit that flips in any file of the log is harmless, or an
// error. Only in the very last record of the write-ahead log does it look like
// a torn write, which loses that record.
func TestFlippedByte(t *testing.T) {
	const size = 700
	fs := vfs.NewCrashableMem()
	s := open(t, fs)
	must(t, s.StoreLogs(entries(1, 10, 1, size)), s.Close())
	s = open(t, fs) // moves the ten entries into a table
	lastRecord := map[string]int{}
	for i := uint64(11); i <= 20; i++ {
		for _, name := range list(t, fs) {
			lastRecord[name] = len(slurp(t, fs, name))
		}
		must(t, s.StoreLog(entry(i, 1, size)))
	}
	r, reported, kinds := rand.New(rand.NewPCG(5, 5)), 0, map[string]bool{}
	for _, name := range list(t, fs) {
		content := slurp(t, fs, name)
		step := max(1, len(content)/150)
		for at := 0; at < len(content); at += step {
			crash := fs.CrashClone(vfs.CrashCloneCfg{})
			damaged := bytes.Clone(content)
			damaged[at] ^= 1 << r.IntN(8)
			spill(t, crash, name, damaged)
			least := uint64(20)
			if strings.HasSuffix(name, ".log") && at >= lastRecord[name] {
				least = 19
			}
			kept, err := count(crash, size)
			switch {
			case err == nil && kept < least:
				t.Errorf("%s, byte %d of %d: %d entries of 20 are left, without an error", name, at, len(content), kept)
			case errors.Is(err, raftlog.ErrDamaged):
				reported++
				kinds[name[strings.LastIndexAny(name, "./-"):]] = true
			case err != nil && (strings.HasSuffix(name, ".log") || strings.HasSuffix(name, ".sst")):
				t.Errorf("%s, byte %d: the damage is not called one: %v", name, at, err)
			}
		}
	}
	must(t, s.Close())
	if reported < 200 || !kinds[".log"] || !kinds[".sst"] {
		t.Errorf("only %d flips were noticed, in %v", reported, kinds)
	}
}

func list(t *testing.T, fs vfs.FS) (all []string) {
	t.Helper()
	names, err := fs.List(dir)
	must(t, err)
	for _, name := range names {
		all = append(all, fs.PathJoin(dir, name))
	}
	return all
}

// slurp reads a file. It is empty where Pebble has removed it, beside its work,
// since it was listed.
func slurp(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	must(t, err)
	b, err := io.ReadAll(f)
	must(t, err, f.Close())
	return b
}

func spill(t *testing.T, fs vfs.FS, name string, b []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	must(t, err)
	_, err = f.Write(b)
	must(t, err, f.Sync(), f.Close())
}

// count opens a log and reads all of it: how many whole entries it holds, or
// the error.
func count(fs vfs.FS, size int) (n uint64, err error) {
	s, err := raftlog.Open(dir, raftlog.Options{FS: fs})
	if err != nil {
		return 0, err
	}
	defer func() { _ = s.Close() }()
	last, err := s.LastIndex()
	if err != nil {
		return 0, err
	}
	for i := uint64(1); i <= last; i++ {
		var l raft.Log
		if err := s.GetLog(i, &l); err != nil {
			return 0, err
		}
		if !bytes.Equal(l.Data, entry(i, 1, size).Data) {
			return 0, errors.New("an entry has other content, without an error")
		}
	}
	return last, nil
}
