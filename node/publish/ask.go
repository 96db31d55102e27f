package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// question is what one validator asks another, one a stream, as a line of JSON.
type question struct {
	// Cosign asks for a cosignature of this size and root.
	Cosign *claim `json:"cosign,omitempty"`
	// Last asks what was cosigned last.
	Last bool `json:"last,omitempty"`
	// Checkpoint is a published one, to be served from now on.
	Checkpoint []byte `json:"checkpoint,omitempty"`
	// Entry asks for the bytes of an entry, which the asker has damaged.
	Entry *uint64 `json:"entry,omitempty"`
	// StateRoot asks for the root of the state that the block of a height left.
	StateRoot *uint64 `json:"state_root,omitempty"`
}

type claim struct {
	Size uint64 `json:"size"`
	Root []byte `json:"root"`
}

type answer struct {
	// Line is a cosignature.
	Line []byte `json:"line,omitempty"`
	Last *claim `json:"last,omitempty"`
	// Entry is an entry's bytes.
	Entry []byte `json:"entry,omitempty"`
	// StateRoot is a root.
	StateRoot []byte `json:"state_root,omitempty"`
	// Refused says why there is nothing.
	Refused string `json:"refused,omitempty"`
}

const (
	maxQuestionBytes = 64 << 10
	maxAnswerBytes   = 128 << 10
	// lateness is how long a validator waits for entries that it does not have
	// yet, before it says so.
	lateness = time.Second
	// tellings is how often a checkpoint is told at most, each after twice the time.
	tellings = 5
)

var errContradictedHere = errors.New("publish: the history is contradicted: this validator cosigns nothing")

// contradicted says whether this validator has seen another history of the log.
func (p *Publisher) contradicted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fork
}

// ask puts one question to a peer, askPatiently one that takes it longer.
func (p *Publisher) ask(ctx context.Context, to string, q question) (answer, error) {
	return p.askPatiently(ctx, to, q, p.c.Timing.Ask)
}

func (p *Publisher) askPatiently(ctx context.Context, to string, q question, patience time.Duration) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := p.c.Network.Dial(ctx, to, streamName)
	if err != nil {
		return a, fmt.Errorf("publish: ask %s: %w", to, err)
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if err := json.NewEncoder(conn).Encode(q); err != nil {
		return a, fmt.Errorf("publish: ask %s: %w", to, err)
	}
	if err := json.NewDecoder(io.LimitReader(conn, maxAnswerBytes)).Decode(&a); err != nil {
		return a, fmt.Errorf("publish: answer of %s: %w", to, err)
	}
	return a, nil
}

// serve answers peers until the publisher stops.
func (p *Publisher) serve() {
	var open sync.WaitGroup
	defer open.Wait()
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return
		}
		open.Go(func() {
			stop := context.AfterFunc(p.ctx, func() { conn.Close() })
			defer stop()
			p.answerOne(conn)
		})
	}
}

func (p *Publisher) answerOne(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(p.c.Timing.Ask))
	var q question
	if err := json.NewDecoder(io.LimitReader(conn, maxQuestionBytes)).Decode(&q); err != nil {
		return
	}
	if q.StateRoot != nil {
		_ = conn.SetDeadline(time.Now().Add(rootPatience))
	}
	_ = json.NewEncoder(conn).Encode(p.answer(q))
}

func (p *Publisher) answer(q question) (a answer) {
	var err error
	switch {
	case q.Cosign != nil && len(q.Cosign.Root) == len(proof.Hash{}):
		a.Line, err = p.cosign(proof.Checkpoint{Origin: p.c.Origin, Size: q.Cosign.Size, Root: proof.Hash(q.Cosign.Root)})
	case q.Last:
		last, known := p.signer.told()
		if !known {
			err = errLost
			break
		}
		if p.contradicted() { // what it signed is no reason for the asker to stop
			err = errContradictedHere
			break
		}
		a.Last = &claim{last.Size, last.Root[:]}
	case len(q.Checkpoint) > 0:
		p.take(q.Checkpoint)
	case q.Entry != nil:
		a.Entry, err = p.entry(*q.Entry)
	case q.StateRoot != nil:
		var root proof.Hash
		if root, err = p.stateRoot(*q.StateRoot); err == nil {
			a.StateRoot = root[:]
		}
	default:
		err = errors.New("publish: a question that this program does not know")
	}
	if err != nil {
		a.Refused = err.Error()
	}
	return a
}

