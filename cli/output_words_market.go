package cli

import (
	"fmt"

	"carbonledger/tx"
)

// describeMarket is describe for money, orders and trading days.
func (w wording) describeMarket(op *tx.Operation, party string) []string {
	switch o := op.Operation.(type) {
	case *tx.Operation_Deposit:
		return say("record a deposit of %s into the account of %s", w.yuan(o.Deposit.Amount), o.Deposit.Party)
	case *tx.Operation_Withdraw:
		return say("record a withdrawal of %s from the account of %s", w.yuan(o.Withdraw.Amount), o.Withdraw.Party)
	case *tx.Operation_MoveHolding:
		m := o.MoveHolding
		return say("move %s of %s of %s into its %s holding", w.tonnes(m.Tonnes), m.Instrument, party, subBalances.word(m.To))
	case *tx.Operation_OpenDay:
		return say("open the trading day %s", o.OpenDay.Day)
	case *tx.Operation_CloseDay:
		return say("close the trading day %s, and settle its trades", o.CloseDay.Day)
	case *tx.Operation_RegisterOrder:
		return w.registering(&o.RegisterOrder.Order)
	case *tx.Operation_WithdrawOrder:
		return say("take back what is unfilled of order %s of %s", o.WithdrawOrder.Reference, party)
	case *tx.Operation_RecordTrade:
		return w.trade(o.RecordTrade)
	case *tx.Operation_AnnounceBidding:
		return w.bidding(o.AnnounceBidding)
	case *tx.Operation_ConcludeBidding:
		return say("conclude the bidding session %s: the ledger picks the winners", o.ConcludeBidding.Session)
	case *tx.Operation_SuspendTrading:
		s := o.SuspendTrading
		what, in := "take up trading again", s.Instrument
		if s.Suspended {
			what = "suspend trading"
		}
		if in == "" {
			in = "all instruments"
		}
		return say("%s in %s by document %s", what, in, s.Document)
	case *tx.Operation_StateTotals:
		return w.totals(o.StateTotals, party)
	case *tx.Operation_Reconcile:
		return say("reconcile the trading day %s: compare the statements with the ledger's totals", o.Reconcile.Day)
	}
	return nil
}

func (w wording) registering(o *tx.SignedOrder) []string {
	var body tx.OrderBody
	if err := body.Unmarshal(o.Body); err != nil {
		return say("register an order that is damaged: do not sign it")
	}
	return []string{"register an order, and lock what it may cost", w.order(&body), "signed by " + o.Signature.Key.String()}
}

func (w wording) order(o *tx.OrderBody) string {
	limit := "at most"
	if o.Side == tx.Sell {
		limit = "at least"
	}
	in := ""
	if o.Session != "" {
		in = " in the session " + o.Session
	}
	return fmt.Sprintf("%s: %s order %s%s to %s up to %s of %s for %s %s a tonne on %s",
		o.Party, tradeKinds.word(o.Kind), o.Reference, in, sides.word(o.Side), w.tonnes(o.Quantity), o.Instrument, limit, w.yuan(o.LimitPrice), o.Day)
}

func (w wording) trade(t *tx.RecordTrade) []string {
	cost := "an amount that is too large"
	if amount, ok := tx.Amount(t.Tonnes, t.Price); ok {
		cost = w.yuan(amount)
	}
	return []string{
		fmt.Sprintf("record a %s trade: %s of %s at %s a tonne, for %s", tradeKinds.word(t.Kind), w.tonnes(t.Tonnes), t.Instrument, yuan(t.Price), cost),
		fmt.Sprintf("buyer %s: order %s", t.Buy.Party, t.Buy.Reference),
		fmt.Sprintf("seller %s: order %s", t.Sell.Party, t.Sell.Reference),
	}
}

func (w wording) bidding(b *tx.AnnounceBidding) []string {
	floor, mode := "the previous close", "all winners pay the lowest winning bid"
	if b.LowFloor {
		floor = "the floor below the previous close"
	}
	if b.Mode == tx.PayAsBid {
		mode = "each winner pays its own bid"
	}
	return say("announce the bidding session %s: %s sells %s of %s from %s on; %s", b.Session, b.Seller, w.tonnes(b.Tonnes), b.Instrument, floor, mode)
}

// totals of a statement: those of the exchange, or the bank's money.
func (w wording) totals(s *tx.StateTotals, party string) []string {
	lines := say("state the totals of %s for the trading day %s", party, s.Day)
	if len(s.Tradable) > 0 || s.Trades != 0 {
		lines = append(lines, fmt.Sprintf("trades: %s, %s for %s", grouped(s.Trades), w.tonnes(s.Tonnes), w.yuan(s.Amount)))
	}
	for _, t := range s.Tradable {
		lines = append(lines, fmt.Sprintf("in trading holdings: %s of %s", w.tonnes(t.Tonnes), t.Instrument))
	}
	if len(s.Tradable) == 0 {
		lines = append(lines, "money of all sub-ledgers: "+w.yuan(s.Money))
	}
	return lines
}
