package raftlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"carbonledger/state/disk"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

var (
	// ErrDamaged: what is on disk is not what was written.
	ErrDamaged = errors.New("raft's log is damaged: remove the node's data directory and let it rejoin as a new validator")
	// errNotFound has the text that Raft compares with.
	errNotFound = errors.New("not found")
)

// Options of a log.
type Options struct {
	// FS holds the store; nil stands for the machine's.
	FS vfs.FS
	// OnFailure is told the first failure of the disk, once: the node must stop.
	OnFailure func(error)
	Logger    *slog.Logger
	// Synced is told how long each write took, sync included; nil for nobody.
	Synced func(time.Duration)
}

const (
	entryRange  byte = 'l' // index, 8 bytes big endian → entry
	stableRange byte = 's' // Raft's key → value
)

// Store implements raft.LogStore and raft.StableStore. Writes are synced and
// follow one another: what a crash tears can then be told from damage.
type Store struct {
	db     *disk.DB
	synced func(time.Duration)

	// writing is held during a write. mu is not, so that a slow disk does not
	// hold up who asks how long the log is.
	writing sync.Mutex

	mu    sync.RWMutex
	first uint64   // 0: the log is empty
	sizes []uint32 // of the entries from first on
	bytes uint64   // sum of sizes
}

// Open opens the log in dir, or makes an empty one, and reads every entry once.
// An error that wraps ErrDamaged says that an entry is missing or unreadable.
func Open(dir string, o Options) (*Store, error) {
	db, err := disk.Open(dir, disk.Options{FS: o.FS, Synced: true, OnFailure: o.OnFailure, Logger: o.Logger})
	if err != nil {
		return nil, fmt.Errorf("raftlog: %w", named(err))
	}
	s := &Store{db: db, synced: o.Synced}
	if s.synced == nil {
		s.synced = func(time.Duration) {}
	}
	if err := s.readAll(); err != nil {
		err = fmt.Errorf("raftlog: read %s: %w", dir, named(err))
		if db.Err() == nil { // else Close says the same again
			err = errors.Join(err, db.Close())
		}
		return nil, err
	}
	return s, nil
}

func (s *Store) readAll() error {
	i, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{entryRange}, UpperBound: []byte{entryRange + 1}})
	if err != nil {
		return err
	}
	var l raft.Log
	for ok := i.First(); ok; ok = i.Next() {
		value, err := i.ValueAndErr()
		if err != nil {
			return errors.Join(err, i.Close())
		}
		index, err := indexOf(i.Key())
		if err == nil {
			err = decode(value, index, &l)
		}
		if next := s.first + uint64(len(s.sizes)); err == nil && s.first != 0 && index != next {
			err = fmt.Errorf("%w: entry %d follows entry %d", ErrDamaged, index, next-1)
		}
		if err != nil {
			return errors.Join(err, i.Close())
		}
		if s.first == 0 {
			s.first = index
		}
		s.add(len(value))
	}
	return i.Close()
}

// named makes what the store calls damage ErrDamaged.
func named(err error) error {
	if !errors.Is(err, ErrDamaged) && disk.Damaged(err) {
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	return err
}

func (s *Store) add(size int) {
	s.sizes = append(s.sizes, uint32(size))
	s.bytes += uint64(size)
}

// Close closes the store.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("raftlog: %w", err)
	}
	return nil
}

// IsMonotonic tells Raft to empty the log before it goes on behind a gap.
func (s *Store) IsMonotonic() bool { return true }

// Bytes of entries held.
func (s *Store) Bytes() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.bytes
}

// DiskBytes is what the store takes on the disk.
func (s *Store) DiskBytes() uint64 { return s.db.Bytes() }

// FirstIndex is the index of the oldest entry, 0 for none.
func (s *Store) FirstIndex() (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.first, s.db.Err()
}

// LastIndex is the index of the newest entry, 0 for none.
func (s *Store) LastIndex() (uint64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.last(), s.db.Err()
}

func (s *Store) last() uint64 {
	if s.first == 0 {
		return 0
	}
	return s.first + uint64(len(s.sizes)) - 1
}

// GetLog reads an entry, or returns raft.ErrLogNotFound.
func (s *Store) GetLog(index uint64, l *raft.Log) error {
	value, closer, err := s.db.Get(entryKey(index))
	if errors.Is(err, pebble.ErrNotFound) {
		return raft.ErrLogNotFound
	}
	if err != nil {
		return fmt.Errorf("raftlog: read entry %d: %w", index, named(err))
	}
	err = decode(value, index, l)
	return errors.Join(err, closer.Close())
}

