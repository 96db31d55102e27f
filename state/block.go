package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"slices"

	"carbonledger/tx"
	"carbonledger/tx/proof"

	"github.com/cockroachdb/pebble/v2"
)

// runningTag begins what the running hash hashes.
const runningTag = "carbonledger/running/v1\x00"

// putTag marks a put among a block's writes; the ledger deletes nothing yet.
const putTag = 1

// runningHash is hash(h) = SHA-256(tag ‖ hash(h−1) ‖ SHA-256(block) ‖
// SHA-256(writes in key order)). A write is putTag, the key and the value, each
// after its length as uvarint. For h = 0 the genesis hash stands for hash(h−1)
// and no bytes for the block.
func runningHash(previous tx.ID, block []byte, writes []*cell) tx.ID {
	h := sha256.New()
	var b []byte
	for _, c := range writes {
		b = proof.AppendPut(append(b, putTag), c.key, c.value)
		if len(b) > arenaBytes {
			b = write(h, b)[:0]
		}
	}
	write(h, b)
	puts, raw := h.Sum(nil), sha256.Sum256(block)
	h.Reset()
	_, _ = io.WriteString(h, runningTag)
	write(h, previous[:])
	write(h, raw[:])
	write(h, puts)
	return tx.ID(h.Sum(nil))
}

// write exists because hash.Hash never fails.
func write(h hash.Hash, b []byte) []byte {
	_, _ = h.Write(b)
	return b
}

// work is a block on its way: what came, and what its verification said.
type work struct {
	entry     Entry
	block     *tx.Block // nil: the bytes are no block
	verified  []tx.Verified
	rejection []error
}

// changes are what a block leaves, ready for its batch.
type changes struct {
	writes   []*cell // in order of key
	local    []put
	outcomes []outcome
	trace    []byte
	next     position
}

// outcome is an entry of the log, encoded once.
type outcome struct {
	record *tx.OutcomeRecord
	raw    []byte
	leaf   proof.Hash
}

// outcome encodes a record into the arena.
func (o *overlay) outcome(r *tx.OutcomeRecord) outcome {
	n := r.Size()
	if n > tx.MaxRecordBytes {
		panic(fmt.Sprintf("state: an outcome record of %d bytes", n))
	}
	raw := o.room(n)
	if _, err := r.MarshalToSizedBuffer(raw); err != nil {
		panic(fmt.Sprintf("state: encode an outcome record: %v", err))
	}
	return outcome{r, raw, proof.LeafHash(raw)}
}

// readAhead reads the references of a block's transactions in order of key: one
// after the other they cost the store a search each.
func (x *exec) readAhead(w *work) {
	keys := make([][]byte, 0, len(w.verified))
	for i := range w.verified {
		if w.rejection[i] == nil {
			body := w.verified[i].Body()
			keys = append(keys, keyOf2(x.room(len(body.Party) + len(body.Reference) + 2)[:0], rangeReference, body.Party, body.Reference))
		}
	}
	slices.SortFunc(keys, bytes.Compare)
	for _, k := range keys {
		x.at(k)
	}
}

