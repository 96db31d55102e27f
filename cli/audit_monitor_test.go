package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// heard is what a program that still runs has written.
type heard struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.Write(b)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.b.String()
}

// awaited waits until something is so.
func awaited(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

// checkpointOf is the file and its content.
func checkpointOf(t *testing.T, dir string) (path string, note []byte) {
	t.Helper()
	path = filepath.Join(dir, proof.CheckpointPath)
	note, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, note
}

// TestMonitor: a monitor outlives its logs, all of them, and what ends it is a log that
// stays behind what was verified.
func TestMonitor(t *testing.T) {
	s := traded(t)
	older := s.publish()
	s.does("bank", "deposit", "--to", "entity-1", "--yuan", "5")
	copied, dir := s.publish(), t.TempDir()
	path, newest := checkpointOf(t, copied)
	_, old := checkpointOf(t, older)
	replace := func(note []byte) {
		t.Helper()
		if err := errors.Join(os.WriteFile(path+".new", note, 0o600), os.Rename(path+".new", path)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.json")
	read := func() (said map[string]any) {
		if b, err := os.ReadFile(report); err == nil {
			if err := json.Unmarshal(b, &said); err != nil {
				t.Fatal(err)
			}
		}
		return said
	}
	var out, errOut heard
	ended := make(chan int, 1)
	go func() {
		ended <- Run([]string{"audit", copied, "--genesis", s.genesis, "--policy", filepath.Join(s.dir, "policy.txt"), "--dir", dir, "--follow", "20ms", "--report", report},
			strings.NewReader(""), &out, &errOut)
	}()
	awaited(t, "a round without a log", func() bool { return strings.Contains(errOut.String(), "tried again in 20ms") })
	if read() != nil || out.String() != "" {
		t.Errorf("a round in which no log could be read left a report, and printed %q", out.String())
	}
	replace(newest)
	awaited(t, "a verdict", func() bool { return read()["verdict"] == "passed" })
	replace(old)
	awaited(t, "a round behind", func() bool { return strings.Contains(errOut.String(), "every log is behind") })
	replace(old) // for good
	if code := <-ended; code != exitFailed {
		t.Errorf("the monitor ended with %d: %s", code, errOut.String())
	}
	small, large := sizeOf(t, old), sizeOf(t, newest)
	want := fmt.Sprintf("every log is behind what was verified: %d of %d entries", small, large)
	if n := strings.Count(errOut.String(), want); n != behindRounds {
		t.Errorf("%q is said %d times:\n%s", want, n, errOut.String())
	}
	said := read()
	failure, _ := said["failure"].(string)
	checkpoints, _ := json.Marshal(said["checkpoints"])
	if said["verdict"] != "failed" || !strings.Contains(failure, want) || string(checkpoints) != fmt.Sprintf(`[{"checkpoint_size":%d,"name":%q}]`, small, copied) {
		t.Errorf("the report says %v, %s", said, checkpoints)
	}
	if !strings.Contains(out.String(), "verdict        failed") {
		t.Errorf("the audit prints\n%s", out.String())
	}
}

// TestMonitorWithoutToken: what no later round mends ends a monitor in its first.
func TestMonitorWithoutToken(t *testing.T) {
	s := traded(t)
	files := http.FileServer(http.Dir(s.publish()))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/tile/entries/") {
			http.Error(w, "no token", http.StatusUnauthorized)
			return
		}
		files.ServeHTTP(w, r)
	}))
	defer server.Close()
	mustFail(t, exitFailed, "it does not show entries without an auditor's token", "audit", server.URL, "--genesis", s.genesis,
		"--policy", filepath.Join(s.dir, "policy.txt"), "--dir", t.TempDir(), "--follow", "20ms")
}

func sizeOf(t *testing.T, note []byte) uint64 {
	t.Helper()
	text, _, _ := bytes.Cut(note, []byte("\n\n"))
	c, err := proof.ParseCheckpoint(string(text) + "\n")
	if err != nil {
		t.Fatal(err)
	}
	return c.Size
}

// TestAuditUnread: a log that cannot be read is named beside the verdict of the others.
func TestAuditUnread(t *testing.T) {
	s := traded(t)
	copied, empty := s.publish(), t.TempDir()
	words := []string{"audit", empty, copied, copied, "--genesis", s.genesis, "--policy", filepath.Join(s.dir, "policy.txt")}
	page, said := reported(t, exitDone, words...)
	requireFigures(t, page, said)
	unused, _ := json.Marshal(said["logs_not_used"])
	if said["log"] != copied || len(said["checkpoints"].([]any)) != 2 || !strings.Contains(string(unused), empty+" is no copy of a log") {
		t.Errorf("the audit says %v", said)
	}
	mustFail(t, exitFailed, empty+" is no copy of a log", append([]string{"audit", empty}, words[4:]...)...)
}

