package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"carbonledger/state/disk"
	"carbonledger/tx"
	"carbonledger/tx/proof"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// cacheBytes of the store's blocks are kept in memory.
	cacheBytes = 64 << 20
	// memTableBytes are written before they go into a table. Every write and read
	// searches there: in larger ones it misses the processor's caches.
	memTableBytes = 16 << 20
)

// ProtocolVersion is the newest rule set that this program knows.
const ProtocolVersion = 1

var (
	// ErrVersion: the ledger asks for rules that this program does not know.
	ErrVersion = errors.New("state: the ledger's protocol version is newer than this program: install a newer one, it goes on from here")
	// ErrClosed: the ledger was closed, or replaced by a restored one.
	ErrClosed = errors.New("state: the ledger is closed")
)

var errReadOnly = errors.New("state: the ledger was opened for reading alone")

// Options of a ledger. The zero value is good for a ledger on disk.
type Options struct {
	// FS holds the store; nil stands for the machine's.
	FS vfs.FS
	// OnFailure hears of errors that happen beside Apply, such as a failed
	// flush; the node must stop. It may be called from any goroutine.
	OnFailure func(error)
	// ReadOnly opens a ledger that must exist, as far as it was flushed, and changes
	// nothing on the disk: for evidence. It applies no block.
	ReadOnly bool
	// CheckConservation adds up every account after each block and panics
	// where a tonne or a fen is missing: for tests.
	CheckConservation bool
}

// Entry is a committed entry of Raft's log that holds a block.
type Entry struct {
	Index uint64
	Block []byte
}

// Applied is the outcome of a block.
type Applied struct {
	Height uint64
	Hash   tx.ID
	// Time is ledger time after the block.
	Time tx.Instant
	// Receipts has one receipt for each transaction, in order; none for bytes
	// that are no block. A receipt is stored if and only if it consumed its
	// reference (see frame.go).
	Receipts []tx.Receipt
	// Skipped: the entry had been applied before; nothing else is set.
	Skipped bool
}

// Ledger is the register on one machine. Apply and Checkpoint are called by one
// goroutine; everything else by any.
type Ledger struct {
	db       *disk.DB
	chain    *chain
	verifier *tx.Verifier
	options  Options
	x        *exec
	log      *log
	failed   error    // of Apply, for good
	passed   position // height and index that a rebuilt ledger has counted up to
	proven   proven

	// publish makes a batch and the position that it leaves one step for those
	// who open a view. It is held while the disk works; mu never is, so that a
	// stalled disk does not keep anybody from asking where the ledger stands.
	publish sync.Mutex

	mu     sync.Mutex
	quiet  sync.Cond // users == 0
	users  int
	now    position // what the newest block left
	closed bool
}

// position is where a ledger stands.
type position struct {
	height uint64
	hash   tx.ID
	size   uint64 // of the log
	index  uint64 // of Raft
	facts  facts
}

// Damaged tells whether an error says that the disk does not hold what was written.
func Damaged(err error) bool { return disk.Damaged(err) }

// Open opens the store in dir, and founds the ledger if there is none. v must
// be a verifier of the founding's chain.
func Open(dir string, f tx.Founding, v *tx.Verifier, o Options) (*Ledger, error) {
	if v.Domain() != f.Hash {
		return nil, fmt.Errorf("state: the verifier is for genesis %s, the founding is of genesis %s", v.Domain(), f.Hash)
	}
	c, err := newChain(f)
	if err != nil {
		return nil, err
	}
	db, err := disk.Open(dir, disk.Options{FS: o.FS, DisableWAL: true, ReadOnly: o.ReadOnly, Filters: true, MemTableBytes: memTableBytes, CacheBytes: cacheBytes, OnFailure: o.OnFailure})
	if err != nil {
		return nil, fmt.Errorf("state: open the ledger: %w", err)
	}
	l := &Ledger{db: db, chain: c, verifier: v, options: o, log: &log{}}
	if f.LogOrigin != "" {
		l.log.tree = proof.NewTree()
	}
	l.quiet.L = &l.mu
	if o.ReadOnly {
		l.failed = errReadOnly
	}
	if err := l.start(dir); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	l.x = newExec(c, db, l.now.facts)
	return l, nil
}

