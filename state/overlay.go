package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2"
)

// failure is an error of this machine on its way up through the rules, which
// know only rejections. Whoever calls into the rules recovers it.
type failure struct{ err error }

// recovered turns a failure into *err and lets every other panic go on.
func recovered(err *error) {
	switch f := recover().(type) {
	case nil:
	case failure:
		*err = f.err
	default:
		panic(f)
	}
}

// cell is one record as the block sees it. Its value is never changed in
// place, so that an undo need only remember the slice.
type cell struct {
	key   string
	value []byte // nil: there is no such record
	dirty bool   // to be written when the block is committed
	// touched is set for the time in which intoStatements looks at the cell.
	touched bool
}

func (c *cell) exists() bool { return c.value != nil }

// number is the value of a record that holds one number; 0 if there is none.
func (c *cell) number() int64 {
	if c.value == nil {
		return 0
	}
	if len(c.value) != 8 {
		panic(fmt.Sprintf("state: the record %x holds no single number", c.key))
	}
	return int64(binary.BigEndian.Uint64(c.value))
}

type undo struct {
	cell  *cell
	value []byte
	dirty bool
}

// overlay is what a block reads and writes over the store. Nothing is ever
// deleted from the ledger, so it knows puts only.
type overlay struct {
	store  pebble.Reader
	reads  *pebble.Iterator // over the store, for one block; nil: it is asked key by key
	cells  map[string]*cell
	slab   []cell
	all    []*cell // every cell of the block, in the order of first use
	undo   []undo  // of the transaction
	local  []put   // this node's own records of the block, not hashed
	arena  []byte
	keyBuf [256]byte
	// trace hashes the writes of the transaction in their order.
	trace xxhash.Digest
}

// put is a record on its way to the store.
type put struct{ key, value []byte }

const (
	slabCells  = 512
	arenaBytes = 64 << 10
)

func newOverlay(store pebble.Reader) *overlay {
	return &overlay{store: store, cells: make(map[string]*cell, 4096)}
}

// open makes the block's reads cheap: one iterator, which asks the tables' filters,
// for all of them. Most are of references, which are not there.
func (o *overlay) open() (err error) {
	if o.reads, err = o.store.NewIter(&pebble.IterOptions{UpperBound: []byte{localRanges}, UseL6Filters: true}); err != nil {
		return fmt.Errorf("state: read the store: %w", err)
	}
	return nil
}

// close ends the reads of the store.
func (o *overlay) close() {
	if o.reads != nil {
		_ = o.reads.Close() // each read has returned its own error
		o.reads = nil
	}
}

// reset forgets the block. The arena is left to those who hold values of it.
func (o *overlay) reset() {
	o.close()
	clear(o.cells)
	clear(o.all)
	clear(o.local)
	o.local = o.local[:0]
	o.all, o.slab, o.arena, o.undo = o.all[:0], nil, nil, o.undo[:0]
}

// key is a buffer for one key, good until the next call.
func (o *overlay) key() []byte { return o.keyBuf[:0] }

// room is n bytes that live as long as someone holds them.
func (o *overlay) room(n int) []byte {
	if n > len(o.arena) {
		if n > arenaBytes/4 {
			return make([]byte, n)
		}
		o.arena = make([]byte, arenaBytes)
	}
	b := o.arena[:n:n]
	o.arena = o.arena[n:]
	return b
}

// at is the record with this key.
func (o *overlay) at(key []byte) *cell {
	if c, ok := o.cells[string(key)]; ok {
		return c
	}
	return o.cell(key, o.read(key))
}

func (o *overlay) cell(key, value []byte) *cell {
	if len(o.slab) == 0 {
		o.slab = make([]cell, slabCells)
	}
	c := &o.slab[0]
	o.slab = o.slab[1:]
	c.key, c.value = string(key), value
	o.cells[c.key] = c
	o.all = append(o.all, c)
	return c
}

// fresh is a record that does not exist yet, as the caller knows: the store is not
// asked.
func (o *overlay) fresh(key []byte) *cell {
	if c, ok := o.cells[string(key)]; ok {
		return c
	}
	return o.cell(key, nil)
}

func (o *overlay) read(key []byte) []byte {
	if o.reads != nil {
		return o.seek(key)
	}
	b, closer, err := o.store.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil
	}
	if err != nil {
		panic(failure{fmt.Errorf("state: read %x: %w", key, err)})
	}
	value := o.room(len(b))
	copy(value, b)
	if err := closer.Close(); err != nil {
		panic(failure{fmt.Errorf("state: read %x: %w", key, err)})
	}
	return value
}

func (o *overlay) seek(key []byte) []byte {
	if !o.reads.SeekPrefixGE(key) {
		if err := o.reads.Error(); err != nil {
			panic(failure{fmt.Errorf("state: read %x: %w", key, err)})
		}
		return nil
	}
	b, err := o.reads.ValueAndErr()
	if err != nil {
		panic(failure{fmt.Errorf("state: read %x: %w", key, err)})
	}
	value := o.room(len(b))
	copy(value, b)
	return value
}

// set writes a record. The value belongs to the overlay from now on.
func (o *overlay) set(c *cell, value []byte) {
	o.undo = append(o.undo, undo{c, c.value, c.dirty})
	c.value, c.dirty = value, true
	_, _ = o.trace.WriteString(c.key)
	_, _ = o.trace.Write(value)
}

// mark is the value of a record whose key says it all.
var mark = []byte{1}

func (o *overlay) setNumber(c *cell, n int64) {
	b := o.room(8)
	binary.BigEndian.PutUint64(b, uint64(n))
	o.set(c, b)
}

func (o *overlay) setMessage(c *cell, m message) {
	b := o.room(m.Size())
	if _, err := m.MarshalToSizedBuffer(b); err != nil {
		panic(fmt.Sprintf("state: encode %T: %v", m, err))
	}
	o.set(c, b)
}

// begin starts a transaction: rollBack returns to this point.
func (o *overlay) begin() {
	o.undo = o.undo[:0]
	o.trace.Reset()
}

// rollBack takes every write since begin back, as if it had never been.
func (o *overlay) rollBack() {
	for _, u := range slices.Backward(o.undo) {
		u.cell.value, u.cell.dirty = u.value, u.dirty
	}
	o.begin()
}

// written are the block's writes in key order.
func (o *overlay) written() []*cell {
	var all []*cell
	for _, c := range o.all {
		if c.dirty {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *cell) int { return strings.Compare(a.key, b.key) })
	return all
}
