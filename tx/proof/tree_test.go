package proof

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
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

func equal(a, b []Hash) bool { return slices.Equal(a, b) }

// TestRootsAreRFC6962 at every size as the tree grows, and read back at every
// earlier size.
func TestRootsAreRFC6962(t *testing.T) {
	k, d := kept{}, definition{}
	tree := growTree(t, k, nil, 0)
	for size := range 601 {
		growTree(t, k, tree, size)
		if tree.Size() != uint64(size) || tree.Root() != d.root(0, size) {
			t.Fatalf("size %d: another root or size", size)
		}
	}
	for size := range 601 {
		if root, err := Root(uint64(size), k.nodes); err != nil || root != d.root(0, size) {
			t.Fatalf("size %d, read back: %x, %v", size, root, err)
		}
	}
}

// TestProofsAreRFC6962: inclusion and consistency proofs are the definition's,
// and verify. At the smallest sizes and around full tiles it is every proof.
func TestProofsAreRFC6962(t *testing.T) {
	k, d := kept{}, definition{}
	growTree(t, k, nil, 600)
	n := 0
	for size := 1; size <= 600; size++ {
		step := 53
		if size <= 70 || size >= 255 && size <= 258 || size == 512 || size == 600 {
			step = 1
		}
		for i := size % step; i < size; i += step {
			compareInclusion(t, d, k, i, size)
			compareConsistency(t, d, k, i, size)
			n += 2
		}
		compareInclusion(t, d, k, size-1, size)
		compareConsistency(t, d, k, size, size)
		n += 2
	}
	t.Logf("%d proofs", n)
}

func compareInclusion(t *testing.T, d definition, k kept, i, size int) {
	t.Helper()
	path, err := Inclusion(uint64(i), uint64(size), k.nodes)
	if err != nil || !equal(path, d.path(i, 0, size)) {
		t.Fatalf("inclusion of %d in %d: not RFC 6962's path; %v", i, size, err)
	}
	if err := VerifyInclusion(uint64(i), uint64(size), LeafHash(leafData(i)), path, d.root(0, size)); err != nil {
		t.Fatal(err)
	}
}

// compareConsistency: RFC 6962 defines no proof from size 0; here it is empty.
func compareConsistency(t *testing.T, d definition, k kept, old, size int) {
	t.Helper()
	path, err := Consistency(uint64(old), uint64(size), k.nodes)
	var want []Hash
	if old > 0 {
		want = d.subproof(old, 0, size, true)
	}
	if err != nil || !equal(path, want) {
		t.Fatalf("consistency of %d with %d: not RFC 6962's path; %v", old, size, err)
	}
	if err := VerifyConsistency(uint64(old), uint64(size), path, d.root(0, old), d.root(0, size)); err != nil {
		t.Fatal(err)
	}
}

// TestThirdTileLevel: 65,536 hashes make one of the third level.
func TestThirdTileLevel(t *testing.T) {
	k, d := kept{}, definition{}
	var tree *Tree
	for _, size := range []int{65_279, 65_280, 65_535, 65_536, 65_537, 65_792, 65_793} {
		tree = growTree(t, k, tree, size)
		if tree.Root() != d.root(0, size) {
			t.Fatalf("size %d: another root", size)
		}
		for _, i := range []int{0, 1, 255, 256, 257, 32_767, 32_768, 65_278, 65_279, 65_535, 65_536, size - 1} {
			if i < size {
				compareInclusion(t, d, k, i, size)
				compareConsistency(t, d, k, i, size)
			}
		}
		again, err := OpenTree(uint64(size), k.nodes)
		if err != nil || again.Root() != tree.Root() {
			t.Fatalf("size %d, read back: %v", size, err)
		}
	}
	if len(k) != 3 || len(k[16]) != 1 || k[16][0] != d.root(0, 65_536) || len(k[8]) != 257 {
		t.Errorf("%d levels, %d and %d hashes in the upper two", len(k), len(k[8]), len(k[16]))
	}
}

// TestOpenedTreeContinues as the one that was never closed does, whatever its
// size was.
func TestOpenedTreeContinues(t *testing.T) {
	whole := kept{}
	want := growTree(t, whole, nil, 600).Root()
	for size := 0; size <= 600; size += 1 + size/40 {
		parts := kept{}
		growTree(t, parts, nil, size)
		again, err := OpenTree(uint64(size), parts.nodes)
		if err != nil || again.Size() != uint64(size) {
			t.Fatal(err)
		}
		if growTree(t, parts, again, 600).Root() != want || again.Size() != 600 {
			t.Fatalf("a tree opened at size %d goes elsewhere", size)
		}
		for level := range whole {
			if !equal(whole[level], parts[level]) {
				t.Fatalf("a tree opened at size %d keeps other hashes", size)
			}
		}
	}
}

