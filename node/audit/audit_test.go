package audit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"carbonledger/node/audit"
	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func key(name string) tx.PrivateKey {
	seed := sha256.Sum256([]byte("audit key of " + name))
	k, err := tx.NewPrivateKey(tx.Ed25519, seed[:])
	if err != nil {
		panic(err)
	}
	return k
}

func founding() tx.Founding {
	f := tx.Founding{
		LogOrigin: "log.test/chain", ChainID: "audit-test", ProtocolVersion: 1, ScriptClock: false, FreeTransfers: true, Start: tx.Day(20240102).Start(),
		Instruments: []tx.Instrument{{Code: "CEA22", Vintage: 2022, ReferencePrice: 7942}},
		Hash:        sha256.Sum256([]byte("genesis of the audit")),
	}
	for _, name := range []string{"n1", "n2", "n3", "observer"} {
		incarnation := sha256.Sum256([]byte("incarnation of " + name))
		f.Validators = append(f.Validators, tx.Validator{
			Name: name, Site: "Wuhan", Address: "/ip4/127.0.0.1/tcp/1", Voter: name != "observer", IncarnationSha256: incarnation[:],
			NodeKey: key("node/" + name).Public().Key, CosignKey: key("cosign/" + name).Public().Key,
		})
	}
	for _, p := range []tx.OpenAccount{
		{Id: "ministry", Role: tx.Ministry}, {Id: "registry", Role: tx.Registry}, {Id: "bank", Role: tx.SettlementBank},
		{Id: "hubei", Role: tx.RegionDepartment}, {Id: "e0", Role: tx.KeyEmittingEntity, Region: "hubei"},
		{Id: "e1", Role: tx.KeyEmittingEntity, Region: "hubei"},
	} {
		p.Name, p.Keys = "test "+p.Id, []tx.ProvenKey{{Key: key(p.Id).Public()}, {Key: key(p.Id + "/2").Public()}}
		if p.Role == tx.KeyEmittingEntity {
			p.USCC = tx.PracticeUSCC(len(f.Parties))
		}
		f.Parties = append(f.Parties, p)
	}
	return f
}

// history is what a node serves, and a Source.
type history struct {
	f            tx.Founding
	records      []tx.BlockRecord
	attestations []tx.Attestation
}

func (h *history) Blocks(_ context.Context, from uint64, take func(tx.BlockRecord, uint64) error) error {
	for _, r := range h.records {
		if r.Height >= from {
			if err := take(r, uint64(len(h.records))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *history) Attestations(context.Context) ([]tx.Attestation, error) { return h.attestations, nil }

// clone is a copy to tell lies with.
func (h *history) clone() *history {
	c := *h
	c.records = slices.Clone(h.records)
	for i := range c.records {
		c.records[i].Block, c.records[i].Hash = bytes.Clone(c.records[i].Block), bytes.Clone(c.records[i].Hash)
	}
	c.attestations = slices.Clone(h.attestations)
	return &c
}

// attest is a validator's word on a height.
func (h *history) attest(name string, height uint64, hash []byte) tx.Attestation {
	sig, err := key("node/" + name).Sign(tx.AttestMessage(h.f.Hash, height, hash))
	if err != nil {
		panic(err)
	}
	return tx.Attestation{Validator: name, Height: height, Hash: hash, Signature: sig}
}

const (
	blocks = 40
	// accepted and rejected of an honest history.
	accepted, rejected = 2*blocks + blocks/4, blocks / 2
)

// honest is a history with accepted and rejected transactions, of one, two and
// three a block.
func honest(t *testing.T) *history {
	t.Helper()
	h := &history{f: founding()}
	ledger, err := state.Open("ledger", h.f, tx.NewVerifier(h.f.Hash), state.Options{FS: vfs.NewMem(), CheckConservation: true})
	must(t, err)
	defer func() { must(t, ledger.Close()) }()
	for height := uint64(1); height <= blocks; height++ {
		n := fmt.Sprint(height)
		raws := [][]byte{h.sign(t, "registry", "i"+n, issue(100, n)), h.sign(t, "bank", "d"+n, deposit(int64(height)))}
		if height%4 == 0 {
			raws = append(raws, h.sign(t, "e0", "t"+n, transfer(7)))
		}
		if height%2 == 0 {
			raws = append(raws, h.sign(t, "e0", "r"+n, transfer(1_000_000))) // more than is held
		}
		h.extend(t, ledger, raws)
	}
	last := h.records[blocks-1]
	for _, name := range []string{"n1", "n3", "observer"} {
		h.attestations = append(h.attestations, h.attest(name, blocks, last.Hash))
	}
	return h
}

// extend executes one more block, as an honest leader with these transactions
// would propose it.
func (h *history) extend(t *testing.T, ledger *state.Ledger, raws [][]byte) {
	t.Helper()
	head := ledger.Head()
	block := tx.Block{Proposer: "n1", Stamp: head.Time + 1000, AppliedHeight: head.Height, AppliedHash: head.Hash, Transactions: raws}
	raw, err := block.Marshal()
	must(t, err)
	applied, err := ledger.Apply([]state.Entry{{Index: head.Height + 1, Block: raw}})
	must(t, err)
	h.records = append(h.records, tx.BlockRecord{Height: head.Height + 1, Block: raw, Hash: bytes.Clone(applied[0].Hash[:]), Time: applied[0].Time})
}

func (h *history) sign(t *testing.T, party, reference string, o tx.Operation) []byte {
	t.Helper()
	raw, err := tx.NewTransaction(h.f.Hash, &tx.Body{ChainId: h.f.ChainID, Party: party, Reference: reference, Operations: []tx.Operation{o}}, key(party), key(party+"/2"), key("hubei"))
	must(t, err)
	return raw
}

func issue(tonnes tx.Tonnes, document string) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_IssueAllowances{IssueAllowances: &tx.IssueAllowances{To: "e0", Instrument: "CEA22", Tonnes: tonnes, Document: document, Stage: tx.Adjustment, TableSha256: make([]byte, 32)}}}
}

func deposit(fen int64) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_Deposit{Deposit: &tx.Deposit{Party: "e1", Amount: tx.Fen(fen)}}}
}

