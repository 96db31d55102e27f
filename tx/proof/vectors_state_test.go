package proof

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
)

// The layout of state.json. All of it follows from the seeds and the records.
type (
	stateVectors struct {
		About   []string           `json:"about"`
		Records []recordVector     `json:"records"`
		Root    hexBytes           `json:"root"`
		Proofs  []stateProofVector `json:"proofs"`
		// Policy of the log of the files.
		Policy     string            `json:"policy"`
		Files      []stateFileVector `json:"files"`
		Statements []statementVector `json:"statements"`
		Refused    struct {
			Proofs     []stateProofVector `json:"proofs"`
			Files      []textVector       `json:"files"`
			Statements []statementVector  `json:"statements"`
		} `json:"refused"`
	}
	recordVector struct {
		Key   hexBytes `json:"key"`
		Value hexBytes `json:"value"`
	}
	stateProofVector struct {
		Name   string   `json:"name"`
		Key    hexBytes `json:"key"`
		Proof  hexBytes `json:"proof"`
		Exists bool     `json:"exists"`
		Value  hexBytes `json:"value,omitempty"`
		Reason string   `json:"reason,omitempty"`
	}
	stateFileVector struct {
		Name   string   `json:"name"`
		File   string   `json:"file"`
		Key    hexBytes `json:"key"`
		Exists bool     `json:"exists"`
		Value  hexBytes `json:"value,omitempty"`
		Height uint64   `json:"height"`
		Day    int32    `json:"day"`
		Root   hexBytes `json:"root"`
	}
	statementVector struct {
		Name   string `json:"name"`
		File   string `json:"file"`
		Before uint64 `json:"before"`
		Reason string `json:"reason,omitempty"`
	}
)

var aboutStateVectors = []string{
	"Test vectors of proofs of the state, docs/format.md section 9. Byte strings are hexadecimal; texts are as they are, in UTF-8.",
	"\"proofs\" are ICS-23 CommitmentProofs of its TendermintSpec for the root above them, which is that of the tree over \"records\".",
	"\"files\" are files of state proofs of another state, \"statements\" those of statements; both count by \"policy\".",
	"The transactions in the statements' records are samples and no transactions.",
	"What is refused has the reason in our words.",
}

func makeStateVectors(t *testing.T) *stateVectors {
	t.Helper()
	v := &stateVectors{About: aboutStateVectors}
	r := holdings(5)
	tree := r.tree(t)
	for i := range r.keys {
		v.Records = append(v.Records, recordVector{r.keys[i], r.values[i]})
	}
	root := tree.Root()
	v.Root = root[:]
	for _, c := range []struct {
		name string
		key  []byte
	}{
		{"existence", r.keys[2]}, {"existence of the first", r.keys[0]}, {"existence of the last", r.keys[4]}, {"existence of a long key", r.keys[3]},
		{"absence between two", r.between(2)}, {"absence before the first", r.between(0)}, {"absence behind the last", r.between(5)},
	} {
		p := proveState(t, tree, r, c.key)
		value, exists, err := VerifyState(root, p, c.key)
		if err != nil {
			t.Fatal(err)
		}
		v.Proofs = append(v.Proofs, stateProofVector{Name: c.name, Key: c.key, Proof: p, Exists: exists, Value: value})
	}
	v.refuseProofs(t, tree, r)
	c := newClosed(t, 6)
	v.Policy = c.policy.Text()
	for _, f := range []struct{ name, key string }{
		{"a holding", "\x06plant\x00CEA24"}, {"no holding", "\x06plant\x00CEA23"}, {"a statement's number and head", "\x31plant"}, {"no statement", "\x31other"},
	} {
		s := c.prove(t, f.key)
		p, err := s.Verify(c.policy)
		if err != nil {
			t.Fatal(err)
		}
		v.Files = append(v.Files, stateFileVector{f.name, string(s.Encode()), p.Key, p.Exists, p.Value, p.Root.Height, int32(p.Root.Day), p.Root.Root})
	}
	v.refuseFiles(t, c)
	v.addStatements(t, c)
	return v
}

