package proof

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const a, b = "a", "b"

// TestOneKeyCountsOnce: two lines for one key, under other names too, are one
// cosigner's word.
func TestOneKeyCountsOnce(t *testing.T) {
	head := "log " + testLogVKey() + "\n"
	again := CosignerVKey("other.example", publicOf(testKey(a)))
	for what, text := range map[string]string{
		"under one name":      "witness x " + testVKey(a) + "\nwitness y " + testVKey(a) + "\n",
		"under another name":  "witness x " + testVKey(a) + "\nwitness y " + again + "\n",
		"with another URL":    "witness x " + testVKey(a) + " https://x/\nwitness y " + testVKey(a) + " https://y/\n",
		"not next to another": "witness x " + testVKey(a) + "\nwitness z " + testVKey(b) + "\nwitness y " + again + "\n",
	} {
		_, err := ParsePolicy(head + text + "group g 2 x y\nquorum g\n")
		refused(t, what, err, "twice")
	}
}

// TestOneNameOfTwoKeys: a cosigner that changes its key may stand there with
// both, and each signature counts for its own.
func TestOneNameOfTwoKeys(t *testing.T) {
	c := testCheckpoint()
	text := "log " + testLogVKey() + "\n"
	var lines [][]byte
	for _, key := range []string{"old", "new"} {
		text += "witness " + key + " " + CosignerVKey("w.example", publicOf(testKey(key))) + "\n"
		lines = append(lines, must(c.Cosign("w.example", testKey(key), testTime)))
	}
	text += "group both all old new\n"
	for _, s := range []struct {
		quorum string
		lines  [][]byte
		ok     bool
	}{
		{"both", lines, true}, {"both", lines[:1], false}, {"both", lines[1:], false},
		{"old", lines[:1], true}, {"old", lines[1:], false}, {"new", lines[:1], false}, {"new", lines[1:], true},
	} {
		_, _, err := parsePolicy(t, text+"quorum "+s.quorum+"\n").Open(c.Note(append([][]byte{originLine(c)}, s.lines...)...))
		if (err == nil) != s.ok {
			t.Errorf("quorum %s with %d signatures: %v", s.quorum, len(s.lines), err)
		}
	}
}

// TestOneMemberCountsOnce: who is in two groups would count in both.
func TestOneMemberCountsOnce(t *testing.T) {
	head := "log " + testLogVKey() + "\nwitness a " + testVKey(a) + "\nwitness b " + testVKey(b) + "\n"
	for what, text := range map[string]string{
		"twice in one group":       "group g 2 a a\nquorum g\n",
		"in two groups":            "group g any a\ngroup h any a b\ngroup q all g h\nquorum q\n",
		"beside its own group":     "group g any a b\ngroup q 2 g a\nquorum q\n",
		"a group in two groups":    "group g any a\ngroup h any g\ngroup i any g\nquorum i\n",
		"in a group nobody needs":  "group g any a\ngroup h any a\nquorum h\n",
		"behind the quorum's line": "group g any a\nquorum g\ngroup h any a\n",
	} {
		_, err := ParsePolicy(head + text)
		refused(t, what, err, "a member already")
	}
}

// TestPolicyCharacters: between words stand spaces and tabs and nothing else.
func TestPolicyCharacters(t *testing.T) {
	text := " log\t" + testLogVKey() + " \n\n\t# ünïcode\n witness \t a " + testVKey(a) + " https://a/ü\nquorum a\t\n"
	parsePolicy(t, text)
	for what, char := range map[string]string{
		"a carriage return": "\r", "a form feed": "\f", "a vertical tab": "\v", "a zero": "\x00", "an escape": "\x1b", "a delete": "\x7f",
	} {
		_, err := ParsePolicy(text + "#" + char + "\n")
		refused(t, what, err, "control characters")
	}
	for what, space := range map[string]string{"a space that does not break": "\u00a0", "a next line": "\u0085", "an ideographic space": "\u3000"} {
		_, err := ParsePolicy("log " + testLogVKey() + "\nwitness a " + testVKey(a) + "\nquorum" + space + "a\n")
		refused(t, what, err, "is none of")
	}
}

