package binary

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"carbonledger/cli/local"
	"carbonledger/genesis"
	"carbonledger/node/api"
	"carbonledger/tx"
	"carbonledger/tx/keyfile"
)

// network is one whose validators are processes of the program, founded with
// init --all. The processes end with the test.
type network struct {
	t       *testing.T
	dir     string
	genesis string
	domain  tx.Domain
	chain   string
	// flags of every node beside its own.
	flags []string
	nodes []*validator
}

// validator is one data directory with its ports, and the process that runs on
// it now.
type validator struct {
	name, site, dir string
	peer            int
	api, metrics    string
	log             string
	flags           []string
	process         *local.Process
}

// newNetwork founds a network with a validator for each site; none runs yet.
func newNetwork(t *testing.T, sites []string, flags ...string) *network {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "net")
	base := freePorts(t, 4*len(sites))
	command(t, append([]string{
		"init", "--all", strconv.Itoa(len(sites)), "--dir", dir, "--sites", strings.Join(sites, ","),
		"--base-port", strconv.Itoa(base), "--free-transfers",
	}, flags...)...).must(t)
	n := &network{t: t, dir: dir, genesis: filepath.Join(dir, "genesis.toml"), chain: "test"}
	d, err := genesis.Read(n.genesis)
	if err != nil {
		t.Fatal(err)
	}
	n.domain = d.Hash()
	for i, v := range d.Founding().Validators {
		n.add(v.Name, v.Site, filepath.Join(dir, "nodes", v.Name), base+i, base+len(sites)+3*i)
	}
	t.Cleanup(n.end)
	return n
}

// add notes a validator that serves at port, its metrics at the next one and its
// log at the one behind.
func (n *network) add(name, site, dir string, peer, port int) *validator {
	v := &validator{name: name, site: site, dir: dir, peer: peer, api: loopback(port), metrics: loopback(port + 1), log: loopback(port + 2)}
	n.nodes = append(n.nodes, v)
	return v
}

func loopback(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

// freePorts are so many neighbouring ports that nobody listens on, nor is given
// by anybody else; the first of them.
func freePorts(t *testing.T, count int) int {
	t.Helper()
	for range 100 {
		ports, err := local.FreePorts(count)
		if err != nil {
			t.Fatal(err)
		}
		if ports[count-1] == ports[0]+count-1 {
			return ports[0]
		}
	}
	t.Fatalf("found no %d free ports in a row", count)
	return 0
}

func three() []string { return []string{"Wuhan", "Shanghai", "Beijing"} }

// running is a network whose nodes all serve.
func running(t *testing.T, sites []string, flags ...string) *network {
	t.Helper()
	n := newNetwork(t, sites)
	n.flags = flags
	n.startAll()
	return n
}

func (n *network) startAll() {
	n.t.Helper()
	for _, v := range n.nodes {
		n.start(v)
	}
	for _, v := range n.nodes {
		n.awaitServing(v)
	}
}

// arguments with which a validator's process runs.
func (n *network) arguments(v *validator) []string {
	args := []string{
		"node", "--data", v.dir, "--genesis", n.genesis, "--api-listen", v.api, "--metrics-listen", v.metrics,
		"--log-listen", v.log, "--log-tokens", filepath.Join(n.dir, "tokens"),
		"--profile", "loopback", "--min-free-disk", "64", "--check-conservation", "--stop-with-stdin",
	}
	return append(append(args, n.flags...), v.flags...)
}

func (n *network) start(v *validator) {
	n.t.Helper()
	var err error
	if v.process, err = local.Start(v.name, program, n.arguments(v), nil, filepath.Join(n.dir, v.name+".log")); err != nil {
		n.t.Fatal(err)
	}
}

// end kills what runs, and fails the test if any process panicked.
func (n *network) end() {
	for _, v := range n.nodes {
		if v.process == nil {
			continue
		}
		// A stopped process does not hear that its input ends.
		_ = syscall.Kill(v.process.PID(), syscall.SIGCONT)
		v.process.Kill()
		log, err := os.ReadFile(v.process.Log)
		if err != nil || strings.Contains(string(log), "\ngoroutine ") || strings.Contains(string(log), "DATA RACE") {
			n.t.Errorf("%s panicked or raced (%v): see %s", v.name, err, v.process.Log)
		}
		if n.t.Failed() {
			n.t.Logf("the end of the log of %s:\n%s", v.name, v.process.Tail())
		}
	}
}

// signal sends a signal to a validator's process alone.
func (n *network) signal(s syscall.Signal, all ...*validator) {
	n.t.Helper()
	for _, v := range all {
		if err := syscall.Kill(v.process.PID(), s); err != nil {
			n.t.Fatalf("signal %v to %s: %v", s, v.name, err)
		}
	}
}

// kill ends processes as a power cut does, and waits until they are gone.
func (n *network) kill(all ...*validator) {
	n.signal(syscall.SIGKILL, all...)
	for _, v := range all {
		v.process.Kill()
	}
}

// stop ends a process in order.
func (n *network) stop(all ...*validator) {
	n.t.Helper()
	n.signal(syscall.SIGTERM, all...)
	for _, v := range all {
		n.awaitExit(v, 0)
	}
}

// awaitExit waits until a validator's process ends, and returns what it said
// since it was started.
func (n *network) awaitExit(v *validator, code int) string {
	n.t.Helper()
	select {
	case <-v.process.Done():
	case <-time.After(patience):
		n.t.Fatalf("%s has not ended after %s:\n%s", v.name, patience, v.process.Tail())
	}
	got := 0
	if err := v.process.Err(); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			n.t.Fatal(err)
		}
		got = exit.ExitCode()
	}
	said := v.process.Tail()
	if got != code {
		n.t.Fatalf("%s ended with exit code %d, want %d:\n%s", v.name, got, code, said)
	}
	return said
}

