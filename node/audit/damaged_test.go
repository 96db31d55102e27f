package audit_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/node/audit"
)

// TestDamagedDirectory: a flipped byte of the ledger that an audit keeps is no lie of
// the log's, and the message says what to remove; then the audit passes again.
func TestDamagedDirectory(t *testing.T) {
	h := honest(t)
	o := audit.Options{Founding: h.f, Policy: policy(t), Dir: t.TempDir()}
	_, err := audit.Run(t.Context(), []audit.Log{h}, o)
	must(t, err)
	ledger := filepath.Join(o.Dir, audit.LedgerDir)
	tables, err := filepath.Glob(filepath.Join(ledger, "*.sst"))
	must(t, err)
	if len(tables) == 0 {
		t.Fatal("the ledger has no table on the disk")
	}
	for _, path := range tables {
		b, err := os.ReadFile(path)
		must(t, err)
		for at := 100; at < len(b); at += 1000 {
			b[at] ^= 1
		}
		must(t, os.WriteFile(path, b, 0o600))
	}
	var d *audit.Difference
	_, err = audit.Run(t.Context(), []audit.Log{h}, o)
	if err == nil || errors.As(err, &d) || !strings.Contains(err.Error(), "remove "+ledger+": the next audit makes it anew") {
		t.Fatalf("a damaged ledger: %v", err)
	}
	// Another process does so: a store that failed keeps its lock in this one.
	must(t, os.RemoveAll(ledger))
	o.Dir += "-moved"
	must(t, os.Rename(filepath.Dir(ledger), o.Dir))
	_, err = audit.Run(t.Context(), []audit.Log{h}, o)
	must(t, err)
}
