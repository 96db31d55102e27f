package consensus

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"

	"carbonledger/state"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// A snapshot is one line of JSON, the head of the ledger that it holds, and a
// tar archive of a Pebble checkpoint. The head's own index counts, not the one
// that Raft writes on the label, which may be later.
type snapshotHead struct {
	Index  uint64 `json:"index"`
	Height uint64 `json:"height"`
	Hash   []byte `json:"hash"`
}

// snapshotHeadBytes is the length of the first line, padded.
const snapshotHeadBytes = 256

func readSnapshotHead(from io.Reader) (snapshotHead, error) {
	var h snapshotHead
	line := make([]byte, snapshotHeadBytes)
	if _, err := io.ReadFull(from, line); err != nil {
		return h, fmt.Errorf("consensus: read the head of the snapshot: %w", err)
	}
	if err := json.Unmarshal(line, &h); err != nil {
		return h, fmt.Errorf("consensus: the snapshot begins with no head: %w", err)
	}
	return h, nil
}

// checkpoint is a ledger frozen on disk, waiting to be written to a sink while
// the live one goes on.
type checkpoint struct {
	ctx  context.Context // ends Persist
	fs   vfs.FS
	dir  string
	head snapshotHead
}

// newCheckpoint must run where blocks are applied, so that no block falls
// between the head and the files.
func newCheckpoint(ctx context.Context, fs vfs.FS, dir string, l *state.Ledger) (*checkpoint, error) {
	if err := fs.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("consensus: remove %s: %w", dir, err)
	}
	if err := l.Checkpoint(dir); err != nil {
		return nil, err
	}
	h := l.Head()
	return &checkpoint{ctx: ctx, fs: fs, dir: dir, head: snapshotHead{Index: l.AppliedIndex(), Height: h.Height, Hash: h.Hash}}, nil
}

// Persist writes the checkpoint to the sink, beside the running ledger.
func (c *checkpoint) Persist(sink raft.SnapshotSink) error {
	if err := c.write(sink); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// Release removes the frozen files.
func (c *checkpoint) Release() { _ = c.fs.RemoveAll(c.dir) }

func (c *checkpoint) write(to io.Writer) error {
	head, err := json.Marshal(c.head)
	if err != nil {
		return fmt.Errorf("consensus: encode the head of the snapshot: %w", err)
	}
	for len(head) < snapshotHeadBytes-1 {
		head = append(head, ' ')
	}
	if _, err := to.Write(append(head, '\n')); err != nil {
		return fmt.Errorf("consensus: write the snapshot: %w", err)
	}
	archive := tar.NewWriter(&writerUntil{c.ctx, to})
	if err := pack(c.fs, c.dir, "", archive); err != nil {
		return fmt.Errorf("consensus: write the snapshot: %w", err)
	}
	return archive.Close()
}

// writerUntil fails once its context has ended, so that nobody waits at the end
// of a node for a long snapshot.
type writerUntil struct {
	ctx context.Context
	to  io.Writer
}

func (w *writerUntil) Write(b []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	return w.to.Write(b)
}

func pack(fs vfs.FS, dir, prefix string, to *tar.Writer) error {
	names, err := fs.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		full := fs.PathJoin(dir, name)
		info, err := fs.Stat(full)
		if err != nil {
			return err
		}
		if info.IsDir() {
			if err := pack(fs, full, path.Join(prefix, name), to); err != nil {
				return err
			}
			continue
		}
		if err := packFile(fs, full, path.Join(prefix, name), info.Size(), to); err != nil {
			return err
		}
	}
	return nil
}

func packFile(fs vfs.FS, full, name string, size int64, to *tar.Writer) error {
	f, err := fs.Open(full)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := to.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: size}); err != nil {
		return err
	}
	_, err = io.Copy(to, io.LimitReader(f, size))
	return err
}

// unpack writes the archive's files below dir and syncs them and every
// directory: after it returns, a crash finds them whole.
func unpack(fs vfs.FS, dir string, from io.Reader) error {
	if err := fs.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("consensus: make %s: %w", dir, err)
	}
	made := map[string]bool{dir: true}
	for archive := tar.NewReader(from); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("consensus: read the snapshot: %w", err)
		}
		name := path.Clean(h.Name)
		if path.IsAbs(name) || name == ".." || len(name) > 2 && name[:3] == "../" {
			return fmt.Errorf("consensus: the snapshot holds a file outside of it: %q", h.Name)
		}
		parent := fs.PathJoin(dir, path.Dir(name))
		if err := fs.MkdirAll(parent, 0o700); err != nil {
			return fmt.Errorf("consensus: make %s: %w", parent, err)
		}
		made[parent] = true
		if err := unpackFile(fs, fs.PathJoin(dir, name), archive); err != nil {
			return fmt.Errorf("consensus: unpack %s: %w", name, err)
		}
	}
	for d := range made {
		if err := syncDir(fs, d); err != nil {
			return fmt.Errorf("consensus: sync %s: %w", d, err)
		}
	}
	return nil
}

func unpackFile(fs vfs.FS, name string, from io.Reader) error {
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, from); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}
