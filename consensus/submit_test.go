package consensus

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"testing"

	"carbonledger/tx"
)

func TestList(t *testing.T) {
	for _, list := range [][][]byte{{}, {{}}, {{1}, {}, {2, 3}}, pieces(1000, 700), {make([]byte, tx.MaxTransactionBytes)}} {
		var b bytes.Buffer
		w := bufio.NewWriter(&b)
		writeList(w, list)
		must(t, w.Flush())
		whole := bytes.Clone(b.Bytes())
		got, err := readList(bufio.NewReader(&b))
		must(t, err)
		if len(got) != len(list) {
			t.Fatalf("%d of %d pieces", len(got), len(list))
		}
		for i := range list {
			if !bytes.Equal(got[i], list[i]) {
				t.Errorf("piece %d is another", i)
			}
		}
		// Cut anywhere it is an error, never a shorter list.
		for at := 0; at < len(whole); at += max(1, len(whole)/97) {
			if _, err := readList(bufio.NewReader(bytes.NewReader(whole[:at]))); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%d of %d bytes: %v", at, len(whole), err)
			}
		}
	}
}

// endless gives zeros, and counts them.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	clear(p)
	e.n += len(p)
	return len(p), nil
}

// TestListLimits: a peer cannot make this node read, or make room for, more
// than a request may hold.
func TestListLimits(t *testing.T) {
	number := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	for name, head := range map[string][]byte{
		"count": number(math.MaxUint32), "one piece": append(number(1), number(tx.MaxTransactionBytes+1)...), "a huge piece": append(number(1), number(math.MaxUint32)...),
	} {
		tail := &endless{}
		if _, err := readList(bufio.NewReader(io.MultiReader(bytes.NewReader(head), tail))); !errors.Is(err, errTooMuch) || tail.n > 1<<20 {
			t.Errorf("%s: %v after %d bytes", name, err, tail.n)
		}
	}
	var b bytes.Buffer
	b.Write(number(maxForwardBytes / tx.MaxTransactionBytes * 2))
	for range maxForwardBytes/tx.MaxTransactionBytes + 1 {
		b.Write(number(tx.MaxTransactionBytes))
		b.Write(make([]byte, tx.MaxTransactionBytes))
	}
	if _, err := readList(bufio.NewReader(&b)); !errors.Is(err, errTooMuch) {
		t.Errorf("more than a request may hold: %v", err)
	}
}

func TestDecodeAnswer(t *testing.T) {
	encode := func(r tx.Receipt) []byte {
		b, err := r.Marshal()
		must(t, err)
		return b
	}
	accepted := encode(tx.Receipt{Height: 5, Position: 2})
	rejected := encode(tx.Receipt{Reason: tx.BadSignature, Operation: 1, Subject: "who", Have: 3, Want: 4})
	for _, test := range []struct {
		name string
		code byte
		list [][]byte
		want error
	}{
		{"receipts", codeReceipts, [][]byte{accepted, rejected}, nil},
		{"one receipt too few", codeReceipts, [][]byte{accepted}, ErrUnknownOutcome},
		{"one receipt too many", codeReceipts, [][]byte{accepted, accepted, accepted}, ErrUnknownOutcome},
		{"noise", codeReceipts, [][]byte{accepted, []byte("noise")}, ErrUnknownOutcome},
		{"no leader", codeNoLeader, nil, ErrNoLeader},
		{"overloaded", codeOverloaded, nil, ErrOverloaded},
		{"full", codeDiskFull, nil, ErrNoLeader},
		{"unknown", codeUnknown, nil, ErrUnknownOutcome},
		{"rejected without a reason", codeRejected, [][]byte{accepted}, ErrUnknownOutcome},
		{"rejected with noise", codeRejected, [][]byte{[]byte("noise")}, ErrUnknownOutcome},
		{"rejected without anything", codeRejected, nil, ErrUnknownOutcome},
		{"a code of the future", 99, nil, ErrUnknownOutcome},
	} {
		receipts, err := decodeAnswer(test.code, test.list, 2)
		if !errors.Is(err, test.want) || err == nil != (test.want == nil) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if err == nil && (receipts[0].Height != 5 || receipts[0].Position != 2 || receipts[1].Reason != tx.BadSignature) {
			t.Errorf("%s: %v", test.name, receipts)
		}
	}
	var r *tx.Rejection
	_, err := decodeAnswer(codeRejected, [][]byte{rejected}, 2)
	if !errors.As(err, &r) || r.Reason != tx.BadSignature || r.Operation != 1 || r.Subject != "who" || r.Have != 3 || r.Want != 4 {
		t.Errorf("a rejection: %v", err)
	}
}

func TestCheckSizes(t *testing.T) {
	var r *tx.Rejection
	if err := checkSizes([][]byte{{1}, make([]byte, tx.MaxTransactionBytes+1)}); !errors.As(err, &r) || r.Reason != tx.TooLarge || r.Want != tx.MaxTransactionBytes+1 {
		t.Errorf("a transaction that is too large: %v", err)
	}
	full := pieces(maxForwardBytes/tx.MaxTransactionBytes, tx.MaxTransactionBytes)
	if err := checkSizes(full); err != nil {
		t.Errorf("a full request: %v", err)
	}
	if err := checkSizes(append(full, make([]byte, tx.MaxTransactionBytes))); !errors.Is(err, ErrOverloaded) {
		t.Errorf("a request that is too large: %v", err)
	}
	if err := checkSizes(make([][]byte, maxForwardBytes/8+1)); !errors.Is(err, ErrOverloaded) {
		t.Errorf("too many transactions: %v", err)
	}
}
