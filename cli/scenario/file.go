package scenario

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"carbonledger/tx"
	"carbonledger/tx/limited"

	"github.com/pelletier/go-toml/v2"
)

// File is a scenario file. Its figures are those that were published; nil and
// zero values were not. Only these make rows of the table.
type File struct {
	Title       string   `toml:"title"`
	Source      string   `toml:"source"`
	Instruments []string `toml:"instruments"`
	Calendar    struct {
		Year int `toml:"year"`
		// FirstDay and LastDay limit the trading days to a part of the year.
		FirstDay       Date    `toml:"first_day"`
		LastDay        Date    `toml:"last_day"`
		ClosedWeekdays []Date  `toml:"closed_weekdays"`
		TradingDays    *Figure `toml:"trading_days"`
	} `toml:"calendar"`
	Obligation Obligation `toml:"obligation"`
	Trading    Trading    `toml:"trading"`
	Cumulative []Point    `toml:"cumulative"`
	YearToDate []Point    `toml:"year_to_date"`
	Bulletins  []Bulletin `toml:"bulletins"`
	Invented   Invented   `toml:"invented"`
}

// Obligation is how the entities met the obligation of a year.
type Obligation struct {
	Year     int     `toml:"year"`
	Deadline Date    `toml:"deadline"`
	Entities *Figure `toml:"entities"`
	// Allocated is what was issued of the year's own vintage.
	Allocated          *Figure `toml:"allocated_tonnes"`
	Due                *Figure `toml:"due_tonnes"`
	Deficit            *Figure `toml:"deficit_tonnes"`
	DeficitPercent     *Figure `toml:"deficit_percent"`
	Offset             *Figure `toml:"offset_tonnes"`
	OffsetEntities     *Figure `toml:"offset_entities"`
	OffsetRegions      *Figure `toml:"offset_regions"`
	CompletionPercent  *Figure `toml:"completion_percent"`
	EntitiesIncomplete *Figure `toml:"entities_incomplete"`
	RegionsComplete    *Figure `toml:"regions_complete"`
}

// Trading is a calendar year of the market; prices are of the composite.
type Trading struct {
	Volume                 *Figure `toml:"volume_tonnes"`
	Listed                 *Figure `toml:"listed_tonnes"`
	Block                  *Figure `toml:"block_tonnes"`
	Turnover               *Figure `toml:"turnover_yuan"`
	FourthQuarterPercent   *Figure `toml:"fourth_quarter_percent"`
	EntitiesTrading        *Figure `toml:"entities_trading"`
	PreviousYearClose      *Figure `toml:"previous_year_close"`
	CloseChangePercent     *Figure `toml:"close_change_percent"`
	CloseLow               *Figure `toml:"close_low"`
	CloseHigh              *Figure `toml:"close_high"`
	FourthQuarterCloseLow  *Figure `toml:"fourth_quarter_close_low"`
	FourthQuarterCloseHigh *Figure `toml:"fourth_quarter_close_high"`
	// FirstCloseAbove is the first day whose close is above a price.
	FirstCloseAbove *Close  `toml:"first_close_above"`
	Peak            *Close  `toml:"peak"`
	Closes          []Close `toml:"closes"`
}

// Close is a price on a day.
type Close struct {
	Day  Date    `toml:"day"`
	Yuan *Figure `toml:"yuan"`
}

// Point is what had been traded by the end of a day.
type Point struct {
	Day    Date    `toml:"day"`
	Tonnes *Figure `toml:"tonnes"`
	Yuan   *Figure `toml:"yuan"`
}

// Bulletin is a published daily bulletin of the composite.
type Bulletin struct {
	Day          Date    `toml:"day"`
	Open         *Figure `toml:"open"`
	High         *Figure `toml:"high"`
	Low          *Figure `toml:"low"`
	Close        *Figure `toml:"close"`
	ListedTonnes *Figure `toml:"listed_tonnes"`
	ListedYuan   *Figure `toml:"listed_yuan"`
	BlockTonnes  *Figure `toml:"block_tonnes"`
	BlockYuan    *Figure `toml:"block_yuan"`
}

