package scenario

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"

	"carbonledger/tx"
)

// blockLeast is the size of a block trade (exchange's rules), and listedBelow
// the size that a listed one stays under. The ledger checks both.
const blockLeast, listedBelow = 100_000, 100_000

// Trade is a matched trade. Buyer and Seller are indices of entities.
type Trade struct {
	Day           tx.Day
	Kind          tx.TradeKind
	Instrument    int
	Price         tx.Fen
	Tonnes        tx.Tonnes
	Buyer, Seller int
}

func (t *Trade) amount() int64 { return int64(t.Price) * int64(t.Tonnes) }

// market makes the year's trades, without their parties.
type market struct {
	f      *File
	days   []tx.Day
	v      *volumes
	prices []dayPrice
	random *rand.Rand
	// listedOn is each day's listed volume, listedFen what it came to.
	listedOn  []int64
	listedFen []int64
	lot       int64
	listed    [][]Trade // by day, in order
	blocks    [][]Trade
	turn      int // of the block instruments
}

// trades makes at least so many, in the order in which they are settled.
func (f *File) trades(days []tx.Day, v *volumes, random *rand.Rand, least int) ([]Trade, error) {
	prices, err := f.prices(days)
	if err != nil {
		return nil, err
	}
	m := &market{f: f, days: days, v: v, prices: prices, random: random, lot: min(int64(f.Invented.ListedLot), listedBelow-1)}
	m.listed, m.blocks = make([][]Trade, len(days)), make([][]Trade, len(days))
	m.listedOn, m.listedFen = make([]int64, len(days)), make([]int64, len(days))
	if err := m.spreadListed(); err != nil {
		return nil, err
	}
	for m.lots() < int64(least) && m.lot > 1 {
		m.lot /= 2
	}
	for i := range days {
		if err := m.list(i); err != nil {
			return nil, err
		}
	}
	for i := range v.periods {
		if err := m.block(&v.periods[i]); err != nil {
			return nil, err
		}
	}
	var all []Trade
	for i := range days {
		all = append(append(all, m.listed[i]...), m.blocks[i]...)
	}
	if len(all) < least {
		return nil, fmt.Errorf("%d trades cannot have %d buyers or sellers: give a greater volume or fewer trading.entities_trading", len(all), least)
	}
	return all, nil
}

// spreadListed cuts the listed volume over the days by the weights of months.
func (m *market) spreadListed() error {
	left, free := m.v.listed, []int(nil)
	for i := range m.days {
		if b := m.prices[i].bulletin; b != nil {
			m.listedOn[i] = b.ListedTonnes.span(1).middle()
			left -= m.listedOn[i]
		} else {
			free = append(free, i)
		}
	}
	if left < 0 {
		return fmt.Errorf("bulletins: they have more listed volume than the year")
	}
	parts, err := spread(left, m.days, free, m.f.Invented.ListedByMonth)
	if err != nil {
		return err
	}
	for k, i := range free {
		m.listedOn[i] = parts[k]
	}
	return nil
}

// perInstrument cuts a day's listed volume evenly; the first instrument takes
// what is left over.
func (m *market) perInstrument(i int) []int64 {
	live := int64(0)
	for _, l := range m.prices[i].listed {
		if l {
			live++
		}
	}
	parts := make([]int64, len(m.prices[i].listed))
	extra := m.listedOn[i] % live
	for k, l := range m.prices[i].listed {
		if l {
			parts[k] = m.listedOn[i]/live + extra
			extra = 0
		}
	}
	return parts
}

// lots is about how many listed trades the year has with the lot of now.
func (m *market) lots() (n int64) {
	for i := range m.days {
		for _, q := range m.perInstrument(i) {
			n += (q + m.lot - 1) / m.lot
		}
	}
	return n
}

// list makes the listed trades of a day.
func (m *market) list(i int) error {
	d := &m.prices[i]
	if d.bulletin != nil {
		return m.listBulletin(i, d)
	}
	for k, q := range m.perInstrument(i) {
		if !d.listed[k] {
			continue
		}
		if q == 0 {
			return fmt.Errorf("%s: %d t of listed trades are too few for all instruments: raise its month in invented.listed_by_month", m.days[i], m.listedOn[i])
		}
		m.jittered(i, k, q, d.close[k])
	}
	return nil
}

