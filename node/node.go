package node

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"carbonledger/consensus"
	"carbonledger/consensus/raftlog"
	"carbonledger/genesis"
	"carbonledger/node/api"
	"carbonledger/node/datadir"
	"carbonledger/node/publish"
	"carbonledger/p2p"
	"carbonledger/state"
	"carbonledger/state/disk"
	"carbonledger/tx"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Node is a validator that runs.
type Node struct {
	config Config
	log    *slog.Logger

	dir       *datadir.Dir
	host      *p2p.Host
	raftLog   *raftlog.Store
	consensus *consensus.Node
	api       *api.Server
	metrics   *metrics
	pages     *http.Server
	// pageListener is where pages are served; nil for nowhere.
	pageListener net.Listener
	// publisher and log are nil where the genesis document names no log; log also
	// where nobody is to fetch it here.
	publisher   *publish.Publisher
	logPages    *http.Server
	logListener net.Listener

	// failed is closed when the node cannot go on; failure then says why.
	failed   chan struct{}
	failOnce sync.Once
	failure  error
	work     sync.WaitGroup
	stopping chan struct{}
}

// keptSnapshots is how many of Raft's snapshots stay on the disk.
const keptSnapshots = 2

// Start opens everything in order. What was opened is closed again if a later
// step fails. The node takes part as soon as its peers let it.
func Start(c Config) (*Node, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := errors.Join(c.Check(), c.CheckFiles()); err != nil {
		return nil, err
	}
	n := &Node{config: c, log: c.Logger, failed: make(chan struct{}), stopping: make(chan struct{}), metrics: newMetrics()}
	if err := n.open(); err != nil {
		return nil, errors.Join(err, n.abort())
	}
	n.run(n.watch)
	n.run(func() { n.watchBooks(conservationEvery) })
	n.run(n.servePages)
	n.run(n.serveLog)
	n.run(func() {
		if err := n.api.Serve(); err != nil {
			n.fail(err)
		}
	})
	return n, nil
}

// open takes the data directory's lock and the ports before anything begins.
func (n *Node) open() (err error) {
	if n.dir, err = datadir.Open(n.config.Data, n.config.Passphrase); err != nil {
		return err
	}
	path := n.config.Genesis
	if path == "" {
		path = n.dir.Genesis()
	}
	document, err := genesis.Read(path)
	if err != nil {
		return err
	}
	founding := document.Founding()
	if err := n.checkIdentity(&founding); err != nil {
		return err
	}
	if err := n.openHost(&founding); err != nil {
		return err
	}
	n.api, err = api.NewServer(n.config.apiConfig(), &backend{n})
	if err != nil {
		return err
	}
	if err := n.openPages(); err != nil {
		return err
	}
	n.raftLog, err = raftlog.Open(n.dir.RaftLog(), raftlog.Options{
		OnFailure: n.fail, Logger: n.log, Synced: func(took time.Duration) { n.metrics.fsync.Observe(took.Seconds()) },
	})
	if err != nil {
		return err
	}
	if err := n.openLog(&founding); err != nil {
		return err
	}
	if err := n.startConsensus(founding); err != nil {
		return err
	}
	return n.startPublisher(&founding)
}

// checkIdentity refuses a data directory that is not the one which genesis
// names: its keys or its incarnation are another's.
func (n *Node) checkIdentity(f *tx.Founding) error {
	incarnation := sha256Of(n.dir.Incarnation())
	for _, v := range f.Validators {
		if v.Name == n.dir.Name() && (string(v.NodeKey) != string(n.nodeKey().Public().Key) || string(v.IncarnationSha256) != string(incarnation[:])) {
			return fmt.Errorf("node: genesis names the validator %s with another node key or incarnation than %s has: use the data directory of that line, or a genesis made with this one's line; after a lost disk make a directory with a new name and have it admitted", v.Name, n.config.Data)
		}
	}
	return nil
}

func sha256Of(b [32]byte) [32]byte { return sha256.Sum256(b[:]) }

