package publish

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"

	"carbonledger/node/remote"
	"carbonledger/state"
	"carbonledger/tx/proof"
)

// stays is how many of the newest entries are never dropped: what peers ask each
// other for is among them.
const stays = 2048

// fetchTime bounds the fetch of a file from the archive.
const fetchTime = time.Minute

// validatorHeader is in every answer of a validator's log: that is no archive, since
// two validators that took each other for one would drop what only the other had.
const validatorHeader = "Carbonledger-Validator"

// archiveClient follows no redirect: what an archive does not hold itself may be
// here alone.
func archiveClient() *http.Client {
	return &http.Client{Timeout: fetchTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// keep keeps the first checkpoint that covers the root of the newest business day:
// an archive ends with it.
func (p *Publisher) keep(v *state.View, c proof.Checkpoint, signed []byte) {
	day, ok, err := v.ClosedDay(c.Size)
	if err != nil || !ok {
		p.complain(err)
		return
	}
	kept, err := v.KeptCheckpoint(day)
	if err == nil && kept == nil {
		err = p.c.Ledger().KeepCheckpoint(day, signed)
	}
	p.complain(err)
}

func (p *Publisher) complain(err error) {
	if err != nil && !errors.Is(err, state.ErrClosed) {
		p.c.Logger.Error("publish: keep the checkpoint of a day", "error", err)
	}
}

// archived is which entries are still here, and where the others are.
func (p *Publisher) archived() (first uint64, url string) {
	v, err := p.c.Ledger().View()
	if err != nil {
		return 0, ""
	}
	defer v.Close()
	first, url, _ = v.Archive()
	return first, url
}

// watchArchive looks at once, so that who configured it sees what is wrong, and then
// from time to time whether the archive has more, and drops it here.
func (p *Publisher) watchArchive() {
	client := archiveClient()
	for pause := time.Duration(0); ; pause = p.c.Timing.Archive {
		select {
		case <-p.ctx.Done():
			return
		case <-time.After(pause):
		}
		dropped, err := p.dropArchived(client)
		if p.ctx.Err() != nil || errors.Is(err, state.ErrClosed) {
			continue
		}
		problem := ""
		if err != nil {
			problem = err.Error()
		}
		p.mu.Lock()
		news := problem != p.archiveProblem
		p.archiveProblem = problem
		p.mu.Unlock()
		if news && err != nil {
			p.c.Logger.Warn("publish: no entries are dropped", "archive", p.c.Archive, "because", err)
		}
		if dropped > 0 {
			p.c.Logger.Info("publish: dropped entries that the archive has", "archive", p.c.Archive, "up to", dropped)
		}
	}
}

// archiveSeen is how far an archive was found to be the same as the log here, byte for
// byte, since began, while its checkpoint counted and was of this history: the entries
// from first up to to, lastly under a checkpoint of this size.
type archiveSeen struct {
	ledger          *state.Ledger
	began           time.Time
	first, to, size uint64
}

// seenFor is for how many looks at the archive what was compared counts: an archive
// that breaks off for longer may have lost what it had.
const seenFor = 24

// dropArchived compares every entry that could go, byte for byte, with the archive
// under its checkpoint, and drops them only if all are the same. A pass that was
// broken off is gone on with: but not for long, nor after a difference or a wrong
// checkpoint, nor where the archive has become shorter or the ledger is another one.
// It returns where entries begin now, 0 if nothing was dropped.
func (p *Publisher) dropArchived(client *http.Client) (uint64, error) {
	// A restore may replace the ledger on the way; then this one is closed, and
	// what was compared with it is dropped nowhere.
	ledger := p.c.Ledger()
	if !ledger.IndexKnown() {
		return 0, nil // it compares Raft's log with its own first
	}
	size, first, to, err := p.droppable(client, ledger)
	if err != nil || first >= to {
		return 0, err
	}
	done, now := &p.archiveSeen, p.c.Now()
	if now.Sub(done.began) > seenFor*p.c.Timing.Archive || done.ledger != ledger || done.first > first || done.to < first || done.size > size {
		*done = archiveSeen{ledger: ledger, began: now, first: first, to: first}
	}
	for done.size = size; done.to < to; done.to += proof.TileWidth {
		t := proof.Tile{Entries: true, Index: done.to / proof.TileWidth, Width: proof.TileWidth}
		given, err := p.fetch(client, p.c.Archive, t.Path())
		if err != nil {
			return 0, err
		}
		if err := sameBundle(ledger, t, given); err != nil {
			*done = archiveSeen{}
			return 0, fmt.Errorf("%s/%s: %w", p.c.Archive, t.Path(), err)
		}
	}
	return to, ledger.DropEntries(to, p.c.Archive)
}

// droppable is the range of entries that this node need not keep if the archive
// has them: those between what was dropped and the end of the archive's full
// bundles; size is that of its checkpoint. Where another archive had the dropped
// ones, they are compared anew.
func (p *Publisher) droppable(client *http.Client, ledger *state.Ledger) (size, first, to uint64, err error) {
	signed, err := p.fetch(client, p.c.Archive, proof.CheckpointPath)
	if err != nil {
		return 0, 0, 0, err
	}
	v, err := ledger.View()
	if err != nil {
		return 0, 0, 0, err
	}
	defer v.Close()
	validators, err := v.Validators()
	if err != nil {
		return 0, 0, 0, err
	}
	policy, err := p.policy(validators)
	if err != nil {
		return 0, 0, 0, err
	}
	c, _, err := policy.Open(signed)
	if err != nil {
		p.archiveSeen = archiveSeen{}
		return 0, 0, 0, fmt.Errorf("the archive's checkpoint does not count by the validators of today: bring it up to a newer day (\"carbonledger archive\"): %w", err)
	}
	if c.Size > v.LogSize() {
		return 0, 0, 0, nil // this node is behind
	}
	root, err := proof.Root(c.Size, v.Nodes)
	if err != nil {
		return 0, 0, 0, err
	}
	if root != c.Root {
		p.archiveSeen = archiveSeen{}
		return 0, 0, 0, fmt.Errorf("the archive has root %x at size %d, the log here %x: another history", c.Root, c.Size, root)
	}
	first, url, err := v.Archive()
	to = min(c.Size, v.LogSize()-min(stays, v.LogSize())) / proof.TileWidth * proof.TileWidth
	if url != "" && url != p.c.Archive && to >= first {
		first = 0
	}
	return c.Size, first, to, err
}

// sameBundle is an error unless a bundle is the one of the log here. Entries that were
// dropped are compared by their leaves.
func sameBundle(ledger *state.Ledger, t proof.Tile, given []byte) error {
	v, err := ledger.View()
	if err != nil {
		return err
	}
	defer v.Close()
	own, err := v.Tile(t)
	if err == nil {
		if !bytes.Equal(own, given) {
			return errors.New("its entries are not those of the log here: the archive is damaged or of another history")
		}
		return nil
	}
	if gone := (*state.ErrArchived)(nil); !errors.As(err, &gone) {
		return err
	}
	entries, err := proof.SplitBundle(given, t.Width)
	if err != nil {
		return err
	}
	leaves, err := v.Nodes(0, t.Index*proof.TileWidth, t.Width)
	if err != nil {
		return err
	}
	for i := range entries {
		if proof.LeafHash(entries[i]) != leaves[i] {
			return fmt.Errorf("the entry %d is not the one of the log here: the archive is damaged or of another history", t.Index*proof.TileWidth+uint64(i))
		}
	}
	return nil
}

// fetch reads a file of the archive. The file with the token is read each time, so
// that a new one holds at once.
func (p *Publisher) fetch(client *http.Client, url, path string) ([]byte, error) {
	from := &remote.Log{URL: url, Client: client, Check: func(got *http.Response) error {
		if name := got.Header.Get(validatorHeader); name != "" {
			return fmt.Errorf("%s is the validator %s, which may drop entries itself: give the URL of an archive", url, name)
		}
		return nil
	}}
	if p.c.ArchiveToken != "" && url == p.c.Archive {
		token, err := remote.ReadToken(p.c.ArchiveToken)
		if err != nil {
			return nil, err
		}
		from.Token = token
	}
	return from.Get(p.ctx, path)
}

// scrubDropped compares the leaves of a tile whose entries were dropped with the
// nodes above. If they do not fit, the newest root that counts says which is
// damaged; leaves are taken from the archive, nodes follow from them.
func (p *Publisher) scrubDropped(v *state.View, first, size uint64) error {
	leaves, err := v.Nodes(0, first, proof.TileWidth)
	if err != nil {
		return err
	}
	above, err := v.Nodes(proof.TileHeight, first/proof.TileWidth, 1)
	if err == nil && above[0] == proof.Fold(leaves) || p.follows(v, first, leaves) {
		return p.repairNodes(v, first, size)
	}
	_, url, err := v.Archive()
	if err != nil {
		return err
	}
	t := proof.Tile{Index: first / proof.TileWidth, Width: proof.TileWidth}
	b, err := p.fetch(archiveClient(), url, t.Path())
	if err != nil {
		return fmt.Errorf("publish: a leaf from %d on is damaged, and the archive does not help: %w", first, err)
	}
	right, err := proof.SplitTile(b, proof.TileWidth)
	if err != nil || !p.follows(v, first, right) {
		return errors.Join(err, fmt.Errorf("publish: a leaf from %d on is damaged, and the root does not follow from %s of %s", first, t.Path(), url))
	}
	for i := range right {
		if right[i] == leaves[i] {
			continue
		}
		if err := v.Ledger().RepairNode(0, first+uint64(i), right[i]); err != nil {
			return err
		}
		p.countRepair("leaf", first+uint64(i))
	}
	return p.scrubAgain(first)
}

// archivedBundle is a bundle of the archive, for an entry that is damaged here and
// that no peer has any more.
func (p *Publisher) archivedBundle(first uint64, width int) ([][]byte, error) {
	if p.c.Archive == "" || width < proof.TileWidth {
		return nil, errors.New("no archive has it")
	}
	t := proof.Tile{Entries: true, Index: first / proof.TileWidth, Width: width}
	b, err := p.fetch(archiveClient(), p.c.Archive, t.Path())
	if err != nil {
		return nil, err
	}
	return proof.SplitBundle(b, width)
}

// follows says whether the newest root that counts follows from the leaves of a
// tile.
func (p *Publisher) follows(v *state.View, first uint64, leaves []proof.Hash) bool {
	c := p.reference()
	if c.Size < first+proof.TileWidth {
		return false
	}
	root, err := proof.Root(c.Size, replaced(v.Nodes, first, leaves))
	return err == nil && root == c.Root
}
