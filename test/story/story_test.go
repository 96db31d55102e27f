// Package story tells what happens to a network, in text that a registrar can
// read: testdata/*.txt. Each file is a cluster of real validators in one
// process, on memory disks and a wire that can be cut, in fake time.
//
// go test ./test/story -rewrite writes the answers anew.
package story

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carbonledger/consensus"
	"carbonledger/test/cluster"
	"carbonledger/tx"

	"github.com/cockroachdb/datadriven"
)

func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		synctest.Test(t, func(t *testing.T) {
			s := &story{t: t, raws: map[string][]byte{}}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				return s.run(d)
			})
		})
	})
}

type story struct {
	t    *testing.T
	c    *cluster.Cluster
	raws map[string][]byte
}

func (s *story) run(d *datadriven.TestData) string {
	var out string
	var err error
	switch d.Cmd {
	case "cluster":
		out, err = s.cluster(d)
	case "issue", "transfer", "again", "validator", "remove":
		out, err = s.submit(d)
	case "cut":
		node, from := arg(d, "node"), strings.Split(arg(d, "from"), ",")
		s.c.Wire.Cut(node, from...)
	case "heal":
		s.c.Wire.Heal()
	case "crash":
		for _, name := range strings.Split(arg(d, "node"), ",") {
			s.c.Crash(name)
		}
	case "stop":
		s.c.Stop(arg(d, "node"))
	case "start":
		for _, name := range strings.Split(arg(d, "node"), ",") {
			if err = s.c.TryStart(name); err != nil {
				break
			}
		}
	case "add":
		s.c.Add(arg(d, "node"), number(d, "generation", 1))
	case "introduce":
		for i, name := range strings.Split(arg(d, "to"), ",") {
			site := strings.Split(arg(d, "sites"), ",")[i]
			n := s.c.Nodes[arg(d, "node")]
			n.Introduced = append(n.Introduced, s.c.Validator(name, site, 1, true))
		}
	case "lose-disk":
		s.c.Add(arg(d, "node"), s.c.Nodes[arg(d, "node")].Generation)
	case "lose-log":
		s.c.LoseLog(arg(d, "node"))
	case "lose-state":
		s.c.LoseState(arg(d, "node"))
	case "fill", "free":
		for _, name := range strings.Split(arg(d, "node"), ",") {
			s.c.Nodes[name].Full.Store(d.Cmd == "fill")
		}
	case "leader":
		out = s.c.Leader(strings.Split(arg(d, "among"), ",")...) + " leads\n"
	case "streams":
		out = s.streams(arg(d, "node"))
	case "snapshot":
		err = s.c.Nodes[arg(d, "node")].Snapshot()
	case "log":
		first, last := s.c.LogRange(arg(d, "node"))
		out = fmt.Sprintf("begins above 1: %v, %d entries\n", first > 1, last-first+1)
	case "flip":
		err = s.c.FlipHolding(arg(d, "node"), arg(d, "party"), arg(d, "instrument"))
	case "hand-over":
		out, err = s.handOver(d)
	case "wait":
		time.Sleep(time.Duration(number(d, "seconds", 1)) * time.Second)
	case "stopped":
		out, err = s.stopped(arg(d, "node"))
	case "serving":
		out = s.serving(d)
	case "check":
		out, err = s.check(d)
	default:
		d.Fatalf(s.t, "unknown command %s", d.Cmd)
	}
	if err != nil {
		return "error: " + s.anonymous(err.Error()) + "\n"
	}
	if out == "" {
		out = "ok\n"
	}
	return out
}

func arg(d *datadriven.TestData, name string) string {
	for _, a := range d.CmdArgs {
		if a.Key == name {
			return strings.Join(a.Vals, ",")
		}
	}
	return ""
}

func number(d *datadriven.TestData, name string, otherwise int) int {
	if n, err := strconv.Atoi(arg(d, name)); err == nil {
		return n
	}
	return otherwise
}

// cluster founds a network whose first node leads.
func (s *story) cluster(d *datadriven.TestData) (string, error) {
	o := cluster.Options{Voters: number(d, "voters", 3), Entities: number(d, "entities", 4), ScriptClock: true}
	// A test that flips a balance wants to see who notices first without the
	// check that only tests make.
	o.NoConservation = arg(d, "conservation") == "unchecked"
	o.TrailingLogs = uint64(number(d, "trailing", 0))
	if os.Getenv("STORY_LOG") != "" {
		o.Logger = slog.New(slog.NewTextHandler(os.Stderr, nil))
	}
	s.c = cluster.New(s.t, o)
	if err := s.c.Lead("n1"); err != nil {
		return "", err
	}
	var sites []string
	for _, v := range s.c.Founding.Validators {
		sites = append(sites, v.Name+" "+v.Site)
	}
	return strings.Join(sites, ", ") + "; n1 leads\n", nil
}

