package state

import (
	"slices"

	"carbonledger/tx"
)

// operation checks an operation's row of the table and runs its rule.
func (x *exec) operation(o *tx.Operation) *tx.Rejection {
	switch o := o.Operation.(type) {
	case *tx.Operation_Transfer:
		return allowed(x, transferRule, o.Transfer, x.transfer)
	case *tx.Operation_SettleTrade:
		return allowed(x, settleTradeRule, o.SettleTrade, x.settleTrade)
	case *tx.Operation_Surrender:
		return allowed(x, surrenderRule, o.Surrender, x.surrender)
	case *tx.Operation_BringForward:
		return allowed(x, bringForwardRule, o.BringForward, x.bringForward)
	case *tx.Operation_BringForwardPage:
		return allowed(x, bringForwardPageRule, o.BringForwardPage, x.bringForwardPage)
	case *tx.Operation_OpenAccount:
		return allowed(x, openAccountRule, o.OpenAccount, x.openAccount)
	case *tx.Operation_AddKey:
		return allowed(x, addKeyRule, o.AddKey, x.addKey)
	case *tx.Operation_RevokeKey:
		return allowed(x, revokeKeyRule, o.RevokeKey, x.revokeKey)
	case *tx.Operation_SetParameter:
		return allowed(x, setParameterRule, o.SetParameter, x.setParameter)
	case *tx.Operation_SetClock:
		return allowed(x, setClockRule, o.SetClock, x.setClock)
	case *tx.Operation_Deposit:
		return allowed(x, depositRule, o.Deposit, x.deposit)
	case *tx.Operation_Withdraw:
		return allowed(x, withdrawRule, o.Withdraw, x.withdraw)
	case *tx.Operation_IssueAllowances:
		return allowed(x, issueAllowancesRule, o.IssueAllowances, x.issueAllowances)
	case *tx.Operation_OpenDay:
		return allowed(x, openDayRule, o.OpenDay, x.openDay)
	case *tx.Operation_CloseDay:
		return allowed(x, closeDayRule, o.CloseDay, x.closeDay)
	case *tx.Operation_BookOffset:
		return allowed(x, bookOffsetRule, o.BookOffset, x.bookOffset)
	case *tx.Operation_SetObligation:
		return allowed(x, setObligationRule, o.SetObligation, x.setObligation)
	case *tx.Operation_CloseYear:
		return allowed(x, closeYearRule, o.CloseYear, x.closeYear)
	case *tx.Operation_SetValidator:
		return allowed(x, setValidatorRule, o.SetValidator, x.setValidator)
	case *tx.Operation_RemoveValidator:
		return allowed(x, removeValidatorRule, o.RemoveValidator, x.removeValidator)
	case *tx.Operation_SetProtocolVersion:
		return allowed(x, setProtocolVersionRule, o.SetProtocolVersion, x.setProtocolVersion)
	}
	return no(tx.OperationNotInVersion)
}

// allowed runs a rule if the version has it, the books are open for it and the
// asking party's role may ask for it.
func allowed[O any](x *exec, r *Rule, o O, run func(O) *tx.Rejection) *tx.Rejection {
	switch {
	case x.version < r.Since:
		return no(tx.OperationNotInVersion)
	case x.facts.pagesMissing > 0 && !r.Opening:
		return short(tx.OpeningIncomplete, "pages", 0, x.facts.pagesMissing)
	case r.Roles != nil && !slices.Contains(r.Roles, x.asker.role):
		return about(tx.WrongRole, x.asker.role.String()+" "+x.asker.id)
	}
	return run(o)
}
