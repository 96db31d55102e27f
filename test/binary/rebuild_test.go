package binary

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/node/api"
)

// archive keeps a copy of a validator's log up to a height.
func (n *network) archive(v *validator, height uint64) (dir string) {
	n.t.Helper()
	dir = filepath.Join(n.t.TempDir(), "archive")
	n.awaitAudited(height, []*validator{v}, "--save", dir)
	return dir
}

func (n *network) rebuild(v *validator, archive string) result {
	n.t.Helper()
	return command(n.t, "rebuild", archive, "--data", v.dir, "--genesis", n.genesis, "--policy", filepath.Join(n.dir, "policy.txt"))
}

// holds compares what a node says of entity-1's allowances.
func (n *network) holds(v *validator, tonnes int) {
	n.t.Helper()
	n.asAt([]*validator{v}, "auditor", "query", "holdings", "entity-1", "--json").want(n.t, 0, fmt.Sprintf(`"tonnes":%d,`, tonnes))
}

// answersAlone: with nobody else there, a rebuilt node shows what the archive has.
func (n *network) answersAlone(v *validator, height uint64, id string, holding int) {
	n.t.Helper()
	s := n.awaitStatus(v, "answers", func(s *api.StatusResponse) bool { return s.Head.Height == height && s.Log.Size_ > height })
	if s.Serving {
		n.t.Error("a node without others says that it serves")
	}
	alone := []*validator{v}
	n.holds(v, holding)
	command(n.t, "receipt", id, "--api", v.api).want(n.t, 0, "accepted")
	proof := filepath.Join(n.t.TempDir(), "r.tlog-proof")
	n.asAt(alone, "auditor", "receipt", "get", id, "--out", proof).must(n.t)
	command(n.t, "receipt", "verify", proof, "--policy", filepath.Join(n.dir, "policy.txt")).want(n.t, 0, "verified")
	n.audit(alone).want(n.t, 0, "passed")
}

// TestRebuild: a node is rebuilt from an archive alone, with every other node down.
// It answers at once, and goes on when the others are back: from Raft's log, and
// where that was cut from a snapshot.
func TestRebuild(t *testing.T) {
	n := running(t, three(), "--max-raft-log", "1")
	founders := n.nodes
	n.does("registry", "issue", "--to", "entity-1", "--instrument", "CEA22", "--tonnes", "100", "--document", "d-1")
	n.as("entity-1", "transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "101", "--yes").want(t, 3)
	n.fill("small", 5, 3)
	fresh, line := n.admit("chengdu-1", "Chengdu")
	file := n.signs("entity-1", "transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "30")
	id := n.as("entity-1", "submit", file, "--json").must(t).parsed(t)["id"].(string)
	height := n.awaitSame(founders...)
	archive := n.archive(founders[0], height)

	t.Run("refused", func(t *testing.T) {
		n.rebuild(founders[0], archive).want(t, 1, "is in use by process")
		spoiled := filepath.Join(t.TempDir(), "spoiled")
		copyOf(t, archive, spoiled)
		bundles, err := filepath.Glob(filepath.Join(spoiled, "tile", "entries", "*.p", "*"))
		if err != nil || len(bundles) == 0 {
			t.Fatal(bundles, err)
		}
		for _, b := range bundles { // one for each checkpoint that was seen
			flip(t, b, -20)
		}
		n.rebuild(fresh, spoiled).want(t, 1, "the archive is wrong at entry")
		command(t, "rebuild", archive, "--data", fresh.dir).want(t, 2, "policy")
		n.rebuild(fresh, filepath.Join(archive, "nowhere")).want(t, 1)
		if _, err := os.Stat(filepath.Join(fresh.dir, "state")); err == nil {
			t.Error("a refused rebuild leaves a state")
		}
	})
	// What the archive does not have yet, and the end of the others.
	n.does("entity-1", "transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "7")
	n.kill(founders...)
	n.rebuild(founders[0], archive).want(t, 1, "is a voter of the genesis document", "new name")
	n.rebuild(fresh, archive).want(t, 0, "rebuilt: start the node", fmt.Sprint(height))
	n.rebuild(fresh, archive).want(t, 1, "is not empty")
	n.start(fresh)
	n.answersAlone(fresh, height, id, 70)
	// Stopped and started it counts again.
	n.stop(fresh)
	n.start(fresh)
	n.answersAlone(fresh, height, id, 70)

	for _, v := range founders {
		n.start(v)
	}
	n.awaitServing(fresh)
	n.awaitSame(n.nodes...)
	n.holds(fresh, 63)
	n.promote(fresh, line)
	n.kill(founders[0])
	n.does("entity-1", "transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "3")
	n.start(founders[0])
	n.awaitServing(founders[0])
	n.awaitSame(n.nodes...)
	n.audited(fresh)
	if current, err := os.ReadFile(filepath.Join(fresh.dir, "state", "CURRENT")); err != nil || strings.TrimSpace(string(current)) != "1" {
		t.Errorf("it did not go on from what was rebuilt: generation %q, %v", current, err)
	}

	t.Run("the log was cut", func(t *testing.T) {
		second, _ := n.admit("lhasa-1", "Lhasa")
		n.rebuild(second, archive).want(t, 0, "rebuilt")
		n.fill("many", 270, 1)
		n.fill("large", 10, 1000)
		for _, v := range append(founders, fresh) { // which has learned its place
			v.awaitSnapshot(t)
		}
		n.start(second)
		n.awaitServing(second)
		n.awaitSame(n.nodes...)
		if current, err := os.ReadFile(filepath.Join(second.dir, "state", "CURRENT")); err != nil || strings.TrimSpace(string(current)) == "1" {
			t.Errorf("it took no snapshot: CURRENT %q, %v", current, err)
		}
		n.holds(second, 60)
		n.audited(second)
	})
}
