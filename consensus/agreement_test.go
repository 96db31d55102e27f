package consensus

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// member is a node among the validators n1, n2, …, of which it is n1, without
// Raft and without a wire.
func member(t *testing.T, voters, others int) *Node {
	t.Helper()
	m, err := newMachine(vfs.NewMem(), &shelf{})
	must(t, err)
	t.Cleanup(func() { must(t, m.close()) })
	var all []tx.Validator
	for i := range voters + others {
		site := []string{"Wuhan", "Wuhan", "Shanghai", "Shanghai", "Beijing"}[min(i, 4)]
		all = append(all, testValidator(fmt.Sprint("n", i+1), site, i < voters))
	}
	m.validators.Store(&all)
	return m.Node
}

func TestAgreedHeight(t *testing.T) {
	for _, test := range []struct {
		voters, others int
		own            uint64
		agreed         []uint64 // of n2, n3, …
		disputed       uint64
		want           uint64
	}{
		{1, 0, 9, nil, 0, 9},
		{2, 0, 9, []uint64{7}, 0, 7},
		{3, 0, 9, []uint64{0, 0}, 0, 0},
		{3, 0, 9, []uint64{9, 0}, 0, 9},
		{3, 0, 9, []uint64{8, 7}, 0, 8},
		{4, 0, 9, []uint64{9, 8, 7}, 0, 8},
		{4, 0, 9, []uint64{9, 0, 0}, 0, 0},
		{5, 0, 9, []uint64{9, 8, 7, 6}, 0, 8},
		{5, 0, 9, []uint64{9, 9, 0, 0}, 0, 9},
		{3, 2, 9, []uint64{0, 0, 9, 9}, 0, 0}, // non-voters do not count
		{3, 2, 9, []uint64{8, 0, 9, 9}, 0, 8},
		{3, 0, 9, []uint64{9, 9}, 4, 0},
	} {
		n := member(t, test.voters, test.others)
		n.agreement.own.Height, n.agreement.disputed = test.own, test.disputed
		for i, h := range test.agreed {
			n.agreement.peer(fmt.Sprint("n", i+2)).agreed = h
		}
		if got := n.agreedHeight(); got != test.want {
			t.Errorf("%+v: %d", test, got)
		}
	}
}

// attest is what a peer reports of a height with a hash.
func attest(name string, height uint64, hash []byte) report {
	sig, err := testKey("node/" + name).Sign(tx.AttestMessage(testFounding.Hash, height, hash))
	if err != nil {
		panic(err)
	}
	return report{Attestation: tx.Attestation{Validator: name, Height: height, Hash: hash, Signature: sig}, Clock: time.Now().UnixMilli()}
}

// TestHear: a report counts at the height that this replica has reached too,
// under the sender's own key, and only if the hashes are equal.
func TestHear(t *testing.T) {
	h := newHistory(t, 20)
	m, err := newMachine(vfs.NewMem(), &shelf{})
	must(t, err)
	defer func() { must(t, m.close()) }()
	n := m.Node
	n.memory = &memory{known: map[raftID]seen{}}
	all := []tx.Validator{testValidator("n1", "Wuhan", true), testValidator("n2", "Wuhan", true), testValidator("n3", "Beijing", true)}
	n.validators.Store(&all)
	at := func(entry uint64) (uint64, []byte) { return h.heads[entry].Height, h.heads[entry].Hash }

	height, hash := at(10)
	n.hear("n2", attest("n2", height, hash)) // ahead of us: it waits
	if got := n.agreedHeight(); got != 0 {
		t.Errorf("agreed at %d before anything was executed", got)
	}
	m.hand(h, 1, 10)
	// What a machine executes outside of Raft must not be reloaded from its
	// ledger, which has one validator.
	n.validators.Store(&all)
	n.advanced()
	if got := n.agreedHeight(); got != height {
		t.Errorf("agreed at %d, want %d", got, height)
	}
	// Forged: another's key, another's name, nobody's.
	height, hash = at(9)
	forged := attest("n2", height+5, hash)
	for from, r := range map[string]report{"n3": attest("n2", height, hash), "stranger": attest("stranger", height, hash)} {
		n.hear(from, r)
	}
	forged.Attestation.Validator = "n3"
	n.hear("n3", forged)
	if p := n.agreement.peer("n3"); p.agreed != 0 || p.height != 0 {
		t.Errorf("a forged report counts: %+v", p)
	}
	// Reports that are late do not take back what was agreed.
	height, hash = at(5)
	n.hear("n2", attest("n2", height, hash))
	if got, _ := at(10); n.agreement.peer("n2").agreed != got {
		t.Errorf("agreed went back to %d", n.agreement.peer("n2").agreed)
	}
	// What was stored is remembered of whoever reports it.
	r := attest("n3", height, hash)
	r.Seen = seen{Term: 2, Index: 7, Office: 2, Boot: 1, Run: 5}
	n.hear("n3", r)
	if got := n.memory.of(server(all[2]).ID); got != r.Seen {
		t.Errorf("remembered %+v", got)
	}
	if got := n.agreement.peer("n3").agreed; got != height {
		t.Errorf("n3 agrees at %d, want %d", got, height)
	}
}

