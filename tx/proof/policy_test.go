package proof

import (
	"bytes"
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
