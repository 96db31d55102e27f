package tx

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

const rounds = 20_000

// random draws from the same sequence on every run, of all magnitudes.
type random struct{ *rand.Rand }

func newRandom() random { return random{rand.New(rand.NewPCG(2, 2024))} }

func (r random) int64() int64 { return int64(r.Uint64()) >> r.IntN(64) }

func TestFen(t *testing.T) {
	for f, want := range map[Fen]string{
		0: "0.00", 1: "0.01", -1: "-0.01", 99: "0.99", 100: "1.00", 9_596: "95.96", -12_305: "-123.05",
		math.MaxInt64: "92233720368547758.07", math.MinInt64: "-92233720368547758.08",
	} {
		if f.String() != want {
			t.Errorf("%d fen are %s, want %s", int64(f), f, want)
		}
		if got, err := ParseFen(want); got != f || err != nil {
			t.Errorf("%s parses to %d, %v", want, int64(got), err)
		}
	}
	for s, want := range map[string]Fen{"5": 500, "5.5": 550, "-5.5": -550, "007.10": 710, "-0": 0, "-0.05": -5} {
		if got, err := ParseFen(s); got != want || err != nil {
			t.Errorf("%s parses to %d, %v", s, int64(got), err)
		}
	}
	for _, s := range []string{
		"", "-", "--1", ".", "-.", "1.", ".5", "-.5", "1.234", "+1", "1_000", "1,000", "1 ", " 1", "1.-5", "1.5.5", "1e3", "0x10", "١", "NaN", "1\n",
		"92233720368547758.08", "-92233720368547758.09", "99999999999999999999",
	} {
		if got, err := ParseFen(s); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", s)) {
			t.Errorf("%q parses to %d, %v", s, int64(got), err)
		}
	}
	r := newRandom()
	for range rounds {
		f := Fen(r.int64())
		if got, err := ParseFen(f.String()); got != f || err != nil {
			t.Fatalf("%d fen: %s parses to %d, %v", int64(f), f, int64(got), err)
		}
	}
}

func TestTonnes(t *testing.T) {
	for n, want := range map[Tonnes]string{0: "0", -5: "-5", 188_650_000: "188650000", math.MinInt64: "-9223372036854775808"} {
		if n.String() != want {
			t.Errorf("%s, want %s", n, want)
		}
	}
}

func TestAmount(t *testing.T) {
	for _, c := range []struct {
		tonnes Tonnes
		price  Fen
		want   Fen
		ok     bool
	}{
		{0, 0, 0, true}, {500, 9_596, 4_798_000, true}, {-1, 5, -5, true}, {math.MaxInt64, 1, math.MaxInt64, true},
		{math.MaxInt64, 0, 0, true}, {math.MinInt64, 1, math.MinInt64, true}, {math.MaxInt64, -1, -math.MaxInt64, true},
		{math.MinInt64, -1, 0, false}, {math.MaxInt64, 2, 0, false}, {math.MaxInt64, math.MaxInt64, 0, false},
		{math.MinInt64, math.MinInt64, 0, false}, {1 << 32, 1 << 31, 0, false}, {1 << 32, 1 << 30, 1 << 62, true},
		{-1 << 32, 1 << 31, math.MinInt64, true}, {1 << 32, 1 << 32, 0, false},
	} {
		if got, ok := Amount(c.tonnes, c.price); got != c.want || ok != c.ok {
			t.Errorf("%d t at %d fen: %d, %v, want %d, %v", c.tonnes, int64(c.price), int64(got), ok, int64(c.want), c.ok)
		}
	}
	r := newRandom()
	for range rounds {
		a, b := r.int64(), r.int64()
		exact := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
		if got, ok := Amount(Tonnes(a), Fen(b)); ok != exact.IsInt64() || ok && int64(got) != exact.Int64() {
			t.Fatalf("%d × %d: %d, %v", a, b, int64(got), ok)
		}
	}
}

