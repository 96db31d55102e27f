package scenario

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	"carbonledger/tx"
)

// calendar lists the year's trading days: its weekdays without the closed ones,
// from the first to the last day where these are given.
func (f *File) calendar() []tx.Day {
	closed := map[tx.Day]bool{}
	for _, d := range f.Calendar.ClosedWeekdays {
		closed[d.Day()] = true
	}
	var days []tx.Day
	first := tx.Day(f.Calendar.Year*10000 + 101)
	from, to := f.Calendar.FirstDay.Day(), f.Calendar.LastDay.Day()
	for d := first; d.Year() == first.Year(); d = d.Next() {
		if d < from || to != 0 && d > to {
			continue
		}
		if w := d.Weekday(); w != time.Saturday && w != time.Sunday && !closed[d] {
			days = append(days, d)
		}
	}
	return days
}

// atOrBefore is the index of the last trading day that is not after d, -1 where
// there is none.
func atOrBefore(days []tx.Day, d tx.Day) int {
	i, found := slices.BinarySearch(days, d)
	if !found {
		i--
	}
	return i
}

// exactly is the index of a trading day.
func exactly(days []tx.Day, d tx.Day, what string) (int, error) {
	i, found := slices.BinarySearch(days, d)
	if !found {
		return 0, fmt.Errorf("%s: %s is no trading day of the year", what, d)
	}
	return i, nil
}

// month of a day, from 0.
func month(d tx.Day) int { return int(d)/100%100 - 1 }

// volumes are the exact amounts that the generator settles on so that every
// published one holds.
type volumes struct {
	// Traded before the year, since the market's start.
	baseTonnes, baseFen   int64
	tonnes, listed, block int64
	periods               []period
}

// period is a run of trading days whose volume together is given. pinned days,
// which have a published bulletin, stand in it but have volumes of their own.
type period struct {
	from, to int // indices of trading days, both within
	tonnes   int64
	// fen is the turnover; free says that none is given.
	fen  int64
	free bool
}

// point is an exact volume of the year up to the end of a trading day.
type point struct {
	tonnes, fen int64
	free        bool
}

// published finds one number that every given span holds.
func published(what string, spans ...span) (span, error) {
	all := anything
	for _, s := range spans {
		all = all.and(s)
	}
	if all.empty() {
		return all, fmt.Errorf("%s: the published figures contradict each other", what)
	}
	return all, nil
}

func spanOf(f *Figure, scale int64) span {
	if f == nil {
		return anything
	}
	return f.span(scale)
}

// volumes solves for the year's volumes.
func (f *File) volumes(days []tx.Day) (*volumes, error) {
	v := &volumes{}
	last := len(days) - 1
	fixed := map[int]point{}
	end := struct{ tonnes, fen span }{anything, anything}
	for _, p := range f.Cumulative {
		if p.Day.Day() < days[0] {
			v.baseTonnes, v.baseFen = p.Tonnes.span(1).middle(), p.Yuan.span(100).middle()
		}
	}
	add := func(p Point, tonnes, fen int64) error {
		t, y := p.Tonnes.span(1).plus(-tonnes), p.Yuan.span(100).plus(-fen)
		i := atOrBefore(days, p.Day.Day())
		switch {
		case i == last:
			end.tonnes, end.fen = end.tonnes.and(t), end.fen.and(y)
		case t.lo != t.hi || y.lo != y.hi:
			return fmt.Errorf("cumulative, year_to_date: %s within the year must be exact to the tonne and the fen", p.Day.Day())
		case fixed[i] != point{} && fixed[i] != point{tonnes: t.lo, fen: y.lo}:
			return fmt.Errorf("cumulative, year_to_date: two different volumes up to %s", days[i])
		default:
			fixed[i] = point{tonnes: t.lo, fen: y.lo}
		}
		return nil
	}
	for _, p := range f.YearToDate {
		if err := add(p, 0, 0); err != nil {
			return nil, err
		}
	}
	for _, p := range f.Cumulative {
		if p.Day.Day() >= days[0] {
			if err := add(p, v.baseTonnes, v.baseFen); err != nil {
				return nil, err
			}
		}
	}
	return v, f.solveYear(v, days, fixed, end.tonnes, end.fen)
}

