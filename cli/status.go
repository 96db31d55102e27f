package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"

	"carbonledger/node/api"

	"github.com/spf13/cobra"
)

// nodeAnswer is what one node says of itself and its peers.
type nodeAnswer struct {
	address string
	status  *api.StatusResponse
	err     error
}

func newStatusCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show how the network stands, as every node of --api sees it",
		Long: `Ask every node of --api how it and the network stand: leader, heights, lag of each
peer, and which sites can be lost now. Of a validator that is not heard, the height is
the one that it said last, and ? stands where that tells nothing. Exit code 0 if any of them serves, else 1.`,
		Example: "  carbonledger status --api wuhan:7071,shanghai:7071,beijing:7071 --ca ca.pem",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := g.patience(cmd)
			defer cancel()
			answers := g.askAll(ctx)
			if err := printStatus(cmd.OutOrStdout(), answers, g.json); err != nil {
				return err
			}
			for _, a := range answers {
				if a.err == nil && a.status.Serving {
					return nil
				}
			}
			return errors.New("no node of --api serves")
		},
	}
}

// askAll asks every address at the same time.
func (g *globals) askAll(ctx context.Context) []nodeAnswer {
	answers := make([]nodeAnswer, len(g.api))
	var all sync.WaitGroup
	for i, address := range g.api {
		all.Go(func() {
			a := &answers[i]
			a.address = address
			c, err := api.NewClient(api.ClientConfig{Addresses: []string{address}, CAFile: g.ca, TLS: g.tls || g.ca != ""})
			if err != nil {
				a.err = err
				return
			}
			a.status, a.err = c.Status(ctx, &api.StatusRequest{})
			a.err = errors.Join(a.err, c.Close())
		})
	}
	all.Wait()
	return answers
}

// newestAnswer is that of the node which knows most.
func newestAnswer(answers []nodeAnswer) *api.StatusResponse {
	var best *api.StatusResponse
	for _, a := range answers {
		if a.err != nil {
			continue
		}
		order := 1
		if best != nil {
			order = cmp.Or(cmp.Compare(a.status.Term, best.Term), cmp.Compare(a.status.Head.Height, best.Head.Height))
		}
		if order > 0 {
			best = a.status
		}
	}
	return best
}

