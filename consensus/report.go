package consensus

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"carbonledger/tx"
)

// report is what every validator keeps telling every other: the newest height
// and running hash that it executed, signed with its node key, its clock, what
// its log holds, and whether its disk is too full to lead.
type report struct {
	Attestation tx.Attestation `json:"attestation"`
	Clock       int64          `json:"clock"`
	Seen        seen           `json:"seen"`
	// Unfit: it could vote, but should not lead.
	Unfit bool `json:"unfit,omitempty"`
}

// maxReportBytes bounds what a peer can make this node read for one report.
const maxReportBytes = 16 << 10

const (
	// keptReports of a peer wait for this replica to reach their heights.
	keptReports = 64
	// keptAttestations of each validator are offered to auditors.
	keptAttestations = 64
)

// peer is what this node knows of another validator.
type peer struct {
	heard   time.Time
	height  uint64
	offset  time.Duration
	unfit   bool
	waiting []tx.Attestation
	// agreed is the greatest height at which its running hash is ours.
	agreed uint64
	// differs is a height at which it is not; 0 while none is known.
	differs uint64
}

// agreement counts which validators executed what.
type agreement struct {
	mu           sync.Mutex
	peers        map[string]*peer
	attestations map[string][]tx.Attestation
	own          tx.Attestation
	// disputed is a height at which replicas differ and no majority is known
	// yet: nothing is acknowledged meanwhile.
	disputed uint64
	changed  chan struct{}
}

func newAgreement() *agreement {
	return &agreement{peers: map[string]*peer{}, attestations: map[string][]tx.Attestation{}, changed: make(chan struct{})}
}

func (a *agreement) peer(name string) *peer {
	p := a.peers[name]
	if p == nil {
		p = new(peer)
		a.peers[name] = p
	}
	return p
}

// wake tells everyone who waits that something moved. Callers hold the lock.
func (a *agreement) wake() {
	close(a.changed)
	a.changed = make(chan struct{})
}

func (a *agreement) keep(at tx.Attestation) {
	all := a.attestations[at.Validator]
	if len(all) > 0 && all[len(all)-1].Height >= at.Height {
		return
	}
	a.attestations[at.Validator] = append(all[max(0, len(all)-keptAttestations+1):], at)
}

// advanced signs this replica's new head and compares it with what the others
// reported.
func (n *Node) advanced() {
	head := n.Ledger().Head()
	sig, err := n.cfg.Key.Sign(tx.AttestMessage(n.cfg.Founding.Hash, head.Height, head.Hash))
	if err != nil {
		n.fail(err)
		return
	}
	a := n.agreement
	a.mu.Lock()
	a.own = tx.Attestation{Validator: n.cfg.Name, Height: head.Height, Hash: head.Hash, Signature: sig}
	a.keep(a.own)
	for name, p := range a.peers {
		n.compare(name, p)
	}
	a.wake()
	a.mu.Unlock()
}

// compare checks a peer's reports up to our own height. Callers hold the lock.
func (n *Node) compare(name string, p *peer) {
	for len(p.waiting) > 0 && p.waiting[0].Height <= n.agreement.own.Height {
		r := p.waiting[0]
		p.waiting = p.waiting[1:]
		hash, ok, err := n.hashAt(r.Height)
		switch {
		case err != nil || !ok:
			continue
		case bytes.Equal(hash[:], r.Hash):
			if p.agreed = max(p.agreed, r.Height); p.differs != 0 {
				// It was restored from a snapshot of the majority.
				p.differs = 0
			}
		case p.differs == 0:
			p.differs = r.Height
			n.dispute(name, r.Height)
		}
	}
}

// hear takes a peer's report.
func (n *Node) hear(from string, r report) {
	v, ok := n.validator(from)
	if !ok || r.Attestation.Validator != from {
		return
	}
	n.memory.booted(server(v).ID, r.Seen.Boot, r.Seen.Run)
	n.memory.stored(server(v).ID, r.Seen)
	a := n.agreement
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.peer(from)
	p.heard, p.offset, p.unfit = time.Now(), time.UnixMilli(r.Clock).Sub(n.cfg.Now()), r.Unfit
	if last := len(p.waiting); r.Attestation.Height < p.height || last > 0 && p.waiting[last-1].Height >= r.Attestation.Height {
		return
	}
	if r.Attestation.Height == p.height && (p.agreed == p.height || p.differs != 0) {
		return
	}
	if !tx.VerifyAttestation(n.cfg.Founding.Hash, &r.Attestation, v.NodeKey) {
		n.cfg.Logger.Warn("consensus: a report whose signature does not fit", "from", from, "height", r.Attestation.Height)
		return
	}
	p.height = r.Attestation.Height
	p.waiting = append(p.waiting[max(0, len(p.waiting)-keptReports+1):], r.Attestation)
	a.keep(r.Attestation)
	n.compare(from, p)
	a.wake()
}

