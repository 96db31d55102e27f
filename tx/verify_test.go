package tx

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// manyTransfers signs n transactions, each with a reference of its own, by a
// few keys of both schemes.
func manyTransfers(t testing.TB, n int) [][]byte {
	t.Helper()
	keys := []PrivateKey{testKey(t, Ed25519, "a"), testKey(t, Ed25519, "b"), testKey(t, SM2, "c"), testKey(t, Ed25519, "d")}
	raws := make([][]byte, n)
	for i := range raws {
		b := testBody(&Operation_Transfer{Transfer: &Transfer{To: "seller", Instrument: "CEA22", Tonnes: 1}})
		b.Reference = fmt.Sprintf("r-%d", i)
		raws[i] = sign(t, b, keys[i%len(keys)])
	}
	return raws
}

// spoil is raw with one bit of its last signature changed: still canonical.
func spoil(raw []byte) []byte {
	raw = bytes.Clone(raw)
	raw[len(raw)-40] ^= 1
	return raw
}

func reasonOf(err error) Reason {
	var r *Rejection
	if errors.As(err, &r) {
		return r.Reason
	}
	return Accepted
}

func TestVerifyAllNamesTheBadOne(t *testing.T) {
	raws := manyTransfers(t, 101)
	for _, bad := range [][]int{{}, {0}, {2}, {50}, {100}, {0, 1, 99}, {2, 3}} {
		mixed := slices.Clone(raws)
		for _, i := range bad {
			mixed[i] = spoil(raws[i])
		}
		all, errs := NewVerifier(testDomain).VerifyAll(mixed)
		if len(all) != len(raws) || len(errs) != len(raws) {
			t.Fatalf("%d results, %d errors", len(all), len(errs))
		}
		for i := range mixed {
			if slices.Contains(bad, i) {
				if reasonOf(errs[i]) != BadSignature || all[i].d != nil {
					t.Errorf("bad %v: %d: %v", bad, i, errs[i])
				}
				continue
			}
			if id, _ := TransactionID(testDomain, raws[i]); errs[i] != nil || all[i].ID() != id || !bytes.Equal(all[i].Raw(), raws[i]) {
				t.Errorf("bad %v: %d: %v", bad, i, errs[i])
			}
		}
	}
	if all, errs := NewVerifier(testDomain).VerifyAll(nil); len(all) != 0 || len(errs) != 0 {
		t.Error("results for no transaction")
	}
}

func TestVerifyAllMixesFaults(t *testing.T) {
	raws := manyTransfers(t, 5)
	_, errs := NewVerifier(testDomain).VerifyAll([][]byte{raws[0], nil, spoil(raws[1]), raws[2], {0}, make([]byte, MaxTransactionBytes+1), raws[0], spoil(raws[0])})
	want := []Reason{Accepted, NoOperations, BadSignature, Accepted, Malformed, TooLarge, Accepted, BadSignature}
	for i, err := range errs {
		if reasonOf(err) != want[i] || (err == nil) != (want[i] == Accepted) {
			t.Errorf("%d: %v, want %v", i, err, want[i])
		}
	}
}

