package tx

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
	"unicode"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

const reasonsFile = "testdata/reasons.txt"

// TestReasonsGolden: receipts carry the numbers for ever. A new reason is
// added to the file by -rewrite; a number or a name that stands there is never
// changed, even with -rewrite.
func TestReasonsGolden(t *testing.T) {
	var b strings.Builder
	for _, r := range Reasons() {
		fmt.Fprintf(&b, "%d\t%s\t%s\t%s\n", r, r, r.Text(), r.TextChinese())
	}
	golden, err := os.ReadFile(reasonsFile)
	if err != nil && !*rewrite {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(golden)) {
		number, name, _ := strings.Cut(line, "\t")
		name, _, _ = strings.Cut(name, "\t")
		if !strings.Contains("\n"+b.String(), "\n"+number+"\t"+name+"\t") {
			t.Errorf("reason %s %s stands in receipts and is gone or renamed", number, name)
		}
	}
	if t.Failed() || b.String() == string(golden) {
		return
	}
	if !*rewrite {
		t.Fatalf("%s differs: run go test ./tx -run Golden -rewrite and look at the difference\n%s", reasonsFile, b.String())
	}
	if err := os.WriteFile(reasonsFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestReasonsComplete: every constant has a name that follows from its own,
// and a sentence; no two share a number, a name or a sentence.
func TestReasonsComplete(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var constants []string
	ast.Inspect(file, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "Reason" {
				constants = append(constants, v.Names[0].Name)
			}
		}
		return true
	})
	all := Reasons()
	if len(constants) != len(all) {
		t.Fatalf("%d constants, %d with a text", len(constants), len(all))
	}
	seen := map[string]bool{}
	for i, r := range all {
		if have := strings.ReplaceAll(r.String(), "_", ""); have != strings.ToUpper(constants[i]) {
			t.Errorf("%s is called %s", constants[i], r)
		}
		if seen[r.String()] || seen[r.Text()] || r.Text() == "" || strings.HasSuffix(r.Text(), ".") {
			t.Errorf("%s: %q is no sentence of its own without a full stop", r, r.Text())
		}
		if zh := r.TextChinese(); seen[zh] || !unicode.Is(unicode.Han, []rune(zh)[0]) || strings.HasSuffix(zh, "。") {
			t.Errorf("%s: %q is no Chinese sentence of its own without a full stop", r, zh)
		}
		seen[r.String()], seen[r.Text()], seen[r.TextChinese()] = true, true, true
	}
	if all[0] != Accepted {
		t.Errorf("the first is %s", all[0])
	}
	if r := Reason(9_999); r.String() != "REASON_9999" || r.Text() == "" || r.TextChinese() == "" {
		t.Errorf("a reason of the future: %s, %q", r, r.Text())
	}
}

func TestRejection(t *testing.T) {
	for want, r := range map[string]Rejection{
		"MALFORMED: the bytes are not the canonical encoding of a transaction":                             {Reason: Malformed},
		"INSUFFICIENT_HOLDING: the holding is too small (CEA22 of buyer): have 5, want 9":                  {Reason: InsufficientHolding, Subject: "CEA22 of buyer", Have: 5, Want: 9},
		"INSUFFICIENT_MONEY: the money is too little: have 0, want 9":                                      {Reason: InsufficientMoney, Want: 9},
		"REASON_9999: a reason of a newer protocol version (x)":                                            {Reason: 9_999, Subject: "x"},
		"DAY_OPEN: a trading day is open (2024-01-02)":                                                     {Reason: DayOpen, Subject: Day(2024_01_02).String()},
		"TOO_LARGE: a transaction has at most 60,000 bytes and 2,000 operations: have 60000, want 1000000": {Reason: TooLarge, Have: 60_000, Want: 1_000_000},
	} {
		if r.Error() != want {
			t.Errorf("%q, want %q", r.Error(), want)
		}
	}
	if (&Receipt{}).Rejection() != nil {
		t.Error("an accepted receipt has a rejection")
	}
	receipt := &Receipt{Reason: SameParty, Operation: 3, Subject: "x", Have: 1, Want: 2}
	if r := receipt.Rejection(); *r != (Rejection{SameParty, 3, "x", 1, 2}) || !errors.As(error(r), &r) {
		t.Errorf("%+v", r)
	}
}
