package publish

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/durable"
	"carbonledger/tx/limited"
	"carbonledger/tx/proof"
)

// rehash hashes the stored entries of a range again and compares each with its
// leaf in the stored tree. Of those that were dropped here it compares the leaves
// with the nodes above: their bytes were compared with an archive's. A tile of them
// is full, also where the range ends within it: it is compared as a whole.
func (p *Publisher) rehash(v *state.View, from, to uint64) error {
	kept, _, err := v.Archive()
	if err == nil && from < kept {
		err = compareNodes(v, from, min(kept, (to+proof.TileWidth-1)/proof.TileWidth*proof.TileWidth))
		from = kept
	}
	if err != nil {
		p.damaged(err)
		return err
	}
	for first := from; first < to; first += proof.TileWidth {
		n := int(min(proof.TileWidth, to-first))
		leaves, err := v.Nodes(0, first, n)
		if err == nil {
			err = v.Entries(first, first+uint64(n), func(index uint64, entry []byte) error {
				if proof.LeafHash(entry) != leaves[index-first] {
					return fmt.Errorf("publish: the entry %d is not the one that was hashed", index)
				}
				return nil
			})
		}
		if err != nil {
			p.damaged(err)
			return err
		}
	}
	return nil
}

// forked stops this validator's cosigning for good, lets another one lead, whose log
// may be the right one, and keeps what contradicts this one: it is evidence.
func (p *Publisher) forked(why string, evidence []byte) {
	p.mu.Lock()
	first := !p.fork
	p.fork, p.problem = true, "the history is contradicted: "+why
	p.fitness()
	p.mu.Unlock()
	if !first {
		return
	}
	p.c.Logger.Error("publish: the history is contradicted: nothing is cosigned here any more, the evidence is kept", "why", why, "evidence", p.c.Evidence)
	err := os.MkdirAll(p.c.Evidence, 0o700)
	if err == nil {
		name := fmt.Sprintf("fork-%d", p.c.Now().UnixMilli())
		_, own := p.Newest()
		err = errors.Join(
			durable.Create(filepath.Join(p.c.Evidence, name+".theirs"), evidence, 0o600),
			durable.Create(filepath.Join(p.c.Evidence, name+".ours"), own, 0o600),
			durable.Create(filepath.Join(p.c.Evidence, name+whyName), []byte(why+"\n"), 0o600),
		)
	}
	if err != nil {
		p.c.Logger.Error("publish: keep the evidence", "error", err)
	}
}

// whyName ends the name of a file that says why the history is contradicted.
const whyName = ".why"

// rememberFork takes up a contradiction that is older than this process: a restart does
// not settle it.
func (p *Publisher) rememberFork() error {
	all, err := filepath.Glob(filepath.Join(p.c.Evidence, "fork-*"+whyName))
	if err != nil || len(all) == 0 {
		return err
	}
	why, err := limited.ReadFile(all[0], limited.MaxSettingsBytes)
	if err != nil {
		return fmt.Errorf("publish: read the evidence: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fork = true
	p.problem = fmt.Sprintf("the history is contradicted: %s: the evidence is in %s; move that away once the auditors have settled it, and start again", strings.TrimSpace(string(why)), p.c.Evidence)
	return nil
}

// scrubShare is how many times as long as a bundle took the scrub rests: it takes a
// fiftieth of a core from the node's other work at most, even on a busy machine.
const scrubShare = 49

// scrub re-reads the log in the background, bundle by bundle, for ever.
func (p *Publisher) scrub() {
	next, pause := uint64(0), p.c.Timing.Scrub
	var checked, compared time.Time
	var whole passes
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-p.alarm:
			whole.rest = 0 // it is news: what comes next may be repaired soon
			next = p.scrubAll(&whole, next)
			continue
		case <-whole.due:
			next = p.scrubAll(&whole, next)
			continue
		case <-time.After(pause):
		}
		v, err := p.c.Ledger().View()
		if err != nil {
			continue
		}
		size := v.LogSize()
		if next >= size {
			p.mu.Lock()
			p.passed = p.c.Now()
			p.mu.Unlock()
			if p.c.Now().Sub(checked) >= p.c.Timing.State {
				checked = p.c.Now()
				p.checkState(v)
			}
			if p.c.Now().Sub(compared) >= p.c.Timing.State && p.compareState(v) {
				compared = p.c.Now()
			}
			p.setDamage("") // else the pass would not have come to its end
			next = 0        // a pass ends with the newest entry, the last tile need not be full
		}
		began := time.Now()
		if err = p.scrubBundle(v, next, size); err == nil {
			next += proof.TileWidth
		}
		if err := errors.Join(err, v.Close()); errors.Is(err, state.ErrClosed) {
			next = 0 // it was replaced: the other one is read from the first entry on
		} else if err != nil && p.ctx.Err() == nil {
			p.damaged(fmt.Errorf("from entry %d on: %w", next, err))
		}
		pause = max(p.c.Timing.Scrub, scrubShare*time.Since(began))
		p.mu.Lock()
		if err != nil || p.repaired != whole.repaired { // it waited for peers or the archive
			pause = p.c.Timing.Scrub
		}
		if p.repaired != whole.repaired && p.damage != "" {
			p.raise() // who gave this may give the rest
		}
		p.scrubbed, whole.repaired = next, p.repaired
		p.mu.Unlock()
	}
}