func TestCache(t *testing.T) {
	v := NewVerifier(testDomain)
	raw := manyTransfers(t, 1)[0]
	first, err := v.Verify(raw)
	if err != nil {
		t.Fatal(err)
	}
	again, err := v.Verify(bytes.Clone(raw))
	if err != nil || again.d != first.d || again.ID() != first.ID() || !bytes.Equal(again.Raw(), raw) {
		t.Errorf("a hit gives another result: %v", err)
	}
	for range 3 {
		if _, err := v.Verify(spoil(raw)); reasonOf(err) != BadSignature {
			t.Errorf("the same body under a bad signature: %v", err)
		}
	}
	if again, err := v.Verify(raw); err != nil || again.d != first.d {
		t.Errorf("a refusal changed the cache: %v", err)
	}
	// The same body under another key is another transaction to verify, with
	// the same id.
	d, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	second, err := SignBody(testDomain, d.Transaction.Body, nil, testKey(t, Ed25519, "b"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := v.Verify(second)
	if err != nil || other.ID() != first.ID() || other.Signers()[0].String() != testKey(t, Ed25519, "b").Public().String() {
		t.Errorf("the same body under another key: %v, %v", other.Signers(), err)
	}
}

// TestCacheCountsPrepared: operations within a Prepare take the same memory as others.
func TestCacheCountsPrepared(t *testing.T) {
	v := NewVerifier(testDomain)
	k := testKey(t, Ed25519, "a")
	const each = 10_000
	prepare := &Prepare{Operations: slices.Repeat([]Operation{{Operation: &Operation_OpenDay{OpenDay: &OpenDay{}}}}, each)}
	for i := range 3*verifiedBytes/(each*operationBytes) + 2 {
		b := testBody(&Operation_Prepare{Prepare: prepare})
		b.Reference = fmt.Sprintf("r-%d", i)
		if _, err := v.Verify(sign(t, b, k)); err != nil {
			t.Fatal(err)
		}
		if kept := (len(v.young) + len(v.old)) * each * operationBytes; kept > 2*verifiedBytes {
			t.Fatalf("after %d transactions operations of %d bytes are kept", i+1, kept)
		}
	}
}

// TestCacheIsBounded: two generations at most, and right answers after them.
func TestCacheIsBounded(t *testing.T) {
	v := NewVerifier(testDomain)
	k := testKey(t, Ed25519, "a")
	page := &BringForwardPage{Page: make([]byte, MaxTransactionBytes-300)}
	page.Page[0] = 1
	var first []byte
	for i := range 3*verifiedBytes/MaxTransactionBytes + 10 {
		b := testBody(&Operation_BringForwardPage{BringForwardPage: page})
		b.Reference = fmt.Sprintf("r-%d", i)
		raw := sign(t, b, k)
		if first == nil {
			first = raw
		}
		if _, err := v.Verify(raw); err != nil {
			t.Fatal(err)
		}
		kept := 0
		for _, generation := range []map[ID]Verified{v.young, v.old} {
			for _, r := range generation {
				kept += len(r.raw)
			}
		}
		if kept > 2*verifiedBytes {
			t.Fatalf("after %d transactions %d bytes are kept", i, kept)
		}
	}
	if _, err := v.Verify(first); err != nil {
		t.Errorf("a forgotten transaction: %v", err)
	}
	if _, err := v.Verify(spoil(first)); reasonOf(err) != BadSignature {
		t.Errorf("a forgotten transaction, spoilt: %v", err)
	}
}

// TestDomains: nothing that was signed for one chain, or as one kind of
// message, holds for another.
func TestDomains(t *testing.T) {
	a, b := testKey(t, Ed25519, "buyer"), testKey(t, SM2, "seller")
	here, there := NewVerifier(testDomain), NewVerifier(otherDomain)
	for i, raw := range everyTransaction(t) {
		if _, err := here.Verify(raw); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		if _, err := there.Verify(raw); reasonOf(err) != BadSignature {
			t.Errorf("%d: on another chain: %v", i, err)
		}
		one, _ := TransactionID(testDomain, raw)
		if two, _ := TransactionID(otherDomain, raw); one == two {
			t.Errorf("%d: the same id on two chains", i)
		}
	}
	if here.Domain() != testDomain {
		t.Error("the verifier names another domain")
	}
	order := testRegistration(t, Sell, "seller", b)
	order.RegisterOrder.Order = testOrder(t, otherDomain, Sell, "seller", b)
	_, err := here.Verify(sign(t, testBody(&Operation_OpenDay{OpenDay: &OpenDay{Day: 2024_01_02}}, order), a))
	wantNested(t, "an order of another chain", err, BadSignature, 1, b)
	for name, p := range map[string]ProvenKey{
		"a proof of another chain": proof(t, otherDomain, "registry", b), "a proof for another party": proof(t, testDomain, "registr", b),
		"no proof": {Key: b.Public()}, "a short proof": {Key: b.Public(), Proof: make([]byte, 63)},
	} {
		_, err := here.Verify(sign(t, testBody(innocent(), &Operation_AddKey{AddKey: &AddKey{Key: p}}), a))
		wantNested(t, name, err, BadProof, 1, b)
		inner := Operation{Operation: &Operation_AddKey{AddKey: &AddKey{Key: p}}}
		_, err = here.Verify(sign(t, testBody(innocent(), &Operation_Prepare{Prepare: &Prepare{Operations: []Operation{inner}}}), a))
		wantNested(t, name+", prepared", err, BadProof, 1, b)
	}
	keys := []ProvenKey{proof(t, testDomain, "x", a), proof(t, testDomain, "y", b)}
	_, err = here.Verify(sign(t, testBody(&Operation_OpenAccount{OpenAccount: &OpenAccount{Id: "x", Keys: keys}}), a))
	wantNested(t, "the second key of an account", err, BadProof, 0, b)
	for _, k := range []PublicKey{{}, {Scheme: 7, Key: a.Public().Key}, {Scheme: Ed25519, Key: a.Public().Key[1:]}, {Scheme: Ed25519, Key: b.Public().Key}, {Scheme: SM2, Key: a.Public().Key}} {
		p := proof(t, testDomain, "registry", a)
		p.Key = k
		_, err := here.Verify(sign(t, testBody(&Operation_AddKey{AddKey: &AddKey{Key: p}}), a))
		want := BadProof
		if k.Scheme != Ed25519 && k.Scheme != SM2 {
			want = Malformed
		}
		if reasonOf(err) != want {
			t.Errorf("a proof of the key %s: %v", k, err)
		}
	}
}

// innocent is an innocent operation to stand before the one under test.
func innocent() isOperation_Operation {
	return &Operation_OpenDay{OpenDay: &OpenDay{Day: 2024_01_02}}
}

func wantNested(t *testing.T, name string, err error, reason Reason, operation uint32, k PrivateKey) {
	t.Helper()
	var r *Rejection
	if !errors.As(err, &r) || r.Reason != reason || r.Operation != operation || r.Subject != k.Public().String() {
		t.Errorf("%s: %v (%+v)", name, err, r)
	}
}

// TestTags: a key never signs two kinds of message with the same bytes.
func TestTags(t *testing.T) {
	tags := []string{transactionTag, orderTag, keyTag, attestTag, readTag}
	for i, a := range tags {
		for j, b := range tags {
			if i != j && strings.HasPrefix(a, b) {
				t.Errorf("%q begins with %q", a, b)
			}
		}
		if strings.IndexByte(a, 0) != len(a)-1 {
			t.Errorf("%q does not end in its only zero byte", a)
		}
	}
	k := testKey(t, Ed25519, "a")
	body := encode(t, testBody(&Operation_OpenDay{OpenDay: &OpenDay{Day: 2024_01_02}}))
	for _, tag := range tags[1:] {
		sig, err := k.Sign(message(tag, testDomain, body))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := SignBody(testDomain, body, []Signature{{Key: k.Public(), Signature: sig}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := NewVerifier(testDomain).Verify(raw); reasonOf(err) != BadSignature {
			t.Errorf("signed as %q, verified as a transaction: %v", tag, err)
		}
	}
}

func TestSigners(t *testing.T) {
	keys := []PrivateKey{testKey(t, SM2, "3"), testKey(t, Ed25519, "1"), testKey(t, Ed25519, "2")}
	b := testBody(&Operation_OpenDay{OpenDay: &OpenDay{Day: 2024_01_02}})
	got, err := NewVerifier(testDomain).Verify(sign(t, b, keys...))
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range got.Signers() {
		if want := keys[i].Public(); k.String() != want.String() {
			t.Errorf("signer %d is %s", i, k)
		}
	}
	// Signatures of several places, put together in any order: the same id.
	body := encode(t, b)
	half, err := SignBody(testDomain, body, nil, keys[2])
	if err != nil {
		t.Fatal(err)
	}
	d, err := Decode(half)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := SignBody(testDomain, body, d.Transaction.Signatures, keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if second, err := NewVerifier(testDomain).Verify(whole); err != nil || second.ID() != got.ID() || len(second.Signers()) != 2 {
		t.Errorf("signed in two places: %v", err)
	}
	if _, err := NewVerifier(testDomain).Verify(sign(t, b, keys[1], keys[0], keys[1])); reasonOf(err) != Malformed {
		t.Errorf("one key twice: %v", err)
	}
	if _, err := NewTransaction(testDomain, b); err == nil {
		t.Error("a transaction without a key")
	}
	if _, err := NewTransaction(testDomain, b, PrivateKey{}); err == nil {
		t.Error("a transaction by the zero key")
	}
}

func TestOrders(t *testing.T) {
	a, b := testKey(t, Ed25519, "buyer"), testKey(t, SM2, "seller")
	day := &Operation_OpenDay{OpenDay: &OpenDay{Day: 2024_01_02}}
	got, err := NewVerifier(testDomain).Verify(sign(t, testBody(
		testRegistration(t, Buy, "buyer", a), day, testRegistration(t, Buy, "buyer", b), testRegistration(t, Sell, "seller", b)), a))
	if err != nil {
		t.Fatal(err)
	}
	ids := map[ID]bool{}
	for op, want := range map[int]struct {
		party string
		side  Side
		key   PrivateKey
	}{0: {"buyer", Buy, a}, 2: {"buyer", Buy, b}, 3: {"seller", Sell, b}} {
		order := got.Order(testDomain, op)
		if order.Side != want.side || order.Party != want.party || order.Key.String() != want.key.Public().String() {
			t.Errorf("operation %d holds %+v", op, order)
		}
		ids[order.ID] = true
	}
	// The id is of the body: who signed it does not matter.
	if len(ids) != 2 {
		t.Errorf("%d ids of two order bodies", len(ids))
	}
}

func TestAttestationsAndReads(t *testing.T) {
	k, hash := testKey(t, Ed25519, "node"), bytes.Repeat([]byte{9}, 32)
	sig, err := k.Sign(AttestMessage(testDomain, 7, hash))
	if err != nil {
		t.Fatal(err)
	}
	good := Attestation{Validator: "wuhan-1", Height: 7, Hash: hash, Signature: sig}
	if !VerifyAttestation(testDomain, &good, k.Public().Key) {
		t.Error("a good attestation does not hold")
	}
	height, other, short := good, good, good
	height.Height, other.Hash, short.Signature = 8, bytes.Repeat([]byte{8}, 32), sig[:63]
	if VerifyAttestation(testDomain, &height, k.Public().Key) || VerifyAttestation(testDomain, &other, k.Public().Key) ||
		VerifyAttestation(testDomain, &short, k.Public().Key) || VerifyAttestation(otherDomain, &good, k.Public().Key) ||
		VerifyAttestation(testDomain, &good, testKey(t, Ed25519, "x").Public().Key) || VerifyAttestation(testDomain, &good, nil) {
		t.Error("a bad attestation holds")
	}
	forged := Attestation{Height: 7, Hash: hash, Signature: append(unhex(t, smallOrder[0]), make([]byte, 32)...)}
	if VerifyAttestation(testDomain, &forged, unhex(t, smallOrder[0])) {
		t.Error("a node key of small order attests everything")
	}
	for _, scheme := range []KeyScheme{Ed25519, SM2} {
		k := testKey(t, scheme, "auditor")
		sig, err := k.Sign(ReadMessage(testDomain, "/api/Party", []byte("q"), 5))
		if err != nil {
			t.Fatal(err)
		}
		if !VerifyRead(testDomain, k.Public(), "/api/Party", []byte("q"), 5, sig) {
			t.Error("a good read does not hold")
		}
		if VerifyRead(otherDomain, k.Public(), "/api/Party", []byte("q"), 5, sig) || VerifyRead(testDomain, k.Public(), "/api/Part", []byte("yq"), 5, sig) ||
			VerifyRead(testDomain, k.Public(), "/api/Party", []byte("r"), 5, sig) || VerifyRead(testDomain, k.Public(), "/api/Party", []byte("q"), 6, sig) ||
			VerifyRead(testDomain, PublicKey{}, "/api/Party", []byte("q"), 5, sig) {
			t.Error("a bad read holds")
		}
	}
}

// TestConcurrency verifies overlapping slices from many goroutines, so that
// the race detector sees both caches at work.
func TestConcurrency(t *testing.T) {
	v := NewVerifier(testDomain)
	raws := manyTransfers(t, 60)
	for i := 7; i < len(raws); i += 10 {
		raws[i] = spoil(raws[i])
	}
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for from := g; from+20 <= len(raws); from += 13 {
				all, errs := v.VerifyAll(raws[from : from+20])
				for i, err := range errs {
					if bad := (from+i)%10 == 7; bad != (reasonOf(err) == BadSignature) || bad != (all[i].d == nil) {
						t.Errorf("%d: %v", from+i, err)
					}
				}
				if _, err := v.Verify(raws[g]); (err != nil) != (g%10 == 7) {
					t.Errorf("%d alone: %v", g, err)
				}
			}
		})
	}
	wg.Wait()
}
