package binary

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// program is the file of the program, built once for all tests.
var program string

// raceProgram costs four times the time, so that it is not tied to go test's
// own -race.
var raceProgram = flag.Bool("race-program", false, "build the program with the race detector, and fail where it finds a race")

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "carbonledger-binary-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	program = filepath.Join(dir, "carbonledger")
	args := []string{"build", "-o", program, fmt.Sprintf("-race=%v", *raceProgram), "carbonledger"}
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// patience bounds every wait: what takes longer has failed.
const patience = 60 * time.Second

// result is what a command left behind.
type result struct {
	line        string
	code        int
	out, errOut string
}

// command runs the program once, in an empty directory of its own and without
// this process's settings.
func command(t *testing.T, args ...string) result {
	t.Helper()
	return commandIn(t, t.TempDir(), args...)
}

func commandIn(t *testing.T, dir string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return finish(ctx, t, exec.CommandContext(ctx, program, args...), dir)
}

// shell runs a line as a person types it, with the program in the PATH.
func shell(t *testing.T, dir, line string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return finish(ctx, t, exec.CommandContext(ctx, "sh", "-c", line), dir)
}

func finish(ctx context.Context, t *testing.T, c *exec.Cmd, dir string) result {
	t.Helper()
	var out, errOut bytes.Buffer
	c.Dir, c.Stdout, c.Stderr = dir, &out, &errOut
	c.Env = []string{"PATH=" + filepath.Dir(program) + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + os.TempDir()}
	err := c.Run()
	r := result{line: strings.Join(c.Args[1:], " "), code: c.ProcessState.ExitCode(), out: out.String(), errOut: errOut.String()}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", r.line, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("%s: has not ended after %s\n%s%s", r.line, patience, r.out, r.errOut)
	}
	if strings.Contains(r.errOut, "goroutine ") || strings.Contains(r.errOut, "DATA RACE") {
		t.Errorf("%s: panicked or raced\n%s", r.line, r.errOut)
	}
	return r
}

// want checks the exit code and that both outputs together hold each text, and
// returns the result.
func (r result) want(t *testing.T, code int, texts ...string) result {
	t.Helper()
	if r.code != code {
		t.Errorf("%s: exit code %d, want %d\n%s%s", r.line, r.code, code, r.out, r.errOut)
		return r
	}
	for _, text := range texts {
		if !strings.Contains(r.out+r.errOut, text) {
			t.Errorf("%s: prints nothing of %q:\n%s%s", r.line, text, r.out, r.errOut)
		}
	}
	return r
}

// must ends the test where a command that it builds on fails.
func (r result) must(t *testing.T) result {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("%s: exit code %d\n%s%s", r.line, r.code, r.out, r.errOut)
	}
	return r
}

// field is the value behind a label of a record for people.
func (r result) field(t *testing.T, label string) string {
	t.Helper()
	for line := range strings.Lines(r.out) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), label+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("%s: prints no %q:\n%s", r.line, label, r.out)
	return ""
}
