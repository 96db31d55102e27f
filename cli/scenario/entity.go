package scenario

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"

	"carbonledger/tx"
)

// Entity is a key emitting entity of the year.
type Entity struct {
	ID, Name, Region string
	Scheme           tx.KeyScheme
	// Allocated of the obligation year's own vintage, Due for it, Offset with
	// CCER, Short of it in the end.
	Allocated, Due, Offset, Short tx.Tonnes
	// Opening holdings by instrument, and money.
	Opening      []tx.Tonnes
	OpeningMoney tx.Fen

	region       int
	sells, buys  bool
	sold, bought []tx.Tonnes
	surrender    surrendering
}

// surrendering is when an entity hands in what of each instrument.
type surrendering struct {
	day    int // index of the trading day after whose close it does
	tonnes []tx.Tonnes
}

// count is a figure that is a number of things, or other where it is not given.
func count(f *Figure, other int64) int {
	if f == nil {
		return int(other)
	}
	return int(floor(f.value()).Int64())
}

// entities makes them with their regions, and decides who trades.
func (f *File) entities(random *rand.Rand, instruments int) ([]Entity, error) {
	o, t := f.obligation(), f.trading()
	all := make([]Entity, count(o.Entities, 0))
	regions := f.Invented.Regions
	if len(regions) > len(all) {
		return nil, fmt.Errorf("invented.regions: %d regions for %d entities", len(regions), len(all))
	}
	weights := make([]int64, len(regions))
	for i, r := range regions {
		weights[i] = r.Weight
	}
	perRegion := apportion(int64(len(all)-len(regions)), weights)
	sizes := make([]int64, len(all))
	region, left := 0, perRegion[0]+1
	width := len(strconv.Itoa(len(all)))
	for i := range all {
		for left == 0 {
			region++
			left = perRegion[region] + 1
		}
		left--
		e := &all[i]
		number := fmt.Sprintf("%0*d", width, i+1)
		*e = Entity{
			ID: "kee-" + number, Name: regions[region].Name + " " + number, Region: regions[region].ID, region: region, Scheme: tx.Ed25519,
			Opening: make([]tx.Tonnes, instruments), sold: make([]tx.Tonnes, instruments), bought: make([]tx.Tonnes, instruments),
		}
		e.surrender.tonnes = make([]tx.Tonnes, instruments)
		if n := f.Invented.SM2KeyEvery; n > 0 && i%n == n-1 {
			e.Scheme = tx.SM2
		}
		sizes[i] = 1000 + random.Int64N(1000*(f.Invented.LargestToSmallest-1)+1)
	}
	for i, a := range apportion(floor(o.Allocated.value()).Int64(), sizes) {
		all[i].Allocated = tx.Tonnes(a)
	}
	trading := count(t.EntitiesTrading, 0)
	if trading > len(all) || trading < 2 {
		return nil, fmt.Errorf("trading.entities_trading: %d of %d entities", trading, len(all))
	}
	for k, i := range random.Perm(len(all))[:trading] {
		all[i].buys, all[i].sells = k%2 == 0, k%2 == 1
		if f.Invented.OpeningMoney != nil {
			all[i].OpeningMoney = fenOf(f.Invented.OpeningMoney)
		}
	}
	return all, nil
}

// match gives every trade its parties, in turn. Nobody sells more of the own
// vintage than it is allocated.
func match(trades []Trade, all []Entity, own int, random *rand.Rand) error {
	var buyers, sellers []int
	for i := range all {
		if all[i].buys {
			buyers = append(buyers, i)
		}
		if all[i].sells {
			sellers = append(sellers, i)
		}
	}
	random.Shuffle(len(buyers), func(i, j int) { buyers[i], buyers[j] = buyers[j], buyers[i] })
	random.Shuffle(len(sellers), func(i, j int) { sellers[i], sellers[j] = sellers[j], sellers[i] })
	next := 0
	for n := range trades {
		t := &trades[n]
		t.Buyer = buyers[n%len(buyers)]
		seller := -1
		for range sellers {
			s := sellers[next%len(sellers)]
			next++
			if t.Instrument != own || all[s].sold[own]+t.Tonnes <= all[s].Allocated {
				seller = s
				break
			}
		}
		if seller < 0 {
			return fmt.Errorf("%s: no seller has %d t of the own vintage left: start its trade later, or allocate more", t.Day, t.Tonnes)
		}
		t.Seller = seller
		all[seller].sold[t.Instrument] += t.Tonnes
		all[t.Buyer].bought[t.Instrument] += t.Tonnes
	}
	return nil
}

