package state

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"carbonledger/tx"
)

// form says how people read the records of a range.
type form struct {
	name string
	// parts of the key behind the range, one letter each: s text up to a zero byte
	// or the end, y a year, d a day, n a number of 8 bytes, x the rest in hex.
	parts string
	// value: a message, or the names of numbers of 8 bytes; neither: hex.
	message func() message
	numbers string
}

func of1[M any, P interface {
	*M
	message
}]() message {
	return P(new(M))
}

// forms of the ranges of keys.go.
var forms = map[byte]form{
	rangeFacts:        {"facts", "", nil, "time version transactions accepted open_day last_day pages_missing orders trades lots"},
	rangeParty:        {"party", "s", of1[tx.Party], ""},
	rangeKey:          {"key", "x", nil, ""},
	rangeReference:    {"reference", "ss", nil, ""},
	rangeReceipt:      {"receipt", "x", of1[tx.Receipt], ""},
	rangeHolding:      {"holding", "ss", nil, "registry trading locked pending pledged frozen began changed"},
	rangeMoney:        {"money", "s", nil, "balance locked proceeds"},
	rangeHoldingAtOld: {"holding brought forward", "ss", nil, "tonnes"},
	rangeMoneyAtOld:   {"money brought forward", "s", nil, "fen"},
	rangeSupply:       {"supply", "s", nil, "brought_forward issued clawed_back surrendered cancelled carried_over tradable"},
	rangeMoneySupply:  {"money supply", "", nil, "brought_forward deposited withdrawn"},
	rangeDocument:     {"document", "sss", nil, ""},
	rangeCancellation: {"cancellation", "s", of1[tx.Cancellation], ""},
	rangeClose:        {"last close", "s", nil, "fen"},
	rangeMarket:       {"market", "", nil, "tonnes fen"},
	rangeBulletin:     {"bulletin", "d", of1[tx.Bulletin], ""},
	rangeYearTotals:   {"year totals", "y", of1[tx.YearTotals], ""},
	rangeYearTrader:   {"trader of a year", "ys", nil, ""},
	rangeOrder:        {"order", "ss", of1[tx.OrderRecord], ""},
	rangeParameter:    {"parameter", "s", nil, ""},
	rangeObligation:   {"obligation", "yss", of1[tx.Obligation], ""},
	rangeYear:         {"year", "y", nil, "closed own_vintage older due submitted"},
	rangeValidators:   {"validators", "", nil, ""},
	rangeOpening:      {"opening position", "", of1[tx.BringForward], ""},
	rangeUSCC:         {"unified social credit code", "s", nil, ""},
	rangePrepared:     {"prepared transaction", "x", of1[tx.Prepared], ""},
	rangeDayOrder:     {"order of a day", "dn", nil, ""},
	rangeTrade:        {"trade", "dn", of1[tx.TradeRecord], ""},
	rangeSettlement:   {"settlement", "d", of1[tx.DaySettlement], ""},
	rangeSession:      {"bidding session", "s", of1[tx.BiddingSession], ""},
	rangeSessionOrder: {"order of a session", "sn", nil, ""},
	rangeSuspended:    {"suspension", "s", nil, "suspended"},
	rangeLot:          {"lot", "n", of1[tx.Lot], ""},
	rangeAllocation:   {"allocation", "ss", of1[tx.Allocation], ""},
	rangeVerification: {"verification", "ys", of1[tx.Verification], ""},
	rangeDeduction:    {"deduction", "ys", nil, "tonnes"},
	rangeApplication:  {"application", "ss", of1[tx.Application], ""},
	rangeReduction:    {"batch of CCER", "s", of1[tx.Reduction], ""},
	rangeCCER:         {"CCER", "ss", nil, "tonnes"},
	rangeCCERTotal:    {"CCER of all batches", "s", nil, "tonnes"},
	rangeCCERSupply:   {"supply of CCER", "", nil, "registered cancelled national booked"},
	rangeFreeze:       {"freeze", "s", of1[tx.FreezeRecord], ""},
	rangePledge:       {"pledge", "s", of1[tx.PledgeRecord], ""},
	rangeByLaw:        {"transfer by law", "x", nil, "tonnes"},
	rangeYearEnd:      {"holding at the end of a year", "yss", nil, "registry trading locked pending pledged frozen began changed"},
	rangeNetSales:     {"net sales", "yss", nil, "sold bought"},
	rangeCarriedOver:  {"carried over", "s", nil, "tonnes"},
	rangeReceivable:   {"receivable", "ss", nil, "tonnes"},
	rangeStatement:    {"statement", "s", nil, ""},
	rangeEpoch:        {"epoch", "n", nil, ""},
	rangeRootAsked:    {"newest request for a state root", "", nil, "time"},
	rangeToLift:       {"pledges and freezes to lift", "s", nil, "open"},
}

