package state

import (
	"reflect"
	"slices"

	"carbonledger/tx"
)

// operation checks an operation's row of the table and runs its rule.
func (x *exec) operation(operation *tx.Operation) *tx.Rejection {
	switch o := operation.Operation.(type) {
	case *tx.Operation_Transfer:
		return allowed(x, "Transfer", o.Transfer, x.transfer)
	case *tx.Operation_RecordTrade:
		return allowed(x, "RecordTrade", o.RecordTrade, x.recordTrade)
	case *tx.Operation_RegisterOrder:
		return allowed(x, "RegisterOrder", o.RegisterOrder, x.registerOrder)
	case *tx.Operation_Surrender:
		return allowed(x, "Surrender", o.Surrender, x.surrender)
	case *tx.Operation_BringForward:
		return allowed(x, "BringForward", o.BringForward, x.bringForward)
	case *tx.Operation_BringForwardPage:
		return allowed(x, "BringForwardPage", o.BringForwardPage, x.bringForwardPage)
	case *tx.Operation_OpenAccount:
		return allowed(x, "OpenAccount", o.OpenAccount, x.openAccount)
	case *tx.Operation_AddKey:
		return allowed(x, "AddKey", o.AddKey, x.addKey)
	case *tx.Operation_RevokeKey:
		return allowed(x, "RevokeKey", o.RevokeKey, x.revokeKey)
	case *tx.Operation_SetParameter:
		return allowed(x, "SetParameter", o.SetParameter, x.setParameter)
	case *tx.Operation_SetClock:
		return allowed(x, "SetClock", o.SetClock, x.setClock)
	case *tx.Operation_Deposit:
		return allowed(x, "Deposit", o.Deposit, x.deposit)
	case *tx.Operation_Withdraw:
		return allowed(x, "Withdraw", o.Withdraw, x.withdraw)
	case *tx.Operation_IssueAllowances:
		return allowed(x, "IssueAllowances", o.IssueAllowances, x.issueAllowances)
	case *tx.Operation_OpenDay:
		return allowed(x, "OpenDay", o.OpenDay, x.openDay)
	case *tx.Operation_CloseDay:
		return allowed(x, "CloseDay", o.CloseDay, x.closeDay)
	case *tx.Operation_BookOffset:
		return allowed(x, "BookOffset", o.BookOffset, x.bookOffset)
	case *tx.Operation_SetObligation:
		return allowed(x, "SetObligation", o.SetObligation, x.setObligation)
	case *tx.Operation_CloseYear:
		return allowed(x, "CloseYear", o.CloseYear, x.closeYear)
	case *tx.Operation_SetValidator:
		return allowed(x, "SetValidator", o.SetValidator, x.setValidator)
	case *tx.Operation_RemoveValidator:
		return allowed(x, "RemoveValidator", o.RemoveValidator, x.removeValidator)
	case *tx.Operation_SetProtocolVersion:
		return allowed(x, "SetProtocolVersion", o.SetProtocolVersion, x.setProtocolVersion)
	}
	return x.partyOperation(operation)
}

// partyOperation is operation for persons, keys and accounts.
func (x *exec) partyOperation(operation *tx.Operation) *tx.Rejection {
	switch o := operation.Operation.(type) {
	case *tx.Operation_SetPolicy:
		return allowed(x, "SetPolicy", o.SetPolicy, x.setPolicy)
	case *tx.Operation_Prepare:
		return allowed(x, "Prepare", o.Prepare, x.prepare)
	case *tx.Operation_Approve:
		return allowed(x, "Approve", o.Approve, x.approve)
	case *tx.Operation_WithdrawPrepared:
		return allowed(x, "WithdrawPrepared", o.WithdrawPrepared, x.withdrawPrepared)
	case *tx.Operation_RecoverKeys:
		return allowed(x, "RecoverKeys", o.RecoverKeys, x.recoverKeys)
	case *tx.Operation_ChangeAccount:
		return allowed(x, "ChangeAccount", o.ChangeAccount, x.changeAccount)
	case *tx.Operation_RestrictAccount:
		return allowed(x, "RestrictAccount", o.RestrictAccount, x.restrictAccount)
	case *tx.Operation_MergeAccounts:
		return allowed(x, "MergeAccounts", o.MergeAccounts, x.mergeAccounts)
	case *tx.Operation_CloseAccount:
		return allowed(x, "CloseAccount", o.CloseAccount, x.closeAccount)
	}
	return x.marketOperation(operation)
}

// marketOperation is operation for orders, sessions and settlement.
func (x *exec) marketOperation(operation *tx.Operation) *tx.Rejection {
	switch o := operation.Operation.(type) {
	case *tx.Operation_MoveHolding:
		return allowed(x, "MoveHolding", o.MoveHolding, x.moveHolding)
	case *tx.Operation_WithdrawOrder:
		return allowed(x, "WithdrawOrder", o.WithdrawOrder, x.withdrawOrder)
	case *tx.Operation_AnnounceBidding:
		return allowed(x, "AnnounceBidding", o.AnnounceBidding, x.announceBidding)
	case *tx.Operation_ConcludeBidding:
		return allowed(x, "ConcludeBidding", o.ConcludeBidding, x.concludeBidding)
	case *tx.Operation_SuspendTrading:
		return allowed(x, "SuspendTrading", o.SuspendTrading, x.suspendTrading)
	case *tx.Operation_StateTotals:
		return allowed(x, "StateTotals", o.StateTotals, x.stateTotals)
	case *tx.Operation_Reconcile:
		return allowed(x, "Reconcile", o.Reconcile, x.reconcile)
	}
	return x.dutyOperation(operation)
}

