package state

import (
	"time"

	"carbonledger/tx"
)

// hoursOf names a trade method in the parameters of hours.
var hoursOf = map[tx.TradeKind]string{tx.Listed: hoursListed, tx.BlockTrade: hoursBlock, tx.Bidding: hoursBidding}

// tradable refuses what falls outside the hours of a trade method, or into a
// suspension. No method has no hours: its rule refuses it afterwards.
func (x *exec) tradable(kind tx.TradeKind, instrument string) *tx.Rejection {
	if hoursOf[kind] == "" {
		return x.notSuspended(instrument)
	}
	periods, ok := parseHours(x.parameter(parameterHours+hoursOf[kind], x.facts.openDay))
	if !ok {
		panic("state: the hours of " + hoursOf[kind] + " do not parse")
	}
	minute := int(int64(x.facts.time-x.facts.openDay.Start()) / time.Minute.Milliseconds())
	inside := false
	for _, p := range periods {
		inside = inside || minute >= p.from && minute < p.to
	}
	if !inside {
		return about(tx.OutsideHours, hoursOf[kind])
	}
	return x.notSuspended(instrument)
}

// dayRuns: a trading day is open, and it is the ledger's.
func (x *exec) dayRuns() *tx.Rejection {
	if x.facts.openDay == 0 {
		return no(tx.DayNotOpen)
	}
	if today := x.facts.day(); today != x.facts.openDay {
		return short(tx.NotLedgerDay, x.facts.openDay.String(), today, x.facts.openDay)
	}
	return nil
}
