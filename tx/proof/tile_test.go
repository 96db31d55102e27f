package proof

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestTilePaths: the format's own examples, and the limits.
func TestTilePaths(t *testing.T) {
	for path, tile := range map[string]Tile{
		"tile/0/x001/x234/067":                {Level: 0, Index: 1_234_067, Width: 256},
		"tile/0/000":                          {Level: 0, Index: 0, Width: 256},
		"tile/0/x001/x234/067.p/1":            {Level: 0, Index: 1_234_067, Width: 1},
		"tile/1/000.p/255":                    {Level: 1, Index: 0, Width: 255},
		"tile/2/999":                          {Level: 2, Index: 999, Width: 256},
		"tile/63/x001/000":                    {Level: 63, Index: 1_000, Width: 256},
		"tile/0/x273/063.p/8":                 {Level: 0, Index: 273_063, Width: 8},
		"tile/entries/x001/x234/067":          {Entries: true, Index: 1_234_067, Width: 256},
		"tile/entries/000.p/17":               {Entries: true, Index: 0, Width: 17},
		"tile/entries/x999/999.p/100":         {Entries: true, Index: 999_999, Width: 100},
		"tile/entries/x001/x000/000":          {Entries: true, Index: 1_000_000, Width: 256},
		"tile/0/x001/x000/x000/x000/000":      {Level: 0, Index: 1_000_000_000_000, Width: 256},
		"tile/0/x072/x057/x594/x037/x927/935": {Level: 0, Index: 1<<56 - 1, Width: 256}, // the last of 2^64 entries
	} {
		if got := tile.Path(); got != path {
			t.Errorf("%+v is %s, not %s", tile, got, path)
		}
		if got, ok := ParseTile(path); !ok || got != tile {
			t.Errorf("%s reads as %+v, %v", path, got, ok)
		}
	}
}

func TestPathsThatAreNoTile(t *testing.T) {
	for _, path := range []string{
		"", "/", "tile", "tile/", "tile/0", "tile/0/", "tile//000", "tile/000", "/tile/0/000", "tile/0/000/", "./tile/0/000", "tile/0//000", "checkpoint",
		"Tile/0/000", "TILE/0/000", "tile/Entries/000", "tile/entry/000", "tile/entries", "tile/entries/", "tile/data/000", "tiles/0/000", "tile/8/0/000",
		"tile/0/..", "tile/0/../000", "tile/../tile/0/000", "tile/0/x001/../000", "tile/0/.", "tile/0/%2e%2e/000", "tile/..", "../tile/0/000",
		"tile/00/000", "tile/01/000", "tile/+1/000", "tile/-1/000", "tile/0x1/000", "tile/64/000", "tile/100/000", "tile/18446744073709551616/000", "tile/a/000", "tile/ 0/000",
		"tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/1", "tile/0/1234", "tile/0/1000", "tile/0/1023", "tile/0/a00", "tile/0/+01", "tile/0/-01", "tile/0/0 0", "tile/0/٠٠٠",
		"tile/0/001/234", "tile/0/x001", "tile/0/x001/x234", "tile/0/001/x234/067", "tile/0/x001/234/067", "tile/0/xx01/000", "tile/0/x1/000", "tile/0/x0001/000",
		"tile/0/x000/000", "tile/0/x000/x001/000", "tile/0/X001/234", "tile/0/x001/x234/067.P/1", "tile/0/x001\\234", "tile/0/x-01/000", "tile/0/x+01/000",
		"tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/00", "tile/0/000.p/01", "tile/0/000.p/256", "tile/0/000.p/257", "tile/0/000.p/-1", "tile/0/000.p/+1",
		"tile/0/000.p/1/", "tile/0/000.p/1/2", "tile/0/000.p/1.p/1", "tile/0/000.p/x1", "tile/0/000.p/1 ", "tile/0/000p/1", "tile/0/000./1", "tile/0/x001.p/1/000", "tile/0/.p/1",
		"tile/0/000\n", "tile/0/000\x00", "tile/0/000?", "tile/0/000#", "tile/0/000.gz", "tile/0/ｘ001/000",
		"tile/0/" + strings.Repeat("x999/", 20) + "999", "tile/0/x999/x999/x999/x999/x999/x999/x999/999", "tile/0/" + strings.Repeat("0", 1000),
		"tile/0/x018/x446/x744/x073/x709/x551/616", "tile/0/x018/x446/x744/x073/x709/x551/617",
	} {
		if got, ok := ParseTile(path); ok {
			t.Errorf("%q reads as %+v", path, got)
		}
	}
}

