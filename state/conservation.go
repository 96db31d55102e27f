package state

import (
	"fmt"
	"strings"

	"carbonledger/tx"
)

// Conservation adds up every account at the view's height and compares: per
// instrument, brought forward + issued = held + surrendered; in money, brought
// forward + deposited = held + withdrawn; and what was surrendered for
// obligations is what left the holdings.
func (v *View) Conservation() (tx.Conservation, error) {
	c := tx.Conservation{Height: v.at.height}
	broken := func(format string, args ...any) { c.Breaks = append(c.Breaks, fmt.Sprintf(format, args...)) }
	held := map[string]tx.Tonnes{}
	var err error
	for key, value := range v.each([]byte{rangeHolding}, &err) {
		party, code, _ := strings.Cut(string(key), "\x00")
		n := tx.Tonnes(number(value))
		if n < 0 {
			broken("%s holds %d t of %s", party, n, code)
		}
		held[code] += n
	}
	var surrendered tx.Tonnes
	for _, i := range v.ledger.chain.Instruments {
		b, getErr := v.get(keyOf1(nil, rangeSupply, i.Code))
		if getErr != nil {
			return c, getErr
		}
		s := decodeSupply(b)
		c.Instruments = append(c.Instruments, tx.Supply{
			Instrument: i.Code, BroughtForward: tx.Tonnes(s.broughtForward), Issued: tx.Tonnes(s.issued),
			Held: held[i.Code], Surrendered: tx.Tonnes(s.surrendered),
		})
		if came, there := s.broughtForward+s.issued, int64(held[i.Code])+s.surrendered; came != there {
			broken("%s: %d t came, %d t are held or surrendered", i.Code, came, there)
		}
		surrendered += tx.Tonnes(s.surrendered)
	}
	if complianceErr := v.conserveCompliance(surrendered, broken); complianceErr != nil {
		return c, complianceErr
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
	var counted, offset, byVintage, cancelled tx.Tonnes
	for _, value := range v.each([]byte{rangeObligation}, &err) {
		var o tx.Obligation
		decode(value, &o)
		counted, offset = counted+o.Surrendered, offset+o.Offset
	}
	for _, value := range v.each([]byte{rangeYear}, &err) {
		y := decodeYearFacts(value)
		byVintage += tx.Tonnes(y.ownVintage + y.older)
	}
	for _, value := range v.each([]byte{rangeCancellation}, &err) {
		var year, tonnes int64
		numbers(value[:16], &year, &tonnes)
		cancelled += tx.Tonnes(tonnes)
	}
	if surrendered != counted || surrendered != byVintage {
		broken("%d t left the holdings as surrendered, the obligations count %d t, the vintages %d t", surrendered, counted, byVintage)
	}
	if offset != cancelled {
		broken("the obligations count %d t of offsets, the CCER cancellations come to %d t", offset, cancelled)
	}
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
		n := number(value)
		if n < 0 {
			c.Breaks = append(c.Breaks, fmt.Sprintf("%s has %d fen", key, n))
		}
		c.Money.Held += tx.Fen(n)
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
