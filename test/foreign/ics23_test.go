//go:build foreign

package foreign

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"carbonledger/tx/proof"
)

// ics23Patience bounds the installation of the npm package, and each run of it.
const ics23Patience = 5 * time.Minute

// ics23Question is a line for ics23/verify.js, and its true answer. Without a
// value it asks for absence.
type ics23Question struct {
	Root  string `json:"root"`
	Proof string `json:"proof"`
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`

	name string
	want bool
}

// TestICS23: an implementation of ICS-23 that is not ours believes our state
// proofs, those that are true and no others, and so does proof.VerifyState.
func TestICS23(t *testing.T) {
	modules := ics23Modules(t)
	var all []ics23Question
	for n := 1; n <= 70; n++ {
		all = append(all, ics23Questions(t, n, ics23Positions(n, 1))...)
	}
	for _, n := range []int{1_237, 70_000} {
		all = append(all, ics23Questions(t, n, ics23Positions(n, n/16))...)
	}
	answers := ics23Answers(t, modules, all)
	if len(answers) != len(all) {
		t.Fatalf("%d answers to %d questions", len(answers), len(all))
	}
	for i, q := range all {
		if answers[i] != fmt.Sprint(q.want) {
			t.Errorf("%s: @confio/ics23 says %s, want %v", q.name, answers[i], q.want)
		}
		if ours := ics23Ours(t, q); ours != q.want {
			t.Errorf("%s: VerifyState says %v, want %v", q.name, ours, q.want)
		}
	}
}

// TestICS23LockNamesNoMirror: the lock file says what is installed, by its
// hash, and from nowhere but npm's own registry.
func TestICS23LockNamesNoMirror(t *testing.T) {
	b, err := os.ReadFile("ics23/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version, Resolved, Integrity string }
	}
	if err := json.Unmarshal(b, &lock); err != nil {
		t.Fatal(err)
	}
	if got := lock.Packages["node_modules/@confio/ics23"].Version; got != "0.6.8" {
		t.Errorf("@confio/ics23 is locked at %q, want 0.6.8", got)
	}
	for name, p := range lock.Packages {
		if name != "" && !strings.HasPrefix(p.Integrity, "sha512-") {
			t.Errorf("%s has the integrity %q, want a SHA-512", name, p.Integrity)
		}
		if p.Resolved != "" && !strings.HasPrefix(p.Resolved, "https://registry.npmjs.org/") {
			t.Errorf("%s comes from %s, want registry.npmjs.org", name, p.Resolved)
		}
	}
}

// ics23Positions are every step-th record of n, the last, and those around the
// powers of two, at which subtrees end.
func ics23Positions(n, step int) []int {
	at := []int{n - 1}
	for i := 0; i < n; i += step {
		at = append(at, i)
	}
	for k := 1; k < n; k *= 2 {
		at = append(at, k-1, k)
	}
	slices.Sort(at)
	return slices.Compact(at)
}

// ics23State is a tree of n holdings.
type ics23State struct {
	t    *testing.T
	keys [][]byte
	tree *proof.StateTree
}

func newICS23State(t *testing.T, n int) *ics23State {
	s := &ics23State{t: t}
	for i := range n {
		party := fmt.Sprintf("party-%05d", i)
		if i%7 == 3 {
			party += strings.Repeat("x", 140) // the length takes two bytes
		}
		s.keys = append(s.keys, []byte("\x06"+party+"\x00CEA22"))
	}
	tree, err := proof.BuildStateTree(func(yield func([]byte, [32]byte) bool) {
		for _, key := range s.keys {
			if !yield(key, sha256.Sum256(ics23Value(key))) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	s.tree = tree
	return s
}

func ics23Value(key []byte) []byte { return append([]byte("holding of "), key...) }

// gap is a key before record i and behind the one before it.
func (s *ics23State) gap(i int) []byte {
	if i == 0 {
		return []byte{0x06}
	}
	return append(bytes.Clone(s.keys[i-1]), '!')
}

func (s *ics23State) prove(key []byte) []byte {
	s.t.Helper()
	p, err := s.tree.Prove(key, func(key []byte) ([]byte, error) { return ics23Value(key), nil })
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// passOver is a proof that record i is absent, made of true proofs of its
// neighbours.
func (s *ics23State) passOver(i int) []byte {
	left := ics23Field(ics23Field(s.prove(s.gap(i)), 2), 2)
	right := ics23Field(ics23Field(s.prove(s.gap(i+1)), 2), 3)
	b := ics23Append(nil, 1, s.keys[i])
	if left != nil {
		b = ics23Append(b, 2, left)
	}
	if right != nil {
		b = ics23Append(b, 3, right)
	}
	return ics23Append(nil, 2, b)
}

// rename is the proof of record i with another key in it.
func (s *ics23State) rename(i int, key []byte) []byte {
	b := ics23Field(s.prove(s.keys[i]), 1)
	rest := b[len(ics23Append(nil, 1, s.keys[i])):]
	return ics23Append(nil, 1, append(ics23Append(nil, 1, key), rest...))
}

func ics23Append(b []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), value)
}

// ics23Field is the first field of b with this number; nil where there is none.
// All fields of b are bytes.
func ics23Field(b []byte, number protowire.Number) []byte {
	for len(b) > 0 {
		found, _, n := protowire.ConsumeTag(b)
		value, m := protowire.ConsumeBytes(b[n:])
		if found == number {
			return value
		}
		b = b[n+m:]
	}
	return nil
}

// ics23Questions about a state of n records: true ones at these positions, and
// false ones at the ends and at every third, others for each size.
func ics23Questions(t *testing.T, n int, positions []int) (all []ics23Question) {
	s := newICS23State(t, n)
	root := s.tree.Root()
	ask := func(want bool, name string, i int, p, key, value []byte) {
		all = append(all, ics23Question{
			Root: hex.EncodeToString(root[:]), Proof: hex.EncodeToString(p), Key: hex.EncodeToString(key), Value: hex.EncodeToString(value),
			name: fmt.Sprintf("record %d of %d: %s", i, n, name), want: want,
		})
	}
	for _, i := range positions {
		key, gap := s.keys[i], s.gap(i)
		value, exists, absent := ics23Value(key), s.prove(key), s.prove(gap)
		ask(true, "existence", i, exists, key, value)
		ask(true, "absence before it", i, absent, gap, nil)
		if i != 0 && i != n-1 && i%3 != n%3 {
			continue
		}
		ask(false, "existence with another value", i, exists, key, append(bytes.Clone(value), '0'))
		ask(false, "its absence, by its existence", i, exists, key, nil)
		ask(false, "its absence, by that of a key before it", i, absent, key, nil)
		ask(false, "its absence, by its neighbours", i, s.passOver(i), key, nil)
		ask(false, "existence of a key before it, by its own", i, exists, gap, value)
		ask(false, "existence of a key before it, by a changed proof", i, s.rename(i, gap), gap, value)
		ask(false, "existence of a key before it, by its absence", i, absent, gap, value)
	}
	ask(true, "absence behind the last", n, s.prove(s.gap(n)), s.gap(n), nil)
	return all
}

// ics23Ours is what proof.VerifyState answers.
func ics23Ours(t *testing.T, q ics23Question) bool {
	t.Helper()
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	value, exists, err := proof.VerifyState([32]byte(unhex(q.Root)), unhex(q.Proof), unhex(q.Key))
	return err == nil && exists == (q.Value != "") && bytes.Equal(value, unhex(q.Value))
}

// ics23Answers of verify.js, line by line.
func ics23Answers(t *testing.T, modules string, all []ics23Question) []string {
	t.Helper()
	var lines, out bytes.Buffer
	for _, q := range all {
		if err := json.NewEncoder(&lines).Encode(q); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), ics23Patience)
	defer cancel()
	c := exec.CommandContext(ctx, "node", filepath.Join("ics23", "verify.js"))
	c.Env = append(os.Environ(), "NODE_PATH="+modules)
	c.Stdin, c.Stdout = &lines, &out
	ics23Run(t, c)
	return strings.Fields(out.String())
}

// ics23Run waits until the program has ended, by itself or with its context.
func ics23Run(t *testing.T, c *exec.Cmd) {
	t.Helper()
	var said bytes.Buffer
	c.Stderr = &said
	c.WaitDelay = 5 * time.Second
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", c, err, said.String())
	}
}

// ics23Modules is the node_modules of ics23/package-lock.json, installed once
// for each such file in the user's cache directory.
func ics23Modules(t *testing.T) string {
	t.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Fatalf("%v: this test asks the npm package @confio/ics23: install Node.js 18 or newer with npm (Debian: apt-get install nodejs npm)", err)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	lock, err := os.ReadFile("ics23/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "carbonledger-foreign")
	installed := filepath.Join(cache, fmt.Sprintf("ics23-%x", sha256.Sum256(lock)))
	if _, err := os.Stat(installed); err != nil {
		ics23Install(t, cache, installed)
	}
	return filepath.Join(installed, "node_modules")
}

// ics23Install fetches the modules into a directory of its own, which becomes
// installed only when it is complete. No script of a package runs.
func ics23Install(t *testing.T, cache, installed string) {
	t.Helper()
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(cache, "installing-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join("ics23", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), ics23Patience)
	defer cancel()
	c := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	c.Dir = dir
	ics23Run(t, c)
	if err := os.Rename(dir, installed); err != nil {
		if _, missing := os.Stat(installed); missing != nil {
			t.Fatal(err) // not for another run that was faster
		}
	}
}
