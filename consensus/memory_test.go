package consensus

import (
	"strings"
	"testing"

	"carbonledger/consensus/raftlog"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

func openLog(t *testing.T, fs vfs.FS) *raftlog.Store {
	t.Helper()
	log, err := raftlog.Open("log", raftlog.Options{FS: fs})
	must(t, err)
	return log
}

func TestLost(t *testing.T) {
	entry := func(term, index, office, boot, run uint64) seen { return seen{term, index, office, boot, run} }
	for _, test := range []struct {
		name string
		seen seen
		own  seen
		term uint64 // that it has entered
		want string // part of what it has lost
	}{
		{"never seen", seen{}, entry(0, 0, 0, 1, 7), 0, ""},
		{"the same start, asked twice", entry(0, 0, 0, 1, 7), entry(0, 0, 0, 1, 7), 0, ""},
		{"the next start", entry(2, 9, 2, 4, 7), entry(2, 9, 2, 5, 8), 2, ""},
		{"it has more than was seen", entry(2, 9, 2, 4, 7), entry(2, 12, 2, 5, 8), 2, ""},
		{"a new directory under the old name", entry(2, 9, 2, 4, 7), entry(0, 0, 0, 1, 8), 0, "start number 4"},
		{"a copied directory", entry(2, 9, 2, 4, 7), entry(2, 9, 2, 4, 8), 2, "start number 4"},
		{"an old backup", entry(2, 9, 2, 4, 7), entry(2, 8, 2, 3, 8), 2, "start number 4"},
		{"a backup of the running node", entry(2, 9, 2, 4, 7), entry(2, 8, 2, 5, 8), 2, "entry 9 of term 2"},
		{"a backup from before the last election", entry(3, 9, 3, 4, 7), entry(2, 40, 2, 5, 8), 2, "entry 9 of term 3"},
		{"entries of an old term stored for a newer leader", entry(2, 9, 5, 4, 7), entry(2, 8, 2, 5, 8), 5, "entry 9 of term 2"},
		// A crash between cutting off what a new leader does not have and storing what it has.
		{"cut off for a newer leader", entry(2, 9, 2, 4, 7), entry(2, 5, 2, 5, 8), 3, ""},
		{"replaced for a newer leader", entry(2, 9, 2, 4, 7), entry(3, 6, 3, 5, 8), 3, ""},
	} {
		got := test.seen.lost(test.own, test.term, []start{{test.own.Boot, test.own.Run}})
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s: lost %q, want %q", test.name, got, test.want)
		}
	}
}

// TestStartsOfACopy: a copy of a data directory whose starts the peers did not let take
// part at first counts further than the directory that it was made of, and is found out
// all the same; the directory itself may start as often as it likes.
func TestStartsOfACopy(t *testing.T) {
	begun := func(fs vfs.FS, admitted bool) *memory {
		t.Helper()
		log := openLog(t, fs)
		m, err := newMemory(log)
		must(t, err)
		if admitted {
			must(t, m.admitted())
		}
		must(t, log.Close())
		return m
	}
	for _, whole := range []bool{true, false} { // whether the copied start took part
		original := vfs.NewCrashableMem()
		begun(original, true)
		begun(original, whole)
		fork := original.CrashClone(vfs.CrashCloneCfg{})
		told := begun(original, false).mine()
		for _, fs := range []*vfs.MemFS{fork, original} {
			for range 3 {
				m := begun(fs, false)
				if lost := told.lost(m.mine(), 0, m.starts); (lost != "") != (fs == fork) {
					t.Errorf("start %d, a copy %v, whole %v: lost %q", m.mine().Boot, fs == fork, whole, lost)
				}
			}
		}
		begun(original, true)
		if m := begun(original, false); len(m.starts) != 2 {
			t.Errorf("after a start that took part: %v", m.starts)
		}
	}
	fs := vfs.NewCrashableMem()
	for range maxStarts + 5 {
		begun(fs, false)
	}
	if m := begun(fs, false); len(m.starts) != maxStarts {
		t.Errorf("%d starts are kept", len(m.starts))
	}
}

