package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carbonledger/consensus"
	"carbonledger/state"
	"carbonledger/tx"
)

// TestRebuiltFounders: voters that all lost their logs and have rebuilt states begin
// no second log, whose first blocks would pass for those that they have: nothing is
// acknowledged and lost.
func TestRebuiltFounders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t, Options{Voters: 3, Entities: 1, ScriptClock: true})
		for i := range 5 {
			c.pay(c.Leader(), fmt.Sprint("r", i))
		}
		height, hash := c.Level(5)
		for _, name := range c.Names {
			c.must(c.Nodes[name].Snapshot()) // which writes the state out
			c.Stop(name)
			c.LoseLog(name)
			c.must(os.RemoveAll(filepath.Join(c.dir, fmt.Sprintf("%s-%d", name, c.Nodes[name].Generation))))
			l, err := state.Open("state/00000001", c.Founding, tx.NewVerifier(c.Domain), state.Options{FS: c.Nodes[name].FS})
			c.must(err)
			c.must(errors.Join(l.MarkRebuilt(), l.Close()))
		}
		for _, name := range c.Names {
			c.Start(name)
		}
		for _, name := range c.Names {
			n := c.Nodes[name]
			select {
			case <-n.Done():
			case <-time.After(time.Minute):
				t.Fatalf("%s goes on: %+v", name, n.Status())
			}
			if err := n.Err(); !errors.Is(err, consensus.ErrLostMemory) || !strings.Contains(err.Error(), "its state was rebuilt from an archive") {
				t.Errorf("%s stops with %v", name, err)
			}
			if h := n.Ledger().Head(); h.Height != height || tx.ID(h.Hash) != hash {
				t.Errorf("%s is at height %d", name, h.Height)
			}
		}
	})
}
