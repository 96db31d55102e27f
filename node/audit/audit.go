// Package audit is a node without a vote: it fetches a transparency log, puts
// its blocks together, verifies every signature, re-executes every block from the
// genesis document in a ledger of its own, and compares each entry and the tree
// over all of them. It believes nobody: what it needs is the genesis document and
// the policy, which are public keys.
package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// ProtocolVersion is the newest rule set that this program can re-execute.
const ProtocolVersion = state.ProtocolVersion

// Options of an audit.
type Options struct {
	Founding tx.Founding
	Policy   *proof.Policy
	// Dir is the auditor's directory: it keeps the re-executed ledger and the
	// newest verified checkpoint, so that the next audit goes on from there. One
	// without content, or that is not there yet, begins at the founding. Where none
	// is named nothing is kept but evidence.
	Dir string
	// Save, if not empty, is a directory that gets a copy of the log, in the form
	// in which any web server can serve it.
	Save string
	// AtLeast is a size that the log must have: that of a receipt. The audit waits
	// for a checkpoint of it.
	AtLeast uint64
	// Store is how the auditor's ledger is opened; the zero value is good on disk.
	Store state.Options
	// Finished, if not nil, gets the audited ledger when everything has passed.
	Finished func(*View) error
	// Progress is told how far the audit is; nil for silence.
	Progress func(entry, size uint64)
}

// View is the ledger that an audit has re-executed.
type View = state.View

// Report is what an audit found. It is complete only if Run returned no error.
type Report struct {
	ChainID     string
	GenesisHash string
	ScriptClock bool
	// Height, Hash and Time of the ledger's end, and Size and Root of the log's.
	Height uint64
	Hash   string
	Time   tx.Instant
	Size   uint64
	Root   string
	// Since is the size at which an earlier audit in the same directory ended.
	// The counts that follow are of what came after it.
	Since        uint64
	Blocks       uint64
	Transactions uint64
	Signatures   uint64
	Accepted     uint64
	Rejected     []ReasonCount
	// Conservation is nil where the audit ended before the accounts were added up.
	Conservation *tx.Conservation
	// Epochs are those of the whole ledger, in order of height.
	Epochs []Epoch
	// Log is the one that was audited, Checkpoint its signed note, and Cosigned
	// who of the policy signed that. All are empty where a checkpoint did not count.
	Log        string
	Checkpoint []byte
	Cosigned   []proof.Cosignature
	// Compared are the other logs whose checkpoints were compared.
	Compared []string
	// Evidence is a directory with the signed checkpoints, where the audit found
	// something wrong. It stays, also where no directory was named.
	Evidence string
}

// Epoch is a re-executed block that left a state root.
type Epoch struct {
	state.Epoch
	// Entry of the log that states the root, which was compared like every other; 0
	// where the log ends before it.
	Entry uint64
}

// ReasonCount counts the rejections for one reason.
type ReasonCount struct {
	Reason string
	Count  uint64
}

// Difference is the first thing that is not as it must be.
type Difference struct {
	// Entry of the log, Height of the block, 0 where it is not known.
	Entry, Height uint64
	// Transaction is the position in the block, -1 where the block as a whole
	// differs, and ID its id where it has one.
	Transaction int
	ID          string
	What        string
}

// Error names entry, height, transaction and what differs, in one line.
func (d *Difference) Error() string {
	s := fmt.Sprintf("entry %d", d.Entry)
	if d.Height > 0 {
		s += fmt.Sprintf(", height %d", d.Height)
	}
	if d.Transaction >= 0 {
		s += fmt.Sprintf(", transaction %d", d.Transaction)
	}
	if d.ID != "" {
		s += " (" + d.ID + ")"
	}
	return s + ": " + d.What
}

// ErrNotCounted: the checkpoint does not satisfy the policy.
var ErrNotCounted = errors.New("the checkpoint does not count by the policy")

type auditor struct {
	o        Options
	kept     bool // the directory, for the next audit
	ledger   *state.Ledger
	report   *Report
	rejected map[tx.Reason]uint64
	// records of the block that is being put together, and blocks that wait for
	// execution with their records.
	records []*tx.OutcomeRecord
	entries [][]byte
	waiting []block
	// joined is the height of the newest block that was put together.
	joined   uint64
	verifier *tx.Verifier
}

// block of the log: its number, its bytes for execution, and its entries.
type block struct {
	height  uint64
	first   uint64
	raw     []byte
	entries [][]byte
	records []*tx.OutcomeRecord
	// signatures that its transactions carry, those of orders too.
	signatures uint64
}

// LedgerDir is the re-executed ledger's store in the auditor's directory.
const LedgerDir = "ledger"

