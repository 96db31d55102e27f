package p2p

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"
)

// helloProtocol is the one protocol that strangers may speak, and the one without the genesis hash.
const helloProtocol protocol.ID = "/carbonledger/hello/1"

// helloFormat is the major version of the hello message. Another one is the only version that is refused; what
// the ledger's protocol version allows is the ledger's own decision. A later hello of format 1 may append bytes,
// which are not read.
const helloFormat = 1

const helloSize = 38

// hello is what each side of a hello stream sends once, the one that opened it at once, in 38 bytes: format, 1 when the receiver is
// admitted else 0, version (4, big-endian), genesis hash (32).
type hello struct {
	admitted bool
	version  uint32
	genesis  [32]byte
}

func (h hello) encode() []byte {
	b := make([]byte, 0, helloSize)
	b = append(b, helloFormat, 0)
	if h.admitted {
		b[1] = 1
	}
	b = binary.BigEndian.AppendUint32(b, h.version)
	return append(b, h.genesis[:]...)
}

func decodeHello(b []byte) (hello, error) {
	if len(b) < helloSize {
		return hello{}, fmt.Errorf("a hello of %d bytes, want %d", len(b), helloSize)
	}
	if b[0] != helloFormat {
		return hello{}, fmt.Errorf("%w (its hello has format %d, ours %d): run the same release on both", ErrOtherVersion, b[0], helloFormat)
	}
	h := hello{admitted: b[1] == 1, version: binary.BigEndian.Uint32(b[2:6])}
	copy(h.genesis[:], b[6:helloSize])
	return h, nil
}

// sayHello writes our hello.
func (h *Host) sayHello(s network.Stream, admitted bool) error {
	ours := hello{admitted: admitted, version: h.config.Version, genesis: h.config.Genesis}
	if _, err := s.Write(ours.encode()); err != nil {
		return fmt.Errorf("say hello: %w", err)
	}
	return nil
}

// hearHello reads theirs.
func hearHello(s network.Stream) (hello, error) {
	b := make([]byte, helloSize)
	if _, err := io.ReadFull(s, b); err != nil {
		return hello{}, fmt.Errorf("hear hello: %w", err)
	}
	return decodeHello(b)
}

// answerHello serves one hello stream, whose deadline is set. It hears before it says, because the other side hangs up
// as soon as it knows why it is refused, and what is then on its way gets lost.
func (h *Host) answerHello(s network.Stream, admitted bool) {
	theirs, err := hearHello(s)
	if err == nil {
		err = h.sayHello(s, admitted)
	}
	switch {
	case err != nil:
		s.Reset()
		h.gate.greeted(s.Conn(), err.Error(), theirs)
	case theirs.genesis != h.config.Genesis:
		s.Close()
		h.gate.greeted(s.Conn(), fmt.Sprintf("%v (ours %s)", ErrOtherGenesis, short(h.config.Genesis)), theirs)
	case !admitted:
		s.Close()
		h.gate.greeted(s.Conn(), ErrNotAdmitted.Error(), theirs)
	default:
		s.Close()
	}
}

// askWhy says hello over a connection on which a stream was refused. The error is the peer's reason; nil means
// that the peer would serve us.
func (h *Host) askWhy(ctx context.Context, c network.Conn) error {
	s, err := openStream(ctx, c, helloProtocol)
	if errors.Is(err, multistream.ErrNotSupported[protocol.ID]{}) {
		return fmt.Errorf("%w: it does not speak %s: run the same release on both", ErrOtherVersion, helloProtocol)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	err = h.sayHello(s, true)
	var theirs hello
	if err == nil {
		theirs, err = hearHello(s)
	}
	if !stop() {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	if theirs.genesis != h.config.Genesis {
		return fmt.Errorf("%w (theirs %s, ours %s): ask its operator for the genesis document of this ledger and compare",
			ErrOtherGenesis, short(theirs.genesis), short(h.config.Genesis))
	}
	if !theirs.admitted {
		return fmt.Errorf("%w: the key of %s, %s, is not on its allow list: have it added there, or wait until that node has caught up",
			ErrNotAdmitted, h.config.Name, keyText(c.LocalPeer()))
	}
	return nil
}
