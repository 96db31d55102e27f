package cli

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/genesis"
	"carbonledger/tx"
)

// TestWhatIsVerified: a file that is not what should be verified is named, and what it
// is not; one of another network is called that; entry 0 is the founding.
func TestWhatIsVerified(t *testing.T) {
	l, other := newTestLog(t), newTestLog(t)
	other.origin = "elsewhere.example/chain"
	policy, foreign := textFile(t, l.policyText()), textFile(t, other.policyText())
	founding := textFile(t, string(l.receipt(0)))
	for command, what := range map[string]string{"receipt": "receipt", "prove": "state proof", "statement": "statement"} {
		mustFail(t, exitFailed, policy+" is no "+what, command, "verify", policy, "--policy", policy)
		mustFail(t, exitFailed, "has more than", command, "verify", "/dev/zero", "--policy", policy)
	}
	mustFail(t, exitFailed, founding+" is no statement", "statement", "verify", founding, "--policy", policy)
	mustFail(t, exitFailed, founding+`: proof: the checkpoint is of another network: of the log "`+l.origin+`", the policy is of "elsewhere.example/chain"`,
		"receipt", "verify", founding, "--policy", foreign)
	if out := mustRun(t, "receipt", "verify", founding, "--policy", policy); !strings.Contains(out, "the founding by the genesis document of hash "+certificateDomain.String()) {
		t.Errorf("the receipt of the founding shows\n%s", out)
	}
}

// TestFoundingOfAnother: the founding's record names its genesis document.
func TestFoundingOfAnother(t *testing.T) {
	o := newOffline(t)
	l := newTestLog(t)
	d, err := genesis.Read(o.genesis)
	if err != nil {
		t.Fatal(err)
	}
	l.origin = d.Founding().LogOrigin
	verify := func() []string {
		return []string{"receipt", "verify", textFile(t, string(l.receipt(0))), "--policy", textFile(t, l.policyText()), "--genesis", o.genesis}
	}
	mustFail(t, exitFailed, "founded by the genesis document of hash "+certificateDomain.String(), verify()...)
	l.records = nil
	l.add(tx.FoundingRecord(o.domain))
	mustRun(t, verify()...)
}

// TestAuditOfAnotherNetwork: with the documents of another chain an audit says so.
func TestAuditOfAnotherNetwork(t *testing.T) {
	s := traded(t)
	dir := filepath.Join(t.TempDir(), "other")
	mustRun(t, "init", "--all", "1", "--dir", dir, "--clock", "script", "--chain-id", "script-other")
	mustFail(t, exitFailed, "is of another network", "audit", s.publish(), "--genesis", filepath.Join(dir, "genesis.toml"), "--policy", filepath.Join(dir, "policy.txt"))
}

// TestStatusOfTwoNetworks: a node of another network than the one that is shown is
// marked.
func TestStatusOfTwoNetworks(t *testing.T) {
	one, two := newSolo(t), newSolo(t)
	one.does("bank", "deposit", "--to", "entity-1", "--yuan", "1")
	both := []string{"status", "--api", one.address + "," + two.address}
	out := mustRun(t, both...)
	for line := range strings.Lines(out) {
		if marked := strings.Contains(line, "another network: "); marked != strings.HasPrefix(line, two.address) {
			t.Errorf("the line %q of\n%s", line, out)
		}
	}
	var said struct {
		Nodes []struct{ Asked, Problem string }
	}
	if err := json.Unmarshal([]byte(mustRun(t, append(both, "--json")...)), &said); err != nil || len(said.Nodes) != 2 {
		t.Fatalf("%+v, %v", said, err)
	}
	for _, n := range said.Nodes {
		if strings.Contains(n.Problem, "another network: ") != (n.Asked == two.address) {
			t.Errorf("%+v", n)
		}
	}
	if out := mustRun(t, "status", "--api", one.address); strings.Contains(out, "another network") {
		t.Errorf("alone:\n%s", out)
	}
}
