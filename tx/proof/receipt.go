package proof

import (
	"bytes"
	"fmt"

	"carbonledger/tx"

	tlog "github.com/transparency-dev/formats/proof"
)

// MaxReceiptBytes bounds a receipt's file: a record in base64, a path of at
// most 63 hashes, and a checkpoint.
const MaxReceiptBytes = 160 << 10

// maxExtraBytes is the longest record that stands in a receipt itself: readers
// of the format take lines of at most 64 KiB.
const maxExtraBytes = 49_146

// Receipt proves that an outcome record is in the log (c2sp.org/tlog-proof).
type Receipt struct {
	Index      uint64
	Path       []Hash
	Checkpoint []byte
	// Record is the encoded outcome record; empty where it is too long to stand
	// in the file: then it travels beside it.
	Record []byte
}

// Encode writes the file.
func (r *Receipt) Encode() []byte {
	p := tlog.TLogProof{Index: r.Index, Hashes: r.Path, Checkpoint: r.Checkpoint}
	if len(r.Record) > 0 && len(r.Record) <= maxExtraBytes {
		p.ExtraData = r.Record
	}
	return p.Marshal()
}

// ParseReceipt reads a file that Encode could have written, and no other.
func ParseReceipt(file []byte) (*Receipt, error) {
	if len(file) > MaxReceiptBytes {
		return nil, fmt.Errorf("proof: a receipt of %d bytes: the limit is %d", len(file), MaxReceiptBytes)
	}
	var p tlog.TLogProof
	if err := p.Unmarshal(file); err != nil {
		return nil, fmt.Errorf("proof: the receipt: %w", err)
	}
	r := &Receipt{Index: p.Index, Path: p.Hashes, Checkpoint: p.Checkpoint, Record: p.ExtraData}
	if !bytes.Equal(r.Encode(), file) {
		return nil, fmt.Errorf("proof: the receipt is not written as the format says (c2sp.org/tlog-proof)")
	}
	return r, nil
}

// Proven is what a receipt proves.
type Proven struct {
	Record       *tx.OutcomeRecord
	Checkpoint   Checkpoint
	Cosignatures []Cosignature
}

// Verify checks everything that a policy asks for, offline.
func (r *Receipt) Verify(p *Policy) (*Proven, error) {
	if len(r.Record) == 0 {
		return nil, fmt.Errorf("proof: the receipt does not hold its record: give the file with it")
	}
	c, all, err := p.Open(r.Checkpoint)
	if err != nil {
		return nil, err
	}
	if err := VerifyInclusion(r.Index, c.Size, LeafHash(r.Record), r.Path, c.Root); err != nil {
		return nil, err
	}
	record, err := tx.DecodeRecord(r.Record)
	if err != nil {
		return nil, err
	}
	switch {
	case (record.Height == 0) != (r.Index == 0):
		return nil, fmt.Errorf("proof: the record is of height %d, and the log's number %d: the founding is number 0, and it alone", record.Height, r.Index)
	case record.Height > 0 && record.Head == nil && record.Receipt == nil:
		return nil, fmt.Errorf("proof: the record says that what was proposed for height %d is no block", record.Height)
	case record.Receipt != nil && record.Receipt.Index != r.Index:
		return nil, fmt.Errorf("proof: the record says that it is number %d, it is the log's number %d", record.Receipt.Index, r.Index)
	}
	return &Proven{record, c, all}, nil
}
