package cli

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestFilesWithoutEnd: of a file that is named by mistake no more is read than what was
// looked for can have.
func TestFilesWithoutEnd(t *testing.T) {
	const endless = "/dev/zero"
	o := newOffline(t)
	key := filepath.Join(t.TempDir(), "new.key")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"has more than", []string{"version", "--config", endless}},
		{"has more than", []string{"receipt", "get", "1", "--log", o.dir, "--token-file", endless}},
		{"has more than", []string{"query", "parties", "--ca", endless}},
		{"has more than", []string{"keys", "new", key, "--passphrase-file", endless}},
		{"has more than", []string{"audit", o.dir, "--policy", "policy.txt", "--genesis", endless}},
		{"has more than", []string{"init", "genesis", "@" + endless, "--chain-id", "endless", "--out", key}},
		{"has more than", []string{"demo", "--scenario", endless}},
		{"has more than", o.as("ministry", "validator", "set", "@"+endless, "--out", key, "--yes")},
		{"has more than", o.as("registry", "opening", "page", endless, "--out", key, "--yes")},
		{"holds no signed order", o.as("exchange", "order", "register", endless, "--out", key, "--yes")},
	} {
		if r := run(c.args...); r.code != exitFailed && r.code != exitUsage || !strings.Contains(r.err, c.want) {
			t.Errorf("%v: %+v, want %q", c.args, r, c.want)
		}
	}
}

// TestSHA256Of: a table may be larger than memory.
func TestSHA256Of(t *testing.T) {
	const size = 64 << 20
	f, err := os.Create(filepath.Join(t.TempDir(), "table"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	sum, err := sha256Of(f.Name())
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > size/8 {
		t.Errorf("the SHA-256 of a file of %d bytes took %d bytes of memory", size, used)
	}
	if want := sha256.Sum256(make([]byte, size)); string(sum) != string(want[:]) {
		t.Errorf("the SHA-256 is %x, want %x", sum, want)
	}
}
