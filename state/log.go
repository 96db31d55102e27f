package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sort"

	"carbonledger/tx"
	"carbonledger/tx/proof"

	"github.com/cockroachdb/pebble/v2"
)

// log is the transparency log's growing end: an RFC 6962 tree over the encoded
// outcome records. Entries and nodes are written in the batch of their block, so
// that no crash parts them from the state.
type log struct {
	// tree is nil where the network publishes no log: then entries are kept alone.
	tree *proof.Tree
	size uint64
}

func openLog(store pebble.Reader, size uint64, published bool) (*log, error) {
	if !published {
		return &log{size: size}, nil
	}
	t, err := proof.OpenTree(size, nodesOf(store))
	if err != nil {
		return nil, fmt.Errorf("state: the log: %w", err)
	}
	return &log{t, size}, nil
}

// fill appends entries to the tree, and puts them and its nodes into a batch. The
// hashes of leaves that lie side by side in a tile are one record.
func (l *log) fill(b *pebble.Batch, entries []outcome) error {
	var leaves []byte
	for i := range entries {
		if err := b.Set(heightKey(localEntry, l.size), entries[i].raw, nil); err != nil {
			return err
		}
		l.size++
		if l.tree == nil {
			continue
		}
		var err error
		l.tree.Append(entries[i].leaf, func(level uint, index uint64, h proof.Hash) {
			if level == 0 {
				leaves = append(leaves, h[:]...)
			} else {
				err = errors.Join(err, b.Set(nodeKey(level, index), h[:], nil))
			}
		})
		if err != nil {
			return err
		}
		if l.size%proof.TileWidth == 0 || i == len(entries)-1 {
			if err := b.Set(nodeKey(0, l.size-uint64(len(leaves)/hashBytes)), leaves, nil); err != nil {
				return err
			}
			leaves = leaves[:0]
		}
	}
	return nil
}

const hashBytes = len(proof.Hash{})

func nodeKey(level uint, index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{localNode, byte(level)}, index)
}

// nodesOf reads the tree's kept hashes.
func nodesOf(store pebble.Reader) proof.Nodes {
	return func(level uint, first uint64, count int) ([]proof.Hash, error) {
		all := make([]proof.Hash, 0, count)
		err := eachRun(store, level, first, first+uint64(count), func(at uint64, hashes []byte) bool {
			for ; len(hashes) >= hashBytes && len(all) < count; at, hashes = at+1, hashes[hashBytes:] {
				switch next := first + uint64(len(all)); {
				case at == next:
					all = append(all, proof.Hash(hashes))
				case at > next:
					return false
				}
			}
			return true
		})
		if err != nil {
			return nil, err
		}
		if len(all) != count {
			return nil, fmt.Errorf("state: the log's tree lacks nodes of level %d between %d and %d", level, first, first+uint64(count))
		}
		return all, nil
	}
}

// eachRun yields the records that hold hashes of a level from one index up to
// another, with the index of each one's first hash. No record goes over the end of
// a tile.
func eachRun(store pebble.Reader, level uint, from, to uint64, yield func(at uint64, hashes []byte) bool) error {
	tile := from / proof.TileWidth * proof.TileWidth
	i, err := store.NewIter(&pebble.IterOptions{LowerBound: nodeKey(level, tile), UpperBound: nodeKey(level, to)})
	if err != nil {
		return fmt.Errorf("state: read the log's tree: %w", err)
	}
	ok := i.SeekLT(nodeKey(level, from+1))
	if !ok {
		ok = i.First()
	}
	for ; ok; ok = i.Next() {
		v, err := i.ValueAndErr()
		if err != nil || !yield(binary.BigEndian.Uint64(i.Key()[2:]), v) {
			break // Close returns the error
		}
	}
	if err := i.Close(); err != nil {
		return fmt.Errorf("state: read the log's tree: %w", err)
	}
	return nil
}

// blockEnd is where a block left the ledger.
type blockEnd struct {
	hash tx.ID
	size uint64 // of the log
	time tx.Instant
}

func (e *blockEnd) encode() []byte {
	return appendNumbers(append([]byte(nil), e.hash[:]...), int64(e.size), int64(e.time))
}

