package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"carbonledger/state"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// stores is the place of the ledger's stores on disk: one directory for each
// generation, and the file CURRENT that names the live one. Restoring a
// snapshot unpacks the next generation beside the live one and switches by one
// rename.
type stores struct {
	fs   vfs.FS
	dir  string
	open func(dir string) (*state.Ledger, error)
	fail func(error)

	retiring   sync.WaitGroup
	mu         sync.RWMutex
	live       *state.Ledger
	generation uint64
}

const currentFile = "CURRENT"

// openStores opens the live generation, or founds the first.
func openStores(c *Config, fail func(error)) (*stores, error) {
	s := &stores{fs: c.FS, dir: c.StateDir, fail: fail}
	s.open = func(dir string) (*state.Ledger, error) {
		return state.Open(dir, c.Founding, c.Verifier, state.Options{
			FS: c.FS, OnFailure: fail, CheckConservation: c.CheckConservation,
		})
	}
	// Its name is on the disk as well: else a crash would take all that was flushed.
	if err := errors.Join(s.fs.MkdirAll(s.dir, 0o700), syncDir(s.fs, s.fs.PathDir(s.dir))); err != nil {
		return nil, fmt.Errorf("consensus: make %s: %w", s.dir, err)
	}
	generation, err := s.readCurrent()
	if errors.Is(err, os.ErrNotExist) {
		// Never started here, or it crashed before CURRENT was written: what a
		// generation holds then was never acknowledged to anyone.
		generation, err = 1, s.writeCurrent(1)
	}
	if err != nil {
		return nil, err
	}
	if err := s.sweep(generation); err != nil {
		return nil, err
	}
	s.generation = generation
	s.live, err = s.open(s.path(generation))
	return s, err
}

func (s *stores) path(generation uint64) string {
	return s.fs.PathJoin(s.dir, fmt.Sprintf("%08d", generation))
}

func (s *stores) readCurrent() (uint64, error) {
	f, err := s.fs.Open(s.fs.PathJoin(s.dir, currentFile))
	if err != nil {
		return 0, fmt.Errorf("consensus: open %s: %w", currentFile, err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		return 0, fmt.Errorf("consensus: read %s: %w", currentFile, err)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("consensus: %s names no generation: %q: remove the directory %s, it is made anew from the snapshot and the log",
			s.fs.PathJoin(s.dir, currentFile), b, s.dir)
	}
	return n, nil
}

// writeCurrent switches to a generation. A crash before the rename leaves the
// old one, after it the new one; the directory's sync makes it last.
func (s *stores) writeCurrent(generation uint64) error {
	name := s.fs.PathJoin(s.dir, currentFile)
	err := func() error {
		f, err := s.fs.Create(name+".new", vfs.WriteCategoryUnspecified)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(f, generation); err != nil {
			return errors.Join(err, f.Close())
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
		if err := s.fs.Rename(name+".new", name); err != nil {
			return err
		}
		return syncDir(s.fs, s.dir)
	}()
	if err != nil {
		return fmt.Errorf("consensus: switch to state %d: %w", generation, err)
	}
	return nil
}

// InstallState makes a store the live generation of a state directory that holds
// none. Moved, it is there for good: a crash before CURRENT is written leaves what a
// start takes for the first generation.
func InstallState(dir, store string) error {
	s := &stores{fs: vfs.Default, dir: dir}
	if err := s.fs.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("consensus: make %s: %w", dir, err)
	}
	if err := s.fs.Rename(store, s.path(1)); err != nil {
		return fmt.Errorf("consensus: move the state to %s: %w", s.path(1), err)
	}
	if err := errors.Join(syncDir(s.fs, dir), syncDir(s.fs, s.fs.PathDir(dir))); err != nil {
		return fmt.Errorf("consensus: sync %s: %w", dir, err)
	}
	return s.writeCurrent(1)
}

// LiveState is the store of the live generation in a node's state directory, for
// those who read it while no node runs.
func LiveState(dir string) (string, error) {
	s := &stores{fs: vfs.Default, dir: dir}
	generation, err := s.readCurrent()
	return s.path(generation), err
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// sweep removes generations that are not live: left by a crash between
// unpacking and switching, or between switching and removing.
func (s *stores) sweep(live uint64) error {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return fmt.Errorf("consensus: list %s: %w", s.dir, err)
	}
	for _, name := range names {
		path := s.fs.PathJoin(s.dir, name)
		if name == currentFile || path == s.path(live) {
			continue
		}
		if err := s.fs.RemoveAll(path); err != nil {
			return fmt.Errorf("consensus: remove %s: %w", path, err)
		}
	}
	return nil
}

// ledger is the live one. It may be closed under its user by a restore, which
// then asks again.
func (s *stores) ledger() *state.Ledger {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.live
}

// restore makes a snapshot's content the live ledger. It returns only after
// the switch is durable, because Raft cuts its log next.
func (s *stores) restore(from io.Reader) error {
	head, err := readSnapshotHead(from)
	if err != nil {
		return err
	}
	return s.restoreContent(head, from)
}

// restoreContent is restore once the snapshot's head is read.
func (s *stores) restoreContent(head snapshotHead, from io.Reader) error {
	next := s.generation + 1
	dir := s.path(next)
	// What a crashed attempt left is of no use.
	if err := s.fs.RemoveAll(dir); err != nil {
		return fmt.Errorf("consensus: remove %s: %w", dir, err)
	}
	if err := unpack(s.fs, dir, from); err != nil {
		return err
	}
	fresh, err := s.open(dir)
	if err != nil {
		return fmt.Errorf("consensus: open the restored snapshot: %w", err)
	}
	if h := fresh.Head(); h.Height != head.Height || !bytes.Equal(h.Hash, head.Hash) || fresh.AppliedIndex() != head.Index {
		return errors.Join(fmt.Errorf("consensus: the snapshot says height %d and hash %x, its content is at height %d with hash %x",
			head.Height, head.Hash, h.Height, h.Hash), fresh.Close())
	}
	if err := fresh.Scrub(); err != nil {
		return errors.Join(fmt.Errorf("consensus: the snapshot is damaged, probably where it was taken: %w: take a new one there, or rejoin from another node", err), fresh.Close())
	}
	// The new generation is on the disk before CURRENT names it.
	if err := syncDir(s.fs, s.dir); err != nil {
		return errors.Join(fmt.Errorf("consensus: sync %s: %w", s.dir, err), fresh.Close())
	}
	if err := s.writeCurrent(next); err != nil {
		return errors.Join(err, fresh.Close())
	}
	s.mu.Lock()
	old, oldDir := s.live, s.path(s.generation)
	s.live, s.generation = fresh, next
	s.mu.Unlock()
	s.retire(old, oldDir)
	return nil
}

// retire closes a ledger that is not live any more and removes its files. It
// does not wait for those who still read it. What it leaves the next start
// sweeps.
func (s *stores) retire(old *state.Ledger, dir string) {
	s.retiring.Go(func() {
		if err := errors.Join(old.Close(), s.fs.RemoveAll(dir)); err != nil {
			s.fail(fmt.Errorf("consensus: remove the replaced state: %w", err))
		}
	})
}

func (s *stores) close() error {
	s.retiring.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live.Close()
}
