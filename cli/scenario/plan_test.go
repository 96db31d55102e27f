package scenario

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"

	"carbonledger/tx"
)

// TestSeed: file and seed alone make the year.
func TestSeed(t *testing.T) {
	plan := func(seed uint64) *Plan {
		p, err := Generate(Default(), seed)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	a, again, other := plan(1), plan(1), plan(2)
	if !reflect.DeepEqual(a.Trades, again.Trades) || !reflect.DeepEqual(a.Entities, again.Entities) {
		t.Error("the same seed made two different years")
	}
	if reflect.DeepEqual(a.Trades, other.Trades) || reflect.DeepEqual(a.Entities, other.Entities) {
		t.Error("two seeds made one year")
	}
	sm2 := 0
	for _, e := range a.Entities {
		if e.Scheme == tx.SM2 {
			sm2++
		}
	}
	if sm2 != 209 {
		t.Errorf("%d entities have SM2 keys, want every tenth of 2,096", sm2)
	}
}

// TestOneFigureOff: a ledger that is off by one unit of a figure's last digit
// does not pass for equal, whichever figure it is.
func TestOneFigureOff(t *testing.T) {
	f := Default()
	p, err := Generate(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	a := play(t, p)
	unequal := func() (n int) {
		rows, err := f.Table(a)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if !r.Equal {
				n++
			}
		}
		return n
	}
	if n := unequal(); n != 0 {
		t.Fatalf("%d rows differ before anything is changed", n)
	}
	for name, change := range map[string]func(by int64){
		"listed":            func(by int64) { a.Totals.ListedTonnes += tx.Tonnes(by) * 1_000_000 },
		"turnover":          func(by int64) { a.Totals.BlockAmount += tx.Fen(by) * 1_000_000_000 },
		"trading days":      func(by int64) { a.Totals.TradingDays += by },
		"traders":           func(by int64) { a.Totals.PartiesTrading += by },
		"last close":        func(by int64) { a.Bulletins[len(a.Bulletins)-1].Composite.Close += tx.Fen(by) },
		"first close":       func(by int64) { a.Bulletins[0].Composite.PreviousClose += tx.Fen(by) },
		"due":               func(by int64) { a.Obligation.Due += tx.Tonnes(by) * 1_000_000 },
		"complete":          func(by int64) { a.Obligation.Complete -= by },
		"regions complete":  func(by int64) { a.Obligation.RegionsComplete -= by },
		"offset":            func(by int64) { a.Obligation.Offset += tx.Tonnes(by) * 10_000 },
		"cumulative":        func(by int64) { a.Totals.CumulativeTonnes += tx.Tonnes(by) * 1_000_000 },
		"a day's listed":    func(by int64) { bulletinOf(a, 20241211).Composite.ListedAmount += tx.Fen(by) },
		"a day's block":     func(by int64) { bulletinOf(a, 20240930).Composite.BlockTonnes += tx.Tonnes(by) },
		"a day's low":       func(by int64) { bulletinOf(a, 20240930).Composite.Low -= tx.Fen(by) },
		"the year to a day": func(by int64) { bulletinOf(a, 20240930).YearAmount += tx.Fen(by) },
		"the peak":          func(by int64) { bulletinOf(a, 20241113).Composite.Close += tx.Fen(by) },
		"the first over 100": func(by int64) {
			bulletinOf(a, 20240423).Composite.Close += tx.Fen(by) * 200
		},
	} {
		change(1)
		if unequal() == 0 {
			t.Errorf("%s: the difference goes unseen", name)
		}
		change(-1)
	}
}

func bulletinOf(a *Answers, d tx.Day) *tx.Bulletin { return upTo(a.Bulletins, d) }

// TestBadFiles: what is wrong in a file is named, with its line or field.
func TestBadFiles(t *testing.T) {
	small, err := os.ReadFile("testdata/small.toml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{`title =`, `titel =`, "line 2: there is no field"},
		{`entities = "48"`, `entities = "many"`, "is no figure"},
		{`entities = "48"`, ``, "obligation.entities"},
		{`year = 2031`, `year = 31`, "calendar.year"},
		{`deadline = "2031-04-25"`, `deadline = "2031-03-25"`, "obligation.deadline"},
		{`previous_year_close = "117.20"`, ``, "trading.previous_year_close"},
		{`volume_tonnes = "5.3e6"`, `volume_tonnes = "8.3e6"`, "the year's volume: the published figures contradict each other"},
		{`listed_by_month = [0, 0, 3, 2,`, `listed_by_month = [0, 0, 3,`, "listed_by_month"},
		{`listed_by_month = [0, 0, 3, 2,`, `listed_by_month = [3, 2, 0, 0,`, "no trading day has a weight"},
		{`listed_by_month = [0, 0, 3, 2,`, `listed_by_month = [0, 0, 3, 0,`, "too few for all instruments"},
		{`entities_trading = "31"`, `entities_trading = "49"`, "49 of 48 entities"},
		{`entities_incomplete = "1"`, `entities_incomplete = "0"`, "obligation.entities_incomplete"},
		{`regions_complete = "3"`, `regions_complete = "1"`, "1 entities are incomplete in 3 regions"},
		{`{ day = "2031-04-25", yuan = "125.00" }`, `{ day = "2031-03-04", yuan = "190.00" }`, "beyond the limits"},
		{`{ day = "2031-04-25", yuan = "125.00" }`, `{ day = "2031-04-26", yuan = "125.00" }`, "2031-04-26 is no trading day"},
		{`close = "120.02"`, `close = "220.02"`, "bulletins: 2031-03-20"},
		{`vintages = { CEA29 = 2029, CEA30 = 2030 }`, `vintages = { CEA29 = 2029, CEA30 = 2029 }`, "one instrument must be of the obligation year"},
		{`bulletin_instrument = "CEA29"`, `bulletin_instrument = "CEA30"`, "choose an older one"},
		{`turnover_yuan = "642e6"`, `turnover_yuan = "142e6"`, "block trades would be at"},
		{`allocated_tonnes = "60e6"`, `allocated_tonnes = "1"`, "own vintage"},
		{`site_back = "2031-03-26"`, `site_back = "2031-03-01"`, "site_lost, site_back"},
	} {
		if !bytes.Contains(small, []byte(c.from)) {
			t.Fatalf("the file has no %q", c.from)
		}
		f, err := Parse(bytes.Replace(small, []byte(c.from), []byte(c.to), 1))
		if err == nil {
			_, err = Generate(f, 3)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q for %q: %v, want %q", c.to, c.from, err, c.want)
		}
	}
}

// TestGuide: docs/scenario.md names every field of a file.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("../../docs/scenario.md")
	if err != nil {
		t.Fatal(err)
	}
	var walk func(reflect.Type)
	seen := map[reflect.Type]bool{}
	walk = func(v reflect.Type) {
		if v.Kind() == reflect.Pointer || v.Kind() == reflect.Slice {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct || seen[v] {
			return
		}
		seen[v] = true
		for i := range v.NumField() {
			name := v.Field(i).Tag.Get("toml")
			if name == "" {
				continue // inside of a Figure
			}
			if !bytes.Contains(guide, []byte(name)) {
				t.Errorf("docs/scenario.md does not name %q", name)
			}
			walk(v.Field(i).Type)
		}
	}
	walk(reflect.TypeOf(File{}))
	if len(seen) < 8 {
		t.Errorf("only %d structures were read", len(seen))
	}
}