// obligations decides what each entity owes, who falls short, and who offsets.
func (f *File) obligations(all []Entity) error {
	o := f.obligation()
	due := floor(o.Due.value()).Int64()
	allocated := floor(o.Allocated.value()).Int64()
	if o.Deficit != nil && !o.Deficit.agrees(big.NewRat(due-allocated, 1)) {
		return fmt.Errorf("obligation: due_tonnes less allocated_tonnes is %d, not deficit_tonnes", due-allocated)
	}
	short := int64(0)
	if o.CompletionPercent != nil {
		missing := new(big.Rat).Sub(big.NewRat(100, 1), o.CompletionPercent.value())
		short = floor(half(missing.Mul(missing, big.NewRat(due, 100)))).Int64()
	}
	if err := f.fallShort(all, short); err != nil {
		return err
	}
	if err := distribute(all, due-allocated-short); err != nil {
		return err
	}
	return f.offsets(all)
}

// fallShort picks the entities that do not meet their obligation, in as many
// regions as are not complete.
func (f *File) fallShort(all []Entity, short int64) error {
	o := f.obligation()
	number := count(o.EntitiesIncomplete, 0)
	regions := count(o.RegionsComplete, int64(len(f.Invented.Regions)-min(number, 1)))
	regions = len(f.Invented.Regions) - regions
	switch {
	case number == 0 && short > 0:
		return fmt.Errorf("obligation.entities_incomplete: with a completion of %s %% some entities are incomplete: say how many, in [invented.obligation] if it was not published", o.CompletionPercent)
	case regions < min(number, 1) || regions > number:
		return fmt.Errorf("obligation: %d entities are incomplete in %d regions", number, regions)
	case number > 0 && short < int64(number):
		return fmt.Errorf("obligation: %d t cannot be missing from %d entities", short, number)
	case number == 0:
		return nil
	}
	// The last regions of the list that have entities which do not trade.
	picked, perRegion := []int(nil), map[int]int{}
	var chosen []int
	for r := len(f.Invented.Regions) - 1; r >= 0 && len(chosen) < regions; r-- {
		if slices.ContainsFunc(all, func(e Entity) bool { return e.region == r && !e.buys && !e.sells }) {
			chosen = append(chosen, r)
		}
	}
	for pass := 0; len(picked) < number && pass < number; pass++ {
		for _, r := range chosen {
			at := slices.IndexFunc(all, func(e Entity) bool { return e.region == r && !e.buys && !e.sells && e.Short == 0 })
			if at < 0 || len(picked) == number {
				continue
			}
			picked = append(picked, at)
			perRegion[r]++
			all[at].Short = 1
		}
	}
	if len(picked) < number || len(perRegion) != regions {
		return fmt.Errorf("obligation.entities_incomplete: too few entities that do not trade to have %d incomplete in %d regions", number, regions)
	}
	weights := make([]int64, number)
	for i := range weights {
		weights[i] = 1
	}
	for k, part := range apportion(short, weights) {
		all[picked[k]].Short = tx.Tonnes(part)
	}
	return nil
}

// distribute sets what is due: the allocation, what the entities fall short of,
// and the rest of the deficit for those that bought, in proportion.
func distribute(all []Entity, deficit int64) error {
	weights := make([]int64, len(all))
	any := false
	for i := range all {
		e := &all[i]
		e.Due = e.Allocated + e.Short
		switch {
		case deficit >= 0 && e.buys:
			for _, b := range e.bought {
				weights[i] += int64(b)
			}
		case deficit < 0 && e.Short == 0:
			weights[i] = int64(e.Allocated)
		}
		any = any || weights[i] > 0
	}
	if !any {
		return fmt.Errorf("obligation: nobody is there to take a deficit of %d t", deficit)
	}
	parts := apportion(max(deficit, -deficit), weights)
	for i := range all {
		if deficit < 0 {
			parts[i] = -parts[i]
		}
		if all[i].Due += tx.Tonnes(parts[i]); all[i].Due <= 0 {
			return fmt.Errorf("obligation: nothing would be due from %s", all[i].ID)
		}
	}
	return nil
}

// offsetShare of what is due may be offset with CCER: a twentieth (Trial
// Measures, Art. 29). The ledger checks it.
const offsetShare = 20