func transfer(tonnes tx.Tonnes) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_Transfer{Transfer: &tx.Transfer{To: "e1", Instrument: "CEA22", Tonnes: tonnes}}}
}

func run(t *testing.T, from audit.Source, f tx.Founding) (*audit.Report, error) {
	t.Helper()
	return audit.Run(t.Context(), from, audit.Options{Founding: f, Dir: filepath.Join(t.TempDir(), "fresh")})
}

func TestHonest(t *testing.T) {
	h := honest(t)
	var heights []uint64
	r, err := audit.Run(t.Context(), h, audit.Options{Founding: h.f, Dir: t.TempDir(), Progress: func(height, newest uint64) {
		heights = append(heights, height, newest)
	}})
	must(t, err)
	if r.Height != blocks || r.Blocks != blocks || r.Transactions != accepted+rejected || r.Signatures != 3*r.Transactions || r.Accepted != accepted {
		t.Errorf("%+v", r)
	}
	if len(r.Rejected) != 1 || r.Rejected[0].Count != rejected || r.Rejected[0].Reason != tx.InsufficientHolding.String() {
		t.Errorf("rejected: %+v", r.Rejected)
	}
	if r.ConfirmedHeight != blocks || fmt.Sprint(r.Confirmed) != "[n1 n3]" || r.Need != 2 || r.Of != 3 {
		t.Errorf("confirmed at %d by %v, %d of %d", r.ConfirmedHeight, r.Confirmed, r.Need, r.Of)
	}
	if r.Hash != fmt.Sprintf("%x", h.records[blocks-1].Hash) || r.ChainID != h.f.ChainID || r.GenesisHash != h.f.Hash.String() || r.ScriptClock {
		t.Errorf("%+v", r)
	}
	if fmt.Sprint(heights) != "[16 40 32 40 40 40]" {
		t.Errorf("progress: %v", heights)
	}
	if c := r.Conservation; len(c.Instruments) != 1 || c.Instruments[0].Issued != 100*blocks || c.Instruments[0].Held != 100*blocks {
		t.Errorf("conservation: %+v", c)
	}
}