// start reads where the ledger stands, or founds it.
func (l *Ledger) start(dir string) error {
	format, err := l.get([]byte{localFormat})
	if err != nil {
		return err
	}
	if format == nil && l.options.ReadOnly {
		return fmt.Errorf("state: %s holds no ledger: nothing of it was flushed", dir)
	}
	if format == nil {
		return l.found()
	}
	if n := number(format); n != formatVersion {
		return fmt.Errorf("state: %s has format %d, this program reads format %d: use the program that wrote it, or remove the directory and catch up from the other nodes", dir, n, formatVersion)
	}
	genesis, err := l.get([]byte{localGenesis})
	if err != nil {
		return err
	}
	if !bytes.Equal(genesis, l.chain.Hash[:]) {
		return fmt.Errorf("state: %s belongs to genesis %x, the genesis document has hash %s: use the document that founded this ledger, or another data directory", dir, genesis, l.chain.Hash)
	}
	head, err := l.get([]byte{localHead})
	if err != nil {
		return err
	}
	applied, err := l.get([]byte{localApplied})
	if err != nil {
		return err
	}
	known, err := l.get([]byte{rangeFacts})
	if err != nil {
		return err
	}
	if len(head) != 8 || len(applied) != 8 {
		return fmt.Errorf("state: %s lacks its head: remove the directory and catch up from the other nodes", dir)
	}
	height := binary.BigEndian.Uint64(head)
	end, err := endOf(height, l.get)
	if err != nil {
		return fmt.Errorf("%w: remove %s and catch up from the other nodes", err, dir)
	}
	l.now = position{height: height, hash: end.hash, size: end.size, index: uint64(number(applied)), facts: decodeFacts(known)}
	l.log, err = openLog(l.db, end.size, l.chain.LogOrigin != "")
	return err
}

// get reads a copy of a record, nil where there is none.
func (l *Ledger) get(key []byte) ([]byte, error) {
	b, closer, err := l.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state: read %x: %w", key, err)
	}
	return append([]byte{}, b...), closer.Close()
}

// Apply executes committed entries in order and returns one Applied for each.
// It is total: any bytes make a block. An error says that this machine failed,
// or needs a newer program (ErrVersion); the entries before it are applied, and
// the ledger accepts no more.
func (l *Ledger) Apply(entries []Entry) ([]Applied, error) {
	if !l.enter() {
		return nil, ErrClosed
	}
	defer l.leave()
	passed, err := l.place(entries)
	if err != nil {
		l.failed = err
	}
	todo, applied := l.prepare(entries, passed)
	for i := range todo {
		if l.failed != nil {
			return applied[:i], l.failed
		}
		if todo[i] == nil {
			applied[i].Skipped = true
			continue
		}
		if applied[i], l.failed = l.applyOne(todo[i]); l.failed != nil {
			return applied[:i], l.failed
		}
	}
	return applied, nil
}

// prepare decodes the entries that are not applied yet and verifies the
// transactions of all of them together.
func (l *Ledger) prepare(entries []Entry, passed int) ([]*work, []Applied) {
	todo := make([]*work, len(entries))
	var raws [][]byte
	index, height := l.now.index, l.now.height
	for i, e := range entries {
		if i < passed || e.Index <= index {
			continue
		}
		index = e.Index
		height++
		todo[i] = &work{entry: e}
		if b, ok := tx.DecodeBlock(e.Block, height); ok {
			todo[i].block = b
			raws = append(raws, b.Transactions...)
		}
	}
	verified, rejections := l.verifier.VerifyAll(raws)
	for _, w := range todo {
		if w == nil || w.block == nil {
			continue
		}
		n := len(w.block.Transactions)
		w.verified, verified = verified[:n], verified[n:]
		w.rejection, rejections = rejections[:n], rejections[n:]
	}
	return todo, make([]Applied, len(entries))
}

func (l *Ledger) applyOne(w *work) (a Applied, err error) {
	if l.now.facts.version > ProtocolVersion {
		return a, fmt.Errorf("%w (the ledger follows version %d from height %d on, this program knows up to %d)",
			ErrVersion, l.now.facts.version, l.now.height+1, ProtocolVersion)
	}
	defer recovered(&err)
	if err := l.x.open(); err != nil {
		return a, err
	}
	defer l.x.reset()
	receipts, outcomes, trace := l.x.execute(w, &l.now)
	writes := l.x.written()
	hash := runningHash(l.now.hash, w.history(outcomes), writes)
	next := position{l.now.height + 1, hash, l.now.size + uint64(len(outcomes)), w.entry.Index, l.x.facts}
	if err := l.commit(&changes{writes, l.x.local, outcomes, trace, next}); err != nil {
		return a, err
	}
	return Applied{Height: next.height, Hash: next.hash, Time: next.facts.time, Receipts: receipts}, nil
}

