package binary

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"carbonledger/state/disk"
)

// alter changes one bit of a record in a directory in which no node runs, with good
// checksums, as a bit that flipped in memory or somebody with root does.
func alter(t *testing.T, v *validator, key []byte, at int) {
	t.Helper()
	db, err := disk.Open(stateDir(t, v), disk.Options{DisableWAL: true})
	if err != nil {
		t.Fatal(err)
	}
	value, closer, err := db.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	altered := slices.Clone(value)
	altered[at] ^= 0x01
	b := db.NewBatch()
	if err := errors.Join(closer.Close(), b.Set(key, altered, nil), db.Commit(b, false), db.Flush(), db.Close()); err != nil {
		t.Fatal(err)
	}
}

// awaitFlush fills blocks until a validator has taken a snapshot, which writes the
// state out.
func (n *network) awaitFlush(v *validator, name string) {
	n.t.Helper()
	snapshots := func() string {
		files, err := filepath.Glob(filepath.Join(v.dir, "snapshots", "snapshots", "*[0-9]", "state.bin"))
		if err != nil {
			n.t.Fatal(err)
		}
		return strings.Join(files, " ")
	}
	before := snapshots()
	n.fill(name, 10, 1000)
	awaitAnswer(n.t, "a new snapshot of "+v.name, func() (any, error) {
		if now := snapshots(); now == before || now == "" {
			return nil, errors.New("there is none")
		}
		return nil, nil
	})
}

// TestDiverge: a holding is damaged in one node's store. It stops when a block reads
// it, and diverge names height, transaction and record, from its directory and a
// node that runs, and from two directories.
func TestDiverge(t *testing.T) {
	n := running(t, three(), "--max-raft-log", "1", "--check-conservation=false")
	n.does("registry", "issue", "--to", "entity-1", "--instrument", "CEA22", "--tonnes", "100", "--document", "d-1")
	v := n.others(n.awaitLeader())[0]
	n.awaitFlush(v, "before")
	n.stop(v)
	v.flags = []string{"--max-raft-log", "128"} // no snapshot that takes the damage over
	alter(t, v, []byte("\x06entity-1\x00CEA22"), 7)
	n.start(v)
	n.awaitServing(v)
	file := n.signs("entity-1", "transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "10")
	receipt := n.as("entity-1", "submit", file, "--json").must(t).parsed(t)
	if said := n.awaitExit(v, 1); !strings.Contains(said, `"carbonledger diverge" names the record`) {
		t.Errorf("%s does not name the command:\n%s", v.name, said)
	}

	rest := n.others(v)
	auditor := func(args ...string) result {
		return command(t, append(append([]string{"diverge"}, args...), "--genesis", n.genesis, "--party", "auditor", "--key", n.key("auditor"))...)
	}
	found := func(r result) {
		t.Helper()
		d := r.want(t, 1).parsed(t)
		if d["agree"] != false || d["height"] != receipt["height"] || d["transaction"] != receipt["id"] || d["comparisons"].(float64) > 12 {
			t.Errorf("it finds %v of %v", r.out, receipt)
		}
		first := d["records"].([]any)[0].(map[string]any)
		if first["range"] != "holding" || first["record"] != "entity-1 CEA22" || first["at"] != "as the block left it" {
			t.Errorf("the first record is %v", first)
		}
		for field, registry := range map[string]string{"first": "registry=91 ", "second": "registry=90 ", "before": "registry=100 "} {
			if value := first[field].(string); !strings.HasPrefix(value, registry) {
				t.Errorf("%s is %q, want %q", field, value, registry)
			}
		}
	}
	found(auditor(v.dir, rest[0].api, "--json"))
	auditor(v.dir, rest[1].api).want(t, 1, "differ from height", "entity-1 CEA22", v.dir+": registry=91", rest[1].api+": registry=90")
	auditor(rest[0].api, rest[1].api).want(t, 0, "the replicas agree up to height")

	// Another record, which no block has read yet.
	alter(t, v, []byte("\x07entity-1"), 7)
	auditor(v.dir, rest[0].api).want(t, 1, "changed outside of any block", "money", "entity-1")

	t.Run("two directories", func(t *testing.T) {
		n.awaitFlush(rest[0], "after")
		auditor(v.dir, rest[0].dir).want(t, 1, "is in use by process", "give the address of its API")
		n.stop(rest[0])
		found(auditor(v.dir, rest[0].dir, "--json"))
		auditor(rest[0].dir, rest[1].api).want(t, 0, "the replicas agree up to height")
	})
	t.Run("another network", func(t *testing.T) {
		other := newNetwork(t, three())
		for _, args := range [][]string{{v.dir, rest[0].dir}, {rest[1].api, v.dir}} {
			command(t, append([]string{"diverge", "--genesis", other.genesis, "--party", "auditor", "--key", other.key("auditor")}, args...)...).
				want(t, 1, "use the", "genesis")
		}
		auditor(other.nodes[0].dir, rest[1].api).want(t, 1, "holds no state of a ledger")
	})
	t.Run("usage", func(t *testing.T) {
		auditor(v.dir).want(t, 2)
		auditor(v.dir, "nowhere").want(t, 2, "no directory and no HOST:PORT")
		command(t, "diverge", v.dir, rest[1].api, "--genesis", n.genesis).want(t, 2, "give --party, --key and --genesis")
		command(t, "diverge", v.dir, rest[1].api).want(t, 2, "--genesis")
		command(t, "diverge", v.dir, rest[1].api, "--genesis", n.genesis, "--party", "entity-1", "--key", n.key("entity-1")).want(t, 1, "may not compare replicas")
	})
}
