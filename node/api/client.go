package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	gogoproto "github.com/cosmos/gogoproto/proto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"carbonledger/tx"
	"carbonledger/tx/limited"
)

const (
	// firstTry bounds one attempt at one node in the first round over all of
	// them; each further round gives it twice as long. A node that hangs or
	// lags then costs little while others are well.
	firstTry, longestTry = 3 * time.Second, 12 * time.Second
	// slowTry is for what adds up the whole ledger.
	slowTry = 2 * time.Minute
	// patience is how long a call goes on where ctx has no deadline.
	patience = 30 * time.Second
	// queryRounds is how often a query asks all nodes before it gives up.
	queryRounds = 5
	// Pause between rounds over all nodes: doubled each time.
	firstPause, longestPause = 50 * time.Millisecond, time.Second
	maxAnswerBytes           = 64 << 20
)

// ClientConfig says which nodes a client knows and as whom it reads.
type ClientConfig struct {
	// Addresses are host:port of nodes of one chain. The client stays with the
	// one that answered last.
	Addresses []string
	// CAFile is a PEM file of the authorities that sign the nodes'
	// certificates; it implies TLS. With TLS alone the system's are used.
	CAFile string
	TLS    bool
	// Party and Key sign what not everybody may read; a nil Key does not sign.
	Party string
	Key   *tx.PrivateKey
	// Domain is the genesis hash of the chain: Key signs for it, and Submit
	// believes only receipts of the transactions that it sent. Without it
	// Submit believes whatever the node answers; see SetDomain.
	Domain tx.Domain
}

// Client asks a network of nodes. It is safe for concurrent use.
type Client struct {
	cfg   ClientConfig
	nodes []*node
	// healthy is the index of the node that answered last.
	healthy   atomic.Int32
	minHeight atomic.Uint64
	domain    atomic.Pointer[tx.Domain]
}

type node struct {
	address string
	conn    *grpc.ClientConn
	ledger  LedgerClient
}

// NewClient prepares connections; it does not wait for any.
func NewClient(c ClientConfig) (*Client, error) {
	if len(c.Addresses) == 0 {
		return nil, errors.New("api: no node to ask: give at least one address")
	}
	secure, err := clientTLS(c)
	if err != nil {
		return nil, err
	}
	cl := &Client{cfg: c}
	if c.Domain != (tx.Domain{}) {
		cl.SetDomain(c.Domain)
	}
	for _, address := range c.Addresses {
		conn, err := grpc.NewClient(address,
			grpc.WithTransportCredentials(secure),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(codec{}), grpc.MaxCallRecvMsgSize(maxAnswerBytes), grpc.MaxCallSendMsgSize(maxAnswerBytes)),
			grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second}),
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
				MinConnectTimeout: 2 * time.Second,
			}),
			grpc.WithDisableServiceConfig(),
		)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("api: node %q: %w", address, err), cl.Close())
		}
		cl.nodes = append(cl.nodes, &node{address: address, conn: conn, ledger: NewLedgerClient(conn)})
	}
	return cl, nil
}

func clientTLS(c ClientConfig) (credentials.TransportCredentials, error) {
	switch {
	case c.CAFile != "":
		pem, err := limited.ReadFile(c.CAFile, limited.MaxSettingsBytes)
		if err != nil {
			return nil, fmt.Errorf("api: certificate authorities: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("api: %s holds no PEM certificate", c.CAFile)
		}
		return credentials.NewTLS(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}), nil
	case c.TLS:
		return credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS13}), nil
	}
	return insecure.NewCredentials(), nil
}

// Close ends the connections.
func (c *Client) Close() error {
	var errs []error
	for _, n := range c.nodes {
		errs = append(errs, n.conn.Close())
	}
	return errors.Join(errs...)
}

// MinHeight is the height of the newest receipt seen: what queries ask for
// that do not say otherwise, so that one reads what one wrote.
func (c *Client) MinHeight() uint64 { return c.minHeight.Load() }

// SetMinHeight sets it, for example from a journal.
func (c *Client) SetMinHeight(h uint64) { c.minHeight.Store(h) }

// SetDomain is ClientConfig.Domain for Submit where the chain is known only
// after a node was asked.
func (c *Client) SetDomain(d tx.Domain) { c.domain.Store(&d) }

