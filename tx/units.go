package tx

import (
	"encoding/hex"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// Tonnes counts whole tonnes of CO2 equivalent.
type Tonnes int64

// Fen counts hundredths of a yuan.
type Fen int64

// Instant is ledger time in milliseconds since 1970-01-01T00:00:00Z.
type Instant int64

// Day is a business day in UTC+8 as the number YYYYMMDD; 0 is no day.
type Day int32

// Year is a calendar year: of compliance, of trading or of a vintage.
type Year int32

// ID names a transaction or an order: SHA-256 over its tag, the genesis hash
// and its body. Signatures are not part of it.
type ID [32]byte

// Domain is the hash of the genesis document. It is part of every signature,
// so that none is valid on another chain.
type Domain [32]byte

// beijing is UTC+8, which has no daylight saving: business days never depend
// on a time zone database.
var beijing = time.FixedZone("UTC+8", 8*60*60)

func (t Tonnes) String() string { return strconv.FormatInt(int64(t), 10) }

// String shows yuan with two decimals: 9596 is "95.96".
func (f Fen) String() string {
	sign, n := "", uint64(f)
	if f < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%02d", sign, n/100, n%100)
}

// ParseFen reads an amount of yuan with at most two decimals, exactly.
func ParseFen(yuan string) (Fen, error) {
	whole, cents, _ := strings.Cut(yuan, ".")
	if len(cents) > 2 || strings.Trim(whole, "-") == "" || strings.HasSuffix(yuan, ".") || strings.ContainsAny(yuan, "+_ ") {
		return 0, fmt.Errorf("%q is not an amount of yuan with at most two decimals", yuan)
	}
	n, err := strconv.ParseInt(whole+(cents + "00")[:2], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not an amount of yuan with at most two decimals", yuan)
	}
	return Fen(n), nil
}

// Day is the business day that an instant falls on.
func (i Instant) Day() Day { return dayOf(time.UnixMilli(int64(i)).In(beijing)) }

// String shows the instant in UTC+8, the market's time.
func (i Instant) String() string {
	return time.UnixMilli(int64(i)).In(beijing).Format("2006-01-02T15:04:05.000-07:00")
}

func dayOf(t time.Time) Day {
	y, m, d := t.Date()
	return Day(y*10000 + int(m)*100 + d)
}

func (d Day) time() time.Time {
	return time.Date(int(d)/10000, time.Month(int(d)/100%100), int(d)%100, 0, 0, 0, 0, beijing)
}

// Valid reports whether d is a day of the calendar.
func (d Day) Valid() bool { return d >= 1_01_01 && d <= 9999_12_31 && dayOf(d.time()) == d }

// Start is the day's first instant in UTC+8.
func (d Day) Start() Instant { return Instant(d.time().UnixMilli()) }

// Next is the calendar day after d.
func (d Day) Next() Day { return dayOf(d.time().AddDate(0, 0, 1)) }

// Weekday is the day of the week.
func (d Day) Weekday() time.Weekday { return d.time().Weekday() }

// Year is the calendar year of the day.
func (d Day) Year() Year { return Year(d / 10000) }

// String shows the day as 2024-01-02, and no day as "-".
func (d Day) String() string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%04d-%02d-%02d", d/10000, d/100%100, d%100)
}

// ParseDay reads 2024-01-02. Values of parameters are days: what is one must not
// change with the Go release, as what time.Parse takes has.
func ParseDay(s string) (Day, error) {
	d, ok := Day(0), len(s) == len("2024-01-02")
	for i := 0; ok && i < len(s); i++ {
		switch digit := s[i] - '0'; {
		case i == 4 || i == 7:
			ok = s[i] == '-'
		case digit <= 9:
			d = 10*d + Day(digit)
		default:
			ok = false
		}
	}
	if !ok || !d.Valid() {
		return 0, fmt.Errorf("%q is not a day in the form 2024-01-02", s)
	}
	return d, nil
}

// String is the id in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// ParseID reads an id in hexadecimal.
func ParseID(s string) (ID, error) {
	var id ID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("%q is not an id: want 64 hexadecimal digits", s)
	}
	return ID(b), nil
}

// String is the hash in hexadecimal.
func (d Domain) String() string { return hex.EncodeToString(d[:]) }

// Amount is tonnes × price in fen, or false where it does not fit.
func Amount(t Tonnes, price Fen) (Fen, bool) {
	n := new(big.Int).Mul(big.NewInt(int64(t)), big.NewInt(int64(price)))
	if !n.IsInt64() {
		return 0, false
	}
	return Fen(n.Int64()), true
}