// TestAuditKeeps: where a copy or a report cannot be is said before the audit, and what
// fails after it does not take its verdict.
func TestAuditKeeps(t *testing.T) {
	s := traded(t)
	copied := s.publish()
	words := []string{"audit", copied, "--genesis", s.genesis, "--policy", filepath.Join(s.dir, "policy.txt")}
	file := textFile(t, "no directory")
	for _, ill := range [][]string{
		{"--save", filepath.Join(file, "copy")},
		{"--report", filepath.Join(file, "report.html")},
		{"--report", filepath.Join(t.TempDir(), "none", "report.html")},
	} {
		r := run(append(words, ill...)...)
		if r.code != exitFailed || r.out != "" || !strings.Contains(r.err, ill[1]) || strings.Contains(r.err, "/.") || strings.Count(r.err, "\n") != 1 {
			t.Errorf("%v: %+v", ill, r)
		}
	}
	page := filepath.Join(t.TempDir(), "page.html")
	if err := os.Mkdir(page, 0o700); err != nil {
		t.Fatal(err)
	}
	mustFail(t, exitUsage, "is a directory", append(words, "--report", page)...)
	// A copy of another history.
	other := traded(t)
	other.does("bank", "deposit", "--to", "entity-1", "--yuan", "5")
	saved := other.publish()
	report := filepath.Join(t.TempDir(), "report.txt")
	r := run(append(words, "--save", saved, "--report", report)...)
	text, err := os.ReadFile(report)
	if err != nil || r.code != exitFailed || !strings.Contains(r.out, "verdict        passed") || !strings.Contains(r.err, "the audit passed, but") || !strings.Contains(string(text), "passed") {
		t.Errorf("a copy of another network: %+v %v\n%s", r, err, text)
	}
}

// TestReportWentOn: after an audit that was broken off the page says where it went on.
func TestReportWentOn(t *testing.T) {
	s := traded(t)
	copied, dir := s.publish(), t.TempDir()
	words := []string{"audit", copied, "--genesis", s.genesis, "--policy", filepath.Join(s.dir, "policy.txt"), "--dir", dir}
	mustRun(t, words...)
	// As if it had been broken off before the checkpoint was kept.
	path, note := checkpointOf(t, dir)
	var page string
	said := map[string]any{}
	for _, ending := range []string{"json", "html"} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "report."+ending)
		mustRun(t, append(words, "--report", file)...)
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if page = string(b); ending == "json" {
			if err := json.Unmarshal(b, &said); err != nil {
				t.Fatal(err)
			}
		}
	}
	if size := float64(sizeOf(t, note)); said["since_size"] != 1.0 || said["resumed_size"] != size || said["transactions"] != 0.0 {
		t.Errorf("%v", said)
	}
	requireShown(t, shownIn(t, page), "Went on at size")
}

func TestAuditTimes(t *testing.T) {
	s := traded(t)
	words := []string{"audit", s.publish(), "--genesis", s.genesis, "--policy", filepath.Join(s.dir, "policy.txt"), "--dir", t.TempDir()}
	for _, follow := range []string{"-1s", "0s", "1ms"} {
		mustFail(t, exitUsage, "give at least 10ms", append(words, "--follow="+follow)...)
	}
	for _, timeout := range []string{"-1s", "0s"} {
		mustFail(t, exitUsage, "give a time above 0", append(words, "--timeout", timeout)...)
	}
	mustFail(t, exitFailed, "/dev/zero has more than", append(words, "--ca", "/dev/zero")...)
}

// TestReportOfDifference: what the report says of size and height is before the
// difference.
func TestReportOfDifference(t *testing.T) {
	s := traded(t)
	copied := s.publish()
	bundle, err := filepath.Glob(filepath.Join(copied, "tile", "entries", "*", "*"))
	if err != nil || len(bundle) != 1 {
		t.Fatalf("%v %v", bundle, err)
	}
	raw, err := os.ReadFile(bundle[0])
	if err != nil {
		t.Fatal(err)
	}
	first := 2 + int(raw[0])<<8 + int(raw[1]) // the founding's entry
	entry := raw[first+2 : first+2+int(raw[first])<<8+int(raw[first+1])]
	r, err := tx.DecodeRecord(entry)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(entry, r.Transaction)
	entry[at+len(r.Transaction)-1] ^= 1
	if err := os.WriteFile(bundle[0], raw, 0o600); err != nil {
		t.Fatal(err)
	}
	var said map[string]any
	got := run("audit", copied, "--genesis", s.genesis, "--policy", filepath.Join(s.dir, "policy.txt"), "--json")
	if err := json.Unmarshal([]byte(got.out), &said); err != nil || got.code != exitFailed || said["verdict"] != "failed" || said["height"] != 0.0 || said["size"] != 1.0 {
		t.Errorf("%v: %+v", err, got)
	}
}
