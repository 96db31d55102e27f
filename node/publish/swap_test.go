package publish

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"carbonledger/state"
	"carbonledger/tx/proof"
)

// TestRepairAfterRestore: a restore replaces the ledger while a peer is asked for an
// entry that is damaged in it. The other one, which has dropped that entry, stays as
// it is; it is looked at next, and shows that nothing is damaged.
func TestRepairAfterRestore(t *testing.T) {
	l, restored, whole := logOf(t, 599), logOf(t, 599), logOf(t, 599)
	if err := restored.DropEntries(256, "https://archive.test"); err != nil {
		t.Fatal(err)
	}
	if err := l.RepairNode(0, 7, proof.Hash{}); err != nil {
		t.Fatal(err)
	}
	v, err := whole.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	root, err := proof.Root(v.LogSize(), v.Nodes)
	if err != nil {
		t.Fatal(err)
	}
	var live atomic.Pointer[state.Ledger]
	live.Store(l)
	p, n := publisherOf(t, l), &peers{whole: v}
	p.c.Ledger = live.Load
	n.may.Store(true)
	closed := make(chan error, 1)
	n.asked = func(string, uint64) {
		if live.CompareAndSwap(l, restored) {
			go func() { closed <- l.Close() }()
			for {
				old, err := l.View()
				if errors.Is(err, state.ErrClosed) {
					return
				}
				_ = old.Close()
			}
		}
	}
	p.c.Network, p.c.Timing = n, Timing{Ask: time.Minute, Scrub: time.Hour, State: time.Hour}
	p.newest.Checkpoint = proof.Checkpoint{Origin: p.c.Origin, Size: v.LogSize(), Root: root}
	p.damaged(errors.New("entry 7"))
	var runs passes
	if p.scrubAll(&runs, 0); runs.due == nil || strings.Contains(p.damage, "not repaired") {
		t.Errorf("after a restore: %q, another pass is due: %t", p.damage, runs.due != nil)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	var gone *state.ErrArchived
	if err := viewOf(t, restored).Entries(7, 8, func(uint64, []byte) error { return nil }); !errors.As(err, &gone) {
		t.Errorf("an entry that is in the archive was written to the restored ledger: %v", err)
	}
	if p.scrubAll(&runs, 0); p.damage != "" || p.known() != nil || p.repaired != 0 {
		t.Errorf("the restored ledger: %q, %d repaired", p.damage, p.repaired)
	}
}
