package state

import "carbonledger/tx"

// mergeAccounts hands everything of one entity to another, which goes on in its
// place, and closes the first (Trial Measures, Art. 18).
func (x *exec) mergeAccounts(o *tx.MergeAccounts) *tx.Rejection {
	if n := validDocument(o.Document); n != nil {
		return n
	}
	if o.From == o.To {
		return about(tx.SameParty, o.From)
	}
	from, n := x.entity(o.From)
	if n != nil {
		return n
	}
	to, n := x.entity(o.To)
	if n != nil {
		return n
	}
	if !x.cosigned(from.region, tx.RightPrepare|tx.RightApprove) {
		return about(tx.MissingCosignature, from.region)
	}
	if n := x.checkUnencumbered(&from); n != nil {
		return n
	}
	if n := x.checkMergedSums(&from, &to); n != nil {
		return n
	}
	// Past this point everything changes hands.
	for i := range x.chain.Instruments {
		instrument := &x.chain.Instruments[i]
		x.mergeHolding(from.id, to.id, instrument.Code)
		x.mergeSales(from.id, to.id, instrument.Code)
		x.mergeAllocation(from.id, to.id, instrument)
		x.mergeNumber(x.receivable(from.id, instrument.Code), x.receivable(to.id, instrument.Code))
	}
	x.mergeNumber(x.carriedOver(from.id), x.carriedOver(to.id))
	x.mergeNumber(x.toLift(from.id), x.toLift(to.id))
	x.mergeObligations(&from, &to)
	balance := x.money(from.id).balance
	x.pay(from.id, -balance)
	x.pay(to.id, balance)
	x.endAccount(from.id, to.id)
	return nil
}

// successor is who goes on for a party: itself unless it was merged. It ends: an
// account that is closed takes nothing over.
func (x *exec) successor(id string) string {
	for p := x.party(id); p.Successor != ""; p = x.party(id) {
		id = p.Successor
	}
	return id
}

// checkMergedSums refuses sums beyond 63 bits of what no supply bounds. Units,
// money, sales and due are parts of sums that were checked when they grew.
func (x *exec) checkMergedSums(from, to *account) *tx.Rejection {
	for i := range x.chain.Instruments {
		code := x.chain.Instruments[i].Code
		_, a := x.allocation(from.id, code)
		_, b := x.allocation(to.id, code)
		if !fits(x.receivable(from.id, code).number(), x.receivable(to.id, code).number()) ||
			!fits(int64(a.PreTonnes), int64(a.FinalTonnes), int64(b.PreTonnes), int64(b.FinalTonnes)) {
			return about(tx.OpenBusiness, "allocations or receivables "+code+" of "+from.id)
		}
	}
	return nil
}

// mergeNumber adds a record of one number to another and empties it.
func (x *exec) mergeNumber(from, to *cell) {
	if n := from.number(); n > 0 {
		x.setNumber(from, 0)
		x.add(to, n)
	}
}

// mergeHolding moves available units, and lets what the first held at the ends of
// past years count for the second.
func (x *exec) mergeHolding(from, to, instrument string) {
	c, h := x.holding(from, instrument)
	if !c.exists() {
		return
	}
	targetCell, target := x.holding(to, instrument)
	now, began := x.facts.day().Year(), h.began
	if targetCell.exists() {
		began = min(began, target.began)
	}
	ends := map[tx.Year]holding{}
	for year := began; year < now; year++ {
		a, b := x.endOfYear(from, instrument, year), x.endOfYear(to, instrument, year)
		for sub := range a.of {
			b.of[sub] += a.of[sub]
		}
		b.began, b.year = began, year
		ends[year] = b
	}
	for _, sub := range []subBalance{registryAvailable, tradingAvailable} {
		x.change(from, instrument, sub, -h.of[sub])
		x.change(to, instrument, sub, h.of[sub])
	}
	for year := began; year < now; year++ {
		end := ends[year]
		x.set(x.at(yearPartyKey(x.key(), rangeYearEnd, year, to+"\x00"+instrument)), end.encode(nil))
	}
}

// mergeSales adds what the first sold and bought, year by year, to what the
// second did: carry-over counts net sales.
func (x *exec) mergeSales(from, to, instrument string) {
	for year := firstYear; year <= x.facts.day().Year(); year++ {
		c := x.at(yearPartyKey(x.key(), rangeNetSales, year, from+"\x00"+instrument))
		if !c.exists() {
			continue
		}
		var sold, bought, s, b int64
		numbers(c.value, &sold, &bought)
		target := x.at(yearPartyKey(x.key(), rangeNetSales, year, to+"\x00"+instrument))
		numbers(target.value, &s, &b)
		x.set(target, appendNumbers(nil, s+sold, b+bought))
		x.set(c, appendNumbers(nil, 0, 0))
	}
}

// mergeAllocation counts the first's allocations for the second. Where one of the
// two has its final allocation and the other has not, what the one received
// counts like a pre-allocation: the final allocation that is still to come is that
// of both together. Deductions that no final allocation took yet move too.
func (x *exec) mergeAllocation(from, to string, instrument *tx.Instrument) {
	c, a := x.allocation(from, instrument.Code)
	targetCell, b := x.allocation(to, instrument.Code)
	deduction := x.deduction(instrument.Vintage, from)
	targetDeduction := x.deduction(instrument.Vintage, to)
	open, targetOpen := deduction.number(), targetDeduction.number()
	if !a.Pre && !a.Final && open == 0 {
		return
	}
	if a.Final {
		open = 0
	}
	if b.Final {
		targetOpen = 0
	}
	if a.Final && b.Final {
		b.FinalTonnes, b.PreTonnes, b.Pre = b.FinalTonnes+a.FinalTonnes, b.PreTonnes+a.PreTonnes, b.Pre || a.Pre
	} else {
		b.Pre, b.PreTonnes = a.Pre || b.Pre || a.Final || b.Final, received(&a)+received(&b)
		b.Final, b.FinalTonnes = false, 0
		if deduction.number() > 0 || targetDeduction.number() > 0 {
			x.setNumber(targetDeduction, open+targetOpen)
			x.setNumber(deduction, 0)
		}
	}
	x.setMessage(targetCell, &b)
	x.setMessage(c, &tx.Allocation{Entity: from, Instrument: instrument.Code})
}

// received is what an entity's final allocation counts against, or what it came to.
func received(a *tx.Allocation) tx.Tonnes {
	if a.Final {
		return a.FinalTonnes
	}
	return a.PreTonnes
}

// mergeObligations adds the first's obligations of open years to the second's. A
// record whose due is 0 stays behind: it counts nowhere.
func (x *exec) mergeObligations(from, to *account) {
	for year := firstYear; year <= x.facts.day().Year(); year++ {
		c, a := x.obligation(year, *from)
		if _, y := x.year(year); y.closed != 0 || a.Due == 0 {
			continue
		}
		targetCell, b := x.obligation(year, *to)
		alone := b.Due == 0
		complete := stillDue(&a) == 0 && stillDue(&b) == 0
		b.Due += a.Due
		b.Surrendered += a.Surrendered
		b.Offset += a.Offset
		b.Forced += a.Forced
		switch {
		case !complete:
			b.Completed = 0
		case alone:
			b.Completed = a.Completed
		default:
			b.Completed = max(a.Completed, b.Completed)
		}
		x.setMessage(targetCell, &b)
		x.setMessage(c, &tx.Obligation{Entity: from.id, Region: from.region, Year: year})
	}
}
