package state_test

import (
	"fmt"
	"strings"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// signer signs whatever a fuzzer makes up, for parties of newScript.
type signer struct {
	s       *script
	parties []string
	n       int
}

func newSigner(s *script) *signer {
	return &signer{s: s, parties: []string{"e0", "registry", "exchange", "ministry", "hubei", "bank", "timekeeper", "e1", "nobody"}}
}

// transaction signs the operations of an encoded body for a party, and most of
// the nested signatures too; nil where the bytes are no body.
func (g *signer) transaction(who uint8, encoded []byte) []byte {
	var b tx.Body
	if b.Unmarshal(encoded) != nil {
		return nil
	}
	g.n++
	b.ChainId, b.Party, b.Reference, b.Expiry = g.s.f.ChainID, g.parties[int(who)%len(g.parties)], fmt.Sprint("fuzz-", g.n), 0
	for i := range b.Operations {
		g.nested(b.Party, &b.Operations[i])
	}
	keys := []tx.PrivateKey{g.s.key(b.Party)}
	if who >= 128 && b.Party != "ministry" {
		keys = append(keys, g.s.key("ministry"))
	}
	raw, err := tx.NewTransaction(g.s.f.Hash, &b, keys...)
	if err != nil {
		return nil // too large
	}
	return raw
}

// nested proves keys and signs orders. A proof of an odd length is left alone.
func (g *signer) nested(party string, o *tx.Operation) {
	prove := func(of string, k *tx.ProvenKey) {
		if len(k.Proof)%2 == 0 {
			proven, err := tx.ProveKey(g.s.f.Hash, of, g.s.key("fuzz "+string(k.Key.Key)))
			g.s.must(err)
			*k = proven
		}
	}
	switch o := o.Operation.(type) {
	case *tx.Operation_AddKey:
		prove(party, &o.AddKey.Key)
	case *tx.Operation_OpenAccount:
		for i := range o.OpenAccount.Keys {
			prove(o.OpenAccount.Id, &o.OpenAccount.Keys[i])
		}
	case *tx.Operation_RecoverKeys:
		for i := range o.RecoverKeys.Keys {
			prove(o.RecoverKeys.Party, &o.RecoverKeys.Keys[i])
		}
	case *tx.Operation_Prepare:
		for i := range o.Prepare.Operations {
			g.nested(party, &o.Prepare.Operations[i])
		}
	case *tx.Operation_RegisterOrder:
		signed := &o.RegisterOrder.Order
		var body tx.OrderBody
		if body.Unmarshal(signed.Body) == nil {
			order, err := tx.NewOrder(g.s.f.Hash, &body, g.s.key(body.Party))
			g.s.must(err)
			*signed = order
		}
	}
}

// strange are operations that no honest program writes, each signed by a party
// that exists.
func strange() (all []tx.Operation) {
	for _, scheme := range []tx.KeyScheme{0, 3, 257, 258, -255, 1 << 30} {
		key := tx.PublicKey{Scheme: scheme, Key: make([]byte, 32)}
		all = append(all, op(&tx.Operation_RevokeKey{RevokeKey: &tx.RevokeKey{Key: key}}),
			op(&tx.Operation_AddKey{AddKey: &tx.AddKey{Key: tx.ProvenKey{Key: key, Proof: make([]byte, 63)}}}),
			op(&tx.Operation_OpenAccount{OpenAccount: &tx.OpenAccount{Id: "e7", Role: tx.KeyEmittingEntity, Name: "x", Region: "hubei", Keys: []tx.ProvenKey{{Key: key, Proof: make([]byte, 63)}}}}))
	}
	long := tx.PublicKey{Scheme: tx.Ed25519, Key: make([]byte, 50_000)}
	all = append(all, op(&tx.Operation_RevokeKey{RevokeKey: &tx.RevokeKey{Key: long}}),
		op(&tx.Operation_RecordTrade{RecordTrade: &tx.RecordTrade{Instrument: "CEA21", Price: 7000, Tonnes: 100_000}}),
		op(&tx.Operation_RegisterOrder{RegisterOrder: &tx.RegisterOrder{}}), op(&tx.Operation_Prepare{Prepare: &tx.Prepare{}}),
		op(&tx.Operation_TransferByLaw{TransferByLaw: &tx.TransferByLaw{Kind: tx.Correction, From: "e0", To: "e1", Instrument: "CEA21", Tonnes: 1<<63 - 1, Document: "d", Corrects: []byte{1}}}),
		op(&tx.Operation_SetClock{SetClock: &tx.SetClock{Time: 1<<63 - 1}}),
		op(&tx.Operation_OpenDay{OpenDay: &tx.OpenDay{Day: -1}}), op(&tx.Operation_CloseYear{CloseYear: &tx.CloseYear{Year: -2_000_000}}),
		op(&tx.Operation_SetObligation{SetObligation: &tx.SetObligation{Entity: "e0", Year: 2023, Tonnes: 1<<63 - 1}}),
		op(&tx.Operation_SetParameter{SetParameter: &tx.SetParameter{Name: "composite.weights", From: 20240103, Value: strings.Repeat("CEA21:1 ", 200)}}))
	return all
}

// try applies one transaction to a ledger and holds the outcome to what every
// outcome keeps to: Check foresaw it, its receipt is small, the books balance.
func (g *signer) try(t *testing.T, l *state.Ledger, raw []byte) tx.Receipt {
	t.Helper()
	v, err := l.View()
	if err != nil {
		t.Fatal(err)
	}
	foreseen, err := v.Check(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	block := tx.Block{Proposer: "n1", AppliedHash: make([]byte, 32), Transactions: [][]byte{raw}}
	encoded, err := block.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.Apply([]state.Entry{{Index: l.AppliedIndex() + 1, Block: encoded}})
	if err != nil {
		t.Fatal(err)
	}
	r := a[0].Receipts[0]
	if foreseen.Reason != r.Reason || foreseen.Subject != r.Subject || foreseen.Have != r.Have || foreseen.Want != r.Want {
		t.Fatalf("Check foresaw %s, the ledger says %s", &foreseen, &r)
	}
	if r.Size() > 1024 {
		t.Fatalf("the receipt has %d bytes", r.Size())
	}
	return r
}

// TestStrange: signed operations with keys, days and amounts beyond all sense
// have receipts like any other.
func TestStrange(t *testing.T) {
	s := newScript(t)
	g := newSigner(s)
	l := openAt(t, vfs.NewMem(), s.f, "strange")
	defer closeLedger(t, l)
	for i, o := range strange() {
		for who := range g.parties {
			body := tx.Body{Operations: []tx.Operation{o}}
			raw, err := body.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			if r := g.try(t, l, g.transaction(uint8(who), raw)); r.Reason == tx.Accepted && i < 20 {
				t.Errorf("%s was accepted of %s", o.String(), g.parties[who])
			}
		}
	}
}

// FuzzSigned: operations that the fuzzer makes up reach the rules, because
// everything is signed. None panics, and the books balance.
func FuzzSigned(f *testing.F) {
	s, blocks := history(f, 1, 40)
	for i, raw := range blocks {
		if b, ok := tx.DecodeBlock(raw, uint64(i)+1); ok {
			for _, t := range b.Transactions {
				if d, err := tx.Decode(t); err == nil {
					f.Add(uint8(i), d.Transaction.Body)
				}
			}
		}
	}
	for i, o := range strange() {
		body := tx.Body{Operations: []tx.Operation{o}}
		if raw, err := body.Marshal(); err == nil {
			f.Add(uint8(i), raw)
		}
	}
	g := newSigner(s)
	l := openAt(f, vfs.NewMem(), s.f, "signed")
	f.Cleanup(func() { closeLedger(f, l) })
	f.Fuzz(func(t *testing.T, who uint8, body []byte) {
		s.t = t
		if raw := g.transaction(who, body); raw != nil {
			g.try(t, l, raw)
		}
	})
}

// TestTooManyKeys: a party has 64 keys in all its time, and its transactions stay
// cheap.
func TestTooManyKeys(t *testing.T) {
	s := newScript(t)
	g := newSigner(s)
	l := openAt(t, vfs.NewMem(), s.f, "keys")
	defer closeLedger(t, l)
	add := func(party, id string, n int) tx.Operation {
		k, err := tx.ProveKey(s.f.Hash, id, s.key(fmt.Sprint("many ", party, n)))
		s.must(err)
		return op(&tx.Operation_AddKey{AddKey: &tx.AddKey{Key: k}})
	}
	try := func(who uint8, reason tx.Reason, operations ...tx.Operation) {
		t.Helper()
		g.n++
		body := tx.Body{ChainId: s.f.ChainID, Party: g.parties[who], Reference: fmt.Sprint("many-", g.n), Operations: operations}
		raw, err := tx.NewTransaction(s.f.Hash, &body, s.key(g.parties[who]))
		s.must(err)
		if r := g.try(t, l, raw); r.Reason != reason {
			t.Fatalf("%s, want %s", &r, reason)
		}
	}
	for n := range 63 { // and the one of genesis
		try(0, tx.Accepted, add("e0", "e0", n))
	}
	try(0, tx.TooManyKeys, add("e0", "e0", 63))
	revoke := op(&tx.Operation_RevokeKey{RevokeKey: &tx.RevokeKey{Key: s.key("many e05").Public()}})
	try(0, tx.TooManyKeys, revoke, add("e0", "e0", 63))
	open := &tx.OpenAccount{Id: "e7", Role: tx.KeyEmittingEntity, Name: "x", Region: "hubei", USCC: tx.PracticeUSCC(99)}
	for n := range 65 {
		k, err := tx.ProveKey(s.f.Hash, "e7", s.key(fmt.Sprint("many e7", n)))
		s.must(err)
		open.Keys = append(open.Keys, k)
	}
	try(1, tx.TooManyKeys, op(&tx.Operation_OpenAccount{OpenAccount: open}))
	open.Keys = open.Keys[:64]
	try(1, tx.Accepted, op(&tx.Operation_OpenAccount{OpenAccount: open}))
}
