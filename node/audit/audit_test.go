package audit_test

import (
	"crypto/ed25519"
	"io/fs"

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
	"time"

	"carbonledger/node/audit"
	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"

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
		LogOrigin: "log.test/chain", LogKey: logKey("log").Public().(ed25519.PublicKey), ChainID: "audit-test", ProtocolVersion: 1, ScriptClock: false, FreeTransfers: true, Start: tx.Day(20240102).Start(),
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

// history is a log that validators have signed, and a Log.
type history struct {
	f       tx.Founding
	entries [][]byte
	note    []byte
}

func (h *history) Name() string { return "the log" }

// Get serves the checkpoint and the bundles, as a validator does.
func (h *history) Get(_ context.Context, path string) ([]byte, error) {
	if path == proof.CheckpointPath {
		return h.note, nil
	}
	t, ok := proof.ParseTile(path)
	first := t.Index * proof.TileWidth
	if !ok || !t.Entries || first+uint64(t.Width) > uint64(len(h.entries)) {
		return nil, fs.ErrNotExist
	}
	var b []byte
	for _, e := range h.entries[first : first+uint64(t.Width)] {
		b = proof.AppendEntry(b, e)
	}
	return b, nil
}

// clone is a copy to tell lies with.
func (h *history) clone() *history {
	return &history{f: h.f, entries: slices.Clone(h.entries), note: h.note}
}

// logKey signs for the log, and each validator with its cosigning key.
func logKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("audit log key of " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// checkpoint of the entries, signed by the log and these validators: what a
// conspiracy of them can make of any entries.
func (h *history) checkpoint(by ...string) []byte {
	tree := proof.NewTree()
	for _, e := range h.entries {
		tree.Append(proof.LeafHash(e), func(uint, uint64, proof.Hash) {})
	}
	c := proof.Checkpoint{Origin: h.f.LogOrigin, Size: tree.Size(), Root: tree.Root()}
	line, err := c.SignOrigin(logKey("log"))
	if err != nil {
		panic(err)
	}
	all := [][]byte{line}
	for _, name := range by {
		line, err := c.Cosign(proof.CosignerName(c.Origin, name), logKey(name), 1_700_000_000)
		if err != nil {
			panic(err)
		}
		all = append(all, line)
	}
	return c.Note(all...)
}

// policy asks for two of the three voters.
func policy(t testing.TB) *proof.Policy { return policyOf(t, "n1", "n2", "n3") }

// policyOf asks for two of these voters.
func policyOf(t testing.TB, voters ...string) *proof.Policy {
	t.Helper()
	var keys []string
	for _, v := range voters {
		keys = append(keys, proof.CosignerVKey(proof.CosignerName("log.test/chain", v), logKey(v).Public().(ed25519.PublicKey)))
	}
	p, err := proof.ParsePolicy(proof.WritePolicy(proof.OriginVKey("log.test/chain", logKey("log").Public().(ed25519.PublicKey)), voters, keys, 2))
	must(t, err)
	return p
}

const (
	blocks = 40
	// accepted and rejected of an honest history.
	accepted, rejected = 2*blocks + blocks/4, blocks / 2
)

// honest is a history with accepted and rejected transactions, of one, two and
// three a block, and of none in every seventh.
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
		extend(t, ledger, raws)
		if height%7 == 0 {
			extend(t, ledger, nil)
		}
	}
	h.read(t, ledger)
	h.note = h.checkpoint("n1", "n3", "observer")
	return h
}

// extend executes one more block, as an honest leader with these transactions
// would propose it.
func extend(t testing.TB, ledger *state.Ledger, raws [][]byte) {
	t.Helper()
	head := ledger.Head()
	b := tx.Block{Proposer: "n2", Stamp: head.Time + 1000, AppliedHeight: head.Height, AppliedHash: head.Hash, Transactions: raws}
	raw, err := b.Marshal()
	must(t, err)
	_, err = ledger.Apply([]state.Entry{{Index: head.Height + 1, Block: raw}})
	must(t, err)
}

// read takes over the ledger's log.
func (h *history) read(t testing.TB, ledger *state.Ledger) {
	t.Helper()
	v, err := ledger.View()
	must(t, err)
	defer func() { must(t, v.Close()) }()
	h.entries = nil
	must(t, v.Entries(0, v.LogSize(), func(_ uint64, e []byte) error {
		h.entries = append(h.entries, bytes.Clone(e))
		return nil
	}))
}

