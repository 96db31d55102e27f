package binary

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"carbonledger/node/api"
	"carbonledger/state/disk"
)

// newest is the last file of a directory in order of name, with this ending.
func newest(t *testing.T, dir, ending string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"+ending))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no file *%s (%v)", dir, ending, err)
	}
	return slices.Max(files)
}

// flip changes one bit of a file, counted from its end where at is negative,
// and returns what puts it right again.
func flip(t *testing.T, path string, at int) (restore func()) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damaged := slices.Clone(content)
	damaged[(at+len(content))%len(content)] ^= 0x01
	write := func(b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(damaged)
	return func() { write(content) }
}

// size of a file.
func size(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Size())
}

// refuses starts a node that must end with exit code 1 and these words.
func (n *network) refuses(v *validator, words ...string) {
	n.t.Helper()
	n.start(v)
	said := n.awaitExit(v, 1)
	said = said[strings.LastIndex(said, "carbonledger: "):]
	for _, w := range words {
		if !strings.Contains(said, w) {
			n.t.Errorf("%s says nothing of %q:\n%s", v.name, w, said)
		}
	}
}

// stateDir is where a validator's live ledger lies: restoring a snapshot begins
// a new generation.
func stateDir(t *testing.T, v *validator) string {
	t.Helper()
	current, err := os.ReadFile(filepath.Join(v.dir, "state", "CURRENT"))
	if err != nil {
		t.Fatal(err)
	}
	generation, err := strconv.Atoi(strings.TrimSpace(string(current)))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(v.dir, "state", fmt.Sprintf("%08d", generation))
}

// TestDamagedFiles: a byte flips in a node that is down. It says so and names
// the file and the remedy, and the remedy works.
func TestDamagedFiles(t *testing.T) {
	n := running(t, three(), "--max-raft-log", "1")
	// Enough for a snapshot, which writes the state out.
	n.fill("before", 10, 1000)
	v := n.others(n.awaitLeader())[0]
	v.awaitSnapshot(t)
	n.stop(v)

	// No more snapshots here, which would take the damage over.
	v.flags = []string{"--max-raft-log", "128"}

	t.Run("raft log", func(t *testing.T) {
		log := newest(t, filepath.Join(v.dir, "raft"), ".log")
		for _, at := range []int{20, size(t, log) / 2} {
			restore := flip(t, log, at)
			n.refuses(v, "raft's log is damaged", filepath.Base(log), "remove the node's data directory and let it rejoin as a new validator")
			restore()
		}
	})
	t.Run("identity", func(t *testing.T) {
		restore := flip(t, filepath.Join(v.dir, "incarnation"), 5)
		n.refuses(v, filepath.Join(v.dir, "incarnation"), "does not fit the public line", "init node")
		restore()
		restore = flip(t, filepath.Join(v.dir, "node.key"), -10)
		n.refuses(v, filepath.Join(v.dir, "node.key"))
		restore()
	})
	t.Run("state at start", func(t *testing.T) {
		table := newest(t, stateDir(t, v), ".sst")
		for _, at := range []int{20, -100} {
			restore := flip(t, table, at)
			n.refuses(v, table, "the store is damaged", "move "+filepath.Join(v.dir, "state")+" away and start")
			restore()
		}
	})
	// What the start does not read is found by the scrub.
	t.Run("state when read", func(t *testing.T) {
		table := newest(t, stateDir(t, v), ".sst")
		// The last eighth holds what nobody asks for; the node's own scrub reads it.
		flip(t, table, -size(t, table)/8)
		n.start(v)
		awaitAnswer(t, v.name+" serves or has found the damage", func() (bool, error) {
			s, err := statusOf(v)
			if err == nil && !s.Serving {
				err = errors.New(s.Problem)
			}
			if !v.process.Running() {
				err = nil
			}
			return true, err
		})
		if said := n.awaitExit(v, 1); !strings.Contains(said, table) || !strings.Contains(said, "the store is damaged") {
			t.Errorf("%s does not name the damaged table:\n%s", v.name, said)
		}
		if err := os.Rename(filepath.Join(v.dir, "state"), filepath.Join(v.dir, "state.damaged")); err != nil {
			t.Fatal(err)
		}
		n.start(v)
		n.awaitServing(v)
		n.awaitSame(n.nodes...)
		n.awaitStatus(v, "serves a checkpoint", func(s *api.StatusResponse) bool { return s.Log.Size_ > 0 })
		n.audit([]*validator{v}).want(t, 0, "passed")
	})
	t.Run("stored entry", func(t *testing.T) { alteredEntry(t, n, v) })
}

