package disk_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"carbonledger/state/disk"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

func slurp(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	return b
}

// withFlip is the disk after a crash, with one bit of a file changed.
func withFlip(t *testing.T, fs *vfs.MemFS, name string, at int, bit byte) *vfs.MemFS {
	t.Helper()
	crash := fs.CrashClone(vfs.CrashCloneCfg{})
	b := slurp(t, crash, name)
	b[at] ^= bit
	f, err := crash.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return crash
}

// newest is the last file with a suffix or a prefix.
func newest(t *testing.T, fs vfs.FS, part string) string {
	t.Helper()
	names, err := fs.List("db")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	found := ""
	for _, name := range names {
		if strings.HasSuffix(name, part) || strings.HasPrefix(name, part) {
			found = "db/" + name
		}
	}
	if found == "" {
		t.Fatalf("no file %s in %v", part, names)
	}
	return found
}

// readAll opens the store on a damaged disk and reads everything: how many records
// there are, or the error.
func readAll(t *testing.T, fs vfs.FS, size int) (n int, err error) {
	t.Helper()
	db, err := disk.Open("db", disk.Options{FS: fs, Synced: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for ; ; n++ {
		v, closer, err := db.Get(key(n))
		if errors.Is(err, pebble.ErrNotFound) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if !bytes.Equal(v, bytes.Repeat([]byte{byte(n)}, size)) {
			t.Errorf("record %d has %d bytes of something else", n, len(v))
		}
		if err := closer.Close(); err != nil {
			return n, err
		}
	}
}

// TestDamagedLog: a bit that flips in a log is an error, wherever it is. Only
// where it hits the very last record does it look like a torn write.
func TestDamagedLog(t *testing.T) {
	for _, size := range []int{300, 3000, 100_000} {
		fs := vfs.NewCrashableMem()
		s := open(t, fs, disk.Options{Synced: true})
		const records = 12
		last := 0 // where the last record begins
		for i := range records {
			last = len(slurp(t, fs, newest(t, fs, ".log")))
			if err := s.commit(i, size, true); err != nil {
				t.Fatal(err)
			}
		}
		name := newest(t, fs, ".log")
		end := len(slurp(t, fs, name))
		var places []int
		for at := range min(end, 64) { // heads of chunks
			places = append(places, at)
		}
		for at := range 25 {
			places = append(places, last-1-at)
		}
		// Pebble tries every bit of a chunk that it cannot read, so few places
		// must do where the check before it finds nothing.
		for at := last; at < min(end, last+3000); at += 500 {
			places = append(places, at)
		}
		for block := 32 << 10; block < end; block += 32 << 10 {
			for at := max(0, block-20); at < min(last, block+20); at++ {
				places = append(places, at)
			}
		}
		r := rand.New(rand.NewPCG(uint64(size), 1))
		for range 150 {
			places = append(places, r.IntN(last))
		}
		for _, at := range places {
			n, err := readAll(t, withFlip(t, fs, name, at, 1<<r.IntN(8)), size)
			switch {
			case disk.Damaged(err):
			case err != nil:
				t.Errorf("size %d, byte %d of %d: %v", size, at, end, err)
			case n != records && !(at >= last && n == records-1):
				t.Errorf("size %d: after a flip at byte %d of %d %d records of %d are left, without an error", size, at, end, n, records)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamagedTable: a bit that flips in a table is an error of Open or of a
// read, or hits nothing that is used.
func TestDamagedTable(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, disk.Options{Synced: true})
	const records, size = 30, 2000
	if err := errors.Join(s.commits(records, size, true), s.Flush(), s.Close()); err != nil {
		t.Fatal(err)
	}
	name := newest(t, fs, ".sst")
	end := len(slurp(t, fs, name))
	r, damaged := rand.New(rand.NewPCG(1, 1)), 0
	for i := range 400 {
		at := r.IntN(end)
		if i < 60 { // the footer
			at = end - 1 - i
		}
		n, err := readAll(t, withFlip(t, fs, name, at, 1<<r.IntN(8)), size)
		if err == nil && n != records {
			t.Errorf("after a flip at byte %d of %d %d records of %d are left, without an error", at, end, n, records)
		}
		if err != nil {
			damaged++
		}
	}
	if damaged < 300 {
		t.Errorf("only %d of 400 flips were noticed", damaged)
	}
}

// TestDamagedManifest: a bit that flips in the list of tables is an error, but
// for the last edit, which looks like a torn one.
func TestDamagedManifest(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, disk.Options{Synced: true})
	const size = 100
	edits := []int{} // where the manifest ended after each flush
	for i := range 10 {
		if err := errors.Join(s.commit(i, size, true), s.Flush()); err != nil {
			t.Fatal(err)
		}
		edits = append(edits, len(slurp(t, fs, newest(t, fs, "MANIFEST"))))
	}
	name := newest(t, fs, "MANIFEST")
	for at := range edits[8] {
		n, err := readAll(t, withFlip(t, fs, name, at, 1<<(at%8)), size)
		if !errors.Is(err, disk.ErrDamaged) {
			t.Errorf("after a flip at byte %d of %d %d records of 10 are left: %v", at, edits[9], n, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestTornLog: what a crash leaves of the last commit is no damage.
func TestTornLog(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s := open(t, fs, disk.Options{Synced: true})
	const size = 200_000
	if err := s.commits(3, size, true); err != nil {
		t.Fatal(err)
	}
	name := newest(t, fs, ".log")
	synced := len(slurp(t, fs, name))
	if err := s.commit(3, size, true); err != nil {
		t.Fatal(err)
	}
	whole := slurp(t, fs, name)
	r := rand.New(rand.NewPCG(7, 7))
	for range 5 {
		// Pages of the last record reach the disk in any order.
		crash := fs.CrashClone(vfs.CrashCloneCfg{})
		b := bytes.Clone(whole)
		for page := synced; page < len(b); page = (page/4096 + 1) * 4096 {
			if r.IntN(2) == 0 {
				clear(b[page:min(len(b), (page/4096+1)*4096)])
			}
		}
		f, err := crash.Create(name, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Write(b[:synced+r.IntN(len(b)-synced+1)])
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
		if n, err := readAll(t, crash, size); err != nil || n < 3 {
			t.Errorf("%d records, want 3: %v", n, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
