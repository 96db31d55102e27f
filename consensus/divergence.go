package consensus

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// dispute begins to find out who is wrong at a height where a peer's running
// hash is not ours. Callers hold the agreement's lock.
func (n *Node) dispute(name string, height uint64) {
	n.cfg.Logger.Error("consensus: replicas differ", "peer", name, "height", height)
	if n.agreement.disputed == 0 {
		n.agreement.disputed = height
		n.run(func(ctx context.Context) { n.settle(ctx, height) })
	}
}

// settle asks every voter for its hash at the height until a majority has the
// same one. It is decided by count, never by office: with the majority this
// replica goes on, against it it stops.
func (n *Node) settle(ctx context.Context, height uint64) {
	for ctx.Err() == nil {
		own, ok, err := n.hashAt(height)
		if err != nil && !errors.Is(err, state.ErrClosed) || err == nil && !ok {
			n.fail(fmt.Errorf("consensus: read the hash of height %d: %w", height, err))
			return
		}
		var winner []byte
		var friend string
		if err == nil { // else a restore is replacing the ledger
			winner, friend = n.tally(ctx, height, own)
		}
		switch {
		case winner == nil:
			// No majority is known: replicate on, acknowledge nothing.
		case bytes.Equal(winner, own[:]):
			n.agreement.mu.Lock()
			n.agreement.disputed = 0
			n.agreement.wake()
			n.agreement.mu.Unlock()
			return
		default:
			n.diverged(ctx, height, friend)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(n.cfg.Timing.Lease / 2):
		}
	}
}

// tally asks all voters at once and counts their hashes at a height. It returns
// the majority's as soon as there is one, else nil, and a peer that has it.
func (n *Node) tally(ctx context.Context, height uint64, own tx.ID) (winner []byte, friend string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type vote struct {
		name string
		hash []byte
	}
	voters, count := n.voters(), map[string]int{}
	votes := make(chan vote, len(voters))
	for _, v := range voters {
		if v.Name == n.cfg.Name {
			votes <- vote{hash: own[:]}
			continue
		}
		go func() {
			var a answer
			if err := n.ask(ctx, v.Name, question{Hash: &height}, &a); err != nil {
				a.Hash = nil
			}
			votes <- vote{v.Name, a.Hash}
		}()
	}
	for range voters {
		v := <-votes
		if v.hash == nil {
			continue
		}
		if count[string(v.hash)]++; count[string(v.hash)] > len(voters)/2 {
			return v.hash, v.name
		}
	}
	return nil, ""
}

// diverged stops this replica: it is wrong. A leader first stops proposing and
// acknowledging, and hands over. Then it finds the first transaction that
// differs and leaves a file that names it.
func (n *Node) diverged(ctx context.Context, height uint64, friend string) {
	n.stopProposing()
	if n.Leads() {
		if err := n.settled(n.raft.LeadershipTransfer()); err != nil {
			n.cfg.Logger.Error("consensus: hand over", "error", err)
		}
	}
	d := n.firstDifference(ctx, height, friend)
	text := fmt.Sprintf("height %d", d.Height)
	if d.Transaction != "" {
		text += ", transaction " + d.Transaction
	}
	if err := n.writeDivergence(d); err != nil {
		n.cfg.Logger.Error("consensus: write what differs", "error", err)
	}
	// What is not flushed would be gone with the process, and with it the evidence. A
	// crash here leaves less of it, and the next start finds the difference again.
	if err := n.Ledger().Flush(); err != nil {
		n.cfg.Logger.Error("consensus: keep the state that differs", "error", err)
	}
	n.fail(fmt.Errorf("consensus: %s: %w: first at %s (%s has %s, here is %s). Its data is kept for inspection "+
		"(\"carbonledger diverge\" names the record); to rejoin, move its state directory away and start it: it executes its log anew. Where it stops again, its snapshot differs as well: "+
		"make a new data directory (\"carbonledger init node\")",
		n.cfg.Name, ErrDiverged, text, d.Peer, d.Theirs, d.Ours))
}

// difference is the first thing in which two replicas differ.
type difference struct {
	Height      uint64 `json:"height"`
	Peer        string `json:"peer"`
	Ours        string `json:"ours"`
	Theirs      string `json:"theirs"`
	Position    int    `json:"position"`
	Transaction string `json:"transaction,omitempty"`
}

// firstDifference bisects the heights up to one that differs: hashes are
// chained, so they agree below the first difference and nowhere above.
func (n *Node) firstDifference(ctx context.Context, height uint64, friend string) difference {
	low, high := uint64(0), height
	for low+1 < high {
		middle := low + (high-low)/2
		own, theirs, err := n.hashes(ctx, middle, friend)
		switch {
		case err != nil:
			n.cfg.Logger.Error("consensus: look for the first difference", "height", middle, "error", err)
			low = high - 1
		case own == theirs:
			low = middle
		default:
			high = middle
		}
	}
	d := difference{Height: high, Peer: friend, Position: -1}
	if own, theirs, err := n.hashes(ctx, high, friend); err == nil {
		d.Ours, d.Theirs = own.String(), theirs.String()
	}
	d.Position, d.Transaction = n.firstTransaction(ctx, high, friend)
	return d
}

func (n *Node) hashes(ctx context.Context, height uint64, friend string) (own, theirs tx.ID, err error) {
	own, ok, err := n.hashAt(height)
	if err != nil || !ok {
		return own, theirs, fmt.Errorf("consensus: no hash of height %d: %w", height, err)
	}
	var a answer
	if err := n.ask(ctx, friend, question{Hash: &height}, &a); err != nil {
		return own, theirs, err
	}
	if len(a.Hash) != len(theirs) {
		return own, theirs, errors.New("consensus: " + a.Missing)
	}
	return own, tx.ID(a.Hash), nil
}

// firstTransaction compares what each transaction of a block wrote.
func (n *Node) firstTransaction(ctx context.Context, height uint64, friend string) (int, string) {
	own, ok, err := n.Ledger().Trace(height)
	var a answer
	if err != nil || !ok || n.ask(ctx, friend, question{Trace: height}, &a) != nil || a.Missing != "" {
		return -1, ""
	}
	for i := range own.Transactions {
		if i < len(a.Trace) && own.Transactions[i] == a.Trace[i] {
			continue
		}
		v, err := n.Ledger().View()
		if err != nil {
			return i, ""
		}
		defer v.Close()
		record, ok, err := v.Block(height)
		if err != nil || !ok {
			return i, ""
		}
		block, ok := tx.DecodeBlock(record.Block, height)
		if !ok || i >= len(block.Transactions) {
			return i, ""
		}
		id, err := tx.TransactionID(n.cfg.Founding.Hash, block.Transactions[i])
		if err != nil {
			return i, ""
		}
		return i, id.String()
	}
	return -1, ""
}

func (n *Node) writeDivergence(d difference) error {
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	fs := n.cfg.FS
	f, err := fs.Create(fs.PathJoin(fs.PathDir(n.cfg.StateDir), fmt.Sprintf("divergence-%d.json", d.Height)), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}
