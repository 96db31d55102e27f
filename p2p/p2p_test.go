package p2p

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

var genesis = [32]byte{1, 2, 3}

// node starts a host on a free loopback port; change may alter its configuration before.
func node(t *testing.T, name string, change ...func(*Config)) *Host {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Name: name, Key: key, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Genesis: genesis, Version: 1,
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, f := range change {
		f(&c)
	}
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	h.SetPeers(nil)
	return h
}

func (h *Host) asPeer() Peer {
	return Peer{Name: h.config.Name, Key: h.config.Key.Public().(ed25519.PublicKey), Address: h.Address()}
}

// admit puts all hosts on each other's list.
func admit(hosts ...*Host) {
	var all []Peer
	for _, h := range hosts {
		all = append(all, h.asPeer())
	}
	for _, h := range hosts {
		h.SetPeers(all)
	}
}

func listen(t *testing.T, h *Host, name string) net.Listener {
	t.Helper()
	l, err := h.Listen(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// echo serves a name until its listener closes.
func echo(t *testing.T, h *Host, name string) {
	t.Helper()
	l := listen(t, h, name)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
}

func dial(t *testing.T, h *Host, to, name string) net.Conn {
	t.Helper()
	c, err := h.Dial(t.Context(), to, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// pipe is one stream from a to b: a's end and b's end.
func pipe(t *testing.T, a, b *Host) (net.Conn, net.Conn) {
	t.Helper()
	l := listen(t, b, "pipe")
	near := dial(t, a, b.config.Name, "pipe")
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	l.Close()
	return near, far
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, c net.Conn, text string) {
	t.Helper()
	b := make([]byte, len(text))
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	if string(b) != text {
		t.Fatalf("heard %q, want %q", b, text)
	}
}

// until polls a condition of running hosts, a bounded number of times.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 6000 {
		if ok() {
			return
		}
		<-tick.C
	}
	t.Fatalf("never came true: %s", what)
}

// refused checks that a Dial fails for this reason, in words that name all of these.
func refused(t *testing.T, h *Host, to, name string, reason error, words ...string) {
	t.Helper()
	c, err := h.Dial(t.Context(), to, name)
	if err == nil {
		c.Close()
		t.Fatalf("%s reached %s, want %q", h.config.Name, to, reason)
	}
	t.Log(err)
	if !errors.Is(err, reason) {
		t.Fatalf("%v is not %q", err, reason)
	}
	for _, w := range append(words, "p2p: dial "+to+": ") {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not contain %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q has more than one line", err)
	}
}

func TestAdmittedPeersTalkUnderTheirNames(t *testing.T) {
	a, b := node(t, "wuhan-1"), node(t, "shanghai-1")
	admit(a, b)
	near, far := pipe(t, a, b)
	for _, end := range []struct{ got, want string }{
		{near.LocalAddr().String(), "wuhan-1"}, {near.RemoteAddr().String(), "shanghai-1"},
		{far.LocalAddr().String(), "shanghai-1"}, {far.RemoteAddr().String(), "wuhan-1"},
	} {
		if end.got != end.want {
			t.Errorf("address %s, want %s", end.got, end.want)
		}
	}
	say(t, near, "hello")
	hear(t, far, "hello")
	say(t, far, "and back")
	hear(t, near, "and back")
	near.Close()
	if _, err := far.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("after the peer's Close: %v, want EOF", err)
	}
	if got := b.Stats(); len(got.Peers) != 1 || got.Peers[0] != "wuhan-1" || got.Strangers != 0 {
		t.Fatalf("stats %+v", got)
	}
}

func TestPeerReachesBackOverTheConnectionOfTheOther(t *testing.T) {
	server := node(t, "server")
	client := node(t, "client", func(c *Config) { c.Listen = nil })
	admit(server, client)
	refused(t, server, "client", "pipe", ErrUnreachable, "no address")
	pipe(t, client, server)
	pipe(t, server, client)
}

func TestRemovedPeerIsCutOff(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	admit(a, b)
	near, far := pipe(t, b, a)
	echo(t, a, "pipe")
	dial(t, b, "a", "pipe")

	a.SetPeers(nil)
	if _, err := near.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Fatalf("the peer's end after the removal: %v, want a reset", err)
	}
	if _, err := far.Read(make([]byte, 1)); err == nil || err == io.EOF {
		t.Fatalf("our end after the removal: %v, want a reset", err)
	}
	refused(t, b, "a", "pipe", ErrNotAdmitted, "its allow list")
	refused(t, a, "b", "pipe", ErrNotAdmitted, "no peer of this name")
	until(t, "no connection is left", func() bool { return len(a.swarm.Conns()) == 0 })

	admit(a, b)
	dial(t, b, "a", "pipe")
}

