package state

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"carbonledger/tx"
	"carbonledger/tx/proof"
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

	parameterBiddingLimit = "price.limit.bidding"   // 10/100: ceiling above, low floor below the previous close
	parameterBiddingLeast = "order.bidding.least"   // tonnes: what a session offers at least
	parameterHours        = "hours."                // + listed, block or bidding: 09:30-11:30 13:00-15:00
	parameterPersons      = "persons."              // + operation: how many persons sign
	parameterPrepared     = "prepared.days"         // how many days what was prepared waits
	parameterOthers       = "other.institutions"    // on or off
	parameterVerified     = "allocation.verified."  // + year: sectors that get their verified emissions
	parameterForcedOrder  = "forced.order"          // current-first or oldest-first
	parameterPledgeDuty   = "pledge.duty"           // pledge or duty: which goes first
	parameterOldCCER      = "ccer.old.until"        // last day for reductions filed before 2017-03-14
	parameterCarryYear    = "carryover.year"        // the vintage that old ones are exchanged for
	parameterCarrySince   = "carryover.sales.since" // first year whose trades count
	parameterCarryBase    = "carryover.base"        // tonnes
	parameterCarryRate    = "carryover.rate"        // 3/2: of the net sales
	parameterCarryFrom    = "carryover.from"        // first day for applications
	parameterCarryUntil   = "carryover.until"       // last day for applications
	parameterWitnesses    = "log.witnesses"         // 1 NAME VKEY URL, NAME VKEY URL: proof.ParseWitnesses
	parameterRootMinutes  = "root.minutes"          // between two requests for a state root
	parameterRiskDays     = "risk.days"             // days to the deadline from which a gap is a high risk
)

var parameterDefaults = map[string]string{
	parameterListedLimit:  "10/100",
	parameterBlockLimit:   "30/100",
	parameterListedBelow:  "100000",
	parameterBlockLeast:   "100000",
	parameterOffsetShare:  "5/100",
	parameterBiddingLimit: "10/100",
	parameterBiddingLeast: "100000",

	parameterHours + hoursListed:  "09:30-11:30 13:00-15:00",
	parameterHours + hoursBlock:   "13:00-15:00",
	parameterHours + hoursBidding: "09:30-11:30 13:00-15:00",

	parameterPrepared:          "5",
	parameterOthers:            "off",
	parameterVerified + "2024": "steel cement aluminium",
	parameterForcedOrder:       "current-first",
	parameterPledgeDuty:        "pledge",
	parameterOldCCER:           "2024-12-31",
	parameterCarryYear:         "2025",
	parameterCarrySince:        "2024",
	parameterCarryBase:         "10000",
	parameterCarryRate:         "3/2",
	parameterCarryFrom:         "2026-01-31",
	parameterCarryUntil:        "2026-06-10",
	parameterRiskDays:          "30",
	parameterRootMinutes:       "60",
	parameterWitnesses:         "none",
}

// The trade methods by which hours are set.
const hoursListed, hoursBlock, hoursBidding = "listed", "block", "bidding"

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
	if n := x.checkOwnPersons(o); n != nil {
		return n
	}
	// Past this point the parameter is set.
	x.putParameter(o)
	return nil
}

// checkOwnPersons: the ministry does not ask for more persons than it has itself
// on an operation that it may ask for; it could not take that back.
func (x *exec) checkOwnPersons(o *tx.SetParameter) *tx.Rejection {
	operation, is := strings.CutPrefix(o.Name, parameterPersons)
	if !is || !mayEverAsk(ruleOf[operation], x.asker.role) {
		return nil
	}
	need, _ := parsePersons(o.Value)
	return x.checkPersonsFor(&x.asker, x.party(x.asker.id).Keys, need)
}

// checkParameter checks name, day and value; market says that it is one of the
// exchange's and not of the ministry's.
func (x *exec) checkParameter(o *tx.SetParameter) (market bool, n *tx.Rejection) {
	if !o.From.Valid() {
		return false, about(tx.BadParameterValue, "day "+strconv.Itoa(int(o.From)))
	}
	market, known, ok := x.chain.parameterValue(o.Name, o.Value)
	if !known {
		return false, about(tx.UnknownParameter, o.Name)
	}
	if !ok || len(o.Value) > maxValue {
		return market, about(tx.BadParameterValue, o.Name)
	}
	return market, nil
}

