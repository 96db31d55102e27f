package publish

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// Network carries named byte streams between admitted validators; RemoteAddr of
// an accepted connection is the peer's name.
type Network interface {
	Listen(name string) (net.Listener, error)
	Dial(ctx context.Context, to, name string) (net.Conn, error)
}

// Timing of publication.
type Timing struct {
	// Interval between two checkpoints of a growing log, Heartbeat between two of
	// one that does not grow: a quiet log is not a stuck one.
	Interval, Heartbeat time.Duration
	// Ask bounds one question to a peer or a witness.
	Ask time.Duration
	// Scrub is the least pause between two bundles that are re-read.
	Scrub time.Duration
	// State is the least time between two readings of the whole store.
	State time.Duration
	// Archive is the pause between two looks at the archive.
	Archive time.Duration
}

// DefaultTiming is that of validators in several cities, LoopbackTiming that of
// one machine.
var (
	DefaultTiming  = Timing{Interval: time.Second, Heartbeat: time.Minute, Ask: 2 * time.Second, Scrub: time.Second, State: 6 * time.Hour, Archive: time.Hour}
	LoopbackTiming = Timing{Interval: 250 * time.Millisecond, Heartbeat: 5 * time.Second, Ask: 2 * time.Second, Scrub: 20 * time.Millisecond, State: 30 * time.Second, Archive: time.Second}
)

// Config of a Publisher.
type Config struct {
	Name   string
	Origin string
	// OriginKey is the log's own key; nil: this validator cosigns, leads no
	// publication, and says so.
	OriginKey, CosignKey ed25519.PrivateKey
	// LogKey is OriginKey's public half, as the genesis document has it.
	LogKey ed25519.PublicKey
	// Signer, Checkpoint and Evidence are paths in the data directory.
	Signer, Checkpoint, Evidence string
	// StateDir is what is to be moved away where the state is damaged.
	StateDir string
	// Archive is the URL of a log with old entries, which are dropped here once they
	// were found there; empty for none. ArchiveToken is a file with a token for its
	// entries; empty for none.
	Archive, ArchiveToken string
	Network               Network
	// Ledger is the live one; a restore may replace it.
	Ledger func() *state.Ledger
	// Agreed is the greatest height that a majority executed alike, false while
	// replicas are in dispute.
	Agreed func() (uint64, bool)
	Leads  func() bool
	// Fail stops the node: its state is damaged.
	Fail func(error)
	// Unfit says that this validator should not lead, because it cannot publish,
	// and why; empty: it may again. It is called under a lock: it must not wait.
	Unfit  func(why string)
	Timing Timing
	Now    func() time.Time
	Logger *slog.Logger
}

// Publisher is a validator's part of the publication.
type Publisher struct {
	c        Config
	signer   *signer
	listener net.Listener
	client   *http.Client
	ctx      context.Context
	cancel   context.CancelFunc
	work     sync.WaitGroup

	roots stateRoots

	mu sync.Mutex
	// newest is the published checkpoint, and waiting one whose entries are not
	// all here yet.
	newest, waiting published
	problem         string
	// damage of the log here, until a whole pass of the scrub finds none: nothing is
	// cosigned meanwhile.
	damage string
	// fork is set for good: the log's history is contradicted. The evidence of it, as
	// long as it lies there, makes it outlast the process.
	fork     bool
	repaired uint64
	scrubbed uint64
	// passed is when the last whole pass of the scrub ended.
	passed time.Time
	// compared is what the scrub found when it last asked the peers for their state.
	compared Comparison
	// archiveProblem is why nothing is dropped.
	archiveProblem string
	// archiveSeen is how far the archive was; only who watches it uses this.
	archiveSeen archiveSeen
	// sizes that the witnesses have, by URL.
	sizes   map[string]uint64
	changed chan struct{}
	// alarm asks the scrub for a pass at once.
	alarm chan struct{}
}

// published is a checkpoint that counts, since when.
type published struct {
	proof.Checkpoint
	note []byte
	at   time.Time
}

// streamName of the publishers' conversation.
const streamName = "log"

