package p2p

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
)

// member is a peer on the allow list.
type member struct {
	name       string
	id         peer.ID
	address    multiaddr.Multiaddr // nil when the list gives none that can be used; then addressErr says why
	addressErr error
	only       map[protocol.ID]bool // what it may open here; nil for everything
}

// offeredTo is what an admitted peer may choose from.
func (h *Host) offeredTo(m *member) *multistream.MultistreamMuxer[protocol.ID] {
	if m.only == nil {
		return h.inside
	}
	offered := multistream.NewMultistreamMuxer[protocol.ID]()
	offered.AddHandler(helloProtocol, nil)
	h.mu.Lock()
	defer h.mu.Unlock()
	for proto := range h.listeners {
		if m.only[proto] {
			offered.AddHandler(proto, nil)
		}
	}
	return offered
}

// stranger is an open connection of a peer that is not on the allow list.
type stranger struct {
	end     *time.Timer
	streams int
}

// gate is the allow list and the watch over strangers. libp2p asks its Intercept methods for new connections only, which
// is why SetPeers closes old ones, and why streams are judged again when they come.
type gate struct {
	log  *slog.Logger
	life time.Duration // of a stranger's connection before its hello: strangerLife

	mu        sync.Mutex
	byID      map[peer.ID]*member
	byName    map[string]*member
	strangers map[network.Conn]*stranger
	quiet     time.Time // no log line about strangers before
	unlogged  int
	talk      map[string]*talk
}

// talk is what was logged about a member lately. One that refuses us, or runs another genesis, is connected
// and disconnected many times a second, for as long as the two run.
type talk struct {
	since   time.Time // of the present span
	lines   int
	refused time.Time // no line about its refusal before
}

const (
	talkSpan  = 10 * time.Second
	talkLines = 6 // a span at the level of operators, more only for debugging
)

// talkOf is what was logged about a member in this span. Callers hold the lock.
func (g *gate) talkOf(name string) *talk {
	t := g.talk[name]
	if t == nil {
		t = &talk{}
		g.talk[name] = t
	}
	if now := time.Now(); now.Sub(t.since) >= talkSpan {
		t.since, t.lines = now, 0
	}
	return t
}

// level for one more line about a member. Callers hold the lock.
func (g *gate) level(name string) slog.Level {
	t := g.talkOf(name)
	if t.lines++; t.lines > talkLines {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// refused logs why a member does not serve us, at most once in a span.
func (g *gate) refused(m *member, why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t, now := g.talkOf(m.name), time.Now(); !now.Before(t.refused) {
		t.refused = now.Add(talkSpan)
		g.log.Warn("peer refuses us", "peer", m.name, "reason", why)
	}
}

func newGate(log *slog.Logger) *gate {
	return &gate{log: log, life: strangerLife, strangers: make(map[network.Conn]*stranger), talk: make(map[string]*talk)}
}

// SetPeers replaces the allow list and the address book. Open connections close for every peer that is not in the new
// list under its old name and key; a stranger that is now in it may stay. Our own key is skipped. A peer whose key is
// malformed, or whose key or name stands in the list twice, is left out and logged; one whose address is
// malformed is admitted but can only dial us.
func (h *Host) SetPeers(peers []Peer) {
	h.peersMu.Lock()
	defer h.peersMu.Unlock()
	byID, byName := make(map[peer.ID]*member), make(map[string]*member)
	for _, p := range peers {
		m, err := h.member(p)
		switch {
		case err != nil:
		case m.id == h.swarm.LocalPeer():
			continue
		case byID[m.id] != nil:
			err = fmt.Errorf("p2p: peer %s has the key of %s: give each its own", p.Name, byID[m.id].name)
		case byName[m.name] != nil:
			err = fmt.Errorf("p2p: peer %s stands in the list twice: give each key its own name", p.Name)
		}
		if err != nil {
			h.log.Error("peer not admitted", "peer", p.Name, "err", err)
			continue
		}
		if m.addressErr != nil {
			h.log.Error("peer can only dial us", "peer", p.Name, "err", m.addressErr)
		}
		byID[m.id], byName[m.name] = m, m
	}
	for id, m := range byID { // without a moment in which an unchanged peer has no address
		old := h.gate.memberOf(id)
		if m.address != nil {
			h.book.AddAddr(id, m.address, peerstore.PermanentAddrTTL)
		}
		if old != nil && old.address != nil && (m.address == nil || !m.address.Equal(old.address)) {
			h.book.SetAddr(id, old.address, 0)
		}
	}
	for _, m := range h.gate.replace(byID, byName) {
		if byID[m.id] == nil {
			h.book.ClearAddrs(m.id)
		}
		h.log.Info("peer left the allow list", "peer", m.name)
		if err := h.swarm.ClosePeer(m.id); err != nil {
			h.log.Debug("close connections", "peer", m.name, "err", err)
		}
	}
}

func (h *Host) member(p Peer) (*member, error) {
	if p.Name == "" {
		return nil, errors.New("p2p: a peer without a name: give it one")
	}
	if len(p.Key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("p2p: the key of peer %s has %d bytes, want %d: correct it", p.Name, len(p.Key), ed25519.PublicKeySize)
	}
	key, err := crypto.UnmarshalEd25519PublicKey(bytes.Clone(p.Key))
	if err != nil {
		return nil, fmt.Errorf("p2p: the key of peer %s: %w", p.Name, err)
	}
	id, err := peer.IDFromPublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("p2p: the key of peer %s: %w", p.Name, err)
	}
	m := &member{name: p.Name, id: id}
	for _, name := range p.Streams {
		proto, err := h.protocol(name)
		if err != nil {
			return nil, fmt.Errorf("p2p: peer %s: %w", p.Name, err)
		}
		if m.only == nil {
			m.only = map[protocol.ID]bool{}
		}
		m.only[proto] = true
	}
	if p.Address == "" {
		return m, nil
	}
	a, err := multiaddr.NewMultiaddr(p.Address)
	if err == nil {
		a, err = tcpOnly(a, id)
	}
	if err != nil {
		m.addressErr = fmt.Errorf("the address %q of peer %s: %w: write it like /ip4/10.1.2.3/tcp/7000", p.Address, p.Name, err)
		return m, nil
	}
	m.address = a
	return m, nil
}

// tcpOnly takes an address that ends in /tcp/<port>, or in this and /p2p/<the peer's id>, which is cut off.
func tcpOnly(a multiaddr.Multiaddr, id peer.ID) (multiaddr.Multiaddr, error) {
	rest, theirs := peer.SplitAddr(a)
	if theirs != "" && theirs != id {
		return nil, fmt.Errorf("it names the peer id %s, but the key gives %s", theirs, id)
	}
	if rest == nil {
		return nil, errors.New("it has no host and port")
	}
	if _, last := multiaddr.SplitLast(rest); last == nil || last.Protocol().Code != multiaddr.P_TCP {
		return nil, errors.New("it does not end in a TCP port")
	}
	return rest, nil
}

// replace installs a list and returns the members whose connections must close.
func (g *gate) replace(byID map[peer.ID]*member, byName map[string]*member) (gone []*member) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for id, old := range g.byID {
		if now := byID[id]; now == nil || now.name != old.name {
			gone = append(gone, old)
		}
	}
	g.byID, g.byName = byID, byName
	for c, s := range g.strangers {
		if byID[c.RemotePeer()] != nil {
			s.end.Stop()
			delete(g.strangers, c)
		}
	}
	return gone
}

