package publish

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"carbonledger/state"
	"carbonledger/tx/proof"
)

// Comparison of this validator's state with the others', as the scrub made it last.
type Comparison struct {
	// Height whose state roots were compared; 0 before the first comparison.
	Height uint64
	// Alike and Differing name the validators whose root is this one's, and is
	// another one. Who did not answer, or is behind the height, is in neither.
	Alike, Differing []string
}

// rootPatience bounds the question for a state root: the peer reads its whole state.
const rootPatience = time.Minute

// stateRoots keeps the last root that was computed, for a moment: validators that pass
// at the same time ask for the same height.
type stateRoots struct {
	mu     sync.Mutex
	ledger *state.Ledger // that it is of, nil for none
	at     time.Time
	height uint64
	root   proof.Hash
}

// stateRoot is the root of all chosen records as the block of a height left them,
// read from the disk.
func (p *Publisher) stateRoot(height uint64) (proof.Hash, error) {
	p.roots.mu.Lock()
	defer p.roots.mu.Unlock()
	ledger, now := p.c.Ledger(), p.c.Now()
	if p.roots.ledger == ledger && p.roots.height == height && now.Sub(p.roots.at) < rootPatience {
		return p.roots.root, nil
	}
	v, err := ledger.View()
	if err != nil {
		return proof.Hash{}, err
	}
	root, err := v.StateRoot(height)
	if err = errors.Join(err, v.Close()); err != nil {
		return proof.Hash{}, err
	}
	p.roots.ledger, p.roots.at, p.roots.height, p.roots.root = ledger, now, height, root
	return root, nil
}

// compareState compares the root of the state with the peers': damage that kept a
// record and its past alike since the newest epoch shows only there. State is made
// anew, not mended; where a majority of the voters has another root, this validator
// stops, and where a minority has, that one will, in its own pass. False is returned
// while there is no block that a majority executed alike.
func (p *Publisher) compareState(v *state.View) bool {
	height, agreed := p.c.Agreed()
	if height = min(height, v.Head().Height); !agreed || height == 0 {
		return false
	}
	err := p.compareAt(v, height)
	// What was found of a ledger that a restore has replaced meanwhile is of no use.
	if err != nil && p.ctx.Err() == nil && !errors.Is(err, state.ErrClosed) && p.c.Ledger() == v.Ledger() {
		p.stateDamaged(err)
	}
	return true
}

func (p *Publisher) compareAt(v *state.View, height uint64) error {
	own, err := p.stateRoot(height)
	if err != nil {
		return err
	}
	validators, err := v.Validators()
	if err != nil {
		return err
	}
	roots := make([]*proof.Hash, len(validators))
	var asked sync.WaitGroup
	for i, peer := range validators {
		if peer.Name == p.c.Name {
			continue
		}
		asked.Go(func() {
			root, err := p.stateRootOf(peer.Name, height)
			if err != nil {
				p.c.Logger.Debug("publish: ask for the state root", "of", peer.Name, "error", err)
				return
			}
			roots[i] = &root
		})
	}
	asked.Wait()
	found, voters, votes := Comparison{Height: height}, 0, map[proof.Hash]int{}
	for i, peer := range validators {
		if peer.Voter {
			voters++
		}
		switch root := roots[i]; {
		case root == nil:
			continue
		case *root == own:
			found.Alike = append(found.Alike, peer.Name)
		default:
			found.Differing = append(found.Differing, peer.Name)
			p.c.Logger.Error("publish: state roots differ", "height", height, "peer", peer.Name, "root", fmt.Sprintf("%x", *root), "own", fmt.Sprintf("%x", own))
		}
		if peer.Voter {
			votes[*roots[i]]++
		}
	}
	p.mu.Lock()
	p.compared = found
	p.mu.Unlock()
	for root, n := range votes {
		if root != own && n > voters/2 {
			return fmt.Errorf("the state of height %d has the root %x, that of %d of %d voters %x", height, own, n, voters, root)
		}
	}
	return nil
}

func (p *Publisher) stateRootOf(peer string, height uint64) (proof.Hash, error) {
	a, err := p.askPatiently(p.ctx, peer, question{StateRoot: &height}, rootPatience)
	if err != nil {
		return proof.Hash{}, err
	}
	if len(a.StateRoot) != len(proof.Hash{}) {
		return proof.Hash{}, fmt.Errorf("publish: %s has no state root of height %d: %s", peer, height, a.Refused)
	}
	return proof.Hash(a.StateRoot), nil
}
