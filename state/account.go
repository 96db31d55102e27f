package state

import (
	"slices"
	"strings"
	"unicode/utf8"

	"carbonledger/tx"
)

// account is what rules need to know of a party.
type account struct {
	id          string
	role        tx.Role
	region      string
	sector      tx.Sector
	restriction tx.Restriction
	closed      bool
	policies    []tx.Policy
}

// keyFacts say whose a key is, what it may do, and since and until when.
type keyFacts struct {
	party, person  string
	added, revoked uint64 // heights; revoked 0: it may act
	rights         tx.Right
	from, until    tx.Instant // until 0: for ever
}

func (k *keyFacts) encode() []byte {
	b := appendNumbers(nil, int64(k.added), int64(k.revoked), int64(k.rights), int64(k.from), int64(k.until))
	return append(append(append(b, k.party...), 0), k.person...)
}

func decodeKeyFacts(b []byte) keyFacts {
	var added, revoked, rights, from, until int64
	numbers(b[:40], &added, &revoked, &rights, &from, &until)
	party, person, _ := strings.Cut(string(b[40:]), "\x00")
	return keyFacts{
		party: party, person: person, added: uint64(added), revoked: uint64(revoked), rights: tx.Right(rights),
		from: tx.Instant(from), until: tx.Instant(until),
	}
}

// valid reports whether the key may act at an instant, unless it was revoked.
func (k *keyFacts) valid(at tx.Instant) bool {
	return at >= k.from && (k.until == 0 || at <= k.until)
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
	a := accountOf(&p)
	if !x.accounts.dirty {
		x.accounts.accounts[p.Id] = a
	}
	return a, true
}

func accountOf(p *tx.Party) account {
	return account{p.Id, p.Role, p.Region, p.Sector, p.Restriction, p.ClosedHeight != 0, p.Policies}
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

// entity is an open account of a key emitting entity.
func (x *exec) entity(id string) (account, *tx.Rejection) {
	a, ok := x.account(id)
	if !ok || a.closed || a.role != tx.KeyEmittingEntity {
		return a, about(tx.UnknownCounterparty, id)
	}
	return a, nil
}

// trader is an open account that holds allowances and money, and trades.
func (x *exec) trader(id string) (account, *tx.Rejection) {
	a, ok := x.account(id)
	if !ok || a.closed || !slices.Contains(traders, a.role) {
		return a, about(tx.UnknownCounterparty, id)
	}
	return a, nil
}

// unrestricted refuses what a restriction of the account forbids: NoTrading
// forbids orders, NoUse all that leaves the account but for its obligation.
func unrestricted(a *account, from tx.Restriction) *tx.Rejection {
	if a.restriction >= from {
		return about(tx.AccountRestricted, a.id)
	}
	return nil
}

// validDocument: a document's number is 1 to 64 characters.
func validDocument(s string) *tx.Rejection {
	if !printableText(s, maxDocument) {
		return about(tx.BadDocument, s)
	}
	return nil
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
