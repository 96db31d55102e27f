package api

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"carbonledger/tx"
)

// waiter tells of everyone who begins to wait for a height.
type waiter struct {
	*solo
	waits chan uint64
}

func (w *waiter) WaitHeight(ctx context.Context, height uint64) error {
	if height > w.ledger.Head().Height {
		w.waits <- height
	}
	return w.solo.WaitHeight(ctx, height)
}

func (w *waiter) View(ctx context.Context, minHeight uint64) (View, error) {
	if err := w.WaitHeight(ctx, minHeight); err != nil {
		return nil, err
	}
	return w.ledger.View()
}

// TestWhoWaitsKeepsNobodyOut: those that wait for a height have slots of their
// own; more are refused, and nobody who does not wait notices.
func TestWhoWaitsKeepsNobodyOut(t *testing.T) {
	s := newSolo(t, 1)
	w := &waiter{solo: s, waits: make(chan uint64, 100)}
	server := start(t, w, Config{MaxConcurrent: 4})
	l := NewLedgerClient(dial(t, server.Address(), ourCodec()))
	ask := func(minHeight uint64) error {
		_, err := l.GetParty(t.Context(), &GetPartyRequest{Id: "e00", MinHeight: minHeight})
		return err
	}
	first := make(chan error, 1)
	go func() { first <- ask(1) }()
	<-w.waits
	for range 8 {
		if err := ask(1); status.Code(err) != codes.ResourceExhausted || infoOf(err).Reason != reasonOverloaded || !strings.Contains(err.Error(), "wait for a height") {
			t.Fatalf("with every slot for waiting taken: %v", err)
		}
	}
	if err := ask(0); err != nil {
		t.Errorf("who does not wait: %v", err)
	}
	s.must(t, "bank", "r", deposit("e00", 1))
	if err := <-first; err != nil {
		t.Errorf("who waited: %v", err)
	}
	if err := ask(1); err != nil {
		t.Errorf("at the height: %v", err)
	}
}

// TestHeightFarAwayIsRefusedAtOnce, on the word of this node and its peers.
func TestHeightFarAwayIsRefusedAtOnce(t *testing.T) {
	s := newSolo(t, 1)
	s.status.Peers = []PeerStatus{{Name: "n2", Height: 5_000}}
	w := &waiter{solo: s, waits: make(chan uint64, 100)}
	l := NewLedgerClient(dial(t, start(t, w, Config{}).Address(), ourCodec()))
	raw := s.sign(t, "bank", "r", deposit("e00", 1))
	for _, height := range []uint64{6_001, 1 << 60, 1<<64 - 1} {
		_, e1 := l.GetParty(t.Context(), &GetPartyRequest{Id: "e00", MinHeight: height})
		_, e2 := l.Check(t.Context(), &CheckRequest{Transaction: raw, MinHeight: height})
		for _, err := range []error{e1, e2} {
			info := infoOf(err)
			if status.Code(err) != codes.OutOfRange || info == nil || info.Reason != reasonHeightNotKnown ||
				info.Metadata["have"] != "5000" || info.Metadata["want"] != fmt.Sprint(height) || !strings.Contains(err.Error(), "ask another node") {
				t.Errorf("min_height %d: %v, details %v", height, err, info)
			}
		}
	}
	if len(w.waits) > 0 {
		t.Errorf("the node waited for height %d", <-w.waits)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := l.GetParty(ctx, &GetPartyRequest{Id: "e00", MinHeight: 6_000})
		ended <- err
	}()
	if h := <-w.waits; h != 6_000 {
		t.Errorf("the node waits for height %d", h)
	}
	cancel()
	<-ended
}

// TestClientAsksOnAfterANodeThatKnowsTooLittle: one that hears no peers.
func TestClientAsksOnAfterANodeThatKnowsTooLittle(t *testing.T) {
	deaf, other := newSolo(t, 1), newSolo(t, 1)
	other.must(t, "bank", "r", deposit("e00", 1))
	deafAddress, address := start(t, deaf, Config{}).Address(), start(t, &claims{other, 5_000}, Config{}).Address()
	c := as(t, other, "", deafAddress, address)
	c.SetMinHeight(2_000)
	if out, err := c.GetParty(t.Context(), &GetPartyRequest{Id: "e00"}); err != nil || out.Height != 5_000 {
		t.Errorf("%v, %v", out, err)
	}
}

// claims shows a real ledger as if it were at another height.
type claims struct {
	*solo
	height uint64
}

func (c *claims) View(ctx context.Context, _ uint64) (View, error) {
	v, err := c.solo.View(ctx, 0)
	return at{v, c.height}, err
}

type at struct {
	View
	height uint64
}

func (a at) Head() tx.Head {
	h := a.View.Head()
	h.Height = a.height
	return h
}