func (c *Client) saw(receipts ...tx.Receipt) {
	for i := range receipts {
		for {
			old := c.minHeight.Load()
			if receipts[i].Height <= old || c.minHeight.CompareAndSwap(old, receipts[i].Height) {
				break
			}
		}
	}
}

// floor fills in min_height where the caller left it open.
func (c *Client) floor(h *uint64) {
	if *h == 0 {
		*h = c.MinHeight()
	}
}

// fullName is the method's name as gRPC sends it.
func fullName(method string) string { return "/" + serviceName + "/" + method }

// sign adds the metadata that opens what not everybody may read.
func (c *Client) sign(ctx context.Context, method string, in gogoproto.Message) (context.Context, error) {
	if c.cfg.Key == nil {
		return ctx, nil
	}
	raw, err := gogoproto.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("api: encode %s: %w", method, err)
	}
	now := tx.Instant(time.Now().UnixMilli())
	signature, err := c.cfg.Key.Sign(tx.ReadMessage(c.cfg.Domain, fullName(method), raw, now))
	if err != nil {
		return nil, fmt.Errorf("api: sign %s: %w", method, err)
	}
	return metadata.AppendToOutgoingContext(ctx,
		metadataParty, c.cfg.Party,
		metadataKey, c.cfg.Key.Public().String(),
		metadataTime, strconv.FormatInt(int64(now), 10),
		metadataSignature, hex.EncodeToString(signature),
	), nil
}

// elsewhere reports whether another node, or the same one later, may answer
// what this one could not.
func elsewhere(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.DataLoss:
		return true
	case codes.OutOfRange:
		// A node that hears no peers does not know how far the others are.
		info := infoOf(err)
		return info != nil && info.Reason == reasonHeightNotKnown
	case codes.ResourceExhausted:
		info := infoOf(err)
		return info != nil && info.Reason == reasonOverloaded
	case codes.Internal:
		// A node with a broken store; grpc's own come without our details.
		return infoOf(err) != nil
	}
	return false
}

// mostSaid bounds what is repeated of a node's words about a failure.
const mostSaid = 2000

