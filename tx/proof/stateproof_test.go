package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"google.golang.org/protobuf/encoding/protowire"
)

// records are holdings of n parties, in order of their keys. Some keys are so
// long that their length takes two bytes.
type records struct{ keys, values [][]byte }

func holdings(n int) records {
	var r records
	for i := range n {
		party := fmt.Sprintf("party-%07d", i)
		if i%7 == 3 {
			party += strings.Repeat("x", 140)
		}
		r.keys = append(r.keys, []byte("\x06"+party+"\x00CEA22"))
		r.values = append(r.values, fmt.Appendf(nil, "%d t", i))
	}
	return r
}

// all records, each time in the same buffer, as an iterator of a store has it.
func (r records) all() iter.Seq2[[]byte, [32]byte] {
	return func(yield func([]byte, [32]byte) bool) {
		var buffer []byte
		for i, key := range r.keys {
			buffer = append(buffer[:0], key...)
			if !yield(buffer, sha256.Sum256(r.values[i])) {
				return
			}
		}
	}
}

func (r records) value(key []byte) ([]byte, error) {
	if at, ok := slices.BinarySearchFunc(r.keys, key, bytes.Compare); ok {
		return r.values[at], nil
	}
	return nil, errors.New("asked for a key that is not in the tree")
}

// between is a key before record i and behind the one before it.
func (r records) between(i int) []byte {
	if i == 0 {
		return []byte{0x06}
	}
	return append(bytes.Clone(r.keys[i-1]), '!')
}

func (r records) tree(t testing.TB) *StateTree {
	t.Helper()
	tree, err := BuildStateTree(r.all())
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func proveState(t testing.TB, tree *StateTree, r records, key []byte) []byte {
	t.Helper()
	p, err := tree.Prove(key, r.value)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// definedRoot is the definition of RFC 6962, 2.1.
func definedRoot(leaves [][]byte) [32]byte {
	switch n := len(leaves); n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, leaves[0]...))
	default:
		k := 1
		for 2*k < n {
			k *= 2
		}
		left, right := definedRoot(leaves[:k]), definedRoot(leaves[k:])
		return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
	}
}

// TestStateTreeIsRFC6962: the root is the definition's, and the path of an
// existence proof is an inclusion proof for a library that knows no ICS-23.
func TestStateTreeIsRFC6962(t *testing.T) {
	for _, n := range append(sizesTo(70), 0, 255, 256, 257, 1_237) {
		r := holdings(n)
		var leaves [][]byte
		for i, key := range r.keys {
			hash := sha256.Sum256(r.values[i])
			leaves = append(leaves, slices.Concat(protowire.AppendVarint(nil, uint64(len(key))), key, []byte{32}, hash[:]))
		}
		tree := r.tree(t)
		root := tree.Root()
		if root != definedRoot(leaves) {
			t.Fatalf("%d records: the root is not RFC 6962's", n)
		}
		for i, key := range r.keys {
			e, _, err := decodeStateProof(proveState(t, tree, r, key))
			if err != nil {
				t.Fatal(err)
			}
			var path [][]byte
			for _, s := range e.path {
				path = append(path, s.hash[:])
			}
			leaf := rfc6962.DefaultHasher.HashLeaf(leaves[i])
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(i), uint64(n), leaf, path, root[:]); err != nil {
				t.Fatalf("record %d of %d: %v", i, n, err)
			}
		}
	}
}

