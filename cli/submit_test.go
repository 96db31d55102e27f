package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/node/api"
)

func TestVerbsOnALedger(t *testing.T) {
	s := newSolo(t)
	s.does("registry", "issue", "--stage", "final", "--to", "entity-1", "--instrument", "CEA22", "--tonnes", "1,200", "--document", "D1", "--table", textFile(t, "table"),
		"--cosign", partyKeyPath(s.dir, "registry-2"), "--cosign", partyKeyPath(s.dir, "region"))
	s.does("bank", "deposit", "--to", "entity-2", "--yuan", "10,000")
	pending := t.TempDir()
	over := s.as("entity-1", "transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "2,000", "--yes", "--pending", pending)
	r := run(over...)
	if r.code != exitRejected || !strings.Contains(r.out, "rejected at height 3: the holding is too small (INSUFFICIENT_HOLDING)") ||
		!strings.Contains(r.out, "short by 800 t") || !strings.Contains(r.err, "INSUFFICIENT_HOLDING") {
		t.Errorf("more than is held: %+v", r)
	}
	var said map[string]any
	r = run(append(over, "--json")...)
	if json.Unmarshal([]byte(r.out), &said) != nil || r.code != exitRejected || said["have"] != 1200.0 || said["want"] != 2000.0 || said["unit"] != "tonnes" {
		t.Errorf("as JSON: %+v", r)
	}
	left, err := os.ReadDir(pending)
	if err != nil || len(left) != 0 {
		t.Errorf("after the receipt files stay: %v, %v", left, err)
	}

	height := s.ledger.Head().Height
	dry := s.as("entity-1", "transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "200", "--yes", "--dry-run")
	if out := mustRun(t, dry...); !strings.Contains(out, "would be accepted") {
		t.Errorf("dry run prints %q", out)
	}
	if r := run(s.as("entity-1", "transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "2_000", "--yes", "--dry-run")...); r.code != exitRejected || !strings.Contains(r.out, "would be rejected") {
		t.Errorf("dry run of too much: %+v", r)
	}
	if now := s.ledger.Head().Height; now != height {
		t.Errorf("a dry run moved the ledger from height %d to %d", height, now)
	}

	// Two documents, one of another network.
	other := newOffline(t)
	args := s.as("bank", "deposit", "--to", "entity-2", "--yuan", "1", "--yes", "--pending", pending)
	mustFail(t, exitFailed, "use the network's own document", append(args, "--genesis", other.genesis)...)
	s.set(func() { s.refused = api.ErrWithoutEffect })
	mustFail(t, exitFailed, "nothing was done", append(args, "--timeout", "2s")...)
	left, err = os.ReadDir(pending)
	if err != nil || len(left) != 0 {
		t.Errorf("what surely had no effect leaves files: %v, %v", left, err)
	}
}

// TestUnknownOutcome: the message's own command tells the outcome, and nothing
// is booked twice.
func TestUnknownOutcome(t *testing.T) {
	for _, wait := range []string{"--wait", "--wait=false"} {
		s := newSolo(t)
		pending := filepath.Join(t.TempDir(), "files to send")
		if err := os.Mkdir(pending, 0o700); err != nil {
			t.Fatal(err)
		}
		s.set(func() { s.lost = api.ErrUnknownOutcome })
		r := run(s.as("bank", "deposit", "--to", "entity-1", "--yuan", "5", "--yes", "--pending", pending, "--timeout", "2s", wait)...)
		if r.code != exitUnknown {
			t.Fatalf("exit code %d\n%s", r.code, r.err)
		}
		lines := strings.Split(strings.TrimSpace(r.err), "\n")
		command := strings.TrimSpace(lines[len(lines)-1])
		if !strings.HasPrefix(command, "carbonledger submit --api "+s.address+" --again '"+pending+"/") {
			t.Fatalf("the last line is %q", command)
		}
		s.set(func() { s.lost = nil })
		file := strings.Trim(command[strings.Index(command, "'"):], "'")
		r = run("submit", "--api", s.address, file)
		if r.code != exitDone || !strings.HasPrefix(r.out, "accepted at height 1\n") {
			t.Errorf("sent again: %+v", r)
		}
		if out := mustRun(t, s.as("bank", "query", "money", "--json")...); !strings.Contains(out, `"yuan":"5.00"`) {
			t.Errorf("booked %s", out)
		}
	}
}

// TestSentBeforeStaysUnknown: a second attempt that surely had no effect says
// nothing about the first one.
func TestSentBeforeStaysUnknown(t *testing.T) {
	s := newSolo(t)
	file, other := s.signs("bank", "deposit", "--to", "entity-1", "--yuan", "5"), s.signs("bank", "deposit", "--to", "entity-1", "--yuan", "6")
	path := filepath.Join(t.TempDir(), "journal")
	journaled := []string{"submit", file, "--api", s.address, "--journal", path, "--timeout", "1s"}
	again := []string{"submit", file, "--api", s.address, "--again", "--timeout", "1s"}
	elsewhere := func(args []string) []string {
		return append([]string{"submit", file, "--api", "127.0.0.1:1"}, args[4:]...)
	}
	s.set(func() { s.refused = api.ErrWithoutEffect })
	mustFail(t, exitFailed, "nothing was done", journaled...)
	mustFail(t, exitFailed, "connection refused", elsewhere(journaled)...)
	s.set(func() { s.lost, s.refused = api.ErrUnknownOutcome, nil })
	mustFail(t, exitUnknown, " --journal ", journaled...)
	s.set(func() { s.refused = api.ErrWithoutEffect })
	mustFail(t, exitUnknown, " --journal ", journaled...)
	mustFail(t, exitUnknown, " --journal ", append(journaled, other)...)
	mustFail(t, exitUnknown, " --journal ", elsewhere(journaled)...)
	mustFail(t, exitUnknown, " --again "+file, again...)
	mustFail(t, exitUnknown, " --again "+file, elsewhere(again)...)
	mustFail(t, exitFailed, "nothing was done", "submit", other, "--api", s.address, "--timeout", "2s")
	s.set(func() { s.lost, s.refused = nil, nil })
	for _, args := range [][]string{again, journaled} {
		if out := mustRun(t, args...); !strings.HasPrefix(out, "accepted at height 1\n") {
			t.Errorf("%v prints %s", args, out)
		}
	}
}

// TestSubmitResumes: after a lost answer the same command goes on, sends only
// what has no receipt, and books nothing twice.
func TestSubmitResumes(t *testing.T) {
	s := newSolo(t)
	dir := t.TempDir()
	for i := range 600 {
		party, args := "bank", []string{"deposit", "--to", "entity-1", "--yuan", "1"}
		if i == 3 {
			party, args = "entity-1", []string{"transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "9"}
		}
		args = append(args, "--yes", "--out", filepath.Join(dir, fmt.Sprintf("%03d.tx", i)))
		mustRun(t, s.as(party, args...)...)
	}
	if err := os.WriteFile(filepath.Join(dir, "note.txt"), []byte("no transaction"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "the journal")
	submit := []string{"submit", dir, "--api", s.address, "--journal", path, "--timeout", "2s"}
	// The answer to the first batch is lost.
	s.set(func() { s.lost = api.ErrUnknownOutcome })
	r := run(submit...)
	if r.code != exitUnknown || !strings.Contains(r.err, "carbonledger submit --api "+s.address+" --journal '"+path+"' "+dir) || r.out != "" {
		t.Fatalf("%+v", r)
	}
	if lines := journalLines(t, path); lines != batchTransactions {
		t.Errorf("the journal has %d lines, want those of one batch", lines)
	}
	s.set(func() { s.lost, s.submits = nil, 0 })
	r = run(submit...)
	if r.code != exitRejected || strings.Count(r.out, "accepted at height") != 599 || strings.Count(r.out, "rejected at height") != 1 ||
		!strings.Contains(r.err, "599 accepted, 1 rejected\n") {
		t.Errorf("exit code %d, %s", r.code, r.err)
	}
	if s.submits != 3 {
		t.Errorf("%d requests, want 3", s.submits)
	}
	// All have receipts: nothing is sent any more.
	s.set(func() { s.submits = 0 })
	r = run(submit...)
	if r.code != exitRejected || s.submits != 0 || !strings.Contains(r.err, "599 accepted, 1 rejected; 600 of them before") || strings.Count(r.out, "(from the journal)") != 600 {
		t.Errorf("%d requests, exit code %d, %s", s.submits, r.code, r.err)
	}
	if out := mustRun(t, s.as("bank", "query", "money", "--json")...); !strings.Contains(out, `"yuan":"599.00"`) {
		t.Errorf("booked %s", out)
	}
	r = run(append(submit, "--json")...)
	var said map[string]any
	first, _, _ := strings.Cut(r.out, "\n")
	if json.Unmarshal([]byte(first), &said) != nil || said["from_journal"] != true || said["accepted"] != true || said["file"] != filepath.Join(dir, "000.tx") {
		t.Errorf("as JSON: %s", first)
	}
}

func journalLines(t *testing.T, path string) int {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(b), "\n")
}

// TestSubmitStopsWhereNothingWasDone and goes on from there.
func TestSubmitStopsWhereNothingWasDone(t *testing.T) {
	s := newSolo(t)
	a, b := s.signs("bank", "deposit", "--to", "entity-1", "--yuan", "1"), s.signs("bank", "deposit", "--to", "entity-1", "--yuan", "2")
	path := filepath.Join(t.TempDir(), "journal")
	mustRun(t, "submit", a, "--api", s.address, "--journal", path)
	s.set(func() { s.refused = api.ErrWithoutEffect })
	mustFail(t, exitFailed, "1 of 2 have receipts, the others were not booked", "submit", a, b, a, "--api", s.address, "--journal", path, "--timeout", "2s")
	s.set(func() { s.refused = nil })
	if r := run("submit", a, b, a, "--api", s.address, "--journal", path); r.code != exitDone || !strings.Contains(r.err, "2 accepted, 0 rejected; 1 of them before") {
		t.Errorf("%+v", r)
	}
}

func TestSubmitRefuses(t *testing.T) {
	s := newSolo(t)
	good := s.signs("bank", "deposit", "--to", "entity-1", "--yuan", "1")
	raw, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	damaged := append([]byte{}, raw...)
	damaged[len(damaged)-1] ^= 1
	bad, empty, large := textFile(t, string(damaged)), textFile(t, ""), textFile(t, strings.Repeat("x", 70_000))
	other := newOffline(t)
	foreign := filepath.Join(t.TempDir(), "foreign.tx")
	mustRun(t, other.as("bank", "deposit", "--to", "entity-1", "--yuan", "1", "--yes", "--out", foreign)...)
	for file, want := range map[string]string{bad: "BAD_SIGNATURE", empty: "nothing was sent", large: "TOO_LARGE", foreign: "BAD_SIGNATURE"} {
		mustFail(t, exitUsage, want, "submit", good, file, "--api", s.address)
		mustFail(t, exitUsage, file, "submit", good, file, "--api", s.address)
	}
	mustFail(t, exitFailed, "no such file", "submit", good, good+".none", "--api", s.address)
	mustFail(t, exitFailed, "holds no file *.tx", "submit", t.TempDir(), "--api", s.address)
	mustFail(t, exitFailed, "is damaged", "submit", good, "--api", s.address, "--journal", textFile(t, "hello\n"))
	mustFail(t, exitFailed, "use the network's own document", "submit", good, "--api", s.address, "--genesis", other.genesis)
	mustFail(t, exitFailed, "connection refused", "submit", good, "--api", "127.0.0.1:1", "--timeout", "1s")
	mustFail(t, exitUsage, "requires at least 1 arg", "submit")
	if h := s.ledger.Head().Height; h != 0 {
		t.Errorf("refusals moved the ledger to height %d", h)
	}
}

func TestReceipt(t *testing.T) {
	s := newSolo(t)
	file := s.signs("bank", "deposit", "--to", "entity-1", "--yuan", "1")
	mustFail(t, exitUnknown, "no block up to height 0 holds transaction", "receipt", file, "--api", s.address)
	if r := run("receipt", file, "--api", s.address, "--json"); r.code != exitUnknown || !strings.Contains(r.out, `"found":false,"height":0`) {
		t.Errorf("%+v", r)
	}
	out := mustRun(t, "submit", file, "--api", s.address)
	if again := mustRun(t, "receipt", file, "--api", s.address); again != out {
		t.Errorf("the receipt was\n%s\nand is\n%s", out, again)
	}
	_, rest, _ := strings.Cut(out, "transaction ")
	id, _, _ := strings.Cut(rest, "\n")
	for _, command := range [][]string{{"receipt"}, {"query", "receipt"}} {
		if again := mustRun(t, append(command, id, "--api", s.address, "--min-height", "1")...); again != out {
			t.Errorf("%v %s prints\n%s", command, id, again)
		}
	}
	over := s.signs("entity-1", "transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "9")
	mustFail(t, exitRejected, "INSUFFICIENT_HOLDING", "submit", over, "--api", s.address)
	mustFail(t, exitRejected, "INSUFFICIENT_HOLDING", "receipt", over, "--api", s.address)
	mustFail(t, exitFailed, "not yet at 99", "receipt", file, "--api", s.address, "--min-height", "99", "--timeout", "2s")
}
