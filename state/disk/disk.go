package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// DefaultSlow is how long one disk operation may take before the store counts
// as failed: longer than any stall of a working disk, shorter than an
// operator's patience.
const DefaultSlow = 30 * time.Second

// ErrSlow: an operation took longer than Options.Slow. Its outcome on disk is
// unknown.
var ErrSlow = errors.New("the disk does not answer")

// Options of a store. The zero value is a synced store on the machine's disk.
type Options struct {
	// FS holds the store; nil stands for the machine's.
	FS vfs.FS
	// DisableWAL: a commit is durable only after a flush. The ledger replays
	// what a crash loses from Raft's log.
	DisableWAL bool
	// ReadOnly opens a store that must exist, and changes nothing of it.
	ReadOnly bool
	// Synced promises that every commit is synced and follows the one before.
	// Open then tells damage from the torn end of the last commit.
	Synced bool
	// MemTableBytes before a flush; 0 means 64 MiB.
	MemTableBytes uint64
	// CacheBytes of blocks read; 0 means 16 MiB.
	CacheBytes int64
	// Filters keeps a Bloom filter of each table's keys, for stores that are asked
	// for many keys that they do not have.
	Filters bool
	// Slow is the longest that one operation may take; 0 means DefaultSlow.
	Slow time.Duration
	// OnFailure is told the first failure, once, on a goroutine of its own.
	OnFailure func(error)
	// Logger gets Pebble's own errors; nil for none.
	Logger *slog.Logger
}

// DB is a Pebble store that fails for good, and aloud. Every method may be
// called by any goroutine, Close once all others have returned.
type DB struct {
	db   *pebble.DB
	dir  string
	slow time.Duration
	tell func(error)

	failure atomic.Pointer[error]
	failed  chan struct{}

	mu      sync.Mutex
	flushes map[int]*time.Timer // by Pebble's job
}

// Open opens the store in dir or makes an empty one. The format is the newest
// that Pebble knows: older ones drop what follows a damaged record of the
// write-ahead log without a word.
func Open(dir string, o Options) (*DB, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.MemTableBytes == 0 {
		o.MemTableBytes = 64 << 20
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 16 << 20
	}
	if o.Slow == 0 {
		o.Slow = DefaultSlow
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnFailure == nil {
		o.OnFailure = func(error) {}
	}
	d := &DB{dir: dir, slow: o.Slow, tell: o.OnFailure, failed: make(chan struct{}), flushes: map[int]*time.Timer{}}
	// The store may be opened long after it stopped and have much to replay,
	// so opening is not bounded by Slow.
	opened := make(chan error, 1)
	go func() { opened <- d.open(o) }()
	select {
	case err := <-opened:
		if err != nil {
			return nil, fmt.Errorf("disk: open %s: %w", dir, err)
		}
		return d, nil
	case <-d.failed:
		return nil, d.Err()
	}
}

func (d *DB) open(o Options) error {
	cache := pebble.NewCache(o.CacheBytes)
	defer cache.Unref()
	options := &pebble.Options{
		FS:                 strictFS{o.FS, d},
		Cache:              cache,
		DisableWAL:         o.DisableWAL,
		ReadOnly:           o.ReadOnly,
		MemTableSize:       o.MemTableBytes,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             pebbleLogger{d, o.Logger},
		EventListener: &pebble.EventListener{
			BackgroundError: d.backgroundError,
			DataCorruption:  d.corrupted,
			FlushBegin:      d.flushBegins,
			FlushEnd:        d.flushEnds,
		},
	}
	if o.Filters {
		options.Levels[0].FilterPolicy = bloom.FilterPolicy(10)
	}
	if o.ReadOnly {
		options.FS = strictFS{readOnlyFS{o.FS}, d}
	}
	was, err := peek(o.FS, d.dir)
	if err != nil {
		return err
	}
	if was.Exists {
		if err := checkLogs(o.FS, d.dir, was.ManifestFilename, o.Synced); err != nil {
			return err
		}
	}
	if d.db, err = pebble.Open(d.dir, options); err != nil {
		return err
	}
	if o.DisableWAL || was.Exists && was.FormatMajorVersion == pebble.FormatNewest {
		return nil
	}
	// Pebble begins the first log of a new store before it raises the format:
	// that log would be one of the oldest kind. A crash here leaves a store
	// without content.
	if err := d.db.Close(); err != nil {
		return err
	}
	d.db, err = pebble.Open(d.dir, options)
	return err
}

// Err is the failure that ended the store, nil while it works.
func (d *DB) Err() error {
	if p := d.failure.Load(); p != nil {
		return *p
	}
	return nil
}

// fail poisons the store. Only the first failure counts.
func (d *DB) fail(err error) {
	err = fmt.Errorf("disk: %s failed and takes no more: check the disk, then start again: %w", d.dir, err)
	if d.failure.CompareAndSwap(nil, &err) {
		close(d.failed)
		go d.tell(err)
	}
}

// bounded runs one operation of Pebble's on a goroutine of its own, because a
// failed one may never come back. Its result is not believed after a failure.
func (d *DB) bounded(what string, operation func() error) error {
	if err := d.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- operation() }()
	timer := time.NewTimer(d.slow)
	defer timer.Stop()
	select {
	case err := <-done:
		if err != nil {
			d.fail(fmt.Errorf("%s: %w", what, err))
		}
	case <-d.failed:
	case <-timer.C:
		d.fail(fmt.Errorf("%s took longer than %s: %w", what, d.slow, ErrSlow))
	}
	return d.Err()
}

