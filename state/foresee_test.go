package state_test

import (
	"fmt"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/datadriven"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// TestForesee: what is foreseen is what a block then says, for everything that
// leaves no record; everything else belongs into a block.
func TestForesee(t *testing.T) {
	s := newScript(t)
	l := openAt(t, vfs.NewMem(), s.f, "foresee")
	defer closeLedger(t, l)
	d := &datadriven.TestData{Pos: "foresee"}
	apply := func(raws ...[]byte) []tx.Receipt {
		t.Helper()
		b := tx.Block{Proposer: "n1", AppliedHash: make([]byte, 32), Transactions: raws}
		raw, err := b.Marshal()
		s.must(err)
		a, err := l.Apply([]state.Entry{{Index: l.AppliedIndex() + 1, Block: raw}})
		s.must(err)
		return a[0].Receipts
	}
	foresee := func(raws ...[]byte) []state.Foreseen {
		t.Helper()
		all, errs := tx.NewVerifier(s.f.Hash).VerifyAll(raws)
		for _, err := range errs {
			s.must(err)
		}
		v, err := l.View()
		s.must(err)
		defer func() { s.must(v.Close()) }()
		f, err := v.Foresee(all)
		s.must(err)
		return f
	}
	booked := s.transaction(d, "bank b1: deposit to=e0 fen=7")
	refused := s.transaction(d, "bank b2: deposit to=nobody fen=7")
	first := apply(booked, refused, s.transaction(d, "e0 k1: add-key key=spare"), s.transaction(d, "e0 k2: revoke-key key=spare"))
	raws := [][]byte{
		booked, refused,
		s.transaction(d, "nobody n1: surrender of=CEA22 t=1 year=2023"),
		s.transaction(d, "e0 n2 by=stranger: surrender of=CEA22 t=1 year=2023"),
		s.transaction(d, "e0 n3 by=spare: surrender of=CEA22 t=1 year=2023"),
		s.transaction(d, "e0 n4 by=e1: surrender of=CEA22 t=1 year=2023"),
		s.transaction(d, "e0 n5 chain=other: surrender of=CEA22 t=1 year=2023"),
		s.transaction(d, "e0 n6: surrender of=CEA22 t=1 year=2023"),
		s.transaction(d, "bank b3 expiry=1: deposit to=e0 fen=8"),
	}
	foreseen := foresee(raws...)
	receipts := apply(raws...)
	for i, f := range foreseen {
		r := &receipts[i]
		switch {
		case i < 2:
			if f.First == nil || f.First.String() != first[i].String() || r.String() != first[i].String() {
				t.Errorf("%d: foreseen %v, then %v, at first %v", i, f.First, r, &first[i])
			}
		case i < 7:
			if f.First != nil || f.Refused == nil || f.Refused.Reason != r.Reason || f.Refused.Subject != r.Subject {
				t.Errorf("%d: foreseen %+v, then %s", i, f, r)
			}
			if again := foresee(raws[i])[0]; again.First != nil {
				t.Errorf("%d left a record", i)
			}
		default:
			if f != (state.Foreseen{}) {
				t.Errorf("%d: foreseen %+v, then %s", i, f, r)
			}
			if again := foresee(raws[i])[0]; again.First == nil {
				t.Errorf("%d left no record", i)
			}
		}
	}
	all, _ := tx.NewVerifier(s.f.Hash).VerifyAll([][]byte{s.transaction(d, "e0 k3: surrender of=CEA22 t=1 year=2023 ; add-key key=x"), raws[7]})
	if !state.MakesSigners(all[0]) || state.MakesSigners(all[1]) {
		t.Error(fmt.Sprint("who makes signers: ", state.MakesSigners(all[0]), state.MakesSigners(all[1])))
	}
	recovery := &tx.Body{ChainId: s.f.ChainID, Party: "registry", Reference: "recovery", Operations: []tx.Operation{op(&tx.Operation_RecoverKeys{RecoverKeys: &tx.RecoverKeys{Party: "e0", Document: "D"}})}}
	raw, err := tx.NewTransaction(s.f.Hash, recovery, s.key("registry"))
	s.must(err)
	if v, err := tx.NewVerifier(s.f.Hash).Verify(raw); err != nil || !state.MakesSigners(v) {
		t.Errorf("a recovery of keys makes no signers: %v", err)
	}
}
