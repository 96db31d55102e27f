package proof

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/transparency-dev/merkle/rfc6962"
	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// MaxStateProofBytes bounds an encoded state proof.
	MaxStateProofBytes = 64 << 10
	// maxStatePath bounds the steps from a record to the root.
	maxStatePath = 64
)

// Field numbers of cosmos/ics23/v1/proofs.proto.
const (
	proofExist    protowire.Number = 1 // CommitmentProof: an ExistenceProof
	proofNonexist protowire.Number = 2 // CommitmentProof: a NonExistenceProof
	existKey      protowire.Number = 1
	existValue    protowire.Number = 2
	existLeaf     protowire.Number = 3
	existPath     protowire.Number = 4
	nonexistKey   protowire.Number = 1
	nonexistLeft  protowire.Number = 2
	nonexistRight protowire.Number = 3
)

// What TendermintSpec leaves to choose is a sibling's hash and its side, so its
// operations are these bytes.
const (
	// leafOp is its LeafOp: hash SHA256, prehash_key NO_HASH (the default, which
	// is not written), prehash_value SHA256, length VAR_PROTO, prefix 00.
	leafOp = "\x08\x01\x18\x01\x20\x01\x2a\x01\x00"
	// rightSibling begins an InnerOp, hash SHA256, prefix 01 and a suffix of 32
	// bytes, which follow.
	rightSibling = "\x08\x01\x12\x01\x01\x1a\x20"
	// leftSibling begins an InnerOp, hash SHA256, no suffix and a prefix of 01
	// and 32 bytes, which follow.
	leftSibling = "\x08\x01\x12\x21\x01"
)

// hashOfNothing is the root of an empty tree (RFC 6962, 2.1), and no record's
// value hash.
var hashOfNothing = sha256.Sum256(nil)

// StateTree is the RFC 6962 tree over the records of a state in order of their
// keys. The data of a leaf is uvarint(len(key)) ‖ key ‖ 0x20 ‖ SHA-256(value),
// so that the root is one of ICS-23's TendermintSpec as well. A tree never
// changes: goroutines may share it.
type StateTree struct {
	keys   [][]byte
	levels [][]Hash // from the leaves to the root
}

// BuildStateTree makes a tree of each record's key and the SHA-256 of its value.
// It copies the keys. An error names the first key that does not come after the
// one before it, and the first record without a key or a value: ICS-23 has no
// proof for those.
func BuildStateTree(records iter.Seq2[[]byte, Hash]) (*StateTree, error) {
	t := new(StateTree)
	var leaves []Hash
	var last []byte
	for key, valueHash := range records {
		switch {
		case len(key) == 0:
			return nil, fmt.Errorf("state tree: record %d has no key", len(t.keys))
		case valueHash == hashOfNothing:
			return nil, fmt.Errorf("state tree: record %x has no value", key)
		case bytes.Compare(last, key) >= 0:
			return nil, fmt.Errorf("state tree: record %x comes after %x", key, last)
		}
		last = bytes.Clone(key)
		t.keys, leaves = append(t.keys, last), append(leaves, recordHash(key, valueHash))
	}
	t.levels = append(t.levels, leaves)
	for level := leaves; len(level) > 1; {
		level = parents(level)
		t.levels = append(t.levels, level)
	}
	return t, nil
}

// parents is the level above: a node without a sibling rises as it is, which
// splits every subtree at the largest power of two below its size.
func parents(level []Hash) []Hash {
	above := make([]Hash, 0, (len(level)+1)/2)
	for pair := range slices.Chunk(level, 2) {
		node := pair[0]
		if len(pair) == 2 {
			node = nodeHash(pair[0], pair[1])
		}
		above = append(above, node)
	}
	return above
}

func recordHash(key []byte, valueHash Hash) Hash {
	data := make([]byte, 0, binary.MaxVarintLen64+len(key)+1+sha256.Size)
	data = binary.AppendUvarint(data, uint64(len(key)))
	data = append(append(data, key...), sha256.Size)
	return LeafHash(append(data, valueHash[:]...))
}

