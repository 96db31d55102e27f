//go:build foreign

package foreign

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"carbonledger/genesis"
	"carbonledger/node/api"
	"carbonledger/tx"
	"carbonledger/tx/keyfile"
)

// liveNode is a validator's process.
type liveNode struct {
	name, api, log string
	flags          []string // beside those of every node
	stop           func()
}

// live is a network of real validators that publish a log.
type live struct {
	t       *testing.T
	dir     string
	program string
	nodes   []*liveNode
	founded tx.Founding
	client  *api.Client
	bank    tx.PrivateKey
	n       int
}

// program is built once.
var carbonledger = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "carbonledger-foreign-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "carbonledger")
	if out, err := exec.Command("go", "build", "-o", file, "carbonledger").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return file, nil
})

// newLive founds a network; none of its validators runs yet.
func newLive(t *testing.T, flags ...string) *live {
	t.Helper()
	program, err := carbonledger()
	if err != nil {
		t.Fatal(err)
	}
	l := &live{t: t, dir: filepath.Join(t.TempDir(), "net"), program: program}
	l.run(append([]string{"init", "--all", "3", "--sites", "Wuhan,Shanghai,Beijing", "--dir", l.dir}, flags...)...)
	document, err := genesis.Read(filepath.Join(l.dir, "genesis.toml"))
	if err != nil {
		t.Fatal(err)
	}
	l.founded = document.Founding()
	if l.bank, err = keyfile.Read(filepath.Join(l.dir, "keys", "bank.key"), ""); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"wuhan-1", "shanghai-1", "beijing-1"} {
		l.nodes = append(l.nodes, &liveNode{name: name, api: freeAddress(t), log: freeAddress(t)})
	}
	return l
}

// run runs the program once, which must succeed.
func (l *live) run(args ...string) string {
	l.t.Helper()
	out, err := runTool(l.t, l.program, args...)
	if err != nil {
		l.t.Fatalf("carbonledger %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (l *live) file(name string) string { return filepath.Join(l.dir, name) }

// start runs a validator until the test ends.
func (l *live) start(n *liveNode) {
	l.t.Helper()
	c := exec.Command(l.program, append([]string{"node", "--stop-with-stdin", "--data", l.file("nodes/" + n.name), "--genesis", l.file("genesis.toml"), "--api-listen", n.api,
		"--log-listen", n.log, "--log-tokens", l.file("tokens"), "--profile", "loopback", "--min-free-disk", "100"}, n.flags...)...)
	var output bytes.Buffer
	c.Stdout, c.Stderr = &output, &output
	stdin, err := c.StdinPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		l.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = c.Wait() }()
	var once sync.Once
	n.stop = func() {
		once.Do(func() {
			_ = stdin.Close()
			select {
			case <-ended:
			case <-time.After(30 * time.Second):
				_ = c.Process.Kill()
				<-ended
			}
		})
	}
	l.t.Cleanup(func() {
		n.stop()
		if l.t.Failed() {
			l.t.Logf("%s said:\n%s", n.name, shorten(output.String()))
		}
	})
}

func (l *live) startAll() {
	l.t.Helper()
	var addresses []string
	for _, n := range l.nodes {
		l.start(n)
		addresses = append(addresses, n.api)
	}
	var err error
	if l.client, err = api.NewClient(api.ClientConfig{Addresses: addresses}); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = l.client.Close() })
}

// deposits submits so many transactions.
func (l *live) deposits(count int) (last tx.Receipt) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 2*time.Minute)
	defer cancel()
	for count > 0 {
		var raws [][]byte
		for range min(count, 512) {
			l.n++
			raw, err := tx.NewTransaction(l.founded.Hash, &tx.Body{ChainId: l.founded.ChainID, Party: "bank", Reference: "d" + strconv.Itoa(l.n), Operations: []tx.Operation{
				{Operation: &tx.Operation_Deposit{Deposit: &tx.Deposit{Party: "entity-1", Amount: 1}}},
			}}, l.bank)
			if err != nil {
				l.t.Fatal(err)
			}
			raws = append(raws, raw)
		}
		receipts, err := l.client.Submit(ctx, raws)
		if err != nil {
			l.t.Fatal(err)
		}
		for i := range receipts {
			if receipts[i].Reason != tx.Accepted {
				l.t.Fatalf("a deposit: %s", receipts[i].Reason)
			}
		}
		last, count = receipts[len(receipts)-1], count-len(raws)
	}
	return last
}

