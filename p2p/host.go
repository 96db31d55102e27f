package p2p

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/net/upgrader"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
)

// libp2p logs to stderr, process-wide, and reports an orderly shutdown as an error. What matters is logged here; its own
// lines come when its environment variable asks for them.
func init() {
	if os.Getenv("GOLOG_LOG_LEVEL") == "" {
		gologshim.SetDefaultHandler(slog.DiscardHandler)
	}
}

// A Peer is one line of the allow list.
type Peer struct {
	Name    string            // what RemoteAddr shows and Dial takes; unique in a list
	Key     ed25519.PublicKey // 32 bytes; unique in a list
	Address string            // multiaddr such as /ip4/10.1.2.3/tcp/7000 or /dns4/wuhan-1/tcp/7000; empty when only the peer dials
	Streams []string          // names of the streams that it may open here, beside the hello; nil for all
}

// Config is what a Host needs to know for its whole life.
type Config struct {
	Name    string             // our own name, as others' allow lists should have it
	Key     ed25519.PrivateKey // 64 bytes, as crypto/ed25519 has it; the caller keeps it
	Listen  []string           // multiaddrs, TCP only; port 0 takes a free port; none: this host only dials
	Genesis [32]byte           // hash of the ledger's genesis document
	Version uint32             // highest ledger protocol version that this binary supports; told in the hello, never a reason to refuse
	Logger  *slog.Logger       // nil: slog.Default()
}

// A Host is this node's end of the network. Its methods are safe for concurrent use.
type Host struct {
	config Config
	log    *slog.Logger
	gate   *gate
	swarm  *swarm.Swarm
	book   peerstore.Peerstore
	limits network.ResourceManager
	inside *multistream.MultistreamMuxer[protocol.ID] // protocols for admitted peers
	porch  *multistream.MultistreamMuxer[protocol.ID] // protocols for strangers: hello

	peersMu sync.Mutex // one SetPeers at a time

	mu        sync.Mutex
	closed    bool
	listeners map[protocol.ID]*listener
	handlers  sync.WaitGroup
	closing   sync.Once
}

