package api

import (
	"context"

	"google.golang.org/grpc/codes"

	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// asOf is the height that a request asks for: one, or the newest whose ledger time
// is not after an instant; the view's own where neither is given. What it is like on a
// day that the ledger has not reached, nobody can say.
func asOf(v View, height uint64, at tx.Instant) (uint64, error) {
	now := v.Head()
	head := now.Height
	switch {
	case height != 0 && at != 0:
		return 0, badRequest("give a height or a time, not both")
	case height > head:
		return 0, badRequest("at_height: %d is above this node's height %d", height, head)
	case height != 0:
		return height, nil
	case at != 0 && at < v.Founded():
		return 0, badRequest("at_time: %s is before the founding, %s: give a later time", at, v.Founded())
	case at != 0 && at >= now.Time.Day().Next().Start():
		return 0, badRequest("at_time: %s is of a day that the ledger has not reached: its time is %s (at height %d)", at, now.Time, head)
	case at != 0:
		h, err := v.HeightAt(at)
		if err != nil {
			return 0, broken(err)
		}
		return h, nil
	}
	return head, nil
}

// stateProof is what a query finds before a checkpoint is waited for.
type stateProof struct {
	epoch, entry uint64
	key, proof   []byte
}

func (s service) GetStateProof(ctx context.Context, in *GetStateProofRequest) (*GetStateProofResponse, error) {
	if err := first(wantName("party", in.Party, maxPartyBytes), mayName("instrument", in.Instrument, maxCodeBytes)); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	p, err := look(ctx, s.Server, 0, func(v View, _ uint64) (*stateProof, error) {
		if err := who.may(v, in.Party); err != nil {
			return nil, err
		}
		if err := instrument(v, in.Instrument); err != nil {
			return nil, err
		}
		height, err := asOf(v, in.AtHeight, in.AtTime)
		if err != nil {
			return nil, err
		}
		p := new(stateProof)
		left := v.EpochHeight
		if in.AtTime != 0 { // a day is asked for: its close, not what was asked for in between
			left = v.CloseHeight
		}
		if p.epoch, err = left(height); err != nil {
			return nil, noProof(err)
		}
		if p.entry, err = v.RootEntry(p.epoch); err != nil {
			return nil, noProof(err)
		}
		if in.Instrument == "" {
			p.key, p.proof, err = v.ProveStatement(p.epoch, in.Party)
		} else {
			p.key, p.proof, err = v.ProveHolding(p.epoch, in.Party, in.Instrument)
		}
		if err != nil {
			return nil, err
		}
		// The proof of an absence shows the records beside it, which are others'.
		if absent, err := proof.Absence(p.proof); err != nil || absent {
			sees, scopeErr := who.scope(v)
			if err := first(err, scopeErr); err != nil {
				return nil, err
			}
			if sees != seesAll {
				return nil, who.denied(v, "there is no such record of %s, and the proof of that shows others' records: ask an institution or an auditor", in.Party)
			}
		}
		return p, nil
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, proofWait)
	defer cancel()
	r, err := s.backend.Proof(ctx, p.entry)
	if err != nil {
		return nil, noProof(err)
	}
	return &GetStateProofResponse{Height: p.epoch, File: (&proof.StateReceipt{Key: p.key, Proof: p.proof, Receipt: r}).Encode()}, nil
}

func noProof(err error) error {
	if gone := archived(err); gone != nil {
		return gone
	}
	return failure{code: codes.Unavailable, reason: reasonFailed, text: "there is no proof now: " + err.Error()}.err()
}

func (s service) ListStatement(ctx context.Context, in *ListStatementRequest) (*ListStatementResponse, error) {
	limit, err := wantLimit(in.Limit)
	if err := first(wantName("party", in.Party, maxPartyBytes), err); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.AtHeight, func(v View, _ uint64) (*ListStatementResponse, error) {
		if err := who.may(v, in.Party); err != nil {
			return nil, err
		}
		height, err := asOf(v, in.AtHeight, 0)
		if err != nil {
			return nil, err
		}
		out := &ListStatementResponse{Height: height}
		var entries []proof.StatementEntry
		if out.Size_, entries, err = v.StatementAt(height, in.Party, in.After, limit); err != nil {
			return nil, err
		}
		size := 0
		for _, e := range entries {
			one := StatementEntry{Index: e.Index, Puts: e.Puts}
			err := v.Entries(e.Index, e.Index+1, func(_ uint64, b []byte) error {
				one.Record = append(one.Record, b...)
				return nil
			})
			if err != nil {
				return nil, err
			}
			if size += len(one.Record) + len(one.Puts); size > chunkBytes && len(out.Entries) > 0 {
				break // the rest with the next request
			}
			out.Entries = append(out.Entries, one)
		}
		return out, nil
	})
}
