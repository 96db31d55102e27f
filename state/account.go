package state

import (
	"encoding/binary"
	"unicode/utf8"

	"carbonledger/tx"
)

// account is what rules need to know of a party.
type account struct {
	id     string
	role   tx.Role
	region string
}

// keyFacts say whose a key is, and since and until which height it may act.
type keyFacts struct {
	party          string
	added, revoked uint64 // revoked 0: it may act
}

func (k *keyFacts) encode() []byte {
	return append(appendNumbers(nil, int64(k.added), int64(k.revoked)), k.party...)
}

func decodeKeyFacts(b []byte) keyFacts {
	return keyFacts{
		added: binary.BigEndian.Uint64(b), revoked: binary.BigEndian.Uint64(b[8:]), party: string(b[16:]),
	}
}

// accountCache keeps committed accounts and keys decoded between blocks. From
// the first change of an account or key in a block on (dirty) nobody reads or
// fills it, and after that block it is empty: it can never answer differently
// from the store.
type accountCache struct {
	accounts map[string]account
	keys     map[string]keyFacts
	dirty    bool
}

const cachedAccounts = 1 << 16

func newAccountCache() accountCache {
	return accountCache{accounts: map[string]account{}, keys: map[string]keyFacts{}}
}

// blockEnds empties the cache if the block changed what it holds.
func (c *accountCache) blockEnds() {
	if c.dirty || len(c.accounts) > cachedAccounts || len(c.keys) > cachedAccounts {
		*c = newAccountCache()
	}
}

func (x *exec) account(id string) (account, bool) {
	if !x.accounts.dirty {
		if a, ok := x.accounts.accounts[id]; ok {
			return a, true
		}
	}
	c := x.at(keyOf1(x.key(), rangeParty, id))
	if !c.exists() {
		return account{}, false
	}
	var p tx.Party
	decode(c.value, &p)
	a := account{p.Id, p.Role, p.Region}
	if !x.accounts.dirty {
		x.accounts.accounts[p.Id] = a
	}
	return a, true
}

// keyOwner reads whose a key is.
func (x *exec) keyOwner(k *tx.PublicKey) (keyFacts, bool) {
	key := publicKeyKey(x.key(), k)
	if !x.accounts.dirty {
		if f, ok := x.accounts.keys[string(key)]; ok {
			return f, true
		}
	}
	c := x.at(key)
	if !c.exists() {
		return keyFacts{}, false
	}
	f := decodeKeyFacts(c.value)
	if !x.accounts.dirty {
		x.accounts.keys[c.key] = f
	}
	return f, true
}

// entity is an account that holds units and money.
func (x *exec) entity(id string) (account, *tx.Rejection) {
	a, ok := x.account(id)
	if !ok || a.role != tx.KeyEmittingEntity {
		return a, about(tx.UnknownCounterparty, id)
	}
	return a, nil
}

// validID: 1 to 24 letters, digits or hyphens.
func validID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return len(id) >= 1 && len(id) <= 24
}

// printableText: 1 to most characters, no control characters (tx.Decode saw to
// that, and to valid UTF-8).
func printableText(s string, most int) bool {
	return s != "" && utf8.RuneCountInString(s) <= most
}