func nodeHash(left, right Hash) Hash {
	return Hash(rfc6962.DefaultHasher.HashChildren(left[:], right[:]))
}

// Root of the tree; SHA-256 of nothing where it has no records.
func (t *StateTree) Root() Hash {
	if len(t.keys) == 0 {
		return hashOfNothing
	}
	return t.levels[len(t.levels)-1][0]
}

// Prove encodes the proof that a record with this key exists, or that none does,
// as a cosmos.ics23.v1.CommitmentProof. It asks value for what is stored under a
// key of the tree: the key itself, or its neighbours, whose keys and values are
// in a proof of absence for all to read. An error is value's own, or says that a
// value is not the one in the tree, that the proof would be larger than
// MaxStateProofBytes, or that ICS-23 has none: for no key, or in an empty tree.
func (t *StateTree) Prove(key []byte, value func(key []byte) ([]byte, error)) ([]byte, error) {
	if len(key) == 0 || len(t.keys) == 0 {
		return nil, errors.New("state proof: ICS-23 has none for an empty key or in an empty state")
	}
	at, exists := slices.BinarySearchFunc(t.keys, key, bytes.Compare)
	var b []byte
	if exists {
		e, err := t.existence(at, value)
		if err != nil {
			return nil, err
		}
		b = appendField(nil, proofExist, e.encode())
	} else {
		a, err := t.absence(at, key, value)
		if err != nil {
			return nil, err
		}
		b = appendField(nil, proofNonexist, a.encode())
	}
	if len(b) > MaxStateProofBytes {
		return nil, fmt.Errorf("state proof: %d bytes for key %.64x, at most %d", len(b), key, MaxStateProofBytes)
	}
	return b, nil
}

// existence of the record at a position.
func (t *StateTree) existence(at int, value func([]byte) ([]byte, error)) (*existence, error) {
	key := t.keys[at]
	v, err := value(key)
	if err != nil {
		return nil, fmt.Errorf("state proof: read %x: %w", key, err)
	}
	e := &existence{key: key, value: v}
	if e.leaf() != t.levels[0][at] {
		return nil, fmt.Errorf("state proof: the value of %x is not the one in the tree", key)
	}
	for _, level := range t.levels {
		if beside := at ^ 1; beside < len(level) {
			e.path = append(e.path, sibling{hash: level[beside], left: beside < at})
		}
		at /= 2
	}
	return e, nil
}

