package publish

import (
	"errors"
	"time"

	"carbonledger/state"
	"carbonledger/tx/proof"
)

// damaged notes that a record of the log does not fit the others, once. A pass looks
// for it at once, and repairs what it can.
func (p *Publisher) damaged(err error) {
	if p.known() != nil {
		return
	}
	p.c.Logger.Error("publish: the log here is damaged: this validator cosigns nothing until it is repaired", "error", err)
	p.setDamage("the log here is damaged: " + err.Error())
	p.raise()
}

// raise asks the scrub for a pass at once.
func (p *Publisher) raise() {
	select {
	case p.alarm <- struct{}{}:
	default:
	}
}

// known is the damage that was found, nil for none: to read the log again for a
// cosignature would only find it again.
func (p *Publisher) known() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.damage == "" {
		return nil
	}
	return errors.New("publish: " + p.damage)
}

// setDamage is shown until a whole pass finds nothing. A validator that cannot
// answer for its log neither cosigns nor leads.
func (p *Publisher) setDamage(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.damage = what
	p.fitness()
}

// errNoKey: this validator would lead and publish nothing.
var errNoKey = errors.New("publish: this validator lacks the log's key: it cosigns, and does not lead while another one can: put origin.key into its data directory, and start again")

// fitness tells whether this validator should lead: not with damage, nor with a history
// that is contradicted, nor without the log's key, since it would lead and publish
// nothing. Callers hold the lock, so that what was said last is true.
func (p *Publisher) fitness() {
	why := p.damage
	switch {
	case p.fork:
		why = p.problem
	case why == "" && p.c.OriginKey == nil:
		why = errNoKey.Error()
	}
	p.c.Unfit(why)
}

// passes at full speed over the whole log.
type passes struct {
	// due says when the next one begins because the last one left damage, nil where it
	// left none; rest is the pause before it.
	due  <-chan time.Time
	rest time.Duration
	// repaired is how many records were when the scrub looked last.
	repaired uint64
}

// scrubAll is a pass at full speed, because something was found; a second one mends
// what leaned on what the first one mended. While damage is left, the next ones
// follow after pauses that double up to the one between two readings of the store,
// and the slow scrub, whose next bundle is returned, looks at the first damaged one
// again and again.
func (p *Publisher) scrubAll(whole *passes, next uint64) uint64 {
	before := p.repairs()
	bad, err := p.scrubPass()
	if err != nil && p.repairs() != before {
		bad, err = p.scrubPass()
	}
	whole.repaired = p.repairs()
	if p.ctx.Err() != nil {
		return next
	}
	if errors.Is(err, state.ErrClosed) { // a restore replaced it: the other one is next
		whole.due = time.After(p.c.Timing.Scrub)
		return 0
	}
	if err == nil {
		p.setDamage("")
		whole.due, whole.rest = nil, 0
		return next
	}
	p.setDamage("the log here is damaged and was not repaired: " + err.Error())
	whole.rest = min(max(2*whole.rest, p.c.Timing.Scrub), p.c.Timing.State)
	whole.due = time.After(whole.rest)
	p.c.Logger.Error("publish: scrub", "error", err, "next whole pass in", whole.rest)
	return bad
}

// scrubPass looks at each bundle in a view of its own, which has what was repaired
// before. It returns the first entry of the first bundle that is wrong: all before
// were found right.
func (p *Publisher) scrubPass() (bad uint64, err error) {
	for first := uint64(0); p.ctx.Err() == nil; first += proof.TileWidth {
		v, failed := p.c.Ledger().View()
		if failed != nil && err == nil {
			bad = first
		}
		if failed != nil {
			return bad, errors.Join(err, failed)
		}
		size := v.LogSize()
		if first >= size {
			return bad, errors.Join(err, v.Close())
		}
		if one := errors.Join(p.scrubBundle(v, first, size), v.Close()); one != nil && err == nil {
			bad, err = first, one
		}
	}
	return bad, err
}

func (p *Publisher) repairs() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.repaired
}

func (p *Publisher) countRepair(what string, index uint64) {
	p.mu.Lock()
	p.repaired++
	p.mu.Unlock()
	p.c.Logger.Warn("publish: repaired", "what", what, "index", index)
}
