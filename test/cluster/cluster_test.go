package cluster

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"carbonledger/consensus"
	"carbonledger/tx"
)

func deposit(fen tx.Fen) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_Deposit{Deposit: &tx.Deposit{Party: "e0", Amount: fen}}}
}

// pay submits one deposit and fails the test unless it is accepted.
func (c *Cluster) pay(at, reference string) tx.Receipt {
	c.t.Helper()
	receipts, err := c.Submit(at, c.Sign("bank", reference, deposit(1)))
	if err != nil {
		c.t.Fatalf("%s at %s: %v", reference, at, err)
	}
	if receipts[0].Reason != tx.Accepted {
		c.t.Fatalf("%s at %s: %v", reference, at, receipts[0].Rejection())
	}
	return receipts[0]
}

func (c *Cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *Cluster) lag(name string) time.Duration {
	return time.Since(time.UnixMilli(int64(c.Nodes[name].Ledger().Head().Time)))
}

// TestWrongClock: a leader whose clock is more than two seconds off hands over
// to one that is right, and ledger time follows neither back nor ahead for long.
func TestWrongClock(t *testing.T) {
	for _, test := range []struct {
		name     string
		clocks   []time.Duration
		handOver bool
	}{
		{"right", []time.Duration{0, 0, 0}, false},
		{"a little ahead", []time.Duration{1900 * time.Millisecond, 0, 0}, false},
		{"ahead", []time.Duration{2200 * time.Millisecond, 0, 0}, true},
		{"behind", []time.Duration{-2200 * time.Millisecond, 0, 0}, true},
		{"a day ahead", []time.Duration{24 * time.Hour, 0, 0}, true},
		{"a day ahead, and so is the next", []time.Duration{24 * time.Hour, 24 * time.Hour, 0, 0, 0}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := New(t, Options{Voters: len(test.clocks), Entities: 1})
				c.must(c.Lead("n1"))
				c.pay("n1", "before")
				for i, off := range test.clocks {
					c.Nodes[c.Names[i]].Clock.Store(int64(off))
				}
				time.Sleep(10 * time.Second)
				leader := c.Leader()
				if (leader != "n1") != test.handOver {
					t.Errorf("%s leads", leader)
				}
				if test.handOver && c.Nodes[leader].Clock.Load() != 0 {
					t.Errorf("%s leads, whose clock is wrong too", leader)
				}
				c.pay("n2", "after")
				if lag := c.lag(leader); lag > time.Minute || lag < -11*time.Minute {
					t.Errorf("ledger time is %v behind", lag)
				}
			})
		})
	}
}

// TestIdle: ledger time goes on, a block a minute, when nobody asks for
// anything.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t, Options{Voters: 3, Entities: 1})
		c.must(c.Lead("n2"))
		before := c.pay("n1", "last").Height
		const minutes = 10
		for range minutes {
			time.Sleep(time.Minute)
			if lag := c.lag("n2"); lag > 80*time.Second || lag < 0 {
				t.Fatalf("ledger time is %v behind", lag)
			}
		}
		height, _ := c.Level(before)
		if n := height - before; n < minutes-2 || n > minutes {
			t.Errorf("%d blocks in %d minutes", n, minutes)
		}
	})
}

// TestScriptClockIsNotIdle: where time is set by transactions no empty block is
// needed.
func TestScriptClockIsNotIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t, Options{Voters: 3, Entities: 1, ScriptClock: true})
		before := c.pay("n1", "last").Height
		time.Sleep(5 * time.Minute)
		if height, _ := c.Level(before); height != before {
			t.Errorf("%d empty blocks", height-before)
		}
	})
}

