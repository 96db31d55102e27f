package consensus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/hashicorp/raft"
)

// maxClockOffset is how far a leader's clock may be from the median of the
// voters' before it hands over.
const maxClockOffset = 2 * time.Second

// keepHouse does what is due from time to time: snapshots by the size of the
// log, hints to disk, membership as the ledger lists it, and the leader's
// fitness for office.
func (n *Node) keepHouse(ctx context.Context) {
	tick := time.NewTicker(n.cfg.Timing.Lease / 2)
	defer tick.Stop()
	office, saved := time.Time{}, time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.done:
			return
		case <-tick.C:
		}
		n.watchDisk()
		if time.Since(saved) >= time.Second {
			if err := n.memory.save(); err != nil {
				n.fail(err)
				return
			}
			saved = time.Now()
		}
		if n.snapshotDue() && !n.snapshotting.Swap(true) {
			n.run(func(context.Context) { defer n.snapshotting.Store(false); n.snapshot() })
		}
		n.acquaint(ctx)
		n.dismiss()
		if !n.Leads() {
			office = time.Time{}
			continue
		}
		if office.IsZero() {
			office = time.Now()
		}
		n.changeMembership()
		if to, why := n.successor(time.Since(office)); to != "" {
			n.cfg.Logger.Warn("consensus: hands over leadership", "to", to, "because", why)
			if err := n.HandOver(to); err != nil {
				n.cfg.Logger.Warn("consensus: hand over", "error", err)
			}
		}
	}
}

// snapshotDue says whether the log has grown enough since it was last cut. What
// stays behind a snapshot may be as much as that.
func (n *Node) snapshotDue() bool {
	now := n.cfg.Log.Bytes()
	kept := min(n.keptLog.Load(), now)
	n.keptLog.Store(kept)
	return now-kept > n.cfg.SnapshotLogBytes
}

// snapshot freezes the state and lets Raft cut its log.
func (n *Node) snapshot() {
	err := n.settled(n.raft.Snapshot())
	switch {
	case err == nil, errors.Is(err, raft.ErrNothingNewToSnapshot):
		n.keptLog.Store(n.cfg.Log.Bytes())
	case n.ctx.Err() != nil, strings.Contains(err.Error(), errReplaying.Error()):
		// Raft gives the error's text only. It is tried again.
		n.cfg.Logger.Debug("consensus: no snapshot now", "because", err)
	default:
		n.cfg.Logger.Error("consensus: take a snapshot", "error", err)
	}
}

// Snapshot takes a snapshot now and lets Raft cut its log.
func (n *Node) Snapshot() error {
	r := n.running()
	if r == nil {
		return ErrNoLeader
	}
	if err := n.settled(r.Snapshot()); err != nil {
		return fmt.Errorf("consensus: take a snapshot: %w", err)
	}
	return nil
}

// HandOver moves the leadership from this node to a voter. It returns when Raft
// has moved it, or an error where this node does not lead or the voter is too
// far behind.
func (n *Node) HandOver(to string) error {
	v, ok := n.validator(to)
	r := n.running()
	if !ok || r == nil {
		return fmt.Errorf("consensus: hand over to %q: no such validator, or this node has not started", to)
	}
	s, now := server(v), r.GetConfiguration()
	if err := now.Error(); err != nil {
		return fmt.Errorf("consensus: hand over to %s: %w", to, err)
	}
	// Raft would have it stand for election, which ends this leader's term for nothing.
	if !slices.ContainsFunc(now.Configuration().Servers, func(h raft.Server) bool { return h.ID == s.ID && h.Suffrage == raft.Voter }) {
		return fmt.Errorf("consensus: hand over to %s: it has no vote yet", to)
	}
	if err := n.settled(r.LeadershipTransferToServer(s.ID, s.Address)); err != nil {
		return fmt.Errorf("consensus: hand over to %s: %w", to, err)
	}
	return nil
}

// SetUnfit says why this node should not lead, for a reason that consensus does not
// see; empty where there is none any more.
func (n *Node) SetUnfit(why string) { n.unfit.Store(&why) }

