package cli

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"carbonledger/genesis"
	"carbonledger/node/datadir"
	"carbonledger/node/publish"
	"carbonledger/tx"
	"carbonledger/tx/durable"
	"carbonledger/tx/keyfile"
)

// networkOptions say what createNetwork founds.
type networkOptions struct {
	// Dir gets genesis.toml, nodes/NAME, keys/PARTY.key and, for a party of
	// several persons, keys/PARTY-2.key.
	Dir string
	// Sites of the validators, one each; they are named after them.
	Sites                      []string
	ChainID                    string
	ScriptClock, FreeTransfers bool
	Parties                    []foundingParty
	Instruments                []tx.Instrument
	ClosedDays                 []tx.Day
	Start                      tx.Instant
	Parameters                 []tx.SetParameter
	// NoLog: nothing is published, to measure what publishing costs.
	NoLog bool
	// P2PPorts on the loopback interface, one for each validator.
	P2PPorts []int
}

// foundingParty is a party of the genesis document with its private keys, each of
// a person of its own.
type foundingParty struct {
	ID     string
	Role   tx.Role
	Name   string
	Region string
	USCC   string
	Keys   []tx.PrivateKey
}

// newFoundingKeys makes Ed25519 keys for parties: one, and for those with persons
// as many as stand there.
func newFoundingKeys(parties []foundingParty, persons map[string]int) error {
	for i := range parties {
		p := &parties[i]
		for len(p.Keys) < max(1, persons[p.ID]) {
			key, err := tx.GenerateKey(tx.Ed25519, rand.Reader)
			if err != nil {
				return err
			}
			p.Keys = append(p.Keys, key)
		}
	}
	return nil
}

// network is what createNetwork made.
type network struct {
	Dir string
	// Genesis is the document's path.
	Genesis string
	// Policy says when a checkpoint of the log counts, Tokens has the hashed token
	// of the file Token; all empty where nothing is published.
	Policy, Tokens, Token string
	Document              *genesis.Document
	Nodes                 []networkNode
}

type networkNode struct{ Name, Site, Dir, P2PAddress string }

// keyPath is where a founding party's key lies.
func (n *network) keyPath(party string) string { return partyKeyPath(n.Dir, party) }

func partyKeyPath(dir, party string) string { return filepath.Join(dir, "keys", party+".key") }

// writeKeys writes a party's keys without passphrase: PARTY.key, PARTY-2.key, …
func (n *network) writeKeys(party string, keys []tx.PrivateKey) error {
	for i, key := range keys {
		path := n.keyPath(party)
		if i > 0 {
			path = n.keyPath(party + "-" + strconv.Itoa(i+1))
		}
		if err := keyfile.Write(path, key, "", keyfile.Options{Unprotected: true}); err != nil {
			return err
		}
	}
	return nil
}

// createNetwork plays every operator and every institution at once: data
// directories, keys without passphrase, and the genesis document. For tests,
// bench and demo; a real network uses init node and init genesis.
func createNetwork(o networkOptions) (*network, error) {
	n := &network{Dir: o.Dir, Genesis: filepath.Join(o.Dir, "genesis.toml")}
	f := tx.Founding{
		ChainID: o.ChainID, ProtocolVersion: 1, ScriptClock: o.ScriptClock, FreeTransfers: o.FreeTransfers, Start: o.Start,
		Instruments: o.Instruments, ClosedDays: o.ClosedDays, Parameters: o.Parameters,
	}
	for i, name := range validatorNames(o.Sites) {
		node := networkNode{
			Name: name, Site: o.Sites[i], Dir: filepath.Join(o.Dir, "nodes", name),
			P2PAddress: "/ip4/127.0.0.1/tcp/" + strconv.Itoa(o.P2PPorts[i]),
		}
		v, err := datadir.Create(node.Dir, datadir.Options{
			Name: name, Site: node.Site, P2PAddress: node.P2PAddress, Keys: keyfile.Options{Unprotected: true},
		})
		if err != nil {
			return nil, err
		}
		v.Voter = true
		f.Validators, n.Nodes = append(f.Validators, v), append(n.Nodes, node)
	}
	if err := os.MkdirAll(filepath.Join(o.Dir, "keys"), 0o700); err != nil {
		return nil, fmt.Errorf("make the keys' directory: %w", err)
	}
	for _, p := range o.Parties {
		a := tx.OpenAccount{Id: p.ID, Role: p.Role, Name: p.Name, Region: p.Region, USCC: p.USCC}
		if err := n.writeKeys(p.ID, p.Keys); err != nil {
			return nil, err
		}
		for _, key := range p.Keys {
			a.Keys = append(a.Keys, tx.ProvenKey{Key: key.Public()})
		}
		f.Parties = append(f.Parties, a)
	}
	if !o.NoLog {
		if err := n.foundLog(&f); err != nil {
			return nil, err
		}
	}
	var err error
	n.Document, err = writeGenesis(n.Genesis, &f)
	return n, err
}

// foundLog makes the log's key, which every validator gets, the policy, and an
// auditor's token.
func (n *network) foundLog(f *tx.Founding) error {
	key, err := tx.GenerateKey(tx.Ed25519, rand.Reader)
	if err != nil {
		return err
	}
	for _, node := range n.Nodes {
		if err := keyfile.Write(datadir.OriginKeyFile(node.Dir), key, "", keyfile.Options{Unprotected: true}); err != nil {
			return err
		}
	}
	f.LogOrigin, f.LogKey = "carbonledger.test/"+f.ChainID, key.Public().Key
	n.Policy, n.Tokens, n.Token = filepath.Join(n.Dir, "policy.txt"), filepath.Join(n.Dir, "tokens"), filepath.Join(n.Dir, "keys", "auditor.token")
	token, line := newToken("auditor")
	return errors.Join(
		durable.Create(n.Policy, []byte(publish.PolicyText(f.LogOrigin, f.LogKey, f.Validators)), 0o644),
		durable.Create(n.Tokens, []byte(line), 0o600),
		durable.Create(n.Token, []byte(token+"\n"), 0o600),
	)
}

// validatorNames numbers the validators of each site: wuhan-1, wuhan-2.
func validatorNames(sites []string) []string {
	count := map[string]int{}
	names := make([]string, len(sites))
	for i, site := range sites {
		count[site]++
		names[i] = strings.ToLower(site) + "-" + strconv.Itoa(count[site])
	}
	return names
}

// writeGenesis writes a new document and reads it back.
func writeGenesis(path string, f *tx.Founding) (*genesis.Document, error) {
	content, err := genesis.Encode(f)
	if err != nil {
		return nil, err
	}
	if err := durable.Create(path, content, 0o644); err != nil {
		return nil, fmt.Errorf("write the genesis document: %w", err)
	}
	return genesis.Read(path)
}
