package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"carbonledger/cli/scenario"
	"carbonledger/node/api"
)

// siteLoss is what happened when a site lost power.
type siteLoss struct {
	site  string
	nodes []*localNode
	// killed is when the last process had ended; outage how long after that the
	// next transactions were acknowledged. Guarded by mu.
	mu     sync.Mutex
	killed time.Time
	outage time.Duration
}

// acknowledged notes the first acknowledgment after the loss.
func (l *siteLoss) acknowledged(at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.killed.IsZero() && l.outage == 0 && at.After(l.killed) {
		l.outage = at.Sub(l.killed)
	}
}

// loseSite ends every process of the leader's site with SIGKILL while a step is
// being submitted.
func (d *demo) loseSite(ctx context.Context, step scenario.Step) error {
	find, cancel := context.WithTimeout(ctx, startDeadline)
	defer cancel()
	leader, err := d.net.leader(find)
	if err != nil {
		return err
	}
	d.loss.site = leader.Site
	var names []string
	for _, n := range d.net.nodes {
		if n.Site == leader.Site {
			d.loss.nodes = append(d.loss.nodes, n)
			names = append(names, n.Name)
		}
	}
	submitted := make(chan error, 1)
	go func() { submitted <- d.submit(ctx, step) }()
	var all sync.WaitGroup
	for _, n := range d.loss.nodes {
		all.Go(n.process.Kill)
	}
	all.Wait()
	d.loss.mu.Lock()
	d.loss.killed = time.Now()
	d.loss.mu.Unlock()
	d.say("%s: %s loses power: %s killed, of which %s led", step.Day, leader.Site, strings.Join(names, " and "), leader.Name)
	return <-submitted
}

// restoreSite starts the lost processes again. Trading does not wait for them.
func (d *demo) restoreSite() error {
	for _, n := range d.loss.nodes {
		if err := d.net.start(n); err != nil {
			return err
		}
	}
	if len(d.loss.nodes) > 0 {
		d.say("%s has power again", d.loss.site)
	}
	return nil
}

// askers is how many questions are asked at once.
const askers = 8

// countLost asks the nodes that lost power, or the first node where none did,
// for every transaction that was acknowledged.
func (d *demo) countLost(ctx context.Context) (lost int, err error) {
	nodes := d.loss.nodes
	if len(nodes) == 0 {
		nodes = d.net.nodes[:1]
	}
	for _, n := range nodes {
		if err := d.net.waitServing(ctx, n); err != nil {
			return 0, err
		}
		missing, err := d.missingAt(ctx, n)
		if err != nil {
			return 0, err
		}
		lost += missing
	}
	return lost, nil
}

func (d *demo) missingAt(ctx context.Context, n *localNode) (int, error) {
	c, err := api.NewClient(api.ClientConfig{Addresses: []string{n.API}})
	if err != nil {
		return 0, err
	}
	c.SetMinHeight(d.client.MinHeight())
	bar := newProgress(d.cmd, "receipts at "+n.Name)
	defer bar.end()
	var mu sync.Mutex
	var failed error
	missing, next := 0, 0
	var all sync.WaitGroup
	for range askers {
		all.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := failed != nil || i >= len(d.played)
				mu.Unlock()
				if stop {
					return
				}
				out, err := c.GetReceipt(ctx, &api.GetReceiptRequest{Id: d.played[i].id})
				mu.Lock()
				if err != nil {
					failed = fmt.Errorf("ask %s for a receipt: %w", n.Name, err)
				} else if !out.Found || out.Receipt.Height != d.played[i].height {
					missing++
				}
				bar.set(uint64(i), uint64(len(d.played)))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return missing, errors.Join(failed, c.Close())
}
