package p2p

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// intrude connects without asking for anything.
func intrude(t *testing.T, h *Host, to string) network.Conn {
	t.Helper()
	c, err := h.connect(t.Context(), h.gate.member(to))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStrangerLearnsWhyAndIsSentAway(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	a.gate.life = time.Hour // nobody is connected yet; only the hello can end a stranger's connection
	b.SetPeers([]Peer{a.asPeer()})
	echo(t, a, "raft")
	refused(t, b, "a", "raft", ErrNotAdmitted, "the key of b, "+keyText(b.swarm.LocalPeer()))

	c := intrude(t, b, "a")
	for _, name := range []string{"raft", "blocks"} {
		proto, _ := a.protocol(name)
		if _, err := openStream(t.Context(), c, proto); err == nil {
			t.Fatalf("a stranger has a stream of %s", name)
		}
	}
	for _, proto := range []protocol.ID{"/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0", "/libp2p/circuit/relay/0.2.0/hop"} {
		if _, err := openStream(t.Context(), c, proto); err == nil {
			t.Fatalf("a stranger has a stream of %s", proto)
		}
	}
	if err := b.askWhy(t.Context(), c); err == nil {
		t.Fatal("a stranger is told that it would be served")
	}
	until(t, "the stranger is disconnected after its hello", func() bool { return a.Stats().Strangers == 0 && c.IsClosed() })

	a.SetPeers([]Peer{b.asPeer()})
	dial(t, b, "a", "raft").Close()
}

func TestStrangerAdmittedWhileConnectedStays(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	b.SetPeers([]Peer{a.asPeer()})
	echo(t, a, "raft")
	c := intrude(t, b, "a")
	until(t, "the stranger is watched", func() bool { return a.Stats().Strangers == 1 })
	a.SetPeers([]Peer{b.asPeer()})
	dial(t, b, "a", "raft")
	if c.IsClosed() || a.Stats().Strangers != 0 {
		t.Fatal("its connection was not taken over")
	}
}

func TestSilentStrangerIsSentAway(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	a.gate.life = time.Millisecond
	b.SetPeers([]Peer{a.asPeer()})
	c := intrude(t, b, "a")
	until(t, "the stranger is disconnected", func() bool { return a.Stats().Strangers == 0 && c.IsClosed() })
}

func TestStrangerGetsFewStreams(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	b.SetPeers([]Peer{a.asPeer()})
	c := intrude(t, b, "a")
	open := 0
	for range 4 * strangerStreams {
		if _, err := openStream(t.Context(), c, helloProtocol); err == nil {
			open++
		}
	}
	if open != strangerStreams {
		t.Fatalf("%d streams, want %d", open, strangerStreams)
	}
}

func TestStrangersCannotKeepPeersOut(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	a.gate.life = time.Hour // so that they stay however slow this machine is
	admit(a, b)
	echo(t, a, "raft")
	for i := range maxStrangers + 8 {
		s := node(t, fmt.Sprintf("stranger-%d", i), func(c *Config) { c.Listen = nil })
		s.SetPeers([]Peer{a.asPeer()})
		s.connect(t.Context(), s.gate.member("a"))
	}
	until(t, "all places for strangers are taken", func() bool { return a.Stats().Strangers == maxStrangers })
	dial(t, b, "a", "raft")
	late := node(t, "late")
	late.SetPeers([]Peer{a.asPeer()})
	refused(t, late, "a", "raft", ErrUnreachable, "drops the connection")
}

func TestOtherGenesis(t *testing.T) {
	a := node(t, "a")
	b := node(t, "b", func(c *Config) { c.Genesis = [32]byte{9, 8, 7} })
	admit(a, b)
	echo(t, a, "raft")
	echo(t, b, "raft")
	refused(t, a, "b", "raft", ErrOtherGenesis, "theirs 0908070000000000…", "ours 0102030000000000…", "ask its operator")
	refused(t, b, "a", "raft", ErrOtherGenesis, "theirs 0102030000000000…", "ours 0908070000000000…")
	a.SetPeers(nil)
	refused(t, b, "a", "raft", ErrOtherGenesis, "theirs 0102030000000000…") // a stranger of another genesis learns the same
}

func TestOtherVersion(t *testing.T) {
	a, b := node(t, "a"), node(t, "b", func(c *Config) { c.Version = 7 })
	admit(a, b)
	echo(t, b, "raft")
	dial(t, a, "b", "raft").Close() // a ledger version is no reason to refuse
	l := listen(t, b, "other")
	l.Close()

	b.swarm.SetStreamHandler(func(s network.Stream) {
		if proto, _, err := b.porch.Negotiate(s); err != nil || proto != helloProtocol {
			s.Reset()
			return
		}
		s.Write(append([]byte{helloFormat + 1}, make([]byte, helloSize)...))
		s.CloseWrite()
	})
	refused(t, a, "b", "other", ErrOtherVersion, "format 2, ours 1", "same release")

	b.porch.RemoveHandler(helloProtocol)
	refused(t, a, "b", "other", ErrOtherVersion, "does not speak /carbonledger/hello/1")
}

func TestSetPeersLeavesOutWhatIsMalformed(t *testing.T) {
	a, b, c := node(t, "a"), node(t, "b"), node(t, "c")
	twin := b.asPeer()
	twin.Name = "twin"
	namesake := c.asPeer()
	namesake.Name = "b"
	noKey := Peer{Name: "d", Key: ed25519.PublicKey{1}, Address: b.Address()}
	a.SetPeers([]Peer{a.asPeer(), b.asPeer(), twin, namesake, noKey, {}})
	b.SetPeers([]Peer{a.asPeer()})
	pipe(t, a, b)
	for _, name := range []string{"a", "twin", "d", ""} {
		if a.gate.member(name) != nil {
			t.Errorf("%q is admitted", name)
		}
	}
	if len(a.gate.byID) != 1 {
		t.Errorf("%d peers are admitted, want b alone", len(a.gate.byID))
	}
	for _, address := range []string{"/ip4/127.0.0.1", "/ip4/127.0.0.1/udp/1/quic-v1", "/p2p/" + b.swarm.LocalPeer().String(), b.Address() + "/p2p/" + c.swarm.LocalPeer().String()} {
		p := b.asPeer()
		p.Address = address
		if m, err := a.member(p); err != nil || m.addressErr == nil {
			t.Errorf("the address %s is taken", address)
		}
	}
	p := b.asPeer()
	p.Address += "/p2p/" + b.swarm.LocalPeer().String()
	if m, err := a.member(p); err != nil || m.addressErr != nil || m.address.String() != b.Address() {
		t.Errorf("the address %s is not taken: %v", p.Address, m.addressErr)
	}
}

func TestNewNamesWhatItCannotListenOn(t *testing.T) {
	a := node(t, "a")
	for address, words := range map[string]string{
		a.Address():                    "another process holds this port",
		"/ip4/192.0.2.1/tcp/0":         "this machine does not have that address",
		"/ip4/127.0.0.1/udp/0/quic-v1": "only TCP",
		"127.0.0.1:7000":               "write it like",
	} {
		c := a.config
		c.Listen = []string{"/ip4/127.0.0.1/tcp/0", address}
		h, err := New(c)
		if err == nil {
			h.Close()
			t.Errorf("listens on %s", address)
			continue
		}
		t.Log(err)
		if !strings.Contains(err.Error(), address) || !strings.Contains(err.Error(), words) {
			t.Errorf("%v does not name %s and %q", err, address, words)
		}
	}
	if _, err := New(Config{Name: "keyless"}); err == nil || !strings.Contains(err.Error(), "keyless") {
		t.Errorf("a host without a key: %v", err)
	}
}

func TestSilentPeerDoesNotHoldDial(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	admit(a, b)
	b.swarm.SetStreamHandler(func(network.Stream) {}) // connected, and never a word
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := a.Dial(ctx, "b", "raft"); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Fatalf("dial: %v", err)
	}
}

