package scenario

import (
	"fmt"
	"math/big"
	"slices"

	"carbonledger/tx"
)

// Answers are what a ledger says of the year, from its own queries.
type Answers struct {
	// Bulletins of every trading day, in order.
	Bulletins  []tx.Bulletin
	Totals     tx.YearTotals
	Obligation tx.YearObligation
}

// Row compares one published figure with the ledger's.
type Row struct {
	Name      string
	Published string
	Ledger    string
	Equal     bool
}

// table collects the rows; figures that were not published make none.
type table struct {
	rows []Row
}

// number compares a figure with an exact number.
func (t *table) number(name string, f *Figure, have *big.Rat) {
	if f == nil {
		return
	}
	digits := 0
	if !have.IsInt() {
		digits = max(2, -f.exponent+2)
		for have.Denom().Cmp(big.NewInt(100)) <= 0 && digits > 2 {
			digits--
		}
	}
	t.rows = append(t.rows, Row{Name: name, Published: f.String(), Ledger: groupDigits(have.FloatString(digits)), Equal: f.agrees(have)})
}

func (t *table) tonnes(name string, f *Figure, have tx.Tonnes) {
	t.number(name, f, big.NewRat(int64(have), 1))
}

func (t *table) count(name string, f *Figure, have int64) { t.number(name, f, big.NewRat(have, 1)) }

// yuan compares an amount of money or a price.
func (t *table) yuan(name string, f *Figure, have tx.Fen) {
	if f == nil {
		return
	}
	v := big.NewRat(int64(have), 100)
	t.rows = append(t.rows, Row{Name: name, Published: f.String(), Ledger: groupDigits(have.String()), Equal: f.agrees(v)})
}

// percent compares 100·part/whole.
func (t *table) percent(name string, f *Figure, part, whole int64) {
	if f == nil {
		return
	}
	if whole == 0 {
		t.rows = append(t.rows, Row{Name: name, Published: f.String(), Ledger: "-"})
		return
	}
	t.number(name, f, new(big.Rat).Mul(big.NewRat(100, 1), big.NewRat(part, whole)))
}

// day compares a day.
func (t *table) day(name string, published, have tx.Day) {
	t.rows = append(t.rows, Row{Name: name, Published: published.String(), Ledger: have.String(), Equal: published == have})
}

// Table compares every published figure with the answers.
func (f *File) Table(a *Answers) ([]Row, error) {
	if len(a.Bulletins) == 0 {
		return nil, fmt.Errorf("scenario: the ledger has no bulletins of %d", f.Calendar.Year)
	}
	t := &table{}
	f.tradingRows(t, a)
	f.closeRows(t, a.Bulletins)
	f.volumeRows(t, a)
	for i := range f.Bulletins {
		f.Bulletins[i].rows(t, a.Bulletins)
	}
	f.Obligation.rows(t, &a.Obligation)
	return t.rows, nil
}

// upTo is the last bulletin of a day or before, nil where there is none.
func upTo(all []tx.Bulletin, d tx.Day) *tx.Bulletin {
	var last *tx.Bulletin
	for i := range all {
		if all[i].Day <= d {
			last = &all[i]
		}
	}
	return last
}

func (f *File) tradingRows(t *table, a *Answers) {
	p, y := &f.Trading, &a.Totals
	volume := y.ListedTonnes + y.BlockTonnes
	t.count("trading days", f.Calendar.TradingDays, y.TradingDays)
	t.tonnes("volume, t", p.Volume, volume)
	t.tonnes("listed volume, t", p.Listed, y.ListedTonnes)
	t.tonnes("block volume, t", p.Block, y.BlockTonnes)
	t.yuan("turnover, yuan", p.Turnover, y.ListedAmount+y.BlockAmount)
	before := tx.Tonnes(0)
	if b := upTo(a.Bulletins, tx.Day(f.Calendar.Year*10000+930)); b != nil {
		before = b.YearTonnes
	}
	t.percent("fourth quarter's share of the volume, %", p.FourthQuarterPercent, int64(volume-before), int64(volume))
	t.count("entities trading", p.EntitiesTrading, y.PartiesTrading)
}