// checkpoint is what a node serves, empty for nothing.
func (n *liveNode) checkpoint() string {
	client := http.Client{Timeout: time.Second}
	r, err := client.Get("http://" + n.log + "/checkpoint")
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		return ""
	}
	return string(b)
}

// sizeOf a checkpoint, 0 for none.
func sizeOf(checkpoint string) int {
	lines := bufio.NewScanner(strings.NewReader(checkpoint))
	lines.Scan()
	lines.Scan()
	n, _ := strconv.Atoi(lines.Text())
	return n
}

// awaitSize waits until every node serves a checkpoint of at least a size, and
// returns the size of the first one's.
func (l *live) awaitSize(size int) int {
	l.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		least := int(^uint(0) >> 1)
		for _, n := range l.nodes {
			least = min(least, sizeOf(n.checkpoint()))
		}
		if least >= size {
			return sizeOf(l.nodes[0].checkpoint())
		}
	}
	l.t.Fatalf("no checkpoint of size %d: %q", size, l.nodes[0].checkpoint())
	return 0
}

// vkey is the log's, from the policy that init wrote.
func (l *live) vkey() string {
	b, err := os.ReadFile(l.file("policy.txt"))
	if err != nil {
		l.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\nlog ")
	vkey, _, _ := strings.Cut(rest, "\n")
	return vkey
}

func (l *live) token() string {
	b, err := os.ReadFile(l.file("keys/auditor.token"))
	if err != nil {
		l.t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// TestFsckOnNodes: Tessera's fsck reads the whole log of every validator, the
// leader and the followers, at sizes around the ends of tiles.
func TestFsckOnNodes(t *testing.T) {
	l := newLive(t)
	l.startAll()
	key := filepath.Join(t.TempDir(), "log.pub")
	writeToolFile(t, key, []byte(l.vkey()+"\n"))
	for _, size := range []int{1, 255, 256, 257, 65_540} {
		have := l.awaitSize(1)
		l.deposits(size - have)
		have = l.awaitSize(size)
		if size < 1000 && have != size {
			t.Logf("the log has size %d in place of %d: an idle minute passed", have, size)
		}
		for _, n := range l.nodes {
			if err := fsck(t, "http://"+n.log, key, "", l.token()); err != nil {
				t.Errorf("%s at size %d: %v", n.name, have, err)
			}
		}
	}
	// A copy that an audit saved is a log too.
	copied := filepath.Join(t.TempDir(), "copy")
	l.run("audit", "http://"+l.nodes[1].log, "--genesis", l.file("genesis.toml"), "--policy", l.file("policy.txt"), "--token-file", l.file("keys/auditor.token"), "--save", copied)
	if err := fsck(t, "file://"+copied, key, "", ""); err != nil {
		t.Errorf("the copy: %v", err)
	}
	if err := fsck(t, "http://"+l.nodes[0].log, key, "", "no token"); err == nil {
		t.Error("entries were shown without a token")
	}
}

// TestReceiptsOfNodes: a receipt of a live network convinces a program that
// shares nothing with ours, and an altered one does not.
func TestReceiptsOfNodes(t *testing.T) {
	l := newLive(t)
	l.startAll()
	l.awaitSize(1)
	l.deposits(300)
	last := l.deposits(1)
	file := filepath.Join(t.TempDir(), "r.tlog-proof")
	l.run("receipt", "get", fmt.Sprintf("%x", last.Id), "--out", file, "--api", l.nodes[2].api, "--genesis", l.file("genesis.toml"), "--party", "bank", "--key", l.file("keys/bank.key"))
	l.run("receipt", "verify", file, "--policy", l.file("policy.txt"), "--genesis", l.file("genesis.toml"))
	line, err := verifyReceipt(t, l.file("policy.txt"), "", file)
	if err != nil || !strings.HasPrefix(line, fmt.Sprintf("OK index %d ", last.Index)) {
		t.Fatalf("%s: %v", line, err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	// One cosignature of three may be damaged: two are enough.
	altered, cosigned := filepath.Join(t.TempDir(), "altered"), bytes.Index(whole, []byte("\n— "+l.founded.LogOrigin+"/"))
	positions := [][]int{}
	for at := 0; at < cosigned; at += 41 {
		positions = append(positions, []int{at})
	}
	lines := bytes.Split(whole[cosigned+1:], []byte("\n"))
	first := cosigned + len(lines[0]) - 10
	positions = append(positions, []int{first, first + len(lines[1]) + 1})
	for _, at := range positions {
		b := bytes.Clone(whole)
		for _, i := range at {
			b[i] ^= 1
		}
		writeToolFile(t, altered, b)
		if line, err := verifyReceipt(t, l.file("policy.txt"), "", altered); err == nil {
			t.Errorf("bytes %v altered: %s", at, line)
		}
		if out, err := runTool(t, l.program, "receipt", "verify", altered, "--policy", l.file("policy.txt")); err == nil {
			t.Errorf("bytes %v altered, ours: %s", at, out)
		}
	}
	policy, err := os.ReadFile(l.file("policy.txt"))
	if err != nil {
		t.Fatal(err)
	}
	other := newLive(t)
	strict := filepath.Join(t.TempDir(), "strict")
	// One more must have signed: a validator of another network, who did not.
	foreign, err := os.ReadFile(other.file("policy.txt"))
	if err != nil {
		t.Fatal(err)
	}
	stranger := ""
	for line := range strings.Lines(string(foreign)) {
		if words := strings.Fields(line); words[0] == "witness" {
			stranger = strings.Replace(line, words[1], "stranger", 1)
		}
	}
	writeToolFile(t, strict, []byte(strings.Replace(string(policy), "quorum validators", stranger+"group both 2 validators stranger\nquorum both", 1)))
	loose := filepath.Join(t.TempDir(), "loose")
	writeToolFile(t, loose, []byte(strings.Replace(string(policy), "quorum validators", stranger+"group either 1 validators stranger\nquorum either", 1)))
	for name, c := range map[string]struct {
		file string
		ok   bool
	}{"another network's policy": {other.file("policy.txt"), false}, "a stricter policy": {strict, false}, "a looser policy": {loose, true}} {
		if line, err := verifyReceipt(t, c.file, "", file); (err == nil) != c.ok {
			t.Errorf("%s: %s", name, line)
		}
		if out, err := runTool(t, l.program, "receipt", "verify", file, "--policy", c.file); (err == nil) != c.ok {
			t.Errorf("%s, ours: %s", name, out)
		}
	}
}

// TestWitnessOnNodes: an independent witness cosigns what a live network
// publishes; a fork, made from a copy of all validators at an earlier time, is
// refused by it, and nothing of it is published.
func TestWitnessOnNodes(t *testing.T) {
	w := newWitness(t, "witness.example/live")
	l := newLive(t, "--parameter", fmt.Sprintf("log.witnesses=1 omni %s %s", w.vkey, w.url()))
	w.start(t, witnessed{l.founded.LogOrigin, l.vkey()})
	l.startAll()
	l.awaitSize(1)
	l.deposits(10)
	l.awaitSize(11)
	for _, n := range l.nodes {
		if c := n.checkpoint(); !strings.Contains(c, "\n— witness.example/live ") {
			t.Fatalf("%s publishes a checkpoint without the witness: %s", n.name, c)
		}
	}
	for _, n := range l.nodes {
		n.stop()
	}
	old := filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(l.file("nodes"))); err != nil {
		t.Fatal(err)
	}
	l.startAll()
	l.deposits(20)
	published := l.awaitSize(31)
	for _, n := range l.nodes {
		n.stop()
	}
	// Every validator is put back to the old copy, its signer file too: only the
	// witness remembers.
	if err := os.RemoveAll(l.file("nodes")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(l.file("nodes"), os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	if err := filepath.WalkDir(l.file("nodes"), func(path string, d os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".key") {
			err = os.Chmod(path, 0o600)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	l.n += 1000 // other transactions
	l.startAll()
	l.deposits(60)
	l.awaitProblem("another history of this log")
	for _, n := range l.nodes {
		if size := sizeOf(n.checkpoint()); size > published {
			t.Errorf("%s published size %d of the fork", n.name, size)
		}
	}
	found, err := filepath.Glob(l.file("nodes/*/evidence/fork-*.theirs"))
	if err != nil || len(found) == 0 {
		t.Errorf("no evidence was kept: %v", err)
	}
}

// awaitProblem waits until some validator's log has a problem with these words.
func (l *live) awaitProblem(words string) {
	l.t.Helper()
	last := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		for _, n := range l.nodes {
			out, err := runTool(l.t, l.program, "status", "--api", n.api)
			if last = out; err == nil && strings.Contains(out, words) {
				return
			}
		}
	}
	l.t.Fatalf("nobody reports %q:\n%s", words, last)
}
