// Package diverge finds where two replicas of one ledger differ: the first height,
// the first transaction there, and the records. A replica is the data directory of
// a node that does not run, which is only read, or a node that runs.
package diverge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"carbonledger/consensus"
	"carbonledger/node/api"
	"carbonledger/node/datadir"
	"carbonledger/state"
	"carbonledger/tx"
)

// Replica answers what a comparison asks, as api.Compare does.
type Replica interface {
	// Name says which it is.
	Name() string
	Compare(context.Context, *api.CompareReplicaRequest) (*api.CompareReplicaResponse, error)
	// Near replicas are walked over in full at no cost for anybody else.
	Near() bool
}

// Running is a node that runs: a client of its API alone.
type Running struct {
	Address string
	Client  *api.Client
}

// Name is the address.
func (r *Running) Name() string { return r.Address }

// Near is false: a walk is one request for each page.
func (r *Running) Near() bool { return false }

// Compare asks the node.
func (r *Running) Compare(ctx context.Context, in *api.CompareReplicaRequest) (*api.CompareReplicaResponse, error) {
	return r.Client.CompareReplica(ctx, in)
}

// Directory is the data directory of a node that does not run, or a copy of one.
type Directory struct {
	path   string
	lock   io.Closer
	ledger *state.Ledger
	view   *state.View
}

// Open opens a data directory for reading and changes nothing in it; no node starts
// there meanwhile. It shows what the node had flushed. The caller closes it.
func Open(path string, f tx.Founding) (d *Directory, err error) {
	lock, err := datadir.Inspect(path)
	if err != nil {
		return nil, err
	}
	d = &Directory{path: path, lock: lock}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	store, err := consensus.LiveState(datadir.StateDir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return d, fmt.Errorf("diverge: %s holds no state of a ledger: give a validator's data directory, or the address of its API: %w", path, err)
	}
	if err != nil {
		return d, err
	}
	if d.ledger, err = state.Open(store, f, tx.NewVerifier(f.Hash), state.Options{ReadOnly: true}); err != nil {
		return d, err
	}
	d.view, err = d.ledger.View()
	return d, err
}

// Name is the path.
func (d *Directory) Name() string { return d.path }

// Near is true.
func (d *Directory) Near() bool { return true }

// Compare reads the state.
func (d *Directory) Compare(_ context.Context, in *api.CompareReplicaRequest) (*api.CompareReplicaResponse, error) {
	return api.Compare(d.view, in)
}

// Close ends the reading.
func (d *Directory) Close() error {
	var errs []error
	if d.view != nil {
		errs = append(errs, d.view.Close())
	}
	if d.ledger != nil {
		errs = append(errs, d.ledger.Close())
	}
	return errors.Join(append(errs, d.lock.Close())...)
}
