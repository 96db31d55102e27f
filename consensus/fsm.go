package consensus

import (
	"errors"
	"fmt"
	"io"
	"time"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/hashicorp/raft"
)

// fsm hands Raft's committed entries to the ledger. Its methods run on one
// goroutine; none waits for the network.
type fsm struct {
	n *Node
	// handed is the index of the newest entry that Raft handed over, or holds to
	// be in the newest snapshot.
	handed uint64
	// failed is set for good when this machine could not apply a block: the
	// replica executes nothing more, and replays from the log after a restart.
	failed error
}

var errNotApplied = errors.New("consensus: this replica failed before it applied the block")

// Apply is never called: Raft prefers ApplyBatch.
func (f *fsm) Apply(l *raft.Log) any { return f.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch executes blocks. The answer to each is a state.Applied, or an
// error where this machine failed. Entries that are no blocks are Raft's own.
func (f *fsm) ApplyBatch(logs []*raft.Log) []any {
	answers := make([]any, len(logs))
	entries, at := make([]state.Entry, 0, len(logs)), make([]int, 0, len(logs))
	for i, l := range logs {
		f.handed = l.Index
		if l.Type == raft.LogCommand {
			entries, at = append(entries, state.Entry{Index: l.Index, Block: l.Data}), append(at, i)
		}
	}
	if len(entries) == 0 {
		return answers
	}
	began := time.Now()
	applied, err := f.apply(entries)
	for n, i := range at {
		switch {
		case err != nil:
			answers[i] = errNotApplied
		default:
			answers[i] = applied[n]
		}
	}
	if err == nil {
		f.n.afterApply(applied, time.Since(began))
	}
	return answers
}

func (f *fsm) apply(entries []state.Entry) ([]state.Applied, error) {
	if f.failed != nil {
		return nil, f.failed
	}
	applied, err := f.n.Ledger().Apply(entries)
	if err != nil {
		f.failed = err
		f.n.fail(fmt.Errorf("consensus: apply entries %d to %d: %w", entries[0].Index, entries[len(entries)-1].Index, err))
	}
	return applied, err
}

// errReplaying: after a restart Raft hands over what the ledger has executed
// already. Its label on a snapshot would lie before the content, and a rebuilt
// ledger does not know its own yet.
var errReplaying = errors.New("consensus: no snapshot before the log is replayed")

// Snapshot freezes the ledger. It runs between two batches, so the files and
// the head that they claim are of one height; Persist runs beside the next.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) {
	if f.failed != nil {
		return nil, f.failed
	}
	n := f.n
	if l := n.Ledger(); f.handed < l.AppliedIndex() || !l.IndexKnown() {
		return nil, errReplaying
	}
	defer func(began time.Time) { n.stalled("snapshot", time.Since(began)) }(time.Now())
	dir := n.stores.fs.PathJoin(n.stores.dir, fmt.Sprintf("checkpoint-%d", n.Ledger().AppliedIndex()))
	return newCheckpoint(n.ctx, n.stores.fs, dir, n.Ledger())
}

// Restore replaces the ledger by a snapshot that a leader sent.
func (f *fsm) Restore(from io.ReadCloser) error {
	defer from.Close()
	if f.failed != nil {
		return f.failed
	}
	defer func(began time.Time) { f.n.stalled("restore", time.Since(began)) }(time.Now())
	err := f.n.stores.restore(from)
	if err != nil {
		// The old ledger is still the live one, but Raft will not go on with
		// it: stop here.
		f.failed = err
		f.n.fail(err)
		return err
	}
	f.handed = f.n.Ledger().AppliedIndex()
	f.n.reloadValidators()
	f.n.advanced()
	return nil
}

// restoreAtStart brings the state up to the newest snapshot if it is behind
// it. Without this Raft would skip, in silence, the entries between the two,
// although its log may still hold them.
func restoreAtStart(s *stores, snapshots raft.SnapshotStore) error {
	list, err := snapshots.List()
	if err != nil {
		return fmt.Errorf("consensus: list the snapshots: %w", err)
	}
	if len(list) == 0 || s.ledger().AppliedIndex() >= list[0].Index {
		return nil
	}
	_, from, err := snapshots.Open(list[0].ID)
	if err != nil {
		return fmt.Errorf("consensus: snapshot %s cannot be read, and the state is older: %w: rejoin as a new validator with an empty "+
			"data directory (\"carbonledger init node\")", list[0].ID, err)
	}
	defer from.Close()
	head, err := readSnapshotHead(from)
	if err != nil {
		return err
	}
	// Raft's label counts entries of its own, too; the head inside does not.
	if s.ledger().AppliedIndex() >= head.Index {
		return nil
	}
	return s.restoreContent(head, from)
}

// afterApply tells everyone who waits that blocks were executed.
func (n *Node) afterApply(applied []state.Applied, took time.Duration) {
	transactions, rejected := 0, []tx.Reason(nil)
	for i := range applied {
		transactions += len(applied[i].Receipts)
		for k := range applied[i].Receipts {
			if r := applied[i].Receipts[k].Reason; r != tx.Accepted {
				rejected = append(rejected, r)
			}
		}
	}
	n.reloadValidators()
	n.advanced()
	if o := n.cfg.Observer.Applied; o != nil {
		o(len(applied), transactions, rejected, took)
	}
	n.stalled("apply", took)
}

// Stalls are the words that Observer.Stalled hears for what was held up.
func Stalls() []string { return []string{"apply", "log", "snapshot", "restore"} }

// stalled reports what held up the loop that answers heartbeats for longer
// than half the lease.
func (n *Node) stalled(what string, took time.Duration) {
	if took <= n.cfg.Timing.Lease/2 {
		return
	}
	n.cfg.Logger.Warn("consensus: a stall of more than half the lease", "of", what, "took", took, "lease", n.cfg.Timing.Lease)
	if o := n.cfg.Observer.Stalled; o != nil {
		o(what, took)
	}
}
