package api

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/grpc"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

const (
	chainID = "api-test"
	today   = tx.Day(20240102)
)

// solo is a real ledger of which every Submit makes a block at once: all that a
// network of one would do.
type solo struct {
	ledger *state.Ledger

	mu      sync.Mutex
	index   uint64
	grown   chan struct{}
	status  StatusResponse
	signed  []tx.Attestation
	refuse  error         // of the next Submits
	hold    chan struct{} // Submit waits for it to close, after its effect
	held    chan struct{} // told when Submit waits
	panicky bool
}

func keyOf(name string) tx.PrivateKey {
	seed := sha256.Sum256([]byte("key of " + name))
	k, err := tx.NewPrivateKey(tx.Ed25519, seed[:])
	if err != nil {
		panic(err)
	}
	return k
}

// keysOf are the keys of a party's persons.
func keysOf(party string) []tx.PrivateKey {
	keys := []tx.PrivateKey{keyOf(party)}
	switch party {
	case "registry", "hubei", "hunan", "ccer-registry":
		keys = append(keys, keyOf(party+"/2"))
	}
	return keys
}

// usccOf is a well formed code of a party's own.
func usccOf(id string) string {
	sum := sha256.Sum256([]byte(id))
	first := fmt.Sprintf("91420000%09d", binary.BigEndian.Uint32(sum[:4])%1_000_000_000)
	check, ok := tx.CheckUSCC(first)
	if !ok {
		panic(first)
	}
	return first + string(check)
}

func founding(entities int) tx.Founding {
	f := tx.Founding{
		LogOrigin: "log.test/chain", ChainID: chainID, Hash: sha256.Sum256([]byte(chainID)), ProtocolVersion: 1, ScriptClock: true, FreeTransfers: true,
		Start:       today.Start(),
		Instruments: []tx.Instrument{{Code: "CEA22", Vintage: 2022, ReferencePrice: 7942}, {Code: "CEA23", Vintage: 2023, ReferencePrice: 7942}},
	}
	open := func(id, region string, role tx.Role) {
		a := tx.OpenAccount{Id: id, Role: role, Name: "test " + id, Region: region, USCC: usccOf(id)}
		for _, k := range keysOf(id) {
			a.Keys = append(a.Keys, tx.ProvenKey{Key: k.Public()})
		}
		f.Parties = append(f.Parties, a)
	}
	open("ministry", "", tx.Ministry)
	open("registry", "", tx.Registry)
	open("exchange", "", tx.Exchange)
	open("bank", "", tx.SettlementBank)
	open("auditor", "", tx.Auditor)
	open("hubei", "", tx.RegionDepartment)
	open("timekeeper", "", tx.Timekeeper)
	open("verifier", "", tx.VerificationBody)
	open("court", "", tx.Court)
	open("ccer-registry", "", tx.CCERRegistry)
	open("ccer-exchange", "", tx.CCERExchange)
	open("hunan", "", tx.RegionDepartment)
	for i := range entities {
		open(fmt.Sprintf("e%02d", i), "hubei", tx.KeyEmittingEntity)
	}
	sum := sha256.Sum256([]byte("incarnation"))
	f.Validators = []tx.Validator{{
		Name: "n1", Site: "Wuhan", Address: "/ip4/127.0.0.1/tcp/1", Voter: true,
		NodeKey: keyOf("node/n1").Public().Key, CosignKey: keyOf("cosign/n1").Public().Key, IncarnationSha256: sum[:],
	}}
	return f
}