func (g *gate) memberOf(id peer.ID) *member {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.byID[id]
}

func (g *gate) member(name string) *member {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.byName[name]
}

func (g *gate) strangersNow() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.strangers)
}

// connected starts the watch over a stranger. A list that changed during the handshake is seen here: SetPeers
// closes what is open after it has changed the list, and this runs after a connection counts as open.
func (g *gate) connected(c network.Conn) {
	g.mu.Lock()
	m := g.byID[c.RemotePeer()]
	full := m == nil && len(g.strangers) >= maxStrangers // two handshakes at the last free place
	if m == nil && !full {
		g.strangers[c] = &stranger{end: time.AfterFunc(g.life, func() { c.Close() })}
	}
	level := slog.LevelInfo
	if m != nil {
		level = g.level(m.name)
	}
	g.mu.Unlock()
	switch {
	case m != nil:
		g.log.Log(context.Background(), level, "peer connected", "peer", m.name, "direction", c.Stat().Direction, "address", c.RemoteMultiaddr())
	case full:
		c.Close()
	}
}

// disconnected ends the watch and tells whether the peer is admitted.
func (g *gate) disconnected(c network.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.strangers[c]; s != nil {
		s.end.Stop()
		delete(g.strangers, c)
	}
	m := g.byID[c.RemotePeer()]
	if m != nil {
		g.log.Log(context.Background(), g.level(m.name), "peer disconnected", "peer", m.name, "address", c.RemoteMultiaddr())
	}
	return m != nil
}

// enter judges a new inbound stream: the peer when it is admitted, else whether it may still say hello.
func (g *gate) enter(c network.Conn) (m *member, hello bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m := g.byID[c.RemotePeer()]; m != nil {
		return m, true
	}
	s := g.strangers[c]
	if s == nil || s.streams >= strangerStreams {
		return nil, false
	}
	s.streams++
	return nil, true
}

// greeted leaves a stranger that has said hello the time to read the answer, and logs it, at most once in ten seconds.
func (g *gate) greeted(c network.Conn, reason string, theirs hello) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.strangers[c]; s != nil {
		s.end.Reset(strangerGrace)
	}
	now := time.Now()
	if now.Before(g.quiet) {
		g.unlogged++
		return
	}
	g.log.Warn("peer refused", "reason", reason, "key", keyText(c.RemotePeer()), "address", c.RemoteMultiaddr(),
		"genesis", short(theirs.genesis), "version", theirs.version, "others since the last line", g.unlogged)
	g.quiet, g.unlogged = now.Add(10*time.Second), 0
}

// keyText is the key inside a peer id, as configuration files write it.
func keyText(id peer.ID) string {
	key, err := id.ExtractPublicKey()
	if err != nil {
		return id.String()
	}
	raw, err := key.Raw()
	if err != nil || key.Type() != crypto.Ed25519 {
		return id.String()
	}
	return "ed25519:" + hex.EncodeToString(raw)
}

// InterceptPeerDial lets us dial admitted peers only.
func (g *gate) InterceptPeerDial(id peer.ID) bool { return g.memberOf(id) != nil }

// InterceptAddrDial allows every address: the book has only those of the allow list.
func (g *gate) InterceptAddrDial(peer.ID, multiaddr.Multiaddr) bool { return true }

// InterceptAccept allows every connection whose key we do not know yet; newResourceManager bounds their number. Before
// the first list there is nobody to admit: a peer that dials a node which is starting finds it not there yet, and is
// not told that it is a stranger.
func (g *gate) InterceptAccept(network.ConnMultiaddrs) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.byID != nil
}

// InterceptSecured turns strangers away at the door when there are too many inside.
func (g *gate) InterceptSecured(d network.Direction, id peer.ID, _ network.ConnMultiaddrs) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.byID[id] != nil || d == network.DirInbound && len(g.strangers) < maxStrangers
}

// InterceptUpgraded has nothing left to ask.
func (g *gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
