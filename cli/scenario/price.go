package scenario

import (
	"fmt"
	"maps"
	"slices"

	"carbonledger/tx"
)

// limit of a listed price away from the instrument's previous close: a tenth.
// The ledger checks it; here it says early which point of the path to move.
const listedLimit = 10

// dayPrice is how the instruments trade on a day.
type dayPrice struct {
	// close of each instrument.
	close []tx.Fen
	// listed says which instruments have listed trades.
	listed []bool
	// bulletin is the published one, if any; first are then the prices, in
	// order, at which the bulletin's instrument trades before it trades at its
	// mean.
	bulletin *Bulletin
	first    []tx.Fen
}

// prices finds closes for every instrument and day such that the composite is
// what was published.
type prices struct {
	f    *File
	days []tx.Day
	// weights of the instruments, sum of them, and the indices of the obligation
	// year's own vintage and of the bulletins' instrument.
	weights      []int64
	sum          int64
	own, carrier int
	start        tx.Fen
	all          []dayPrice
	// composite by index of the day: a point of the path.
	path map[int]tx.Fen
	// eve holds, for the day before a bulletin, the close of the bulletin's
	// instrument and of the others.
	eve map[int][2]tx.Fen
}

func (f *File) prices(days []tx.Day) ([]dayPrice, error) {
	p := &prices{f: f, days: days, path: map[int]tx.Fen{}, eve: map[int][2]tx.Fen{}, all: make([]dayPrice, len(days)), own: -1, carrier: -1}
	for i, code := range f.Instruments {
		p.weights = append(p.weights, f.Invented.Weights[code])
		p.sum += f.Invented.Weights[code]
		if f.Invented.Vintages[code] == f.obligation().Year {
			p.own = i
		}
		if code == f.Invented.BulletinInstrument {
			p.carrier = i
		}
	}
	p.start = fenOf(f.trading().PreviousYearClose)
	if p.sum == 0 || p.sum == p.weights[p.own] {
		return nil, fmt.Errorf("invented.weights: an older vintage needs a weight")
	}
	if err := p.points(); err != nil {
		return nil, err
	}
	for i := range f.Bulletins {
		if err := p.pin(&f.Bulletins[i]); err != nil {
			return nil, err
		}
	}
	return p.all, p.walk()
}

func fenOf(f *Figure) tx.Fen { return tx.Fen(f.span(100).middle()) }

// points collects the composite closes that are given; a published one wins
// over an invented one.
func (p *prices) points() error {
	given := slices.Clone(p.f.Invented.Path)
	given = append(given, p.f.Trading.Closes...)
	if p.f.Trading.Peak != nil {
		given = append(given, *p.f.Trading.Peak)
	}
	for _, c := range given {
		i, err := exactly(p.days, c.Day.Day(), "trading.closes, trading.peak, invented.path")
		if err != nil {
			return err
		}
		p.path[i] = fenOf(c.Yuan)
	}
	return nil
}

// composite is Σ weight × price ÷ Σ weight, half up to a fen.
func (p *prices) composite(price []tx.Fen) tx.Fen {
	var sum int64
	for i, w := range p.weights {
		sum += w * int64(price[i])
	}
	return halfUp(sum, p.sum)
}

// halfUp is n/d rounded half up, for n ≥ 0 and d > 0.
func halfUp(n, d int64) tx.Fen { return tx.Fen((2*n + d) / (2 * d)) }

// solve finds the price of the instruments in which that makes the composite
// the given one; the others keep theirs.
func (p *prices) solve(price []tx.Fen, in func(int) bool, composite tx.Fen) (tx.Fen, bool) {
	var weight, rest int64
	for i, w := range p.weights {
		if in(i) {
			weight += w
		} else {
			rest += w * int64(price[i])
		}
	}
	if weight == 0 {
		return 0, false
	}
	at := func(x tx.Fen) tx.Fen { return halfUp(rest+weight*int64(x), p.sum) }
	x := tx.Fen((int64(composite)*p.sum - rest) / weight)
	for x -= 3; x > 0 && at(x) < composite; {
		x++
	}
	return x, x > 0 && at(x) == composite
}

func (p *prices) others(i int) bool { return i != p.carrier }

// live says whether the obligation year's own vintage is listed on a day.
func (p *prices) live(day int) bool { return p.days[day] >= p.f.Invented.OwnVintageListedFrom.Day() }

