package state

import (
	"slices"

	"carbonledger/tx"
)

// Rule is a row of the table of what may be asked of the ledger. The table is
// part of the protocol; docs/rules.md is written from it.
type Rule struct {
	// Operation is the name of its message in tx.proto.
	Operation string
	Chinese   string
	// Roles that may ask; nil: any, and the rule itself says who may ask for what.
	Roles []tx.Role
	// Right that the key of the one who asks needs.
	Right tx.Right
	// Persons of the asking party that sign at least; the parameter
	// persons.OPERATION sets another number, and the party's own policy a greater.
	Persons int
	// Since is the first protocol version that knows it.
	Since uint32
	// Opening says that it is possible while pages of the opening position are
	// missing.
	Opening bool
	// Preparable says that it can be laid down for other persons to approve.
	Preparable bool
	// Source of the rule: article, or the part of the document.
	Source string
	// Promise is what it does and what it takes, in the registry's words.
	Promise string
	// Reasons of the rule itself, in the order in which it checks; one that it
	// checks in two places stands at the first.
	Reasons []tx.Reason

	personsParameter string // its name of "persons."
}

var (
	ministry     = []tx.Role{tx.Ministry}
	registry     = []tx.Role{tx.Registry}
	exchange     = []tx.Role{tx.Exchange}
	bank         = []tx.Role{tx.SettlementBank}
	region       = []tx.Role{tx.RegionDepartment}
	court        = []tx.Role{tx.Court}
	verifier     = []tx.Role{tx.VerificationBody}
	ccerRegistry = []tx.Role{tx.CCERRegistry}
	ccerExchange = []tx.Role{tx.CCERExchange}
	entityOnly   = []tx.Role{tx.KeyEmittingEntity}
	traders      = []tx.Role{tx.KeyEmittingEntity, tx.OtherInstitution}
)

// tableOfRules in the order of the operations' numbers.
var tableOfRules = slices.Concat(foundingRules, marketRules, allowanceRules, governanceRules, personRules, accountRules, orderRules, complianceRules, reductionRules, encumbranceRules, rootRules)

// ruleOf finds a row by the operation's name, and completes the rows.
var ruleOf = func() map[string]*Rule {
	m := map[string]*Rule{}
	for _, r := range tableOfRules {
		r.personsParameter = parameterPersons + r.Operation
		m[r.Operation] = r
	}
	return m
}()

// Rules is the whole table.
func Rules() []Rule {
	var all []Rule
	for _, r := range tableOfRules {
		c := *r
		c.Roles, c.Reasons = slices.Clone(r.Roles), slices.Clone(r.Reasons)
		all = append(all, c)
	}
	return all
}

// Openers says who opens accounts of a role; roles that it lacks exist by genesis
// only.
func Openers(r tx.Role) []tx.Role { return slices.Clone(opener[r]) }
