package state

import (
	"encoding/binary"
	"fmt"

	"carbonledger/tx"
	"carbonledger/tx/proof"

	"github.com/cockroachdb/pebble/v2"
)

// log is the transparency log's growing end: an RFC 6962 tree over the encoded
// outcome records. Entries and nodes are written in the batch of their block, so
// that no crash parts them from the state.
type log struct{ tree *proof.Tree }

func openLog(store pebble.Reader, size uint64) (*log, error) {
	t, err := proof.OpenTree(size, nodesOf(store))
	if err != nil {
		return nil, fmt.Errorf("state: the log: %w", err)
	}
	return &log{t}, nil
}

// fill appends records to the tree, and puts them and its nodes into a batch.
func (l *log) fill(b *pebble.Batch, records []*tx.OutcomeRecord) (err error) {
	if l.tree == nil {
		l.tree, _ = proof.OpenTree(0, nil)
	}
	for _, r := range records {
		n := r.Size()
		if n > tx.MaxRecordBytes {
			panic(fmt.Sprintf("state: an outcome record of %d bytes", n))
		}
		d := b.SetDeferred(9, n)
		copy(d.Key, heightKey(localEntry, l.tree.Size()))
		if _, err := r.MarshalToSizedBuffer(d.Value); err != nil {
			return err
		}
		leaf := proof.LeafHash(d.Value)
		if err := d.Finish(); err != nil {
			return err
		}
		l.tree.Append(leaf, func(level uint, index uint64, h proof.Hash) {
			if setErr := b.Set(nodeKey(level, index), h[:], nil); setErr != nil {
				err = setErr
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func nodeKey(level uint, index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{localNode, byte(level)}, index)
}

// nodesOf reads the tree's kept hashes.
func nodesOf(store pebble.Reader) proof.Nodes {
	return func(level uint, first uint64, count int) ([]proof.Hash, error) {
		i, err := store.NewIter(&pebble.IterOptions{LowerBound: nodeKey(level, first), UpperBound: nodeKey(level, first+uint64(count))})
		if err != nil {
			return nil, fmt.Errorf("state: read the log's tree: %w", err)
		}
		all := make([]proof.Hash, 0, count)
		for ok := i.First(); ok; ok = i.Next() {
			v, err := i.ValueAndErr()
			if err != nil || len(v) != len(proof.Hash{}) {
				break // Close returns the error
			}
			all = append(all, proof.Hash(v))
		}
		if err := i.Close(); err != nil {
			return nil, fmt.Errorf("state: read the log's tree: %w", err)
		}
		if len(all) != count {
			return nil, fmt.Errorf("state: the log's tree lacks nodes of level %d between %d and %d", level, first, first+uint64(count))
		}
		return all, nil
	}
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
// is not among them, in order. The bytes are good until the next call.
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
		err = fmt.Errorf("state: the log lacks entry %d", next)
	}
	return err
}
