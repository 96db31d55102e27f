package proof

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"carbonledger/tx"
)

// The static form of a log (c2sp.org/tlog-tiles): what stands under which path.

// CheckpointPath is where the newest checkpoint stands.
const CheckpointPath = "checkpoint"

// KeptCheckpointPath is where the checkpoint stands that was kept for a business
// day: a path of ours beside those of tlog-tiles. It is not below "checkpoint",
// which is a file where a log is a directory.
func KeptCheckpointPath(day tx.Day) string { return "checkpoints/" + day.String() }

// Tile is a path: the hashes of a tile, or the entries of a bundle.
type Tile struct {
	// Entries: a bundle; Level is 0 then.
	Entries bool
	Level   uint // from 0 to 63
	Index   uint64
	// Width is how many hashes or entries it holds, from 1 to TileWidth.
	Width int
}

// Path of the tile, such as tile/0/x001/234.p/17.
func (t Tile) Path() string {
	s := fmt.Sprintf("%03d", t.Index%1000)
	for n := t.Index / 1000; n > 0; n /= 1000 {
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	level := strconv.FormatUint(uint64(t.Level), 10)
	if t.Entries {
		level = "entries"
	}
	if t.Width < TileWidth {
		s += ".p/" + strconv.Itoa(t.Width)
	}
	return "tile/" + level + "/" + s
}

// ParseTile reads a path; false where it is none, or not written as Path does.
func ParseTile(path string) (t Tile, ok bool) {
	rest, ok := strings.CutPrefix(path, "tile/")
	level, rest, found := strings.Cut(rest, "/")
	if !ok || !found || len(path) > 100 {
		return t, false
	}
	if t.Entries = level == "entries"; !t.Entries {
		n, err := strconv.ParseUint(level, 10, 6)
		if err != nil {
			return t, false
		}
		t.Level = uint(n)
	}
	t.Width = TileWidth
	if before, width, partial := strings.Cut(rest, ".p/"); partial {
		n, err := strconv.ParseUint(width, 10, 8)
		if err != nil {
			return t, false
		}
		rest, t.Width = before, int(n)
	}
	for part := range strings.SplitSeq(rest, "/") {
		n, err := strconv.ParseUint(strings.TrimPrefix(part, "x"), 10, 10)
		if err != nil || t.Index > 1<<53 {
			return t, false
		}
		t.Index = t.Index*1000 + n
	}
	return t, t.Path() == path && t.Width > 0
}

// TilesOf lists every tile and bundle of a log of this size from the entry
// from on: what is new since a log of size from, and what was partial then.
func TilesOf(from, size uint64) (all []Tile) {
	add := func(t Tile, first, n uint64) {
		for t.Index = first / TileWidth; t.Index*TileWidth < n; t.Index++ {
			t.Width = int(min(TileWidth, n-t.Index*TileWidth))
			all = append(all, t)
		}
	}
	if from >= size {
		return nil
	}
	add(Tile{Entries: true}, from, size)
	for level, n, first := uint(0), size, from; n > 0; level, n, first = level+1, n/TileWidth, first/TileWidth {
		if first < n {
			add(Tile{Level: level}, first, n)
		}
	}
	return all
}

// MaxBundleBytes bounds a bundle: 256 entries at their longest, each after its length.
const MaxBundleBytes = TileWidth * (2 + tx.MaxRecordBytes)

// AppendEntry adds an entry to a bundle: its length in 2 bytes, big endian, and
// its bytes. It must not be longer than 65,535.
func AppendEntry(bundle, entry []byte) []byte {
	return append(binary.BigEndian.AppendUint16(bundle, uint16(len(entry))), entry...)
}

// SplitBundle takes a bundle apart that must hold so many entries. They share
// its memory.
func SplitBundle(bundle []byte, width int) ([][]byte, error) {
	all := make([][]byte, 0, width)
	for range width {
		if len(bundle) < 2 || len(bundle)-2 < int(binary.BigEndian.Uint16(bundle)) {
			return nil, fmt.Errorf("proof: the bundle of entries is cut short after %d of %d", len(all), width)
		}
		n := int(binary.BigEndian.Uint16(bundle))
		all = append(all, bundle[2:2+n:2+n])
		bundle = bundle[2+n:]
	}
	if len(bundle) > 0 {
		return nil, fmt.Errorf("proof: the bundle of %d entries has %d bytes too many", width, len(bundle))
	}
	return all, nil
}

// SplitTile takes a tile apart that must hold so many hashes.
func SplitTile(tile []byte, width int) ([]Hash, error) {
	if len(tile) != width*len(Hash{}) {
		return nil, fmt.Errorf("proof: a tile of %d hashes has %d bytes", width, len(tile))
	}
	all := make([]Hash, width)
	for i := range all {
		all[i] = Hash(tile[i*len(Hash{}):])
	}
	return all, nil
}