func sizesTo(n int) (all []int) {
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

func TestStateProofs(t *testing.T) {
	for _, n := range append(sizesTo(70), 1_237) {
		r := holdings(n)
		tree := r.tree(t)
		root := tree.Root()
		for i, key := range r.keys {
			value, exists, err := VerifyState(root, proveState(t, tree, r, key), key)
			if err != nil || !exists || !bytes.Equal(value, r.values[i]) {
				t.Fatalf("record %d of %d: %q, %v, %v", i, n, value, exists, err)
			}
		}
		for i := range n + 1 {
			key := r.between(i)
			value, exists, err := VerifyState(root, proveState(t, tree, r, key), key)
			if err != nil || exists || value != nil {
				t.Fatalf("no record before %d of %d: %q, %v, %v", i, n, value, exists, err)
			}
		}
	}
}

// TestStateProofBytes: this proof was accepted by @confio/ics23 0.6.8.
func TestStateProofBytes(t *testing.T) {
	const want = "" +
		"1289020a150670617274792d303030303030300043454132322112780a140670617274792d3030303030303000434541323212033020741a09080118" +
		"0120012a0100222708011201011a2034f1862a4ba6b5393ca972e19b7e588f7fb2f481158bf6fc1b9b912598cee3d8222708011201011a20b86cdec6" +
		"741414136b610875cb85f2fcd33bc43fea71789526e2b2763c1ea0ec1a760a140670617274792d3030303030303100434541323212033120741a0908" +
		"01180120012a010022250801122101877488ae16b15ab8eaebd176504f8e9a1ce0e867dae6c1dada119b51c779eed7222708011201011a20b86cdec6" +
		"741414136b610875cb85f2fcd33bc43fea71789526e2b2763c1ea0ec"
	r := holdings(3)
	if got := hex.EncodeToString(proveState(t, r.tree(t), r, r.between(1))); got != want {
		t.Errorf("the proof is\n%s", got)
	}
}

// TestStateProofsBindEveryBit: whatever bit of a proof, a key or a root differs,
// nothing is shown.
func TestStateProofsBindEveryBit(t *testing.T) {
	r := holdings(6)
	tree := r.tree(t)
	root := tree.Root()
	for _, key := range [][]byte{r.keys[1], r.keys[5], r.between(0), r.between(2), r.between(5), r.between(6)} {
		p := proveState(t, tree, r, key)
		for _, b := range [][]byte{p, key, root[:]} {
			for bit := range 8 * len(b) {
				b[bit/8] ^= 1 << (bit % 8)
				if value, exists, err := VerifyState(root, p, key); err == nil || exists || value != nil {
					t.Fatalf("key %x, bit %d of %d bytes: %q, %v", key, bit, len(b), value, exists)
				}
				b[bit/8] ^= 1 << (bit % 8)
			}
		}
		for end := range p {
			if _, _, err := VerifyState(root, p[:end], key); err == nil {
				t.Fatalf("key %x: the first %d of %d bytes are accepted", key, end, len(p))
			}
		}
	}
}

// fields is the encoding of fields of bytes, in pairs of a number and a value.
func fields(pairs ...any) []byte {
	var b []byte
	for i := 0; i < len(pairs); i += 2 {
		number := pairs[i].(int)
		switch v := pairs[i+1].(type) {
		case []byte:
			b = appendField(b, protowire.Number(number), v)
		case string:
			b = appendField(b, protowire.Number(number), []byte(v))
		}
	}
	return b
}

func TestStateProofRefusals(t *testing.T) {
	r := holdings(5)
	tree := r.tree(t)
	root := tree.Root()
	at := func(i int) *existence {
		e, err := tree.existence(i, r.value)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	key, value, path := r.keys[4], r.values[4], at(4).path[0]
	// last is the existence of the last record, which has a single left sibling, by other
	// operations than ours.
	last := func(leaf string, steps ...any) []byte {
		return fields(1, slices.Concat(fields(1, key, 2, value, 3, leaf), fields(steps...)))
	}
	absent := func(key []byte, left, right *existence) []byte {
		return appendField(nil, proofNonexist, (&absence{key, left, right}).encode())
	}
	good := proveState(t, tree, r, key)
	inner := string(good[2:])
	step := string(path.encode())
	hash := string(path.hash[:])
	if !bytes.Equal(good, last(leafOp, 4, step)) {
		t.Fatal("the cases below do not start from a good proof")
	}
	longest := []any{4, step}
	for len(longest) < 2*(maxStatePath+1) {
		longest = append(longest, 4, step)
	}
	for _, c := range []struct {
		name  string
		proof []byte
		key   []byte
		want  string
	}{
		{"nothing", nil, key, "does not begin with one proof"},
		{"a batch", fields(3, inner), key, "does not begin with one proof"},
		{"a varint for a message", append([]byte{0x08}, good[1:]...), key, "does not begin with one proof"},
		{"a long tag", append([]byte{0x8a, 0x00}, good[1:]...), key, "does not begin with one proof"},
		{"a long length", slices.Concat(good[:1], []byte{good[1] | 0x80, good[2] | 0x80, 0x00}, good[3:]), key, "does not begin with one proof"},
		{"a byte behind", append(bytes.Clone(good), 0), key, "1 bytes behind"},
		{"the proof twice", slices.Concat(good, good), key, "bytes behind"},
		{"both kinds", slices.Concat(good, absent(key, at(3), nil)), key, "does not begin with one proof"},
		{"too long", fields(1, bytes.Repeat([]byte{0}, MaxStateProofBytes)), key, "at most 65536"},
		{"no key", fields(1, fields(2, value, 3, leafOp)), key, "no key"},
		{"an empty key", fields(1, fields(1, "", 2, value, 3, leafOp)), nil, "no key"},
		{"no value", fields(1, fields(1, key, 3, leafOp)), key, "no value"},
		{"an empty value", fields(1, fields(1, key, 2, "", 3, leafOp)), key, "no value"},
		{"two keys", fields(1, fields(1, key, 1, key, 2, value, 3, leafOp)), key, "no value"},
		{"another order", fields(1, fields(1, key, 3, leafOp, 2, value)), key, "no value"},
		{"no leaf operation", fields(1, fields(1, key, 2, value, 4, step)), key, "leaf operation"},
		{"a default that is written", last("\x08\x01\x10\x00\x18\x01\x20\x01\x2a\x01\x00", 4, step), key, "leaf operation"},
		{"a leaf of SHA-512", last("\x08\x02\x18\x01\x20\x01\x2a\x01\x00", 4, step), key, "leaf operation"},
		{"no hash of the value", last("\x08\x01\x20\x01\x2a\x01\x00", 4, step), key, "leaf operation"},
		{"no lengths", last("\x08\x01\x18\x01\x2a\x01\x00", 4, step), key, "leaf operation"},
		{"a leaf prefix of 2 bytes", last("\x08\x01\x18\x01\x20\x01\x2a\x02\x00\x00", 4, step), key, "leaf operation"},
		{"no leaf prefix", last("\x08\x01\x18\x01\x20\x01", 4, step), key, "leaf operation"},
		{"a field behind the path", last(leafOp, 4, step, 5, ""), key, "2 bytes that are no step"},
		{"an empty step", last(leafOp, 4, ""), key, "step 0, "},
		{"a step of SHA-512", last(leafOp, 4, "\x08\x02"+step[2:]), key, "step 0, "},
		{"a prefix of 00", last(leafOp, 4, "\x08\x01\x12\x21\x00"+hash), key, "step 0, "},
		{"a prefix of 34 bytes", last(leafOp, 4, "\x08\x01\x12\x22\x01"+hash+"\x00"), key, "step 0, "},
		{"a prefix of 32 bytes", last(leafOp, 4, "\x08\x01\x12\x20\x01"+hash[1:]), key, "step 0, "},
		{"siblings on both sides", last(leafOp, 4, step+"\x1a\x20"+hash), key, "step 0, "},
		{"an empty suffix", last(leafOp, 4, step+"\x1a\x00"), key, "step 0, "},
		{"a suffix of 31 bytes", last(leafOp, 4, "\x08\x01\x12\x01\x01\x1a\x1f"+hash[1:]), key, "step 0, "},
		{"a suffix of 64 bytes", last(leafOp, 4, "\x08\x01\x12\x01\x01\x1a\x40"+hash+hash), key, "step 0, "},
		{"no sibling", last(leafOp, 4, "\x08\x01\x12\x01\x01"), key, "step 0, "},
		{"the second step", last(leafOp, 4, step, 4, step[1:]), key, "step 1, "},
		{"a path of 65", last(leafOp, longest...), key, "more than 64 steps"},
		{"a sibling on the other side", last(leafOp, 4, rightSibling+hash), key, "leads to root"},
		{"no path", last(leafOp), key, "leads to root"},
		{"another key", good, r.keys[0], "about key"},
		{"absence without a key", fields(2, fields(2, at(3).encode())), key, "no key"},
		{"absence of an empty key", fields(2, fields(1, "", 3, at(0).encode())), nil, "no key"},
		{"absence without neighbours", absent(r.between(5), nil, nil), r.between(5), "neither neighbour"},
		{"neighbours in another order", fields(2, fields(1, r.between(1), 3, at(1).encode(), 2, at(0).encode())), r.between(1), "no neighbour"},
		{"a left neighbour twice", fields(2, fields(1, r.between(5), 2, at(4).encode(), 2, at(4).encode())), r.between(5), "no neighbour"},
		{"a bad left neighbour", fields(2, fields(1, r.between(5), 2, "")), r.between(5), "left neighbour: the record has no key"},
		{"a bad right neighbour", fields(2, fields(1, r.between(5), 3, "")), r.between(5), "right neighbour: the record has no key"},
		{"absence of another key", absent(r.between(1), at(0), at(1)), r.between(2), "absence of key"},
		{"a left neighbour that is the key", absent(r.keys[1], at(1), at(2)), r.keys[1], "left neighbour"},
		{"a right neighbour that is the key", absent(r.keys[1], at(0), at(1)), r.keys[1], "right neighbour"},
		{"a present key passed over", absent(r.keys[2], at(1), at(3)), r.keys[2], "not next to each other"},
		{"a present key passed over at the end", absent(r.keys[3], at(2), at(4)), r.keys[3], "not next to each other"},
		{"the first passed over", absent(r.keys[0], nil, at(1)), r.keys[0], "is not the first"},
		{"the last passed over", absent(r.keys[4], at(3), nil), r.keys[4], "is not the last"},
		{"a first that is not", absent(r.between(1), nil, at(1)), r.between(1), "is not the first"},
		{"a last that is not", absent(r.between(4), at(3), nil), r.between(4), "is not the last"},
		{"a left neighbour of another tree", absent(r.between(5), &existence{key: key, value: value}, nil), r.between(5), "leads to root"},
	} {
		got, exists, err := VerifyState(root, c.proof, c.key)
		if err == nil || exists || got != nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q, %v, %v; want the error %q", c.name, got, exists, err, c.want)
		}
	}
}

// TestStateKeyWithinKey: the end of a key, where it looks like a length and a
// key, is no key of its own. ICS-23's verifiers believe this proof.
func TestStateKeyWithinKey(t *testing.T) {
	r := records{keys: [][]byte{[]byte("\x06party\x00\x05CEA22")}, values: [][]byte{{1}}}
	root := r.tree(t).Root()
	leaf := "\x08\x01\x18\x01\x20\x01\x2a\x09\x00\x0d\x06party\x00"
	p := fields(1, fields(1, "CEA22", 2, r.values[0], 3, leaf))
	preimage := "\x00\x0d\x06party\x00" + "\x05CEA22"
	hash := sha256.Sum256(r.values[0])
	if sha256.Sum256(slices.Concat([]byte(preimage), []byte{32}, hash[:])) != root {
		t.Fatal("the forgery does not lead to the root")
	}
	if _, _, err := VerifyState(root, p, []byte("CEA22")); err == nil || !strings.Contains(err.Error(), "leaf operation") {
		t.Error(err)
	}
}

// TestStateOutOfOrder: in a tree that a liar did not sort, records that are next
// to each other the wrong way round hide nothing between them.
func TestStateOutOfOrder(t *testing.T) {
	first, second := recordHash([]byte("c"), sha256.Sum256([]byte{1})), recordHash([]byte("a"), sha256.Sum256([]byte{1}))
	a := absence{
		key:   []byte("b"),
		left:  &existence{key: []byte("a"), value: []byte{1}, path: []sibling{{hash: first, left: true}}},
		right: &existence{key: []byte("c"), value: []byte{1}, path: []sibling{{hash: second}}},
	}
	p := appendField(nil, proofNonexist, a.encode())
	if _, _, err := VerifyState(nodeHash(first, second), p, a.key); err == nil || !strings.Contains(err.Error(), "not next to each other") {
		t.Error(err)
	}
}

func TestStateTreeRefuses(t *testing.T) {
	for _, c := range []struct {
		records records
		want    string
	}{
		{records{[][]byte{{}}, [][]byte{{1}}}, "record 0 has no key"},
		{records{[][]byte{{1}}, [][]byte{{}}}, "record 01 has no value"},
		{records{[][]byte{{1}, {1}}, [][]byte{{1}, {1}}}, "record 01 comes after 01"},
		{records{[][]byte{{1, 0}, {1}}, [][]byte{{1}, {1}}}, "record 01 comes after 0100"},
	} {
		if _, err := BuildStateTree(c.records.all()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v; want the error %q", err, c.want)
		}
	}
}

func TestProveRefuses(t *testing.T) {
	r := holdings(4)
	large := holdings(4)
	large.values[1], large.values[2] = make([]byte, 33_000), make([]byte, 33_000)
	unreadable := errors.New("unreadable")
	for _, c := range []struct {
		name  string
		tree  *StateTree
		key   []byte
		value func([]byte) ([]byte, error)
		want  string
	}{
		{"no key", r.tree(t), nil, r.value, "empty key"},
		{"an empty tree", holdings(0).tree(t), r.keys[0], r.value, "empty state"},
		{"the zero tree", new(StateTree), r.keys[0], r.value, "empty state"},
		{"a failing store", r.tree(t), r.keys[0], func([]byte) ([]byte, error) { return nil, unreadable }, "unreadable"},
		{"a failing store for the left", r.tree(t), r.between(4), func([]byte) ([]byte, error) { return nil, unreadable }, "unreadable"},
		{"a failing store for the right", r.tree(t), r.between(0), func([]byte) ([]byte, error) { return nil, unreadable }, "unreadable"},
		{"a later value", r.tree(t), r.keys[1], large.value, "not the one in the tree"},
		{"two large neighbours", large.tree(t), r.between(2), large.value, "at most 65536"},
	} {
		if p, err := c.tree.Prove(c.key, c.value); p != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want the error %q", c.name, err, c.want)
		}
	}
	if proveState(t, large.tree(t), large, large.keys[1]) == nil {
		t.Error("a large record alone has no proof")
	}
}

