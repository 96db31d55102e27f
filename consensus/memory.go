package consensus

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// seen is what a node knows that a voter has acknowledged: the newest log
// entry that it stored, and how often it has started.
type seen struct {
	Term  uint64 `json:"term"`
	Index uint64 `json:"index"`
	Boot  uint64 `json:"boot"`
	// Run is random for each start, so that a repeated question is told from a
	// second start with the same count.
	Run uint64 `json:"run"`
}

func (s seen) before(term, index uint64) bool {
	return s.Term < term || s.Term == term && s.Index < index
}

// memory keeps on behalf of each voter what it was seen to store, so that one
// that comes back with less, because its disk was lost or rolled back, is told
// so before it votes.
type memory struct {
	log Log

	mu    sync.Mutex
	known map[raft.ServerID]seen
	dirty map[raft.ServerID]bool
}

func newMemory(log Log) *memory {
	return &memory{log: log, known: map[raft.ServerID]seen{}, dirty: map[raft.ServerID]bool{}}
}

func memoryKey(id raft.ServerID) []byte { return []byte("carbonledger/seen/" + string(id)) }

// of is what was seen of a voter; zero where nothing was.
func (m *memory) of(id raft.ServerID) seen {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.load(id)
}

func (m *memory) load(id raft.ServerID) seen {
	s, ok := m.known[id]
	if !ok {
		if b, err := m.log.Get(memoryKey(id)); err == nil {
			_ = json.Unmarshal(b, &s) // a damaged hint is no hint
		}
		m.known[id] = s
	}
	return s
}

func (m *memory) stored(id raft.ServerID, term, index uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.load(id); s.before(term, index) {
		s.Term, s.Index = term, index
		m.known[id], m.dirty[id] = s, true
	}
}

func (m *memory) booted(id raft.ServerID, boot, run uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.load(id); s.Boot < boot {
		s.Boot, s.Run = boot, run
		m.known[id], m.dirty[id] = s, true
	}
}

// save writes what changed. A crash loses at most what was seen since the last
// save: the other peers still know it.
func (m *memory) save() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.dirty {
		b, err := json.Marshal(m.known[id])
		if err != nil {
			return fmt.Errorf("consensus: encode what was seen of %s: %w", id, err)
		}
		if err := m.log.SetNoSync(memoryKey(id), b); err != nil {
			return fmt.Errorf("consensus: save what was seen of %s: %w", id, err)
		}
		delete(m.dirty, id)
	}
	return nil
}

var bootKey = []byte("carbonledger/boot")

// countBoot adds one to the number of starts of this data directory, synced:
// a directory restored from a backup counts too low and is found out.
func countBoot(log Log) (uint64, error) {
	boot, err := log.GetUint64(bootKey)
	if err != nil && err.Error() != "not found" {
		return 0, fmt.Errorf("consensus: read the boot count: %w", err)
	}
	boot++
	if err := log.SetUint64(bootKey, boot); err != nil {
		return 0, fmt.Errorf("consensus: store the boot count: %w", err)
	}
	return boot, nil
}

// recall asks the peers what they have seen of this voter until so many
// answered that the ones asked and this node make a majority, and compares it
// with what this node's log holds.
func (n *Node) recall(ctx context.Context) error {
	term, index, err := lastEntry(n.cfg.Log, n.cfg.Snapshots)
	if err != nil {
		return err
	}
	if applied := n.Ledger().AppliedIndex(); applied > index {
		return n.lostMemory(fmt.Sprintf("its Raft log ends at entry %d, its state has executed entry %d", index, applied))
	}
	need := len(n.voters())/2 + 1
	if n.isVoter() {
		need--
	}
	answered := map[string]bool{}
	for {
		for _, v := range n.Validators() {
			if v.Name == n.cfg.Name || answered[v.Name] || len(answered) >= need {
				continue
			}
			var a answer
			if err := n.ask(ctx, v.Name, question{Seen: string(n.cfg.serverID()), Boot: n.boot, Run: n.runID}, &a); err != nil {
				n.cfg.Logger.Debug("consensus: a peer does not answer yet", "peer", v.Name, "error", err)
				continue
			}
			switch {
			case a.Seen.Boot > n.boot || a.Seen.Boot == n.boot && a.Seen.Run != n.runID:
				return n.lostMemory(fmt.Sprintf("%s has seen its start number %d, this is number %d: the data directory was rolled back or copied", v.Name, a.Seen.Boot, n.boot))
			case (seen{Term: term, Index: index}).before(a.Seen.Term, a.Seen.Index):
				return n.lostMemory(fmt.Sprintf("%s has seen it store entry %d of term %d, its log ends at entry %d of term %d", v.Name, a.Seen.Index, a.Seen.Term, index, term))
			}
			answered[v.Name] = true
		}
		if len(answered) >= need {
			return nil
		}
		n.setProblem(fmt.Sprintf("waits for %d more validators before it takes part", need-len(answered)))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (n *Node) lostMemory(what string) error {
	return fmt.Errorf("consensus: %s: %w: %s. It must not vote again under this identity: run \"carbonledger init node\" "+
		"with an empty data directory, and have the ministry admit the new public line as a non-voter "+
		"(carbonledger validator set --voter=false), then as a voter once it has caught up", n.cfg.Name, ErrLostMemory, what)
}

// lastEntry is the end of the log, or of the newest snapshot where the log is
// empty.
func lastEntry(log Log, snapshots raft.SnapshotStore) (term, index uint64, err error) {
	index, err = log.LastIndex()
	if err != nil {
		return 0, 0, fmt.Errorf("consensus: read the end of the Raft log: %w", err)
	}
	if index > 0 {
		var last raft.Log
		if err := log.GetLog(index, &last); err != nil {
			return 0, 0, fmt.Errorf("consensus: read entry %d of the Raft log: %w", index, err)
		}
		term = last.Term
	}
	list, err := snapshots.List()
	if err != nil {
		return 0, 0, fmt.Errorf("consensus: list the snapshots: %w", err)
	}
	if len(list) > 0 && list[0].Index > index {
		return list[0].Term, list[0].Index, nil
	}
	return term, index, nil
}