// execute runs a block over the exec's overlay. It writes nothing to disk. The
// outcomes share memory with the receipts.
func (x *exec) execute(w *work, now *position) (receipts []tx.Receipt, outcomes []outcome, trace []byte) {
	x.height, x.version, x.logSize, x.closed, x.rootAsked = now.height+1, x.facts.version, now.size, 0, false
	clear(x.touched)
	x.touched = x.touched[:0]
	before, root := x.facts, x.stateRoot(now.height)
	var records []*tx.OutcomeRecord
	record := func(raw []byte, r *tx.Receipt) {
		o := &tx.OutcomeRecord{Height: x.height, PreviousHash: now.hash[:], Transaction: raw, Receipt: r, CarriedOut: x.carriedOut}
		if len(records) == 0 {
			if o.StateRoot = root; w.block != nil {
				o.Head = w.block.Head()
			}
		}
		records = append(records, o)
	}
	if w.block != nil {
		x.facts.time = x.chain.tick(x.facts.time, w.block.Stamp)
		receipts = make([]tx.Receipt, len(w.verified))
		trace = make([]byte, 0, 8*len(w.verified))
		x.readAhead(w)
		for i := range w.verified {
			r, raw := &receipts[i], w.block.Transactions[i]
			var recorded bool
			if *r, recorded = x.run(w.verified[i], w.rejection[i], raw, len(records)); recorded {
				record(raw, r)
				x.touch(r.Party)
				trace = binary.BigEndian.AppendUint64(trace, x.trace.Sum64())
			}
		}
	}
	x.begin()
	if len(records) == 0 {
		x.carriedOut = nil
		record(nil, nil)
	} else {
		records[0].Records = uint32(len(records))
	}
	for i, r := range records {
		o := x.outcome(r)
		if outcomes = append(outcomes, o); r.Receipt != nil {
			x.intoStatements(x.touched[i], r.Receipt.Index, o.leaf)
		}
	}
	if x.facts != before {
		x.set(x.at([]byte{rangeFacts}), x.facts.encode(nil))
	}
	if x.closed != 0 || x.rootAsked {
		x.endEpoch()
	}
	x.accounts.blockEnds()
	return receipts, outcomes, trace
}

// history is what the history keeps of a block's bytes, and the running hash
// covers.
func (w *work) history(outcomes []outcome) []byte {
	if w.block != nil && (len(w.block.Transactions) == 0 || outcomes[0].record.Receipt != nil && len(outcomes) == len(w.block.Transactions)) {
		return w.entry.Block
	}
	records := make([]*tx.OutcomeRecord, len(outcomes))
	for i := range outcomes {
		records[i] = outcomes[i].record
	}
	b, err := historyBlock(records)
	if err != nil {
		panic(fmt.Sprintf("state: the records of block %d: %v", records[0].Height, err))
	}
	return b
}

// historyBlock is the block that the history keeps, and the running hash covers:
// the one with the transactions that left a record, and no bytes where there was
// none. What left no record had no effect, and anybody can make it.
func historyBlock(records []*tx.OutcomeRecord) ([]byte, error) {
	b, ok, err := tx.JoinBlock(records)
	if err != nil || !ok {
		return nil, err
	}
	return b.Marshal()
}

// fill puts everything that a block changes into one batch, its entries of the
// log and their tree as well. The applied index travels with the balances: a
// crash before it reaches the disk loses both and Raft's log replays the block;
// after it the entry is skipped.
func (l *Ledger) fill(b *pebble.Batch, c *changes) error {
	for _, w := range c.writes {
		d := b.SetDeferred(len(w.key), len(w.value))
		copy(d.Key, w.key)
		copy(d.Value, w.value)
		if err := d.Finish(); err != nil {
			return err
		}
		if versioned(w.key[0]) {
			if err := putVersion(b, w.key, c.next.height, w.value); err != nil {
				return err
			}
		}
	}
	if err := l.log.fill(b, c.outcomes); err != nil {
		return err
	}
	h := c.next.height
	end := blockEnd{hash: c.next.hash, size: c.next.size, time: c.next.facts.time}
	for _, p := range append(c.local,
		put{heightKey(localEnd, h), end.encode()},
		put{heightKey(localTrace, h), encodeTrace(c.trace, c.writes)},
		put{[]byte{localHead}, appendNumbers(nil, int64(h))},
		put{[]byte{localApplied}, appendNumbers(nil, int64(c.next.index))},
	) {
		if err := b.Set(p.key, p.value, nil); err != nil {
			return err
		}
	}
	if h > tracedBlocks {
		return b.Delete(heightKey(localTrace, h-tracedBlocks), nil)
	}
	return nil
}
