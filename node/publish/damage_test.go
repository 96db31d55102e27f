package publish

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// logOf is a ledger whose log has the founding's entry and one for each of so many
// blocks.
func logOf(t *testing.T, blocks int, parameters ...tx.SetParameter) *state.Ledger {
	t.Helper()
	key, err := tx.NewPrivateKey(tx.Ed25519, make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	f := tx.Founding{
		LogOrigin: "log.test/chain", LogKey: key.Public().Key, ChainID: "damage-test", ProtocolVersion: 1, Start: tx.Day(20240102).Start(), Parameters: parameters,
		Hash: sha256.Sum256([]byte("genesis of the damage")),
	}
	for _, name := range []string{"n1", "n2", "n3"} {
		sum := sha256.Sum256([]byte(name))
		node, err := tx.NewPrivateKey(tx.Ed25519, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		cosign, err := tx.NewPrivateKey(tx.Ed25519, append(sum[1:], 0))
		if err != nil {
			t.Fatal(err)
		}
		f.Validators = append(f.Validators, tx.Validator{
			Name: name, Site: "Wuhan", Address: "/ip4/127.0.0.1/tcp/1", Voter: true, IncarnationSha256: sum[:], NodeKey: node.Public().Key, CosignKey: cosign.Public().Key,
		})
	}
	for i, p := range []tx.OpenAccount{{Id: "ministry", Role: tx.Ministry}, {Id: "registry", Role: tx.Registry}} {
		for k := range byte(2) {
			seed := sha256.Sum256([]byte{byte(i), k})
			key, err := tx.NewPrivateKey(tx.Ed25519, seed[:])
			if err != nil {
				t.Fatal(err)
			}
			p.Keys = append(p.Keys, tx.ProvenKey{Key: key.Public()})
		}
		p.Name = p.Id
		f.Parties = append(f.Parties, p)
	}
	l, err := state.Open("ledger", f, tx.NewVerifier(f.Hash), state.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	entries := make([]state.Entry, blocks)
	for i := range entries {
		entries[i] = state.Entry{Index: uint64(i + 1), Block: []byte("no block")}
	}
	if _, err := l.Apply(entries); err != nil {
		t.Fatal(err)
	}
	return l
}

func publisherOf(t *testing.T, l *state.Ledger) *Publisher {
	p := &Publisher{alarm: make(chan struct{}, 1), c: Config{
		Name: "n1", Origin: "log.test/chain", OriginKey: ed25519.NewKeyFromSeed(make([]byte, 32)), Evidence: t.TempDir(), Ledger: func() *state.Ledger { return l },
		Fail: func(err error) { t.Error(err) }, Unfit: func(string) {}, Agreed: func() (uint64, bool) { return 0, false }, Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}}
	p.ctx, p.cancel = context.WithCancel(t.Context())
	return p
}

// TestDamageBelowDropped: a leaf that is damaged where the entries were dropped is
// told from another history at every size, also at one within its tile.
func TestDamageBelowDropped(t *testing.T) {
	for _, at := range []struct{ size, leaf uint64 }{{1, 0}, {255, 7}, {256, 300}, {257, 256}, {400, 300}, {511, 256}, {511, 511}, {769, 768}} {
		l := logOf(t, 799)
		v := viewOf(t, l)
		root, err := proof.Root(at.size, v.Nodes)
		if err != nil {
			t.Fatal(err)
		}
		last := proof.Checkpoint{Origin: "log.test/chain", Size: at.size, Root: root}
		if err := l.DropEntries(512, "https://archive.test"); err != nil {
			t.Fatal(err)
		}
		c := last
		c.Size = v.LogSize()
		if c.Root, err = proof.Root(c.Size, v.Nodes); err != nil {
			t.Fatal(err)
		}
		p := publisherOf(t, l)
		if err := p.check(viewOf(t, l), last, c); err != nil || p.damage != "" {
			t.Errorf("size %d: nothing is damaged: %v, %s", at.size, err, p.damage)
		}
		if err := l.RepairNode(0, at.leaf, proof.Hash{}); err != nil {
			t.Fatal(err)
		}
		if err := p.check(viewOf(t, l), last, c); err == nil || p.fork || p.damage == "" {
			t.Errorf("size %d, leaf %d damaged: %v, fork %t, damage %q", at.size, at.leaf, err, p.fork, p.damage)
		}
	}
}

func viewOf(t *testing.T, l *state.Ledger) *state.View {
	t.Helper()
	v, err := l.View()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

// TestDamageStaysInSight: a damage behind the entry that the scrub has come to is
// shown until a pass from the first entry on finds none.
func TestDamageStaysInSight(t *testing.T) {
	l := logOf(t, 799)
	p := publisherOf(t, l)
	p.c.Timing = Timing{Scrub: time.Millisecond, State: time.Hour}
	said := make(chan string, 1)
	p.c.Unfit = func(why string) {
		select {
		case said <- why:
		case <-p.ctx.Done():
		}
	}
	var once sync.Once
	p.c.Now = func() time.Time { // asked at the end of a pass, which has its view already
		once.Do(func() {
			if err := l.RepairNode(0, 7, proof.Hash{}); err != nil {
				t.Error(err)
			}
			p.alarm <- struct{}{}
		})
		return time.Now()
	}
	p.work.Go(p.scrub)
	defer p.work.Wait()
	defer p.cancel()
	for <-said == "" {
	}
	if why := <-said; why == "" {
		t.Error("the damage is not shown any more, and was not repaired")
	}
}

// TestNodesFromBelow: a damaged node is made anew from those below it before the one
// above is compared with it.
func TestNodesFromBelow(t *testing.T) {
	const size = proof.TileWidth*proof.TileWidth + 300
	l := logOf(t, size-1)
	want, err := proof.Root(size, viewOf(t, l).Nodes)
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range []struct {
		level uint
		index uint64
	}{{proof.TileHeight, 5}, {proof.TileHeight, 255}, {proof.TileHeight, 256}, {2 * proof.TileHeight, 0}} {
		p := publisherOf(t, l)
		if err := l.RepairNode(node.level, node.index, proof.Hash{}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.scrubPass(); err != nil || p.repaired != 1 {
			t.Errorf("node %d of level %d: %d repaired, %v", node.index, node.level, p.repaired, err)
		}
		if root, err := proof.Root(size, viewOf(t, l).Nodes); err != nil || root != want {
			t.Errorf("node %d of level %d: the root is %x after a pass, want %x: %v", node.index, node.level, root, want, err)
		}
	}
}

// silent is a network in which nobody answers; dialled gets each attempt.
type silent struct{ dialled chan time.Time }

func (silent) Listen(string) (net.Listener, error) { return nil, errors.ErrUnsupported }

func (s silent) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	select {
	case s.dialled <- time.Now():
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestRepairIsTriedAgain: what the scrub finds is looked for in a whole pass at once,
// and it rests after what it has read, not after what it waited for: a damage is looked
// at again soon.
func TestRepairIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := logOf(t, 299)
		v := viewOf(t, l)
		root, err := proof.Root(v.LogSize(), v.Nodes)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.RepairNode(0, 7, proof.Hash{}); err != nil {
			t.Fatal(err)
		}
		p, peers := publisherOf(t, l), silent{make(chan time.Time)}
		p.c.Network, p.c.Timing = peers, Timing{Ask: 2 * time.Second, Scrub: time.Second, State: time.Hour}
		p.newest.Checkpoint = proof.Checkpoint{Origin: p.c.Origin, Size: v.LogSize(), Root: root}
		p.work.Go(p.scrub)
		defer p.work.Wait()
		defer p.cancel()
		var dialled [5]time.Time // one peer, and the other
		for i := range dialled {
			dialled[i] = <-peers.dialled
		}
		waited := 2 * p.c.Timing.Ask
		if pass, again := dialled[2].Sub(dialled[0]), dialled[4].Sub(dialled[2]); pass != waited || again != waited+p.c.Timing.Scrub {
			t.Errorf("a damage is looked at again after %v and %v", pass, again)
		}
	})
}
