package sim

import (
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"carbonledger/tx"
)

// duty is an entity's obligation of a year.
type duty struct{ due, surrendered, offset, submitted, forced int64 }

func (d duty) left() int64 { return d.due - d.surrendered - d.offset - d.submitted }

func (d duty) complete() bool { return d.surrendered+d.offset == d.due }

// yearly names what an entity has of a year.
type yearly struct {
	party string
	year  tx.Year
}

type allocation struct {
	pre, final                       bool
	preTonnes, finalTonnes, atRegion int64
}

// received is what a later final allocation counts.
func (a allocation) received() int64 {
	if a.final {
		return a.finalTonnes
	}
	return a.preTonnes
}

type application struct {
	kind                    tx.ApplicationKind
	instrument, beneficiary string
	tonnes                  int64
	year                    tx.Year
	decider                 string
	decided                 bool
}

// duties are allocation, obligations and applications.
type duties struct {
	allocations   map[of]allocation
	verifications map[yearly]int64
	deductions    map[yearly]int64 // by the year of the allocation
	obligations   map[yearly]duty
	closedYears   map[tx.Year]bool
	applications  map[of]application
	carried       map[string]int64
}

func newDuties() duties {
	return duties{
		allocations: map[of]allocation{}, verifications: map[yearly]int64{}, deductions: map[yearly]int64{}, obligations: map[yearly]duty{},
		closedYears: map[tx.Year]bool{}, applications: map[of]application{}, carried: map[string]int64{},
	}
}

var sectors = map[tx.Sector]string{tx.Power: "power", tx.Steel: "steel", tx.Cement: "cement", tx.Aluminium: "aluminium"}

func (m *model) issue(o *tx.IssueAllowances) verdict {
	_, known := m.vintage[o.Instrument]
	whose, atRegion := o.To, o.Beneficiary != ""
	if atRegion {
		whose = o.Beneficiary
	}
	e := m.parties[whose]
	switch {
	case !known:
		return refuse(tx.UnknownInstrument)
	case o.Stage == 0:
		return refuse(tx.BadStage)
	case o.Stage == tx.Adjustment && o.Tonnes == 0, o.Stage != tx.Adjustment && o.Tonnes <= 0:
		return refuse(tx.AmountNotPositive, 0, int64(o.Tonnes))
	case !document(o.Document):
		return refuse(tx.BadDocument)
	case len(o.TableSha256) != 32:
		return refuse(tx.BadTable)
	case !m.entity(whose), atRegion && !m.open(o.To, tx.RegionDepartment):
		return refuse(tx.UnknownCounterparty)
	case atRegion && e.region != o.To:
		return refuse(tx.NotOwnEntity)
	case !m.cosigned(e.region, agreeing):
		return refuse(tx.MissingCosignature)
	}
	at, year := of{whose, o.Instrument}, m.vintage[o.Instrument]
	a := m.allocations[at]
	verified := slices.Contains(strings.Fields(m.parameter("allocation.verified."+strconv.Itoa(int(year)), m.today())), sectors[e.sector])
	name := documentName(o.To, o.Instrument, o.Document)
	delta := int64(o.Tonnes)
	if o.Stage == tx.FinalAllocation {
		delta -= a.preTonnes + m.deductions[yearly{whose, year}]
	}
	emitted := m.verifications[yearly{whose, year}]
	switch {
	case o.Stage == tx.PreAllocation && (a.pre || a.final), o.Stage == tx.FinalAllocation && a.final:
		return refuse(tx.IssuedBefore)
	case o.Stage == tx.PreAllocation && (atRegion || verified):
		return refuse(tx.NoPreAllocation)
	case o.Stage == tx.FinalAllocation && verified && int64(o.Tonnes) != emitted:
		return refuse(tx.DiffersFromVerified, emitted, int64(o.Tonnes))
	case m.documents[name]:
		return refuse(tx.DocumentUsed)
	case delta > 0 && !fits(m.supply[o.Instrument].issued, delta):
		return refuse(tx.AmountOverflow)
	}
	set(m, m.documents, name, true)
	switch o.Stage {
	case tx.PreAllocation:
		a.pre, a.preTonnes = true, a.preTonnes+int64(o.Tonnes)
	case tx.FinalAllocation:
		a.final, a.finalTonnes = true, int64(o.Tonnes)
	}
	if delta >= 0 {
		m.give(o.To, o.Instrument, func(u *units) { u.registry += delta })
		m.count(o.Instrument, func(f *flows) { f.issued += delta })
		if atRegion {
			a.atRegion += delta
		}
	} else {
		took := m.clawBack(o.To, whose, o.Instrument, -delta, atRegion, a.atRegion)
		if atRegion {
			a.atRegion -= took
		}
	}
	set(m, m.allocations, at, a)
	return fine
}

