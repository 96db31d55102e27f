package consensus

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"carbonledger/tx"

	"github.com/hashicorp/raft"
)

// Status is what an operator asks of a node.
type Status struct {
	Name, Site   string
	Voter        bool   // by the ledger's list
	Role         string // Raft's word: Leader, Follower, Candidate, Shutdown
	Leader       string // empty while none is known
	Term         uint64
	LastLogIndex uint64
	CommitIndex  uint64
	AppliedIndex uint64
	LogBytes     uint64
	Pool         int
	Peers        []PeerStatus
	// Serving: this node can take part now; Problem says why not.
	Serving bool
	Problem string
	// SurvivableSites can be lost now without stopping the network, CriticalSites
	// cannot.
	SurvivableSites, CriticalSites []string
	// Pending is what the ledger's list asks of Raft's configuration, as this node
	// knows it, and is not done yet: until then votes are counted as before.
	Pending []string
}

// PeerStatus is what a node knows of another validator.
type PeerStatus struct {
	Name, Site string
	Voter      bool
	Reachable  bool
	Height     uint64
	// Agrees: no height is known at which its running hash differs from ours.
	Agrees bool
}

// Status of this node now.
func (n *Node) Status() Status {
	s := Status{Name: n.cfg.Name, Role: "Starting", LogBytes: n.cfg.Log.Bytes(), Pool: n.pool.size(), AppliedIndex: n.Ledger().AppliedIndex()}
	if me, ok := n.validator(n.cfg.Name); ok {
		s.Site, s.Voter = me.Site, me.Voter
	}
	if r := n.running(); r != nil {
		s.Role, s.Leader = r.State().String(), n.leader()
		s.LastLogIndex, s.CommitIndex = r.LastIndex(), r.CommitIndex()
		s.Term, _ = strconv.ParseUint(r.Stats()["term"], 10, 64)
		if future := r.GetConfiguration(); future.Error() == nil {
			s.Pending = pendingMembership(n.Validators(), future.Configuration().Servers)
		}
	}
	n.agreement.mu.Lock()
	defer n.agreement.mu.Unlock()
	up := map[string]bool{n.cfg.Name: n.running() != nil}
	for _, v := range n.Validators() {
		if v.Name == n.cfg.Name {
			continue
		}
		p := n.agreement.peer(v.Name)
		up[v.Name] = n.fresh(p)
		s.Peers = append(s.Peers, PeerStatus{Name: v.Name, Site: v.Site, Voter: v.Voter, Reachable: up[v.Name], Height: p.height, Agrees: p.differs == 0})
	}
	s.Problem = n.trouble(s, up)
	s.Serving = s.Problem == ""
	s.SurvivableSites, s.CriticalSites = n.sites(up)
	return s
}

// trouble says why this node cannot take part; empty where it can. Callers
// hold the agreement's lock.
func (n *Node) trouble(s Status, up map[string]bool) string {
	if err := n.Err(); err != nil {
		return err.Error()
	}
	if p := n.problem.Load(); p != nil && *p != "" {
		return *p
	}
	alive, voters := 0, n.voters()
	for _, v := range voters {
		if up[v.Name] {
			alive++
		}
	}
	switch full := n.diskFull(); {
	case alive <= len(voters)/2:
		return fmt.Sprintf("no quorum: %d of %d voters are heard%s", alive, len(voters), n.whoLeads())
	case s.Leader == "":
		return "no leader is known" + n.whoLeads()
	case n.agreement.disputed != 0:
		return fmt.Sprintf("replicas differ at height %d and no majority is known", n.agreement.disputed)
	case full != nil:
		return full.Error()
	case s.Role == raft.Follower.String() && time.Since(n.raft.LastContact()) > 2*n.cfg.Timing.Lease:
		return "the leader was not heard within two leases"
	case s.CommitIndex > s.AppliedIndex+maxLag && n.behind(up):
		return fmt.Sprintf("catching up: at height %d", n.agreement.own.Height)
	}
	return ""
}

// maxLag is by how many blocks a replica may trail and still be current.
const maxLag = 4 * maxInFlight

func (n *Node) behind(up map[string]bool) bool {
	for name, p := range n.agreement.peers {
		if up[name] && p.height > n.agreement.own.Height+maxLag {
			return true
		}
	}
	return false
}

// sites sorts the sites by whether a majority of voters would still be up
// without each.
func (n *Node) sites(up map[string]bool) (survivable, critical []string) {
	voters := n.voters()
	var all []string
	for _, v := range voters {
		if !slices.Contains(all, v.Site) {
			all = append(all, v.Site)
		}
	}
	slices.Sort(all)
	for _, site := range all {
		left := 0
		for _, v := range voters {
			if v.Site != site && up[v.Name] {
				left++
			}
		}
		if left > len(voters)/2 {
			survivable = append(survivable, site)
		} else {
			critical = append(critical, site)
		}
	}
	return survivable, critical
}

// leader is the name of the leader as Raft knows it, empty while none is.
func (n *Node) leader() string {
	r := n.running()
	if r == nil {
		return ""
	}
	address, _ := r.LeaderWithID()
	return string(address)
}

// Leads says whether this node leads, as Status does, and asks nothing else for it.
func (n *Node) Leads() bool {
	r := n.running()
	return r != nil && r.State() == raft.Leader
}

// pendingMembership compares the ledger's list with Raft's configuration, which
// is empty where this node has not heard of any yet.
func pendingMembership(listed []tx.Validator, servers []raft.Server) (pending []string) {
	have := map[raft.ServerID]raft.ServerSuffrage{}
	for _, s := range servers {
		have[s.ID] = s.Suffrage
	}
	if len(have) == 0 {
		return nil
	}
	for _, v := range listed {
		s := server(v)
		suffrage, known := have[s.ID]
		delete(have, s.ID)
		switch {
		case known && suffrage == s.Suffrage:
		case v.Voter:
			pending = append(pending, v.Name+" has no vote yet")
		case known:
			pending = append(pending, v.Name+" has a vote still")
		default:
			pending = append(pending, v.Name+" is not admitted yet")
		}
	}
	for id := range have {
		pending = append(pending, string(id)+" is not removed yet")
	}
	slices.Sort(pending)
	return pending
}
