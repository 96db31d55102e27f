package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"carbonledger/tx"

	"github.com/hashicorp/raft"
)

func pieces(n, size int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = bytes.Repeat([]byte{byte(i)}, size)
	}
	return all
}

// put adds transactions that carry out nothing.
func put(p *pool, raws [][]byte) (*request, error) { return p.add(raws, make([]int, len(raws))) }

func (r *request) ended() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// TestPoolBlocks: whatever is submitted leaves in its order, in blocks that are
// no larger than a block may be, each as full as the next piece allows.
func TestPoolBlocks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	p := newPool(1 << 30)
	var all [][]byte
	for i := range 60 {
		raws := pieces(1+r.IntN(40), 1+r.IntN(tx.MaxTransactionBytes))
		for k := range raws {
			raws[k] = fmt.Appendf(raws[k][:0:0], "%d/%d", i, k)
			raws[k] = append(raws[k], make([]byte, r.IntN(tx.MaxTransactionBytes-20))...)
		}
		all = append(all, raws...)
		if _, err := put(p, raws); err != nil {
			t.Fatal(err)
		}
	}
	if p.size() != len(all) {
		t.Errorf("%d wait, want %d", p.size(), len(all))
	}
	var out [][]byte
	for {
		raws, parts := p.take()
		if len(raws) == 0 {
			break
		}
		n := 0
		for _, part := range parts {
			n += part.to - part.from
		}
		if n != len(raws) {
			t.Fatalf("parts of %d for %d transactions", n, len(raws))
		}
		block := tx.Block{Proposer: "a-validator-with-a-long-name", Stamp: 1 << 60, AppliedHeight: 1 << 60, AppliedHash: make([]byte, 32), Transactions: raws}
		raw, err := block.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, raws...)
		if len(raw) > tx.MaxBlockBytes {
			t.Errorf("a block of %d bytes", len(raw))
		}
		if len(out) < len(all) && len(raw)+len(all[len(out)])+perTransaction+perBlock <= tx.MaxBlockBytes {
			t.Errorf("a block of %d bytes leaves out a transaction of %d", len(raw), len(all[len(out)]))
		}
	}
	if len(out) != len(all) || p.bytes != 0 || p.size() != 0 {
		t.Fatalf("%d of %d came out, %d bytes and %d transactions stay", len(out), len(all), p.bytes, p.size())
	}
	for i := range all {
		if !bytes.Equal(all[i], out[i]) {
			t.Fatalf("transaction %d is another", i)
		}
	}
}

