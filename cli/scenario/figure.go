package scenario

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
)

// Figure is a published number. Its last digit says how exact it is: "5.244e9"
// stands for whatever rounds, half up, to 5,244 million; "99.48" for whatever
// rounds to it at two decimals. A nil *Figure was not published.
type Figure struct {
	digits   *big.Int // of the number, without point
	exponent int      // the last digit counts units of 10^exponent
}

// maxExponent keeps a slip in a file from asking for a number of a million
// digits.
const maxExponent = 18

// UnmarshalText reads digits with an optional sign, point and exponent.
func (f *Figure) UnmarshalText(text []byte) error {
	s := string(text)
	bad := fmt.Errorf("%q is no figure, such as 2096, 99.98 or 5.244e9", s)
	mantissa, exponent, scientific := strings.Cut(s, "e")
	whole, decimals, point := strings.Cut(mantissa, ".")
	if point && decimals == "" || strings.Trim(strings.TrimPrefix(whole, "-")+decimals, "0123456789") != "" {
		return bad
	}
	digits, ok := new(big.Int).SetString(whole+decimals, 10)
	if !ok {
		return bad
	}
	f.digits, f.exponent = digits, -len(decimals)
	if scientific {
		n, err := strconv.Atoi(exponent)
		if err != nil {
			return bad
		}
		f.exponent += n
	}
	if f.exponent > maxExponent || f.exponent < -maxExponent || len(whole+decimals) > 2*maxExponent {
		return bad
	}
	return nil
}

// unit is what the last published digit counts.
func (f *Figure) unit() *big.Rat {
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(f.exponent, -f.exponent))), nil)
	if f.exponent < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), power)
	}
	return new(big.Rat).SetInt(power)
}

// value is the number as it is written.
func (f *Figure) value() *big.Rat {
	return new(big.Rat).Mul(new(big.Rat).SetInt(f.digits), f.unit())
}

// agrees reports whether v, rounded half up at the figure's last digit, is the
// figure.
func (f *Figure) agrees(v *big.Rat) bool {
	return floor(half(new(big.Rat).Quo(v, f.unit()))).Cmp(f.digits) == 0
}

// half is v + ½.
func half(v *big.Rat) *big.Rat { return new(big.Rat).Add(v, big.NewRat(1, 2)) }

// floor is the greatest whole number not above v.
func floor(v *big.Rat) *big.Int { return new(big.Int).Div(v.Num(), v.Denom()) }

// String shows the figure with its digits in groups, and, where it is rounded
// to more than ones, by how much the number itself may differ.
func (f *Figure) String() string {
	if f.exponent <= 0 {
		return groupDigits(f.value().FloatString(-f.exponent))
	}
	return groupDigits(f.value().FloatString(0)) + " ± " + groupDigits(new(big.Rat).Quo(f.unit(), big.NewRat(2, 1)).FloatString(0))
}

// groupDigits shows 1234567.89 as 1,234,567.89.
func groupDigits(s string) string {
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, decimals, point := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + decimals
	}
	return sign + whole
}

// span is the whole numbers from lo to hi.
type span struct{ lo, hi int64 }

var anything = span{0, 1<<62 - 1}

// span is the whole numbers of units/scale that agree with the figure: tonnes
// with scale 1, fen of a figure in yuan with scale 100.
func (f *Figure) span(scale int64) span {
	u := new(big.Rat).Mul(f.unit(), big.NewRat(scale, 1))
	below := new(big.Rat).Sub(new(big.Rat).SetInt(f.digits), big.NewRat(1, 2))
	lo := ceil(new(big.Rat).Mul(below, u))
	hi := ceil(new(big.Rat).Mul(below.Add(below, big.NewRat(1, 1)), u))
	return span{lo.Int64(), hi.Int64() - 1}
}

// ceil is the least whole number not below v.
func ceil(v *big.Rat) *big.Int {
	n := floor(new(big.Rat).Neg(v))
	return n.Neg(n)
}

func (s span) and(o span) span { return span{max(s.lo, o.lo), min(s.hi, o.hi)} }

func (s span) plus(n int64) span { return span{s.lo + n, s.hi + n} }

func (s span) empty() bool { return s.lo > s.hi }

// middle is a number in the middle of the span.
func (s span) middle() int64 { return s.lo + (s.hi-s.lo)/2 }

// nearest is the number of the span that is nearest to n.
func (s span) nearest(n int64) int64 { return max(s.lo, min(n, s.hi)) }

// apportion cuts a total into whole parts in proportion to weights, which are
// not negative and not all zero: the largest remainders get what is left over,
// the first of equal ones.
func apportion(total int64, weights []int64) []int64 {
	sum := new(big.Int)
	for _, w := range weights {
		sum.Add(sum, big.NewInt(w))
	}
	parts := make([]int64, len(weights))
	rests := make([]*big.Int, len(weights))
	left := total
	for i, w := range weights {
		q, r := new(big.Int).DivMod(new(big.Int).Mul(big.NewInt(total), big.NewInt(w)), sum, new(big.Int))
		parts[i], rests[i] = q.Int64(), r
		left -= parts[i]
	}
	for ; left > 0; left-- {
		best := -1
		for i := range rests {
			if weights[i] > 0 && (best < 0 || rests[i].Cmp(rests[best]) > 0) {
				best = i
			}
		}
		parts[best]++
		rests[best] = big.NewInt(-1)
	}
	return parts
}