// FuzzVerifyState: what is accepted encodes to the same bytes, and for the root
// of a known state it is the truth.
func FuzzVerifyState(f *testing.F) {
	r := holdings(11)
	tree := r.tree(f)
	for i := range 12 {
		f.Add(proveState(f, tree, r, r.between(i)), r.between(i))
	}
	for _, key := range r.keys {
		p := proveState(f, tree, r, key)
		f.Add(p, key)
		f.Add(append(bytes.Clone(p), 0), key)
		f.Add(p[:len(p)-1], key)
	}
	f.Fuzz(func(t *testing.T, p, key []byte) {
		exist, absent, err := decodeStateProof(p)
		switch {
		case err != nil:
		case exist != nil && !bytes.Equal(appendField(nil, proofExist, exist.encode()), p),
			absent != nil && !bytes.Equal(appendField(nil, proofNonexist, absent.encode()), p):
			t.Fatal("an accepted proof encodes differently")
		}
		value, exists, err := VerifyState(tree.Root(), p, key)
		want, unknown := r.value(key)
		if err == nil && (exists != (unknown == nil) || !bytes.Equal(value, want)) {
			t.Fatalf("key %x: shown %q, %v; true is %q", key, value, exists, want)
		}
	})
}

func BenchmarkBuildStateTree(b *testing.B) {
	r := holdings(100_000)
	for b.Loop() {
		r.tree(b)
	}
}

func BenchmarkProveState(b *testing.B) {
	r := holdings(100_000)
	tree := r.tree(b)
	key := r.between(77_777)
	for b.Loop() {
		proveState(b, tree, r, key)
	}
}
