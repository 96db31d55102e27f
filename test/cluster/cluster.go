// Package cluster runs whole networks of validators in one process: the real
// consensus, ledger and Raft log, over a wire of pipes that can be cut and
// memory disks that lose in a crash what was not synced. Inside a
// testing/synctest bubble an hour of cluster time takes seconds.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"carbonledger/consensus"
	"carbonledger/consensus/raftlog"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// Options of a cluster.
type Options struct {
	Voters, Entities int
	ScriptClock      bool
	// SnapshotLogBytes and TrailingLogs as in consensus.Config.
	SnapshotLogBytes, TrailingLogs uint64
	// Seed of what a crash loses.
	Seed uint64
	// PrimarySite is preferred for the leader; empty for no preference.
	PrimarySite string
	// NoConservation leaves out the check after every block (long runs).
	NoConservation bool
	// Found changes the founding; nil where it is good as it is.
	Found  func(*tx.Founding)
	Logger *slog.Logger
}

// Cluster is a network under test. Its methods are not safe for concurrent
// use.
type Cluster struct {
	Parties
	Founding tx.Founding
	Wire     *Wire
	Nodes    map[string]*Node
	Names    []string

	t       testing.TB
	options Options
	random  *rand.Rand
	dir     string
}

// Node is one validator of a cluster and its disk.
type Node struct {
	*consensus.Node
	Name       string
	FS         *vfs.MemFS
	Generation int
	// Introduced are the validators that a file introduces to it; none for no file.
	Introduced []tx.Validator
	// Up: the process runs, as far as the test knows.
	Up bool
	// Clock is how far its clock is ahead, in nanoseconds.
	Clock atomic.Int64
	// Full: its disk has less room than the node wants.
	Full atomic.Bool
	// Broken: every sync of its Raft log fails.
	Broken atomic.Bool

	log *raftlog.Store
}

// ErrBroken is how the disk of a broken node fails.
var ErrBroken = errors.New("injected: input/output error")

// disk is the node's, with its faults.
func (n *Node) disk() vfs.FS {
	return errorfs.Wrap(n.FS, errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if sync && n.Broken.Load() && strings.HasPrefix(op.Path, "raftlog") {
			return ErrBroken
		}
		return nil
	}))
}

func (n *Node) now() time.Time { return time.Now().Add(time.Duration(n.Clock.Load())) }

const minFreeDisk = 100 << 20

func (n *Node) freeDisk() (uint64, error) {
	if n.Full.Load() {
		return minFreeDisk - 1, nil
	}
	return minFreeDisk, nil
}

// New founds a cluster and starts all of it. It is stopped when the test ends.
func New(t testing.TB, o Options) *Cluster {
	f := Founding(o.Voters, o.Entities, o.ScriptClock)
	if !o.ScriptClock {
		f.Start = tx.Instant(time.Now().UnixMilli())
	}
	if o.Found != nil {
		o.Found(&f)
	}
	c := &Cluster{
		Parties:  Parties{Domain: f.Hash, ChainID: f.ChainID},
		Founding: f, Wire: NewWire(), Nodes: map[string]*Node{}, t: t, options: o,
		random: rand.New(rand.NewPCG(o.Seed, 1)), dir: t.TempDir(),
	}
	for _, v := range f.Validators {
		c.Add(v.Name, 1)
	}
	for _, name := range c.Names {
		c.Start(name)
	}
	return c
}

// Add makes an empty disk for a node, without starting it.
func (c *Cluster) Add(name string, generation int) *Node {
	n := &Node{Name: name, FS: vfs.NewCrashableMem(), Generation: generation}
	if c.Nodes[name] == nil {
		c.Names = append(c.Names, name)
	}
	c.Nodes[name] = n
	return n
}

// Start runs a node on its disk and fails the test if it cannot.
func (c *Cluster) Start(name string) {
	c.t.Helper()
	if err := c.TryStart(name); err != nil {
		c.t.Fatalf("start %s: %v", name, err)
	}
}

