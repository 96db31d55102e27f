package consensus

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/hashicorp/raft"
	"golang.org/x/time/rate"
)

// Names of the streams between validators.
const (
	raftStream   = "raft"
	submitStream = "submit"
	reportStream = "report"
	askStream    = "ask"
)

// rpcTimeout bounds one message of Raft; for snapshots Raft multiplies it by
// their size.
const rpcTimeout = 10 * time.Second

// transport is Raft's own transport over our streams, with three changes.
//
// Heartbeats are answered on Raft's main loop like every other message:
// SetHeartbeatHandler, whose fast path lets replicas commit different values
// (hashicorp/raft#695), does nothing. What a peer acknowledges to have stored
// is remembered on its behalf (memory.go). Snapshots are sent no faster than
// the limit, because heartbeats share the connection.
//
// Messages are not pipelined, so AppendEntries below sees every one.
//
// Its streams end with hangUp; Raft would leave those that peers opened, and
// wait at its end for those that carry a snapshot.
type transport struct {
	*raft.NetworkTransport
	memory *memory
	limit  *rate.Limiter
	ctx    context.Context
	hangUp context.CancelFunc
}

func newTransport(c *Config, l net.Listener, m *memory) *transport {
	ctx, cancel := context.WithCancel(context.Background())
	return &transport{
		ctx: ctx, hangUp: cancel,
		NetworkTransport: raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
			Stream:          &streamLayer{Listener: l, network: c.Network, ctx: ctx},
			MaxPool:         3,
			MaxRPCsInFlight: 1,
			Timeout:         rpcTimeout,
			Logger:          newRaftLogger(c.Logger),
		}),
		memory: m,
		limit:  rate.NewLimiter(rate.Limit(c.SnapshotBytesPerSecond), 256<<10),
	}
}

// SetHeartbeatHandler ignores the fast path, as raft.Transport allows.
func (t *transport) SetHeartbeatHandler(func(raft.RPC)) {}

// AppendEntries remembers what the peer says that it has stored.
func (t *transport) AppendEntries(id raft.ServerID, target raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	err := t.NetworkTransport.AppendEntries(id, target, args, resp)
	if err == nil && resp.Success && len(args.Entries) > 0 {
		last := args.Entries[len(args.Entries)-1]
		t.memory.stored(id, seen{Term: last.Term, Index: last.Index, Office: args.Term})
	}
	return err
}

// InstallSnapshot sends a snapshot within the rate limit.
func (t *transport) InstallSnapshot(id raft.ServerID, target raft.ServerAddress, args *raft.InstallSnapshotRequest, resp *raft.InstallSnapshotResponse, data io.Reader) error {
	return t.NetworkTransport.InstallSnapshot(id, target, args, resp, &limitedReader{t.ctx, data, t.limit})
}

type limitedReader struct {
	ctx   context.Context
	from  io.Reader
	limit *rate.Limiter
}

func (r *limitedReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p[:min(len(p), r.limit.Burst())])
	if n > 0 {
		if e := r.limit.WaitN(r.ctx, n); e != nil && err == nil {
			err = e
		}
	}
	return n, err
}

// streamLayer lets Raft dial peers by name. Its streams end with its context.
type streamLayer struct {
	net.Listener
	network Network
	ctx     context.Context
}

func (s *streamLayer) Accept() (net.Conn, error) {
	c, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return s.tie(c), nil
}

func (s *streamLayer) Dial(to raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, timeout)
	defer cancel()
	c, err := s.network.Dial(ctx, string(to), raftStream)
	if err != nil {
		return nil, err
	}
	return s.tie(c), nil
}

func (s *streamLayer) tie(c net.Conn) net.Conn {
	return &tiedConn{c, context.AfterFunc(s.ctx, func() { _ = c.Close() })}
}

type tiedConn struct {
	net.Conn
	untie func() bool
}

func (c *tiedConn) Close() error {
	c.untie()
	return c.Conn.Close()
}