// TestSignaturesHaveOneForm: a second signature by a known key is not passed
// over, and base64 has no bits to spare.
func TestSignaturesHaveOneForm(t *testing.T) {
	c, p := testCheckpoint(), testPolicy(t, 1, a, b)
	good := signed(c, a)
	if _, _, err := p.Open(good); err != nil {
		t.Fatal(err)
	}
	later := must(c.Cosign(CosignerName(testOrigin, a), testKey(a), testTime+1))
	bad := bytes.Replace(later, []byte("AAAA"), []byte("AAAB"), 1)
	if bytes.Equal(later, bad) {
		t.Fatal("the line has no AAAA")
	}
	for what, s := range map[string]struct {
		note []byte
		want string
	}{
		"a cosignature twice":              {append(bytes.Clone(good), cosignLine(c, a)...), "two signatures by one key"},
		"a later one":                      {append(bytes.Clone(good), later...), "two signatures by one key"},
		"a bad one after a good one":       {append(bytes.Clone(good), bad...), "two signatures by one key"},
		"the log's signature twice":        {append(bytes.Clone(good), originLine(c)...), "two signatures by one key"},
		"an unused bit, cosigned":          {c.Note(originLine(c), otherForm(cosignLine(c, a))), "not written as it must be"},
		"an unused bit, signed by the log": {c.Note(otherForm(originLine(c)), cosignLine(c, a)), "not written as it must be"},
	} {
		_, _, err := p.Open(s.note)
		refused(t, what, err, s.want)
	}
}

// capitalID writes a key's id in capital letters, which signed-note does not.
func capitalID(vkey string) string {
	part := strings.SplitN(vkey, "+", 3)
	return part[0] + "+" + strings.ToUpper(part[1]) + "+" + part[2]
}

