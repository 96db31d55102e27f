package sim

import (
	"fmt"
	"strconv"
	"strings"

	"carbonledger/tx"
)

var dutyKinds = []kind{
	{16, (*workload).issue, false}, {4, (*workload).repay, false}, {8, (*workload).verifies, false}, {9, (*workload).oblige, false}, {3, (*workload).closeYear, false}, {3, (*workload).deduct, false},
	{14, (*workload).surrender, false}, {8, (*workload).onBehalf, false}, {12, (*workload).decide, false}, {5, (*workload).withdrawApplication, false}, {5, (*workload).force, false},
	{6, (*workload).offset, false}, {6, (*workload).cancelVoluntarily, false}, {8, (*workload).carryOver, false},
}

func (w *workload) year() tx.Year {
	if w.some(4) {
		return pick(w, tx.Year(2018), w.m.today().Year()+1)
	}
	return pick(w, w.m.today().Year()-2, w.m.today().Year()-1, w.m.today().Year(), 2023, 2024)
}

func (w *workload) issue() request {
	e, code := w.entity(), w.code()
	region := w.m.parties[e].region
	o := &tx.IssueAllowances{
		To: e, Instrument: code, Tonnes: w.tonnes(60_000), Document: w.document("allocation"), Stage: pick(w, tx.PreAllocation, tx.FinalAllocation, tx.Adjustment),
		TableSha256: w.table(),
	}
	if o.Stage != tx.PreAllocation && w.some(25) || w.some(3) {
		o.To, o.Beneficiary = region, e
	}
	if v := w.m.verifications[yearly{e, w.m.vintage[code]}]; v != 0 && w.some(50) {
		o.Tonnes = tx.Tonnes(v)
	}
	if o.Stage == tx.Adjustment && w.some(30) {
		o.Tonnes = -o.Tonnes
		if w.some(10) {
			o.Tonnes *= 100
		}
	}
	switch w.r.IntN(40) {
	case 0:
		o.Stage = 0
	case 1:
		o.To, o.Beneficiary = "hunan", e
	case 2:
		o.To = w.holder()
	case 3:
		o.Tonnes = 1<<63 - 1
	case 4:
		region = pick(w, "hubei", "hunan")
	}
	if region == "" {
		region = "hubei"
	}
	return ask("registry", o).and(region)
}

func (w *workload) repay() request {
	for at, n := range w.owing() {
		return ask(at.party, &tx.RepayReceivable{Instrument: at.what, Tonnes: w.upTo(min(n, 2*w.m.units[at].registry))})
	}
	return ask(w.entity(), &tx.RepayReceivable{Instrument: w.code(), Tonnes: w.tonnes(10)})
}

// owing is one holder's receivable, if somebody has one.
func (w *workload) owing() map[of]int64 {
	for _, e := range w.names["entity"] {
		for _, code := range w.m.instruments {
			if n := w.m.receivable[of{e, code}]; n > 0 && w.some(50) {
				return map[of]int64{{e, code}: n}
			}
		}
	}
	return nil
}

func (w *workload) verifies() request {
	return ask("verifier", &tx.RecordVerification{Entity: w.holder(), Year: w.year(), Tonnes: w.tonnes(pick(w, int64(2000), 40_000)), ReportSha256: w.table()})
}

// regionOf an entity, or another one.
func (w *workload) regionOf(e string) string {
	if r := w.m.parties[e].region; r != "" && !w.some(4) {
		return r
	}
	return "hubei"
}

func (w *workload) oblige() request {
	e, y := w.entity(), w.year()
	n := tx.Tonnes(w.m.verifications[yearly{e, y}])
	if n == 0 && w.some(60) { // first it must be verified
		return ask("verifier", &tx.RecordVerification{Entity: e, Year: y, Tonnes: w.tonnes(40_000), ReportSha256: w.table()})
	}
	if w.some(8) {
		n = w.tonnes(1000)
	}
	if w.some(3) {
		e = w.holder()
	}
	return ask(w.regionOf(e), &tx.SetObligation{Entity: e, Year: y, Tonnes: n})
}

func (w *workload) closeYear() request {
	y := w.year()
	for range 20 {
		if !w.m.closedYears[y] && y < w.m.today().Year() {
			break
		}
		y = w.year()
	}
	if w.m.date("obligation.deadline."+strconv.Itoa(int(y)), w.m.today()) == 0 && y >= 2019 && w.some(80) {
		return ask("ministry", &tx.SetParameter{Name: "obligation.deadline." + strconv.Itoa(int(y)), From: w.m.today(), Value: fmt.Sprintf("%d-12-31", y)})
	}
	return ask("registry", &tx.CloseYear{Year: y})
}

