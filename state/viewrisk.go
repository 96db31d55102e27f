package state

import (
	"math/big"

	"carbonledger/tx"
)

// Risks lists where a year's obligations stand, by region and entity, of one
// region or entity unless these are empty (domain 8.3). An entity without an
// obligation has no risk.
func (v *View) Risks(year tx.Year, region, entity, after string, limit int) (all []tx.Risk, total int, next string, err error) {
	defer recovered(&err)
	x := newExec(v.ledger.chain, v.store, v.at.facts)
	deadline, err := v.deadline(year)
	if err != nil {
		return nil, notCounted, "", err
	}
	p := page[tx.Risk]{after: after, limit: limit}
	for cursor, o := range v.eachObligation(year, region, after, &err) {
		if of(entity, o.Entity) && !p.add(cursor, func() tx.Risk { return x.risk(o, deadline) }) {
			break
		}
	}
	return p.result(err)
}

// risk of one obligation: what is missing, and whether money can buy it in time.
func (x *exec) risk(o *tx.Obligation, deadline tx.Day) tx.Risk {
	r := tx.Risk{Entity: o.Entity, Region: o.Region, Due: o.Due, Covered: o.Surrendered + o.Offset}
	var price tx.Fen
	var newest tx.Year
	for _, i := range x.chain.Instruments {
		_, h := x.holding(o.Entity, i.Code)
		r.Frozen = capped(r.Frozen, h.of[frozen])
		if i.Vintage > o.Year {
			continue
		}
		_, a := x.allocation(o.Entity, i.Code)
		r.Usable = capped(r.Usable, h.of[registryAvailable], h.of[tradingAvailable], h.of[pending], a.AtRegion)
		if last := x.previousClose(&i, x.facts.day()); last > 0 && i.Vintage >= newest {
			price, newest = last, i.Vintage
		}
	}
	limit := tx.Tonnes(x.shareOn(parameterOffsetShare, x.facts.day()).of(int64(o.Due)))
	r.Reductions = min(tx.Tonnes(x.ccerTotal(o.Entity).number()), max(0, limit-o.Offset))
	m := x.money(o.Entity)
	r.Money = m.free()
	r.Gap = max(0, r.Due-capped(r.Covered, r.Usable, r.Reductions))
	if deadline != 0 {
		r.DaysLeft = (int64(deadline.Start()) - int64(x.facts.day().Start())) / int64(dayLength)
	}
	r.Class = x.riskClass(&r, price, deadline)
	return r
}

func (x *exec) riskClass(r *tx.Risk, price tx.Fen, deadline tx.Day) tx.RiskClass {
	soon := deadline != 0 && r.DaysLeft <= x.wholeOn(parameterRiskDays, x.facts.day())
	cost, fits := tx.Amount(r.Gap, price)
	switch {
	case r.Gap == 0:
		return tx.RiskNone
	case r.Frozen > 0:
		return tx.RiskHigh
	case price > 0 && fits && cost <= r.Money:
		return tx.RiskLow
	case soon:
		return tx.RiskHigh
	}
	return tx.RiskMedium
}

// Penalty is the range of the fine for what an entity did not surrender for a year
// (Interim Regulations, Art. 24: 5 to 10 times the average price of the month
// before the deadline); false: the entity owes nothing, or no deadline is set.
func (v *View) Penalty(entity string, year tx.Year) (p tx.Penalty, found bool, err error) {
	defer recovered(&err)
	x := newExec(v.ledger.chain, v.store, v.at.facts)
	a, ok := x.account(entity)
	deadline, err := v.deadline(year)
	if err != nil || !ok || deadline == 0 {
		return p, false, err
	}
	_, o := x.obligation(year, a)
	if stillDue(&o) == 0 {
		return p, false, nil
	}
	p = tx.Penalty{Entity: entity, Year: year, Unsurrendered: stillDue(&o), Deduction: stillDue(&o)}
	first, last := monthBefore(deadline)
	bulletins, _, _, err := v.Bulletins(first, last, 0, 31)
	for i := range bulletins {
		q := &bulletins[i].Composite
		p.MonthTonnes += q.ListedTonnes + q.BlockTonnes + q.BiddingTonnes
		p.MonthAmount += q.ListedAmount + q.BlockAmount + q.BiddingAmount
	}
	if err != nil || p.MonthTonnes == 0 {
		return p, true, err
	}
	p.AveragePrice = tx.Fen(halfUp(int64(p.MonthAmount), int64(p.MonthTonnes)))
	p.Least, p.Most = fine(&p, 5), fine(&p, 10)
	return p, true, nil
}

// fine is times × amount ÷ tonnes × unsurrendered, half up to a fen.
func fine(p *tx.Penalty, times int64) tx.Fen {
	n := new(big.Int).Mul(big.NewInt(int64(p.MonthAmount)), big.NewInt(int64(p.Unsurrendered)))
	n.Mul(n, big.NewInt(2*times)).Add(n, big.NewInt(int64(p.MonthTonnes)))
	n.Div(n, new(big.Int).Lsh(big.NewInt(int64(p.MonthTonnes)), 1))
	if !n.IsInt64() {
		return 1<<63 - 1
	}
	return tx.Fen(n.Int64())
}

// monthBefore is the first and the last day of the calendar month before the month
// of a day.
func monthBefore(d tx.Day) (first, last tx.Day) {
	year, month := d/10000, d/100%100-1
	if month == 0 {
		year, month = year-1, 12
	}
	return year*10000 + month*100 + 1, year*10000 + month*100 + 31
}
