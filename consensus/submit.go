package consensus

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"carbonledger/tx"
)

// Submit commits transactions in the given order and returns a receipt for
// each. It works on any node, and goes on through changes of leader until ctx
// is done. Its errors are a *Refused (nothing happened), ErrNoLeader,
// ErrOverloaded, ErrDiskFull and ErrStopping (nothing happened), or
// ErrUnknownOutcome.
func (n *Node) Submit(ctx context.Context, raws [][]byte) ([]tx.Receipt, error) {
	if len(raws) == 0 {
		return nil, nil
	}
	if err := checkSizes(raws); err != nil {
		return nil, err
	}
	if _, err := n.verify(raws); err != nil {
		return nil, err
	}
	unknown := false
	for {
		receipts, err := n.submitOnce(ctx, raws)
		if err == nil {
			return receipts, nil
		}
		unknown = unknown || errors.Is(err, ErrUnknownOutcome)
		if !errors.Is(err, ErrUnknownOutcome) && !errors.Is(err, ErrNoLeader) && !unknown {
			return nil, err
		}
		select {
		case <-ctx.Done():
			if unknown {
				return nil, fmt.Errorf("consensus: %w (%v)", ErrUnknownOutcome, ctx.Err())
			}
			return nil, fmt.Errorf("consensus: %w", err)
		case <-n.done:
			if unknown {
				return nil, fmt.Errorf("consensus: %w: the node stopped", ErrUnknownOutcome)
			}
			return nil, ErrStopping
		case <-time.After(retryAfter):
			// The same bytes again are always safe: the first receipt answers.
		}
	}
}

// checkSizes refuses what the leader would not read.
func checkSizes(raws [][]byte) error {
	total := 0
	for i, raw := range raws {
		if len(raw) > tx.MaxTransactionBytes {
			return &Refused{i, &tx.Rejection{Reason: tx.TooLarge, Have: tx.MaxTransactionBytes, Want: int64(len(raw))}}
		}
		total += len(raw)
	}
	if total > maxForwardBytes || len(raws) > maxForwardBytes/8 {
		return fmt.Errorf("%w: %d transactions of %d MiB in one request: send fewer", ErrOverloaded, len(raws), total>>20)
	}
	return nil
}

const retryAfter = 25 * time.Millisecond

func (n *Node) submitOnce(ctx context.Context, raws [][]byte) ([]tx.Receipt, error) {
	if full := n.diskFull(); full != nil {
		return nil, full
	}
	switch leader := n.leader(); leader {
	case "":
		return nil, ErrNoLeader
	case n.cfg.Name:
		return n.submitHere(ctx, raws)
	default:
		return n.forward(ctx, leader, raws)
	}
}

// Codes of an answer to forwarded transactions.
const (
	codeReceipts = iota
	codeNoLeader
	codeOverloaded
	codeUnknown
	codeRejected
	codeDiskFull
)

// maxForwardBytes bounds what one forwarded request may hold.
const maxForwardBytes = 64 << 20

// forward sends the same bytes to the leader.
func (n *Node) forward(ctx context.Context, leader string, raws [][]byte) ([]tx.Receipt, error) {
	conn, err := n.dial(ctx, leader, submitStream)
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", ErrNoLeader, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	to := bufio.NewWriterSize(conn, 64<<10)
	writeList(to, raws)
	if err := to.Flush(); err != nil {
		return nil, fmt.Errorf("%w (%v)", ErrUnknownOutcome, err)
	}
	from := bufio.NewReaderSize(conn, 64<<10)
	code, err := from.ReadByte()
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", ErrUnknownOutcome, err)
	}
	list, err := readList(from)
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", ErrUnknownOutcome, err)
	}
	return decodeAnswer(code, list, len(raws))
}

