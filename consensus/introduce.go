package consensus

import (
	"context"
	"fmt"
	"slices"
	"time"

	"carbonledger/tx"

	"github.com/hashicorp/raft"
)

// IntroducedStreams are the names of the streams that a validator may open here
// which this node knows by introduction alone: those of blocks and snapshots.
func IntroducedStreams() []string { return []string{raftStream} }

// A node knows the other validators from its own ledger. That list is too old
// after it was down for long, or, in a new node, is that of genesis: when a
// validator that it lacks leads, it could never learn of it. So validators are
// introduced: by a majority of the voters that the node does know, each asked
// over its own authenticated stream, or by a file that they signed.

// introduced are validators that the ledger here does not list, or lists with
// other keys.
func (n *Node) introduced() []tx.Validator {
	if p := n.strangers.Load(); p != nil {
		return *p
	}
	return nil
}

// setIntroduced takes over a list of validators and tells the network.
func (n *Node) setIntroduced(all []tx.Validator) {
	n.listing.Lock()
	defer n.listing.Unlock()
	n.strangers.Store(&all)
	n.tellValidators()
}

// list takes over the ledger's list of validators. Whoever is not in it any more
// leaves, and stays as well known as one that is introduced while Raft's configuration
// has it.
func (n *Node) list(all []tx.Validator) {
	n.listing.Lock()
	defer n.listing.Unlock()
	if old := n.validators.Load(); old != nil {
		n.leaving = append(n.leaving, *old...)
	}
	n.leaving = slices.DeleteFunc(n.leaving, func(v tx.Validator) bool {
		return slices.ContainsFunc(all, func(w tx.Validator) bool { return v.Name == w.Name || string(v.NodeKey) == string(w.NodeKey) })
	})
	n.validators.Store(&all)
	n.tellValidators()
}

// dismiss ends the acquaintance with those who have left Raft's configuration.
func (n *Node) dismiss() {
	r := n.running()
	if r == nil {
		return
	}
	n.listing.Lock()
	defer n.listing.Unlock()
	if len(n.leaving) == 0 {
		return
	}
	future := r.GetConfiguration()
	if future.Error() != nil {
		return
	}
	before := len(n.leaving)
	n.leaving = slices.DeleteFunc(n.leaving, func(v tx.Validator) bool {
		return !slices.ContainsFunc(future.Configuration().Servers, func(s raft.Server) bool { return s.ID == server(v).ID })
	})
	if len(n.leaving) < before {
		n.tellValidators()
	}
}

// tellValidators gives the network the ledger's list and who is introduced
// beside it, or leaves. Callers hold listing.
func (n *Node) tellValidators() {
	listed := n.Validators()
	fresh := slices.Clone(n.leaving)
	for _, v := range n.introduced() {
		if !slices.ContainsFunc(listed, func(w tx.Validator) bool { return w.Equal(&v) }) {
			fresh = append(fresh, v)
		}
	}
	// An introduced validator takes the place of one that lost its name or key.
	listed = slices.DeleteFunc(slices.Clone(listed), func(w tx.Validator) bool {
		return slices.ContainsFunc(fresh, func(v tx.Validator) bool { return v.Name == w.Name || string(v.NodeKey) == string(w.NodeKey) })
	})
	n.cfg.OnValidators(listed, fresh)
}

// knowing is who this node asks at its start: the file's list while its own
// ledger does not name it, else the ledger's.
func (n *Node) knowing() []tx.Validator {
	if _, listed := n.validator(n.cfg.Name); !listed && len(n.introduced()) > 0 {
		return n.introduced()
	}
	return n.Validators()
}

// acquaint asks the voters for the validators that they list, while this node
// hears no leader, and takes those that a majority of them lists alike. Once the
// node serves and its ledger lists the leader, nobody needs an introduction.
func (n *Node) acquaint(ctx context.Context) {
	leader := n.leader()
	_, listed := n.validator(leader)
	switch {
	case leader != "" && listed && n.hears():
		if len(n.introduced()) > 0 && n.Status().Serving {
			n.setIntroduced(nil)
		}
		return
	case leader != "" && n.hears() || n.acquainting.Swap(true):
		return
	}
	begun := n.run(func(ctx context.Context) {
		defer n.acquainting.Store(false)
		found, outdated := n.askAround(ctx)
		n.outdated.Store(&outdated)
		if len(found) > 0 {
			n.setIntroduced(found)
		}
	})
	if !begun {
		n.acquainting.Store(false)
	}
}

// hears says whether this node leads, or heard the leader within two leases.
func (n *Node) hears() bool {
	r := n.running()
	return r != nil && (r.State() == raft.Leader || time.Since(r.LastContact()) <= 2*n.cfg.Timing.Lease)
}

// whoLeft is what to add while this node waits for voters: one that is new knows
// those of genesis, who may have left for good.
func (n *Node) whoLeft() string {
	if n.isVoter() || len(n.introduced()) > 0 {
		return ""
	}
	return "; where validators have left the network, start with --introduce (see \"carbonledger introduction\")"
}

// whoLeads is what to add where no leader is heard: too few know better who could be.
func (n *Node) whoLeads() string {
	if p := n.outdated.Load(); p != nil {
		return *p
	}
	return ""
}

// askAround returns the validators that a majority of the voters lists alike and
// this node's ledger, at a lower height, does not; and what an operator must hear
// where such are listed, but by too few.
func (n *Node) askAround(ctx context.Context) (found []tx.Validator, outdated string) {
	voters, own := n.voters(), n.Ledger().Head().Height
	answers := make(chan answer, len(voters))
	for _, v := range voters {
		go func() {
			var a answer
			if v.Name == n.cfg.Name || n.ask(ctx, v.Name, question{Validators: true}, &a) != nil {
				a = answer{}
			}
			answers <- a
		}()
	}
	type vote struct {
		validator tx.Validator
		count     int
	}
	var votes []vote
	for range voters {
		a := <-answers
		if a.Height <= own {
			continue
		}
		for _, v := range a.Validators {
			at := slices.IndexFunc(votes, func(o vote) bool { return o.validator.Equal(&v) })
			if at < 0 {
				votes, at = append(votes, vote{validator: v}), len(votes)
			}
			votes[at].count++
		}
	}
	listed := n.Validators()
	for _, o := range votes {
		known := slices.ContainsFunc(listed, func(w tx.Validator) bool { return w.Equal(&o.validator) })
		switch {
		case known:
		case o.count > len(voters)/2:
			n.cfg.Logger.Info("consensus: introduced", "validator", o.validator.Name, "by", o.count, "of", len(voters))
			found = append(found, o.validator)
		default:
			outdated = fmt.Sprintf("; %s has been admitted, say %d of the %d voters that are known here, too few to be believed: "+
				"stop this node and start it with --introduce (see \"carbonledger introduction\")", o.validator.Name, o.count, len(voters))
		}
	}
	if len(found) > 0 {
		return found, ""
	}
	return nil, outdated
}
