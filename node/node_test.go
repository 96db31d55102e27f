package node_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"carbonledger/cli"
	"carbonledger/consensus"
	"carbonledger/genesis"
	"carbonledger/node"
	"carbonledger/node/api"
	"carbonledger/node/audit"
	"carbonledger/node/publish"
	"carbonledger/node/remote"
	"carbonledger/tx"
	"carbonledger/tx/keyfile"
	"carbonledger/tx/proof"
)

// network is a directory as init --all makes it.
type network struct {
	t       *testing.T
	dir     string
	genesis *genesis.Document
	nodes   []*node.Node
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func newNetwork(t *testing.T, validators int) *network {
	t.Helper()
	w := &network{t: t, dir: filepath.Join(t.TempDir(), "net")}
	var out, failure bytes.Buffer
	code := cli.Run([]string{"init", "--all", fmt.Sprint(validators), "--dir", w.dir, "--clock", "script", "--start", "2024-01-02T09:00:00+08:00",
		"--free-transfers", "--instrument", "CEA22:2022:79.42"}, &bytes.Buffer{}, &out, &failure)
	if code != 0 {
		t.Fatalf("init: %s", failure.String())
	}
	var err error
	w.genesis, err = genesis.Read(filepath.Join(w.dir, "genesis.toml"))
	must(t, err)
	return w
}

func (w *network) config(name string) node.Config {
	return node.Config{
		Data: filepath.Join(w.dir, "nodes", name), Genesis: filepath.Join(w.dir, "genesis.toml"),
		APIListen: "127.0.0.1:0", MetricsListen: "127.0.0.1:0", LogListen: "127.0.0.1:0", LogTokens: filepath.Join(w.dir, "tokens"), Profile: "loopback", CheckConservation: true,
	}
}

func (w *network) names() (all []string) {
	for _, v := range w.genesis.Founding().Validators {
		all = append(all, v.Name)
	}
	return all
}

// start runs all validators until the test ends.
func (w *network) start() {
	w.t.Helper()
	for _, name := range w.names() {
		n, err := node.Start(w.config(name))
		must(w.t, err)
		w.nodes = append(w.nodes, n)
		i := len(w.nodes) - 1
		w.t.Cleanup(func() {
			n := w.nodes[i]
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			must(w.t, n.Stop(ctx))
		})
	}
}

func (w *network) key(party string) *tx.PrivateKey {
	w.t.Helper()
	k, err := keyfile.Read(filepath.Join(w.dir, "keys", party+".key"), "")
	must(w.t, err)
	return &k
}

func (w *network) client(party string, nodes ...*node.Node) *api.Client {
	w.t.Helper()
	var addresses []string
	for _, n := range nodes {
		addresses = append(addresses, n.APIAddress())
	}
	c, err := api.NewClient(api.ClientConfig{Addresses: addresses, Party: party, Key: w.key(party), Domain: w.genesis.Hash()})
	must(w.t, err)
	w.t.Cleanup(func() { must(w.t, c.Close()) })
	return c
}

// scrape reads a node's page of metrics.
func scrape(t *testing.T, n *node.Node) map[string]float64 {
	t.Helper()
	response, err := http.Get("http://" + n.MetricsAddress() + "/metrics")
	must(t, err)
	b, err := io.ReadAll(response.Body)
	must(t, err, response.Body.Close())
	all := map[string]float64{}
	for _, line := range strings.Split(string(b), "\n") {
		name, value, ok := strings.Cut(line, " ")
		if strings.HasPrefix(line, "#") || !ok {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		must(t, err)
		all[name] = v
	}
	return all
}

// awaitMetric scrapes until a metric is as it should be.
func awaitMetric(t *testing.T, n *node.Node, name string, fits func(float64) bool) {
	t.Helper()
	var last float64
	var there bool
	for range 600 {
		if last, there = scrape(t, n)[name]; there && fits(last) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("%s of %s: %v (there: %v)", name, n.Name(), last, there)
}

func deposit(fen tx.Fen) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_Deposit{Deposit: &tx.Deposit{Party: "nobody", Amount: fen}}}
}

// TestNetwork runs three real nodes over loopback: they serve, count what they
// do, and an audit over the network agrees with them.
func TestNetwork(t *testing.T) {
	w := newNetwork(t, 3)
	w.start()
	for _, n := range w.nodes {
		awaitMetric(t, n, "carbonledger_serving", func(v float64) bool { return v == 1 })
	}
	// One that the ledger refuses, by a rule, and one that it takes.
	bank := w.client("bank", w.nodes[1])
	sign := func(party, reference string, o tx.Operation) []byte {
		raw, err := tx.NewTransaction(w.genesis.Hash(), &tx.Body{ChainId: w.genesis.Founding().ChainID, Party: party, Reference: reference,
			Operations: []tx.Operation{o}}, *w.key(party))
		must(t, err)
		return raw
	}
	var proven []tx.ProvenKey
	for person := range byte(2) {
		key, err := tx.NewPrivateKey(tx.Ed25519, bytes.Repeat([]byte{7 + person}, 32))
		must(t, err)
		p, err := tx.ProveKey(w.genesis.Hash(), "hubei", key)
		must(t, err)
		proven = append(proven, p)
	}
	open := tx.Operation{Operation: &tx.Operation_OpenAccount{OpenAccount: &tx.OpenAccount{Id: "hubei", Role: tx.RegionDepartment, Name: "Hubei",
		Keys: proven}}}
	receipts, err := bank.Submit(t.Context(), [][]byte{sign("bank", "r1", deposit(5)), sign("ministry", "r2", open)})
	must(t, err)
	if receipts[0].Reason != tx.UnknownCounterparty || receipts[1].Reason != tx.Accepted {
		t.Fatalf("receipts: %v, %v", receipts[0].Rejection(), receipts[1].Rejection())
	}
	awaitMetric(t, w.nodes[0], "carbonledger_height", func(v float64) bool { return v == float64(receipts[1].Height) })
	must(t, w.nodes[0].CheckBooks())
	if got := scrape(t, w.nodes[0]); got["carbonledger_conservation_height"] <= 0 || got["carbonledger_conservation_breaks"] != 0 {
		t.Errorf("the books: %v breaks at height %v", got["carbonledger_conservation_breaks"], got["carbonledger_conservation_height"])
	}
	for _, n := range w.nodes {
		awaitMetric(t, n, "carbonledger_height", func(v float64) bool { return v == float64(receipts[1].Height) })
		got := scrape(t, n)
		for name, want := range map[string]float64{
			"carbonledger_transactions_total":                              2,
			`carbonledger_rejections_total{reason="UNKNOWN_COUNTERPARTY"}`: 1,
			"carbonledger_serving":                                         1,
			"carbonledger_pool_transactions":                               0,
		} {
			if got[name] != want {
				t.Errorf("%s: %s is %v, want %v", n.Name(), name, got[name], want)
			}
		}
		for _, name := range []string{
			"carbonledger_blocks_total", "carbonledger_term", "carbonledger_apply_seconds_count", "carbonledger_log_fsync_seconds_count",
			`carbonledger_log_index{which="applied"}`, "carbonledger_raft_log_bytes", "carbonledger_raft_log_disk_bytes", "carbonledger_state_disk_bytes",
			"carbonledger_disk_free_bytes",
		} {
			if got[name] <= 0 {
				t.Errorf("%s: %s is %v", n.Name(), name, got[name])
			}
		}
		for _, other := range w.nodes {
			if other == n {
				continue
			}
			label := fmt.Sprintf("{peer=%q}", other.Name())
			awaitMetric(t, n, "carbonledger_peer_lag_blocks"+label, func(v float64) bool { return v == 0 })
			if got["carbonledger_peer_reachable"+label] != 1 || got["carbonledger_peer_agrees"+label] != 1 {
				t.Errorf("%s: %s is reachable %v, agrees %v", n.Name(), other.Name(), got["carbonledger_peer_reachable"+label], got["carbonledger_peer_agrees"+label])
			}
		}
		if _, there := got["carbonledger_snapshot_bytes"]; there {
			t.Errorf("%s has a snapshot already", n.Name())
		}
		must(t, n.Snapshot())
		got = scrape(t, n)
		if got["carbonledger_snapshot_bytes"] < 1000 || got["carbonledger_snapshot_timestamp_seconds"] < 1_600_000_000 {
			t.Errorf("%s: a snapshot of %v bytes at %v", n.Name(), got["carbonledger_snapshot_bytes"], got["carbonledger_snapshot_timestamp_seconds"])
		}
	}
	leaders := 0.0
	for _, n := range w.nodes {
		leaders += scrape(t, n)["carbonledger_leader"]
	}
	if leaders != 1 {
		t.Errorf("%v leaders", leaders)
	}
	f := w.genesis.Founding()
	policy, err := proof.ParsePolicy(publish.PolicyText(f.LogOrigin, f.LogKey, f.Validators))
	must(t, err)
	token, err := os.ReadFile(filepath.Join(w.dir, "keys", "auditor.token"))
	must(t, err)
	var logs []audit.Log
	for _, n := range w.nodes {
		awaitMetric(t, n, "carbonledger_checkpoint_size", func(v float64) bool { return v > float64(receipts[1].Index) })
		logs = append(logs, &remote.Log{URL: "http://" + n.LogAddress(), Token: strings.TrimSpace(string(token)), Client: http.DefaultClient})
	}
	r, err := audit.Run(t.Context(), logs, audit.Options{Founding: f, Policy: policy, Dir: t.TempDir()})
	must(t, err)
	if r.Height != receipts[1].Height || r.Transactions != 2 || len(r.Cosigned) < 2 || len(r.Compared) != 2 {
		t.Errorf("%+v", r)
	}
}

// TestLease: an operator's lease replaces the profile's and nothing else of it.
func TestLease(t *testing.T) {
	want := consensus.DefaultTiming
	want.Lease = 3 * time.Second
	if timing, err := (&node.Config{Lease: 3 * time.Second}).Timing(); err != nil || timing != want {
		t.Errorf("%+v, %v", timing, err)
	}
}

// TestRefusesToStart: each cause is named, with the remedy, and what was opened
// is closed again: the same node starts once the cause is gone.
func TestRefusesToStart(t *testing.T) {
	w := newNetwork(t, 1)
	name := w.names()[0]
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, taken.Close()) }()
	other := newNetwork(t, 1)
	broken := filepath.Join(t.TempDir(), "genesis.toml")
	text, err := os.ReadFile(filepath.Join(w.dir, "genesis.toml"))
	must(t, err, os.WriteFile(broken, append(text, []byte("\nnonsense = 1\n")...), 0o600))
	for _, test := range []struct {
		cause  string
		change func(*node.Config)
		want   string
	}{
		{"API port", func(c *node.Config) { c.APIListen = taken.Addr().String() }, "--api-listen"},
		{"metrics port", func(c *node.Config) { c.MetricsListen = taken.Addr().String() }, "--metrics-listen"},
		{"p2p port", func(c *node.Config) {
			c.P2PListen = []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", taken.Addr().(*net.TCPAddr).Port)}
		}, "--p2p-listen"},
		{"no data", func(c *node.Config) { c.Data = "" }, "--data"},
		{"no such data", func(c *node.Config) { c.Data = filepath.Join(w.dir, "nowhere") }, "init node"},
		{"profile", func(c *node.Config) { c.Profile = "lan" }, "wan or loopback"},
		{"lease", func(c *node.Config) { c.Lease = time.Minute }, "--lease 1m0s"},
		{"genesis of another network", func(c *node.Config) { c.Genesis = filepath.Join(other.dir, "genesis.toml") }, "another node key or incarnation"},
		{"broken genesis", func(c *node.Config) { c.Genesis = broken }, "nonsense"},
		{"no host", func(c *node.Config) { c.APIListen = "7071" }, "host:port"},
		{"TLS missing", func(c *node.Config) { c.APIListen = "0.0.0.0:0" }, "TLS"},
	} {
		c := w.config(name)
		test.change(&c)
		n, err := node.Start(c)
		if err == nil {
			t.Errorf("%s: started", test.cause)
			must(t, n.Stop(t.Context()))
			continue
		}
		if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.cause, err)
		}
	}
	n, err := node.Start(w.config(name))
	must(t, err)
	if _, err := node.Start(w.config(name)); err == nil || !strings.Contains(err.Error(), "in use by process") {
		t.Errorf("two on one data directory: %v", err)
	}
	awaitMetric(t, n, "carbonledger_serving", func(v float64) bool { return v == 1 })
	must(t, n.Stop(t.Context()))
	// What is not rebuilt is the state alone.
	must(t, os.RemoveAll(filepath.Join(w.dir, "nodes", name, "state")))
	n, err = node.Start(w.config(name))
	must(t, err)
	awaitMetric(t, n, "carbonledger_serving", func(v float64) bool { return v == 1 })
	must(t, n.Stop(t.Context()))
}

// TestRolledBack: a data directory restored from an older copy does not vote.
func TestRolledBack(t *testing.T) {
	w := newNetwork(t, 3)
	w.start()
	for _, n := range w.nodes {
		awaitMetric(t, n, "carbonledger_serving", func(v float64) bool { return v == 1 })
	}
	c := w.config(w.names()[2])
	raft := filepath.Join(c.Data, "raft")
	must(t, w.nodes[2].Stop(t.Context()))
	saved := filepath.Join(t.TempDir(), "raft")
	must(t, os.CopyFS(saved, os.DirFS(raft)))
	for range 2 { // starts that the copy does not know of
		n, err := node.Start(c)
		must(t, err)
		awaitMetric(t, n, "carbonledger_serving", func(v float64) bool { return v == 1 })
		must(t, n.Stop(t.Context()))
	}
	must(t, os.RemoveAll(raft), os.CopyFS(raft, os.DirFS(saved)))
	n, err := node.Start(c)
	must(t, err)
	select {
	case <-n.Failed():
		if err := n.Err(); !strings.Contains(err.Error(), "rolled back or copied") || !strings.Contains(err.Error(), "init node") {
			t.Errorf("it stopped because of %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("it takes part with an old log")
	}
	w.nodes[2] = n
}
