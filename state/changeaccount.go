package state

import "carbonledger/tx"

// maxContact bounds a party's contact, in characters.
const maxContact = 200

// changeAccount changes what the register says of a party (Trial Measures, Art.
// 18). Empty fields stay.
func (x *exec) changeAccount(o *tx.ChangeAccount) *tx.Rejection {
	a, ok := x.account(o.Party)
	if !ok || a.closed {
		return about(tx.UnknownCounterparty, o.Party)
	}
	registered := o.Name != "" || o.Region != "" || o.USCC != "" || o.Sector != tx.SectorUnspecified
	own := x.asker.id == o.Party
	if registered && x.asker.role != tx.Registry || o.Contact != "" && !own || !own && x.asker.role != tx.Registry {
		return about(tx.WrongRole, x.asker.role.String()+" "+x.asker.id)
	}
	if o.Contact != "" && !printableText(o.Contact, maxContact) {
		return short(tx.BadContact, o.Party, maxContact, len(o.Contact))
	}
	if registered || o.Document != "" {
		if n := validDocument(o.Document); n != nil {
			return n
		}
	}
	p := x.party(o.Party)
	if sameOrEmpty(o.Name, p.Name) && sameOrEmpty(o.Region, p.Region) && sameOrEmpty(o.USCC, p.USCC) &&
		sameOrEmpty(o.Contact, p.Contact) && (o.Sector == tx.SectorUnspecified || o.Sector == p.Sector) {
		return about(tx.NothingChanged, o.Party)
	}
	if n := x.checkChange(o, &a); n != nil {
		return n
	}
	// Past this point the account changes.
	if o.Region != "" && o.Region != p.Region {
		x.moveObligations(&a, o.Region)
		p.Region = o.Region
	}
	if o.USCC != "" {
		p.USCC = o.USCC
		x.set(x.at(keyOf1(x.key(), rangeUSCC, o.USCC)), []byte(o.Party))
	}
	if o.Name != "" {
		p.Name = o.Name
	}
	if o.Contact != "" {
		p.Contact = o.Contact
	}
	if o.Sector != tx.SectorUnspecified {
		p.Sector = o.Sector
	}
	x.putParty(&p)
	return nil
}

func sameOrEmpty(asked, have string) bool { return asked == "" || asked == have }

// checkChange checks what the registry registers. An entity changes its region
// when no application of it waits and no units of it stand at the region.
func (x *exec) checkChange(o *tx.ChangeAccount, a *account) *tx.Rejection {
	if len(o.Name) > maxName {
		return short(tx.BadName, o.Party, maxName, len(o.Name))
	}
	if o.Region != "" {
		if r, ok := x.account(o.Region); !ok || r.closed || r.role != tx.RegionDepartment {
			return about(tx.UnknownRegion, o.Region)
		}
	}
	if o.USCC != "" {
		if n := x.checkUSCC(a.id, a.role, o.USCC); n != nil {
			return n
		}
	}
	if o.Sector != tx.SectorUnspecified && a.role != tx.KeyEmittingEntity {
		return about(tx.BadSector, o.Party)
	}
	if o.Region != "" && o.Region != a.region {
		return x.checkNothingAtRegion(a)
	}
	return nil
}

// checkNothingAtRegion refuses while the region holds units for the entity, or
// has to decide an application for one of its obligations.
func (x *exec) checkNothingAtRegion(a *account) *tx.Rejection {
	for i := range x.chain.Instruments {
		code := x.chain.Instruments[i].Code
		if _, al := x.allocation(a.id, code); al.AtRegion > 0 {
			return short(tx.OpenBusiness, "at region "+code+" of "+a.id, al.AtRegion, 0)
		}
	}
	for year := firstYear; year <= x.facts.day().Year(); year++ {
		if _, o := x.obligation(year, *a); o.Submitted > 0 {
			return short(tx.OpenBusiness, "submitted "+yearName(year)+" of "+a.id, o.Submitted, 0)
		}
	}
	return nil
}

// moveObligations takes an entity's obligations of all years into another region.
// A record whose due is 0 stays behind: it counts nowhere.
func (x *exec) moveObligations(a *account, region string) {
	moved := *a
	moved.region = region
	for year := firstYear; year <= x.facts.day().Year(); year++ {
		c, o := x.obligation(year, *a)
		if !c.exists() || o.Due == 0 {
			continue
		}
		x.setMessage(c, &tx.Obligation{Entity: a.id, Region: a.region, Year: year})
		o.Region = region
		to, _ := x.obligation(year, moved)
		x.setMessage(to, &o)
	}
}
