package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// ArchiveOptions say what an archive shall hold.
type ArchiveOptions struct {
	Policy *proof.Policy
	// Until is a day: the archive ends with the checkpoint that was kept for the
	// newest closed day which is not after it.
	Until tx.Day
	// Dir gets the archive. One that is there is verified and continued.
	Dir string
	// Progress is told how many entries are verified; nil for silence.
	Progress func(entry, size uint64)
}

// ArchiveReport is what an archive holds.
type ArchiveReport struct {
	Origin string
	Size   uint64
	Root   string
	// Day that its checkpoint was kept for, and Height of its last entry's block.
	Day    tx.Day
	Height uint64
	// Days whose kept checkpoints are in it, and Lacking those without one that counts
	// by the policy: no log had it, or its validators are of another time.
	Days, Lacking []tx.Day
	// Bytes of the tiles and bundles, Fetched those of leaves and entries that were
	// not there before.
	Bytes, Fetched int64
	// Unused says of each log that was not asked for tiles why: it could not be read, or
	// its checkpoint does not count.
	Unused []string
	// Cosigned are the cosigners of the checkpoint.
	Cosigned []proof.Cosignature
}

// daysBack is how far before Until a closed day is looked for: the longest holidays
// are shorter.
const daysBack = 60

// atOnce is how many tiles are fetched at the same time.
const atOnce = 8

type archiver struct {
	o    ArchiveOptions
	logs []Log
	from Log // that gave the checkpoint
	// serving are logs in the order in which they are asked for tiles; tiles are
	// fetched at the same time.
	mu      sync.Mutex
	serving []Log
	head    head
	to      *static
	report  *ArchiveReport
	// upper are the hashes of the tile levels from 1 on, edge those of the last leaf
	// tile if it is not full. They follow from the checkpoint's root.
	upper map[uint][]proof.Hash
	edge  []proof.Hash
}

// Archive writes the static form of a log up to a day. It believes the policy
// alone: every hash follows from the checkpoint's root, and every entry hashes to
// its leaf, before a file is written; the checkpoint is the last one.
func Archive(ctx context.Context, logs []Log, o ArchiveOptions) (*ArchiveReport, error) {
	a := &archiver{o: o, logs: slices.Clone(logs), to: newStatic(o.Dir), report: &ArchiveReport{Origin: o.Policy.Origin()}, upper: map[uint][]proof.Hash{}}
	if err := a.find(ctx); err != nil {
		return nil, err
	}
	old, err := a.older()
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{a.readUpper, a.entries, a.writeUpper, a.keptDays} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	if err := a.continues(a.o.Dir, old); err != nil {
		return nil, err
	}
	if err := a.to.publish(a.head.note); err != nil {
		return nil, err
	}
	a.report.Size, a.report.Root, a.report.Cosigned = a.head.Size, fmt.Sprintf("%x", a.head.Root), a.head.cosigned
	return a.report, nil
}

// find fetches the checkpoint of the newest day that some log kept one for.
func (a *archiver) find(ctx context.Context) error {
	day := a.o.Until
	var failed error
	unused := func(log Log, err error) { // others may have it
		failed = errors.Join(failed, err)
		a.report.Unused = append(a.report.Unused, err.Error())
		a.logs = slices.DeleteFunc(a.logs, func(l Log) bool { return l == log })
	}
	for range daysBack {
		for _, log := range slices.Clone(a.logs) {
			b, err := log.Get(ctx, proof.KeptCheckpointPath(day))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				unused(log, err)
				continue
			}
			c, cosigned, err := a.o.Policy.Open(b)
			if err != nil {
				unused(log, fmt.Errorf("audit: %s of %s: %w: %w", proof.KeptCheckpointPath(day), log.Name(), ErrNotCounted, err))
				continue
			}
			a.from, a.head, a.report.Day = log, head{Checkpoint: c, note: b, cosigned: cosigned}, day
			a.serving = append([]Log{log}, slices.DeleteFunc(slices.Clone(a.logs), func(l Log) bool { return l == log })...)
			return nil
		}
		if len(a.logs) == 0 {
			return failed
		}
		day = (day.Start() - 1).Day()
	}
	if err := a.noLogs(ctx); err != nil {
		return errors.Join(failed, err)
	}
	err := fmt.Errorf("audit: no log has a checkpoint that was kept for a day from %s to %s: give --until the date of a day that was closed, or ask another validator", day.Next(), a.o.Until)
	if failed != nil {
		return fmt.Errorf("%w; not asked: %w", err, failed)
	}
	return err
}

