// Package durable writes files that a crash or a power cut leaves whole: one that is
// replaced is the old or the new one. When a function has returned without an error,
// what it wrote is on the disk; before that a crash can leave a new file cut short.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Create writes a file that must not exist; the error wraps fs.ErrExist where it does.
// The umask takes from its mode.
func Create(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w, and is not written over: give another name", path, fs.ErrExist)
	}
	if err != nil {
		return err
	}
	// A crash here leaves a file that may be cut short: nobody was told of it yet.
	if err := fill(f, content); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return SyncDirectory(filepath.Dir(path))
}

// Replace puts a file in the place of another, or where none is.
func Replace(path string, content []byte, mode fs.FileMode) error {
	// A crash before the rename leaves the old file, and a hidden one beside it.
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return err
	}
	if err = errors.Join(f.Chmod(mode), fill(f, content)); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return SyncDirectory(filepath.Dir(path))
}

// fill writes, syncs and closes a file.
func fill(f *os.File, content []byte) error {
	_, err := f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", f.Name(), err)
	}
	return nil
}

// SyncDirectory puts the names of a directory's new files on the disk.
func SyncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync %s: %w", dir, err)
	}
	return nil
}
