package genesis

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// parameters checks names and values as the ledger will when it is founded:
// here the error has a line.
func (b *builder) parameters(d *Document, f *tx.Founding) {
	for i, p := range d.Parameters {
		at := func(field string) string { return fmt.Sprintf("parameters[%d].%s", i, field) }
		day, err := tx.ParseDay(p.From)
		b.check(at("from"), err)
		read, err := parameterValue(p.Name, d)
		if err != nil {
			b.bad(at("name"), "%v", err)
		} else {
			b.check(at("value"), read(p.Value))
		}
		b.once(at("name"), "parameter", p.Name+" from "+p.From)
		f.Parameters = append(f.Parameters, tx.SetParameter{Name: p.Name, From: day, Value: p.Value})
	}
}

// parameterValue is what checks the values of a parameter.
func parameterValue(name string, d *Document) (func(string) error, error) {
	switch name {
	case "price.limit.listed", "price.limit.block", "price.limit.bidding", "offset.share", "carryover.rate":
		return checkShare, nil
	case "order.listed.below", "order.block.least", "order.bidding.least", "carryover.base", "prepared.days", "risk.days", "root.minutes":
		return checkWhole, nil
	case "hours.listed", "hours.block", "hours.bidding":
		return checkHours, nil
	case "other.institutions":
		return oneOf("on", "off"), nil
	case "forced.order":
		return oneOf("current-first", "oldest-first"), nil
	case "pledge.duty":
		return oneOf("pledge", "duty"), nil
	case "ccer.old.until", "carryover.from", "carryover.until":
		return checkDay, nil
	case "carryover.year", "carryover.sales.since":
		return checkYear, nil
	case "log.witnesses":
		return func(s string) error { _, _, err := proof.ParseWitnesses(s); return err }, nil
	case "composite.weights":
		return func(s string) error { return checkWeights(s, d) }, nil
	}
	if code, ok := strings.CutPrefix(name, "price.reference."); ok && d.hasInstrument(code) {
		return checkPrice, nil
	}
	if year, ok := strings.CutPrefix(name, "obligation.deadline."); ok {
		if checkYear(year) == nil {
			return checkDay, nil
		}
	}
	if year, ok := strings.CutPrefix(name, "allocation.verified."); ok && checkYear(year) == nil {
		return checkSectors, nil
	}
	// Which operations there are is the ledger's to say.
	if operation, ok := strings.CutPrefix(name, "persons."); ok && operation != "" {
		return checkPersons, nil
	}
	return nil, fmt.Errorf("%q is no parameter: use price.limit.listed, price.limit.block, order.listed.below, order.block.least, offset.share, composite.weights, price.reference.INSTRUMENT, obligation.deadline.YEAR, or another one that docs/rules.md names", name)
}

func (d *Document) hasInstrument(code string) bool {
	for _, i := range d.Instruments {
		if i.Code == code {
			return true
		}
	}
	return false
}

// oneOf checks for one of two words.
func oneOf(a, b string) func(string) error {
	return func(s string) error {
		if s != a && s != b {
			return fmt.Errorf("%q: use %s or %s", s, a, b)
		}
		return nil
	}
}

func checkYear(s string) error {
	if n, ok := whole(s); !ok || n < 1000 || n > 9999 {
		return fmt.Errorf("%q is no year of four digits", s)
	}
	return nil
}

func checkPersons(s string) error {
	if n, ok := whole(s); !ok || n < 1 || n > 16 {
		return fmt.Errorf("%q: use 1 to 16 persons", s)
	}
	return nil
}

func checkSectors(s string) error {
	if s == "none" {
		return nil
	}
	for name := range strings.SplitSeq(s, " ") {
		if sector, err := ParseSector(name); err != nil || sector == tx.SectorUnspecified {
			return fmt.Errorf("%q is no sector: use power, steel, cement and aluminium with spaces between, or none", name)
		}
	}
	return nil
}

// checkHours reads periods such as 09:30-11:30, one after the other.
func checkHours(s string) error {
	last := ""
	for part := range strings.SplitSeq(s, " ") {
		from, to, ok := strings.Cut(part, "-")
		if !ok || !isMinute(from) || !isMinute(to) || from < last || to <= from {
			return fmt.Errorf("%q are no hours: use periods such as \"09:30-11:30 13:00-15:00\", one after the other", s)
		}
		last = to
	}
	return nil
}

// isMinute knows 00:00 to 24:00.
func isMinute(s string) bool {
	if s == "24:00" {
		return true
	}
	_, err := time.Parse("15:04", s)
	return err == nil && len(s) == 5
}

const maxTerm = 10_000 // of a share's numerator and denominator, and of a weight

// whole reads digits alone, in their shortest form.
func whole(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == s
}

func checkWhole(s string) error {
	if _, ok := whole(s); !ok {
		return fmt.Errorf("%q is no whole number such as 100000", s)
	}
	return nil
}

func checkShare(s string) error {
	a, b, _ := strings.Cut(s, "/")
	numerator, ok1 := whole(a)
	denominator, ok2 := whole(b)
	if !ok1 || !ok2 || numerator > maxTerm || denominator < 1 || denominator > maxTerm {
		return fmt.Errorf("%q is no share such as 10/100 with terms up to %d", s, maxTerm)
	}
	return nil
}

func checkWeights(s string, d *Document) error {
	seen := map[string]bool{}
	for part := range strings.SplitSeq(s, " ") {
		code, number, _ := strings.Cut(part, ":")
		weight, ok := whole(number)
		if !ok || weight > maxTerm || seen[code] || !d.hasInstrument(code) {
			return fmt.Errorf("%q in %q: use instruments of this document, each once with a weight up to %d, such as \"CEA22:3 CEA23:2\"", part, s, maxTerm)
		}
		seen[code] = true
	}
	return nil
}

func checkPrice(s string) error {
	price, err := tx.ParseFen(s)
	if err != nil || price <= 0 || price > maxPrice || price.String() != s {
		return fmt.Errorf("%q is no price in yuan with two decimals such as 79.42", s)
	}
	return nil
}

func checkDay(s string) error {
	_, err := tx.ParseDay(s)
	return err
}