// jittered trades an amount whose mean price is the given one: lots of one size
// in pairs, one as much above as the other below.
func (m *market) jittered(i, instrument int, q int64, mean tx.Fen) {
	n := (q + m.lot - 1) / m.lot
	previous := m.previous(i, instrument)
	jitter := int64(min(m.f.Invented.PriceJitter, previous/listedLimit-max(mean-previous, previous-mean)))
	for k := int64(0); k < n; k++ {
		size, by := q/n, tx.Fen(0)
		if k+1 < n-q%n && jitter > 0 {
			by = tx.Fen(m.random.Int64N(2*jitter+1) - jitter)
			m.sell(i, instrument, mean+by, size)
			k++
		}
		if k >= n-q%n {
			size++
		}
		m.sell(i, instrument, mean-by, size)
	}
}

func (m *market) sell(i, instrument int, price tx.Fen, tonnes int64) {
	t := Trade{Day: m.days[i], Kind: tx.Listed, Instrument: instrument, Price: price, Tonnes: tx.Tonnes(tonnes)}
	m.listed[i] = append(m.listed[i], t)
	m.listedFen[i] += t.amount()
}

// listBulletin makes exactly the published tonnes and fen.
func (m *market) listBulletin(i int, d *dayPrice) error {
	carrier := slices.Index(d.listed, true)
	q, f := m.listedOn[i]-int64(len(d.first)), d.bulletin.ListedYuan.span(100).middle()
	for _, price := range d.first {
		f -= int64(price)
	}
	if q < 1 || f < q {
		return fmt.Errorf("bulletins: %s: too few listed tonnes or yuan for open, low and high", m.days[i])
	}
	for _, price := range d.first {
		m.sell(i, carrier, price, 1)
	}
	price, above := f/q, f%q
	for _, part := range []struct{ price, q int64 }{{price, q - above}, {price + 1, above}} {
		for left := part.q; left > 0; left -= m.lot {
			m.sell(i, carrier, tx.Fen(part.price), min(left, m.lot))
		}
	}
	return nil
}

// block makes a period's block trades: what its volume and turnover leave to
// them. Prices are in one ratio to the previous closes; the last day's balance
// to the fen.
func (m *market) block(p *period) error {
	left, fen, free := p.tonnes, p.fen, []int(nil)
	for i := p.from; i <= p.to; i++ {
		left, fen = left-m.listedOn[i], fen-m.listedFen[i]
		b := m.prices[i].bulletin
		if b == nil {
			free = append(free, i)
			continue
		}
		q, f := b.BlockTonnes.span(1).middle(), b.BlockYuan.span(100).middle()
		left, fen = left-q, fen-f
		if q > 0 {
			if err := m.balance(i, q, f); err != nil {
				return err
			}
		}
	}
	name := fmt.Sprintf("%s to %s", m.days[p.from], m.days[p.to])
	if left < 0 || left > 0 && left < blockLeast || left > 0 && len(free) == 0 {
		return fmt.Errorf("%s: %d t are left for block trades: change invented.listed_by_month", name, left)
	}
	if left == 0 {
		if !p.free && fen != 0 {
			return fmt.Errorf("%s: without block trades the turnover misses the published one by %s yuan; change invented.path", name, tx.Fen(fen))
		}
		return nil
	}
	return m.blocksOf(name, free, left, fen, p.free)
}

