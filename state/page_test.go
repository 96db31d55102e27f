package state

import (
	"fmt"
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
		h := holding{of: [subBalances]tx.Tonnes{1}}
		set(keyOf1(nil, rangeParty, id), encode(nil, &tx.Party{Id: id, Region: region}))
		set(keyOf2(nil, rangeHolding, id, "CEA22"), h.encode(nil))
		set(keyOf1(nil, rangeMoney, id), make([]byte, 3*8))
		set(keyOf2(nil, rangeCCER, id, "batch"), make([]byte, 8))
		set(obligationKey(nil, pageYear, region, id), encode(nil, &tx.Obligation{Entity: id, Region: region, Year: pageYear, Due: 1}))
		set(keyOf2(nil, rangeApplication, id, "a"), encode(nil, &tx.Application{Applicant: id, Application: "a"}))
		set(numberKey(nil, rangeTrade, pageDay, int64(i)), encode(nil, &tx.TradeRecord{Number: int64(i)}))
		set(lotKey(nil, int64(i)), encode(nil, &tx.Lot{Number: int64(i), To: id}))
		set(append(yearKey(nil, rangeVerification, pageYear), id...), encode(nil, &tx.Verification{Entity: id, Year: pageYear}))
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

// sized is the number of items and the cursor of a page.
func sized[M any](items []M, next string, err error) (int, string, error) {
	return len(items), next, err
}

// pagedLists are the lists of longLists.
var pagedLists = map[string]func(v *View, after string, limit int) (int, string, error){
	"parties": func(v *View, after string, limit int) (int, string, error) {
		return sized(v.Parties(0, "", after, limit))
	},
	"holdings": func(v *View, after string, limit int) (int, string, error) {
		return sized(v.Holdings("", "", after, limit))
	},
	"money": func(v *View, after string, limit int) (int, string, error) { return sized(v.Money("", after, limit)) },
	"CCER": func(v *View, after string, limit int) (int, string, error) {
		return sized(v.ReductionHoldings("", after, limit))
	},
	"obligations": func(v *View, after string, limit int) (int, string, error) {
		return sized(v.Obligations(pageYear, "", "", after, limit))
	},
	"of a region": func(v *View, after string, limit int) (int, string, error) {
		return sized(v.Obligations(pageYear, "r1", "", after, limit))
	},
	"risks": func(v *View, after string, limit int) (int, string, error) {
		return sized(v.Risks(pageYear, "r2", "", after, limit))
	},
	"applications": func(v *View, after string, limit int) (int, string, error) {
		return sized(v.Applications("", "", 0, after, limit))
	},
	"trades": func(v *View, after string, limit int) (int, string, error) {
		return sized(v.Trades(pageDay, after, limit))
	},
	"lots": func(v *View, after string, limit int) (int, string, error) {
		return sized(v.Lots("", "", after, limit))
	},
	"verifications": func(v *View, after string, limit int) (int, string, error) {
		return sized(v.Verifications(pageYear, "", after, limit))
	},
	"one holder": func(v *View, _ string, limit int) (int, string, error) {
		return sized(v.Holdings("e000050", "", "", limit))
	},
	"one account": func(v *View, _ string, limit int) (int, string, error) { return sized(v.Money("e000050", "", limit)) },
	"one CCER": func(v *View, _ string, limit int) (int, string, error) {
		return sized(v.ReductionHoldings("e000050", "", limit))
	},
	"one applicant": func(v *View, _ string, limit int) (int, string, error) {
		return sized(v.Applications("e000050", "", 0, "", limit))
	},
	"one verified": func(v *View, _ string, limit int) (int, string, error) {
		return sized(v.Verifications(pageYear, "e000050", "", limit))
	},
}

// TestPageReadsItself: a page costs the same in a list of any length. What a record
// costs that is read, and be it to be skipped, are the allocations of its key.
func TestPageReadsItself(t *testing.T) {
	short, long := longLists(t, 120), longLists(t, 6_000)
	for name, list := range pagedLists {
		t.Run(name, func(t *testing.T) {
			cost := func(v *View) float64 {
				_, after, err := list(v, "", 20)
				if err != nil {
					t.Fatal(err)
				}
				return testing.AllocsPerRun(10, func() {
					if n, _, err := list(v, after, 10); err != nil || n == 0 {
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
		if all, next, err := v.Obligations(pageYear, "r1", "", after, 10); len(all) != want || next != "" || err != nil {
			t.Errorf("behind %q: %v, %q, %v", after, all, next, err)
		}
	}
	if all, _, err := v.Obligations(pageYear, "", "e000004", "r1\x00e000004", 10); len(all) != 0 || err != nil {
		t.Errorf("behind the only obligation of an entity: %v, %v", all, err)
	}
	if _, _, err := v.Holdings("e000001", "", "zzz", 10); err != nil {
		t.Error(err)
	}
}

// BenchmarkPage measures a page of 100 in the middle of a list of 20,000.
func BenchmarkPage(b *testing.B) {
	v := longLists(b, 20_000)
	for _, name := range []string{"parties", "holdings", "obligations", "trades"} {
		list := pagedLists[name]
		_, after, err := list(v, "", 3_000)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if n, _, err := list(v, after, 100); n != 100 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}