// awaitAnswer asks until there is an answer, and fails the test after patience.
func awaitAnswer[A any](t *testing.T, what string, ask func() (A, error)) A {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		a, err := ask()
		if err == nil {
			return a
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after %s: %v", what, patience, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// statusOf asks one node once.
func statusOf(v *validator) (*api.StatusResponse, error) {
	c, err := api.NewClient(api.ClientConfig{Addresses: []string{v.api}})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return c.Status(ctx, &api.StatusRequest{})
}

// awaitStatus asks a node until what it says of itself is as wanted.
func (n *network) awaitStatus(v *validator, what string, wanted func(*api.StatusResponse) bool) *api.StatusResponse {
	n.t.Helper()
	return awaitAnswer(n.t, v.name+" "+what, func() (*api.StatusResponse, error) {
		if !v.process.Running() {
			n.t.Fatalf("%s ended (%v):\n%s", v.name, v.process.Err(), v.process.Tail())
		}
		s, err := statusOf(v)
		if err == nil && !wanted(s) {
			err = fmt.Errorf("height %d, serving %v, problem %q", s.Head.Height, s.Serving, s.Problem)
		}
		return s, err
	})
}

func (n *network) awaitServing(v *validator) {
	n.t.Helper()
	n.awaitStatus(v, "serves", func(s *api.StatusResponse) bool { return s.Serving })
}

// awaitLeader waits until a node that runs is the leader in its own eyes and in
// those of a majority.
func (n *network) awaitLeader(but ...*validator) *validator {
	n.t.Helper()
	return awaitAnswer(n.t, "a leader", func() (*validator, error) {
		votes := map[string]int{}
		for _, v := range n.nodes {
			if v.process == nil || !v.process.Running() {
				continue
			}
			if s, err := statusOf(v); err == nil && s.Leader != "" {
				if votes[s.Leader]++; votes[s.Leader] > len(n.nodes)/2 && !contains(but, s.Leader) {
					return n.node(s.Leader), nil
				}
			}
		}
		return nil, fmt.Errorf("they name %v", votes)
	})
}

func contains(all []*validator, name string) bool {
	for _, v := range all {
		if v.name == name {
			return true
		}
	}
	return false
}

func (n *network) node(name string) *validator {
	for _, v := range n.nodes {
		if v.name == name {
			return v
		}
	}
	n.t.Fatalf("no validator is called %q", name)
	return nil
}

// others are all validators but these.
func (n *network) others(these ...*validator) []*validator {
	var all []*validator
	for _, v := range n.nodes {
		if !contains(these, v.name) {
			all = append(all, v)
		}
	}
	return all
}

// awaitSame waits until these nodes have the same height and hash, and returns
// the height. Nobody submits meanwhile.
func (n *network) awaitSame(all ...*validator) uint64 {
	n.t.Helper()
	return awaitAnswer(n.t, "one height and hash everywhere", func() (uint64, error) {
		heads := map[string]uint64{}
		for _, v := range all {
			s, err := statusOf(v)
			if err != nil {
				return 0, err
			}
			heads[fmt.Sprintf("%d %x", s.Head.Height, s.Head.Hash)] = s.Head.Height
		}
		if len(heads) != 1 {
			return 0, fmt.Errorf("heads %v", heads)
		}
		for _, height := range heads {
			return height, nil
		}
		return 0, nil
	})
}

// key is the file with a founding party's key.
func (n *network) key(party string) string { return filepath.Join(n.dir, "keys", party+".key") }

// addresses of the validators' APIs, for --api.
func addresses(all ...*validator) string {
	var list []string
	for _, v := range all {
		list = append(list, v.api)
	}
	return strings.Join(list, ",")
}

// as runs a command for a party, at every node.
func (n *network) as(party string, args ...string) result {
	n.t.Helper()
	return n.asAt(n.nodes, party, args...)
}

func (n *network) asAt(nodes []*validator, party string, args ...string) result {
	n.t.Helper()
	return command(n.t, n.with(nodes, party, args...)...)
}

// with are the words of a party's command. An issue is one that adds, without
// more ado: with the second person of the registry and the province.
func (n *network) with(nodes []*validator, party string, args ...string) []string {
	if args[0] == "issue" {
		args = append(args, "--stage", "adjustment", "--table", strings.Repeat("ab", 32), "--cosign", n.key("region"))
		if party == "registry" {
			args = append(args, "--cosign", n.key("registry-2"))
		}
	}
	return append(args, "--api", addresses(nodes...), "--genesis", n.genesis, "--party", party, "--key", n.key(party))
}

// audit audits the logs of validators with the policy that init wrote.
func (n *network) audit(nodes []*validator, words ...string) result {
	n.t.Helper()
	args := []string{"audit", "--genesis", n.genesis, "--policy", filepath.Join(n.dir, "policy.txt"), "--token-file", filepath.Join(n.dir, "keys", "auditor.token")}
	for _, v := range nodes {
		args = append(args, "http://"+v.log)
	}
	return command(n.t, append(args, words...)...)
}

// awaitAudited waits until the logs of validators are published up to a height.
func (n *network) awaitAudited(height uint64, nodes []*validator, words ...string) {
	n.t.Helper()
	awaitAnswer(n.t, fmt.Sprintf("an audit of height %d", height), func() (any, error) {
		r := n.audit(nodes, append(words, "--json")...)
		if at := r.parsed(n.t)["height"].(float64); r.code != 0 || uint64(at) < height {
			return nil, fmt.Errorf("exit code %d, height %v", r.code, at)
		}
		return nil, nil
	})
}

// does runs an operation that the ledger must accept.
func (n *network) does(party string, args ...string) result {
	n.t.Helper()
	return n.as(party, append(args, "--yes")...).must(n.t)
}

// signs writes a signed transaction and returns its file.
func (n *network) signs(party string, args ...string) string {
	n.t.Helper()
	file := filepath.Join(n.t.TempDir(), "signed.tx")
	n.as(party, append(args, "--yes", "--out", file)...).must(n.t)
	return file
}

// secretFile holds a passphrase.
func secretFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("a long passphrase\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// privateKey of a founding party.
func (n *network) privateKey(party string) tx.PrivateKey {
	n.t.Helper()
	key, err := keyfile.Read(n.key(party), "")
	if err != nil {
		n.t.Fatal(err)
	}
	return key
}

// client asks nodes as a program does.
func (n *network) client(nodes ...*validator) *api.Client {
	n.t.Helper()
	c, err := api.NewClient(api.ClientConfig{Addresses: strings.Split(addresses(nodes...), ",")})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { _ = c.Close() })
	return c
}

// parsed reads a command's JSON.
func (r result) parsed(t *testing.T) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(r.out), &m); err != nil {
		t.Fatalf("%s: prints no JSON object: %v\n%s", r.line, err, r.out)
	}
	return m
}
