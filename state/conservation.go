package state

import (
	"fmt"
	"strings"

	"carbonledger/tx"
)

// Conservation adds up every account at the view's height and compares: per
// instrument, brought forward + issued = held + clawed back + surrendered +
// cancelled + carried over; in CCER, registered = held + cancelled; in money,
// brought forward + deposited = held + withdrawn; and what was surrendered for
// obligations is what left the holdings (domain 3.10).
func (v *View) Conservation() (tx.Conservation, error) {
	c := tx.Conservation{Height: v.at.height}
	broken := func(format string, args ...any) { c.Breaks = append(c.Breaks, fmt.Sprintf(format, args...)) }
	sums := map[string]*holding{}
	var err error
	for key, value := range v.each([]byte{rangeHolding}, &err) {
		party, code := cutKey(string(key))
		if sums[code] == nil {
			sums[code] = new(holding)
		}
		h := decodeHolding(value)
		for i, n := range h.of {
			if n < 0 {
				broken("%s has %d t of %s in sub-balance %d", party, n, code, i)
			}
			sums[code].of[i] += n
		}
	}
	var surrendered tx.Tonnes
	for _, i := range v.ledger.chain.Instruments {
		b, getErr := v.get(keyOf1(nil, rangeSupply, i.Code))
		if getErr != nil {
			return c, getErr
		}
		s, h := decodeSupply(b), holding{}
		if sums[i.Code] != nil {
			h = *sums[i.Code]
		}
		c.Instruments = append(c.Instruments, tx.Supply{
			Instrument: i.Code, BroughtForward: tx.Tonnes(s.broughtForward), Issued: tx.Tonnes(s.issued), Held: h.all(),
			ClawedBack: tx.Tonnes(s.clawedBack), Surrendered: tx.Tonnes(s.surrendered), Cancelled: tx.Tonnes(s.cancelled), CarriedOver: tx.Tonnes(s.carriedOver),
			RegistryAvailable: h.of[registryAvailable], TradingAvailable: h.of[tradingAvailable], Locked: h.of[locked],
			Pending: h.of[pending], Pledged: h.of[pledged], Frozen: h.of[frozen],
		})
		if came, there := s.broughtForward+s.issued, int64(h.all())+s.clawedBack+s.surrendered+s.cancelled+s.carriedOver; came != there {
			broken("%s: %d t came, %d t are held or went", i.Code, came, there)
		}
		if s.tradable != int64(h.of[tradingAvailable]) {
			broken("%s: %d t stand in trading holdings, the ledger counts %d t", i.Code, h.of[tradingAvailable], s.tradable)
		}
		surrendered += tx.Tonnes(s.surrendered)
	}
	if complianceErr := v.conserveCompliance(surrendered, broken); complianceErr != nil {
		return c, complianceErr
	}
	if applicationErr := v.conserveApplications(sums, broken); applicationErr != nil {
		return c, applicationErr
	}
	if encumberedErr := v.conserveEncumbered(broken); encumberedErr != nil {
		return c, encumberedErr
	}
	if regionErr := v.conserveRegions(broken); regionErr != nil {
		return c, regionErr
	}
	if ccerErr := v.conserveCCER(&c, broken); ccerErr != nil {
		return c, ccerErr
	}
	if moneyErr := v.conserveMoney(&c); moneyErr != nil {
		return c, moneyErr
	}
	return c, err
}

