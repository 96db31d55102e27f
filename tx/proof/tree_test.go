package proof

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
)

// leafData is the entry with this index of every log in these tests.
func leafData(i int) []byte { return fmt.Appendf(nil, "entry %d", i) }

// kept is a log's tree as it is stored: the hashes of each level that is kept.
// It gives its own memory away.
type kept map[uint][]Hash

func (k kept) keep(level uint, index uint64, h Hash) {
	if index != uint64(len(k[level])) {
		panic(fmt.Sprintf("the hash %d of level %d comes when there are %d", index, level, len(k[level])))
	}
	k[level] = append(k[level], h)
}

func (k kept) nodes(level uint, first uint64, count int) ([]Hash, error) {
	if level%TileHeight != 0 || first+uint64(count) > uint64(len(k[level])) {
		return nil, fmt.Errorf("no %d hashes from %d on at level %d", count, first, level)
	}
	return k[level][first:][:count], nil
}

// growTree appends entries to a tree, up to a size.
func growTree(t testing.TB, k kept, tree *Tree, size int) *Tree {
	t.Helper()
	if tree == nil {
		var err error
		if tree, err = OpenTree(0, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i := int(tree.Size()); i < size; i++ {
		tree.Append(LeafHash(leafData(i)), k.keep)
	}
	return tree
}

// definition is RFC 6962, section 2.1, word for word, over a log's entries. It
// remembers the hashes of ranges.
type definition map[[2]int]Hash

func split(n int) int {
	k := 1
	for 2*k < n {
		k *= 2
	}
	return k
}

// root is MTH(D[from:to]).
func (d definition) root(from, to int) Hash {
	if h, ok := d[[2]int{from, to}]; ok {
		return h
	}
	var h Hash
	switch n := to - from; n {
	case 0:
		h = sha256.Sum256(nil)
	case 1:
		h = sha256.Sum256(append([]byte{0}, leafData(from)...))
	default:
		left, right := d.root(from, from+split(n)), d.root(from+split(n), to)
		h = sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
	}
	d[[2]int{from, to}] = h
	return h
}

// path is PATH(m, D[from:to]).
func (d definition) path(m, from, to int) []Hash {
	n := to - from
	if n == 1 {
		return nil
	}
	if k := split(n); m < k {
		return append(d.path(m, from, from+k), d.root(from+k, to))
	}
	return append(d.path(m-split(n), from+split(n), to), d.root(from, from+split(n)))
}

// subproof is SUBPROOF(m, D[from:to], whole).
func (d definition) subproof(m, from, to int, whole bool) []Hash {
	n := to - from
	if m == n && whole {
		return nil
	}
	if m == n {
		return []Hash{d.root(from, to)}
	}
	if k := split(n); m <= k {
		return append(d.subproof(m, from, from+k, whole), d.root(from+k, to))
	}
	return append(d.subproof(m-split(n), from+split(n), to, false), d.root(from, from+split(n)))
}

// TestReaderOfNodesKeepsItsMemory: who answers from memory has the same hashes
// afterwards.
func TestReaderOfNodesKeepsItsMemory(t *testing.T) {
	k := kept{}
	growTree(t, k, nil, 600)
	for range 2 {
		if root, err := Root(600, k.nodes); err != nil || root != (definition{}).root(0, 600) {
			t.Errorf("another root: %v", err)
		}
		if _, err := Inclusion(0, 600, k.nodes); err != nil {
			t.Error(err)
		}
	}
	for i, h := range k[0] {
		if h != LeafHash(leafData(i)) {
			t.Fatalf("the leaf %d was written over", i)
		}
	}
}

// TestConsistencyWithNothing: a log of size 0 has one root.
func TestConsistencyWithNothing(t *testing.T) {
	d := definition{}
	for _, size := range []int{0, 1, 5, 256} {
		empty, root := d.root(0, 0), d.root(0, size)
		if err := VerifyConsistency(0, uint64(size), nil, empty, root); err != nil {
			t.Error(err)
		}
		for bit := range 256 {
			if VerifyConsistency(0, uint64(size), nil, flipped(empty, bit), root) == nil {
				t.Errorf("size %d: a root that is not an empty tree's passes", size)
			}
		}
		if VerifyConsistency(0, 0, nil, d.root(0, 1), d.root(0, 1)) == nil {
			t.Error("two equal roots of size 0 that are no empty tree's pass")
		}
		if VerifyConsistency(0, uint64(size), []Hash{root}, empty, root) == nil {
			t.Error("a path from nothing passes")
		}
	}
}

func flipped(h Hash, bit int) Hash {
	h[bit/8] ^= 1 << (bit % 8)
	return h
}

// TestProofErrorsAreOneLine: they stand in answers and logs.
func TestProofErrorsAreOneLine(t *testing.T) {
	d := definition{}
	for _, err := range []error{
		VerifyInclusion(1, 5, d.root(1, 2), d.path(1, 0, 5), d.root(0, 4)),
		VerifyConsistency(3, 5, d.subproof(3, 0, 5, true), d.root(0, 3), d.root(0, 4)),
	} {
		if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), fmt.Sprintf("%x", d.root(0, 4))) {
			t.Errorf("%v", err)
		}
	}
}