func TestReadersThatFail(t *testing.T) {
	k := kept{}
	growTree(t, k, nil, 300)
	broken := errors.New("the disk is gone")
	for _, c := range []struct {
		name  string
		nodes Nodes
		want  string
	}{
		{"an error", func(uint, uint64, int) ([]Hash, error) { return nil, broken }, broken.Error()},
		{"nothing", func(uint, uint64, int) ([]Hash, error) { return nil, nil }, "gave too few"},
		{"one too few", func(level uint, first uint64, n int) ([]Hash, error) {
			all, err := k.nodes(level, first, n)
			return all[:n-1], err
		}, "gave too few"},
		{"a log that is too short", kept{}.nodes, "hashes from"},
	} {
		_, open := OpenTree(300, c.nodes)
		_, root := Root(300, c.nodes)
		_, inclusion := Inclusion(7, 300, c.nodes)
		_, consistency := Consistency(7, 300, c.nodes)
		for _, err := range []error{open, root, inclusion, consistency} {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
	for _, c := range [][2]uint64{{300, 300}, {301, 300}, {0, 0}, {1 << 63, 300}} {
		if _, err := Inclusion(c[0], c[1], k.nodes); err == nil {
			t.Errorf("a proof that entry %d is in a log of %d", c[0], c[1])
		}
	}
	if _, err := Consistency(300, 299, k.nodes); err == nil {
		t.Error("a proof from size 300 to 299")
	}
}

// TestEveryArgumentOfAnInclusionCounts but the size: its form alone does.
func TestEveryArgumentOfAnInclusionCounts(t *testing.T) {
	d, n := definition{}, 0
	for size := 1; size <= 20; size++ {
		for i := range size {
			leaf, root, path := LeafHash(leafData(i)), d.root(0, size), d.path(i, 0, size)
			refuse := func(what string, index, size int, leaf Hash, path []Hash, root Hash) {
				t.Helper()
				if n++; VerifyInclusion(uint64(index), uint64(size), leaf, path, root) == nil {
					t.Errorf("entry %d of %d: passes with %s", i, size, what)
				}
			}
			for other := range 70 {
				if other != i {
					refuse(fmt.Sprintf("index %d", other), other, size, leaf, path, root)
				}
				if other <= i || len(d.path(i, 0, other)) != len(path) {
					refuse(fmt.Sprintf("size %d", other), i, other, leaf, path, root)
				}
			}
			bit := (size*31 + i*7) % 256
			refuse("another leaf", i, size, flipped(leaf, bit), path, root)
			refuse("another root", i, size, leaf, path, flipped(root, bit))
			for name, other := range alteredPaths(path, bit) {
				refuse(name, i, size, leaf, other, root)
			}
		}
	}
	t.Logf("%d refused", n)
}

// TestEveryArgumentOfAConsistencyCounts but the size: its form alone does.
func TestEveryArgumentOfAConsistencyCounts(t *testing.T) {
	d, n := definition{}, 0
	for size := 1; size <= 20; size++ {
		for old := 1; old <= size; old++ {
			oldRoot, root, path := d.root(0, old), d.root(0, size), d.subproof(old, 0, size, true)
			refuse := func(what string, old, size int, path []Hash, oldRoot, root Hash) {
				t.Helper()
				if n++; VerifyConsistency(uint64(old), uint64(size), path, oldRoot, root) == nil {
					t.Errorf("from %d to %d: passes with %s", old, size, what)
				}
			}
			for other := range 70 {
				if other != old {
					refuse(fmt.Sprintf("old size %d", other), other, size, path, oldRoot, root)
				}
				if other < old || other > old && len(d.subproof(old, 0, other, true)) != len(path) {
					refuse(fmt.Sprintf("size %d", other), old, other, path, oldRoot, root)
				}
			}
			bit := (size*31 + old*7) % 256
			refuse("another old root", old, size, path, flipped(oldRoot, bit), root)
			refuse("another root", old, size, path, oldRoot, flipped(root, bit))
			for name, other := range alteredPaths(path, bit) {
				refuse(name, old, size, other, oldRoot, root)
			}
		}
	}
	t.Logf("%d refused", n)
}

// alteredPaths have a hash changed, left out, doubled, or in another's place.
func alteredPaths(path []Hash, bit int) map[string][]Hash {
	all := map[string][]Hash{"a hash too many": append(slices.Clone(path), Hash{})}
	for i := range path {
		changed := slices.Clone(path)
		changed[i] = flipped(changed[i], bit)
		all[fmt.Sprintf("hash %d changed", i)] = changed
		all[fmt.Sprintf("hash %d left out", i)] = slices.Delete(slices.Clone(path), i, i+1)
		all[fmt.Sprintf("hash %d twice", i)] = slices.Insert(slices.Clone(path), i, path[i])
		if i > 0 {
			swapped := slices.Clone(path)
			swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
			all[fmt.Sprintf("hash %d in another's place", i)] = swapped
		}
	}
	return all
}
