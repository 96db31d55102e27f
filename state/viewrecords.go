package state

import (
	"carbonledger/tx"
)

// records lists the messages of a range that keep accepts, all where it is nil, in
// order of their keys: those behind base in the key space, of which only the ones that
// go on with within are read. What is only counted, and by its key, is not decoded.
func records[M any, P interface {
	*M
	message
}](r *reader, base []byte, within, after string, limit int, keep func(*M) bool) ([]M, int, string, error) {
	p := page[M]{after: after, limit: limit}
	var err error
	for cursor, value := range r.list(base, within, after, &err) {
		var m M
		if keep != nil {
			if decode(value, P(&m)); !keep(&m) {
				continue
			}
		}
		more := p.add(cursor, func() M {
			if keep == nil {
				decode(value, P(&m))
			}
			return m
		})
		if !more {
			break
		}
	}
	return p.result(err)
}

// where is keep, or nothing where no filter is given: then values need not be read.
func where[M any](filtered bool, keep func(*M) bool) func(*M) bool {
	if filtered {
		return keep
	}
	return nil
}

// of reports whether a filter is empty or is the value.
func of(filter, value string) bool { return filter == "" || filter == value }

// Settlement is what a day's close settled, and its reconciliation; false: the day
// has no close.
func (v *View) Settlement(day tx.Day) (tx.DaySettlement, bool, error) {
	return one[tx.DaySettlement](&v.reader, dayKey(nil, rangeSettlement, day))
}

// Trades lists a day's trades in the order of settlement.
func (v *View) Trades(day tx.Day, after string, limit int) ([]tx.TradeRecord, int, string, error) {
	return records[tx.TradeRecord](&v.reader, dayKey(nil, rangeTrade, day), "", after, limit, nil)
}

// Session is a bidding session.
func (v *View) Session(name string) (tx.BiddingSession, bool, error) {
	return one[tx.BiddingSession](&v.reader, keyOf1(nil, rangeSession, name))
}

// Lots lists issues in order of their numbers, for one entity (received or held at
// its region) or of one instrument unless these are empty.
func (v *View) Lots(entity, instrument, after string, limit int) ([]tx.Lot, int, string, error) {
	return records(&v.reader, []byte{rangeLot}, "", after, limit, where(entity != "" || instrument != "", func(l *tx.Lot) bool {
		return (of(entity, l.To) || l.Beneficiary == entity) && of(instrument, l.Instrument)
	}))
}

// Allocation is what an entity was allocated of a vintage; false: nothing.
func (v *View) Allocation(entity, instrument string) (tx.Allocation, bool, error) {
	return one[tx.Allocation](&v.reader, keyOf2(nil, rangeAllocation, entity, instrument))
}

// Verifications lists a year's verified emissions by entity, of one unless it is
// empty.
func (v *View) Verifications(year tx.Year, entity, after string, limit int) ([]tx.Verification, int, string, error) {
	return records(&v.reader, yearKey(nil, rangeVerification, year), entity, after, limit, where(entity != "", func(r *tx.Verification) bool { return of(entity, r.Entity) }))
}

// Applications lists applications by applicant and number: of one applicant, for
// the obligation of one entity, and in one state unless these are empty.
func (v *View) Applications(applicant, beneficiary string, state tx.ApplicationState, after string, limit int) ([]tx.Application, int, string, error) {
	return records(&v.reader, []byte{rangeApplication}, withinParty(applicant), after, limit, where(beneficiary != "" || state != tx.ApplicationStateUnspecified, func(a *tx.Application) bool {
		return of(beneficiary, a.Beneficiary) && (state == tx.ApplicationStateUnspecified || a.State == state)
	}))
}

// VoluntaryCancellations lists the approved cancellations of allowances for the
// public benefit: they are published (Trial Measures, Art. 19).
func (v *View) VoluntaryCancellations(after string, limit int) ([]tx.Application, int, string, error) {
	return records(&v.reader, []byte{rangeApplication}, "", after, limit, func(a *tx.Application) bool {
		return a.Kind == tx.CancellationApplication && a.State == tx.ApplicationApproved
	})
}

// Cancellations lists cancellations of CCER by number, of one owner unless it is
// empty.
func (v *View) Cancellations(owner, after string, limit int) ([]tx.Cancellation, int, string, error) {
	return records(&v.reader, []byte{rangeCancellation}, "", after, limit, where(owner != "", func(k *tx.Cancellation) bool { return of(owner, k.Owner) }))
}

// Reductions lists the batches of CCER.
func (v *View) Reductions(after string, limit int) ([]tx.Reduction, int, string, error) {
	return records[tx.Reduction](&v.reader, []byte{rangeReduction}, "", after, limit, nil)
}

// Prepared lists prepared transactions by id, of one party unless it is empty.
func (v *View) Prepared(party, after string, limit int) ([]tx.Prepared, int, string, error) {
	return records(&v.reader, []byte{rangePrepared}, "", after, limit, where(party != "", func(p *tx.Prepared) bool { return of(party, p.Party) }))
}

// Freezes lists freezes by document, of one party's units unless it is empty.
// Those that were lifted are listed with nothing left.
func (v *View) Freezes(party, after string, limit int) ([]tx.FreezeRecord, int, string, error) {
	return records(&v.reader, []byte{rangeFreeze}, "", after, limit, where(party != "", func(r *tx.FreezeRecord) bool { return of(party, r.Party) }))
}

// Pledges lists pledges by registration, of one pledgor or pledgee unless it is
// empty.
func (v *View) Pledges(party, after string, limit int) ([]tx.PledgeRecord, int, string, error) {
	return records(&v.reader, []byte{rangePledge}, "", after, limit, where(party != "", func(r *tx.PledgeRecord) bool {
		return of(party, r.Pledgor) || r.Pledgee == party
	}))
}

// CarryOver is how much an entity may carry over, and why.
func (v *View) CarryOver(entity string) (s tx.CarryOverStanding, err error) {
	defer recovered(&err)
	x := newExec(v.ledger.chain, v.store, v.at.facts)
	return x.carryStanding(entity), nil
}
