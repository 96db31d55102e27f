package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"carbonledger/tx/proof"
)

// head is a log's checkpoint.
type head struct {
	proof.Checkpoint
	log      Log
	note     []byte
	cosigned []proof.Cosignature
	// unread: the log gave the checkpoint, and not its entries.
	unread bool
}

// defaultPatience is the longest time for which a validator that is not broken is
// behind the others.
const defaultPatience = 10 * time.Second

// heads fetches the checkpoints of the logs that answer, and waits until one has
// this size. What none has is for the caller to judge, but for the size of a receipt.
func (a *auditor) heads(ctx context.Context, logs []Log, least uint64) ([]head, error) {
	patience := a.o.Patience
	if patience == 0 {
		patience = defaultPatience
	}
	for deadline := time.Now().Add(patience); ; {
		all, err := a.ask(ctx, logs)
		if err != nil {
			return nil, err
		}
		switch size := all[bestOf(all)].Size; {
		case size >= least:
			return all, nil
		case time.Now().Before(deadline):
		case size < a.o.AtLeast:
			return nil, fmt.Errorf("audit: no checkpoint has the size %d that a receipt speaks of", a.o.AtLeast)
		default:
			return all, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// ask fetches each log's checkpoint once, all at the same time. It is an error if no
// log answers, or if what one answers does not count.
func (a *auditor) ask(ctx context.Context, logs []Log) (all []head, err error) {
	notes, errs := make([][]byte, len(logs)), make([]error, len(logs))
	var asked sync.WaitGroup
	for i, log := range logs {
		asked.Go(func() { notes[i], errs[i] = log.Get(ctx, proof.CheckpointPath) })
	}
	asked.Wait()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	a.report.Unused, a.report.Sizes = nil, nil
	var failed []error
	for i, log := range logs {
		if errs[i] != nil {
			failed = append(failed, errs[i])
			a.report.Unused = append(a.report.Unused, errs[i].Error())
			continue
		}
		c, cosigned, err := a.o.Policy.Open(notes[i])
		if err != nil {
			return nil, fmt.Errorf("audit: %s: %w: %w", log.Name(), ErrNotCounted, err)
		}
		all = append(all, head{Checkpoint: c, log: log, note: notes[i], cosigned: cosigned})
		a.report.Sizes = append(a.report.Sizes, LogSize{log.Name(), c.Size})
	}
	if len(all) == 0 {
		return nil, oneLine(failed)
	}
	return all, nil
}

// oneLine is the error of all logs.
func oneLine(all []error) error {
	if len(all) == 0 {
		return errors.New("audit: no log is given")
	}
	joined := all[0]
	for _, err := range all[1:] {
		joined = fmt.Errorf("%w; %w", joined, err)
	}
	return &ReadError{joined}
}

// bestOf is the first of the heads that can be read with the largest size, -1 for
// none.
func bestOf(all []head) int {
	best := -1
	for i := range all {
		if !all[i].unread && (best < 0 || all[i].Size > all[best].Size) {
			best = i
		}
	}
	return best
}

// compareTiles compares the tiles of hashes of a directory with the auditor's tree, as
// far as its entries were read: receipts are made from them. Of a server they are not
// fetched: whoever makes a receipt from one is told.
func (a *auditor) compareTiles(ctx context.Context, v *View, h *head) error {
	if _, ok := h.log.(Directory); !ok {
		return nil
	}
	for _, t := range proof.TilesOf(a.report.Since, h.Size) {
		if t.Entries {
			continue
		}
		said, err := tileOf(ctx, h.log, t)
		if err != nil {
			return &ReadError{err}
		}
		own, err := v.Tile(t)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if !bytes.Equal(said, own) {
			first := t.Index * proof.TileWidth << (t.Level * proof.TileHeight)
			return &Difference{Entry: first, Transaction: -1, What: fmt.Sprintf("%s of %s is not the tile of hashes that its entries give", t.Path(), h.log.Name())}
		}
	}
	return nil
}
