package state

import "carbonledger/tx"

// deposit records money that reached the settlement account (Settlement Rules:
// each entity's money stands in a sub-ledger of its own).
func (x *exec) deposit(o *tx.Deposit) *tx.Rejection {
	if o.Amount <= 0 {
		return short(tx.AmountNotPositive, "fen", 0, o.Amount)
	}
	if _, n := x.entity(o.Party); n != nil {
		return n
	}
	c, s := x.moneySupply()
	if !fits(s.broughtForward, s.deposited, int64(o.Amount)) {
		return about(tx.AmountOverflow, "money of all parties")
	}
	// Past this point the deposit cannot fail.
	s.deposited += int64(o.Amount)
	x.setMoneySupply(c, s)
	x.add(x.money(o.Party), int64(o.Amount))
	return nil
}

// withdraw records money paid out of the settlement account.
func (x *exec) withdraw(o *tx.Withdraw) *tx.Rejection {
	if o.Amount <= 0 {
		return short(tx.AmountNotPositive, "fen", 0, o.Amount)
	}
	if _, n := x.entity(o.Party); n != nil {
		return n
	}
	from := x.money(o.Party)
	if have := from.number(); have < int64(o.Amount) {
		return short(tx.InsufficientMoney, "money of "+o.Party, have, int64(o.Amount))
	}
	// Past this point the withdrawal cannot fail.
	c, s := x.moneySupply()
	s.withdrawn += int64(o.Amount)
	x.setMoneySupply(c, s)
	x.add(from, -int64(o.Amount))
	return nil
}
