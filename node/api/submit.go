package api

import (
	"context"
	"errors"
	"io"
	"time"

	"carbonledger/tx"
)

// maxTransactions bounds one Submit.
const maxTransactions = 20_000

// service answers the calls of gRPC; it is apart from Server so that the
// server's methods are those that its owner calls.
type service struct{ *Server }

var _ LedgerServer = service{}

func (s service) Submit(ctx context.Context, in *SubmitRequest) (*SubmitResponse, error) {
	if err := wantTransactions(in); err != nil {
		return nil, err
	}
	ctx, cancel := bounded(ctx)
	defer cancel()
	receipts, err := s.backend.Submit(ctx, in.Transactions)
	if err != nil {
		return nil, submitFailure(err)
	}
	return &SubmitResponse{Receipts: receipts}, nil
}

func wantTransactions(in *SubmitRequest) error {
	switch n := len(in.Transactions); {
	case n == 0:
		return badRequest("transactions: none given")
	case n > maxTransactions:
		return badRequest("transactions: %d given, at most %d in one request", n, maxTransactions)
	}
	for i, raw := range in.Transactions {
		if err := wantSize(raw); err != nil {
			return refused(err, "transaction "+decimal(i)+": "+err.Error())
		}
	}
	return nil
}

// wantSize is nil for a transaction that is not too large.
func wantSize(raw []byte) *tx.Rejection {
	if len(raw) > tx.MaxTransactionBytes {
		return &tx.Rejection{Reason: tx.TooLarge, Have: tx.MaxTransactionBytes, Want: int64(len(raw))}
	}
	return nil
}

// SubmitStream has one request of the stream in progress at a time: that keeps
// their order, and the stream's flow control holds the sender back. The streams
// have slots of their own, which bounds what waits in memory for a request's.
func (s service) SubmitStream(stream Ledger_SubmitStreamServer) error {
	select {
	case s.submits <- struct{}{}:
		defer func() { <-s.submits }()
	case <-s.stopping.Done():
		return s.ended(stream.Context())
	default:
		return overloaded("too many streams of submissions")
	}
	ctx, cancel := s.untilStop(stream.Context())
	defer cancel()
	for {
		in, err := s.nextOf(ctx, stream)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case s.requests <- struct{}{}:
		case <-ctx.Done():
			return s.ended(stream.Context())
		}
		if err := s.submitNext(stream, in); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return s.ended(stream.Context())
		}
	}
}

// nextOf waits for the stream's next request, but not for ever: who sends nothing,
// or half a request, would hold for nothing a place that others want.
func (s service) nextOf(ctx context.Context, stream Ledger_SubmitStreamServer) (*SubmitRequest, error) {
	type received struct {
		in  *SubmitRequest
		err error
	}
	got := make(chan received, 1)
	go func() {
		// The end of the stream ends this too.
		in, err := stream.Recv()
		got <- received{in, err}
	}()
	silence := time.NewTimer(s.cfg.SubmitSilence)
	defer silence.Stop()
	select {
	case r := <-got:
		return r.in, r.err
	case <-silence.C:
		return nil, overloaded("no whole request for " + s.cfg.SubmitSilence.String() + ", so that the stream's place is free for others")
	case <-ctx.Done():
		return nil, s.ended(stream.Context())
	}
}

// submitNext gives back its slot when the answer is on its way.
func (s service) submitNext(stream Ledger_SubmitStreamServer, in *SubmitRequest) error {
	defer func() { <-s.requests }()
	out, err := s.Submit(stream.Context(), in)
	if err != nil {
		return err
	}
	return stream.Send(out)
}

func (s service) Check(ctx context.Context, in *CheckRequest) (*CheckResponse, error) {
	if err := wantSize(in.Transaction); err != nil {
		return nil, refused(err, err.Error())
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*CheckResponse, error) {
		receipt, err := v.Check(in.Transaction)
		return &CheckResponse{Height: h, Receipt: receipt}, err
	})
}
