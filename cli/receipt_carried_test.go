package cli

import (
	"path/filepath"
	"testing"

	"carbonledger/tx"
)

// TestReceiptVerifyCarriedOut: what the record of an approval says was carried out is
// compared with what the transaction approves.
func TestReceiptVerifyCarriedOut(t *testing.T) {
	s := newSolo(t)
	s.does("registry", "account", "restrict", "entity-1", "--restriction", "trading", "--document", "D", "--prepare")
	v, err := s.ledger.View()
	if err != nil {
		t.Fatal(err)
	}
	var id []byte
	size := v.LogSize()
	if err := v.Entries(size-1, size, func(_ uint64, raw []byte) error {
		r, err := tx.DecodeRecord(raw)
		id = r.Receipt.Id
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	mustRun(t, "approve", tx.ID(id).String(), "--yes", "--pending", t.TempDir(),
		"--api", s.address, "--genesis", s.genesis, "--party", "registry", "--key", partyKeyPath(s.dir, "registry-2"))
	policy := filepath.Join(s.dir, "policy.txt")
	verify := func(file string) []string { return []string{"receipt", "verify", file, "--policy", policy} }
	for _, c := range []struct {
		change        func(*tx.OutcomeRecord)
		without, with string // the error; empty for none
	}{
		// As it is.
		{func(r *tx.OutcomeRecord) {
			if len(r.CarriedOut) != 1 {
				t.Errorf("the approval carries out %d transactions", len(r.CarriedOut))
			}
		}, "", ""},
		// Another body than the one with the id that is approved.
		{func(r *tx.OutcomeRecord) {
			b, _ := r.CarriedOut[0].Read()
			b.Expiry = 1
			if r.CarriedOut[0].Body, err = b.Marshal(); err != nil {
				t.Fatal(err)
			}
		}, "", "carries out the transaction "},
		// An operation that the transaction does not have.
		{func(r *tx.OutcomeRecord) { r.CarriedOut[0].Operation = 1 }, "does not approve", "does not approve"},
	} {
		copied := s.publish()
		s.lie(copied, c.change)
		file := lastReceipt(t, copied)
		page := filepath.Join(t.TempDir(), "page.html")
		certify := []string{"receipt", "certificate", file, "--policy", policy, "--out", page, "--genesis", s.genesis}
		if c.without == "" {
			mustRun(t, verify(file)...)
		} else {
			mustFail(t, exitFailed, c.without, verify(file)...)
		}
		if c.with == "" {
			mustRun(t, append(verify(file), "--genesis", s.genesis)...)
			mustRun(t, certify...)
			continue
		}
		mustFail(t, exitFailed, c.with, append(verify(file), "--genesis", s.genesis)...)
		mustFail(t, exitFailed, c.with, certify...)
	}
}