func TestPeerWithANewKeyIsCutOff(t *testing.T) {
	a, b, c := node(t, "a"), node(t, "b"), node(t, "c")
	admit(a, b)
	near, _ := pipe(t, b, a)
	heir := c.asPeer()
	heir.Name = "b"
	a.SetPeers([]Peer{heir})
	if _, err := near.Read(make([]byte, 1)); err == nil {
		t.Fatal("the old key still has its stream")
	}
	echo(t, a, "pipe")
	refused(t, b, "a", "pipe", ErrNotAdmitted)
}

func TestRenamedPeerComesBackUnderItsNewName(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	admit(a, b)
	near, _ := pipe(t, b, a)
	renamed := b.asPeer()
	renamed.Name = "b-2"
	a.SetPeers([]Peer{renamed})
	if _, err := near.Read(make([]byte, 1)); err == nil {
		t.Fatal("a stream under the old name is still open")
	}
	_, far := pipe(t, b, a)
	if got := far.RemoteAddr().String(); got != "b-2" {
		t.Fatalf("it comes as %s", got)
	}
}

func TestDeadlines(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	admit(a, b)
	near, far := pipe(t, a, b)
	near.SetReadDeadline(time.Unix(1, 0))
	_, err := near.Read(make([]byte, 1))
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("read after its deadline: %v, want a timeout", err)
	}
	say(t, near, "writes go on")
	hear(t, far, "writes go on")
	near.SetDeadline(time.Time{})
	say(t, far, "reads again")
	hear(t, near, "reads again")

	// A deadline ends a Read that waits already, and a Write that the peer does not read.
	waiting := make(chan error, 1)
	go func() { _, err := far.Read(make([]byte, 1)); waiting <- err }()
	far.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if err := <-waiting; !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("waiting read: %v, want a timeout", err)
	}
	near.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	for range 64 {
		if _, err = near.Write(chunk); err != nil {
			break
		}
	}
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Fatalf("write that nobody reads: %v, want a timeout", err)
	}
}

func TestClosedConn(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	admit(a, b)
	near, far := pipe(t, a, b)
	say(t, near, "last words")
	near.Close()
	hear(t, far, "last words")
	if _, err := near.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("read after Close: %v, want net.ErrClosed", err)
	}
	if _, err := near.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("write after Close: %v, want net.ErrClosed", err)
	}
}

func TestListenerCloses(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	admit(a, b)
	l := listen(t, a, "raft")
	if _, err := a.Listen("raft"); err == nil || !strings.Contains(err.Error(), "has a listener already") {
		t.Fatalf("second listener: %v", err)
	}
	taken := dial(t, b, "a", "raft")
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	left := dial(t, b, "a", "raft")
	ended := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			_ = c // stays open: it was accepted
		}
	}()
	l.Close()
	l.Close()
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Fatalf("Accept: %v, want net.ErrClosed", err)
	}
	say(t, far, "accepted streams live on")
	hear(t, taken, "accepted streams live on")
	left.Close()
	refused(t, b, "a", "raft", ErrUnreachable, `does not serve "raft" now`)
	echo(t, a, "raft")
	c := dial(t, b, "a", "raft")
	say(t, c, "again")
	hear(t, c, "again")
}

