package publish

import (
	"encoding/binary"
	"slices"
	"testing"

	"carbonledger/tx/proof"
)

// TestReplaced: the root follows from the leaves that are put in place of others,
// however many levels lie between: a peer's entry is believed for that alone.
func TestReplaced(t *testing.T) {
	const size = 2*65_536 + 300
	kept := map[uint][]proof.Hash{}
	leaf := func(i, version uint64) proof.Hash {
		return proof.LeafHash(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, i), version))
	}
	tree := proof.NewTree()
	for i := range uint64(size) {
		tree.Append(leaf(i, 0), func(level uint, _ uint64, h proof.Hash) { kept[level] = append(kept[level], h) })
	}
	nodes := func(level uint, first uint64, count int) ([]proof.Hash, error) {
		return slices.Clone(kept[level][first : first+uint64(count)]), nil
	}
	for _, first := range []uint64{0, 256, 65_536 - 256, 65_536, 2 * 65_536} {
		other := slices.Clone(kept[0][first : first+proof.TileWidth])
		same, err := proof.Root(size, replaced(nodes, first, other))
		if err != nil || same != tree.Root() {
			t.Errorf("the same leaves from %d on: root %x, %v", first, same, err)
		}
		other[7] = leaf(first+7, 1)
		altered := proof.NewTree()
		for i, h := range kept[0] {
			if uint64(i) >= first && uint64(i) < first+proof.TileWidth {
				h = other[uint64(i)-first]
			}
			altered.Append(h, func(uint, uint64, proof.Hash) {})
		}
		root, err := proof.Root(size, replaced(nodes, first, other))
		if err != nil || root != altered.Root() || root == tree.Root() {
			t.Errorf("another leaf %d: root %x, %v", first+7, root, err)
		}
	}
}
