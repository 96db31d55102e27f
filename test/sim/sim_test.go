package sim

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"carbonledger/consensus"
	"carbonledger/test/cluster"
	"carbonledger/tx"
)

var (
	seeds = flag.Int("sim.seeds", 6, "how many seeds to play")
	steps = flag.Int("sim.steps", 120, "how many steps a seed has: a batch of business or a fault each")
	first = flag.Uint64("sim.seed", 1, "the first seed")
	long  = flag.Int("sim.minutes", 0, "for how many minutes of the network's time a seed is played, in place of steps")
)

// TestSim plays seeded business and faults on five validators and compares all
// that they answer with the model. A seed fixes business and faults, but not how
// goroutines take turns: a rare failure may need several runs to come back.
func TestSim(t *testing.T) {
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("to repeat: go test ./test/sim -run TestSim -sim.seed=%d -sim.seeds=1 -sim.steps=%d -sim.minutes=%d (more than once, with -count)", seed, *steps, *long)
				}
			})
			synctest.Test(t, func(t *testing.T) { newRun(t, seed).play() })
		})
	}
}

// entities of the founding in Hubei; there are some in Hunan beside.
const entities = 6

type run struct {
	t        *testing.T
	c        *cluster.Cluster
	r        *rand.Rand
	w        *workload // its model guesses what the network says; compare knows
	sent     [][]byte
	receipts []tx.Receipt
	refused  map[string]bool
	down     map[string]bool
	cut      string
	faults   int
	guessed  uint64
}

func newRun(t *testing.T, seed uint64) *run {
	c := cluster.New(t, cluster.Options{
		Voters: 5, Entities: entities, ScriptClock: true, Seed: seed, SnapshotLogBytes: 64 << 10, TrailingLogs: 20,
		NoConservation: *long > 0, Found: founding(seed),
	})
	w := newWorkload(seed, newModel(c.Founding, tx.NewVerifier(c.Domain)), 40, false)
	return &run{t: t, c: c, r: rand.New(rand.NewPCG(seed, 4)), w: w, refused: map[string]bool{}, down: map[string]bool{}}
}

func (s *run) play() {
	s.c.Leader()
	began := time.Now()
	s.submit(s.guess(s.w.start()...))
	end := began.Add(time.Duration(*long) * time.Minute)
	for step := 0; *long == 0 && step < *steps || time.Now().Before(end); step++ {
		if s.r.IntN(6) == 0 {
			s.fault()
			continue
		}
		var batch [][]byte
		for range 1 + s.r.IntN(20) {
			batch = append(batch, s.guess(s.w.next())...)
		}
		s.submit(batch)
		if *long > 0 { // hours are more than their business
			time.Sleep(time.Duration(s.r.IntN(120)) * time.Second)
		}
	}
	s.repair()
	s.submit([][]byte{s.c.Sign("bank", "last", op(&tx.Deposit{Party: "e0", Amount: 1}))})
	height, _ := s.c.Level(1)
	s.compare(height)
	s.t.Logf("%.2f hours of the network's time", time.Since(began).Hours())
}

// guess plays transactions in the workload's model before they are sent.
func (s *run) guess(raws ...[]byte) [][]byte {
	for _, raw := range raws {
		s.guessed++
		place := s.w.m.play(raw, s.guessed, 0)
		if place.height == s.guessed {
			s.w.played(raw, place)
		}
	}
	return raws
}

// alive are the nodes that can reach a majority.
func (s *run) alive() (all []string) {
	for _, name := range s.c.Names {
		if !s.down[name] && s.cut != name {
			all = append(all, name)
		}
	}
	return all
}

