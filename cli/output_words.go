package cli

import (
	"fmt"
	"strings"

	"carbonledger/genesis"
	"carbonledger/tx"
)

// wording says how amounts are written: in figures, or also in words.
type wording bool

const (
	figures wording = false
	words   wording = true
)

func (w wording) tonnes(t tx.Tonnes) string {
	if w == words {
		return tonnesInWords(t)
	}
	return tonnes(t)
}

func (w wording) yuan(f tx.Fen) string {
	if w == words {
		return yuanInWords(f)
	}
	return yuan(f)
}

// describe says what an operation asks for: a sentence, and lines of detail.
func (w wording) describe(op *tx.Operation, party string) []string {
	say := func(format string, a ...any) []string { return []string{fmt.Sprintf(format, a...)} }
	switch o := op.Operation.(type) {
	case *tx.Operation_BringForward:
		return w.opening(o.BringForward)
	case *tx.Operation_BringForwardPage:
		return w.openingPage(o.BringForwardPage)
	case *tx.Operation_OpenAccount:
		return openingAccount(o.OpenAccount)
	case *tx.Operation_AddKey:
		return say("let the key %s act for %s from now on", o.AddKey.Key.Key, party)
	case *tx.Operation_RevokeKey:
		return say("revoke the key %s of %s, everywhere, at once and for ever", o.RevokeKey.Key, party)
	case *tx.Operation_SetParameter:
		p := o.SetParameter
		return say("set the parameter %s to %q from %s on", p.Name, p.Value, p.From)
	case *tx.Operation_SetClock:
		return say("set the ledger's clock to %s", o.SetClock.Time)
	case *tx.Operation_Deposit:
		return say("record a deposit of %s into the account of %s", w.yuan(o.Deposit.Amount), o.Deposit.Party)
	case *tx.Operation_Withdraw:
		return say("record a withdrawal of %s from the account of %s", w.yuan(o.Withdraw.Amount), o.Withdraw.Party)
	case *tx.Operation_IssueAllowances:
		i := o.IssueAllowances
		return say("issue %s of %s to %s by document %s", w.tonnes(i.Tonnes), i.Instrument, i.To, i.Document)
	case *tx.Operation_OpenDay:
		return say("open the trading day %s", o.OpenDay.Day)
	case *tx.Operation_CloseDay:
		return say("close the trading day %s", o.CloseDay.Day)
	case *tx.Operation_SettleTrade:
		return w.trade(o.SettleTrade)
	case *tx.Operation_Transfer:
		t := o.Transfer
		return say("transfer %s of %s from %s to %s, without a payment", w.tonnes(t.Tonnes), t.Instrument, party, t.To)
	}
	return w.describeDuty(op, party)
}

// describeDuty is describe for obligations and governance.
func (w wording) describeDuty(op *tx.Operation, party string) []string {
	say := func(format string, a ...any) []string { return []string{fmt.Sprintf(format, a...)} }
	switch o := op.Operation.(type) {
	case *tx.Operation_Surrender:
		s := o.Surrender
		return say("surrender %s of %s of %s for its obligation of %d, for ever", w.tonnes(s.Tonnes), s.Instrument, party, s.Year)
	case *tx.Operation_BookOffset:
		b := o.BookOffset
		return say("count %s of cancelled CCER (cancellation %s) against the obligation of %s for %d", w.tonnes(b.Tonnes), b.Cancellation, b.Entity, b.Year)
	case *tx.Operation_SetObligation:
		s := o.SetObligation
		return say("set the obligation of %s for %d to %s", s.Entity, s.Year, w.tonnes(s.Tonnes))
	case *tx.Operation_CloseYear:
		return say("close the obligation year %d: the standing of every entity becomes final", o.CloseYear.Year)
	case *tx.Operation_SetValidator:
		return settingValidator(&o.SetValidator.Validator)
	case *tx.Operation_RemoveValidator:
		return say("remove the validator %s", o.RemoveValidator.Name)
	case *tx.Operation_SetProtocolVersion:
		return say("move every replica to protocol version %d from the next block on", o.SetProtocolVersion.Version)
	}
	return say("an operation that this program does not know: do not sign it")
}

func (w wording) opening(o *tx.BringForward) []string {
	lines := []string{fmt.Sprintf("open the books with the position of an earlier register at the end of %s", o.AsOf)}
	for _, i := range o.Instruments {
		lines = append(lines, fmt.Sprintf("%s: %s, last close %s", i.Instrument, w.tonnes(i.Tonnes), yuan(i.Close)))
	}
	lines = append(lines,
		"money: "+w.yuan(o.Money),
		fmt.Sprintf("traded since the market's start: %s for %s", tonnes(o.CumulativeTonnes), yuan(o.CumulativeAmount)))
	for i, sum := range o.PageSha256 {
		lines = append(lines, fmt.Sprintf("page %d: SHA-256 %x", i+1, sum))
	}
	return lines
}