func (f *File) closeRows(t *table, all []tx.Bulletin) {
	p := &f.Trading
	start, end := all[0].Composite.PreviousClose, all[len(all)-1].Composite.Close
	t.yuan("close of the year before", p.PreviousYearClose, start)
	t.percent("change of the close over the year, %", p.CloseChangePercent, int64(end-start), int64(start))
	low, high := extremes(all)
	t.yuan("lowest close", p.CloseLow, low.Composite.Close)
	t.yuan("highest close", p.CloseHigh, high.Composite.Close)
	quarter := slices.DeleteFunc(slices.Clone(all), func(b tx.Bulletin) bool { return month(b.Day) < 9 })
	if len(quarter) > 0 {
		low, high := extremes(quarter)
		t.yuan("lowest close of the fourth quarter", p.FourthQuarterCloseLow, low.Composite.Close)
		t.yuan("highest close of the fourth quarter", p.FourthQuarterCloseHigh, high.Composite.Close)
	}
	if c := p.FirstCloseAbove; c != nil {
		first := tx.Day(0)
		for i := range all {
			if first == 0 && all[i].Composite.Close > fenOf(c.Yuan) {
				first = all[i].Day
			}
		}
		t.day(fmt.Sprintf("first close above %s", c.Yuan), c.Day.Day(), first)
	}
	if c := p.Peak; c != nil {
		t.day("day of the highest close", c.Day.Day(), high.Day)
		t.yuan("highest close, exactly", c.Yuan, high.Composite.Close)
	}
	for _, c := range p.Closes {
		close := tx.Fen(0)
		if b := upTo(all, c.Day.Day()); b != nil && b.Day == c.Day.Day() {
			close = b.Composite.Close
		}
		t.yuan("close of "+c.Day.Day().String(), c.Yuan, close)
	}
}

// extremes are the first bulletins with the lowest and the highest close.
func extremes(all []tx.Bulletin) (low, high *tx.Bulletin) {
	low, high = &all[0], &all[0]
	for i := range all {
		if all[i].Composite.Close < low.Composite.Close {
			low = &all[i]
		}
		if all[i].Composite.Close > high.Composite.Close {
			high = &all[i]
		}
	}
	return low, high
}

func (f *File) volumeRows(t *table, a *Answers) {
	first, last := &a.Bulletins[0], &a.Bulletins[len(a.Bulletins)-1]
	for _, p := range f.Cumulative {
		// Before the first bulletin: what it had found.
		tonnes, amount := first.CumulativeTonnes-first.YearTonnes, first.CumulativeAmount-first.YearAmount
		if b := upTo(a.Bulletins, p.Day.Day()); b != nil {
			tonnes, amount = b.CumulativeTonnes, b.CumulativeAmount
		}
		if p.Day.Day() >= last.Day {
			tonnes, amount = a.Totals.CumulativeTonnes, a.Totals.CumulativeAmount
		}
		t.tonnes("cumulative volume "+p.Day.Day().String()+", t", p.Tonnes, tonnes)
		t.yuan("cumulative turnover "+p.Day.Day().String()+", yuan", p.Yuan, amount)
	}
	for _, p := range f.YearToDate {
		var b tx.Bulletin
		if found := upTo(a.Bulletins, p.Day.Day()); found != nil {
			b = *found
		}
		t.tonnes("volume of the year to "+p.Day.Day().String()+", t", p.Tonnes, b.YearTonnes)
		t.yuan("turnover of the year to "+p.Day.Day().String()+", yuan", p.Yuan, b.YearAmount)
	}
}

func (b *Bulletin) rows(t *table, all []tx.Bulletin) {
	var have tx.Bulletin
	if found := upTo(all, b.Day.Day()); found != nil && found.Day == b.Day.Day() {
		have = *found
	}
	c, name := &have.Composite, "bulletin "+b.Day.Day().String()+": "
	t.yuan(name+"open", b.Open, c.Open)
	t.yuan(name+"high", b.High, c.High)
	t.yuan(name+"low", b.Low, c.Low)
	t.yuan(name+"close", b.Close, c.Close)
	t.tonnes(name+"listed, t", b.ListedTonnes, c.ListedTonnes)
	t.yuan(name+"listed, yuan", b.ListedYuan, c.ListedAmount)
	t.tonnes(name+"block, t", b.BlockTonnes, c.BlockTonnes)
	t.yuan(name+"block, yuan", b.BlockYuan, c.BlockAmount)
}

func (o *Obligation) rows(t *table, have *tx.YearObligation) {
	name := fmt.Sprintf("obligation %d: ", o.Year)
	t.count(name+"entities", o.Entities, have.Entities)
	t.tonnes(name+"allocated, t", o.Allocated, have.Allocated)
	t.tonnes(name+"due, t", o.Due, have.Due)
	t.tonnes(name+"deficit, t", o.Deficit, have.Due-have.Allocated)
	t.percent(name+"deficit, % of what is due", o.DeficitPercent, int64(have.Due-have.Allocated), int64(have.Due))
	t.tonnes(name+"CCER offset, t", o.Offset, have.Offset)
	t.count(name+"entities with CCER", o.OffsetEntities, have.OffsetEntities)
	t.count(name+"regions with CCER", o.OffsetRegions, have.OffsetRegions)
	t.percent(name+"completion, % of the tonnes", o.CompletionPercent, int64(have.Surrendered+have.Offset), int64(have.Due))
	t.count(name+"entities not complete", o.EntitiesIncomplete, have.Entities-have.Complete)
	t.count(name+"regions complete", o.RegionsComplete, have.RegionsComplete)
}
