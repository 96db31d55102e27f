package state

import "carbonledger/tx"

// ccerSupply counts CCER: registered = held + cancelled; national is the part of
// cancelled that is for the national offset, booked the part of that which counts
// for obligations.
type ccerSupply struct{ registered, cancelled, national, booked int64 }

func decodeCCERSupply(b []byte) (s ccerSupply) {
	numbers(b, &s.registered, &s.cancelled, &s.national, &s.booked)
	return s
}

func (x *exec) ccerSupply() (*cell, ccerSupply) {
	c := x.at(append(x.key(), rangeCCERSupply))
	return c, decodeCCERSupply(c.value)
}

func (x *exec) setCCERSupply(c *cell, s ccerSupply) {
	x.set(c, appendNumbers(nil, s.registered, s.cancelled, s.national, s.booked))
}

func (x *exec) reduction(batch string) (*cell, tx.Reduction) {
	var r tx.Reduction
	c := x.at(keyOf1(x.key(), rangeReduction, batch))
	if c.exists() {
		decode(c.value, &r)
	}
	return c, r
}

func (x *exec) ccer(party, batch string) *cell {
	return x.at(keyOf2(x.key(), rangeCCER, party, batch))
}

func (x *exec) ccerTotal(party string) *cell { return x.at(keyOf1(x.key(), rangeCCERTotal, party)) }

// changeCCER adds to a party's units of a batch, whose rule has checked that it
// may.
func (x *exec) changeCCER(party, batch string, n tx.Tonnes) {
	x.add(x.ccer(party, batch), int64(n))
	x.add(x.ccerTotal(party), int64(n))
}

// registerReduction issues a batch of CCER (Measures Order 31).
func (x *exec) registerReduction(o *tx.RegisterReduction) *tx.Rejection {
	if !validID(o.Batch) || !printableText(o.Project, maxDocument) {
		return about(tx.BadBatch, o.Batch)
	}
	c, _ := x.reduction(o.Batch)
	if c.exists() {
		return about(tx.BatchExists, o.Batch)
	}
	if o.Tonnes <= 0 {
		return short(tx.AmountNotPositive, "tonnes", 0, o.Tonnes)
	}
	if n := validDocument(o.Document); n != nil {
		return n
	}
	if _, n := x.trader(o.To); n != nil {
		return n
	}
	supplyCell, s := x.ccerSupply()
	if !fits(s.registered, int64(o.Tonnes)) {
		return about(tx.AmountOverflow, "CCER of all parties")
	}
	// Past this point the batch is issued.
	s.registered += int64(o.Tonnes)
	x.setCCERSupply(supplyCell, s)
	x.setMessage(c, &tx.Reduction{Batch: o.Batch, Project: o.Project, Tonnes: o.Tonnes, Document: o.Document, Old: o.Old})
	x.changeCCER(o.To, o.Batch, o.Tonnes)
	return nil
}

// batchAmount checks a batch and an amount of it.
func (x *exec) batchAmount(batch string, t tx.Tonnes) *tx.Rejection {
	if c, _ := x.reduction(batch); !c.exists() {
		return about(tx.UnknownBatch, batch)
	}
	if t <= 0 {
		return short(tx.AmountNotPositive, "tonnes", 0, t)
	}
	return nil
}

// tradeCCER hands CCER from a seller to a buyer, both of whom sign.
func (x *exec) tradeCCER(o *tx.TradeCCER) *tx.Rejection {
	if n := x.batchAmount(o.Batch, o.Tonnes); n != nil {
		return n
	}
	if o.Price <= 0 {
		return short(tx.AmountNotPositive, "price", 0, o.Price)
	}
	if o.Seller == o.Buyer {
		return about(tx.SameParty, o.Seller)
	}
	seller, n1 := x.trader(o.Seller)
	buyer, n2 := x.trader(o.Buyer)
	if n1 != nil {
		return about(tx.NotTrader, o.Seller)
	}
	if n2 != nil {
		return about(tx.NotTrader, o.Buyer)
	}
	for _, party := range []*account{&seller, &buyer} {
		if !x.cosigned(party.id, tx.RightTrade) {
			return about(tx.MissingCosignature, party.id)
		}
	}
	for _, party := range []*account{&seller, &buyer} {
		if n := unrestricted(party, tx.NoTrading); n != nil {
			return n
		}
	}
	if have := x.ccer(o.Seller, o.Batch).number(); have < int64(o.Tonnes) {
		return short(tx.InsufficientHolding, o.Batch+" of "+o.Seller, have, int64(o.Tonnes))
	}
	// Past this point the units change hands.
	x.changeCCER(o.Seller, o.Batch, -o.Tonnes)
	x.changeCCER(o.Buyer, o.Batch, o.Tonnes)
	return nil
}