func printStatus(to io.Writer, answers []nodeAnswer, asJSON bool) error {
	if asJSON {
		return printStatusJSON(to, answers)
	}
	if s := newestAnswer(answers); s != nil {
		if err := networkRecord(s).print(to, false); err != nil {
			return err
		}
		fmt.Fprintln(to)
		if err := printPeers(to, s); err != nil {
			return err
		}
		fmt.Fprintln(to)
	}
	newest := newestAnswer(answers)
	w := tabwriter.NewWriter(to, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ASKED\tNODE\tROLE\tLEADER\tTERM\tHEIGHT\tSERVING\tPOOL\tLOG\tCOSIGNED\tREPAIRED\tVERSION\tPROBLEM")
	for _, a := range answers {
		if a.err != nil {
			fmt.Fprintf(w, "%s\t-\t-\t-\t-\t-\tno\t-\t-\t-\t-\t-\t%s\n", a.address, firstLine(a.err))
			continue
		}
		s := a.status
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%d\t%d\t%d\t%d\t%s\t%s\n", a.address, s.Node, s.Role, orDash(s.Leader), s.Term, s.Head.Height, yesNo(s.Serving), s.Pool,
			s.Log.Size_, s.Log.Cosigned, s.Log.Repaired, orDash(s.Version), orDash(problems(s, newest)))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, a := range answers {
		if a.err != nil {
			continue
		}
		if l := &a.status.Log; len(l.ComparedDiffering) > 0 {
			fmt.Fprintf(to, "%s: the state here at height %d is another one than that of %s\n", a.status.Node, l.ComparedHeight, strings.Join(l.ComparedDiffering, ", "))
		}
		if l := &a.status.Log; l.Archive != "" {
			fmt.Fprintf(to, "%s: entries from %d, older ones at %s\n", a.status.Node, l.EntriesFrom, l.Archive)
		}
		if l := &a.status.Log; l.ArchiveProblem != "" {
			fmt.Fprintf(to, "%s: no more entries are dropped: %s\n", a.status.Node, l.ArchiveProblem)
		}
	}
	return nil
}

// problems of a node: why it does not serve, what is wrong with its log, and whether it
// is of another network than the node that is shown for all.
func problems(s, shown *api.StatusResponse) string {
	var all []string
	if other := anotherNetwork(s, shown); other != "" {
		all = append(all, other)
	}
	if s.Problem != "" {
		all = append(all, s.Problem)
	}
	if s.Log.Problem != "" && len(all) > 0 {
		all = append(all, "log: "+s.Log.Problem)
	} else if s.Log.Problem != "" {
		all = append(all, s.Log.Problem)
	}
	return strings.Join(all, "; ")
}

// anotherNetwork names a node's network if it is not that of the other one.
func anotherNetwork(s, shown *api.StatusResponse) string {
	own := s.Head.Chain
	if bytes.Equal(own.GenesisHash, shown.Head.Chain.GenesisHash) {
		return ""
	}
	return fmt.Sprintf("another network: %s, genesis %.4x…", own.ChainId, own.GenesisHash)
}

// networkRecord is the network in the words of one node.
func networkRecord(s *api.StatusResponse) record {
	r := record{title: "network"}
	r.add("chain", s.Head.Chain.ChainId)
	r.add("genesis_hash", s.Head.Chain.GenesisHash)
	r.add("protocol_version", s.Head.ProtocolVersion)
	r.add("leader", s.Leader)
	r.add("term", s.Term)
	r.add("height", s.Head.Height)
	r.add("hash", s.Head.Hash)
	r.add("clock", clockName(s.Head.Chain.ScriptClock))
	r.add("ledger_time", s.Head.Time)
	r.add("open_day", s.Head.OpenDay)
	r.add("transactions", s.Head.Transactions)
	if s.Head.OpeningPagesMissing > 0 {
		r.add("opening_pages_missing", s.Head.OpeningPagesMissing)
	}
	r.add("survivable_sites", list(s.SurvivableSites))
	r.add("critical_sites", list(s.CriticalSites))
	if len(s.MembershipPending) > 0 {
		r.add("membership_pending", lines(s.MembershipPending))
	}
	r.add("seen_by", s.Node)
	return r
}

// list is never null.
func list(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}

func printPeers(to io.Writer, s *api.StatusResponse) error {
	w := tabwriter.NewWriter(to, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "VALIDATOR\tSITE\tVOTER\tREACHABLE\tHEIGHT\tLAG\tAGREES")
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\n", s.Node, s.Site, yesNo(s.Voter), "itself", s.Head.Height, 0, "-")
	for i := range s.Peers {
		p := &s.Peers[i]
		if p.Name == s.Node {
			continue
		}
		lag, agrees := strconv.FormatUint(p.Lag, 10), yesNo(p.Agrees)
		if !p.Reachable {
			// What it said last tells nothing of how it stands now, but that it
			// differed does.
			lag = "?"
			if p.Agrees {
				agrees = "?"
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\n", p.Name, p.Site, yesNo(p.Voter), yesNo(p.Reachable), p.Height, lag, agrees)
	}
	return w.Flush()
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(message(err), "\n")
	return line
}

func printStatusJSON(to io.Writer, answers []nodeAnswer) error {
	r := record{title: "status"}
	newest := newestAnswer(answers)
	if newest != nil {
		r.add("network", networkRecord(newest))
	}
	nodes := []record{}
	for _, a := range answers {
		n := record{}
		n.add("asked", a.address)
		if a.err != nil {
			n.add("error", message(a.err))
		} else {
			addNode(&n, a.status, newest)
		}
		nodes = append(nodes, n)
	}
	r.add("nodes", nodes)
	return r.print(to, true)
}

func addNode(n *record, s, newest *api.StatusResponse) {
	n.add("node", s.Node)
	n.add("site", s.Site)
	n.add("voter", s.Voter)
	n.add("role", s.Role)
	n.add("leader", s.Leader)
	n.add("term", s.Term)
	n.add("height", s.Head.Height)
	n.add("hash", s.Head.Hash)
	n.add("last_log_index", s.LastLogIndex)
	n.add("commit_index", s.CommitIndex)
	n.add("applied_index", s.AppliedIndex)
	n.add("serving", s.Serving)
	problem := s.Problem
	if other := anotherNetwork(s, newest); other != "" {
		problem = strings.TrimSuffix(other+"; "+s.Problem, "; ")
	}
	n.add("problem", problem)
	n.add("pool", s.Pool)
	n.add("version", s.Version)
	n.add("log_bytes", s.LogBytes)
	n.add("disk_free_bytes", s.DiskFreeBytes)
	n.add("survivable_sites", list(s.SurvivableSites))
	n.add("critical_sites", list(s.CriticalSites))
	n.add("membership_pending", list(s.MembershipPending))
	log := record{}
	log.add("size", s.Log.Size_)
	log.add("published", s.Log.Published)
	log.add("cosigned", s.Log.Cosigned)
	log.add("problem", s.Log.Problem)
	log.add("scrubbed", s.Log.Scrubbed)
	log.add("scrub_passed", s.Log.Passed)
	log.add("repaired", s.Log.Repaired)
	log.add("state_compared", s.Log.ComparedHeight)
	log.add("state_alike", list(s.Log.ComparedAlike))
	log.add("state_differing", list(s.Log.ComparedDiffering))
	log.add("entries_from", s.Log.EntriesFrom)
	log.add("archive", s.Log.Archive)
	log.add("archive_problem", s.Log.ArchiveProblem)
	n.add("log", log)
	peers := []record{}
	for i := range s.Peers {
		p := &s.Peers[i]
		r := record{}
		r.add("name", p.Name)
		r.add("site", p.Site)
		r.add("voter", p.Voter)
		r.add("reachable", p.Reachable)
		r.add("height", p.Height)
		r.add("lag", p.Lag)
		r.add("agrees", p.Agrees)
		peers = append(peers, r)
	}
	n.add("peers", peers)
}
