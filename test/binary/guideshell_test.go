package binary

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"carbonledger/cli/local"
)

// guideShell is the terminal in which a guide is tried.
type guideShell struct {
	dir     string // the reader's
	records string // ours: what the wrapper of the program notes
	ports   map[string]string
	in      io.WriteCloser
	out     *bufio.Reader
	shell   *exec.Cmd

	ran   int
	codes map[string]bool // exit codes seen
	read  map[string]int  // bytes of each record that were looked at
	nodes map[int]string  // address of the API by process
}

// guideWrapper stands for the program: it notes exit codes and the processes of
// validators and of the demo, and ties these to the test by a pipe.
const guideWrapper = `#!/bin/sh
if [ "$1" = node ] || [ "$1" = demo ]; then
	echo "$$ $*" >>"$GUIDE_RECORDS/$1s"
	exec "$GUIDE_PROGRAM" "$@" --stop-with-stdin <&3 3<&-
fi
"$GUIDE_PROGRAM" "$@" 3<&-
code=$?
echo "$code $*" >>"$GUIDE_RECORDS/codes"
exit $code
`

var guidePort = regexp.MustCompile(`(127\.0\.0\.1:|/ip4/127\.0\.0\.1/tcp/)(\d+)`)

// newGuideShell starts a shell with free ports for those that the text names.
func newGuideShell(t *testing.T, text string) *guideShell {
	t.Helper()
	s := &guideShell{dir: t.TempDir(), records: t.TempDir(), ports: map[string]string{}, codes: map[string]bool{}, read: map[string]int{}, nodes: map[int]string{}}
	for _, m := range guidePort.FindAllStringSubmatch(text, -1) {
		s.ports[m[2]] = ""
	}
	free, err := local.FreePorts(len(s.ports))
	if err != nil {
		t.Fatal(err)
	}
	for port := range s.ports {
		s.ports[port], free = strconv.Itoa(free[0]), free[1:]
	}
	if err := os.WriteFile(filepath.Join(s.records, "carbonledger"), []byte(guideWrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	alive, held, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.shell = exec.Command("sh")
	s.shell.Dir, s.shell.ExtraFiles = s.dir, []*os.File{alive}
	s.shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.shell.Env = []string{
		"PATH=" + s.records + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(),
		"GUIDE_PROGRAM=" + program, "GUIDE_RECORDS=" + s.records,
		// A test need not make guesses of its passphrase slow, nor fill the disk.
		"CARBONLEDGER_WORK_FACTOR=10", "CARBONLEDGER_MIN_FREE_DISK=64",
	}
	out, printed, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	s.shell.Stdout, s.shell.Stderr = printed, printed
	if s.in, err = s.shell.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := s.shell.Start(); err != nil {
		t.Fatal(err)
	}
	s.out = bufio.NewReader(out)
	t.Cleanup(func() {
		s.end(t, held)
		_ = out.Close()
	})
	if err := errors.Join(alive.Close(), printed.Close()); err != nil {
		t.Fatal(err)
	}
	return s
}

// end stops the validators and the demo in order, and then whatever is left of the
// group. The demo's own validators are no part of that.
func (s *guideShell) end(t *testing.T, held *os.File) {
	_ = held.Close()
	for _, line := range s.record("demos") {
		if id, args, ok := strings.Cut(line, " "); ok {
			if pid, err := strconv.Atoi(id); err == nil {
				s.nodes[pid] = args
			}
		}
	}
	s.await(func() bool { return !slices.ContainsFunc(s.pids(), runsNow) })
	for _, pid := range s.pids() {
		if runsNow(pid) {
			t.Errorf("the process %d (%s) did not stop when its parent was gone", pid, s.nodes[pid])
		}
	}
	_ = syscall.Kill(-s.shell.Process.Pid, syscall.SIGKILL)
	_ = s.shell.Wait()
	awaitNoProcess(t, s.dir)
}

// runsNow is false for a zombie too, which the shell has not waited for.
func runsNow(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, behind, _ := strings.Cut(string(b), ") ")
	return !strings.HasPrefix(behind, "Z")
}

// await waits until it is so, within bounds.
func (s *guideShell) await(so func() bool) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if so() {
			return true
		}
	}
	return false
}

// fit puts the test's ports in the place of the guide's.
func (s *guideShell) fit(text string) string {
	return guidePort.ReplaceAllStringFunc(text, func(at string) string {
		m := guidePort.FindStringSubmatch(at)
		return m[1] + s.ports[m[2]]
	})
}

const guideMark = "=== the block has ended ==="