func (w wording) openingPage(o *tx.BringForwardPage) []string {
	page, ok := tx.DecodeOpeningPage(o.Page)
	if !ok {
		return []string{"book a page of the opening position that is damaged: do not sign it"}
	}
	var money tx.Fen
	var order []string
	sums := map[string]tx.Tonnes{}
	for _, h := range page.Holdings {
		if _, seen := sums[h.Instrument]; !seen {
			order = append(order, h.Instrument)
		}
		sums[h.Instrument] += h.Tonnes
	}
	for _, m := range page.Money {
		money += m.Amount
	}
	lines := []string{fmt.Sprintf("book a page of the opening position: %d holdings and the money of %d parties", len(page.Holdings), len(page.Money))}
	for _, i := range order {
		lines = append(lines, fmt.Sprintf("%s: %s", i, w.tonnes(sums[i])))
	}
	return append(lines, "money: "+w.yuan(money))
}

func openingAccount(o *tx.OpenAccount) []string {
	in := ""
	if o.Region != "" {
		in = " in the region " + o.Region
	}
	lines := []string{fmt.Sprintf("open the account %s for %q as %s%s", o.Id, o.Name, genesis.RoleName(o.Role), in)}
	for i := range o.Keys {
		lines = append(lines, "key "+o.Keys[i].Key.String())
	}
	return lines
}

func settingValidator(v *tx.Validator) []string {
	voting := "without a vote"
	if v.Voter {
		voting = "with a vote"
	}
	return []string{
		fmt.Sprintf("admit or change the validator %s at %s, %s", v.Name, v.Site, voting),
		"address " + v.Address,
		fmt.Sprintf("node key %x", v.NodeKey),
		fmt.Sprintf("cosigning key %x", v.CosignKey),
		fmt.Sprintf("incarnation SHA-256 %x", v.IncarnationSha256),
	}
}

func tradeKind(k tx.TradeKind) string {
	switch k {
	case tx.Listed:
		return "listed"
	case tx.BlockTrade:
		return "block"
	}
	return k.String()
}

func sideName(s tx.Side) string {
	switch s {
	case tx.Buy:
		return "buy"
	case tx.Sell:
		return "sell"
	}
	return s.String()
}

func (w wording) trade(t *tx.SettleTrade) []string {
	cost := "an amount that is too large"
	if amount, ok := tx.Amount(t.Tonnes, t.Price); ok {
		cost = w.yuan(amount)
	}
	lines := []string{fmt.Sprintf("settle a %s trade: %s of %s at %s a tonne, for %s", tradeKind(t.Kind), w.tonnes(t.Tonnes), t.Instrument, yuan(t.Price), cost)}
	for _, side := range []struct {
		name  string
		order *tx.SignedOrder
	}{{"buyer", &t.Buy}, {"seller", &t.Sell}} {
		var body tx.OrderBody
		if err := body.Unmarshal(side.order.Body); err != nil {
			lines = append(lines, side.name+": an order that is damaged: do not sign it")
			continue
		}
		lines = append(lines, side.name+" "+figures.order(&body))
	}
	return lines
}

func (w wording) order(o *tx.OrderBody) string {
	limit := "at most"
	if o.Side == tx.Sell {
		limit = "at least"
	}
	return fmt.Sprintf("%s: order %s to %s up to %s of %s for %s %s a tonne on %s",
		o.Party, o.Reference, sideName(o.Side), w.tonnes(o.Quantity), o.Instrument, limit, w.yuan(o.LimitPrice), o.Day)
}

// describeBody says what a signature under the body is good for.
func (w wording) describeBody(b *tx.Body, genesisHash string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s asks, on chain %s", b.Party, b.ChainId)
	if genesisHash != "" {
		fmt.Fprintf(&s, " (genesis %s)", genesisHash)
	}
	s.WriteString(":\n")
	for i := range b.Operations {
		lines := w.describe(&b.Operations[i], b.Party)
		fmt.Fprintf(&s, "  %d. %s\n", i+1, lines[0])
		for _, line := range lines[1:] {
			fmt.Fprintf(&s, "     %s\n", line)
		}
	}
	expiry := "never expires"
	if b.Expiry != 0 {
		expiry = "expires after " + b.Expiry.String()
	}
	fmt.Fprintf(&s, "  reference %s; %s\n", b.Reference, expiry)
	return s.String()
}
