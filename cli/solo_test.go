package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"carbonledger/genesis"
	"carbonledger/node/api"
	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/keyfile"
	"carbonledger/tx/proof"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// solo is a network of one that serves no log: a real ledger behind a real server,
// of which every Submit makes a block at once.
type solo struct {
	t       *testing.T
	dir     string // of init --all
	genesis string
	address string
	ledger  *state.Ledger
	domain  tx.Domain

	mu      sync.Mutex
	index   uint64
	submits int   // requests that made a block
	lost    error // what Submit answers after its effect; nil: the receipts
	refused error // what Submit answers in place of any effect
}

// newSolo founds a network with the parties of init --all.
func newSolo(t *testing.T, flags ...string) *solo {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "net")
	mustRun(t, append([]string{
		"init", "--all", "1", "--dir", dir, "--clock", "script", "--start", "2024-01-02T09:00:00+08:00", "--free-transfers",
		"--instrument", "CEA22:2022:79.42", "--instrument", "CEA23:2023:79.42",
	}, flags...)...)
	s := &solo{t: t, dir: dir, genesis: filepath.Join(dir, "genesis.toml")}
	d, err := genesis.Read(s.genesis)
	if err != nil {
		t.Fatal(err)
	}
	s.domain = d.Hash()
	if s.ledger, err = state.Open("ledger", d.Founding(), tx.NewVerifier(d.Hash()), state.Options{FS: vfs.NewMem(), CheckConservation: true}); err != nil {
		t.Fatal(err)
	}
	server, err := api.NewServer(api.Config{Listen: "127.0.0.1:0"}, s)
	if err != nil {
		t.Fatal(err)
	}
	s.address = server.Address()
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = server.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := s.ledger.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *solo) Submit(_ context.Context, raws [][]byte) ([]tx.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refused != nil {
		return nil, s.refused
	}
	head := s.ledger.Head()
	b := tx.Block{Proposer: "wuhan-1", Stamp: head.Time, AppliedHeight: head.Height, AppliedHash: head.Hash, Transactions: raws}
	encoded, err := b.Marshal()
	if err != nil {
		return nil, err
	}
	s.index++
	applied, err := s.ledger.Apply([]state.Entry{{Index: s.index, Block: encoded}})
	if err != nil {
		return nil, err
	}
	s.submits++
	if s.lost != nil {
		return nil, s.lost
	}
	return applied[0].Receipts, nil
}

func (s *solo) View(ctx context.Context, minHeight uint64) (api.View, error) {
	if err := s.WaitHeight(ctx, minHeight); err != nil {
		return nil, err
	}
	return s.ledger.View()
}

// WaitHeight: nobody waits for a height here that is not reached at once.
func (s *solo) WaitHeight(ctx context.Context, height uint64) error {
	if s.ledger.Head().Height >= height {
		return nil
	}
	<-ctx.Done()
	return fmt.Errorf("wait for height %d: %w", height, ctx.Err())
}

func (s *solo) Status() api.StatusResponse {
	return api.StatusResponse{
		Head: s.ledger.Head(), Node: "wuhan-1", Site: "Wuhan", Role: "Leader", Leader: "wuhan-1", Term: 3, Serving: true, Voter: true,
		CriticalSites: []string{"Wuhan"}, SurvivableSites: []string{"Beijing"},
		Peers: []api.PeerStatus{{Name: "beijing-1", Site: "Beijing", Voter: false, Reachable: true, Height: 7, Lag: 2, Agrees: true},
			{Name: "shanghai-1", Site: "Shanghai", Voter: true, Height: 9, Agrees: true}, {Name: "shanghai-2", Site: "Shanghai", Voter: true, Height: 4, Lag: 5}},
	}
}

// Proof is under a checkpoint of now, signed as publish does.
func (s *solo) Proof(_ context.Context, index uint64) (*proof.Receipt, error) {
	v, err := s.ledger.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	c := proof.Checkpoint{Origin: "carbonledger.test/script-test", Size: v.LogSize()}
	if c.Root, err = proof.Root(c.Size, v.Nodes); err != nil {
		return nil, err
	}
	dir, r := s.t.TempDir(), &proof.Receipt{Index: index}
	s.sign(dir, c)
	if r.Checkpoint, err = os.ReadFile(filepath.Join(dir, proof.CheckpointPath)); err != nil {
		return nil, err
	}
	if r.Path, err = proof.Inclusion(index, c.Size, v.Nodes); err != nil {
		return nil, err
	}
	return r, v.Entries(index, index+1, func(_ uint64, entry []byte) error {
		r.Record = bytes.Clone(entry)
		return nil
	})
}

// Attestations are signed with the node's key, as a validator does.
func (s *solo) Attestations() []tx.Attestation {
	key, err := keyfile.Read(filepath.Join(s.dir, "nodes", "wuhan-1", "node.key"), "")
	if err != nil {
		s.t.Error(err)
		return nil
	}
	head := s.ledger.Head()
	signature, err := key.Sign(tx.AttestMessage(s.domain, head.Height, head.Hash))
	if err != nil {
		s.t.Error(err)
	}
	return []tx.Attestation{{Validator: "wuhan-1", Height: head.Height, Hash: head.Hash, Signature: signature}}
}

// set changes how the network behaves from now on.
func (s *solo) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// as are the flags with which a party asks this network.
func (s *solo) as(party string, args ...string) []string {
	return append(args, "--api", s.address, "--genesis", s.genesis, "--party", party, "--key", partyKeyPath(s.dir, party))
}

// does runs a verb that must be accepted.
func (s *solo) does(party string, args ...string) string {
	s.t.Helper()
	out := mustRun(s.t, s.as(party, append(args, "--yes", "--pending", s.t.TempDir())...)...)
	if !strings.HasPrefix(out, "accepted at height ") && !strings.Contains(out, "\naccepted at height ") {
		s.t.Errorf("%s: %v prints %q", party, args, out)
	}
	return out
}

// signs writes a signed transaction and returns its file.
func (s *solo) signs(party string, args ...string) string {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "signed.tx")
	mustRun(s.t, s.as(party, append(args, "--yes", "--out", file)...)...)
	return file
}
