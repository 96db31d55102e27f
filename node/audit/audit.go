// Package audit is a node without a vote: it fetches the whole history,
// verifies every signature and hash, re-executes every block from the genesis
// document in a fresh ledger, and compares. It believes nobody: what it needs
// is the genesis document and public keys.
package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"carbonledger/state"
	"carbonledger/tx"
)

// Source is where blocks come from: a node, or a directory.
type Source interface {
	// Blocks calls take with every block from a height on, in order; newest is
	// the last height that the source has, as far as it knows.
	Blocks(ctx context.Context, from uint64, take func(record tx.BlockRecord, newest uint64) error) error
	// Attestations of the newest height that validators signed alike.
	Attestations(ctx context.Context) ([]tx.Attestation, error)
}

// Options of an audit.
type Options struct {
	Founding tx.Founding
	// Dir is an empty directory for the fresh ledger.
	Dir string
	// Validators that must confirm the end; 0 means a majority of the voters
	// that the re-executed ledger lists.
	Need int
	// Progress is told how far the audit is; nil for silence.
	Progress func(height, newest uint64)
}

// Report is what an audit found. It is complete only if Run returned no error.
type Report struct {
	ChainID      string
	GenesisHash  string
	ScriptClock  bool
	Height       uint64
	Hash         string
	Time         tx.Instant
	Blocks       uint64
	Transactions uint64
	Signatures   uint64
	Accepted     uint64
	Rejected     []ReasonCount
	Conservation tx.Conservation
	// ConfirmedHeight is the newest height whose hash Confirmed signed; 0 if
	// none did. Need of Of voters are needed.
	ConfirmedHeight uint64
	Confirmed       []string
	Need, Of        int
}

// ReasonCount counts the rejections for one reason.
type ReasonCount struct {
	Reason string
	Count  uint64
}

// Difference is the first thing that is not as it must be.
type Difference struct {
	Height uint64
	// Transaction is the position in the block, -1 where the block as a whole
	// differs, and ID its id where it has one.
	Transaction int
	ID          string
	What        string
}

// Error names height, transaction and what differs, in one line.
func (d *Difference) Error() string {
	s := fmt.Sprintf("height %d", d.Height)
	if d.Transaction >= 0 {
		s += fmt.Sprintf(", transaction %d", d.Transaction)
	}
	if d.ID != "" {
		s += " (" + d.ID + ")"
	}
	return s + ": " + d.What
}

// ErrUnconfirmed: the history is consistent with itself, but too few
// validators have signed its end.
var ErrUnconfirmed = errors.New("consistent with itself, not confirmed")

// batch is how many blocks are re-executed at once, so that their signatures
// are verified together.
const batch = 16

type auditor struct {
	o        Options
	ledger   *state.Ledger
	report   *Report
	rejected map[tx.Reason]uint64
	waiting  []tx.BlockRecord
}

// Run audits the whole history. Its error is a *Difference for the first thing
// that is wrong, ErrUnconfirmed, or a failure of this machine or the source.
func Run(ctx context.Context, from Source, o Options) (*Report, error) {
	ledger, err := state.Open(o.Dir, o.Founding, tx.NewVerifier(o.Founding.Hash), state.Options{})
	if err != nil {
		return nil, err
	}
	a := &auditor{o: o, ledger: ledger, rejected: map[tx.Reason]uint64{}, report: &Report{
		ChainID: o.Founding.ChainID, GenesisHash: o.Founding.Hash.String(), ScriptClock: o.Founding.ScriptClock,
	}}
	err = a.run(ctx, from)
	a.finish()
	return a.report, errors.Join(err, ledger.Close())
}

func (a *auditor) run(ctx context.Context, from Source) error {
	// The word of the validators is fetched first: the history must reach it.
	attestations, err := from.Attestations(ctx)
	if err != nil {
		return fmt.Errorf("audit: fetch the validators' attestations: %w", err)
	}
	err = from.Blocks(ctx, 1, func(r tx.BlockRecord, newest uint64) error { return a.take(r, newest) })
	if err == nil {
		err = a.flush()
	}
	if err != nil {
		return err
	}
	if err := a.conserve(); err != nil {
		return err
	}
	return a.confirm(attestations)
}