// TestOutage: after hours without a quorum the leader closes the gap of ledger
// time with empty blocks, ten minutes each.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t, Options{Voters: 3, Entities: 1})
		before := c.pay("n1", "before").Height
		for _, name := range c.Names {
			c.Crash(name)
		}
		const hours = 5
		time.Sleep(hours * time.Hour)
		for _, name := range c.Names {
			c.Start(name)
		}
		c.Leader()
		time.Sleep(5 * time.Second)
		after := c.pay("n1", "after")
		if behind := time.Since(time.UnixMilli(int64(after.Time))); behind > 11*time.Minute || behind < 0 {
			t.Errorf("the first receipt is stamped %v before its time", behind)
		}
		time.Sleep(2 * time.Minute)
		if lag := c.lag("n1"); lag > 2*time.Minute {
			t.Errorf("ledger time is %v behind", lag)
		}
		height, _ := c.Level(after.Height)
		if n := height - before; n < hours*6-2 || n > hours*6+20 {
			t.Errorf("%d blocks for %d hours", n, hours)
		}
	})
}

// TestSlowQuorum: a leader that hears of nobody who executed its blocks alike
// goes twelve blocks ahead and no further, and goes on when it hears of them.
func TestSlowQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t, Options{Voters: 3, Entities: 1, ScriptClock: true})
		c.must(c.Lead("n1"))
		start := c.pay("n1", "before").Height
		c.Wire.Mute("report", true)
		const asked = 40
		var all sync.WaitGroup
		for i := range asked {
			all.Go(func() { c.pay("n1", fmt.Sprint("r", i)) })
			time.Sleep(5 * time.Millisecond) // alone in its block, if there may be one
		}
		time.Sleep(10 * time.Second)
		height, _ := c.Level(start)
		if ahead := height - start; ahead != 12 {
			t.Errorf("the leader is %d blocks ahead of what is agreed", ahead)
		}
		c.Wire.Mute("report", false)
		all.Wait()
		if more, _ := c.Level(height + 1); more-start > asked {
			t.Errorf("%d blocks for %d transactions", more-start, asked)
		}
	})
}

// TestHandOverFails: while Raft hands over it refuses blocks; where that fails
// the old leader leads on, and serves.
func TestHandOverFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t, Options{Voters: 3, Entities: 1, ScriptClock: true})
		c.must(c.Lead("n1"))
		c.pay("n1", "before")
		c.Wire.Cut("n2", "n1", "n3")
		c.pay("n1", "without-n2") // which is behind now: Raft waits for it before it gives up
		time.Sleep(time.Second)
		failed := make(chan error, 1)
		go func() { failed <- c.Nodes["n1"].HandOver("n2") }()
		for i := range 100 {
			c.pay("n3", fmt.Sprint("r", i))
			time.Sleep(10 * time.Millisecond)
		}
		if err := <-failed; err == nil {
			t.Error("handed over to a node that is cut off")
		}
		if leader := c.Leader("n1", "n3"); leader != "n1" {
			t.Errorf("%s leads", leader)
		}
		c.pay("n1", "after")
	})
}

// TestStopUnderLoad: a leader that is stopped in the midst of work leaves
// nobody waiting: everyone is answered, once, and nothing is left running.
func TestStopUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t, Options{Voters: 3, Entities: 1, ScriptClock: true, Seed: 3})
		const asked = 60
		heights := make([]uint64, asked)
		for round := range 6 {
			leader := c.Leader()
			var all sync.WaitGroup
			for i := range asked {
				at := c.Names[i%3]
				raw := c.Sign("bank", fmt.Sprintf("r%d/%d", round, i), deposit(1))
				all.Go(func() {
					// A node that stops says so, or that the outcome is unknown;
					// the same bytes at another tell.
					for try := 0; ; try++ {
						receipts, err := c.Submit(at, raw)
						switch {
						case err == nil && receipts[0].Reason == tx.Accepted:
							heights[i] = receipts[0].Height
							return
						case err == nil || !errors.Is(err, consensus.ErrStopping) && !errors.Is(err, consensus.ErrUnknownOutcome) || try == 20:
							t.Errorf("%d: %v, %v", i, receipts, err)
							return
						}
						at = c.Names[(i+try)%3]
						time.Sleep(200 * time.Millisecond)
					}
				})
				if i == asked/2 {
					time.Sleep(time.Duration(round) * 3 * time.Millisecond)
					all.Go(func() {
						if round%2 == 0 {
							c.Stop(leader)
						} else {
							c.Crash(leader)
						}
					})
				}
			}
			all.Wait()
			c.Start(leader)
			height, _ := c.Level(1)
			v, err := c.Nodes[leader].Ledger().View()
			c.must(err)
			money, _, _, err := v.Money("e0", "", 10)
			c.must(errors.Join(err, v.Close()))
			if len(money) != 1 || money[0].Amount != tx.Fen(asked*(round+1)) {
				t.Errorf("after round %d at height %d: %v", round, height, money)
			}
		}
	})
}

