package consensus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/hashicorp/raft"
)

// Node is one validator's part in consensus.
type Node struct {
	cfg       Config
	stores    *stores
	pool      *pool
	memory    *memory
	agreement *agreement

	// raft is nil until the peers have been asked what they remember.
	raft    *raft.Raft
	started chan struct{}
	// proposing is not nil once this node must not propose any more.
	proposing atomic.Pointer[string]
	// halted is closed when Raft's main loop has ended because the disk failed.
	halted   chan struct{}
	haltOnce sync.Once

	// signersComing counts requests that open accounts or add keys and have no
	// receipts yet.
	signersComing atomic.Int64

	validators atomic.Pointer[[]tx.Validator]
	// strangers are introduced; listing guards what the network is told of both.
	strangers atomic.Pointer[[]tx.Validator]
	listing   sync.Mutex
	// leaving are listed no more, and in Raft's configuration still.
	leaving     []tx.Validator
	acquainting atomic.Bool
	// outdated says that the list here is old, where too few say so; empty else.
	outdated atomic.Pointer[string]
	problem  atomic.Pointer[string]
	disk     atomic.Pointer[error]
	unfit    atomic.Pointer[string]
	// snapshotting: one snapshot is enough at a time.
	snapshotting atomic.Bool
	// keptLog is the size of the log when it was last cut.
	keptLog atomic.Uint64

	ctx    context.Context
	cancel context.CancelFunc
	// beginning is held where work begins and where it is told to end, so that
	// nothing begins afterwards.
	beginning sync.Mutex
	work      sync.WaitGroup
	listeners []net.Listener
	transport *transport
	reporting map[string]context.CancelFunc

	failOnce sync.Once
	done     chan struct{}
	err      error
}

// Start opens the ledger and begins to take part. It returns as soon as the
// ledger can be read; that the node may not take part, for example because its
// peers remember more than it does, is the error of Err after Done.
func Start(cfg Config) (*Node, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	n := &Node{
		cfg: cfg, pool: newPool(cfg.PoolBytes), agreement: newAgreement(),
		started: make(chan struct{}), halted: make(chan struct{}), done: make(chan struct{}), reporting: map[string]context.CancelFunc{},
	}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.pool.shut(ErrNoLeader)
	var err error
	if n.memory, err = newMemory(cfg.Log); err != nil {
		return nil, err
	}
	if n.stores, err = openStores(&n.cfg, n.fail); err != nil {
		return nil, err
	}
	if err := errors.Join(restoreAtStart(n.stores, cfg.Snapshots), joinLog(cfg.Log, cfg.Snapshots)); err != nil {
		return nil, errors.Join(err, n.stores.close())
	}
	n.reloadValidators()
	if cfg.Introduce != nil {
		all, err := cfg.Introduce(n.Validators())
		if err != nil {
			return nil, errors.Join(err, n.end(), n.stores.close())
		}
		n.setIntroduced(all)
	}
	if err := n.listen(); err != nil {
		return nil, errors.Join(err, n.end(), n.stores.close())
	}
	n.advanced()
	n.run(n.takePart)
	return n, nil
}

// run starts a goroutine that ends with the node. It is false, and nothing
// starts, when the node is ending already.
func (n *Node) run(f func(context.Context)) bool {
	n.beginning.Lock()
	defer n.beginning.Unlock()
	if n.ctx.Err() != nil {
		return false
	}
	n.work.Add(1)
	go func() { defer n.work.Done(); f(n.ctx) }()
	return true
}

// end ends everything that run started.
func (n *Node) end() error {
	n.beginning.Lock()
	n.cancel()
	n.beginning.Unlock()
	for _, l := range n.listeners {
		_ = l.Close()
	}
	n.work.Wait()
	if n.transport == nil {
		return nil
	}
	n.transport.hangUp()
	return n.transport.Close()
}

func (n *Node) listen() error {
	serve := func(name string, handle func(net.Conn)) error {
		l, err := n.cfg.Network.Listen(name)
		if err != nil {
			return fmt.Errorf("consensus: listen for %s: %w", name, err)
		}
		if handle == nil {
			n.transport = newTransport(&n.cfg, l, n.memory)
			return nil
		}
		n.listeners = append(n.listeners, l)
		n.run(func(ctx context.Context) {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				begun := n.run(func(ctx context.Context) {
					stop := context.AfterFunc(ctx, func() { conn.Close() })
					defer stop()
					handle(conn)
				})
				if !begun {
					conn.Close()
				}
			}
		})
		return nil
	}
	return errors.Join(
		serve(raftStream, nil),
		serve(submitStream, func(c net.Conn) { n.serveSubmits(n.ctx, c) }),
		serve(reportStream, n.hearReports),
		serve(askStream, n.answerQuestions),
	)
}

