package state_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// recordsIn reads all records of a store that the running hash covers.
func recordsIn(t *testing.T, fs vfs.FS, dir string) map[string]string {
	t.Helper()
	db, err := pebble.Open(dir, &pebble.Options{FS: fs, FormatMajorVersion: pebble.FormatNewest, ReadOnly: true, Logger: mute{}})
	if err != nil {
		t.Fatal(err)
	}
	i, err := db.NewIter(&pebble.IterOptions{UpperBound: []byte{0x80}})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for ok := i.First(); ok; ok = i.Next() {
		all[string(i.Key())] = string(i.Value())
	}
	if err := errors.Join(i.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	return all
}

type mute struct{}

func (mute) Infof(string, ...any)           {}
func (mute) Errorf(string, ...any)          {}
func (mute) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

// suspects walks in small pages.
func suspects(t *testing.T, l *state.Ledger, height uint64, wanted ...uint32) (all []tx.ReplicaRecord) {
	t.Helper()
	v, err := l.View()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}()
	for behind, more := []byte(nil), true; more; more = behind != nil {
		found, next, err := v.Suspects(height, wanted, behind, 7, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		all, behind = append(all, found...), bytes.Clone(next)
	}
	if !slices.IsSortedFunc(all, func(a, b tx.ReplicaRecord) int { return bytes.Compare(a.Key, b.Key) }) {
		t.Fatal("the walk is not in order of key")
	}
	return all
}

// TestSuspects: a block's trace leads to every record that it changed, of all
// ranges, with the value that it left and the one before; and the digests of two
// blocks differ where their writes do.
func TestSuspects(t *testing.T) {
	made, blocks := history(t, 9, 40)
	fs := vfs.NewMem()
	l := openAt(t, fs, made.f, "ledger")
	defer closeLedger(t, l)
	var before map[string]string
	for i, e := range entriesOf(blocks) {
		if _, err := l.Apply([]state.Entry{e}); err != nil {
			t.Fatal(err)
		}
		if i < 25 {
			continue
		}
		dir := fmt.Sprintf("copy-%d", i)
		if err := l.Checkpoint(dir); err != nil {
			t.Fatal(err)
		}
		now, height := recordsIn(t, fs, dir), l.Head().Height
		found := map[string]tx.ReplicaRecord{}
		for _, r := range suspects(t, l, height) {
			found[string(r.Key)] = r
			if r.Outside || string(r.Value) != now[string(r.Key)] || r.Versioned && !bytes.Equal(r.At, r.Value) {
				t.Errorf("height %d: %v", height, &r)
			}
			if r.Versioned && before != nil && string(r.Before) != before[string(r.Key)] {
				t.Errorf("height %d: before it %x is %x, want %x", height, r.Key, r.Before, before[string(r.Key)])
			}
		}
		for key, value := range now {
			if before == nil || before[key] == value {
				continue
			}
			if _, ok := found[key]; !ok {
				t.Errorf("height %d changed %x, which is not among the %d found", height, key, len(found))
			}
		}
		before = now
	}
}

// TestReadOnly: a ledger that is only read shows what was flushed, finds a record
// that no block left so, and does not change a byte.
func TestReadOnly(t *testing.T) {
	made, blocks := history(t, 9, 40)
	fs := vfs.NewMem()
	if _, err := state.Open("none", made.f, tx.NewVerifier(made.f.Hash), state.Options{FS: fs, ReadOnly: true}); err == nil {
		t.Fatal("a ledger that is not there opens")
	}
	l := openAt(t, fs, made.f, "ledger")
	entries := entriesOf(blocks)
	if _, err := l.Apply(entries[:30]); err != nil {
		t.Fatal(err)
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	head := l.Head()
	if _, err := l.Apply(entries[30:]); err != nil {
		t.Fatal(err)
	}
	closeLedger(t, l)

	key := damageHolding(t, fs, "ledger")
	files := contents(t, fs, "ledger")
	r, err := state.Open("ledger", made.f, tx.NewVerifier(made.f.Hash), state.Options{FS: fs, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Head(); got.Height != head.Height || !bytes.Equal(got.Hash, head.Hash) {
		t.Errorf("it stands at height %d, flushed was height %d", got.Height, head.Height)
	}
	all := suspects(t, r, head.Height, 1) // no key has this digest
	if len(all) != 1 || !all[0].Outside || string(all[0].Key) != key {
		t.Errorf("changed outside of blocks: %v, want %x", all, key)
	}
	name, parts, text := state.Describe(all[0].Key, all[0].Value)
	if name != "holding" || !strings.HasPrefix(text, "registry=") || len(strings.Fields(parts)) != 2 {
		t.Errorf("it reads %q, %q, %q", name, parts, text)
	}
	if _, err := r.Apply(entries[30:]); err == nil {
		t.Error("a ledger that is only read applies a block")
	}
	closeLedger(t, r)
	for name, before := range files {
		if after := contents(t, fs, "ledger")[name]; after != before {
			t.Errorf("%s has changed", name)
		}
	}
	if n := len(contents(t, fs, "ledger")); n != len(files) {
		t.Errorf("there are %d files, were %d", n, len(files))
	}
}

// TestConservationEncumbered: a tonne that moves from available to pledged or frozen
// without a pledge or a freeze is found, though no sum changes.
func TestConservationEncumbered(t *testing.T) {
	made, blocks := history(t, 9, 40)
	for what, sub := range map[string]int{"pledged": 4, "frozen": 5} {
		fs := vfs.NewMem()
		l := openAt(t, fs, made.f, "ledger")
		if _, err := l.Apply(entriesOf(blocks)); err != nil {
			t.Fatal(err)
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		closeLedger(t, l)
		changeHolding(t, fs, "ledger", func(value []byte) {
			registry, encumbered := value[:8], value[8*sub:]
			binary.BigEndian.PutUint64(registry, binary.BigEndian.Uint64(registry)-1)
			binary.BigEndian.PutUint64(encumbered, binary.BigEndian.Uint64(encumbered)+1)
		})
		l = openAt(t, fs, made.f, "ledger")
		v, err := l.View()
		if err != nil {
			t.Fatal(err)
		}
		c, err := v.Conservation()
		if err != nil || len(c.Breaks) != 1 || !strings.Contains(c.Breaks[0], "its open pledges and freezes come to") {
			t.Errorf("%s: %q, %v", what, c.Breaks, err)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		closeLedger(t, l)
	}
}

// damageHolding changes the first holding of a store, and returns its key.
func damageHolding(t *testing.T, fs vfs.FS, dir string) string {
	t.Helper()
	return changeHolding(t, fs, dir, func(value []byte) { value[7] ^= 1 })
}

func changeHolding(t *testing.T, fs vfs.FS, dir string, change func(value []byte)) string {
	t.Helper()
	db, err := pebble.Open(dir, &pebble.Options{FS: fs, FormatMajorVersion: pebble.FormatNewest, Logger: mute{}})
	if err != nil {
		t.Fatal(err)
	}
	i, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{0x06}, UpperBound: []byte{0x07}})
	if err != nil || !i.First() {
		t.Fatalf("no holding: %v", err)
	}
	key, value := bytes.Clone(i.Key()), bytes.Clone(i.Value())
	change(value)
	if err := errors.Join(i.Close(), db.Set(key, value, pebble.Sync), db.Close()); err != nil {
		t.Fatal(err)
	}
	return string(key)
}

func contents(t *testing.T, fs vfs.FS, dir string) map[string]string {
	t.Helper()
	names, err := fs.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range names {
		f, err := fs.Open(fs.PathJoin(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(f)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		all[name] = string(b)
	}
	return all
}

// TestDescribe: every record of a history has a range with a name, and so has every
// range of keys.go; none reads as empty.
func TestDescribe(t *testing.T) {
	made, blocks := history(t, 3, 60)
	fs := vfs.NewMem()
	l := openAt(t, fs, made.f, "ledger")
	if _, err := l.Apply(entriesOf(blocks)); err != nil {
		t.Fatal(err)
	}
	if err := l.Checkpoint("copy"); err != nil {
		t.Fatal(err)
	}
	closeLedger(t, l)
	for key, value := range recordsIn(t, fs, "copy") {
		name, _, text := state.Describe([]byte(key), []byte(value))
		if strings.HasPrefix(name, "range ") || text == "" {
			t.Errorf("%x: %q, %q", key, name, text)
		}
	}
	source, err := os.ReadFile("keys.go")
	if err != nil {
		t.Fatal(err)
	}
	ranges := regexp.MustCompile(`(?m)^\trange\w+ +byte = 0x([0-7][0-9a-f]) // `).FindAllSubmatch(source, -1)
	if len(ranges) < 0x34 {
		t.Fatalf("keys.go has %d ranges", len(ranges))
	}
	for _, found := range ranges {
		r, err := strconv.ParseUint(string(found[1]), 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		for _, value := range [][]byte{nil, {0}, bytes.Repeat([]byte{0xff}, 64)} { // damaged ones too
			if name, _, text := state.Describe([]byte{byte(r), 0xff}, value); strings.HasPrefix(name, "range ") || text == "" {
				t.Errorf("range %02x: %q, %q", r, name, text)
			}
		}
	}
}

// TestDescribeTexts: a record reads in one line of characters that show; keys, hashes
// and damaged texts are in hexadecimal.
func TestDescribeTexts(t *testing.T) {
	party := func(name string) []byte {
		b, err := (&tx.Party{Id: "plant", Name: name, Keys: []tx.KeyRecord{{Key: tx.PublicKey{Scheme: tx.SM2, Key: append([]byte{2}, bytes.Repeat([]byte{0xe4}, 32)...)}}}}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const key = "02e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4e4"
	for name, want := range map[string]string{
		"上海电力　有限公司 𠮷":                 `"上海电力　有限公司 𠮷"`,
		"Plant № 1, café":             `"Plant № 1, café"`,
		"a \"b\" \\c\\303":            `"a \"b\" \\c\\303"`,
		"a\n\tb\r\x00":                `"a\u000a\u0009b\u000d\u0000"`,
		"\x1b[2J上\u202e海\u200b\u0085": `"\u001b[2J上\u202e海\u200b\u0085"`,
		"a\U000e0041\u2028b":          `"a\U000e0041\u2028b"`,
		"上\xff":                       "e4b88aff",
	} {
		what, parts, text := state.Describe([]byte("\x02plant"), party(name))
		if what != "party" || parts != "plant" || !strings.Contains(text, "name:"+want+" ") || !strings.Contains(text, "key:"+key+" ") || strings.Contains(text, `\344`) {
			t.Errorf("%q reads %s", name, text)
		}
		for _, r := range text {
			if !tx.Shows(r) {
				t.Errorf("%q reads %s, of which %U does not show", name, text, r)
			}
		}
	}
}
