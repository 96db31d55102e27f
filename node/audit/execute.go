package audit

import (
	"bytes"
	"context"
	"fmt"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// batch is how many transactions are re-executed at once, so that their signatures
// are verified together. More cost no less; whoever waits is told after each.
const batch = 1024

// execute fetches what this auditor does not have yet and re-executes it. One
// goroutine puts blocks together and checks their signatures, which the ledger's
// verifier remembers, while this one executes those before.
func (a *auditor) execute(ctx context.Context, log Log, since, size uint64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a.joined = a.ledger.Head().Height
	for c := range a.gather(ctx, log, since, size) {
		if err := a.flush(c.blocks); err != nil {
			return err
		}
		if c.err != nil {
			return c.err
		}
		if a.o.Progress != nil {
			a.o.Progress(c.next, size)
		}
	}
	return ctx.Err()
}

// checked are blocks whose signatures were checked, up to the entry next, and what
// is wrong behind them.
type checked struct {
	blocks []block
	next   uint64
	err    error
}

// gather hands over the blocks behind the entry since, in batches. The channel is
// closed after the last one, or after an error.
func (a *auditor) gather(ctx context.Context, log Log, since, size uint64) <-chan checked {
	out := make(chan checked, 2)
	go func() {
		defer close(out)
		next, gathered, last := uint64(0), 0, false
		for got := range bundles(ctx, log, since, size) {
			err := got.err
			if err == nil {
				next = got.tile.Index * proof.TileWidth
				for _, entry := range got.entries {
					if err = a.receive(next, since, entry); err != nil {
						break
					}
					gathered++
					next++
				}
			}
			// A checkpoint ends with a block.
			if last = err == nil && next == size; last {
				err = a.join(next)
			}
			if gathered < batch && err == nil && !last {
				continue
			}
			c := checked{a.waiting, next, err}
			a.verify(c.blocks)
			a.waiting, gathered = nil, 0
			select {
			case out <- c:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return out
}

// receive takes an entry that is new. The founding's record is the auditor's own.
func (a *auditor) receive(index, since uint64, entry []byte) error {
	switch {
	case index >= since:
		return a.take(index, entry)
	case index == 0:
		return a.founding(entry)
	}
	return nil
}

// verify checks the signatures of blocks and counts them.
func (a *auditor) verify(blocks []block) {
	var raws [][]byte
	for i := range blocks {
		for _, r := range blocks[i].records {
			if r.Receipt != nil {
				raws = append(raws, r.Transaction)
			}
		}
	}
	all, errs := a.verifier.VerifyAll(raws)
	for i := range blocks {
		for _, r := range blocks[i].records {
			if r.Receipt == nil {
				continue
			}
			if errs[0] == nil { // else execution says what is wrong
				blocks[i].signatures += uint64(len(all[0].Signers()) + ordersIn(all[0].Body().Operations))
			}
			all, errs = all[1:], errs[1:]
		}
	}
}

// founding compares entry 0.
func (a *auditor) founding(entry []byte) error {
	own, err := tx.FoundingRecord(a.o.Founding.Hash).Marshal()
	if err == nil && !bytes.Equal(own, entry) {
		return &Difference{Transaction: -1, What: "the log's first entry is the founding by another genesis document"}
	}
	return err
}

// take adds an entry to the block that is being put together; the first of the
// next block ends it.
func (a *auditor) take(index uint64, entry []byte) error {
	r, err := tx.DecodeRecord(entry)
	if err != nil {
		return &Difference{Entry: index, Transaction: -1, What: err.Error()}
	}
	if len(a.records) > 0 && r.Height != a.records[0].Height {
		if err := a.join(index); err != nil {
			return err
		}
	}
	a.records, a.entries = append(a.records, r), append(a.entries, entry)
	return nil
}

// join ends a block: end is the index behind its last entry.
func (a *auditor) join(end uint64) error {
	if len(a.records) == 0 {
		return nil
	}
	b := block{height: a.records[0].Height, first: end - uint64(len(a.records)), entries: a.entries, records: a.records}
	a.records, a.entries = nil, nil
	if b.height != a.joined+1 {
		return &Difference{Entry: b.first, Height: a.joined + 1, Transaction: -1, What: fmt.Sprintf("the log has block %d instead", b.height)}
	}
	a.joined = b.height
	joined, ok, err := tx.JoinBlock(b.records)
	if err == nil && ok {
		b.raw, err = joined.Marshal()
	}
	if err != nil {
		return &Difference{Entry: b.first, Height: b.height, Transaction: -1, What: err.Error()}
	}
	if !ok {
		return &Difference{Entry: b.first, Height: b.height, Transaction: -1, What: "the leader proposed what is no block"}
	}
	a.waiting = append(a.waiting, b)
	return nil
}

// flush re-executes blocks and compares every entry.
func (a *auditor) flush(blocks []block) error {
	if len(blocks) == 0 {
		return nil
	}
	entries := make([]state.Entry, len(blocks))
	for i, b := range blocks {
		entries[i] = state.Entry{Index: b.height, Block: b.raw}
	}
	applied, err := a.ledger.Apply(entries)
	if err != nil {
		return fmt.Errorf("audit: re-execute from height %d: %w", blocks[0].height, err)
	}
	v, err := a.ledger.View()
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer v.Close()
	for i := range applied {
		if err := a.compare(v, &blocks[i], &applied[i]); err != nil {
			return err
		}
	}
	return nil
}

// compare checks a block's entries against those that re-execution left.
func (a *auditor) compare(v *state.View, b *block, re *state.Applied) error {
	for i := range re.Receipts {
		if d := a.checkReceipt(b, i, &re.Receipts[i]); d != nil {
			return d
		}
	}
	err := v.Entries(b.first, b.first+uint64(len(b.entries)), func(index uint64, own []byte) error {
		i := int(index - b.first)
		if bytes.Equal(own, b.entries[i]) {
			return nil
		}
		d := &Difference{Entry: index, Height: b.height, Transaction: i, What: "the entry is not the one that re-execution gives"}
		if re, err := tx.DecodeRecord(own); err == nil {
			d.What = differs(b.records[i], re)
		}
		if r := b.records[i].Receipt; r != nil {
			d.ID = fmt.Sprintf("%x", r.Id)
		}
		return d
	})
	if err != nil {
		return err
	}
	if size, err := v.SizeAt(b.height); err != nil || size != b.first+uint64(len(b.entries)) {
		return &Difference{Entry: b.first, Height: b.height, Transaction: -1, What: fmt.Sprintf("the block has %d entries, re-execution ends at entry %d", len(b.entries), size)}
	}
	if err := a.checkStamp(b); err != nil {
		return err
	}
	a.end = tx.Head{Height: re.Height, Hash: re.Hash[:], Time: re.Time}
	a.report.Blocks++
	a.report.Signatures += b.signatures
	for _, r := range b.records {
		if r.Receipt == nil {
			continue
		}
		a.report.Transactions++
		if r.Receipt.Reason == tx.Accepted {
			a.report.Accepted++
		} else {
			a.rejected[r.Receipt.Reason]++
		}
	}
	return nil
}

// differs names the first field in which a record is not the re-executed one.
func differs(said, re *tx.OutcomeRecord) string {
	switch {
	case !bytes.Equal(said.PreviousHash, re.PreviousHash):
		return fmt.Sprintf("the running hash before it is said to be %x, re-execution gives %x", said.PreviousHash, re.PreviousHash)
	case said.Receipt == nil || re.Receipt == nil:
		return "the block has a transaction where re-execution leaves none, or none where it leaves one"
	case said.Receipt.Reason != re.Receipt.Reason:
		return fmt.Sprintf("its result is said to be %s, re-execution gives %s", said.Receipt.Reason, re.Receipt.Reason)
	case !said.Receipt.Equal(re.Receipt):
		return fmt.Sprintf("its receipt is said to be %+v, re-execution gives %+v", said.Receipt, re.Receipt)
	}
	return "the entry is not the one that re-execution gives"
}

// ordersIn counts the signed orders in operations, prepared ones too.
func ordersIn(operations []tx.Operation) int {
	n := 0
	for i := range operations {
		switch o := operations[i].Operation.(type) {
		case *tx.Operation_RegisterOrder:
			n++
		case *tx.Operation_Prepare:
			n += ordersIn(o.Prepare.Operations)
		}
	}
	return n
}

// checkReceipt refuses a transaction that leaves no record where the log has
// one: what nobody signed, or what is on the ledger already.
func (a *auditor) checkReceipt(b *block, i int, r *tx.Receipt) *Difference {
	if r.Height == b.height && int(r.Position) == i && r.Index == b.first+uint64(i) {
		return nil
	}
	d := &Difference{Entry: b.first + uint64(i), Height: b.height, Transaction: i, ID: fmt.Sprintf("%x", r.Id)}
	switch {
	case r.Index == 0:
		d.What = "it leaves no record: " + r.Rejection().Error()
	case r.Height != b.height:
		d.What = fmt.Sprintf("it is the one of height %d, entry %d", r.Height, r.Index)
	default:
		d.What = fmt.Sprintf("re-execution makes it entry %d", r.Index)
	}
	return d
}

// checkStamp compares the head that the proposer wrote into the block with the
// re-executed one.
func (a *auditor) checkStamp(b *block) error {
	h := b.records[0].Head
	d := &Difference{Entry: b.first, Height: b.height, Transaction: -1}
	hash, ok, err := a.ledger.HashAt(h.AppliedHeight)
	if err != nil {
		return fmt.Errorf("audit: read the hash of height %d: %w", h.AppliedHeight, err)
	}
	if !ok || !bytes.Equal(hash[:], h.AppliedHash) {
		d.What = fmt.Sprintf("its proposer %s had hash %x at height %d, re-execution gives %s", h.Proposer, h.AppliedHash, h.AppliedHeight, hash)
		return d
	}
	return nil
}