// New listens at once, but admits nobody before SetPeers. It fails when any of the addresses cannot be had.
func New(c Config) (*Host, error) {
	if len(c.Key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("p2p: the key of %s has %d bytes, want an Ed25519 private key of %d", c.Name, len(c.Key), ed25519.PrivateKeySize)
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	h := &Host{
		config:    c,
		log:       c.Logger,
		inside:    multistream.NewMultistreamMuxer[protocol.ID](),
		porch:     multistream.NewMultistreamMuxer[protocol.ID](),
		listeners: make(map[protocol.ID]*listener),
	}
	h.inside.AddHandler(helloProtocol, nil)
	h.porch.AddHandler(helloProtocol, nil)
	h.gate = newGate(c.Logger)
	if err := h.open(); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// open builds the libp2p parts by hand instead of through libp2p.New: a swarm without identify, ping, address
// exchange and NAT services leaves a stranger nothing to talk to, and puts no address into the book but ours.
func (h *Host) open() error {
	key, err := crypto.UnmarshalEd25519PrivateKey(h.config.Key)
	if err != nil {
		return fmt.Errorf("p2p: the key of %s: %w", h.config.Name, err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return fmt.Errorf("p2p: the key of %s: %w", h.config.Name, err)
	}
	if h.book, err = pstoremem.NewPeerstore(); err != nil {
		return fmt.Errorf("p2p: make the address book: %w", err)
	}
	if h.limits, err = newResourceManager(); err != nil {
		return fmt.Errorf("p2p: make the limits: %w", err)
	}
	muxers := []upgrader.StreamMuxer{{ID: yamux.ID, Muxer: newMuxer()}}
	secure, err := libp2ptls.New(libp2ptls.ID, key, muxers)
	if err != nil {
		return fmt.Errorf("p2p: make the TLS identity: %w", err)
	}
	up, err := upgrader.New([]sec.SecureTransport{secure}, muxers, nil, h.limits, h.gate, upgrader.WithAcceptTimeout(acceptTimeout))
	if err != nil {
		return fmt.Errorf("p2p: make the upgrader: %w", err)
	}
	// With SO_REUSEPORT a second process would silently share our port.
	transport, err := tcp.NewTCPTransport(up, h.limits, nil, tcp.DisableReuseport(), tcp.WithConnectionTimeout(acceptTimeout))
	if err != nil {
		return fmt.Errorf("p2p: make the TCP transport: %w", err)
	}
	h.swarm, err = swarm.NewSwarm(id, h.book, eventbus.NewBus(),
		swarm.WithConnectionGater(h.gate),
		swarm.WithResourceManager(h.limits),
		swarm.WithDialTimeout(dialTimeout),
		swarm.WithDialRanker(swarm.NoDelayDialRanker),
		swarm.WithUDPBlackHoleSuccessCounter(nil),
		swarm.WithIPv6BlackHoleSuccessCounter(nil))
	if err != nil {
		return fmt.Errorf("p2p: make the swarm: %w", err)
	}
	if err := h.swarm.AddTransport(transport); err != nil {
		return fmt.Errorf("p2p: add the TCP transport: %w", err)
	}
	h.swarm.SetStreamHandler(h.handle)
	h.swarm.Notify(&network.NotifyBundle{
		ConnectedF: func(_ network.Network, c network.Conn) { h.gate.connected(c) },
		DisconnectedF: func(_ network.Network, c network.Conn) {
			if !h.gate.disconnected(c) {
				h.book.RemovePeer(c.RemotePeer()) // libp2p keeps the key of everyone who ever connected
			}
		},
		ListenCloseF: func(_ network.Network, a multiaddr.Multiaddr) {
			if h.errClosed() == nil {
				h.log.Error("stopped listening: peers cannot dial this node until it is restarted", "address", a)
			}
		},
	})
	return h.listen()
}

func (h *Host) listen() error {
	for _, a := range h.config.Listen {
		address, err := multiaddr.NewMultiaddr(a)
		if err != nil {
			return fmt.Errorf("p2p: listen on %q: %w: write it like /ip4/0.0.0.0/tcp/7000", a, err)
		}
		err = h.swarm.AddListenAddr(address)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			return fmt.Errorf("p2p: listen on %s: %w: another process holds this port (perhaps this node, started twice): stop it or choose another port", a, err)
		case errors.Is(err, syscall.EADDRNOTAVAIL):
			return fmt.Errorf("p2p: listen on %s: %w: this machine does not have that address: use one of its own, or /ip4/0.0.0.0/tcp/<port> for all", a, err)
		case errors.Is(err, swarm.ErrNoTransport):
			return fmt.Errorf("p2p: listen on %s: %w: only TCP is spoken: write it like /ip4/0.0.0.0/tcp/7000", a, err)
		case err != nil:
			return fmt.Errorf("p2p: listen on %s: %w: check the address and the right to open it", a, err)
		}
	}
	return nil
}

// Address is the first address that the host listens on, with its true port, as a multiaddr; empty when it does not listen.
func (h *Host) Address() string {
	for _, a := range h.swarm.ListenAddresses() {
		return a.String()
	}
	return ""
}

// Stats is what the host is connected to at this moment.
type Stats struct {
	Peers     []string // names of the connected admitted peers, sorted
	Strangers int      // connections of others, at most maxStrangers
}

// Stats reads the present connections.
func (h *Host) Stats() Stats {
	var s Stats
	for _, id := range h.swarm.Peers() {
		if m := h.gate.memberOf(id); m != nil {
			s.Peers = append(s.Peers, m.name)
		}
	}
	slices.Sort(s.Peers)
	s.Strangers = h.gate.strangersNow()
	return s
}

// Close closes every listener, stream and connection and returns when all goroutines of the host have ended.
// What was written but not yet read by the peer may be lost. A second Close does nothing.
func (h *Host) Close() error {
	h.closing.Do(func() {
		h.mu.Lock()
		h.closed = true
		listeners := h.listeners
		h.listeners = nil
		h.mu.Unlock()
		for _, l := range listeners {
			l.shut()
		}
		if h.swarm != nil {
			h.swarm.Close()
		}
		h.handlers.Wait()
		for _, c := range []io.Closer{h.book, h.limits} {
			if c != nil {
				c.Close()
			}
		}
	})
	return nil
}

// begin counts a handler in, unless the host is closing.
func (h *Host) begin() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.handlers.Add(1)
	return true
}

func (h *Host) errClosed() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return fmt.Errorf("host %s: %w", h.config.Name, net.ErrClosed)
	}
	return nil
}

// short is the beginning of a hash, long enough to tell two of them apart.
func short(hash [32]byte) string { return hex.EncodeToString(hash[:8]) + "…" }
