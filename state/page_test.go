package state

import (
	"fmt"
	"maps"
	"math"
	"testing"

	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const pageYear, pageDay = tx.Year(2023), tx.Day(20240102)

// longLists is a view of lists of n items each, which are found nowhere else: the
// test is about which records a page reads.
func longLists(t testing.TB, n int) *View {
	f := tx.Founding{ProtocolVersion: 1}
	l, err := Open("lists", f, tx.NewVerifier(f.Hash), Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	batch := l.db.NewBatch()
	set := func(key, value []byte) {
		if err := batch.Set(key, value, nil); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		id, region := fmt.Sprintf("e%06d", i), fmt.Sprintf("r%d", i%3)
		application := tx.Application{Applicant: id, Application: "a"}
		if i%2 == 0 {
			application.State = tx.ApplicationApproved
		}
		if i%4 == 0 {
			application.Kind = tx.CancellationApplication
		}
		h := holding{of: [subBalances]tx.Tonnes{1}}
		set(keyOf1(nil, rangeParty, id), encode(nil, &tx.Party{Id: id, Region: region, Role: tx.KeyEmittingEntity}))
		set(keyOf2(nil, rangeHolding, id, "CEA22"), h.encode(nil))
		set(keyOf1(nil, rangeMoney, id), make([]byte, 3*8))
		set(keyOf2(nil, rangeCCER, id, "batch"), make([]byte, 8))
		set(obligationKey(nil, pageYear, region, id), encode(nil, &tx.Obligation{Entity: id, Region: region, Year: pageYear, Due: 1}))
		set(keyOf2(nil, rangeApplication, id, "a"), encode(nil, &application))
		set(numberKey(nil, rangeTrade, pageDay, int64(i)), encode(nil, &tx.TradeRecord{Number: int64(i)}))
		set(lotKey(nil, int64(i)), encode(nil, &tx.Lot{Number: int64(i), To: id}))
		set(append(yearKey(nil, rangeVerification, pageYear), id...), encode(nil, &tx.Verification{Entity: id, Year: pageYear}))
		set(keyOf1(nil, rangeReduction, id), encode(nil, &tx.Reduction{Batch: id}))
		set(keyOf1(nil, rangeCancellation, id), encode(nil, &tx.Cancellation{Cancellation: id, Owner: region}))
		set(keyOf1(nil, rangePrepared, id), encode(nil, &tx.Prepared{Id: []byte(id), Party: region}))
		set(keyOf1(nil, rangeFreeze, id), encode(nil, &tx.FreezeRecord{Document: id, Party: region}))
		set(keyOf1(nil, rangePledge, id), encode(nil, &tx.PledgeRecord{Registration: id, Pledgor: region, Pledgee: "bank"}))
		day := tx.Day(i + 1)
		set(dayKey(nil, rangeBulletin, day), encode(nil, &tx.Bulletin{Day: day}))
	}
	if err := batch.Commit(pebble.NoSync); err != nil {
		t.Fatal(err)
	}
	v, err := l.View()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

// listed reads a page: the number of its items, the list's total, and the cursor of the
// rest.
type listed func(v *View, after string, limit int) (items, total int, next string, err error)

func sized[M any](items []M, total int, next string, err error) (int, int, string, error) {
	return len(items), total, next, err
}

// pagedLists are the lists of longLists.
var pagedLists = map[string]listed{
	"parties": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Parties(0, "", after, limit))
	},
	"holdings": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Holdings("", "", after, limit))
	},
	"money": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Money("", after, limit))
	},
	"CCER": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.ReductionHoldings("", after, limit))
	},
	"obligations": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Obligations(pageYear, "", "", after, limit))
	},
	"of a region": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Obligations(pageYear, "r1", "", after, limit))
	},
	"risks": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Risks(pageYear, "r2", "", after, limit))
	},
	"applications": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Applications("", "", 0, after, limit))
	},
	"trades": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Trades(pageDay, after, limit))
	},
	"lots": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Lots("", "", after, limit))
	},
	"verifications": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Verifications(pageYear, "", after, limit))
	},
	"reductions": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Reductions(after, limit))
	},
	"cancellations": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Cancellations("", after, limit))
	},
	"prepared": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Prepared("", after, limit))
	},
	"freezes": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Freezes("", after, limit))
	},
	"pledges": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Pledges("", after, limit))
	},
	"bulletins": func(v *View, after string, limit int) (int, int, string, error) {
		return bulletins(v, 0, math.MaxInt32, after, limit)
	},
	"one holder": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Holdings("e000050", "", after, limit))
	},
	"one account": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Money("e000050", after, limit))
	},
	"one CCER": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.ReductionHoldings("e000050", after, limit))
	},
	"one applicant": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Applications("e000050", "", 0, after, limit))
	},
	"one verified": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Verifications(pageYear, "e000050", after, limit))
	},
}

// filteredLists read what their filter leaves out.
var filteredLists = map[string]listed{
	"parties of a region": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Parties(0, "r1", after, limit))
	},
	"holdings of an instrument": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Holdings("", "CEA22", after, limit))
	},
	"holdings of none": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Holdings("", "CEA99", after, limit))
	},
	"one obligation": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Obligations(pageYear, "", "e000005", after, limit))
	},
	"one without duty": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Obligations(pageYear+1, "", "e000005", after, limit))
	},
	"one risk": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Risks(pageYear, "", "e000005", after, limit))
	},
	"applications in a state": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Applications("", "", tx.ApplicationApproved, after, limit))
	},
	"voluntary": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.VoluntaryCancellations(after, limit))
	},
	"lots of one": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Lots("e000005", "", after, limit))
	},
	"cancellations of one": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Cancellations("r1", after, limit))
	},
	"prepared by one": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Prepared("r1", after, limit))
	},
	"freezes of one": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Freezes("r1", after, limit))
	},
	"pledges of one": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Pledges("r1", after, limit))
	},
	"pledges to one": func(v *View, after string, limit int) (int, int, string, error) {
		return sized(v.Pledges("bank", after, limit))
	},
	"bulletins of some days": func(v *View, after string, limit int) (int, int, string, error) {
		return bulletins(v, 3, 8, after, limit)
	},
	"a page of bulletins": func(v *View, after string, limit int) (int, int, string, error) {
		return bulletins(v, 3, 5, after, limit)
	},
}

