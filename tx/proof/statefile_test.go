package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"carbonledger/tx"
)

// closed is a log of a few transactions of one party, whose last entry names the
// root of a state with its statement and two holdings.
type closed struct {
	policy  *Policy
	key     ed25519.PrivateKey
	cosign  ed25519.PrivateKey
	entries [][]byte
	tree    *StateTree
	values  map[string][]byte
}

const closedOrigin = "log.test/closed"

// newClosed makes count transactions of the party "plant".
func newClosed(t testing.TB, count int) *closed {
	t.Helper()
	c := &closed{key: ed25519.NewKeyFromSeed(make([]byte, 32)), cosign: ed25519.NewKeyFromSeed([]byte(strings.Repeat("c", 32))), values: map[string][]byte{}}
	public := func(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }
	text := WritePolicy(OriginVKey(closedOrigin, public(c.key)), []string{"n1"}, []string{CosignerVKey(CosignerName(closedOrigin, "n1"), public(c.cosign))}, 1)
	var err error
	if c.policy, err = ParsePolicy(text); err != nil {
		t.Fatal(err)
	}
	add := func(r *tx.OutcomeRecord) {
		b, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		c.entries = append(c.entries, b)
	}
	hash := make([]byte, 32)
	add(&tx.OutcomeRecord{PreviousHash: hash})
	head := Hash{}
	for i := range count {
		h := uint64(i + 1)
		add(&tx.OutcomeRecord{Height: h, PreviousHash: hash, Head: &tx.BlockHead{Proposer: "n1", AppliedHash: hash}, Transaction: []byte(fmt.Sprint("transaction ", i)), Records: 1,
			Receipt: &tx.Receipt{Id: hash, Height: h, Party: "plant", Reference: fmt.Sprint(i), Index: h}})
		head = StatementHead(head, c.entry(i))
	}
	holding := make([]byte, 64)
	binary.BigEndian.PutUint64(holding[8:], 1234)
	c.values["\x06plant\x00CEA24"], c.values["\x06plant\x00CEA25"] = holding, holding
	c.values["\x31plant"] = append(binary.BigEndian.AppendUint64(nil, uint64(count)), head[:]...)
	var keys []string
	for k := range c.values {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	c.tree, err = BuildStateTree(func(yield func([]byte, Hash) bool) {
		for _, k := range keys {
			if !yield([]byte(k), sha256.Sum256(c.values[k])) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	root := c.tree.Root()
	add(&tx.OutcomeRecord{Height: uint64(count) + 1, PreviousHash: hash, Head: &tx.BlockHead{Proposer: "n1", AppliedHash: hash}, StateRoot: &tx.StateRoot{Height: uint64(count), Day: 20241230, Records: 3, Root: root[:]}})
	return c
}

// entry of the statement that the transaction with a number leaves.
func (c *closed) entry(i int) StatementEntry {
	return StatementEntry{Index: uint64(i + 1), Leaf: LeafHash(c.entries[i+1]), Puts: AppendPut(nil, "\x06plant\x00CEA24", []byte{byte(i)})}
}

// prove makes the file of a state proof.
func (c *closed) prove(t testing.TB, key string) *StateReceipt {
	t.Helper()
	tree, nodes := NewTree(), map[string]Hash{}
	for _, e := range c.entries {
		tree.Append(LeafHash(e), func(level uint, index uint64, h Hash) { nodes[fmt.Sprint(level, index)] = h })
	}
	point := Checkpoint{Origin: closedOrigin, Size: tree.Size(), Root: tree.Root()}
	own, err1 := point.SignOrigin(c.key)
	line, err2 := point.Cosign(CosignerName(closedOrigin, "n1"), c.cosign, 1_700_000_000)
	last := uint64(len(c.entries) - 1)
	path, err3 := Inclusion(last, point.Size, func(level uint, first uint64, count int) (all []Hash, err error) {
		for i := range count {
			all = append(all, nodes[fmt.Sprint(level, first+uint64(i))])
		}
		return all, nil
	})
	b, err4 := c.tree.Prove([]byte(key), func(k []byte) ([]byte, error) { return c.values[string(k)], nil })
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return &StateReceipt{Key: []byte(key), Proof: b, Receipt: &Receipt{Index: last, Path: path, Checkpoint: point.Note(own, line), Record: c.entries[last]}}
}

// statement is the file with all entries.
func (c *closed) statement(t testing.TB) *StatementFile {
	s := &StatementFile{Party: "plant", To: string(c.prove(t, "\x31plant").Encode())}
	for i := range len(c.entries) - 2 {
		e := c.entry(i)
		s.Entries = append(s.Entries, Statement{Index: e.Index, Record: c.entries[i+1], Puts: e.Puts})
	}
	return s
}

// TestStateReceipt: it proves a holding and that there is none, and no altered
// byte of its file proves anything else.
func TestStateReceipt(t *testing.T) {
	c := newClosed(t, 5)
	p, err := c.prove(t, "\x06plant\x00CEA24").Verify(c.policy)
	if err != nil || !p.Exists || p.Root.Day != 20241230 || p.Root.Height != 5 {
		t.Fatalf("%+v %v", p, err)
	}
	if h, err := DecodeHolding(p.Key, p.Value); err != nil || h.Party != "plant" || h.Instrument != "CEA24" || h.TradingAvailable != 1234 || h.Tonnes != 1234 {
		t.Errorf("%+v %v", h, err)
	}
	absent := c.prove(t, "\x06plant\x00CEA23")
	if p, err = absent.Verify(c.policy); err != nil || p.Exists {
		t.Errorf("%+v %v", p, err)
	}
	if yes, err := Absence(absent.Proof); err != nil || !yes {
		t.Errorf("%v %v", yes, err)
	}
	file := c.prove(t, "\x06plant\x00CEA24").Encode()
	for at := range file {
		for _, bit := range []byte{1, 0x20} {
			b := slices.Clone(file)
			b[at] ^= bit
			s, err := ParseStateReceipt(b)
			if err != nil {
				continue
			}
			if _, err := s.Verify(c.policy); err == nil {
				t.Errorf("byte %d altered is a proof:\n%s", at, b)
			}
		}
		if s, err := ParseStateReceipt(file[:at]); err == nil {
			if _, err := s.Verify(c.policy); err == nil {
				t.Errorf("cut after %d bytes it is a proof", at)
			}
		}
	}
	// An entry that names no root, however well it is in the log.
	s := c.prove(t, "\x06plant\x00CEA24")
	s.Receipt.Record = c.entries[1]
	if _, err := s.Verify(c.policy); err == nil {
		t.Error("the root of another entry was believed")
	}
}

// TestStatementFile: nothing can be left out of a statement, added or altered.
func TestStatementFile(t *testing.T) {
	c := newClosed(t, 6)
	p, err := c.statement(t).Verify(c.policy)
	if err != nil || len(p.Records) != 6 || p.Before != 0 {
		t.Fatalf("%+v %v", p, err)
	}
	for what, change := range map[string]func(*StatementFile){
		"the first is left out":         func(s *StatementFile) { s.Entries = s.Entries[1:] },
		"one between is left out":       func(s *StatementFile) { s.Entries = slices.Delete(s.Entries, 2, 3) },
		"the last is left out":          func(s *StatementFile) { s.Entries = s.Entries[:5] },
		"all are left out":              func(s *StatementFile) { s.Entries = nil },
		"one is there twice":            func(s *StatementFile) { s.Entries = slices.Insert(s.Entries, 2, s.Entries[2]) },
		"one in place of another":       func(s *StatementFile) { s.Entries[2] = s.Entries[3] },
		"two change places":             func(s *StatementFile) { s.Entries[2], s.Entries[3] = s.Entries[3], s.Entries[2] },
		"another index":                 func(s *StatementFile) { s.Entries[2].Index++ },
		"another record":                func(s *StatementFile) { s.Entries[2].Record = s.Entries[3].Record },
		"a record of noise":             func(s *StatementFile) { s.Entries[2].Record = []byte("noise") },
		"other balances":                func(s *StatementFile) { s.Entries[2].Puts = slices.Clone(s.Entries[3].Puts) },
		"another party":                 func(s *StatementFile) { s.Party = "other" },
		"another end":                   func(s *StatementFile) { s.To = string(c.prove(t, "\x06plant\x00CEA24").Encode()) },
		"no end":                        func(s *StatementFile) { s.To = "" },
		"a beginning that is the end":   func(s *StatementFile) { s.From = s.To },
		"a beginning of something else": func(s *StatementFile) { s.From = string(c.prove(t, "\x06plant\x00CEA25").Encode()) },
	} {
		s := c.statement(t)
		change(s)
		if _, err := s.Verify(c.policy); err == nil {
			t.Errorf("%s: it verifies", what)
		}
	}
	// The end as the beginning, and nothing between: an empty statement.
	s := c.statement(t)
	s.From, s.Entries = s.To, nil
	if p, err := s.Verify(c.policy); err != nil || p.Before != 6 || len(p.Records) != 0 {
		t.Errorf("%+v %v", p, err)
	}
	b, err := json.Marshal(c.statement(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "{", `{"party":"plant"} {}`, `{"parties":"plant"}`, string(b) + "x"} {
		if s, err := ParseStatement([]byte(bad)); err == nil {
			if _, err := s.Verify(c.policy); err == nil {
				t.Errorf("%.40s is a statement", bad)
			}
		}
	}
}

// FuzzStateReceipt: what is read is written in the same bytes, and proves only
// what is true.
func FuzzStateReceipt(f *testing.F) {
	c := newClosed(f, 4)
	for k := range c.values {
		f.Add(c.prove(f, k).Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStateReceipt(b)
		if err != nil {
			return
		}
		if string(s.Encode()) != string(b) {
			t.Fatal("written otherwise")
		}
		if p, err := s.Verify(c.policy); err == nil && (p.Exists != (c.values[string(p.Key)] != nil) || string(p.Value) != string(c.values[string(p.Key)])) {
			t.Fatalf("it proves %q = %x", p.Key, p.Value)
		}
	})
}

// FuzzStatement: no bytes make it panic, and what verifies is the whole statement.
func FuzzStatement(f *testing.F) {
	c := newClosed(f, 3)
	b, err := json.Marshal(c.statement(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStatement(b)
		if err != nil {
			return
		}
		if p, err := s.Verify(c.policy); err == nil && p.Before+uint64(len(p.Records)) != 3 {
			t.Fatalf("%+v", p)
		}
	})
}
