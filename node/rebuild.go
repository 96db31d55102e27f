package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"carbonledger/consensus"
	"carbonledger/node/audit"
	"carbonledger/node/datadir"
	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/durable"
	"carbonledger/tx/proof"
)

// RebuildConfig says what a node's state is made from.
type RebuildConfig struct {
	// Data is a data directory in which no node has run yet.
	Data     string
	Founding tx.Founding
	Policy   *proof.Policy
	// Archive is a log in static form.
	Archive audit.Log
	// Progress is told how far it is; nil for silence.
	Progress func(entry, size uint64)
}

// Rebuild re-executes an archive, as an audit does, into a data directory: a node
// that starts there answers up to the archive's end at once, and goes on from there
// when it meets the others. One that was broken off goes on where it ended.
func Rebuild(ctx context.Context, c RebuildConfig) (report *audit.Report, err error) {
	d, err := datadir.Hold(c.Data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	for _, v := range c.Founding.Validators {
		if v.Name == d.Name() && v.Voter {
			return nil, fmt.Errorf("node: %s is a voter of the genesis document: one that lost its log may not vote again under its name: make a directory with a new name (\"carbonledger init node\"), rebuild that, and have it admitted", d.Name())
		}
	}
	for _, dir := range []string{d.State(), d.RaftLog(), d.Snapshots()} {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("node: %w", err)
		}
		if len(entries) > 0 {
			return nil, fmt.Errorf("node: %s is not empty: a node is rebuilt in a new data directory only (\"carbonledger init node\")", dir)
		}
	}
	work := filepath.Join(d.Path(), "rebuild")
	if err := os.RemoveAll(filepath.Join(work, rebuilt)); err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	report, err = audit.Run(ctx, []audit.Log{c.Archive}, audit.Options{Founding: c.Founding, Policy: c.Policy, Dir: work, Progress: c.Progress})
	if err != nil {
		return report, err
	}
	return report, install(d, work, &c.Founding)
}

// rebuilt is where a whole state waits for its place: not where an audit would go
// on with it, because it has forgotten its index.
const rebuilt = "rebuilt"

// install moves what was rebuilt into its place. A crash before the state is there
// leaves a rebuild to begin again, one after it a node that can start.
func install(d *datadir.Dir, work string, f *tx.Founding) error {
	store := filepath.Join(work, rebuilt)
	if err := os.Rename(filepath.Join(work, audit.LedgerDir), store); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	l, err := state.Open(store, *f, tx.NewVerifier(f.Hash), state.Options{})
	if err != nil {
		return err
	}
	if err := errors.Join(l.MarkRebuilt(), l.Close()); err != nil {
		return err
	}
	// The checkpoint first: the node serves the log under it before it meets anybody.
	note, err := os.ReadFile(filepath.Join(work, proof.CheckpointPath))
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if err := durable.Replace(d.Checkpoint(), note, 0o600); err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if err := consensus.InstallState(d.State(), store); err != nil {
		return err
	}
	return os.RemoveAll(work)
}