// TryStart runs a node on its disk.
func (c *Cluster) TryStart(name string) error {
	n := c.Nodes[name]
	logger := c.options.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	logger = logger.With("node", name)
	disk := n.disk()
	log, err := raftlog.Open("raftlog", raftlog.Options{FS: disk, Logger: logger})
	if err != nil {
		return err
	}
	snapshots, err := raft.NewFileSnapshotStoreWithLogger(filepath.Join(c.dir, fmt.Sprintf("%s-%d", name, n.Generation)), 2, hclog.NewNullLogger())
	if err != nil {
		return errors.Join(err, log.Close())
	}
	node, err := consensus.Start(consensus.Config{
		Name: name, Incarnation: Incarnation(name, n.Generation), Key: c.Key("node/" + name),
		Founding: c.Founding, Verifier: tx.NewVerifier(c.Domain),
		StateDir: "state", FS: disk, Log: log, Snapshots: snapshots, Network: c.Wire.At(name),
		Timing: consensus.LoopbackTiming, PrimarySite: c.options.PrimarySite,
		Now: n.now, FreeDisk: n.freeDisk, MinFreeDisk: minFreeDisk,
		Introduce:        n.introduce(),
		OnValidators:     func(all, introduced []tx.Validator) { c.Wire.admit(name, all, introduced) },
		SnapshotLogBytes: c.options.SnapshotLogBytes, TrailingLogs: c.options.TrailingLogs,
		CheckConservation: !c.options.NoConservation, Logger: logger,
	})
	if err != nil {
		return errors.Join(err, log.Close())
	}
	n.Node, n.log, n.Up = node, log, true
	c.t.Cleanup(func() {
		if n.Node == node && n.Up {
			c.Stop(name)
		}
	})
	return nil
}

func (n *Node) introduce() func([]tx.Validator) ([]tx.Validator, error) {
	if n.Introduced == nil {
		return nil
	}
	return func([]tx.Validator) ([]tx.Validator, error) { return n.Introduced, nil }
}

// Stop ends a node in order.
func (c *Cluster) Stop(name string) {
	c.t.Helper()
	n := c.Nodes[name]
	n.Up = false
	if err := errors.Join(n.Shutdown(context.Background()), n.log.Close()); err != nil && !n.Broken.Load() {
		c.t.Errorf("stop %s: %v", name, err)
	}
	c.Wire.Leave(name)
}

// Crash ends a node as a power cut does: its disk keeps what was synced and
// a random part of the rest.
func (c *Cluster) Crash(name string) {
	n := c.Nodes[name]
	n.Up = false
	after := n.FS.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: c.random})
	// The process is gone; what it still does as it is taken down reaches
	// neither the wire nor the disk that the next one starts from.
	c.Wire.Cut(name, c.Names...)
	_ = errors.Join(n.Shutdown(expired()), n.log.Close())
	c.Wire.Leave(name)
	c.Wire.join(name, c.Names...)
	n.FS = after
}

func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// join undoes Cut between a and others.
func (w *Wire) join(a string, others ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, b := range others {
		delete(w.cut, [2]string{a, b})
		delete(w.cut, [2]string{b, a})
	}
}

// Leader waits until the nodes that are up agree on a leader among them that
// serves, and returns its name. It gives up after a minute.
func (c *Cluster) Leader(among ...string) string {
	c.t.Helper()
	if len(among) == 0 {
		among = c.Names
	}
	for range 6000 {
		for _, name := range among {
			if n := c.Nodes[name]; n.Up && n.Err() == nil {
				if s := n.Status(); s.Leader == name && s.Serving && s.Role == "Leader" {
					return name
				}
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatalf("no leader among %v within a minute", among)
	return ""
}

// Submit sends transactions to a node and waits at most a minute.
func (c *Cluster) Submit(at string, raws ...[]byte) ([]tx.Receipt, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return c.Nodes[at].Submit(ctx, raws)
}

// Level waits until the named nodes (all that are up, where none are named)
// have executed the same height with the same running hash, at least the
// given one, and returns it.
func (c *Cluster) Level(least uint64, names ...string) (uint64, tx.ID) {
	c.t.Helper()
	if len(names) == 0 {
		for _, name := range c.Names {
			if c.Nodes[name].Up {
				names = append(names, name)
			}
		}
	}
	var last string
	for range 6000 {
		heads := map[string]bool{}
		var head tx.Head
		last = ""
		for _, name := range names {
			head = c.Nodes[name].Ledger().Head()
			heads[fmt.Sprintf("%d %x", head.Height, head.Hash)] = true
			last += fmt.Sprintf(" %s:%d", name, head.Height)
		}
		if len(heads) == 1 && head.Height >= least {
			return head.Height, tx.ID(head.Hash)
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Fatalf("the replicas are not level after a minute:%s", last)
	return 0, tx.ID{}
}

// Lead makes a node the leader.
func (c *Cluster) Lead(name string) error {
	for range 100 {
		leader := c.Leader()
		if leader == name {
			return nil
		}
		if err := c.Nodes[leader].HandOver(name); err != nil {
			time.Sleep(100 * time.Millisecond)
		}
	}
	return fmt.Errorf("cluster: %s does not become leader", name)
}

// LogRange is the first and the last index in a node's Raft log.
func (c *Cluster) LogRange(name string) (first, last uint64) {
	first, err1 := c.Nodes[name].log.FirstIndex()
	last, err2 := c.Nodes[name].log.LastIndex()
	if err := errors.Join(err1, err2); err != nil {
		c.t.Fatalf("the log of %s: %v", name, err)
	}
	return first, last
}
