package sim

import (
	"math/big"
	"slices"
	"unicode/utf8"

	"carbonledger/tx"
)

type freeze struct {
	party, instrument, court string
	tonnes                   int64
}

type pledge struct {
	pledgor, pledgee, instrument string
	tonnes                       int64
	released                     bool
}

type moved struct {
	id             tx.ID
	from, to, what string
}

type batch struct{ old bool }

type cancellation struct {
	owner  string
	old    bool
	tonnes int64
	kind   tx.CancellationKind
	booked bool
}

// law is what the law knows beside trades and duties: freezes, pledges,
// transfers, and CCER.
type law struct {
	freezes       map[string]freeze
	pledges       map[string]pledge
	moves         map[moved]int64
	batches       map[string]batch
	registered    int64
	ccer          map[of]int64
	cancellations map[string]cancellation
}

func newLaw() law {
	return law{
		freezes: map[string]freeze{}, pledges: map[string]pledge{}, moves: map[moved]int64{}, batches: map[string]batch{},
		ccer: map[of]int64{}, cancellations: map[string]cancellation{},
	}
}

// owes says that a party has units that were issued in excess.
func (m *model) owes(party string) bool {
	for _, code := range m.instruments {
		if m.receivable[of{party, code}] > 0 {
			return true
		}
	}
	return false
}

func (m *model) transfer(o *tx.Transfer) verdict {
	if !m.founding.FreeTransfers {
		return refuse(tx.TransfersNotFree)
	}
	if v := m.amount(o.Instrument, o.Tonnes); v != fine {
		return v
	}
	have := m.units[of{m.body.Party, o.Instrument}].registry
	switch {
	case o.To == m.body.Party:
		return refuse(tx.SameParty)
	case !m.entity(o.To):
		return refuse(tx.UnknownCounterparty)
	case have < int64(o.Tonnes):
		return refuse(tx.InsufficientHolding, have, int64(o.Tonnes))
	}
	m.give(m.body.Party, o.Instrument, func(u *units) { u.registry -= int64(o.Tonnes) })
	m.give(o.To, o.Instrument, func(u *units) { u.registry += int64(o.Tonnes) })
	return fine
}

func (m *model) moveHolding(o *tx.MoveHolding) verdict {
	if v := m.amount(o.Instrument, o.Tonnes); v != fine {
		return v
	}
	u, n := m.units[of{m.body.Party, o.Instrument}], int64(o.Tonnes)
	have := u.registry
	if o.To == tx.RegistryAvailable {
		have, n = u.trading, -n
	}
	switch {
	case o.To == 0:
		return refuse(tx.BadSubBalance)
	case m.parties[m.body.Party].restriction == tx.NoUse:
		return refuse(tx.AccountRestricted)
	case have < int64(o.Tonnes):
		return refuse(tx.InsufficientHolding, have, int64(o.Tonnes))
	}
	m.give(m.body.Party, o.Instrument, func(u *units) { u.registry, u.trading = u.registry-n, u.trading+n })
	return fine
}

func (m *model) repay(o *tx.RepayReceivable) verdict {
	if v := m.amount(o.Instrument, o.Tonnes); v != fine {
		return v
	}
	at := of{m.body.Party, o.Instrument}
	owed, have, n := m.receivable[at], m.units[at].registry, int64(o.Tonnes)
	switch {
	case owed < n:
		return refuse(tx.RepayOverReceivable, owed, n)
	case have < n:
		return refuse(tx.InsufficientHolding, have, n)
	}
	m.give(at.party, at.what, func(u *units) { u.registry -= n })
	m.count(at.what, func(f *flows) { f.clawedBack += n })
	set(m, m.receivable, at, owed-n)
	return fine
}

func (m *model) freeze(o *tx.Freeze) verdict {
	if v := m.amount(o.Instrument, o.Tonnes); v != fine {
		return v
	}
	u, n := m.units[of{o.Party, o.Instrument}], int64(o.Tonnes)
	_, used := m.freezes[o.Document]
	switch have := u.registry + u.trading + u.locked; {
	case !document(o.Document):
		return refuse(tx.BadDocument)
	case !m.trader(o.Party):
		return refuse(tx.UnknownCounterparty)
	case used:
		return refuse(tx.DocumentUsed)
	case have < n:
		return refuse(tx.InsufficientHolding, have, n)
	}
	m.give(o.Party, o.Instrument, func(u *units) {
		u.frozen += n
		for _, from := range []*int64{&u.registry, &u.trading, &u.locked} {
			took := min(*from, n)
			*from, n = *from-took, n-took
		}
	})
	set(m, m.freezes, o.Document, freeze{o.Party, o.Instrument, m.body.Party, int64(o.Tonnes)})
	return fine
}