// solveYear chooses the year's totals within what was published, and cuts the
// year into periods at the days whose volumes are known.
func (f *File) solveYear(v *volumes, days []tx.Day, fixed map[int]point, endTonnes, endFen span) error {
	t := f.trading()
	listed, block := t.Listed.span(1), t.Block.span(1)
	q3 := atOrBefore(days, tx.Day(f.Calendar.Year*10000+930))
	share := anything
	if p, ok := fixed[q3]; ok && t.FourthQuarterPercent != nil {
		share = fourthQuarterSpan(t.FourthQuarterPercent, p.tonnes)
	}
	tonnes, err := published("the year's volume", spanOf(t.Volume, 1), endTonnes, share, span{listed.lo + block.lo, listed.hi + block.hi})
	if err != nil {
		return err
	}
	fen, err := published("the year's turnover", spanOf(t.Turnover, 100), endFen)
	if err != nil {
		return err
	}
	v.tonnes = tonnes.middle()
	both, err := published("listed and block volume", listed, span{v.tonnes - block.hi, v.tonnes - block.lo})
	if err != nil {
		return err
	}
	v.listed = both.nearest(floor(t.Listed.value()).Int64())
	v.block = v.tonnes - v.listed
	whole := point{tonnes: v.tonnes, fen: fen.middle(), free: fen == anything}
	if _, ok := fixed[q3]; !ok && t.FourthQuarterPercent != nil && q3 >= 0 && q3 < len(days)-1 {
		fixed[q3] = beforeFourthQuarter(t.FourthQuarterPercent, whole)
	}
	fixed[len(days)-1] = whole
	before := point{}
	from := 0
	for _, i := range slices.Sorted(maps.Keys(fixed)) {
		p := fixed[i]
		if p.tonnes < before.tonnes || !p.free && p.fen < before.fen {
			return fmt.Errorf("the volumes up to %s are less than those before", days[i])
		}
		v.periods = append(v.periods, period{from: from, to: i, tonnes: p.tonnes - before.tonnes, fen: p.fen - before.fen, free: p.free || before.free})
		before, from = p, i+1
	}
	return nil
}

// fourthQuarterSpan is the year's volumes of which, after q tonnes in three
// quarters, the fourth has the published share: q/(1−lo) ≤ year < q/(1−hi).
func fourthQuarterSpan(percent *Figure, q int64) span {
	year := func(doubled int64) *big.Int { // of the year's share in half units
		share := new(big.Rat).Mul(new(big.Rat).SetFrac64(doubled, 2), percent.unit())
		rest := share.Sub(big.NewRat(1, 1), share.Quo(share, big.NewRat(100, 1)))
		return ceil(new(big.Rat).Quo(big.NewRat(q, 1), rest))
	}
	d := 2 * percent.digits.Int64()
	return span{year(d - 1).Int64(), year(d+1).Int64() - 1}
}

// beforeFourthQuarter is what three quarters traded of a year.
func beforeFourthQuarter(percent *Figure, year point) point {
	rest := new(big.Rat).Quo(percent.value(), big.NewRat(100, 1))
	rest.Sub(big.NewRat(1, 1), rest)
	of := func(n int64) int64 { return floor(new(big.Rat).Mul(rest, big.NewRat(n, 1))).Int64() }
	return point{tonnes: of(year.tonnes), fen: of(year.fen), free: year.free}
}

// spread cuts a total over days by the weights of their months.
func spread(total int64, days []tx.Day, at []int, byMonth []int64) ([]int64, error) {
	count := [12]int64{}
	for _, i := range at {
		count[month(days[i])]++
	}
	weights, sum := make([]int64, len(at)), int64(0)
	for k, i := range at {
		m := month(days[i])
		weights[k] = byMonth[m] * 100_000 / count[m]
		sum += weights[k]
	}
	if sum == 0 {
		if total == 0 {
			return weights, nil
		}
		return nil, fmt.Errorf("invented.listed_by_month, block_by_month: no trading day has a weight, %d t are to be traded", total)
	}
	return apportion(total, weights), nil
}
