package state

import (
	"encoding/binary"
	"fmt"

	"carbonledger/tx"
)

// subBalance is a part of a holding.
type subBalance int

const (
	registryAvailable subBalance = iota // 登记可用量
	tradingAvailable                    // 交易可用量
	locked                              // in sell orders and unsettled sales
	pending                             // in undecided applications
	pledged                             // 质押量
	frozen                              // 司法冻结量
	subBalances
)

// holding is a party's units of an instrument by sub-balance, the year in which it
// began and the one in which it was last changed: see endOfYear.
type holding struct {
	of          [subBalances]tx.Tonnes
	began, year tx.Year
}

// holdingBytes is the size of a holding's record: each number in 8 bytes.
const holdingBytes = 8 * (int(subBalances) + 2)

func decodeHolding(b []byte) (h holding) {
	if len(b) == 0 {
		return h
	}
	if len(b) != holdingBytes {
		panic(fmt.Sprintf("state: a holding's record has %d bytes", len(b)))
	}
	next := func() (n int64) {
		n, b = int64(binary.BigEndian.Uint64(b)), b[8:]
		return n
	}
	for i := range h.of {
		h.of[i] = tx.Tonnes(next())
	}
	h.began, h.year = tx.Year(next()), tx.Year(next())
	return h
}

// encode appends the record to b.
func (h *holding) encode(b []byte) []byte {
	for _, n := range h.of {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return appendNumbers(b, int64(h.began), int64(h.year))
}

// all is the sum of the sub-balances.
func (h *holding) all() (sum tx.Tonnes) {
	for _, n := range h.of {
		sum += n
	}
	return sum
}

func (x *exec) holding(party, instrument string) (*cell, holding) {
	c := x.at(keyOf2(x.key(), rangeHolding, party, instrument))
	return c, decodeHolding(c.value)
}

// change adds to a sub-balance whose rule has checked that it may. One that would
// leave 0 … 2^63−1 is a bug of that rule. The first change in a calendar year
// keeps what the years before ended with.
func (x *exec) change(party, instrument string, sub subBalance, n tx.Tonnes) {
	c, h := x.holding(party, instrument)
	if year := x.today().Year(); h.year != year {
		if c.exists() {
			x.set(x.at(yearPartyKey(x.key(), rangeYearEnd, year-1, c.key[1:])), c.value)
		} else {
			h.began = year
		}
		h.year = year
	}
	if h.of[sub] += n; h.of[sub] < 0 {
		panic(fmt.Sprintf("state: sub-balance %d of %q would be %d", sub, c.key[1:], h.of[sub]))
	}
	x.set(c, h.encode(x.room(holdingBytes)[:0]))
	if sub == tradingAvailable {
		supplyCell, s := x.supply(instrument)
		s.tradable += int64(n)
		x.setSupply(supplyCell, s)
	}
}

// shift moves units between two sub-balances of a holding.
func (x *exec) shift(party, instrument string, from, to subBalance, n tx.Tonnes) {
	x.change(party, instrument, from, -n)
	x.change(party, instrument, to, n)
}

// take takes up to n units from sub-balances in their order, and returns how many.
func (x *exec) take(party, instrument string, n tx.Tonnes, from ...subBalance) (taken tx.Tonnes) {
	for _, sub := range from {
		_, h := x.holding(party, instrument)
		if part := min(n-taken, h.of[sub]); part > 0 {
			x.change(party, instrument, sub, -part)
			taken += part
		}
	}
	return taken
}

// endOfYear is a holding as a past year ended: the copy that the first change
// after it kept, else what it is now.
func (x *exec) endOfYear(party, instrument string, year tx.Year) holding {
	c, h := x.holding(party, instrument)
	for y := year; y < x.facts.day().Year(); y++ {
		if kept := x.at(yearPartyKey(x.key(), rangeYearEnd, y, c.key[1:])); kept.exists() {
			h = decodeHolding(kept.value)
			break
		}
	}
	if h.began > year {
		return holding{}
	}
	return h
}

// hasReceivable reports whether a party owes units that were issued in excess.
func (x *exec) hasReceivable(party string) bool {
	for i := range x.chain.Instruments {
		if x.receivable(party, x.chain.Instruments[i].Code).number() > 0 {
			return true
		}
	}
	return false
}

func (x *exec) receivable(party, instrument string) *cell {
	return x.at(keyOf2(x.key(), rangeReceivable, party, instrument))
}
