package p2p

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// protocol is the wire name of a stream name.
func (h *Host) protocol(name string) (protocol.ID, error) {
	for _, r := range name {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return "", fmt.Errorf("the stream name %q may only have a-z, 0-9 and -", name)
		}
	}
	if name == "" {
		return "", errors.New("a stream needs a name of a-z, 0-9 and -")
	}
	return protocol.ID("/carbonledger/" + hex.EncodeToString(h.config.Genesis[:]) + "/" + name + "/1"), nil
}

// Listen accepts the streams of a name from admitted peers. Streams that nobody accepts wait, at most 64 of them; more
// are reset. Closing the listener resets the waiting ones, leaves accepted ones open, and ends Accept with net.ErrClosed.
// A name can have one listener at a time.
func (h *Host) Listen(name string) (net.Listener, error) {
	proto, err := h.protocol(name)
	if err != nil {
		return nil, fmt.Errorf("p2p: listen for %s: %w", name, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, fmt.Errorf("p2p: listen for %s: host %s: %w", name, h.config.Name, net.ErrClosed)
	}
	if h.listeners[proto] != nil {
		return nil, fmt.Errorf("p2p: listen for %s: it has a listener already: close that one first", name)
	}
	l := &listener{host: h, proto: proto, waiting: make(chan *conn, acceptBacklog), done: make(chan struct{})}
	h.listeners[proto] = l
	h.inside.AddHandler(proto, nil)
	return l, nil
}

// handle takes an inbound stream from libp2p: it negotiates the protocol, of which strangers are offered the hello only,
// and hands the stream to hello or listener. It runs in a goroutine of its own.
func (h *Host) handle(s network.Stream) {
	if !h.begin() {
		s.Reset()
		return
	}
	defer h.handlers.Done()
	from, ok := h.gate.enter(s.Conn())
	if !ok || s.SetDeadline(time.Now().Add(negotiateTimeout)) != nil {
		s.Reset()
		return
	}
	offered := h.porch
	if from != nil {
		offered = h.offeredTo(from)
	}
	proto, _, err := offered.Negotiate(s)
	if err == nil {
		err = s.SetProtocol(proto)
	}
	if err != nil {
		s.Reset()
		return
	}
	if proto == helloProtocol {
		h.answerHello(s, from != nil)
		return
	}
	h.mu.Lock()
	l := h.listeners[proto]
	h.mu.Unlock()
	if l == nil || s.SetDeadline(time.Time{}) != nil || !l.deliver(newConn(s, h.config.Name, from.name)) {
		s.Reset()
	}
}

type listener struct {
	host    *Host
	proto   protocol.ID
	waiting chan *conn
	done    chan struct{}

	mu     sync.Mutex
	closed bool
}

// deliver queues a stream, unless the queue is full or closed.
func (l *listener) deliver(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	select {
	case l.waiting <- c:
		return true
	default:
		l.host.log.Warn("stream reset: nobody accepts", "peer", c.remote, "protocol", l.proto, "waiting", len(l.waiting))
		return false
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.waiting:
		return c, nil
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "p2p", Addr: l.Addr(), Err: net.ErrClosed}
	}
}

func (l *listener) Addr() net.Addr { return addr(l.host.config.Name) }

func (l *listener) Close() error {
	l.host.mu.Lock()
	if l.host.listeners[l.proto] == l {
		delete(l.host.listeners, l.proto)
		l.host.inside.RemoveHandler(l.proto)
	}
	l.host.mu.Unlock()
	l.shut()
	return nil
}

func (l *listener) shut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.closed = true
	close(l.done)
	for {
		select {
		case c := <-l.waiting:
			c.stream.Reset()
		default:
			return
		}
	}
}

// addr is a node's name as a net.Addr.
type addr string

func (a addr) Network() string { return "p2p" }
func (a addr) String() string  { return string(a) }

// conn is a stream as a net.Conn. Errors but io.EOF are *net.OpError and name both ends. Reads, and Writes, take turns:
// two Writes at a time on one yamux stream overrun its window, on which the peer closes the whole connection
// (go-yamux v5.1.0; nettest's RacyWrite shows it).
type conn struct {
	stream        network.Stream
	local, remote addr
	reads, writes sync.Mutex
	closed        atomic.Bool
}

func newConn(s network.Stream, local, remote string) *conn {
	return &conn{stream: s, local: addr(local), remote: addr(remote)}
}

func (c *conn) Read(b []byte) (int, error) {
	c.reads.Lock()
	defer c.reads.Unlock()
	n, err := c.stream.Read(b)
	return n, c.explain("read", err)
}

func (c *conn) Write(b []byte) (int, error) {
	c.writes.Lock()
	defer c.writes.Unlock()
	n, err := c.stream.Write(b)
	return n, c.explain("write", err)
}

func (c *conn) Close() error {
	c.closed.Store(true)
	return c.stream.Close()
}

func (c *conn) LocalAddr() net.Addr           { return c.local }
func (c *conn) RemoteAddr() net.Addr          { return c.remote }
func (c *conn) SetDeadline(t time.Time) error { return c.explain("set", c.stream.SetDeadline(t)) }
func (c *conn) SetReadDeadline(t time.Time) error {
	return c.explain("set", c.stream.SetReadDeadline(t))
}
func (c *conn) SetWriteDeadline(t time.Time) error {
	return c.explain("set", c.stream.SetWriteDeadline(t))
}

// explain gives an error the form that users of net.Conn expect: after our Close it is net.ErrClosed, after the peer's
// io.EOF, after a deadline os.ErrDeadlineExceeded.
func (c *conn) explain(op string, err error) error {
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
		return nil
	case c.closed.Load():
		err = net.ErrClosed
	case err == io.EOF && op == "read":
		return err
	case errors.As(err, &timeout) && timeout.Timeout():
		err = os.ErrDeadlineExceeded
	}
	return &net.OpError{Op: op, Net: "p2p", Source: c.local, Addr: c.remote, Err: err}
}