func (s *story) operation(d *datadriven.TestData) (party string, op tx.Operation) {
	tonnes := tx.Tonnes(number(d, "tonnes", 0))
	switch d.Cmd {
	case "issue":
		return "registry", tx.Operation{Operation: &tx.Operation_IssueAllowances{IssueAllowances: &tx.IssueAllowances{
			To: arg(d, "to"), Instrument: arg(d, "instrument"), Tonnes: tonnes, Document: arg(d, "ref"),
			Stage: tx.Adjustment, TableSha256: s.c.Domain[:]}}}
	case "transfer":
		return arg(d, "from"), tx.Operation{Operation: &tx.Operation_Transfer{Transfer: &tx.Transfer{
			To: arg(d, "to"), Instrument: arg(d, "instrument"), Tonnes: tonnes}}}
	}
	if d.Cmd == "remove" {
		return "ministry", tx.Operation{Operation: &tx.Operation_RemoveValidator{RemoveValidator: &tx.RemoveValidator{Name: arg(d, "name")}}}
	}
	v := s.c.Validator(arg(d, "name"), arg(d, "site"), number(d, "generation", 1), arg(d, "voter") == "true")
	return "ministry", tx.Operation{Operation: &tx.Operation_SetValidator{SetValidator: &tx.SetValidator{Validator: v}}}
}

func (s *story) submit(d *datadriven.TestData) (string, error) {
	ref := arg(d, "ref")
	raw := s.raws[ref]
	if d.Cmd != "again" {
		party, op := s.operation(d)
		var cosigners []string
		if d.Cmd == "issue" {
			cosigners = []string{"hubei"}
		}
		raw = s.c.SignWith(party, ref, cosigners, op)
		s.raws[ref] = raw
	}
	within := time.Minute
	if d.HasArg("within") {
		within = time.Duration(number(d, "within", 60)) * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	receipts, err := s.c.Nodes[arg(d, "at")].Submit(ctx, [][]byte{raw})
	switch {
	case errors.Is(err, consensus.ErrUnknownOutcome):
		return "outcome unknown\n", nil
	case err != nil:
		return "", err
	}
	r := &receipts[0]
	if r.Reason == tx.Accepted {
		return fmt.Sprintf("accepted at height %d\n", r.Height), nil
	}
	return fmt.Sprintf("rejected at height %d: %s\n", r.Height, r.Rejection()), nil
}

func (s *story) handOver(d *datadriven.TestData) (string, error) {
	to := arg(d, "to")
	if err := s.c.Lead(to); err != nil {
		return "", err
	}
	return to + " leads\n", nil
}

// stopped waits until a node has given up and says why.
func (s *story) stopped(name string) (string, error) {
	select {
	case <-s.c.Nodes[name].Done():
	case <-time.After(time.Minute):
		return "", fmt.Errorf("%s has not stopped after a minute", name)
	}
	return name + " stopped: " + s.anonymous(s.c.Nodes[name].Err().Error()) + "\n", nil
}

// streams waits until a node has no streams with the others, at most a minute.
func (s *story) streams(name string) string {
	open := -1
	for range 6000 {
		open = 0
		for _, other := range s.c.Names {
			open += s.c.Wire.Open(name, other)
		}
		if open == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Sprintf("%s has %d streams open\n", name, open)
}

// anonymous leaves out of a message what differs from run to run: hashes, and
// which of several peers answered first. A transaction of the story goes by its
// reference.
func (s *story) anonymous(text string) string {
	words := strings.Fields(text)
	for i, w := range words {
		if strings.HasPrefix(w, "(n") && i+1 < len(words) && words[i+1] == "has" {
			words[i] = "(PEER"
		}
		if bare := strings.Trim(w, ",():."); len(bare) == 64 {
			words[i] = strings.Replace(w, bare, s.reference(bare), 1)
		}
	}
	return strings.Join(words, " ")
}

func (s *story) reference(id string) string {
	for ref, raw := range s.raws {
		if got, err := tx.TransactionID(s.c.Domain, raw); err == nil && got.String() == id {
			return ref
		}
	}
	return "HASH"
}

// serving waits until the nodes say that they serve, or that they do not.
func (s *story) serving(d *datadriven.TestData) string {
	var out strings.Builder
	for _, name := range strings.Split(arg(d, "node"), ",") {
		want := arg(d, "not") == ""
		var st consensus.Status
		for range 6000 {
			if st = s.c.Nodes[name].Status(); st.Serving == want {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		fmt.Fprintf(&out, "%s serving=%v\n", name, st.Serving)
	}
	return out.String()
}

// check waits until the nodes are level and adds up all accounts on each.
func (s *story) check(d *datadriven.TestData) (string, error) {
	var names []string
	if d.HasArg("nodes") {
		names = strings.Split(arg(d, "nodes"), ",")
	}
	height, _ := s.c.Level(uint64(number(d, "height", 0)), names...)
	if len(names) == 0 {
		for _, name := range s.c.Names {
			if s.c.Nodes[name].Up {
				names = append(names, name)
			}
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%s: height %d, one hash\n", strings.Join(names, " "), height)
	for i, name := range names {
		v, err := s.c.Nodes[name].Ledger().View()
		if err != nil {
			return "", err
		}
		c, err := v.Conservation()
		if err := errors.Join(err, v.Close()); err != nil {
			return "", err
		}
		if len(c.Breaks) > 0 {
			return "", fmt.Errorf("%s: %s", name, c.Breaks[0])
		}
		for _, in := range c.Instruments {
			if i == 0 && in.Issued != 0 {
				fmt.Fprintf(&out, "%s issued=%d held=%d surrendered=%d\n", in.Instrument, in.Issued, in.Held, in.Surrendered)
			}
		}
	}
	return out.String(), nil
}
