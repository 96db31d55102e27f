package consensus

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// seen is what is known that a voter has acknowledged: the newest log entry
// that it stored, and how often it has started.
type seen struct {
	Term  uint64 `json:"term"`
	Index uint64 `json:"index"`
	// Office is the term of the leader for whom it stored that entry. The log may
	// end before it only if the voter has entered a later term since, whose
	// leader had another end: both are synced in order.
	Office uint64 `json:"office"`
	Boot   uint64 `json:"boot"`
	// Run is random for each start, so that a repeated question is told from a
	// second start with the same count.
	Run uint64 `json:"run"`
}

func (s seen) before(term, index uint64) bool {
	return s.Term < term || s.Term == term && s.Index < index
}

// memory keeps on behalf of each voter what it was seen to store, so that one
// that comes back with less, because its disk was lost or rolled back, is told
// so before it votes. Leaders learn it from acknowledgements, everyone from the
// voters' own reports: whoever is asked later knows it.
type memory struct {
	log Log

	mu    sync.Mutex
	known map[raft.ServerID]seen
	dirty bool
	// own is what this node itself has stored, and its start; term is the newest
	// that it has entered.
	own  seen
	term uint64
	// starts are the newest that the peers let take part, and those after it: the
	// peers may have been told of each.
	starts []start
}

// start is one of this data directory's.
type start struct {
	Boot uint64 `json:"boot"`
	Run  uint64 `json:"run"`
}

// absent says that a stable store has no such key: raft.StableStore has a text
// for it, and no error value.
func absent(err error) bool { return err.Error() == "not found" }

var memoryKey = []byte("carbonledger/seen")

// newMemory reads what was seen before, and counts this start.
func newMemory(log Log) (*memory, error) {
	m := &memory{log: log, known: map[raft.ServerID]seen{}}
	b, err := log.Get(memoryKey)
	if err != nil && !absent(err) {
		return nil, fmt.Errorf("consensus: read what was seen of the other voters: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(b, &m.known); err != nil {
			return nil, fmt.Errorf("consensus: read what was seen of the other voters: %w", err)
		}
	}
	if m.own.Boot, err = countBoot(log); err != nil {
		return nil, err
	}
	if m.own.Run, err = randomUint64(); err != nil {
		return nil, err
	}
	if err := m.begin(); err != nil {
		return nil, err
	}
	m.term, err = storedTerm(log)
	return m, err
}

func randomUint64() (uint64, error) {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, fmt.Errorf("consensus: read randomness: %w", err)
	}
	return binary.BigEndian.Uint64(b[:]), nil
}

// of is what was seen of a voter; zero where nothing was.
func (m *memory) of(id raft.ServerID) seen {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.known[id]
}

// stored remembers the newest entry that a voter stored.
func (m *memory) stored(id raft.ServerID, entry seen) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.known[id]; s.before(entry.Term, entry.Index) {
		s.Term, s.Index, s.Office = entry.Term, entry.Index, entry.Office
		m.known[id], m.dirty = s, true
	}
}

// booted remembers a voter's newest start.
func (m *memory) booted(id raft.ServerID, boot, run uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.known[id]; s.Boot < boot {
		s.Boot, s.Run = boot, run
		m.known[id], m.dirty = s, true
	}
}

// wrote and entered note what this node stores; mine is all of it.
func (m *memory) wrote(term, index uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.own.before(term, index) {
		m.own.Term, m.own.Index, m.own.Office = term, index, m.term
	}
}

func (m *memory) entered(term uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.term = term
}

func (m *memory) mine() seen {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.own
}

// save writes what changed. A crash loses at most what was seen since the last
// save: the other peers still know it.
func (m *memory) save() error {
	m.mu.Lock()
	if !m.dirty {
		m.mu.Unlock()
		return nil
	}
	b, err := json.Marshal(m.known)
	m.dirty = false
	m.mu.Unlock()
	if err == nil {
		err = m.log.Set(memoryKey, b)
	}
	if err != nil {
		return fmt.Errorf("consensus: save what was seen of the other voters: %w", err)
	}
	return nil
}

var bootKey = []byte("carbonledger/boot")

// countBoot adds one to the number of starts of this data directory, synced:
// a directory restored from a backup counts too low and is found out.
func countBoot(log Log) (uint64, error) {
	boot, err := log.GetUint64(bootKey)
	if err != nil && !absent(err) {
		return 0, fmt.Errorf("consensus: read the boot count: %w", err)
	}
	boot++
	if err := log.SetUint64(bootKey, boot); err != nil {
		return 0, fmt.Errorf("consensus: store the boot count: %w", err)
	}
	return boot, nil
}

var startsKey = []byte("carbonledger/starts")

// maxStarts are remembered at most: of one that nobody let take part more often than
// that, the oldest count as before.
const maxStarts = 256

// begin adds this start to the directory's own, before a peer is told of it.
func (m *memory) begin() error {
	b, err := m.log.Get(startsKey)
	if err != nil && !absent(err) {
		return fmt.Errorf("consensus: read this directory's starts: %w", err)
	}
	if err == nil {
		if err := json.Unmarshal(b, &m.starts); err != nil {
			return fmt.Errorf("consensus: read this directory's starts: %w", err)
		}
	}
	if k := len(m.starts); k == 0 || m.starts[k-1].Boot+1 != m.own.Boot {
		m.starts = nil // one was counted and not written down
	}
	m.starts = append(m.starts[max(0, len(m.starts)-maxStarts+1):], start{m.own.Boot, m.own.Run})
	return m.keepStarts()
}