// commit writes a block without waiting for the disk, since Raft's log is the
// durable copy, and publishes where the ledger stands in the same moment.
func (l *Ledger) commit(c *changes) error {
	b := l.db.NewBatch()
	if err := l.fill(b, c); err != nil {
		return errors.Join(fmt.Errorf("state: prepare block %d: %w", c.next.height, err), b.Close())
	}
	l.publish.Lock()
	err := l.db.Commit(b, false)
	if err == nil {
		l.mu.Lock()
		l.now = c.next
		l.mu.Unlock()
	}
	l.publish.Unlock()
	if err != nil {
		return fmt.Errorf("state: write block %d: %w", c.next.height, err)
	}
	if l.options.CheckConservation {
		return l.mustConserve()
	}
	return nil
}

// Head is where the ledger stands.
func (l *Ledger) Head() tx.Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.chain.head(&l.now)
}

func (c *chain) head(p *position) tx.Head {
	return tx.Head{
		Height: p.height, Hash: bytes.Clone(p.hash[:]), Time: p.facts.time, Day: p.facts.day(), OpenDay: p.facts.openDay,
		ProtocolVersion: p.facts.version, Transactions: p.facts.transactions, OpeningPagesMissing: p.facts.pagesMissing,
		Chain: tx.ChainInfo{
			ChainId: c.ChainID, GenesisHash: bytes.Clone(c.Hash[:]), ProtocolVersion: p.facts.version,
			ScriptClock: c.ScriptClock, FreeTransfers: c.FreeTransfers,
		},
	}
}

// AppliedIndex is Raft's index of the newest applied entry, 0 for none.
func (l *Ledger) AppliedIndex() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now.index
}

// HashAt is the running hash after the block at a height, false above the head.
func (l *Ledger) HashAt(height uint64) (tx.ID, bool, error) {
	if !l.enter() {
		return tx.ID{}, false, ErrClosed
	}
	defer l.leave()
	if height > l.Head().Height {
		return tx.ID{}, false, nil
	}
	end, err := endOf(height, l.get)
	return end.hash, err == nil, err
}

// Scrub reads every record, and so checks the checksum of every block of every
// table. An error says that this store is damaged.
func (l *Ledger) Scrub() (err error) {
	if !l.enter() {
		return ErrClosed
	}
	defer l.leave()
	i, err := l.db.NewIter(nil)
	if err != nil {
		return fmt.Errorf("state: read the store: %w", err)
	}
	records := 0
	for ok := i.First(); ok; ok = i.Next() {
		if _, err := i.ValueAndErr(); err != nil {
			return errors.Join(fmt.Errorf("state: after %d records: %w", records, err), i.Close())
		}
		records++
	}
	if err := i.Close(); err != nil {
		return fmt.Errorf("state: after %d records: %w", records, err)
	}
	return nil
}

// Flush puts everything applied so far on the disk: for ledgers that no Raft log
// replays.
func (l *Ledger) Flush() error {
	if !l.enter() {
		return ErrClosed
	}
	defer l.leave()
	if err := l.db.Flush(); err != nil {
		return fmt.Errorf("state: flush the ledger: %w", err)
	}
	return nil
}

// Checkpoint writes a store of its own to dir, which must not exist, with
// everything applied so far: a crash before it returns leaves a directory that
// is to be removed.
func (l *Ledger) Checkpoint(dir string) error {
	if !l.enter() {
		return ErrClosed
	}
	defer l.leave()
	// Without a write-ahead log what is not flushed would be missing.
	if err := l.db.Flush(); err != nil {
		return fmt.Errorf("state: flush before the checkpoint %s: %w", dir, err)
	}
	if err := l.db.Checkpoint(dir); err != nil {
		return fmt.Errorf("state: write the checkpoint %s: %w", dir, err)
	}
	return nil
}

// Close waits for open views and closes the store. What was not flushed is
// replayed from Raft's log.
func (l *Ledger) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	for l.users > 0 {
		l.quiet.Wait()
	}
	l.mu.Unlock()
	if err := l.db.Close(); err != nil {
		return fmt.Errorf("state: close the ledger: %w", err)
	}
	return nil
}

// enter counts one more user of the store, false if it is closed.
func (l *Ledger) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.users++
	return true
}

func (l *Ledger) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.users--; l.users == 0 {
		l.quiet.Broadcast()
	}
}
