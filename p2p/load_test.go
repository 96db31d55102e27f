package p2p

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

func TestManyStreamsArriveWhole(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	admit(a, b)
	echo(t, a, "raft")
	echo(t, b, "raft")
	var all sync.WaitGroup
	for i := range 16 {
		from, to := a, "b"
		if i%2 == 1 {
			from, to = b, "a"
		}
		all.Go(func() {
			sent := make([]byte, 2<<20)
			for r, i := rand.New(rand.NewPCG(uint64(i), 1)), 0; i < len(sent); i++ {
				sent[i] = byte(r.Uint32())
			}
			c, err := from.Dial(t.Context(), to, "raft")
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			wrote := make(chan error, 1)
			go func() {
				_, err := c.Write(sent)
				wrote <- err
			}()
			got := make([]byte, len(sent))
			if _, err := io.ReadFull(c, got); err != nil {
				t.Error(err)
			} else if !bytes.Equal(sent, got) {
				t.Errorf("stream %d: what came back differs", i)
			}
			if err := <-wrote; err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestWritersOfOneStreamTakeTurns(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	admit(a, b)
	near, far := pipe(t, a, b)
	const writers, each, size = 8, 200, 4096
	for i := range writers {
		go func() {
			for range each {
				if _, err := near.Write(bytes.Repeat([]byte{byte(i)}, size)); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	far.SetReadDeadline(time.Now().Add(time.Minute)) // a bound, should the connection break
	record := make([]byte, size)
	var count [writers]int
	for range writers * each {
		if _, err := io.ReadFull(far, record); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(record, record[:1]); n != size {
			t.Fatalf("a record of writer %d has %d bytes of others", record[0], size-n)
		}
		count[record[0]]++
	}
	for i, n := range count {
		if n != each {
			t.Errorf("%d records of writer %d, want %d", n, i, each)
		}
	}
}

// TestStreamIsANetConn runs the conformance tests that Go has for net.Conn.
func TestStreamIsANetConn(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	admit(a, b)
	l := listen(t, b, "conn")
	nettest.TestConn(t, func() (net.Conn, net.Conn, func(), error) {
		near, err := a.Dial(t.Context(), "b", "conn")
		if err != nil {
			return nil, nil, nil, err
		}
		far, err := l.Accept()
		if err != nil {
			return nil, nil, nil, err
		}
		return near, far, func() { near.Close(); far.Close() }, nil
	})
}

func TestAllowListChangesUnderLoad(t *testing.T) {
	a, b := node(t, "a"), node(t, "b")
	admit(a, b)
	echo(t, a, "raft")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 25 {
				c, err := b.Dial(t.Context(), "a", "raft")
				if err != nil {
					continue // refused while it is off the list
				}
				fmt.Fprint(c, "x")
				c.Read(make([]byte, 1))
				c.Close()
			}
		})
	}
	for range 25 {
		a.SetPeers(nil)
		a.SetPeers([]Peer{b.asPeer()})
	}
	all.Wait()
	dial(t, b, "a", "raft")
	if got := a.Stats(); got.Strangers != 0 {
		t.Fatalf("an admitted peer is watched as a stranger: %+v", got)
	}
}

func TestCloseLeavesNothingBehind(t *testing.T) {
	a, b, stranger := node(t, "a"), node(t, "b"), node(t, "stranger")
	admit(a, b)
	stranger.SetPeers([]Peer{a.asPeer()})
	intrude(t, stranger, "a")
	near, _ := pipe(t, a, b)
	l := listen(t, a, "raft")
	dial(t, b, "a", "raft")
	reading, accepting := make(chan error, 1), make(chan error, 1)
	go func() { _, err := near.Read(make([]byte, 1)); reading <- err }()
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				accepting <- err
				return
			}
		}
	}()
	a.Close()
	a.Close()
	if <-reading == nil || <-accepting == nil {
		t.Fatal("a waiting call did not fail")
	}
	b.Close()
	stranger.Close()
	var stacks bytes.Buffer
	until(t, "no goroutine of the hosts is left", func() bool {
		stacks.Reset()
		pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		text := stacks.String()
		return !strings.Contains(text, "p2p.(*Host)") && !strings.Contains(text, "p2p.(*listener)") &&
			!strings.Contains(text, "net/swarm.") && !strings.Contains(text, "go-yamux")
	})
}