func TestPoliciesThatAreNone(t *testing.T) {
	log, x, y := "log "+testLogVKey()+"\n", "witness x "+testVKey(a)+"\n", "witness y "+testVKey(b)+"\n"
	for what, c := range map[string]struct{ text, want string }{
		"nothing":                          {"", `a line "log" and a line "quorum"`},
		"comments alone":                   {"# log\n  # quorum\n", `a line "log" and a line "quorum"`},
		"no log":                           {x + "quorum x\n", `a line "log" and a line "quorum"`},
		"no quorum":                        {log + x, `a line "log" and a line "quorum"`},
		"more than 64 KiB":                 {log + "quorum none\n#" + strings.Repeat("x", MaxPolicyBytes), "the limit is"},
		"two logs":                         {log + strings.ReplaceAll(log, "chain", "other") + "quorum none\n", "line 2: \"log "},
		"a log twice":                      {log + log + "quorum none\n", "line 2"},
		"a log without a key":              {"log\nquorum none\n", "line 1: \"log\" is none of"},
		"a log with too much":              {strings.TrimSpace(log) + " https://x/ y\nquorum none\n", "is none of"},
		"a log with a cosigner's key":      {"log " + testVKey(a) + "\nquorum none\n", "line 1: unknown verifier algorithm"},
		"a log with another id":            {"log " + strings.Replace(testLogVKey(), "/chain+", "/chain2+", 1) + "\nquorum none\n", "line 1: invalid verifier hash"},
		"a log's id in capitals":           {"log " + capitalID(testLogVKey()) + "\nquorum none\n", "line 1: the key of register.example/chain is not written"},
		"a log with noise":                 {"log x\nquorum none\n", "line 1: malformed verifier id"},
		"an unknown word":                  {log + "witnesses x\nquorum none\n", `line 2: "witnesses x" is none of`},
		"a word in capitals":               {strings.Replace(log, "log", "LOG", 1) + "quorum none\n", "is none of"},
		"a witness without a key":          {log + "witness x\nquorum none\n", "is none of"},
		"a witness with too much":          {log + strings.TrimSpace(x) + " https://x/ y\nquorum x\n", "is none of"},
		"a comment behind a line":          {log + strings.TrimSpace(x) + " https://x/ # x\nquorum x\n", "is none of"},
		"a witness with the log's key":     {log + "witness x " + testLogVKey() + "\nquorum x\n", "none of cosignatures"},
		"two witnesses of one name":        {log + x + strings.Replace(y, "y", "x", 1) + "quorum x\n", `line 3: the name "x" is taken`},
		"a witness called none":            {log + strings.Replace(x, "x", "none", 1) + "quorum none\n", `the name "none" is taken`},
		"a witness called all":             {log + strings.Replace(x, "x", "all", 1) + "quorum none\n", `the name "all" is taken`},
		"a witness called quorum":          {log + strings.Replace(x, "x", "quorum", 1) + "quorum none\n", `the name "quorum" is taken`},
		"a group called any":               {log + x + "group any 1 x\nquorum any\n", `the name "any" is taken`},
		"a group called as a witness":      {log + x + y + "group x 1 y\nquorum x\n", `the name "x" is taken`},
		"a witness called as a group":      {log + x + "group y any x\n" + y + "quorum y\n", `the name "y" is taken`},
		"two groups of one name":           {log + x + y + "group g any x\ngroup g any y\nquorum g\n", `the name "g" is taken`},
		"a group without members":          {log + x + "group g all\nquorum g\n", "is none of"},
		"a group of nobody":                {log + "group g 1 x\nquorum g\n", `the member "x", which is a member already or not named before`},
		"a group of itself":                {log + x + "group g 1 x g\nquorum g\n", `the member "g"`},
		"a group of a later one":           {log + x + "group g any h\ngroup h any x\nquorum g\n", `the member "h"`},
		"a group of none":                  {log + x + "group g any none\nquorum g\n", `the member "none"`},
		"a group that asks for 0":          {log + x + "group g 0 x\nquorum g\n", "asks for 0 of 1"},
		"a group that asks for too many":   {log + x + "group g 2 x\nquorum g\n", "asks for 2 of 1"},
		"a group that asks for 256":        {log + x + "group g 256 x\nquorum g\n", `asks for "256"`},
		"a group that asks for 2^64":       {log + x + "group g 18446744073709551617 x\nquorum g\n", "of its members"},
		"a group that asks for -1":         {log + x + "group g -1 x\nquorum g\n", `asks for "-1"`},
		"a group that asks for most":       {log + x + "group g most x\nquorum g\n", `asks for "most"`},
		"a quorum of nobody":               {log + x + "quorum y\n", `line 3: the quorum "y" is no witness and no group before it`},
		"a quorum before its witness":      {log + "quorum x\n" + x, "no witness and no group before it"},
		"two quorums":                      {log + x + "quorum x\nquorum x\n", "line 4"},
		"a quorum none and another":        {log + x + "quorum none\nquorum x\n", "line 4"},
		"a quorum of two":                  {log + x + y + "quorum x y\n", "is none of"},
		"a quorum of the log":              {log + x + "quorum log\n", "no witness and no group"},
		"a quorum of nothing":              {log + x + "quorum\n", "is none of"},
		"a quorum of a name in other case": {log + x + "quorum X\n", "no witness and no group"},
	} {
		_, err := ParsePolicy(c.text)
		refused(t, what, err, c.want)
	}
}

