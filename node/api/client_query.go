package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"carbonledger/tx"
)

// restricted are the methods whose requests are signed.
var restricted = map[string]bool{
	"GetTransaction": true, "GetProof": true, "GetStateProof": true, "ListStatement": true, "ListHoldings": true, "ListMoney": true, "GetOrder": true, "Blocks": true, "ListTrades": true,
	"ListLots": true, "GetAllocation": true, "ListVerifications": true, "ListApplications": true, "ListReductionHoldings": true,
	"ListPrepared": true, "ListFreezes": true, "ListPledges": true, "GetCarryOver": true, "ListRisks": true,
	"GetPenalty": true, "CompareReplica": true,
}

// EachBlock calls f with the blocks from a height on, in order and each once,
// and goes on at another node where one fails. to 0 is the newest height at
// the beginning, at least MinHeight; with follow it goes on until ctx ends or
// f fails, and its error is then theirs.
func (c *Client) EachBlock(ctx context.Context, from, to uint64, follow bool, f func(*tx.BlockRecord) error) error {
	next := from
	for {
		err := c.progress(ctx, follow, func(ctx context.Context, n *node) (bool, error) {
			begin := next
			err := c.blocksOf(ctx, n, &next, &to, follow, f)
			return next > begin, err
		})
		var stop stopped
		switch {
		case errors.As(err, &stop):
			return stop.err
		case err != nil:
			return err
		case follow && (to == 0 || next <= to):
			continue
		case to == 0 && next <= c.MinHeight():
			to = c.MinHeight()
		case to == 0 || next > to:
			return nil
		}
	}
}

// stopped carries an error of the caller's own function through the retries.
type stopped struct{ err error }

func (s stopped) Error() string { return s.err.Error() }

// errMoved is a stream that broke after some blocks: the tries begin anew.
var errMoved = errors.New("api: the stream broke on its way")

// progress asks nodes for the next blocks until one answers to the end.
// Rounds without any progress are bounded where nobody follows.
func (c *Client) progress(ctx context.Context, follow bool, f func(context.Context, *node) (moved bool, err error)) error {
	rounds := 2 * queryRounds
	if follow {
		rounds = 0
	}
	for {
		broke := 0
		err := c.each(ctx, rounds, func(ctx context.Context, n *node, _ time.Duration) error {
			broke = slices.Index(c.nodes, n)
			moved, err := f(ctx, n)
			if err != nil && moved && elsewhere(err) {
				return errMoved
			}
			return err
		})
		if !errors.Is(err, errMoved) {
			return err
		}
		c.healthy.Store(int32((broke + 1) % len(c.nodes)))
	}
}

// blocksOf reads one stream of one node; next moves with every block.
func (c *Client) blocksOf(ctx context.Context, n *node, next, to *uint64, follow bool, f func(*tx.BlockRecord) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in := &BlocksRequest{From: *next, To: *to, Follow: follow}
	ctx, err := c.sign(ctx, "Blocks", in)
	if err != nil {
		return err
	}
	stream, err := n.ledger.Blocks(ctx, in)
	if err != nil {
		return err
	}
	for {
		out, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			if !follow && *to != 0 && *next <= *to && *next == in.From {
				return status.Errorf(codes.DataLoss, "sent no block, though there are some up to %d", *to)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if out.Block.Height != *next {
			return status.Errorf(codes.DataLoss, "sent block %d in place of %d", out.Block.Height, *next)
		}
		if *to == 0 && !follow {
			*to = out.Newest
		}
		if err := f(&out.Block); err != nil {
			return stopped{err}
		}
		*next++
	}
}

// slow are the methods that read the whole ledger.
var slow = map[string]bool{"CheckConservation": true, "ListRisks": true}

// GetReceipt asks for the outcome of a transaction.
func (c *Client) GetReceipt(ctx context.Context, in *GetReceiptRequest) (*GetReceiptResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	out, err := ask(ctx, c, "GetReceipt", &r, func(l LedgerClient, ctx context.Context, r *GetReceiptRequest, o ...grpc.CallOption) (*GetReceiptResponse, error) {
		out, err := l.GetReceipt(ctx, r, o...)
		if err == nil && out.Found && !bytes.Equal(out.Receipt.Id, r.Id) {
			err = status.Errorf(codes.DataLoss, "answered with the receipt of %x in place of %x: do not trust this node", out.Receipt.Id, r.Id)
		}
		return out, err
	})
	if err == nil && out.Found {
		c.saw(out.Receipt)
	}
	return out, err
}

// GetProof fetches the proof of an outcome of the asking party, or of any for an
// institution. What it proves is for the caller to verify.
func (c *Client) GetProof(ctx context.Context, in *GetProofRequest) (*GetProofResponse, error) {
	return ask(ctx, c, "GetProof", in, LedgerClient.GetProof)
}

// GetStateProof fetches the proof of a holding or of a statement's state. What it
// proves is for the caller to verify.
func (c *Client) GetStateProof(ctx context.Context, in *GetStateProofRequest) (*GetStateProofResponse, error) {
	return ask(ctx, c, "GetStateProof", in, LedgerClient.GetStateProof)
}

// ListStatement fetches a part of a statement.
func (c *Client) ListStatement(ctx context.Context, in *ListStatementRequest) (*ListStatementResponse, error) {
	return ask(ctx, c, "ListStatement", in, LedgerClient.ListStatement)
}

// Check says what a transaction would answer now, without effect.
func (c *Client) Check(ctx context.Context, in *CheckRequest) (*CheckResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	out, err := ask(ctx, c, "Check", &r, LedgerClient.Check)
	if no := rejectionOf(err); no != nil {
		return nil, fmt.Errorf("%w (%w)", no, err)
	}
	return out, err
}

// GetTransaction fetches a transaction of the asking party, or any for an institution.
func (c *Client) GetTransaction(ctx context.Context, in *GetTransactionRequest) (*GetTransactionResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "GetTransaction", &r, LedgerClient.GetTransaction)
}

