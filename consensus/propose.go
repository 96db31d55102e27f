package consensus

import (
	"context"
	"fmt"
	"time"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/hashicorp/raft"
)

// maxInFlight blocks are proposed and not yet executed alike by a majority.
// It is also what makes a leader wait for the slowest member of its quorum.
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
	var stop context.CancelFunc = func() {}
	var over chan struct{}
	for {
		select {
		case <-ctx.Done():
			stop()
			return
		case leader := <-n.raft.LeaderCh():
			stop()
			if over != nil {
				<-over
				over = nil
			}
			if leader {
				var office context.Context
				office, stop = context.WithCancel(ctx)
				over = make(chan struct{})
				go func() { defer close(over); n.lead(office) }()
			}
		}
	}
}

// lead proposes blocks until the office ends. Everything that earlier leaders
// committed is executed first, so that the head stamped into blocks is ours.
func (n *Node) lead(ctx context.Context) {
	if err := n.raft.Barrier(0).Error(); err != nil || ctx.Err() != nil || n.proposing.Load() != nil {
		return
	}
	n.cfg.Logger.Info("consensus: leads", "node", n.cfg.Name, "height", n.Ledger().Head().Height)
	n.pool.open()
	defer n.pool.shut(ErrNoLeader)
	ctx, cancel := context.WithCancel(ctx)
	flights := make(chan flight, maxInFlight)
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
	gap := time.Since(time.UnixMilli(int64(n.Ledger().Head().Time)))
	return time.Since(last) >= n.cfg.Timing.Idle || gap > maxGap
}

func (n *Node) proposeBlock(raws [][]byte, parts []part) (flight, error) {
	if n.proposing.Load() != nil {
		return flight{}, ErrNoLeader
	}
	head := n.Ledger().Head()
	block := tx.Block{
		Proposer:      n.cfg.Name,
		Stamp:         tx.Instant(time.Now().UnixMilli()),
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
		if err := f.future.Error(); err != nil {
			n.cfg.Logger.Warn("consensus: a block's outcome is unknown", "error", err)
			n.pool.failParts(f.parts, ErrUnknownOutcome)
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

// stopProposing makes a leader stop before it hands over.
func (n *Node) stopProposing() {
	reason := "this replica stopped proposing"
	n.proposing.Store(&reason)
	n.pool.shut(ErrNoLeader)
}
