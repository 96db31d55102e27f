package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"carbonledger/tx"
)

// Directory is a copy of the history: a file NNNNNNNNNNNN.block for each
// height, an encoded tx.BlockRecord, and attestations.json.
type Directory string

// newest is the greatest height of a block in the directory, 0 where there is
// none.
func (d Directory) newest() (height uint64, err error) {
	files, err := filepath.Glob(filepath.Join(string(d), "*.block"))
	if err != nil {
		return 0, fmt.Errorf("audit: list %s: %w", d, err)
	}
	for _, f := range files {
		h, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(f), ".block"), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("audit: %s is no file of a copy of the history: save into an empty directory", f)
		}
		height = max(height, h)
	}
	return height, nil
}

const attestationsFile = "attestations.json"

func (d Directory) file(height uint64) string {
	return filepath.Join(string(d), fmt.Sprintf("%012d.block", height))
}

// Blocks reads the files in order until one is missing.
func (d Directory) Blocks(ctx context.Context, from uint64, take func(tx.BlockRecord, uint64) error) error {
	files, err := filepath.Glob(filepath.Join(string(d), "*.block"))
	if err != nil {
		return fmt.Errorf("audit: list %s: %w", d, err)
	}
	newest := uint64(len(files))
	for height := from; ctx.Err() == nil; height++ {
		b, err := os.ReadFile(d.file(height))
		if errors.Is(err, os.ErrNotExist) && height > newest {
			return nil
		}
		if errors.Is(err, os.ErrNotExist) {
			return &Difference{Height: height, Transaction: -1, What: fmt.Sprintf("%s is missing, there are later ones", d.file(height))}
		}
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		var r tx.BlockRecord
		if err := r.Unmarshal(b); err != nil {
			return &Difference{Height: height, Transaction: -1, What: fmt.Sprintf("%s is damaged: %v", d.file(height), err)}
		}
		if err := take(r, newest); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Attestations reads attestations.json; none where there is no such file.
func (d Directory) Attestations(context.Context) ([]tx.Attestation, error) {
	b, err := os.ReadFile(filepath.Join(string(d), attestationsFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	var all []tx.Attestation
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("audit: %s: %w", attestationsFile, err)
	}
	return all, nil
}

// Saving passes a source on and keeps a copy of what it gives in a directory.
// Blocks show everyone's transactions: only the owner may read the copy. One
// that is there already is continued if it is the beginning of this history,
// and never written over if it is not: it may be the evidence.
type Saving struct {
	Source
	To Directory
	// signed is written after the blocks, of which it speaks.
	signed []tx.Attestation
}

// errOtherCopy is why a directory's copy stays as it is.
var errOtherCopy = errors.New("it stays as it is: save into an empty directory, and keep this copy if nobody can say why they differ")

// Blocks saves each block before it is audited, so that what is found wrong
// can be shown.
func (s *Saving) Blocks(ctx context.Context, from uint64, take func(tx.BlockRecord, uint64) error) error {
	if err := os.MkdirAll(string(s.To), 0o700); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	kept, err := s.To.newest()
	if err != nil {
		return err
	}
	last := from - 1
	err = s.Source.Blocks(ctx, from, func(r tx.BlockRecord, newest uint64) error {
		if err := s.shorter(kept, newest); err != nil {
			return err
		}
		if err := s.save(&r); err != nil {
			return err
		}
		last = r.Height
		return take(r, newest)
	})
	if err == nil {
		err = s.shorter(kept, last)
	}
	if errors.Is(err, errOtherCopy) {
		return err
	}
	return errors.Join(err, s.saveSigned())
}

// shorter refuses a copy that goes beyond the history.
func (s *Saving) shorter(kept, newest uint64) error {
	if kept > newest {
		return fmt.Errorf("audit: the copy in %s goes up to height %d, the history that the nodes give ends at %d; %w", s.To, kept, newest, errOtherCopy)
	}
	return nil
}

// save writes a block, unless there is another one of its height.
func (s *Saving) save(r *tx.BlockRecord) error {
	b, err := r.Marshal()
	if err != nil {
		return fmt.Errorf("audit: encode height %d: %w", r.Height, err)
	}
	old, err := os.ReadFile(s.To.file(r.Height))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return writePrivate(s.To.file(r.Height), b)
	case err != nil:
		return fmt.Errorf("audit: %w", err)
	case !bytes.Equal(old, b):
		return fmt.Errorf("audit: the copy in %s has another block at height %d: it is of another network, damaged, or one of two histories; %w", s.To, r.Height, errOtherCopy)
	}
	// Earlier copies were readable by everybody.
	if err := os.Chmod(s.To.file(r.Height), 0o600); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// Attestations keeps what validators signed until the blocks are saved.
func (s *Saving) Attestations(ctx context.Context) (all []tx.Attestation, err error) {
	s.signed, err = s.Source.Attestations(ctx)
	return s.signed, err
}

func (s *Saving) saveSigned() error {
	b, err := json.MarshalIndent(s.signed, "", "  ")
	if err != nil {
		return fmt.Errorf("audit: encode the attestations: %w", err)
	}
	return writePrivate(filepath.Join(string(s.To), attestationsFile), append(b, '\n'))
}

// writePrivate replaces a file as a whole by one that only its owner may read.
func writePrivate(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".save-")
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("audit: write %s: %w", path, errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}
