package p2p

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multistream"
)

// Why a Dial failed; test with errors.Is.
var (
	// ErrNotAdmitted: one of the two nodes does not have the other on its allow list.
	ErrNotAdmitted = errors.New("not admitted")
	// ErrOtherGenesis: the peer runs another ledger. The message has the beginnings of both hashes.
	ErrOtherGenesis = errors.New("it runs another genesis")
	// ErrOtherVersion: the peer speaks no hello that we understand.
	ErrOtherVersion = errors.New("it speaks another version")
	// ErrUnreachable: nobody with the peer's key answers at its address, or it does not serve this name now. Try again later.
	ErrUnreachable = errors.New("unreachable")
)

// Dial opens a stream of a name to a peer of the allow list, over an open connection or a new one. It takes at most
// 10 seconds. The stream is served: the peer listened on this name when it was opened. The error wraps one of
// ErrNotAdmitted, ErrOtherGenesis, ErrOtherVersion, ErrUnreachable, or net.ErrClosed after Close, and says what to do.
func (h *Host) Dial(ctx context.Context, to, name string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	s, err := h.dial(ctx, to, name)
	if err == nil {
		return newConn(s, h.config.Name, to), nil
	}
	if closed := h.errClosed(); closed != nil {
		err = closed
	}
	return nil, fmt.Errorf("p2p: dial %s: %w", to, err)
}

func (h *Host) dial(ctx context.Context, to, name string) (network.Stream, error) {
	proto, err := h.protocol(name)
	if err != nil {
		return nil, err
	}
	m := h.gate.member(to)
	if m == nil {
		return nil, fmt.Errorf("%w: %s has no peer of this name on its allow list: check the name, or have it added", ErrNotAdmitted, h.config.Name)
	}
	// An open connection may be one whose peer is gone, and a refusal one that ends while we ask: hence a second try.
	var last error
	for range 2 {
		c, err := h.connect(ctx, m)
		if err != nil {
			return nil, err
		}
		s, err := openStream(ctx, c, proto)
		if err == nil {
			return s, nil
		}
		if !c.IsClosed() && ctx.Err() == nil {
			err = h.askWhy(ctx, c)
		}
		switch {
		case errors.Is(err, ErrNotAdmitted), errors.Is(err, ErrOtherGenesis), errors.Is(err, ErrOtherVersion):
			c.Close() // of no use to either side
			h.gate.refused(m, err)
			return nil, err
		case err == nil:
			last = fmt.Errorf("%w: it does not serve %q now: it may be starting, stopping or overloaded: try again", ErrUnreachable, name)
		case ctx.Err() != nil:
			return nil, fmt.Errorf("%w: it is connected but does not answer: %w: try again, and look at its load", ErrUnreachable, ctx.Err())
		default:
			last = fmt.Errorf("%w: it drops the connection: %w: try again, and look at its log", ErrUnreachable, err)
		}
	}
	return nil, last
}

// connect returns an open connection to a peer, dialing when there is none. A forced dial skips libp2p's back-off,
// which would keep us from a restarted peer for 5 seconds and more.
func (h *Host) connect(ctx context.Context, m *member) (network.Conn, error) {
	c, err := h.swarm.DialPeer(network.WithForceDirectDial(ctx, "no back-off"), m.id)
	if err == nil {
		return c, nil
	}
	var all *swarm.DialError
	if errors.As(err, &all) {
		if len(all.DialErrors) > 0 {
			err = all.DialErrors[0].Cause // one address, one cause: the rest of the text repeats it over several lines
		} else if all.Cause != nil {
			err = all.Cause
		}
	}
	var other sec.ErrPeerIDMismatch
	switch {
	case m.address == nil && m.addressErr != nil:
		return nil, fmt.Errorf("%w: it is not connected, and %w", ErrUnreachable, m.addressErr)
	case m.address == nil:
		return nil, fmt.Errorf("%w: it is not connected, and no address is known: wait for it to dial, or add its address", ErrUnreachable)
	case errors.As(err, &other):
		return nil, fmt.Errorf("%w: the node at %s has the key %s, not %s: check the address and the key", ErrUnreachable, m.address, keyText(other.Actual), keyText(m.id))
	case errors.Is(err, swarm.ErrNoGoodAddresses):
		return nil, fmt.Errorf("%w: the name in %s does not resolve, or the address is our own: check it", ErrUnreachable, m.address)
	case errors.Is(err, swarm.ErrGaterDisallowedConnection):
		return nil, fmt.Errorf("%w: it left the allow list of %s meanwhile", ErrNotAdmitted, h.config.Name)
	}
	return nil, fmt.Errorf("%w at %s: %w: check that it runs, its address, and the network between", ErrUnreachable, m.address, err)
}

// openStream opens a stream on this very connection and waits until the peer has agreed to the protocol.
func openStream(ctx context.Context, c network.Conn, proto protocol.ID) (network.Stream, error) {
	s, err := c.NewStream(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	err = multistream.SelectProtoOrFail(proto, s)
	if err == nil {
		err = s.SetProtocol(proto)
	}
	if !stop() {
		err = ctx.Err()
	}
	if err != nil {
		s.Reset()
		return nil, err
	}
	return s, nil
}
