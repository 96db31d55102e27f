package publish

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"carbonledger/state"
	"carbonledger/tx/proof"
)

// rehash hashes the stored entries of a range again and compares each with its
// leaf in the stored tree.
func (p *Publisher) rehash(v *state.View, from, to uint64) error {
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

// damaged notes that a record of the log does not fit the others. The scrub
// looks for it at once, and repairs what it can.
func (p *Publisher) damaged(err error) {
	p.c.Logger.Error("publish: the log here is damaged: this validator cosigns nothing until it is repaired", "error", err)
	p.trouble("the log here is damaged: " + err.Error())
	select {
	case p.alarm <- struct{}{}:
	default:
	}
}

// forked stops this validator's cosigning for good and keeps what contradicts
// its log: it is evidence.
func (p *Publisher) forked(why string, evidence []byte) {
	p.mu.Lock()
	first := !p.fork
	p.fork, p.problem = true, "the history is contradicted: "+why
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
			writeSynced(filepath.Join(p.c.Evidence, name+".theirs"), evidence),
			writeSynced(filepath.Join(p.c.Evidence, name+".ours"), own),
			writeSynced(filepath.Join(p.c.Evidence, name+".why"), []byte(why+"\n")),
		)
	}
	if err != nil {
		p.c.Logger.Error("publish: keep the evidence", "error", err)
	}
}

// scrub re-reads the log in the background, bundle by bundle, for ever.
func (p *Publisher) scrub() {
	next := uint64(0)
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-p.alarm:
			p.scrubAll()
			continue
		case <-time.After(p.c.Timing.Scrub):
		}
		v, err := p.c.Ledger().View()
		if err != nil {
			continue
		}
		size := v.LogSize()
		if next >= size/proof.TileWidth*proof.TileWidth {
			p.mu.Lock()
			p.passed = p.c.Now()
			p.mu.Unlock()
			next = 0
		}
		if err = p.scrubBundle(v, next, size); err == nil {
			next += proof.TileWidth
		}
		if err := errors.Join(err, v.Close()); err != nil && p.ctx.Err() == nil {
			p.trouble("the log here is damaged: " + err.Error())
			p.c.Logger.Error("publish: scrub", "entry", next, "error", err)
		}
		p.mu.Lock()
		p.scrubbed = next
		p.mu.Unlock()
	}
}

// scrubAll is a pass at once, because something was found; a second one mends
// what leaned on what the first one mended.
func (p *Publisher) scrubAll() {
	var err error
	for range 2 {
		if err = p.scrubPass(); err == nil {
			p.trouble("")
			return
		}
	}
	if p.ctx.Err() == nil {
		p.trouble("the log here is damaged and was not repaired: " + err.Error())
		p.c.Logger.Error("publish: scrub", "error", err)
	}
}

func (p *Publisher) scrubPass() (err error) {
	v, err := p.c.Ledger().View()
	if err != nil {
		return err
	}
	size := v.LogSize()
	for first := uint64(0); first < size && p.ctx.Err() == nil; first += proof.TileWidth {
		if one := p.scrubBundle(v, first, size); err == nil {
			err = one
		}
	}
	return errors.Join(err, v.Close())
}

// scrubBundle re-reads the entries of a tile, hashes them, and compares the
// nodes above. An entry or a node that does not fit is repaired: a node from what
// lies below it, an entry from a peer, if it hashes to its leaf and that leaf is
// in the published tree.
func (p *Publisher) scrubBundle(v *state.View, first, size uint64) error {
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
	for i := range entries {
		if proof.LeafHash(entries[i]) != leaves[i] {
			if err := p.repair(v, first+uint64(i), entries[i], leaves[i]); err != nil {
				return err
			}
			if leaves, err = v.Nodes(0, first, width); err != nil {
				return err
			}
		}
	}
	return p.repairNodes(v, first, size)
}

// repair finds out which of an entry and its leaf is right, by an inclusion
// proof of either under the newest published root, and puts the other right.
func (p *Publisher) repair(v *state.View, index uint64, entry []byte, leaf proof.Hash) error {
	c := p.reference()
	if index >= c.Size {
		return fmt.Errorf("publish: the entry %d is not the one that was hashed, and is not published yet", index)
	}
	good, err := p.fits(v, index, proof.LeafHash(entry), c)
	if err != nil {
		return err
	}
	if !good {
		if entry, err = p.entryOfPeer(index, func(b []byte) (bool, error) { return p.fits(v, index, proof.LeafHash(b), c) }); err != nil {
			return err
		}
	}
	if err := p.c.Ledger().RepairEntry(index, entry); err != nil {
		return err
	}
	p.countRepair("entry", index)
	return nil
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
	if err := p.rehash(v, 0, size); err != nil {
		return err
	}
	for level := uint(0); size>>level >= proof.TileWidth; level += proof.TileHeight {
		for at := uint64(0); at+proof.TileWidth <= size>>level; at += proof.TileWidth {
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

// fits says whether a leaf is the one at an index under a checkpoint. Nodes
// beside it may be damaged too; then nothing fits.
func (p *Publisher) fits(v *state.View, index uint64, leaf proof.Hash, c proof.Checkpoint) (bool, error) {
	path, err := proof.Inclusion(index, c.Size, func(level uint, first uint64, count int) ([]proof.Hash, error) {
		all, err := v.Nodes(level, first, count)
		if err == nil && level == 0 && index >= first && index < first+uint64(count) {
			all[index-first] = leaf
		}
		return all, err
	})
	if err != nil {
		return false, err
	}
	return proof.VerifyInclusion(index, c.Size, leaf, path, c.Root) == nil, nil
}

// entryOfPeer asks the other validators for an entry until one gives the right
// one.
func (p *Publisher) entryOfPeer(index uint64, right func([]byte) (bool, error)) ([]byte, error) {
	v, err := p.c.Ledger().View()
	if err != nil {
		return nil, err
	}
	validators, err := v.Validators()
	if err := errors.Join(err, v.Close()); err != nil {
		return nil, err
	}
	for _, peer := range validators {
		if peer.Name == p.c.Name {
			continue
		}
		a, err := p.ask(p.ctx, peer.Name, question{Entry: &index})
		if err != nil || len(a.Entry) == 0 {
			continue
		}
		good, err := right(a.Entry)
		if err != nil {
			return nil, err
		}
		if good {
			return a.Entry, nil
		}
	}
	return nil, fmt.Errorf("publish: the entry %d is damaged here and no peer gave it", index)
}

// repairNodes compares the kept nodes above a full tile with those below them.
func (p *Publisher) repairNodes(v *state.View, first uint64, size uint64) error {
	for level := uint(0); ; level += proof.TileHeight {
		at := first >> level
		if at%proof.TileWidth != 0 || at+proof.TileWidth > size>>level {
			return nil // looked at with another bundle, or not full yet
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
		if err := p.c.Ledger().RepairNode(level+proof.TileHeight, at/proof.TileWidth, want); err != nil {
			return err
		}
		p.countRepair("node", at/proof.TileWidth)
	}
}

func (p *Publisher) countRepair(what string, index uint64) {
	p.mu.Lock()
	p.repaired++
	p.mu.Unlock()
	p.c.Logger.Warn("publish: repaired", "what", what, "index", index)
}
