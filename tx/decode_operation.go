package tx

import "crypto/sha256"

// checkOperation checks what gogoproto's decoder does not: texts, enumerations
// and nested encodings. Amounts and rights are rules of the ledger.
func checkOperation(operation *Operation) bool {
	switch o := operation.Operation.(type) {
	case *Operation_BringForward:
		return checkOpening(o.BringForward)
	case *Operation_BringForwardPage:
		return len(o.BringForwardPage.Page) > 0
	case *Operation_SetParameter:
		return text(o.SetParameter.Name) && len(o.SetParameter.Value) <= maxValueBytes && shows(o.SetParameter.Value)
	case *Operation_SetValidator:
		v := &o.SetValidator.Validator
		return text(v.Name, v.Site, v.Address)
	case *Operation_RemoveValidator:
		return text(o.RemoveValidator.Name)
	case *Operation_Prepare:
		return checkPrepared(o.Prepare)
	case *Operation_Approve:
		return len(o.Approve.Prepared) == sha256.Size
	case *Operation_WithdrawPrepared:
		return len(o.WithdrawPrepared.Prepared) == sha256.Size
	}
	o := operation.Operation
	return checkParty(o) && checkMarket(o) && checkAllowances(o) && checkReductions(o)
}

func checkOpening(o *BringForward) bool {
	for i := range o.Instruments {
		if !text(o.Instruments[i].Instrument) {
			return false
		}
	}
	return true
}

// checkPrepared: a prepared operation stands for itself, never for others.
func checkPrepared(p *Prepare) bool {
	for i := range p.Operations {
		o := &p.Operations[i]
		if o.Operation == nil || o.GetPrepare() != nil || !checkOperation(o) {
			return false
		}
	}
	return true
}

// known reports whether an enumeration has the value.
func known[E ~int32](names map[int32]string, value E) bool {
	_, ok := names[int32(value)]
	return ok
}

// checkParty checks the operations on accounts, keys and persons.
func checkParty(o isOperation_Operation) bool {
	switch o := o.(type) {
	case *Operation_OpenAccount:
		a := o.OpenAccount
		return known(Role_name, a.Role) && known(Sector_name, a.Sector) && text(a.Id, a.Name, a.Region, a.USCC) && knownKeys(a.Keys)
	case *Operation_AddKey:
		return knownKeys([]ProvenKey{o.AddKey.Key})
	case *Operation_RevokeKey:
		return knownKey(&o.RevokeKey.Key)
	case *Operation_SetPolicy:
		return text(o.SetPolicy.Operation)
	case *Operation_RecoverKeys:
		return text(o.RecoverKeys.Party, o.RecoverKeys.Document) && knownKeys(o.RecoverKeys.Keys)
	case *Operation_ChangeAccount:
		c := o.ChangeAccount
		return known(Sector_name, c.Sector) && text(c.Party, c.Name, c.Region, c.USCC, c.Contact, c.Document)
	case *Operation_RestrictAccount:
		r := o.RestrictAccount
		return known(Restriction_name, r.Restriction) && text(r.Party, r.Document)
	case *Operation_MergeAccounts:
		return text(o.MergeAccounts.From, o.MergeAccounts.To, o.MergeAccounts.Document)
	case *Operation_CloseAccount:
		return text(o.CloseAccount.Party, o.CloseAccount.Document)
	}
	return true
}

// checkMarket checks the operations on money, orders, trades and days.
func checkMarket(o isOperation_Operation) bool {
	switch o := o.(type) {
	case *Operation_Deposit:
		return text(o.Deposit.Party)
	case *Operation_Withdraw:
		return text(o.Withdraw.Party)
	case *Operation_MoveHolding:
		return known(SubBalance_name, o.MoveHolding.To) && text(o.MoveHolding.Instrument)
	case *Operation_RegisterOrder:
		_, ok := o.RegisterOrder.Order.Read()
		return ok
	case *Operation_WithdrawOrder:
		return text(o.WithdrawOrder.Reference)
	case *Operation_RecordTrade:
		t := o.RecordTrade
		return known(TradeKind_name, t.Kind) && text(t.Instrument, t.Buy.Party, t.Buy.Reference, t.Sell.Party, t.Sell.Reference)
	case *Operation_AnnounceBidding:
		a := o.AnnounceBidding
		return known(BiddingMode_name, a.Mode) && text(a.Session, a.Seller, a.Instrument)
	case *Operation_ConcludeBidding:
		return text(o.ConcludeBidding.Session)
	case *Operation_SuspendTrading:
		return text(o.SuspendTrading.Instrument, o.SuspendTrading.Document)
	case *Operation_StateTotals:
		for i := range o.StateTotals.Tradable {
			if !text(o.StateTotals.Tradable[i].Instrument) {
				return false
			}
		}
	}
	return true
}