// dutyOperation is operation for issuance, obligations and CCER.
func (x *exec) dutyOperation(operation *tx.Operation) *tx.Rejection {
	switch o := operation.Operation.(type) {
	case *tx.Operation_RepayReceivable:
		return allowed(x, "RepayReceivable", o.RepayReceivable, x.repayReceivable)
	case *tx.Operation_RecordVerification:
		return allowed(x, "RecordVerification", o.RecordVerification, x.recordVerification)
	case *tx.Operation_RecordDeduction:
		return allowed(x, "RecordDeduction", o.RecordDeduction, x.recordDeduction)
	case *tx.Operation_SurrenderOnBehalf:
		return allowed(x, "SurrenderOnBehalf", o.SurrenderOnBehalf, x.surrenderOnBehalf)
	case *tx.Operation_DecideApplication:
		return allowed(x, "DecideApplication", o.DecideApplication, x.decideApplication)
	case *tx.Operation_WithdrawApplication:
		return allowed(x, "WithdrawApplication", o.WithdrawApplication, x.withdrawApplication)
	case *tx.Operation_ForceSurrender:
		return allowed(x, "ForceSurrender", o.ForceSurrender, x.forceSurrender)
	case *tx.Operation_RegisterReduction:
		return allowed(x, "RegisterReduction", o.RegisterReduction, x.registerReduction)
	case *tx.Operation_TradeCCER:
		return allowed(x, "TradeCCER", o.TradeCCER, x.tradeCCER)
	case *tx.Operation_CancelCCER:
		return allowed(x, "CancelCCER", o.CancelCCER, x.cancelCCER)
	}
	return x.encumbranceOperation(operation)
}

// encumbranceOperation is operation for cancellation, carry-over, transfers by law, freezes and pledges, and
// for state roots.
func (x *exec) encumbranceOperation(operation *tx.Operation) *tx.Rejection {
	switch o := operation.Operation.(type) {
	case *tx.Operation_CancelVoluntarily:
		return allowed(x, "CancelVoluntarily", o.CancelVoluntarily, x.cancelVoluntarily)
	case *tx.Operation_ApplyCarryOver:
		return allowed(x, "ApplyCarryOver", o.ApplyCarryOver, x.applyCarryOver)
	case *tx.Operation_TransferByLaw:
		return allowed(x, "TransferByLaw", o.TransferByLaw, x.transferByLaw)
	case *tx.Operation_Freeze:
		return allowed(x, "Freeze", o.Freeze, x.freeze)
	case *tx.Operation_Unfreeze:
		return allowed(x, "Unfreeze", o.Unfreeze, x.unfreeze)
	case *tx.Operation_Pledge:
		return allowed(x, "Pledge", o.Pledge, x.pledge)
	case *tx.Operation_ReleasePledge:
		return allowed(x, "ReleasePledge", o.ReleasePledge, x.releasePledge)
	case *tx.Operation_TakeStateRoot:
		return allowed(x, "TakeStateRoot", o.TakeStateRoot, x.takeStateRoot)
	}
	return no(tx.OperationNotInVersion)
}

// allowed runs a rule if the version has it, the books are open for it, the
// asking party's role may ask for it, and enough persons with the rights for it
// signed.
func allowed[O any](x *exec, operation string, o O, run func(O) *tx.Rejection) *tx.Rejection {
	r := ruleOf[operation]
	if n := x.mayAsk(r); n != nil {
		return n
	}
	if n := x.signedBy(r); n != nil {
		return n
	}
	return run(o)
}

// mayAsk checks version, opening position and role.
func (x *exec) mayAsk(r *Rule) *tx.Rejection {
	if x.version >= r.Since && x.facts.pagesMissing > 0 && !r.Opening {
		return short(tx.OpeningIncomplete, "pages", 0, x.facts.pagesMissing)
	}
	return x.roleMayAsk(r)
}

// roleMayAsk checks version and role.
func (x *exec) roleMayAsk(r *Rule) *tx.Rejection {
	switch {
	case x.version < r.Since:
		return no(tx.OperationNotInVersion)
	case r.Roles != nil && !slices.Contains(r.Roles, x.asker.role):
		return about(tx.WrongRole, x.asker.role.String()+" "+x.asker.id)
	}
	return nil
}

// operationName is the name of an operation's message, as in the table.
func operationName(o *tx.Operation) string {
	if o.Operation == nil {
		return ""
	}
	return reflect.TypeOf(o.Operation).Elem().Field(0).Name
}