func newSolo(t *testing.T, entities int) *solo {
	t.Helper()
	f := founding(entities)
	l, err := state.Open("ledger", f, tx.NewVerifier(f.Hash), state.Options{FS: vfs.NewMem(), CheckConservation: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return &solo{ledger: l, grown: make(chan struct{}), status: StatusResponse{Node: "n1", Site: "Wuhan", Role: "leader", Serving: true}}
}

func (s *solo) domain() tx.Domain { return tx.Domain(s.ledger.Head().Chain.GenesisHash) }

func (s *solo) Submit(ctx context.Context, raws [][]byte) ([]tx.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.panicky {
		panic("on purpose")
	}
	if s.refuse != nil {
		return nil, s.refuse
	}
	for i, raw := range raws {
		if _, err := tx.NewVerifier(s.domain()).Verify(raw); err != nil {
			return nil, fmt.Errorf("transaction %d: %w", i, err)
		}
	}
	receipts, err := s.block(raws)
	if err != nil {
		return nil, err
	}
	if s.hold != nil {
		s.held <- struct{}{}
		select {
		case <-s.hold:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnknownOutcome, ctx.Err())
		}
	}
	return receipts, nil
}

// block applies one; the mutex is held.
func (s *solo) block(raws [][]byte) ([]tx.Receipt, error) {
	head := s.ledger.Head()
	b := tx.Block{Proposer: "n1", Stamp: head.Time, AppliedHeight: head.Height, AppliedHash: head.Hash, Transactions: raws}
	encoded, err := b.Marshal()
	if err != nil {
		return nil, err
	}
	s.index++
	applied, err := s.ledger.Apply([]state.Entry{{Index: s.index, Block: encoded}})
	if err != nil {
		return nil, err
	}
	close(s.grown)
	s.grown = make(chan struct{})
	return applied[0].Receipts, nil
}

func (s *solo) View(ctx context.Context, minHeight uint64) (View, error) {
	if err := s.WaitHeight(ctx, minHeight); err != nil {
		return nil, err
	}
	return s.ledger.View()
}

func (s *solo) WaitHeight(ctx context.Context, height uint64) error {
	for {
		s.mu.Lock()
		grown := s.grown
		s.mu.Unlock()
		if s.ledger.Head().Height >= height {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return fmt.Errorf("wait for height %d: %w", height, ctx.Err())
		}
	}
}

func (s *solo) Status() StatusResponse {
	r := s.status
	r.Head = s.ledger.Head()
	return r
}

// soloLog is the key of a log that solo signs for itself.
var soloLog = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

func (s *solo) Proof(_ context.Context, index uint64) (*proof.Receipt, error) {
	v, err := s.ledger.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	c := proof.Checkpoint{Origin: "solo.test/log", Size: v.LogSize()}
	if c.Root, err = proof.Root(c.Size, v.Nodes); err != nil {
		return nil, err
	}
	line, err := c.SignOrigin(soloLog)
	if err != nil {
		return nil, err
	}
	r := &proof.Receipt{Index: index, Checkpoint: c.Note(line)}
	if r.Path, err = proof.Inclusion(index, c.Size, v.Nodes); err != nil {
		return nil, err
	}
	return r, v.Entries(index, index+1, func(_ uint64, entry []byte) error {
		r.Record = bytes.Clone(entry)
		return nil
	})
}

func (s *solo) Attestations() []tx.Attestation { return s.signed }

// set changes how the backend behaves from now on.
func (s *solo) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// must books operations of a party and wants them accepted.
func (s *solo) must(t *testing.T, party, reference string, operations ...tx.Operation) tx.Receipt {
	t.Helper()
	r, err := s.Submit(t.Context(), [][]byte{s.sign(t, party, reference, operations...)})
	if err != nil {
		t.Fatal(err)
	}
	if no := r[0].Rejection(); no != nil {
		t.Fatalf("%s %s: %v", party, reference, no)
	}
	return r[0]
}

func (s *solo) sign(t *testing.T, party, reference string, operations ...tx.Operation) []byte {
	t.Helper()
	raw, err := tx.NewTransaction(s.domain(), &tx.Body{ChainId: chainID, Party: party, Reference: reference, Operations: operations}, signersOf(party)...)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// signersOf sign for a party: all its persons, and for the registry the region too.
func signersOf(party string) []tx.PrivateKey {
	keys := keysOf(party)
	if party == "registry" {
		keys = append(keys, keyOf("hubei"))
	}
	return keys
}

func deposit(party string, amount tx.Fen) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_Deposit{Deposit: &tx.Deposit{Party: party, Amount: amount}}}
}

func issue(to, instrument string, tonnes tx.Tonnes, document string) tx.Operation {
	table := sha256.Sum256([]byte(document))
	return tx.Operation{Operation: &tx.Operation_IssueAllowances{IssueAllowances: &tx.IssueAllowances{
		To: to, Instrument: instrument, Tonnes: tonnes, Document: document, Stage: tx.Adjustment, TableSha256: table[:],
	}}}
}

func transfer(to, instrument string, tonnes tx.Tonnes) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_Transfer{Transfer: &tx.Transfer{To: to, Instrument: instrument, Tonnes: tonnes}}}
}

// start serves a backend on a free loopback port until the test ends.
func start(t *testing.T, b Backend, c Config) *Server {
	t.Helper()
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	s, err := NewServer(c, b)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s
}

// as is a client that reads as a party; "" reads as nobody.
func as(t *testing.T, s *solo, party string, addresses ...string) *Client {
	t.Helper()
	c := ClientConfig{Addresses: addresses, Party: party, Domain: s.domain()}
	if party != "" {
		k := keyOf(party)
		c.Key = &k
	}
	return newClient(t, c)
}

func newClient(t *testing.T, c ClientConfig) *Client {
	t.Helper()
	cl, err := NewClient(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeQuietly(cl) })
	return cl
}

func closeQuietly(c io.Closer) { _ = c.Close() }

// dial is a bare connection with our codec and nothing else of the client.
func dial(t *testing.T, address string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	secure, err := clientTLS(ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient(address, append([]grpc.DialOption{grpc.WithTransportCredentials(secure)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeQuietly(conn) })
	return conn
}

func ourCodec() grpc.DialOption { return grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{})) }
