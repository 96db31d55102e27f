//go:build foreign

package foreign

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFsckOnArchive: Tessera's fsck reads an archive, as files and from a plain web
// server, and a validator that has dropped what the archive holds.
func TestFsckOnArchive(t *testing.T) {
	l := newLive(t, "--chain-id", "script-archive", "--clock", "script", "--start", "2024-01-02T09:00:00+08:00")
	l.startAll()
	l.awaitSize(1)
	day := func(verb string) {
		l.run("day", verb, "2024-01-02", "--party", "exchange", "--key", l.file("keys/exchange.key"), "--api", l.nodes[0].api, "--genesis", l.file("genesis.toml"), "--yes")
	}
	day("open")
	l.deposits(2600)
	day("close")
	l.deposits(1)
	dir := filepath.Join(t.TempDir(), "archive")
	l.awaitOutput("size ", "archive", "http://"+l.nodes[0].log, dir, "--until", "2024-01-02", "--policy", l.file("policy.txt"), "--token-file", l.file("keys/auditor.token"))
	key := filepath.Join(t.TempDir(), "log.pub")
	writeToolFile(t, key, []byte(l.vkey()+"\n"))
	if err := fsck(t, "file://"+dir, key, "", ""); err != nil {
		t.Errorf("the archive's files: %v", err)
	}
	web := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer web.Close()
	if err := fsck(t, web.URL, key, "", ""); err != nil {
		t.Errorf("the archive on a web server: %v", err)
	}

	n := l.nodes[2]
	n.stop()
	n.flags = []string{"--archive", web.URL}
	l.start(n)
	l.awaitOutput("entries from 512, older ones at "+web.URL, "status", "--api", n.api)
	if err := fsck(t, "http://"+n.log, key, "", l.token()); err != nil {
		t.Errorf("a validator that sends to the archive: %v", err)
	}

	// fsck sees through the redirect: what is wrong in the archive is wrong there.
	file := filepath.Join(dir, "tile", "entries", "001")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	writeToolFile(t, file, b)
	for _, url := range []string{"file://" + dir, web.URL, "http://" + n.log} {
		if err := fsck(t, url, key, "", l.token()); err == nil {
			t.Errorf("%s passes with a changed byte", url)
		}
	}
}

// awaitOutput runs the program until it succeeds and prints some words.
func (l *live) awaitOutput(words string, args ...string) {
	l.t.Helper()
	last := ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		out, err := runTool(l.t, l.program, args...)
		if last = out; err == nil && strings.Contains(out, words) {
			return
		}
	}
	l.t.Fatalf("carbonledger %s: prints nothing of %q:\n%s", strings.Join(args, " "), words, last)
}
