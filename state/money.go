package state

import (
	"fmt"
	"math"

	"carbonledger/tx"
)

// deposit records money that reached the settlement account (Settlement Rules:
// each entity's money stands in a sub-ledger of its own).
func (x *exec) deposit(o *tx.Deposit) *tx.Rejection {
	if o.Amount <= 0 {
		return short(tx.AmountNotPositive, "fen", 0, o.Amount)
	}
	if _, n := x.trader(o.Party); n != nil {
		return n
	}
	c, s := x.moneySupply()
	if !fits(s.broughtForward, s.deposited, int64(o.Amount)) {
		return about(tx.AmountOverflow, "money of all parties")
	}
	// Past this point the deposit cannot fail.
	s.deposited += int64(o.Amount)
	x.setMoneySupply(c, s)
	x.pay(o.Party, o.Amount)
	return nil
}

// withdraw records money paid out of the settlement account.
func (x *exec) withdraw(o *tx.Withdraw) *tx.Rejection {
	if o.Amount <= 0 {
		return short(tx.AmountNotPositive, "fen", 0, o.Amount)
	}
	if _, n := x.trader(o.Party); n != nil {
		return n
	}
	from := x.money(o.Party)
	if have := from.free(); have < o.Amount {
		return short(tx.InsufficientMoney, "money of "+o.Party, have, o.Amount)
	}
	// Past this point the withdrawal cannot fail.
	c, s := x.moneySupply()
	s.withdrawn += int64(o.Amount)
	x.setMoneySupply(c, s)
	x.pay(o.Party, -o.Amount)
	return nil
}

// money is a party's sub-ledger: what it holds, what buy orders and unsettled
// purchases lock, and what unsettled sales will bring. Locked money may stand on
// proceeds of the same day, so it may be more than the balance.
type money struct {
	cell                      *cell
	balance, locked, proceeds tx.Fen
}

func (x *exec) money(party string) money {
	m := money{cell: x.at(keyOf1(x.key(), rangeMoney, party))}
	m.read(m.cell.value)
	return m
}

func (m *money) read(b []byte) {
	var balance, locked, proceeds int64
	numbers(b, &balance, &locked, &proceeds)
	m.balance, m.locked, m.proceeds = tx.Fen(balance), tx.Fen(locked), tx.Fen(proceeds)
}

// free is what can be withdrawn.
func (m *money) free() tx.Fen { return max(0, m.balance-m.locked) }

// power is what can be locked for buying: sales of the day count at once. A party
// locks at most 2^63−1 fen, however much it has and will receive.
func (m *money) power() tx.Fen {
	all := tx.Fen(math.MaxInt64)
	if fits(int64(m.balance), int64(m.proceeds)) {
		all = m.balance + m.proceeds
	}
	return max(0, all-m.locked)
}

func (x *exec) setMoney(m money) {
	if m.balance < 0 || m.locked < 0 || m.proceeds < 0 {
		panic(fmt.Sprintf("state: the money %x would be %d, %d, %d", m.cell.key, m.balance, m.locked, m.proceeds))
	}
	x.set(m.cell, appendNumbers(nil, int64(m.balance), int64(m.locked), int64(m.proceeds)))
}

// pay changes a balance whose rule has checked that it may.
func (x *exec) pay(party string, n tx.Fen) {
	m := x.money(party)
	m.balance += n
	x.setMoney(m)
}