func (h *history) sign(t testing.TB, party, reference string, o tx.Operation) []byte {
	t.Helper()
	return h.signBy(t, party, reference, o, party, party+"/2", "hubei")
}

func (h *history) signBy(t testing.TB, party, reference string, o tx.Operation, persons ...string) []byte {
	t.Helper()
	var keys []tx.PrivateKey
	for _, p := range persons {
		keys = append(keys, key(p))
	}
	raw, err := tx.NewTransaction(h.f.Hash, &tx.Body{ChainId: h.f.ChainID, Party: party, Reference: reference, Operations: []tx.Operation{o}}, keys...)
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

func run(t *testing.T, log audit.Log) (*audit.Report, error) {
	t.Helper()
	return audit.Run(t.Context(), []audit.Log{log}, audit.Options{Founding: founding(), Policy: policy(t), Dir: t.TempDir()})
}

func TestHonest(t *testing.T) {
	h := honest(t)
	var steps []uint64
	r, err := audit.Run(t.Context(), []audit.Log{h}, audit.Options{Founding: h.f, Policy: policy(t), Dir: t.TempDir(), Progress: func(entry, size uint64) {
		steps = append(steps, entry, size)
	}})
	must(t, err)
	size := uint64(1 + accepted + rejected + blocks/7)
	if r.Blocks != blocks+blocks/7 || r.Height != r.Blocks || r.Transactions != accepted+rejected || r.Signatures != 3*r.Transactions || r.Accepted != accepted || r.Size != size {
		t.Errorf("%+v", r)
	}
	if len(r.Rejected) != 1 || r.Rejected[0].Count != rejected || r.Rejected[0].Reason != tx.InsufficientHolding.String() {
		t.Errorf("rejected: %+v", r.Rejected)
	}
	// The observer is no witness of the policy.
	if len(r.Cosigned) != 2 || r.Cosigned[0].Name != "log.test/chain/n1" || r.Cosigned[1].Name != "log.test/chain/n3" {
		t.Errorf("cosigned by %v", r.Cosigned)
	}
	if r.ChainID != h.f.ChainID || r.GenesisHash != h.f.Hash.String() || r.ScriptClock || r.Since != 1 {
		t.Errorf("%+v", r)
	}
	if fmt.Sprint(steps) != fmt.Sprint([]uint64{size, size}) {
		t.Errorf("progress: %v", steps)
	}
	if c := r.Conservation; len(c.Instruments) != 1 || c.Instruments[0].Issued != 100*blocks || c.Instruments[0].Held != 100*blocks {
		t.Errorf("conservation: %+v", c)
	}
}

// TestGoesOn: an audit continues from its directory, and finds a log that was
// another one before.
func TestGoesOn(t *testing.T) {
	h, dir := honest(t), t.TempDir()
	short := h.clone()
	short.entries = h.entries[:h.blockEnd(t, 60)]
	short.note = short.checkpoint("n1", "n2")
	o := audit.Options{Founding: h.f, Policy: policy(t), Dir: dir, Patience: time.Millisecond}
	r, err := audit.Run(t.Context(), []audit.Log{short}, o)
	must(t, err)
	before := r.Size
	if r, err = audit.Run(t.Context(), []audit.Log{h}, o); err != nil || r.Since != before || r.Size != uint64(len(h.entries)) || r.Transactions >= accepted+rejected {
		t.Errorf("%+v %v", r, err)
	}
	// A node that is behind, or lost what was verified: no verdict of that.
	r, err = audit.Run(t.Context(), []audit.Log{short}, o)
	if !errors.Is(err, audit.ErrBehind) || !strings.Contains(err.Error(), fmt.Sprintf("%d of %d entries", len(short.entries), len(h.entries))) || fmt.Sprint(r.Sizes) != fmt.Sprintf("[{the log %d}]", len(short.entries)) {
		t.Errorf("a node that is behind: %+v %v", r, err)
	}
	if r, err = audit.Run(t.Context(), []audit.Log{short, h}, o); err != nil || r.Size != uint64(len(h.entries)) || len(r.Compared) != 1 {
		t.Errorf("a node that is behind and one that is not: %+v %v", r, err)
	}
	var d *audit.Difference
	fork := short.clone()
	fork.entries = fork.entries[:fork.blockEnd(t, 50)]
	fork.entries[3], fork.entries[4] = fork.entries[4], fork.entries[3]
	fork.note = fork.checkpoint("n1", "n2", "n3")
	_, err = audit.Run(t.Context(), []audit.Log{h}, o)
	must(t, err)
	if _, err = audit.Run(t.Context(), []audit.Log{fork}, o); !errors.As(err, &d) || !strings.Contains(d.What, "another history") {
		t.Errorf("a log that forked: %v", err)
	}
	// Two logs at once.
	if _, err = audit.Run(t.Context(), []audit.Log{h, fork}, audit.Options{Founding: h.f, Policy: policy(t), Dir: t.TempDir()}); !errors.As(err, &d) || !strings.Contains(d.What, "another history") {
		t.Errorf("two histories: %v", err)
	}
	// Where no directory is named, both checkpoints stay all the same, and nothing else.
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	r, err = audit.Run(t.Context(), []audit.Log{h, fork}, audit.Options{Founding: h.f, Policy: policy(t)})
	if !errors.As(err, &d) {
		t.Fatal(err)
	}
	kept, err := filepath.Glob(filepath.Join(tmp, "*", "*", "*"))
	if err != nil || len(kept) != 2 || filepath.Dir(kept[0]) != r.Evidence {
		t.Errorf("evidence in %q, there is %q", r.Evidence, kept)
	}
	if _, err = audit.Run(t.Context(), []audit.Log{h}, audit.Options{Founding: h.f, Policy: policy(t)}); err != nil {
		t.Error(err)
	}
	if all, err := os.ReadDir(tmp); err != nil || len(all) != 1 {
		t.Errorf("%d directories are left, %v", len(all), err)
	}
}

// TestEarlierEvidence: a log that is whole, and another one than an earlier audit
// in the directory found, leaves what both signed.
func TestEarlierEvidence(t *testing.T) {
	h, other, dir := honest(t), small(t), t.TempDir()
	o := audit.Options{Founding: h.f, Policy: policy(t), Dir: dir, Patience: time.Millisecond}
	_, err := audit.Run(t.Context(), []audit.Log{h}, o)
	must(t, err, os.RemoveAll(filepath.Join(dir, audit.LedgerDir)))
	r, err := audit.Run(t.Context(), []audit.Log{other}, o)
	if d := (*audit.Difference)(nil); !errors.As(err, &d) || !strings.Contains(d.What, "the log of the earlier audit signed size") {
		t.Fatal(err)
	}
	var kept [][]byte
	files, err := filepath.Glob(filepath.Join(r.Evidence, "checkpoint-*"))
	must(t, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		must(t, err)
		kept = append(kept, b)
	}
	for _, note := range [][]byte{h.note, other.note} {
		if !slices.ContainsFunc(kept, func(b []byte) bool { return bytes.Equal(b, note) }) {
			t.Errorf("the evidence %q lacks\n%s", files, note)
		}
	}
}

// blockEnd is the index behind the block that holds an entry.
func (h *history) blockEnd(t *testing.T, index int) int {
	t.Helper()
	first, err := tx.DecodeRecord(h.entries[index])
	must(t, err)
	for index++; index < len(h.entries); index++ {
		r, err := tx.DecodeRecord(h.entries[index])
		must(t, err)
		if r.Height != first.Height {
			break
		}
	}
	return index
}

// TestPolicy: a checkpoint that too few cosigned is no checkpoint.
func TestPolicy(t *testing.T) {
	h := honest(t)
	for name, by := range map[string][]string{
		"nobody": nil, "one of three": {"n2"}, "one twice": {"n2", "n2"}, "one and one without a vote": {"n2", "observer"}, "one and a stranger": {"n2", "stranger"},
	} {
		told := h.clone()
		told.note = told.checkpoint(by...)
		if _, err := run(t, told); !errors.Is(err, audit.ErrNotCounted) {
			t.Errorf("%s: %v", name, err)
		}
	}
	told := h.clone()
	told.note = bytes.Replace(told.note, []byte("\n"+fmt.Sprint(len(h.entries))+"\n"), []byte("\n5\n"), 1)
	if _, err := run(t, told); !errors.Is(err, audit.ErrNotCounted) {
		t.Errorf("another size: %v", err)
	}
}

// TestPolicyOfLaterVoters: an audit goes on in its directory when so many voters have
// been replaced that what it verified counts no more by today's policy. What stands in
// the directory must be signed by the log all the same.
func TestPolicyOfLaterVoters(t *testing.T) {
	h, dir := honest(t), t.TempDir()
	short := h.clone()
	short.entries = h.entries[:h.blockEnd(t, 60)]
	short.note = short.checkpoint("n1", "n2")
	before, err := audit.Run(t.Context(), []audit.Log{short}, audit.Options{Founding: h.f, Policy: policy(t), Dir: dir})
	must(t, err)
	h.note = h.checkpoint("n3", "n4", "n5")
	o := audit.Options{Founding: h.f, Policy: policyOf(t, "n3", "n4", "n5"), Dir: dir}
	file := filepath.Join(dir, "checkpoint")
	kept, err := os.ReadFile(file)
	must(t, err)
	damaged := bytes.Replace(kept, []byte("\n"+fmt.Sprint(before.Size)+"\n"), []byte("\n5\n"), 1)
	must(t, os.WriteFile(file, damaged, 0o600))
	if _, err := audit.Run(t.Context(), []audit.Log{h}, o); err == nil || errors.As(err, new(*audit.Difference)) || !strings.Contains(err.Error(), file) {
		t.Errorf("a damaged one: %v", err)
	}
	must(t, os.WriteFile(file, kept, 0o600))
	if r, err := audit.Run(t.Context(), []audit.Log{h}, o); err != nil || r.Since != before.Size || r.Size != uint64(len(h.entries)) {
		t.Errorf("%+v %v", r, err)
	}
}

// TestOtherGenesis: a history belongs to its founding document alone.
func TestOtherGenesis(t *testing.T) {
	h := honest(t)
	var d *audit.Difference
	f := h.f
	f.Hash[0] ^= 1
	if _, err := audit.Run(t.Context(), []audit.Log{h}, audit.Options{Founding: f, Policy: policy(t), Dir: t.TempDir()}); !errors.As(err, &d) || d.Entry != 0 {
		t.Errorf("another hash: %v", err)
	}
	f = founding()
	f.Parties = f.Parties[:len(f.Parties)-1] // without e1
	if _, err := audit.Run(t.Context(), []audit.Log{h}, audit.Options{Founding: f, Policy: policy(t), Dir: t.TempDir()}); !errors.As(err, &d) || d.Height != 1 {
		t.Errorf("another party: %v", err)
	}
}

// TestCopy: a saved copy is a log as the network's is, is continued, and is never
// written over where it differs.
func TestCopy(t *testing.T) {
	h, dir := honest(t), t.TempDir()
	o := audit.Options{Founding: h.f, Policy: policy(t), Dir: t.TempDir(), Save: dir}
	_, err := audit.Run(t.Context(), []audit.Log{h}, o)
	must(t, err)
	r, err := run(t, audit.Directory(dir))
	must(t, err)
	if r.Size != uint64(len(h.entries)) {
		t.Errorf("%+v", r)
	}
	_, err = audit.Run(t.Context(), []audit.Log{h}, o)
	must(t, err)
	for _, tile := range proof.TilesOf(0, r.Size) {
		name := filepath.Join(dir, tile.Path())
		whole, err := os.ReadFile(name)
		must(t, err)
		must(t, os.WriteFile(name, append([]byte{whole[0] ^ 1}, whole[1:]...), 0o600))
		if _, err := audit.Run(t.Context(), []audit.Log{h}, o); err == nil || !strings.Contains(err.Error(), "it stays as it is") {
			t.Errorf("%s: %v", tile.Path(), err)
		}
		must(t, os.WriteFile(name, whole, 0o600))
	}
	must(t, os.Remove(filepath.Join(dir, "checkpoint")))
	if _, err := run(t, audit.Directory(dir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without a checkpoint: %v", err)
	}
}

// TestFoundingAlone: also the one entry of a log without blocks is read.
func TestFoundingAlone(t *testing.T) {
	h := honest(t)
	h.entries = h.entries[:1]
	h.note = h.checkpoint("n1", "n2")
	r, err := run(t, h)
	must(t, err)
	if r.Size != 1 || r.Blocks != 0 {
		t.Errorf("%+v", r)
	}
	told := h.clone()
	told.entries[0] = append(bytes.Clone(h.entries[0]), 0)
	var d *audit.Difference
	if _, err := run(t, told); !errors.As(err, &d) || d.Entry != 0 || !strings.Contains(d.What, "the founding by another genesis document") {
		t.Errorf("the entry altered: %v", err)
	}
	told.entries = nil
	if _, err := run(t, told); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the entry gone: %v", err)
	}
}

// TestLogFails: a log that breaks off is an error, never a shorter history that
// passes.
func TestLogFails(t *testing.T) {
	h := honest(t)
	told := h.clone()
	told.entries = told.entries[:10] // and the checkpoint of all
	if _, err := run(t, told); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
