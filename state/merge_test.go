package state

import (
	"slices"
	"strings"
	"testing"

	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// mergeLedger runs parts of a merger over records that no script writes at once.
func mergeLedger(t *testing.T, day tx.Day) *exec {
	db, err := pebble.Open("merge", &pebble.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	c, err := newChain(tx.Founding{ProtocolVersion: 1, Instruments: []tx.Instrument{{Code: "CEA24", Vintage: 2024}}})
	if err != nil {
		t.Fatal(err)
	}
	return newExec(c, db, facts{time: day.Start(), version: 1})
}

// TestMergeYearEnds: after a merger the one that goes on held, at the end of each
// past year, what both held.
func TestMergeYearEnds(t *testing.T) {
	x := mergeLedger(t, 20220301)
	in := func(day tx.Day, party string, sub subBalance, n tx.Tonnes) {
		x.facts.time = day.Start()
		x.change(party, "CEA24", sub, n)
	}
	in(20220301, "gone", registryAvailable, 10)
	in(20230301, "gone", tradingAvailable, 5)
	in(20230401, "stays", registryAvailable, 100)
	in(20240301, "stays", registryAvailable, -40)
	in(20250301, "gone", registryAvailable, -3)
	years := []tx.Year{2021, 2022, 2023, 2024, 2025}
	var want []tx.Tonnes
	for _, y := range years {
		a, b := x.endOfYear("gone", "CEA24", y), x.endOfYear("stays", "CEA24", y)
		want = append(want, a.all()+b.all())
	}
	if !slices.Equal(want, []tx.Tonnes{0, 10, 115, 75, 72}) {
		t.Fatalf("before the merger the years ended with %v", want)
	}
	x.facts.time = tx.Day(20260301).Start()
	x.mergeHolding("gone", "stays", "CEA24")
	var have []tx.Tonnes
	for _, y := range years {
		h := x.endOfYear("stays", "CEA24", y)
		have = append(have, h.all())
	}
	if !slices.Equal(have, want) {
		t.Errorf("after the merger the years ended with %v, not %v", have, want)
	}
	_, gone := x.holding("gone", "CEA24")
	_, stays := x.holding("stays", "CEA24")
	if gone.all() != 0 || stays.of[registryAvailable] != 67 || stays.of[tradingAvailable] != 5 {
		t.Errorf("the merger left %v and %v", gone, stays)
	}
}

// TestMergeSales: net sales of all years are those of both.
func TestMergeSales(t *testing.T) {
	x := mergeLedger(t, 20250301)
	key := func(year tx.Year, party string) *cell {
		return x.at(yearPartyKey(x.key(), rangeNetSales, year, party+"\x00CEA24"))
	}
	x.set(key(2024, "gone"), appendNumbers(nil, 7, 2))
	x.set(key(2025, "gone"), appendNumbers(nil, 1, 0))
	x.set(key(2024, "stays"), appendNumbers(nil, 10, 20))
	x.mergeSales("gone", "stays", "CEA24")
	for _, w := range []struct {
		year         tx.Year
		party        string
		sold, bought int64
	}{{2024, "stays", 17, 22}, {2025, "stays", 1, 0}, {2024, "gone", 0, 0}, {2025, "gone", 0, 0}} {
		var sold, bought int64
		numbers(key(w.year, w.party).value, &sold, &bought)
		if sold != w.sold || bought != w.bought {
			t.Errorf("%s in %d sold %d and bought %d", w.party, w.year, sold, bought)
		}
	}
}

// TestMergeAllocation: what was allocated to the one that goes counts against the
// final allocation that the other still gets, and no deduction is lost or taken
// twice.
func TestMergeAllocation(t *testing.T) {
	pre := func(n tx.Tonnes) tx.Allocation { return tx.Allocation{Pre: true, PreTonnes: n} }
	final := func(p, n tx.Tonnes) tx.Allocation {
		return tx.Allocation{Pre: true, PreTonnes: p, Final: true, FinalTonnes: n}
	}
	for name, c := range map[string]struct {
		gone, stays, want   tx.Allocation
		cutGone, cut, after int64
	}{
		"both pre-allocated":         {pre(70), pre(30), pre(100), 4, 5, 9},
		"only the one that stays":    {tx.Allocation{}, final(30, 50), final(30, 50), 0, 5, 5},
		"only the one that goes":     {final(30, 50), tx.Allocation{}, pre(50), 6, 0, 0},
		"both final":                 {final(70, 90), final(30, 50), final(100, 140), 4, 5, 5},
		"the one that goes is done":  {final(70, 90), pre(30), pre(120), 4, 5, 5},
		"the one that stays is done": {pre(70), final(30, 50), pre(120), 4, 5, 4},
		"a deduction to come":        {tx.Allocation{}, pre(30), pre(30), 4, 0, 4},
	} {
		t.Run(name, func(t *testing.T) {
			x := mergeLedger(t, 20250301)
			put := func(entity string, a tx.Allocation, cut int64) {
				a.Entity, a.Instrument = entity, "CEA24"
				if a.Pre || a.Final {
					at, _ := x.allocation(entity, "CEA24")
					x.setMessage(at, &a)
				}
				if cut > 0 {
					x.setNumber(x.deduction(2024, entity), cut)
				}
			}
			put("gone", c.gone, c.cutGone)
			put("stays", c.stays, c.cut)
			x.mergeAllocation("gone", "stays", &x.chain.Instruments[0])
			_, have := x.allocation("stays", "CEA24")
			c.want.Entity, c.want.Instrument = "stays", "CEA24"
			if !have.Equal(&c.want) {
				t.Errorf("it has %v, not %v", &have, &c.want)
			}
			if n := x.deduction(2024, "stays").number(); n != c.after {
				t.Errorf("the deduction is %d, not %d", n, c.after)
			}
		})
	}
}

// TestMergeObligations: the sums are those of both; they are complete when both
// were, on the later day.
func TestMergeObligations(t *testing.T) {
	gone, stays := account{id: "gone", region: "hunan"}, account{id: "stays", region: "hubei"}
	duty := func(due, surrendered, offset, forced tx.Tonnes, completed tx.Day) tx.Obligation {
		return tx.Obligation{Due: due, Surrendered: surrendered, Offset: offset, Forced: forced, Completed: completed}
	}
	for name, c := range map[string]struct {
		gone, stays, want tx.Obligation
		closed            int64
	}{
		"both complete":         {duty(10, 9, 1, 2, 20240501), duty(5, 5, 0, 0, 20240601), duty(15, 14, 1, 2, 20240601), 0},
		"one short":             {duty(10, 9, 1, 0, 20240501), duty(5, 4, 0, 0, 0), duty(15, 13, 1, 0, 0), 0},
		"the one that goes":     {duty(10, 9, 1, 0, 20240501), tx.Obligation{}, duty(10, 9, 1, 0, 20240501), 0},
		"the one that stays":    {tx.Obligation{}, duty(5, 4, 0, 0, 0), duty(5, 4, 0, 0, 0), 0},
		"a year that is closed": {duty(10, 9, 1, 0, 0), duty(5, 4, 0, 0, 0), duty(5, 4, 0, 0, 0), 1},
	} {
		t.Run(name, func(t *testing.T) {
			x := mergeLedger(t, 20250301)
			yearCell, year := x.year(2023)
			year.closed = c.closed
			x.setYear(yearCell, year)
			for a, o := range map[*account]tx.Obligation{&gone: c.gone, &stays: c.stays} {
				if o.Due > 0 {
					at, _ := x.obligation(2023, *a)
					o.Entity, o.Region, o.Year = a.id, a.region, 2023
					x.setMessage(at, &o)
				}
			}
			x.mergeObligations(&gone, &stays)
			_, have := x.obligation(2023, stays)
			c.want.Entity, c.want.Region, c.want.Year = "stays", "hubei", 2023
			if !have.Equal(&c.want) {
				t.Errorf("it has %v, not %v", &have, &c.want)
			}
			if _, left := x.obligation(2023, gone); (left.Due == 0) != (c.closed == 0 || c.gone.Due == 0) {
				t.Errorf("the one that goes has %v", &left)
			}
		})
	}
}

// TestOneInstrumentAYear: a founding with two of one vintage is none.
func TestOneInstrumentAYear(t *testing.T) {
	f := tx.Founding{ProtocolVersion: 1, Instruments: []tx.Instrument{{Code: "CEA23", Vintage: 2023}, {Code: "CEA24", Vintage: 2024}}}
	if _, err := newChain(f); err != nil {
		t.Error(err)
	}
	f.Instruments[1].Vintage = 2023
	if _, err := newChain(f); err == nil || !strings.Contains(err.Error(), `"CEA23" and "CEA24"`) {
		t.Errorf("two instruments of 2023: %v", err)
	}
}
