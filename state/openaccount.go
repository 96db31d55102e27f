package state

import (
	"slices"

	"carbonledger/tx"
)

const maxName = 200

// opener says who opens accounts of a role; the ministry and the timekeeper
// exist by genesis only.
var opener = map[tx.Role][]tx.Role{
	tx.RegionDepartment:  {tx.Ministry},
	tx.Registry:          {tx.Ministry},
	tx.Exchange:          {tx.Ministry},
	tx.SettlementBank:    {tx.Ministry},
	tx.KeyEmittingEntity: {tx.Registry},
	tx.Auditor:           {tx.Ministry, tx.Registry},
}

// openAccount registers a party (Interim Regulations, Art. 5: the registration
// institution opens and manages accounts).
func (x *exec) openAccount(o *tx.OpenAccount) *tx.Rejection {
	roles, ok := opener[o.Role]
	if !ok {
		return about(tx.RoleNotOpenable, o.Role.String())
	}
	if !slices.Contains(roles, x.asker.role) {
		return about(tx.WrongRole, x.asker.role.String()+" "+x.asker.id)
	}
	if n := x.checkAccount(o); n != nil {
		return n
	}
	if n := x.checkRegion(o); n != nil {
		return n
	}
	// Past this point the account opens.
	x.putAccount(o)
	return nil
}

// checkAccount checks what genesis must keep to as well.
func (x *exec) checkAccount(o *tx.OpenAccount) *tx.Rejection {
	switch {
	case !validID(o.Id):
		return about(tx.BadAccountID, o.Id)
	case len(o.Name) < 1 || len(o.Name) > maxName:
		return short(tx.BadName, o.Id, maxName, int64(len(o.Name)))
	case x.at(keyOf1(x.key(), rangeParty, o.Id)).exists():
		return about(tx.AccountExists, o.Id)
	case len(o.Keys) == 0:
		return about(tx.LastKey, o.Id)
	case len(o.Keys) > maxKeys:
		return short(tx.TooManyKeys, o.Id, maxKeys, len(o.Keys))
	}
	for i := range o.Keys {
		if n := x.checkNewKey(&o.Keys[i].Key); n != nil {
			return n
		}
		for _, other := range o.Keys[:i] {
			if other.Key.Equal(&o.Keys[i].Key) {
				return about(tx.KeyInUse, other.Key.String())
			}
		}
	}
	return nil
}

// checkRegion: an entity needs its region's department; others may name one.
func (x *exec) checkRegion(o *tx.OpenAccount) *tx.Rejection {
	if o.Region == "" && o.Role != tx.KeyEmittingEntity {
		return nil
	}
	if r, ok := x.account(o.Region); !ok || r.role != tx.RegionDepartment {
		return about(tx.UnknownRegion, o.Region)
	}
	return nil
}

func (x *exec) putAccount(o *tx.OpenAccount) {
	p := tx.Party{Id: o.Id, Role: o.Role, Name: o.Name, Region: o.Region, OpenedHeight: x.height}
	for i := range o.Keys {
		p.Keys = append(p.Keys, tx.KeyRecord{Key: o.Keys[i].Key, AddedHeight: x.height})
		x.putKey(&o.Keys[i].Key, keyFacts{party: o.Id, added: x.height})
	}
	x.putParty(&p)
}

func (x *exec) putParty(p *tx.Party) {
	x.accounts.dirty = true
	x.setMessage(x.at(keyOf1(x.key(), rangeParty, p.Id)), p)
}

func (x *exec) putKey(k *tx.PublicKey, f keyFacts) {
	x.accounts.dirty = true
	x.set(x.at(publicKeyKey(x.key(), k)), f.encode())
}
