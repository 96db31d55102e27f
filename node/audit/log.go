package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"carbonledger/tx/proof"
)

// Log is where the static form of a log stands (c2sp.org/tlog-tiles): a
// validator, a web server with an archive, or a directory.
type Log interface {
	// Name says which it is.
	Name() string
	// Get reads what stands under a path. Its error wraps fs.ErrNotExist where
	// there is nothing.
	Get(ctx context.Context, path string) ([]byte, error)
}

// maxFileBytes bounds a file of a log: none is longer than a bundle.
const maxFileBytes = proof.MaxBundleBytes

// Web is a log at a URL.
type Web struct {
	URL string
	// Token opens the entries; empty for none.
	Token  string
	Client *http.Client
}

// Name is the URL.
func (w *Web) Name() string { return w.URL }

// attempts is how often a fetch is tried that failed for want of a connection or
// because the server was at fault.
const attempts = 4

// Get fetches a file.
func (w *Web) Get(ctx context.Context, path string) (b []byte, err error) {
	for pause := 100 * time.Millisecond; ; pause *= 3 {
		var again bool
		if b, again, err = w.get(ctx, path); !again || pause > attempts*time.Second {
			return b, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (w *Web) get(ctx context.Context, path string) (b []byte, again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(w.URL, "/")+"/"+path, nil)
	if err != nil {
		return nil, false, fmt.Errorf("audit: %w", err)
	}
	if w.Token != "" {
		r.Header.Set("Authorization", "Bearer "+w.Token)
	}
	got, err := w.Client.Do(r)
	if err != nil {
		return nil, ctx.Err() == nil, fmt.Errorf("audit: %w", err)
	}
	defer got.Body.Close()
	switch {
	case got.StatusCode == http.StatusNotFound:
		return nil, false, fmt.Errorf("audit: %s has no %s: %w", w.URL, path, fs.ErrNotExist)
	case got.StatusCode == http.StatusUnauthorized:
		// A node that has dropped entries sends to an archive, which may be another's.
		return nil, false, fmt.Errorf("audit: %s does not show entries without an auditor's token: give --token-file", got.Request.URL)
	case got.StatusCode != http.StatusOK:
		return nil, got.StatusCode >= 500, fmt.Errorf("audit: %s answers %s for %s", w.URL, got.Status, path)
	}
	if b, err = io.ReadAll(io.LimitReader(got.Body, maxFileBytes+1)); err != nil {
		return nil, true, fmt.Errorf("audit: fetch %s of %s: %w", path, w.URL, err)
	}
	if len(b) > maxFileBytes {
		return nil, false, fmt.Errorf("audit: %s of %s is longer than any such file", path, w.URL)
	}
	return b, false, nil
}

// Directory is a log as files: a copy that an audit saved, or an archive.
type Directory string

// Name is the path.
func (d Directory) Name() string { return string(d) }

// Get reads a file.
func (d Directory) Get(_ context.Context, path string) ([]byte, error) {
	f, err := os.Open(filepath.Join(string(d), filepath.FromSlash(path)))
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("audit: read %s: %w", path, err)
	}
	if len(b) > maxFileBytes {
		return nil, fmt.Errorf("audit: %s in %s is longer than any such file", path, d)
	}
	return b, nil
}

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
		return nil, err
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