// GetParty fetches an account with its keys.
func (c *Client) GetParty(ctx context.Context, in *GetPartyRequest) (*GetPartyResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "GetParty", &r, LedgerClient.GetParty)
}

// ListParties lists accounts by role and region.
func (c *Client) ListParties(ctx context.Context, in *ListPartiesRequest) (*ListPartiesResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListParties", &r, LedgerClient.ListParties)
}

// ListHoldings lists allowances by party and instrument.
func (c *Client) ListHoldings(ctx context.Context, in *ListHoldingsRequest) (*ListHoldingsResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListHoldings", &r, LedgerClient.ListHoldings)
}

// ListMoney lists money by party.
func (c *Client) ListMoney(ctx context.Context, in *ListMoneyRequest) (*ListMoneyResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListMoney", &r, LedgerClient.ListMoney)
}

// ListObligations lists a year's obligations by entity.
func (c *Client) ListObligations(ctx context.Context, in *ListObligationsRequest) (*ListObligationsResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListObligations", &r, LedgerClient.ListObligations)
}

// ListRegionObligations sums a year's obligations by region.
func (c *Client) ListRegionObligations(ctx context.Context, in *ListRegionObligationsRequest) (*ListRegionObligationsResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListRegionObligations", &r, LedgerClient.ListRegionObligations)
}

// GetYearObligation sums a year's obligations.
func (c *Client) GetYearObligation(ctx context.Context, in *GetYearObligationRequest) (*GetYearObligationResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "GetYearObligation", &r, LedgerClient.GetYearObligation)
}

// GetBulletin fetches a day's bulletin.
func (c *Client) GetBulletin(ctx context.Context, in *GetBulletinRequest) (*GetBulletinResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "GetBulletin", &r, LedgerClient.GetBulletin)
}

// ListBulletins lists the bulletins of a span of days.
func (c *Client) ListBulletins(ctx context.Context, in *ListBulletinsRequest) (*ListBulletinsResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListBulletins", &r, LedgerClient.ListBulletins)
}

// GetYearTotals sums a year's trading.
func (c *Client) GetYearTotals(ctx context.Context, in *GetYearTotalsRequest) (*GetYearTotalsResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "GetYearTotals", &r, LedgerClient.GetYearTotals)
}

// GetOrder fetches a registered order and how much of it trades have taken.
func (c *Client) GetOrder(ctx context.Context, in *GetOrderRequest) (*GetOrderResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "GetOrder", &r, LedgerClient.GetOrder)
}

// ListParameters lists the parameters with the days they hold from.
func (c *Client) ListParameters(ctx context.Context, in *ListParametersRequest) (*ListParametersResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListParameters", &r, LedgerClient.ListParameters)
}

// ListValidators lists the validators on the ledger.
func (c *Client) ListValidators(ctx context.Context, in *ListValidatorsRequest) (*ListValidatorsResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListValidators", &r, LedgerClient.ListValidators)
}

// CheckConservation has a node add up every account.
func (c *Client) CheckConservation(ctx context.Context, in *CheckConservationRequest) (*CheckConservationResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "CheckConservation", &r, LedgerClient.CheckConservation)
}

// ListAttestations fetches what validators signed about the newest height.
func (c *Client) ListAttestations(ctx context.Context, in *ListAttestationsRequest) (*ListAttestationsResponse, error) {
	return ask(ctx, c, "ListAttestations", in, LedgerClient.ListAttestations)
}

// Status is that of the node that answers: give a client one address to ask a
// certain node.
func (c *Client) Status(ctx context.Context, in *StatusRequest) (*StatusResponse, error) {
	return ask(ctx, c, "Status", in, LedgerClient.Status)
}
