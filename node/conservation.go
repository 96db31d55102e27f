package node

import (
	"context"
	"errors"
	"strings"
	"time"

	"carbonledger/consensus"
)

// conservationEvery is how often a node adds up every account by itself.
const conservationEvery = time.Hour

// watchBooks adds up every account once a period, over a view that no block
// waits for. A break is an alarm and not a stop: it follows from the blocks, so
// every replica has it, and one that has it alone is found by its running hash.
func (n *Node) watchBooks(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-n.stopping:
			return
		case <-n.consensus.Done():
			return
		case <-tick.C:
			if err := n.checkBooks(); err != nil && !errors.Is(err, consensus.ErrStopping) {
				n.log.Error("node: the accounts could not be added up", "error", err)
			}
		}
	}
}

// checkBooks adds up once and shows the outcome in the metrics and the log.
func (n *Node) checkBooks() error {
	v, err := (&backend{n}).View(context.Background(), 0)
	if err != nil {
		return err
	}
	c, err := v.Conservation()
	if err := errors.Join(err, v.Close()); err != nil {
		return err
	}
	n.metrics.breaks.Set(float64(len(c.Breaks)))
	n.metrics.booksHeight.Set(float64(c.Height))
	if len(c.Breaks) > 0 {
		n.log.Error("node: the books do not balance: stop issuing, audit, and compare the nodes", "height", c.Height, "breaks", strings.Join(c.Breaks, "; "))
	}
	return nil
}