// checkAllowances checks the operations on allowances and obligations.
func checkAllowances(o isOperation_Operation) bool {
	switch o := o.(type) {
	case *Operation_IssueAllowances:
		i := o.IssueAllowances
		return known(Stage_name, i.Stage) && text(i.To, i.Instrument, i.Document, i.Beneficiary)
	case *Operation_RepayReceivable:
		return text(o.RepayReceivable.Instrument)
	case *Operation_SetObligation:
		return text(o.SetObligation.Entity)
	case *Operation_RecordVerification:
		return text(o.RecordVerification.Entity)
	case *Operation_RecordDeduction:
		return text(o.RecordDeduction.Entity, o.RecordDeduction.Document)
	case *Operation_Surrender:
		return text(o.Surrender.Instrument, o.Surrender.Application)
	case *Operation_SurrenderOnBehalf:
		s := o.SurrenderOnBehalf
		return text(s.Beneficiary, s.Instrument, s.Application)
	case *Operation_DecideApplication:
		return text(o.DecideApplication.Applicant, o.DecideApplication.Application)
	case *Operation_WithdrawApplication:
		return text(o.WithdrawApplication.Application)
	case *Operation_ForceSurrender:
		return text(o.ForceSurrender.Entity, o.ForceSurrender.Document)
	case *Operation_CancelVoluntarily:
		c := o.CancelVoluntarily
		return text(c.Instrument, c.Purpose, c.Application)
	case *Operation_ApplyCarryOver:
		return text(o.ApplyCarryOver.Instrument, o.ApplyCarryOver.Application)
	case *Operation_Transfer:
		return text(o.Transfer.To, o.Transfer.Instrument)
	case *Operation_TransferByLaw:
		t := o.TransferByLaw
		return known(TransferKind_name, t.Kind) && text(t.From, t.To, t.Instrument, t.Document, t.Freeze)
	case *Operation_Freeze:
		return text(o.Freeze.Party, o.Freeze.Instrument, o.Freeze.Document)
	case *Operation_Unfreeze:
		return text(o.Unfreeze.Freeze)
	case *Operation_Pledge:
		p := o.Pledge
		return text(p.Pledgee, p.Instrument, p.Registration, p.Condition)
	case *Operation_ReleasePledge:
		return text(o.ReleasePledge.Registration)
	}
	return true
}

// checkReductions checks the operations on CCER.
func checkReductions(o isOperation_Operation) bool {
	switch o := o.(type) {
	case *Operation_BookOffset:
		return text(o.BookOffset.Entity, o.BookOffset.Cancellation)
	case *Operation_RegisterReduction:
		r := o.RegisterReduction
		return text(r.Batch, r.Project, r.To, r.Document)
	case *Operation_TradeCCER:
		return text(o.TradeCCER.Batch, o.TradeCCER.Seller, o.TradeCCER.Buyer)
	case *Operation_CancelCCER:
		c := o.CancelCCER
		return known(CancellationKind_name, c.Kind) && text(c.Batch, c.Cancellation)
	}
	return true
}

// Read is the order's body if its encoding is canonical, its texts show, and its
// side, trade method and signature are of kinds that exist.
func (s *SignedOrder) Read() (o OrderBody, ok bool) {
	if o.Unmarshal(s.Body) != nil || !same(&o, s.Body) || !wellFormed(s.Signature) {
		return o, false
	}
	sides := o.Side == Buy || o.Side == Sell
	kinds := o.Kind == Listed || o.Kind == BlockTrade || o.Kind == Bidding
	return o, sides && kinds && text(o.ChainId, o.Party, o.Instrument, o.Session) && ValidReference(o.Reference)
}