// TestLies: each is named at its height, and where it lies in one transaction
// by that.
func TestLies(t *testing.T) {
	h := honest(t)
	inBlock := func(height uint64, change func(*tx.Block)) func(*history) {
		return func(h *history) {
			b, ok := tx.DecodeBlock(h.records[height-1].Block)
			if !ok {
				t.Fatal("no block")
			}
			change(b)
			raw, err := b.Marshal()
			must(t, err)
			h.records[height-1].Block = raw
		}
	}
	for _, lie := range []struct {
		name        string
		tell        func(*history)
		height      uint64
		transaction int
		what        string
	}{
		{"a byte of a signature", inBlock(20, func(b *tx.Block) { x := b.Transactions[1]; x[len(x)-1] ^= 1 }), 20, 1, "BAD_SIGNATURE"},
		{"a transaction of noise", inBlock(20, func(b *tx.Block) { b.Transactions[0] = []byte("noise") }), 20, 0, "MALFORMED"},
		{"a block of noise", func(h *history) { h.records[19].Block = []byte("noise") }, 20, -1, "no block"},
		{"an empty block", func(h *history) { h.records[19].Block = nil }, 20, -1, ""},
		{"a transaction left out", inBlock(20, func(b *tx.Block) { b.Transactions = b.Transactions[1:] }), 20, -1, "running hash"},
		{"a transaction twice", inBlock(20, func(b *tx.Block) { b.Transactions = append(b.Transactions, b.Transactions[0]) }), 20, 4, "it is the one of height 20, transaction 0"},
		{"transactions swapped", inBlock(20, func(b *tx.Block) {
			b.Transactions[0], b.Transactions[1] = b.Transactions[1], b.Transactions[0]
		}), 20, -1, "running hash"},
		{"a signed transaction added", inBlock(17, func(b *tx.Block) {
			b.Transactions = append(b.Transactions, h.sign(t, "bank", "secret", deposit(1)))
		}), 17, -1, "running hash"},
		{"another proposer", inBlock(33, func(b *tx.Block) { b.Proposer = "n2" }), 33, -1, "running hash"},
		{"another stamp", inBlock(1, func(b *tx.Block) { b.Stamp += 60_000 }), 1, -1, "running hash"},
		{"another hash", func(h *history) { h.records[9].Hash[5] ^= 1 }, 10, -1, "running hash"},
		{"no hash", func(h *history) { h.records[9].Hash = nil }, 10, -1, "running hash"},
		{"another time", func(h *history) { h.records[9].Time++ }, 10, -1, "ledger time"},
		{"a block removed", func(h *history) { h.records = slices.Delete(h.records, 9, 10) }, 10, -1, "gave height 11"},
		{"the first block removed", func(h *history) { h.records = h.records[1:] }, 1, -1, "gave height 2"},
		{"two blocks swapped", func(h *history) { h.records[9], h.records[10] = h.records[10], h.records[9] }, 10, -1, "gave height 11"},
		{"two blocks swapped and renumbered", func(h *history) {
			h.records[9], h.records[10] = h.records[10], h.records[9]
			h.records[9].Height, h.records[10].Height = 10, 11
		}, 10, -1, "running hash"},
		{"a block removed and the rest renumbered", func(h *history) {
			h.records = slices.Delete(h.records, 9, 10)
			for i := range h.records {
				h.records[i].Height = uint64(i + 1)
			}
		}, 10, -1, ""},
		{"a block twice", func(h *history) { h.records = slices.Insert(h.records, 9, h.records[9]) }, 11, -1, "gave height 10"},
		{"cut short", func(h *history) { h.records = h.records[:blocks-1] }, blocks, -1, "n1 signed this height, the history ends at 39"},
		{"cut to nothing", func(h *history) { h.records = nil }, blocks, -1, "the history ends at 0"},
		{"an attestation of another hash", func(h *history) {
			h.attestations[1] = h.attest("n3", blocks, make([]byte, 32))
		}, blocks, -1, "n3 signed hash 0000"},
		{"a forged attestation", func(h *history) {
			h.attestations[1].Signature = h.attestations[0].Signature
		}, blocks, -1, "false signature of n3"},
		{"an attestation moved to another height", func(h *history) {
			h.attestations[0].Height = 39
			h.attestations[0].Hash = h.records[38].Hash
		}, 39, -1, "false signature of n1"},
	} {
		told := h.clone()
		lie.tell(told)
		_, err := run(t, told, h.f)
		var d *audit.Difference
		switch {
		case !errors.As(err, &d):
			t.Errorf("%s: %v", lie.name, err)
		case d.Height != lie.height || d.Transaction != lie.transaction || !strings.Contains(d.Error(), lie.what):
			t.Errorf("%s: %v", lie.name, d)
		}
	}
}

