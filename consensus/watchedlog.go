package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/hashicorp/raft"
)

// watchedLog is Raft's log as Raft sees it: writes that hold up its main loop
// are measured, what is stored is remembered, and a failed disk ends the main
// loop, where Raft itself would panic or go on.
type watchedLog struct {
	Log
	n *Node
}

var errHalted = errors.New("consensus: Raft's log failed, and Raft ended with it")

// termKey is the one under which Raft stores its current term.
var termKey = []byte("CurrentTerm")

func (l *watchedLog) StoreLog(e *raft.Log) error { return l.StoreLogs([]*raft.Log{e}) }

func (l *watchedLog) StoreLogs(entries []*raft.Log) error {
	err := l.measured(func() error { return l.Log.StoreLogs(entries) })
	if err == nil && len(entries) > 0 {
		last := entries[len(entries)-1]
		l.n.memory.wrote(last.Term, last.Index)
	}
	return err
}

func (l *watchedLog) DeleteRange(from, to uint64) error {
	return l.measured(func() error { return l.Log.DeleteRange(from, to) })
}

func (l *watchedLog) Set(key, value []byte) error {
	return l.measured(func() error { return l.Log.Set(key, value) })
}

// SetUint64 does not return where it fails: Raft would panic.
func (l *watchedLog) SetUint64(key []byte, value uint64) error {
	if err := l.measured(func() error { return l.Log.SetUint64(key, value) }); err != nil {
		l.halt()
	}
	if bytes.Equal(key, termKey) {
		l.n.memory.entered(value)
	}
	return nil
}

// GetLog does not return where the disk fails: Raft would panic.
func (l *watchedLog) GetLog(index uint64, e *raft.Log) error {
	err := l.Log.GetLog(index, e)
	if err != nil && !errors.Is(err, raft.ErrLogNotFound) {
		l.n.fail(fmt.Errorf("consensus: Raft's log: %w", err))
		l.halt()
	}
	return err
}

func (l *watchedLog) measured(write func() error) error {
	began := time.Now()
	err := write()
	l.n.stalled("log", time.Since(began))
	if err != nil {
		l.n.fail(fmt.Errorf("consensus: Raft's log: %w", err))
	}
	return err
}

// halt ends the goroutine that called Raft's log, its deferred calls included:
// the main loop, or one that sends to a peer. The node has failed before.
func (l *watchedLog) halt() {
	l.n.haltOnce.Do(func() { close(l.n.halted) })
	runtime.Goexit()
}
