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
	// Patience is how long it waits for that, and for what an earlier audit in the
	// directory found already; 0 is ten seconds.
	Patience time.Duration
	// Store is how the auditor's ledger is opened; the zero value is good on disk.
	Store state.Options
	// Finished, if not nil, gets the audited ledger when everything has passed.
	Finished func(*View) error
	// Progress is told how far the audit is; nil for silence.
	Progress func(entry, size uint64)
}

// View is the ledger that an audit has re-executed.
type View = state.View

// Report is what an audit found. It is complete only if Run returned no error, or a
// *KeepError.
type Report struct {
	ChainID     string
	GenesisHash string
	ScriptClock bool
	// Height, Hash and Time of the last block that was executed and compared, and Size
	// and Root of the log that ends with it.
	Height uint64
	Hash   string
	Time   tx.Instant
	Size   uint64
	Root   string
	// Since is the size that an earlier audit in the same directory verified, 1 for
	// none: the founding. One that was broken off had compared the entries up to Resumed,
	// which is not less. The counts that follow are of what came after that.
	Since        uint64
	Resumed      uint64
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
	// Compared are the other logs whose checkpoints were compared, and Sizes those of
	// the checkpoints of all logs.
	Compared []string
	Sizes    []LogSize
	// Unused says of each log that could not be read why.
	Unused []string
	// Evidence is a directory with the signed checkpoints, where the audit found
	// something wrong. It stays, also where no directory was named.
	Evidence string
}

