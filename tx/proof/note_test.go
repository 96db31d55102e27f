package proof

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

// TestCosignatureAmongLines over this text: what stands before the lines would
// be another text. What is given back is one line in any case.
func TestCosignatureAmongLines(t *testing.T) {
	c := testCheckpoint()
	name, vkey, line := CosignerName(testOrigin, "a"), testVKey("a"), cosignLine(c, "a")
	stranger := cosignLine(c, "b")
	for what, lines := range map[string][]byte{
		"alone":              line,
		"a stranger before":  slices.Concat(stranger, line),
		"a stranger behind":  slices.Concat(line, stranger),
		"among strangers":    slices.Concat(stranger, line, originLine(c), stranger),
		"beside a bad one":   slices.Concat(otherForm(stranger), line),
		"beside its old key": slices.Concat(lineByHand(4, name, testKey("old"), testTime, c.Text()), line),
	} {
		if got, err := c.VerifyCosignature(lines, vkey); err != nil || !bytes.Equal(got.Line, line) || got.Name != name {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	longer := lineByHand(4, name, testKey("a"), testTime, c.Text()+"\nmore\n")
	for what, lines := range map[string][]byte{
		"twice":                    slices.Concat(line, line),
		"with a later one":         slices.Concat(line, lineByHand(4, name, testKey("a"), testTime+1, c.Text())),
		"over a longer text":       append([]byte("more\n\n"), longer...),
		"with an unused bit":       otherForm(line),
		"a stranger alone":         stranger,
		"with a space at the end":  slices.Concat(line[:len(line)-1], []byte(" \n")),
		"with two spaces":          bytes.Replace(line, []byte(" "), []byte("  "), 1),
		"without its newline":      line[:len(line)-1],
		"with a hyphen for a dash": bytes.Replace(line, []byte("—"), []byte("-"), 1),
		"with an empty line":       append(bytes.Clone(line), '\n'),
		"with a line of text":      append(bytes.Clone(line), "more\n"...),
		"empty":                    nil,
		"a newline":                []byte("\n"),
	} {
		_, err := c.VerifyCosignature(lines, vkey)
		refused(t, what, err, "")
	}
}

// TestCosignatureTimes: 2^63 seconds is the format's limit.
func TestCosignatureTimes(t *testing.T) {
	c := testCheckpoint()
	for _, at := range []uint64{0, 1, testTime, 1<<63 - 1} {
		line := lineByHand(4, "w.example", testKey("w"), at, c.Text())
		got, err := c.VerifyCosignature(line, CosignerVKey("w.example", publicOf(testKey("w"))))
		if err != nil || got.Unix != at || got.Name != "w.example" || !bytes.Equal(got.Line, line) {
			t.Errorf("at %d: %+v, %v", at, got, err)
		}
	}
	for _, at := range []uint64{1 << 63, 1<<64 - 1} {
		line := lineByHand(4, "w.example", testKey("w"), at, c.Text())
		_, err := c.VerifyCosignature(line, CosignerVKey("w.example", publicOf(testKey("w"))))
		refused(t, "late", err, "no time there is")
	}
}

// badVKeys are keys of cosignatures that have something wrong.
func badVKeys() map[string]string {
	good := testVKey("a")
	name, rest, _ := strings.Cut(good, "+")
	id, key, _ := strings.Cut(rest, "+")
	return map[string]string{
		"empty":                       "",
		"another id":                  name + "+00000000+" + key,
		"an id in capitals":           name + "+" + strings.ToUpper(id) + "+" + key,
		"a short id":                  name + "+" + id[:7] + "+" + key,
		"no name":                     "+" + id + "+" + key,
		"another name":                name + "x+" + id + "+" + key,
		"a name with a space":         "a b+" + id + "+" + key,
		"a key of the log's type":     OriginVKey(name, publicOf(testKey("a"))),
		"a key cut short":             name + "+" + id + "+" + key[:40],
		"a key that is too long":      name + "+" + id + "+" + key + "AAAA",
		"a key that is no base64":     name + "+" + id + "+" + strings.Repeat("*", 44),
		"a key without its type":      name + "+" + id + "+" + base64.StdEncoding.EncodeToString(publicOf(testKey("a"))),
		"a key of an unknown type":    name + "+" + id + "+" + base64.StdEncoding.EncodeToString(append([]byte{9}, publicOf(testKey("a"))...)),
		"a key of the log's, renamed": name + "+" + id + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, publicOf(testKey("a"))...)),
		"something behind the key":    good + "+x",
		"a newline behind the key":    good + "\n",
	}
}

func TestBadCosignerKeys(t *testing.T) {
	c := testCheckpoint()
	for what, vkey := range badVKeys() {
		_, err := c.VerifyCosignature(cosignLine(c, "a"), vkey)
		refused(t, what, err, "")
		_, err = ParsePolicy("log " + testLogVKey() + "\nwitness a " + vkey + "\nquorum none\n")
		if !strings.Contains(vkey, "\n") {
			refused(t, what+", in a policy", err, "line 2")
		}
	}
}

// TestOriginsThatNoNoteHas: signed notes are UTF-8 without control characters,
// and a checkpoint's lines are not empty.
func TestOriginsThatNoNoteHas(t *testing.T) {
	for _, origin := range []string{"", "a\r", "\ta", "a\x00", "a\xff"} {
		c := Checkpoint{Origin: origin}
		_, err := ParseCheckpoint(c.Text())
		refused(t, origin, err, "no line of text")
	}
	for _, origin := range []string{"a", "Ωμέγα", "a b+c"} {
		c := Checkpoint{Origin: origin, Size: 7}
		if got, err := ParseCheckpoint(c.Text()); err != nil || got != c {
			t.Errorf("%q: %v", origin, err)
		}
	}
}
