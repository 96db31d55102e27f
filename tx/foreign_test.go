package tx_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"
)

// This file reads testdata/vectors/signed-messages.json as a foreign implementer would: with
// the standard library and the description in the file alone. It imports
// nothing of carbonledger and no protobuf library.

type foreign struct {
	t       *testing.T
	genesis []byte
	public  map[string][]byte
}

func (f *foreign) hex(s string) []byte {
	f.t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

func (f *foreign) signed(tag string, content []byte) []byte {
	return bytes.Join([][]byte{[]byte("carbonledger/" + tag + "/v1\x00"), f.genesis, content}, nil)
}

func (f *foreign) check(what string, key, message, signature []byte) {
	f.t.Helper()
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, message, signature) {
		f.t.Errorf("%s: the signature does not hold", what)
	}
}

// part is a field of an encoded message: a number or bytes.
type part struct {
	field  uint64
	number uint64
	bytes  []byte
}

func (f *foreign) parts(message []byte) []part {
	f.t.Helper()
	var all []part
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		value, m := binary.Uvarint(message[max(n, 0):])
		if n <= 0 || m <= 0 {
			f.t.Fatalf("%x: no field", message)
		}
		message = message[n+m:]
		p := part{field: tag >> 3, number: value}
		if tag&7 == 2 {
			p.bytes, message = message[:value], message[value:]
		}
		all = append(all, p)
	}
	return all
}

// only is the one field of that number.
func (f *foreign) only(message []byte, field uint64) part {
	f.t.Helper()
	var found part
	for _, p := range f.parts(message) {
		if p.field == field {
			found = p
		}
	}
	return found
}

// signature takes a Signature or a ProvenKey apart: both hold a PublicKey in
// field 1 and 64 bytes in field 2.
func (f *foreign) signature(m []byte) (scheme uint64, key, signature []byte) {
	f.t.Helper()
	public := f.only(m, 1).bytes
	return f.only(public, 1).number, f.only(public, 2).bytes, f.only(m, 2).bytes
}

// nested checks the orders and key proofs in a body and counts them.
func (f *foreign) nested(name string, body []byte) (count int) {
	f.t.Helper()
	prove := func(party, provenKey []byte) {
		_, key, sig := f.signature(provenKey)
		f.check(name+": key proof", key, f.signed("key", party), sig)
		count++
	}
	for _, operation := range f.parts(body) {
		if operation.field != 5 {
			continue
		}
		for _, o := range f.parts(operation.bytes) {
			switch o.field {
			case 3: // OpenAccount
				for _, p := range f.parts(o.bytes) {
					if p.field == 5 {
						prove(f.only(o.bytes, 1).bytes, p.bytes)
					}
				}
			case 4: // AddKey
				prove(f.only(body, 2).bytes, f.only(o.bytes, 1).bytes)
			case 23: // Prepare: the one that the samples prepare adds a key
				for _, prepared := range f.parts(o.bytes) {
					prove(f.only(body, 2).bytes, f.only(f.only(prepared.bytes, 4).bytes, 1).bytes)
				}
			case 26: // RecoverKeys
				prove(f.only(o.bytes, 1).bytes, f.only(o.bytes, 2).bytes)
			case 32: // RegisterOrder
				order := f.only(o.bytes, 1).bytes
				_, key, sig := f.signature(f.only(order, 2).bytes)
				f.check(name+": order", key, f.signed("order", f.only(order, 1).bytes), sig)
				count++
			}
		}
	}
	return count
}

func TestVectorsWithTheStandardLibrary(t *testing.T) {
	raw, err := os.ReadFile("../testdata/vectors/signed-messages.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Genesis string `json:"genesis_hash"`
		Keys    []struct{ Name, Scheme, Secret, Public string }
		Transactions,
		Orders []struct {
			Name, Signer, Body, Transaction, Signature, ID string
			Signers                                        []string
		}
		Proofs       []struct{ Party, Key, Proof string } `json:"key_proofs"`
		Attestations []struct {
			Signer, Hash, Message, Signature string
			Height                           uint64
		}
		Reads []struct {
			Signer, Method, Request, Message, Signature string
			At                                          uint64
		}
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	f := &foreign{t: t, public: map[string][]byte{}}
	f.genesis = f.hex(v.Genesis)
	for _, k := range v.Keys {
		f.public[k.Name] = f.hex(k.Public)
		if k.Scheme == "ed25519" && !bytes.Equal(ed25519.NewKeyFromSeed(f.hex(k.Secret))[32:], f.hex(k.Public)) {
			t.Errorf("key %s: another public half", k.Name)
		}
	}
	nested := 0
	for _, c := range v.Transactions {
		nested += f.transaction(c.Name, f.hex(c.Body), f.hex(c.Transaction), f.hex(c.ID), c.Signers)
	}
	if nested != 12 || len(v.Transactions) != 57 {
		t.Errorf("%d transactions with %d nested signatures", len(v.Transactions), nested)
	}
	for _, o := range v.Orders {
		m := f.signed("order", f.hex(o.Body))
		f.check(o.Name, f.public[o.Signer], m, f.hex(o.Signature))
		if id := sha256.Sum256(m); !bytes.Equal(id[:], f.hex(o.ID)) {
			t.Errorf("%s: another id", o.Name)
		}
	}
	for _, p := range v.Proofs {
		f.check("proof for "+p.Party, f.public[p.Key], f.signed("key", []byte(p.Party)), f.hex(p.Proof))
	}
	for _, a := range v.Attestations {
		m := f.signed("attest", append(binary.BigEndian.AppendUint64(nil, a.Height), f.hex(a.Hash)...))
		f.check("attestation", f.public[a.Signer], m, f.hex(a.Signature))
		if !bytes.Equal(m, f.hex(a.Message)) {
			t.Errorf("attestation of %d: another message", a.Height)
		}
	}
	for _, r := range v.Reads {
		sum := sha256.Sum256(f.hex(r.Request))
		content := append([]byte(r.Method), sum[:]...)
		m := f.signed("read", binary.BigEndian.AppendUint64(content, r.At))
		f.check("read", f.public[r.Signer], m, f.hex(r.Signature))
		if !bytes.Equal(m, f.hex(r.Message)) {
			t.Errorf("read of %s: another message", r.Method)
		}
	}
}

// transaction takes a transaction apart and returns how many signatures its
// body holds.
func (f *foreign) transaction(name string, body, raw, id []byte, signers []string) int {
	f.t.Helper()
	parts := f.parts(raw)
	if len(parts) != 1+len(signers) || parts[0].field != 1 || !bytes.Equal(parts[0].bytes, body) {
		f.t.Errorf("%s: another body", name)
		return 0
	}
	m := f.signed("tx", body)
	if sum := sha256.Sum256(m); !bytes.Equal(sum[:], id) {
		f.t.Errorf("%s: another id", name)
	}
	for i, p := range parts[1:] {
		scheme, key, sig := f.signature(p.bytes)
		if p.field != 2 || scheme != 1 || !bytes.Equal(key, f.public[signers[i]]) {
			f.t.Errorf("%s: signature %d is by another key", name, i)
		}
		f.check(name, key, m, sig)
	}
	return f.nested(name, body)
}
