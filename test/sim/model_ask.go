package sim

import (
	"bytes"
	"slices"
	"strings"

	"carbonledger/tx"
)

// nameOf is an operation's name in the table.
func nameOf(o *tx.Operation) string {
	name := typeName(o.Operation)
	return name[strings.Index(name, "_")+1:]
}

// operation checks role and persons, and then the operation itself.
func (m *model) operation(o *tx.Operation) verdict {
	r := m.rows[nameOf(o)]
	if r.Roles != nil && !slices.Contains(r.Roles, m.parties[m.body.Party].role) {
		return refuse(tx.WrongRole)
	}
	if v := m.signed(r, m.own); v != fine {
		return v
	}
	return m.partyOperation(o)
}

// registerSigned reads the order as its trader signed it.
func (m *model) registerSigned(s *tx.SignedOrder) verdict {
	body, ok := s.Read()
	if !ok {
		panic("a verified order does not read")
	}
	return m.registerOrder(tx.Order{OrderBody: body, Key: s.Signature.Key})
}

func (m *model) partyOperation(operation *tx.Operation) verdict {
	switch o := operation.Operation.(type) {
	case *tx.Operation_BringForward:
		return refuse(tx.NotFirstBlock)
	case *tx.Operation_BringForwardPage:
		return refuse(tx.PageNotExpected)
	case *tx.Operation_OpenAccount:
		return m.openAccount(o.OpenAccount)
	case *tx.Operation_AddKey:
		return m.addKey(o.AddKey)
	case *tx.Operation_RevokeKey:
		return m.revokeKey(o.RevokeKey)
	case *tx.Operation_SetParameter:
		return m.setParameter(o.SetParameter)
	case *tx.Operation_SetClock:
		return m.setClock(o.SetClock)
	case *tx.Operation_SetPolicy:
		return m.setPolicy(o.SetPolicy)
	case *tx.Operation_Prepare:
		return m.prepare(o.Prepare)
	case *tx.Operation_Approve:
		return m.approve(o.Approve)
	case *tx.Operation_WithdrawPrepared:
		return m.withdrawPrepared(o.WithdrawPrepared)
	case *tx.Operation_RecoverKeys:
		return m.recoverKeys(o.RecoverKeys)
	case *tx.Operation_ChangeAccount:
		return m.changeAccount(o.ChangeAccount)
	case *tx.Operation_RestrictAccount:
		return m.restrict(o.RestrictAccount)
	case *tx.Operation_TakeStateRoot:
		return m.takeRoot()
	case *tx.Operation_MergeAccounts:
		return m.merge(o.MergeAccounts)
	case *tx.Operation_CloseAccount:
		return m.closeAccount(o.CloseAccount)
	case *tx.Operation_SetValidator:
		return m.setValidator(o.SetValidator)
	case *tx.Operation_RemoveValidator:
		return m.removeValidator(o.RemoveValidator)
	case *tx.Operation_SetProtocolVersion:
		if o.SetProtocolVersion.Version != m.founding.ProtocolVersion+1 {
			return refuse(tx.VersionNotNewer, int64(m.founding.ProtocolVersion), int64(o.SetProtocolVersion.Version))
		}
		panic("the model knows one version")
	}
	return m.marketOperation(operation)
}

func (m *model) marketOperation(operation *tx.Operation) verdict {
	switch o := operation.Operation.(type) {
	case *tx.Operation_Deposit:
		return m.deposit(o.Deposit)
	case *tx.Operation_Withdraw:
		return m.withdraw(o.Withdraw)
	case *tx.Operation_OpenDay:
		return m.open1(o.OpenDay.Day)
	case *tx.Operation_CloseDay:
		return m.closeDay(o.CloseDay.Day)
	case *tx.Operation_RegisterOrder:
		return m.registerSigned(&o.RegisterOrder.Order)
	case *tx.Operation_WithdrawOrder:
		return m.withdrawOrder(o.WithdrawOrder)
	case *tx.Operation_RecordTrade:
		return m.recordTrade(o.RecordTrade)
	case *tx.Operation_AnnounceBidding:
		return m.announce(o.AnnounceBidding)
	case *tx.Operation_ConcludeBidding:
		return m.conclude(o.ConcludeBidding)
	case *tx.Operation_SuspendTrading:
		return m.suspend(o.SuspendTrading)
	case *tx.Operation_StateTotals:
		return m.stateTotals(o.StateTotals)
	case *tx.Operation_Reconcile:
		return m.reconcile(o.Reconcile)
	case *tx.Operation_MoveHolding:
		return m.moveHolding(o.MoveHolding)
	case *tx.Operation_Transfer:
		return m.transfer(o.Transfer)
	}
	return m.dutyOperation(operation)
}

