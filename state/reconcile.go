package state

import (
	"fmt"

	"carbonledger/tx"
)

// lastSettlement is the settlement of a day that must be the last one, closed and
// not reconciled yet.
func (x *exec) lastSettlement(day tx.Day) (*cell, tx.DaySettlement, *tx.Rejection) {
	if x.facts.openDay != 0 && x.facts.openDay == day {
		return nil, tx.DaySettlement{}, about(tx.DayOpen, day.String())
	}
	c, d := x.settlement(day)
	switch {
	case day != x.facts.lastDay || !c.exists():
		return c, d, about(tx.NotLastDay, day.String())
	case d.Reconciled:
		return c, d, about(tx.AlreadyReconciled, day.String())
	}
	return c, d, nil
}

// stateTotals records the exchange's or the bank's own statement of the last day
// (Settlement Rules).
func (x *exec) stateTotals(o *tx.StateTotals) *tx.Rejection {
	c, d, n := x.lastSettlement(o.Day)
	if n != nil {
		return n
	}
	if !x.wellStated(o) {
		return about(tx.BadStatement, o.Day.String())
	}
	// Past this point the statement is recorded.
	if x.asker.role == tx.Exchange {
		d.Exchange = o
	} else {
		d.Bank = o
	}
	x.setMessage(c, &d)
	return nil
}

// wellStated: each states its own figures only, none negative, the exchange all
// instruments in the order of genesis.
func (x *exec) wellStated(o *tx.StateTotals) bool {
	if x.asker.role == tx.SettlementBank {
		return o.Trades == 0 && o.Tonnes == 0 && o.Amount == 0 && len(o.Tradable) == 0 && o.Money >= 0
	}
	if o.Money != 0 || o.Trades < 0 || o.Tonnes < 0 || o.Amount < 0 || len(o.Tradable) != len(x.chain.Instruments) {
		return false
	}
	for i := range o.Tradable {
		if o.Tradable[i].Instrument != x.chain.Instruments[i].Code || o.Tradable[i].Tonnes < 0 {
			return false
		}
	}
	return true
}

// reconcile compares both statements with the ledger. A break stands on the
// record until somebody states otherwise and the registry reconciles again.
func (x *exec) reconcile(o *tx.Reconcile) *tx.Rejection {
	c, d, n := x.lastSettlement(o.Day)
	if n != nil {
		return n
	}
	if d.Exchange == nil {
		return about(tx.StatementMissing, tx.Exchange.String())
	}
	if d.Bank == nil {
		return about(tx.StatementMissing, tx.SettlementBank.String())
	}
	// Past this point the comparison is recorded.
	d.Breaks = nil
	compare := func(what, whose string, stated, own int64) {
		if stated != own {
			d.Breaks = append(d.Breaks, fmt.Sprintf("%s: %s %d, ledger %d", what, whose, stated, own))
		}
	}
	compare("trades", "exchange", d.Exchange.Trades, d.Trades)
	compare("tonnes", "exchange", int64(d.Exchange.Tonnes), int64(d.Tonnes))
	compare("amount", "exchange", int64(d.Exchange.Amount), int64(d.Amount))
	for i := range d.Tradable {
		compare("tradable "+d.Tradable[i].Instrument, "exchange", int64(d.Exchange.Tradable[i].Tonnes), int64(d.Tradable[i].Tonnes))
	}
	compare("money", "bank", int64(d.Bank.Money), int64(d.Money))
	d.Reconciled = len(d.Breaks) == 0
	x.setMessage(c, &d)
	return nil
}
