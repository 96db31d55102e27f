package tx

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Tags separate what a key may ever sign. Each ends in a zero byte, so that no
// tag is the beginning of another.
const (
	transactionTag = "carbonledger/tx/v1\x00"
	orderTag       = "carbonledger/order/v1\x00"
	keyTag         = "carbonledger/key/v1\x00"
	attestTag      = "carbonledger/attest/v1\x00"
	introduceTag   = "carbonledger/introduce/v1\x00"
)

func message(tag string, d Domain, body []byte) []byte {
	m := make([]byte, 0, len(tag)+len(d)+len(body))
	m = append(m, tag...)
	m = append(m, d[:]...)
	return append(m, body...)
}

// NewTransaction encodes and signs a body: the result is what travels.
func NewTransaction(d Domain, body *Body, keys ...PrivateKey) ([]byte, error) {
	if len(keys) == 0 {
		return nil, errors.New("tx: a transaction needs a key to sign with")
	}
	raw, err := body.Marshal()
	if err != nil {
		return nil, fmt.Errorf("tx: encode the body: %w", err)
	}
	return SignBody(d, raw, nil, keys...)
}

// SignBody adds signatures to the exact bytes of a body, for keys that are not
// all in one place.
func SignBody(d Domain, body []byte, have []Signature, keys ...PrivateKey) ([]byte, error) {
	t := Transaction{Body: body, Signatures: have}
	for _, k := range keys {
		sig, err := k.Sign(message(transactionTag, d, body))
		if err != nil {
			return nil, err
		}
		t.Signatures = append(t.Signatures, Signature{Key: k.Public(), Signature: sig})
	}
	raw, err := t.Marshal()
	if err != nil {
		return nil, fmt.Errorf("tx: encode the transaction: %w", err)
	}
	if len(raw) > MaxTransactionBytes {
		return nil, fmt.Errorf("tx: the transaction has %d bytes, at most %d are taken: split its operations", len(raw), MaxTransactionBytes)
	}
	return raw, nil
}

// NewOrder encodes and signs an order.
func NewOrder(d Domain, body *OrderBody, key PrivateKey) (SignedOrder, error) {
	raw, err := body.Marshal()
	if err != nil {
		return SignedOrder{}, fmt.Errorf("tx: encode the order: %w", err)
	}
	sig, err := key.Sign(message(orderTag, d, raw))
	if err != nil {
		return SignedOrder{}, err
	}
	return SignedOrder{Body: raw, Signature: Signature{Key: key.Public(), Signature: sig}}, nil
}

// ProveKey shows that the holder of key wants it to act for party.
func ProveKey(d Domain, party string, key PrivateKey) (ProvenKey, error) {
	sig, err := key.Sign(message(keyTag, d, []byte(party)))
	if err != nil {
		return ProvenKey{}, err
	}
	return ProvenKey{Key: key.Public(), Proof: sig}, nil
}

// AttestMessage is what a validator signs with its node key to say that it had
// the running hash at the height.
func AttestMessage(d Domain, height uint64, hash []byte) []byte {
	return message(attestTag, d, append(binary.BigEndian.AppendUint64(nil, height), hash...))
}

// VerifyAttestation checks an attestation against the validator's node key.
func VerifyAttestation(d Domain, a *Attestation, nodeKey []byte) bool {
	key := PublicKey{Scheme: Ed25519, Key: nodeKey}
	return key.Validate() == nil && verifyOne(key, AttestMessage(d, a.Height, a.Hash), a.Signature)
}

// bodyID is the id of a transaction with this body.
func bodyID(d Domain, body []byte) ID { return sha256.Sum256(message(transactionTag, d, body)) }

// IntroduceMessage is what a validator signs with its cosigning key to say that
// these are the network's validators now: the tag "carbonledger/introduce/v1"
// and a zero byte, the genesis hash, and SHA-256 of the encoded validators, each
// after its length as uvarint, in ascending order of their names.
func IntroduceMessage(d Domain, validators []Validator) ([]byte, error) {
	sorted := slices.Clone(validators)
	slices.SortFunc(sorted, func(a, b Validator) int { return strings.Compare(a.Name, b.Name) })
	var all []byte
	for i := range sorted {
		raw, err := sorted[i].Marshal()
		if err != nil {
			return nil, fmt.Errorf("tx: encode the validator %s: %w", sorted[i].Name, err)
		}
		all = append(binary.AppendUvarint(all, uint64(len(raw))), raw...)
	}
	sum := sha256.Sum256(all)
	return message(introduceTag, d, sum[:]), nil
}

// VerifyIntroduction checks a signature over IntroduceMessage against a
// validator's cosigning key.
func VerifyIntroduction(d Domain, validators []Validator, cosignKey, signature []byte) bool {
	m, err := IntroduceMessage(d, validators)
	key := PublicKey{Scheme: Ed25519, Key: cosignKey}
	return err == nil && key.Validate() == nil && verifyOne(key, m, signature)
}

// TransactionID reads the id of an encoded transaction, without verifying it.
func TransactionID(d Domain, raw []byte) (ID, error) {
	t, err := Decode(raw)
	if err != nil {
		return ID{}, err
	}
	return bodyID(d, t.Transaction.Body), nil
}
