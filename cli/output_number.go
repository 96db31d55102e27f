package cli

import (
	"fmt"
	"strconv"
	"strings"

	"carbonledger/tx"
)

// grouped shows a number with its digits in groups of three: 1,234,567.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

func tonnes(t tx.Tonnes) string { return grouped(int64(t)) + " t" }

func yuan(f tx.Fen) string {
	s := f.String()
	whole, fen, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || n == 0 {
		return s + " yuan"
	}
	return grouped(n) + "." + fen + " yuan"
}

// tonnesInWords shows figures and words, as a cheque does: a slip in one of
// them is seen in the other.
func tonnesInWords(t tx.Tonnes) string {
	unit := "tonnes"
	if t == 1 {
		unit = "tonne"
	}
	return fmt.Sprintf("%s (%s %s)", tonnes(t), inWords(int64(t)), unit)
}

func yuanInWords(f tx.Fen) string {
	sign, n := "", uint64(f)
	if f < 0 {
		sign, n = "minus ", -n
	}
	spoken := wordsOf(n/100) + " yuan"
	if fen := n % 100; fen != 0 {
		spoken += " and " + wordsOf(fen) + " fen"
	}
	return fmt.Sprintf("%s (%s%s)", yuan(f), sign, spoken)
}

var (
	ones = strings.Fields("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
	tens = strings.Fields("- - twenty thirty forty fifty sixty seventy eighty ninety")
)

// inWords says a number in English.
func inWords(n int64) string {
	if n < 0 {
		return "minus " + wordsOf(-uint64(n))
	}
	return wordsOf(uint64(n))
}

func wordsOf(n uint64) string {
	for _, big := range []struct {
		value uint64
		name  string
	}{{1e18, "quintillion"}, {1e15, "quadrillion"}, {1e12, "trillion"}, {1e9, "billion"}, {1e6, "million"}, {1e3, "thousand"}, {100, "hundred"}} {
		if n >= big.value {
			return and(wordsOf(n/big.value)+" "+big.name, n%big.value, " ")
		}
	}
	if n < 20 {
		return ones[n]
	}
	return and(tens[n/10], n%10, "-")
}

func and(words string, rest uint64, join string) string {
	if rest == 0 {
		return words
	}
	return words + join + wordsOf(rest)
}

// ungroup takes separators out of a number: each must stand before a group of
// three digits, so that a slip such as 1,00 is no number.
func ungroup(s string) (string, bool) {
	whole, rest, point := strings.Cut(s, ".")
	separator := ""
	for _, c := range []string{",", "_"} {
		if strings.Contains(whole, c) {
			if separator != "" {
				return "", false
			}
			separator = c
		}
	}
	if separator != "" {
		groups := strings.Split(whole, separator)
		for i, g := range groups {
			if i > 0 && len(g) != 3 || i == 0 && (len(g) < 1 || len(g) > 3) {
				return "", false
			}
		}
		whole = strings.Join(groups, "")
	}
	if whole == "" || strings.Trim(whole+rest, "0123456789") != "" || point && rest == "" {
		return "", false
	}
	if point {
		whole += "." + rest
	}
	return whole, true
}

// parseTonnes reads whole tonnes, such as 1200, 1_200 or 1,200.
func parseTonnes(s string) (tx.Tonnes, error) {
	if digits, ok := ungroup(s); ok {
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return tx.Tonnes(n), nil
		}
	}
	return 0, fmt.Errorf("%q is no number of whole tonnes, such as 1200, 1_200 or 1,200", s)
}

// parseYuan reads yuan with at most two decimals, such as 1,234.50.
func parseYuan(s string) (tx.Fen, error) {
	if digits, ok := ungroup(s); ok {
		if f, err := tx.ParseFen(digits); err == nil {
			return f, nil
		}
	}
	return 0, fmt.Errorf("%q is no amount of yuan with at most two decimals, such as 79.42 or 1,234.50", s)
}

// The values of flags. Their String is empty while they are not set, so that
// the help shows no default.
type (
	tonnesFlag struct{ to *tx.Tonnes }
	yuanFlag   struct{ to *tx.Fen }
	dayFlag    struct{ to *tx.Day }
	yearFlag   struct{ to *tx.Year }
	// signedTonnesFlag may be negative.
	signedTonnesFlag struct{ to *tx.Tonnes }
)

func (f tonnesFlag) Type() string { return "tonnes" }
func (f yuanFlag) Type() string   { return "yuan" }
func (f dayFlag) Type() string    { return "day" }
func (f yearFlag) Type() string   { return "year" }

func (f tonnesFlag) String() string { return unlessZero(f.to) }
func (f yuanFlag) String() string   { return unlessZero(f.to) }
func (f dayFlag) String() string    { return unlessZero(f.to) }
func (f yearFlag) String() string   { return unlessZero(f.to) }

func unlessZero[T comparable](p *T) string {
	var zero T
	if p == nil || *p == zero {
		return ""
	}
	return fmt.Sprint(*p)
}

func (f signedTonnesFlag) Type() string   { return "tonnes" }
func (f signedTonnesFlag) String() string { return unlessZero(f.to) }

func (f signedTonnesFlag) Set(s string) error {
	digits, negative := strings.CutPrefix(s, "-")
	n, err := parseTonnes(digits)
	if *f.to = n; negative {
		*f.to = -n
	}
	return err
}

func (f tonnesFlag) Set(s string) (err error) { *f.to, err = parseTonnes(s); return err }
func (f yuanFlag) Set(s string) (err error)   { *f.to, err = parseYuan(s); return err }
func (f dayFlag) Set(s string) (err error)    { *f.to, err = tx.ParseDay(s); return err }
func (f yearFlag) Set(s string) (err error)   { *f.to, err = parseYear(s); return err }

// parseYear reads four digits.
func parseYear(s string) (tx.Year, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || len(s) != 4 || n == 0 {
		return 0, fmt.Errorf("%q is no year of four digits", s)
	}
	return tx.Year(n), nil
}