// absence of a key that would stand at a position.
func (t *StateTree) absence(at int, key []byte, value func([]byte) ([]byte, error)) (*absence, error) {
	a := &absence{key: key}
	var err error
	if at > 0 {
		if a.left, err = t.existence(at-1, value); err != nil {
			return nil, err
		}
	}
	if at < len(t.keys) {
		if a.right, err = t.existence(at, value); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// VerifyState says what a proof shows about a key in the state with this root:
// the value of its record, which is a part of proof, or that it has none. It
// accepts TendermintSpec to the letter and in the one encoding that Prove gives;
// ICS-23's own verifiers take any leaf prefix that begins with 00, so that the
// end of a key can pass for a key. An error means that nothing is shown, and says
// what is wrong first. No proof is about an empty state, whose root is SHA-256 of
// nothing.
func VerifyState(root Hash, proof, key []byte) (value []byte, exists bool, err error) {
	value, err = verifyState(root, proof, key)
	if err != nil {
		return nil, false, fmt.Errorf("state proof: %w", err)
	}
	return value, value != nil, nil
}

// verifyState is the value of the record, or nil where it is shown to be absent.
func verifyState(root Hash, proof, key []byte) ([]byte, error) {
	exist, absent, err := decodeStateProof(proof)
	if err != nil {
		return nil, err
	}
	if absent != nil {
		return nil, absent.check(root, key)
	}
	if !bytes.Equal(exist.key, key) {
		return nil, fmt.Errorf("it is about key %.64x", exist.key)
	}
	return exist.value, exist.check(root)
}

// existence is an ExistenceProof: a record, and what stands beside its way from
// the leaf to the root.
type existence struct {
	key, value []byte
	path       []sibling
}

// sibling is an InnerOp.
type sibling struct {
	hash Hash
	left bool // the sibling's side
}

func (e *existence) leaf() Hash { return recordHash(e.key, sha256.Sum256(e.value)) }

// check that the way ends at this root.
func (e *existence) check(root Hash) error {
	node := e.leaf()
	for _, s := range e.path {
		if s.left {
			node = nodeHash(s.hash, node)
		} else {
			node = nodeHash(node, s.hash)
		}
	}
	if node != root {
		return fmt.Errorf("the record %.64x leads to root %x", e.key, node)
	}
	return nil
}

// absence is a NonExistenceProof: the neighbours of a key that has no record.
// One of them is nil before the first record and after the last.
type absence struct {
	key         []byte
	left, right *existence
}

// check that both neighbours are in the tree, next to each other, with key
// between them.
func (a *absence) check(root Hash, key []byte) error {
	if !bytes.Equal(a.key, key) {
		return fmt.Errorf("it is about the absence of key %.64x", a.key)
	}
	if a.left != nil {
		if err := a.left.check(root); err != nil {
			return err
		}
		if bytes.Compare(a.left.key, key) >= 0 {
			return fmt.Errorf("the left neighbour %.64x is not before the key", a.left.key)
		}
	}
	if a.right != nil {
		if err := a.right.check(root); err != nil {
			return err
		}
		if bytes.Compare(key, a.right.key) >= 0 {
			return fmt.Errorf("the right neighbour %.64x is not behind the key", a.right.key)
		}
	}
	switch {
	case a.left == nil && a.right == nil:
		return errors.New("it has neither neighbour")
	case a.left == nil && !allSiblings(a.right.path, false):
		return fmt.Errorf("the record %.64x is not the first", a.right.key)
	case a.right == nil && !allSiblings(a.left.path, true):
		return fmt.Errorf("the record %.64x is not the last", a.left.key)
	case a.left != nil && a.right != nil && !adjacent(a.left.path, a.right.path):
		return fmt.Errorf("the records %.64x and %.64x are not next to each other", a.left.key, a.right.key)
	}
	return nil
}

// allSiblings reports whether all stand on one side: to the right of the first
// leaf's way, to the left of the last one's.
func allSiblings(path []sibling, left bool) bool {
	return !slices.ContainsFunc(path, func(s sibling) bool { return s.left != left })
}

// adjacent reports whether two ways to one root begin at neighbouring leaves:
// they part at a node, and come from the last leaf on its left and the first on
// its right. In a tree that is not full they may differ in length.
func adjacent(left, right []sibling) bool {
	l, r := len(left)-1, len(right)-1
	for l >= 0 && r >= 0 && left[l] == right[r] {
		l, r = l-1, r-1
	}
	return l >= 0 && r >= 0 && !left[l].left && right[r].left &&
		allSiblings(left[:l], true) && allSiblings(right[:r], false)
}

func appendField(b []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
}

func (s sibling) encode() []byte {
	if s.left {
		return append([]byte(leftSibling), s.hash[:]...)
	}
	return append([]byte(rightSibling), s.hash[:]...)
}

func (e *existence) encode() []byte {
	b := appendField(nil, existKey, e.key)
	b = appendField(b, existValue, e.value)
	b = appendField(b, existLeaf, []byte(leafOp))
	for _, s := range e.path {
		b = appendField(b, existPath, s.encode())
	}
	return b
}

func (a *absence) encode() []byte {
	b := appendField(nil, nonexistKey, a.key)
	if a.left != nil {
		b = appendField(b, nonexistLeft, a.left.encode())
	}
	if a.right != nil {
		b = appendField(b, nonexistRight, a.right.encode())
	}
	return b
}

// cutField cuts a field of bytes off the front of b. It is false where b begins
// otherwise than with this field in its shortest encoding.
func cutField(b []byte, number protowire.Number) (value, rest []byte, ok bool) {
	found, kind, n := protowire.ConsumeTag(b)
	if n < 0 || found != number || kind != protowire.BytesType {
		return nil, b, false
	}
	value, m := protowire.ConsumeBytes(b[n:])
	if m < 0 || n+m != protowire.SizeTag(number)+protowire.SizeBytes(len(value)) {
		return nil, b, false
	}
	return value, b[n+m:], true
}

// decodeStateProof reads a proof of either kind; the other is nil. It refuses
// whatever does not encode to the same bytes.
func decodeStateProof(b []byte) (*existence, *absence, error) {
	if len(b) > MaxStateProofBytes {
		return nil, nil, fmt.Errorf("%d bytes, at most %d", len(b), MaxStateProofBytes)
	}
	exist, rest, exists := cutField(b, proofExist)
	nonexist, rest, absent := cutField(rest, proofNonexist)
	switch {
	case exists == absent:
		return nil, nil, errors.New("it does not begin with one proof, of existence or of absence")
	case len(rest) > 0:
		return nil, nil, fmt.Errorf("%d bytes behind the proof", len(rest))
	case absent:
		a, err := decodeAbsence(nonexist)
		return nil, a, err
	}
	e, err := decodeExistence(exist)
	return e, nil, err
}

func decodeAbsence(b []byte) (*absence, error) {
	a := new(absence)
	var ok bool
	if a.key, b, ok = cutField(b, nonexistKey); !ok || len(a.key) == 0 {
		return nil, errors.New("the proof of absence has no key")
	}
	var err error
	if left, rest, ok := cutField(b, nonexistLeft); ok {
		if a.left, err = decodeExistence(left); err != nil {
			return nil, fmt.Errorf("left neighbour: %w", err)
		}
		b = rest
	}
	if right, rest, ok := cutField(b, nonexistRight); ok {
		if a.right, err = decodeExistence(right); err != nil {
			return nil, fmt.Errorf("right neighbour: %w", err)
		}
		b = rest
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%d bytes that are no neighbour", len(b))
	}
	return a, nil
}

func decodeExistence(b []byte) (*existence, error) {
	e := new(existence)
	var ok bool
	if e.key, b, ok = cutField(b, existKey); !ok || len(e.key) == 0 {
		return nil, errors.New("the record has no key")
	}
	if e.value, b, ok = cutField(b, existValue); !ok || len(e.value) == 0 {
		return nil, errors.New("the record has no value")
	}
	leaf, b, ok := cutField(b, existLeaf)
	if !ok || string(leaf) != leafOp {
		return nil, fmt.Errorf("the leaf operation is %.64x, not %x", leaf, leafOp)
	}
	for len(b) > 0 {
		op, rest, ok := cutField(b, existPath)
		if !ok {
			return nil, fmt.Errorf("%d bytes that are no step of the path", len(b))
		}
		if len(e.path) == maxStatePath {
			return nil, fmt.Errorf("the path has more than %d steps", maxStatePath)
		}
		s, ok := decodeSibling(op)
		if !ok {
			return nil, fmt.Errorf("step %d, %.64x, is not SHA-256 of 01 and two nodes", len(e.path), op)
		}
		e.path, b = append(e.path, s), rest
	}
	return e, nil
}

func decodeSibling(op []byte) (s sibling, ok bool) {
	hash, ok := bytes.CutPrefix(op, []byte(rightSibling))
	if !ok {
		hash, s.left = bytes.CutPrefix(op, []byte(leftSibling))
		ok = s.left
	}
	if !ok || len(hash) != sha256.Size {
		return sibling{}, false
	}
	s.hash = Hash(hash)
	return s, true
}
