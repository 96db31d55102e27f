package consensus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/hashicorp/raft"
)

// maxInFlight blocks, at most, are proposed and not yet executed alike by a
// majority. It is also what makes a leader wait for the slowest member of its
// quorum.
const maxInFlight = 12

// maxGap is the most that one block moves ledger time (state.Ledger): a leader
// that finds a larger gap closes it with empty blocks.
const maxGap = 10 * time.Minute

// flight is a proposed block.
type flight struct {
	parts  []part
	future raft.ApplyFuture
}

// followOffice works as leader whenever Raft says that this node is one.
func (n *Node) followOffice(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case leads := <-n.raft.LeaderCh():
			for leads {
				leads = n.holdOffice(ctx)
			}
		}
	}
}

// holdOffice proposes blocks until Raft has news of the office. It returns
// whether the news is a new office: Raft tells only the newest.
func (n *Node) holdOffice(ctx context.Context) (again bool) {
	office, stop := context.WithCancel(ctx)
	over := make(chan struct{})
	go func() { defer close(over); n.keepLeading(office) }()
	defer func() { stop(); <-over }()
	select {
	case <-ctx.Done():
		return false
	case again = <-n.raft.LeaderCh():
		return again
	}
}

// keepLeading leads until the office ends. Raft refuses blocks while it hands
// over; where that fails this node is still the leader, without news of it.
func (n *Node) keepLeading(ctx context.Context) {
	for ctx.Err() == nil && n.proposing.Load() == nil {
		n.lead(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(n.cfg.Timing.Lease / 8):
		}
	}
}

// lead proposes blocks until the office ends. Everything that earlier leaders
// committed is executed first, so that the head stamped into blocks is ours.
func (n *Node) lead(ctx context.Context) {
	if err := n.settled(n.raft.Barrier(0)); err != nil || ctx.Err() != nil || n.proposing.Load() != nil {
		return
	}
	n.cfg.Logger.Info("consensus: leads", "node", n.cfg.Name, "height", n.Ledger().Head().Height)
	n.pool.open()
	defer n.pool.shut(ErrNoLeader)
	ctx, cancel := context.WithCancel(ctx)
	// One more is being proposed, and one waits for its outcome.
	flights := make(chan flight, maxInFlight-2)
	landed := make(chan struct{})
	go func() { defer close(landed); n.land(ctx, cancel, flights) }()
	defer func() { cancel(); close(flights); <-landed }()
	idle := time.NewTicker(max(n.cfg.Timing.Idle/4, time.Millisecond))
	defer idle.Stop()
	last := time.Now()
	for {
		raws, parts := n.pool.take()
		if len(raws) == 0 && !n.emptyBlockDue(last) {
			select {
			case <-ctx.Done():
				return
			case <-n.pool.arrived:
			case <-idle.C:
			}
			continue
		}
		last = time.Now()
		f, err := n.proposeBlock(raws, parts)
		if err != nil {
			n.pool.failParts(parts, err)
			return
		}
		select {
		case flights <- f:
		case <-ctx.Done():
			n.pool.failParts(parts, ErrUnknownOutcome)
			return
		}
	}
}

// emptyBlockDue says whether ledger time needs a block without transactions:
// only on a wall clock, when idle for a minute or far behind.
func (n *Node) emptyBlockDue(last time.Time) bool {
	if n.cfg.Founding.ScriptClock {
		return false
	}
	gap := n.cfg.Now().Sub(time.UnixMilli(int64(n.Ledger().Head().Time)))
	return time.Since(last) >= n.cfg.Timing.Idle || gap > maxGap
}

func (n *Node) proposeBlock(raws [][]byte, parts []part) (flight, error) {
	if n.proposing.Load() != nil {
		return flight{}, ErrNoLeader
	}
	head := n.Ledger().Head()
	block := tx.Block{
		Proposer:      n.cfg.Name,
		Stamp:         tx.Instant(n.cfg.Now().UnixMilli()),
		AppliedHeight: head.Height,
		AppliedHash:   head.Hash,
		Transactions:  raws,
	}
	raw, err := block.Marshal()
	if err != nil {
		panic(fmt.Sprintf("consensus: encode a block: %v", err))
	}
	return flight{parts: parts, future: n.raft.Apply(raw, 0)}, nil
}

// land waits for the blocks in order and answers their requests: with receipts
// only when a majority executed the block alike.
func (n *Node) land(ctx context.Context, cancel context.CancelFunc, flights <-chan flight) {
	for f := range flights {
		if err := n.settled(f.future); err != nil {
			n.cfg.Logger.Warn("consensus: a block was not committed here", "error", err)
			n.pool.failParts(f.parts, outcome(err))
			cancel()
			continue
		}
		applied, ok := f.future.Response().(state.Applied)
		if !ok || n.waitAgreed(ctx, applied.Height) != nil {
			n.pool.failParts(f.parts, ErrUnknownOutcome)
			cancel()
			continue
		}
		n.pool.answer(f.parts, applied.Receipts)
	}
}

// outcome of a block that Raft answered with an error: nothing happened where
// Raft refused it before it wrote it to its log.
func outcome(err error) error {
	if errors.Is(err, raft.ErrLeadershipTransferInProgress) || errors.Is(err, raft.ErrNotLeader) {
		return ErrNoLeader
	}
	return ErrUnknownOutcome
}

// stopProposing makes a leader stop before it hands over.
func (n *Node) stopProposing() {
	reason := "this replica stopped proposing"
	n.proposing.Store(&reason)
	n.pool.shut(ErrNoLeader)
}
