package state

import (
	"fmt"

	"carbonledger/tx"
)

// supply counts the units of an instrument that came and went. At any height
// broughtForward + issued = held + clawedBack + surrendered + cancelled +
// carriedOver. Because what came is checked to stay within 63 bits, no holding,
// which is a part of it, can overflow. tradable is the sum of the trading-available
// sub-balances.
type supply struct {
	broughtForward, issued, clawedBack, surrendered, cancelled, carriedOver, tradable int64
}

func (x *exec) supply(instrument string) (*cell, supply) {
	c := x.at(keyOf1(x.key(), rangeSupply, instrument))
	return c, decodeSupply(c.value)
}

func decodeSupply(b []byte) (s supply) {
	numbers(b, &s.broughtForward, &s.issued, &s.clawedBack, &s.surrendered, &s.cancelled, &s.carriedOver, &s.tradable)
	return s
}

func (x *exec) setSupply(c *cell, s supply) {
	x.set(c, appendNumbers(nil, s.broughtForward, s.issued, s.clawedBack, s.surrendered, s.cancelled, s.carriedOver, s.tradable))
}

// moneySupply is the same for money: broughtForward + deposited = held +
// withdrawn.
type moneySupply struct{ broughtForward, deposited, withdrawn int64 }

func (x *exec) moneySupply() (*cell, moneySupply) {
	c := x.at(append(x.key(), rangeMoneySupply))
	return c, decodeMoneySupply(c.value)
}

func decodeMoneySupply(b []byte) (s moneySupply) {
	numbers(b, &s.broughtForward, &s.deposited, &s.withdrawn)
	return s
}

func (x *exec) setMoneySupply(c *cell, s moneySupply) {
	x.set(c, appendNumbers(nil, s.broughtForward, s.deposited, s.withdrawn))
}

// add changes a balance whose rule has checked that it may. A balance that
// would leave 0 … 2^63−1 is a bug of that rule.
func (x *exec) add(c *cell, n int64) {
	sum := c.number() + n
	if sum < 0 {
		panic(fmt.Sprintf("state: the balance %x would be %d", c.key, sum))
	}
	x.setNumber(c, sum)
}

// fits reports whether all numbers, none negative, add up within 63 bits.
func fits(all ...int64) bool {
	sum := int64(0)
	for _, n := range all {
		if sum += n; sum < 0 {
			return false
		}
	}
	return true
}

// capped adds tonnes, none negative, of several instruments or years, whose sum no
// supply bounds; what does not fit is the greatest number.
func capped(all ...tx.Tonnes) (sum tx.Tonnes) {
	for _, n := range all {
		if sum += n; sum < 0 {
			return 1<<63 - 1
		}
	}
	return sum
}

// instrumentAmount checks an instrument's code and an amount of tonnes.
func (x *exec) instrumentAmount(code string, t tx.Tonnes) (tx.Instrument, *tx.Rejection) {
	i, ok := x.chain.instrument[code]
	switch {
	case !ok:
		return i, about(tx.UnknownInstrument, code)
	case t <= 0:
		return i, short(tx.AmountNotPositive, "tonnes", 0, t)
	}
	return i, nil
}