// Invented is what nobody published. Obligation and Trading give, under the
// same names, what the generator needs and the published part leaves open; they
// make no rows.
type Invented struct {
	Obligation Obligation `toml:"obligation"`
	Trading    Trading    `toml:"trading"`

	Vintages map[string]int   `toml:"vintages"`
	Weights  map[string]int64 `toml:"weights"`
	Path     []Close          `toml:"path"`

	ListedByMonth      []int64   `toml:"listed_by_month"`
	BlockByMonth       []int64   `toml:"block_by_month"`
	ListedLot          tx.Tonnes `toml:"listed_lot_tonnes"`
	BlockLot           tx.Tonnes `toml:"block_lot_tonnes"`
	PriceJitter        tx.Fen    `toml:"price_jitter_fen"`
	BulletinInstrument string    `toml:"bulletin_instrument"`
	BlockInstruments   []string  `toml:"block_instruments"`

	OwnVintageIssued     Date  `toml:"own_vintage_issued"`
	OwnVintageListedFrom Date  `toml:"own_vintage_listed_from"`
	OwnVintageBlockFrom  Date  `toml:"own_vintage_block_from"`
	OwnVintageDailyRise  int64 `toml:"own_vintage_daily_rise_percent"`
	SurrenderFrom        Date  `toml:"surrender_from"`

	OpeningMoney      *Figure `toml:"opening_money_yuan"`
	WithdrawnPercent  int64   `toml:"withdrawn_percent"`
	LargestToSmallest int64   `toml:"largest_to_smallest_entity"`
	SM2KeyEvery       int     `toml:"sm2_key_every"`

	SiteLost Date `toml:"site_lost"`
	SiteBack Date `toml:"site_back"`

	Regions []Region `toml:"regions"`
}

// Region is a provincial department with a weight for the number of its
// entities.
type Region struct {
	ID     string `toml:"id"`
	Name   string `toml:"name"`
	Weight int64  `toml:"weight"`
}

// Date is a day in the form 2024-01-02; 0 is none.
type Date tx.Day

// UnmarshalText reads 2024-01-02.
func (d *Date) UnmarshalText(text []byte) error {
	day, err := tx.ParseDay(string(text))
	*d = Date(day)
	return err
}

// Day is the business day.
func (d Date) Day() tx.Day { return tx.Day(d) }

//go:embed 2024.toml
var year2024 []byte

// Default is the year 2024.
func Default() *File {
	f, err := Parse(year2024)
	if err != nil {
		panic(fmt.Sprintf("scenario: the embedded file: %v", err))
	}
	return f
}

// Load reads the file at path. Its error names the file and the line or field.
func Load(path string) (*File, error) {
	content, err := limited.ReadFile(path, limited.MaxSettingsBytes)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	f, err := Parse(content)
	if err != nil {
		return nil, fmt.Errorf("scenario: %s: %w", path, err)
	}
	return f, nil
}

