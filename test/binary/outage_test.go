package binary

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"carbonledger/node/api"
	"carbonledger/tx"
)

// stream submits deposits of one fen each, one after the other, and remembers
// every receipt. What has no answer is sent again until it has one.
type stream struct {
	t        *testing.T
	stop     context.CancelFunc
	ended    chan struct{}
	mu       sync.Mutex
	receipts []tx.Receipt
}

// submitting begins a stream to all nodes; it ends with the test, or before.
func submitting(n *network) *stream {
	n.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &stream{t: n.t, stop: cancel, ended: make(chan struct{})}
	key, client := n.privateKey("bank"), n.client(n.nodes...)
	go func() {
		defer close(s.ended)
		for i := 0; ctx.Err() == nil; i++ {
			raw, err := tx.NewTransaction(n.domain, &tx.Body{ChainId: "test", Party: "bank", Reference: fmt.Sprintf("stream-%d", i), Operations: []tx.Operation{
				{Operation: &tx.Operation_Deposit{Deposit: &tx.Deposit{Party: "entity-1", Amount: 1}}},
			}}, key)
			if err == nil {
				err = s.send(client, raw)
			}
			if err != nil {
				n.t.Errorf("deposit %d: %v", i, err)
				return
			}
		}
	}()
	n.t.Cleanup(func() { s.end() })
	return s
}

func (s *stream) send(c *api.Client, raw []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		receipts, err := c.Submit(ctx, [][]byte{raw})
		switch {
		case err == nil && receipts[0].Reason == tx.Accepted:
			s.mu.Lock()
			s.receipts = append(s.receipts, receipts[0])
			s.mu.Unlock()
			return nil
		case err == nil:
			return receipts[0].Rejection()
		case ctx.Err() != nil || !errors.Is(err, api.ErrUnknownOutcome) && !errors.Is(err, api.ErrWithoutEffect):
			return err
		}
	}
}

func (s *stream) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.receipts)
}

// awaitMore waits until so many more have receipts: submitting goes on.
func (s *stream) awaitMore(more int) {
	s.t.Helper()
	before := s.count()
	awaitAnswer(s.t, "more receipts", func() (int, error) {
		if now := s.count(); now < before+more {
			return 0, fmt.Errorf("%d of %d", now-before, more)
		}
		return 0, nil
	})
}

// end stops the stream and returns its receipts.
func (s *stream) end() []tx.Receipt {
	s.stop()
	<-s.ended
	return s.receipts
}

// wantEverywhere asks every node, alone, for each receipt.
func (n *network) wantEverywhere(receipts []tx.Receipt) {
	n.t.Helper()
	for _, v := range n.nodes {
		c := n.client(v)
		for i := range receipts {
			out, err := c.GetReceipt(context.Background(), &api.GetReceiptRequest{Id: receipts[i].Id})
			if err != nil || !out.Found || !out.Receipt.Equal(&receipts[i]) {
				n.t.Errorf("%s: deposit %d of %d was acknowledged with %v, now %v, %v", v.name, i+1, len(receipts), receipts[i], out, err)
				break
			}
		}
	}
}

// atSite are the validators of a site.
func (n *network) atSite(site string) []*validator {
	var all []*validator
	for _, v := range n.nodes {
		if v.site == site {
			all = append(all, v)
		}
	}
	return all
}

