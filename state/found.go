package state

import (
	"errors"
	"fmt"

	"carbonledger/tx"
)

// found writes height 0: what the genesis document says. It is one batch, so
// that a crash leaves a founded ledger or an empty directory.
func (l *Ledger) found() (err error) {
	defer recovered(&err)
	x := newExec(l.chain, l.db, facts{time: l.chain.Start, version: l.chain.ProtocolVersion})
	x.begin()
	for i := range l.chain.Parameters {
		if n := x.foundParameter(&l.chain.Parameters[i]); n != nil {
			return fmt.Errorf("state: genesis: parameter %q: %w", l.chain.Parameters[i].Name, n)
		}
	}
	for i := range l.chain.Parties {
		if n := x.foundParty(&l.chain.Parties[i]); n != nil {
			return fmt.Errorf("state: genesis: party %q: %w", l.chain.Parties[i].Id, n)
		}
	}
	for i := range l.chain.Validators {
		if n := x.foundValidator(&l.chain.Validators[i]); n != nil {
			return fmt.Errorf("state: genesis: validator %q: %w", l.chain.Validators[i].Name, n)
		}
	}
	x.set(x.at([]byte{rangeFacts}), x.facts.encode(nil))
	writes := x.written()
	l.now = position{hash: runningHash(tx.ID(l.chain.Hash), nil, writes), size: 1, facts: x.facts}
	b := l.db.NewBatch()
	err = errors.Join(
		l.fill(b, &changes{writes: writes, next: l.now, outcomes: []outcome{x.outcome(tx.FoundingRecord(tx.Domain(l.chain.Hash)))}}),
		b.Set([]byte{localFormat}, appendNumbers(nil, formatVersion), nil),
		b.Set([]byte{localGenesis}, l.chain.Hash[:], nil),
	)
	if err != nil {
		return errors.Join(fmt.Errorf("state: prepare the founding: %w", err), b.Close())
	}
	if err := l.db.Commit(b, false); err != nil {
		return fmt.Errorf("state: write the founding: %w", err)
	}
	return nil
}

// foundParty opens an account that genesis names, of any role. Its keys need no
// proof: the document's hash is part of every signature.
func (x *exec) foundParty(o *tx.OpenAccount) *tx.Rejection {
	if o.Role < tx.Ministry || o.Role > tx.OtherInstitution {
		return about(tx.RoleNotOpenable, o.Role.String())
	}
	if n := x.checkAccount(o); n != nil {
		return n
	}
	if n := x.checkRegion(o); n != nil {
		return n
	}
	x.putAccount(o)
	return nil
}

func (x *exec) foundValidator(v *tx.Validator) *tx.Rejection {
	if n := x.checkValidator(v); n != nil {
		return n
	}
	all := x.validators()
	for i := range all {
		if all[i].Name == v.Name {
			return about(tx.BadValidator, "named twice: "+v.Name)
		}
	}
	x.putValidators(append(all, *v))
	return nil
}

func (x *exec) foundParameter(o *tx.SetParameter) *tx.Rejection {
	if _, n := x.checkParameter(o); n != nil {
		return n
	}
	x.putParameter(o)
	return nil
}