// TestQuorums: who has cosigned, and whether that is enough.
func TestQuorums(t *testing.T) {
	c := testCheckpoint()
	head := "log " + testLogVKey() + " https://register.example/\n"
	for _, v := range strings.Split("a b c d e", " ") {
		head += "witness " + v + " " + testVKey(v) + "\n"
	}
	for _, q := range []struct {
		what, groups, quorum string
		yes, no              []string // who cosigned, in words
	}{
		{"none", "", "none", []string{"", "a", "a b c d e"}, nil},
		{"one witness", "", "a", []string{"a", "a b", "a b c d e"}, []string{"", "b", "b c d e"}},
		{"any of two", "group g any a b\n", "g", []string{"a", "b", "a b"}, []string{"", "c", "c d e"}},
		{"all of two", "group g all a b\n", "g", []string{"a b", "a b e"}, []string{"", "a", "b", "a c d e"}},
		{"three of five", "group g 3 a b c d e\n", "g", []string{"a b c", "c d e", "a b c d e"}, []string{"", "a b", "d e"}},
		{"all of five", "group g 5 a b c d e\n", "g", []string{"a b c d e"}, []string{"a b c d", "b c d e"}},
		{"any of both pairs", "group g any a b\ngroup h any c d\ngroup q all g h\n", "q", []string{"a c", "b d", "a b c d"}, []string{"", "a b", "c d e"}},
		{"a pair or one", "group g all a b\ngroup q 1 g c\n", "q", []string{"a b", "c"}, []string{"a", "b", "a d e"}},
		{"two of a pair, a pair and one", "group g all a b\ngroup h any c d\ngroup q 2 g h e\n", "q", []string{"a b c", "d e", "a b e"}, []string{"a b", "c d", "a e", "e"}},
		{"three levels", "group g all a b\ngroup h all g c\ngroup q any h d\n", "q", []string{"a b c", "d"}, []string{"a b", "c", "a b e"}},
		{"a group that is not the quorum", "group g all a b\ngroup h any c\n", "h", []string{"c"}, []string{"a b"}},
	} {
		p := parsePolicy(t, head+q.groups+"quorum "+q.quorum+"\n")
		for _, who := range q.yes {
			got, all, err := p.Open(signed(c, strings.Fields(who)...))
			if err != nil || got != *c || len(all) != len(strings.Fields(who)) {
				t.Errorf("%s, cosigned by %q: %+v, %d, %v", q.what, who, got, len(all), err)
			}
			for i, s := range all {
				v := strings.Fields(who)[i]
				if s.Name != CosignerName(testOrigin, v) || s.Unix != testTime || !bytes.Equal(s.Line, cosignLine(c, v)) {
					t.Errorf("%s: cosignature %+v", q.what, s)
				}
			}
		}
		for _, who := range q.no {
			_, _, err := p.Open(signed(c, strings.Fields(who)...))
			refused(t, q.what+", cosigned by "+who, err, "lacks cosignatures")
		}
	}
}

// TestOpenIgnoresStrangers, as many as there are; of known keys it takes nothing
// that does not hold.
func TestOpenIgnoresStrangers(t *testing.T) {
	c, p := testCheckpoint(), testPolicy(t, 2, a, b)
	var strangers [][]byte
	for i := range 60 {
		name := fmt.Sprintf("stranger.example/%d", i)
		strangers = append(strangers, must(c.Cosign(name, testKey(name), testTime)))
	}
	ecdsa := []byte("— other.example AAAAAAIwRQ==\n") // of a type that nobody here knows
	own := [][]byte{originLine(c), cosignLine(c, a), cosignLine(c, b)}
	for _, n := range []int{0, 1, 13, 16, 60} {
		lines := slices.Concat(strangers[:n/2], own[:1], strangers[n/2:n], own[1:], [][]byte{ecdsa})
		if got, all, err := p.Open(c.Note(lines...)); err != nil || got != *c || len(all) != 2 {
			t.Errorf("%d strangers: %+v, %d, %v", n, got, len(all), err)
		}
	}
	sameName := lineByHand(4, CosignerName(testOrigin, a), testKey("c"), testTime, c.Text()) // another key
	if _, all, err := p.Open(c.Note(append(own, sameName)...)); err != nil || len(all) != 2 {
		t.Errorf("a stranger with a known name: %d, %v", len(all), err)
	}
	_, _, err := p.Open(c.Note(own[0], own[1], sameName))
	refused(t, "a stranger with a known name counts", err, "lacks cosignatures")
	many := bytes.Repeat([]byte("— x "+strings.Repeat("A", 1000)+"\n"), 17)
	_, _, err = p.Open(c.Note(append(own, many)...))
	refused(t, "more than 16 KiB", err, "the limit is 16384")
}

// TestSixteenCosignatures and more: the format asks for that many.
func TestSixteenCosignatures(t *testing.T) {
	var names []string
	for i := range 32 {
		names = append(names, fmt.Sprintf("v%d", i))
	}
	for _, n := range []int{15, 16, 32} {
		_, all, err := testPolicy(t, n, names[:n]...).Open(signed(testCheckpoint(), names[:n]...))
		if err != nil || len(all) != n {
			t.Errorf("%d cosignatures: %d, %v", n, len(all), err)
		}
	}
}

