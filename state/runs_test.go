package state_test

import (
	"fmt"
	"slices"
	"testing"

	"carbonledger/state"
	"carbonledger/tx/proof"
)

// TestRuns: the hashes of leaves are read one by one and side by side, however the
// blocks lie in the tiles, and one of them is written anew without its neighbours.
func TestRuns(t *testing.T) {
	s := newScript(t)
	s.open()
	t.Cleanup(func() { s.must(s.ledger.Close()) }) // behind the views
	tree, leaves := proof.NewTree(), []proof.Hash(nil)
	kept := map[uint][]proof.Hash{}
	read := func() *state.View {
		v, err := s.ledger.View()
		s.must(err)
		t.Cleanup(func() { s.must(v.Close()) })
		return v
	}
	compare := func(what string, want []proof.Hash) {
		t.Helper()
		v := read()
		for _, first := range []int{0, 1, 2, 253, 254, 255, 256, 257, 258, 511, 512, 513, 767, 768} {
			for _, end := range []int{first, first + 1, first + 2, 255, 256, 257, 512, 513, len(want)} {
				if first > end || end > len(want) {
					continue
				}
				got, err := v.Nodes(0, uint64(first), end-first)
				if err != nil || !slices.Equal(got, want[first:end]) {
					t.Fatalf("%s: leaves %d to %d of %d are others: %v", what, first, end, len(want), err)
				}
			}
		}
		if _, err := v.Nodes(0, uint64(len(want)), 1); err == nil {
			t.Fatalf("%s: a leaf behind the end", what)
		}
	}
	follow := func() {
		v := read()
		s.must(v.Entries(uint64(len(leaves)), v.LogSize(), func(_ uint64, entry []byte) error {
			leaves = append(leaves, proof.LeafHash(entry))
			tree.Append(leaves[len(leaves)-1], func(level uint, _ uint64, h proof.Hash) { kept[level] = append(kept[level], h) })
			return nil
		}))
		root, err := proof.Root(v.LogSize(), v.Nodes)
		if err != nil || root != tree.Root() {
			t.Fatalf("size %d: root %x, %v", v.LogSize(), root, err)
		}
	}
	follow()                                                   // the founding
	for _, n := range []int{1, 252, 1, 1, 1, 254, 300, 0, 3} { // sizes 2, 254, 255, 256, 257, 511, 811, 812, 815
		var lines []string
		for i := range n {
			lines = append(lines, fmt.Sprintf("bank d%d-%d: deposit to=e0 fen=1", s.index, i))
		}
		s.apply(benchBlockOf(s, lines))
		follow()
		compare("a block", leaves)
	}
	for _, i := range []int{0, 1, 2, 253, 254, 255, 256, 257, 510, 511, 512, 600, 767, 768, 810, 811, 812, 814} {
		other := slices.Clone(leaves)
		other[i] = proof.Hash{1}
		s.must(s.ledger.RepairNode(0, uint64(i), other[i]))
		compare(fmt.Sprint("another leaf ", i), other)
		var entry []byte
		s.must(read().Entries(uint64(i), uint64(i+1), func(_ uint64, b []byte) error { entry = slices.Clone(b); return nil }))
		s.must(s.ledger.RepairEntry(uint64(i), entry))
		compare(fmt.Sprint("repaired ", i), leaves)
	}
	above, err := read().Nodes(proof.TileHeight, 0, len(kept[proof.TileHeight]))
	if err != nil || !slices.Equal(above, kept[proof.TileHeight]) {
		t.Errorf("the nodes above: %v", err)
	}
}
