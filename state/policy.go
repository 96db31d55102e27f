package state

import (
	"slices"
	"strings"

	"carbonledger/tx"
)

// setPolicy asks for more persons of the asking party on an operation than the
// ledger does, or for fewer than a policy before (Settlement Rules: separate
// posts, two-level review). A policy that the party's own persons cannot keep to
// is refused: the party would be locked out.
func (x *exec) setPolicy(o *tx.SetPolicy) *tx.Rejection {
	if ruleOf[o.Operation] == nil {
		return about(tx.BadPolicy, o.Operation)
	}
	if o.Persons < 1 || o.Persons > maxPersons {
		return short(tx.BadPolicy, o.Operation, maxPersons, o.Persons)
	}
	p := x.party(x.asker.id)
	policies := slices.DeleteFunc(slices.Clone(p.Policies), func(y tx.Policy) bool { return y.Operation == o.Operation })
	policies = append(policies, tx.Policy{Operation: o.Operation, Persons: o.Persons})
	slices.SortFunc(policies, func(a, b tx.Policy) int { return strings.Compare(a.Operation, b.Operation) })
	after := x.asker
	after.policies = policies
	if n := x.checkPersons(&after, p.Keys); n != nil {
		return n
	}
	// Past this point the policy stands.
	p.Policies = policies
	x.putParty(&p)
	return nil
}