func (v *stateVectors) refuseProofs(t *testing.T, tree *StateTree, r records) {
	bad := func(name string, key, p []byte) {
		v.Refused.Proofs = append(v.Refused.Proofs, stateProofVector{Name: name, Key: key, Proof: p})
	}
	good, absent := proveState(t, tree, r, r.keys[2]), proveState(t, tree, r, r.between(2))
	bad("existence of another key", r.keys[1], good)
	bad("a value changed", r.keys[2], bytes.Replace(good, r.values[2], []byte("9 t"), 1))
	bad("a byte behind it", r.keys[2], append(bytes.Clone(good), 0))
	bad("absence of a key that is there", r.keys[2], absent)
	bad("absence of a key behind both neighbours", r.between(4), absent)
	bad("nothing", r.keys[2], nil)
	prove := func(key []byte) []byte {
		inner, _, ok := cutField(proveState(t, tree, r, key), proofExist)
		if !ok {
			t.Fatalf("no existence of %x", key)
		}
		return inner
	}
	first, second, third, last := prove(r.keys[0]), prove(r.keys[1]), prove(r.keys[2]), prove(r.keys[4])
	bad("absence with no left neighbour, though there is one", r.between(2), fields(2, fields(1, r.between(2), 3, third)))
	bad("absence with no right neighbour, though there is one", r.between(2), fields(2, fields(1, r.between(2), 2, second)))
	bad("absence between neighbours that are none", append(bytes.Clone(r.keys[1]), '!'), fields(2, fields(1, append(bytes.Clone(r.keys[1]), '!'), 2, first, 3, third)))
	bad("absence without neighbours", r.between(5), fields(2, fields(1, r.between(5))))
	bad("absence before the first, with the last as its left neighbour", r.between(0), fields(2, fields(1, r.between(0), 2, last, 3, first)))
	bad("a leaf's prefix of two bytes", r.keys[2], fields(1, bytes.Replace(third, []byte("\x1a\x09"+leafOp), []byte("\x1a\x0a\x08\x01\x18\x01\x20\x01\x2a\x02\x00\x00"), 1)))
	// The record's key has the length of its own end within, so that the bytes before
	// can pass for a prefix which ICS-23's verifiers take: format.md says why not.
	long := records{[][]byte{[]byte("\x06party\x00\x05CEA22")}, [][]byte{[]byte("7 t")}}
	tree = long.tree(t)
	root := tree.Root()
	v.Refused.Proofs = append(v.Refused.Proofs, stateProofVector{
		Name: "a key's beginning as the leaf's prefix, in a tree of one record whose root is this value", Key: []byte("CEA22"), Value: root[:],
		Proof: fields(1, fields(1, "CEA22", 2, long.values[0], 3, "\x08\x01\x18\x01\x20\x01\x2a\x09\x00\x0d\x06party\x00")),
	})
}

func (v *stateVectors) refuseFiles(t *testing.T, c *closed) {
	text := v.Files[0].File
	edit := func(old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("the file has no %q", old)
		}
		return strings.Replace(text, old, new, 1)
	}
	other := c.prove(t, "\x06plant\x00CEA24")
	other.Receipt.Record = c.entries[1]
	another := c.prove(t, "\x06plant\x00CEA25")
	another.Key = []byte("\x06plant\x00CEA24")
	v.Refused.Files = []textVector{
		{Name: "another header", Text: edit("@v1", "@v2")}, {Name: "no empty line", Text: edit("\n\n", "\n")},
		{Name: "the proof before the key", Text: edit("key ", "proof ")}, {Name: "a space more", Text: edit("key ", "key  ")},
		{Name: "a root's entry that is not in the log", Text: string(other.Encode())}, {Name: "the proof of another key", Text: string(another.Encode())},
		{Name: "the checkpoint's size changed", Text: edit("\n8\n", "\n9\n")},
		{Name: "an entry that names no root", Text: string(c.withoutRoot(t).Encode())},
	}
}

// withoutRoot is the file of a state proof with the receipt of another entry.
func (c *closed) withoutRoot(t *testing.T) *StateReceipt {
	s := c.prove(t, "\x06plant\x00CEA24")
	k := kept{}
	tree := must(OpenTree(0, nil))
	for _, e := range c.entries {
		tree.Append(LeafHash(e), k.keep)
	}
	s.Receipt.Index, s.Receipt.Path, s.Receipt.Record = 1, must(Inclusion(1, tree.Size(), k.nodes)), c.entries[1]
	return s
}

