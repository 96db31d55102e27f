package consensus

import (
	"sync"

	"carbonledger/tx"
)

// request is what one caller submitted: transactions that enter blocks in the
// caller's order, and their receipts.
type request struct {
	raws     [][]byte
	receipts []tx.Receipt
	// carried is what each may carry out beside itself, in bytes.
	carried []int
	// taken into blocks, and answered, so far.
	taken, answered int
	err             error
	done            chan struct{}
}

// part is the piece of a request that one block carries.
type part struct {
	of       *request
	from, to int
}

// pool holds requests until a block has room for them, first come first
// served.
type pool struct {
	most int

	mu      sync.Mutex
	waiting []*request
	bytes   int
	closed  error
	arrived chan struct{}
}

func newPool(most int) *pool { return &pool{most: most, arrived: make(chan struct{}, 1)} }

// add queues a request, of whose transactions each may carry out as many bytes beside
// itself. It fails with ErrOverloaded when too much waits, and
// with the reason of close when no leader works here.
func (p *pool) add(raws [][]byte, carried []int) (*request, error) {
	size := 0
	for _, raw := range raws {
		size += len(raw)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed != nil:
		return nil, p.closed
	case p.bytes > 0 && p.bytes+size > p.most:
		return nil, ErrOverloaded
	}
	r := &request{raws: raws, carried: carried, receipts: make([]tx.Receipt, len(raws)), done: make(chan struct{})}
	p.waiting = append(p.waiting, r)
	p.bytes += size
	select {
	case p.arrived <- struct{}{}:
	default:
	}
	return r, nil
}

// blockOverhead bounds what a block adds to a transaction, and to itself.
const (
	perTransaction = 8
	perBlock       = 256
)

// take removes as many transactions from the front as one block holds, with what they
// carry out: that is executed and recorded with the block, whose work it bounds too.
func (p *pool) take() (raws [][]byte, parts []part) {
	p.mu.Lock()
	defer p.mu.Unlock()
	room := tx.MaxBlockBytes - perBlock
	for len(p.waiting) > 0 {
		r := p.waiting[0]
		from := r.taken
		for r.err == nil && r.taken < len(r.raws) {
			weight := len(r.raws[r.taken]) + perTransaction + r.carried[r.taken]
			if weight > room {
				break
			}
			room -= weight
			p.bytes -= len(r.raws[r.taken])
			raws = append(raws, r.raws[r.taken])
			r.taken++
		}
		if r.taken > from {
			parts = append(parts, part{r, from, r.taken})
		}
		if r.err == nil && r.taken < len(r.raws) {
			break
		}
		for _, raw := range r.raws[r.taken:] {
			p.bytes -= len(raw)
		}
		p.waiting = p.waiting[1:]
	}
	return raws, parts
}

// answer hands out a block's receipts, which are in the order of its
// transactions.
func (p *pool) answer(parts []part, receipts []tx.Receipt) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, part := range parts {
		n := part.to - part.from
		r := part.of
		copy(r.receipts[part.from:part.to], receipts[:n])
		receipts = receipts[n:]
		if r.answered += n; r.answered == len(r.raws) && r.err == nil {
			close(r.done)
		}
	}
}

// failParts ends requests of which a block has no outcome. An error that says
// that nothing happened is true only of requests of which no earlier block
// holds a part.
func (p *pool) failParts(parts []part, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, part := range parts {
		if part.from > 0 {
			part.of.fail(ErrUnknownOutcome)
		} else {
			part.of.fail(err)
		}
	}
}

func (r *request) fail(err error) {
	if r.err == nil {
		r.err = err
		close(r.done)
	}
}

// open lets requests in; shut refuses them with err and ends those of which
// nothing is in a block yet with it, the others as unknown.
func (p *pool) open() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = nil
}

func (p *pool) shut(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = err
	for _, r := range p.waiting {
		if r.taken > 0 {
			r.fail(ErrUnknownOutcome)
		} else {
			r.fail(err)
		}
	}
	p.waiting, p.bytes = nil, 0
}

// size is how many transactions wait.
func (p *pool) size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, r := range p.waiting {
		n += len(r.raws) - r.taken
	}
	return n
}
