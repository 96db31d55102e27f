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

// stateRoots keeps the last root that was computed: validators that pass at the same
// time ask for the same height.
type stateRoots struct {
	mu     sync.Mutex
	known  bool
	height uint64
	root   proof.Hash
}

// stateRoot is the root of all chosen records as the block of a height left them,
// read from the disk.
func (p *Publisher) stateRoot(height uint64) (proof.Hash, error) {
	p.roots.mu.Lock()
	defer p.roots.mu.Unlock()
	if p.roots.known && p.roots.height == height {
		return p.roots.root, nil
	}
	v, err := p.c.Ledger().View()
	if err != nil {
		return proof.Hash{}, err
	}
	root, err := v.StateRoot(height)
	if err = errors.Join(err, v.Close()); err != nil {
		return proof.Hash{}, err
	}
	p.roots.known, p.roots.height, p.roots.root = true, height, root
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
	if err := p.compareAt(v, height); err != nil && p.ctx.Err() == nil && !errors.Is(err, state.ErrClosed) {
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
	found, voters, votes := Comparison{Height: height}, 0, map[proof.Hash]int{}
	for _, peer := range validators {
		if peer.Voter {
			voters++
		}
		if peer.Name == p.c.Name {
			continue
		}
		root, err := p.stateRootOf(peer.Name, height)
		if err != nil {
			p.c.Logger.Debug("publish: ask for the state root", "of", peer.Name, "error", err)
			continue
		}
		if peer.Voter {
			votes[root]++
		}
		if root == own {
			found.Alike = append(found.Alike, peer.Name)
		} else {
			found.Differing = append(found.Differing, peer.Name)
			p.c.Logger.Error("publish: state roots differ", "height", height, "peer", peer.Name, "root", fmt.Sprintf("%x", root), "own", fmt.Sprintf("%x", own))
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