func (p *Publisher) entry(index uint64) (entry []byte, err error) {
	v, err := p.c.Ledger().View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	err = v.Entries(index, index+1, func(_ uint64, b []byte) error {
		entry = append(entry, b...)
		return nil
	})
	return entry, err
}

// cosign checks a checkpoint against the stored bytes and signs it.
func (p *Publisher) cosign(c proof.Checkpoint) ([]byte, error) {
	if p.contradicted() {
		return nil, errContradictedHere
	}
	if err := p.known(); err != nil {
		return nil, err
	}
	if _, alike := p.c.Agreed(); !alike {
		return nil, errors.New("publish: replicas differ and no majority is known: this validator cosigns nothing now")
	}
	v, err := p.viewOf(c.Size)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return p.signer.cosign(c, uint64(p.c.Now().Unix()), func(last proof.Checkpoint) error { return p.check(v, last, c) })
}

// viewOf is a view that has so many entries.
func (p *Publisher) viewOf(size uint64) (*state.View, error) {
	for end := time.Now().Add(lateness); ; {
		v, err := p.c.Ledger().View()
		if err != nil {
			return nil, err
		}
		if v.LogSize() >= size {
			return v, nil
		}
		have := v.LogSize()
		if err := v.Close(); err != nil {
			return nil, err
		}
		if time.Now().After(end) {
			return nil, fmt.Errorf("publish: the log here has size %d, behind %d", have, size)
		}
		select {
		case <-p.ctx.Done():
			return nil, p.ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// check recomputes a checkpoint from the stored bytes: that what was cosigned
// last is its beginning, that every entry since then hashes to its leaf, that the
// root follows, and that it ends with a block.
func (p *Publisher) check(v *state.View, last, c proof.Checkpoint) error {
	if last.Size > 0 {
		old, err := proof.Root(last.Size, v.Nodes)
		if err != nil {
			p.damaged(err)
			return err
		}
		if old != last.Root {
			if err := p.sound(v, last.Size); err != nil {
				p.damaged(err)
				return err
			}
			err := fmt.Errorf("publish: this validator cosigned root %x at size %d, its log has %x there now: a restored backup, or a damaged disk", last.Root, last.Size, old)
			p.forked(err.Error(), []byte(last.Text()))
			return err
		}
	}
	if err := p.rehash(v, last.Size, c.Size); err != nil {
		return err
	}
	root, err := proof.Root(c.Size, v.Nodes)
	switch {
	case err != nil:
		p.damaged(err)
		return err
	case root != c.Root:
		return fmt.Errorf("publish: the log here has root %x at size %d, asked was %x", root, c.Size, c.Root)
	}
	return v.EndsBlock(c.Size)
}

// collect asks every validator for a cosignature, this one too, and returns their
// lines; an error where they are not more than half of the voters'. A leader that
// may not cosign itself, because its disk is damaged, still asks the others.
func (p *Publisher) collect(c proof.Checkpoint, validators []tx.Validator) ([][]byte, error) {
	own, ownErr := p.cosign(c)
	type vote struct {
		line  []byte
		voter bool
		err   error
	}
	ctx, cancel := context.WithTimeout(p.ctx, p.c.Timing.Ask)
	defer cancel()
	lines, voters, have := [][]byte{}, 0, 0
	votes := make(chan vote, len(validators))
	for _, v := range validators {
		if v.Voter {
			voters++
		}
		if v.Name == p.c.Name {
			votes <- vote{own, v.Voter, ownErr}
			continue
		}
		go func() {
			line, err := p.cosignatureOf(ctx, c, v)
			votes <- vote{line, v.Voter, err}
		}()
	}
	// Once enough have signed, the others get a moment longer, no more.
	var enough <-chan time.Time
	var refusals error
	for range validators {
		select {
		case got := <-votes:
			if got.err != nil {
				refusals = errors.Join(refusals, got.err)
				continue
			}
			if lines = append(lines, got.line); got.voter {
				have++
			}
		case <-enough:
			return lines, nil
		}
		if have > voters/2 && enough == nil {
			enough = time.After(p.c.Timing.Interval / 4)
		}
	}
	if have <= voters/2 {
		return nil, fmt.Errorf("publish: %d of %d voters cosigned size %d: %w", have, voters, c.Size, refusals)
	}
	if refusals != nil {
		p.c.Logger.Warn("publish: not everybody cosigned", "size", c.Size, "because", refusals)
	}
	return lines, nil
}

func (p *Publisher) cosignatureOf(ctx context.Context, c proof.Checkpoint, v tx.Validator) ([]byte, error) {
	a, err := p.ask(ctx, v.Name, question{Cosign: &claim{c.Size, c.Root[:]}})
	if err != nil {
		return nil, err
	}
	if a.Refused != "" {
		return nil, fmt.Errorf("%s: %s", v.Name, a.Refused)
	}
	s, err := c.VerifyCosignature(a.Line, proof.CosignerVKey(proof.CosignerName(p.c.Origin, v.Name), v.CosignKey))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", v.Name, err)
	}
	return s.Line, nil
}

// tell gives a published checkpoint to the other validators, who serve it too. Where
// nothing happens, the next one may be as far away as the heartbeat: who cannot be
// reached is told again.
func (p *Publisher) tell(signed []byte, validators []tx.Validator) {
	for _, v := range validators {
		if v.Name != p.c.Name {
			p.work.Go(func() {
				for attempt := range tellings {
					_, err := p.ask(p.ctx, v.Name, question{Checkpoint: signed})
					if err == nil {
						return
					}
					p.c.Logger.Debug("publish: tell a checkpoint", "to", v.Name, "error", err)
					select {
					case <-p.ctx.Done():
						return
					case <-time.After(p.c.Timing.Interval << attempt):
					}
					if _, newest := p.Newest(); !bytes.Equal(newest, signed) {
						return // that one is told now
					}
				}
			})
		}
	}
}

// recall asks the peers what they cosigned last, after the signer file was lost.
// Whatever this validator cosigned and was published, a majority cosigned, and
// one of them is among any majority that answers. Of two voters the other one alone
// can answer, and cosigned all of it. Where there is no other, nobody knows.
func (p *Publisher) recall() {
	v, err := p.c.Ledger().View()
	if err != nil {
		return
	}
	defer v.Close()
	validators, err := v.Validators()
	if err != nil {
		return
	}
	last, told, voters, peers := proof.Checkpoint{Origin: p.c.Origin}, 0, 0, 0
	for _, peer := range validators {
		if !peer.Voter {
			continue
		}
		voters++
		if peer.Name == p.c.Name {
			continue
		}
		peers++
		a, err := p.ask(p.ctx, peer.Name, question{Last: true})
		if err != nil || a.Last == nil || a.Last.Size > 0 && len(a.Last.Root) != len(last.Root) {
			continue
		}
		if told++; a.Last.Size > last.Size {
			last.Size, last.Root = a.Last.Size, proof.Hash(a.Last.Root)
		}
	}
	if told == 0 || told < min(voters/2+1, peers) || last.Size > v.LogSize() {
		return
	}
	if last.Size > 0 {
		root, err := proof.Root(last.Size, v.Nodes)
		if err == nil && root != last.Root {
			err = p.sound(v, last.Size)
		}
		if err != nil {
			p.damaged(err)
			return
		}
		if root != last.Root {
			p.forked(fmt.Sprintf("the peers cosigned root %x at size %d, the log here has %x", last.Root, last.Size, root), []byte(last.Text()))
			return
		}
	}
	if err := p.signer.recover(last); err != nil {
		p.c.Logger.Error("publish: recover the signer file", "error", err)
		return
	}
	p.c.Logger.Warn("publish: the signer file was lost; the peers told what was cosigned last", "size", last.Size)
}
