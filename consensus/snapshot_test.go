package consensus

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
)

// life is a replica's life on one disk: it executes, takes a snapshot, goes on,
// falls behind, gets the leader's snapshot and goes on. at is told the newest
// entry that its log holds before each step that adds some.
func life(fs vfs.FS, h *history, own, leaders *shelf, at func(logged uint64)) error {
	at(20)
	m, err := newMachine(fs, own)
	if err != nil {
		return err
	}
	m.replay(h, 20)
	if err := errors.Join(m.snapshot(own, 20), m.Err()); err != nil {
		return errors.Join(err, m.close())
	}
	at(30)
	m.hand(h, 21, 30)
	// The leader's snapshot is on this node's shelf before it is restored.
	own.put(leaders.kept...)
	_, content, err := leaders.Open("snapshot-50")
	if err != nil {
		return err
	}
	if err := errors.Join(m.fsm.Restore(content), m.Err()); err != nil {
		return errors.Join(err, m.close())
	}
	at(60)
	m.hand(h, 51, 60)
	return errors.Join(m.snapshot(own, 60), m.wantHead(h, 60), m.Err(), m.close())
}

// leadersShelf has one snapshot, of entry 50, under a label that is later than
// its content where entry 51 or so is Raft's own.
func leadersShelf(t *testing.T, h *history) *shelf {
	t.Helper()
	s := &shelf{}
	m, err := newMachine(vfs.NewMem(), s)
	must(t, err)
	m.hand(h, 1, 50)
	must(t, m.snapshot(s, 50), m.close())
	return s
}

// comeBack starts from what a crash left and replays the log, which holds
// entries up to logged. The log may have lost nothing; where it ends before
// the newest snapshot, joinLog empties it.
func comeBack(fs vfs.FS, h *history, own *shelf, logged uint64) error {
	m, err := newMachine(fs, own)
	if err != nil {
		return err
	}
	_, label, err := newestSnapshot(own)
	if err != nil {
		return err
	}
	m.replay(h, max(logged, label))
	err = errors.Join(m.wantHead(h, max(logged, label)), m.Err())
	// It is a whole replica: it goes on, and its snapshots are good.
	m.hand(h, max(logged, label)+1, 64)
	return errors.Join(err, m.snapshot(own, 64), m.wantHead(h, 64), m.close())
}

// TestCrashAnywhere crashes before every write of a life, and compares height
// and running hash after the replay.
func TestCrashAnywhere(t *testing.T) {
	h := newHistory(t, 64)
	leaders, own := leadersShelf(t, h), &shelf{}
	disk, r := vfs.NewCrashableMem(), rand.New(rand.NewPCG(1, 2))
	type crash struct {
		what   string
		fs     vfs.FS
		own    *shelf
		logged uint64
	}
	var mu sync.Mutex // Pebble also writes beside the test
	var crashes []crash
	var logged uint64
	fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
			mu.Lock()
			defer mu.Unlock()
			c := disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[r.IntN(3)], RNG: r})
			crashes = append(crashes, crash{op.Path, c, own.clone(), logged})
		}
		return nil
	}))
	must(t, life(fs, h, own, leaders, func(n uint64) { mu.Lock(); defer mu.Unlock(); logged = n }))
	touched := map[string]bool{}
	for i, c := range crashes {
		for _, part := range []string{"checkpoint-", currentFile, "00000001", "00000002"} {
			touched[part] = touched[part] || strings.Contains(c.what, part)
		}
		if err := comeBack(c.fs, h, c.own, c.logged); err != nil {
			t.Errorf("crash %d of %d, before a write of %s: %v", i, len(crashes), c.what, err)
		}
	}
	if len(crashes) < 100 || len(touched) != 4 {
		t.Errorf("only %d crashes, in %v", len(crashes), touched)
	}
}

// TestFailAnywhere fails every write of a life in turn: the replica stops with
// that error, and what is on the disk is good for the next start.
func TestFailAnywhere(t *testing.T) {
	errEIO := errors.New("injected: input/output error")
	h := newHistory(t, 64)
	leaders := leadersShelf(t, h)
	for n := 0; ; n++ {
		disk, own := vfs.NewCrashableMem(), &shelf{}
		var logged uint64
		var mu sync.Mutex
		count, failed := 0, ""
		fs := errorfs.Wrap(disk, errorfs.InjectorFunc(func(op errorfs.Op) error {
			switch op.Kind {
			case errorfs.OpRemove, errorfs.OpRemoveAll, errorfs.OpLink: // Pebble does without
				return nil
			}
			if op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			if count++; count == n+1 {
				failed = op.Path
				return errEIO
			}
			return nil
		}))
		err := life(fs, h, own, leaders, func(n uint64) { logged = n })
		mu.Lock()
		done := failed == ""
		mu.Unlock()
		if done {
			if n < 100 {
				t.Errorf("only %d writes", n)
			}
			must(t, err)
			return
		}
		if !errors.Is(err, errEIO) {
			t.Errorf("write %d, of %s: %v", n, failed, err)
		}
		if err := comeBack(disk.CrashClone(vfs.CrashCloneCfg{}), h, own, logged); err != nil {
			t.Errorf("after the failed write %d, of %s: %v", n, failed, err)
		}
	}
}