// noLogs is an error where none is a log at all: then the day is not what is wrong.
func (a *archiver) noLogs(ctx context.Context) (none error) {
	for _, log := range a.logs {
		_, err := log.Get(ctx, proof.CheckpointPath)
		if !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		none = errors.Join(none, err)
	}
	return none
}

// older is the checkpoint of the archive that is continued, of size 0 for none.
func (a *archiver) older() (c head, err error) {
	c.note, err = readFile(a.to.path(proof.CheckpointPath))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("audit: %w", err)
	}
	if c.Checkpoint, err = unsigned(c.note); err != nil {
		return c, fmt.Errorf("audit: %s in %s is damaged: %w", proof.CheckpointPath, a.o.Dir, err)
	}
	if c.Origin != a.head.Origin {
		return c, fmt.Errorf("audit: %s is an archive of the log %q, not of %q: give another directory", a.o.Dir, c.Origin, a.head.Origin)
	}
	if c.Size > a.head.Size {
		return c, fmt.Errorf("audit: the archive %s has size %d already, the day %s ends with size %d: give a later --until", a.o.Dir, c.Size, a.report.Day, a.head.Size)
	}
	return c, nil
}

// unsigned is what a checkpoint of the archive says. Its validators may be those of
// another time: that it is a beginning of what today's signed is enough.
func unsigned(note []byte) (proof.Checkpoint, error) {
	text, _, _ := bytes.Cut(note, []byte("\n\n"))
	return proof.ParseCheckpoint(string(text) + "\n")
}

// source is a file of the log: of the directory if it is there, else of the log.
type source struct {
	where string
	own   bool
	b     []byte
}

func (s *source) wrong(t proof.Tile, format string, args ...any) error {
	return fmt.Errorf("audit: %s of %s: %s", t.Path(), s.where, fmt.Sprintf(format, args...))
}

// read takes a tile from the directory, or fetches it.
func (a *archiver) read(ctx context.Context, t proof.Tile) (s source, err error) {
	b, err := readFile(a.to.path(t.Path()))
	if err == nil {
		return source{a.o.Dir, true, b}, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return s, fmt.Errorf("audit: %w", err)
	}
	log, b, err := a.fetch(ctx, t)
	if err != nil {
		return s, err
	}
	return source{log.Name(), false, b}, nil
}

// fetch takes a tile from the first log that gives it: whoever does, the root tells
// whether it is right. One that does not is asked last from then on.
func (a *archiver) fetch(ctx context.Context, t proof.Tile) (from Log, b []byte, failed error) {
	a.mu.Lock()
	logs := slices.Clone(a.serving)
	a.mu.Unlock()
	for _, log := range logs {
		b, err := tileOf(ctx, log, t)
		if err == nil {
			return log, b, nil
		}
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		failed = errors.Join(failed, err)
		a.mu.Lock()
		a.serving = append(slices.DeleteFunc(a.serving, func(l Log) bool { return l == log }), log)
		a.mu.Unlock()
	}
	return nil, nil, failed
}

// hashes reads a tile of hashes.
func (a *archiver) hashes(ctx context.Context, t proof.Tile) (source, []proof.Hash, error) {
	s, err := a.read(ctx, t)
	if err != nil {
		return s, nil, err
	}
	all, err := proof.SplitTile(s.b, t.Width)
	if err != nil {
		return s, nil, s.wrong(t, "%v", err)
	}
	return s, all, nil
}

