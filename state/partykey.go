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

func (x *exec) party(id string) tx.Party {
	var p tx.Party
	decode(x.at(keyOf1(x.key(), rangeParty, id)).value, &p)
	return p
}

// maxKeys is how many keys a party has in all its time: its record holds each.
const maxKeys = 64

// addKey lets one more key act for the asking party.
func (x *exec) addKey(o *tx.AddKey) *tx.Rejection {
	if n := x.checkNewKey(&o.Key.Key); n != nil {
		return n
	}
	p := x.party(x.asker.id)
	if len(p.Keys) >= maxKeys {
		return short(tx.TooManyKeys, p.Id, maxKeys, len(p.Keys)+1)
	}
	// Past this point the key is added.
	p.Keys = append(p.Keys, tx.KeyRecord{Key: o.Key.Key, AddedHeight: x.height})
	x.putKey(&o.Key.Key, keyFacts{party: p.Id, added: x.height})
	x.putParty(&p)
	return nil
}

// revokeKey ends a key of the asking party, for transactions and for orders
// that are not settled yet.
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
	// Past this point the key is revoked.
	p.Keys[at].RevokedHeight, f.revoked = x.height, x.height
	x.putKey(&o.Key, f)
	x.putParty(&p)
	return nil
}
