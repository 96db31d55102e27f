package consensus

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"carbonledger/tx"

	"github.com/hashicorp/raft"
)

// question is what one validator asks another, one a stream, as a line of JSON.
type question struct {
	// Seen asks what was seen of the server with this id, which says that this
	// is its start number Boot.
	Seen string `json:"seen,omitempty"`
	Boot uint64 `json:"boot,omitempty"`
	Run  uint64 `json:"run,omitempty"`
	// Hash asks for the running hash at a height.
	Hash *uint64 `json:"hash,omitempty"`
	// Trace asks for a digest of the writes of each transaction of a block.
	Trace uint64 `json:"trace,omitempty"`
	// Validators asks for the ledger's list and its height.
	Validators bool `json:"validators,omitempty"`
}

type answer struct {
	Seen  seen     `json:"seen"`
	Hash  []byte   `json:"hash,omitempty"`
	Trace []uint64 `json:"trace,omitempty"`
	// Validators as the ledger lists them at Height.
	Validators []tx.Validator `json:"validators,omitempty"`
	Height     uint64         `json:"height,omitempty"`
	// Missing says why the question has no answer here.
	Missing string `json:"missing,omitempty"`
}

const (
	askTimeout = 2 * time.Second
	// maxQuestionBytes and maxAnswerBytes bound what a peer can make this node
	// read; the longest answer is a trace of a full block.
	maxQuestionBytes = 4 << 10
	maxAnswerBytes   = 4 << 20
)

// ask puts one question to a peer.
func (n *Node) ask(ctx context.Context, to string, q question, a *answer) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	conn, err := n.cfg.Network.Dial(ctx, to, askStream)
	if err != nil {
		return fmt.Errorf("consensus: ask %s: %w", to, err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := json.NewEncoder(conn).Encode(q); err != nil {
		return fmt.Errorf("consensus: ask %s: %w", to, err)
	}
	if err := json.NewDecoder(io.LimitReader(conn, maxAnswerBytes)).Decode(a); err != nil {
		return fmt.Errorf("consensus: answer of %s: %w", to, err)
	}
	return nil
}

func (n *Node) answerQuestions(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(askTimeout))
	var q question
	if err := json.NewDecoder(io.LimitReader(conn, maxQuestionBytes)).Decode(&q); err != nil {
		return
	}
	_ = json.NewEncoder(conn).Encode(n.answer(conn.RemoteAddr().String(), q))
}

func (n *Node) answer(from string, q question) (a answer) {
	switch {
	case q.Seen != "" && !strings.HasPrefix(q.Seen, from+"#"):
		a.Missing = "what was seen of a voter is told to itself alone"
	case q.Seen != "":
		a.Seen = n.memory.of(raft.ServerID(q.Seen))
		n.memory.booted(raft.ServerID(q.Seen), q.Boot, q.Run)
	case q.Hash != nil:
		hash, ok, err := n.hashAt(*q.Hash)
		if err != nil || !ok {
			a.Missing = fmt.Sprintf("no hash at height %d: %v", *q.Hash, err)
			break
		}
		a.Hash = hash[:]
	case q.Validators:
		var err error
		if a.Height, a.Validators, err = n.listedAt(); err != nil {
			a.Missing = err.Error()
		}
	case q.Trace != 0:
		t, ok, err := n.Ledger().Trace(q.Trace)
		if a.Trace = t.Transactions; err != nil || !ok {
			a.Missing = fmt.Sprintf("no trace of block %d: %v", q.Trace, err)
		}
	}
	return a
}

// hashAt is this replica's running hash at a height.
func (n *Node) hashAt(height uint64) (tx.ID, bool, error) { return n.Ledger().HashAt(height) }
