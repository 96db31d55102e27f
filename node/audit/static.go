package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"carbonledger/tx/durable"
	"carbonledger/tx/proof"
)

// static is a directory that gets the static form of a log, readable by its owner
// alone: entries show everyone's transactions.
type static struct {
	dir string
	// touched are the directories whose lists of files have changed.
	touched map[string]bool
}

func newStatic(dir string) *static { return &static{dir, map[string]bool{}} }

// writable makes a directory and a file in it, which is gone again: whoever wants
// something kept is told that it cannot be before the work.
func writable(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(dir, ".probe-"); err == nil {
			err = errors.Join(f.Close(), os.Remove(f.Name()))
		}
	}
	if err != nil {
		return fmt.Errorf("audit: nothing can be saved in %s: %w", dir, err)
	}
	return nil
}

func (s *static) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// put writes a file of the log. One that is there already stays as it is if it is
// the same, and is never written over if it is not: it may be the evidence.
func (s *static) put(name string, content []byte) error {
	switch old, err := readFile(s.path(name)); {
	case err == nil && bytes.Equal(old, content):
		return nil
	case err == nil:
		return fmt.Errorf("audit: %s in %s is another one than the log's: it is of another network, damaged, or one of two histories; it stays as it is: save into an empty directory, and keep this copy if nobody can say why they differ", name, s.dir)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("audit: %w", err)
	}
	return s.replace(name, content)
}

func (s *static) replace(name string, content []byte) error {
	path := s.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for dir := filepath.Dir(path); len(dir) >= len(filepath.Clean(s.dir)); dir = filepath.Dir(dir) {
		s.touched[dir] = true
		if dir == filepath.Dir(dir) {
			break
		}
	}
	return replacePrivate(path, content)
}

// publish writes the checkpoint, after everything that it covers is on the disk. A
// crash before the end leaves the older one, or none, and files that the next run
// finds right.
func (s *static) publish(signed []byte) error {
	if err := s.sync(); err != nil {
		return err
	}
	if err := s.replace(proof.CheckpointPath, signed); err != nil {
		return err
	}
	return s.sync()
}

func (s *static) sync() error {
	for dir := range s.touched {
		if err := durable.SyncDirectory(dir); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	clear(s.touched)
	return nil
}

// continues is an error where the directory holds the copy of another log, or of more of
// this one: partial tiles have names of their own, and its checkpoint would be lost.
func (a *auditor) continues(v *View, s *static, h head) error {
	b, err := readFile(s.path(proof.CheckpointPath))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	old, err := unsigned(b)
	if err != nil {
		return fmt.Errorf("audit: %s in %s is damaged: %w; it stays as it is: save into an empty directory", proof.CheckpointPath, s.dir, err)
	}
	if old.Size > h.Size {
		return fmt.Errorf("audit: the copy in %s has size %d already, what was audited has %d; it stays as it is: save into an empty directory", s.dir, old.Size, h.Size)
	}
	var root proof.Hash
	if old.Size > 0 {
		if root, err = proof.Root(old.Size, v.Nodes); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	if old.Origin == h.Origin && old.Size > 0 && root != old.Root && !signed(a.o.Policy, b) {
		return fmt.Errorf("audit: %s in %s is damaged: it is not the one that the log signed; it stays as it is: save into an empty directory", proof.CheckpointPath, s.dir)
	}
	if old.Origin != h.Origin || old.Size > 0 && root != old.Root {
		return fmt.Errorf("audit: the copy in %s is of another network, or of another history: its checkpoint has root %x at size %d; it stays as it is: save into an empty directory, and keep this copy if nobody can say why they differ", s.dir, old.Root, old.Size)
	}
	return nil
}

// signed says whether the log signed a checkpoint. Its cosigners may be those of another
// time; where it did not, a file is damaged, and no evidence of another history.
func signed(p *proof.Policy, note []byte) bool {
	_, _, err := p.Open(note)
	return err == nil || errors.Is(err, proof.ErrLacking)
}

// replacePrivate replaces a file by one that only its owner may read.
func replacePrivate(path string, content []byte) error {
	if err := durable.Replace(path, content, 0o600); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}