// TestEveryTileHasOnePath.
func TestEveryTileHasOnePath(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	seen := map[string]Tile{}
	for i := range 20_000 {
		tile := Tile{Index: r.Uint64() >> (8 + r.IntN(56)), Width: 1 + r.IntN(TileWidth)}
		if tile.Entries = i%2 == 0; !tile.Entries {
			tile.Level = uint(r.IntN(64))
		}
		path := tile.Path()
		if got, ok := ParseTile(path); !ok || got != tile {
			t.Fatalf("%+v has the path %s, which reads as %+v, %v", tile, path, got, ok)
		}
		if before, ok := seen[path]; ok && before != tile {
			t.Fatalf("%+v and %+v have the path %s", tile, before, path)
		}
		seen[path] = tile
	}
}

// filesOf is every path of a log of this size, by hand: which of its hashes and
// entries lie in it, from the first to the one behind the last.
func filesOf(size int) map[string]bool {
	all := map[string]bool{}
	add := func(level string, n int) {
		for i := 0; i < n; i += 256 {
			path := fmt.Sprintf("tile/%s/%03d", level, i/256)
			if i/256 > 999 {
				panic("a log of this size needs longer paths")
			}
			if n-i < 256 {
				path += fmt.Sprintf(".p/%d", n-i)
			}
			all[path] = true
		}
	}
	add("entries", size)
	for level := 0; size > 0; level, size = level+1, size/256 {
		add(fmt.Sprint(level), size)
	}
	return all
}

// TestTilesOfGrowth: from one size to another a log gains the files that it has
// at the second and did not have at the first.
func TestTilesOfGrowth(t *testing.T) {
	const most = 1_100
	files := make([]map[string]bool, most+1)
	for size := range files {
		files[size] = filesOf(size)
	}
	n := 0
	for size := range files {
		for from := range size + 1 {
			n += compareTiles(t, from, size, files[from], files[size])
		}
	}
	sizes := []int{65_279, 65_280, 65_281, 65_535, 65_536, 65_537, 65_791, 65_792, 65_793, 131_072, 131_073}
	for i, size := range sizes {
		for _, from := range append([]int{0, 1, 255, 256, 257, size - 1}, sizes[:i+1]...) {
			n += compareTiles(t, from, size, filesOf(from), filesOf(size))
		}
	}
	if TilesOf(0, 0) != nil || TilesOf(7, 7) != nil || TilesOf(8, 7) != nil {
		t.Error("a log that has not grown has new files")
	}
	t.Logf("%d files", n)
}

func compareTiles(t *testing.T, from, size int, before, after map[string]bool) int {
	t.Helper()
	got := TilesOf(uint64(from), uint64(size))
	for _, tile := range got {
		if path := tile.Path(); !after[path] || before[path] {
			t.Fatalf("from %d to %d: %s is not new", from, size, path)
		}
	}
	want := 0
	for path := range after {
		if !before[path] {
			want++
		}
	}
	if len(got) != want { // a tile that is there twice would be too many
		t.Fatalf("from %d to %d: %d files, %d are new", from, size, len(got), want)
	}
	return want
}

