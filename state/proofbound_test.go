package state

import (
	"bytes"
	"crypto/sha256"
	"math"
	"slices"
	"strings"
	"testing"

	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// provableValidators is up to how many validators docs/format.md says that every proof
// is within its bound.
const provableValidators = 100

// largestParty is an account of which every field is as long as the rules let it be.
func largestParty(t *testing.T, last string) tx.Party {
	id := strings.Repeat("z", 23) + last
	// What tx.Decode lets pass of 64 characters.
	person := strings.Repeat("\U00020000", maxPerson)
	p := tx.Party{
		Id: id, Role: tx.OtherInstitution, Name: strings.Repeat("n", maxName), Region: id, OpenedHeight: math.MaxUint64,
		USCC: strings.Repeat("X", 18), Sector: math.MaxInt8, Contact: strings.Repeat("\U00020000", 64), Restriction: math.MaxInt8,
		ClosedHeight: math.MaxUint64, Successor: id, RecoveredHeight: math.MaxUint64,
	}
	for i := range maxKeys {
		grant := tx.ProvenKey{
			Key:    tx.PublicKey{Scheme: tx.SM2, Key: bytes.Repeat([]byte{byte(i)}, 33)},
			Rights: uint32(tx.AllRights), Person: person, ValidFrom: math.MaxInt64, ValidUntil: math.MaxInt64,
		}
		if n := checkGrant(&grant); n != nil {
			t.Fatal(n)
		}
		grant.Person += "x"
		if checkGrant(&grant) == nil {
			t.Fatal("a person's name may be longer")
		}
		p.Keys = append(p.Keys, tx.KeyRecord{
			Key: grant.Key, AddedHeight: math.MaxUint64, RevokedHeight: math.MaxUint64, Rights: grant.Rights, Person: person,
			ValidFrom: grant.ValidFrom, ValidUntil: grant.ValidUntil,
		})
	}
	for operation := range ruleOf {
		p.Policies = append(p.Policies, tx.Policy{Operation: operation, Persons: maxPersons})
	}
	if !validID(id) || validID(id+"z") {
		t.Fatal("an id may be longer")
	}
	return p
}

func largestValidators(n int) []byte {
	var b []byte
	for range n {
		id := strings.Repeat("z", 24)
		b = appendToList(b, &tx.Validator{
			Name: id, Site: id, Address: strings.Repeat("a", maxAddress), NodeKey: make([]byte, 32), CosignKey: make([]byte, 32),
			IncarnationSha256: make([]byte, 32), Voter: true,
		})
	}
	return b
}

// TestLargestProofs: the proof that a record does not exist shows both beside it, and
// is within the bound for the two largest accounts, and for the largest account beside
// the longest list of validators that docs/format.md speaks of, whatever the tree's
// height. Other records have no part that grows.
func TestLargestProofs(t *testing.T) {
	type record struct{ key, value []byte }
	party := func(last string) record {
		p := largestParty(t, last)
		return record{keyOf1(nil, rangeParty, p.Id), encode(nil, &p)}
	}
	a, c := party("a"), party("c")
	validators := record{[]byte{rangeValidators}, largestValidators(provableValidators)}
	// The largest record that can stand right before and behind the validators.
	id := strings.Repeat("z", 24)
	obligation := record{obligationKey(nil, math.MaxInt32, id, id), encode(nil, &tx.Obligation{
		Entity: id, Region: id, Year: math.MaxInt32, Due: math.MaxInt64, Surrendered: math.MaxInt64, Offset: math.MaxInt64,
		Submitted: math.MaxInt64, Forced: math.MaxInt64, Completed: math.MaxInt32,
	})}
	for name, x := range map[string]struct {
		records []record
		absent  []byte
	}{
		"between accounts":      {[]record{a, c}, append(slices.Clone(a.key[:len(a.key)-1]), 'b')},
		"before the validators": {[]record{obligation, validators}, append(slices.Clone(obligation.key), 'z')},
		"behind the validators": {[]record{validators, {keyOf2(nil, rangeCCER, id, id), make([]byte, 8)}}, []byte{rangeCCER}},
		// With no obligation and no money, which no network has for long.
		"account and validators": {[]record{a, validators}, []byte{rangeObligation, 0}},
	} {
		tree, err := proof.BuildStateTree(func(yield func([]byte, proof.Hash) bool) {
			for _, r := range x.records {
				if !yield(r.key, sha256.Sum256(r.value)) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		b, err := tree.Prove(x.absent, func(key []byte) ([]byte, error) {
			return x.records[slices.IndexFunc(x.records, func(r record) bool { return bytes.Equal(r.key, key) })].value, nil
		})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, exists, err := proof.VerifyState(tree.Root(), b, x.absent); exists || err != nil {
			t.Errorf("%s: %v, %v", name, exists, err)
		}
		// Either path goes on for 63 steps more at most, of 41 bytes; the fields around
		// them have 4 bytes of length already, or come to them.
		most := len(b) + 2*63*41 + 16
		if most > proof.MaxStateProofBytes {
			t.Errorf("%s: a proof may have %d bytes, the bound is %d", name, most, proof.MaxStateProofBytes)
		}
	}
}