// scrubBundle re-reads the entries of a tile, hashes them, and compares the
// nodes above. An entry or a node that does not fit is repaired: a node from what
// lies below it, an entry from a peer, if it hashes to its leaf and that leaf is
// in the published tree.
func (p *Publisher) scrubBundle(v *state.View, first, size uint64) error {
	if kept, _, err := v.Archive(); err != nil || first < kept {
		return errors.Join(err, p.scrubDropped(v, first, size))
	}
	width := int(min(proof.TileWidth, size-first))
	entries := make([][]byte, width)
	err := v.Entries(first, first+uint64(width), func(index uint64, entry []byte) error {
		entries[index-first] = append([]byte(nil), entry...)
		return nil
	})
	if err != nil {
		return err
	}
	leaves, err := v.Nodes(0, first, width)
	if err != nil {
		return err
	}
	var bad []int
	for i := range entries {
		if proof.LeafHash(entries[i]) != leaves[i] {
			bad = append(bad, i)
		}
	}
	if len(bad) > 0 {
		if err := p.repair(v, first, leaves, bad); err != nil {
			return err
		}
		// The rest is looked at as it is now.
		return p.scrubAgain(first)
	}
	if err := p.repairNodes(v, first, size); err != nil {
		return err
	}
	return p.checkIndex(v, first, width)
}

// checkState reads every record of the store, and with it the checksums of the
// disk, and lets the ledger compare what it keeps twice (see state.View.CheckState).
func (p *Publisher) checkState(v *state.View) {
	err := p.c.Ledger().Scrub()
	if errors.Is(err, state.ErrClosed) {
		return
	}
	if err == nil {
		err = v.CheckState()
	}
	if err != nil {
		p.stateDamaged(err)
	}
}

func (p *Publisher) stateDamaged(err error) {
	p.trouble("the state here is damaged: " + err.Error())
	p.c.Fail(p.stateDamage(err))
}

// stateDamage says what helps: state is made anew, not mended.
func (p *Publisher) stateDamage(err error) error {
	return fmt.Errorf("publish: the scrub found damage: %w: move %s away and start, it is made anew from a snapshot and the Raft log; if the node stops again, its snapshot has the fault: treat the disk as lost", err, p.c.StateDir)
}

// checkIndex compares receipts, references and the ends of blocks with the entries that
// they follow from. These are state, of which replicas must not differ: where they are wrong,
// this replica stops, and its state is made anew.
func (p *Publisher) checkIndex(v *state.View, first uint64, width int) error {
	return v.Entries(first, first+uint64(width), func(index uint64, entry []byte) error {
		r, err := tx.DecodeRecord(entry)
		if err != nil {
			return fmt.Errorf("publish: the entry %d: %w", index, err)
		}
		if err := v.CheckRecord(index, r); err != nil {
			p.c.Fail(p.stateDamage(err))
			return err
		}
		return nil
	})
}

// scrubAgain looks at a bundle that was repaired.
func (p *Publisher) scrubAgain(first uint64) error {
	v, err := p.c.Ledger().View()
	if err != nil {
		return err
	}
	return errors.Join(p.scrubBundle(v, first, v.LogSize()), v.Close())
}

// repair takes the entries of a tile that do not hash to their leaves from a
// peer. Whether the entry or the leaf was damaged, the peer's are the right ones
// if the newest root that counts follows from them.
func (p *Publisher) repair(v *state.View, first uint64, leaves []proof.Hash, bad []int) error {
	c := p.reference()
	if last := first + uint64(bad[len(bad)-1]); last >= c.Size {
		return fmt.Errorf("publish: the entry %d is not the one that was hashed, and no checkpoint covers it yet", last)
	}
	if c.Size > v.LogSize() {
		return fmt.Errorf("publish: an entry from %d on is not the one that was hashed; it is repaired when the log here has reached the size %d that is published", first, c.Size)
	}
	validators, err := v.Validators()
	if err != nil {
		return err
	}
	for _, peer := range validators {
		if peer.Name == p.c.Name {
			continue
		}
		given, err := p.entriesOf(peer.Name, first, bad)
		if err != nil {
			p.c.Logger.Debug("publish: ask for damaged entries", "of", peer.Name, "error", err)
			continue
		}
		if done, err := p.repairBy(v, c, first, leaves, bad, given); done || err != nil {
			return err
		}
	}
	all, err := p.archivedBundle(first, len(leaves))
	if err == nil {
		var given [][]byte
		for _, i := range bad {
			given = append(given, all[i])
		}
		if done, err := p.repairBy(v, c, first, leaves, bad, given); done || err != nil {
			return err
		}
		err = errors.New("the archive's is another one")
	}
	return fmt.Errorf("publish: the entry %d is damaged here and no peer gave it: %w", first+uint64(bad[0]), err)
}

