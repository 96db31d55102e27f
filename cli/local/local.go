// Package local runs child processes of demo and bench: nodes of a network on
// this machine. A child ends with its parent, however the parent ends, because
// it stops when its standard input closes; nothing is left behind.
package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Process is one child. Its output is in its log file.
type Process struct {
	Name string
	Log  string

	command *exec.Cmd
	stdin   io.WriteCloser
	log     *os.File
	done    chan struct{}
	err     error
}

// Start runs program with args. The child must stop when its standard input
// closes. Its output is appended to the file at log.
func Start(name, program string, args []string, environment []string, log string) (*Process, error) {
	if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("local: %w", err)
	}
	c := exec.Command(program, args...)
	c.Stdout, c.Stderr = out, out
	c.Env = append(os.Environ(), environment...)
	// Its own group: an interrupt typed at the terminal reaches the parent
	// alone, which then stops its children in order.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := c.StdinPipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("local: %w", err), out.Close())
	}
	if err := c.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("local: start %s: %w", name, err), out.Close())
	}
	p := &Process{Name: name, Log: log, command: c, stdin: stdin, log: out, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.err = c.Wait()
		_ = out.Close()
	}()
	return p, nil
}

// PID of the child.
func (p *Process) PID() int { return p.command.Process.Pid }

// Done is closed when the child has ended; Err then says how.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is nil for a child that ended with exit code 0.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Running says whether the child has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Kill ends the child at once (SIGKILL), as a power cut does, and waits.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.done
}

// Stop asks the child to end in order and waits; when ctx is done it kills it.
func (p *Process) Stop(ctx context.Context) {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	_ = p.stdin.Close()
	select {
	case <-p.done:
	case <-ctx.Done():
		p.Kill()
	}
}

// StopAll stops all children at once.
func StopAll(processes []*Process, within time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	ended := make(chan struct{}, len(processes))
	for _, p := range processes {
		go func() { p.Stop(ctx); ended <- struct{}{} }()
	}
	for range processes {
		<-ended
	}
}

// Tail is the end of the child's output, for an error message.
func (p *Process) Tail() string {
	b, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}
