package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"carbonledger/tx"
)

// Directory is a copy of the history: a file NNNNNNNNNNNN.block for each
// height, an encoded tx.BlockRecord, and attestations.json.
type Directory string

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
type Saving struct {
	Source
	To Directory
}

// Blocks saves each block before it is audited, so that what is found wrong
// can be shown.
func (s Saving) Blocks(ctx context.Context, from uint64, take func(tx.BlockRecord, uint64) error) error {
	if err := os.MkdirAll(string(s.To), 0o755); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return s.Source.Blocks(ctx, from, func(r tx.BlockRecord, newest uint64) error {
		b, err := r.Marshal()
		if err != nil {
			return fmt.Errorf("audit: encode height %d: %w", r.Height, err)
		}
		if err := os.WriteFile(s.To.file(r.Height), b, 0o644); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		return take(r, newest)
	})
}

// Attestations saves what validators signed.
func (s Saving) Attestations(ctx context.Context) ([]tx.Attestation, error) {
	all, err := s.Source.Attestations(ctx)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(string(s.To), 0o755); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("audit: encode the attestations: %w", err)
	}
	if err := os.WriteFile(filepath.Join(string(s.To), attestationsFile), append(b, '\n'), 0o644); err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return all, nil
}
