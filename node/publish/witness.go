package publish

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"carbonledger/state"
	"carbonledger/tx/proof"
)

// WitnessesParameter is the ledger's parameter that names the independent
// cosigners outside the network (see proof.ParseWitnesses).
const WitnessesParameter = "log.witnesses"

// witnesses that the ledger names today.
func (p *Publisher) witnesses(v *state.View) ([]proof.Witness, int, error) {
	values, err := v.Parameters()
	if err != nil {
		return nil, 0, err
	}
	today, list := v.Head().Day, ""
	for _, one := range values {
		if one.Name == WitnessesParameter && one.From <= today {
			list = one.Value
		}
	}
	return proof.ParseWitnesses(list)
}

// errContradicted: a witness holds a history that this log does not continue.
var errContradicted = errors.New("a witness refused: it has seen another history of this log")

// witnessed asks the witnesses for their cosignatures and adds them. Too few is
// an error, and nothing is published; a contradiction stops publication for good.
func (p *Publisher) witnessed(v *state.View, c proof.Checkpoint, signed []byte) ([]byte, error) {
	all, need, err := p.witnesses(v)
	if err != nil || len(all) == 0 {
		return signed, err
	}
	type reply struct {
		line []byte
		err  error
	}
	ctx, cancel := context.WithTimeout(p.ctx, p.c.Timing.Ask)
	defer cancel()
	replies := make(chan reply, len(all))
	asked := signed // what grows below is not theirs to read
	for _, w := range all {
		go func() {
			line, err := p.witness(ctx, v, w, c, asked)
			replies <- reply{line, err}
		}()
	}
	have, refusals := 0, error(nil)
	for range all {
		if r := <-replies; r.err != nil {
			refusals = errors.Join(refusals, r.err)
		} else {
			signed, have = append(signed, r.line...), have+1
		}
	}
	if errors.Is(refusals, errContradicted) {
		p.forked(refusals.Error(), signed)
		return nil, refusals
	}
	if have < need {
		return nil, fmt.Errorf("publish: %d of %d witnesses cosigned size %d, %d are needed: %w", have, len(all), c.Size, need, refusals)
	}
	return signed, nil
}

// witness posts a checkpoint with the proof that it continues what the witness
// has. A witness that has another size says so, and is asked once more.
func (p *Publisher) witness(ctx context.Context, v *state.View, w proof.Witness, c proof.Checkpoint, signed []byte) ([]byte, error) {
	p.mu.Lock()
	old := p.sizes[w.URL]
	p.mu.Unlock()
	for range 2 {
		if old > c.Size {
			return nil, fmt.Errorf("%s: it has size %d, this log %d: it is asked again once the log is longer", w.Name, old, c.Size)
		}
		status, media, body, err := p.post(ctx, v, w, old, c, signed)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.Name, err)
		}
		switch {
		case status == http.StatusOK:
			s, err := c.VerifyCosignature(body, w.VKey)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.Name, err)
			}
			p.remember(w.URL, c.Size)
			return s.Line, nil
		case status == http.StatusConflict && media == "text/x.tlog.size":
			if old, err = strconv.ParseUint(strings.TrimSuffix(string(body), "\n"), 10, 64); err != nil {
				return nil, fmt.Errorf("%s: it answers with the size %q", w.Name, body)
			}
			p.remember(w.URL, old)
		case status == http.StatusUnprocessableEntity:
			return nil, fmt.Errorf("%s: %w: %s", w.Name, errContradicted, strings.TrimSpace(string(body)))
		default:
			// 404 and 403, or 500 of some: it does not know the log's origin or key.
			return nil, fmt.Errorf("%s: %s answers %d to a checkpoint of %s: %s", w.Name, w.URL, status, c.Origin, strings.TrimSpace(string(body)))
		}
	}
	return nil, fmt.Errorf("%s: its size changes while it is asked", w.Name)
}

func (p *Publisher) remember(url string, size uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sizes[url] = size
}

func (p *Publisher) post(ctx context.Context, v *state.View, w proof.Witness, old uint64, c proof.Checkpoint, signed []byte) (status int, media string, body []byte, err error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	if old > 0 && old < c.Size {
		path, err := p.consistency(v, old, c)
		if err != nil {
			return 0, "", nil, err
		}
		for _, h := range path {
			fmt.Fprintln(&b, base64.StdEncoding.EncodeToString(h[:]))
		}
	}
	b.WriteByte('\n')
	b.Write(signed)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+"/add-checkpoint", &b)
	if err != nil {
		return 0, "", nil, err
	}
	got, err := p.client.Do(r)
	if err != nil {
		return 0, "", nil, err
	}
	defer got.Body.Close()
	body, err = io.ReadAll(io.LimitReader(got.Body, proof.MaxCheckpointBytes))
	return got.StatusCode, got.Header.Get("Content-Type"), body, err
}

// consistency proves that a checkpoint continues the log of a size. A proof that does
// not lead from one root to the other is damage here: a witness would take it for
// another history.
func (p *Publisher) consistency(v *state.View, old uint64, c proof.Checkpoint) ([]proof.Hash, error) {
	path, err := proof.Consistency(old, c.Size, v.Nodes)
	if err != nil {
		return nil, err
	}
	root, err := proof.Root(old, v.Nodes)
	if err == nil {
		err = proof.VerifyConsistency(old, c.Size, path, root, c.Root)
	}
	if err != nil {
		err = fmt.Errorf("publish: the log here gives no proof from size %d to %d: %w", old, c.Size, err)
		p.damaged(err)
	}
	return path, err
}
