package proof

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/log"
	cosig "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
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

// TestCheckpointText: three lines in one form, and no other text.
func TestCheckpointText(t *testing.T) {
	const root = "q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k="
	good := "register.example/chain\n300\n" + root + "\n"
	got, err := ParseCheckpoint(good)
	if err != nil || got.Origin != testOrigin || got.Size != 300 || !bytes.HasPrefix(got.Root[:], []byte{0xab, 0xcd, 0xef, 1}) || got.Text() != good {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, size := range []string{"0", "1", "18446744073709551615"} {
		if c, err := ParseCheckpoint("o\n" + size + "\n" + root + "\n"); err != nil || c.Text() != "o\n"+size+"\n"+root+"\n" {
			t.Errorf("size %s: %v", size, err)
		}
	}
	text := func(size, root string) string { return "o\n" + size + "\n" + root + "\n" }
	for what, c := range map[string]struct{ text, want string }{
		"empty":                        {"", "three lines"},
		"two lines":                    {"o\n300\n", "three lines"},
		"no newline at the end":        {"o\n300\n" + root, "three lines"},
		"an extension line":            {good + "more\n", "three lines"},
		"an empty line behind it":      {good + "\n", "three lines"},
		"an empty line before it":      {"\n" + good, "three lines"},
		"a text behind the last line":  {good + "more", "three lines"},
		"a signature line":             {good + string(originLine(testCheckpoint())), "three lines"},
		"an origin that is empty":      {"\n300\n" + root + "\n", "no line of text"},
		"a carriage return, line 1":    {"o\r\n300\n" + root + "\n", "no line of text"},
		"a carriage return, line 2":    {text("300\r", root), "no number"},
		"a carriage return, line 3":    {text("300", root+"\r"), "not written"},
		"a carriage return in base64":  {text("300", root[:8]+"\r"+root[8:]), "not written"},
		"no size":                      {text("", root), "no number"},
		"a leading zero":               {text("0300", root), "not written"},
		"two zeros":                    {text("00", root), "not written"},
		"a plus":                       {text("+300", root), "no number"},
		"a minus":                      {text("-1", root), "no number"},
		"a minus zero":                 {text("-0", root), "no number"},
		"hexadecimal":                  {text("0x12", root), "no number"},
		"an underscore":                {text("3_00", root), "no number"},
		"a fraction":                   {text("300.0", root), "no number"},
		"a power":                      {text("3e2", root), "no number"},
		"a space before the size":      {text(" 300", root), "no number"},
		"a space behind the size":      {text("300 ", root), "no number"},
		"digits of another script":     {text("٣٠٠", root), "no number"},
		"2^64":                         {text("18446744073709551616", root), "no number"},
		"a size without end":           {text(strings.Repeat("9", 1000), root), "no number"},
		"no root":                      {text("300", ""), "no hash"},
		"a root of 31 bytes":           {text("300", root[:40]+"Z4=="), "no hash"},
		"a root of 33 bytes":           {text("300", root[:43]+"k"), "no hash"},
		"a root without its padding":   {text("300", root[:43]), "no hash"},
		"padding twice":                {text("300", root+"="), "no hash"},
		"an unused bit":                {text("300", root[:42]+"l="), "not written"},
		"base64 for addresses":         {text("300", "-_"+root[2:]), "no hash"},
		"a root in hexadecimal":        {text("300", strings.Repeat("ab", 32)), "no hash"},
		"a space behind the root":      {text("300", root+" "), "no hash"},
		"a space in the root":          {text("300", root[:8]+" "+root[8:]), "no hash"},
		"size and root changed places": {"o\n" + root + "\n300\n", "no number"},
	} {
		_, err := ParseCheckpoint(c.text)
		refused(t, what, err, c.want)
	}
}

func TestCheckOrigin(t *testing.T) {
	for _, name := range []string{"a", "register.example/chain", "register.example/chain/wuhan-1", strings.Repeat("x", 200), "!~"} {
		if err := CheckOrigin(name); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"", " ", "a b", "a+b", "a\n", "a\tb", "ü.example", "a\x7f", "a\u00a0b", "a\xff", strings.Repeat("x", 201)} {
		refused(t, name, CheckOrigin(name), "no name of a log")
	}
}

// TestKeysAsOthersWriteThem: x/mod and formats write and read the same keys.
func TestKeysAsOthersWriteThem(t *testing.T) {
	for _, name := range []string{"a", testOrigin, CosignerName(testOrigin, "wuhan-1")} {
		for i := range 100 {
			key := publicOf(testKey(fmt.Sprint(name, i)))
			ours, theirs := OriginVKey(name, key), must(note.NewEd25519VerifierKey(name, key))
			if ours != theirs {
				t.Fatalf("the log's key %s is %s to x/mod", ours, theirs)
			}
			v := must(note.NewVerifier(ours))
			cosigner, cosigning := CosignerVKey(name, key), must(cosig.VKeyToCosignatureV1(theirs))
			if cosigner != cosigning {
				t.Fatalf("the cosigner's key %s is %s to formats", cosigner, cosigning)
			}
			w := must(cosig.NewVerifierForCosignatureV1(cosigner))
			if v.Name() != name || w.Name() != name || v.KeyHash() == w.KeyHash() {
				t.Fatalf("%s and %s: %s %x, %s %x", ours, cosigner, v.Name(), v.KeyHash(), w.Name(), w.KeyHash())
			}
		}
	}
}

// TestSignaturesForOthers: x/mod opens what the log signs, formats what a
// cosigner signs, and both lines are those of the specifications' words.
func TestSignaturesForOthers(t *testing.T) {
	for _, size := range []uint64{0, 1, 300, 1<<64 - 1} {
		c := testCheckpoint()
		c.Size = size
		own, at := originLine(c), uint64(testTime)+size%1000
		name := CosignerName(testOrigin, "a")
		line := must(c.Cosign(name, testKey("a"), at))
		if want := lineByHand(1, testOrigin, testKey("log"), 0, c.Text()); !bytes.Equal(own, want) || !bytes.Equal(own, originLine(c)) {
			t.Fatalf("the log signs %q, by hand %q", own, want)
		}
		if want := lineByHand(4, name, testKey("a"), at, c.Text()); !bytes.Equal(line, want) {
			t.Fatalf("a cosigner signs %q, by hand %q", line, want)
		}
		n, err := note.Open(c.Note(own, line), note.VerifierList(must(note.NewVerifier(testLogVKey())), must(cosig.NewVerifierForCosignatureV1(testVKey("a")))))
		if err != nil || n.Text != c.Text() || len(n.Sigs) != 2 || len(n.UnverifiedSigs) != 0 {
			t.Fatalf("%+v, %v", n, err)
		}
		if when := must(cosig.CoSigV1Timestamp(n.Sigs[1])); uint64(when.Unix()) != at {
			t.Fatalf("cosigned at %d, formats reads %d", at, when.Unix())
		}
		theirs, rest, got, err := log.ParseCheckpoint(c.Note(own, line), testOrigin, must(note.NewVerifier(testLogVKey())))
		if err != nil || theirs.Size != size || !bytes.Equal(theirs.Hash, c.Root[:]) || len(rest) != 0 || got.Text != c.Text() {
			t.Fatalf("formats reads %+v, %v", theirs, err)
		}
		if string(theirs.Marshal()) != c.Text() {
			t.Fatalf("formats writes %q", theirs.Marshal())
		}
	}
}

// TestCosignaturesBindEverything: another text, key or name, and any bit.
func TestCosignaturesBindEverything(t *testing.T) {
	c := testCheckpoint()
	name, vkey, line := CosignerName(testOrigin, "a"), testVKey("a"), cosignLine(c, "a")
	if got, err := c.VerifyCosignature(line, vkey); err != nil || got.Name != name || got.Unix != testTime || !bytes.Equal(got.Line, line) {
		t.Fatalf("%+v, %v", got, err)
	}
	others := []Checkpoint{{testOrigin, 301, c.Root}, {testOrigin + "x", 300, c.Root}, {testOrigin, 300, flipped(c.Root, 77)}, {testOrigin, 0, c.Root}}
	for _, other := range others {
		_, err := other.VerifyCosignature(line, vkey)
		refused(t, other.Text(), err, "does not hold")
	}
	for _, other := range []string{
		testVKey("b"), CosignerVKey("a", publicOf(testKey("a"))), CosignerVKey(name, publicOf(testKey("b"))), CosignerVKey(name+"x", publicOf(testKey("a"))),
	} {
		_, err := c.VerifyCosignature(line, other)
		refused(t, other, err, "does not hold")
	}
	n := 0
	for i := range line {
		for bit := range 8 {
			altered := bytes.Clone(line)
			altered[i] ^= 1 << bit
			_, err := c.VerifyCosignature(altered, vkey)
			refused(t, fmt.Sprintf("bit %d of byte %d", bit, i), err, "")
			n++
		}
	}
	t.Logf("%d flipped bits refused", n)
	for _, wrong := range [][]byte{originLine(c), lineByHand(1, name, testKey("a"), 0, c.Text())} {
		_, err := c.VerifyCosignature(wrong, vkey)
		refused(t, "a signature of the log's type", err, "does not hold")
	}
}

// TestOneKeyOfTwoCosigners: the message does not bind the name, so that one key
// gives two lines which differ in name alone; a policy takes it once.
func TestOneKeyOfTwoCosigners(t *testing.T) {
	c := testCheckpoint()
	key := publicOf(testKey("a"))
	one, two := must(c.Cosign("one.example", testKey("a"), testTime)), must(c.Cosign("two.example", testKey("a"), testTime))
	for _, x := range []struct {
		line       []byte
		name, want string
	}{{one, "one.example", ""}, {two, "two.example", ""}, {one, "two.example", "does not hold"}, {two, "one.example", "does not hold"}} {
		got, err := c.VerifyCosignature(x.line, CosignerVKey(x.name, key))
		if x.want != "" {
			refused(t, x.name, err, x.want)
		} else if err != nil || got.Name != x.name {
			t.Errorf("%+v, %v", got, err)
		}
	}
	_, err := ParsePolicy("log " + testLogVKey() + "\nwitness x " + CosignerVKey("one.example", key) + "\nwitness y " + CosignerVKey("two.example", key) + "\nquorum x\n")
	refused(t, "one key of two cosigners", err, "twice")
}

// TestNamesThatCannotSign: signed-note's names have no spaces and no plus.
func TestNamesThatCannotSign(t *testing.T) {
	for _, name := range []string{"", "a b", "a+b", "a\nb", "a\u00a0b", "a\xff"} {
		c := Checkpoint{Origin: name}
		_, err := c.SignOrigin(testKey("log"))
		refused(t, name, err, "sign")
		_, err = testCheckpoint().Cosign(name, testKey("a"), testTime)
		refused(t, name, err, "sign")
	}
}