// TestRestoreAtStart: Raft skips what lies between an old state and its newest
// snapshot, in silence. The snapshot is restored exactly where the state is
// behind its content.
func TestRestoreAtStart(t *testing.T) {
	h := newHistory(t, 64)
	// Entry 17 is Raft's own: a snapshot labelled 17 has the content of entry 16.
	leaders, err := newMachine(vfs.NewMem(), &shelf{})
	must(t, err)
	own := &shelf{}
	leaders.hand(h, 1, 17)
	must(t, leaders.snapshot(own, 17), leaders.close())
	for _, test := range []struct {
		name     string
		applied  uint64
		restored bool
	}{
		{"new state", 0, true},
		{"state behind the snapshot", 6, true},
		{"state one block behind", 15, true},
		{"state as the content, before the label", 16, false},
		{"state one block ahead of the label", 18, false},
		{"state ahead", 30, false},
	} {
		fs := vfs.NewMem()
		m, err := newMachine(fs, &shelf{})
		must(t, err)
		m.hand(h, 1, test.applied)
		if test.applied > 0 { // makes it durable
			must(t, m.snapshot(&shelf{}, test.applied))
		}
		must(t, m.close())
		m, err = newMachine(fs, own)
		must(t, err)
		if restored := m.stores.generation == 2; restored != test.restored {
			t.Errorf("%s: restored %v", test.name, restored)
		}
		if at := m.Ledger().AppliedIndex(); at != max(16, test.applied) {
			t.Errorf("%s: the state is at entry %d", test.name, at)
		}
		m.replay(h, 40)
		must(t, m.wantHead(h, 40), m.close())
	}
}

// TestNoSnapshotWhileReplaying: the label would be of an entry before the
// content, and a node restored from it would seem to have lost its log.
func TestNoSnapshotWhileReplaying(t *testing.T) {
	h, own, fs := newHistory(t, 30), &shelf{}, vfs.NewMem()
	m, err := newMachine(fs, own)
	must(t, err)
	m.hand(h, 1, 30)
	must(t, m.snapshot(&shelf{}, 30), m.close())
	m, err = newMachine(fs, own)
	must(t, err)
	for _, upTo := range []uint64{10, 29} {
		m.replay(h, upTo)
		if err := m.snapshot(own, upTo); !errors.Is(err, errReplaying) {
			t.Errorf("a snapshot after %d of 30 entries: %v", upTo, err)
		}
	}
	m.replay(h, 30)
	must(t, m.snapshot(own, 30), m.wantHead(h, 30), m.close())
}

// TestRebuiltState: a state that was made from an archive takes no snapshot until
// Raft has handed over the last entry of which it has the block; then it is as any
// other. A leader's snapshot replaces it, be it newer or older.
func TestRebuiltState(t *testing.T) {
	h := newHistory(t, 60)
	rebuilt := func() (*machine, vfs.FS) {
		t.Helper()
		fs := vfs.NewMem()
		m, err := newMachine(fs, &shelf{})
		must(t, err)
		m.hand(h, 1, 30)
		must(t, m.Ledger().MarkRebuilt(), m.close())
		m, err = newMachine(fs, &shelf{})
		must(t, err, m.wantHead(h, 30))
		return m, fs
	}
	own := &shelf{}
	m, fs := rebuilt()
	for _, upTo := range []uint64{0, 12, 29} {
		m.replay(h, upTo)
		if err := m.snapshot(own, upTo); !errors.Is(err, errReplaying) {
			t.Errorf("a snapshot after %d of 30 entries: %v", upTo, err)
		}
	}
	m.replay(h, 30)
	must(t, m.snapshot(own, 30), m.wantHead(h, 30))
	m.replay(h, 45)
	must(t, m.wantHead(h, 45), m.close())
	m, err := newMachine(fs, own)
	must(t, err)
	m.replay(h, 60)
	must(t, m.wantHead(h, 60), m.Err(), m.close())

	for _, at := range []uint64{20, 50} {
		leaders := &shelf{}
		leader, err := newMachine(vfs.NewMem(), leaders)
		must(t, err)
		leader.hand(h, 1, at)
		must(t, leader.snapshot(leaders, at), leader.close())
		_, content, err := leaders.Open(fmt.Sprint("snapshot-", at))
		must(t, err)
		m, _ := rebuilt()
		m.hand(h, 1, 5)
		must(t, m.fsm.Restore(content))
		m.replay(h, 60)
		must(t, m.wantHead(h, 60), m.Err(), m.snapshot(&shelf{}, 60), m.close())
	}
}