// conserveCompliance compares what left the holdings with what the obligations
// count, by vintage too, and every offset tonne with the CCER cancellation that
// it stands for (domain 3.10).
func (v *View) conserveCompliance(surrendered tx.Tonnes, broken func(string, ...any)) (err error) {
	var counted, offset, byVintage, booked, submitted, waiting tx.Tonnes
	for _, value := range v.each([]byte{rangeObligation}, &err) {
		var o tx.Obligation
		decode(value, &o)
		counted, offset, submitted = counted+o.Surrendered, offset+o.Offset, submitted+o.Submitted
	}
	for _, value := range v.each([]byte{rangeYear}, &err) {
		y := decodeYearFacts(value)
		byVintage, waiting = byVintage+tx.Tonnes(y.ownVintage+y.older), waiting+tx.Tonnes(y.submitted)
	}
	for _, value := range v.each([]byte{rangeCancellation}, &err) {
		var k tx.Cancellation
		if decode(value, &k); k.Booked != 0 {
			booked += k.Tonnes
		}
	}
	if surrendered != counted || surrendered != byVintage {
		broken("%d t left the holdings as surrendered, the obligations count %d t, the vintages %d t", surrendered, counted, byVintage)
	}
	if offset != booked {
		broken("the obligations count %d t of offsets, the CCER cancellations booked come to %d t", offset, booked)
	}
	if submitted != waiting {
		broken("the obligations count %d t in applications, the years %d t", submitted, waiting)
	}
	return err
}

// conserveApplications: what is pending is what undecided applications are for.
func (v *View) conserveApplications(sums map[string]*holding, broken func(string, ...any)) (err error) {
	open := map[string]tx.Tonnes{}
	var surrenders, submitted tx.Tonnes
	for _, value := range v.each([]byte{rangeApplication}, &err) {
		var a tx.Application
		if decode(value, &a); a.State != tx.ApplicationSubmitted {
			continue
		}
		open[a.Instrument] += a.Tonnes
		if a.Kind == tx.SurrenderApplication || a.Kind == tx.OnBehalfApplication {
			surrenders += a.Tonnes
		}
	}
	for _, value := range v.each([]byte{rangeYear}, &err) {
		submitted += tx.Tonnes(decodeYearFacts(value).submitted)
	}
	for _, i := range v.ledger.chain.Instruments {
		if h := sums[i.Code]; h != nil && h.of[pending] != open[i.Code] {
			broken("%s: %d t are pending, undecided applications come to %d t", i.Code, h.of[pending], open[i.Code])
		}
	}
	if surrenders != submitted {
		broken("undecided surrenders come to %d t, the years count %d t", surrenders, submitted)
	}
	return err
}

// conserveEncumbered: what a holder has pledged and frozen is what its open pledges
// and freezes come to.
func (v *View) conserveEncumbered(broken func(string, ...any)) (err error) {
	type claims struct{ pledged, frozen tx.Tonnes }
	open := map[string]claims{}
	for _, value := range v.each([]byte{rangePledge}, &err) {
		var r tx.PledgeRecord
		if decode(value, &r); !r.Released {
			c := open[r.Pledgor+"\x00"+r.Instrument]
			c.pledged += r.Tonnes
			open[r.Pledgor+"\x00"+r.Instrument] = c
		}
	}
	for _, value := range v.each([]byte{rangeFreeze}, &err) {
		var r tx.FreezeRecord
		decode(value, &r)
		c := open[r.Party+"\x00"+r.Instrument]
		c.frozen += r.Tonnes
		open[r.Party+"\x00"+r.Instrument] = c
	}
	for key, value := range v.each([]byte{rangeHolding}, &err) {
		h, c := decodeHolding(value), open[string(key)]
		if h.of[pledged] != c.pledged || h.of[frozen] != c.frozen {
			party, code := cutKey(string(key))
			broken("%s has %d t of %s pledged and %d t frozen, its open pledges and freezes come to %d t and %d t", party, h.of[pledged], code, h.of[frozen], c.pledged, c.frozen)
		}
	}
	return err
}