// TestSiteLost: the leader's site burns while institutions submit. The others
// go on, nothing that was acknowledged is lost, and the site catches up.
func TestSiteLost(t *testing.T) {
	n := running(t, []string{"Wuhan", "Wuhan", "Shanghai", "Shanghai", "Beijing"})
	s := submitting(n)
	s.awaitMore(20)

	// An orderly stop of the leader first, until one of a site with two leads.
	leader := n.awaitLeader()
	for first := true; first || leader.site == "Beijing"; first = false {
		old := leader
		n.signal(syscall.SIGTERM, old)
		n.awaitExit(old, 0)
		leader = n.awaitLeader(old)
		s.awaitMore(20)
		n.start(old)
		n.awaitServing(old)
	}

	// A leader may have changed since: whoever leads now loses its site.
	site := n.atSite(n.awaitLeader().site)
	if len(site) != 2 {
		t.Fatalf("the leader moved to Beijing by itself")
	}
	n.kill(site...)
	s.awaitMore(50)
	rest := n.others(site...)
	r := command(t, "status", "--json", "--api", addresses(rest...)).must(t).parsed(t)
	network := r["network"].(map[string]any)
	if critical := network["critical_sites"].([]any); len(critical) != 2 {
		t.Errorf("with one site lost the critical ones are %v, want both others", critical)
	}
	command(t, "status", "--api", addresses(n.nodes...)).want(t, 0, "connection refused", site[0].name)
	for _, v := range site {
		n.start(v)
	}
	s.awaitMore(20)
	for _, v := range site {
		n.awaitServing(v)
	}

	receipts := s.end()
	n.awaitSame(n.nodes...)
	n.wantEverywhere(receipts)
	sum := n.as("auditor", "query", "money", "entity-1", "--json", "--min-height", fmt.Sprint(receipts[len(receipts)-1].Height))
	want := fmt.Sprintf(`"yuan":"%d.%02d"`, len(receipts)/100, len(receipts)%100)
	sum.want(t, 0, want)
	n.audit(n.nodes).want(t, 0, "passed")
}

// awaitPast waits until a moment is over: nobody says when a peer has given up.
func awaitPast(moment time.Time) {
	for time.Now().Before(moment) {
		time.Sleep(20 * time.Millisecond)
	}
}

// TestPaused: the leader and another stand still for longer than the others listen, as
// virtual machines do, and go on. Everybody hears everybody again at once.
func TestPaused(t *testing.T) {
	n := running(t, three())
	leader := n.awaitLeader()
	paused := []*validator{leader, n.others(leader)[0]}
	n.signal(syscall.SIGSTOP, paused...)
	awaitPast(time.Now().Add(5 * time.Second))
	n.signal(syscall.SIGCONT, paused...)
	since := time.Now()
	n.does("bank", "deposit", "--to", "entity-1", "--yuan", "1")
	for _, v := range n.nodes {
		n.awaitStatus(v, "hears all", func(s *api.StatusResponse) bool {
			heard := 0
			for i := range s.Peers {
				if s.Peers[i].Reachable {
					heard++
				}
			}
			return s.Serving && heard == len(n.nodes)-1
		})
	}
	if took := time.Since(since); took > 20*time.Second {
		t.Errorf("they heard each other after %v", took)
	}
}

// fill commits blocks of so many deposits of one fen each.
func (n *network) fill(name string, blocks, deposits int) {
	n.t.Helper()
	bank, c := n.privateKey("bank"), n.client(n.nodes...)
	for b := range blocks {
		raws := make([][]byte, deposits)
		for i := range raws {
			var err error
			raws[i], err = tx.NewTransaction(n.domain, &tx.Body{ChainId: n.chain, Party: "bank", Reference: fmt.Sprintf("%s-%d-%d", name, b, i), Operations: []tx.Operation{
				{Operation: &tx.Operation_Deposit{Deposit: &tx.Deposit{Party: "entity-1", Amount: 1}}},
			}}, bank)
			if err != nil {
				n.t.Fatal(err)
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, err := c.Submit(ctx, raws)
		cancel()
		if err != nil {
			n.t.Fatal(err)
		}
	}
}

// admit makes a data directory, protected by a passphrase, and has the ministry
// admit its line as a non-voter.
func (n *network) admit(name, site string) (v *validator, line string) {
	n.t.Helper()
	port, secret := freePorts(n.t, 4), secretFile(n.t)
	dir := filepath.Join(n.t.TempDir(), name)
	line = strings.TrimSpace(command(n.t, "init", "node", "--dir", dir, "--name", name, "--site", site,
		"--p2p", fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port), "--passphrase-file", secret, "--work-factor", "10").must(n.t).out)
	n.does("ministry", "validator", "set", line)
	// Every validator holds the log's key.
	key, err := os.ReadFile(filepath.Join(n.nodes[0].dir, "origin.key"))
	if err != nil {
		n.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "origin.key"), key, 0o600); err != nil {
		n.t.Fatal(err)
	}
	v = n.add(name, site, dir, port, port+1)
	v.flags = []string{"--passphrase-file", secret}
	return v, line
}