// clawBack takes units back; what is missing becomes a receivable of the entity.
// From a region it takes what the region holds for the entity.
func (m *model) clawBack(from, entity, code string, n int64, atRegion bool, most int64) (took int64) {
	rest := n
	m.give(from, code, func(u *units) {
		for _, at := range []*int64{&u.registry, &u.trading} {
			t := min(*at, rest)
			if atRegion {
				t = min(t, most-took)
			}
			*at, rest, took = *at-t, rest-t, took+t
		}
	})
	m.count(code, func(f *flows) { f.clawedBack += took })
	if rest > 0 {
		set(m, m.receivable, of{entity, code}, m.receivable[of{entity, code}]+rest)
	}
	return took
}

func (m *model) goodYear(y tx.Year) bool { return y >= 2019 && y <= m.today().Year() }

func (m *model) verify(o *tx.RecordVerification) verdict {
	switch {
	case o.Tonnes <= 0:
		return positive(int64(o.Tonnes))
	case !m.goodYear(o.Year):
		return refuse(tx.BadYear)
	case !m.entity(o.Entity):
		return refuse(tx.UnknownCounterparty)
	case len(o.ReportSha256) != 32:
		return refuse(tx.BadTable)
	case m.closedYears[o.Year]:
		return refuse(tx.YearClosed)
	}
	set(m, m.verifications, yearly{o.Entity, o.Year}, int64(o.Tonnes))
	return fine
}

func (m *model) oblige(o *tx.SetObligation) verdict {
	at, n := yearly{o.Entity, o.Year}, int64(o.Tonnes)
	d := m.obligations[at]
	covered := d.surrendered + d.offset + d.submitted
	switch {
	case n <= 0:
		return positive(n)
	case !m.goodYear(o.Year):
		return refuse(tx.BadYear)
	case !m.entity(o.Entity):
		return refuse(tx.UnknownCounterparty)
	case m.parties[o.Entity].region != m.body.Party:
		return refuse(tx.NotOwnEntity)
	case m.closedYears[o.Year]:
		return refuse(tx.YearClosed)
	case m.verifications[at] != n:
		return refuse(tx.DiffersFromVerified, m.verifications[at], n)
	case covered > n:
		return refuse(tx.ObligationCovered, covered, n)
	case d.offset > m.shareOf("offset.share", n):
		return refuse(tx.OffsetOverLimit, m.shareOf("offset.share", n), d.offset)
	}
	sum := []int64{n}
	for k, other := range m.obligations {
		if k.year == o.Year && k != at {
			sum = append(sum, other.due)
		}
	}
	if !fits(sum...) {
		return refuse(tx.AmountOverflow)
	}
	d.due = n
	set(m, m.obligations, at, d)
	return fine
}

func (m *model) closeYear(o *tx.CloseYear) verdict {
	any, waiting := false, int64(0)
	for k, d := range m.obligations {
		if k.year == o.Year {
			any, waiting = true, waiting+d.submitted
		}
	}
	deadline := m.date("obligation.deadline."+strconv.Itoa(int(o.Year)), m.today())
	switch {
	case !any:
		return refuse(tx.BadYear)
	case m.closedYears[o.Year]:
		return refuse(tx.YearClosed)
	case waiting > 0:
		return refuse(tx.OpenBusiness)
	case deadline == 0 || m.today() <= deadline:
		return refuse(tx.DeadlineNotPassed, int64(deadline), int64(m.today()))
	}
	set(m, m.closedYears, o.Year, true)
	return fine
}

