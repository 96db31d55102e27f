package api

import (
	"bytes"
	"context"

	"carbonledger/tx"
)

const (
	// walkRecords bounds what one page of a walk reads: a few ten milliseconds.
	walkRecords = 10_000
	// maxKeyBytes bounds a key of the ledger in a request; keys from localKeys on are
	// a node's own.
	maxKeyBytes = 512
	localKeys   = 0x80
)

// CompareReplica answers what a comparison with another replica asks, in pages, so
// that no request takes long.
func (s service) CompareReplica(ctx context.Context, in *CompareReplicaRequest) (*CompareReplicaResponse, error) {
	if err := checkComparison(in); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, 0, func(v View, _ uint64) (*CompareReplicaResponse, error) {
		if err := who.mayCompare(v); err != nil {
			return nil, err
		}
		return Compare(v, in)
	})
}

// Compare answers a comparison from a view: of this node, or of a directory in
// which none runs.
func Compare(v View, in *CompareReplicaRequest) (*CompareReplicaResponse, error) {
	if err := checkComparison(in); err != nil {
		return nil, err
	}
	out := &CompareReplicaResponse{Height: v.Head().Height}
	hash, ok, err := v.HashAt(in.Height)
	if err != nil || !ok {
		return out, err
	}
	out.Reached, out.Hash = true, hash[:]
	if in.Block {
		err = out.block(v, in.Height)
	}
	switch {
	case err != nil:
	case in.Walk:
		out.Records, out.Next, err = v.Suspects(in.Height, in.Wanted, in.Behind, walkRecords, chunkBytes)
	case len(in.Keys) > 0:
		out.Records, err = v.Compare(in.Height, in.Keys, chunkBytes)
	}
	return out, err
}

func checkComparison(in *CompareReplicaRequest) error {
	switch {
	case len(in.Keys) > maxItems:
		return badRequest("keys: at most %d", maxItems)
	case len(in.Wanted) > maxItems:
		return badRequest("wanted: at most %d", maxItems)
	case len(in.Behind) > maxKeyBytes || len(in.Behind) > 0 && in.Behind[0] >= localKeys:
		return badRequest("behind: a key of the ledger has at most %d bytes and begins below %02x", maxKeyBytes, localKeys)
	case in.Walk && len(in.Keys) > 0:
		return badRequest("give keys or walk, not both")
	}
	for _, key := range in.Keys {
		if len(key) == 0 || len(key) > maxKeyBytes || key[0] >= localKeys {
			return badRequest("keys: a key of the ledger has 1 to %d bytes and begins below %02x", maxKeyBytes, localKeys)
		}
	}
	return nil
}

// block adds a block's trace and entries, and the hashes of these, which stay where
// they were dropped.
func (out *CompareReplicaResponse) block(v View, height uint64) (err error) {
	if out.Transactions, out.Writes, out.Traced, err = v.Traces(height); err != nil || height == 0 {
		return err
	}
	first, err := v.SizeAt(height - 1)
	if err != nil {
		return err
	}
	end, err := v.SizeAt(height)
	if err != nil {
		return err
	}
	leaves, err := v.Nodes(0, first, int(end-first))
	if err != nil {
		return err
	}
	for i := range leaves {
		out.Leaves = append(out.Leaves, leaves[i][:])
	}
	kept, url, err := v.Archive()
	if err != nil {
		return err
	}
	if first < kept {
		gone := min(kept, end) - first
		out.Archive, out.Entries, first = url, make([][]byte, gone), first+gone
	}
	return v.Entries(first, end, func(_ uint64, entry []byte) error {
		out.Entries = append(out.Entries, bytes.Clone(entry))
		return nil
	})
}

// mayCompare refuses all but ministry, registry and auditors.
func (r reader) mayCompare(v View) error {
	party, ok, err := v.Party(r.party)
	if err != nil {
		return broken(err)
	}
	if ok && holds(&party, r.key, v.Head().Time) {
		switch party.Role {
		case tx.Ministry, tx.Registry, tx.Auditor:
			return nil
		}
	}
	return r.denied(v, "%s may not compare replicas, which shows everyone's records", r.party)
}

// CompareReplica asks for what replicas are compared by.
func (c *Client) CompareReplica(ctx context.Context, in *CompareReplicaRequest) (*CompareReplicaResponse, error) {
	return ask(ctx, c, "CompareReplica", in, LedgerClient.CompareReplica)
}