// parameterValue says whether a parameter is the exchange's, whether it exists at
// all, and whether it can have the value.
func (c *chain) parameterValue(name, value string) (market, known, ok bool) {
	switch name {
	case parameterListedLimit, parameterBlockLimit, parameterOffsetShare, parameterBiddingLimit, parameterCarryRate:
		_, ok = parseShare(value)
		return false, true, ok
	case parameterListedBelow, parameterBlockLeast, parameterBiddingLeast, parameterCarryBase, parameterPrepared, parameterRiskDays,
		parameterRootMinutes:
		n, whole := parseWhole(value)
		return false, true, whole && n <= maxWhole
	case parameterWitnesses:
		_, _, err := proof.ParseWitnesses(value)
		return false, true, err == nil
	case parameterOthers:
		return false, true, value == "on" || value == "off"
	case parameterForcedOrder:
		return false, true, value == "current-first" || value == "oldest-first"
	case parameterPledgeDuty:
		return false, true, value == "pledge" || value == "duty"
	case parameterOldCCER, parameterCarryFrom, parameterCarryUntil:
		_, err := tx.ParseDay(value)
		return false, true, err == nil
	case parameterCarryYear, parameterCarrySince:
		return false, true, validYear(value)
	case parameterWeights:
		_, ok = c.parseWeights(value)
		return true, true, ok
	case parameterHours + hoursListed, parameterHours + hoursBlock, parameterHours + hoursBidding:
		_, ok = parseHours(value)
		return true, true, ok
	}
	if code, is := strings.CutPrefix(name, parameterReference); is && c.instrument[code].Code != "" {
		_, ok = parsePrice(value)
		return true, true, ok
	}
	if year, is := strings.CutPrefix(name, parameterDeadline); is && validYear(year) {
		_, err := tx.ParseDay(value)
		return false, true, err == nil
	}
	if year, is := strings.CutPrefix(name, parameterVerified); is && validYear(year) {
		_, ok = parseSectors(value)
		return false, true, ok
	}
	if operation, is := strings.CutPrefix(name, parameterPersons); is && ruleOf[operation] != nil {
		_, ok = parsePersons(value)
		return false, true, ok
	}
	return false, false, false
}

// maxWhole keeps whole numbers of parameters within what rules multiply.
const maxWhole = 1_000_000_000

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

// parsePersons reads 1 to maxPersons.
func parsePersons(s string) (int, bool) {
	n, ok := parseWhole(s)
	return int(n), ok && n >= 1 && n <= maxPersons
}

// sectorNames as parameters write them.
var sectorNames = map[string]tx.Sector{"power": tx.Power, "steel": tx.Steel, "cement": tx.Cement, "aluminium": tx.Aluminium}

// parseSectors reads names with spaces between, or "none".
func parseSectors(s string) ([]tx.Sector, bool) {
	if s == "none" {
		return nil, true
	}
	var all []tx.Sector
	for name := range strings.SplitSeq(s, " ") {
		sector, known := sectorNames[name]
		if !known || slices.Contains(all, sector) {
			return nil, false
		}
		all = append(all, sector)
	}
	return all, true
}

// period is a part of a day in minutes after midnight: from its first minute on,
// until its last has not yet begun.
type period struct{ from, to int }

// parseHours reads periods such as 09:30-11:30 with spaces between, one after the
// other.
func parseHours(s string) ([]period, bool) {
	var all []period
	last := 0
	for part := range strings.SplitSeq(s, " ") {
		a, b, ok := strings.Cut(part, "-")
		from, ok1 := parseMinute(a)
		to, ok2 := parseMinute(b)
		if !ok || !ok1 || !ok2 || from < last || to <= from {
			return nil, false
		}
		all, last = append(all, period{from, to}), to
	}
	return all, true
}

// parseMinute reads 00:00 to 24:00.
func parseMinute(s string) (int, bool) {
	if len(s) != 5 || s[2] != ':' {
		return 0, false
	}
	hour, err1 := strconv.Atoi(s[:2])
	minute, err2 := strconv.Atoi(s[3:])
	n := hour*60 + minute
	return n, err1 == nil && err2 == nil && hour >= 0 && minute >= 0 && minute < 60 && n <= 24*60
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