// agreedHeight is the greatest height whose running hash a majority of voters,
// this one among them, has reported alike; 0 while replicas are in dispute.
// Callers hold the lock.
func (n *Node) agreedHeight() uint64 {
	a := n.agreement
	if a.disputed != 0 {
		return 0
	}
	var heights []uint64
	voters := n.voters()
	for _, v := range voters {
		switch {
		case v.Name == n.cfg.Name:
			heights = append(heights, a.own.Height)
		default:
			heights = append(heights, a.peer(v.Name).agreed)
		}
	}
	slices.Sort(heights)
	if len(heights) == 0 {
		return 0
	}
	return heights[len(heights)-(len(voters)/2+1)]
}

// AgreedHeight is the greatest height that a majority of voters, this one among
// them, executed alike; false while replicas are in dispute.
func (n *Node) AgreedHeight() (uint64, bool) {
	n.agreement.mu.Lock()
	defer n.agreement.mu.Unlock()
	return n.agreedHeight(), n.agreement.disputed == 0
}

// waitAgreed waits until a majority executed the height alike.
func (n *Node) waitAgreed(ctx context.Context, height uint64) error {
	for {
		n.agreement.mu.Lock()
		agreed, changed := n.agreedHeight(), n.agreement.changed
		n.agreement.mu.Unlock()
		if agreed >= height {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.done:
			return n.Err()
		case <-changed:
		}
	}
}

// reportTo keeps one peer informed: at once when the head moved, else four
// times a lease.
func (n *Node) reportTo(ctx context.Context, name string) {
	for ctx.Err() == nil {
		if conn, err := n.dial(ctx, name, reportStream); err == nil {
			n.reportOver(ctx, conn)
			conn.Close()
		}
		select {
		case <-ctx.Done():
		case <-time.After(n.cfg.Timing.Lease / 4):
		}
	}
}

func (n *Node) dial(ctx context.Context, to, name string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Timing.Lease)
	defer cancel()
	return n.cfg.Network.Dial(ctx, to, name)
}

func (n *Node) reportOver(ctx context.Context, conn net.Conn) {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	// Nothing comes back but the end: a peer that stood still for long hangs up, and a
	// write does not notice until the peer's window is full, a minute later.
	n.run(func(context.Context) { _, _ = conn.Read(make([]byte, 1)); conn.Close() })
	to, tick := json.NewEncoder(conn), time.NewTicker(n.cfg.Timing.Lease/4)
	defer tick.Stop()
	for {
		n.agreement.mu.Lock()
		own := n.agreement.own
		n.agreement.mu.Unlock()
		_ = conn.SetWriteDeadline(time.Now().Add(4 * n.cfg.Timing.Lease))
		if err := to.Encode(report{own, n.cfg.Now().UnixMilli(), n.memory.mine(), n.diskFull() != nil || n.unfitness() != ""}); err != nil {
			return
		}
		if !n.waitOwnMove(ctx, own.Height, tick.C) {
			return
		}
	}
}

// waitOwnMove returns when this replica is above the height or the tick is
// due, and false when it is time to end.
func (n *Node) waitOwnMove(ctx context.Context, height uint64, tick <-chan time.Time) bool {
	for {
		n.agreement.mu.Lock()
		moved, changed := n.agreement.own.Height > height, n.agreement.changed
		n.agreement.mu.Unlock()
		if moved {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick:
			return true
		case <-changed:
		}
	}
}

func (n *Node) hearReports(conn net.Conn) {
	defer conn.Close()
	limited := &io.LimitedReader{R: conn}
	from := json.NewDecoder(limited)
	for {
		limited.N = maxReportBytes
		_ = conn.SetReadDeadline(time.Now().Add(8 * n.cfg.Timing.Lease))
		var r report
		if err := from.Decode(&r); err != nil {
			return
		}
		n.hear(conn.RemoteAddr().String(), r)
	}
}

// Attestations are those of the newest height that a majority of voters has
// signed alike, or of the newest height at all where there is no such one.
func (n *Node) Attestations() []tx.Attestation {
	a := n.agreement
	a.mu.Lock()
	defer a.mu.Unlock()
	need := len(n.voters())/2 + 1
	var best []tx.Attestation
	for i := len(a.attestations[n.cfg.Name]) - 1; i >= 0; i-- {
		own := a.attestations[n.cfg.Name][i]
		same := []tx.Attestation{own}
		for name, all := range a.attestations {
			for k := range all {
				if name != n.cfg.Name && all[k].Height == own.Height && bytes.Equal(all[k].Hash, own.Hash) {
					same = append(same, all[k])
				}
			}
		}
		if len(same) > len(best) {
			best = same
		}
		if len(best) >= need {
			break
		}
	}
	slices.SortFunc(best, func(x, y tx.Attestation) int { return bytes.Compare([]byte(x.Validator), []byte(y.Validator)) })
	return best
}
