package cli

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"carbonledger/node/api"
	"carbonledger/tx"
)

func TestParseTonnes(t *testing.T) {
	for s, want := range map[string]tx.Tonnes{
		"0": 0, "7": 7, "1200": 1200, "1_200": 1200, "1,200": 1200, "12,345,678": 12345678, "007": 7,
		"9223372036854775807": math.MaxInt64, "9,223,372,036,854,775,807": math.MaxInt64,
	} {
		if got, err := parseTonnes(s); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", " ", "-1", "+1", "1.0", "1.5", "1.", ".", "1,00", "1,2000", ",100", "1,", "1,,000", "1_0", "1,234_567", "1 200", "1e3", "0x10",
		"٣", "1t", "9223372036854775808", "1234,567", "1\n",
	} {
		if got, err := parseTonnes(s); err == nil {
			t.Errorf("%q is taken for %d tonnes", s, got)
		}
	}
}

func TestParseYuan(t *testing.T) {
	for s, want := range map[string]tx.Fen{
		"0": 0, "79.42": 7942, "79.4": 7940, "79": 7900, "1,250,000.05": 125000005, "1_000.10": 100010, "0.01": 1,
		"92233720368547758.07": math.MaxInt64,
	} {
		if got, err := parseYuan(s); err != nil || got != want {
			t.Errorf("%q is %d fen, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", ".", ".5", "5.", "1.234", "-1", "+1", "1,00.00", "1.0_0", "1.00,000", "1..0", "1.2.3", "1e2", "NaN", "¥5", "92233720368547758.08", "1.-1", "1.+1",
	} {
		if got, err := parseYuan(s); err == nil {
			t.Errorf("%q is taken for %d fen", s, got)
		}
	}
}

// FuzzAmounts: what is read shows the same again.
func FuzzAmounts(f *testing.F) {
	f.Add("1,234.5")
	f.Add("1_000")
	f.Fuzz(func(t *testing.T, s string) {
		if n, err := parseTonnes(s); err == nil {
			if again, err := parseTonnes(grouped(int64(n))); err != nil || again != n {
				t.Errorf("%q is %d, which shows as %q: %v", s, n, grouped(int64(n)), err)
			}
		}
		if n, err := parseYuan(s); err == nil {
			if again, err := parseYuan(strings.TrimSuffix(yuan(n), " yuan")); err != nil || again != n {
				t.Errorf("%q is %d fen, which shows as %q: %v", s, n, yuan(n), err)
			}
		}
	})
}

func TestInWords(t *testing.T) {
	for n, want := range map[int64]string{
		0: "zero", 1: "one", 13: "thirteen", 20: "twenty", 21: "twenty-one", 100: "one hundred", 101: "one hundred one",
		1200: "one thousand two hundred", 85_000: "eighty-five thousand", 1_000_001: "one million one",
		-5:            "minus five",
		math.MaxInt64: "nine quintillion two hundred twenty-three quadrillion three hundred seventy-two trillion thirty-six billion eight hundred fifty-four million seven hundred seventy-five thousand eight hundred seven",
		math.MinInt64: "minus nine quintillion two hundred twenty-three quadrillion three hundred seventy-two trillion thirty-six billion eight hundred fifty-four million seven hundred seventy-five thousand eight hundred eight",
	} {
		if got := inWords(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
	for fen, want := range map[tx.Fen]string{
		7942:      "79.42 yuan (seventy-nine yuan and forty-two fen)",
		125000000: "1,250,000.00 yuan (one million two hundred fifty thousand yuan)",
		5:         "0.05 yuan (zero yuan and five fen)",
		-5:        "-0.05 yuan (minus zero yuan and five fen)",
	} {
		if got := yuanInWords(fen); got != want {
			t.Errorf("%d fen are %q, want %q", fen, got, want)
		}
	}
	if got := tonnesInWords(1); got != "1 t (one tonne)" {
		t.Errorf("one tonne is %q", got)
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1000: "-1,000", -999: "-999", 1234567: "1,234,567", math.MinInt64: "-9,223,372,036,854,775,808"} {
		if got := grouped(n); got != want {
			t.Errorf("%d shows as %s, want %s", n, got, want)
		}
	}
}

// TestOutcome is what institutions read: each number with its unit, and by how
// much it was short.
func TestOutcome(t *testing.T) {
	for _, c := range []struct {
		receipt tx.Receipt
		want    string
	}{
		{tx.Receipt{Height: 12}, "accepted at height 12"},
		{tx.Receipt{Height: 12, Reason: tx.InsufficientHolding, Subject: "CEA22 of plant", Have: 500, Want: 1800},
			"rejected at height 12: the holding is too small (INSUFFICIENT_HOLDING); operation 1: CEA22 of plant: there were 500 t, asked for 1,800 t: short by 1,300 t"},
		{tx.Receipt{Height: 9, Reason: tx.InsufficientMoney, Operation: 2, Subject: "money of mill", Have: 100, Want: 125050},
			"rejected at height 9: the money is too little (INSUFFICIENT_MONEY); operation 3: money of mill: there were 1.00 yuan, asked for 1,250.50 yuan: short by 1,249.50 yuan"},
		{tx.Receipt{Height: 9, Reason: tx.SurrenderOverDue, Subject: "plant", Have: 10, Want: 12},
			"rejected at height 9: more than is still due (SURRENDER_OVER_DUE); operation 1: plant: at most 10 t, asked for 12 t: 2 t too much"},
		{tx.Receipt{Height: 9, Reason: tx.BlockTooSmall, Subject: "CEA22", Have: 100000, Want: 99999},
			"rejected at height 9: a block trade must be larger (BLOCK_TOO_SMALL); operation 1: CEA22: at least 100,000 t, asked for 99,999 t: 1 t too little"},
		{tx.Receipt{Height: 9, Reason: tx.PriceOutOfLimit, Subject: "CEA22", Have: 7942, Want: 9000},
			"rejected at height 9: the price is outside the day's limits (PRICE_OUT_OF_LIMIT); operation 1: CEA22: the previous close is 79.42 yuan, the price 90.00 yuan"},
		{tx.Receipt{Height: 9, Reason: tx.NotLedgerDay, Subject: "2024-01-03", Have: 20240102, Want: 20240103},
			"operation 1: 2024-01-03: the ledger has 2024-01-02, the transaction 2024-01-03"},
		{tx.Receipt{Height: 9, Reason: tx.Expired, Have: 1000, Want: 2000},
			"it expired after 1970-01-01T08:00:01.000+08:00, the ledger's time was 1970-01-01T08:00:02.000+08:00"},
		{tx.Receipt{Height: 9, Reason: tx.VintageNotUsable, Subject: "CEA23", Have: 2023, Want: 2022}, "the ledger has 2023, the transaction 2022"},
		{tx.Receipt{Height: 9, Reason: tx.AmountNotPositive, Subject: "fen", Want: -150}, "the amount is -1.50 yuan"},
		{tx.Receipt{Height: 9, Reason: tx.UnknownParty}, "rejected at height 9: the asking party has no account (UNKNOWN_PARTY)"},
		{tx.Receipt{Height: 9, Reason: 4000, Have: 1, Want: 2}, "a reason of a newer protocol version (REASON_4000)"},
	} {
		if got := outcome(&c.receipt); !strings.HasSuffix(got, c.want) && !strings.Contains(got, c.want) {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestPrintReceipt(t *testing.T) {
	r := tx.Receipt{
		Id: []byte{0xab, 0xcd}, Height: 12, Position: 3, Reason: tx.ReferenceReused, Party: "plant", Reference: "S-17",
		Time: tx.Day(20240102).Start(), FirstId: []byte{0x12}, ScriptClock: true,
	}
	var b bytes.Buffer
	if err := printReceipt(&b, &r, false); err != nil {
		t.Fatal(err)
	}
	const want = `rejected at height 12: the party used this reference for another transaction (REFERENCE_REUSED)
  该方已将此参考号用于另一笔交易
  transaction abcd
  reference   S-17 of plant
  ledger time 2024-01-02T00:00:00.000+08:00, position 3 in the block
  SCRIPT CLOCK
  the reference belongs to transaction 12
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	r = tx.Receipt{Id: []byte{1}, Height: 5, Reason: tx.InsufficientMoney, Subject: "money of mill", Have: 5, Want: 7, Party: "bank", Reference: "W", Time: 1}
	if err := printReceipt(&b, &r, true); err != nil {
		t.Fatal(err)
	}
	const wantJSON = `{"id":"01","accepted":false,"height":5,"position":0,"time":"1970-01-01T08:00:00.001+08:00","clock":"wall","party":"bank","reference":"W",` +
		`"reason":"INSUFFICIENT_MONEY","reason_number":44,"text":"the money is too little","text_zh":"资金不足","operation":0,"subject":"money of mill","have":5,"want":7,"unit":"fen",` +
		`"explanation":"the money is too little (INSUFFICIENT_MONEY); operation 1: money of mill: there were 0.05 yuan, asked for 0.07 yuan: short by 0.02 yuan"}` + "\n"
	if b.String() != wantJSON {
		t.Errorf("got\n%s\nwant\n%s", b.String(), wantJSON)
	}
}

// TestEveryReasonHasAnOutcome: no reason prints numbers that it cannot have.
func TestEveryReasonHasAnOutcome(t *testing.T) {
	for _, reason := range tx.Reasons() {
		for _, n := range [][2]int64{{0, 0}, {5, 7}, {20240102, 20240103}, {math.MaxInt64, math.MinInt64}} {
			if got := outcome(&tx.Receipt{Reason: reason, Have: n[0], Want: n[1]}); reason != tx.Accepted && !strings.Contains(got, reason.String()) {
				t.Errorf("%s: %q", reason, got)
			}
		}
	}
}

func TestTable(t *testing.T) {
	list := table{name: "holdings", columns: []string{"party", "tonnes", "yuan", "day", "key"}, page: api.Page{Height: 7, Cursor: "abc"}, total: new(uint64(3))}
	list.row("plant, the", tx.Tonnes(1200), tx.Fen(123456), tx.Day(0), []byte{0xff})
	list.row("", tx.Tonnes(0), tx.Fen(0), tx.Day(20240102), []byte(nil))
	var out, errOut bytes.Buffer
	for f, want := range map[format]string{
		{}: "PARTY       TONNES  YUAN      DAY         KEY\nplant, the  1,200   1,234.56  -           ff\n-           0       0.00      2024-01-02  -\n" +
			"2 of 3 holdings at height 7; goes on: --cursor abc, or --all\n",
		{csv: true}: "party,tonnes,yuan,day,key\n\"plant, the\",1200,1234.56,,ff\n,0,0.00,2024-01-02,\n",
		{json: true}: `{"height":7,"total":3,"complete":false,"cursor":"abc","holdings":[{"party":"plant, the","tonnes":1200,"yuan":"1234.56","day":"","key":"ff"},` +
			`{"party":"","tonnes":0,"yuan":"0.00","day":"2024-01-02","key":""}]}` + "\n",
	} {
		out.Reset()
		errOut.Reset()
		if err := list.print(&out, &errOut, f); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("%+v prints\n%s\nwant\n%s", f, out.String(), want)
		}
		if f.csv != strings.Contains(errOut.String(), "2 of 3 holdings at height 7; goes on") {
			t.Errorf("%+v says %q", f, errOut.String())
		}
	}
	for want, list := range map[string]table{
		"0 parties at height 7; complete":                                            {},
		"0 of 0 parties at height 7; complete":                                       {total: new(uint64(0))},
		"0 of 20,000 parties at height 7; complete":                                  {total: new(uint64(20_000))},
		"0 parties read page by page at heights 5 to 7; complete":                    {from: 5},
		"0 of 2 parties read page by page at heights 5 to 7, counted at 5; complete": {from: 5, total: new(uint64(2))},
		"1,000 of 20,000 parties at height 7; complete":                              {total: new(uint64(20_000)), items: 1000},
	} {
		list.name, list.page = "parties", api.Page{Height: 7, Complete: true}
		if got := list.extent(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		out.Reset()
		if err := list.printJSON(&out); err != nil || strings.Contains(out.String(), `"total":`) != (list.total != nil) {
			t.Errorf("%s prints %s, %v", want, out.String(), err)
		}
	}
	empty := table{name: "parties", columns: []string{"id"}, page: api.Page{Height: 1, Complete: true}}
	out.Reset()
	if err := empty.print(&out, &errOut, format{json: true}); err != nil || !strings.Contains(out.String(), `"parties":[]`) {
		t.Errorf("an empty list prints %s, %v", out.String(), err)
	}
}

func TestRecordKeepsItsOrder(t *testing.T) {
	inner := record{}
	inner.add("z", 1)
	inner.add("a", "<&>")
	r := record{}
	r.add("second_name", inner)
	r.add("first", lines{"x", "y"})
	b, err := json.Marshal(r)
	if err != nil || string(b) != `{"second_name":{"z":1,"a":"\u003c\u0026\u003e"},"first":["x","y"]}` {
		t.Errorf("%s, %v", b, err)
	}
	var out bytes.Buffer
	if err := r.print(&out, false); err != nil || out.String() != "first  x\nfirst  y\n\nsecond name:\nz  1\na  <&>\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