func (n *Node) nodeKey() tx.PrivateKey {
	k, err := tx.NewPrivateKey(tx.Ed25519, n.dir.NodeKey().Seed())
	if err != nil {
		panic(fmt.Sprintf("node: the data directory gave a node key that is none: %v", err))
	}
	return k
}

func (n *Node) openHost(f *tx.Founding) (err error) {
	listen := n.config.P2PListen
	if len(listen) == 0 {
		listen = []string{n.dir.P2PAddress()}
	}
	n.host, err = p2p.New(p2p.Config{
		Name: n.dir.Name(), Key: n.dir.NodeKey(), Listen: listen, Genesis: f.Hash, Version: state.ProtocolVersion, Logger: n.log,
	})
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("node: %v is in use: stop the other program, or choose another address with --p2p-listen: %w", listen, err)
	}
	return err
}

func (n *Node) startConsensus(f tx.Founding) error {
	timing, err := n.config.timing()
	if err != nil {
		return err
	}
	snapshots, err := raft.NewFileSnapshotStoreWithLogger(n.dir.Snapshots(), keptSnapshots, hclog.NewNullLogger())
	if err != nil {
		return fmt.Errorf("node: open the snapshots in %s: %w", n.dir.Snapshots(), err)
	}
	introduce, err := n.introduction(&f)
	if err != nil {
		return err
	}
	n.consensus, err = consensus.Start(consensus.Config{
		Name: n.dir.Name(), Incarnation: sha256Of(n.dir.Incarnation()), Key: n.nodeKey(),
		Founding: f, Verifier: tx.NewVerifier(f.Hash), PrimarySite: n.config.PrimarySite,
		StateDir: n.dir.State(), Log: n.raftLog, Snapshots: snapshots, Network: n.host, Timing: timing,
		CheckConservation: n.config.CheckConservation,
		OnValidators:      n.setPeers,
		Introduce:         introduce,
		FreeDisk:          func() (uint64, error) { return freeDisk(n.dir.Path()) },
		MinFreeDisk:       n.config.MinFreeDisk,
		SnapshotLogBytes:  n.config.MaxRaftLog,
		Observer:          n.metrics.observer(),
		Logger:            n.log,
	})
	return n.remedy(err)
}

// remedy says what helps against a damaged state, which nothing else depends
// on. What helps against a damaged Raft log that says itself.
func (n *Node) remedy(err error) error {
	if errors.Is(err, disk.ErrDamaged) && strings.Contains(err.Error(), n.dir.State()) {
		return fmt.Errorf("%w; once the disk is good, move %s away and start: it is made again from the newest snapshot and the Raft log; if the node stops again, its snapshot has the fault: treat the disk as lost", err, n.dir.State())
	}
	return err
}

// setPeers admits the validators that the ledger lists, and those that were
// introduced to blocks and snapshots alone.
func (n *Node) setPeers(listed, introduced []tx.Validator) {
	var peers []p2p.Peer
	add := func(all []tx.Validator, streams []string) {
		for _, v := range all {
			if v.Name != n.dir.Name() {
				peers = append(peers, p2p.Peer{Name: v.Name, Key: v.NodeKey, Address: v.Address, Streams: streams})
			}
		}
	}
	add(listed, nil)
	add(introduced, consensus.IntroducedStreams())
	n.host.SetPeers(peers)
}

// introduction reads the file of --introduce, if there is one.
func (n *Node) introduction(f *tx.Founding) (func([]tx.Validator) ([]tx.Validator, error), error) {
	if n.config.Introduce == "" {
		return nil, nil
	}
	i, err := genesis.ReadIntroduction(n.config.Introduce)
	if err != nil {
		return nil, err
	}
	return func(trusted []tx.Validator) ([]tx.Validator, error) { return i.Current(f.Hash, trusted) }, nil
}

