package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"carbonledger/node/api"
	"carbonledger/tx"
	"carbonledger/tx/durable"

	"github.com/spf13/cobra"
)

// handOver is how long --wait=false waits.
const handOver = time.Second

// ask is --dry-run.
func (s *signing) ask(ctx context.Context, cmd *cobra.Command, c *api.Client, t *signed) error {
	out, err := c.Check(ctx, &api.CheckRequest{Transaction: t.raw})
	if err != nil {
		return err
	}
	r := &out.Receipt
	if s.g.json {
		rec := receiptRecord(r)
		rec.add("dry_run", true)
		rec.add("checked_at_height", out.Height)
		err = rec.print(cmd.OutOrStdout(), true)
	} else if no := r.Rejection(); no != nil {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "would be rejected after height %d: %s\n", out.Height, rejectionText(no))
	} else {
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "would be accepted after height %d; nothing was booked\n", out.Height)
	}
	return errors.Join(err, rejected(r))
}

// submit sends a transaction once its bytes are on disk: whatever happens then,
// the same file can be sent again.
func (s *signing) submit(ctx context.Context, cmd *cobra.Command, c *api.Client, t *signed) error {
	if t.file == "" {
		t.file = filepath.Join(s.pending, t.id.String()[:16]+".tx")
		if err := durable.Create(t.file, t.raw, 0o644); err != nil {
			return fmt.Errorf("keep the signed transaction until its receipt is here (see --pending): %w", err)
		}
	}
	if !s.wait {
		short, cancel := context.WithTimeout(ctx, handOver)
		defer cancel()
		ctx = short
	}
	receipts, err := c.Submit(ctx, [][]byte{t.raw})
	if errors.Is(err, api.ErrUnknownOutcome) {
		return s.g.unknown(err, []string{t.file}, "--again")
	}
	// The outcome is known: the file has done its duty.
	if gone := os.Remove(t.file); gone != nil {
		fmt.Fprintf(cmd.ErrOrStderr(), "carbonledger: the signed file is not needed any more: %v\n", gone)
	}
	if err != nil {
		return err
	}
	err = printReceipt(cmd.OutOrStdout(), &receipts[0], s.g.json)
	if s.prepare && !s.g.json && receipts[0].Reason == tx.Accepted {
		_, said := fmt.Fprintf(cmd.OutOrStdout(), "  it waits for another person of %s: carbonledger approve %s\n", receipts[0].Party, t.id)
		err = errors.Join(err, said)
	}
	return errors.Join(err, rejected(&receipts[0]))
}

// unknown is the error of a submission whose outcome nobody told.
func (g *globals) unknown(err error, files []string, flags ...string) error {
	command := append([]string{"carbonledger", "submit"}, g.connectionFlags()...)
	command = append(append(command, flags...), files...)
	if !errors.Is(err, api.ErrUnknownOutcome) {
		err = fmt.Errorf("%w (%w)", api.ErrUnknownOutcome, err)
	}
	return exitError{exitUnknown, fmt.Errorf("%w; that is always safe:\n  %s", err, shellLine(command))}
}

// connectionFlags name the nodes again.
func (g *globals) connectionFlags() []string {
	flags := []string{"--api", strings.Join(g.api, ",")}
	if g.ca != "" {
		flags = append(flags, "--ca", g.ca)
	} else if g.tls {
		flags = append(flags, "--tls")
	}
	return flags
}

// shellLine quotes words for a POSIX shell.
func shellLine(all []string) string {
	quoted := make([]string, len(all))
	for i, w := range all {
		safe := func(r rune) bool {
			return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,@%+=", r)
		}
		quoted[i] = w
		if w == "" || strings.TrimFunc(w, safe) != "" {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