// TestReportsAreBounded: a peer that runs far ahead does not fill the memory.
func TestReportsAreBounded(t *testing.T) {
	n := member(t, 3, 0)
	n.memory = &memory{known: map[raftID]seen{}}
	for height := uint64(1); height <= 10*keptReports; height++ {
		n.hear("n2", attest("n2", height, make([]byte, 32)))
	}
	if p := n.agreement.peer("n2"); len(p.waiting) != keptReports || p.waiting[keptReports-1].Height != 10*keptReports {
		t.Errorf("%d reports wait", len(p.waiting))
	}
	if kept := n.agreement.attestations["n2"]; len(kept) != keptAttestations || kept[keptAttestations-1].Height != 10*keptReports {
		t.Errorf("%d attestations are kept", len(kept))
	}
}

func TestAttestations(t *testing.T) {
	n := member(t, 5, 0)
	hash := func(h uint64) []byte { return []byte{byte(h)} }
	put := func(name string, heights ...uint64) {
		for _, h := range heights {
			n.agreement.keep(tx.Attestation{Validator: name, Height: h, Hash: hash(h)})
		}
	}
	clear(n.agreement.attestations)
	put("n1", 1, 2, 3, 4, 5)
	put("n2", 1, 2, 3, 4)
	put("n3", 2, 3)
	put("n4", 1)
	n.agreement.keep(tx.Attestation{Validator: "n5", Height: 5, Hash: []byte("another")})
	got := n.Attestations()
	names := ""
	for _, a := range got {
		names += a.Validator + " "
		if a.Height != 3 {
			t.Errorf("height %d", a.Height)
		}
	}
	if names != "n1 n2 n3 " {
		t.Errorf("signed by %s", names)
	}
}

