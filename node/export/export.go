// Package export writes what a ledger's view holds as tables for an auditor's own
// tools, as CSV and as Parquet: transactions, holdings, money and trades. Both
// formats have the same columns and rows, in the view's order.
package export

import (
	"context"
	"errors"
	"fmt"
	"os"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/durable"
)

// Options of Write. It takes one format at least.
type Options struct {
	CSV, Parquet bool
	// Progress is told how many of a table's rows are written; nil for silence.
	Progress func(table string, done, of uint64)
}

// File is a table in one format.
type File struct {
	// Name in the directory, such as "trades.csv".
	Name string
	// Rows without the header.
	Rows uint64
	// SHA256 of the file, in hexadecimal.
	SHA256 string
}

// Write writes the tables into a directory that is empty or not there yet, and
// returns the files: complete, on disk, and counted and added up against the
// view's own totals. On an error it leaves none of them. Until all are
// complete their names end in ".part", so that a crash leaves one such name at
// least. They show everyone's transactions: only the owner may read them. The view
// stays the caller's.
func Write(ctx context.Context, v *state.View, dir string, o Options) (files []File, err error) {
	if !o.CSV && !o.Parquet {
		return nil, errors.New("export: no format is asked for")
	}
	if err := prepare(dir); err != nil {
		return nil, err
	}
	e := &export{ctx: ctx, v: v, dir: dir, o: o}
	defer func() {
		if err != nil {
			files, err = nil, fmt.Errorf("export: %w", errors.Join(err, e.discard()))
		}
	}()
	if e.sums, err = v.Conservation(); err != nil {
		return nil, err
	}
	for _, write := range []func() error{e.transactions, e.holdings, e.money, e.trades} {
		if err := write(); err != nil {
			return nil, err
		}
	}
	return e.publish()
}

// export is one call of Write.
type export struct {
	ctx   context.Context
	v     *state.View
	dir   string
	o     Options
	parts []*part
	// sums are the ledger's own, which rows must add up to.
	sums tx.Conservation
}

// prepare makes the directory, and refuses one that holds anything: it may be an
// earlier export, which somebody's findings rest on.
func prepare(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if len(there) > 0 {
		return fmt.Errorf("export: %s is not empty, it has %s: export into a new directory", dir, there[0].Name())
	}
	return nil
}

// publish gives the files their names, once all of them are complete.
func (e *export) publish() ([]File, error) {
	var files []File
	for _, p := range e.parts {
		if err := p.rename(); err != nil {
			return nil, err
		}
		files = append(files, p.File)
	}
	return files, durable.SyncDirectory(e.dir)
}

// discard removes every file of this export.
func (e *export) discard() error {
	var errs []error
	for _, p := range e.parts {
		errs = append(errs, p.remove())
	}
	return errors.Join(errs...)
}
