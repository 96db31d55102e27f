package state

import (
	"slices"

	"carbonledger/tx"
)

// closeAccount closes an account without open business, for ever. Ministry,
// registry and timekeeper stay: nobody could stand in for them.
func (x *exec) closeAccount(o *tx.CloseAccount) *tx.Rejection {
	if n := validDocument(o.Document); n != nil {
		return n
	}
	a, ok := x.account(o.Party)
	if !ok || a.closed || slices.Contains([]tx.Role{tx.Ministry, tx.Registry, tx.Timekeeper}, a.role) {
		return about(tx.UnknownCounterparty, o.Party)
	}
	if n := x.checkNothingLeft(&a); n != nil {
		return n
	}
	// Past this point the account closes.
	x.endAccount(a.id, "")
	return nil
}

// endAccount revokes the keys of an account and closes it.
func (x *exec) endAccount(id, successor string) {
	p := x.party(id)
	x.revokeAll(&p)
	p.ClosedHeight, p.Successor = x.height, successor
	x.putParty(&p)
}

// checkNothingLeft refuses while the account has units, money, CCER, receivables,
// obligations of open years that are not complete, or others' pledges and freezes
// that only it can lift.
func (x *exec) checkNothingLeft(a *account) *tx.Rejection {
	if n := x.checkUnencumbered(a); n != nil {
		return n
	}
	for i := range x.chain.Instruments {
		code := x.chain.Instruments[i].Code
		if _, h := x.holding(a.id, code); h.all() > 0 {
			return short(tx.OpenBusiness, code+" of "+a.id, h.all(), 0)
		}
		if owed := x.receivable(a.id, code).number(); owed > 0 {
			return short(tx.OpenBusiness, "receivable "+code+" of "+a.id, owed, 0)
		}
	}
	if open := x.toLift(a.id).number(); open > 0 {
		return short(tx.OpenBusiness, "pledges and freezes that wait for "+a.id, open, 0)
	}
	if m := x.money(a.id); m.balance > 0 {
		return short(tx.OpenBusiness, "money of "+a.id, m.balance, 0)
	}
	for year := firstYear; year <= x.facts.day().Year(); year++ {
		_, o := x.obligation(year, *a)
		if _, y := x.year(year); y.closed == 0 && stillDue(&o) > 0 {
			return short(tx.OpenBusiness, "obligation "+yearName(year)+" of "+a.id, stillDue(&o), 0)
		}
	}
	return nil
}

// encumbered names the sub-balances that are not available.
var encumbered = map[subBalance]string{locked: "locked", pending: "pending", pledged: "pledged", frozen: "frozen"}

// checkUnencumbered refuses while units or money wait for something, while the
// account has CCER, or while its region holds units or applications for it.
func (x *exec) checkUnencumbered(a *account) *tx.Rejection {
	for i := range x.chain.Instruments {
		code := x.chain.Instruments[i].Code
		_, h := x.holding(a.id, code)
		for sub := locked; sub <= frozen; sub++ {
			if h.of[sub] > 0 {
				return short(tx.OpenBusiness, encumbered[sub]+" "+code+" of "+a.id, h.of[sub], 0)
			}
		}
	}
	if m := x.money(a.id); m.locked > 0 || m.proceeds > 0 {
		return short(tx.OpenBusiness, "locked money of "+a.id, m.locked+m.proceeds, 0)
	}
	if t := x.at(keyOf1(x.key(), rangeCCERTotal, a.id)).number(); t > 0 {
		return short(tx.OpenBusiness, "CCER of "+a.id, t, 0)
	}
	return x.checkNothingAtRegion(a)
}