// TestSuccessor: who leads instead, and why.
func TestSuccessor(t *testing.T) {
	offset := func(seconds ...int) []time.Duration {
		all := make([]time.Duration, len(seconds))
		for i, s := range seconds {
			all[i] = time.Duration(s) * time.Second
		}
		return all
	}
	full := errors.New("no space")
	for _, test := range []struct {
		name    string
		full    bool
		offsets []time.Duration // of n2 to n5, ahead of n1
		peers   func(map[string]*peer)
		site    string
		wall    bool
		unfit   string
		to, why string
	}{
		{name: "nothing is wrong", wall: true, offsets: offset(0, 0, 0, 0)},
		{name: "full disk", full: true, to: "n2", why: "no space"},
		{name: "full disk, the next one too", full: true, peers: func(p map[string]*peer) { p["n2"].unfit = true }, to: "n3", why: "no space"},
		{name: "full disks everywhere", full: true, why: "no space", peers: func(p map[string]*peer) {
			for _, x := range p {
				x.unfit = true
			}
		}},
		{name: "full disk, the primary site first", full: true, site: "Beijing", to: "n5", why: "no space"},
		{name: "full disk, the primary site is down", full: true, site: "Beijing", to: "n2", why: "no space", peers: func(p map[string]*peer) { p["n5"].heard = time.Time{} }},
		{name: "unfit, says another part of the node", unfit: "its log is damaged", to: "n2", why: "its log is damaged"},
		{name: "clock 3 s behind", wall: true, offsets: offset(3, 3, 3, 3), to: "n2", why: "-3s off"},
		{name: "clock 3 s ahead", wall: true, offsets: offset(-3, -3, -3, -3), to: "n2", why: "3s off"},
		{name: "clock 2 s behind is no reason", wall: true, offsets: offset(2, 2, 2, 2)},
		{name: "two clocks are wrong: to one that is right", wall: true, offsets: offset(0, 10, 10, 10), to: "n3", why: "-10s off"},
		{name: "a script clock reads no clock", offsets: offset(30, 30, 30, 30)},
		{name: "another's clock is wrong", wall: true, offsets: offset(0, 0, 0, 99)},
		{name: "full disk, peers behind or silent", full: true, to: "n5", why: "no space", peers: func(p map[string]*peer) {
			p["n2"].agreed, p["n3"].heard, p["n4"].differs = 100, time.Now().Add(-time.Minute), 7
		}},
		{name: "not of the primary site", site: "Beijing", to: "n5", why: "primary site"},
		{name: "of the primary site", site: "Wuhan"},
		{name: "the primary site is full", site: "Beijing", peers: func(p map[string]*peer) { p["n5"].unfit = true }, why: "primary site"},
		{name: "a site that nobody has", site: "Lhasa", why: "primary site"},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := member(t, 5, 0)
			n.cfg.PrimarySite, n.cfg.Founding.ScriptClock = test.site, !test.wall
			n.agreement.own.Height = 200
			for i := range 4 {
				p := n.agreement.peer(fmt.Sprint("n", i+2))
				p.heard, p.agreed = time.Now(), 195
				if test.offsets != nil {
					p.offset = test.offsets[i]
				}
			}
			if test.peers != nil {
				test.peers(n.agreement.peers)
			}
			if test.full {
				n.disk.Store(&full)
			}
			n.SetUnfit(test.unfit)
			to, why := n.successor(time.Hour)
			if to != test.to || !strings.Contains(why, test.why) || test.why == "" && why != "" {
				t.Errorf("%s: to %q because %q, want %q because %q", test.name, to, why, test.to, test.why)
			}
			if test.site != "" && !test.full {
				if to, _ := n.successor(time.Second); to != "" {
					t.Errorf("%s: hands over to %s at once", test.name, to)
				}
			}
		})
	}
}

// TestStalls: every write of the log, and every batch, that takes longer than
// half the lease is counted.
func TestStalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := member(t, 1, 0)
		slow := &slowLog{Log: openLog(t, vfs.NewMem())}
		n.memory = &memory{known: map[raftID]seen{}}
		var stalls []string
		n.cfg.Observer.Stalled = func(what string, took time.Duration) { stalls = append(stalls, fmt.Sprint(what, " ", took)) }
		log := &watchedLog{slow, n}
		for _, slow.by = range []time.Duration{0, n.cfg.Timing.Lease / 2, n.cfg.Timing.Lease/2 + 1} {
			must(t, log.StoreLog(entryOf(slow)), log.SetUint64(termKey, 3), log.Set([]byte("k"), nil), log.DeleteRange(1, 1))
			n.stalled("apply", slow.by)
		}
		want := "[log 200.000001ms log 200.000001ms log 200.000001ms log 200.000001ms apply 200.000001ms]"
		if got := fmt.Sprint(stalls); got != want {
			t.Errorf("counted %s, want %s", got, want)
		}
		if own := n.memory.mine(); own.Index == 0 || n.memory.term != 3 {
			t.Errorf("stored %+v in term %d", own, n.memory.term)
		}
		must(t, slow.Log.(interface{ Close() error }).Close())
	})
}

// slowLog is a log on a disk that takes its time.
type slowLog struct {
	Log
	by   time.Duration
	next uint64
}

// entryOf is the next entry that fits.
func entryOf(l *slowLog) *raft.Log {
	l.next++
	return &raft.Log{Index: l.next, Term: 1}
}

func (l *slowLog) StoreLogs(all []*raft.Log) error {
	time.Sleep(l.by)
	return l.Log.StoreLogs(all)
}

func (l *slowLog) DeleteRange(from, to uint64) error {
	time.Sleep(l.by)
	return l.Log.DeleteRange(from, to)
}

func (l *slowLog) Set(key, value []byte) error {
	time.Sleep(l.by)
	return l.Log.Set(key, value)
}

func (l *slowLog) SetUint64(key []byte, value uint64) error {
	time.Sleep(l.by)
	return l.Log.SetUint64(key, value)
}