// run gives a block to the shell and compares what it prints.
func (s *guideShell) run(commands, pattern string) error {
	s.ran++
	file := filepath.Join(s.records, fmt.Sprintf("block-%d", s.ran))
	if err := os.WriteFile(file, []byte("set -e\n"+s.fit(commands)), 0o600); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.in, ". %s\nprintf '\\n%s\\n'\n", file, guideMark); err != nil {
		return err
	}
	limit := patience
	if guideDemo.MatchString(commands) {
		limit *= 10 // it plays a year
	}
	stuck := time.AfterFunc(limit, func() { _ = syscall.Kill(-s.shell.Process.Pid, syscall.SIGKILL) })
	printed, ended := s.printed()
	stuck.Stop()
	if !ended {
		return fmt.Errorf("a command failed, or has not ended after %s:\n%s", limit, printed)
	}
	if err := s.noteCodes(printed); err != nil {
		return fmt.Errorf("%w:\n%s", err, printed)
	}
	if pattern != "" && !guideMatches(s.fit(pattern), printed) {
		return fmt.Errorf("the guide shows\n%s\nthe program prints\n%s", pattern, printed)
	}
	return s.awaitNodes(len(guideStart.FindAllString(commands, -1)))
}

// printed reads up to the mark; false says that the shell has ended.
func (s *guideShell) printed() (string, bool) {
	var all strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		if strings.TrimSpace(line) == guideMark {
			return strings.TrimSuffix(all.String(), "\n"), true
		}
		all.WriteString(line)
		if err != nil {
			return all.String(), false
		}
	}
}

// record is what the wrapper noted since it was looked at last.
func (s *guideShell) record(name string) []string {
	b, err := os.ReadFile(filepath.Join(s.records, name))
	if err != nil {
		return nil
	}
	fresh := string(b[s.read[name]:])
	fresh = fresh[:strings.LastIndexByte(fresh, '\n')+1]
	s.read[name] += len(fresh)
	return strings.Split(strings.TrimSuffix(fresh, "\n"), "\n")
}

var guideShownCode = regexp.MustCompile(`(?m)^exit code (\d+)$`)

// noteCodes demands that the block shows each exit code that is not 0.
func (s *guideShell) noteCodes(printed string) error {
	var shown []string
	for _, m := range guideShownCode.FindAllStringSubmatch(printed, -1) {
		shown = append(shown, m[1])
		s.codes[m[1]] = true
	}
	for _, line := range s.record("codes") {
		code, command, _ := strings.Cut(line, " ")
		if code == "" {
			continue
		}
		s.codes[code] = true
		i := slices.Index(shown, code)
		if code != "0" && i < 0 {
			return fmt.Errorf("carbonledger %s: exit code %s, which the guide does not show", command, code)
		}
		if i >= 0 {
			shown = slices.Delete(shown, i, i+1)
		}
	}
	return nil
}

// guideMatches compares as a reader does: the width of columns does not count,
// and "..." is anything.
func guideMatches(pattern, printed string) bool {
	var re strings.Builder
	re.WriteString("^")
	for line := range strings.Lines(plainSpaces(pattern)) {
		if strings.TrimSpace(line) == "..." {
			re.WriteString(`(?:.*\n)*?`)
			continue
		}
		re.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), `\.\.\.`, ".*"))
	}
	return regexp.MustCompile(re.String() + "$").MatchString(plainSpaces(printed))
}

func plainSpaces(s string) string {
	var all strings.Builder
	for line := range strings.Lines(s) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			all.WriteString(line + "\n")
		}
	}
	return all.String()
}

func (s *guideShell) pids() []int {
	var all []int
	for pid := range s.nodes {
		all = append(all, pid)
	}
	return all
}

var (
	guideStart = regexp.MustCompile(`(?m)^carbonledger node `)
	guideDemo  = regexp.MustCompile(`(?m)^carbonledger demo `)
)

// awaitNodes waits until the block has started so many validators, and each
// that runs serves.
func (s *guideShell) awaitNodes(started int) error {
	want := len(s.nodes) + started
	all := s.await(func() bool {
		for _, line := range s.record("nodes") {
			id, args, whole := strings.Cut(line, " ")
			if pid, err := strconv.Atoi(id); err == nil && whole {
				s.nodes[pid] = args
			}
		}
		return len(s.nodes) >= want
	})
	if !all {
		return fmt.Errorf("only %d of %d validators were started", len(s.nodes), want)
	}
	for pid, args := range s.nodes {
		status := append([]string{"status", "--timeout", "5s", "--api", s.setting(args, "api-listen")}, s.authority(args)...)
		serves := func() bool {
			c := exec.Command(program, status...)
			c.Dir = s.dir
			return !runsNow(pid) || c.Run() == nil
		}
		if !s.await(serves) {
			return fmt.Errorf("carbonledger %s: does not serve after %s", args, patience)
		}
	}
	return nil
}

// setting is a flag of a validator, from its arguments or its file.
func (s *guideShell) setting(args, name string) string {
	if m := regexp.MustCompile(`--` + name + `[= ](\S+)`).FindStringSubmatch(args); m != nil {
		return m[1]
	}
	if m := regexp.MustCompile(`--config[= ](\S+)`).FindStringSubmatch(args); m != nil {
		b, _ := os.ReadFile(filepath.Join(s.dir, m[1]))
		if m := regexp.MustCompile(`(?m)^` + name + ` *= *"(.*)"$`).FindSubmatch(b); m != nil {
			return string(m[1])
		}
	}
	return ""
}

func (s *guideShell) authority(args string) []string {
	if cert := s.setting(args, "tls-cert"); cert != "" {
		return []string{"--ca", cert}
	}
	return nil
}