func (x *exec) cancellation(number string) (*cell, tx.Cancellation) {
	var k tx.Cancellation
	c := x.at(keyOf1(x.key(), rangeCancellation, number))
	if c.exists() {
		decode(c.value, &k)
	}
	return c, k
}

// cancelCCER cancels CCER of the asking holder, for ever.
func (x *exec) cancelCCER(o *tx.CancelCCER) *tx.Rejection {
	if n := x.batchAmount(o.Batch, o.Tonnes); n != nil {
		return n
	}
	if o.Kind == tx.CancellationKindUnspecified || !printableText(o.Cancellation, maxDocument) {
		return about(tx.BadCancellation, o.Cancellation)
	}
	c, _ := x.cancellation(o.Cancellation)
	if c.exists() {
		return about(tx.CancellationUsed, o.Cancellation)
	}
	if have := x.ccer(x.asker.id, o.Batch).number(); have < int64(o.Tonnes) {
		return short(tx.InsufficientHolding, o.Batch+" of "+x.asker.id, have, int64(o.Tonnes))
	}
	// Past this point the units are cancelled.
	x.changeCCER(x.asker.id, o.Batch, -o.Tonnes)
	batchCell, r := x.reduction(o.Batch)
	r.Cancelled += o.Tonnes
	x.setMessage(batchCell, &r)
	supplyCell, s := x.ccerSupply()
	s.cancelled += int64(o.Tonnes)
	if o.Kind == tx.NationalOffset {
		s.national += int64(o.Tonnes)
	}
	x.setCCERSupply(supplyCell, s)
	x.setMessage(c, &tx.Cancellation{
		Cancellation: o.Cancellation, Owner: x.asker.id, Batch: o.Batch, Tonnes: o.Tonnes, Kind: o.Kind, Day: x.facts.day(),
	})
	return nil
}

// bookOffset counts a whole cancellation for its owner's obligation, once (Trial
// Measures, Art. 29: at most 5 %).
func (x *exec) bookOffset(o *tx.BookOffset) *tx.Rejection {
	cancellationCell, k := x.cancellation(o.Cancellation)
	switch {
	case !cancellationCell.exists():
		return about(tx.UnknownCancellation, o.Cancellation)
	case x.successor(k.Owner) != o.Entity:
		return about(tx.NotOwner, o.Cancellation+" of "+k.Owner)
	case k.Kind != tx.NationalOffset:
		return about(tx.NotForOffset, o.Cancellation)
	case k.Booked != 0:
		return about(tx.CancellationUsed, o.Cancellation)
	}
	e, n := x.entity(o.Entity)
	if n != nil {
		return about(tx.NoObligation, o.Entity)
	}
	c, obligation, n := x.dueOf(o.Year, e)
	if n != nil {
		return n
	}
	today := x.facts.day()
	if _, r := x.reduction(k.Batch); r.Old {
		last, err := tx.ParseDay(x.parameter(parameterOldCCER, today))
		if err != nil || today > last {
			return short(tx.ReductionTooOld, k.Batch, last, today)
		}
	}
	limit := tx.Tonnes(x.shareOn(parameterOffsetShare, today).of(int64(obligation.Due)))
	if left := limit - obligation.Offset; k.Tonnes > left {
		return short(tx.OffsetOverLimit, e.id, left, k.Tonnes)
	}
	if due := stillDue(&obligation) - obligation.Submitted; k.Tonnes > due {
		return short(tx.SurrenderOverDue, e.id, due, k.Tonnes)
	}
	// Past this point the offset cannot fail.
	k.Booked = o.Year
	x.setMessage(cancellationCell, &k)
	supplyCell, s := x.ccerSupply()
	s.booked += int64(k.Tonnes)
	x.setCCERSupply(supplyCell, s)
	obligation.Offset += k.Tonnes
	x.complete(&obligation)
	x.setMessage(c, &obligation)
	return nil
}