func (m *model) dutyOperation(operation *tx.Operation) verdict {
	switch o := operation.Operation.(type) {
	case *tx.Operation_IssueAllowances:
		return m.issue(o.IssueAllowances)
	case *tx.Operation_RepayReceivable:
		return m.repay(o.RepayReceivable)
	case *tx.Operation_RecordVerification:
		return m.verify(o.RecordVerification)
	case *tx.Operation_RecordDeduction:
		return m.deduct(o.RecordDeduction)
	case *tx.Operation_SetObligation:
		return m.oblige(o.SetObligation)
	case *tx.Operation_CloseYear:
		return m.closeYear(o.CloseYear)
	case *tx.Operation_Surrender:
		s := o.Surrender
		return m.surrender(tx.SurrenderApplication, m.body.Party, s.Instrument, s.Tonnes, s.Year, s.Application)
	case *tx.Operation_SurrenderOnBehalf:
		s := o.SurrenderOnBehalf
		return m.surrender(tx.OnBehalfApplication, s.Beneficiary, s.Instrument, s.Tonnes, s.Year, s.Application)
	case *tx.Operation_DecideApplication:
		return m.decide(o.DecideApplication)
	case *tx.Operation_WithdrawApplication:
		return m.withdrawApplication(o.WithdrawApplication)
	case *tx.Operation_ForceSurrender:
		return m.force(o.ForceSurrender)
	case *tx.Operation_BookOffset:
		return m.offset(o.BookOffset)
	case *tx.Operation_CancelVoluntarily:
		return m.cancelVoluntarily(o.CancelVoluntarily)
	case *tx.Operation_ApplyCarryOver:
		return m.carryOver(o.ApplyCarryOver)
	}
	return m.lawOperation(operation)
}

func (m *model) lawOperation(operation *tx.Operation) verdict {
	switch o := operation.Operation.(type) {
	case *tx.Operation_RegisterReduction:
		return m.registerReduction(o.RegisterReduction)
	case *tx.Operation_TradeCCER:
		return m.tradeCCER(o.TradeCCER)
	case *tx.Operation_CancelCCER:
		return m.cancelCCER(o.CancelCCER)
	case *tx.Operation_TransferByLaw:
		return m.transferByLaw(o.TransferByLaw)
	case *tx.Operation_Freeze:
		return m.freeze(o.Freeze)
	case *tx.Operation_Unfreeze:
		return m.unfreeze(o.Unfreeze)
	case *tx.Operation_Pledge:
		return m.pledge(o.Pledge)
	case *tx.Operation_ReleasePledge:
		return m.releasePledge(o.ReleasePledge)
	}
	panic("the model does not know " + nameOf(operation))
}

func (m *model) prepare(o *tx.Prepare) verdict {
	if len(m.body.Operations) != 1 {
		return refuse(tx.NotAlone, 1, int64(len(m.body.Operations)))
	}
	if len(o.Operations) == 0 {
		return refuse(tx.NotPreparable)
	}
	for i := range o.Operations {
		r := m.rows[nameOf(&o.Operations[i])]
		switch {
		case !r.Preparable:
			return refuse(tx.NotPreparable)
		case r.Roles != nil && !slices.Contains(r.Roles, m.parties[m.body.Party].role):
			return refuse(tx.WrongRole)
		case !slices.ContainsFunc(m.own, func(k key) bool { return k.rights&r.Right != 0 }):
			return refuse(tx.MissingRight)
		}
	}
	if n := m.body.Size(); n > 50_000 {
		return refuse(tx.PreparedTooLarge, 50_000, int64(n))
	}
	days := m.whole("prepared.days", m.today())
	set(m, m.prepared, m.id, prepared{m.body.Party, o.Operations, slices.Clone(m.own), m.now + tx.Instant(days)*day, false})
	return fine
}

