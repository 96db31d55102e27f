package proof

import (
	"bytes"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/log"
	tlog "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
)

// FuzzParseReceipt: what parses encodes to the same bytes, and what verifies is
// an entry of the one log that the keys signed.
func FuzzParseReceipt(f *testing.F) {
	l, p := newTestLog(f), testPolicy(f, 1, "a", "b")
	for i := range l.entries {
		file := l.receipt(i, "a", "b").Encode()
		f.Add(file)
		f.Add(file[:len(file)/2])
		f.Add(append(bytes.Clone(file), cosignLine(l.checkpoint(), "a")...))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := ParseReceipt(file)
		if err != nil {
			return
		}
		if !bytes.Equal(r.Encode(), file) {
			t.Fatal("an accepted receipt encodes differently")
		}
		if err := new(tlog.TLogProof).Unmarshal(file); err != nil {
			t.Fatalf("formats refuses it: %v", err)
		}
		got, err := r.Verify(p)
		if err != nil {
			return
		}
		if r.Index >= uint64(len(l.entries)) || !bytes.Equal(r.Record, l.entries[r.Index]) || got.Checkpoint != *l.checkpoint() || len(got.Cosignatures) == 0 {
			t.Fatal("a forged receipt verifies")
		}
	})
}

// FuzzParsePolicy: formats takes what ParsePolicy takes, where it can: it wants
// a URL behind each witness and no # in a line. Both want the same signatures.
func FuzzParsePolicy(f *testing.F) {
	head := "log " + testLogVKey() + "\nwitness a " + testVKey("a") + " https://a.invalid/\nwitness b " + testVKey("b") + " https://b.invalid/\nwitness c " + testVKey("c") + "\n"
	for _, tail := range []string{
		"quorum none\n", "quorum a\n", "group g all a b\nquorum g\n", "group g any a b c\ngroup h 1 g\nquorum h\n",
		"\n# x\n group\tg 2 a b c \nquorum g", "group g 0 a\nquorum g\n", "group g 1 a a\nquorum g\n",
	} {
		f.Add(head + tail)
		f.Add(tail + head)
	}
	f.Add(WritePolicy(testLogVKey(), []string{"a", "b", "c"}, testVKeys("a", "b", "c"), 2))
	c := testCheckpoint()
	notes := [][]byte{signed(c), signed(c, "a"), signed(c, "b", "c"), signed(c, "a", "b", "c")}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePolicy(text)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("an error of two lines: %v", err)
			}
			return
		}
		if p.Origin() == "" {
			t.Fatal("a policy without an origin")
		}
		theirs, theirErr := witness.ParsePolicy([]byte(text))
		for _, cp := range notes {
			_, _, err := p.Open(cp)
			if theirErr == nil && p.Origin() == testOrigin && err == nil && !theirs.Satisfied(cp) {
				t.Fatal("formats says that it is not enough")
			}
		}
	})
}

// FuzzParseCheckpoint: what parses is written the same way, and formats reads
// the same in it.
func FuzzParseCheckpoint(f *testing.F) {
	good := testCheckpoint().Text()
	for _, text := range []string{
		good, good + "more\n", good[:len(good)-1], strings.Replace(good, "300", "0300", 1), strings.Replace(good, "300", "18446744073709551615", 1),
		strings.ReplaceAll(good, "\n", "\r\n"), "\n" + good, "o\n0\n" + strings.Repeat("A", 43) + "=\n", "o\n0\n" + strings.Repeat("A", 42) + "B=\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCheckpoint(text)
		if err != nil {
			return
		}
		if c.Text() != text {
			t.Fatal("an accepted checkpoint is written differently")
		}
		var theirs log.Checkpoint
		if rest, err := theirs.Unmarshal([]byte(text)); err != nil || len(rest) != 0 || theirs.Origin != c.Origin || theirs.Size != c.Size || !bytes.Equal(theirs.Hash, c.Root[:]) {
			t.Fatalf("formats reads %+v, %v", theirs, err)
		}
	})
}

// FuzzParseTile: what parses has this path and no other, and leads nowhere else.
func FuzzParseTile(f *testing.F) {
	for _, path := range []string{
		"tile/0/x001/x234/067", "tile/entries/x001/x234/067.p/17", "tile/63/000.p/255", "tile/1/x001/000", "tile/0/x000/000", "tile/0/../000",
		"tile/64/000", "tile/0/000.p/256", "tile/0/000.p/0", "tile/00/000", "checkpoint", "tile/0/x999/x999/x999/x999/x999/x999/999",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		tile, ok := ParseTile(path)
		if !ok {
			return
		}
		if tile.Path() != path || tile.Level > 63 || tile.Width < 1 || tile.Width > TileWidth || tile.Entries && tile.Level > 0 {
			t.Fatalf("%q reads as %+v, %s", path, tile, tile.Path())
		}
		if strings.Trim(path, "tile/nrsx.p0123456789") != "" || strings.Contains(path, "..") || strings.Contains(path, "//") {
			t.Fatalf("%q is a path", path)
		}
	})
}

// FuzzSplitBundle: what splits is joined to the same bytes.
func FuzzSplitBundle(f *testing.F) {
	l := newTestLog(f)
	var bundle []byte
	for i, e := range l.entries {
		bundle = AppendEntry(bundle, e)
		f.Add(bundle, byte(i))
		f.Add(bundle[:len(bundle)-1], byte(i))
	}
	f.Add([]byte{0, 0, 0, 0}, byte(1))
	f.Add([]byte{0xff, 0xff}, byte(0))
	f.Fuzz(func(t *testing.T, bundle []byte, last byte) {
		width := int(last) + 1
		if hashes, err := SplitTile(bundle, width); (err == nil) != (len(bundle) == 32*width) || err == nil && !bytes.Equal(bytes.Join(toSlices(hashes), nil), bundle) {
			t.Fatalf("as a tile: %v", err)
		}
		all, err := SplitBundle(bundle, width)
		if err != nil {
			return
		}
		var again []byte
		for _, e := range all {
			again = AppendEntry(again, e)
		}
		if len(all) != width || !bytes.Equal(again, bundle) {
			t.Fatal("an accepted bundle is put together differently")
		}
	})
}