// LogSize is the size of a log's checkpoint.
type LogSize struct {
	Log  string
	Size uint64
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

var (
	// ErrNotCounted: the checkpoint does not satisfy the policy.
	ErrNotCounted = errors.New("the checkpoint does not count by the policy")
	// ErrBehind: no log has all that an earlier audit in the directory found. What they
	// have is right: they are slow, or lost entries, or hold them back.
	ErrBehind = errors.New("every log is behind what was verified")
)

// KeepError says why what an audit that passed was to leave is not there: the copy,
// the tables, the directory's checkpoint.
type KeepError struct{ err error }

func (e *KeepError) Error() string { return "the audit passed, but " + e.err.Error() }

// Unwrap is the cause.
func (e *KeepError) Unwrap() error { return e.err }

type auditor struct {
	o        Options
	kept     bool // the directory, for the next audit
	ledger   *state.Ledger
	report   *Report
	rejected map[tx.Reason]uint64
	// end is the newest block that was executed and compared.
	end tx.Head
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
// checkpoints of the others with it; another one takes its place where it cannot be
// read. Its error is a *Difference for the first thing that is wrong, wraps
// ErrNotCounted or ErrBehind, is a *ReadError where no log can be read, a *KeepError, or
// a failure of this machine.
func Run(ctx context.Context, logs []Log, o Options) (report *Report, err error) {
	if o.Save != "" {
		if err := writable(o.Save); err != nil {
			return nil, err
		}
	}
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
	defer func() {
		if kept && state.Damaged(err) {
			err = fmt.Errorf("%w; once the disk is good, remove %s: the next audit makes it anew", err, filepath.Join(o.Dir, LedgerDir))
		}
	}()
	verifier := tx.NewVerifier(o.Founding.Hash)
	ledger, err := state.Open(filepath.Join(o.Dir, LedgerDir), o.Founding, verifier, o.Store)
	if err != nil {
		return nil, err
	}
	a := &auditor{o: o, kept: kept, ledger: ledger, verifier: verifier, rejected: map[tx.Reason]uint64{}, report: &Report{
		ChainID: o.Founding.ChainID, GenesisHash: o.Founding.Hash.String(), ScriptClock: o.Founding.ScriptClock,
	}}
	a.end = ledger.Head()
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
	earlier, err := a.earlier()
	if err != nil {
		return err
	}
	if a.report.Resumed, err = a.size(); err != nil {
		return err
	}
	a.report.Since = max(1, min(a.report.Resumed, earlier.Size))
	heads, err := a.heads(ctx, logs, max(a.o.AtLeast, a.report.Resumed, earlier.Size))
	if err != nil {
		return err
	}
	best, err := a.follow(ctx, heads)
	if err != nil {
		return err
	}
	if err := a.conclude(ctx, heads, best, earlier); err != nil {
		return err
	}
	return a.keep(heads[best])
}

// earlier is the newest checkpoint that an audit in the directory verified, of size 0
// for none. It counted then; the policy may be of later voters since, so that the log's
// own signature is enough.
func (a *auditor) earlier() (h head, err error) {
	path := filepath.Join(a.o.Dir, checkpointFile)
	if h.note, err = readFile(path); errors.Is(err, fs.ErrNotExist) {
		return h, nil
	}
	if err == nil {
		h.Checkpoint, h.cosigned, err = a.o.Policy.Open(h.note)
	}
	if err != nil && !errors.Is(err, proof.ErrLacking) {
		return h, fmt.Errorf("audit: the checkpoint of the earlier audit in %s: %w", path, err)
	}
	return h, nil
}

// follow executes what the best log has, or the next best where it cannot be read, and
// says which it was.
func (a *auditor) follow(ctx context.Context, heads []head) (best int, err error) {
	var failed []error
	for {
		if best = bestOf(heads); best < 0 {
			return best, oneLine(failed)
		}
		h := &heads[best]
		a.report.Log, a.report.Checkpoint, a.report.Cosigned = h.log.Name(), h.note, h.cosigned
		since, err := a.size()
		if err != nil {
			return best, err
		}
		// Of a log that holds the founding alone, that entry is read.
		if h.Size <= since && since > 1 {
			return best, nil
		}
		err = a.execute(ctx, h.log, since, h.Size)
		var unread *ReadError
		var d *Difference
		switch {
		case errors.As(err, &d):
			return best, errors.Join(err, a.evidence(heads))
		case !errors.As(err, &unread) || ctx.Err() != nil:
			return best, err
		}
		h.unread = true
		a.report.Unused = append(a.report.Unused, unread.Error())
		failed = append(failed, err)
		a.records, a.entries, a.waiting = nil, nil, nil
	}
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
func (a *auditor) conclude(ctx context.Context, heads []head, best int, earlier head) error {
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
		if heads[i].unread && heads[i].Size > v.LogSize() {
			continue // nobody gives its entries
		}
		if err := check(heads[i].log.Name(), heads[i].Checkpoint); err != nil {
			return errors.Join(err, a.evidence(heads))
		}
		if i != best {
			a.report.Compared = append(a.report.Compared, heads[i].log.Name())
		}
	}
	if earlier.Size > 0 {
		if err := check("the log of the earlier audit", earlier.Checkpoint); err != nil {
			return errors.Join(err, a.evidence(append(heads, earlier)))
		}
	}
	if err := a.compareTiles(ctx, v, &heads[best]); err != nil {
		var d *Difference
		if errors.As(err, &d) {
			err = errors.Join(err, a.evidence(heads))
		}
		return err
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
	if size := heads[best].Size; size < v.LogSize() {
		return fmt.Errorf("audit: %w: %d of %d entries: ask other logs, or again in a moment; one that stays so lost entries, or holds them back", ErrBehind, size, v.LogSize())
	}
	if a.o.Finished != nil {
		if err := a.o.Finished(v); err != nil {
			return &KeepError{err}
		}
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
	a.report.Height, a.report.Hash, a.report.Time = a.end.Height, fmt.Sprintf("%x", a.end.Hash), a.end.Time
	if v, err := a.ledger.View(); err == nil {
		// The ledger may have executed more than was compared.
		if size, err := v.SizeAt(a.end.Height); err == nil {
			a.report.Size = size
			if root, err := proof.Root(size, v.Nodes); err == nil {
				a.report.Root = fmt.Sprintf("%x", root)
			}
		}
		_ = v.Close()
	}
	for _, reason := range tx.Reasons() {
		if n := a.rejected[reason]; n > 0 {
			a.report.Rejected = append(a.report.Rejected, ReasonCount{reason.String(), n})
		}
	}
}

// keep writes what was verified: the copy if one is wanted, and the checkpoint.
func (a *auditor) keep(h head) error {
	var saved error
	if a.o.Save != "" {
		saved = a.save(h)
	}
	// The ledger first: a crash between the two goes on from an older checkpoint.
	if a.kept {
		err := a.ledger.Flush()
		if err == nil {
			err = replacePrivate(filepath.Join(a.o.Dir, checkpointFile), h.note)
		}
		saved = errors.Join(saved, err)
	}
	if saved != nil {
		return &KeepError{saved}
	}
	return nil
}

// save writes the auditor's own tree, which the log was found equal to.
func (a *auditor) save(h head) error {
	v, err := a.ledger.View()
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	defer v.Close()
	copied := newStatic(a.o.Save)
	if err := a.continues(v, copied, h); err != nil {
		return err
	}
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