// pin makes a published bulletin come out. On that day only one instrument, the
// carrier, has listed trades: its mean is the published one, so the others'
// closes, which are those of the day before, follow from the published close;
// and open, high and low are those of the carrier's first trades.
func (p *prices) pin(b *Bulletin) error {
	i, err := exactly(p.days, b.Day.Day(), "bulletins")
	if err != nil {
		return err
	}
	if i == 0 {
		return fmt.Errorf("bulletins: %s: one on the year's first trading day cannot be played: prices are set up the day before", b.Day.Day())
	}
	mean := halfUp(b.ListedYuan.span(100).middle(), b.ListedTonnes.span(1).middle())
	price := make([]tx.Fen, len(p.weights))
	price[p.carrier] = mean
	follow := p.others
	if !p.live(i) {
		price[p.own] = p.start
		follow = func(i int) bool { return i != p.carrier && i != p.own }
	}
	rest, ok := p.solve(price, follow, fenOf(b.Close))
	if !ok {
		return fmt.Errorf("bulletins: %s: no price of the other instruments gives the close %s; change invented.weights", b.Day.Day(), b.Close)
	}
	for k := range price {
		if follow(k) {
			price[k] = rest
		}
	}
	d := &p.all[i]
	*d = dayPrice{bulletin: b, close: slices.Clone(price), listed: make([]bool, len(price))}
	d.listed[p.carrier] = true
	for _, target := range []*Figure{b.Open, b.Low, b.High} {
		x, ok := p.solve(price, func(k int) bool { return k == p.carrier }, fenOf(target))
		if !ok {
			return fmt.Errorf("bulletins: %s: no price of %s gives %s; change invented.weights or bulletin_instrument", b.Day.Day(), p.f.Instruments[p.carrier], target)
		}
		if !slices.Contains(d.first, x) {
			d.first = append(d.first, x)
		}
	}
	lowest, highest := min(mean, slices.Min(d.first)), max(mean, slices.Max(d.first))
	least, most := (highest*listedLimit+listedLimit)/(listedLimit+1), lowest*listedLimit/(listedLimit-1)
	if least > most {
		return fmt.Errorf("bulletins: %s: %s would trade from %s to %s in one day, beyond the limits", b.Day.Day(), p.f.Instruments[p.carrier], lowest, highest)
	}
	eve := max(least, min(mean, most))
	price[p.carrier] = eve
	p.eve[i-1] = [2]tx.Fen{eve, rest}
	if c, given := p.path[i-1]; given && c != p.composite(price) {
		return fmt.Errorf("bulletins: %s: the day before must close at %s, %s is given", b.Day.Day(), p.composite(price), c)
	}
	p.path[i-1], p.path[i] = p.composite(price), fenOf(b.Close)
	return nil
}

// walk goes through the year: straight lines between the points of the path, and
// for every day the closes that make up the composite.
func (p *prices) walk() error {
	at := slices.Sorted(maps.Keys(p.path))
	composite := func(i int) tx.Fen {
		k, found := slices.BinarySearch(at, i)
		if found {
			return p.path[i]
		}
		if k == len(at) {
			if k == 0 {
				return p.start
			}
			return p.path[at[k-1]]
		}
		from, price := -1, p.start
		if k > 0 {
			from, price = at[k-1], p.path[at[k-1]]
		}
		n, d := int64(i-from), int64(at[k]-from)
		return halfUp(int64(price)*(d-n)+int64(p.path[at[k]])*n, d)
	}
	previous := make([]tx.Fen, len(p.weights))
	for i := range previous {
		previous[i] = p.start
	}
	for i := range p.days {
		d := &p.all[i]
		if d.bulletin == nil {
			if err := p.ordinary(i, d, composite(i), previous); err != nil {
				return err
			}
		}
		if err := p.within(i, d, previous); err != nil {
			return err
		}
		previous = d.close
	}
	return nil
}

// ordinary prices a day without a published bulletin. The own vintage stands at
// its reference price until it is listed, then catches up with the composite.
func (p *prices) ordinary(i int, d *dayPrice, composite tx.Fen, previous []tx.Fen) error {
	d.close, d.listed = slices.Clone(previous), make([]bool, len(previous))
	for k := range d.listed {
		d.listed[k] = k != p.own || p.live(i)
	}
	eve, isEve := p.eve[i]
	goal := composite
	if isEve {
		goal = eve[1]
	}
	if p.live(i) {
		d.close[p.own] = min(goal, previous[p.own]*tx.Fen(100+p.f.Invented.OwnVintageDailyRise)/100)
	}
	if isEve {
		for k := range d.close {
			switch {
			case k == p.carrier:
				d.close[k] = eve[0]
			case k != p.own:
				d.close[k] = eve[1]
			}
		}
	} else {
		x, ok := p.solve(d.close, func(k int) bool { return k != p.own }, composite)
		if !ok {
			return fmt.Errorf("%s: no price of the older vintages gives the close %s", p.days[i], composite)
		}
		for k := range d.close {
			if k != p.own {
				d.close[k] = x
			}
		}
	}
	if have := p.composite(d.close); have != composite {
		return fmt.Errorf("%s: the close would be %s, not %s: %s is still catching up; move invented.own_vintage_listed_from", p.days[i], have, composite, p.f.Instruments[p.own])
	}
	return nil
}

// within checks the day's listed prices against the limits.
func (p *prices) within(i int, d *dayPrice, previous []tx.Fen) error {
	for k, listed := range d.listed {
		least, most := d.close[k], d.close[k]
		if d.bulletin != nil && k == p.carrier {
			least, most = min(least, slices.Min(d.first)), max(most, slices.Max(d.first))
		}
		if listed && (listedLimit*(most-previous[k]) > previous[k] || listedLimit*(previous[k]-least) > previous[k]) {
			return fmt.Errorf("%s: %s would trade at %s to %s after a close of %s, beyond the limits: add a point to invented.path before that day", p.days[i], p.f.Instruments[k], least, most, previous[k])
		}
	}
	return nil
}