// Start begins to answer and, while this validator leads, to publish.
func Start(c Config) (*Publisher, error) {
	if c.OriginKey != nil && !c.OriginKey.Public().(ed25519.PublicKey).Equal(c.LogKey) {
		return nil, errors.New("publish: origin.key in the data directory is not the log's key of the genesis document")
	}
	s, err := openSigner(c.Signer, c.Origin, c.Name, c.CosignKey)
	if err != nil {
		return nil, err
	}
	l, err := c.Network.Listen(streamName)
	if err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	p := &Publisher{c: c, signer: s, listener: l, client: &http.Client{Timeout: c.Timing.Ask}, sizes: map[string]uint64{}, changed: make(chan struct{}), alarm: make(chan struct{}, 1)}
	if err := p.rememberFork(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	p.mu.Lock()
	p.fitness()
	p.mu.Unlock()
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.work.Go(p.serve)
	p.work.Go(p.run)
	p.work.Go(p.scrub)
	if c.Archive != "" {
		p.work.Go(p.watchArchive)
	}
	return p, nil
}

// Stop ends everything that Start began.
func (p *Publisher) Stop() {
	p.cancel()
	_ = p.listener.Close()
	p.work.Wait()
}

// Status of the publication here.
type Status struct {
	// Size of the newest published checkpoint, and when it was cosigned: what is read
	// or told again is not newer for that.
	Size uint64
	At   time.Time
	// Cosigned is the size that this validator cosigned last.
	Cosigned uint64
	Problem  string
	// Scrubbed is the entry up to which the present pass has re-read, Passed when
	// the last one ended, Repaired how many records were damaged here and taken
	// from peers or made again.
	Scrubbed, Repaired uint64
	Passed             time.Time
	// Compared is the last comparison of the state with the peers'.
	Compared Comparison
	// EntriesFrom is the first entry that is still here, Archive the URL of the log
	// with those before, and ArchiveProblem why no more are dropped.
	EntriesFrom             uint64
	Archive, ArchiveProblem string
}

// Status now.
func (p *Publisher) Status() Status {
	last, known := p.signer.told()
	first, url := p.archived()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{EntriesFrom: first, Archive: url, ArchiveProblem: p.archiveProblem,
		Size: p.newest.Size, At: p.newest.at, Cosigned: last.Size, Problem: p.problem, Scrubbed: p.scrubbed, Repaired: p.repaired, Passed: p.passed, Compared: p.compared}
	if p.damage != "" && !p.fork {
		s.Problem = p.damage
	}
	if !known && s.Problem == "" {
		s.Problem = errLost.Error()
	}
	if p.c.OriginKey == nil && s.Problem == "" {
		s.Problem = errNoKey.Error()
	}
	return s
}

// Newest is the newest published checkpoint, nil before the first.
func (p *Publisher) Newest() (proof.Checkpoint, []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.newest.Checkpoint, p.newest.note
}

// Wait waits until a checkpoint of at least this size is published.
func (p *Publisher) Wait(ctx context.Context, size uint64) error {
	for {
		p.mu.Lock()
		have, changed := p.newest.Size, p.changed
		p.mu.Unlock()
		if have >= size {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.ctx.Done():
			return context.Canceled
		case <-changed:
		}
	}
}

// run takes what was published before, and then looks once an interval whether
// something is due.
func (p *Publisher) run() {
	if b, err := os.ReadFile(p.c.Checkpoint); err == nil {
		p.take(b)
	} else if !errors.Is(err, fs.ErrNotExist) {
		p.c.Logger.Error("publish: read the checkpoint", "error", err)
	}
	tick := time.NewTicker(p.c.Timing.Interval)
	defer tick.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-tick.C:
		}
		if _, known := p.signer.told(); !known {
			p.recall()
		}
		p.takeWaiting()
		if !p.c.Leads() {
			continue
		}
		if err := p.round(); err != nil && p.ctx.Err() == nil && p.trouble(err.Error()) {
			p.c.Logger.Warn("publish: no new checkpoint", "because", err)
		}
	}
}

// trouble is shown until the next checkpoint; a fork for good. It says whether
// it is news.
func (p *Publisher) trouble(why string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fork || p.problem == why {
		return false
	}
	p.problem = why
	return true
}

// due is the checkpoint that should be published now; false for none.
func (p *Publisher) due(v *state.View) (c proof.Checkpoint, due bool, err error) {
	height, alike := p.c.Agreed()
	if !alike {
		return c, false, nil
	}
	c = proof.Checkpoint{Origin: p.c.Origin}
	if c.Size, err = v.SizeAt(min(height, v.Head().Height)); err != nil {
		return c, false, err
	}
	p.mu.Lock()
	newest := p.newest
	p.mu.Unlock()
	if c.Size < newest.Size || c.Size == newest.Size && p.c.Now().Sub(newest.at) < p.c.Timing.Heartbeat {
		return c, false, nil
	}
	c.Root, err = proof.Root(c.Size, v.Nodes)
	return c, true, err
}

