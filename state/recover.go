package state

import "carbonledger/tx"

// recoverKeys revokes all keys of a party that lost them and gives it new ones.
// The registry asks with the ministry's signature; for a registration institution
// the ministry asks.
func (x *exec) recoverKeys(o *tx.RecoverKeys) *tx.Rejection {
	if n := validDocument(o.Document); n != nil {
		return n
	}
	a, ok := x.account(o.Party)
	if !ok || a.closed {
		return about(tx.UnknownCounterparty, o.Party)
	}
	if byMinistry := x.asker.role == tx.Ministry; byMinistry != (a.role == tx.Registry) {
		return about(tx.WrongRole, x.asker.role.String()+" "+x.asker.id)
	}
	if x.asker.role == tx.Registry && !x.cosignedByRole(tx.Ministry, tx.RightPrepare|tx.RightApprove) {
		return about(tx.MissingCosignature, tx.Ministry.String())
	}
	p := x.party(o.Party)
	if n := x.checkKeys(&a, o.Keys, len(p.Keys)); n != nil {
		return n
	}
	// Past this point the keys change.
	x.revokeAll(&p)
	for i := range o.Keys {
		x.putNewKey(&p, &o.Keys[i])
	}
	p.RecoveredHeight = x.height
	x.putParty(&p)
	return nil
}

// revokeAll revokes every key of a party's record, which its caller writes.
func (x *exec) revokeAll(p *tx.Party) {
	for i := range p.Keys {
		if r := &p.Keys[i]; r.RevokedHeight == 0 {
			r.RevokedHeight = x.height
			x.putKey(&r.Key, p.Id, r)
		}
	}
}