// readUpper reads all hashes above the leaf tiles, and those of a leaf tile that is
// not full, and checks that the root follows from them.
func (a *archiver) readUpper(ctx context.Context) error {
	edge := a.o.Dir // where the newest tiles are from
	from := map[proof.Tile]source{}
	for _, t := range proof.TilesOf(0, a.head.Size) {
		if t.Entries || t.Level == 0 && t.Width == proof.TileWidth {
			continue
		}
		s, hashes, err := a.hashes(ctx, t)
		if err != nil {
			return err
		}
		if !s.own {
			edge = s.where
		}
		from[t] = source{where: s.where}
		if t.Level == 0 {
			a.edge = hashes
		} else {
			a.upper[t.Level] = append(a.upper[t.Level], hashes...)
		}
	}
	root, err := proof.Root(a.head.Size, func(level uint, first uint64, count int) ([]proof.Hash, error) {
		if level == 0 {
			first %= proof.TileWidth
			return a.edge[first : first+uint64(count)], nil
		}
		return a.upper[level/proof.TileHeight][first : first+uint64(count)], nil
	})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if root != a.head.Root {
		return fmt.Errorf("audit: the tiles of %s lead to root %x at size %d, the checkpoint of %s has %x", edge, root, a.head.Size, a.from.Name(), a.head.Root)
	}
	for level := uint(len(a.upper)); level > 1; level-- {
		for i, above := range a.upper[level] {
			if below := a.upper[level-1][i*proof.TileWidth:]; proof.Fold(below[:proof.TileWidth]) != above {
				t := proof.Tile{Level: level - 1, Index: uint64(i), Width: proof.TileWidth}
				s := from[t]
				return s.wrong(t, "its hashes do not lead to the root of the checkpoint")
			}
		}
	}
	return nil
}

// entries reads leaf tiles and bundles, compares each entry with its leaf and each
// leaf with the root, and writes them.
func (a *archiver) entries(ctx context.Context) error {
	tiles := (a.head.Size + proof.TileWidth - 1) / proof.TileWidth
	for at := uint64(0); at < tiles; at += atOnce {
		var all sync.WaitGroup
		var got [atOnce]struct {
			leaves, bundle source
			err            error
		}
		for i := range min(atOnce, tiles-at) {
			all.Go(func() {
				leaves, bundle := a.leafTile(at + i)
				g := &got[i]
				if g.leaves, g.err = a.read(ctx, leaves); g.err == nil {
					g.bundle, g.err = a.read(ctx, bundle)
				}
			})
		}
		all.Wait()
		for i := range min(atOnce, tiles-at) {
			g := &got[i]
			if g.err != nil {
				return g.err
			}
			if err := a.take(at+i, &g.leaves, &g.bundle); err != nil {
				return err
			}
		}
		if a.o.Progress != nil {
			a.o.Progress(min((at+atOnce)*proof.TileWidth, a.head.Size), a.head.Size)
		}
	}
	return nil
}

func (a *archiver) leafTile(index uint64) (leaves, bundle proof.Tile) {
	width := int(min(proof.TileWidth, a.head.Size-index*proof.TileWidth))
	return proof.Tile{Index: index, Width: width}, proof.Tile{Entries: true, Index: index, Width: width}
}

// take checks a leaf tile and its bundle and writes them.
func (a *archiver) take(index uint64, leaves, bundle *source) error {
	leafTile, bundleTile := a.leafTile(index)
	hashes, err := proof.SplitTile(leaves.b, leafTile.Width)
	if err != nil {
		return leaves.wrong(leafTile, "%v", err)
	}
	if full := leafTile.Width == proof.TileWidth; full && proof.Fold(hashes) != a.upper[1][index] || !full && !slices.Equal(hashes, a.edge) {
		return leaves.wrong(leafTile, "its hashes do not lead to the root of the checkpoint")
	}
	entries, err := proof.SplitBundle(bundle.b, bundleTile.Width)
	if err != nil {
		return bundle.wrong(bundleTile, "%v", err)
	}
	for i, entry := range entries {
		number := index*proof.TileWidth + uint64(i)
		if proof.LeafHash(entry) != hashes[i] {
			return bundle.wrong(bundleTile, "the entry %d is not the one in the tree", number)
		}
		r, err := tx.DecodeRecord(entry)
		if err != nil {
			return bundle.wrong(bundleTile, "the entry %d: %v", number, err)
		}
		a.report.Height = r.Height
		if r.StateRoot != nil && r.StateRoot.Day != 0 {
			a.report.Days = append(a.report.Days, r.StateRoot.Day)
		}
	}
	return errors.Join(a.write(leafTile, leaves), a.write(bundleTile, bundle))
}

