package scenario

import (
	"math/big"
	"testing"
)

func TestFigures(t *testing.T) {
	for _, c := range []struct {
		text, shown string
		agree       []string
		differ      []string
	}{
		{"2096", "2,096", []string{"2096", "2095.5", "2096.4999"}, []string{"2095.4999", "2096.5"}},
		{"99.98", "99.98", []string{"99.975", "99.9849"}, []string{"99.985", "99.9749"}},
		{"5.244e9", "5,244,000,000 ± 500,000", []string{"5243500000", "5244499999"}, []string{"5244500000", "5243499999"}},
		{"-1.5", "-1.5", []string{"-1.55", "-1.46"}, []string{"-1.45", "-1.551"}},
		{"0.00", "0.00", []string{"0", "-0.005"}, []string{"0.005"}},
		{"1234567.89", "1,234,567.89", []string{"1234567.89"}, []string{"1234567.9"}},
	} {
		var f Figure
		if err := f.UnmarshalText([]byte(c.text)); err != nil {
			t.Fatal(err)
		}
		if f.String() != c.shown {
			t.Errorf("%s shows as %s, want %s", c.text, f.String(), c.shown)
		}
		for want, all := range map[bool][]string{true: c.agree, false: c.differ} {
			for _, v := range all {
				r, ok := new(big.Rat).SetString(v)
				if !ok {
					t.Fatal(v)
				}
				if f.agrees(r) != want {
					t.Errorf("%s agrees with %s: %v", c.text, v, !want)
				}
			}
		}
	}
	for _, text := range []string{"", "-", "x", "1.", "1e", "1e99", "1,000", "+1", "1e-1e2", "0x10", " 1", "1111111111111111111111111111111111111"} {
		if err := new(Figure).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as a figure", text)
		}
	}
}

// TestSpan: the ends of a span agree with the figure, and their neighbours do
// not.
func TestSpan(t *testing.T) {
	for _, text := range []string{"189e6", "18.11e9", "99.48", "79", "2096", "43.033e9", "0.55"} {
		var f Figure
		if err := f.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		for _, scale := range []int64{1, 100} {
			s := f.span(scale)
			if s.empty() {
				continue // 0.55 has no whole number
			}
			for n, want := range map[int64]bool{s.lo: true, s.hi: true, s.lo - 1: false, s.hi + 1: false} {
				if f.agrees(big.NewRat(n, scale)) != want {
					t.Errorf("%s as 1/%d: %d", text, scale, n)
				}
			}
		}
	}
}

func TestApportion(t *testing.T) {
	for _, c := range []struct {
		total   int64
		weights []int64
	}{{10, []int64{1, 1, 1}}, {0, []int64{1}}, {7, []int64{0, 5, 0, 2}}, {5_215_000_000, []int64{3, 1 << 40, 7}}, {2, []int64{1, 1, 1, 1}}} {
		var sum int64
		for i, p := range apportion(c.total, c.weights) {
			sum += p
			if c.weights[i] == 0 && p != 0 || p < 0 {
				t.Errorf("%v gives %d to %d", c, p, i)
			}
		}
		if sum != c.total {
			t.Errorf("%v adds up to %d", c, sum)
		}
	}
}
