package publish

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"carbonledger/state"
)

// TestStateRootIsRead: a root is told from the disk: neither that of a ledger that a
// restore replaced, nor one of long ago.
func TestStateRootIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := logOf(t, 9)
		p := publisherOf(t, live)
		p.c.Ledger = func() *state.Ledger { return live }
		before, err := p.stateRoot(9)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := p.stateRoot(9); err != nil || again != before {
			t.Errorf("%x after %x, %v", again, before, err)
		}
		closed := logOf(t, 9)
		if err := closed.Close(); err != nil {
			t.Fatal(err)
		}
		open := live // of a closed one nothing can be read
		live = closed
		if _, err := p.stateRoot(9); !errors.Is(err, state.ErrClosed) {
			t.Errorf("after a restore: %v", err)
		}
		live = open
		if _, err := p.stateRoot(9); err != nil {
			t.Fatal(err)
		}
		if err := open.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := p.stateRoot(9); err != nil {
			t.Errorf("within the moment: %v", err)
		}
		time.Sleep(rootPatience)
		if _, err := p.stateRoot(9); !errors.Is(err, state.ErrClosed) {
			t.Errorf("a minute later: %v", err)
		}
	})
}
