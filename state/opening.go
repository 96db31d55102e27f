package state

import (
	"crypto/sha256"
	"strconv"

	"carbonledger/tx"
)

// bringForward opens the books with the position of an earlier register: the
// ledger's first accepted transaction or none, signed by the registry and the
// ministry. Holdings and money follow in pages whose hashes it signs. Before the
// first page is booked, another one may take its place: a mistake in the sums is
// then no reason to found another network.
func (x *exec) bringForward(o *tx.BringForward) *tx.Rejection {
	switch {
	case x.op > 0 || x.facts.accepted > 0 && !x.openingUntouched():
		return no(tx.NotFirstBlock)
	case !x.cosignedByRole(tx.Ministry, tx.RightPrepare|tx.RightApprove):
		return about(tx.MissingCosignature, tx.Ministry.String())
	}
	if n := x.checkOpening(o); n != nil {
		return n
	}
	// Past this point the books wait for the pages.
	x.setMessage(x.at([]byte{rangeOpening}), o)
	if x.facts.pagesMissing = uint32(len(o.PageSha256)); x.facts.pagesMissing == 0 {
		x.openMarket(o)
	}
	return nil
}

// openingUntouched: pages are missing, and none is booked yet.
func (x *exec) openingUntouched() bool {
	c := x.at([]byte{rangeOpening})
	if !c.exists() || x.facts.pagesMissing == 0 {
		return false
	}
	var o tx.BringForward
	decode(c.value, &o)
	return int(x.facts.pagesMissing) == len(o.PageSha256)
}

// openMarket takes over closes and turnover, once all pages are booked.
func (x *exec) openMarket(o *tx.BringForward) {
	for _, i := range o.Instruments {
		if i.Close > 0 {
			x.setNumber(x.closeOf(i.Instrument), int64(i.Close))
		}
	}
	x.setTurnover(turnover{o.CumulativeTonnes, o.CumulativeAmount})
}

func (x *exec) checkOpening(o *tx.BringForward) *tx.Rejection {
	bad := func(what string) *tx.Rejection { return about(tx.BadOpening, what) }
	if !o.AsOf.Valid() || o.AsOf > x.facts.day() {
		return bad("day " + o.AsOf.String())
	}
	if o.Money < 0 || o.CumulativeTonnes < 0 || o.CumulativeAmount < 0 {
		return bad("a negative sum")
	}
	empty := o.Money == 0
	for k, i := range o.Instruments {
		if _, ok := x.chain.instrument[i.Instrument]; !ok {
			return about(tx.UnknownInstrument, i.Instrument)
		}
		for _, other := range o.Instruments[:k] {
			if other.Instrument == i.Instrument {
				return bad(i.Instrument + " twice")
			}
		}
		if i.Tonnes < 0 || i.Close < 0 || i.Close > maxPrice {
			return bad(i.Instrument)
		}
		empty = empty && i.Tonnes == 0
	}
	for k, sum := range o.PageSha256 {
		if len(sum) != sha256.Size {
			return bad("the hash of page " + strconv.Itoa(k))
		}
	}
	if len(o.PageSha256) == 0 && !empty {
		return no(tx.OpeningTotalsDiffer)
	}
	return nil
}

// bringForwardPage books the next page. What it adds counts as issued, and as
// brought forward in every query.
func (x *exec) bringForwardPage(o *tx.BringForwardPage) *tx.Rejection {
	var opening tx.BringForward
	c := x.at([]byte{rangeOpening})
	if !c.exists() || x.facts.pagesMissing == 0 {
		return no(tx.PageNotExpected)
	}
	decode(c.value, &opening)
	next := len(opening.PageSha256) - int(x.facts.pagesMissing)
	if sum := sha256.Sum256(o.Page); string(sum[:]) != string(opening.PageSha256[next]) {
		return about(tx.PageNotExpected, "page "+strconv.Itoa(next))
	}
	page, ok := tx.DecodeOpeningPage(o.Page)
	if !ok {
		return about(tx.BadOpening, "page "+strconv.Itoa(next))
	}
	for i := range page.Holdings {
		if n := x.openHolding(&page.Holdings[i]); n != nil {
			return n
		}
	}
	for i := range page.Money {
		if n := x.openMoney(&page.Money[i]); n != nil {
			return n
		}
	}
	if x.facts.pagesMissing--; x.facts.pagesMissing > 0 {
		return nil
	}
	if n := x.checkOpeningTotals(&opening); n != nil {
		return n
	}
	x.openMarket(&opening)
	return nil
}

func (x *exec) openHolding(h *tx.OpeningHolding) *tx.Rejection {
	if _, n := x.instrumentAmount(h.Instrument, h.Tonnes); n != nil {
		return n
	}
	if _, n := x.trader(h.Party); n != nil {
		return n
	}
	c, s := x.supply(h.Instrument)
	if !fits(s.broughtForward, s.issued, int64(h.Tonnes)) {
		return about(tx.AmountOverflow, h.Instrument+" of all parties")
	}
	s.broughtForward += int64(h.Tonnes)
	x.setSupply(c, s)
	x.change(h.Party, h.Instrument, registryAvailable, h.Tonnes)
	x.add(x.at(keyOf2(x.key(), rangeHoldingAtOld, h.Party, h.Instrument)), int64(h.Tonnes))
	return nil
}

func (x *exec) openMoney(m *tx.OpeningMoney) *tx.Rejection {
	if m.Amount <= 0 {
		return short(tx.AmountNotPositive, "fen", 0, m.Amount)
	}
	if _, n := x.trader(m.Party); n != nil {
		return n
	}
	c, s := x.moneySupply()
	if !fits(s.broughtForward, s.deposited, int64(m.Amount)) {
		return about(tx.AmountOverflow, "money of all parties")
	}
	s.broughtForward += int64(m.Amount)
	x.setMoneySupply(c, s)
	x.pay(m.Party, m.Amount)
	x.add(x.at(keyOf1(x.key(), rangeMoneyAtOld, m.Party)), int64(m.Amount))
	return nil
}

// checkOpeningTotals compares what the pages booked with what was signed.
func (x *exec) checkOpeningTotals(o *tx.BringForward) *tx.Rejection {
	signed := map[string]tx.Tonnes{}
	for _, i := range o.Instruments {
		signed[i.Instrument] = i.Tonnes
	}
	for _, i := range x.chain.Instruments {
		if _, s := x.supply(i.Code); s.broughtForward != int64(signed[i.Code]) {
			return short(tx.OpeningTotalsDiffer, i.Code, s.broughtForward, signed[i.Code])
		}
	}
	if _, s := x.moneySupply(); s.broughtForward != int64(o.Money) {
		return short(tx.OpeningTotalsDiffer, "fen", s.broughtForward, o.Money)
	}
	return nil
}
