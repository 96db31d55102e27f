package genesis

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"carbonledger/tx"
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
	case "price.limit.listed", "price.limit.block", "offset.share":
		return checkShare, nil
	case "order.listed.below", "order.block.least":
		return checkWhole, nil
	case "composite.weights":
		return func(s string) error { return checkWeights(s, d) }, nil
	}
	if code, ok := strings.CutPrefix(name, "price.reference."); ok && d.hasInstrument(code) {
		return checkPrice, nil
	}
	if year, ok := strings.CutPrefix(name, "obligation.deadline."); ok {
		if n, ok := whole(year); ok && n >= 1000 && n <= 9999 {
			return checkDay, nil
		}
	}
	return nil, fmt.Errorf("%q is no parameter: use price.limit.listed, price.limit.block, order.listed.below, order.block.least, offset.share, composite.weights, price.reference.INSTRUMENT or obligation.deadline.YEAR", name)
}

func (d *Document) hasInstrument(code string) bool {
	for _, i := range d.Instruments {
		if i.Code == code {
			return true
		}
	}
	return false
}

const maxTerm = 10_000 // of a share's numerator and denominator, and of a weight

// whole reads digits alone, in their shortest form.
func whole(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == s
}

func checkWhole(s string) error {
	if _, ok := whole(s); !ok {
		return fmt.Errorf("%q is no number of tonnes such as 100000", s)
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
	if _, err := tx.ParseDay(s); err != nil {
		return errors.New(err.Error() + ", the last day on which the year's obligation may be met")
	}
	return nil
}
