package cluster

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carbonledger/node/publish"
	"carbonledger/state/disk"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestLogGoesOn: every node publishes the same log; any of them may be lost, the
// leader too, and what comes back goes on. A quiet log has a heartbeat.
func TestLogGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := publishing(t, 3)
		l.Leader()
		l.published(1, l.Names...)
		for i := range 5 {
			l.pay("n1", fmt.Sprint("a", i))
		}
		c := l.published(6, l.Names...)
		before := l.running["n1"].Status().At
		l.awaitLog("n1", "a heartbeat", func(s publish.Status) bool { return s.At.After(before) && s.Size == c.Size })
		leader := l.Leader()
		l.silence(leader)
		l.Crash(leader)
		rest := slices.DeleteFunc(slices.Clone(l.Names), func(n string) bool { return n == leader })
		l.pay(rest[0], "b")
		l.published(c.Size+1, rest...)
		l.up(leader)
		l.pay(rest[0], "c")
		l.published(c.Size+2, l.Names...)
	})
}

// TestToldAgain: who missed a checkpoint gets it before the next one.
func TestToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := publishing(t, 3)
		leader := l.Leader()
		l.published(1, l.Names...)
		follower := l.Names[0]
		if follower == leader {
			follower = l.Names[1]
		}
		l.silence(follower)
		l.pay(leader, "a")
		c := l.published(2, leader)
		_, told := l.running[leader].Newest()
		l.publish(follower)
		l.published(c.Size, follower)
		if _, have := l.running[follower].Newest(); !bytes.Equal(have, told) {
			t.Errorf("the follower waited for the next checkpoint:\n%s\nwhere this was told:\n%s", have, told)
		}
	})
}

// TestSignerLost: a validator without its signer file cosigns nothing until a
// majority of its peers told it what they cosigned last.
func TestSignerLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := publishing(t, 3)
		l.Leader()
		l.pay("n1", "a")
		c := l.published(2, l.Names...)
		l.down("n3")
		l.must(os.Remove(l.file("n3", "signer")))
		l.silence("n2") // one of two peers does not answer
		l.Start("n3")
		l.publish("n3")
		time.Sleep(3 * time.Second)
		if s := l.running["n3"].Status(); s.Cosigned != 0 || !strings.Contains(s.Problem, "signer file is lost") {
			t.Errorf("with one peer alone: %+v", s)
		}
		l.publish("n2")
		l.awaitLog("n3", "recovered", func(s publish.Status) bool { return s.Cosigned >= c.Size && s.Problem == "" })
		l.pay("n1", "b")
		l.awaitLog("n3", "cosigning", func(s publish.Status) bool { return s.Cosigned > c.Size })
	})
}

// TestSignerLostOfTwo: of two voters the other one tells it. One alone has nobody to ask,
// and cosigns nothing.
func TestSignerLostOfTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := publishing(t, 2)
		l.Leader()
		l.pay("n1", "a")
		c := l.published(2, l.Names...)
		l.silence("n2")
		l.must(os.Remove(l.file("n2", "signer")))
		l.publish("n2")
		l.awaitLog("n2", "recovered", func(s publish.Status) bool { return s.Cosigned >= c.Size && s.Problem == "" })
		l.pay("n1", "b")
		l.published(c.Size+1, l.Names...)
	})
	synctest.Test(t, func(t *testing.T) {
		l := publishing(t, 1)
		l.Leader()
		l.pay("n1", "a")
		c := l.published(2, "n1")
		l.silence("n1")
		l.must(os.Remove(l.file("n1", "signer")))
		l.publish("n1")
		l.pay("n1", "b")
		time.Sleep(3 * time.Second)
		if s := l.running["n1"].Status(); s.Cosigned != 0 || s.Size != c.Size {
			t.Errorf("alone: %+v", s)
		}
	})
}

// TestSignerAhead: a node whose disk was put back to an older state, beside a
// signer file that is not, signs nothing below what it signed and goes on when
// its log is there again. A signer file of another history stops it for good, and
// the evidence is kept.
func TestSignerAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := publishing(t, 3)
		l.Leader()
		l.pay("n1", "a")
		l.published(2, l.Names...)
		l.down("n3")
		l.pay("n1", "b")
		c := l.published(3, "n1", "n2")
		// Its own signature is of a size that its state has not reached yet.
		l.must(os.WriteFile(l.file("n3", "signer"), []byte(c.Text()), 0o600))
		l.up("n3")
		l.pay("n1", "c")
		l.awaitLog("n3", "cosigning", func(s publish.Status) bool { return s.Cosigned > c.Size && s.Problem == "" })

		l.down("n3")
		c.Root[0] ^= 1
		l.must(os.WriteFile(l.file("n3", "signer"), []byte(c.Text()), 0o600))
		l.up("n3")
		l.pay("n1", "d")
		l.awaitLog("n3", "stopped", func(s publish.Status) bool { return strings.Contains(s.Problem, "the history is contradicted") })
		if found, err := filepath.Glob(l.file("n3", "evidence/fork-*")); err != nil || len(found) != 3 {
			t.Errorf("the evidence: %v %v", found, err)
		}
		l.pay("n1", "e")
		l.published(6, "n1", "n2")
		if s := l.running["n3"].Status(); s.Cosigned != c.Size {
			t.Errorf("it cosigned size %d", s.Cosigned)
		}
		// A restart settles nothing, not with a signer file that fits either: who takes the
		// evidence away does.
		l.down("n3")
		c.Root[0] ^= 1
		l.must(os.WriteFile(l.file("n3", "signer"), []byte(c.Text()), 0o600))
		l.up("n3")
		l.pay("n1", "f")
		l.published(7, "n1", "n2")
		if s := l.running["n3"].Status(); s.Cosigned != c.Size || !strings.Contains(s.Problem, "the evidence is in") {
			t.Errorf("after a restart: %+v", s)
		}
		l.down("n3")
		l.must(os.Rename(l.file("n3", "evidence"), l.file("n3", "settled")))
		l.up("n3")
		l.pay("n1", "g")
		l.awaitLog("n3", "cosigning", func(s publish.Status) bool { return s.Cosigned >= 8 && s.Problem == "" })
	})
}

