package audit

import (
	"context"
	"fmt"

	"carbonledger/tx/proof"
)

// Receipt makes the receipt of an entry from the static form of a log: from a
// validator's, or from an archive, under its newest checkpoint. That it counts is
// for whoever verifies the receipt; that the path leads to its root is checked.
func Receipt(ctx context.Context, log Log, index uint64) (*proof.Receipt, error) {
	signed, err := log.Get(ctx, proof.CheckpointPath)
	if err != nil {
		return nil, err
	}
	c, err := unsigned(signed)
	if err != nil {
		return nil, fmt.Errorf("audit: the checkpoint of %s: %w", log.Name(), err)
	}
	if index >= c.Size {
		return nil, fmt.Errorf("audit: %s ends with number %d: ask a log that has number %d", log.Name(), c.Size-min(1, c.Size), index)
	}
	r := &proof.Receipt{Index: index, Checkpoint: signed}
	r.Path, err = proof.Inclusion(index, c.Size, func(level uint, first uint64, count int) ([]proof.Hash, error) {
		t := proof.Tile{Level: level / proof.TileHeight, Index: first / proof.TileWidth}
		t.Width = int(min(proof.TileWidth, c.Size>>level-t.Index*proof.TileWidth))
		b, err := tileOf(ctx, log, t)
		if err != nil {
			return nil, err
		}
		all, err := proof.SplitTile(b, t.Width)
		if err != nil {
			return nil, fmt.Errorf("audit: %s of %s: %w", t.Path(), log.Name(), err)
		}
		first %= proof.TileWidth
		return all[first : first+uint64(count)], nil
	})
	if err != nil {
		return nil, err
	}
	t := proof.Tile{Entries: true, Index: index / proof.TileWidth}
	t.Width = int(min(proof.TileWidth, c.Size-t.Index*proof.TileWidth))
	entries, err := bundle(ctx, log, t)
	if err != nil {
		return nil, err
	}
	r.Record = entries[index%proof.TileWidth]
	if err := proof.VerifyInclusion(index, c.Size, proof.LeafHash(r.Record), r.Path, c.Root); err != nil {
		return nil, fmt.Errorf("audit: %s is damaged, or lies: %w", log.Name(), err)
	}
	return r, nil
}