// TestSubmitStreamsAreFew: each may hold requests in memory, so that too many
// are refused before they send any.
func TestSubmitStreamsAreFew(t *testing.T) {
	s := newSolo(t, 1)
	l := NewLedgerClient(dial(t, start(t, s, Config{MaxConcurrent: 16}).Address(), ourCodec()))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	one, err := l.SubmitStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	raw := s.sign(t, "bank", "r", deposit("e00", 1))
	if err := one.Send(&SubmitRequest{Transactions: [][]byte{raw}}); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Recv(); err != nil {
		t.Fatal(err)
	}
	two, err := l.SubmitStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := two.Recv(); status.Code(err) != codes.ResourceExhausted || infoOf(err).Reason != reasonOverloaded || !hasRetry(err) {
		t.Errorf("a second stream: %v", err)
	}
	if _, err := l.Submit(ctx, &SubmitRequest{Transactions: [][]byte{raw}}); err != nil {
		t.Errorf("a request beside the stream: %v", err)
	}
	if err := one.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := one.Recv(); err == nil {
		t.Fatal("the first stream goes on")
	}
	three, err := l.SubmitStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := three.Send(&SubmitRequest{Transactions: [][]byte{raw}}); err != nil {
		t.Fatal(err)
	}
	if _, err := three.Recv(); err != nil {
		t.Errorf("a stream after the first one: %v", err)
	}
}

// TestSilentSubmitStreamEnds: its place is for those who have something to send,
// and the one that it had accepted is answered.
func TestSilentSubmitStreamEnds(t *testing.T) {
	s := newSolo(t, 1)
	l := NewLedgerClient(dial(t, start(t, s, Config{MaxConcurrent: 16, SubmitSilence: 2 * time.Second}).Address(), ourCodec()))
	silent, err := l.SubmitStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := silent.Send(&SubmitRequest{Transactions: [][]byte{s.sign(t, "bank", "r", deposit("e00", 1))}}); err != nil {
		t.Fatal(err)
	}
	if out, err := silent.Recv(); err != nil || len(out.Receipts) != 1 || out.Receipts[0].Reason != tx.Accepted {
		t.Fatalf("%v, %v", out, err)
	}
	if _, err := silent.Recv(); status.Code(err) != codes.ResourceExhausted || infoOf(err).Reason != reasonOverloaded || !strings.Contains(err.Error(), "no whole request") {
		t.Errorf("a silent stream: %v", err)
	}
	next, err := l.SubmitStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Send(&SubmitRequest{Transactions: [][]byte{s.sign(t, "bank", "r2", deposit("e00", 1))}}); err != nil {
		t.Fatal(err)
	}
	if _, err := next.Recv(); err != nil {
		t.Errorf("a stream in its place: %v", err)
	}
}

// TestStrangersWaitForNoBlocks: who may not read holds no slot of those that
// follow.
func TestStrangersWaitForNoBlocks(t *testing.T) {
	s := newSolo(t, 1)
	w := &waiter{solo: s, waits: make(chan uint64, 100)}
	c := as(t, s, "e00", start(t, w, Config{}).Address())
	for _, follow := range []bool{true, false} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		err := c.EachBlock(ctx, 1, 5, follow, func(*tx.BlockRecord) error { return nil })
		cancel()
		if status.Code(err) != codes.PermissionDenied {
			t.Errorf("follow %v: %v", follow, err)
		}
	}
	if len(w.waits) > 0 {
		t.Errorf("the node waited for height %d", <-w.waits)
	}
}

// fragile is a view of which one query panics.
type fragile struct {
	View
	closed chan struct{}
}

func (fragile) Party(string) (tx.Party, bool, error) { panic("on purpose") }

func (f fragile) Close() error {
	defer close(f.closed)
	return f.View.Close()
}

type fragileBackend struct {
	*solo
	closed chan struct{}
}

func (b fragileBackend) View(ctx context.Context, minHeight uint64) (View, error) {
	v, err := b.solo.View(ctx, minHeight)
	return fragile{v, b.closed}, err
}

// TestPanicClosesTheView: what stays open would hold up a restore and the stop.
func TestPanicClosesTheView(t *testing.T) {
	b := fragileBackend{newSolo(t, 1), make(chan struct{})}
	l := NewLedgerClient(dial(t, start(t, b, Config{}).Address(), ourCodec()))
	if _, err := l.GetParty(t.Context(), &GetPartyRequest{Id: "e00"}); status.Code(err) != codes.Internal {
		t.Errorf("%v", err)
	}
	select {
	case <-b.closed:
	default:
		t.Error("the view is still open")
	}
}

// TestStrangersLearnNothingOfTransactions: one that exists and one that does
// not get the same answer.
func TestStrangersLearnNothingOfTransactions(t *testing.T) {
	s := newSolo(t, 2)
	r := s.must(t, "bank", "r", deposit("e00", 100))
	c := as(t, s, "e01", start(t, s, Config{}).Address())
	answer := func(id []byte) string {
		_, err := c.GetTransaction(t.Context(), &GetTransactionRequest{Id: id})
		if status.Code(err) != codes.PermissionDenied {
			t.Errorf("%x: %v", id, err)
		}
		return strings.ReplaceAll(err.Error(), tx.ID(id).String(), "ID")
	}
	if is, none := answer(r.Id), answer(make([]byte, 32)); is != none || strings.Contains(is, "bank") {
		t.Errorf("one that exists: %s\none that does not: %s", is, none)
	}
}