func TestHelloIsRead(t *testing.T) {
	for _, h := range []hello{{}, {admitted: true, version: 1<<32 - 1, genesis: genesis}} {
		got, err := decodeHello(h.encode())
		if err != nil || got != h || len(h.encode()) != helloSize {
			t.Errorf("%+v comes back as %+v, %v", h, got, err)
		}
	}
}

func FuzzHello(f *testing.F) {
	f.Add(hello{admitted: true, version: 3, genesis: genesis}.encode())
	f.Add([]byte{2})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeHello(b)
		if err != nil {
			return
		}
		if got := h.encode(); !bytes.Equal(got[2:], b[2:helloSize]) {
			t.Fatalf("%x is read as %+v", b, h)
		}
	})
}

var _ interface {
	net.Conn
	io.ReadWriteCloser
} = (*conn)(nil)

// TestLimitedPeer: a peer that is admitted to some streams only is reset on the
// others, and lifted by a list that admits it to all.
func TestLimitedPeer(t *testing.T) {
	a, b := node(t, "wuhan-1"), node(t, "shanghai-1")
	a.SetPeers([]Peer{b.asPeer()})
	limited := a.asPeer()
	limited.Streams = []string{"raft"}
	b.SetPeers([]Peer{limited})
	echo(t, b, "raft")
	echo(t, b, "submit")
	c := dial(t, a, "shanghai-1", "raft")
	say(t, c, "block")
	hear(t, c, "block")
	refused(t, a, "shanghai-1", "submit", ErrUnreachable, "does not serve")
	b.SetPeers([]Peer{a.asPeer()})
	all := dial(t, a, "shanghai-1", "submit")
	say(t, all, "transaction")
	hear(t, all, "transaction")
	limited.Streams = []string{"No Such Name"}
	b.SetPeers([]Peer{limited})
	refused(t, a, "shanghai-1", "raft", ErrNotAdmitted)
}

// TestBeforeTheFirstList: a node that is starting is not there yet; nobody is
// refused as a stranger, on either side.
func TestBeforeTheFirstList(t *testing.T) {
	a := node(t, "wuhan-1")
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	b, err := New(Config{Name: "shanghai-1", Key: key, Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Genesis: genesis, Version: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	a.SetPeers([]Peer{b.asPeer()})
	refused(t, a, "shanghai-1", "raft", ErrUnreachable)
	echo(t, b, "raft")
	b.SetPeers([]Peer{a.asPeer()})
	var c net.Conn
	until(t, "it is there", func() bool {
		c, err = a.Dial(t.Context(), "shanghai-1", "raft")
		return err == nil
	})
	say(t, c, "block")
	hear(t, c, "block")
	c.Close()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(log.String(), "refused") {
		t.Errorf("a peer was refused: %s", &log)
	}
}