// offsets picks the largest entities of the regions with the largest ones.
func (f *File) offsets(all []Entity) error {
	o := f.obligation()
	number, total := count(o.OffsetEntities, 0), int64(0)
	if o.Offset != nil {
		total = floor(o.Offset.value()).Int64()
	}
	regions := count(o.OffsetRegions, int64(min(number, len(f.Invented.Regions))))
	if number == 0 && total == 0 {
		return nil
	}
	if regions > number || regions > len(f.Invented.Regions) || number == 0 || regions == 0 || total < int64(number) {
		return fmt.Errorf("obligation: %d t cannot be offset by %d entities in %d regions", total, number, regions)
	}
	order := make([]int, 0, len(all))
	for i := range all {
		if all[i].Short == 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(all[b].Due - all[a].Due) })
	taken, seen := []int(nil), map[int]bool{}
	for _, i := range order {
		if len(seen) < regions && !seen[all[i].region] {
			seen[all[i].region] = true
			taken = append(taken, i)
		}
	}
	for _, i := range order {
		if len(taken) < number && seen[all[i].region] && !slices.Contains(taken, i) {
			taken = append(taken, i)
		}
	}
	if len(taken) < number || len(seen) < regions {
		return fmt.Errorf("obligation.offset_entities: only %d entities in %d regions can offset", len(taken), len(seen))
	}
	weights := make([]int64, number)
	for k, i := range taken {
		weights[k] = int64(all[i].Due)
	}
	for k, part := range apportion(total, weights) {
		e := &all[taken[k]]
		if e.Offset = tx.Tonnes(part); e.Offset > e.Due/offsetShare {
			return fmt.Errorf("obligation.offset_tonnes: %s would offset %d t of %d t, more than a twentieth; more entities must offset", e.ID, e.Offset, e.Due)
		}
	}
	return nil
}

// surrenders decides what each entity hands in and when, and gives it at the
// opening what it sells of older vintages and what it lacks.
func (f *File) surrenders(days []tx.Day, trades []Trade, all []Entity, own int, random *rand.Rand) {
	first := max(0, atOrBefore(days, f.Invented.SurrenderFrom.Day()))
	last := atOrBefore(days, f.obligation().Deadline.Day())
	older := olderThan(own)
	bought := make([]tx.Tonnes, len(all))
	for i := range trades {
		if t := &trades[i]; last >= 0 && t.Day <= days[last] {
			bought[t.Buyer] += f.usable(t.Instrument, t.Tonnes)
		}
	}
	for i := range all {
		e := &all[i]
		for k := range e.Opening {
			if k != own {
				e.Opening[k] = e.sold[k]
			}
		}
		need := e.Due - e.Offset - e.Short
		if lack := need - (e.Allocated - e.sold[own] + bought[i]); lack > 0 {
			e.Opening[older] += lack
		}
		e.surrender.day = first + random.IntN(max(0, last-first)+1)
	}
	f.collect(days, trades, all, own)
}

// olderThan is the instrument of the vintages before the own one; where that is
// the first, the one after it.
func olderThan(own int) int {
	if own == 0 {
		return 1
	}
	return own - 1
}

// usable is what of an instrument counts for the obligation year.
func (f *File) usable(instrument int, t tx.Tonnes) tx.Tonnes {
	if f.Invented.Vintages[f.Instruments[instrument]] > f.obligation().Year {
		return 0
	}
	return t
}

// collect goes through the year, and moves an entity's day to the first one on
// which it has what it hands in and does not sell later.
func (f *File) collect(days []tx.Day, trades []Trade, all []Entity, own int) {
	free := make([][]tx.Tonnes, len(all))
	for i := range all {
		e := &all[i]
		free[i] = slices.Clone(e.Opening)
		free[i][own] += e.Allocated
		for k := range e.sold {
			free[i][k] -= e.sold[k]
		}
	}
	done := make([]bool, len(all))
	for day, n := 0, 0; day < len(days); day++ {
		for ; n < len(trades) && trades[n].Day == days[day]; n++ {
			free[trades[n].Buyer][trades[n].Instrument] += trades[n].Tonnes
		}
		for i := range all {
			e := &all[i]
			need := e.Due - e.Offset - e.Short
			if done[i] || day < e.surrender.day {
				continue
			}
			var have tx.Tonnes
			for k := range free[i] {
				have += f.usable(k, free[i][k])
			}
			if have < need {
				continue
			}
			done[i], e.surrender.day = true, day
			take := func(k int) {
				part := min(need, f.usable(k, free[i][k]))
				e.surrender.tonnes[k] = part
				need -= part
			}
			take(own)
			for k := range free[i] {
				if k != own {
					take(k)
				}
			}
		}
	}
}
