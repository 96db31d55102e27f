package state

import (
	"encoding/binary"
	"fmt"

	"carbonledger/tx"

	"github.com/cespare/xxhash/v2"
)

// tracedBlocks is how far back traces answer.
const tracedBlocks = 1000

// Trace is what a block wrote, in short, so that replicas that differ find where.
type Trace struct {
	// Transactions has xxhash of what each recorded transaction wrote, in order.
	Transactions []uint64
	// Writes has a digest of each put of the block that its running hash covers, in
	// order of key: see KeyDigest.
	Writes []uint64
}

// KeyDigest is the part of a put's digest that is of its key; the lower half is of
// its value.
func KeyDigest(write uint64) uint32 { return uint32(write >> 32) }

func keyDigest(key []byte) uint32 { return uint32(xxhash.Sum64(key)) }

// encodeTrace is a trace's record: how many transactions, 4 bytes, then 8 bytes for
// each of them and for each write.
func encodeTrace(transactions []byte, writes []*cell) []byte {
	b := make([]byte, 0, 4+len(transactions)+8*len(writes))
	b = binary.BigEndian.AppendUint32(b, uint32(len(transactions)/8))
	b = append(b, transactions...)
	for _, c := range writes {
		b = binary.BigEndian.AppendUint32(b, uint32(xxhash.Sum64String(c.key)))
		b = binary.BigEndian.AppendUint32(b, uint32(xxhash.Sum64(c.value)))
	}
	return b
}

// traceOf reads a block's trace, false where it is kept no more.
func traceOf(height uint64, get func([]byte) ([]byte, error)) (t Trace, ok bool, err error) {
	b, err := get(heightKey(localTrace, height))
	if err != nil || len(b)%8 != 4 { // none, or one of an older program
		return t, false, err
	}
	n := int(binary.BigEndian.Uint32(b))
	all := make([]uint64, len(b)/8)
	for i := range all {
		all[i] = binary.BigEndian.Uint64(b[4+8*i:])
	}
	if n > len(all) {
		return t, false, fmt.Errorf("state: the trace of block %d is cut short", height)
	}
	return Trace{all[:n], all[n:]}, true, nil
}

// Trace of a block, false where it is kept no more: the newest 1000 have one.
func (l *Ledger) Trace(height uint64) (Trace, bool, error) {
	if !l.enter() {
		return Trace{}, false, ErrClosed
	}
	defer l.leave()
	return traceOf(height, l.get)
}

// Traces is Trace of a view, in parts.
func (v *View) Traces(height uint64) (transactions, writes []uint64, ok bool, err error) {
	t, ok, err := traceOf(height, v.get)
	return t.Transactions, t.Writes, ok, err
}

// HashAt is the running hash after the block at a height, false above the view's.
func (v *View) HashAt(height uint64) (tx.ID, bool, error) {
	if height > v.at.height {
		return tx.ID{}, false, nil
	}
	end, err := v.blockEnd(height)
	return end.hash, err == nil, err
}
