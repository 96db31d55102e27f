package state

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"carbonledger/tx"
)

// The parameters of the market. A value holds from a day on. The defaults are
// those in force in 2024: docs/institutions.md gives their sources.
const (
	parameterListedLimit = "price.limit.listed"   // 10/100: of the previous close
	parameterBlockLimit  = "price.limit.block"    // 30/100
	parameterListedBelow = "order.listed.below"   // tonnes: a listed trade is smaller
	parameterBlockLeast  = "order.block.least"    // tonnes: a block trade is not
	parameterOffsetShare = "offset.share"         // 5/100: of the obligation
	parameterWeights     = "composite.weights"    // CEA22:3 CEA23:2
	parameterReference   = "price.reference."     // + instrument: 79.42 yuan
	parameterDeadline    = "obligation.deadline." // + year: 2024-12-31
)

var parameterDefaults = map[string]string{
	parameterListedLimit: "10/100",
	parameterBlockLimit:  "30/100",
	parameterListedBelow: "100000",
	parameterBlockLeast:  "100000",
	parameterOffsetShare: "5/100",
}

const (
	maxWeight = 10_000
	maxTerm   = 10_000 // of a share's numerator and denominator
	maxValue  = 2_000  // bytes of a parameter's value
)

// setParameter sets a parameter from a day on, not in the past: what was
// decided by an older value stays decided.
func (x *exec) setParameter(o *tx.SetParameter) *tx.Rejection {
	market, n := x.checkParameter(o)
	switch {
	case n != nil:
		return n
	case market && x.asker.role != tx.Exchange, !market && x.asker.role != tx.Ministry:
		return about(tx.WrongRole, x.asker.role.String()+" "+x.asker.id)
	case o.From < x.facts.day():
		return short(tx.DateInPast, o.From.String(), x.facts.day(), o.From)
	case o.From <= x.facts.openDay:
		// The rules of a day stand when it is opened.
		return short(tx.DayOpen, o.From.String(), x.facts.openDay.Next(), o.From)
	}
	// Past this point the parameter is set.
	x.putParameter(o)
	return nil
}

// checkParameter checks name, day and value; market says that it is one of the
// exchange's and not of the ministry's.
func (x *exec) checkParameter(o *tx.SetParameter) (market bool, n *tx.Rejection) {
	if !o.From.Valid() {
		return false, about(tx.BadParameterValue, "day "+strconv.Itoa(int(o.From)))
	}
	ok := false
	switch o.Name {
	case parameterListedLimit, parameterBlockLimit, parameterOffsetShare:
		_, ok = parseShare(o.Value)
	case parameterListedBelow, parameterBlockLeast:
		_, ok = parseWhole(o.Value)
	case parameterWeights:
		market = true
		_, ok = x.chain.parseWeights(o.Value)
	default:
		if code, is := strings.CutPrefix(o.Name, parameterReference); is && x.chain.instrument[code].Code != "" {
			market = true
			_, ok = parsePrice(o.Value)
		} else if year, is := strings.CutPrefix(o.Name, parameterDeadline); is && validYear(year) {
			_, err := tx.ParseDay(o.Value)
			ok = err == nil
		} else {
			return false, about(tx.UnknownParameter, o.Name)
		}
	}
	if !ok || len(o.Value) > maxValue {
		return market, about(tx.BadParameterValue, o.Name)
	}
	return market, nil
}

func validYear(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 1000 && n <= 9999 && strconv.Itoa(n) == s
}

// putParameter keeps a parameter's values in order of their days.
func (x *exec) putParameter(o *tx.SetParameter) {
	c := x.at(keyOf1(x.key(), rangeParameter, o.Name))
	all := slices.DeleteFunc(decodeParameters(c.value), func(v tx.ParameterValue) bool { return v.From == o.From })
	all = append(all, tx.ParameterValue{Name: o.Name, From: o.From, Value: o.Value, Height: x.height})
	slices.SortFunc(all, func(a, b tx.ParameterValue) int { return int(a.From) - int(b.From) })
	var b []byte
	for i := range all {
		b = appendToList(b, &all[i])
	}
	x.set(c, b)
}

// parameter is a parameter's value on a day, its default, or "".
func (x *exec) parameter(name string, day tx.Day) string {
	value := parameterDefaults[name]
	for _, v := range decodeParameters(x.at(keyOf1(x.key(), rangeParameter, name)).value) {
		if v.From <= day {
			value = v.Value
		}
	}
	return value
}

// share is a fraction, exactly.
type share struct{ numerator, denominator int64 }

// of is floor(share × n) for n ≥ 0; what does not fit is the greatest number.
func (s share) of(n int64) int64 {
	high, low := bits.Mul64(uint64(n), uint64(s.numerator))
	if high >= uint64(s.denominator) {
		return 1<<63 - 1
	}
	q, _ := bits.Div64(high, low, uint64(s.denominator))
	return int64(min(q, 1<<63-1))
}

func parseShare(s string) (share, bool) {
	a, b, ok := strings.Cut(s, "/")
	numerator, ok1 := parseWhole(a)
	denominator, ok2 := parseWhole(b)
	ok = ok && ok1 && ok2 && numerator <= maxTerm && denominator >= 1 && denominator <= maxTerm
	return share{numerator, denominator}, ok
}

// parseWhole reads digits alone, in their shortest form.
func parseWhole(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0 && strconv.FormatInt(n, 10) == s
}

func parsePrice(s string) (tx.Fen, bool) {
	f, err := tx.ParseFen(s)
	return f, err == nil && f > 0 && f <= maxPrice && f.String() == s
}

// parseWeights reads "CEA21:2 CEA22:3": weights by instrument, in genesis order.
func (c *chain) parseWeights(s string) (map[string]int64, bool) {
	weights := map[string]int64{}
	for part := range strings.SplitSeq(s, " ") {
		code, number, ok := strings.Cut(part, ":")
		weight, whole := parseWhole(number)
		_, known := c.instrument[code]
		_, twice := weights[code]
		if !ok || !whole || !known || twice || weight > maxWeight {
			return nil, false
		}
		weights[code] = weight
	}
	return weights, true
}

// shareOn and wholeOn read parameters whose values were checked when they were
// set.
func (x *exec) shareOn(name string, day tx.Day) share {
	s, ok := parseShare(x.parameter(name, day))
	if !ok {
		panic("state: the parameter " + name + " holds no share")
	}
	return s
}

func (x *exec) wholeOn(name string, day tx.Day) int64 {
	n, ok := parseWhole(x.parameter(name, day))
	if !ok {
		panic("state: the parameter " + name + " holds no number")
	}
	return n
}
