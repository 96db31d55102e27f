package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"carbonledger/node/remote"
	"carbonledger/tx/limited"
	"carbonledger/tx/proof"
)

// Log is where the static form of a log stands (c2sp.org/tlog-tiles): a
// validator or a web server with an archive (remote.Log), or a directory.
type Log interface {
	// Name says which it is.
	Name() string
	// Get reads what stands under a path. Its error wraps fs.ErrNotExist where
	// there is nothing.
	Get(ctx context.Context, path string) ([]byte, error)
}

// Directory is a log as files: a copy that an audit saved, or an archive.
type Directory string

// Name is the path.
func (d Directory) Name() string { return string(d) }

// Get reads a file.
func (d Directory) Get(_ context.Context, path string) ([]byte, error) {
	b, err := readFile(filepath.Join(string(d), filepath.FromSlash(path)))
	if path == proof.CheckpointPath && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("audit: %s is no copy of a log: it has no file %s: %w", d, path, fs.ErrNotExist)
	}
	return b, err
}

// readFile reads a file of a log, and no other one to its end. It opens no pipe, at
// which a program waits for ever, and which may be in a copy from elsewhere.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && info.Mode()&fs.ModeNamedPipe != 0 {
		return nil, fmt.Errorf("audit: %s is a pipe and no file: make the copy of the log anew", path)
	}
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	b, err := limited.ReadFile(path, remote.MaxFileBytes)
	if errors.Is(err, limited.ErrTooLong) {
		return nil, fmt.Errorf("audit: %s is longer than any file of a log", path)
	}
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return b, nil
}

// ReadError is that of a log, or of all of them, that could not be read: it says
// nothing of the history.
type ReadError struct{ err error }

func (e *ReadError) Error() string { return e.err.Error() }

// Unwrap is the cause.
func (e *ReadError) Unwrap() error { return e.err }

// fetched is a bundle on its way.
type fetched struct {
	tile    proof.Tile
	entries [][]byte
	err     error
}

// ahead is how many bundles are fetched while one is executed.
const ahead = 4

// bundles fetches the bundles of a log of this size, from the one that holds the
// entry from on, in order. The channel is closed after the last or after an error.
func bundles(ctx context.Context, log Log, from, size uint64) <-chan fetched {
	out := make(chan fetched, ahead)
	go func() {
		defer close(out)
		for first := from / proof.TileWidth * proof.TileWidth; first < size; first += proof.TileWidth {
			f := fetched{tile: proof.Tile{Entries: true, Index: first / proof.TileWidth, Width: int(min(proof.TileWidth, size-first))}}
			f.entries, f.err = bundle(ctx, log, f.tile)
			select {
			case out <- f:
			case <-ctx.Done():
				return
			}
			if f.err != nil {
				return
			}
		}
	}()
	return out
}

// bundle fetches one.
func bundle(ctx context.Context, log Log, t proof.Tile) ([][]byte, error) {
	b, err := tileOf(ctx, log, t)
	if err != nil {
		return nil, &ReadError{err}
	}
	return split(log, t, b)
}

func split(log Log, t proof.Tile, b []byte) ([][]byte, error) {
	entries, err := proof.SplitBundle(b, t.Width)
	if err != nil {
		return nil, &Difference{Entry: t.Index * proof.TileWidth, Transaction: -1, What: fmt.Sprintf("%s of %s: %v", t.Path(), log.Name(), err)}
	}
	return entries, nil
}

// tileOf fetches a tile or bundle. Where a partial one is gone because the full
// one is there, that is taken and cut.
func tileOf(ctx context.Context, log Log, t proof.Tile) ([]byte, error) {
	b, err := log.Get(ctx, t.Path())
	if !errors.Is(err, fs.ErrNotExist) || t.Width == proof.TileWidth {
		return b, err
	}
	full := t
	full.Width = proof.TileWidth
	whole, fullErr := log.Get(ctx, full.Path())
	if fullErr != nil {
		return nil, err
	}
	if !t.Entries {
		return whole[:min(len(whole), t.Width*len(proof.Hash{}))], nil
	}
	entries, err := split(log, full, whole)
	if err != nil {
		return nil, err
	}
	b = nil
	for _, entry := range entries[:t.Width] {
		b = proof.AppendEntry(b, entry)
	}
	return b, nil
}