func (m *market) blocksOf(name string, free []int, left, fen int64, anyFen bool) error {
	lot := max(int64(m.f.Invented.BlockLot), blockLeast)
	balance := int64(0)
	if !anyFen {
		balance = max(4*blockLeast, min(3*lot, left))
		if rest := left - balance; rest < blockLeast {
			balance = left
		}
		if left < balance {
			return fmt.Errorf("%s: %d t of block trades are too few to meet a turnover to the fen: at least %d t", name, left, 4*blockLeast)
		}
	}
	type lots struct {
		day, instrument int
		q               int64
	}
	var plan []lots
	value := new(big.Int)
	count := func(q int64, previous tx.Fen) {
		value.Add(value, new(big.Int).Mul(big.NewInt(q), big.NewInt(int64(previous))))
	}
	if rest := left - balance; rest > 0 {
		n := max(1, rest/lot)
		perDay, err := spread(n, m.days, free, m.f.Invented.BlockByMonth)
		if err != nil {
			return err
		}
		k := int64(0)
		for j, i := range free {
			for range perDay[j] {
				q := rest / n
				if k < rest%n {
					q++
				}
				k++
				l := lots{i, m.blockInstrument(i), q}
				plan = append(plan, l)
				count(q, m.previous(i, l.instrument))
			}
		}
	}
	last := free[len(free)-1]
	count(balance, m.previous(last, slices.Index(m.f.Instruments, m.f.Invented.BlockInstruments[0])))
	all := big.NewInt(fen)
	if anyFen {
		all.Set(value)
	}
	for _, l := range plan {
		price := tx.Fen(new(big.Int).Div(new(big.Int).Mul(big.NewInt(int64(m.previous(l.day, l.instrument))), all), value).Int64())
		m.deal(l.day, l.instrument, price, l.q)
		fen -= int64(price) * l.q
	}
	if balance > 0 {
		return m.balance(last, balance, fen)
	}
	return nil
}

// previous is an instrument's close before a day.
func (m *market) previous(i, instrument int) tx.Fen {
	if i == 0 {
		return fenOf(m.f.trading().PreviousYearClose)
	}
	return m.prices[i-1].close[instrument]
}

// blockInstrument takes turns.
func (m *market) blockInstrument(i int) int {
	codes := m.f.Invented.BlockInstruments
	if m.days[i] >= m.f.Invented.OwnVintageBlockFrom.Day() {
		for _, code := range m.f.Instruments {
			if m.f.Invented.Vintages[code] == m.f.obligation().Year && !slices.Contains(codes, code) {
				codes = append(slices.Clone(codes), code)
			}
		}
	}
	m.turn++
	return slices.Index(m.f.Instruments, codes[m.turn%len(codes)])
}

func (m *market) deal(i, instrument int, price tx.Fen, tonnes int64) {
	m.blocks[i] = append(m.blocks[i], Trade{Day: m.days[i], Kind: tx.BlockTrade, Instrument: instrument, Price: price, Tonnes: tx.Tonnes(tonnes)})
}

// balance deals exactly q tonnes for exactly fen: at a price and the next one
// above, or, where one of the two would be too small for a block trade, at three
// prices side by side.
func (m *market) balance(i int, q, fen int64) error {
	instrument := m.blockInstrument(i)
	price, above := fen/q, fen%q
	type level struct{ price, q int64 }
	var levels []level
	switch {
	case above == 0:
		levels = []level{{price, q}}
	case above >= blockLeast && q-above >= blockLeast:
		levels = []level{{price, q - above}, {price + 1, above}}
	case q < 4*blockLeast:
		return fmt.Errorf("%s: %d t of block trades are too few for exactly %s yuan: at least %d t", m.days[i], q, tx.Fen(fen), 4*blockLeast)
	case above < blockLeast:
		levels = []level{{price - 1, blockLeast}, {price, q - 2*blockLeast - above}, {price + 1, blockLeast + above}}
	default:
		below := q - above
		levels = []level{{price, blockLeast + below}, {price + 1, q - 2*blockLeast - below}, {price + 2, blockLeast}}
	}
	previous := int64(m.previous(i, instrument))
	if away := max(levels[len(levels)-1].price-previous, previous-levels[0].price); 10*away > 3*previous {
		return fmt.Errorf("%s: block trades would be at %s after a close of %s, beyond the limits: change invented.path or the volumes by month", m.days[i], tx.Fen(price), tx.Fen(previous))
	}
	for _, l := range levels {
		n := max(1, l.q/max(int64(m.f.Invented.BlockLot), blockLeast))
		for k := range n {
			size := l.q / n
			if k < l.q%n {
				size++
			}
			m.deal(i, instrument, tx.Fen(l.price), size)
		}
	}
	return nil
}