// TestRemoveOneOfTwo: the one that stays goes on alone, and its streams to the
// other are closed.
func TestRemoveOneOfTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t, Options{Voters: 2, Entities: 1, ScriptClock: true})
		c.must(c.Lead("n1"))
		raw := c.Sign("ministry", "remove", tx.Operation{Operation: &tx.Operation_RemoveValidator{RemoveValidator: &tx.RemoveValidator{Name: "n2"}}})
		if _, err := c.Submit("n1", raw); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if n := c.Wire.Open("n1", "n2") + c.Wire.Open("n2", "n1"); n != 0 {
			t.Errorf("%d streams to the removed validator are open", n)
		}
		if err := c.Nodes["n1"].WaitHeight(t.Context(), c.pay("n1", "alone").Height); err != nil {
			t.Error(err)
		}
		if s := c.Nodes["n1"].Status(); !s.Serving || !s.Voter || len(s.Peers) != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestTwoRemovedAtOnce: while Raft takes one after the other out of its configuration,
// the vote of the other may be needed for it, as it is where one more of five is down.
func TestTwoRemovedAtOnce(t *testing.T) {
	for _, leader := range []string{"n1", "n3"} {
		synctest.Test(t, func(t *testing.T) {
			c := New(t, Options{Voters: 5, Entities: 1, ScriptClock: true})
			c.must(c.Lead(leader))
			c.Stop("n5")
			var raws [][]byte
			for _, name := range []string{"n1", "n2"} {
				raws = append(raws, c.Sign("ministry", "remove-"+name, tx.Operation{Operation: &tx.Operation_RemoveValidator{RemoveValidator: &tx.RemoveValidator{Name: name}}}))
			}
			// Where the leader itself is removed nobody may tell the outcome.
			if _, err := c.Submit(leader, raws...); err != nil && leader != "n1" {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Second)
			for _, name := range []string{"n3", "n4"} {
				if s := c.Nodes[name].Status(); !s.Serving || len(s.Pending) > 0 || len(s.Peers) != 2 {
					t.Errorf("%s led: %s: %+v", leader, name, s)
				}
				for _, gone := range []string{"n1", "n2"} {
					if n := c.Wire.Open(name, gone) + c.Wire.Open(gone, name); n != 0 {
						t.Errorf("%s led: %d streams between %s and the removed %s are open", leader, n, name, gone)
					}
				}
			}
			c.Level(c.pay("n4", "after").Height, "n3", "n4")
		})
	}
}

// TestOutdatedList: one of three was away while another was replaced, and a new node
// knows genesis alone: only one is left who could tell them who leads now. Both say
// what helps, and it does.
func TestOutdatedList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t, Options{Voters: 3, Entities: 1, ScriptClock: true})
		c.must(c.Lead("n1"))
		ministry := func(at, reference string, o tx.Operation) {
			receipts, err := c.Submit(at, c.Sign("ministry", reference, o))
			c.must(err)
			if receipts[0].Reason != tx.Accepted {
				t.Fatal(receipts[0].Rejection())
			}
		}
		set := func(at, reference, name string, voter bool) tx.Validator {
			v := c.Validator(name, "Wuhan", 1, voter)
			ministry(at, reference, tx.Operation{Operation: &tx.Operation_SetValidator{SetValidator: &tx.SetValidator{Validator: v}}})
			return v
		}
		c.Stop("n3")
		set("n1", "admit-n4", "n4", false)
		c.Add("n4", 1)
		c.Start("n4")
		c.Level(1)
		introduced := []tx.Validator{c.Founding.Validators[1], set("n1", "promote-n4", "n4", true)}
		c.Level(2)
		c.must(c.Lead("n4"))
		ministry("n4", "remove-n1", tx.Operation{Operation: &tx.Operation_RemoveValidator{RemoveValidator: &tx.RemoveValidator{Name: "n1"}}})
		time.Sleep(5 * time.Second)
		c.Stop("n1")
		introduced = append(introduced, set("n4", "admit-n5", "n5", false))
		c.Add("n5", 1)
		c.must(c.Lead("n4"))
		for _, name := range []string{"n5", "n3"} {
			c.Start(name)
			time.Sleep(20 * time.Second)
			if s := c.Nodes[name].Status(); s.Serving || !strings.Contains(s.Problem, "--introduce") {
				t.Errorf("%s says %q", name, s.Problem)
			}
			c.Stop(name)
			c.Nodes[name].Introduced = introduced
			c.Start(name)
			c.Level(c.pay("n4", "with-"+name).Height, "n2", "n4", name)
		}
	})
}