// write puts a tile that was found right.
func (a *archiver) write(t proof.Tile, s *source) error {
	a.report.Bytes += int64(len(s.b))
	if s.own {
		return nil
	}
	a.report.Fetched += int64(len(s.b))
	return a.to.put(t.Path(), s.b)
}

// writeUpper writes the tiles above the leaves.
func (a *archiver) writeUpper(context.Context) error {
	for _, t := range proof.TilesOf(0, a.head.Size) {
		if t.Entries || t.Level == 0 {
			continue
		}
		var b []byte
		first := t.Index * proof.TileWidth
		for _, h := range a.upper[t.Level][first : first+uint64(t.Width)] {
			b = append(b, h[:]...)
		}
		a.report.Bytes += int64(len(b))
		if err := a.to.put(t.Path(), b); err != nil {
			return err
		}
	}
	return nil
}

// keptDays adds the checkpoints that were kept for the days in the archive, so that
// an archive of an earlier day can be made of it.
func (a *archiver) keptDays(ctx context.Context) error {
	days := a.report.Days
	a.report.Days = nil
	for _, day := range days {
		b, err := a.kept(ctx, day)
		if err != nil {
			return err
		}
		if b == nil {
			a.report.Lacking = append(a.report.Lacking, day)
			continue
		}
		a.report.Days = append(a.report.Days, day)
		if err := a.to.put(proof.KeptCheckpointPath(day), b); err != nil {
			return err
		}
	}
	return nil
}

// kept is a day's checkpoint from the first that has one, nil where none has one
// that counts and lies within the archive.
func (a *archiver) kept(ctx context.Context, day tx.Day) ([]byte, error) {
	name := proof.KeptCheckpointPath(day)
	switch b, err := readFile(a.to.path(name)); {
	case err == nil:
		c, err := unsigned(b)
		if err != nil {
			return nil, fmt.Errorf("audit: %s in %s is damaged: %w", name, a.o.Dir, err)
		}
		if c.Size > a.head.Size {
			return nil, fmt.Errorf("audit: %s in %s has size %d, the archive ends with size %d: it is damaged, or of another log: remove it", name, a.o.Dir, c.Size, a.head.Size)
		}
		if err := a.continues(a.o.Dir, head{Checkpoint: c, note: b}); err != nil {
			return nil, err
		}
		if _, _, err := a.o.Policy.Open(b); err == nil {
			return b, nil // of the archive's own day as well: another validator may have kept a later one
		}
		if day == a.report.Day {
			return a.head.note, nil // which is another one: put says so
		}
		return nil, nil // damaged, or of validators of another time: it stays
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("audit: %w", err)
	}
	if day == a.report.Day {
		return a.head.note, nil
	}
	for _, log := range a.logs {
		b, err := log.Get(ctx, name)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			continue
		}
		if c, _, err := a.o.Policy.Open(b); err == nil && c.Size <= a.head.Size {
			return b, a.continues(log.Name(), head{Checkpoint: c, note: b})
		}
	}
	return nil, nil
}

// continues is an error unless the archive's tree begins with that of a checkpoint.
func (a *archiver) continues(where string, c head) error {
	if c.Size == 0 {
		return nil
	}
	root, err := proof.Root(c.Size, a.nodes)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if root != c.Root && !signed(a.o.Policy, c.note) {
		return fmt.Errorf("audit: the checkpoint of size %d in %s is damaged: it is not the one that the log signed: remove it", c.Size, where)
	}
	if root != c.Root {
		return fmt.Errorf("audit: a checkpoint of %s has root %x at size %d, what %s signed has %x there: another history; keep both as evidence", where, c.Root, c.Size, a.from.Name(), root)
	}
	return nil
}

// nodes reads the archive's own tree, which was found right.
func (a *archiver) nodes(level uint, first uint64, count int) ([]proof.Hash, error) {
	if level > 0 {
		return a.upper[level/proof.TileHeight][first : first+uint64(count)], nil
	}
	t, _ := a.leafTile(first / proof.TileWidth)
	b, err := readFile(a.to.path(t.Path()))
	if err != nil {
		return nil, err
	}
	all, err := proof.SplitTile(b, t.Width)
	if err != nil {
		return nil, err
	}
	first %= proof.TileWidth
	return all[first : first+uint64(count)], nil
}
