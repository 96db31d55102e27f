package tx

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

const vectorsFile = "../testdata/vectors/signed-messages.json"

// hexBytes are shown in hexadecimal.
type hexBytes []byte

func (h hexBytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

func (h *hexBytes) UnmarshalText(s []byte) (err error) {
	*h, err = hex.DecodeString(string(s))
	return err
}

// The layout of vectors.json. Everything in it but SM2 is a function of the
// secrets, because Ed25519 signatures are; SM2 signatures contain randomness.
type (
	vectors struct {
		About        []string            `json:"about"`
		Genesis      hexBytes            `json:"genesis_hash"`
		Keys         []keyVector         `json:"keys"`
		Transactions []transactionVector `json:"transactions"`
		Orders       []orderVector       `json:"orders"`
		Proofs       []proofVector       `json:"key_proofs"`
		Attestations []attestVector      `json:"attestations"`
		Reads        []readVector        `json:"reads"`
		Refused      []refusedVector     `json:"refused"`
		SM2          []transactionVector `json:"sm2_transactions"`
	}
	keyVector struct {
		Name   string   `json:"name"`
		Scheme string   `json:"scheme"`
		Secret hexBytes `json:"secret"`
		Public hexBytes `json:"public"`
	}
	transactionVector struct {
		Name        string   `json:"name"`
		Signers     []string `json:"signers"`
		Body        hexBytes `json:"body"`
		Transaction hexBytes `json:"transaction"`
		ID          hexBytes `json:"id"`
	}
	orderVector struct {
		Name      string   `json:"name"`
		Signer    string   `json:"signer"`
		Body      hexBytes `json:"body"`
		Signature hexBytes `json:"signature"`
		ID        hexBytes `json:"id"`
	}
	proofVector struct {
		Party string   `json:"party"`
		Key   string   `json:"key"`
		Proof hexBytes `json:"proof"`
	}
	attestVector struct {
		Signer    string   `json:"signer"`
		Height    uint64   `json:"height"`
		Hash      hexBytes `json:"hash"`
		Message   hexBytes `json:"message"`
		Signature hexBytes `json:"signature"`
	}
	readVector struct {
		Signer    string   `json:"signer"`
		Method    string   `json:"method"`
		Request   hexBytes `json:"request"`
		At        Instant  `json:"at"`
		Message   hexBytes `json:"message"`
		Signature hexBytes `json:"signature"`
	}
	refusedVector struct {
		Name        string   `json:"name"`
		Transaction hexBytes `json:"transaction"`
		Reason      string   `json:"reason"`
		Number      Reason   `json:"number"`
	}
)

var aboutVectors = []string{
	"Test vectors of carbonledger's signed messages. All byte strings are hexadecimal.",
	"A signature is over tag || genesis_hash || content. Tags end in one zero byte. Content is:",
	"carbonledger/tx/v1: the bytes of Transaction.body. Id of the transaction: SHA-256 over the signed bytes.",
	"carbonledger/order/v1: the bytes of SignedOrder.body. Id of the order: SHA-256 over the signed bytes.",
	"carbonledger/key/v1: the party's id in UTF-8.",
	"carbonledger/attest/v1: height as 8 bytes, big endian, then the running hash.",
	"carbonledger/read/v1: full gRPC method, SHA-256 of the encoded request, time in ms as 8 bytes, big endian.",
	"Ed25519 signatures are R || S, verified by ZIP-215; SM2 signatures are r || s, 32 bytes each, big endian,",
	"with SM3 and the user id 1234567812345678; SM2 keys are compressed (33 bytes).",
	"Encodings are those of proto/carbonledger/tx/v1/tx.proto: fields in order of number, defaults left out.",
}

func makeVectors(t *testing.T) *vectors {
	t.Helper()
	v := &vectors{About: aboutVectors, Genesis: testDomain[:]}
	names := map[string]PrivateKey{}
	for _, k := range []struct {
		name   string
		scheme KeyScheme
	}{{"registry", Ed25519}, {"ministry", Ed25519}, {"buyer", Ed25519}, {"seller", Ed25519}, {"node", Ed25519}, {"registry-sm2", SM2}} {
		key := testKey(t, k.scheme, k.name)
		names[k.name] = key
		v.Keys = append(v.Keys, keyVector{k.name, schemeName(k.scheme), key.Secret(), key.Public().Key})
	}
	transaction := func(name string, b *Body, signers ...string) transactionVector {
		var keys []PrivateKey
		for _, s := range signers {
			keys = append(keys, names[s])
		}
		raw := sign(t, b, keys...)
		id, err := TransactionID(testDomain, raw)
		if err != nil {
			t.Fatal(err)
		}
		return transactionVector{name, signers, encode(t, b), raw, id[:]}
	}
	operations := operationsOf(t, names["buyer"], names["seller"])
	for _, o := range operations {
		field := new(Operation)
		field.Operation = o
		v.Transactions = append(v.Transactions, transaction(operationName(o), &Body{
			ChainId: "cets-test", Party: "registry", Reference: "r-1", Operations: []Operation{*field},
		}, "registry"))
	}
	all := testBody(operations...)
	all.Expiry = 1_704_153_600_000
	v.Transactions = append(v.Transactions, transaction("every operation, two signatures, expiry", all, "ministry", "registry"))
	for _, o := range []SignedOrder{testOrder(t, testDomain, Buy, "buyer", names["buyer"]), testOrder(t, testDomain, Sell, "seller", names["seller"])} {
		var body OrderBody
		if err := body.Unmarshal(o.Body); err != nil {
			t.Fatal(err)
		}
		registration := &Operation_RegisterOrder{RegisterOrder: &RegisterOrder{Order: o}}
		got, err := NewVerifier(testDomain).Verify(sign(t, testBody(registration), names["registry"]))
		if err != nil {
			t.Fatal(err)
		}
		order := got.Order(testDomain, 0)
		v.Orders = append(v.Orders, orderVector{body.Reference, body.Party, o.Body, o.Signature.Signature, order.ID[:]})
	}
	for _, party := range []string{"buyer", "91420000X"} {
		v.Proofs = append(v.Proofs, proofVector{party, "buyer", proof(t, testDomain, party, names["buyer"]).Proof})
	}
	v.addMessages(t, names["node"])
	for _, c := range envelopeTraps(t) {
		if len(c.raw) < 1_000 {
			v.Refused = append(v.Refused, refusedVector{c.name, c.raw, c.reason.String(), c.reason})
		}
	}
	for _, c := range append(bodyTraps(t), orderTraps(t)...) {
		v.Refused = append(v.Refused, refusedVector{c.name, c.raw, c.reason.String(), c.reason})
	}
	for _, c := range badSignatures(t, names["registry-sm2"].Public().Key) {
		v.Refused = append(v.Refused, refusedVector{c.name, c.raw, c.reason.String(), c.reason})
	}
	v.SM2 = []transactionVector{transaction("SM2 alone", testBody(operations[7]), "registry-sm2"), transaction("SM2 and Ed25519", testBody(operations[7]), "registry-sm2", "ministry")}
	return v
}

// badSignatures have the form of a signature, and do not hold.
func badSignatures(t *testing.T, sm2 []byte) []trap {
	t.Helper()
	w := newWire(t)
	body := w.body(w.operation)
	by := func(key, sig []byte) []byte {
		return join(field(1, body), field(2, join(field(1, join(field(1, 2), field(2, key))), field(2, sig))))
	}
	some := bytes.Repeat([]byte{7}, 64)
	order, err := hex.DecodeString("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := NewTransaction(otherDomain, testBody(operationsOf(t, w.key, w.key)[7]), w.key)
	if err != nil {
		t.Fatal(err)
	}
	return []trap{
		{"signed for another genesis document", elsewhere, BadSignature},
		{"SM2, another signature", by(sm2, some), BadSignature},
		{"SM2, r and s of 0", by(sm2, make([]byte, 64)), BadSignature},
		{"SM2, r of n", by(sm2, append(bytes.Clone(order), some[32:]...)), BadSignature},
		{"SM2, s of n", by(sm2, append(bytes.Clone(some[:32]), order...)), BadSignature},
		{"SM2, a key whose x is above p", by(append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...), some), BadSignature},
		{"SM2, a key that begins with 04", by(append([]byte{4}, sm2[1:]...), some), BadSignature},
		{"SM2, a key of 32 bytes", by(sm2[:32], some), BadSignature},
	}
}

func (v *vectors) addMessages(t *testing.T, node PrivateKey) {
	t.Helper()
	hash := bytes.Repeat([]byte{0xab}, 32)
	for _, height := range []uint64{0, 1, 1<<63 + 7} {
		m := AttestMessage(testDomain, height, hash)
		sig, err := node.Sign(m)
		if err != nil {
			t.Fatal(err)
		}
		v.Attestations = append(v.Attestations, attestVector{"node", height, hash, m, sig})
	}
	m := ReadMessage(testDomain, "/carbonledger.api.v1.Ledger/GetParty", []byte("request"), 1_704_153_600_000)
	sig, err := node.Sign(m)
	if err != nil {
		t.Fatal(err)
	}
	v.Reads = []readVector{{"node", "/carbonledger.api.v1.Ledger/GetParty", []byte("request"), 1_704_153_600_000, m, sig}}
}

// operationName is the field's name in tx.proto.
func operationName(o isOperation_Operation) string {
	s := (&Operation{Operation: o}).String()
	for i := range s {
		if s[i] == ':' || s[i] == '<' {
			return s[:i]
		}
	}
	return s
}

// TestVectorsGolden: what a foreign implementer was given stays true. SM2
// signatures are checked, not compared.
func TestVectorsGolden(t *testing.T) {
	made := makeVectors(t)
	golden, err := os.ReadFile(vectorsFile)
	if err != nil && !*rewrite {
		t.Fatal(err)
	}
	var have vectors
	if err == nil {
		if err := json.Unmarshal(golden, &have); err != nil {
			t.Fatal(err)
		}
		if len(have.SM2) == len(made.SM2) {
			made.SM2 = have.SM2
		}
	}
	raw, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	raw = append(raw, '\n')
	if *rewrite {
		if err := os.WriteFile(vectorsFile, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !bytes.Equal(raw, golden) {
		t.Errorf("%s differs: the encoding or a signature changed, which no running chain survives; where a vector was only added, run go test ./tx -run Golden -rewrite", vectorsFile)
	}
	v := NewVerifier(Domain(made.Genesis))
	for _, c := range append(made.Transactions, made.SM2...) {
		got, err := v.Verify(c.Transaction)
		if err != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if id := got.ID(); !bytes.Equal(id[:], c.ID) || len(got.Signers()) != len(c.Signers) || !bytes.Equal(encode(t, got.Body()), c.Body) {
			t.Errorf("%s: another transaction", c.Name)
		}
	}
	for _, c := range made.Refused {
		if _, err := v.Verify(c.Transaction); reasonOf(err) != c.Number || c.Number.String() != c.Reason {
			t.Errorf("%s: %v, want %s", c.Name, err, c.Reason)
		}
	}
}