func (w *workload) deduct() request {
	e, y := w.entity(), w.year()
	for range 20 {
		if d, known := w.m.obligations[yearly{e, y}]; known && w.m.closedYears[y] && !d.complete() {
			break
		}
		e, y = w.entity(), w.year()
	}
	return ask(w.regionOf(e), &tx.RecordDeduction{Entity: e, Year: y, Document: w.document("decision")})
}

// owed is an obligation, most often an open one that is not covered.
func (w *workload) owed() (e string, y tx.Year, d duty) {
	for range 12 {
		e, y = w.entity(), w.year()
		if d = w.m.obligations[yearly{e, y}]; d.left() > 0 && !w.m.closedYears[y] {
			break
		}
	}
	return e, y, d
}

// older is an instrument that may be used for a year.
func (w *workload) older(y tx.Year) string {
	code := w.code()
	for range 8 {
		if v := w.m.vintage[code]; v != 0 && v <= y {
			break
		}
		code = w.code()
	}
	return code
}

func (w *workload) number() string {
	if w.some(2) {
		return pick(w, "", "with space", strings.Repeat("x", 33))
	}
	return w.name("application", "a")
}

func (w *workload) surrender() request {
	e, y, d := w.owed()
	return ask(e, &tx.Surrender{Instrument: w.older(y), Tonnes: w.upTo(d.left()), Year: y, Application: w.number()})
}

func (w *workload) onBehalf() request {
	e, y, d := w.owed()
	if w.some(5) {
		e = w.holder()
	}
	return ask(w.entity(), &tx.SurrenderOnBehalf{Beneficiary: e, Instrument: w.older(y), Tonnes: w.upTo(d.left()), Year: y, Application: w.number()})
}

// waiting is an application, most often one that is not decided.
func (w *workload) waiting() (of, application) {
	all := w.names["waiting"]
	if len(all) == 0 {
		return of{"e0", "none"}, application{}
	}
	var name of
	for range 8 {
		party, number, _ := strings.Cut(pick(w, all...), "\x00")
		if name = (of{party, number}); !w.m.applications[name].decided {
			break
		}
	}
	return name, w.m.applications[name]
}

func (w *workload) decide() request {
	name, a := w.waiting()
	decider := a.decider
	if decider == "" {
		decider = "registry"
	}
	if w.some(10) {
		decider = pick(w, "registry", "hubei", "hunan")
	}
	if w.some(5) {
		name.what = "none"
	}
	return ask(decider, &tx.DecideApplication{Applicant: name.party, Application: name.what, Approved: w.some(70)})
}

func (w *workload) withdrawApplication() request {
	name, _ := w.waiting()
	if w.some(10) {
		name.what = "none"
	}
	return ask(name.party, &tx.WithdrawApplication{Application: name.what})
}

func (w *workload) force() request {
	e, y, _ := w.owed()
	if w.some(5) {
		e = w.holder()
	}
	return ask("registry", &tx.ForceSurrender{Entity: e, Year: y, Document: w.document("entrustment")}).and(w.regionOf(e))
}

func (w *workload) offset() request {
	number := w.known("cancellation")
	for range 8 {
		if c := w.m.cancellations[number]; c.kind == tx.NationalOffset && !c.booked {
			break
		}
		number = w.known("cancellation")
	}
	owner := w.m.cancellations[number].owner
	if owner == "" || w.some(5) {
		owner = w.entity()
	}
	y := w.year()
	for range 8 {
		if w.m.obligations[yearly{owner, y}].left() > 0 {
			break
		}
		y = w.year()
	}
	return ask("registry", &tx.BookOffset{Entity: owner, Year: y, Cancellation: number})
}

func (w *workload) cancelVoluntarily() request {
	o := &tx.CancelVoluntarily{Instrument: w.code(), Tonnes: w.tonnes(200), Purpose: "a forest", Application: w.number()}
	if w.some(6) {
		o.Purpose = pick(w, "", strings.Repeat("长", 201))
	}
	if w.some(8) {
		o.Tonnes *= 1_000_000
	}
	return ask(w.entity(), o)
}

func (w *workload) carryOver() request {
	e := w.entity()
	most := min(w.m.mayCarry(e, tx.Year(w.m.whole("carryover.year", w.m.today())))-w.m.carried[e], 3000)
	return ask(e, &tx.ApplyCarryOver{Instrument: pick(w, "CEA21", "CEA22", "CEA23", w.code()), Tonnes: w.upTo(max(most, 0)), Application: w.number()})
}