func (n *Node) unfitness() string {
	if why := n.unfit.Load(); why != nil {
		return *why
	}
	return ""
}

// successor names a voter that should lead instead of this leader, and why;
// empty where there is no reason, or nobody better. Were the choice Raft's, two
// leaders that are both unfit would hand over to each other for ever.
func (n *Node) successor(inOffice time.Duration) (to, why string) {
	if full := n.diskFull(); full != nil {
		why = full.Error()
	} else if off := n.clockOffset(); n.clockIsOff(off) {
		why = fmt.Sprintf("its clock is %v off the median of the voters'", -off)
	} else {
		why = n.unfitness()
	}
	if why != "" {
		if to = n.fitVoter(n.cfg.PrimarySite); to == "" {
			to = n.fitVoter("")
		}
		return to, why
	}
	me, listed := n.validator(n.cfg.Name)
	if n.cfg.PrimarySite == "" || inOffice < 10*n.cfg.Timing.Lease || !listed || me.Site == n.cfg.PrimarySite {
		return "", ""
	}
	return n.fitVoter(n.cfg.PrimarySite), "a voter of the primary site can lead"
}

// clockIsOff says whether a clock this far from the voters' median must not
// stamp blocks.
func (n *Node) clockIsOff(off time.Duration) bool {
	return !n.cfg.Founding.ScriptClock && (off > maxClockOffset || off < -maxClockOffset)
}

// fitVoter is a voter, of the given site if one is given, that could lead: it is
// heard and level, its disk has room and its clock agrees with the others'.
func (n *Node) fitVoter(site string) string {
	median := n.clockOffset()
	n.agreement.mu.Lock()
	defer n.agreement.mu.Unlock()
	for _, v := range n.voters() {
		p := n.agreement.peers[v.Name]
		if v.Name == n.cfg.Name || p == nil || site != "" && v.Site != site {
			continue
		}
		level := p.differs == 0 && p.agreed+maxInFlight >= n.agreement.own.Height
		if level && n.fresh(p) && !p.unfit && !n.clockIsOff(p.offset-median) {
			return v.Name
		}
	}
	return ""
}

// clockOffset is how far the median of all voters' clocks is ahead of ours.
func (n *Node) clockOffset() time.Duration {
	n.agreement.mu.Lock()
	defer n.agreement.mu.Unlock()
	offsets := []time.Duration{0}
	for _, v := range n.voters() {
		if p := n.agreement.peers[v.Name]; v.Name != n.cfg.Name && p != nil && n.fresh(p) {
			offsets = append(offsets, p.offset)
		}
	}
	slices.Sort(offsets)
	return offsets[len(offsets)/2]
}

// fresh says whether a peer was heard within two leases. Callers hold the
// agreement's lock.
func (n *Node) fresh(p *peer) bool { return time.Since(p.heard) < 2*n.cfg.Timing.Lease }

// changeMembership moves Raft's configuration one step towards the ledger's
// list of validators.
func (n *Node) changeMembership() {
	future := n.raft.GetConfiguration()
	if err := future.Error(); err != nil {
		return
	}
	want := map[raft.ServerID]raft.Server{}
	for _, v := range n.Validators() {
		s := server(v)
		want[s.ID] = s
	}
	have := map[raft.ServerID]raft.Server{}
	for _, s := range future.Configuration().Servers {
		have[s.ID] = s
		if _, ok := want[s.ID]; !ok {
			n.cfg.Logger.Info("consensus: removes a server", "id", s.ID)
			n.logChange(n.raft.RemoveServer(s.ID, 0, n.cfg.Timing.Lease))
			return
		}
	}
	for _, v := range n.Validators() {
		s := server(v)
		h, known := have[s.ID]
		if known && h.Suffrage == s.Suffrage {
			continue
		}
		n.cfg.Logger.Info("consensus: changes a server", "id", s.ID, "to", s.Suffrage)
		switch {
		case s.Suffrage == raft.Voter:
			n.logChange(n.raft.AddVoter(s.ID, s.Address, 0, n.cfg.Timing.Lease))
		case known:
			n.logChange(n.raft.DemoteVoter(s.ID, 0, n.cfg.Timing.Lease))
		default:
			n.logChange(n.raft.AddNonvoter(s.ID, s.Address, 0, n.cfg.Timing.Lease))
		}
		return
	}
}

