package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// ErrDamaged: what is on the disk is not what was written.
var ErrDamaged = errors.New("the store is damaged")

// Damaged tells whether an error says so, in this package's words or in Pebble's.
func Damaged(err error) bool { return errors.Is(err, ErrDamaged) || pebble.IsCorruptionError(err) }

// A log and a manifest are blocks of 32 KiB, filled with chunks that do not
// cross a block's end. A chunk is a checksum (CRC-32C, masked; 4 bytes), the
// length of its payload (2), its encoding (1), in logs also the number of the
// log (4) and an offset (8), and the payload. Source: package record of Pebble.
const (
	blockBytes       = 32 << 10
	trailerBytes     = 11
	trailerEncoding  = 5 // ends a log that was closed
	manifestEncoding = 1 // to 4: whole, first, middle, last
	manifestHead     = 7
	logEncoding      = 9 // to 12
	logHead          = 19
)

// chunks is the content of a log or manifest.
type chunks struct {
	data     []byte
	number   uint32 // of a log
	encoding byte
	head     int
}

// at parses a chunk: where it ends, and whether a record begins with it.
func (c *chunks) at(pos int) (end int, begins, ok bool) {
	blockEnd := min(len(c.data), pos-pos%blockBytes+blockBytes)
	if pos+c.head > blockEnd {
		return 0, false, false
	}
	b := c.data[pos:blockEnd]
	length, encoding := int(binary.LittleEndian.Uint16(b[4:])), b[6]
	if encoding < c.encoding || encoding > c.encoding+3 || c.head+length > len(b) {
		return 0, false, false
	}
	if c.number != 0 && binary.LittleEndian.Uint32(b[7:]) != c.number {
		return 0, false, false
	}
	sum := crc32.Checksum(b[6:c.head+length], crc32.MakeTable(crc32.Castagnoli))
	if binary.LittleEndian.Uint32(b) != (sum>>15|sum<<17)+0xa282ead8 {
		return 0, false, false
	}
	return pos + c.head + length, encoding <= c.encoding+1, true
}

// closed says whether a log was ended at pos by its writer.
func (c *chunks) closed(pos int) bool {
	if c.number == 0 || pos+trailerBytes > len(c.data) {
		return false
	}
	b := c.data[pos:]
	return binary.LittleEndian.Uint32(b) == 0 && b[4] == 0 && b[5] == 0 && b[6] == trailerEncoding &&
		binary.LittleEndian.Uint32(b[7:]) == c.number+1
}

// check finds what is unreadable although it was on the disk once: every record
// is synced before the next begins, so an unreadable place is the torn end of
// the last write if no record begins behind it, and damage otherwise. Pebble's
// own reader takes much of such damage for the end.
func (c *chunks) check() error {
	pos := 0
	for pos < len(c.data) && !c.closed(pos) {
		if end, _, ok := c.at(pos); ok {
			pos = end
			continue
		}
		blockEnd := pos - pos%blockBytes + blockBytes
		if blockEnd-pos < c.head && blockEnd <= len(c.data) && zeroed(c.data[pos:blockEnd]) {
			pos = blockEnd
			continue
		}
		if behind, ok := c.recordBehind(pos); ok {
			return fmt.Errorf("%w: nothing to read at byte %d, but a record at byte %d", ErrDamaged, pos, behind)
		}
		return nil
	}
	return nil
}

// recordBehind looks for the beginning of a record behind an unreadable place.
// In its own block any byte may be one, since the length is not to be trusted;
// later blocks begin with a chunk.
func (c *chunks) recordBehind(pos int) (int, bool) {
	blockEnd := min(len(c.data), pos-pos%blockBytes+blockBytes)
	for p := pos + 1; p < blockEnd; p++ {
		if _, begins, ok := c.at(p); ok && begins {
			return p, true
		}
	}
	for block := blockEnd; block < len(c.data); block += blockBytes {
		for p := block; p < len(c.data); {
			end, begins, ok := c.at(p)
			if ok && begins || c.closed(p) {
				return p, true
			}
			if !ok {
				break
			}
			p = end
		}
	}
	return 0, false
}

func zeroed(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

// checkLogs reads the manifest in use and, where every commit is synced, every
// log of a store before Pebble does.
func checkLogs(fs vfs.FS, dir, manifest string, synced bool) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		c := chunks{encoding: manifestEncoding, head: manifestHead}
		if base, isLog := strings.CutSuffix(name, ".log"); isLog && synced {
			n, err := strconv.ParseUint(base, 10, 32)
			if err != nil {
				continue // not Pebble's
			}
			c = chunks{number: uint32(n), encoding: logEncoding, head: logHead}
		} else if name != fs.PathBase(manifest) {
			continue
		}
		if c.data, err = read(fs, fs.PathJoin(dir, name)); err != nil {
			return err
		}
		if err := c.check(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func read(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	return b, errors.Join(err, f.Close())
}

// peek says what is in a directory, nothing where there is none.
func peek(fs vfs.FS, dir string) (*pebble.DBDesc, error) {
	was, err := pebble.Peek(dir, fs)
	if errors.Is(err, os.ErrNotExist) {
		return &pebble.DBDesc{}, nil
	}
	return was, err
}