// Describe says for people what a record is: the range's name, the parts of its
// key, and its value, in one line of characters that show. What does not read as it
// should, because it is damaged, is in hexadecimal. No value is none.
func Describe(key, value []byte) (name, parts, text string) {
	if len(key) == 0 {
		return "nothing", "", "none"
	}
	f, ok := forms[key[0]]
	if !ok {
		return fmt.Sprintf("range %02x", key[0]), fmt.Sprintf("%x", key[1:]), fmt.Sprintf("%x", value)
	}
	return f.name, f.key(key[1:]), f.value(value)
}

func (f *form) key(b []byte) string {
	var all []string
	whole := fmt.Sprintf("%x", b)
	for _, part := range f.parts {
		var n int
		var text string
		switch part {
		case 's':
			text, _, _ = strings.Cut(string(b), "\x00")
			n = min(len(text)+1, len(b))
		case 'y', 'd', 'n':
			if n = 4; part == 'n' {
				n = 8
			}
			if len(b) < n {
				return whole
			}
			var number uint64
			for _, c := range b[:n] {
				number = number<<8 | uint64(c)
			}
			if text = fmt.Sprint(number); part == 'd' {
				text = tx.Day(number).String()
			}
		default:
			text, n = fmt.Sprintf("%x", b), len(b)
		}
		all, b = append(all, text), b[n:]
	}
	text := strings.Join(all, " ")
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !tx.Shows(r) }) {
		return whole
	}
	return text
}

func (f *form) value(b []byte) string {
	if len(b) == 0 {
		return "none"
	}
	if f.message != nil {
		if m := f.message(); m.Unmarshal(b) == nil {
			return readable(strings.TrimRight(fmt.Sprint(m), " "))
		}
	}
	names := strings.Split(f.numbers, " ")
	if f.numbers == "" || len(b) != 8*len(names) {
		return fmt.Sprintf("%x", b)
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%s=%d", name, int64(binary.BigEndian.Uint64(b[8*i:])))
	}
	return strings.Join(names, " ")
}

// readable shows the quoted texts of protobuf's text form, which escapes all but
// ASCII, as they read. What is not UTF-8, keys and hashes, is in hexadecimal without
// quotes, and what does not show is escaped.
func readable(message string) string {
	var out strings.Builder
	for {
		before, _, found := strings.Cut(message, `"`)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		message = message[len(before):]
		quoted, err := strconv.QuotedPrefix(message)
		text, unquoted := strconv.Unquote(quoted)
		if err != nil || unquoted != nil {
			return out.String() + fmt.Sprintf("%x", message)
		}
		message = message[len(quoted):]
		if !utf8.ValidString(text) {
			fmt.Fprintf(&out, "%x", text)
			continue
		}
		out.WriteByte('"')
		for _, r := range text {
			switch {
			case r == '"' || r == '\\':
				out.WriteString(`\` + string(r))
			case tx.Shows(r):
				out.WriteRune(r)
			case r > 0xffff:
				fmt.Fprintf(&out, `\U%08x`, r)
			default:
				fmt.Fprintf(&out, `\u%04x`, r)
			}
		}
		out.WriteByte('"')
	}
}