// fault hits the network, never more than two of five nodes at once.
func (s *run) fault() {
	s.faults++
	alive := s.alive()
	victim := alive[s.r.IntN(len(alive))]
	if s.r.IntN(2) == 0 {
		victim = s.c.Leader(alive...)
	}
	switch s.r.IntN(7) {
	case 5:
		// A disk that is nearly full: the node takes nothing and must not lead,
		// where another can.
		room := slices.DeleteFunc(alive, func(name string) bool { return name == victim || s.c.Nodes[name].Full.Load() })
		if len(room) < 2 {
			s.repair()
			return
		}
		s.c.Nodes[victim].Full.Store(true)
	case 6:
		if len(alive) <= 3 {
			s.repair()
			return
		}
		s.c.Nodes[victim].Full.Store(false)
		s.c.Stop(victim)
		s.down[victim] = true
	case 0, 1:
		if len(alive) <= 3 {
			s.repair()
			return
		}
		s.c.Nodes[victim].Full.Store(false)
		s.c.Crash(victim)
		s.down[victim] = true
	case 2:
		if len(alive) <= 3 || s.cut != "" {
			s.repair()
			return
		}
		var others []string
		for _, name := range s.c.Names {
			if name != victim {
				others = append(others, name)
			}
		}
		s.c.Nodes[victim].Full.Store(false)
		s.c.Wire.Cut(victim, others...)
		s.cut = victim
	case 3:
		// A leader that changes its mind, or cannot: both are fine.
		_ = s.c.Nodes[s.c.Leader(alive...)].HandOver(victim)
	case 4:
		s.repair()
	}
}

// repair heals the wire, makes room and starts what is down.
func (s *run) repair() {
	s.c.Wire.Heal()
	s.cut = ""
	for _, name := range s.c.Names {
		s.c.Nodes[name].Full.Store(false)
		if s.down[name] {
			s.c.Start(name)
			delete(s.down, name)
		}
	}
}

// retry are the errors after which a client sends the same bytes again.
var retry = []error{consensus.ErrUnknownOutcome, consensus.ErrNoLeader, consensus.ErrOverloaded, consensus.ErrDiskFull, consensus.ErrStopping}

// submit sends a batch to any live node until its receipts are there, as a
// client does.
func (s *run) submit(batch [][]byte) {
	s.t.Helper()
	if len(batch) == 0 {
		return
	}
	s.sent = append(s.sent, batch...)
	var last error
	begin := s.r.IntN(len(s.c.Names))
	for try := range 20 {
		alive := s.alive()
		receipts, err := s.c.Submit(alive[(begin+try)%len(alive)], batch...)
		if err == nil {
			s.receipts = append(s.receipts, receipts...)
			return
		}
		var refused *consensus.Refused
		if errors.As(err, &refused) {
			if batch = s.refuse(batch, refused); len(batch) == 0 {
				return
			}
			continue
		}
		if !slices.ContainsFunc(retry, func(e error) bool { return errors.Is(err, e) }) {
			s.t.Fatalf("submit: %v", err)
		}
		last = err
		time.Sleep(time.Second)
		if errors.Is(err, consensus.ErrDiskFull) && !slices.ContainsFunc(s.alive(), func(name string) bool { return !s.c.Nodes[name].Full.Load() }) {
			s.repair()
		}
	}
	for _, name := range s.alive() {
		n := s.c.Nodes[name]
		s.t.Logf("%s: full %v, stopped by %v, %+v", name, n.Full.Load(), n.Err(), n.Status())
	}
	s.t.Fatalf("no receipts in 20 attempts with %v down and %q cut off: %v", s.down, s.cut, last)
}

// inadmissible are the reasons for which no honest leader puts a transaction into
// a block: it could be anybody's.
var inadmissible = []tx.Reason{
	tx.Malformed, tx.TooLarge, tx.UnknownOperation, tx.NoOperations, tx.NoSignature, tx.BadReference, tx.BadSignature, tx.BadProof,
	tx.WrongChain, tx.UnknownParty, tx.UnknownKey, tx.KeyRevoked, tx.KeyNotValid, tx.NotSignedByParty,
}

// refuse takes a transaction out of a batch that no honest leader puts into a
// block, and checks that there is a reason for it.
func (s *run) refuse(batch [][]byte, r *consensus.Refused) [][]byte {
	s.t.Helper()
	raw := batch[r.Transaction]
	if !slices.Contains(inadmissible, r.Rejection.Reason) {
		s.t.Errorf("a transaction was refused: %v", r)
	}
	s.refused[string(raw)] = true
	at := len(s.sent) - len(batch) + r.Transaction
	s.sent = slices.Delete(s.sent, at, at+1)
	return slices.Delete(slices.Clone(batch), r.Transaction, r.Transaction+1)
}