func (m *model) deduct(o *tx.RecordDeduction) verdict {
	d, known := m.obligations[yearly{o.Entity, o.Year}]
	next := yearly{o.Entity, o.Year + 1}
	_, recorded := m.deductions[next]
	issued := false
	for code, year := range m.vintage {
		issued = issued || year == o.Year+1 && m.allocations[of{o.Entity, code}].final
	}
	switch {
	case !document(o.Document):
		return refuse(tx.BadDocument)
	case !m.entity(o.Entity):
		return refuse(tx.UnknownCounterparty)
	case m.parties[o.Entity].region != m.body.Party:
		return refuse(tx.NotOwnEntity)
	case !known:
		return refuse(tx.NoObligation)
	case !m.closedYears[o.Year]:
		return refuse(tx.YearNotClosed)
	case d.complete():
		return refuse(tx.NothingDue)
	case recorded:
		return refuse(tx.AlreadyRecorded)
	case issued:
		return refuse(tx.IssuedBefore)
	}
	set(m, m.deductions, next, d.due-d.surrendered-d.offset)
	return fine
}

// applies checks what all applications share.
func (m *model) applies(number string) verdict {
	good := number != "" && len(number) <= 32
	for _, c := range []byte(number) {
		good = good && c > ' ' && c < 0x7f
	}
	if !good {
		return refuse(tx.BadApplication)
	}
	if _, used := m.applications[of{m.body.Party, number}]; used {
		return refuse(tx.ApplicationExists)
	}
	return fine
}

// submit makes units pending.
func (m *model) submit(number string, a application) verdict {
	have := m.units[of{m.body.Party, a.instrument}].registry
	if have < a.tonnes {
		return refuse(tx.InsufficientHolding, have, a.tonnes)
	}
	m.give(m.body.Party, a.instrument, func(u *units) { u.registry, u.pending = u.registry-a.tonnes, u.pending+a.tonnes })
	set(m, m.applications, of{m.body.Party, number}, a)
	m.due(a, func(d *duty) { d.submitted += a.tonnes })
	if a.kind == tx.CarryOverApplication {
		set(m, m.carried, m.body.Party, m.carried[m.body.Party]+a.tonnes)
	}
	return fine
}

// due changes the obligation that an application is for.
func (m *model) due(a application, change func(*duty)) {
	if a.year == 0 {
		return
	}
	d := m.obligations[yearly{a.beneficiary, a.year}]
	change(&d)
	set(m, m.obligations, yearly{a.beneficiary, a.year}, d)
}

// free says whether units may leave but for the holder's own obligation.
func (m *model) leaves() verdict {
	if m.parties[m.body.Party].restriction == tx.NoUse {
		return refuse(tx.AccountRestricted)
	}
	if m.owes(m.body.Party) {
		return refuse(tx.ReceivableOutstanding)
	}
	return fine
}

func (m *model) surrender(kind tx.ApplicationKind, entity, code string, tonnes tx.Tonnes, year tx.Year, number string) verdict {
	if v := m.amount(code, tonnes); v != fine {
		return v
	}
	if v := m.applies(number); v != fine {
		return v
	}
	if kind == tx.OnBehalfApplication {
		if entity == m.body.Party {
			return refuse(tx.SameParty)
		}
		if !m.entity(entity) {
			return refuse(tx.UnknownCounterparty)
		}
		if v := m.leaves(); v != fine {
			return v
		}
	}
	d, known := m.obligations[yearly{entity, year}]
	switch {
	case !known:
		return refuse(tx.NoObligation)
	case m.closedYears[year]:
		return refuse(tx.YearClosed)
	case m.vintage[code] > year:
		return refuse(tx.VintageNotUsable, int64(m.vintage[code]), int64(year))
	case d.left() < int64(tonnes):
		return refuse(tx.SurrenderOverDue, d.left(), int64(tonnes))
	}
	return m.submit(number, application{kind: kind, instrument: code, beneficiary: entity, tonnes: int64(tonnes), year: year, decider: m.parties[entity].region})
}

func (m *model) cancelVoluntarily(o *tx.CancelVoluntarily) verdict {
	if v := m.amount(o.Instrument, o.Tonnes); v != fine {
		return v
	}
	if o.Purpose == "" || utf8.RuneCountInString(o.Purpose) > 200 {
		return refuse(tx.BadPurpose)
	}
	if v := m.applies(o.Application); v != fine {
		return v
	}
	if v := m.leaves(); v != fine {
		return v
	}
	return m.submit(o.Application, application{kind: tx.CancellationApplication, instrument: o.Instrument, tonnes: int64(o.Tonnes)})
}