// inOneLine cuts a node's words to one line: they are anything, and what stands on a
// line of its own in an error is ours.
func inOneLine(err error) error {
	said, ok := err.(interface{ GRPCStatus() *status.Status })
	if !ok {
		return err
	}
	p := said.GRPCStatus().Proto()
	words := strings.Join(strings.FieldsFunc(p.Message, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	if len(words) > mostSaid {
		words = words[:mostSaid] + "…"
	}
	if words == p.Message {
		return err
	}
	p.Message = strings.ToValidUTF8(words, "")
	return status.ErrorProto(p)
}

// each calls f with one node after the other, the healthy one first, until it
// has an answer, an error that no other node would answer differently, or no
// time or rounds left. rounds 0: as long as ctx lasts. f gets the time for one
// try.
func (c *Client) each(ctx context.Context, rounds int, f func(context.Context, *node, time.Duration) error) error {
	pause, try := firstPause, firstTry
	var last, told error // told: what a node said, and not only that time ran out
	for round := 1; ; round++ {
		start := int(c.healthy.Load())
		for k := range c.nodes {
			i := (start + k) % len(c.nodes)
			n := c.nodes[i]
			err := inOneLine(f(ctx, n, try))
			if err == nil {
				c.healthy.Store(int32(i))
				return nil
			}
			last = fmt.Errorf("api: node %s: %w", n.address, err)
			if infoOf(err) != nil {
				told = last
			}
			if ctx.Err() != nil && told != nil {
				return fmt.Errorf("%w (%w)", told, ctx.Err())
			}
			if !elsewhere(err) || ctx.Err() != nil {
				return last
			}
		}
		if round == rounds {
			return cmp.Or(told, last)
		}
		// Half of the pause is by chance, so that clients do not come in step.
		timer := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return cmp.Or(told, last)
		}
		pause, try = min(2*pause, longestPause), min(2*try, longestTry)
	}
}

// ask is each for one unary query.
func ask[In gogoproto.Message, Out any](ctx context.Context, c *Client, method string, in In, rpc func(LedgerClient, context.Context, In, ...grpc.CallOption) (Out, error)) (Out, error) {
	limit := patience
	if slow[method] {
		limit = slowTry
	}
	ctx, cancel := patient(ctx, limit)
	defer cancel()
	var out Out
	err := c.each(ctx, queryRounds, func(ctx context.Context, n *node, limit time.Duration) error {
		if slow[method] {
			limit = slowTry
		}
		try, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		if restricted[method] {
			var err error
			if try, err = c.sign(try, method, in); err != nil {
				return err
			}
		}
		var err error
		out, err = rpc(n.ledger, try, in)
		return err
	})
	return out, err
}

// Submit commits transactions in the given order, with one receipt each. It
// sends the same bytes to one node after the other until ctx ends, or for 30
// seconds where ctx has no deadline. Its error is ErrUnknownOutcome as soon as
// one attempt may have had an effect, and else ErrWithoutEffect; it also wraps
// the *tx.Rejection of a transaction that no block takes.
func (c *Client) Submit(ctx context.Context, raws [][]byte) ([]tx.Receipt, error) {
	ctx, cancel := patient(ctx, patience)
	defer cancel()
	in := &SubmitRequest{Transactions: raws}
	var out *SubmitResponse
	unknown := false
	err := c.each(ctx, 0, func(ctx context.Context, n *node, limit time.Duration) error {
		try, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		var reached peer.Peer
		var began metadata.MD // of an answer: whatever it is, the node went to work
		var err error
		out, err = n.ledger.Submit(try, in, grpc.Peer(&reached), grpc.Header(&began))
		if err == nil {
			err = c.fits(raws, out.Receipts)
		}
		unknown = unknown || err != nil && reached.Addr != nil && (mayHaveActed(err) || len(began) > 0)
		return err
	})
	switch {
	case err == nil:
		c.saw(out.Receipts...)
		return out.Receipts, nil
	case unknown:
		return nil, fmt.Errorf("%w (%w)", ErrUnknownOutcome, err)
	}
	if r := rejectionOf(err); r != nil {
		return nil, fmt.Errorf("%w: %w (%w)", ErrWithoutEffect, r, err)
	}
	if status.Code(err) == codes.ResourceExhausted && infoOf(err) == nil {
		return nil, fmt.Errorf("%w: send fewer transactions in one request (%w)", ErrWithoutEffect, err)
	}
	return nil, fmt.Errorf("%w (%w)", ErrWithoutEffect, err)
}

// fits refuses receipts that are not of these transactions.
func (c *Client) fits(raws [][]byte, receipts []tx.Receipt) error {
	if len(receipts) != len(raws) {
		return status.Errorf(codes.DataLoss, "answered %d transactions with %d receipts", len(raws), len(receipts))
	}
	domain := c.domain.Load()
	if domain == nil {
		return nil
	}
	for i, raw := range raws {
		id, err := tx.TransactionID(*domain, raw)
		if err != nil {
			return status.Errorf(codes.DataLoss, "gave a receipt of transaction %d, which no ledger takes: %v", i, err)
		}
		if !bytes.Equal(receipts[i].Id, id[:]) {
			return status.Errorf(codes.DataLoss, "answered transaction %s with the receipt of %x: do not trust this node", id, receipts[i].Id)
		}
	}
	return nil
}

func patient(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

// mayHaveActed reports whether a node that failed like this may have handed
// the transactions to a leader.
func mayHaveActed(err error) bool {
	switch status.Code(err) {
	case codes.InvalidArgument, codes.Unimplemented, codes.ResourceExhausted, codes.Unauthenticated, codes.PermissionDenied:
		return false
	case codes.Unavailable:
		info := infoOf(err)
		return info == nil || info.Reason != reasonNotDone && info.Reason != reasonStopping
	}
	return true
}

// rejectionOf rebuilds the refusal that a node put into its error.
func rejectionOf(err error) *tx.Rejection {
	info := infoOf(err)
	if info == nil || info.Metadata["reason_number"] == "" {
		return nil
	}
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(info.Metadata[name], 10, 64)
		return n
	}
	return &tx.Rejection{
		Reason: tx.Reason(number("reason_number")), Operation: uint32(number("operation")),
		Subject: info.Metadata["subject"], Have: number("have"), Want: number("want"),
	}
}