// acting are those keys that may act now.
func (m *model) acting(keys []key) (all []key) {
	for _, k := range keys {
		if now := m.owners[k.text]; !now.revoked && now.valid(m.now) {
			all = append(all, now)
		}
	}
	return all
}

// laidDown finds what is prepared.
func (m *model) laidDown(raw []byte) (id tx.ID, p prepared, v verdict) {
	copy(id[:], raw)
	p, known := m.prepared[id]
	switch {
	case !known || p.party != m.body.Party:
		return id, p, refuse(tx.UnknownPrepared)
	case p.done:
		return id, p, refuse(tx.PreparedDone)
	}
	return id, p, fine
}

func (m *model) approve(o *tx.Approve) verdict {
	id, p, v := m.laidDown(o.Prepared)
	switch {
	case v != fine:
		return v
	case m.now > p.lapses:
		return refuse(tx.PreparedLapsed)
	}
	// Keys that were revoked since, or are over, count no longer.
	signers := m.acting(p.signers)
	fresh := false
	p.signers = slices.Clone(p.signers)
	for _, k := range m.own {
		if k.rights&tx.RightApprove == 0 {
			continue
		}
		fresh = fresh || !slices.ContainsFunc(signers, func(s key) bool { return s.person == k.person })
		p.signers = append(p.signers, k)
	}
	if !fresh {
		return refuse(tx.SamePerson)
	}
	signers = m.acting(p.signers)
	for i := range p.operations {
		if m.signed(m.rows[nameOf(&p.operations[i])], signers) != fine {
			set(m, m.prepared, id, p)
			return fine
		}
	}
	p.done = true
	set(m, m.prepared, id, p)
	asking := m.own
	defer func() { m.own = asking }()
	m.own = signers
	for i := range p.operations {
		r := m.rows[nameOf(&p.operations[i])]
		if r.Roles != nil && !slices.Contains(r.Roles, m.parties[m.body.Party].role) {
			return refuse(tx.WrongRole)
		}
		if v := m.partyOperation(&p.operations[i]); v != fine {
			return v
		}
	}
	return fine
}

func (m *model) withdrawPrepared(o *tx.WithdrawPrepared) verdict {
	id, p, v := m.laidDown(o.Prepared)
	if v != fine {
		return v
	}
	p.done = true
	set(m, m.prepared, id, p)
	return fine
}

// takeRoot: requests lie some time apart, but those of one block.
func (m *model) takeRoot() verdict {
	next := m.rootTime + tx.Instant(m.whole("root.minutes", m.today()))*60*1000
	if m.rootHeight != 0 && m.rootHeight != m.height && m.now < next {
		return refuse(tx.RootTooSoon, int64(next), int64(m.now))
	}
	put(m, &m.rootTime, m.now)
	put(m, &m.rootHeight, m.height)
	return fine
}

func (m *model) lastVoter(name string) bool {
	for other, voter := range m.validators {
		if voter && other != name {
			return false
		}
	}
	return true
}

func (m *model) setValidator(o *tx.SetValidator) verdict {
	v := &o.Validator
	if v.Name == "" || len(v.NodeKey) != 32 || len(v.CosignKey) != 32 || len(v.IncarnationSha256) != 32 || bytes.Equal(v.NodeKey, v.CosignKey) {
		return refuse(tx.BadValidator)
	}
	if !v.Voter && m.lastVoter(v.Name) {
		return refuse(tx.LastVoter)
	}
	set(m, m.validators, v.Name, v.Voter)
	return fine
}

func (m *model) removeValidator(o *tx.RemoveValidator) verdict {
	if _, known := m.validators[o.Name]; !known {
		return refuse(tx.UnknownValidator)
	}
	if m.lastVoter(o.Name) {
		return refuse(tx.LastVoter)
	}
	without := map[string]bool{}
	for name, voter := range m.validators {
		if name != o.Name {
			without[name] = voter
		}
	}
	put(m, &m.validators, without)
	return fine
}