// round publishes one checkpoint if it is due: the leader's part.
func (p *Publisher) round() error {
	if p.contradicted() || p.c.OriginKey == nil {
		return nil
	}
	v, err := p.c.Ledger().View()
	if errors.Is(err, state.ErrClosed) {
		return nil
	}
	if err != nil {
		return err
	}
	defer v.Close()
	c, due, err := p.due(v)
	if err != nil || !due {
		return err
	}
	validators, err := v.Validators()
	if err != nil {
		return err
	}
	lines, err := p.collect(c, validators)
	if err != nil {
		return err
	}
	signed, err := p.sign(c, lines, validators)
	if err != nil {
		return err
	}
	if signed, err = p.witnessed(v, c, signed); err != nil {
		return err
	}
	p.take(signed)
	p.tell(signed, validators)
	return nil
}

// sign adds the log's own signature: the one place that does, and only over
// cosignatures of more than half of the voters.
func (p *Publisher) sign(c proof.Checkpoint, lines [][]byte, validators []tx.Validator) ([]byte, error) {
	own, err := c.SignOrigin(p.c.OriginKey)
	if err != nil {
		return nil, err
	}
	signed := c.Note(append([][]byte{own}, lines...)...)
	policy, err := p.policy(validators)
	if err != nil {
		return nil, err
	}
	if _, _, err := policy.Open(signed); err != nil {
		return nil, err
	}
	return signed, nil
}

// policy of the validators that the ledger lists: more than half of the voters.
func (p *Publisher) policy(validators []tx.Validator) (*proof.Policy, error) {
	return proof.ParsePolicy(PolicyText(p.c.Origin, p.c.LogKey, validators))
}

// PolicyText is the policy for a log (c2sp.org/tlog-policy): its key, and more
// than half of its voters.
func PolicyText(origin string, key ed25519.PublicKey, validators []tx.Validator) string {
	var names, keys []string
	for _, v := range validators {
		if v.Voter {
			names = append(names, v.Name)
			keys = append(keys, proof.CosignerVKey(proof.CosignerName(origin, v.Name), v.CosignKey))
		}
	}
	return proof.WritePolicy(proof.OriginVKey(origin, key), names, keys, len(names)/2+1)
}

// take makes a checkpoint the published one if it counts and is true of this
// validator's log. One whose entries are not all here waits.
func (p *Publisher) take(signed []byte) {
	v, err := p.c.Ledger().View()
	if err != nil {
		return
	}
	defer v.Close()
	validators, err := v.Validators()
	if err != nil {
		p.c.Logger.Error("publish: read the validators", "error", err)
		return
	}
	policy, err := p.policy(validators)
	if err != nil {
		p.c.Logger.Error("publish: the policy", "error", err)
		return
	}
	c, cosigned, err := policy.Open(signed)
	if err != nil {
		p.c.Logger.Warn("publish: a checkpoint that does not count", "because", err)
		return
	}
	at := countedAt(cosigned, validators, p.c.Now())
	if c.Size > v.LogSize() {
		p.mu.Lock()
		p.waiting = published{c, signed, at}
		p.mu.Unlock()
		return
	}
	root, err := proof.Root(c.Size, v.Nodes)
	if err != nil {
		p.damaged(err)
		return
	}
	if root != c.Root {
		if err := p.sound(v, c.Size); err != nil {
			p.mu.Lock()
			p.waiting = published{c, signed, at}
			p.mu.Unlock()
			p.damaged(err)
			return
		}
		p.forked(fmt.Sprintf("the validators signed root %x at size %d, the log here has %x", c.Root, c.Size, root), signed)
		return
	}
	p.keep(v, c, signed)
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.Size < p.newest.Size || c.Size == p.newest.Size && at.Before(p.newest.at) {
		return
	}
	p.newest = published{c, signed, at}
	if !p.fork {
		p.problem = ""
	}
	close(p.changed)
	p.changed = make(chan struct{})
	// Not synced: after a crash the next one comes within a heartbeat.
	if err := os.WriteFile(p.c.Checkpoint, signed, 0o600); err != nil {
		p.c.Logger.Error("publish: write the checkpoint", "error", err)
	}
}

// countedAt is since when a checkpoint counts by its cosigners' clocks: so many as are
// needed cosigned it then or later, so that no smaller number of them can make an old
// one look new. A clock that is ahead of the one here does not make it newer than now.
func countedAt(cosigned []proof.Cosignature, validators []tx.Validator, now time.Time) time.Time {
	voters := 0
	for _, v := range validators {
		if v.Voter {
			voters++
		}
	}
	slices.SortFunc(cosigned, func(a, b proof.Cosignature) int { return cmp.Compare(b.Unix, a.Unix) })
	at := time.Unix(int64(cosigned[voters/2].Unix), 0)
	if at.After(now) {
		return now
	}
	return at
}

// takeWaiting looks again at a checkpoint that was ahead of this replica.
func (p *Publisher) takeWaiting() {
	p.mu.Lock()
	w := p.waiting
	p.waiting = published{}
	p.mu.Unlock()
	if w.note != nil {
		p.take(w.note)
	}
}
