package tx

import "fmt"

// MaxRecordBytes bounds an encoded OutcomeRecord: an entry of a log in the
// tlog-tiles format (c2sp.org/tlog-tiles, "Log Entries").
const MaxRecordBytes = 1<<16 - 1

// FoundingRecord is entry 0 of a ledger's log.
func FoundingRecord(genesis Domain) *OutcomeRecord {
	return &OutcomeRecord{PreviousHash: genesis[:]}
}

// Head is the block without its transactions.
func (b *Block) Head() *BlockHead {
	return &BlockHead{Proposer: b.Proposer, Stamp: b.Stamp, AppliedHeight: b.AppliedHeight, AppliedHash: b.AppliedHash}
}

// DecodeRecord reads an outcome record. Like Decode it takes no bytes that it
// would write otherwise, and it checks the form that OutcomeRecord promises.
func DecodeRecord(raw []byte) (*OutcomeRecord, error) {
	r := new(OutcomeRecord)
	switch {
	case len(raw) > MaxRecordBytes:
		return nil, fmt.Errorf("tx: an outcome record of %d bytes: the limit is %d", len(raw), MaxRecordBytes)
	case r.Unmarshal(raw) != nil || !same(r, raw):
		return nil, fmt.Errorf("tx: the bytes are no outcome record")
	case len(r.PreviousHash) != 32:
		return nil, fmt.Errorf("tx: an outcome record with a previous hash of %d bytes", len(r.PreviousHash))
	case (r.Receipt == nil) != (len(r.Transaction) == 0):
		return nil, fmt.Errorf("tx: an outcome record has a transaction and its receipt, or none of both")
	case r.StateRoot != nil && (r.Height < 2 || r.StateRoot.Height != r.Height-1 || len(r.StateRoot.Root) != 32 || r.Receipt != nil && r.Head == nil):
		return nil, fmt.Errorf("tx: an outcome record with a state root of another place")
	case r.Height == 0 && (r.Head != nil || r.Receipt != nil):
		return nil, fmt.Errorf("tx: the founding's record has a block's content")
	case r.Receipt != nil && (r.Receipt.Height != r.Height || (r.Receipt.Position == 0) != (r.Head != nil)):
		return nil, fmt.Errorf("tx: an outcome record whose receipt is of another place")
	case r.Receipt != nil && !r.Receipt.formed():
		return nil, fmt.Errorf("tx: an outcome record whose receipt says what none in the log says: reason %s, an id of %d bytes, subject %.64q", r.Receipt.Reason, len(r.Receipt.Id), r.Receipt.Subject)
	case len(r.CarriedOut) > 0 && (r.Receipt == nil || r.Receipt.Reason != Accepted):
		return nil, fmt.Errorf("tx: an outcome record carries out what was prepared without being accepted")
	case (r.Records > 0) != (r.Receipt != nil && r.Head != nil):
		return nil, fmt.Errorf("tx: an outcome record counts the records of its block, and is not the first of them, or does not count them")
	case r.Head != nil && !r.Head.formed(r.Height):
		return nil, fmt.Errorf("tx: an outcome record whose block's head names its proposer in what is no text, or no running hash of a height before %d", r.Height)
	}
	for i := range r.CarriedOut {
		c := &r.CarriedOut[i]
		b, ok := c.Read()
		if !ok || b.Party != r.Receipt.Party || c.Index == 0 || c.Index >= r.Receipt.Index || i > 0 && c.Operation <= r.CarriedOut[i-1].Operation {
			return nil, fmt.Errorf("tx: an outcome record carries out what nobody prepared before")
		}
	}
	return r, nil
}

// formed is what docs/format.md says of a head: nobody has executed the block that is
// being proposed, or a later one.
func (h *BlockHead) formed(height uint64) bool {
	return text(h.Proposer) && len(h.AppliedHash) == 32 && h.AppliedHeight < height
}

// MaxSubjectBytes bounds the subject of a receipt that is in the log.
const MaxSubjectBytes = 403

// formed is what docs/format.md says of a receipt in the log, as far as its
// transaction need not be read for it.
func (r *Receipt) formed() bool {
	switch r.Reason {
	case Accepted:
		if r.Operation != 0 || r.Subject != "" || r.Have != 0 || r.Want != 0 {
			return false
		}
	case Malformed, TooLarge, UnknownOperation, BadSignature, WrongChain, BadReference, NoOperations, NoSignature, BadProof,
		UnknownParty, NotSignedByParty, ReferenceReused, KeyNotValid: // which leave no record
		return false
	case Expired:
		if r.Have == 0 || r.Have >= r.Want || r.Want != int64(r.Time) {
			return false
		}
	}
	return len(r.Id) == len(ID{}) && len(r.FirstId) == 0 && len(r.Subject) <= MaxSubjectBytes && shows(r.Subject) && text(r.Party) && ValidReference(r.Reference)
}

// Read is the body if its encoding is canonical, its texts show, and it is one that
// prepares.
func (c *CarriedOut) Read() (b Body, ok bool) {
	if b.Unmarshal(c.Body) != nil || !same(&b, c.Body) || len(b.Operations) != 1 || b.Operations[0].GetPrepare() == nil {
		return b, false
	}
	return b, text(b.ChainId, b.Party) && ValidReference(b.Reference) && checkOperation(&b.Operations[0])
}

// ID is that of the transaction which prepared: the Approve that carried it out names
// it.
func (c *CarriedOut) ID(d Domain) ID { return bodyID(d, c.Body) }

// JoinBlock puts the block together whose records these are, from its first to
// its last. ok is false where what Raft delivered was no block.
func JoinBlock(records []*OutcomeRecord) (b *Block, ok bool, err error) {
	if len(records) == 0 {
		return nil, false, fmt.Errorf("tx: a block without records")
	}
	first := records[0]
	if first.Height == 0 {
		return nil, false, fmt.Errorf("tx: the founding is no block")
	}
	if first.Head == nil {
		if len(records) > 1 || first.Receipt != nil {
			return nil, false, fmt.Errorf("tx: block %d begins without its head", first.Height)
		}
		return new(Block), false, nil
	}
	h := first.Head
	b = &Block{Proposer: h.Proposer, Stamp: h.Stamp, AppliedHeight: h.AppliedHeight, AppliedHash: h.AppliedHash}
	for i, r := range records {
		switch {
		case r.Height != first.Height || string(r.PreviousHash) != string(first.PreviousHash):
			return nil, false, fmt.Errorf("tx: record %d of block %d is of another block", i, first.Height)
		case r.Receipt == nil && len(records) > 1:
			return nil, false, fmt.Errorf("tx: record %d of block %d has no transaction", i, first.Height)
		case r.Receipt == nil:
			return b, true, nil
		case int(r.Receipt.Position) != i:
			return nil, false, fmt.Errorf("tx: record %d of block %d is that of position %d", i, first.Height, r.Receipt.Position)
		}
		b.Transactions = append(b.Transactions, r.Transaction)
	}
	if n := int(first.Records); n != len(records) {
		return nil, false, fmt.Errorf("tx: block %d has %d records, not %d", first.Height, n, len(records))
	}
	return b, true, nil
}
