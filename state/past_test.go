package state_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// dated is what View and Past both answer.
type dated interface {
	Holdings(party, instrument, after string, limit int) ([]tx.Holding, int, string, error)
	Money(party, after string, limit int) ([]tx.Money, int, string, error)
	Parties(role tx.Role, region, after string, limit int) ([]tx.Party, int, string, error)
	ReductionHoldings(party, after string, limit int) ([]tx.ReductionHolding, int, string, error)
	Validators() ([]tx.Validator, error)
	Party(id string) (tx.Party, bool, error)
}

// pages reads a list two items at a time. Its first page has the total, and no other.
func pages[M any](t testing.TB, out *strings.Builder, list func(after string, limit int) ([]M, int, string, error)) {
	all, read := 0, 0
	for after, more := "", true; more; more = after != "" {
		items, total, next, err := list(after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if after == "" {
			all = total
		} else if total != -1 {
			t.Errorf("behind %q, a page has the total %d", after, total)
		}
		for i := range items {
			fmt.Fprintln(out, any(&items[i]))
		}
		read += len(items)
		after = next
	}
	if all != read {
		t.Errorf("the first page has the total %d of %d items", all, read)
	}
}

// everything is all that a ledger answers with a date.
func everything(t testing.TB, d dated) string {
	var out strings.Builder
	pages(t, &out, func(after string, limit int) ([]tx.Holding, int, string, error) {
		return d.Holdings("", "", after, limit)
	})
	pages(t, &out, func(after string, limit int) ([]tx.Holding, int, string, error) {
		return d.Holdings("e1", "CEA22", after, limit)
	})
	pages(t, &out, func(after string, limit int) ([]tx.Money, int, string, error) { return d.Money("", after, limit) })
	pages(t, &out, func(after string, limit int) ([]tx.Money, int, string, error) { return d.Money("e1", after, limit) })
	pages(t, &out, func(after string, limit int) ([]tx.Party, int, string, error) {
		return d.Parties(tx.RoleUnspecified, "", after, limit)
	})
	pages(t, &out, func(after string, limit int) ([]tx.ReductionHolding, int, string, error) {
		return d.ReductionHoldings("", after, limit)
	})
	validators, err := d.Validators()
	if err != nil {
		t.Fatal(err)
	}
	p, there, err := d.Party("e1")
	fmt.Fprintln(&out, validators, &p, there, err)
	return out.String()
}

// remember keeps what the ledger answers now, for comparePast.
func (s *script) remember() {
	v, err := s.ledger.View()
	s.must(err)
	defer func() { s.must(v.Close()) }()
	for h := len(s.past); h <= int(v.Head().Height); h++ {
		s.past = append(s.past, "")
	}
	s.past[v.Head().Height] = everything(s.t, v)
}

// comparePast asks for every height that was remembered.
func (s *script) comparePast() {
	v, err := s.ledger.View()
	s.must(err)
	defer func() { s.must(v.Close()) }()
	for h, want := range s.past {
		p, err := v.At(uint64(h))
		s.must(err)
		if got := everything(s.t, p); want != "" && got != want || p.Height() != uint64(h) {
			s.t.Fatalf("height %d was, as it was then,\n%s\nand is remembered as\n%s", h, want, got)
		}
	}
	if _, err := v.At(v.Head().Height + 1); !errors.Is(err, state.ErrNoHeight) {
		s.t.Fatalf("above the head: %v", err)
	}
}

// TestPast: whatever a crash loses, the past of every height is what that height
// was; and an instant finds the newest height that is not after it.
func TestPast(t *testing.T) {
	made, blocks := history(t, 5, 90)
	r := rand.New(rand.NewPCG(5, 1))
	fs := vfs.NewCrashableMem()
	s := newScript(t)
	s.f, s.ledger = made.f, openAt(t, fs, made.f, "past")
	defer func() { s.close() }()
	s.remember()
	var times []tx.Instant
	copies := 0
	entries := entriesOf(blocks)
	for done := 0; done < len(entries); {
		a, err := s.ledger.Apply(entries[done : done+1])
		s.must(err)
		s.remember()
		times, done = append(times, a[0].Time), done+1
		switch r.IntN(15) {
		case 0, 1, 2: // what is in a checkpoint survives
			s.must(s.ledger.Checkpoint(fmt.Sprintf("copy-%d", copies)))
			copies++
		case 3: // a power cut, and the log from where it left the ledger
			after := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: r})
			closeLedger(t, s.ledger)
			fs = after
			s.ledger = openAt(t, fs, s.f, "past")
			done = int(s.ledger.Head().Height)
			times = times[:done]
		}
	}
	v, err := s.ledger.View()
	s.must(err)
	defer func() { s.must(v.Close()) }()
	times = append([]tx.Instant{s.f.Start}, times...)
	for h, at := range times {
		for _, ask := range []tx.Instant{at - 1, at, at + 1} {
			want := -1
			for i := range times {
				if times[i] <= ask {
					want = i
				}
			}
			switch got, err := v.HeightAt(ask); {
			case want < 0 && !errors.Is(err, state.ErrNoHeight), want >= 0 && (err != nil || int(got) != want):
				t.Fatalf("height %d ended at %s: at %s it was %d, not %d: %v", h, at, ask, got, want, err)
			}
		}
	}
}