func (m *model) unfreeze(o *tx.Unfreeze) verdict {
	f, known := m.freezes[o.Freeze]
	if !known || f.court != m.body.Party {
		return refuse(tx.UnknownFreeze)
	}
	if v := positive(int64(o.Tonnes)); v != fine {
		return v
	}
	n := int64(o.Tonnes)
	if f.tonnes < n {
		return refuse(tx.InsufficientHolding, f.tonnes, n)
	}
	m.give(f.party, f.instrument, func(u *units) { u.frozen, u.registry = u.frozen-n, u.registry+n })
	f.tonnes -= n
	set(m, m.freezes, o.Freeze, f)
	return fine
}

func (m *model) pledge(o *tx.Pledge) verdict {
	if v := m.amount(o.Instrument, o.Tonnes); v != fine {
		return v
	}
	me, n := m.parties[m.body.Party], int64(o.Tonnes)
	_, used := m.pledges[o.Registration]
	switch {
	case !document(o.Registration):
		return refuse(tx.BadDocument)
	case utf8.RuneCountInString(o.Condition) > 200:
		return refuse(tx.BadPurpose)
	case o.Pledgee == me.id:
		return refuse(tx.SameParty)
	case !m.open(o.Pledgee, tx.SettlementBank, tx.KeyEmittingEntity, tx.OtherInstitution):
		return refuse(tx.UnknownCounterparty)
	case used:
		return refuse(tx.DocumentUsed)
	case me.restriction == tx.NoUse:
		return refuse(tx.AccountRestricted)
	case m.owes(me.id):
		return refuse(tx.ReceivableOutstanding)
	}
	if m.parameter("pledge.duty", m.today()) == "duty" {
		available, due := int64(0), int64(0)
		for _, code := range m.instruments {
			u := m.units[of{me.id, code}]
			available += u.registry + u.trading
		}
		for k, d := range m.obligations {
			if k.party == me.id && !m.closedYears[k.year] {
				due += d.left()
			}
		}
		if available-n < due {
			return refuse(tx.DutyFirst, max(0, available-due), n)
		}
	}
	have := m.units[of{me.id, o.Instrument}].registry
	if have < n {
		return refuse(tx.InsufficientHolding, have, n)
	}
	m.give(me.id, o.Instrument, func(u *units) { u.registry, u.pledged = u.registry-n, u.pledged+n })
	set(m, m.pledges, o.Registration, pledge{pledgor: me.id, pledgee: o.Pledgee, instrument: o.Instrument, tonnes: n})
	return fine
}

func (m *model) releasePledge(o *tx.ReleasePledge) verdict {
	p, known := m.pledges[o.Registration]
	if !known || p.released {
		return refuse(tx.UnknownPledge)
	}
	if m.successor(p.pledgee) != m.body.Party {
		return refuse(tx.NotPledgee)
	}
	m.give(p.pledgor, p.instrument, func(u *units) { u.registry, u.pledged = u.registry+p.tonnes, u.pledged-p.tonnes })
	p.released = true
	set(m, m.pledges, o.Registration, p)
	return fine
}

// mayMove checks whom a transfer by law is between.
func (m *model) mayMove(o *tx.TransferByLaw) verdict {
	from := m.parties[o.From]
	region := from.region
	switch {
	case o.From == o.To:
		return refuse(tx.SameParty)
	case o.Kind == tx.Release && (!m.open(o.From, tx.RegionDepartment) || !m.entity(o.To)):
		return refuse(tx.UnknownCounterparty)
	case o.Kind != tx.Release && (!m.trader(o.From) || !m.trader(o.To)):
		return refuse(tx.UnknownCounterparty)
	case o.Kind == tx.Release && m.parties[o.To].region != o.From:
		return refuse(tx.NotOwnEntity)
	case o.Kind == tx.Release:
		region = o.From
	}
	if o.Kind == tx.Judicial {
		f, known := m.freezes[o.Freeze]
		if !known || f.party != o.From || f.instrument != o.Instrument {
			return refuse(tx.UnknownFreeze)
		}
		region = f.court
	}
	if slices.Contains([]tx.TransferKind{tx.Judicial, tx.Release, tx.Division}, o.Kind) && !m.cosigned(region, agreeing) {
		return refuse(tx.MissingCosignature)
	}
	return fine
}