func (m *model) carryOver(o *tx.ApplyCarryOver) verdict {
	today, me := m.today(), m.body.Party
	year := tx.Year(m.whole("carryover.year", today))
	target := m.target(year)
	switch {
	case today < m.date("carryover.from", today) || today.Year() <= year || target == "":
		return refuse(tx.CarryOverNotOpen)
	case today > m.date("carryover.until", today):
		return refuse(tx.CarryOverTooLate)
	}
	if v := m.amount(o.Instrument, o.Tonnes); v != fine {
		return v
	}
	if m.vintage[o.Instrument] >= year {
		return refuse(tx.VintageNotCarried)
	}
	if v := m.applies(o.Application); v != fine {
		return v
	}
	if v := m.leaves(); v != fine {
		return v
	}
	if left := m.mayCarry(me, year) - m.carried[me]; left < int64(o.Tonnes) {
		return refuse(tx.CarryOverOverMaximum, left, int64(o.Tonnes))
	}
	return m.submit(o.Application, application{kind: tx.CarryOverApplication, instrument: o.Instrument, tonnes: int64(o.Tonnes)})
}

// target is the instrument that old vintages are exchanged for.
func (m *model) target(year tx.Year) string {
	for _, code := range m.instruments {
		if m.vintage[code] == year {
			return code
		}
	}
	return ""
}

// mayCarry is the most that a party may carry over in sum.
func (m *model) mayCarry(party string, year tx.Year) int64 {
	today := m.today()
	sales, held := int64(0), int64(0)
	end, ended := m.yearEnds[year]
	for _, code := range m.instruments {
		if m.vintage[code] >= year {
			continue
		}
		for y := tx.Year(m.whole("carryover.sales.since", today)); y <= year; y++ {
			sales += m.sales[y][of{party, code}]
		}
		if ended {
			held += end[of{party, code}]
		}
	}
	n, d := m.share("carryover.rate", today)
	more := new(big.Int).Mul(big.NewInt(max(0, sales)), big.NewInt(n))
	return min(m.whole("carryover.base", today)+more.Div(more, big.NewInt(d)).Int64(), held)
}

func (m *model) decide(o *tx.DecideApplication) verdict {
	name := of{o.Applicant, o.Application}
	a, known := m.applications[name]
	decides := a.decider == m.body.Party || a.decider == "" && m.parties[m.body.Party].role == tx.Registry
	target := m.target(tx.Year(m.whole("carryover.year", m.today())))
	switch {
	case !known:
		return refuse(tx.UnknownApplication)
	case a.decided:
		return refuse(tx.ApplicationDecided)
	case !decides:
		return refuse(tx.NotDecider)
	case !o.Approved:
		m.goesBack(name, a)
		return fine
	case a.kind == tx.CarryOverApplication && !fits(m.supply[target].issued, a.tonnes):
		return refuse(tx.AmountOverflow)
	}
	m.give(o.Applicant, a.instrument, func(u *units) { u.pending -= a.tonnes })
	a.decided = true
	set(m, m.applications, name, a)
	switch a.kind {
	case tx.CancellationApplication:
		m.count(a.instrument, func(f *flows) { f.cancelled += a.tonnes })
	case tx.CarryOverApplication:
		m.count(a.instrument, func(f *flows) { f.carriedOver += a.tonnes })
		m.count(target, func(f *flows) { f.issued += a.tonnes })
		m.give(o.Applicant, target, func(u *units) { u.registry += a.tonnes })
	default:
		m.count(a.instrument, func(f *flows) { f.surrendered += a.tonnes })
		m.due(a, func(d *duty) { d.submitted, d.surrendered = d.submitted-a.tonnes, d.surrendered+a.tonnes })
	}
	return fine
}

// goesBack ends an application that changes nothing.
func (m *model) goesBack(name of, a application) {
	m.give(name.party, a.instrument, func(u *units) { u.pending, u.registry = u.pending-a.tonnes, u.registry+a.tonnes })
	m.due(a, func(d *duty) { d.submitted -= a.tonnes })
	if a.kind == tx.CarryOverApplication {
		set(m, m.carried, name.party, m.carried[name.party]-a.tonnes)
	}
	a.decided = true
	set(m, m.applications, name, a)
}

func (m *model) withdrawApplication(o *tx.WithdrawApplication) verdict {
	name := of{m.body.Party, o.Application}
	a, known := m.applications[name]
	if !known {
		return refuse(tx.UnknownApplication)
	}
	if a.decided {
		return refuse(tx.ApplicationDecided)
	}
	m.goesBack(name, a)
	return fine
}