// TestContradictedLeader: a leader whose signer file is of another history hands over,
// so that those whose log is not contradicted go on with the publication.
func TestContradictedLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := publishing(t, 3)
		l.Leader()
		l.pay("n1", "a")
		c := l.published(2, l.Names...)
		l.must(l.Lead("n3"))
		l.silence("n3")
		c.Root[0] ^= 1
		l.must(os.WriteFile(l.file("n3", "signer"), []byte(c.Text()), 0o600))
		l.publish("n3")
		l.pay("n1", "b")
		l.awaitLog("n3", "stopped", func(s publish.Status) bool { return strings.Contains(s.Problem, "the history is contradicted") })
		l.pay("n1", "c")
		l.published(4, "n1", "n2")
		time.Sleep(2 * publish.LoopbackTiming.Heartbeat) // passes of the scrub, which find nothing, do not make it fit
		if l.Leader() == "n3" {
			t.Error("it leads")
		}
	})
}

// TestLeaderWithoutKey: a validator that has no origin.key, as a new one to which nobody
// gave it, says so, cosigns, and leaves the lead to one that can publish.
func TestLeaderWithoutKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := publishing(t, 3)
		l.Leader()
		l.pay("n1", "a")
		l.published(2, l.Names...)
		l.silence("n3")
		l.must(l.Lead("n3"))
		l.keyless = "n3"
		l.publish("n3")
		l.pay("n1", "b")
		l.published(3, l.Names...)
		s := l.awaitLog("n3", "cosigning", func(s publish.Status) bool { return s.Cosigned >= 3 })
		if !strings.Contains(s.Problem, "put origin.key into its data directory") || l.Leader() == "n3" {
			t.Errorf("%s leads, n3 says %+v", l.Leader(), s)
		}
	})
}

// damagedLeader is a cluster of three with 21 entries, of which n3 leads, has entry 7
// damaged on its disk, and does not publish yet.
func damagedLeader(t *testing.T) *logs {
	l := publishing(t, 3)
	l.Leader()
	for i := range 20 {
		l.pay("n1", fmt.Sprint("p", i))
	}
	l.published(21, l.Names...)
	l.must(l.Nodes["n3"].Ledger().Flush())
	l.down("n3")
	flipByte(t, l.Nodes["n3"].FS, binary.BigEndian.AppendUint64([]byte{0x84}, 7))
	l.Start("n3")
	l.must(l.Lead("n3"))
	return l
}

// TestFlippedByteOnLeader: an entry is damaged on the node that leads then: it
// repairs itself, and the log goes on.
func TestFlippedByteOnLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := damagedLeader(t)
		l.publish("n3")
		l.pay("n1", "more")
		l.published(22, l.Names...)
		l.awaitLog("n3", "repaired", func(s publish.Status) bool { return s.Repaired == 1 && s.Problem == "" })
	})
}

// TestUnfitLeader: a leader with a damaged entry that nobody can give it hands over,
// and says in its status why as long as that is so.
func TestUnfitLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := damagedLeader(t)
		l.silence("n1")
		l.silence("n2")
		l.publish("n3")
		l.awaitLog("n3", "says that it is damaged", func(s publish.Status) bool { return strings.Contains(s.Problem, "damaged") })
		for l.Nodes["n3"].Status().Role == "Leader" {
			time.Sleep(10 * time.Millisecond)
		}
		l.publish("n1")
		l.publish("n2")
		l.pay("n1", "more")
		l.published(22, l.Names...)
		l.awaitLog("n3", "repaired", func(s publish.Status) bool { return s.Repaired == 1 && s.Problem == "" })
	})
}

