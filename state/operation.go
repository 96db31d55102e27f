package state

import (
	"carbonledger/tx"
)

// rights say who may ask for an operation, since which protocol version, and
// whether it is possible while pages of the opening position are missing. The
// table is part of the protocol; rules with more than one answer check the rest.
type rights struct {
	roles   []tx.Role // nil: any
	since   uint32
	opening bool
}

var (
	ministry   = []tx.Role{tx.Ministry}
	registry   = []tx.Role{tx.Registry}
	exchange   = []tx.Role{tx.Exchange}
	bank       = []tx.Role{tx.SettlementBank}
	entityOnly = []tx.Role{tx.KeyEmittingEntity}
)

// operation checks an operation's rights and runs its rule.
func (x *exec) operation(o *tx.Operation) *tx.Rejection {
	switch o := o.Operation.(type) {
	case *tx.Operation_Transfer:
		return allowed(x, rights{entityOnly, 1, false}, o.Transfer, x.transfer)
	case *tx.Operation_SettleTrade:
		return allowed(x, rights{exchange, 1, false}, o.SettleTrade, x.settleTrade)
	case *tx.Operation_Surrender:
		return allowed(x, rights{entityOnly, 1, false}, o.Surrender, x.surrender)
	case *tx.Operation_BringForward:
		return allowed(x, rights{registry, 1, true}, o.BringForward, x.bringForward)
	case *tx.Operation_BringForwardPage:
		return allowed(x, rights{registry, 1, true}, o.BringForwardPage, x.bringForwardPage)
	case *tx.Operation_OpenAccount:
		return allowed(x, rights{nil, 1, true}, o.OpenAccount, x.openAccount)
	case *tx.Operation_AddKey:
		return allowed(x, rights{nil, 1, true}, o.AddKey, x.addKey)
	case *tx.Operation_RevokeKey:
		return allowed(x, rights{nil, 1, true}, o.RevokeKey, x.revokeKey)
	case *tx.Operation_SetParameter:
		return allowed(x, rights{[]tx.Role{tx.Ministry, tx.Exchange}, 1, true}, o.SetParameter, x.setParameter)
	case *tx.Operation_SetClock:
		return allowed(x, rights{[]tx.Role{tx.Timekeeper}, 1, true}, o.SetClock, x.setClock)
	case *tx.Operation_Deposit:
		return allowed(x, rights{bank, 1, false}, o.Deposit, x.deposit)
	case *tx.Operation_Withdraw:
		return allowed(x, rights{bank, 1, false}, o.Withdraw, x.withdraw)
	case *tx.Operation_IssueAllowances:
		return allowed(x, rights{registry, 1, false}, o.IssueAllowances, x.issueAllowances)
	case *tx.Operation_OpenDay:
		return allowed(x, rights{exchange, 1, false}, o.OpenDay, x.openDay)
	case *tx.Operation_CloseDay:
		return allowed(x, rights{exchange, 1, false}, o.CloseDay, x.closeDay)
	case *tx.Operation_BookOffset:
		return allowed(x, rights{registry, 1, false}, o.BookOffset, x.bookOffset)
	case *tx.Operation_SetObligation:
		return allowed(x, rights{[]tx.Role{tx.RegionDepartment}, 1, false}, o.SetObligation, x.setObligation)
	case *tx.Operation_CloseYear:
		return allowed(x, rights{registry, 1, false}, o.CloseYear, x.closeYear)
	case *tx.Operation_SetValidator:
		return allowed(x, rights{ministry, 1, true}, o.SetValidator, x.setValidator)
	case *tx.Operation_RemoveValidator:
		return allowed(x, rights{ministry, 1, true}, o.RemoveValidator, x.removeValidator)
	case *tx.Operation_SetProtocolVersion:
		return allowed(x, rights{ministry, 1, true}, o.SetProtocolVersion, x.setProtocolVersion)
	}
	return no(tx.OperationNotInVersion)
}

// allowed runs a rule if the version has it, the books are open for it and the
// asking party's role may ask for it.
func allowed[O any](x *exec, r rights, o O, rule func(O) *tx.Rejection) *tx.Rejection {
	switch {
	case x.version < r.since:
		return no(tx.OperationNotInVersion)
	case x.facts.pagesMissing > 0 && !r.opening:
		return short(tx.OpeningIncomplete, "pages", 0, x.facts.pagesMissing)
	}
	for _, role := range r.roles {
		if role == x.asker.role {
			return rule(o)
		}
	}
	if r.roles == nil {
		return rule(o)
	}
	return about(tx.WrongRole, x.asker.role.String()+" "+x.asker.id)
}
