package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// lastReceipt is a file with the receipt of the last entry of a copy.
func lastReceipt(t *testing.T, dir string) string {
	t.Helper()
	bundles, err := filepath.Glob(filepath.Join(dir, "tile", "entries", "*", "*"))
	if err != nil || len(bundles) != 1 {
		t.Fatalf("%v %v", bundles, err)
	}
	raw, err := os.ReadFile(bundles[0])
	if err != nil {
		t.Fatal(err)
	}
	var width int
	if _, err := fmt.Sscan(filepath.Base(bundles[0]), &width); err != nil {
		t.Fatal(err)
	}
	entries, err := proof.SplitBundle(raw, width)
	if err != nil {
		t.Fatal(err)
	}
	path, err := proof.Inclusion(uint64(width-1), uint64(width), func(level uint, first uint64, count int) (all []proof.Hash, err error) {
		for _, e := range entries[first : first+uint64(count)] {
			all = append(all, proof.LeafHash(e))
		}
		return all, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	note, err := os.ReadFile(filepath.Join(dir, proof.CheckpointPath))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "r.tlog-proof")
	r := proof.Receipt{Index: uint64(width - 1), Path: path, Checkpoint: note, Record: entries[width-1]}
	if err := os.WriteFile(file, r.Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestReceiptVerifyForPrograms: a receipt that holds may be a rejection; a program is
// told as much as people are.
func TestReceiptVerifyForPrograms(t *testing.T) {
	s := newSolo(t)
	policy := filepath.Join(s.dir, "policy.txt")
	verify := func() (said struct {
		Verdict string
		Receipt struct {
			Accepted                     bool
			ID, Party, Reference, Reason string
			Height                       uint64
			Number                       uint64 `json:"registration_number"`
			Text                         string
		}
	}) {
		t.Helper()
		out := mustRun(t, "receipt", "verify", lastReceipt(t, s.publish()), "--policy", policy, "--json")
		if err := json.Unmarshal([]byte(out), &said); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return said
	}
	s.does("bank", "deposit", "--to", "entity-1", "--yuan", "5", "--reference", "D-1")
	if got := verify(); got.Verdict != "verified" || !got.Receipt.Accepted || got.Receipt.Reference != "D-1" || got.Receipt.Party != "bank" || got.Receipt.Height != 1 || len(got.Receipt.ID) != 64 {
		t.Errorf("accepted: %+v", got)
	}
	mustFail(t, exitRejected, "INSUFFICIENT_MONEY", s.as("bank", "withdraw", "--from", "entity-1", "--yuan", "6", "--reference", "W-1", "--cosign", partyKeyPath(s.dir, "registry"), "--yes", "--pending", t.TempDir())...)
	if got := verify(); got.Verdict != "verified" || got.Receipt.Accepted || got.Receipt.Reason != "INSUFFICIENT_MONEY" || got.Receipt.Reference != "W-1" || got.Receipt.Height != 2 || got.Receipt.Number != 2 || got.Receipt.Text == "" {
		t.Errorf("rejected: %+v", got)
	}
}

// TestReceiptVerify: what a quorum says of a transaction is compared with the
// transaction; what cannot be compared without the genesis document is said.
func TestReceiptVerify(t *testing.T) {
	s := newSolo(t)
	s.does("bank", "deposit", "--to", "entity-1", "--yuan", "5")
	policy := filepath.Join(s.dir, "policy.txt")
	config := textFile(t, fmt.Sprintf("genesis = %q\npolicy = %q\n", s.genesis, policy))
	shows := func(out, checked string) {
		t.Helper()
		if !strings.Contains(out, "verified") || !regexp.MustCompile(`(?m)^id and signatures +`+checked+`$`).MatchString(out) {
			t.Errorf("%q is not shown:\n%s", checked, out)
		}
	}
	file := lastReceipt(t, s.publish())
	shows(mustRun(t, "receipt", "verify", file, "--policy", policy), "not checked: give --genesis")
	shows(mustRun(t, "receipt", "verify", file, "--policy", policy, "--genesis", s.genesis), "checked")
	shows(mustRun(t, "receipt", "verify", file, "--config", config), "checked")
	for genesis, want := range map[string]string{"": "not checked: give --genesis", s.genesis: "checked"} {
		var said map[string]any
		if err := json.Unmarshal([]byte(mustRun(t, "receipt", "verify", file, "--policy", policy, "--json", "--genesis", genesis)), &said); err != nil || said["id_and_signatures"] != want {
			t.Errorf("%v %v", said, err)
		}
	}
	// Another network of the same name.
	mustFail(t, exitFailed, "signatures", "receipt", "verify", file, "--policy", policy, "--genesis", newSolo(t).genesis)

	for what, c := range map[string]struct {
		change        func(*tx.OutcomeRecord)
		without, with string // the error; empty for none
	}{
		"another id": {func(r *tx.OutcomeRecord) { r.Receipt.Id[0] ^= 1 }, "", "the receipt speaks of transaction"},
		"a signature that does not hold": {func(r *tx.OutcomeRecord) {
			r.Transaction[len(r.Transaction)-1] ^= 1
		}, "", "signatures"},
		"another party":     {func(r *tx.OutcomeRecord) { r.Receipt.Party = "registry" }, "the record has the outcome of", "the record has the outcome of"},
		"another reference": {func(r *tx.OutcomeRecord) { r.Receipt.Reference = "r-2" }, "the record has the outcome of", "the record has the outcome of"},
		"no transaction":    {func(r *tx.OutcomeRecord) { r.Transaction = []byte("none") }, "the transaction in the record", "the transaction in the record"},
	} {
		copied := s.publish()
		s.lie(copied, c.change)
		file := lastReceipt(t, copied)
		verify := []string{"receipt", "verify", file, "--policy", policy}
		if c.without == "" {
			shows(mustRun(t, verify...), "not checked: give --genesis")
		} else {
			mustFail(t, exitFailed, c.without, verify...)
		}
		mustFail(t, exitFailed, c.with, append(verify, "--genesis", s.genesis)...)
		page := filepath.Join(t.TempDir(), "page.html")
		if r := run("receipt", "certificate", file, "--policy", policy, "--genesis", s.genesis, "--out", page); r.code != exitFailed || !strings.Contains(r.err, "no certificate") {
			t.Errorf("%s: a certificate is made of it: %+v", what, r)
		}
	}
}
