package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestMessage: joined errors are one line without repetitions; an error's own lines stay.
func TestMessage(t *testing.T) {
	full := &fs.PathError{Op: "write", Path: "a", Err: syscall.ENOSPC}
	for want, err := range map[string]error{
		"write a: no space left on device":                    errors.Join(full, full, nil),
		"audit: write a: no space left on device; not closed": fmt.Errorf("audit: %w", errors.Join(full, errors.Join(full, errors.New("not closed")))),
		"one and two; three":                                  fmt.Errorf("%w and %w", errors.New("one"), errors.Join(errors.New("two"), errors.New("three"))),
		"unknown: lost\nrun\n  this":                          usage(fmt.Errorf("unknown: %w\nrun\n  this", errors.New("lost"))),
		"no leader":                                           errors.New("rpc error: code = Unavailable desc = no leader\n"),
	} {
		if got := message(err); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	two := textFile(t, "one = 1\ntwo = 2\n")
	if r := run("version", "--config", two); strings.Count(r.err, "there is no flag") != 2 || strings.Count(r.err, "\n") != 3 {
		t.Errorf("two lines of a configuration are wrong: %q", r.err)
	}
}

// TestInterrupted: Ctrl-C while a log is asked says whether something is kept.
func TestInterrupted(t *testing.T) {
	o := newOffline(t)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		// Run waits for this signal as long as it waits for the answer.
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			t.Error(err)
		}
		<-r.Context().Done()
	}))
	defer server.Close()
	policy := filepath.Join(o.dir, "policy.txt")
	goesOn := "stopped: the same command goes on from there"
	mustFail(t, exitFailed, goesOn, "audit", server.URL, "--genesis", o.genesis, "--policy", policy, "--dir", t.TempDir())
	mustFail(t, exitFailed, "stopped: nothing is kept", "audit", server.URL, "--genesis", o.genesis, "--policy", policy)
	mustFail(t, exitFailed, goesOn, "archive", server.URL, "--until", "2024-01-02", "--policy", policy, t.TempDir())
}

// TestTwoInOneDirectory: a second audit in a directory says that it is taken.
func TestTwoInOneDirectory(t *testing.T) {
	s := traded(t)
	dir := t.TempDir()
	audit := []string{"audit", s.publish(), "--genesis", s.genesis, "--policy", filepath.Join(s.dir, "policy.txt"), "--dir", dir}
	mustRun(t, audit...)
	var locks []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "LOCK" {
			locks = append(locks, path)
		}
		return err
	})
	if err != nil || len(locks) == 0 {
		t.Fatalf("the store's lock: %v, %v", locks, err)
	}
	for _, path := range locks {
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		// A lock of the open file and not of the process (F_OFD_SETLK), so that it holds
		// against this process as another one's does.
		const ofdSetLock = 37
		if err := syscall.FcntlFlock(f.Fd(), ofdSetLock, &syscall.Flock_t{Type: syscall.F_WRLCK}); err != nil {
			t.Fatal(err)
		}
	}
	mustFail(t, exitFailed, dir+" is in use by another process", audit...)
}

func TestDivergeOfOne(t *testing.T) {
	o := newOffline(t)
	node := filepath.Join(o.dir, "nodes", "wuhan-1")
	for _, two := range [][]string{{node, node}, {node, node + "/../wuhan-1/"}, {"127.0.0.1:1", "127.0.0.1:1"}} {
		mustFail(t, exitUsage, "are the same replica", append([]string{"diverge", "--genesis", o.genesis}, two...)...)
	}
}

// TestNotWrittenOver: what a command writes is never in the place of something.
func TestNotWrittenOver(t *testing.T) {
	o := newOffline(t)
	there := textFile(t, "mine")
	mustFail(t, exitFailed, there+": file already exists, and is not written over: give another name",
		o.as("bank", "deposit", "--to", "entity-1", "--yuan", "1", "--yes", "--out", there)...)
	if b, err := os.ReadFile(there); err != nil || string(b) != "mine" {
		t.Errorf("the file is %q, %v", b, err)
	}
}