// TestTilesHoldTheTree: what is kept while a log grows, cut at the paths of its
// size, is each tile whole.
func TestTilesHoldTheTree(t *testing.T) {
	k, d := kept{}, definition{}
	growTree(t, k, nil, 66_000)
	for _, tile := range TilesOf(0, 66_000) {
		if tile.Entries {
			continue
		}
		hashes, err := k.nodes(tile.Level*TileHeight, tile.Index*TileWidth, tile.Width)
		if err != nil {
			t.Fatal(err)
		}
		raw := bytes.Join(toSlices(hashes), nil)
		if again, err := SplitTile(raw, tile.Width); err != nil || !equal(again, hashes) {
			t.Fatalf("%s: %v", tile.Path(), err)
		}
		span := 1 << (tile.Level * TileHeight)
		for _, i := range []int{0, tile.Width / 2, tile.Width - 1} {
			if from := (int(tile.Index)*TileWidth + i) * span; hashes[i] != d.root(from, from+span) {
				t.Fatalf("%s: hash %d is not that of its entries", tile.Path(), i)
			}
		}
	}
}

func TestBundles(t *testing.T) {
	entries := [][]byte{{}, {1}, bytes.Repeat([]byte{2}, 255), bytes.Repeat([]byte{3}, 256), bytes.Repeat([]byte{4}, 65_535), {}}
	var bundle []byte
	for _, e := range entries {
		bundle = AppendEntry(bundle, e)
	}
	if !bytes.HasPrefix(bundle, []byte{0, 0, 0, 1, 1, 0, 255, 2}) {
		t.Errorf("a bundle begins with %x", bundle[:8])
	}
	got, err := SplitBundle(bundle, len(entries))
	if err != nil || !slices.EqualFunc(got, entries, bytes.Equal) {
		t.Fatal(err)
	}
	if _ = append(got[1], 9); !bytes.Equal(got[2], entries[2]) || bundle[5] != 0 {
		t.Error("who appends to an entry writes into the next")
	}
	if none, err := SplitBundle(nil, 0); err != nil || len(none) != 0 {
		t.Error(err)
	}
	small := AppendEntry(AppendEntry(nil, []byte("one")), []byte("two"))
	for what, c := range map[string]struct {
		bundle []byte
		width  int
		want   string
	}{
		"empty":              {nil, 1, "cut short after 0 of 1"},
		"half a length":      {small[:1], 1, "cut short after 0 of 1"},
		"a length alone":     {small[:2], 1, "cut short after 0 of 1"},
		"an entry cut short": {small[:9], 2, "cut short after 1 of 2"},
		"an entry too few":   {small, 3, "cut short after 2 of 3"},
		"an entry too many":  {small, 1, "5 bytes too many"},
		"a byte too many":    {append(bytes.Clone(small), 0), 2, "1 bytes too many"},
		"a byte for nothing": {[]byte{0}, 0, "1 bytes too many"},
		"a length too long":  {[]byte{0xff, 0xff, 1}, 1, "cut short after 0 of 1"},
	} {
		all, err := SplitBundle(c.bundle, c.width)
		refused(t, what, err, c.want)
		if all != nil {
			t.Errorf("%s: %d entries", what, len(all))
		}
	}
}

func TestTilesOfAnotherWidth(t *testing.T) {
	raw := bytes.Repeat([]byte{7}, 64)
	if all, err := SplitTile(raw, 2); err != nil || len(all) != 2 || all[1] != Hash(raw[32:]) {
		t.Error(err)
	}
	if all, err := SplitTile(nil, 0); err != nil || len(all) != 0 {
		t.Error(err)
	}
	for _, c := range []struct{ bytes, width int }{{0, 1}, {32, 2}, {64, 1}, {31, 1}, {33, 1}, {64, 0}, {63, 2}} {
		all, err := SplitTile(raw[:min(c.bytes, 64)], c.width)
		refused(t, fmt.Sprintf("%d bytes for %d", c.bytes, c.width), err, "hashes has")
		if all != nil {
			t.Error("hashes beside an error")
		}
	}
}