// Parse reads a file and checks what each field says by itself; whether all of
// it can hold at once is found out by Generate.
func Parse(content []byte) (*File, error) {
	f := &File{}
	decoder := toml.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(f); err != nil {
		var unknown *toml.StrictMissingError
		var wrong *toml.DecodeError
		switch {
		case errors.As(err, &unknown) && len(unknown.Errors) > 0:
			line, _ := unknown.Errors[0].Position()
			return nil, fmt.Errorf("line %d: there is no field %v", line, unknown.Errors[0].Key())
		case errors.As(err, &wrong):
			line, _ := wrong.Position()
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		return nil, err
	}
	return f, f.check()
}

// check names the first field that is missing or makes no sense.
func (f *File) check() error {
	i := &f.Invented
	o, t := f.obligation(), f.trading()
	year := f.Calendar.Year
	inYear := func(d Date) bool { return d.Day().Year() == tx.Year(year) }
	for _, c := range []struct {
		ok   bool
		what string
	}{
		{year >= 2000 && year <= 9000, "calendar.year: the trading year, for example 2024"},
		{len(f.Instruments) >= 2, "instruments: at least two vintages, the oldest first"},
		{o.Year == year-1 || o.Year == year, "obligation.year: the trading year or the one before"},
		{o.Entities != nil && o.Entities.small(), "obligation.entities: at least 1 and at most 100,000; give it in [invented.obligation] if it was not published"},
		{o.Allocated != nil && o.Due != nil, "obligation: give allocated_tonnes and due_tonnes, in [invented.obligation] if they were not published"},
		{t.PreviousYearClose != nil, "trading.previous_year_close: the prices begin there; give it in [invented.trading] if it was not published"},
		{t.EntitiesTrading != nil && t.EntitiesTrading.small(), "trading.entities_trading: at least 2; give it in [invented.trading] if it was not published"},
		{t.Listed != nil && t.Block != nil, "trading: give listed_tonnes and block_tonnes, in [invented.trading] if they were not published"},
		{len(i.ListedByMonth) == 12 && len(i.BlockByMonth) == 12, "invented.listed_by_month, block_by_month: twelve weights"},
		{!slices.ContainsFunc(append(slices.Clone(i.ListedByMonth), i.BlockByMonth...), func(w int64) bool { return w < 0 || w > 1_000_000 }), "invented.listed_by_month, block_by_month: 0 to 1,000,000"},
		{i.ListedLot > 0 && i.BlockLot > 0, "invented.listed_lot_tonnes, block_lot_tonnes: more than 0"},
		{i.PriceJitter >= 0, "invented.price_jitter_fen: not negative"},
		{len(f.Bulletins) == 0 || slices.Contains(f.Instruments, i.BulletinInstrument), "invented.bulletin_instrument: one of the instruments"},
		{len(i.BlockInstruments) > 0, "invented.block_instruments: at least one"},
		{inYear(i.OwnVintageIssued) && inYear(i.OwnVintageListedFrom) && inYear(i.OwnVintageBlockFrom), "invented.own_vintage_issued, own_vintage_listed_from, own_vintage_block_from: days of the year"},
		{i.OwnVintageIssued <= i.OwnVintageListedFrom && i.OwnVintageIssued <= i.OwnVintageBlockFrom, "invented.own_vintage_issued: not after own_vintage_listed_from and own_vintage_block_from"},
		{i.OwnVintageDailyRise >= 1 && i.OwnVintageDailyRise <= 10, "invented.own_vintage_daily_rise_percent: 1 to 10"},
		{inYear(i.SurrenderFrom) && i.SurrenderFrom >= i.OwnVintageIssued, "invented.surrender_from: a day of the year, not before own_vintage_issued"},
		{inYear(o.Deadline) && o.Deadline >= i.SurrenderFrom, "obligation.deadline: a day of the year, not before invented.surrender_from"},
		{i.WithdrawnPercent >= 0 && i.WithdrawnPercent <= 100, "invented.withdrawn_percent: 0 to 100"},
		{i.LargestToSmallest >= 1 && i.LargestToSmallest <= 1000, "invented.largest_to_smallest_entity: 1 to 1,000"},
		{i.SM2KeyEvery >= 0, "invented.sm2_key_every: 0 for no SM2 keys, or every how many entities"},
		{i.SiteLost == 0 || inYear(i.SiteLost) && inYear(i.SiteBack) && i.SiteLost < i.SiteBack, "invented.site_lost, site_back: two days of the year, in this order"},
		{len(i.Regions) > 0, "invented.regions: at least one"},
	} {
		if !c.ok {
			return errors.New(c.what)
		}
	}
	return f.checkLists()
}

// small reports whether a figure is a plain count that a machine can play.
func (f *Figure) small() bool {
	v := f.value()
	return v.IsInt() && v.Sign() > 0 && v.Cmp(big.NewRat(100_000, 1)) <= 0
}

func (f *File) checkLists() error {
	for _, code := range f.Instruments {
		if f.Invented.Vintages[code] == 0 {
			return fmt.Errorf("invented.vintages: no year for %s", code)
		}
		if w, ok := f.Invented.Weights[code]; !ok || w < 0 || w > 10_000 {
			return fmt.Errorf("invented.weights: no weight from 0 to 10,000 for %s", code)
		}
	}
	for _, code := range f.Invented.BlockInstruments {
		if !slices.Contains(f.Instruments, code) {
			return fmt.Errorf("invented.block_instruments: %s is none of the instruments", code)
		}
	}
	own := 0
	for _, code := range f.Instruments {
		if f.Invented.Vintages[code] == f.obligation().Year {
			own++
			if len(f.Bulletins) > 0 && code == f.Invented.BulletinInstrument {
				return fmt.Errorf("invented.bulletin_instrument: %s is of the obligation year itself; choose an older one", code)
			}
		}
	}
	if own != 1 {
		return fmt.Errorf("invented.vintages: one instrument must be of the obligation year %d", f.obligation().Year)
	}
	for _, r := range f.Invented.Regions {
		if r.ID == "" || r.Name == "" || r.Weight < 1 || r.Weight > 1_000_000 {
			return fmt.Errorf("invented.regions: %q needs an id, a name and a weight from 1 on", r.ID)
		}
	}
	for _, c := range slices.Concat(f.Trading.Closes, f.Invented.Path) {
		if c.Yuan == nil || c.Day == 0 {
			return fmt.Errorf("trading.closes, invented.path: give day and yuan (%s)", c.Day.Day())
		}
	}
	for _, p := range slices.Concat(f.Cumulative, f.YearToDate) {
		if p.Day == 0 || p.Tonnes == nil || p.Yuan == nil {
			return fmt.Errorf("cumulative, year_to_date: give day, tonnes and yuan (%s)", p.Day.Day())
		}
	}
	for _, b := range f.Bulletins {
		if b.Day == 0 || slices.Contains([]*Figure{b.Open, b.High, b.Low, b.Close, b.ListedTonnes, b.ListedYuan, b.BlockTonnes, b.BlockYuan}, nil) {
			return fmt.Errorf("bulletins: %s lacks a field", b.Day.Day())
		}
	}
	return nil
}
