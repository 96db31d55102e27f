package cli

import (
	"fmt"
	"io"
	"strings"

	"carbonledger/tx"
)

// measure is what the numbers of a rejection count.
type measure string

const (
	inTonnes   measure = "tonnes"
	inFen      measure = "fen"
	inDays     measure = "day"
	inYears    measure = "year"
	inInstants measure = "milliseconds"
	inCount    measure = "count"
)

func measureOf(r *tx.Rejection) measure {
	switch r.Reason {
	case tx.InsufficientHolding, tx.SurrenderOverDue, tx.OffsetOverLimit, tx.ObligationCovered, tx.OrderOverfilled, tx.ListedTooLarge, tx.BlockTooSmall,
		tx.RepayOverReceivable, tx.DiffersFromVerified, tx.CarryOverOverMaximum, tx.DutyFirst, tx.UnknownTransfer:
		return inTonnes
	case tx.InsufficientMoney, tx.OrderPrice, tx.PriceOutOfLimit:
		return inFen
	case tx.AmountNotPositive, tx.OpeningTotalsDiffer:
		if r.Subject == "fen" || r.Subject == "price" {
			return inFen
		}
		return inTonnes
	case tx.NotLedgerDay, tx.OrderWrongDay, tx.DateInPast, tx.DeadlineNotPassed, tx.DayOpen, tx.CarryOverNotOpen, tx.CarryOverTooLate, tx.ReductionTooOld:
		return inDays
	case tx.OpenBusiness:
		if strings.Contains(r.Subject, "money of ") {
			return inFen
		}
		return inTonnes
	case tx.BadYear, tx.VintageNotUsable, tx.VintageNotCarried:
		return inYears
	case tx.ClockBackwards, tx.Expired, tx.PreparedLapsed:
		return inInstants
	}
	return inCount
}

func (m measure) show(n int64) string {
	switch m {
	case inTonnes:
		return tonnes(tx.Tonnes(n))
	case inFen:
		return yuan(tx.Fen(n))
	case inDays:
		return tx.Day(n).String()
	case inYears:
		return fmt.Sprint(n)
	case inInstants:
		return tx.Instant(n).String()
	}
	return grouped(n)
}

// numbers says what was short or over, and by how much; empty where the reason
// has no numbers.
func numbers(r *tx.Rejection) string {
	if r.Have == 0 && r.Want == 0 {
		return ""
	}
	m := measureOf(r)
	have, want := m.show(r.Have), m.show(r.Want)
	switch r.Reason {
	case tx.InsufficientHolding, tx.InsufficientMoney:
		return fmt.Sprintf("there were %s, asked for %s: short by %s", have, want, m.show(r.Want-r.Have))
	case tx.SurrenderOverDue, tx.OffsetOverLimit, tx.OrderOverfilled, tx.ListedTooLarge, tx.TooLarge, tx.BadName, tx.RepayOverReceivable, tx.CarryOverOverMaximum, tx.UnknownTransfer, tx.DutyFirst:
		return fmt.Sprintf("at most %s, asked for %s: %s too much", have, want, m.show(r.Want-r.Have))
	case tx.BlockTooSmall:
		return fmt.Sprintf("at least %s, asked for %s: %s too little", have, want, m.show(r.Have-r.Want))
	case tx.ObligationCovered:
		return fmt.Sprintf("%s are covered, asked for %s: %s too little", have, want, m.show(r.Have-r.Want))
	case tx.OpenBusiness:
		return "there are " + m.show(max(r.Have, r.Want))
	case tx.MissingSecondPerson, tx.SamePerson, tx.TooFewPersons:
		return fmt.Sprintf("%s of %s persons", have, want)
	case tx.DiffersFromVerified:
		return fmt.Sprintf("verified are %s, asked for %s", have, want)
	case tx.PriceOutOfLimit:
		return fmt.Sprintf("the previous close is %s, the price %s", have, want)
	case tx.OrderPrice:
		return fmt.Sprintf("the order's limit is %s, the price %s", have, want)
	case tx.AmountNotPositive:
		return "the amount is " + want
	case tx.Expired:
		return fmt.Sprintf("it expired after %s, the ledger's time was %s", have, want)
	}
	return fmt.Sprintf("the ledger has %s, the transaction %s", have, want)
}

