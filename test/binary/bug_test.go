package binary

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestBugIsNoWrongUsage: what Go ends with exit code 2, a panic in any goroutine
// as much as SIGQUIT, ends the program by SIGABRT, with every goroutine's stack
// and without a core file, which would hold keys.
func TestBugIsNoWrongUsage(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "passphrase")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "keys", "new", "k", "--passphrase-file", pipe)
	cmd.Dir = dir
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It opens when the command does, which then waits for the passphrase.
	writer, err := os.OpenFile(pipe, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Fatalf("the command ended with %v", err)
	}
	status := exit.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != syscall.SIGABRT || status.CoreDump() || !strings.Contains(said.String(), "goroutine 1 ") {
		t.Errorf("the command ended with %v, core %v, and said\n%s", exit, status.CoreDump(), said.String())
	}
}