// Run audits the first of the logs that has the most, and compares the
// checkpoints of the others with it. Its error is a *Difference for the first
// thing that is wrong, wraps ErrNotCounted, or is a failure of this machine or of
// a log.
func Run(ctx context.Context, logs []Log, o Options) (report *Report, err error) {
	kept := o.Dir != ""
	if kept {
		err = os.MkdirAll(o.Dir, 0o700)
	} else if o.Dir, err = os.MkdirTemp("", "carbonledger-audit-"); err == nil {
		defer func() {
			if report == nil || report.Evidence == "" {
				err = errors.Join(err, os.RemoveAll(o.Dir))
			}
		}()
	}
	if err != nil {
		return nil, fmt.Errorf("audit: make a directory for the ledger: %w", err)
	}
	verifier := tx.NewVerifier(o.Founding.Hash)
	ledger, err := state.Open(filepath.Join(o.Dir, LedgerDir), o.Founding, verifier, o.Store)
	if err != nil {
		return nil, err
	}
	a := &auditor{o: o, kept: kept, ledger: ledger, verifier: verifier, rejected: map[tx.Reason]uint64{}, report: &Report{
		ChainID: o.Founding.ChainID, GenesisHash: o.Founding.Hash.String(), ScriptClock: o.Founding.ScriptClock,
	}}
	err = a.run(ctx, logs)
	a.finish()
	var d *Difference
	if errors.As(err, &d) {
		// What was executed of a lie is no beginning for the next audit.
		return a.report, errors.Join(err, ledger.Close(), os.RemoveAll(filepath.Join(o.Dir, LedgerDir)))
	}
	if kept {
		err = errors.Join(err, ledger.Flush())
	}
	return a.report, errors.Join(err, ledger.Close())
}

// checkpointFile keeps the newest verified checkpoint in the auditor's directory.
const checkpointFile = "checkpoint"