// TestBadSnapshots: a snapshot that is not what it says leaves the old state.
func TestBadSnapshots(t *testing.T) {
	h := newHistory(t, 64)
	good := leadersShelf(t, h).kept[0].content
	withHead := func(change func(*snapshotHead)) []byte {
		head, err := readSnapshotHead(bytes.NewReader(good))
		must(t, err)
		change(&head)
		line, err := json.Marshal(head)
		must(t, err)
		return append(append(line, bytes.Repeat([]byte{' '}, snapshotHeadBytes-len(line))...), good[snapshotHeadBytes:]...)
	}
	withFile := func(name string) []byte {
		var b bytes.Buffer
		b.Write(good[:snapshotHeadBytes])
		w := tar.NewWriter(&b)
		must(t, w.WriteHeader(&tar.Header{Name: name, Size: 1, Mode: 0o600}))
		_, err := w.Write([]byte{1})
		must(t, err, w.Close())
		return b.Bytes()
	}
	bad := map[string][]byte{
		"nothing":        {},
		"no head":        bytes.Repeat([]byte{'x'}, 5000),
		"another height": withHead(func(s *snapshotHead) { s.Height++ }),
		"another index":  withHead(func(s *snapshotHead) { s.Index++ }),
		"another hash":   withHead(func(s *snapshotHead) { s.Hash[0]++ }),
		"no content":     good[:snapshotHeadBytes],
		"a file above":   withFile("../evil"),
		"far above":      withFile("a/../../evil"),
		"absolute":       withFile("/evil"),
		"dots alone":     withFile(".."),
	}
	for _, share := range []int{1, 3, 5, 7, 9} {
		bad[string(rune('0'+share))+" tenths"] = good[:len(good)*share/10]
	}
	for name, content := range bad {
		fs := vfs.NewMem()
		m, err := newMachine(fs, &shelf{})
		must(t, err)
		m.hand(h, 1, 20)
		if err := m.fsm.Restore(io.NopCloser(bytes.NewReader(content))); err == nil {
			t.Errorf("%s: restored", name)
		}
		if m.Err() == nil {
			t.Errorf("%s: the node goes on", name)
		}
		// Raft goes on for a moment; the ledger does not.
		m.hand(h, 21, 25)
		must(t, m.wantHead(h, 20))
		if g, err := m.stores.readCurrent(); g != 1 || err != nil {
			t.Errorf("%s: the live state is %d, %v", name, g, err)
		}
		if _, err := m.fsm.Snapshot(); err == nil {
			t.Errorf("%s: a snapshot after a failure", name)
		}
		if names, _ := fs.List("data"); len(names) != 1 {
			t.Errorf("%s: files beside the state: %v", name, names)
		}
		must(t, m.close())
	}
}

// TestFlippedSnapshot: a byte that changes on the way or on the disk, below
// Raft's own checksum, makes no other ledger.
func TestFlippedSnapshot(t *testing.T) {
	h := newHistory(t, 64)
	good := leadersShelf(t, h).kept[0].content
	r, refused := rand.New(rand.NewPCG(3, 3)), 0
	for range 150 {
		content := bytes.Clone(good)
		content[r.IntN(len(content))] ^= 1 << r.IntN(8)
		m, err := newMachine(vfs.NewMem(), &shelf{})
		must(t, err)
		if err := m.fsm.Restore(io.NopCloser(bytes.NewReader(content))); err != nil {
			refused++
			_ = m.close()
			continue
		}
		must(t, m.wantHead(h, 50), m.Ledger().Scrub())
		m.hand(h, 51, 64)
		must(t, m.wantHead(h, 64), m.close())
	}
	t.Logf("%d of 150 flips were refused", refused)
	if refused < 60 {
		t.Errorf("only %d of 150 flips were refused", refused)
	}
}

// TestBadCurrent: what CURRENT says is a generation, or an error with a remedy.
func TestBadCurrent(t *testing.T) {
	for _, text := range []string{"", "one\n", "-1\n", "1 2\n"} {
		fs := vfs.NewMem()
		m, err := newMachine(fs, &shelf{})
		must(t, err)
		must(t, m.close())
		f, err := fs.Create("data/state/"+currentFile, vfs.WriteCategoryUnspecified)
		must(t, err)
		_, err = f.Write([]byte(text))
		must(t, err, f.Close())
		if _, err := newMachine(fs, &shelf{}); err == nil || !strings.Contains(err.Error(), "remove the directory") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