// compare re-executes the blocks in the model, and compares receipts, balances,
// obligations and bulletins on every replica.
func (s *run) compare(height uint64) {
	m := newModel(s.c.Founding, tx.NewVerifier(s.c.Domain))
	places := map[[2]uint64]place{}
	found := map[[2]uint64][]byte{}
	there, asked := map[string]bool{}, map[string]bool{}
	for _, raw := range s.sent {
		asked[string(raw)] = true
	}
	v, err := s.c.Nodes[s.c.Names[0]].Ledger().View()
	s.must(err)
	for h := uint64(1); h <= height; h++ {
		record, ok, err := v.Block(h)
		s.must(err)
		block, is := tx.DecodeBlock(record.Block, h)
		if !ok || !is {
			s.t.Fatalf("block %d is missing or no block", h)
		}
		for i, raw := range block.Transactions {
			if !asked[string(raw)] && !s.refused[string(raw)] {
				s.t.Errorf("%d/%d is a transaction that nobody sent", h, i)
			}
			there[string(raw)], found[[2]uint64{h, uint64(i)}] = true, raw
			place := m.play(raw, h, uint32(i))
			places[[2]uint64{h, uint64(i)}] = place
			// What was admitted, got into a block without an answer, and came again may
			// be refused then: a transaction that left no receipt.
			if s.refused[string(raw)] && !slices.Contains(inadmissible, place.verdict.reason) {
				s.t.Errorf("%d/%d was refused, and stands in a block as %s", h, i, place.verdict)
			}
		}
	}
	s.must(v.Close())
	reasons := map[tx.Reason]int{}
	for i := range s.receipts {
		r := &s.receipts[i]
		reasons[r.Reason]++
		got := verdict{r.Reason, r.Operation, r.Have, r.Want}
		if r.Index == 0 {
			// It came into a block, left no record, and is not in the history.
			if !slices.Contains(inadmissible, r.Reason) || there[string(s.sent[i])] {
				s.t.Errorf("%d/%d %s %s: %s, without a record", r.Height, r.Position, r.Party, r.Reference, got)
			}
			continue
		}
		if !there[string(s.sent[i])] {
			s.t.Errorf("lost: %s of %s", r.Reference, r.Party)
		}
		s.same(r, s.sent[i], found[[2]uint64{r.Height, uint64(r.Position)}])
		want := places[[2]uint64{r.Height, uint64(r.Position)}].verdict
		if !agree(got, want) {
			s.t.Errorf("%d/%d %s %s: the ledger says %s (%s), the model %s of\n    %s", r.Height, r.Position, r.Party, r.Reference, got, r.Subject, want, words(m, s.sent[i]))
		}
	}
	for _, name := range s.c.Names {
		s.compareNode(name, m)
	}
	s.t.Logf("%d blocks, %d transactions, %d faults, %d bulletins; %v", height, len(s.sent), s.faults, len(m.bulletins), reasons)
}

// same checks that a receipt is of the transaction that was sent, and that this
// one stands where the receipt says.
func (s *run) same(r *tx.Receipt, sent, found []byte) {
	s.t.Helper()
	id, err := tx.TransactionID(s.c.Domain, sent)
	s.must(err)
	there, err := tx.TransactionID(s.c.Domain, found)
	body, decodeErr := tx.Decode(sent)
	s.must(decodeErr)
	if err != nil || there != id || string(r.Id) != string(id[:]) || r.Party != body.Body.Party || r.Reference != body.Body.Reference {
		s.t.Errorf("%d/%d %s %s is the receipt of another transaction than %s %s", r.Height, r.Position, r.Party, r.Reference, body.Body.Party, body.Body.Reference)
	}
}

func (s *run) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *run) compareNode(name string, m *model) {
	v, err := s.c.Nodes[name].Ledger().View()
	s.must(err)
	defer func() { s.must(v.Close()) }()
	differences, err := compare(v, m)
	s.must(err)
	for _, d := range differences {
		s.t.Errorf("%s: %s", name, d)
	}
}