func (v *stateVectors) addStatements(t *testing.T, c *closed) {
	make := func(name string, change func(*StatementFile)) statementVector {
		s := c.statement(t)
		change(s)
		out := statementVector{Name: name, File: string(must(s.Encode()))}
		if s.From != "" {
			out.Before = 6
		}
		return out
	}
	v.Statements = []statementVector{
		make("from the beginning", func(*StatementFile) {}),
		make("nothing between two closes", func(s *StatementFile) { s.From, s.Entries = s.To, nil }),
	}
	v.Refused.Statements = []statementVector{
		make("the first left out", func(s *StatementFile) { s.Entries = s.Entries[1:] }),
		make("one between left out", func(s *StatementFile) { s.Entries = slices.Delete(s.Entries, 2, 3) }),
		make("the last left out", func(s *StatementFile) { s.Entries = s.Entries[:5] }),
		make("one twice, in the place of another", func(s *StatementFile) { s.Entries[2] = s.Entries[3] }),
		make("two that changed places", func(s *StatementFile) { s.Entries[2], s.Entries[3] = s.Entries[3], s.Entries[2] }),
		make("another index", func(s *StatementFile) { s.Entries[2].Index++ }),
		make("other balances", func(s *StatementFile) { s.Entries[2].Puts = s.Entries[3].Puts }),
		make("a record of noise", func(s *StatementFile) { s.Entries[2].Record = []byte("noise") }),
		make("another party", func(s *StatementFile) { s.Party = "other" }),
		make("the end of something else", func(s *StatementFile) { s.To = string(c.prove(t, "\x06plant\x00CEA24").Encode()) }),
		make("no end", func(s *StatementFile) { s.To = "" }),
	}
	other := malleable(t, v.Statements[0].File)
	for _, name := range slices.Sorted(maps.Keys(other)) {
		v.Refused.Statements = append(v.Refused.Statements, statementVector{Name: name, File: other[name]})
	}
}

// refusals calls each with the reason's place and what the code says.
func (v *stateVectors) refusals(t *testing.T, each func(what string, reason *string, err error)) {
	t.Helper()
	policy := parsePolicy(t, v.Policy)
	for i := range v.Refused.Proofs {
		c := &v.Refused.Proofs[i]
		root := v.Root
		if len(c.Value) > 0 {
			root = c.Value
		}
		_, _, err := VerifyState(Hash(root), c.Proof, c.Key)
		each("state proof: "+c.Name, &c.Reason, err)
	}
	for i := range v.Refused.Files {
		c := &v.Refused.Files[i]
		s, err := ParseStateReceipt([]byte(c.Text))
		if err == nil {
			_, err = s.Verify(policy)
		}
		each("file: "+c.Name, &c.Reason, err)
	}
	for i := range v.Refused.Statements {
		c := &v.Refused.Statements[i]
		s, err := ParseStatement([]byte(c.File))
		if err == nil {
			_, err = s.Verify(policy)
		}
		each("statement: "+c.Name, &c.Reason, err)
	}
}

// TestStateVectorsGolden: what a foreign implementer was given stays true.
func TestStateVectorsGolden(t *testing.T) {
	made := makeStateVectors(t)
	made.refusals(t, refusedWith(t))
	var v stateVectors
	golden(t, "state.json", made, &v)
	v.refusals(t, sameReason(t))
	policy := parsePolicy(t, v.Policy)
	for _, s := range v.Proofs {
		value, exists, err := VerifyState(Hash(v.Root), s.Proof, s.Key)
		if err != nil || exists != s.Exists || !bytes.Equal(value, s.Value) {
			t.Errorf("state proof, %s: %q, %v, %v", s.Name, value, exists, err)
		}
	}
	for _, f := range v.Files {
		s, err := ParseStateReceipt([]byte(f.File))
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Verify(policy)
		if err != nil || p.Exists != f.Exists || !bytes.Equal(p.Value, f.Value) || !bytes.Equal(p.Key, f.Key) || p.Root.Height != f.Height || int32(p.Root.Day) != f.Day || !bytes.Equal(p.Root.Root, f.Root) {
			t.Errorf("file, %s: %+v, %v", f.Name, p, err)
		}
	}
	for _, one := range v.Statements {
		s, err := ParseStatement([]byte(one.File))
		if err != nil {
			t.Fatal(err)
		}
		if p, err := s.Verify(policy); err != nil || p.Before != one.Before || len(p.Records) != len(s.Entries) {
			t.Errorf("statement, %s: %+v, %v", one.Name, p, err)
		}
	}
}