func TestDays(t *testing.T) {
	for s, want := range map[string]Day{"2024-01-02": 2024_01_02, "2024-02-29": 2024_02_29, "0001-01-01": 1_01_01, "9999-12-31": 9999_12_31} {
		if got, err := ParseDay(s); got != want || err != nil || got.String() != s || !got.Valid() {
			t.Errorf("%s parses to %d, %v", s, got, err)
		}
	}
	for _, s := range []string{
		"", "-", "2024-02-30", "2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-1-2", "24-01-02", "20240102", "2024/01/02",
		"2024-01-02 ", " 2024-01-02", "2024-01-02T00:00", "0000-01-01", "10000-01-01", "-001-01-01", "2024-01-32",
	} {
		if got, err := ParseDay(s); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", s)) {
			t.Errorf("%q parses to %d, %v", s, got, err)
		}
	}
	for _, d := range []Day{0, -1, 1, 2024, 2023_02_29, 2024_02_30, 2024_13_01, 2024_00_01, 2024_01_00, 2024_01_32, 9999_12_32, 10000_01_01, math.MaxInt32, math.MinInt32, -2024_01_02} {
		if d.Valid() {
			t.Errorf("%d is a day", int32(d))
		}
	}
	if Day(0).String() != "-" {
		t.Errorf("no day is shown as %q", Day(0))
	}
	if d := Day(2024_02_28).Next(); d != 2024_02_29 || d.Next() != 2024_03_01 {
		t.Errorf("after 28 February 2024 comes %s, then %s", d, d.Next())
	}
	if d := Day(2024_01_02); d.Weekday() != time.Tuesday || d.Year() != 2024 || d.Start() != 1_704_124_800_000 {
		t.Errorf("2 January 2024: %s, year %d, starts at %d", d.Weekday(), d.Year(), int64(d.Start()))
	}
}

// TestCalendar walks four hundred years, a whole period of the calendar, and
// compares with plain arithmetic on the count of days.
func TestCalendar(t *testing.T) {
	d, start, weekday := Day(1900_01_01), Day(1900_01_01).Start(), time.Monday
	const day = Instant(24 * 60 * 60 * 1000)
	n := 0
	for ; d < 2300_01_01; n++ {
		if !d.Valid() || d.Start() != start || d.Weekday() != weekday {
			t.Fatalf("%s: starts at %d, want %d; %s, want %s", d, int64(d.Start()), int64(start), d.Weekday(), weekday)
		}
		if start.Day() != d || (start+day-1).Day() != d || (start-1).Day() == d {
			t.Fatalf("%s begins or ends at another instant", d)
		}
		if got, err := ParseDay(d.String()); got != d || err != nil {
			t.Fatalf("%s parses to %s, %v", d, got, err)
		}
		next := d.Next()
		if next <= d || start+day != next.Start() {
			t.Fatalf("after %s comes %s", d, next)
		}
		d, start, weekday = next, start+day, (weekday+1)%7
	}
	if n != 146_097 {
		t.Errorf("four hundred years have %d days", n)
	}
}

func TestInstants(t *testing.T) {
	for i, want := range map[Instant]string{
		0: "1970-01-01T08:00:00.000+08:00", -1: "1970-01-01T07:59:59.999+08:00",
		1_704_124_800_000: "2024-01-02T00:00:00.000+08:00", 1_704_124_799_999: "2024-01-01T23:59:59.999+08:00",
	} {
		if i.String() != want {
			t.Errorf("%d is %s, want %s", int64(i), i, want)
		}
		if i.Day().String() != want[:10] {
			t.Errorf("%s falls on %s", i, i.Day())
		}
	}
	first, last := Day(1_01_01).Start(), Day(9999_12_31).Start()
	r := newRandom()
	for range rounds {
		i := first + Instant(r.Int64N(int64(last-first)))
		d := i.Day()
		if !d.Valid() || d.Start() > i || d.Next().Start() <= i || i.String()[:10] != d.String() {
			t.Fatalf("%d falls on %s, which starts at %d", int64(i), d, int64(d.Start()))
		}
	}
}

func TestIDs(t *testing.T) {
	id := ID(testDomain)
	if got, err := ParseID(id.String()); got != id || err != nil {
		t.Errorf("%s parses to %s, %v", id, got, err)
	}
	if testDomain.String() != id.String() {
		t.Error("a domain is shown in another way")
	}
	for _, s := range []string{"", "00", id.String() + "00", id.String()[:62] + "zz", id.String()[:63], " " + id.String()} {
		if _, err := ParseID(s); err == nil {
			t.Errorf("%q is an id", s)
		}
	}
}