func decodeAnswer(code byte, list [][]byte, want int) ([]tx.Receipt, error) {
	switch {
	case code == codeReceipts && len(list) == want:
		receipts := make([]tx.Receipt, want)
		for i := range list {
			if err := receipts[i].Unmarshal(list[i]); err != nil {
				return nil, fmt.Errorf("%w (%v)", ErrUnknownOutcome, err)
			}
		}
		return receipts, nil
	case code == codeNoLeader:
		return nil, ErrNoLeader
	case code == codeDiskFull:
		// It hands over as soon as a voter can lead that has room.
		return nil, fmt.Errorf("%w (the leader's disk is nearly full)", ErrNoLeader)
	case code == codeOverloaded:
		return nil, ErrOverloaded
	case code == codeRejected && len(list) == 1:
		var r tx.Receipt
		if err := r.Unmarshal(list[0]); err == nil && r.Reason != tx.Accepted {
			return nil, &Refused{int(r.Position), r.Rejection()}
		}
	}
	return nil, ErrUnknownOutcome
}

// serveSubmits answers requests of followers.
func (n *Node) serveSubmits(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	raws, err := readList(bufio.NewReaderSize(conn, 64<<10))
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The other side hangs up when its caller gave up.
	go func() {
		_, _ = io.Copy(io.Discard, conn)
		cancel()
	}()
	var code byte
	var list [][]byte
	receipts, err := n.submitForOther(ctx, raws)
	var refused *Refused
	switch {
	case err == nil:
		code = codeReceipts
		for i := range receipts {
			b, err := receipts[i].Marshal()
			if err != nil {
				panic(fmt.Sprintf("consensus: encode a receipt: %v", err))
			}
			list = append(list, b)
		}
	case errors.As(err, &refused):
		code = codeRejected
		r := tx.Receipt{
			Position: uint32(refused.Transaction), Reason: refused.Rejection.Reason, Operation: refused.Rejection.Operation,
			Subject: refused.Rejection.Subject, Have: refused.Rejection.Have, Want: refused.Rejection.Want,
		}
		b, err := r.Marshal()
		if err != nil {
			panic(fmt.Sprintf("consensus: encode a rejection: %v", err))
		}
		list = [][]byte{b}
	case errors.Is(err, ErrOverloaded):
		code = codeOverloaded
	case errors.Is(err, ErrDiskFull):
		code = codeDiskFull
	case errors.Is(err, ErrNoLeader):
		code = codeNoLeader
	default:
		code = codeUnknown
	}
	to := bufio.NewWriterSize(conn, 64<<10)
	_ = to.WriteByte(code)
	writeList(to, list)
	_ = to.Flush()
}

func (n *Node) submitForOther(ctx context.Context, raws [][]byte) ([]tx.Receipt, error) {
	if n.leader() != n.cfg.Name {
		return nil, ErrNoLeader
	}
	if full := n.diskFull(); full != nil {
		return nil, full
	}
	return n.submitHere(ctx, raws)
}

// writeList writes a count and that many pieces, each after its length. The
// first error stays in the writer until Flush.
func writeList(to *bufio.Writer, list [][]byte) {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(list)))
	_, _ = to.Write(n[:])
	for _, b := range list {
		binary.BigEndian.PutUint32(n[:], uint32(len(b)))
		_, _ = to.Write(n[:])
		_, _ = to.Write(b)
	}
}

var errTooMuch = errors.New("consensus: a forwarded request is too large")

func readList(from *bufio.Reader) ([][]byte, error) {
	var n [4]byte
	if _, err := io.ReadFull(from, n[:]); err != nil {
		return nil, err
	}
	count, total := int(binary.BigEndian.Uint32(n[:])), 0
	if count > maxForwardBytes/8 {
		return nil, errTooMuch
	}
	list := make([][]byte, 0, min(count, 10_000))
	for range count {
		if _, err := io.ReadFull(from, n[:]); err != nil {
			return nil, err
		}
		size := int(binary.BigEndian.Uint32(n[:]))
		if total += size; size > tx.MaxTransactionBytes || total > maxForwardBytes {
			return nil, errTooMuch
		}
		b := make([]byte, size)
		if _, err := io.ReadFull(from, b); err != nil {
			return nil, err
		}
		list = append(list, b)
	}
	return list, nil
}
