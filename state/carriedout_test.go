package state_test

import (
	"bytes"
	"slices"
	"testing"

	"carbonledger/tx"
)

// recordsOf are the records of the log, decoded.
func recordsOf(s *script) (all []*tx.OutcomeRecord, sizes []int) {
	v, err := s.ledger.View()
	s.must(err)
	defer func() { s.must(v.Close()) }()
	size, err := v.SizeAt(v.Head().Height)
	s.must(err)
	s.must(v.Entries(0, size, func(_ uint64, raw []byte) error {
		r, err := tx.DecodeRecord(slices.Clone(raw))
		all, sizes = append(all, r), append(sizes, len(raw))
		return err
	}))
	return all, sizes
}

// preparedBy is the id of the transaction whose body a record carries.
func preparedBy(s *script, c *tx.CarriedOut) tx.ID {
	raw, err := (&tx.Transaction{Body: c.Body, Signatures: []tx.Signature{{Key: s.key("any").Public(), Signature: make([]byte, 64)}}}).Marshal()
	s.must(err)
	id, err := tx.TransactionID(s.f.Hash, raw)
	s.must(err)
	return id
}

// TestCarriedOut: the record of the approval that carries something out, and no
// other, holds the body that was prepared, byte for byte as its id was made of it.
func TestCarriedOut(t *testing.T) {
	s := newScript(t)
	s.open()
	defer s.close()
	block := func(lines ...string) { s.apply(benchBlockOf(s, lines)) }
	block(
		"registry p1 by=registry expiry=9000000: prepare [close party=e9 doc=d]", // refused when it is carried out
		"registry p2 by=registry expiry=9000000: prepare [restrict party=e0 restriction=use doc=d] [restrict party=e1 restriction=use doc=d]",
		"registry p3 by=registry: prepare [restrict party=e2 restriction=use doc=d]",
		"registry a1 by=registry/2: approve prepared=id:registry/p2", // in the block of what it carries out
	)
	block(
		"registry a2 by=registry/2: approve prepared=id:registry/p1",
		"registry p4 by=registry: prepare [restrict party=e0 restriction=none doc=d]",
		"registry p5 by=registry: prepare [restrict party=e1 restriction=none doc=d] [restrict party=e1 restriction=none doc=d]",
	)
	block("registry a3 by=registry/2: restrict party=court restriction=use doc=d", "registry a4 by=registry/2: approve prepared=id:registry/p5",
		"registry a5 by=registry/2: approve prepared=id:registry/p3 ; restrict party=e2 restriction=none doc=e ; approve prepared=id:registry/p4")
	block("registry k1: add-key key=third", "registry q1: policy operation=RestrictAccount n=3",
		"registry p6 by=registry: prepare [restrict party=e2 restriction=use doc=f]",
		"registry a6 by=registry/2: approve prepared=id:registry/p6", "registry a7 by=third: approve prepared=id:registry/p6")
	want := map[string][]struct {
		operation uint32
		of        string
	}{"a1": {{0, "p2"}}, "a5": {{0, "p3"}, {2, "p4"}}, "a7": {{0, "p6"}}}
	all, _ := recordsOf(s)
	indexes := map[string]uint64{}
	for _, r := range all[1:] {
		if r.Receipt == nil {
			continue
		}
		reference := r.Receipt.Reference
		indexes[reference] = r.Receipt.Index
		if len(r.CarriedOut) != len(want[reference]) {
			t.Errorf("%s carried out %d transactions: %s", reference, len(r.CarriedOut), r.Receipt)
			continue
		}
		for i, w := range want[reference] {
			c := &r.CarriedOut[i]
			body, ok := c.Read()
			if !ok || c.Operation != w.operation || c.Index != indexes[w.of] || body.Reference != w.of {
				t.Errorf("%s carried out %v", reference, c)
			}
			d, err := tx.Decode(r.Transaction)
			s.must(err)
			prepared := all[c.Index]
			if id := preparedBy(s, c); !bytes.Equal(id[:], d.Body.Operations[c.Operation].GetApprove().Prepared) || !bytes.Equal(id[:], prepared.Receipt.Id) {
				t.Errorf("%s carried out a body with the id %s", reference, id)
			}
			p, err := tx.Decode(prepared.Transaction)
			s.must(err)
			if !bytes.Equal(p.Transaction.Body, c.Body) {
				t.Errorf("%s carried out another body than %s has", reference, w.of)
			}
		}
	}
	for _, reference := range []string{"a2", "a4"} {
		if r := all[indexes[reference]].Receipt; r.Reason == tx.Accepted {
			t.Errorf("%s was to be refused: %s", reference, r)
		}
	}
}

// showPreparedTooLarge: what is prepared fits the record of the approval that carries
// it out, with as much beside it as leaves the record within an entry of the log.
func showPreparedTooLarge(t *testing.T, all asked) {
	s := newFrameLedger(t, all)
	defer s.close()
	bank := roleParty(tx.SettlementBank)
	deposits := func(n int) []tx.Operation {
		return slices.Repeat([]tx.Operation{op(&tx.Operation_Deposit{Deposit: &tx.Deposit{Party: roleParty(tx.KeyEmittingEntity), Amount: 1}})}, n)
	}
	body := func(ops []tx.Operation) *tx.Body { // references of this test have one digit
		return &tx.Body{ChainId: s.f.ChainID, Party: bank, Reference: "frame-1", Operations: ops}
	}
	prepare := func(n int) []tx.Operation {
		return []tx.Operation{op(&tx.Operation_Prepare{Prepare: &tx.Prepare{Operations: deposits(n)}})}
	}
	most := 0
	for body(prepare(most+1)).Size() <= 50_000 {
		most++
	}
	s.expect(tx.PreparedTooLarge, tx.SettlementBank, prepare(most+1), "first")
	s.expect(tx.Accepted, tx.SettlementBank, prepare(most), "first")
	records, _ := recordsOf(s.script)
	prepared := records[len(records)-1]
	d, err := tx.Decode(prepared.Transaction)
	s.must(err)
	room := tx.MaxTransactionBytes - (&tx.CarriedOut{Index: prepared.Receipt.Index, Body: d.Transaction.Body}).Size() - 4
	approve := func(beside int) []tx.Operation {
		return append([]tx.Operation{op(&tx.Operation_Approve{Approve: &tx.Approve{Prepared: prepared.Receipt.Id}})}, deposits(beside)...)
	}
	fits := func(beside int) bool {
		raw, err := tx.NewTransaction(s.f.Hash, body(approve(beside)), s.key(bank+"/first"), s.key(bank+"/second"))
		s.must(err)
		return len(raw) <= room
	}
	beside := 0
	for fits(beside + 1) {
		beside++
	}
	s.expect(tx.PreparedTooLarge, tx.SettlementBank, approve(beside+1), "first", "second")
	s.expect(tx.Accepted, tx.SettlementBank, approve(beside), "first", "second")
	records, sizes := recordsOf(s.script)
	last := len(records) - 1
	if len(records[last].CarriedOut) != 1 || sizes[last] > tx.MaxRecordBytes || sizes[last] < tx.MaxTransactionBytes {
		t.Errorf("a record of %d bytes carries out %d transactions", sizes[last], len(records[last].CarriedOut))
	}
	t.Logf("%d deposits prepared, %d beside the approval, a record of %d bytes", most, beside, sizes[last])
}