// rejectionText is the ledger's no in words.
func rejectionText(r *tx.Rejection) string {
	s := fmt.Sprintf("%s (%s)", r.Reason.Text(), r.Reason)
	var about []string
	if r.Subject != "" {
		about = append(about, r.Subject)
	}
	if n := numbers(r); n != "" {
		about = append(about, n)
	}
	if len(about) > 0 {
		s += "; operation " + fmt.Sprint(r.Operation+1) + ": " + strings.Join(about, ": ")
	}
	return s
}

// outcome is a receipt in one line.
func outcome(r *tx.Receipt) string {
	if no := r.Rejection(); no != nil {
		return fmt.Sprintf("rejected at height %d: %s", r.Height, rejectionText(no))
	}
	return fmt.Sprintf("accepted at height %d", r.Height)
}

// clockName says where a ledger's time comes from. That of a script network is
// set by its timekeeper, and its dates mean nothing outside of it.
func clockName(script bool) string {
	if script {
		return "SCRIPT CLOCK"
	}
	return "wall"
}

// printReceipt writes a receipt in words, or as one JSON object.
func printReceipt(to io.Writer, r *tx.Receipt, asJSON bool) error {
	if asJSON {
		rec := receiptRecord(r)
		return rec.print(to, true)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", outcome(r))
	if r.Reason != tx.Accepted {
		fmt.Fprintf(&b, "  %s\n", r.Reason.TextChinese())
	}
	fmt.Fprintf(&b, "  transaction %x\n", r.Id)
	if r.Index > 0 { // else it left no record in the log
		fmt.Fprintf(&b, "  registration number %d\n", r.Index)
	}
	fmt.Fprintf(&b, "  reference   %s of %s\n", r.Reference, r.Party)
	fmt.Fprintf(&b, "  ledger time %s, position %d in the block\n", r.Time, r.Position)
	if r.ScriptClock {
		fmt.Fprintf(&b, "  %s\n", clockName(true))
	}
	if len(r.FirstId) > 0 {
		fmt.Fprintf(&b, "  the reference belongs to transaction %x\n", r.FirstId)
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// receiptRecord is a receipt for programs: numbers in the units that "unit"
// names.
func receiptRecord(r *tx.Receipt) record {
	rec := record{title: "receipt"}
	rec.add("id", r.Id)
	rec.add("accepted", r.Reason == tx.Accepted)
	rec.add("height", r.Height)
	rec.add("position", r.Position)
	if r.Index > 0 {
		rec.add("registration_number", r.Index)
	}
	rec.add("time", r.Time)
	rec.add("clock", clockName(r.ScriptClock))
	rec.add("party", r.Party)
	rec.add("reference", r.Reference)
	rec.add("reason", r.Reason.String())
	rec.add("reason_number", uint32(r.Reason))
	if no := r.Rejection(); no != nil {
		rec.add("text", no.Reason.Text())
		rec.add("text_zh", no.Reason.TextChinese())
		rec.add("operation", no.Operation)
		rec.add("subject", no.Subject)
		if no.Have != 0 || no.Want != 0 {
			rec.add("have", no.Have)
			rec.add("want", no.Want)
			rec.add("unit", string(measureOf(no)))
		}
		rec.add("explanation", rejectionText(no))
	}
	if len(r.FirstId) > 0 {
		rec.add("first_id", r.FirstId)
	}
	return rec
}

// rejected is the error of a command whose transaction the ledger refused.
func rejected(r *tx.Receipt) error {
	if r.Reason == tx.Accepted {
		return nil
	}
	return exitError{exitRejected, fmt.Errorf("the ledger rejected the transaction: %s", r.Reason)}
}