// audited: the log of a validator passes the audit by the policy of the
// validators that are on the ledger now.
func (n *network) audited(v *validator) {
	n.t.Helper()
	policy := filepath.Join(n.t.TempDir(), "policy.txt")
	text := command(n.t, "query", "policy", "--api", v.api, "--genesis", n.genesis).must(n.t).out
	if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
	awaitAnswer(n.t, "a checkpoint by the policy of now", func() (any, error) {
		r := n.audit([]*validator{v}, "--policy", policy)
		if r.code != 0 {
			return nil, fmt.Errorf("exit code %d: %s%s", r.code, r.out, r.errOut)
		}
		return nil, nil
	})
}

// promote gives a validator its vote, and waits until Raft counts it: a
// transaction that was committed behind the change.
func (n *network) promote(v *validator, line string) {
	n.t.Helper()
	n.does("ministry", "validator", "set", line, "--voter")
	awaitAnswer(n.t, "the vote of "+v.name, func() (string, error) {
		for _, of := range n.nodes {
			log, err := os.ReadFile(filepath.Join(n.dir, of.name+".log"))
			if err != nil || strings.Contains(string(log), `command=AddVoter server-id=\"`+v.name+"#") {
				return "", err
			}
		}
		return "", errors.New("no leader has added it")
	})
	n.fill("promoted-"+v.name, 1, 1)
	n.awaitSame(n.nodes...)
}

// awaitSnapshot waits until a validator has a whole snapshot.
func (v *validator) awaitSnapshot(t *testing.T) {
	t.Helper()
	awaitAnswer(t, "a snapshot of "+v.name, func() (string, error) {
		files, err := filepath.Glob(filepath.Join(v.dir, "snapshots", "snapshots", "*[0-9]", "state.bin"))
		if err == nil && len(files) == 0 {
			err = errors.New("there is none")
		}
		return "", err
	})
}

// TestNewcomer: the logs were cut, so a validator that starts for the first
// time gets a snapshot, then the rest, and then a vote.
func TestNewcomer(t *testing.T) {
	n := running(t, three(), "--max-raft-log", "1")
	founders := n.nodes
	// More blocks than a log keeps behind a snapshot, then more bytes than it may
	// grow by before one.
	n.fill("small", 270, 1)
	n.fill("large", 10, 1000)
	for _, v := range founders {
		v.awaitSnapshot(t)
	}
	newcomer, line := n.admit("chengdu-1", "Chengdu")
	n.start(newcomer)
	n.awaitServing(newcomer)
	n.awaitSame(n.nodes...)
	// Its state is the second generation: the first one was founded here, and
	// the snapshot took its place.
	if current, err := os.ReadFile(filepath.Join(newcomer.dir, "state", "CURRENT")); err != nil || strings.TrimSpace(string(current)) == "1" {
		t.Errorf("the newcomer took no snapshot: CURRENT %q, %v", current, err)
	}
	voters := func(v *validator, want int) {
		t.Helper()
		r := command(t, "query", "validators", "--api", v.api).must(t)
		if got := strings.Count(r.out, "true"); got != want {
			t.Errorf("want %d voters:\n%s", want, r.out)
		}
	}
	voters(newcomer, 3)
	n.promote(newcomer, line)
	voters(newcomer, 4)

	// Three of four are a majority only with the newcomer's vote.
	n.kill(founders[0])
	n.asAt(n.others(founders[0]), "bank", "deposit", "--to", "entity-2", "--yuan", "12.34", "--yes").must(t)
	// Its state is older than its log, and does not list the newcomer, who may
	// lead by now: the others introduce it.
	n.start(founders[0])
	n.awaitServing(founders[0])
	n.awaitSame(n.nodes...)
	n.asAt([]*validator{newcomer}, "auditor", "query", "money").want(t, 0, "entity-1  102.71", "entity-2  12.34")
	n.audited(newcomer)
}
