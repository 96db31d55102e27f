package proof

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Hash is a node of a tree: SHA-256.
type Hash = [sha256.Size]byte

var factory = compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// LeafHash is SHA-256(0x00 ‖ data), RFC 6962 section 2.1.
func LeafHash(data []byte) Hash { return Hash(rfc6962.DefaultHasher.HashLeaf(data)) }

// TileHeight is how many levels of the tree a tile holds, and TileWidth how many
// hashes (c2sp.org/tlog-tiles).
const (
	TileHeight = 8
	TileWidth  = 1 << TileHeight
)

// Nodes reads hashes of a tree that lie side by side at a level that is a
// multiple of TileHeight: those are the ones that are kept, all others follow.
// It returns count hashes from the one with index first on.
type Nodes func(level uint, first uint64, count int) ([]Hash, error)

// Tree is the right edge of a growing tree. It is not for more than one
// goroutine at a time.
type Tree struct{ edge *compact.Range }

// NewTree is one without leaves.
func NewTree() *Tree { return &Tree{factory.NewEmptyRange(0)} }

// OpenTree reads the right edge of a tree of this size.
func OpenTree(size uint64, nodes Nodes) (*Tree, error) {
	ids := compact.RangeNodes(0, size, nil)
	hashes, err := readAll(ids, nodes)
	if err != nil {
		return nil, err
	}
	edge, err := factory.NewRange(0, size, hashes)
	if err != nil {
		return nil, fmt.Errorf("proof: a tree of size %d: %w", size, err)
	}
	return &Tree{edge}, nil
}

// Size is the number of leaves.
func (t *Tree) Size() uint64 { return t.edge.End() }

// Append adds a leaf and calls keep with each hash that Nodes must give later.
func (t *Tree) Append(leaf Hash, keep func(level uint, index uint64, h Hash)) {
	keep(0, t.edge.End(), leaf)
	err := t.edge.Append(leaf[:], func(id compact.NodeID, h []byte) {
		if id.Level%TileHeight == 0 && id.Level > 0 {
			keep(id.Level, id.Index, Hash(h))
		}
	})
	if err != nil {
		panic(fmt.Sprintf("proof: append to a tree: %v", err)) // sizes that do not fit: our own fault
	}
}

// Root of the tree; of one without leaves SHA-256 of nothing.
func (t *Tree) Root() Hash {
	h, err := t.edge.GetRootHash(nil)
	if err != nil {
		panic(fmt.Sprintf("proof: root of a tree: %v", err))
	}
	if h == nil {
		return Hash(rfc6962.DefaultHasher.EmptyRoot())
	}
	return Hash(h)
}

// Root is that of the tree's first size leaves.
func Root(size uint64, nodes Nodes) (Hash, error) {
	t, err := OpenTree(size, nodes)
	if err != nil {
		return Hash{}, err
	}
	return t.Root(), nil
}

// Inclusion proves that the leaf with this index is in the tree of this size.
func Inclusion(index, size uint64, nodes Nodes) ([]Hash, error) {
	n, err := proof.Inclusion(index, size)
	if err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	return fetch(n, nodes)
}

// Consistency proves that the tree of size old is a prefix of that of size.
func Consistency(old, size uint64, nodes Nodes) ([]Hash, error) {
	n, err := proof.Consistency(old, size)
	if err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	return fetch(n, nodes)
}

func fetch(n proof.Nodes, nodes Nodes) ([]Hash, error) {
	hashes, err := readAll(n.IDs, nodes)
	if err != nil {
		return nil, err
	}
	if hashes, err = n.Rehash(hashes, rfc6962.DefaultHasher.HashChildren); err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	all := make([]Hash, len(hashes))
	for i, h := range hashes {
		all[i] = Hash(h)
	}
	return all, nil
}

func readAll(ids []compact.NodeID, nodes Nodes) ([][]byte, error) {
	var all [][]byte
	for _, id := range ids {
		h, err := node(id, nodes)
		if err != nil {
			return nil, err
		}
		all = append(all, h[:])
	}
	return all, nil
}

// node is one hash at any level, from those at the tile level below it.
func node(id compact.NodeID, nodes Nodes) (Hash, error) {
	above := id.Level % TileHeight
	hashes, err := nodes(id.Level-above, id.Index<<above, 1<<above)
	if err != nil {
		return Hash{}, err
	}
	if len(hashes) != 1<<above {
		return Hash{}, errors.New("proof: a reader of nodes gave too few")
	}
	return Fold(hashes), nil
}

// Fold is the root over hashes whose number is a power of two, such as those of
// a full tile.
func Fold(hashes []Hash) Hash {
	for len(hashes) > 1 {
		above := make([]Hash, len(hashes)/2) // the reader's memory is not ours to write into
		for i := range above {
			above[i] = nodeHash(hashes[2*i], hashes[2*i+1])
		}
		hashes = above
	}
	return hashes[0]
}

// VerifyInclusion checks what Inclusion made. The size is bound by the
// checkpoint alone: a path may have the same form in trees of two sizes.
func VerifyInclusion(index, size uint64, leaf Hash, path []Hash, root Hash) error {
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, leaf[:], toSlices(path), root[:]); err != nil {
		return fmt.Errorf("proof: the entry %d is not in the log of size %d: %w", index, size, oneLine(err))
	}
	return nil
}

// VerifyConsistency checks what Consistency made.
func VerifyConsistency(old, size uint64, path []Hash, oldRoot, root Hash) error {
	err := proof.VerifyConsistency(rfc6962.DefaultHasher, old, size, toSlices(path), oldRoot[:], root[:])
	if err == nil && old == 0 && oldRoot != hashOfNothing { // which the library does not ask
		err = errors.New("the root of size 0 is not that of an empty tree")
	}
	if err != nil {
		return fmt.Errorf("proof: the log of size %d does not begin with the one of size %d: %w", size, old, oneLine(err))
	}
	return nil
}

// oneLine says shortly what the library says on four lines.
func oneLine(err error) error {
	if mismatch := (proof.RootMismatchError{}); errors.As(err, &mismatch) {
		return fmt.Errorf("the path leads to the root %x, not to %x", mismatch.CalculatedRoot, mismatch.ExpectedRoot)
	}
	return err
}

func toSlices(path []Hash) [][]byte {
	all := make([][]byte, len(path))
	for i := range path {
		all[i] = path[i][:]
	}
	return all
}