// StoreLog stores one entry.
func (s *Store) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs appends entries, all or none, and returns after they are on the
// disk: a crash before that may lose them, and Raft has acknowledged nothing.
func (s *Store) StoreLogs(logs []*raft.Log) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if len(logs) == 0 {
		return nil
	}
	b := s.db.NewBatch()
	next, sizes := s.last()+1, make([]int, len(logs))
	if s.first == 0 {
		next = logs[0].Index
	}
	for i, l := range logs {
		if l.Index != next+uint64(i) || l.Index == 0 {
			return errors.Join(fmt.Errorf("raftlog: entry %d cannot follow entry %d", l.Index, next+uint64(i)-1), b.Close())
		}
		sizes[i] = encodedSize(l)
		d := b.SetDeferred(9, sizes[i])
		copy(d.Key, entryKey(l.Index))
		encode(d.Value[:0], l)
		if err := d.Finish(); err != nil {
			return errors.Join(fmt.Errorf("raftlog: prepare entry %d: %w", l.Index, err), b.Close())
		}
	}
	if err := s.sync(b); err != nil {
		return fmt.Errorf("raftlog: store entries %d to %d: %w", logs[0].Index, logs[len(logs)-1].Index, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == 0 {
		s.first = logs[0].Index
	}
	for _, n := range sizes {
		s.add(n)
	}
	return nil
}

// DeleteRange removes entries at the beginning (after a snapshot) or at the
// end (a leader has others), both ends included. A crash keeps all or none.
func (s *Store) DeleteRange(from, to uint64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	last := s.last()
	from, to = max(from, s.first), min(to, last)
	if s.first == 0 || from > to {
		return nil
	}
	if from != s.first && to != last {
		return fmt.Errorf("raftlog: removing entries %d to %d would leave a gap in %d to %d", from, to, s.first, last)
	}
	b := s.db.NewBatch()
	if err := b.DeleteRange(entryKey(from), entryKey(to+1), nil); err != nil {
		return errors.Join(fmt.Errorf("raftlog: prepare to remove entries: %w", err), b.Close())
	}
	if err := s.sync(b); err != nil {
		return fmt.Errorf("raftlog: remove entries %d to %d: %w", from, to, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.sizes[from-s.first : to-s.first+1] {
		s.bytes -= uint64(n)
	}
	if from == s.first {
		s.sizes, s.first = append([]uint32(nil), s.sizes[to-s.first+1:]...), to+1
	} else {
		s.sizes = s.sizes[:from-s.first]
	}
	if len(s.sizes) == 0 {
		s.first = 0
	}
	return nil
}

func (s *Store) sync(b *pebble.Batch) error {
	began := time.Now()
	err := s.db.Commit(b, true)
	s.synced(time.Since(began))
	return err
}

// Set stores a value durably.
func (s *Store) Set(key, value []byte) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	b := s.db.NewBatch()
	if err := b.Set(stableKey(key), value, nil); err != nil {
		return errors.Join(fmt.Errorf("raftlog: prepare %q: %w", key, err), b.Close())
	}
	if err := s.sync(b); err != nil {
		return fmt.Errorf("raftlog: store %q: %w", key, err)
	}
	return nil
}

// Get reads a value; an error with the text "not found" says there is none.
func (s *Store) Get(key []byte) ([]byte, error) {
	value, closer, err := s.db.Get(stableKey(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, errNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("raftlog: read %q: %w", key, named(err))
	}
	value = append([]byte{}, value...)
	return value, closer.Close()
}

// SetUint64 stores a number durably.
func (s *Store) SetUint64(key []byte, n uint64) error {
	return s.Set(key, binary.BigEndian.AppendUint64(nil, n))
}

// GetUint64 reads a number; an error with the text "not found" says there is
// none.
func (s *Store) GetUint64(key []byte) (uint64, error) {
	b, err := s.Get(key)
	if err != nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("raftlog: %q holds %d bytes, not a number: %w", key, len(b), ErrDamaged)
	}
	return binary.BigEndian.Uint64(b), nil
}

func entryKey(index uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{entryRange}, index)
}

func indexOf(key []byte) (uint64, error) {
	if len(key) != 9 {
		return 0, fmt.Errorf("%w: an entry's key is %x", ErrDamaged, key)
	}
	return binary.BigEndian.Uint64(key[1:]), nil
}

func stableKey(key []byte) []byte { return append([]byte{stableRange}, key...) }
