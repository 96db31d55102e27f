package cli

import (
	"fmt"
	"strings"

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

// say is one sentence.
func say(format string, a ...any) []string { return []string{fmt.Sprintf(format, a...)} }

// describe says what an operation asks for: a sentence, and lines of detail.
func (w wording) describe(op *tx.Operation, party string) []string {
	for _, part := range []func(*tx.Operation, string) []string{w.describeFounding, w.describePerson, w.describeMarket, w.describeAllowance, w.describeDuty, w.describeLaw} {
		if lines := part(op, party); lines != nil {
			return lines
		}
	}
	return say("an operation that this program does not know: do not sign it")
}

// describeFounding is describe for the opening position, parameters and
// governance.
func (w wording) describeFounding(op *tx.Operation, party string) []string {
	switch o := op.Operation.(type) {
	case *tx.Operation_BringForward:
		return w.opening(o.BringForward)
	case *tx.Operation_BringForwardPage:
		return w.openingPage(o.BringForwardPage)
	case *tx.Operation_SetParameter:
		p := o.SetParameter
		return say("set the parameter %s to %q from %s on", p.Name, p.Value, p.From)
	case *tx.Operation_SetClock:
		return say("set the ledger's clock to %s", o.SetClock.Time)
	case *tx.Operation_Transfer:
		t := o.Transfer
		return say("transfer %s of %s from %s to %s, without a payment", w.tonnes(t.Tonnes), t.Instrument, party, t.To)
	case *tx.Operation_SetValidator:
		return settingValidator(&o.SetValidator.Validator)
	case *tx.Operation_RemoveValidator:
		return say("remove the validator %s", o.RemoveValidator.Name)
	case *tx.Operation_SetProtocolVersion:
		return say("move every replica to protocol version %d from the next block on", o.SetProtocolVersion.Version)
	case *tx.Operation_TakeStateRoot:
		return say("leave the root of the ledger's state in the log, as the block of this transaction leaves it")
	}
	return nil
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
