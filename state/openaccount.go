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
	tx.CCERRegistry:      {tx.Ministry},
	tx.CCERExchange:      {tx.Ministry},
	tx.VerificationBody:  {tx.Ministry},
	tx.Court:             {tx.Ministry},
	tx.OtherInstitution:  {tx.Registry},
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
	if o.Role == tx.OtherInstitution && x.parameter(parameterOthers, x.facts.day()) != "on" {
		return about(tx.RoleOff, o.Role.String())
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
	}
	if n := x.checkUSCC(o.Id, o.Role, o.USCC); n != nil {
		return n
	}
	if o.Sector != tx.SectorUnspecified && o.Role != tx.KeyEmittingEntity {
		return about(tx.BadSector, o.Id)
	}
	return x.checkKeys(&account{id: o.Id, role: o.Role}, o.Keys, 0)
}

// checkUSCC: trading parties have a unified social credit code of their own
// (GB 32100-2015); others may have one. A code that a party once had stays its own.
func (x *exec) checkUSCC(id string, role tx.Role, uscc string) *tx.Rejection {
	if uscc == "" && !slices.Contains(traders, role) {
		return nil
	}
	if !tx.ValidUSCC(uscc) {
		return about(tx.BadUSCC, uscc)
	}
	if c := x.at(keyOf1(x.key(), rangeUSCC, uscc)); c.exists() && string(c.value) != id {
		return about(tx.USCCInUse, uscc+" of "+string(c.value))
	}
	return nil
}

// checkKeys checks the keys that a party is to have from the beginning, or after
// all others, of which there were so many, are revoked.
func (x *exec) checkKeys(a *account, keys []tx.ProvenKey, had int) *tx.Rejection {
	switch {
	case len(keys) == 0:
		return about(tx.LastKey, a.id)
	case had+len(keys) > maxKeys:
		return short(tx.TooManyKeys, a.id, maxKeys, had+len(keys))
	}
	var records []tx.KeyRecord
	for i := range keys {
		if n := x.checkNewKey(&keys[i].Key); n != nil {
			return n
		}
		for _, other := range keys[:i] {
			if other.Key.Equal(&keys[i].Key) {
				return about(tx.KeyInUse, other.Key.String())
			}
		}
		if n := checkGrant(&keys[i]); n != nil {
			return n
		}
		records = append(records, x.keyRecord(&keys[i]))
	}
	return x.checkPersons(a, records)
}

// checkRegion: an entity needs its region's department; others may name one.
func (x *exec) checkRegion(o *tx.OpenAccount) *tx.Rejection {
	if o.Region == "" && o.Role != tx.KeyEmittingEntity {
		return nil
	}
	if r, ok := x.account(o.Region); !ok || r.closed || r.role != tx.RegionDepartment {
		return about(tx.UnknownRegion, o.Region)
	}
	return nil
}

func (x *exec) putAccount(o *tx.OpenAccount) {
	p := tx.Party{Id: o.Id, Role: o.Role, Name: o.Name, Region: o.Region, OpenedHeight: x.height, USCC: o.USCC, Sector: o.Sector}
	if o.Role == tx.KeyEmittingEntity && o.Sector == tx.SectorUnspecified {
		p.Sector = tx.Power
	}
	if o.USCC != "" {
		x.set(x.at(keyOf1(x.key(), rangeUSCC, o.USCC)), []byte(o.Id))
	}
	for i := range o.Keys {
		x.putNewKey(&p, &o.Keys[i])
	}
	x.putParty(&p)
}

// putParty writes a party's record. Where it is the asker's, the transaction goes
// on by what it says now.
func (x *exec) putParty(p *tx.Party) {
	if p.Id == x.asker.id {
		x.asker = accountOf(p)
	}
	x.accounts.dirty = true
	x.setMessage(x.at(keyOf1(x.key(), rangeParty, p.Id)), p)
}
