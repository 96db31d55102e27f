package state

import "carbonledger/tx"

// restrictAccount sets or lifts a restriction of a trading party (Trial Measures,
// Art. 34). The exchange sets and lifts the one on trading alone.
func (x *exec) restrictAccount(o *tx.RestrictAccount) *tx.Rejection {
	if n := validDocument(o.Document); n != nil {
		return n
	}
	a, n := x.trader(o.Party)
	switch {
	case n != nil:
		return n
	case x.asker.role == tx.Exchange && (a.restriction > tx.NoTrading || o.Restriction > tx.NoTrading):
		return about(tx.WrongRole, x.asker.role.String()+" "+x.asker.id)
	case a.restriction == o.Restriction:
		return about(tx.NothingChanged, o.Party)
	}
	// Past this point the restriction changes.
	p := x.party(o.Party)
	p.Restriction = o.Restriction
	x.putParty(&p)
	return nil
}
