package cluster

import (
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"carbonledger/node/publish"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// logs are the publishers of a cluster, one beside each node.
type logs struct {
	*Cluster
	dir     string
	key     ed25519.PrivateKey
	running map[string]*publish.Publisher
	// archive is a URL for every publisher that is started, empty for none.
	archive string
	// keyless names a validator without the log's key, empty for none.
	keyless string
	// roots of all checkpoints that were seen, by size.
	roots map[uint64]proof.Hash
	// failed is what a publisher stopped its node with.
	mu     sync.Mutex
	failed map[string]error
}

// publishing is a cluster that publishes its log.
func publishing(t *testing.T, voters int) *logs {
	return publishingBy(t, Options{Voters: voters, Entities: 1})
}

func publishingBy(t *testing.T, o Options) *logs {
	l := &logs{dir: t.TempDir(), running: map[string]*publish.Publisher{}, roots: map[uint64]proof.Hash{}, failed: map[string]error{}, key: ed25519.NewKeyFromSeed(make([]byte, 32))}
	o.Found = func(f *tx.Founding) { f.LogKey = l.key.Public().(ed25519.PublicKey) }
	l.Cluster = New(t, o)
	for _, name := range l.Names {
		l.must(os.MkdirAll(filepath.Join(l.dir, name), 0o700))
		l.must(os.WriteFile(l.file(name, "signer"), []byte("new\n"), 0o600))
		l.publish(name)
	}
	return l
}

func (l *logs) file(name, file string) string { return filepath.Join(l.dir, name, file) }

// publish runs the publisher of a node that is up.
func (l *logs) publish(name string) {
	l.t.Helper()
	n, key := l.Nodes[name], l.key
	if name == l.keyless {
		key = nil
	}
	p, err := publish.Start(publish.Config{
		Name: name, Origin: l.Founding.LogOrigin, LogKey: l.Founding.LogKey, OriginKey: key,
		CosignKey: ed25519.NewKeyFromSeed(l.Key("cosign/" + name).Secret()),
		Signer:    l.file(name, "signer"), Checkpoint: l.file(name, "checkpoint"), Evidence: l.file(name, "evidence"), StateDir: "state",
		Archive: l.archive,
		Network: l.Wire.At(name), Ledger: n.Ledger, Agreed: n.AgreedHeight,
		Leads:  n.Leads,
		Fail:   func(err error) { l.mu.Lock(); l.failed[name] = err; l.mu.Unlock() },
		Unfit:  n.SetUnfit,
		Timing: publish.LoopbackTiming, Now: n.now, Logger: slog.New(slog.DiscardHandler),
	})
	l.must(err)
	l.running[name] = p
	l.t.Cleanup(func() { l.silence(name) })
}

// silence ends a node's publisher.
func (l *logs) silence(name string) {
	if p := l.running[name]; p != nil {
		p.Stop()
		delete(l.running, name)
	}
}

// down stops a node with its publisher, up starts them.
func (l *logs) down(name string) { l.silence(name); l.Stop(name) }
func (l *logs) up(name string)   { l.Start(name); l.publish(name) }

// published waits until the named nodes have a checkpoint of at least this size,
// and checks by the founding's policy all that it sees, of which no two of one size
// may have two roots, whoever signed them when.
func (l *logs) published(size uint64, names ...string) proof.Checkpoint {
	l.t.Helper()
	policy, err := proof.ParsePolicy(publish.PolicyText(l.Founding.LogOrigin, l.Founding.LogKey, l.Founding.Validators))
	l.must(err)
	var last string
	for range 3000 {
		var least proof.Checkpoint
		last = ""
		for i, name := range names {
			c, signed := l.running[name].Newest()
			last += fmt.Sprintf(" %s: %d %q", name, c.Size, l.running[name].Status().Problem)
			if i == 0 || c.Size < least.Size {
				least = c
			}
			if signed != nil {
				if _, _, err := policy.Open(signed); err != nil {
					l.t.Fatalf("%s publishes what does not count: %v", name, err)
				}
				if root, seen := l.roots[c.Size]; seen && root != c.Root {
					l.t.Fatalf("%s publishes root %x at size %d, where another one with root %x was published", name, c.Root, c.Size, root)
				}
				l.roots[c.Size] = c.Root
			}
		}
		if least.Size >= size {
			return least
		}
		time.Sleep(20 * time.Millisecond)
	}
	l.t.Fatalf("no checkpoint of size %d within a minute:%s", size, last)
	return proof.Checkpoint{}
}

// awaitLog waits for something of a publisher's status.
func (l *logs) awaitLog(name, what string, so func(publish.Status) bool) publish.Status {
	l.t.Helper()
	var s publish.Status
	for range 3000 {
		if s = l.running[name].Status(); so(s) {
			return s
		}
		time.Sleep(20 * time.Millisecond)
	}
	l.t.Fatalf("%s: not %s within a minute: %+v", name, what, s)
	return s
}

// stopped is why a node cannot go on: consensus found out, or its publisher.
func (l *logs) stopped(name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.failed[name]; err != nil {
		return err
	}
	return l.Nodes[name].Err()
}
