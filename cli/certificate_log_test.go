package cli

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"

	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// testLog is a log with two cosigners, of which its policy asks for both.
type testLog struct {
	t       *testing.T
	origin  string
	records [][]byte
	script  bool
}

var certificateDomain = tx.Domain(sha256.Sum256([]byte("a genesis document")))

func newTestLog(t *testing.T) *testLog {
	l := &testLog{t: t, origin: "register.example/chain"}
	l.add(tx.FoundingRecord(certificateDomain))
	return l
}

func testSecret(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func (l *testLog) add(r *tx.OutcomeRecord) uint64 {
	l.t.Helper()
	raw, err := r.Marshal()
	if err != nil {
		l.t.Fatal(err)
	}
	l.records = append(l.records, raw)
	return uint64(len(l.records) - 1)
}

// book adds a transaction of the party with its outcome, alone in its block.
func (l *testLog) book(party string, outcome tx.Receipt, operations ...tx.Operation) uint64 {
	l.t.Helper()
	return l.bookCarried(party, outcome, nil, operations...)
}

// approve books what the party prepares, and the approval that carries it out.
func (l *testLog) approve(party string, prepared ...tx.Operation) uint64 {
	l.t.Helper()
	index := l.book(party, tx.Receipt{}, tx.Operation{Operation: &tx.Operation_Prepare{Prepare: &tx.Prepare{Operations: prepared}}})
	r, err := tx.DecodeRecord(l.records[index])
	if err != nil {
		l.t.Fatal(err)
	}
	d, err := tx.Decode(r.Transaction)
	if err != nil {
		l.t.Fatal(err)
	}
	carried := []tx.CarriedOut{{Index: index, Body: d.Transaction.Body}}
	return l.bookCarried(party, tx.Receipt{}, carried, tx.Operation{Operation: &tx.Operation_Approve{Approve: &tx.Approve{Prepared: r.Receipt.Id}}})
}

func (l *testLog) bookCarried(party string, outcome tx.Receipt, carried []tx.CarriedOut, operations ...tx.Operation) uint64 {
	l.t.Helper()
	secret := sha256.Sum256([]byte(party))
	key, err := tx.NewPrivateKey(tx.Ed25519, secret[:])
	if err != nil {
		l.t.Fatal(err)
	}
	index := uint64(len(l.records))
	if outcome.Reference == "" {
		outcome.Reference = fmt.Sprintf("r-%d", index)
	}
	raw, err := tx.NewTransaction(certificateDomain, &tx.Body{ChainId: "cets-test", Party: party, Reference: outcome.Reference, Operations: operations}, key)
	if err != nil {
		l.t.Fatal(err)
	}
	id, err := tx.TransactionID(certificateDomain, raw)
	if err != nil {
		l.t.Fatal(err)
	}
	outcome.Id, outcome.Height, outcome.Party, outcome.ScriptClock, outcome.Index = id[:], index, party, l.script, index
	outcome.Time = tx.Instant(1_735_606_800_000 + int64(index))
	return l.add(&tx.OutcomeRecord{
		Height: index, PreviousHash: id[:], Head: &tx.BlockHead{Proposer: "wuhan-1", Stamp: outcome.Time, AppliedHash: id[:]}, Transaction: raw, Receipt: &outcome,
		CarriedOut: carried, Records: 1,
	})
}

func (l *testLog) nodes(level uint, first uint64, count int) ([]proof.Hash, error) {
	if level != 0 {
		return nil, errors.New("the log is small")
	}
	var all []proof.Hash
	for _, r := range l.records[first : first+uint64(count)] {
		all = append(all, proof.LeafHash(r))
	}
	return all, nil
}

// receipt is the file with the receipt of an entry, in the log as it is.
func (l *testLog) receipt(index uint64) []byte {
	l.t.Helper()
	size := uint64(len(l.records))
	root, err := proof.Root(size, l.nodes)
	if err != nil {
		l.t.Fatal(err)
	}
	path, err := proof.Inclusion(index, size, l.nodes)
	if err != nil {
		l.t.Fatal(err)
	}
	c := proof.Checkpoint{Origin: l.origin, Size: size, Root: root}
	own, err := c.SignOrigin(testSecret(l.origin))
	if err != nil {
		l.t.Fatal(err)
	}
	lines := [][]byte{own}
	for i, v := range []string{"wuhan-1", "shanghai-1"} {
		line, err := c.Cosign(proof.CosignerName(l.origin, v), testSecret(v), uint64(1_735_606_900+i))
		if err != nil {
			l.t.Fatal(err)
		}
		lines = append(lines, line)
	}
	r := proof.Receipt{Index: index, Path: path, Checkpoint: c.Note(lines...), Record: l.records[index]}
	return r.Encode()
}

func (l *testLog) policyText() string {
	public := func(name string) ed25519.PublicKey { return testSecret(name).Public().(ed25519.PublicKey) }
	names := []string{"wuhan-1", "shanghai-1"}
	var keys []string
	for _, n := range names {
		keys = append(keys, proof.CosignerVKey(proof.CosignerName(l.origin, n), public(n)))
	}
	return proof.WritePolicy(proof.OriginVKey(l.origin, public(l.origin)), names, keys, 2)
}

func (l *testLog) policy() *proof.Policy {
	l.t.Helper()
	p, err := proof.ParsePolicy(l.policyText())
	if err != nil {
		l.t.Fatal(err)
	}
	return p
}

// page makes a certificate, and requires that its text follows from it again.
func (l *testLog) page(index uint64, applications ...uint64) string {
	l.t.Helper()
	s := certificateSources{receipt: l.receipt(index)}
	for _, a := range applications {
		s.applications = append(s.applications, l.receipt(a))
	}
	c, err := s.certify(l.policy())
	if err != nil {
		l.t.Fatal(err)
	}
	page, err := c.page()
	if err != nil {
		l.t.Fatal(err)
	}
	if again, err := certificateReceipt(page); err != nil || !bytes.Equal(again, s.receipt) {
		l.t.Fatalf("the receipt does not come out again: %v", err)
	}
	if _, err := checkCertificate(page, nil, l.policy()); err != nil {
		l.t.Fatal(err)
	}
	return string(page)
}
