package disk

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// strictFS ends the store where a write fails, before Pebble learns of it:
// Pebble keeps a failed write of its log to itself until it changes to the next
// log, and panics there with its lock in a state that nothing can recover from.
type strictFS struct {
	vfs.FS
	d *DB
}

// strictFile is a file or directory that the store writes.
type strictFile struct {
	vfs.File
	d    *DB
	name string
}

// stop returns if there is no error, and never otherwise: what would follow in
// Pebble's code is a retry or a panic.
func (d *DB) stop(what, name string, err error) {
	if err != nil {
		d.fail(fmt.Errorf("%s %s: %w", what, name, err))
		select {}
	}
}

// readOnlyFS is for a store that is only read: a place that cannot be written to,
// such as a mounted image, needs no lock.
type readOnlyFS struct{ vfs.FS }

func (fs readOnlyFS) Unwrap() vfs.FS { return fs.FS }

func (fs readOnlyFS) Lock(name string) (io.Closer, error) {
	c, err := fs.FS.Lock(name)
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EROFS) {
		return io.NopCloser(nil), nil
	}
	return c, err
}

func (fs strictFS) Unwrap() vfs.FS { return fs.FS }

// settle syncs the directory before a marker in it changes. Pebble syncs it
// once afterwards: a crash in between could keep a marker without the manifest
// that it names, or neither the old marker nor the new one, which looks like no
// store at all.
func (fs strictFS) settle(name string) {
	if !strings.HasPrefix(fs.FS.PathBase(name), "marker.") {
		return
	}
	dir, err := fs.FS.OpenDir(fs.FS.PathDir(name))
	if err == nil {
		err = errors.Join(dir.Sync(), dir.Close())
	}
	fs.d.stop("sync the directory of", name, err)
}

func (fs strictFS) Remove(name string) error {
	fs.settle(name)
	return fs.FS.Remove(name)
}

func (fs strictFS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	fs.settle(name)
	f, err := fs.FS.Create(name, c)
	fs.d.stop("create", name, err)
	return strictFile{f, fs.d, name}, nil
}

func (fs strictFS) ReuseForWrite(from, to string, c vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := fs.FS.ReuseForWrite(from, to, c)
	fs.d.stop("create", to, err)
	return strictFile{f, fs.d, to}, nil
}

func (fs strictFS) OpenReadWrite(name string, c vfs.DiskWriteCategory, o ...vfs.OpenOption) (vfs.File, error) {
	f, err := fs.FS.OpenReadWrite(name, c, o...)
	fs.d.stop("open", name, err)
	return strictFile{f, fs.d, name}, nil
}

// OpenDir may fail, because Pebble asks it whether a directory exists.
func (fs strictFS) OpenDir(name string) (vfs.File, error) {
	f, err := fs.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return strictFile{f, fs.d, name}, nil
}

func (f strictFile) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	f.d.stop("write", f.name, err)
	return n, nil
}

func (f strictFile) WriteAt(b []byte, at int64) (int, error) {
	n, err := f.File.WriteAt(b, at)
	f.d.stop("write", f.name, err)
	return n, nil
}

func (f strictFile) Sync() error {
	f.d.stop("sync", f.name, f.File.Sync())
	return nil
}

func (f strictFile) SyncData() error {
	f.d.stop("sync", f.name, f.File.SyncData())
	return nil
}

func (f strictFile) SyncTo(length int64) (bool, error) {
	full, err := f.File.SyncTo(length)
	f.d.stop("sync", f.name, err)
	return full, nil
}

func (f strictFile) Close() error {
	f.d.stop("close", f.name, f.File.Close())
	return nil
}
