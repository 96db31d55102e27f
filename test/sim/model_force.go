package sim

import (
	"maps"
	"slices"

	"carbonledger/tx"
)

// usable are the instruments for a year in the order of forced.order.
func (m *model) usable(year tx.Year) []string {
	codes := slices.DeleteFunc(slices.Clone(m.instruments), func(code string) bool { return m.vintage[code] > year })
	slices.SortFunc(codes, func(a, b string) int { return int(m.vintage[a]) - int(m.vintage[b]) })
	if m.parameter("forced.order", m.today()) == "current-first" {
		slices.Reverse(codes)
	}
	return codes
}

func (m *model) force(o *tx.ForceSurrender) verdict {
	region := m.parties[o.Entity].region
	d, known := m.obligations[yearly{o.Entity, o.Year}]
	want := d.due - d.surrendered - d.offset
	switch {
	case !document(o.Document):
		return refuse(tx.BadDocument)
	case !m.entity(o.Entity):
		return refuse(tx.UnknownCounterparty)
	case !m.cosigned(region, agreeing):
		return refuse(tx.MissingCosignature)
	case !known:
		return refuse(tx.NoObligation)
	case m.closedYears[o.Year]:
		return refuse(tx.YearClosed)
	case d.submitted > 0:
		return refuse(tx.OpenBusiness)
	case want == 0:
		return refuse(tx.NothingDue)
	}
	left := want
	take := func(code string, have int64) int64 {
		n := min(have, left)
		left -= n
		m.count(code, func(f *flows) { f.surrendered += n })
		return n
	}
	codes := m.usable(o.Year)
	for _, code := range codes {
		a := m.allocations[of{o.Entity, code}]
		if n := take(code, a.atRegion); n > 0 {
			a.atRegion -= n
			set(m, m.allocations, of{o.Entity, code}, a)
			m.give(region, code, func(u *units) { u.registry -= n })
		}
	}
	for _, code := range codes {
		n := take(code, m.units[of{o.Entity, code}].registry)
		m.give(o.Entity, code, func(u *units) { u.registry -= n })
	}
	for _, code := range codes {
		n := take(code, m.units[of{o.Entity, code}].trading)
		m.give(o.Entity, code, func(u *units) { u.trading -= n })
	}
	if left == want {
		return refuse(tx.InsufficientHolding, 0, want)
	}
	d.surrendered, d.forced = d.surrendered+want-left, d.forced+want-left
	set(m, m.obligations, yearly{o.Entity, o.Year}, d)
	if !d.complete() {
		return fine
	}
	for _, code := range m.instruments {
		a := m.allocations[of{o.Entity, code}]
		n := a.atRegion
		a.atRegion = 0
		set(m, m.allocations, of{o.Entity, code}, a)
		m.give(region, code, func(u *units) { u.registry -= n })
		m.give(o.Entity, code, func(u *units) { u.registry += n })
	}
	return fine
}

func (m *model) merge(o *tx.MergeAccounts) verdict {
	switch {
	case !document(o.Document):
		return refuse(tx.BadDocument)
	case o.From == o.To:
		return refuse(tx.SameParty)
	case !m.entity(o.From) || !m.entity(o.To):
		return refuse(tx.UnknownCounterparty)
	case !m.cosigned(m.parties[o.From].region, agreeing):
		return refuse(tx.MissingCosignature)
	case m.busy(o.From):
		return refuse(tx.OpenBusiness)
	}
	for _, code := range m.instruments {
		from, to := of{o.From, code}, of{o.To, code}
		u := m.units[from]
		m.give(o.From, code, func(u *units) { *u = units{} })
		m.give(o.To, code, func(v *units) { v.registry, v.trading = v.registry+u.registry, v.trading+u.trading })
		set(m, m.receivable, to, m.receivable[to]+m.receivable[from])
		set(m, m.receivable, from, 0)
		for _, end := range m.yearEnds {
			set(m, end, to, end[to]+end[from])
			set(m, end, from, 0)
		}
		for _, sales := range m.sales {
			set(m, sales, to, sales[to]+sales[from])
			set(m, sales, from, 0)
		}
		m.mergeAllocation(from, to)
	}
	cash := m.money[o.From].balance
	m.pay(o.From, func(p *purse) { *p = purse{} })
	m.pay(o.To, func(p *purse) { p.balance += cash })
	for _, at := range slices.SortedFunc(maps.Keys(m.obligations), func(a, b yearly) int { return int(a.year) - int(b.year) }) {
		if at.party != o.From || m.closedYears[at.year] {
			continue
		}
		a, b := m.obligations[at], m.obligations[yearly{o.To, at.year}]
		set(m, m.obligations, yearly{o.To, at.year}, duty{a.due + b.due, a.surrendered + b.surrendered, a.offset + b.offset, b.submitted, a.forced + b.forced})
		set(m, m.obligations, at, duty{})
	}
	set(m, m.carried, o.To, m.carried[o.To]+m.carried[o.From])
	set(m, m.carried, o.From, 0)
	m.ends(o.From)
	gone := m.parties[o.From]
	gone.successor = o.To
	set(m, m.parties, o.From, gone)
	return fine
}