// TestSnapshotsAreRare: what stays in the log behind a snapshot is no reason for
// the next one.
func TestSnapshotsAreRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t, Options{Voters: 1, Entities: 1, ScriptClock: true, SnapshotLogBytes: 8 << 10, TrailingLogs: 60})
		c.Leader()
		taken := map[string]bool{}
		for i := range 200 {
			c.pay("n1", fmt.Sprint("r", i))
			time.Sleep(250 * time.Millisecond)
			names, err := filepath.Glob(filepath.Join(c.dir, "n1-1", "snapshots", "*-*"))
			c.must(err)
			for _, name := range names {
				taken[strings.TrimSuffix(name, ".tmp")] = true
			}
		}
		first, last := c.LogRange("n1")
		if len(taken) < 2 || len(taken) > 6 || last-first > 120 {
			t.Errorf("%d snapshots; the log is %d to %d", len(taken), first, last)
		}
	})
}

// TestPrimarySite: the leader of another site hands over once a voter of the
// primary site can lead.
func TestPrimarySite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(t, Options{Voters: 5, Entities: 1, ScriptClock: true, PrimarySite: "Shanghai"})
		time.Sleep(30 * time.Second)
		if leader := c.Leader(); leader != "n3" && leader != "n4" {
			t.Errorf("%s leads", leader)
		}
		c.Crash("n3")
		c.Crash("n4")
		time.Sleep(30 * time.Second)
		c.pay("n5", "elsewhere")
		c.Start("n4")
		time.Sleep(30 * time.Second)
		if leader := c.Leader(); leader != "n4" {
			t.Errorf("%s leads", leader)
		}
		c.pay("n5", "at-home")
	})
}

// TestDiskFails runs on the real clock: a store whose sync failed leaves
// its last call hanging, as Pebble demands, and a bubble would wait for it. The
// node stops, says why, and panics nowhere; the others go on.
func TestDiskFails(t *testing.T) {
	for _, victim := range []string{"n1", "n2"} { // the leader, a follower
		t.Run(victim, func(t *testing.T) {
			c := New(t, Options{Voters: 3, Entities: 1, ScriptClock: true})
			c.must(c.Lead("n1"))
			c.pay("n1", "before")
			c.Nodes[victim].Broken.Store(true)
			var others []string
			for _, name := range c.Names {
				if name != victim {
					others = append(others, name)
				}
			}
			c.pay("n3", "breaks")
			select {
			case <-c.Nodes[victim].Done():
			case <-time.After(time.Minute):
				t.Fatal("the node goes on without a disk")
			}
			if err := c.Nodes[victim].Err(); !errors.Is(err, ErrBroken) {
				t.Errorf("it stopped because of %v", err)
			}
			for i := range 20 {
				c.pay("n3", fmt.Sprint("after", i))
			}
			c.Leader(others...)
			c.Level(22, others...)
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			c.Nodes[victim].Up = false
			if err := c.Nodes[victim].Shutdown(ctx); !errors.Is(err, ErrBroken) {
				t.Errorf("shut down: %v", err)
			}
			if ctx.Err() != nil {
				t.Error("it hangs at its end")
			}
			c.Wire.Leave(victim)
		})
	}
}