func (m *model) transferByLaw(o *tx.TransferByLaw) verdict {
	if o.Kind == 0 {
		return refuse(tx.BadTransferKind)
	}
	if v := m.amount(o.Instrument, o.Tonnes); v != fine {
		return v
	}
	if !document(o.Document) {
		return refuse(tx.BadDocument)
	}
	if v := m.mayMove(o); v != fine {
		return v
	}
	n, corrected := int64(o.Tonnes), moved{from: o.To, to: o.From, what: o.Instrument}
	copy(corrected.id[:], o.Corrects)
	if o.Kind == tx.Correction && m.moves[corrected] < n {
		return refuse(tx.UnknownTransfer)
	}
	name := documentName(o.To, o.Instrument, o.Document)
	if m.documents[name] {
		return refuse(tx.DocumentUsed)
	}
	have := m.units[of{o.From, o.Instrument}].registry
	held := m.allocations[of{o.To, o.Instrument}]
	f := m.freezes[o.Freeze]
	switch o.Kind {
	case tx.Release:
		have = held.atRegion
	case tx.Judicial:
		have = f.tonnes
	}
	if have < n {
		return refuse(tx.InsufficientHolding, have, n)
	}
	set(m, m.documents, name, true)
	switch o.Kind {
	case tx.Judicial:
		f.tonnes -= n
		set(m, m.freezes, o.Freeze, f)
		m.give(o.From, o.Instrument, func(u *units) { u.frozen, u.registry = u.frozen-n, u.registry+n })
	case tx.Release:
		held.atRegion -= n
		set(m, m.allocations, of{o.To, o.Instrument}, held)
	case tx.Correction:
		set(m, m.moves, corrected, m.moves[corrected]-n)
	}
	m.give(o.From, o.Instrument, func(u *units) { u.registry -= n })
	m.give(o.To, o.Instrument, func(u *units) { u.registry += n })
	made := moved{m.id, o.From, o.To, o.Instrument}
	set(m, m.moves, made, m.moves[made]+n)
	return fine
}

func documentName(to, code, document string) string { return to + "\x00" + code + "\x00" + document }

func (m *model) registerReduction(o *tx.RegisterReduction) verdict {
	_, known := m.batches[o.Batch]
	switch {
	case o.Batch == "" || len(o.Batch) > 24 || o.Project == "" || utf8.RuneCountInString(o.Project) > 64:
		return refuse(tx.BadBatch)
	case known:
		return refuse(tx.BatchExists)
	case o.Tonnes <= 0:
		return positive(int64(o.Tonnes))
	case !document(o.Document):
		return refuse(tx.BadDocument)
	case !m.trader(o.To):
		return refuse(tx.UnknownCounterparty)
	case !fits(m.registered, int64(o.Tonnes)):
		return refuse(tx.AmountOverflow)
	}
	put(m, &m.registered, m.registered+int64(o.Tonnes))
	set(m, m.batches, o.Batch, batch{o.Old})
	set(m, m.ccer, of{o.To, o.Batch}, int64(o.Tonnes))
	return fine
}

func (m *model) tradeCCER(o *tx.TradeCCER) verdict {
	if _, known := m.batches[o.Batch]; !known {
		return refuse(tx.UnknownBatch)
	}
	for _, n := range []int64{int64(o.Tonnes), int64(o.Price)} {
		if v := positive(n); v != fine {
			return v
		}
	}
	have := m.ccer[of{o.Seller, o.Batch}]
	switch {
	case o.Seller == o.Buyer:
		return refuse(tx.SameParty)
	case !m.trader(o.Seller) || !m.trader(o.Buyer):
		return refuse(tx.NotTrader)
	case !m.cosigned(o.Seller, tx.RightTrade) || !m.cosigned(o.Buyer, tx.RightTrade):
		return refuse(tx.MissingCosignature)
	case m.parties[o.Seller].restriction >= tx.NoTrading || m.parties[o.Buyer].restriction >= tx.NoTrading:
		return refuse(tx.AccountRestricted)
	case have < int64(o.Tonnes):
		return refuse(tx.InsufficientHolding, have, int64(o.Tonnes))
	}
	set(m, m.ccer, of{o.Seller, o.Batch}, have-int64(o.Tonnes))
	set(m, m.ccer, of{o.Buyer, o.Batch}, m.ccer[of{o.Buyer, o.Batch}]+int64(o.Tonnes))
	return fine
}

func (m *model) cancelCCER(o *tx.CancelCCER) verdict {
	b, known := m.batches[o.Batch]
	_, used := m.cancellations[o.Cancellation]
	have := m.ccer[of{m.body.Party, o.Batch}]
	switch {
	case !known:
		return refuse(tx.UnknownBatch)
	case o.Tonnes <= 0:
		return positive(int64(o.Tonnes))
	case o.Kind == 0 || !document(o.Cancellation):
		return refuse(tx.BadCancellation)
	case used:
		return refuse(tx.CancellationUsed)
	case have < int64(o.Tonnes):
		return refuse(tx.InsufficientHolding, have, int64(o.Tonnes))
	}
	set(m, m.ccer, of{m.body.Party, o.Batch}, have-int64(o.Tonnes))
	set(m, m.cancellations, o.Cancellation, cancellation{owner: m.body.Party, old: b.old, tonnes: int64(o.Tonnes), kind: o.Kind})
	return fine
}

// shareOf is floor(share × n).
func (m *model) shareOf(name string, n int64) int64 {
	a, b := m.share(name, m.today())
	x := new(big.Int).Mul(big.NewInt(n), big.NewInt(a))
	return x.Div(x, big.NewInt(b)).Int64()
}
