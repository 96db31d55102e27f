package state

import (
	"slices"
	"strconv"
	"sync"

	"carbonledger/tx/proof"

	"golang.org/x/sync/singleflight"
)

const (
	// provenTrees are kept: a tree of 20,000 records has about 3 MB.
	provenTrees = 4
	// provenBuilds are built at once: each reads the whole state of its day, beside
	// the blocks.
	provenBuilds = 2
)

// ErrBusy: too many trees of other epochs are built for proofs; a moment later there
// is room.
var ErrBusy error = busy{}

type busy struct{}

func (busy) Error() string {
	return "state: too many proofs of different days are made at once: try again"
}

// Busy tells those who do not know this package that trying again helps.
func (busy) Busy() {}

// proven keeps the trees of the epochs that were asked for last: whoever asks for one
// proof asks for more of the same day. A tree is built once for all who ask for it
// meanwhile.
type proven struct {
	building singleflight.Group
	mu       sync.Mutex
	builds   int
	trees    []provenTree // the one that was asked for last is the last one
}

type provenTree struct {
	epoch Epoch
	tree  *proof.StateTree
}

// of is the tree of an epoch, which build builds where it is not kept. Nothing is kept
// of a build that fails.
func (p *proven) of(e Epoch, build func() (*proof.StateTree, error)) (*proof.StateTree, error) {
	if tree := p.kept(e); tree != nil {
		return tree, nil
	}
	tree, err, _ := p.building.Do(strconv.FormatUint(e.Height, 10), func() (any, error) {
		if tree := p.kept(e); tree != nil {
			return tree, nil // it was built since
		}
		if !p.begin() {
			return nil, ErrBusy
		}
		defer p.end()
		tree, err := build()
		if err != nil {
			return nil, err
		}
		p.keep(e, tree)
		return tree, nil
	})
	if err != nil {
		return nil, err
	}
	return tree.(*proof.StateTree), nil
}

// kept is the tree of an epoch, nil where none is kept.
func (p *proven) kept(e Epoch) *proof.StateTree {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.trees, func(t provenTree) bool { return t.epoch == e })
	if i < 0 {
		return nil
	}
	t := p.trees[i]
	p.trees = append(slices.Delete(p.trees, i, i+1), t)
	return t.tree
}

func (p *proven) keep(e Epoch, tree *proof.StateTree) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.trees) == provenTrees {
		p.trees = slices.Delete(p.trees, 0, 1)
	}
	p.trees = append(p.trees, provenTree{e, tree})
}

// begin takes the place of a build, false where all are taken.
func (p *proven) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.builds == provenBuilds {
		return false
	}
	p.builds++
	return true
}

func (p *proven) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.builds--
}
