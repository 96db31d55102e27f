package audit

import (
	"context"
	"fmt"
	"time"

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

// Blocks fetches up to the height that the attestations fetched before speak of,
// so that nothing above it is taken on one node's word; without attestations up
// to the newest height. It goes on at another node where one fails.
func (n *Network) Blocks(ctx context.Context, from uint64, take func(tx.BlockRecord, uint64) error) error {
	newest := n.signed
	if newest == 0 {
		s, err := n.Client.Status(ctx, &api.StatusRequest{})
		if err != nil {
			return fmt.Errorf("audit: ask for the newest height: %w", err)
		}
		newest = s.Head.Height
	}
	if newest < from {
		return nil
	}
	return n.Client.EachBlock(ctx, from, newest, false, func(r *tx.BlockRecord) error { return take(*r, newest) })
}

// signedWithin bounds the wait for validators to sign what the client has seen
// committed.
const signedWithin = 10 * time.Second

// Attestations fetches what validators signed about the newest height. It waits
// until that is the height of the client's newest receipt or above.
func (n *Network) Attestations(ctx context.Context) ([]tx.Attestation, error) {
	wait, cancel := context.WithTimeout(ctx, signedWithin)
	defer cancel()
	for {
		out, err := n.Client.ListAttestations(ctx, &api.ListAttestationsRequest{})
		if err != nil {
			return nil, err
		}
		n.signed = 0
		for i := range out.Attestations {
			n.signed = max(n.signed, out.Attestations[i].Height)
		}
		if n.signed >= n.Client.MinHeight() {
			return out.Attestations, nil
		}
		select {
		case <-time.After(signedWithin / 100):
		case <-wait.Done():
			return nil, fmt.Errorf("audit: the validators have signed height %d, a receipt is of height %d: ask again when the network serves", n.signed, n.Client.MinHeight())
		}
	}
}