func (n *Node) logChange(f raft.IndexFuture) {
	if err := n.settled(f); err != nil {
		n.cfg.Logger.Warn("consensus: change the membership", "error", err)
	}
}

// watchDisk refuses submissions while the disk is nearly full; freeing space
// heals it.
func (n *Node) watchDisk() {
	if n.cfg.FreeDisk == nil {
		return
	}
	free, err := n.cfg.FreeDisk()
	if err == nil && free < n.cfg.MinFreeDisk {
		err = fmt.Errorf("consensus: %w: the data directory of %s has %d MiB free, %d MiB are the least: free some space, or submit to another node",
			ErrDiskFull, n.cfg.Name, free>>20, n.cfg.MinFreeDisk>>20)
	} else if err != nil {
		err = fmt.Errorf("consensus: %w: the free space of the data directory is not known: %v", ErrDiskFull, err)
	}
	n.disk.Store(&err)
}

func (n *Node) diskFull() error {
	if p := n.disk.Load(); p != nil {
		return *p
	}
	return nil
}

// reloadValidators reads the list from the ledger, and tells the network and
// the reporters where it changed. A list that changed goes to the disk.
func (n *Node) reloadValidators() {
	list, err := n.listedValidators()
	if err != nil {
		n.fail(fmt.Errorf("consensus: read the validators: %w", err))
		return
	}
	old := n.validators.Load()
	if old != nil && slices.EqualFunc(*old, list, func(a, b tx.Validator) bool { return a.Equal(&b) }) {
		return
	}
	n.list(list)
	if old != nil {
		n.run(func(context.Context) { n.keepValidators() })
	}
	keep := map[string]bool{}
	for _, v := range list {
		keep[v.Name] = true
		if v.Name == n.cfg.Name || n.reporting[v.Name] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(n.ctx)
		n.reporting[v.Name] = cancel
		n.run(func(context.Context) { n.reportTo(ctx, v.Name) }) // false only at the end
	}
	for name, cancel := range n.reporting {
		if !keep[name] {
			cancel()
			delete(n.reporting, name)
		}
	}
}

// keepValidators puts the state with a new list on the disk, beside the blocks that
// follow. Raft's log would replay it, but only once a leader is heard: a node that
// came back with the list of weeks ago might know none of those who could lead.
func (n *Node) keepValidators() {
	if err := n.Ledger().Flush(); err != nil && !errors.Is(err, state.ErrClosed) {
		n.fail(fmt.Errorf("consensus: keep the list of validators: %w", err))
	}
}

func (n *Node) listedValidators() ([]tx.Validator, error) {
	_, list, err := n.listedAt()
	return list, err
}

// listedAt is the ledger's list of validators, and the height of that list.
func (n *Node) listedAt() (uint64, []tx.Validator, error) {
	v, err := n.Ledger().View()
	if err != nil {
		return 0, nil, err
	}
	list, err := v.Validators()
	return v.Head().Height, list, errors.Join(err, v.Close())
}

// Validators are those that the ledger lists.
func (n *Node) Validators() []tx.Validator { return *n.validators.Load() }

func (n *Node) validator(name string) (tx.Validator, bool) {
	for _, v := range n.Validators() {
		if v.Name == name {
			return v, true
		}
	}
	return tx.Validator{}, false
}

func (n *Node) voters() []tx.Validator {
	var voters []tx.Validator
	for _, v := range n.Validators() {
		if v.Voter {
			voters = append(voters, v)
		}
	}
	return voters
}

// isVoter says whether the ledger lists this very data directory as a voter.
func (n *Node) isVoter() bool {
	v, ok := n.validator(n.cfg.Name)
	return ok && v.Voter && server(v).ID == n.cfg.serverID()
}