func TestCheckpointsThatAPolicyRefuses(t *testing.T) {
	c, p := testCheckpoint(), testPolicy(t, 1, a, b)
	bad := func(line []byte) []byte { // another signature by the same key
		i := bytes.LastIndexByte(line, ' ')
		raw := must(base64.StdEncoding.DecodeString(string(line[i+1 : len(line)-1])))
		raw[len(raw)-1] ^= 1
		return append(bytes.Clone(line[:i+1]), base64.StdEncoding.EncodeToString(raw)+"\n"...)
	}
	other := *c
	other.Origin = "other.example"
	text := func(text string, lines ...[]byte) []byte {
		return append([]byte(text+"\n"), bytes.Join(append(lines, lineByHand(1, testOrigin, testKey("log"), 0, text)), nil)...)
	}
	cosigned := func(text string) []byte {
		return lineByHand(4, CosignerName(testOrigin, a), testKey(a), testTime, text)
	}
	more := c.Text() + "more\n"
	for what, s := range map[string]struct {
		note []byte
		want string
	}{
		"nothing":                             {nil, "malformed note"},
		"a text alone":                        {[]byte(c.Text()), "malformed note"},
		"no signature":                        {c.Note(), "malformed note"},
		"strangers alone":                     {c.Note(cosignLine(c, "c")), "no verifiable signatures"},
		"a cosignature without the log's":     {c.Note(cosignLine(c, a)), "is not signed by the log"},
		"the log's with a cosigner's key":     {c.Note(lineByHand(1, testOrigin, testKey(a), 0, c.Text()), cosignLine(c, a)), "is not signed by the log"},
		"a bad signature by the log":          {c.Note(bad(originLine(c)), cosignLine(c, a)), "invalid signature"},
		"a bad cosignature that is needed":    {c.Note(originLine(c), bad(cosignLine(c, a))), "invalid signature"},
		"a bad cosignature beside enough":     {c.Note(originLine(c), cosignLine(c, a), bad(cosignLine(c, b))), "invalid signature"},
		"a cosignature of another size":       {c.Note(originLine(c), cosignLine(&Checkpoint{testOrigin, 301, c.Root}, a)), "invalid signature"},
		"a cosignature cut short":             {c.Note(originLine(c), append(cosignLine(c, a)[:60], '\n')), ""},
		"another origin, signed by the log":   {text(other.Text(), cosigned(other.Text())), "is not signed by the log"},
		"an extension line, signed by all":    {text(more, cosigned(more)), "three lines"},
		"a leading zero, signed by all":       {text(strings.Replace(c.Text(), "300", "0300", 1), cosigned(strings.Replace(c.Text(), "300", "0300", 1))), "not written"},
		"a carriage return":                   {bytes.Replace(signed(c, a), []byte("\n"), []byte("\r\n"), 1), "malformed note"},
		"carriage returns":                    {bytes.ReplaceAll(signed(c, a), []byte("\n"), []byte("\r\n")), "malformed note"},
		"a second empty line":                 {bytes.Replace(signed(c, a), []byte("\n\n"), []byte("\n\n\n"), 1), ""},
		"an empty line before the cosigner":   {c.Note(originLine(c), []byte("\n"), cosignLine(c, a)), ""},
		"an empty line at the end":            {append(signed(c, a), '\n'), "malformed note"},
		"no newline at the end":               {bytes.TrimSuffix(signed(c, a), []byte("\n")), "malformed note"},
		"a cosignature in time without limit": {c.Note(originLine(c), must(c.Cosign(CosignerName(testOrigin, a), testKey(a), 1<<63))), "no time there is"},
	} {
		_, _, err := p.Open(s.note)
		refused(t, what, err, s.want)
	}
}

// TestPolicyRules: the rules say who is needed, the quorum first.
func TestPolicyRules(t *testing.T) {
	text := "log " + testLogVKey() + "\nwitness a " + testVKey(a) + "\nwitness b " + testVKey(b) + "\nwitness c " + testVKey("c") + "\ngroup inner any a b\ngroup outer all inner c\n"
	for quorum, want := range map[string][]Rule{
		"outer": {{"outer", 2, []string{"inner", "c"}}, {"inner", 1, []string{"a", "b"}}},
		"inner": {{"inner", 1, []string{"a", "b"}}},
		"c":     {{"c", 1, []string{"c"}}},
		"none":  nil,
	} {
		p := parsePolicy(t, text+"quorum "+quorum+"\n")
		if got := p.Rules(); !reflect.DeepEqual(got, want) {
			t.Errorf("the quorum %s has the rules %v, want %v", quorum, got, want)
		}
		if p.Text() != text+"quorum "+quorum+"\n" {
			t.Errorf("the policy's text is %q", p.Text())
		}
	}
}
