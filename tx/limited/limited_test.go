package limited

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	for limit, want := range map[int64]string{4: "", 5: "12345", 6: "12345"} {
		b, err := ReadFile(path, limit)
		if string(b) != want || errors.Is(err, ErrTooLong) != (want == "") || err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("at most %d bytes: %q, %v", limit, b, err)
		}
	}
	if _, err := ReadFile("/dev/zero", 1<<20); !errors.Is(err, ErrTooLong) {
		t.Errorf("a file without an end: %v", err)
	}
	if _, err := ReadFile(path+"2", 5); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := ReadFile(filepath.Dir(path), 5); err == nil {
		t.Error("a directory is read")
	}
}