// alteredEntry: somebody with root changes one byte of an entry of the log that a
// node has stored, and one of a node of its tree, with good checksums. The node
// finds both, does not cosign meanwhile, and takes them from its peers.
func alteredEntry(t *testing.T, n *network, v *validator) {
	n.stop(v)
	db, err := disk.Open(stateDir(t, v), disk.Options{DisableWAL: true})
	if err != nil {
		t.Fatal(err)
	}
	b := db.NewBatch()
	for _, key := range [][]byte{
		binary.BigEndian.AppendUint64([]byte{0x84}, 4),
		binary.BigEndian.AppendUint64([]byte{0x87, 0}, 6),
	} {
		i, err := db.NewIter(nil)
		if err != nil {
			t.Fatal(err)
		}
		if !i.SeekLT(append(key, 0)) { // hashes stand side by side in one record
			t.Fatalf("no record %x", key)
		}
		altered := slices.Clone(i.Value())
		altered[len(altered)/2] ^= 0x01
		if err := errors.Join(b.Set(i.Key(), altered, nil), i.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(db.Commit(b, false), db.Flush(), db.Close()); err != nil {
		t.Fatal(err)
	}
	n.start(v)
	n.awaitServing(v)
	awaitAnswer(t, "the repair", func() (any, error) {
		s, err := statusOf(v)
		if err == nil && (s.Log.Repaired < 2 || s.Log.Problem != "") {
			err = fmt.Errorf("%d repaired, problem %q", s.Log.Repaired, s.Log.Problem)
		}
		return nil, err
	})
	n.audit(n.nodes).want(t, 0, "passed")
}

// copyOf a data directory, as a backup program makes it.
func copyOf(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("copy %s: %v: %s", from, err, out)
	}
}

// TestRolledBackDirectory: a node whose data directory is an old copy has
// forgotten what it acknowledged, and one whose disk is new has no vote. Neither
// takes part; a directory with a new name does, once it is admitted.
func TestRolledBackDirectory(t *testing.T) {
	n := running(t, three())
	v := n.others(n.awaitLeader())[0]
	rest := n.others(v)
	n.stop(v)
	backup := filepath.Join(t.TempDir(), "backup")
	copyOf(t, v.dir, backup)
	n.start(v)
	n.awaitServing(v)
	n.fill("after", 20, 1)
	n.awaitSame(n.nodes...)
	n.kill(v)
	if err := os.Rename(v.dir, v.dir+".good"); err != nil {
		t.Fatal(err)
	}
	copyOf(t, backup, v.dir)
	n.refuses(v, "this voter has lost what it acknowledged", "has seen its start number", "It must not vote again under this identity",
		"carbonledger init node", "carbonledger validator set --voter=false")
	// Trying again does not wear it down.
	n.refuses(v, "this voter has lost what it acknowledged")

	// An empty directory under the old name.
	if err := os.RemoveAll(v.dir); err != nil {
		t.Fatal(err)
	}
	n.refuses(v, v.dir, "is no validator's data directory", "carbonledger init node")
	secret := secretFile(t)
	command(t, "init", "node", "--dir", v.dir, "--name", v.name, "--site", v.site, "--p2p", "/ip4/127.0.0.1/tcp/"+strings.TrimPrefix(loopback(v.peer), "127.0.0.1:"),
		"--passphrase-file", secret, "--work-factor", "10").must(t)
	v.flags = []string{"--passphrase-file", secret}
	n.refuses(v, "genesis names the validator "+v.name+" with another node key or incarnation", "a directory with a new name")

	// The remedy.
	n.nodes = rest
	fresh, line := n.admit(v.site+"-new", v.site)
	n.start(fresh)
	n.awaitServing(fresh)
	n.does("ministry", "validator", "remove", v.name)
	n.promote(fresh, line)
	n.kill(rest[0])
	n.awaitLeader()
	n.asAt([]*validator{fresh}, "bank", "deposit", "--to", "entity-2", "--yuan", "1", "--yes").must(t)
	n.audited(fresh)
}
