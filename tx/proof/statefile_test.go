package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
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
	for _, bad := range []string{"", "{", "{}\n", "null\n", `{"party":"plant"} {}`, `{"parties":"plant"}`} {
		if _, err := ParseStatement([]byte(bad)); err == nil {
			t.Errorf("%.40s is a statement", bad)
		}
	}
}

// TestStatementFileHasOneForm: a file is read as it is written, and with nothing
// behind it, in it twice, or in it in other words.
func TestStatementFileHasOneForm(t *testing.T) {
	c := newClosed(t, 3)
	whole, empty := c.statement(t), c.statement(t)
	whole.Entries[1].Puts = nil
	empty.From, empty.Entries = empty.To, nil
	for _, s := range []*StatementFile{whole, empty} {
		b := must(s.Encode())
		read, err := ParseStatement(b)
		if err != nil {
			t.Fatal(err)
		}
		if string(must(read.Encode())) != string(b) {
			t.Errorf("written otherwise:\n%s", b)
		}
		for _, more := range []string{"}", "} this was appended", "]", "{}", " ", "\n", "\x00"} {
			if _, err := ParseStatement(append(slices.Clone(b), more...)); err == nil {
				t.Errorf("%q behind it is read over", more)
			}
		}
	}
	file := string(must(c.statement(t).Encode()))
	for name, bad := range malleable(t, file) {
		if _, err := ParseStatement([]byte(bad)); err == nil {
			t.Errorf("%s: it is a statement", name)
		}
	}
}

// malleable are other ways to write a statement that is not empty.
func malleable(t testing.TB, file string) map[string]string {
	edit := func(old, new string) string {
		if !strings.Contains(file, old) {
			t.Fatalf("the file has no %q", old)
		}
		return strings.Replace(file, old, new, 1)
	}
	return map[string]string{
		"something behind the end":      file + "} this was appended\n",
		"a space behind the end":        file + " ",
		"no newline at the end":         strings.TrimSuffix(file, "\n"),
		"a space at the beginning":      " " + file,
		"a member twice":                edit(` "party": "plant",`, ` "party": "plant",`+"\n"+` "party": "plant",`),
		"a member twice, first another": edit(` "party": "plant",`, ` "party": "other",`+"\n"+` "party": "plant",`),
		"an unknown member":             edit(` "party": "plant",`, ` "note": "",`+"\n"+` "party": "plant",`),
		"a member in capitals":          edit(`"party"`, `"PARTY"`),
		"an escape that nothing needs":  edit(`"plant"`, `"pl\u0061nt"`),
		"a tab for a space":             edit("\n ", "\n\t"),
		"an empty beginning":            edit(` "party": "plant",`, ` "party": "plant",`+"\n"+` "from": "",`),
		"another order":                 strings.Replace(edit(` "party": "plant",`+"\n", ""), "\n ]\n}", "\n ],\n"+` "party": "plant"`+"\n}", 1),
		"a number with a point":         edit(`"index": 1,`, `"index": 1.0,`),
		"a number with an exponent":     edit(`"index": 1,`, `"index": 1e0,`),
		"true for a number":             edit(`"index": 1,`, `"index": true,`),
		"a line break in base64":        edit(`"puts": "`, `"puts": "\n`),
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

// FuzzStatement: no bytes make it panic, what is read is written in the same bytes,
// and what verifies is the whole statement.
func FuzzStatement(f *testing.F) {
	c := newClosed(f, 3)
	f.Add(must(c.statement(f).Encode()))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStatement(b)
		if err != nil {
			return
		}
		if string(must(s.Encode())) != string(b) {
			t.Fatal("written otherwise")
		}
		if p, err := s.Verify(c.policy); err == nil && p.Before+uint64(len(p.Records)) != 3 {
			t.Fatalf("%+v", p)
		}
	})
}