// TestStamps: what a proposer wrote of the state that it had is checked against
// the re-executed one, even where everything else fits.
func TestStamps(t *testing.T) {
	for what, change := range map[string]func(*tx.Block){
		"claims to have executed height 9": func(b *tx.Block) { b.AppliedHeight = 9 },
		"had hash 0000":                    func(b *tx.Block) { b.AppliedHash = make([]byte, 32) },
	} {
		h := &history{f: founding()}
		ledger, err := state.Open("ledger", h.f, tx.NewVerifier(h.f.Hash), state.Options{FS: vfs.NewMem()})
		must(t, err)
		for range 4 {
			h.extend(t, ledger, nil)
		}
		head := ledger.Head()
		b := tx.Block{Proposer: "n2", Stamp: head.Time, AppliedHeight: head.Height, AppliedHash: head.Hash}
		change(&b)
		raw, err := b.Marshal()
		must(t, err)
		applied, err := ledger.Apply([]state.Entry{{Index: 5, Block: raw}})
		must(t, err)
		h.records = append(h.records, tx.BlockRecord{Height: 5, Block: raw, Hash: applied[0].Hash[:], Time: applied[0].Time})
		must(t, ledger.Close())
		var d *audit.Difference
		if _, err := run(t, h, h.f); !errors.As(err, &d) || d.Height != 5 || !strings.Contains(d.What, what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestFlips: no byte of a stored record can change without being found, at its
// height.
func TestFlips(t *testing.T) {
	h := honest(t)
	dir := audit.Directory(t.TempDir())
	_, err := run(t, &audit.Saving{Source: h, To: dir}, h.f)
	must(t, err)
	const height = 8 // three transactions
	name := filepath.Join(string(dir), fmt.Sprintf("%012d.block", height))
	whole, err := os.ReadFile(name)
	must(t, err)
	step := 7
	if len(whole) > 97*40 {
		step = 97
	}
	for at := 0; at < len(whole); at += step {
		damaged := bytes.Clone(whole)
		damaged[at] ^= 1 << (at % 8)
		must(t, os.WriteFile(name, damaged, 0o600))
		var d *audit.Difference
		if _, err := run(t, dir, h.f); !errors.As(err, &d) || d.Height != height {
			t.Errorf("byte %d of %d: %v", at, len(whole), err)
		}
	}
}

// TestConfirmation: the word of too few, or of nobody who has a vote, is not
// enough.
func TestConfirmation(t *testing.T) {
	h := honest(t)
	hash := h.records[blocks-1].Hash
	for _, test := range []struct {
		name string
		all  []tx.Attestation
		need int
		ok   bool
	}{
		{"nobody", nil, 0, false},
		{"one of three", []tx.Attestation{h.attest("n2", blocks, hash)}, 0, false},
		{"one twice", []tx.Attestation{h.attest("n2", blocks, hash), h.attest("n2", blocks, hash)}, 0, false},
		{"one voter and one without a vote", []tx.Attestation{h.attest("n2", blocks, hash), h.attest("observer", blocks, hash)}, 0, false},
		{"one voter and a stranger", []tx.Attestation{h.attest("n2", blocks, hash), h.attest("stranger", blocks, hash)}, 0, false},
		{"two at different heights", []tx.Attestation{h.attest("n2", blocks, hash), h.attest("n1", 30, h.records[29].Hash)}, 0, false},
		{"two of three", h.attestations, 0, true},
		{"two where three are asked for", h.attestations, 3, false},
		{"one where one is asked for", h.attestations[:1], 1, true},
	} {
		told := h.clone()
		told.attestations = test.all
		r, err := audit.Run(t.Context(), told, audit.Options{Founding: h.f, Dir: t.TempDir(), Need: test.need})
		if test.ok != (err == nil) || err != nil && !errors.Is(err, audit.ErrUnconfirmed) {
			t.Errorf("%s: %v", test.name, err)
		}
		if r.Blocks != blocks {
			t.Errorf("%s: the report has %d blocks", test.name, r.Blocks)
		}
	}
}

// TestOtherGenesis: a history belongs to its founding document alone.
func TestOtherGenesis(t *testing.T) {
	h := honest(t)
	f := h.f
	f.Hash[0] ^= 1
	var d *audit.Difference
	if _, err := run(t, h, f); !errors.As(err, &d) || d.Height != 1 {
		t.Errorf("another hash: %v", err)
	}
	f = founding()
	f.Parties = f.Parties[:len(f.Parties)-1] // without e1
	if _, err := run(t, h, f); !errors.As(err, &d) || d.Height != 1 {
		t.Errorf("another party: %v", err)
	}
}

// TestDirectory: a saved copy is audited as the network is, and what is wrong
// with its files is said.
func TestDirectory(t *testing.T) {
	h := honest(t)
	save := func() audit.Directory {
		dir := audit.Directory(filepath.Join(t.TempDir(), "copy"))
		_, err := run(t, &audit.Saving{Source: h, To: dir}, h.f)
		must(t, err)
		r, err := run(t, dir, h.f)
		must(t, err)
		if r.Height != blocks || r.ConfirmedHeight != blocks {
			t.Errorf("%+v", r)
		}
		return dir
	}
	file := func(d audit.Directory, height int) string {
		return filepath.Join(string(d), fmt.Sprintf("%012d.block", height))
	}
	for _, test := range []struct {
		name   string
		damage func(audit.Directory) error
		height uint64
		what   string
	}{
		{"a file is missing", func(d audit.Directory) error { return os.Remove(file(d, 12)) }, 12, "is missing"},
		{"the first is missing", func(d audit.Directory) error { return os.Remove(file(d, 1)) }, 1, "is missing"},
		{"the last is missing", func(d audit.Directory) error { return os.Remove(file(d, blocks)) }, blocks, "ends at 39"},
		{"a file is empty", func(d audit.Directory) error { return os.Truncate(file(d, 12), 0) }, 12, ""},
		{"a file is cut", func(d audit.Directory) error { return os.Truncate(file(d, 12), 100) }, 12, "damaged"},
		{"two files change places", func(d audit.Directory) error {
			return errors.Join(os.Rename(file(d, 3), file(d, 99)), os.Rename(file(d, 4), file(d, 3)), os.Rename(file(d, 99), file(d, 4)))
		}, 3, "gave height 4"},
	} {
		dir := save()
		must(t, test.damage(dir))
		var d *audit.Difference
		if _, err := run(t, dir, h.f); !errors.As(err, &d) || d.Height != test.height || !strings.Contains(d.What, test.what) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	dir := save()
	must(t, os.Remove(filepath.Join(string(dir), "attestations.json")))
	if _, err := run(t, dir, h.f); !errors.Is(err, audit.ErrUnconfirmed) {
		t.Errorf("without attestations: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(string(dir), "attestations.json"), []byte("{"), 0o600))
	if _, err := run(t, dir, h.f); err == nil || !strings.Contains(err.Error(), "attestations.json") {
		t.Errorf("with broken attestations: %v", err)
	}
}

// TestSourceFails: a source that breaks off is an error, never a shorter
// history that passes.
func TestSourceFails(t *testing.T) {
	h := honest(t)
	broken := errors.New("the line is dead")
	for _, source := range []audit.Source{&failing{h, broken, nil}, &failing{h, nil, broken}} {
		if _, err := run(t, source, h.f); !errors.Is(err, broken) {
			t.Errorf("%v", err)
		}
	}
}

type failing struct {
	*history
	blocks, attestations error
}

func (s *failing) Blocks(ctx context.Context, from uint64, take func(tx.BlockRecord, uint64) error) error {
	return errors.Join(s.history.Blocks(ctx, from, take), s.blocks)
}

func (s *failing) Attestations(ctx context.Context) ([]tx.Attestation, error) {
	all, err := s.history.Attestations(ctx)
	return all, errors.Join(err, s.attestations)
}

// TestForgedEnd: blocks above the height that the validators signed are one
// node's own invention, however well they fit.
func TestForgedEnd(t *testing.T) {
	h := honest(t)
	for i := range h.attestations {
		h.attestations[i] = h.attest(h.attestations[i].Validator, blocks-1, h.records[blocks-2].Hash)
	}
	for name, forge := range map[string]func(*history){
		"the honest block itself": func(*history) {},
		"an empty block in its place": func(h *history) {
			ledger, err := state.Open("ledger", h.f, tx.NewVerifier(h.f.Hash), state.Options{FS: vfs.NewMem()})
			must(t, err)
			defer func() { must(t, ledger.Close()) }()
			h.records = h.records[:blocks-1]
			for i := range h.records {
				_, err := ledger.Apply([]state.Entry{{Index: uint64(i + 1), Block: h.records[i].Block}})
				must(t, err)
			}
			h.extend(t, ledger, nil)
		},
	} {
		told := h.clone()
		forge(told)
		report, err := run(t, told, h.f)
		if !errors.Is(err, audit.ErrUnconfirmed) || !strings.Contains(err.Error(), "nobody signed heights 40 to 40") {
			t.Errorf("%s: %v", name, err)
		}
		if report == nil || report.Height != blocks || report.ConfirmedHeight != blocks-1 {
			t.Errorf("%s: %+v", name, report)
		}
	}
}