// bulletins has the cursors of other lists.
func bulletins(v *View, from, to tx.Day, after string, limit int) (int, int, string, error) {
	var cursor tx.Day
	if _, err := fmt.Sscan(after, (*int32)(&cursor)); after != "" && err != nil {
		return 0, 0, "", err
	}
	all, total, rest, err := v.Bulletins(from, to, cursor, limit)
	next := ""
	if rest != 0 {
		next = fmt.Sprint(int32(rest))
	}
	return sized(all, total, next, err)
}

// TestTotal: the first page of every list has as its total the number of items that a
// walk over its pages finds, whatever the pages' size; a page behind a cursor has none.
func TestTotal(t *testing.T) {
	const n = 60
	v := longLists(t, n)
	lists := maps.Clone(pagedLists)
	maps.Copy(lists, filteredLists)
	for name, list := range lists {
		t.Run(name, func(t *testing.T) {
			all, whole, next, err := list(v, "", n)
			if whole != all || next != "" || err != nil {
				t.Fatalf("in one page: %d of %d items, %q, %v", all, whole, next, err)
			}
			for _, limit := range []int{1, 2, 7, max(all, 1)} {
				walked := 0
				for after := ""; ; {
					items, total, next, err := list(v, after, limit)
					if after == "" && total != all || after != "" && total != notCounted || err != nil {
						t.Fatalf("by %d behind %q: %d items, a total of %d, not %d, %v", limit, after, items, total, all, err)
					}
					walked += items
					if after = next; next == "" {
						break
					}
				}
				if walked != all {
					t.Errorf("by %d: %d items walked, the total is %d", limit, walked, all)
				}
			}
			if wanted, ok := wantTotals[name]; !ok && all != n || ok && all != wanted {
				t.Errorf("%d items", all)
			}
		})
	}
}

// wantTotals are the totals in TestTotal that are not of the whole list.
var wantTotals = map[string]int{
	"of a region": 20, "risks": 20, "one holder": 1, "one account": 1, "one CCER": 1, "one applicant": 1, "one verified": 1,
	"parties of a region": 20, "holdings of none": 0, "one obligation": 1, "one without duty": 1, "one risk": 1,
	"applications in a state": 30, "voluntary": 15, "lots of one": 1, "cancellations of one": 20, "prepared by one": 20,
	"freezes of one": 20, "pledges of one": 20, "bulletins of some days": 6, "a page of bulletins": 3,
}

// TestPageReadsItself: a page costs the same in a list of any length. What a record
// costs that is read, and be it to be skipped, are the allocations of its key.
func TestPageReadsItself(t *testing.T) {
	short, long := longLists(t, 120), longLists(t, 6_000)
	for name, list := range pagedLists {
		t.Run(name, func(t *testing.T) {
			cost := func(v *View) float64 {
				_, _, after, err := list(v, "", 20)
				if err != nil {
					t.Fatal(err)
				}
				return testing.AllocsPerRun(10, func() {
					if n, _, _, err := list(v, after, 10); err != nil || n == 0 {
						t.Fatalf("%d items, %v", n, err)
					}
				})
			}
			if few, many := cost(short), cost(long); many > few+100 {
				t.Errorf("a page of a list of 120 makes %v allocations, of a list of 6,000 %v", few, many)
			}
		})
	}
}

// TestPageOfAnotherFilter: a cursor that lies outside of what the filter asks for is
// a place in the order all the same.
func TestPageOfAnotherFilter(t *testing.T) {
	v := longLists(t, 9)
	for after, want := range map[string]int{"": 3, "r0\x00e000006": 3, "r1\x00e000001": 2, "r2\x00e000002": 0, "r1\x00": 3} {
		if all, _, next, err := v.Obligations(pageYear, "r1", "", after, 10); len(all) != want || next != "" || err != nil {
			t.Errorf("behind %q: %v, %q, %v", after, all, next, err)
		}
	}
	if all, _, _, err := v.Obligations(pageYear, "", "e000004", "r1\x00e000004", 10); len(all) != 0 || err != nil {
		t.Errorf("behind the only obligation of an entity: %v, %v", all, err)
	}
	if _, _, _, err := v.Holdings("e000001", "", "zzz", 10); err != nil {
		t.Error(err)
	}
}

// BenchmarkPage measures a page of 100 of a list of 20,000: the first one, which counts
// the list, and one in its middle.
func BenchmarkPage(b *testing.B) {
	v := longLists(b, 20_000)
	for _, name := range []string{"parties", "holdings", "obligations", "trades"} {
		list := pagedLists[name]
		_, _, middle, err := list(v, "", 3_000)
		if err != nil {
			b.Fatal(err)
		}
		for page, after := range map[string]string{"first": "", "middle": middle} {
			b.Run(name+"/"+page, func(b *testing.B) {
				for b.Loop() {
					if n, _, _, err := list(v, after, 100); n != 100 || err != nil {
						b.Fatal(n, err)
					}
				}
			})
		}
	}
}