// TestMemory: what was seen only grows, survives a restart, and each start
// counts.
func TestMemory(t *testing.T) {
	fs := vfs.NewCrashableMem()
	log := openLog(t, fs)
	m, err := newMemory(log)
	must(t, err)
	id := raft.ServerID("n2#12")
	if m.of(id) != (seen{}) {
		t.Errorf("never seen: %+v", m.of(id))
	}
	m.booted(id, 3, 33)
	m.booted(id, 3, 44) // another with the same count must not pass for it
	m.booted(id, 2, 55)
	m.stored(id, seen{Term: 2, Index: 10, Office: 2})
	m.stored(id, seen{Term: 2, Index: 9, Office: 3})
	m.stored(id, seen{Term: 1, Index: 99, Office: 3})
	m.stored(id, seen{}) // a report before anything is stored
	want := seen{Term: 2, Index: 10, Office: 2, Boot: 3, Run: 33}
	if m.of(id) != want {
		t.Errorf("seen %+v, want %+v", m.of(id), want)
	}
	first := m.mine()
	if first.Boot != 1 || first.Run == 0 {
		t.Errorf("the first start: %+v", first)
	}
	must(t, m.save(), m.save(), log.SetUint64(termKey, 6), log.Close())

	log = openLog(t, fs.CrashClone(vfs.CrashCloneCfg{}))
	m, err = newMemory(log)
	must(t, err)
	if m.of(id) != want {
		t.Errorf("after a restart %+v, want %+v", m.of(id), want)
	}
	m.wrote(5, 50)
	m.entered(8)
	m.wrote(4, 70) // behind what it has
	if own := m.mine(); own.Boot != 2 || own.Run == first.Run || own.Term != 5 || own.Index != 50 || own.Office != 6 {
		t.Errorf("the second start: %+v", own)
	}
	must(t, log.Close())
}

// TestTellsOnlyOwners: a peer learns, and changes, only what was seen of itself.
func TestTellsOnlyOwners(t *testing.T) {
	log := openLog(t, vfs.NewMem())
	m, err := newMemory(log)
	must(t, err)
	n := &Node{memory: m}
	id := serverID("n2", make([]byte, 32))
	m.stored(id, seen{Term: 1, Index: 5, Office: 1})
	for _, from := range []string{"n3", "n", "", "n22"} {
		if a := n.answer(from, question{Seen: string(id), Boot: 99, Run: 1}); a.Missing == "" || a.Seen != (seen{}) {
			t.Errorf("%q is told %+v", from, a)
		}
	}
	if a := n.answer("n2", question{Seen: string(id), Boot: 1, Run: 1}); a.Missing != "" || a.Seen.Index != 5 || a.Seen.Boot != 0 {
		t.Errorf("it is told %+v", a)
	}
	if got := m.of(id); got.Boot != 1 {
		t.Errorf("its start is remembered as %+v", got)
	}
	must(t, log.Close())
}

// TestJoinLog: log and snapshot are one history at a start.
func TestJoinLog(t *testing.T) {
	for _, test := range []struct {
		name               string
		first, last, label uint64
		wantFirst          uint64
		fails              bool
	}{
		{"both empty", 0, 0, 0, 0, false},
		{"never cut", 1, 9, 0, 1, false},
		{"cut before the snapshot's end", 5, 9, 7, 5, false},
		{"cut at the snapshot's end", 8, 9, 7, 8, false},
		{"ends with the snapshot", 5, 7, 7, 5, false},
		{"crashed while a snapshot was installed", 5, 9, 30, 0, false},
		{"the snapshot is gone", 8, 9, 0, 8, true},
		{"the newer snapshot is gone", 8, 9, 6, 8, true},
		{"a snapshot alone", 0, 0, 7, 0, false},
	} {
		log := openLog(t, vfs.NewMem())
		for i := test.first; i <= test.last && i > 0; i++ {
			must(t, log.StoreLog(&raft.Log{Index: i, Term: 1}))
		}
		s := &shelf{}
		if test.label > 0 {
			s.kept = []kept{{meta: raft.SnapshotMeta{Index: test.label, Term: 1}}}
		}
		err := joinLog(log, s)
		if (err != nil) != test.fails || err != nil && !strings.Contains(err.Error(), "init node") {
			t.Errorf("%s: %v", test.name, err)
		}
		first, err := log.FirstIndex()
		if must(t, err); first != test.wantFirst {
			t.Errorf("%s: the log begins at %d, want %d", test.name, first, test.wantFirst)
		}
		if !test.fails {
			next := max(test.label, test.last) + 1
			if err := log.StoreLog(&raft.Log{Index: next, Term: 2}); err != nil {
				t.Errorf("%s: Raft cannot go on: %v", test.name, err)
			}
		}
		must(t, log.Close())
	}
}

func TestLastEntry(t *testing.T) {
	log := openLog(t, vfs.NewMem())
	s := &shelf{}
	want := func(term, index uint64) {
		t.Helper()
		if gotTerm, got, err := lastEntry(log, s); gotTerm != term || got != index || err != nil {
			t.Errorf("the last entry is %d of term %d, %v; want %d of term %d", got, gotTerm, err, index, term)
		}
	}
	want(0, 0)
	s.kept = []kept{{meta: raft.SnapshotMeta{Index: 7, Term: 3}}}
	want(3, 7)
	must(t, log.StoreLog(&raft.Log{Index: 8, Term: 4}))
	want(4, 8)
	must(t, log.Close())
}