// endOf reads the end of a block that the ledger has.
func endOf(height uint64, get func([]byte) ([]byte, error)) (e blockEnd, err error) {
	b, err := get(heightKey(localEnd, height))
	if err != nil {
		return e, err
	}
	if len(b) != 48 {
		return e, fmt.Errorf("state: no end of block %d", height)
	}
	e.hash, e.size, e.time = tx.ID(b), binary.BigEndian.Uint64(b[32:]), tx.Instant(binary.BigEndian.Uint64(b[40:]))
	return e, nil
}

func (v *View) blockEnd(height uint64) (blockEnd, error) { return endOf(height, v.get) }

// LogSize is how many entries the log has. Every block ends at one.
func (v *View) LogSize() uint64 { return v.at.size }

// Nodes reads the log's tree (see proof.Nodes).
func (v *View) Nodes(level uint, first uint64, count int) ([]proof.Hash, error) {
	return nodesOf(v.store)(level, first, count)
}

// Entries calls take with the log's entries from one index up to another, which
// is not among them, in order. The bytes are good until the next call. The error
// is an *ErrArchived where the first of them was dropped.
func (v *View) Entries(from, to uint64, take func(index uint64, entry []byte) error) error {
	i, err := v.store.NewIter(&pebble.IterOptions{LowerBound: heightKey(localEntry, from), UpperBound: heightKey(localEntry, to)})
	if err != nil {
		return fmt.Errorf("state: read the log: %w", err)
	}
	next := from
	for ok := i.First(); ok && err == nil; ok = i.Next() {
		var entry []byte
		if entry, err = i.ValueAndErr(); err != nil || binary.BigEndian.Uint64(i.Key()[1:]) != next {
			break
		}
		err = take(next, entry)
		next++
	}
	if closed := i.Close(); closed != nil {
		return fmt.Errorf("state: read the log: %w", closed)
	}
	if err == nil && next < to {
		err = v.lacks(next)
	}
	return err
}

// Tile reads a tile of the log, or a bundle of its entries.
func (v *View) Tile(t proof.Tile) (b []byte, err error) {
	first := t.Index * proof.TileWidth
	if t.Entries {
		err = v.Entries(first, first+uint64(t.Width), func(_ uint64, entry []byte) error {
			b = proof.AppendEntry(b, entry)
			return nil
		})
		return b, err
	}
	hashes, err := v.Nodes(t.Level*proof.TileHeight, first, t.Width)
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b, err
}

// SizeAt is the log's size after the block at a height that the view has.
func (v *View) SizeAt(height uint64) (uint64, error) {
	e, err := v.blockEnd(height)
	return e.size, err
}

// EndsBlock is an error unless a block, or the founding, ends at this size.
func (v *View) EndsBlock(size uint64) (err error) {
	if size == 0 || size > v.at.size {
		return fmt.Errorf("state: the log has no size %d", size)
	}
	// Every block ends above the one before. Entries are not asked: they may be
	// in an archive.
	height := sort.Search(int(v.at.height), func(h int) bool {
		end, readErr := v.SizeAt(uint64(h))
		err = errors.Join(err, readErr)
		return end >= size
	})
	if err != nil {
		return err
	}
	if end, err := v.SizeAt(uint64(height)); err != nil || end != size {
		return fmt.Errorf("state: size %d is not where block %d ends", size, height)
	}
	return nil
}

// RepairEntry writes an entry of the log and its leaf anew, after the disk has
// damaged one of them. The caller has checked it against a published root.
func (l *Ledger) RepairEntry(index uint64, entry []byte) error {
	return l.repair(put{heightKey(localEntry, index), entry}, 0, index, proof.LeafHash(entry))
}

// RepairNode writes a node of the log's tree anew.
func (l *Ledger) RepairNode(level uint, index uint64, h proof.Hash) error {
	return l.repair(put{}, level, index, h)
}

// repair writes local records: one if it has a key, and a node of the tree. Lost
// in a crash they are found damaged again.
func (l *Ledger) repair(entry put, level uint, index uint64, h proof.Hash) error {
	return l.local("repair", func(b *pebble.Batch) error {
		node := put{nodeKey(level, index), h[:]}
		err := eachRun(l.db, level, index, index+1, func(at uint64, hashes []byte) bool {
			if n := int(index-at) * hashBytes; at <= index && n+hashBytes <= len(hashes) {
				node = put{nodeKey(level, at), append([]byte(nil), hashes...)}
				copy(node.value[n:], h[:])
			}
			return false
		})
		for _, r := range []put{entry, node} {
			if r.key != nil && err == nil {
				err = b.Set(r.key, r.value, nil)
			}
		}
		return err
	})
}
