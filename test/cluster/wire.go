package cluster

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"

	"carbonledger/consensus"
	"carbonledger/tx"
)

// Wire carries streams between the nodes of a cluster through pipes. It can be
// cut between any two nodes, which also breaks what is open.
type Wire struct {
	mu        sync.Mutex
	listeners map[string]map[string]*listener
	cut       map[[2]string]bool
	open      map[*conn]bool
	// admits says whom a node lets in; a node that is not in it lets in all.
	admits map[string]map[string]bool
	// limits says of whom a node takes consensus.IntroducedStreams only.
	limits map[string]map[string]bool
	// mute streams carry nothing: see Mute.
	mute map[string]bool
}

// NewWire makes a wire that connects everyone.
func NewWire() *Wire {
	return &Wire{listeners: map[string]map[string]*listener{}, cut: map[[2]string]bool{}, open: map[*conn]bool{}, admits: map[string]map[string]bool{}, limits: map[string]map[string]bool{}, mute: map[string]bool{}}
}

// At is the wire as the node of this name sees it.
func (w *Wire) At(name string) consensus.Network { return port{w, name} }

// Cut separates a from each of others, both ways.
func (w *Wire) Cut(a string, others ...string) {
	w.mu.Lock()
	for _, b := range others {
		w.cut[[2]string{a, b}], w.cut[[2]string{b, a}] = true, true
	}
	w.mu.Unlock()
	w.hangUp(func(c *conn) bool { return w.cut[[2]string{c.local, c.remote}] })
}

// Mute holds up, or lets through again, all streams of a name, as a peer does
// that is too slow for them.
func (w *Wire) Mute(stream string, on bool) {
	w.mu.Lock()
	w.mute[stream] = on
	w.mu.Unlock()
	w.hangUp(func(c *conn) bool { return on && c.stream == stream })
}

// Open is how many streams two nodes have between each other.
func (w *Wire) Open(a, b string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.open {
		if c.local == a && c.remote == b {
			n++
		}
	}
	return n
}

// admit makes a node let in nobody but these, the introduced ones to some streams
// only, and closes what it has open with others, as the real host does.
func (w *Wire) admit(name string, all, introduced []tx.Validator) {
	names, limited := map[string]bool{name: true}, map[string]bool{}
	for _, v := range all {
		names[v.Name] = true
	}
	for _, v := range introduced {
		names[v.Name], limited[v.Name] = true, true
	}
	w.mu.Lock()
	w.admits[name], w.limits[name] = names, limited
	w.mu.Unlock()
	w.hangUp(func(c *conn) bool { return c.local == name && !names[c.remote] || c.remote == name && !names[c.local] })
}

// hangUp closes streams; which is called with the lock held.
func (w *Wire) hangUp(which func(*conn) bool) {
	w.mu.Lock()
	var broken []*conn
	for c := range w.open {
		if which(c) {
			broken = append(broken, c)
		}
	}
	w.mu.Unlock()
	for _, c := range broken {
		_ = c.Close()
	}
}

// strangers says whether one of two nodes does not let the other in. Callers
// hold the lock.
func (w *Wire) strangers(a, b string) bool {
	return w.admits[a] != nil && !w.admits[a][b] || w.admits[b] != nil && !w.admits[b][a]
}

// Leave breaks every stream of a node, as the end of its host does.
func (w *Wire) Leave(name string) {
	w.hangUp(func(c *conn) bool { return c.local == name || c.remote == name })
}

// Heal connects everyone again.
func (w *Wire) Heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.cut)
}

type port struct {
	wire *Wire
	name string
}

func (p port) Listen(name string) (net.Listener, error) {
	w := p.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.listeners[p.name] == nil {
		w.listeners[p.name] = map[string]*listener{}
	}
	if w.listeners[p.name][name] != nil {
		return nil, fmt.Errorf("cluster: %s listens for %s already", p.name, name)
	}
	l := &listener{port: p, name: name, accept: make(chan net.Conn), closed: make(chan struct{})}
	w.listeners[p.name][name] = l
	return l, nil
}

func (p port) Dial(ctx context.Context, to, name string) (net.Conn, error) {
	w := p.wire
	w.mu.Lock()
	if w.strangers(p.name, to) || w.limits[to][p.name] && !slices.Contains(consensus.IntroducedStreams(), name) {
		w.mu.Unlock()
		return nil, fmt.Errorf("cluster: %s and %s do not admit each other", p.name, to)
	}
	if w.cut[[2]string{p.name, to}] || w.mute[name] {
		w.mu.Unlock()
		// A cut line says nothing: the caller finds out when its time is up.
		<-ctx.Done()
		return nil, fmt.Errorf("cluster: %s to %s: %w", p.name, to, ctx.Err())
	}
	l := w.listeners[to][name]
	if l == nil {
		w.mu.Unlock()
		return nil, fmt.Errorf("cluster: %s does not listen for %s", to, name)
	}
	near, far := net.Pipe()
	a, b := &conn{near, w, name, p.name, to}, &conn{far, w, name, to, p.name}
	w.open[a], w.open[b] = true, true
	w.mu.Unlock()
	select {
	case l.accept <- b:
		return a, nil
	case <-l.closed:
	case <-ctx.Done():
	}
	_, _ = a.Close(), b.Close()
	return nil, fmt.Errorf("cluster: %s does not accept %s", to, name)
}

type listener struct {
	port   port
	name   string
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() {
		l.port.wire.mu.Lock()
		delete(l.port.wire.listeners[l.port.name], l.name)
		l.port.wire.mu.Unlock()
		close(l.closed)
	})
	return nil
}

func (l *listener) Addr() net.Addr { return address(l.port.name) }

// address is a node's name as a net.Addr.
type address string

func (a address) Network() string { return "pipe" }
func (a address) String() string  { return string(a) }

type conn struct {
	net.Conn
	wire                  *Wire
	stream, local, remote string
}

func (c *conn) LocalAddr() net.Addr  { return address(c.local) }
func (c *conn) RemoteAddr() net.Addr { return address(c.remote) }

func (c *conn) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.open, c)
	c.wire.mu.Unlock()
	return c.Conn.Close()
}