func (a *auditor) take(r tx.BlockRecord, newest uint64) error {
	want := a.ledger.Head().Height + uint64(len(a.waiting)) + 1
	if r.Height != want {
		return &Difference{Height: want, Transaction: -1, What: fmt.Sprintf("the source gave height %d instead", r.Height)}
	}
	a.waiting = append(a.waiting, r)
	if len(a.waiting) < batch && r.Height < newest {
		return nil
	}
	if err := a.flush(); err != nil {
		return err
	}
	if a.o.Progress != nil {
		a.o.Progress(r.Height, max(newest, r.Height))
	}
	return nil
}

// flush re-executes what waits and compares each block's running hash.
func (a *auditor) flush() error {
	entries := make([]state.Entry, len(a.waiting))
	for i, r := range a.waiting {
		entries[i] = state.Entry{Index: r.Height, Block: r.Block}
	}
	applied, err := a.ledger.Apply(entries)
	if err != nil {
		return fmt.Errorf("audit: re-execute from height %d: %w", a.waiting[0].Height, err)
	}
	for i := range applied {
		if err := a.compare(a.waiting[i], &applied[i]); err != nil {
			return err
		}
	}
	a.waiting = a.waiting[:0]
	return nil
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

func (a *auditor) compare(r tx.BlockRecord, re *state.Applied) error {
	block, ok := tx.DecodeBlock(r.Block)
	if !ok {
		return &Difference{Height: r.Height, Transaction: -1, What: "the bytes are no block"}
	}
	for i := range re.Receipts {
		if d := a.checkReceipt(r.Height, i, &re.Receipts[i]); d != nil {
			return d
		}
		if t, err := tx.Decode(block.Transactions[i]); err == nil {
			a.report.Signatures += uint64(len(t.Transaction.Signatures) + ordersIn(t.Body.Operations))
		}
	}
	if !bytes.Equal(r.Hash, re.Hash[:]) {
		return &Difference{Height: r.Height, Transaction: -1, What: fmt.Sprintf("the running hash is said to be %x, re-execution gives %s", r.Hash, re.Hash)}
	}
	if r.Time != re.Time {
		return &Difference{Height: r.Height, Transaction: -1, What: fmt.Sprintf("ledger time is said to be %s, re-execution gives %s", r.Time, re.Time)}
	}
	if err := a.checkStamp(r.Height, block); err != nil {
		return err
	}
	a.report.Blocks++
	a.report.Transactions += uint64(len(re.Receipts))
	return nil
}

// checkReceipt counts an outcome, and refuses what no honest leader lets into
// a block.
func (a *auditor) checkReceipt(height uint64, i int, receipt *tx.Receipt) error {
	switch receipt.Reason {
	case tx.Accepted:
		if receipt.Height != height || int(receipt.Position) != i {
			return &Difference{Height: height, Transaction: i, ID: fmt.Sprintf("%x", receipt.Id), What: fmt.Sprintf("it is the one of height %d, transaction %d", receipt.Height, receipt.Position)}
		}
		a.report.Accepted++
		return nil
	case tx.Malformed, tx.TooLarge, tx.UnknownOperation, tx.BadSignature, tx.BadProof, tx.NoOperations, tx.NoSignature, tx.BadReference:
		d := &Difference{Height: height, Transaction: i, What: receipt.Rejection().Error()}
		if len(receipt.Id) > 0 {
			d.ID = fmt.Sprintf("%x", receipt.Id)
		}
		return d
	}
	if receipt.Height != height || int(receipt.Position) != i || receipt.Index == 0 {
		return &Difference{Height: height, Transaction: i, ID: fmt.Sprintf("%x", receipt.Id), What: "it leaves no record here: " + receipt.Reason.String()}
	}
	a.rejected[receipt.Reason]++
	return nil
}

// checkStamp compares the head that the proposer wrote into the block with the
// re-executed one.
func (a *auditor) checkStamp(height uint64, block *tx.Block) error {
	if block.AppliedHeight >= height {
		return &Difference{Height: height, Transaction: -1, What: fmt.Sprintf("its proposer %s claims to have executed height %d before", block.Proposer, block.AppliedHeight)}
	}
	hash, ok, err := a.ledger.HashAt(block.AppliedHeight)
	if err != nil {
		return fmt.Errorf("audit: read the hash of height %d: %w", block.AppliedHeight, err)
	}
	if !ok || !bytes.Equal(hash[:], block.AppliedHash) {
		return &Difference{Height: height, Transaction: -1, What: fmt.Sprintf("its proposer %s had hash %x at height %d, re-execution gives %s", block.Proposer, block.AppliedHash, block.AppliedHeight, hash)}
	}
	return nil
}

func (a *auditor) conserve() error {
	v, err := a.ledger.View()
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer v.Close()
	c, err := v.Conservation()
	if err != nil {
		return fmt.Errorf("audit: add up the accounts: %w", err)
	}
	a.report.Conservation = c
	if len(c.Breaks) > 0 {
		return &Difference{Height: c.Height, Transaction: -1, What: "the accounts do not add up: " + c.Breaks[0]}
	}
	return nil
}

// confirm checks the validators' word on the end of the history against the
// re-executed hash there. What lies above the height that they signed is nobody's
// word: a block at the end could be anybody's.
func (a *auditor) confirm(attestations []tx.Attestation) error {
	v, err := a.ledger.View()
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer v.Close()
	validators, err := v.Validators()
	if err != nil {
		return fmt.Errorf("audit: read the validators: %w", err)
	}
	keys := map[string][]byte{}
	for _, v := range validators {
		if v.Voter {
			keys[v.Name] = v.NodeKey
		}
	}
	r := a.report
	r.Of, r.Need = len(keys), a.o.Need
	if r.Need == 0 {
		r.Need = len(keys)/2 + 1
	}
	for i := range attestations {
		at := &attestations[i]
		key, known := keys[at.Validator]
		if !known || slices.Contains(r.Confirmed, at.Validator) || r.ConfirmedHeight != 0 && r.ConfirmedHeight != at.Height {
			continue
		}
		if !tx.VerifyAttestation(a.o.Founding.Hash, at, key) {
			return &Difference{Height: at.Height, Transaction: -1, What: "an attestation with a false signature of " + at.Validator}
		}
		hash, ok, err := a.ledger.HashAt(at.Height)
		switch {
		case err != nil:
			return fmt.Errorf("audit: read the hash of height %d: %w", at.Height, err)
		case !ok:
			return &Difference{Height: at.Height, Transaction: -1, What: fmt.Sprintf("%s signed this height, the history ends at %d", at.Validator, a.ledger.Head().Height)}
		case !bytes.Equal(hash[:], at.Hash):
			return &Difference{Height: at.Height, Transaction: -1, What: fmt.Sprintf("%s signed hash %x, re-execution gives %s", at.Validator, at.Hash, hash)}
		}
		r.ConfirmedHeight = at.Height
		r.Confirmed = append(r.Confirmed, at.Validator)
	}
	if len(r.Confirmed) < r.Need {
		return fmt.Errorf("audit: %w by %d of %d: only by %d", ErrUnconfirmed, r.Need, r.Of, len(r.Confirmed))
	}
	if end := a.ledger.Head().Height; r.ConfirmedHeight < end {
		return fmt.Errorf("audit: %w: the validators signed height %d, nobody signed heights %d to %d", ErrUnconfirmed, r.ConfirmedHeight, r.ConfirmedHeight+1, end)
	}
	return nil
}

func (a *auditor) finish() {
	head := a.ledger.Head()
	a.report.Height, a.report.Hash, a.report.Time = head.Height, fmt.Sprintf("%x", head.Hash), head.Time
	for _, reason := range tx.Reasons() {
		if n := a.rejected[reason]; n > 0 {
			a.report.Rejected = append(a.report.Rejected, ReasonCount{reason.String(), n})
		}
	}
}