// takePart asks the peers what they remember of this node, then starts Raft.
func (n *Node) takePart(ctx context.Context) {
	if err := n.recall(ctx); err != nil {
		if ctx.Err() == nil {
			n.fail(err)
		}
		return
	}
	n.setProblem("")
	if err := n.found(); err != nil {
		n.fail(err)
		return
	}
	_, label, err := newestSnapshot(n.cfg.Snapshots)
	if err != nil {
		n.fail(err)
		return
	}
	log := &watchedLog{n.cfg.Log, n}
	r, err := raft.NewRaft(n.cfg.raftConfig(), &fsm{n: n, handed: label}, log, log, n.cfg.Snapshots, n.transport)
	if err != nil {
		n.fail(fmt.Errorf("consensus: start Raft: %w", err))
		return
	}
	n.raft = r
	close(n.started)
	n.run(n.followOffice)
	n.run(n.keepHouse)
}

// found writes the first configuration into an empty log, alike on every
// founding voter. A node that genesis does not name founds nothing: the leader
// adds it when the ledger says so.
func (n *Node) found() error {
	existing, err := raft.HasExistingState(n.cfg.Log, n.cfg.Log, n.cfg.Snapshots)
	if err != nil {
		return fmt.Errorf("consensus: look for an existing log: %w", err)
	}
	me := n.cfg.serverID()
	var servers []raft.Server
	founder := false
	for _, v := range n.cfg.Founding.Validators {
		s := server(v)
		servers = append(servers, s)
		founder = founder || s.ID == me && s.Suffrage == raft.Voter
	}
	if existing || !founder {
		return nil
	}
	if !n.Ledger().IndexKnown() {
		// All founders with rebuilt ledgers would begin a second log, whose first
		// blocks would pass for those that they have.
		return n.lostMemory("its Raft log is empty, its state was rebuilt from an archive")
	}
	err = raft.BootstrapCluster(n.cfg.raftConfig(), n.cfg.Log, n.cfg.Log, n.cfg.Snapshots, n.transport, raft.Configuration{Servers: servers})
	if err != nil {
		return fmt.Errorf("consensus: found the network: %w", err)
	}
	return nil
}

func server(v tx.Validator) raft.Server {
	s := raft.Server{ID: serverID(v.Name, v.IncarnationSha256), Address: raft.ServerAddress(v.Name), Suffrage: raft.Nonvoter}
	if v.Voter {
		s.Suffrage = raft.Voter
	}
	return s
}

// Ledger is the live ledger. A restore may close it under its reader, whose
// next read then asks for it again.
func (n *Node) Ledger() *state.Ledger { return n.stores.ledger() }

// WaitHeight waits until this replica has executed the height.
func (n *Node) WaitHeight(ctx context.Context, height uint64) error {
	for {
		n.agreement.mu.Lock()
		at, changed := n.agreement.own.Height, n.agreement.changed
		n.agreement.mu.Unlock()
		if at >= height {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("consensus: wait for height %d, at height %d: %w", height, at, ctx.Err())
		case <-n.done:
			return ErrStopping
		case <-changed:
		}
	}
}

// Done is closed when the node cannot go on; Err then says why.
func (n *Node) Done() <-chan struct{} { return n.done }

// Err is nil until Done is closed.
func (n *Node) Err() error {
	select {
	case <-n.done:
		return n.err
	default:
		return nil
	}
}

// fail ends the node's part for good. The first reason counts.
func (n *Node) fail(err error) {
	n.failOnce.Do(func() {
		n.err = err
		if errors.Is(err, ErrStopping) {
			n.cfg.Logger.Info("consensus: stops on request", "node", n.cfg.Name)
		} else {
			n.cfg.Logger.Error("consensus: stops", "node", n.cfg.Name, "error", err)
		}
		reason := err.Error()
		n.proposing.Store(&reason)
		close(n.done)
	})
}

// Shutdown hands over leadership, lets no more in and stops. The ledger's last
// writes need not reach the disk: the Raft log replays them.
func (n *Node) Shutdown(ctx context.Context) error {
	n.stopProposing()
	if r := n.running(); r != nil && r.State() == raft.Leader && n.Err() == nil && ctx.Err() == nil {
		n.leave(ctx, r)
	}
	n.fail(ErrStopping)
	// Everyone who waits for Raft ends while Raft still runs: what it finds in
	// its queues when it ends it never answers.
	errs := []error{n.end()}
	if r := n.running(); r != nil {
		errs = append(errs, r.Shutdown().Error())
	}
	errs = append(errs, n.memory.save(), n.stores.close())
	return errors.Join(errs...)
}

// leave hands over leadership, and gives up with ctx.
func (n *Node) leave(ctx context.Context, r *raft.Raft) {
	moved := make(chan struct{})
	go func() { defer close(moved); _ = n.settled(r.LeadershipTransfer()) }()
	select {
	case <-moved:
	case <-ctx.Done():
	case <-time.After(5 * time.Second):
	}
}

// settled waits for an answer of Raft's. A main loop that ended with the disk
// gives none.
func (n *Node) settled(f raft.Future) error {
	answer := make(chan error, 1)
	go func() { answer <- f.Error() }()
	select {
	case err := <-answer:
		return err
	case <-n.halted:
		return errHalted
	}
}

// running is Raft once it runs, else nil.
func (n *Node) running() *raft.Raft {
	select {
	case <-n.started:
		return n.raft
	default:
		return nil
	}
}

func (n *Node) setProblem(text string) { n.problem.Store(&text) }