func TestFullQueueResets(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	admit(a, b)
	l := listen(t, a, "raft")
	waiting := l.(*listener).waiting
	conns := make([]net.Conn, 0, acceptBacklog)
	for range acceptBacklog {
		conns = append(conns, dial(t, b, "a", "raft"))
	}
	until(t, "the queue is full", func() bool { return len(waiting) == acceptBacklog })
	over, err := b.Dial(t.Context(), "a", "raft") // the reset may come before or after the answer
	if err == nil {
		_, err = over.Read(make([]byte, 1))
	} else if !errors.Is(err, ErrUnreachable) {
		t.Fatalf("one stream too many: %v, want unreachable", err)
	}
	if err == nil || err == io.EOF {
		t.Fatalf("one stream too many: %v, want a reset", err)
	}
	l.Close()
	for _, c := range conns {
		if _, err := c.Read(make([]byte, 1)); err == nil || err == io.EOF {
			t.Fatalf("a waiting stream of a closed listener: %v, want a reset", err)
		}
	}
}

func TestReconnectRightAfterARestart(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	admit(a, b)
	pipe(t, a, b)
	address, peers := b.Address(), []Peer{a.asPeer()}
	again := func(c *Config) { c.Key, c.Listen = b.config.Key, []string{address} }
	b.Close()
	for range 10 { // each failure would lengthen libp2p's back-off, which starts at 5 s
		refused(t, a, "b", "pipe", ErrUnreachable, "connection refused")
	}
	b2 := node(t, "b", again)
	b2.SetPeers(peers)
	echo(t, b2, "pipe")
	var c net.Conn
	var err error
	for range 3 { // without a pause in between: a back-off would fail all of them
		if c, err = a.Dial(t.Context(), "b", "pipe"); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	say(t, c, "back")
	hear(t, c, "back")
}

func TestRestartUnderAnOpenConnection(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	admit(a, b)
	for range 5 {
		pipe(t, a, b)
		c := b.config
		c.Listen = []string{b.Address()}
		peers := []Peer{a.asPeer()}
		b.Close()
		b = node(t, "b", func(n *Config) { n.Key, n.Listen = c.Key, c.Listen })
		b.SetPeers(peers)
		l := listen(t, b, "first")
		dial(t, a, "b", "first").Close() // the old connection is not in its way
		l.Close()
	}
}

func TestUnreachable(t *testing.T) {
	a, b, c := node(t, "a"), node(t, "b"), node(t, "c")
	admit(a, b)
	refused(t, a, "nobody", "raft", ErrNotAdmitted, "no peer of this name")
	refused(t, a, "b", "raft", ErrUnreachable, `does not serve "raft" now`)

	wrong := b.asPeer()
	wrong.Address = c.Address()
	a.SetPeers([]Peer{wrong})
	until(t, "the old connection is gone or cut", func() bool { a.swarm.ClosePeer(a.gate.member("b").id); return len(a.swarm.Conns()) == 0 })
	refused(t, a, "b", "raft", ErrUnreachable, "has the key ed25519:", "check the address and the key")

	wrong.Address = "b:7000"
	a.SetPeers([]Peer{wrong})
	refused(t, a, "b", "raft", ErrUnreachable, `"b:7000"`, "/ip4/10.1.2.3/tcp/7000")

	a.SetPeers([]Peer{b.asPeer()}) // and back
	echo(t, b, "raft")
	dial(t, a, "b", "raft")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Dial(ctx, "a", "raft"); err == nil {
		t.Fatal("a cancelled dial succeeds")
	}
	if _, err := a.Dial(t.Context(), "b", "No Such/Name"); err == nil {
		t.Fatal("a malformed name is accepted")
	}
	a.Close()
	if _, err := a.Dial(t.Context(), "b", "raft"); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("after Close: %v", err)
	}
	if _, err := a.Listen("raft"); !errors.Is(err, net.ErrClosed) {
		t.Fatalf("after Close: %v", err)
	}
}
