package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

var (
	// ErrNoLeader: no leader took the transactions; nothing happened.
	ErrNoLeader = errors.New("no leader is known: nothing was submitted; try again")
	// ErrOverloaded: this node refuses to take more; nothing happened.
	ErrOverloaded = errors.New("too much waits already: nothing was submitted; try again later")
	// ErrDiskFull: this node takes no more until there is room; nothing happened.
	ErrDiskFull = errors.New("the disk is nearly full: nothing was submitted")
	// ErrUnknownOutcome: the transactions may or may not have been committed.
	ErrUnknownOutcome = errors.New("the outcome is unknown: send the same bytes again")
	// ErrDiverged: this replica's state differs from a majority's.
	ErrDiverged = errors.New("this replica's state differs from a majority of voters")
	// ErrStopping: this node is going down; nothing happened.
	ErrStopping = errors.New("the node is stopping: nothing was submitted")
	// ErrLostMemory: the peers have seen this voter store more than it has.
	ErrLostMemory = errors.New("this voter has lost what it acknowledged")
)

// Network carries named byte streams between admitted peers. Peers are named
// as validators are; RemoteAddr of an accepted connection is the peer's name.
type Network interface {
	Listen(name string) (net.Listener, error)
	Dial(ctx context.Context, to, name string) (net.Conn, error)
}

// Log is Raft's log and stable store on disk.
type Log interface {
	raft.LogStore
	raft.MonotonicLogStore
	raft.StableStore
	// Bytes of entries held.
	Bytes() uint64
}

// Timing holds the durations that an operator may tune.
type Timing struct {
	// Lease is the heartbeat, election and leader lease time-out in one. It
	// must exceed the longest stall of a follower's main loop (slowest log
	// write plus a full queue of blocks), because heartbeats are answered
	// there: see docs/adr/001.
	Lease time.Duration
	// Commit is how long a follower may be left without news of commits.
	Commit time.Duration
	// Idle is how long a leader of a wall-clock network waits before it
	// proposes an empty block, so that ledger time moves.
	Idle time.Duration
}

// DefaultTiming is for sites in several cities; LoopbackTiming for one machine.
var (
	DefaultTiming  = Timing{Lease: time.Second, Commit: 20 * time.Millisecond, Idle: time.Minute}
	LoopbackTiming = Timing{Lease: 400 * time.Millisecond, Commit: 10 * time.Millisecond, Idle: time.Minute}
)

// Config says who this node is and what it stands on. Log, Snapshots and
// Network stay the caller's to close, after Shutdown.
type Config struct {
	// Name of this validator; Incarnation is the SHA-256 of the random bytes
	// in its data directory.
	Name        string
	Incarnation [32]byte
	// Key signs attestations: the node key that the ledger knows.
	Key      tx.PrivateKey
	Founding tx.Founding
	Verifier *tx.Verifier
	// PrimarySite is preferred for the leader; empty for no preference.
	PrimarySite string

	// StateDir holds the ledger's stores. FS is nil for the real file system.
	StateDir  string
	FS        vfs.FS
	Log       Log
	Snapshots raft.SnapshotStore
	Network   Network
	Timing    Timing

	// SnapshotLogBytes is by how much the Raft log grows before a snapshot is
	// taken and the log cut; 0 means 128 MiB.
	SnapshotLogBytes uint64
	// TrailingLogs is how many entries stay after that; 0 means 256, at most
	// 128 MiB.
	TrailingLogs uint64
	// SnapshotBytesPerSecond limits what a snapshot takes of the connection
	// that heartbeats share; 0 means 32 MiB.
	SnapshotBytesPerSecond int
	// PoolBytes bounds what waits for a block; 0 means 64 MiB.
	PoolBytes int

	// CheckConservation adds up every account after every block (tests).
	CheckConservation bool
	// OnValidators is told the validators that the ledger lists, and those that
	// this node knows by introduction alone and admits to IntroducedStreams, at
	// start and whenever they change; it must not block. A removed one is among
	// the latter until Raft's configuration is without it: where several are removed
	// Raft takes one after the other out, and counts the votes of the rest for that.
	OnValidators func(listed, introduced []tx.Validator)
	// Introduce leads from the validators that the ledger lists at the start to
	// those of today, from a file that they signed; nil where there is none.
	Introduce func(trusted []tx.Validator) ([]tx.Validator, error)
	// Now is the clock that a leader stamps blocks with; nil for the machine's.
	Now func() time.Time
	// FreeDisk says how many bytes the data directory may still take; below
	// MinFreeDisk the node hands over leadership and refuses submissions.
	FreeDisk    func() (uint64, error)
	MinFreeDisk uint64
	// Observer is told what metrics need; nil for none.
	Observer Observer
	Logger   *slog.Logger
}

// Observer receives measurements. Its functions are called on hot paths and
// must return at once; nil ones are skipped.
type Observer struct {
	// Applied: one batch of blocks was executed.
	Applied func(blocks, transactions int, rejected []tx.Reason, took time.Duration)
	// Stalled: the main loop, or the blocks that it waits for, were held up for
	// longer than half the lease by a write of the log, by executing blocks, or
	// by freezing or restoring a snapshot.
	Stalled func(what string, took time.Duration)
}

func (c *Config) setDefaults() error {
	if c.Timing == (Timing{}) {
		c.Timing = DefaultTiming
	}
	if c.SnapshotLogBytes == 0 {
		c.SnapshotLogBytes = 128 << 20
	}
	if c.TrailingLogs == 0 {
		c.TrailingLogs = 256
	}
	if c.SnapshotBytesPerSecond == 0 {
		c.SnapshotBytesPerSecond = 32 << 20
	}
	if c.PoolBytes == 0 {
		c.PoolBytes = 64 << 20
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.OnValidators == nil {
		c.OnValidators = func(_, _ []tx.Validator) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Name == "" || c.Log == nil || c.Snapshots == nil || c.Network == nil || c.Verifier == nil {
		return fmt.Errorf("consensus: name, log, snapshots, network and verifier must be given")
	}
	return nil
}

// raftConfig sets in bytes what Raft counts in entries: an entry is a block of
// at most 512 KiB, so eight make a message of 4 MiB.
func (c *Config) raftConfig() *raft.Config {
	r := raft.DefaultConfig()
	r.LocalID = c.serverID()
	r.HeartbeatTimeout, r.ElectionTimeout, r.LeaderLeaseTimeout = c.Timing.Lease, c.Timing.Lease, c.Timing.Lease
	r.CommitTimeout = c.Timing.Commit
	r.MaxAppendEntries = 8
	r.BatchApplyCh = true
	r.TrailingLogs = c.TrailingLogs
	// Snapshots are triggered by the size of the log, not by Raft's counting.
	r.SnapshotInterval, r.SnapshotThreshold = 24*time.Hour, 1<<62
	// Raft would restore its newest snapshot over a newer state; the adapter
	// compares and decides itself (ledger.go).
	r.NoSnapshotRestoreOnStart = true
	r.NoLegacyTelemetry = true
	r.Logger = newRaftLogger(c.Logger)
	return r
}

// serverID binds a voter's identity to its data directory: a node that lost
// its disk cannot come back under the old vote.
func (c *Config) serverID() raft.ServerID { return serverID(c.Name, c.Incarnation[:]) }

func serverID(name string, incarnationSHA256 []byte) raft.ServerID {
	return raft.ServerID(fmt.Sprintf("%s#%x", name, incarnationSHA256[:min(8, len(incarnationSHA256))]))
}
