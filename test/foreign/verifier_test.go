//go:build foreign

package foreign

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"carbonledger/tx"
	"carbonledger/tx/keyfile"
)

// python runs a script of verifier, which was written from docs/format.md alone.
func python(t *testing.T, script string, args ...string) (string, error) {
	t.Helper()
	program, err := exec.LookPath("python3")
	if errors.Is(err, exec.ErrNotFound) {
		t.Fatal("this test runs a verifier in Python: install python3 (3.8 or newer, standard library only)")
	} else if err != nil {
		t.Fatal(err)
	}
	// -B: no compiled files among the sources.
	return runTool(t, program, append([]string{"-B", filepath.Join("verifier", script)}, args...)...)
}

// TestVectorsInPython: the verifier takes and refuses what we do, in every part of
// every file of testdata/vectors.
func TestVectorsInPython(t *testing.T) {
	out, err := python(t, "vectors.py")
	m := regexp.MustCompile(`^OK (\d+) taken, (\d+) refused`).FindStringSubmatch(out)
	if err != nil || m == nil {
		t.Fatalf("%v %s", err, out)
	}
	for i, atLeast := range []int{212, 175} {
		if n, err := strconv.Atoi(m[i+1]); err != nil || n < atLeast {
			t.Errorf("only %s were checked: %s", m[i+1], out)
		}
	}
}

// TestVerifierInPython: what docs/format.md says is enough for a program that
// shares nothing with ours to accept the saved log and a receipt of a live
// network, and to refuse each of them with one byte changed.
func TestVerifierInPython(t *testing.T) {
	l := newLive(t)
	l.startAll()
	l.awaitSize(1)
	last := l.deposits(260) // more than a tile
	l.addSM2Key()
	l.approveRestriction()
	size := l.awaitSize(int(last.Index) + 4)
	dir := t.TempDir()
	copied, receipt := filepath.Join(dir, "copy"), filepath.Join(dir, "r.tlog-proof")
	l.run("audit", "http://"+l.nodes[1].log, "--genesis", l.file("genesis.toml"), "--policy", l.file("policy.txt"),
		"--token-file", l.file("keys/auditor.token"), "--save", copied)
	l.run("receipt", "get", fmt.Sprintf("%x", last.Id), "--out", receipt, "--api", l.nodes[2].api, "--genesis", l.file("genesis.toml"),
		"--party", "bank", "--key", l.file("keys/bank.key"))
	for _, n := range l.nodes {
		n.stop()
	}
	verify := func(args ...string) (string, error) {
		return python(t, "verify.py", append(args, "--policy", l.file("policy.txt"), "--genesis", l.founded.Hash.String())...)
	}
	out, err := verify("--log", copied, "--receipt", receipt)
	want := regexp.MustCompile(fmt.Sprintf(`^OK log of size %d, height \d+\nOK receipt: index %d, size \d+\n264 transactions, 265 Ed25519, 1 SM2`, size, last.Index))
	if err != nil || !want.MatchString(out) {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, c := range []struct{ files, before, want string }{
		{"copy/tile/entries/000", "", "the entries do not lead|does not follow|bundle"}, {"copy/tile/entries/001.p/*", "", "the entries do not lead|does not follow|bundle"},
		{"copy/tile/0/000", "", "tile 0 of level 0"}, {"copy/tile/0/001.p/*", "", "tile 1 of level 0"}, {"copy/tile/1/000.p/1", "", "tile 0 of level 1"},
		{"copy/checkpoint", "=\n\n", "signature|base64"}, {"r.tlog-proof", "\nindex ", "record|root|base64"}, {"r.tlog-proof", "=\n\n", "root|base64"},
	} {
		found, err := filepath.Glob(filepath.Join(dir, c.files))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", c.files, found, err)
		}
		whole, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		at := len(whole) / 2
		if c.before != "" {
			at = bytes.Index(whole, []byte(c.before)) - 3
		}
		flipped := bytes.Clone(whole)
		flipped[at] ^= 1
		writeToolFile(t, found[0], flipped)
		argument := []string{"--log", copied}
		if found[0] == receipt {
			argument = []string{"--receipt", receipt}
		}
		if out, err := verify(argument...); err == nil || !regexp.MustCompile(`^FAILED: .*(`+c.want+`).*\n$`).MatchString(out) {
			t.Errorf("%s with byte %d flipped: %v %s", c.files, at, err, out)
		}
		writeToolFile(t, found[0], whole)
	}
}

// approveRestriction lets one person of the registry prepare, and another approve.
func (l *live) approveRestriction() {
	l.t.Helper()
	as := func(key string, args ...string) string {
		return l.run(append(args, "--api", l.nodes[0].api, "--genesis", l.file("genesis.toml"), "--party", "registry", "--key", l.file("keys/"+key+".key"), "--yes")...)
	}
	out := as("registry", "account", "restrict", "entity-2", "--restriction", "trading", "--document", "D-1", "--prepare")
	id := regexp.MustCompile(`transaction +([0-9a-f]{64})`).FindStringSubmatch(out)
	if id == nil {
		l.t.Fatalf("no transaction is prepared: %s", out)
	}
	as("registry-2", "approve", id[1])
}

// addSM2Key gives the registry one more key, of the other scheme.
func (l *live) addSM2Key() {
	l.t.Helper()
	key, err := tx.GenerateKey(tx.SM2, rand.Reader)
	if err != nil {
		l.t.Fatal(err)
	}
	proven, err := tx.ProveKey(l.founded.Hash, "registry", key)
	if err != nil {
		l.t.Fatal(err)
	}
	var own []tx.PrivateKey
	for _, name := range []string{"registry", "registry-2"} {
		k, err := keyfile.Read(l.file("keys/"+name+".key"), "")
		if err != nil {
			l.t.Fatal(err)
		}
		own = append(own, k)
	}
	raw, err := tx.NewTransaction(l.founded.Hash, &tx.Body{ChainId: l.founded.ChainID, Party: "registry", Reference: "key-1", Operations: []tx.Operation{
		{Operation: &tx.Operation_AddKey{AddKey: &tx.AddKey{Key: proven}}},
	}}, own...)
	if err != nil {
		l.t.Fatal(err)
	}
	if r, err := l.client.Submit(l.t.Context(), [][]byte{raw}); err != nil || r[0].Reason != tx.Accepted {
		l.t.Fatalf("add a key: %v, %v", r, err)
	}
}
