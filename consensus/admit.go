package consensus

import (
	"context"
	"fmt"

	"carbonledger/state"
	"carbonledger/tx"
)

// Refused is the error of a request with a transaction that no honest leader
// puts into a block. Nothing of the request happened.
type Refused struct {
	// Transaction is its position in the request, from 0.
	Transaction int
	Rejection   *tx.Rejection
}

// Error names the transaction and why.
func (r *Refused) Error() string {
	return fmt.Sprintf("transaction %d of the request: %v", r.Transaction, r.Rejection)
}

// Unwrap is the *tx.Rejection.
func (r *Refused) Unwrap() error { return r.Rejection }

// verify refuses a request with a transaction whose encoding or signatures do not
// hold. Followers do it too before they forward: the verifier remembers it for
// the block.
func (n *Node) verify(raws [][]byte) ([]tx.Verified, error) {
	verified, errs := n.cfg.Verifier.VerifyAll(raws)
	for i, err := range errs {
		if r, ok := err.(*tx.Rejection); ok {
			return nil, &Refused{i, r}
		}
		if err != nil {
			return nil, fmt.Errorf("consensus: verify transaction %d: %w", i, err)
		}
	}
	return verified, nil
}

// admit keeps off every disk what the ledger has already, and what anybody can
// make in anybody's name. It returns the first receipts of what is there, and
// refuses what is by no party and no key, unless an account or key may be on its
// way: in this request before it, or in blocks that are not executed yet.
func (n *Node) admit(verified []tx.Verified) ([]state.Foreseen, error) {
	v, err := n.Ledger().View()
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", ErrNoLeader, err)
	}
	defer v.Close()
	foreseen, err := v.Foresee(verified)
	if err != nil {
		return nil, fmt.Errorf("consensus: look at transactions before a block: %w", err)
	}
	coming := n.signersComing.Load() > 0
	for i := range foreseen {
		if r := foreseen[i].Refused; r != nil && !coming {
			return nil, &Refused{i, r}
		}
		coming = coming || state.MakesSigners(verified[i])
	}
	return foreseen, nil
}

// submitHere answers what is on the ledger with its first receipts, and puts the
// rest into blocks: this node is the leader.
func (n *Node) submitHere(ctx context.Context, raws [][]byte) ([]tx.Receipt, error) {
	verified, err := n.verify(raws)
	if err != nil {
		return nil, err
	}
	for i := range verified {
		if state.MakesSigners(verified[i]) {
			n.signersComing.Add(1)
			defer n.signersComing.Add(-1)
			break
		}
	}
	foreseen, err := n.admit(verified)
	if err != nil {
		return nil, err
	}
	receipts := make([]tx.Receipt, len(raws))
	var rest [][]byte
	var at, carried []int
	for i := range foreseen {
		if foreseen[i].First == nil {
			rest, at, carried = append(rest, raws[i]), append(at, i), append(carried, mayCarryOut(verified[i]))
			continue
		}
		receipts[i] = *foreseen[i].First
		// Executed here; acknowledged only once a majority executed it alike.
		if n.waitAgreed(ctx, receipts[i].Height) != nil {
			return nil, ErrUnknownOutcome
		}
	}
	fresh, err := n.propose(ctx, rest, carried)
	for k, i := range at {
		if err == nil {
			receipts[i] = fresh[k]
		}
	}
	return receipts, err
}

// mayCarryOut is how many bytes a transaction may carry out that others prepared: the
// ledger bounds them, and the leader does not know more before it is executed.
func mayCarryOut(v tx.Verified) int {
	for i := range v.Body().Operations {
		if _, ok := v.Body().Operations[i].Operation.(*tx.Operation_Approve); ok {
			return tx.MaxTransactionBytes
		}
	}
	return 0
}

// propose puts transactions into blocks and waits for their receipts.
func (n *Node) propose(ctx context.Context, raws [][]byte, carried []int) ([]tx.Receipt, error) {
	if len(raws) == 0 {
		return nil, nil
	}
	r, err := n.pool.add(raws, carried)
	if err != nil {
		return nil, err
	}
	select {
	case <-r.done:
		if r.err != nil {
			return nil, r.err
		}
		return r.receipts, nil
	case <-ctx.Done():
		return nil, ErrUnknownOutcome
	}
}
