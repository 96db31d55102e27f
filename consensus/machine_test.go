package consensus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func testKey(name string) tx.PrivateKey {
	seed := sha256.Sum256([]byte("test key of " + name))
	k, err := tx.NewPrivateKey(tx.Ed25519, seed[:])
	if err != nil {
		panic(err)
	}
	return k
}

func testValidator(name, site string, voter bool) tx.Validator {
	inc := sha256.Sum256([]byte("incarnation of " + name))
	return tx.Validator{
		Name: name, Site: site, Address: "/ip4/127.0.0.1/tcp/1", Voter: voter, IncarnationSha256: inc[:],
		NodeKey: testKey("node/" + name).Public().Key, CosignKey: testKey("cosign/" + name).Public().Key,
	}
}

// testUSCC belongs to nobody.
const testUSCC = "91420000000000001R"

// The registry issues with the signatures of two persons and of the province.
var issuers = []tx.PrivateKey{testKey("registry"), testKey("registry/2"), testKey("hubei")}

var testFounding = func() tx.Founding {
	f := tx.Founding{
		LogOrigin: "log.test/chain", ChainID: "test-chain", ProtocolVersion: 1, ScriptClock: true, FreeTransfers: true, Start: tx.Day(20240101).Start(),
		Instruments: []tx.Instrument{{Code: "CEA22", Vintage: 2022, ReferencePrice: 7942}},
		Validators:  []tx.Validator{testValidator("n1", "Wuhan", true)},
		Hash:        sha256.Sum256([]byte("genesis of the test chain")),
	}
	for _, p := range []tx.OpenAccount{
		{Id: "ministry", Role: tx.Ministry}, {Id: "registry", Role: tx.Registry}, {Id: "hubei", Role: tx.RegionDepartment},
		{Id: "e0", Role: tx.KeyEmittingEntity, Region: "hubei"},
	} {
		p.Name, p.Keys = "test "+p.Id, []tx.ProvenKey{{Key: testKey(p.Id).Public()}, {Key: testKey(p.Id + "/2").Public()}}
		if p.Role == tx.KeyEmittingEntity {
			p.USCC = testUSCC
		}
		f.Parties = append(f.Parties, p)
	}
	return f
}()

var testVerifier = tx.NewVerifier(testFounding.Hash)

// history is what a leader's log holds: mostly blocks, each an issue of one
// tonne, and now and then an entry of Raft's own.
type history struct {
	logs []*raft.Log // logs[i] has index i+1
	// heads[i] is the head after entry i: the hash that every replica must have.
	heads []tx.Head
}

func newHistory(t *testing.T, n int) *history {
	t.Helper()
	ledger, err := state.Open("reference", testFounding, testVerifier, state.Options{FS: vfs.NewMem()})
	must(t, err)
	h := &history{heads: []tx.Head{ledger.Head()}}
	for i := 1; i <= n; i++ {
		l := &raft.Log{Index: uint64(i), Term: 1, Type: raft.LogCommand}
		if i%7 == 3 {
			l.Type = raft.LogConfiguration
		} else {
			raw, err := tx.NewTransaction(testFounding.Hash, &tx.Body{ChainId: testFounding.ChainID, Party: "registry", Reference: fmt.Sprint("r", i),
				Operations: []tx.Operation{{Operation: &tx.Operation_IssueAllowances{IssueAllowances: &tx.IssueAllowances{
					To: "e0", Instrument: "CEA22", Tonnes: 1, Document: fmt.Sprint("d", i), Stage: tx.Adjustment, TableSha256: testFounding.Hash[:]}}}}}, issuers...)
			must(t, err)
			block := tx.Block{Proposer: "n1", AppliedHash: make([]byte, 32), Transactions: [][]byte{raw}}
			l.Data, err = block.Marshal()
			must(t, err)
			applied, err := ledger.Apply([]state.Entry{{Index: l.Index, Block: l.Data}})
			must(t, err)
			if r := applied[0].Receipts[0]; r.Reason != tx.Accepted {
				t.Fatalf("entry %d: %v", i, r.Rejection())
			}
		}
		h.logs, h.heads = append(h.logs, l), append(h.heads, ledger.Head())
	}
	must(t, ledger.Close())
	return h
}

