package audit

import (
	"context"
	"fmt"

	"carbonledger/node/api"
	"carbonledger/state"
	"carbonledger/tx"
)

// ProtocolVersion is the newest rule set that this program can re-execute.
const ProtocolVersion = state.ProtocolVersion

// Network is the history as the nodes of a client serve it. The client needs
// the right to read blocks.
type Network struct {
	Client *api.Client
	signed uint64
}

// Blocks fetches up to the newest height that a node, or the attestations
// fetched before, speak of, and goes on at another node where one fails.
func (n *Network) Blocks(ctx context.Context, from uint64, take func(tx.BlockRecord, uint64) error) error {
	s, err := n.Client.Status(ctx, &api.StatusRequest{})
	if err != nil {
		return fmt.Errorf("audit: ask for the newest height: %w", err)
	}
	newest := max(s.Head.Height, n.signed)
	if newest < from {
		return nil
	}
	return n.Client.EachBlock(ctx, from, newest, false, func(r *tx.BlockRecord) error { return take(*r, newest) })
}

// Attestations fetches what validators signed about the newest height.
func (n *Network) Attestations(ctx context.Context) ([]tx.Attestation, error) {
	out, err := n.Client.ListAttestations(ctx, &api.ListAttestationsRequest{})
	if err != nil {
		return nil, err
	}
	for i := range out.Attestations {
		n.signed = max(n.signed, out.Attestations[i].Height)
	}
	return out.Attestations, nil
}