// NewBatch is an empty batch, to be filled and given to Commit, or closed.
func (d *DB) NewBatch() *pebble.Batch { return d.db.NewBatch() }

// Commit writes a batch, all of it or nothing, and takes it over: the caller
// touches it no more. With sync it returns after the write-ahead log is on the
// disk; without, a crash may lose it together with everything younger. An
// error leaves the outcome open, and the store takes no more.
func (d *DB) Commit(b *pebble.Batch, sync bool) error {
	o := pebble.NoSync
	if sync {
		o = pebble.Sync
	}
	return d.bounded("commit", func() error {
		if err := b.Commit(o); err != nil {
			return err
		}
		return b.Close()
	})
}

// Flush returns after everything committed is in tables on the disk.
func (d *DB) Flush() error { return d.bounded("flush", d.db.Flush) }

// Checkpoint writes a store of its own to dir, which must not exist, with all
// that is in tables and in the synced log. A crash before it returns leaves a
// directory that is to be removed.
func (d *DB) Checkpoint(dir string) error {
	return d.bounded("checkpoint", func() error { return d.db.Checkpoint(dir, pebble.WithFlushedWAL()) })
}

// Get is pebble.Reader's.
func (d *DB) Get(key []byte) ([]byte, io.Closer, error) {
	if err := d.Err(); err != nil {
		return nil, nil, err
	}
	return d.db.Get(key)
}

// NewIter is pebble.Reader's.
func (d *DB) NewIter(o *pebble.IterOptions) (*pebble.Iterator, error) {
	return d.NewIterWithContext(context.Background(), o)
}

// NewIterWithContext is pebble.Reader's.
func (d *DB) NewIterWithContext(ctx context.Context, o *pebble.IterOptions) (*pebble.Iterator, error) {
	if err := d.Err(); err != nil {
		return nil, err
	}
	return d.db.NewIterWithContext(ctx, o)
}

// Snapshot is a view that later commits do not change.
type Snapshot struct {
	*pebble.Snapshot
	db *DB
}

// NewSnapshot opens a view, which the caller closes before the store. Pebble
// takes its lock here, which a failed flush keeps for ever.
func (d *DB) NewSnapshot() (*Snapshot, error) {
	var s *pebble.Snapshot
	if err := d.bounded("snapshot", func() error { s = d.db.NewSnapshot(); return nil }); err != nil {
		return nil, err
	}
	return &Snapshot{s, d}, nil
}

// Close ends the view.
func (s *Snapshot) Close() error { return s.db.bounded("close a snapshot", s.Snapshot.Close) }

// Bytes that the store takes on the disk, 0 for a failed one.
func (d *DB) Bytes() uint64 {
	var n uint64
	if d.bounded("measure", func() error { n = d.db.Metrics().DiskSpaceUsage(); return nil }) != nil {
		return 0
	}
	return n
}

// Close ends the store. A failed one is left as it is, because Pebble would
// wait for the operation that never ends: the process is about to stop.
func (d *DB) Close() error {
	if err := d.Err(); err != nil {
		return err
	}
	err := d.bounded("close", d.db.Close)
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.flushes {
		t.Stop()
	}
	return err
}

// backgroundError never returns: Pebble would try again for ever, and hold up
// commits without a word.
func (d *DB) backgroundError(err error) {
	d.fail(fmt.Errorf("background work: %w", err))
	select {}
}

// corrupted returns, unlike Pebble's own answer: the read that met the damage
// then returns it too.
func (d *DB) corrupted(i pebble.DataCorruptionInfo) {
	d.fail(fmt.Errorf("%w: %s: %w", ErrDamaged, i.Path, i.Details))
}

func (d *DB) flushBegins(i pebble.FlushInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.flushes[i.JobID] = time.AfterFunc(d.slow, func() {
		d.fail(fmt.Errorf("a flush took longer than %s: %w", d.slow, ErrSlow))
	})
}

func (d *DB) flushEnds(i pebble.FlushInfo) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t := d.flushes[i.JobID]; t != nil {
		t.Stop()
		delete(d.flushes, i.JobID)
	}
}

// pebbleLogger hears what Pebble says only to its log.
type pebbleLogger struct {
	d   *DB
	log *slog.Logger
}

func (l pebbleLogger) Infof(string, ...any) {}

func (l pebbleLogger) Errorf(format string, args ...any) {
	l.log.Error("disk: " + fmt.Sprintf(format, args...))
}

// Fatalf never returns, as Pebble demands: what follows it in Pebble's code
// counts on that.
func (l pebbleLogger) Fatalf(format string, args ...any) {
	l.d.fail(fmt.Errorf(format, args...))
	select {}
}
