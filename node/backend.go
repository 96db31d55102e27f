package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"carbonledger/consensus"
	"carbonledger/node/api"
	"carbonledger/state"
	"carbonledger/tx"
)

// backend shows the node to its API.
type backend struct{ n *Node }

func (b *backend) Submit(ctx context.Context, raws [][]byte) ([]tx.Receipt, error) {
	receipts, err := b.n.consensus.Submit(ctx, raws)
	switch {
	case err == nil:
		return receipts, nil
	case errors.Is(err, consensus.ErrUnknownOutcome):
		return nil, fmt.Errorf("%w (%w)", api.ErrUnknownOutcome, err)
	case errors.Is(err, consensus.ErrOverloaded), errors.Is(err, consensus.ErrDiskFull):
		return nil, fmt.Errorf("%w (%w)", api.ErrOverloaded, err)
	case errors.Is(err, consensus.ErrNoLeader), errors.Is(err, consensus.ErrStopping):
		return nil, fmt.Errorf("%w (%w)", api.ErrWithoutEffect, err)
	}
	return nil, err
}

// View opens a view; a restore may close the ledger in between, and then the
// next one is asked.
func (b *backend) View(ctx context.Context, minHeight uint64) (api.View, error) {
	if err := b.WaitHeight(ctx, minHeight); err != nil {
		return nil, err
	}
	for {
		v, err := b.n.consensus.Ledger().View()
		switch {
		case err == nil:
			return v, nil
		case !errors.Is(err, state.ErrClosed):
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-b.n.consensus.Done():
			return nil, consensus.ErrStopping
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func (b *backend) WaitHeight(ctx context.Context, height uint64) error {
	return b.n.consensus.WaitHeight(ctx, height)
}

func (b *backend) Attestations() []tx.Attestation { return b.n.consensus.Attestations() }

func (b *backend) Status() api.StatusResponse {
	s := b.n.consensus.Status()
	head := b.n.consensus.Ledger().Head()
	newest := head.Height
	for _, p := range s.Peers {
		newest = max(newest, p.Height)
	}
	r := api.StatusResponse{
		Head: head, Node: s.Name, Site: s.Site, Voter: s.Voter, Role: s.Role, Leader: s.Leader, Term: s.Term,
		LastLogIndex: s.LastLogIndex, CommitIndex: s.CommitIndex, AppliedIndex: s.AppliedIndex,
		Serving: s.Serving, Problem: s.Problem, SurvivableSites: s.SurvivableSites, CriticalSites: s.CriticalSites, MembershipPending: s.Pending,
		Pool: uint64(s.Pool), LogBytes: s.LogBytes, Version: b.n.config.Version,
	}
	if free, err := freeDisk(b.n.dir.Path()); err == nil {
		r.DiskFreeBytes = int64(free)
	}
	r.Log = b.n.logStatus()
	for _, p := range s.Peers {
		r.Peers = append(r.Peers, api.PeerStatus{
			Name: p.Name, Site: p.Site, Voter: p.Voter, Reachable: p.Reachable, Height: p.Height, Lag: newest - p.Height, Agrees: p.Agrees,
		})
	}
	return r
}