func TestPoolLimits(t *testing.T) {
	p := newPool(1000)
	first, err := put(p, pieces(1, 5000)) // alone, a request of any size is taken
	if err != nil {
		t.Fatal(err)
	}
	if _, err := put(p, pieces(1, 1)); !errors.Is(err, ErrOverloaded) {
		t.Errorf("more than the pool holds: %v", err)
	}
	_, parts := p.take()
	for range 10 {
		if _, err := put(p, pieces(1, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := put(p, pieces(1, 1)); !errors.Is(err, ErrOverloaded) {
		t.Errorf("one byte more than the pool holds: %v", err)
	}
	p.answer(parts, make([]tx.Receipt, 1))
	if !first.ended() || first.err != nil {
		t.Errorf("the first request ended: %v, %v", first.ended(), first.err)
	}
}

// TestPoolCarried: what approvals may carry out counts as if it were in the block, so
// that small ones do not add up to a block that takes seconds.
func TestPoolCarried(t *testing.T) {
	p := newPool(1 << 30)
	carried := make([]int, 40)
	for i := range carried {
		carried[i] = tx.MaxTransactionBytes
	}
	if _, err := p.add(pieces(40, 200), carried); err != nil {
		t.Fatal(err)
	}
	if _, err := put(p, pieces(1, 10)); err != nil {
		t.Fatal(err)
	}
	fit := (tx.MaxBlockBytes - perBlock) / (200 + perTransaction + tx.MaxTransactionBytes)
	for left := 41; left > 0; {
		raws, _ := p.take()
		if len(raws) == 0 || len(raws) > fit+1 {
			t.Fatalf("%d transactions in a block, %d approvals fit", len(raws), fit)
		}
		left -= len(raws)
	}
}

// TestPoolAnswers: a request over several blocks is answered once, with its
// receipts in its order.
func TestPoolAnswers(t *testing.T) {
	p := newPool(1 << 30)
	small, _ := put(p, pieces(3, 10))
	large, _ := put(p, pieces(30, 50_000))
	last, _ := put(p, pieces(2, 10))
	height := uint64(0)
	var flights [][]part
	var sizes []int
	for p.size() > 0 {
		raws, parts := p.take()
		flights, sizes = append(flights, parts), append(sizes, len(raws))
	}
	if len(flights) < 3 {
		t.Fatalf("%d blocks", len(flights))
	}
	for i, parts := range flights {
		height++
		receipts := make([]tx.Receipt, sizes[i])
		for k := range receipts {
			receipts[k] = tx.Receipt{Height: height, Position: uint32(k)}
		}
		if i == 1 && (!small.ended() || large.ended() || last.ended()) {
			t.Errorf("after one block: %v %v %v", small.ended(), large.ended(), last.ended())
		}
		p.answer(parts, receipts)
	}
	for _, r := range []*request{small, large, last} {
		if !r.ended() || r.err != nil {
			t.Fatalf("ended: %v, %v", r.ended(), r.err)
		}
		for k := 1; k < len(r.receipts); k++ {
			a, b := r.receipts[k-1], r.receipts[k]
			if b.Height < a.Height || b.Height == a.Height && b.Position != a.Position+1 || b.Height > a.Height && b.Position != 0 {
				t.Errorf("receipt %d is %d/%d after %d/%d", k, b.Height, b.Position, a.Height, a.Position)
			}
		}
	}
}

// TestPoolEnds: what an end of office means to each request depends on where
// its transactions are.
func TestPoolEnds(t *testing.T) {
	p := newPool(1 << 30)
	inBlock, _ := put(p, pieces(1, 400_000))
	split, _ := put(p, pieces(20, 50_000))
	waiting, _ := put(p, pieces(1, 10))
	_, first := p.take() // inBlock and a part of split
	if len(first) != 2 || split.taken == 0 || split.taken == 20 {
		t.Fatalf("parts: %v", first)
	}
	p.shut(ErrNoLeader)
	for what, want := range map[*request]error{split: ErrUnknownOutcome, waiting: ErrNoLeader} {
		if !what.ended() || !errors.Is(what.err, want) {
			t.Errorf("%d transactions: %v, want %v", len(what.raws), what.err, want)
		}
	}
	if inBlock.ended() {
		t.Error("a request in a block has its outcome from there")
	}
	if _, err := put(p, pieces(1, 1)); !errors.Is(err, ErrNoLeader) {
		t.Errorf("a shut pool took a request: %v", err)
	}
	if p.bytes != 0 || p.size() != 0 {
		t.Errorf("%d bytes of %d transactions stay", p.bytes, p.size())
	}
	p.answer(first, make([]tx.Receipt, 1+split.taken)) // must not end split twice
	if !inBlock.ended() || inBlock.err != nil || !errors.Is(split.err, ErrUnknownOutcome) {
		t.Errorf("after the answer: %v, %v", inBlock.err, split.err)
	}
	p.open()
	if _, err := put(p, pieces(1, 1)); err != nil {
		t.Error(err)
	}
}

// TestPoolRefusedBlock: that Raft refused the second block of a request says
// nothing about the first.
func TestPoolRefusedBlock(t *testing.T) {
	p := newPool(1 << 30)
	split, _ := put(p, pieces(12, 50_000))
	_, first := p.take()
	next, _ := put(p, pieces(1, 10))
	_, second := p.take()
	if len(second) != 2 {
		t.Fatalf("parts: %v", second)
	}
	p.failParts(second, outcome(raft.ErrLeadershipTransferInProgress))
	if !errors.Is(split.err, ErrUnknownOutcome) || !errors.Is(next.err, ErrNoLeader) {
		t.Errorf("the request over two blocks: %v; the one in the refused block: %v", split.err, next.err)
	}
	p.failParts(first, ErrUnknownOutcome) // must not end it twice
	// A request that ended leaves no transactions behind for the next block.
	gone, _ := put(p, pieces(20, 50_000))
	_, parts := p.take()
	p.failParts(parts, ErrUnknownOutcome)
	if raws, parts := p.take(); len(raws) != 0 || len(parts) != 0 || p.bytes != 0 || !gone.ended() {
		t.Errorf("%d transactions of an ended request go into the next block, %d bytes stay", len(raws), p.bytes)
	}
}

func TestOutcome(t *testing.T) {
	for err, want := range map[error]error{
		raft.ErrLeadershipTransferInProgress: ErrNoLeader, raft.ErrNotLeader: ErrNoLeader,
		raft.ErrLeadershipLost: ErrUnknownOutcome, raft.ErrRaftShutdown: ErrUnknownOutcome, errHalted: ErrUnknownOutcome, errNotApplied: ErrUnknownOutcome,
	} {
		if got := outcome(err); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
	}
}