// machine is a replica without its Raft: the test hands over entries as Raft
// does, in batches.
type machine struct {
	*Node
	fsm *fsm
}

// newMachine starts on a disk as a node does.
func newMachine(fs vfs.FS, snapshots raft.SnapshotStore) (*machine, error) {
	c := Config{
		Name: "n1", Key: testKey("node/n1"), Founding: testFounding, Verifier: testVerifier, FS: fs, StateDir: "data/state",
		Snapshots: snapshots, Timing: LoopbackTiming, Logger: slog.New(slog.DiscardHandler),
	}
	c.Now, c.OnValidators = time.Now, func(_, _ []tx.Validator) {}
	n := &Node{cfg: c, agreement: newAgreement(), done: make(chan struct{}),
		reporting: map[string]context.CancelFunc{}}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	var err error
	if n.stores, err = openStores(&n.cfg, n.fail); err != nil {
		return nil, err
	}
	if err := restoreAtStart(n.stores, snapshots); err != nil {
		return nil, errors.Join(err, n.stores.close())
	}
	n.reloadValidators()
	_, label, err := newestSnapshot(snapshots)
	return &machine{n, &fsm{n: n, handed: label}}, err
}

// hand gives the entries from..to to the ledger.
func (m *machine) hand(h *history, from, to uint64) {
	for from <= to {
		next := min(from+4, to+1)
		m.fsm.ApplyBatch(h.logs[from-1 : next-1])
		from = next
	}
}

// replay does what Raft does at a start: it hands over what follows the newest
// snapshot's label.
func (m *machine) replay(h *history, to uint64) {
	m.hand(h, m.fsm.handed+1, to)
}

// wantHead compares with what a leader has after the entry.
func (m *machine) wantHead(h *history, entry uint64) error {
	got, want := m.Ledger().Head(), h.heads[entry]
	if got.Height != want.Height || !bytes.Equal(got.Hash, want.Hash) {
		return fmt.Errorf("at height %d with hash %x, want height %d and hash %x; stopped by %v", got.Height, got.Hash, want.Height, want.Hash, m.Err())
	}
	return nil
}

// snapshot freezes and persists, as Raft does, under a label.
func (m *machine) snapshot(to *shelf, label uint64) error {
	s, err := m.fsm.Snapshot()
	if err != nil {
		return err
	}
	defer s.Release()
	sink, err := to.Create(1, label, 1, raft.Configuration{}, 0, nil)
	if err != nil {
		return err
	}
	return s.Persist(sink)
}

func (m *machine) close() error { m.cancel(); return m.stores.close() }

// shelf is a raft.SnapshotStore whose content survives a crash once a sink is
// closed, which is what Raft's own store on files promises.
type shelf struct {
	mu   sync.Mutex
	kept []kept
}

func (s *shelf) put(more ...kept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = append(s.kept, more...)
}

type kept struct {
	meta    raft.SnapshotMeta
	content []byte
}

type sink struct {
	bytes.Buffer
	to   *shelf
	meta raft.SnapshotMeta
}

func (s *shelf) Create(version raft.SnapshotVersion, index, term uint64, c raft.Configuration, ci uint64, _ raft.Transport) (raft.SnapshotSink, error) {
	return &sink{to: s, meta: raft.SnapshotMeta{Version: version, ID: fmt.Sprint("snapshot-", index), Index: index, Term: term, Configuration: c, ConfigurationIndex: ci}}, nil
}

func (s *shelf) List() (all []*raft.SnapshotMeta, err error) {
	for i := range s.kept {
		all = append(all, &s.kept[len(s.kept)-1-i].meta)
	}
	return all, nil
}

func (s *shelf) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	for i := range s.kept {
		if s.kept[i].meta.ID == id {
			return &s.kept[i].meta, io.NopCloser(bytes.NewReader(s.kept[i].content)), nil
		}
	}
	return nil, nil, fmt.Errorf("no snapshot %s", id)
}

func (s *shelf) clone() *shelf {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &shelf{kept: slices.Clone(s.kept)}
}

func (k *sink) ID() string    { return k.meta.ID }
func (k *sink) Cancel() error { return nil }

func (k *sink) Close() error {
	k.to.put(kept{k.meta, k.Bytes()})
	return nil
}

type raftID = raft.ServerID
