package sim

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"carbonledger/state"
	"carbonledger/test/cluster"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var ledgerOperations = flag.Int("sim.operations", 20_000, "how many operations TestLedger asks for")

// blockTransactions and compareBlocks: how much a block holds, and after how many
// blocks every balance is compared at most: a long run compares a hundred times,
// because each comparison reads the whole state.
const (
	blockTransactions = 12
	compareBlocks     = 150
)

// TestLedger plays seeded operations on one ledger and compares every receipt at
// once with the model, and every balance now and then.
func TestLedger(t *testing.T) {
	p := newPlay(t, *first)
	begin, asked, accepted := time.Now(), 0, 0
	kinds, reasons, pairs := map[string][2]int{}, map[tx.Reason]int{}, map[string]int{}
	stride := max(1, min(40, 2_400_000/max(1, *ledgerOperations)))
	w := newWorkload(*first, p.model, stride, true)
	queue := w.start()
	every := max(compareBlocks, *ledgerOperations/blockTransactions/100)
	for block := 1; asked < *ledgerOperations; block++ {
		var raws [][]byte
		for len(raws) < blockTransactions {
			raw := []byte(nil)
			if len(queue) > 0 {
				raw, queue = queue[0], queue[1:]
			} else {
				raw = w.next()
			}
			place := p.foretell(raw)
			w.played(raw, place)
			raws = append(raws, raw)
			if place.height != p.height+1 {
				continue // an older receipt
			}
			reasons[place.verdict.reason]++
			d, err := tx.Decode(raw)
			if err != nil {
				continue // malformed
			}
			for i := range d.Body.Operations {
				if asked++; place.verdict == fine {
					accepted++
				} else if uint32(i) > place.verdict.operation {
					break
				}
				if int(place.verdict.operation) == i || place.verdict == fine {
					pairs[nameOf(&d.Body.Operations[i])+" "+place.verdict.reason.String()]++
				}
				k := kinds[nameOf(&d.Body.Operations[i])]
				if place.verdict == fine {
					k[0]++
				} else {
					k[1]++
				}
				kinds[nameOf(&d.Body.Operations[i])] = k
			}
		}
		fault, at := p.block(raws, block%every == 0 || asked >= *ledgerOperations)
		if fault != "" {
			t.Fatalf("seed %d, %d operations, block %d: %s\nto repeat: go test ./test/sim -run TestLedger -sim.seed=%d -sim.operations=%d\nthe fewest transactions with it:\n%s",
				*first, asked, block, fault, *first, *ledgerOperations, shrunk(t, *first, p.history, at, fault))
		}
	}
	p.checkState()
	t.Logf("seed %d: %d operations in %d blocks, %d %% accepted, up to %s, in %s", *first, asked, p.height, 100*accepted/asked, p.model.today(), time.Since(begin).Round(time.Second))
	// What is rare comes in the default run, and in long ones.
	whole := *ledgerOperations >= 20_000 && *first == 1 || *ledgerOperations >= 200_000
	for _, name := range sortedKeys(p.model.rows) {
		k := kinds[name]
		t.Logf("%-22s %6d accepted %6d refused", name, k[0], k[1])
		if whole && (k[0] == 0 && !slices.Contains(neverAccepted, name) || k[1] == 0) {
			t.Errorf("%s: %d accepted, %d refused: the workload leaves it out", name, k[0], k[1])
		}
	}
	t.Logf("%d reasons, %d pairs of operation and reason: %v", len(reasons), len(pairs), reasons)
}

// neverAccepted: an opening position stands in the first block or nowhere, and a
// program stops before a version that it does not know.
var neverAccepted = []string{"BringForward", "BringForwardPage", "SetProtocolVersion"}

func sortedKeys[V any](m map[string]V) (all []string) {
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// play is a ledger beside its model.
type play struct {
	t        testing.TB
	ledger   *state.Ledger
	model    *model
	founded  tx.Founding
	height   uint64
	history  [][][]byte // transactions by block
	foretold []verdict
}

func newPlay(t testing.TB, seed uint64) *play {
	f := cluster.Founding(1, 6, true)
	founding(seed)(&f)
	verifier := tx.NewVerifier(f.Hash)
	l, err := state.Open("ledger", f, verifier, state.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	p := &play{t: t, ledger: l, model: newModel(f, verifier), founded: f}
	t.Cleanup(func() { p.must(l.Close()) })
	return p
}

// checkState: what the ledger keeps of the past and beside its records fits them, as the
// scrub finds.
func (p *play) checkState() {
	p.t.Helper()
	v, err := p.ledger.View()
	p.must(err)
	p.must(errors.Join(v.CheckState(), v.Close()))
}

func (p *play) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// foretell plays a transaction of the next block in the model.
func (p *play) foretell(raw []byte) place {
	at := p.model.play(raw, p.height+1, uint32(len(p.foretold)))
	p.foretold = append(p.foretold, at.verdict)
	return at
}

// block executes the transactions that were foretold, and says what the ledger
// sees otherwise, with the transaction's position.
func (p *play) block(raws [][]byte, balances bool) (fault string, at int) {
	p.height++
	b := tx.Block{Proposer: "n1", AppliedHash: make([]byte, 32), Transactions: raws}
	raw, err := b.Marshal()
	p.must(err)
	applied, err := p.ledger.Apply([]state.Entry{{Index: p.height, Block: raw}})
	p.must(err)
	p.history = append(p.history, raws)
	foretold := p.foretold
	p.foretold = nil
	for i := range applied[0].Receipts {
		r := &applied[0].Receipts[i]
		if got := (verdict{r.Reason, r.Operation, r.Have, r.Want}); !agree(got, foretold[i]) {
			return fmt.Sprintf("the ledger says %s (%s), the model %s of\n    %s", got, r.Subject, foretold[i], words(p.model, raws[i])), i
		}
	}
	v, err := p.ledger.View()
	p.must(err)
	defer func() { p.must(v.Close()) }()
	if fault, at := p.unstated(v, raws, applied[0].Receipts); fault != "" || !balances {
		return fault, at
	}
	differ, err := compare(v, p.model)
	p.must(err)
	if len(differ) > 0 {
		return differ[0], len(raws) - 1
	}
	return "", 0
}
