package state

import (
	"testing"

	"carbonledger/tx"
)

// TestMostCarried: plan 国环规气候〔2024〕1号, annex 5, floor(10,000 + 1.5 × NS) with
// NS ≥ 0; half a tonne falls away.
func TestMostCarried(t *testing.T) {
	const most = 1<<63 - 1
	for _, c := range []struct {
		base         tx.Tonnes
		rate         share
		sold, bought tx.Tonnes
		want         tx.Tonnes
	}{
		{10_000, share{3, 2}, 120_001, 20_000, 160_001},
		{10_000, share{3, 2}, 0, 0, 10_000},
		{10_000, share{3, 2}, 1, 0, 10_001},
		{10_000, share{3, 2}, 2, 0, 10_003},
		{10_000, share{3, 2}, 20_000, 120_001, 10_000},
		{10_000, share{3, 2}, 0, most, 10_000},
		{0, share{0, 1}, most, 0, 0},
		{0, share{1, 1}, most, 0, most},
		{1, share{1, 1}, most, 0, most},
		{10_000, share{3, 2}, most, 0, most},
	} {
		if have := mostCarried(c.base, c.rate, c.sold, c.bought); have != c.want {
			t.Errorf("base %d, rate %v, sold %d, bought %d: %d, want %d", c.base, c.rate, c.sold, c.bought, have, c.want)
		}
	}
}

// TestFine: Interim Regulations, Art. 24: so many times the month's exact average
// price × what is missing, half up to a fen.
func TestFine(t *testing.T) {
	const most = 1<<63 - 1
	for _, c := range []struct {
		p     tx.Penalty
		times int64
		want  tx.Fen
	}{
		{tx.Penalty{MonthTonnes: 1, MonthAmount: 10_000, Unsurrendered: 1000}, 5, 50_000_000},
		{tx.Penalty{MonthTonnes: 1, MonthAmount: 10_000, Unsurrendered: 1000}, 10, 100_000_000},
		{tx.Penalty{MonthTonnes: 2, MonthAmount: 1, Unsurrendered: 1}, 5, 3}, // 2.5
		{tx.Penalty{MonthTonnes: 300, MonthAmount: 1, Unsurrendered: 29}, 5, 0},
		{tx.Penalty{MonthTonnes: 300, MonthAmount: 1, Unsurrendered: 30}, 5, 1}, // 0.5
		{tx.Penalty{MonthTonnes: most, MonthAmount: most, Unsurrendered: most / 10}, 10, most / 10 * 10},
		{tx.Penalty{MonthTonnes: 1, MonthAmount: 10_000, Unsurrendered: most}, 5, most},
	} {
		if have := fine(&c.p, c.times); have != c.want {
			t.Errorf("%d × %d ÷ %d × %d: %d, want %d", c.times, c.p.MonthAmount, c.p.MonthTonnes, c.p.Unsurrendered, have, c.want)
		}
	}
}
