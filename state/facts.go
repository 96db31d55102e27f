package state

import (
	"fmt"

	"carbonledger/tx"
)

// facts are the few things that every rule may read. They are one record,
// written when a block changed it.
type facts struct {
	time         tx.Instant
	version      uint32 // of the next block
	transactions uint64 // with a stored receipt
	accepted     uint64 // of them
	openDay      tx.Day // 0: none is open
	lastDay      tx.Day // last day that was opened
	pagesMissing uint32 // of the opening position
	orders       int64  // registered on the open day
	trades       int64  // recorded on the open day
	lots         int64  // issued since the founding
}

func (f *facts) day() tx.Day { return f.time.Day() }

func (f *facts) encode(b []byte) []byte {
	return appendNumbers(b, int64(f.time), int64(f.version), int64(f.transactions), int64(f.accepted),
		int64(f.openDay), int64(f.lastDay), int64(f.pagesMissing), f.orders, f.trades, f.lots)
}

func decodeFacts(b []byte) facts {
	var f facts
	var time, version, transactions, accepted, openDay, lastDay, pages int64
	numbers(b, &time, &version, &transactions, &accepted, &openDay, &lastDay, &pages, &f.orders, &f.trades, &f.lots)
	return facts{
		time: tx.Instant(time), version: uint32(version), transactions: uint64(transactions), accepted: uint64(accepted),
		openDay: tx.Day(openDay), lastDay: tx.Day(lastDay), pagesMissing: uint32(pages),
		orders: f.orders, trades: f.trades, lots: f.lots,
	}
}

// chain is what genesis fixed for ever.
type chain struct {
	tx.Founding
	instrument map[string]tx.Instrument
	holiday    map[tx.Day]bool
}

// maxInstruments bounds the sums of the composite: see market.
const maxInstruments = 64

func newChain(f tx.Founding) (*chain, error) {
	c := &chain{Founding: f, instrument: map[string]tx.Instrument{}, holiday: map[tx.Day]bool{}}
	if f.ProtocolVersion < 1 || f.ProtocolVersion > ProtocolVersion {
		return nil, fmt.Errorf("state: genesis asks for protocol version %d, this program knows 1 to %d: use a program that fits", f.ProtocolVersion, ProtocolVersion)
	}
	if len(f.Instruments) > maxInstruments {
		return nil, fmt.Errorf("state: genesis has %d instruments, at most %d are possible", len(f.Instruments), maxInstruments)
	}
	if f.Start < 0 || f.Start > maxInstant {
		return nil, fmt.Errorf("state: genesis starts at %d ms, which is no time between 1970 and 9999", f.Start)
	}
	vintages := map[tx.Year]string{}
	for _, i := range f.Instruments {
		// A year's deduction and true-up are of the units of its vintage.
		if other, twice := vintages[i.Vintage]; twice {
			return nil, fmt.Errorf("state: genesis has two instruments of the vintage %d: %q and %q", i.Vintage, other, i.Code)
		}
		vintages[i.Vintage] = i.Code
		if _, twice := c.instrument[i.Code]; twice || !validID(i.Code) || i.ReferencePrice < 0 || i.ReferencePrice > maxPrice {
			return nil, fmt.Errorf("state: genesis names the instrument %q twice, or its code or price is impossible", i.Code)
		}
		c.instrument[i.Code] = i
	}
	for _, d := range f.ClosedDays {
		c.holiday[d] = true
	}
	return c, nil
}

const (
	// maxInstant is the last millisecond of the year 9999 in UTC+8: a Day has
	// four digits of year.
	maxInstant tx.Instant = 253_402_271_999_999
	// maxStep is the most that one block moves ledger time on a wall clock.
	maxStep tx.Instant = 10 * 60 * 1000
	// maxPrice keeps prices times weights, and times the terms of a limit,
	// within 63 bits.
	maxPrice tx.Fen = 1_000_000_000_000
)

// tick is ledger time after a block with this stamp: a wall clock never goes
// back and never jumps; a script clock moves by SetClock only.
func (c *chain) tick(now, stamp tx.Instant) tx.Instant {
	if c.ScriptClock {
		return now
	}
	return max(now, min(stamp, now+maxStep, maxInstant))
}

// businessDay: Monday to Friday without the calendar's closed days.
func (c *chain) businessDay(d tx.Day) bool {
	w := d.Weekday()
	return w >= 1 && w <= 5 && !c.holiday[d]
}