// repairBy writes entries that were given, if the root of a checkpoint follows from
// them: to the ledger in which that was seen, which is closed where a restore has
// replaced it meanwhile.
func (p *Publisher) repairBy(v *state.View, c proof.Checkpoint, first uint64, leaves []proof.Hash, bad []int, given [][]byte) (bool, error) {
	right := slices.Clone(leaves)
	for k, i := range bad {
		right[i] = proof.LeafHash(given[k])
	}
	root, err := proof.Root(c.Size, replaced(v.Nodes, first, right))
	if err != nil || root != c.Root {
		return false, err
	}
	for k, i := range bad {
		index := first + uint64(i)
		if err := v.Ledger().RepairEntry(index, given[k]); err != nil {
			return false, err
		}
		p.countRepair("entry", index)
	}
	return true, nil
}

// replaced reads a tree with other leaves in one tile, and what follows from them
// in the nodes above a full one.
func replaced(nodes proof.Nodes, first uint64, leaves []proof.Hash) proof.Nodes {
	var read proof.Nodes
	read = func(level uint, at uint64, count int) ([]proof.Hash, error) {
		all, err := nodes(level, at, count)
		for i := range all {
			index := at + uint64(i)
			switch {
			case level == 0 && index >= first && index < first+uint64(len(leaves)):
				all[i] = leaves[index-first]
			case level > 0 && len(leaves) == proof.TileWidth && index == first>>level:
				below, err := read(level-proof.TileHeight, index*proof.TileWidth, proof.TileWidth)
				if err != nil {
					return nil, err
				}
				all[i] = proof.Fold(below)
			}
		}
		return all, err
	}
	return read
}

// entriesOf asks a peer for some entries of a tile.
func (p *Publisher) entriesOf(peer string, first uint64, which []int) (all [][]byte, err error) {
	for _, i := range which {
		index := first + uint64(i)
		a, err := p.ask(p.ctx, peer, question{Entry: &index})
		if err != nil {
			return nil, err
		}
		if len(a.Entry) == 0 {
			return nil, fmt.Errorf("publish: %s has no entry %d: %s", peer, index, a.Refused)
		}
		all = append(all, a.Entry)
	}
	return all, nil
}

// reference is the greatest checkpoint that counts, published here or not yet.
func (p *Publisher) reference() proof.Checkpoint {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting.Size > p.newest.Size {
		return p.waiting.Checkpoint
	}
	return p.newest.Checkpoint
}

// sound re-reads the whole log up to a size, to tell a damaged disk from another
// history.
func (p *Publisher) sound(v *state.View, size uint64) error {
	if err := p.known(); err != nil {
		return err
	}
	if err := p.rehash(v, 0, size); err != nil {
		return err
	}
	return compareNodes(v, 0, size)
}

// compareNodes compares the full tiles of all levels over a range of entries with
// the nodes above them.
func compareNodes(v *state.View, from, to uint64) error {
	for level := uint(0); to>>level >= proof.TileWidth; level += proof.TileHeight {
		for at := from >> level / proof.TileWidth * proof.TileWidth; at+proof.TileWidth <= to>>level; at += proof.TileWidth {
			below, err := v.Nodes(level, at, proof.TileWidth)
			if err != nil {
				return err
			}
			above, err := v.Nodes(level+proof.TileHeight, at/proof.TileWidth, 1)
			if err != nil {
				return err
			}
			if above[0] != proof.Fold(below) {
				return fmt.Errorf("publish: the node %d of level %d is not the one above its tile", at/proof.TileWidth, level+proof.TileHeight)
			}
		}
	}
	return nil
}

// repairNodes compares the kept nodes above a full tile with those below them. A tile
// of a higher level is looked at with the last bundle below it, when all of its nodes
// were found right: else a damaged one would spoil the good one above.
func (p *Publisher) repairNodes(v *state.View, first uint64, size uint64) error {
	for level := uint(0); ; level += proof.TileHeight {
		at := first >> level
		if level > 0 {
			if at%proof.TileWidth != proof.TileWidth-1 {
				return nil
			}
			at -= proof.TileWidth - 1
		}
		if at+proof.TileWidth > size>>level {
			return nil // not full yet
		}
		below, err := v.Nodes(level, at, proof.TileWidth)
		if err != nil {
			return err
		}
		want := proof.Fold(below)
		above, err := v.Nodes(level+proof.TileHeight, at/proof.TileWidth, 1)
		if err == nil && above[0] == want {
			continue
		}
		if err := v.Ledger().RepairNode(level+proof.TileHeight, at/proof.TileWidth, want); err != nil {
			return err
		}
		p.countRepair("node", at/proof.TileWidth)
		return p.scrubAgain(first)
	}
}
