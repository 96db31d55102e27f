package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"carbonledger/tx"
)

// nobody is an address at which nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// hang is an address that takes connections and never says a word.
func hang(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeQuietly(l) })
	return l.Addr().String()
}

func brief(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestClientGoesToALivingNode(t *testing.T) {
	s := newSolo(t, 1)
	c := as(t, s, "", nobody(t), start(t, s, Config{}).Address(), nobody(t))
	if _, err := c.Submit(t.Context(), [][]byte{s.sign(t, "bank", "r", deposit("e00", 1))}); err != nil {
		t.Fatal(err)
	}
	if c.healthy.Load() != 1 {
		t.Errorf("node %d is remembered", c.healthy.Load())
	}
	if _, err := c.GetParty(t.Context(), &GetPartyRequest{Id: "e00"}); err != nil {
		t.Error(err)
	}
}

func TestClientLeavesANodeThatHangs(t *testing.T) {
	s := newSolo(t, 1)
	c := as(t, s, "", hang(t), start(t, s, Config{}).Address())
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := c.Submit(ctx, [][]byte{s.sign(t, "bank", "r", deposit("e00", 1))}); err != nil {
		t.Fatal(err)
	}
}

func TestNodesThatRefuseHadNoEffect(t *testing.T) {
	s := newSolo(t, 1)
	raw := s.sign(t, "bank", "r", deposit("e00", 1))
	_, err := as(t, s, "", nobody(t), nobody(t)).Submit(brief(t), [][]byte{raw})
	if !errors.Is(err, ErrWithoutEffect) || errors.Is(err, ErrUnknownOutcome) {
		t.Errorf("nobody listens: %v", err)
	}
	c := as(t, s, "", start(t, s, Config{}).Address(), nobody(t))
	for name, refusal := range map[string]error{
		"no leader": fmt.Errorf("%w: no leader", ErrWithoutEffect), "overloaded": ErrOverloaded,
	} {
		s.set(func() { s.refuse = refusal })
		_, err := c.Submit(brief(t), [][]byte{raw})
		if !errors.Is(err, ErrWithoutEffect) || errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.set(func() { s.refuse = fmt.Errorf("%w: lost the lead", ErrUnknownOutcome) })
	if _, err := c.Submit(brief(t), [][]byte{raw}); !errors.Is(err, ErrUnknownOutcome) || errors.Is(err, ErrWithoutEffect) {
		t.Errorf("lost the lead: %v", err)
	}
}

// TestUnknownOutcomeIsLearntElsewhere: a node dies after the transaction took
// effect and before it answers. The client sends the same bytes to the next
// node and gets the one receipt; with no next node it says that it does not
// know.
func TestUnknownOutcomeIsLearntElsewhere(t *testing.T) {
	for _, others := range []int{0, 1} {
		s := newSolo(t, 1)
		s.hold, s.held = make(chan struct{}), make(chan struct{}, 2)
		dying := start(t, s, Config{})
		addresses := []string{dying.Address()}
		if others > 0 {
			addresses = append(addresses, start(t, s, Config{}).Address())
		}
		c := as(t, s, "", addresses...)
		raw := s.sign(t, "bank", "r", deposit("e00", 1))
		type answer struct {
			receipts []tx.Receipt
			err      error
		}
		answers := make(chan answer, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		go func() {
			r, err := c.Submit(ctx, [][]byte{raw})
			answers <- answer{r, err}
		}()
		<-s.held
		cut, stop := context.WithCancel(t.Context())
		stop()
		_ = dying.Shutdown(cut)
		s.set(func() { close(s.hold); s.hold = nil })
		got := <-answers
		switch {
		case others == 0 && !errors.Is(got.err, ErrUnknownOutcome):
			t.Errorf("alone: %v", got.err)
		case others > 0 && (got.err != nil || got.receipts[0].Height != 1 || got.receipts[0].Rejection() != nil):
			t.Errorf("with another node: %v, %v", got.receipts, got.err)
		}
		if n := s.ledger.Head().Transactions; n != 1 {
			t.Errorf("%d transactions took effect", n)
		}
	}
}

func TestQueriesWaitForWhatWasWritten(t *testing.T) {
	s := newSolo(t, 1)
	address := start(t, s, Config{}).Address()
	reader := as(t, s, "", address)
	reader.SetMinHeight(1)
	got := make(chan error, 1)
	go func() {
		out, err := reader.GetParty(t.Context(), &GetPartyRequest{Id: "e00"})
		if err == nil && out.Height < 1 {
			err = fmt.Errorf("answered at height %d", out.Height)
		}
		got <- err
	}()
	if _, err := as(t, s, "", address).Submit(t.Context(), [][]byte{s.sign(t, "bank", "r", deposit("e00", 1))}); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
	_, err := reader.GetParty(brief(t), &GetPartyRequest{Id: "e00", MinHeight: 99})
	info := infoOf(err)
	if status.Code(err) != codes.Unavailable || info == nil || info.Reason != reasonHeightNotReached ||
		info.Metadata["have"] != "1" || info.Metadata["want"] != "99" || !strings.Contains(err.Error(), "at height 1, not yet at 99") {
		t.Errorf("a height that never comes: %v", err)
	}
	if _, err := reader.Check(brief(t), &CheckRequest{Transaction: s.sign(t, "bank", "r2", deposit("e00", 1)), MinHeight: 99}); infoOf(err) == nil || infoOf(err).Reason != reasonHeightNotReached {
		t.Errorf("check at a height that never comes: %v", err)
	}
}

// grow makes blocks of one deposit each.
func (s *solo) grow(t *testing.T, from, to int) {
	t.Helper()
	for i := from; i <= to; i++ {
		s.must(t, "bank", fmt.Sprintf("deposit-%d", i), deposit("e00", 1))
	}
}

func heights(from, to uint64) (all []uint64) {
	for h := from; h <= to; h++ {
		all = append(all, h)
	}
	return all
}

func TestBlocks(t *testing.T) {
	s := newSolo(t, 1)
	s.grow(t, 1, 2*chunkBlocks+50)
	newest := uint64(2*chunkBlocks + 50)
	c := as(t, s, "auditor", start(t, s, Config{}).Address())
	for _, r := range []struct{ from, to, first, last uint64 }{
		{1, 0, 1, newest}, {1, 1, 1, 1}, {newest, 0, newest, newest}, {chunkBlocks, chunkBlocks + 1, chunkBlocks, chunkBlocks + 1}, {7, newest, 7, newest},
		{newest + 1, 0, 1, 0},
	} {
		var got []uint64
		err := c.EachBlock(t.Context(), r.from, r.to, false, func(b *tx.BlockRecord) error {
			want, _, err := s.ledger.HashAt(b.Height)
			if err != nil || tx.ID(b.Hash) != want {
				return fmt.Errorf("block %d has hash %x, want %s, %w", b.Height, b.Hash, want, err)
			}
			got = append(got, b.Height)
			return nil
		})
		if err != nil || !slices.Equal(got, heights(r.first, r.last)) {
			t.Errorf("blocks from %d to %d: %d of them, %v", r.from, r.to, len(got), err)
		}
	}
	mine := errors.New("enough")
	if err := c.EachBlock(t.Context(), 1, 0, false, func(*tx.BlockRecord) error { return mine }); err != mine {
		t.Errorf("the caller's error comes back as %v", err)
	}
	if err := c.EachBlock(t.Context(), 5, 4, false, nil); status.Code(err) != codes.InvalidArgument {
		t.Errorf("backwards: %v", err)
	}
	if err := c.EachBlock(brief(t), newest, newest+1, false, func(*tx.BlockRecord) error { return nil }); err == nil {
		t.Error("a height that does not come is no error")
	}
}

// TestBlocksGoOnAtAnotherNode: the node that streams stops in the middle, and
// blocks go on growing; the caller sees every height once and in order.
func TestBlocksGoOnAtAnotherNode(t *testing.T) {
	s := newSolo(t, 1)
	s.grow(t, 1, 10)
	first := start(t, s, Config{})
	c := as(t, s, "auditor", first.Address(), start(t, s, Config{}).Address())
	var got []uint64
	enough := errors.New("enough")
	err := c.EachBlock(t.Context(), 1, 0, true, func(b *tx.BlockRecord) error {
		got = append(got, b.Height)
		switch b.Height {
		case 10:
			if err := first.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			s.grow(t, 11, 20)
		case 20:
			return enough
		}
		return nil
	})
	if err != enough || !slices.Equal(got, heights(1, 20)) {
		t.Errorf("%v, %v", got, err)
	}
	if c.healthy.Load() != 1 {
		t.Errorf("node %d is remembered", c.healthy.Load())
	}
}

func TestFollowEndsWithItsHeight(t *testing.T) {
	s := newSolo(t, 1)
	s.grow(t, 1, 3)
	c := as(t, s, "auditor", start(t, s, Config{}).Address())
	var got []uint64
	err := c.EachBlock(t.Context(), 1, 6, true, func(b *tx.BlockRecord) error {
		if got = append(got, b.Height); b.Height == 3 {
			s.grow(t, 4, 8)
		}
		return nil
	})
	if err != nil || !slices.Equal(got, heights(1, 6)) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestClientNeedsANode(t *testing.T) {
	if _, err := NewClient(ClientConfig{}); err == nil {
		t.Error("no address is taken")
	}
	if _, err := NewClient(ClientConfig{Addresses: []string{"127.0.0.1:1"}, CAFile: "no such file"}); err == nil {
		t.Error("a missing file of authorities is taken")
	}
}

// liar answers with a receipt of something else.
type liar struct {
	*solo
	other tx.Receipt
}

func (l *liar) Submit(context.Context, [][]byte) ([]tx.Receipt, error) {
	return []tx.Receipt{l.other}, nil
}

func (l *liar) View(ctx context.Context, minHeight uint64) (View, error) {
	v, err := l.solo.View(ctx, minHeight)
	return otherReceipt{v, l.other}, err
}

type otherReceipt struct {
	View
	other tx.Receipt
}

func (o otherReceipt) Receipt(tx.ID) (tx.Receipt, bool, error) { return o.other, true, nil }

// TestAnotherTransactionsReceiptIsNotBelieved: the outcome is unknown until
// another node tells it.
func TestAnotherTransactionsReceiptIsNotBelieved(t *testing.T) {
	s := newSolo(t, 1)
	lying := start(t, &liar{s, s.must(t, "bank", "other", deposit("e00", 1))}, Config{}).Address()
	raw := s.sign(t, "bank", "r", deposit("e00", 2))
	id, err := tx.TransactionID(s.domain(), raw)
	if err != nil {
		t.Fatal(err)
	}
	alone := newClient(t, ClientConfig{Addresses: []string{lying}})
	alone.SetDomain(s.domain())
	_, err = alone.Submit(brief(t), [][]byte{raw})
	if !errors.Is(err, ErrUnknownOutcome) || !strings.Contains(err.Error(), lying) || !strings.Contains(err.Error(), id.String()) {
		t.Errorf("submit to a liar alone: %v", err)
	}
	if _, err := alone.GetReceipt(brief(t), &GetReceiptRequest{Id: id[:]}); err == nil || !strings.Contains(err.Error(), lying) {
		t.Errorf("receipt from a liar alone: %v", err)
	}
	if alone.MinHeight() != 0 {
		t.Errorf("the client believes in height %d", alone.MinHeight())
	}
	c := as(t, s, "", lying, start(t, s, Config{}).Address())
	receipts, err := c.Submit(t.Context(), [][]byte{raw})
	if err != nil || tx.ID(receipts[0].Id) != id {
		t.Errorf("with another node: %v, %v", receipts, err)
	}
}

// TestWordsOfANode: what a node says of a failure is one line, however long and of
// whatever kind, and what it says for programs stays.
func TestWordsOfANode(t *testing.T) {
	refusal := failure{code: codes.NotFound, reason: reasonNotFound, text: "none\r\ncarbonledger: accepted\n" + strings.Repeat("é", mostSaid)}.err()
	got := inOneLine(refusal)
	if text := status.Convert(got).Message(); !strings.HasPrefix(text, "none carbonledger: accepted éé") || strings.Contains(text, "\n") || len(text) > mostSaid+len("…") {
		t.Errorf("%d bytes: %.60q", len(text), text)
	}
	if info := infoOf(got); status.Code(got) != codes.NotFound || info == nil || info.Reason != reasonNotFound {
		t.Errorf("%v of %v", info, got)
	}
	if own := errors.New("one\ntwo"); inOneLine(own) != own || inOneLine(nil) != nil {
		t.Error("another error is another one")
	}
}

// TestAnAnswerThatIsTooLong: the client cannot read it, and the node had the
// transaction.
func TestAnAnswerThatIsTooLong(t *testing.T) {
	s := newSolo(t, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(codec{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		in := &SubmitRequest{}
		if err := stream.RecvMsg(in); err != nil {
			return err
		}
		return stream.SendMsg(&GetProofResponse{Record: make([]byte, maxAnswerBytes)})
	}))
	go func() { _ = server.Serve(l) }()
	t.Cleanup(server.Stop)
	_, err = as(t, s, "", l.Addr().String()).Submit(t.Context(), [][]byte{s.sign(t, "bank", "r", deposit("e00", 1))})
	if !errors.Is(err, ErrUnknownOutcome) || status.Code(err) != codes.ResourceExhausted {
		t.Errorf("the outcome is %v", err)
	}
}
