package state

import (
	"slices"

	"carbonledger/tx"
)

// maxPersons bounds what a policy or parameter may ask for.
const maxPersons = 16

// persons is how many persons of a party must sign an operation: what the
// ledger asks for, or the party's own policy where that asks for more.
func (x *exec) persons(r *Rule, a *account) int {
	n := r.Persons
	if s := x.parameter(r.personsParameter, x.today()); s != "" {
		set, ok := parsePersons(s)
		if !ok {
			panic("state: the parameter of persons for " + r.Operation + " holds no number")
		}
		n = set
	}
	for i := range a.policies {
		if a.policies[i].Operation == r.Operation {
			n = max(n, int(a.policies[i].Persons))
		}
	}
	return n
}

// strictest is the most persons that any operation of the party's role asks for:
// fewer must not be able to change its keys or policies.
func (x *exec) strictest(a *account) int {
	n := 1
	for _, r := range tableOfRules {
		if mayEverAsk(r, a.role) {
			n = max(n, x.persons(r, a))
		}
	}
	return n
}

// mayEverAsk: a role asks for the operations that the table gives it or everybody.
// An approval counts with what it approves.
func mayEverAsk(r *Rule, role tx.Role) bool {
	return r.Roles == nil && r.Operation != "Approve" || slices.Contains(r.Roles, role)
}

// keyOperations need as many persons as the party's strictest operation.
var keyOperations = []string{"AddKey", "RevokeKey", "SetPolicy"}

// signedBy checks that persons of the asker with the rights for it signed: one
// with the right that the rule needs, and for each further person another one
// with the right to approve.
func (x *exec) signedBy(r *Rule) *tx.Rejection {
	need := x.persons(r, &x.asker)
	if slices.Contains(keyOperations, r.Operation) {
		need = max(need, x.strictest(&x.asker))
	}
	return enoughPersons(x.own, r.Right, need)
}

// enoughPersons: a maker with the right, and need − 1 other persons who approve.
func enoughPersons(keys []keyFacts, right tx.Right, need int) *tx.Rejection {
	var makers, checkers, all []string
	signing := 0
	for i := range keys {
		k := &keys[i]
		if k.rights&right != 0 {
			makers = addOnce(makers, k.person)
		}
		if k.rights&tx.RightApprove != 0 {
			checkers = addOnce(checkers, k.person)
		}
		if k.rights&(right|tx.RightApprove) != 0 {
			all = addOnce(all, k.person)
			signing++
		}
	}
	if len(makers) == 0 {
		return about(tx.MissingRight, right.String())
	}
	for _, m := range makers {
		others := len(checkers)
		if slices.Contains(checkers, m) {
			others--
		}
		if others >= need-1 {
			return nil
		}
	}
	switch {
	case len(all) >= need:
		return about(tx.MissingRight, tx.RightApprove.String())
	case signing >= need:
		return short(tx.SamePerson, all[0], len(all), need)
	}
	return short(tx.MissingSecondPerson, "", len(all), need)
}

func addOnce(all []string, s string) []string {
	if slices.Contains(all, s) {
		return all
	}
	return append(all, s)
}

// cosigned reports whether a key of another party signed that has one of the
// rights.
func (x *exec) cosigned(party string, rights tx.Right) bool {
	return slices.ContainsFunc(x.others, func(k keyFacts) bool { return k.party == party && k.rights&rights != 0 })
}

// cosignedByRole is cosigned for any party of a role.
func (x *exec) cosignedByRole(role tx.Role, rights tx.Right) bool {
	return slices.ContainsFunc(x.others, func(k keyFacts) bool {
		a, ok := x.account(k.party)
		return ok && a.role == role && k.rights&rights != 0
	})
}
