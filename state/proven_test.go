package state

import (
	"errors"
	"sync"
	"testing"

	"carbonledger/tx/proof"
)

// TestProvenTrees: readers of a few days do not make each other build, one who asks
// for one day more displaces the tree that was asked for the longest ago, and what
// fails is not kept.
func TestProvenTrees(t *testing.T) {
	var p proven
	builds := map[uint64]int{}
	ask := func(height uint64) {
		t.Helper()
		tree, err := p.of(Epoch{Height: height}, func() (*proof.StateTree, error) {
			builds[height]++
			return new(proof.StateTree), nil
		})
		if tree == nil || err != nil {
			t.Fatal(tree, err)
		}
	}
	for range 3 {
		for height := uint64(1); height <= provenTrees; height++ {
			ask(height)
		}
	}
	ask(1)
	ask(provenTrees + 1) // displaces 2
	ask(1)
	if len(builds) != provenTrees+1 || len(p.trees) != provenTrees {
		t.Fatalf("%d trees, built %v", len(p.trees), builds)
	}
	for height, n := range builds {
		if n != 1 {
			t.Errorf("the tree of %d was built %d times", height, n)
		}
	}
	if ask(2); builds[2] != 2 {
		t.Errorf("the tree that was displaced was built %d times", builds[2])
	}
	damaged := errors.New("damaged")
	for range 2 * provenBuilds {
		if _, err := p.of(Epoch{Height: 99}, func() (*proof.StateTree, error) { return nil, damaged }); !errors.Is(err, damaged) {
			t.Fatal(err)
		}
	}
	// The same height with another root is another tree.
	if _, err := p.of(Epoch{Height: 2, Records: 1}, func() (*proof.StateTree, error) { return nil, damaged }); !errors.Is(err, damaged) {
		t.Error(err)
	}
}

// TestProvenBuilds: all who ask for one day wait for one build, those who ask for a
// day more than are built at once are told to try again, and then can.
func TestProvenBuilds(t *testing.T) {
	var p proven
	begun, release := make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	builds := 0
	slow := func() (*proof.StateTree, error) {
		mu.Lock()
		builds++
		mu.Unlock()
		begun <- struct{}{}
		<-release
		return new(proof.StateTree), nil
	}
	var askers sync.WaitGroup
	ask := func(height uint64) {
		askers.Go(func() {
			if tree, err := p.of(Epoch{Height: height}, slow); tree == nil || err != nil {
				t.Error(tree, err)
			}
		})
	}
	for height := range uint64(provenBuilds) {
		ask(height)
		<-begun
	}
	for range 10 {
		ask(0)
	}
	if _, err := p.of(Epoch{Height: 50}, slow); !errors.Is(err, ErrBusy) {
		t.Errorf("one build more: %v", err)
	}
	close(release)
	askers.Wait()
	if builds != provenBuilds {
		t.Errorf("%d builds for %d days", builds, provenBuilds)
	}
	if _, err := p.of(Epoch{Height: 50}, func() (*proof.StateTree, error) { return new(proof.StateTree), nil }); err != nil {
		t.Errorf("when there is room: %v", err)
	}
}
