//go:build foreign

package foreign

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/tx/proof"
)

// TestStateProofsOfNodes: what a live network proves of its state convinces the
// npm package @confio/ics23, and an altered proof does not; a statement from which
// something is left out is found out.
func TestStateProofsOfNodes(t *testing.T) {
	l := newLive(t, "--clock", "script", "--start", "2024-12-30T09:40:00+08:00", "--chain-id", "script-proofs")
	l.startAll()
	l.awaitSize(1)
	as := func(party string, args ...string) string {
		t.Helper()
		return l.run(append(args, "--api", l.nodes[1].api, "--genesis", l.file("genesis.toml"), "--party", party, "--key", l.file("keys/"+party+".key"))...)
	}
	as("registry", "issue", "--stage", "adjustment", "--to", "entity-1", "--instrument", "CEA22", "--tonnes", "60000", "--document", "HB-17", "--table", strings.Repeat("ab", 32),
		"--cosign", l.file("keys/registry-2.key"), "--cosign", l.file("keys/region.key"), "--yes")
	as("exchange", "day", "open", "2024-12-30", "--yes")
	as("exchange", "day", "close", "2024-12-30", "--yes")
	as("bank", "deposit", "--to", "entity-1", "--yuan", "5", "--yes")
	as("bank", "deposit", "--to", "entity-2", "--yuan", "5", "--yes")

	policy := l.file("policy.txt")
	file := func(name string) string { return filepath.Join(t.TempDir(), name) }
	held, absent, statement := file("held"), file("absent"), file("statement")
	as("entity-1", "prove", "holding", "entity-1", "CEA22", "--out", held)
	as("auditor", "prove", "holding", "entity-2", "CEA22", "--at", "2024-12-30", "--out", absent)
	if out := l.run("prove", "verify", held, "--policy", policy); !strings.Contains(out, "60,000") || !strings.Contains(out, "2024-12-30") {
		t.Errorf("the holding: %s", out)
	}
	if out := l.run("prove", "verify", absent, "--policy", policy); !strings.Contains(out, "no holding") {
		t.Errorf("no holding: %s", out)
	}
	if out, err := runTool(t, l.program, "prove", "holding", "entity-2", "CEA22", "--api", l.nodes[1].api, "--genesis", l.file("genesis.toml"), "--party", "entity-2", "--key", l.file("keys/entity-2.key")); err == nil || !strings.Contains(out, "shows others' records") {
		t.Errorf("an entity was shown its neighbours: %s", out)
	}
	liveICS23(t, l, held, absent)

	as("auditor", "take-state-root", "--yes")
	as("bank", "deposit", "--to", "entity-2", "--yuan", "5", "--yes")
	asked, closed := file("asked"), file("closed")
	as("entity-1", "prove", "holding", "entity-1", "CEA22", "--out", asked)
	as("entity-1", "prove", "holding", "entity-1", "CEA22", "--at", "2024-12-30", "--out", closed)
	if out := l.run("prove", "verify", asked, "--policy", policy); !strings.Contains(out, "60,000") || !strings.Contains(out, "asked for") {
		t.Errorf("the holding at a root that was asked for: %s", out)
	}
	if out := l.run("prove", "verify", closed, "--policy", policy); !strings.Contains(out, "2024-12-30") {
		t.Errorf("a day's proof is not to the root of its close: %s", out)
	}

	as("entity-1", "statement", "entity-1", "--out", statement)
	if out := l.run("statement", "verify", statement, "--policy", policy); !strings.Contains(out, "nothing is missing") || !strings.Contains(out, "IssueAllowances") {
		t.Errorf("the statement: %s", out)
	}
	whole, err := os.ReadFile(statement)
	if err != nil {
		t.Fatal(err)
	}
	s, err := proof.ParseStatement(whole)
	if err != nil {
		t.Fatal(err)
	}
	s.Entries = s.Entries[1:]
	short, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	writeToolFile(t, statement+".short", short)
	if out, err := runTool(t, l.program, "statement", "verify", statement+".short", "--policy", policy); err == nil {
		t.Errorf("a statement that lacks its first entry passes: %s", out)
	}
	if out := as("entity-1", "query", "holdings", "entity-1", "--at", "1"); !strings.Contains(out, "60,000") || !strings.Contains(out, "height 1") {
		t.Errorf("holdings at height 1: %s", out)
	}
}

// liveICS23 asks the npm package about proofs of existence and absence.
func liveICS23(t *testing.T, l *live, held, absent string) {
	t.Helper()
	text, err := os.ReadFile(l.file("policy.txt"))
	if err != nil {
		t.Fatal(err)
	}
	policy, err := proof.ParsePolicy(string(text))
	if err != nil {
		t.Fatal(err)
	}
	var questions []ics23Question
	var wants []string
	for _, file := range []string{held, absent} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := proof.ParseStateReceipt(b)
		if err != nil {
			t.Fatal(err)
		}
		p, err := s.Verify(policy)
		if err != nil {
			t.Fatal(err)
		}
		ask := func(want string, key, value []byte) {
			questions = append(questions, ics23Question{Root: hex.EncodeToString(p.Root.Root), Proof: hex.EncodeToString(s.Proof), Key: hex.EncodeToString(key), Value: hex.EncodeToString(value)})
			wants = append(wants, want)
		}
		if p.Exists {
			ask("true", s.Key, p.Value)
			ask("false", s.Key, append([]byte{1}, p.Value...))
			ask("false", s.Key, nil) // absence of a present key
			continue
		}
		ask("true", s.Key, nil)
		ask("false", s.Key, []byte("60000"))
	}
	for i, got := range ics23Answers(t, ics23Modules(t), questions) {
		if got != wants[i] {
			t.Errorf("question %d: @confio/ics23 says %s, want %s", i, got, wants[i])
		}
	}
}
