package cluster

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"carbonledger/tx"
)

// Parties holds the keys of a test chain, derived from the party's name, so that
// a failure can be repeated: NAME and, where the law asks for two persons, NAME/2
// of another one.
type Parties struct {
	Domain  tx.Domain
	ChainID string
}

// Key of a party or, with the name of a validator after "node/", of a node.
func (p Parties) Key(name string) tx.PrivateKey {
	if k, ok := derived.Load(name); ok {
		return k.(tx.PrivateKey)
	}
	seed := sha256.Sum256([]byte("test key of " + name))
	k, err := tx.NewPrivateKey(tx.Ed25519, seed[:])
	if err != nil {
		panic(err)
	}
	derived.Store(name, k)
	return k
}

// derived keeps keys by name: deriving one costs as much as signing.
var derived sync.Map

// twoPersons are the parties that have operations for which two persons sign.
var twoPersons = []string{"registry", "hubei", "hunan", "ccer-registry"}

// Keys of a party of the founding, each of another person.
func (p Parties) Keys(party string) []tx.PrivateKey {
	keys := []tx.PrivateKey{p.Key(party)}
	if slices.Contains(twoPersons, party) {
		keys = append(keys, p.Key(party+"/2"))
	}
	return keys
}

// Sign makes a transaction of a party's operations, signed by all of its persons.
func (p Parties) Sign(party, reference string, operations ...tx.Operation) []byte {
	return p.SignWith(party, reference, nil, operations...)
}

// SignWith is Sign with the signatures of other parties beside.
func (p Parties) SignWith(party, reference string, cosigners []string, operations ...tx.Operation) []byte {
	keys := p.Keys(party)
	for _, c := range cosigners {
		keys = append(keys, p.Key(c))
	}
	return p.SignBy(party, reference, keys, operations...)
}

// SignBy makes a transaction of a party's operations, signed with these keys.
func (p Parties) SignBy(party, reference string, keys []tx.PrivateKey, operations ...tx.Operation) []byte {
	raw, err := tx.NewTransaction(p.Domain, &tx.Body{ChainId: p.ChainID, Party: party, Reference: reference, Operations: operations}, keys...)
	if err != nil {
		panic(err)
	}
	return raw
}

// Incarnation is the SHA-256 that a node's data directory answers to.
func Incarnation(name string, generation int) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, "incarnation %d of %s", generation, name))
}

// Sites of the nodes n1, n2, …: two in Wuhan, two in Shanghai, the rest in
// Beijing.
func Sites(n int) []string {
	sites := make([]string, n)
	for i := range sites {
		sites[i] = []string{"Wuhan", "Wuhan", "Shanghai", "Shanghai", "Beijing"}[min(i, 4)]
	}
	return sites
}

// Instruments of a test chain.
var Instruments = []tx.Instrument{
	{Code: "CEA21", Vintage: 2021, ReferencePrice: 7942},
	{Code: "CEA22", Vintage: 2022, ReferencePrice: 7942},
	{Code: "CEA23", Vintage: 2023, ReferencePrice: 7942},
}

// Founding of a test chain with n voters and the entities e0, e1, ….
func Founding(n, entities int, script bool) tx.Founding {
	f := tx.Founding{
		LogOrigin: "log.test/chain", ChainID: "test-chain", ProtocolVersion: 1, ScriptClock: script, FreeTransfers: true,
		Start: tx.Day(20240101).Start(), Instruments: Instruments,
	}
	f.Hash = sha256.Sum256([]byte("genesis of the test chain"))
	p := Parties{Domain: f.Hash, ChainID: f.ChainID}
	for i, site := range Sites(n) {
		f.Validators = append(f.Validators, p.Validator(fmt.Sprintf("n%d", i+1), site, 1, true))
	}
	open := func(id, region string, role tx.Role) {
		o := tx.OpenAccount{Id: id, Role: role, Name: "test " + id, Region: region}
		if role == tx.KeyEmittingEntity {
			o.USCC = tx.PracticeUSCC(len(f.Parties))
		}
		for _, k := range p.Keys(id) {
			o.Keys = append(o.Keys, tx.ProvenKey{Key: k.Public()})
		}
		f.Parties = append(f.Parties, o)
	}
	open("ministry", "", tx.Ministry)
	open("registry", "", tx.Registry)
	open("exchange", "", tx.Exchange)
	open("bank", "", tx.SettlementBank)
	open("hubei", "", tx.RegionDepartment)
	open("hunan", "", tx.RegionDepartment)
	open("ccer-registry", "", tx.CCERRegistry)
	open("ccer-exchange", "", tx.CCERExchange)
	open("verifier", "", tx.VerificationBody)
	open("court", "", tx.Court)
	if script {
		open("timekeeper", "", tx.Timekeeper)
	}
	for i := range entities {
		open(fmt.Sprintf("e%d", i), "hubei", tx.KeyEmittingEntity)
	}
	// Trading round the clock: a test's day begins when it likes.
	for _, kind := range []string{"listed", "block", "bidding"} {
		f.Parameters = append(f.Parameters, tx.SetParameter{Name: "hours." + kind, From: 20200101, Value: "00:00-24:00"})
	}
	return f
}

// Validator describes a node of a test chain.
func (p Parties) Validator(name, site string, generation int, voter bool) tx.Validator {
	inc := Incarnation(name, generation)
	return tx.Validator{
		Name: name, Site: site, Address: "/ip4/127.0.0.1/tcp/1", Voter: voter,
		NodeKey: bytes.Clone(p.Key("node/" + name).Public().Key), CosignKey: bytes.Clone(p.Key("cosign/" + name).Public().Key),
		IncarnationSha256: inc[:],
	}
}