// conserveRegions: a region's account has all that it holds for entities.
func (v *View) conserveRegions(broken func(string, ...any)) (err error) {
	type place struct{ region, instrument string }
	var all []place
	sums := map[place]tx.Tonnes{}
	for _, value := range v.each([]byte{rangeAllocation}, &err) {
		var a tx.Allocation
		if decode(value, &a); a.AtRegion == 0 {
			continue
		}
		e, _, partyErr := v.Party(a.Entity)
		if partyErr != nil {
			return partyErr
		}
		of := place{e.Region, a.Instrument}
		if sums[of] == 0 {
			all = append(all, of)
		}
		sums[of] += a.AtRegion
	}
	for _, of := range all {
		b, getErr := v.get(keyOf2(nil, rangeHolding, of.region, of.instrument))
		if getErr != nil {
			return getErr
		}
		if h := decodeHolding(b); h.of[registryAvailable] < sums[of] {
			broken("%s has %d t of %s, and holds %d t for entities", of.region, h.of[registryAvailable], of.instrument, sums[of])
		}
	}
	return err
}

// conserveCCER: registered = held + cancelled, also by batch, and what is booked
// was cancelled for the national offset.
func (v *View) conserveCCER(c *tx.Conservation, broken func(string, ...any)) error {
	b, err := v.get([]byte{rangeCCERSupply})
	if err != nil {
		return err
	}
	s := decodeCCERSupply(b)
	r := tx.ReductionSupply{
		Registered: tx.Tonnes(s.registered), Cancelled: tx.Tonnes(s.cancelled), NationalOffset: tx.Tonnes(s.national), Booked: tx.Tonnes(s.booked),
	}
	held := map[string]tx.Tonnes{}
	for key, value := range v.each([]byte{rangeCCER}, &err) {
		party, batch := cutKey(string(key))
		n := tx.Tonnes(number(value))
		if n < 0 {
			broken("%s holds %d t of the batch %s", party, n, batch)
		}
		held[batch], r.Held = held[batch]+n, r.Held+n
	}
	for key, value := range v.each([]byte{rangeReduction}, &err) {
		var batch tx.Reduction
		if decode(value, &batch); batch.Tonnes != held[string(key)]+batch.Cancelled {
			broken("batch %s: %d t registered, %d t are held or cancelled", key, batch.Tonnes, held[string(key)]+batch.Cancelled)
		}
	}
	if r.Registered != r.Held+r.Cancelled || r.Booked > r.NationalOffset {
		broken("CCER: %d t registered, %d t held, %d t cancelled, %d t of these for the national offset, %d t booked", r.Registered, r.Held, r.Cancelled, r.NationalOffset, r.Booked)
	}
	c.Reductions = r
	return err
}

func (v *View) conserveMoney(c *tx.Conservation) error {
	b, err := v.get([]byte{rangeMoneySupply})
	if err != nil {
		return err
	}
	s := decodeMoneySupply(b)
	c.Money = tx.MoneySupply{BroughtForward: tx.Fen(s.broughtForward), Deposited: tx.Fen(s.deposited), Withdrawn: tx.Fen(s.withdrawn)}
	for key, value := range v.each([]byte{rangeMoney}, &err) {
		var m money
		m.read(value)
		if m.balance < 0 || m.locked < 0 || m.proceeds < 0 {
			c.Breaks = append(c.Breaks, fmt.Sprintf("%s has %d, %d and %d fen", key, m.balance, m.locked, m.proceeds))
		}
		c.Money.Held += m.balance
	}
	if came, there := s.broughtForward+s.deposited, int64(c.Money.Held)+s.withdrawn; came != there {
		c.Breaks = append(c.Breaks, fmt.Sprintf("money: %d fen came, %d fen are held or withdrawn", came, there))
	}
	return err
}

// mustConserve panics where the books do not balance: for tests.
func (l *Ledger) mustConserve() error {
	v, err := l.View()
	if err != nil {
		return err
	}
	defer v.Close()
	c, err := v.Conservation()
	if err == nil && len(c.Breaks) > 0 {
		panic(fmt.Sprintf("state: block %d breaks the books: %s", c.Height, strings.Join(c.Breaks, "; ")))
	}
	return err
}
