package publish

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestTokens: the file is read again whenever it is another one, even of the same size,
// and opens nothing while it cannot be read.
func TestTokens(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens")
	tokens := &Tokens{Path: path}
	opens := func(token string) bool {
		r := httptest.NewRequest("GET", "/tile/entries/000", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		return tokens.check(r) == nil
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	expect := func(when string, a, b bool) {
		t.Helper()
		for range 2 { // read, and kept
			if opens("a") != a || opens("b") != b {
				t.Fatalf("%s: a opens %v, b opens %v", when, opens("a"), opens("b"))
			}
		}
	}
	old := time.Now().Add(-time.Hour)
	write := func(line string, at time.Time) {
		t.Helper()
		must(os.WriteFile(path, []byte(line), 0o600))
		must(os.Chtimes(path, at, at))
	}
	expect("no file", false, false)
	write(TokenLine("x", "a"), old)
	expect("a", true, false)
	if tokens.file == nil {
		t.Error("a file that is old is not kept")
	}
	write(TokenLine("x", "b"), old.Add(time.Second))
	expect("b in its place, as long", false, true)
	write("# none\nword\nx 00ff\n"+TokenLine("x", "a")+TokenLine("y", "b"), old)
	expect("both", true, true)

	// A rename that keeps size and time is another file.
	write(TokenLine("x", "a"), old)
	expect("a again", true, false)
	must(os.WriteFile(path+".new", []byte(TokenLine("x", "b")), 0o600))
	must(os.Chtimes(path+".new", old, old))
	must(os.Rename(path+".new", path))
	expect("another file of that size and time", false, true)

	// What has just changed may change again within the same time.
	now := time.Now()
	write(TokenLine("x", "a"), now)
	expect("changed now", true, false)
	write(TokenLine("x", "b"), now)
	expect("changed again in the same time", false, true)

	write(TokenLine("x", "b"), old)
	expect("b", false, true)
	must(os.Rename(path, path+".away"))
	expect("gone", false, false)
	must(os.Mkdir(path, 0o700))
	expect("a directory", false, false)
	must(os.Remove(path))
	must(os.Rename(path+".away", path))
	expect("back", false, true)
}

// BenchmarkTokens measures one request with a token of a file of 20.
func BenchmarkTokens(b *testing.B) {
	path := filepath.Join(b.TempDir(), "tokens")
	var lines []byte
	for i := range 20 {
		lines = append(lines, TokenLine("auditor", string(rune('a'+i)))...)
	}
	if err := os.WriteFile(path, lines, 0o600); err != nil {
		b.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		b.Fatal(err)
	}
	tokens := &Tokens{Path: path}
	r := httptest.NewRequest("GET", "/tile/entries/000", nil)
	r.Header.Set("Authorization", "Bearer t")
	for b.Loop() {
		if err := tokens.check(r); err != nil {
			b.Fatal(err)
		}
	}
}
