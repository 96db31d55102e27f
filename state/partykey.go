package state

import "carbonledger/tx"

// checkNewKey: a key enters the ledger canonical and not of small order, and
// belongs to one party for ever, revoked or not. tx.Verify has seen the proof
// that its owner holds it.
func (x *exec) checkNewKey(k *tx.PublicKey) *tx.Rejection {
	if k.Validate() != nil {
		return about(tx.BadKey, k.String())
	}
	if f, ok := x.keyOwner(k); ok {
		return about(tx.KeyInUse, k.String()+" of "+f.party)
	}
	return nil
}

// checkGrant: rights that exist, a person's name that shows, a time of validity
// that is not over before it begins.
func checkGrant(k *tx.ProvenKey) *tx.Rejection {
	if tx.Right(k.Rights)&^tx.AllRights != 0 || k.Person != "" && !printableText(k.Person, maxPerson) ||
		k.ValidFrom < 0 || k.ValidUntil < 0 || k.ValidUntil != 0 && k.ValidUntil < k.ValidFrom {
		return about(tx.BadRights, k.Key.String())
	}
	return nil
}

// maxPerson bounds the name of a person.
const maxPerson = 64

// keyRecord fills in what a grant leaves open: all rights, and the key itself as
// a person whom no other key has.
func (x *exec) keyRecord(k *tx.ProvenKey) tx.KeyRecord {
	r := tx.KeyRecord{
		Key: k.Key, AddedHeight: x.height, Rights: k.Rights, Person: k.Person, ValidFrom: k.ValidFrom, ValidUntil: k.ValidUntil,
	}
	if r.Rights == 0 {
		r.Rights = uint32(tx.AllRights)
	}
	if r.Person == "" {
		r.Person = k.Key.String()
	}
	return r
}

// checkPersons: with these keys the party has as many persons as its strictest
// operation needs, one who prepares and others who approve: it can change its keys
// and policies. Keys whose time is over do not count, those to come do.
func (x *exec) checkPersons(a *account, keys []tx.KeyRecord) *tx.Rejection {
	return x.checkPersonsFor(a, keys, x.strictest(a))
}

// checkPersonsFor is checkPersons for an operation that needs so many.
func (x *exec) checkPersonsFor(a *account, keys []tx.KeyRecord, need int) *tx.Rejection {
	var able []keyFacts
	for i := range keys {
		if keys[i].RevokedHeight == 0 && (keys[i].ValidUntil == 0 || keys[i].ValidUntil >= x.facts.time) {
			able = append(able, keyFacts{person: keys[i].Person, rights: tx.Right(keys[i].Rights)})
		}
	}
	have := 0
	for have < need && enoughPersons(able, tx.RightPrepare, have+1) == nil {
		have++
	}
	if have < need {
		return short(tx.TooFewPersons, a.id, have, need)
	}
	return nil
}

func (x *exec) party(id string) tx.Party {
	var p tx.Party
	decode(x.at(keyOf1(x.key(), rangeParty, id)).value, &p)
	return p
}

// putNewKey adds a checked key to a party's record, which its caller writes.
func (x *exec) putNewKey(p *tx.Party, k *tx.ProvenKey) {
	r := x.keyRecord(k)
	p.Keys = append(p.Keys, r)
	x.putKey(&r.Key, p.Id, &r)
}

func (x *exec) putKey(k *tx.PublicKey, party string, r *tx.KeyRecord) {
	x.accounts.dirty = true
	f := keyFacts{
		party: party, person: r.Person, added: r.AddedHeight, revoked: r.RevokedHeight,
		rights: tx.Right(r.Rights), from: r.ValidFrom, until: r.ValidUntil,
	}
	x.set(x.at(publicKeyKey(x.key(), k)), f.encode())
}

// maxKeys is how many keys a party has in all its time: its record holds each.
const maxKeys = 64

// addKey lets one more key act for the asking party.
func (x *exec) addKey(o *tx.AddKey) *tx.Rejection {
	if n := x.checkNewKey(&o.Key.Key); n != nil {
		return n
	}
	if n := checkGrant(&o.Key); n != nil {
		return n
	}
	p := x.party(x.asker.id)
	if len(p.Keys) >= maxKeys {
		return short(tx.TooManyKeys, p.Id, maxKeys, len(p.Keys)+1)
	}
	// Past this point the key is added.
	x.putNewKey(&p, &o.Key)
	x.putParty(&p)
	return nil
}

// revokeKey ends a key of the asking party, for transactions and for orders
// that are not registered yet.
func (x *exec) revokeKey(o *tx.RevokeKey) *tx.Rejection {
	f, ok := x.keyOwner(&o.Key)
	switch {
	case !ok || f.party != x.asker.id:
		return about(tx.UnknownKey, o.Key.String())
	case f.revoked != 0:
		return about(tx.KeyRevoked, o.Key.String())
	}
	p := x.party(x.asker.id)
	active, at := 0, -1
	for i := range p.Keys {
		if p.Keys[i].RevokedHeight == 0 {
			active++
		}
		if p.Keys[i].Key.Equal(&o.Key) {
			at = i
		}
	}
	if active == 1 {
		return about(tx.LastKey, o.Key.String())
	}
	p.Keys[at].RevokedHeight = x.height
	if n := x.checkPersons(&x.asker, p.Keys); n != nil {
		return n
	}
	// Past this point the key is revoked.
	x.putKey(&o.Key, p.Id, &p.Keys[at])
	x.putParty(&p)
	return nil
}
