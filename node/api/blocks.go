package api

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"carbonledger/tx"
)

// chunkBytes and chunkBlocks bound what is read in one go: a slow reader must
// not hold a view of the state open.
const (
	chunkBytes  = 1 << 20
	chunkBlocks = 256
)

// Blocks answers from the first height on, in chunks. Who may read is asked
// anew for each, so that a revoked key ends the stream.
func (s service) Blocks(in *BlocksRequest, stream Ledger_BlocksServer) error {
	switch {
	case in.From == 0:
		return badRequest("from: heights begin at 1")
	case in.To != 0 && in.To < in.From:
		return badRequest("to %d lies before from %d", in.To, in.From)
	}
	who, err := s.authenticate(stream.Context(), "/"+serviceName+"/Blocks", in)
	if err != nil {
		return err
	}
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	case <-s.stopping.Done():
		return s.ended(stream.Context())
	default:
		return overloaded("too many streams of blocks")
	}
	ctx, cancel := s.untilStop(stream.Context())
	defer cancel()
	// Nobody waits here for a height who may not read: the slots are few.
	newest, err := s.readable(ctx, who, 0)
	if err != nil {
		return s.endedOr(stream.Context(), err)
	}
	to := in.To
	if !in.Follow && to == 0 {
		to = newest
	} else if !in.Follow {
		if _, err := s.readable(ctx, who, to); err != nil {
			return s.endedOr(stream.Context(), err)
		}
	}
	for next := in.From; to == 0 && in.Follow || next <= to; {
		if in.Follow {
			if err := s.backend.WaitHeight(ctx, next); err != nil {
				return s.endedOr(stream.Context(), viewFailure(ctx, err, next-1, next))
			}
		}
		blocks, newest, err := s.chunk(ctx, who, next, to)
		if err != nil {
			return s.endedOr(stream.Context(), err)
		}
		for i := range blocks {
			if err := stream.Send(&BlocksResponse{Block: blocks[i], Newest: newest}); err != nil {
				return err
			}
		}
		next += uint64(len(blocks))
		if ctx.Err() != nil {
			return s.ended(stream.Context())
		}
	}
	return nil
}

// readable is the newest height, at least minHeight, if the reader may see
// blocks then.
func (s service) readable(ctx context.Context, who reader, minHeight uint64) (uint64, error) {
	head, err := look(ctx, s.Server, minHeight, func(v View, h uint64) (*uint64, error) { return &h, who.mayBlocks(v) })
	if err != nil {
		return 0, err
	}
	return *head, nil
}

// chunk reads some blocks from a height on, at least one; to 0 is no end.
func (s service) chunk(ctx context.Context, who reader, from, to uint64) (blocks []tx.BlockRecord, newest uint64, err error) {
	v, err := s.view(ctx, from)
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if closed := v.Close(); err == nil && closed != nil {
			err = broken(closed)
		}
	}()
	if err := who.mayBlocks(v); err != nil {
		return nil, 0, err
	}
	newest = v.Head().Height
	last := newest
	if to != 0 {
		last = min(last, to)
	}
	for h, size := from, 0; h <= last && len(blocks) < chunkBlocks && size < chunkBytes; h++ {
		b, ok, err := v.Block(h)
		if err != nil {
			return nil, 0, broken(err)
		}
		if !ok {
			return nil, 0, failure{
				code: codes.DataLoss, reason: reasonFailed, metadata: atHeight(h),
				text: fmt.Sprintf("this node does not have block %d, though it is at height %d: ask another node", h, newest),
			}.err()
		}
		blocks, size = append(blocks, b), size+len(b.Block)
	}
	return blocks, newest, nil
}

// untilStop is ctx, ended also when the server stops.
func (s *Server) untilStop(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.stopping, cancel)
	return ctx, func() { stop(); cancel() }
}

// ended says why a stream ends before its time.
func (s *Server) ended(client context.Context) error {
	if client.Err() != nil {
		return status.FromContextError(client.Err()).Err()
	}
	return failure{code: codes.Unavailable, reason: reasonStopping, text: "the node is stopping: go on with another node"}.err()
}

// endedOr is ended where the stream's time is over, and otherwise err.
func (s *Server) endedOr(client context.Context, err error) error {
	if client.Err() != nil || s.stopping.Err() != nil {
		return s.ended(client)
	}
	return err
}
