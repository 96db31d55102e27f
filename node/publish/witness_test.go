package publish

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// witnessing answers for witnesses, by their host names, in the order of their replies.
type witnessing struct {
	mu      sync.Mutex
	replies map[string][]func(old uint64) (status int, media, body string)
	asked   []string
}

func (w *witnessing) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var old uint64
	if _, err := fmt.Fscanf(bytes.NewReader(b), "old %d\n", &old); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, fmt.Sprint(old))
	replies := w.replies[r.URL.Host]
	if len(replies) == 0 {
		return nil, errors.New("no answer")
	}
	w.replies[r.URL.Host] = replies[1:]
	status, media, body := replies[0](old)
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {media}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func has(size uint64) func(uint64) (int, string, string) {
	return func(uint64) (int, string, string) { return 409, "text/x.tlog.size", fmt.Sprintf("%d\n", size) }
}

func says(status int, body string) func(uint64) (int, string, string) {
	return func(uint64) (int, string, string) { return status, "text/plain", body }
}

// witnessKey is that of the witness with a number.
func witnessKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// asking is a publisher of a log of 600 entries with two witnesses, of which so many
// must cosign, the checkpoint of the whole log, and its note.
func asking(t *testing.T, need int) (*Publisher, *state.Ledger, proof.Checkpoint, []byte) {
	list := fmt.Sprint(need)
	for n := range byte(2) {
		name := fmt.Sprintf("w%d", n)
		list += fmt.Sprintf("%s %s %s https://%[2]s.test", map[bool]string{true: ",", false: ""}[n > 0], name, proof.CosignerVKey(name, witnessKey(n).Public().(ed25519.PublicKey)))
	}
	l := logOf(t, 599, tx.SetParameter{Name: WitnessesParameter, From: 20240102, Value: list})
	v := viewOf(t, l)
	c := proof.Checkpoint{Origin: "log.test/chain", Size: 600}
	var err error
	if c.Root, err = proof.Root(c.Size, v.Nodes); err != nil {
		t.Fatal(err)
	}
	own, err := c.SignOrigin(ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	p := publisherOf(t, l)
	p.sizes, p.c.Timing = map[string]uint64{}, LoopbackTiming
	return p, l, c, c.Note(own)
}

// TestWitnessAnswers: what witnesses answer, in any order, is published with as many
// cosignatures as the ledger asks for, or not at all; only a 422 is a contradiction.
func TestWitnessAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		first, second []func(uint64) (int, string, string)
		need          int
		wrong, asked  string
		forked        bool
	}{
		"both":                       {first: []func(uint64) (int, string, string){nil}, second: []func(uint64) (int, string, string){nil}, need: 2, asked: "0 0"},
		"one is enough":              {second: []func(uint64) (int, string, string){nil}, need: 1, asked: "0 0"},
		"one is not enough":          {second: []func(uint64) (int, string, string){nil}, need: 2, wrong: "1 of 2 witnesses", asked: "0 0"},
		"proven again":               {first: []func(uint64) (int, string, string){has(300), nil}, need: 1, asked: "0 0 300"},
		"it lost what it had":        {first: []func(uint64) (int, string, string){has(300), has(0)}, wrong: "its size changes", need: 1, asked: "0 0 300"},
		"of this size":               {first: []func(uint64) (int, string, string){has(600), nil}, need: 1, asked: "0 0 600"},
		"ahead":                      {first: []func(uint64) (int, string, string){has(601)}, wrong: "it has size 601, this log 600", need: 1, asked: "0 0"},
		"no size":                    {first: []func(uint64) (int, string, string){has(0), says(409, "300")}, wrong: "answers 409", need: 1, asked: "0 0 0"},
		"not a number":               {first: []func(uint64) (int, string, string){func(uint64) (int, string, string) { return 409, "text/x.tlog.size", "-1" }}, wrong: "answers with the size", need: 1, asked: "0 0"},
		"a stranger's":               {first: []func(uint64) (int, string, string){says(200, "no line")}, wrong: "does not hold", need: 1, asked: "0 0"},
		"unknown":                    {first: []func(uint64) (int, string, string){says(404, "who?")}, wrong: "answers 404", need: 1, asked: "0 0"},
		"a contradiction":            {first: []func(uint64) (int, string, string){says(422, "another root")}, wrong: "another history", need: 1, forked: true, asked: "0 0"},
		"behind a 409":               {first: []func(uint64) (int, string, string){has(300), says(422, "no proof")}, wrong: "another history", need: 1, forked: true, asked: "0 0 300"},
		"of one, though one cosigns": {first: []func(uint64) (int, string, string){says(422, "")}, second: []func(uint64) (int, string, string){nil}, wrong: "another history", need: 1, forked: true, asked: "0 0"},
	} {
		t.Run(name, func(t *testing.T) {
			p, l, c, note := asking(t, test.need)
			w := &witnessing{replies: map[string][]func(uint64) (int, string, string){"w0.test": test.first, "w1.test": test.second}}
			for n, host := range []string{"w0.test", "w1.test"} {
				for i, reply := range w.replies[host] {
					if reply == nil { // it cosigns
						line, err := c.Cosign(fmt.Sprintf("w%d", n), witnessKey(byte(n)), 1_700_000_000)
						if err != nil {
							t.Fatal(err)
						}
						w.replies[host][i] = says(200, string(line))
					}
				}
			}
			p.client = &http.Client{Transport: w}
			signed, err := p.witnessed(viewOf(t, l), c, note)
			slices.Sort(w.asked) // two are asked at the same time
			if got := strings.Join(w.asked, " "); got != test.asked {
				t.Errorf("asked with the old sizes %s, not %s", got, test.asked)
			}
			if p.fork != test.forked {
				t.Errorf("contradicted: %t, %s", p.fork, p.problem)
			}
			if test.wrong != "" {
				if err == nil || !strings.Contains(err.Error(), test.wrong) {
					t.Errorf("the error is %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(signed), "\n— w"); n != test.need {
				t.Errorf("%d witnesses cosigned:\n%s", n, signed)
			}
		})
	}
}

// TestWitnessIsShownNoDamage: a node of the tree that is damaged here, on the way from
// a witness's size and not on the way to the root, is damage, and no other history.
func TestWitnessIsShownNoDamage(t *testing.T) {
	p, l, c, note := asking(t, 1)
	if err := l.RepairNode(0, 7, proof.Hash{}); err != nil {
		t.Fatal(err)
	}
	v := viewOf(t, l)
	if root, err := proof.Root(c.Size, v.Nodes); err != nil || root != c.Root {
		t.Fatalf("the damage changes the root: %v", err)
	}
	w := &witnessing{replies: map[string][]func(uint64) (int, string, string){"w0.test": {has(5), says(422, "the proof does not lead to the root")}}}
	p.client = &http.Client{Transport: w}
	if _, err := p.witnessed(v, c, note); err == nil || p.fork || !strings.Contains(p.damage, "from size 5 to 600") || len(p.alarm) != 1 {
		t.Errorf("%v; contradicted: %t, damage: %q", err, p.fork, p.damage)
	}
	if found, err := filepath.Glob(filepath.Join(p.c.Evidence, "*")); err != nil || len(found) != 0 {
		t.Errorf("evidence: %v %v", found, err)
	}
}