// admitted notes that the peers let this start take part: those before it are over.
func (m *memory) admitted() error {
	m.starts = m.starts[len(m.starts)-1:]
	return m.keepStarts()
}

func (m *memory) keepStarts() error {
	b, err := json.Marshal(m.starts)
	if err == nil {
		err = m.log.Set(startsKey, b)
	}
	if err != nil {
		return fmt.Errorf("consensus: write this directory's starts: %w", err)
	}
	return nil
}

// storedTerm is the newest term of Raft that this node has entered.
func storedTerm(log Log) (uint64, error) {
	term, err := log.GetUint64(termKey)
	if err != nil && !absent(err) {
		return 0, fmt.Errorf("consensus: read Raft's term: %w", err)
	}
	return term, nil
}

// lost says in words what a voter has lost of what was seen of it; empty for
// nothing. Its log ends at own's entry, it has entered term, and starts are its own: a
// copy that was started several times counts as far as the directory that it was made
// of, but not by the same starts.
func (s seen) lost(own seen, term uint64, starts []start) string {
	switch {
	case s.Boot > own.Boot || s.Boot >= starts[0].Boot && !slices.Contains(starts, start{s.Boot, s.Run}):
		return fmt.Sprintf("has seen its start number %d, this is number %d: the data directory was rolled back or copied", s.Boot, own.Boot)
	case own.before(s.Term, s.Index) && s.Office >= term:
		return fmt.Sprintf("has seen it store entry %d of term %d, its log ends at entry %d of term %d", s.Index, s.Term, own.Index, own.Term)
	}
	return ""
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
	n.memory.wrote(term, index)
	own := n.memory.mine()
	entered, err := storedTerm(n.cfg.Log)
	if err != nil {
		return err
	}
	if what, err := n.cfg.Log.Get(lostKey); err == nil {
		return n.lostMemory(string(what))
	} else if !absent(err) {
		return fmt.Errorf("consensus: read whether this directory lost what it acknowledged: %w", err)
	}
	voters := 0
	for _, v := range n.knowing() {
		if v.Voter {
			voters++
		}
	}
	need := voters/2 + 1
	if n.isVoter() {
		need--
	}
	answered := map[string]bool{}
	for {
		last := ""
		for _, v := range n.knowing() {
			if v.Name == n.cfg.Name || answered[v.Name] || len(answered) >= need {
				continue
			}
			var a answer
			err := n.ask(ctx, v.Name, question{Seen: string(n.cfg.serverID()), Boot: own.Boot, Run: own.Run}, &a)
			if err != nil || a.Missing != "" {
				n.cfg.Logger.Debug("consensus: a peer does not answer yet", "peer", v.Name, "error", err, "answer", a.Missing)
				if last = v.Name + " " + a.Missing; err != nil {
					last = err.Error()
				}
				continue
			}
			if what := a.Seen.lost(own, entered, n.memory.starts); what != "" {
				return n.lostForGood(v.Name + " " + what)
			}
			answered[v.Name] = true
		}
		if len(answered) >= need {
			return n.memory.admitted()
		}
		n.setProblem(fmt.Sprintf("waits for %d more validators before it takes part: %s%s", need-len(answered), last, n.whoLeft()))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

var lostKey = []byte("carbonledger/lost")

// lostForGood notes, synced, that this directory must never vote again: the start
// that found it out has counted itself, so that the next one could pass for whole.
func (n *Node) lostForGood(what string) error {
	return errors.Join(n.lostMemory(what), n.cfg.Log.Set(lostKey, []byte(what)))
}

func (n *Node) lostMemory(what string) error {
	return fmt.Errorf("consensus: %s: %w: %s. It must not vote again under this identity: run \"carbonledger init node\" "+
		"with an empty data directory and a new name, and have the ministry admit the new public line as a non-voter "+
		"(carbonledger validator set --voter=false), then as a voter once it has caught up", n.cfg.Name, ErrLostMemory, what)
}

// joinLog makes Raft's log and its newest snapshot one history. A log that ends
// before the snapshot is what a crash left of the installation of that
// snapshot, before Raft emptied the log: Raft could append nothing to it.
func joinLog(log Log, snapshots raft.SnapshotStore) error {
	_, label, err := newestSnapshot(snapshots)
	if err != nil {
		return err
	}
	first, err1 := log.FirstIndex()
	last, err2 := log.LastIndex()
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("consensus: read the ends of the Raft log: %w", err)
	}
	switch {
	case last == 0:
		return nil
	case last < label:
		return log.DeleteRange(first, last)
	case first > label+1:
		return fmt.Errorf("consensus: the Raft log begins at entry %d, the newest readable snapshot ends at entry %d: put the node's snapshots back, "+
			"or rejoin as a new validator with an empty data directory (\"carbonledger init node\")", first, label)
	}
	return nil
}

// newestSnapshot is the term and index on the label of the newest snapshot.
func newestSnapshot(snapshots raft.SnapshotStore) (term, index uint64, err error) {
	list, err := snapshots.List()
	if err != nil {
		return 0, 0, fmt.Errorf("consensus: list the snapshots: %w", err)
	}
	if len(list) == 0 {
		return 0, 0, nil
	}
	return list[0].Term, list[0].Index, nil
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
	snapshotTerm, label, err := newestSnapshot(snapshots)
	if err != nil {
		return 0, 0, err
	}
	if label > index {
		return snapshotTerm, label, nil
	}
	return term, index, nil
}