// openPages listens for the Prometheus page.
func (n *Node) openPages() (err error) {
	n.metrics.registry.MustRegister(statusCollector{n})
	n.metrics.registry.MustRegister(n.api.Collectors()...)
	if n.config.MetricsListen == "" {
		return nil
	}
	n.pageListener, err = net.Listen("tcp", n.config.MetricsListen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("node: %s is in use: stop the other program, or choose another address with --metrics-listen", n.config.MetricsListen)
	}
	if err != nil {
		return fmt.Errorf("node: listen on %s: %w", n.config.MetricsListen, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.metrics.registry, promhttp.HandlerOpts{}))
	n.pages = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second}
	return nil
}

func (n *Node) servePages() {
	if n.pages == nil {
		return
	}
	if err := n.pages.Serve(n.pageListener); !errors.Is(err, http.ErrServerClosed) {
		n.log.Error("node: the metrics page ended", "error", err)
	}
}

func (n *Node) run(f func()) { n.work.Go(f) }

// servingEvery is how often the answer to health checks is renewed.
const servingEvery = 200 * time.Millisecond

// watch renews the health answer and notices when consensus cannot go on.
func (n *Node) watch() {
	tick := time.NewTicker(servingEvery)
	defer tick.Stop()
	for {
		select {
		case <-n.stopping:
			return
		case <-n.consensus.Done():
			n.fail(n.remedy(n.consensus.Err()))
			return
		case <-tick.C:
			n.api.SetServing(n.consensus.Status().Serving)
		}
	}
}

// fail ends the node for good; the first reason counts.
func (n *Node) fail(err error) {
	n.failOnce.Do(func() {
		n.failure = err
		close(n.failed)
	})
}

// Failed is closed when the node cannot go on; Err then says why.
func (n *Node) Failed() <-chan struct{} { return n.failed }

// Err is nil until Failed is closed.
func (n *Node) Err() error {
	select {
	case <-n.failed:
		return n.failure
	default:
		return nil
	}
}

// Name of the validator.
func (n *Node) Name() string { return n.dir.Name() }

// APIAddress is host:port of the gRPC service.
func (n *Node) APIAddress() string { return n.api.Address() }

// P2PAddress is the multiaddr that the host listens on.
func (n *Node) P2PAddress() string { return n.host.Address() }

// MetricsAddress is host:port of the Prometheus page, empty for none.
func (n *Node) MetricsAddress() string {
	if n.pageListener == nil {
		return ""
	}
	return n.pageListener.Addr().String()
}

// Stop takes no more requests, lets those in progress finish, hands over
// leadership and closes everything. When ctx is done it gives up and says so.
func (n *Node) Stop(ctx context.Context) error {
	close(n.stopping)
	n.api.SetServing(false)
	done := make(chan error, 1)
	go func() {
		drained, cancel := context.WithTimeout(ctx, drainTime)
		defer cancel()
		err := n.api.Shutdown(drained)
		if n.pages != nil {
			err = errors.Join(err, n.pages.Close())
		}
		err = errors.Join(err, n.stopLog())
		err = errors.Join(err, n.consensus.Shutdown(ctx))
		n.work.Wait()
		done <- errors.Join(err, n.close())
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("node: %s did not stop in order in time; what it acknowledged is safe in the Raft log", n.Name())
	}
}

const drainTime = 5 * time.Second

// abort undoes what open did before it failed.
func (n *Node) abort() error {
	errs := []error{n.stopLog()}
	if n.consensus != nil {
		errs = append(errs, n.consensus.Shutdown(context.Background()))
	}
	if n.pageListener != nil {
		errs = append(errs, n.pageListener.Close())
	}
	if n.logListener != nil {
		errs = append(errs, n.logListener.Close())
	}
	if n.api != nil {
		errs = append(errs, n.api.Shutdown(context.Background()))
	}
	return errors.Join(append(errs, n.close())...)
}

// close closes what is open, consensus aside, in the opposite order.
func (n *Node) close() error {
	var errs []error
	if n.raftLog != nil {
		errs = append(errs, n.raftLog.Close())
	}
	if n.host != nil {
		errs = append(errs, n.host.Close())
	}
	if n.dir != nil {
		errs = append(errs, n.dir.Close())
	}
	return errors.Join(errs...)
}
