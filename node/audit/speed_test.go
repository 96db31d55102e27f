package audit_test

import (
	"fmt"
	"testing"

	"carbonledger/node/audit"
	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// BenchmarkAudit audits a log of 20,000 signed transfers from memory.
func BenchmarkAudit(b *testing.B) {
	const count = 20_000
	h := &history{f: founding()}
	ledger, err := state.Open("ledger", h.f, tx.NewVerifier(h.f.Hash), state.Options{FS: vfs.NewMem()})
	must(b, err)
	raws := [][]byte{h.sign(b, "registry", "i", issue(1_000_000, "1"))}
	for i := range count {
		raw, err := tx.NewTransaction(h.f.Hash, &tx.Body{ChainId: h.f.ChainID, Party: "e0", Reference: fmt.Sprint(i), Operations: []tx.Operation{transfer(1)}}, key("e0"))
		must(b, err)
		if raws = append(raws, raw); len(raws) == 200 {
			extend(b, ledger, raws)
			raws = nil
		}
	}
	extend(b, ledger, raws)
	h.read(b, ledger)
	must(b, ledger.Close())
	h.note = h.checkpoint("n1", "n2")
	for b.Loop() {
		r, err := audit.Run(b.Context(), []audit.Log{h}, audit.Options{Founding: h.f, Policy: policy(b), Dir: b.TempDir()})
		if err != nil || r.Signatures != count+3 {
			b.Fatalf("%+v %v", r, err)
		}
	}
	b.ReportMetric(count*float64(b.N)/b.Elapsed().Seconds(), "signatures/s")
}