// TestFlippedByte: one byte changed, with good checksums, on one node of five:
// that node repairs itself or stops, and says so; the others' checkpoints count
// all the time.
func TestFlippedByte(t *testing.T) {
	for _, test := range []struct {
		what  string
		key   func(id tx.ID) []byte
		stops []string // with one of these; none: it is repaired
	}{
		{"a leaf", func(tx.ID) []byte { return binary.BigEndian.AppendUint64([]byte{0x84}, 5) }, nil},
		{"the hash of a leaf", func(tx.ID) []byte { return binary.BigEndian.AppendUint64([]byte{0x87, 0}, 7) }, nil},
		{"a node of the tree", func(tx.ID) []byte { return binary.BigEndian.AppendUint64([]byte{0x87, 8}, 0) }, nil},
		{"the newest leaf", func(tx.ID) []byte { return binary.BigEndian.AppendUint64([]byte{0x84}, 300) }, nil},
		{"an account", func(tx.ID) []byte { return []byte("\x02hunan") }, []string{"is not the one that was written last"}},
		// The next deposit shows it, or the scrub.
		// Only the others' state shows it.
		{"an account and its past", func(tx.ID) []byte { return []byte("\x02hunan") }, []string{"of 5 voters"}},
		{"a balance", func(tx.ID) []byte { return []byte("\x07e0") }, []string{"differs from a majority", "is not the one that was written last"}},
		{"a balance of the past", func(tx.ID) []byte {
			return binary.BigEndian.AppendUint64([]byte("\x88\x00\x03\x07e0"), 1)
		}, []string{"is not what was written there"}},
		{"a receipt", func(id tx.ID) []byte { return append([]byte{0x05}, id[:]...) }, []string{"is not the one of its entry"}},
		{"a reference", func(tx.ID) []byte { return []byte("\x04bank\x00p7") }, []string{"does not lead to its transaction"}},
		{"an entry of a statement", func(tx.ID) []byte { return binary.BigEndian.AppendUint64([]byte("\x89e0\x00"), 7) }, []string{"the entries of the statement of e0 do not lead to its head"}},
	} {
		t.Run(test.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := publishing(t, 5)
				l.Leader()
				var raws [][]byte
				for i := range 300 {
					raws = append(raws, l.Sign("bank", fmt.Sprint("p", i), deposit(1)))
				}
				first, err := l.Submit("n1", raws[0]) // a block of its own, the first
				l.must(err)
				receipts, err := l.Submit("n1", raws[1:]...)
				l.must(err)
				receipts = append(first, receipts...)
				l.published(301, l.Names...)
				l.must(l.Nodes["n5"].Ledger().Flush())
				l.down("n5")
				key := test.key(tx.ID(receipts[6].Id))
				flipByte(t, l.Nodes["n5"].FS, key)
				if strings.HasSuffix(test.what, "its past") {
					past := binary.BigEndian.AppendUint16([]byte{0x88}, uint16(len(key)))
					flipByte(t, l.Nodes["n5"].FS, binary.BigEndian.AppendUint64(append(past, key...), 0))
				}
				l.up("n5")
				rest := l.Names[:4]
				l.pay("n1", "more")
				l.published(302, rest...)
				if test.stops == nil {
					s := l.awaitLog("n5", "repaired", func(s publish.Status) bool { return s.Repaired > 0 && s.Problem == "" && s.Cosigned >= 302 })
					t.Logf("%+v", s)
					l.pay("n1", "most")
					l.published(303, l.Names...)
					return
				}
				l.awaitLog("n5", "found", func(publish.Status) bool { return l.stopped("n5") != nil })
				if err := l.stopped("n5"); !slices.ContainsFunc(test.stops, func(s string) bool { return strings.Contains(err.Error(), s) }) {
					t.Errorf("the node was stopped, because %v", err)
				}
				if strings.HasSuffix(test.what, "its past") {
					l.silence("n1")
					l.publish("n1") // it compares at once, not after a while
					l.awaitLog("n1", "knows the one that differs", func(s publish.Status) bool {
						return slices.Equal(s.Compared.Differing, []string{"n5"}) && slices.Equal(s.Compared.Alike, []string{"n2", "n3", "n4"}) && s.Problem == ""
					})
				}
				l.pay("n1", "most")
				l.published(303, rest...)
			})
		})
	}
}

// flipByte changes a record of a stopped node's state: the one with a key, or the
// run of hashes that holds it.
func flipByte(t *testing.T, fs vfs.FS, key []byte) {
	t.Helper()
	current, err := fs.List("state")
	if err != nil {
		t.Fatal(err)
	}
	dir := ""
	for _, name := range current {
		if name != "CURRENT" {
			dir = fs.PathJoin("state", name)
		}
	}
	db, err := disk.Open(dir, disk.Options{FS: fs, DisableWAL: true})
	if err != nil {
		t.Fatal(err)
	}
	i, err := db.NewIter(nil)
	if err != nil {
		t.Fatal(err)
	}
	if !i.SeekLT(append(slices.Clone(key), 0)) || key[0] != 0x87 && !bytes.Equal(i.Key(), key) {
		t.Fatalf("no record %x", key)
	}
	key = slices.Clone(i.Key())
	altered := slices.Clone(i.Value())
	altered[len(altered)/2] ^= 1
	b := db.NewBatch()
	if err := errors.Join(i.Close(), b.Set(key, altered, nil), db.Commit(b, false), db.Flush(), db.Close()); err != nil {
		t.Fatal(err)
	}
}
