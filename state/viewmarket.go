package state

import (
	"encoding/binary"
	"errors"
	"iter"

	"carbonledger/tx"
)

// Bulletin of a day that was opened.
func (v *View) Bulletin(day tx.Day) (tx.Bulletin, bool, error) {
	return one[tx.Bulletin](&v.reader, dayKey(nil, rangeBulletin, day))
}

// Bulletins lists the bulletins of the days from … to. Its cursor is the day on which
// the rest begins, 0 for the beginning and at the end.
func (v *View) Bulletins(from, to, cursor tx.Day, limit int) (all []tx.Bulletin, total int, next tx.Day, err error) {
	for key, value := range v.eachFrom([]byte{rangeBulletin}, dayKey(nil, rangeBulletin, max(from, cursor)), &err) {
		day := tx.Day(binary.BigEndian.Uint32(key))
		if day > to || next != 0 && cursor != 0 {
			break
		}
		total++
		if len(all) < limit {
			var b tx.Bulletin
			decode(value, &b)
			all = append(all, b)
		} else if next == 0 {
			next = day
		}
	}
	if cursor != 0 {
		total = notCounted
	}
	return all, total, next, err
}

// YearTotals of a calendar year in which a day was opened.
func (v *View) YearTotals(year tx.Year) (tx.YearTotals, bool, error) {
	return one[tx.YearTotals](&v.reader, yearKey(nil, rangeYearTotals, year))
}

// eachObligation yields the obligations of a year by region and entity, of one region
// unless it is empty, behind a cursor. The cursor is the key: another separator than
// its zero byte would put "a-b" before "a".
func (v *View) eachObligation(year tx.Year, region, after string, err *error) iter.Seq2[string, *tx.Obligation] {
	return func(yield func(cursor string, o *tx.Obligation) bool) {
		b, getErr := v.get(yearKey(nil, rangeYear, year))
		deadline, deadlineErr := v.deadline(year)
		if *err = errors.Join(getErr, deadlineErr); *err != nil {
			return
		}
		closed := decodeYearFacts(b).closed != 0
		for cursor, value := range v.list(yearKey(nil, rangeObligation, year), withinParty(region), after, err) {
			var o tx.Obligation
			if decode(value, &o); o.Due == 0 {
				continue // it went to another region, or to a successor
			}
			o.State = obligationState(&o, closed, deadline)
			if !yield(cursor, &o) {
				return
			}
		}
	}
}

// deadline is exec.deadline at the view's height.
func (v *View) deadline(year tx.Year) (day tx.Day, err error) {
	defer recovered(&err)
	return newExec(v.ledger.chain, v.store, v.at.facts).deadline(year), nil
}

// obligationState is where an obligation stands (domain 8.2).
func obligationState(o *tx.Obligation, closed bool, deadline tx.Day) tx.ObligationState {
	switch {
	case stillDue(o) == 0 && o.Forced > 0:
		return tx.ObligationForced
	case stillDue(o) == 0 && deadline != 0 && o.Completed > deadline:
		return tx.ObligationLate
	case stillDue(o) == 0:
		return tx.ObligationComplete
	case closed:
		return tx.ObligationIncomplete
	case o.Surrendered+o.Offset > 0:
		return tx.ObligationPartly
	case o.Submitted > 0:
		return tx.ObligationSubmitted
	}
	return tx.ObligationOpen
}

// Obligations lists a year's obligations by region and entity, of one region or
// one entity unless these are empty. An entity asked for that has none of the year
// is listed without duty.
func (v *View) Obligations(year tx.Year, region, entity, after string, limit int) ([]tx.Obligation, int, string, error) {
	p := page[tx.Obligation]{after: after, limit: limit}
	if entity != "" {
		after = "" // whether it has one is seen in the whole list
	}
	var err error
	duty := false
	for cursor, o := range v.eachObligation(year, region, after, &err) {
		if !of(entity, o.Entity) {
			continue
		}
		duty = true
		if !p.add(cursor, func() tx.Obligation { return *o }) {
			break
		}
	}
	if err != nil || entity == "" || duty {
		return p.result(err)
	}
	e, there, err := v.Party(entity)
	if there && e.Role == tx.KeyEmittingEntity && of(region, e.Region) {
		p.add(e.Region+"\x00"+e.Id, func() tx.Obligation {
			return tx.Obligation{Entity: e.Id, Region: e.Region, Year: year, State: tx.ObligationNoDuty}
		})
	}
	return p.result(err)
}

// RegionObligations sums a year by region, in order of their ids.
func (v *View) RegionObligations(year tx.Year) (all []tx.RegionObligation, err error) {
	for _, o := range v.eachObligation(year, "", "", &err) {
		if len(all) == 0 || all[len(all)-1].Region != o.Region {
			all = append(all, tx.RegionObligation{Region: o.Region, Year: year})
		}
		r := &all[len(all)-1]
		r.Entities++
		if stillDue(o) == 0 {
			r.Complete++
		}
		if o.Offset > 0 {
			r.OffsetEntities++
		}
		r.Due, r.Surrendered, r.Offset = r.Due+o.Due, r.Surrendered+o.Surrendered, r.Offset+o.Offset
	}
	return all, err
}

// YearObligation sums a year over all regions; false: it has no obligations.
func (v *View) YearObligation(year tx.Year) (tx.YearObligation, bool, error) {
	y := tx.YearObligation{Year: year}
	b, err := v.get(yearKey(nil, rangeYear, year))
	if err != nil || b == nil {
		return y, false, err
	}
	facts := decodeYearFacts(b)
	y.Closed, y.SurrenderedOwnVintage, y.SurrenderedOlder = facts.closed != 0, tx.Tonnes(facts.ownVintage), tx.Tonnes(facts.older)
	regions, err := v.RegionObligations(year)
	if err != nil {
		return y, false, err
	}
	for _, r := range regions {
		y.Regions++
		if r.Complete == r.Entities {
			y.RegionsComplete++
		}
		if r.Offset > 0 {
			y.OffsetRegions++
		}
		y.Entities, y.Complete, y.OffsetEntities = y.Entities+r.Entities, y.Complete+r.Complete, y.OffsetEntities+r.OffsetEntities
		y.Due, y.Surrendered, y.Offset = y.Due+r.Due, y.Surrendered+r.Surrendered, y.Offset+r.Offset
	}
	for _, i := range v.ledger.chain.Instruments {
		if i.Vintage != year {
			continue
		}
		b, err := v.get(keyOf1(nil, rangeSupply, i.Code))
		if err != nil {
			return y, false, err
		}
		y.Allocated += tx.Tonnes(decodeSupply(b).issued)
	}
	return y, true, nil
}
