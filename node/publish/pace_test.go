package publish

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"carbonledger/state"
	"carbonledger/tx/proof"
)

// peers answer for the entries of a ledger, once they may; asked gets each question
// for one.
type peers struct {
	whole *state.View
	may   atomic.Bool
	asked func(to string, index uint64)
}

func (*peers) Listen(string) (net.Listener, error) { panic("nobody asks this validator") }

func (n *peers) Dial(_ context.Context, to, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		var q question
		if err := json.NewDecoder(there).Decode(&q); err != nil || q.Entry == nil {
			return
		}
		n.asked(to, *q.Entry)
		a := answer{Refused: "not now"}
		if n.may.Load() {
			a = answer{}
			_ = n.whole.Entries(*q.Entry, *q.Entry+1, func(_ uint64, b []byte) error {
				a.Entry = slices.Clone(b)
				return nil
			})
		}
		_ = json.NewEncoder(there).Encode(a)
	}()
	return here, nil
}

// TestUnrepairedDamage: a damage that cannot be repaired is looked for in the whole
// log once at full speed, and then after growing pauses, however often a cosignature
// is asked for; what is asked for is refused without reading. Once a peer has the
// entries, the log is whole and cosigned again after one look.
func TestUnrepairedDamage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size = 600
		l := logOf(t, size-1)
		v := viewOf(t, l)
		c := proof.Checkpoint{Origin: "log.test/chain", Size: size}
		var err error
		if c.Root, err = proof.Root(size, v.Nodes); err != nil {
			t.Fatal(err)
		}
		var passes []time.Duration // when the second damaged entry was asked for
		began := time.Now()
		p, n := publisherOf(t, l), &peers{whole: v}
		n.asked = func(to string, index uint64) {
			if to == "n2" && index == 300 {
				passes = append(passes, time.Since(began))
			}
		}
		var views atomic.Int64
		ledger := p.c.Ledger
		p.c.Ledger = func() *state.Ledger { views.Add(1); return ledger() }
		p.c.Network, p.c.Agreed = n, func() (uint64, bool) { return size, true }
		p.c.Timing = Timing{Ask: time.Second, Scrub: time.Minute, State: 10 * time.Minute}
		p.newest.Checkpoint = c
		file := filepath.Join(t.TempDir(), "signer")
		if err := os.WriteFile(file, []byte(freshSigner), 0o600); err != nil {
			t.Fatal(err)
		}
		if p.signer, err = openSigner(file, c.Origin, "n1", ed25519.NewKeyFromSeed(make([]byte, 32))); err != nil {
			t.Fatal(err)
		}
		for _, leaf := range []uint64{7, 300} {
			if err := l.RepairNode(0, leaf, proof.Hash{}); err != nil {
				t.Fatal(err)
			}
		}
		p.work.Go(p.scrub)
		defer p.work.Wait()
		defer p.cancel()
		ask := func() error {
			_, err := p.cosign(c)
			synctest.Wait() // until the scrub rests
			return err
		}
		if err := ask(); err == nil {
			t.Fatal("a damaged log was cosigned")
		}
		for range 3*60 - 1 { // less than 45 minutes, when the next pass is due
			time.Sleep(7 * time.Second) // never when the scrub looks
			before := views.Load()
			if err := ask(); err == nil || !strings.Contains(err.Error(), "entry 7 is") {
				t.Fatalf("asked for a cosignature with a damaged log: %v", err)
			}
			if read := views.Load() - before; read > 0 {
				t.Fatalf("the log was read %d times for a cosignature after %v", read, time.Since(began))
			}
			time.Sleep(8 * time.Second)
		}
		want := []time.Duration{0, 1, 3, 7, 15, 25, 35}
		for i := range want {
			want[i] *= time.Minute
		}
		if !slices.Equal(passes, want) {
			t.Errorf("the whole log was read after %v, want %v", passes, want)
		}
		n.may.Store(true)
		time.Sleep(p.c.Timing.Scrub)
		if err := ask(); err != nil || p.Status().Problem != "" || p.Status().Repaired != 2 {
			t.Errorf("after a peer had the entries: %v, %+v", err, p.Status())
		}
	})
}