func (a *auditor) run(ctx context.Context, logs []Log) error {
	if o := a.o.Founding.LogOrigin; o == "" || o != a.o.Policy.Origin() {
		return fmt.Errorf("audit: the genesis document names the log %q, the policy %q", o, a.o.Policy.Origin())
	}
	verified, err := os.ReadFile(filepath.Join(a.o.Dir, checkpointFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("audit: %w", err)
	}
	heads, err := a.heads(ctx, logs)
	if err != nil {
		return err
	}
	best := 0
	for i := range heads {
		if heads[i].Size > heads[best].Size {
			best = i
		}
	}
	head := heads[best]
	a.report.Log, a.report.Checkpoint, a.report.Cosigned = logs[best].Name(), head.note, head.cosigned
	if a.report.Since, err = a.size(); err != nil {
		return err
	}
	// Of a log that holds the founding alone, that entry is read.
	if head.Size > a.report.Since || a.report.Since == 1 {
		if err := a.execute(ctx, logs[best], head); err != nil {
			var d *Difference
			if errors.As(err, &d) {
				err = errors.Join(err, a.evidence(heads))
			}
			return err
		}
	}
	if err := a.conclude(logs, heads, best, verified); err != nil {
		return err
	}
	return a.keep(ctx, logs[best], head)
}

// evidence keeps the signed checkpoints beside what is said to be wrong: whoever
// signed two histories, or a wrong one, cannot deny it.
func (a *auditor) evidence(heads []head) error {
	dir := filepath.Join(a.o.Dir, "evidence")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for i := range heads {
		if err := replacePrivate(filepath.Join(dir, fmt.Sprintf("checkpoint-%d-%d", heads[i].Size, i)), heads[i].note); err != nil {
			return err
		}
	}
	a.report.Evidence = dir
	return nil
}

// head is a log's checkpoint.
type head struct {
	proof.Checkpoint
	note     []byte
	cosigned []proof.Cosignature
}

// heads fetches every log's checkpoint. Where a size is asked for it waits until
// one has it.
func (a *auditor) heads(ctx context.Context, logs []Log) ([]head, error) {
	for deadline := time.Now().Add(10 * time.Second); ; {
		all, enough := make([]head, len(logs)), false
		for i, log := range logs {
			b, err := log.Get(ctx, proof.CheckpointPath)
			if err != nil {
				return nil, err
			}
			c, cosigned, err := a.o.Policy.Open(b)
			if err != nil {
				return nil, fmt.Errorf("audit: %s: %w: %w", log.Name(), ErrNotCounted, err)
			}
			all[i], enough = head{c, b, cosigned}, enough || c.Size >= a.o.AtLeast
		}
		if enough {
			return all, nil
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("audit: no checkpoint has the size %d that a receipt speaks of", a.o.AtLeast)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// size of the auditor's own log.
func (a *auditor) size() (uint64, error) {
	v, err := a.ledger.View()
	if err != nil {
		return 0, fmt.Errorf("audit: %w", err)
	}
	defer v.Close()
	return v.LogSize(), nil
}

// conclude compares the auditor's own tree with every checkpoint, of which the one
// of the best log was audited, and adds up the accounts.
func (a *auditor) conclude(logs []Log, heads []head, best int, verified []byte) error {
	v, err := a.ledger.View()
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer v.Close()
	check := func(name string, c proof.Checkpoint) error {
		if c.Size == 0 || c.Size > v.LogSize() {
			return &Difference{Entry: v.LogSize(), Transaction: -1, What: fmt.Sprintf("%s signed size %d, re-execution ends at %d", name, c.Size, v.LogSize())}
		}
		root, err := proof.Root(c.Size, v.Nodes)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if root != c.Root {
			return &Difference{Entry: c.Size - 1, Transaction: -1, What: fmt.Sprintf("%s signed root %x at size %d, re-execution gives %x: another history", name, c.Root, c.Size, root)}
		}
		return nil
	}
	for i := range heads {
		if err := check(logs[i].Name(), heads[i].Checkpoint); err != nil {
			return errors.Join(err, a.evidence(heads))
		}
		if i != best {
			a.report.Compared = append(a.report.Compared, logs[i].Name())
		}
	}
	if verified != nil {
		c, _, err := a.o.Policy.Open(verified)
		if err != nil {
			return fmt.Errorf("audit: the checkpoint of the earlier audit: %w", err)
		}
		if err := check("the log of the earlier audit", c); err != nil {
			return errors.Join(err, a.evidence(append(heads, head{Checkpoint: c, note: verified})))
		}
	}
	c, err := v.Conservation()
	if err != nil {
		return fmt.Errorf("audit: add up the accounts: %w", err)
	}
	a.report.Conservation = &c
	if len(c.Breaks) > 0 {
		d := &Difference{Entry: v.LogSize() - 1, Height: c.Height, Transaction: -1, What: "the accounts do not add up: " + c.Breaks[0]}
		return errors.Join(d, a.evidence(heads))
	}
	if a.report.Epochs, err = epochs(v); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if a.o.Finished != nil {
		return a.o.Finished(v)
	}
	return nil
}

// epochs of a ledger, each with the entry that states its root: the first one
// behind the block.
func epochs(v *View) (all []Epoch, err error) {
	found, err := v.Epochs(0, math.MaxInt)
	for _, e := range found {
		next, err := v.SizeAt(e.Height)
		if err != nil {
			return nil, err
		}
		if next >= v.LogSize() {
			next = 0
		}
		all = append(all, Epoch{e, next})
	}
	return all, err
}

func (a *auditor) finish() {
	head := a.ledger.Head()
	a.report.Height, a.report.Hash, a.report.Time = head.Height, fmt.Sprintf("%x", head.Hash), head.Time
	if v, err := a.ledger.View(); err == nil {
		a.report.Size = v.LogSize()
		if root, err := proof.Root(v.LogSize(), v.Nodes); err == nil {
			a.report.Root = fmt.Sprintf("%x", root)
		}
		_ = v.Close()
	}
	for _, reason := range tx.Reasons() {
		if n := a.rejected[reason]; n > 0 {
			a.report.Rejected = append(a.report.Rejected, ReasonCount{reason.String(), n})
		}
	}
}

// keep writes what was verified: the checkpoint, and the copy if one is wanted.
func (a *auditor) keep(ctx context.Context, log Log, h head) error {
	if a.o.Save != "" {
		if err := a.save(h); err != nil {
			return err
		}
	}
	if !a.kept {
		return nil
	}
	// The ledger first: a crash between the two goes on from an older checkpoint.
	if err := a.ledger.Flush(); err != nil {
		return err
	}
	path := filepath.Join(a.o.Dir, checkpointFile)
	if old, err := os.ReadFile(path); err == nil {
		if c, _, err := a.o.Policy.Open(old); err == nil && c.Size > h.Size {
			return nil // a node that is behind was asked
		}
	}
	return replacePrivate(path, h.note)
}

// save writes the auditor's own tree, which the log was found equal to.
func (a *auditor) save(h head) error {
	v, err := a.ledger.View()
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer v.Close()
	copied := newStatic(a.o.Save)
	for _, t := range proof.TilesOf(0, h.Size) {
		b, err := v.Tile(t)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if err := copied.put(t.Path(), b); err != nil {
			return err
		}
	}
	return copied.publish(h.note)
}