// mergeAllocation: where one of the two waits for its final allocation, the final
// one is that of both, and what the other received counts as received before it.
func (m *model) mergeAllocation(from, to of) {
	a, b := m.allocations[from], m.allocations[to]
	year := m.vintage[from.what]
	at, toAt := yearly{from.party, year}, yearly{to.party, year}
	open, toOpen := m.deductions[at], m.deductions[toAt]
	_, has := m.deductions[at]
	_, toHas := m.deductions[toAt]
	merged := allocation{pre: a.pre || b.pre || a.final || b.final, preTonnes: a.received() + b.received(), atRegion: b.atRegion}
	switch {
	case !a.pre && !a.final && !has:
		return
	case a.final && b.final:
		merged = allocation{a.pre || b.pre, true, a.preTonnes + b.preTonnes, a.finalTonnes + b.finalTonnes, b.atRegion}
	case has || toHas:
		if a.final {
			open = 0
		}
		if b.final {
			toOpen = 0
		}
		set(m, m.deductions, toAt, open+toOpen)
		set(m, m.deductions, at, 0)
	}
	set(m, m.allocations, to, merged)
	set(m, m.allocations, from, allocation{})
}

// successor is who goes on for a party.
func (m *model) successor(id string) string {
	for m.parties[id].successor != "" {
		id = m.parties[id].successor
	}
	return id
}

// ends closes an account for ever.
func (m *model) ends(id string) {
	p := m.parties[id]
	m.revokeAll(p)
	p.closed = true
	set(m, m.parties, id, p)
}

// busy says what stands against a merger: what waits for somebody else.
func (m *model) busy(id string) bool {
	for _, code := range m.instruments {
		u := m.units[of{id, code}]
		if u.locked+u.pending+u.pledged+u.frozen+m.allocations[of{id, code}].atRegion > 0 {
			return true
		}
	}
	for at, d := range m.obligations {
		if at.party == id && d.submitted > 0 {
			return true
		}
	}
	return m.money[id].locked+m.money[id].proceeds > 0 || m.reductions(id) > 0
}

func (m *model) reductions(id string) (sum int64) {
	for at, n := range m.ccer {
		if at.party == id {
			sum += n
		}
	}
	return sum
}

func (m *model) closeAccount(o *tx.CloseAccount) verdict {
	p := m.parties[o.Party]
	switch {
	case !document(o.Document):
		return refuse(tx.BadDocument)
	case p.role == 0 || p.closed || slices.Contains([]tx.Role{tx.Ministry, tx.Registry, tx.Timekeeper}, p.role):
		return refuse(tx.UnknownCounterparty)
	}
	has := m.busy(p.id) || m.money[p.id].balance > 0
	for _, code := range m.instruments {
		has = has || m.units[of{p.id, code}].all() > 0 || m.receivable[of{p.id, code}] > 0
	}
	for at, d := range m.obligations {
		has = has || at.party == p.id && !m.closedYears[at.year] && !d.complete()
	}
	for _, pledge := range m.pledges {
		has = has || !pledge.released && m.successor(pledge.pledgee) == p.id
	}
	for _, freeze := range m.freezes {
		has = has || freeze.tonnes > 0 && freeze.court == p.id
	}
	if has {
		return refuse(tx.OpenBusiness)
	}
	m.ends(p.id)
	return fine
}
