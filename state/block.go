package state

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"

	"carbonledger/tx"

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
		b = binary.AppendUvarint(append(b, putTag), uint64(len(c.key)))
		b = append(b, c.key...)
		b = binary.AppendUvarint(b, uint64(len(c.value)))
		b = append(b, c.value...)
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

// execute runs a block over the exec's overlay. It writes nothing to disk. The
// records share memory with the receipts.
func (x *exec) execute(w *work, now *position) (receipts []tx.Receipt, records []*tx.OutcomeRecord, trace []byte) {
	x.height, x.version, x.logSize = now.height+1, x.facts.version, now.size
	before := x.facts
	if w.block != nil {
		x.facts.time = x.chain.tick(x.facts.time, w.block.Stamp)
		receipts = make([]tx.Receipt, len(w.verified))
		trace = make([]byte, 0, 8*len(w.verified))
		for i := range w.verified {
			var recorded bool
			if receipts[i], recorded = x.run(w.verified[i], w.rejection[i], w.block.Transactions[i], len(records)); recorded {
				records = append(records, &tx.OutcomeRecord{Transaction: w.block.Transactions[i], Receipt: &receipts[i]})
				trace = binary.BigEndian.AppendUint64(trace, x.trace.Sum64())
			}
		}
	}
	x.begin()
	if x.facts != before {
		x.set(x.at([]byte{rangeFacts}), x.facts.encode(nil))
	}
	x.accounts.blockEnds()
	if len(records) == 0 {
		records = []*tx.OutcomeRecord{new(tx.OutcomeRecord)}
	}
	for _, r := range records {
		r.Height, r.PreviousHash = x.height, now.hash[:]
	}
	if w.block != nil {
		records[0].Head = w.block.Head()
	}
	return receipts, records, trace
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

// tracedBlocks is how far back Trace answers.
const tracedBlocks = 1000

// fill puts everything that a block changes into one batch, its entries of the
// log and their tree as well. The applied index travels with the balances: a
// crash before it reaches the disk loses both and Raft's log replays the block;
// after it the entry is skipped.
func (l *Ledger) fill(b *pebble.Batch, writes []*cell, next *position, records []*tx.OutcomeRecord, trace []byte) error {
	for _, c := range writes {
		d := b.SetDeferred(len(c.key), len(c.value))
		copy(d.Key, c.key)
		copy(d.Value, c.value)
		if err := d.Finish(); err != nil {
			return err
		}
		if versioned(c.key[0]) {
			if err := putVersion(b, c.key, next.height, c.value); err != nil {
				return err
			}
		}
	}
	if err := l.log.fill(b, records); err != nil {
		return err
	}
	h := next.height
	end := blockEnd{hash: next.hash, size: next.size, time: next.facts.time}
	local := []struct{ key, value []byte }{
		{heightKey(localEnd, h), end.encode()},
		{heightKey(localTrace, h), trace},
		{[]byte{localHead}, appendNumbers(nil, int64(h))},
		{[]byte{localApplied}, appendNumbers(nil, int64(next.index))},
	}
	for _, l := range local {
		if err := b.Set(l.key, l.value, nil); err != nil {
			return err
		}
	}
	if h > tracedBlocks {
		return b.Delete(heightKey(localTrace, h-tracedBlocks), nil)
	}
	return nil
}
