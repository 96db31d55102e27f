package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"carbonledger/node/api"
	"carbonledger/tx"

	"github.com/spf13/cobra"
)

// newReceiptCommand asks for outcomes, and has the commands for their proofs.
func newReceiptCommand(g *globals) *cobra.Command {
	cmd := newOutcomeCommand(g)
	cmd.AddCommand(newReceiptGetCommand(g), newReceiptVerifyCommand(g), newCertificateCommand(g))
	return cmd
}

func newOutcomeCommand(g *globals) *cobra.Command {
	var minHeight uint64
	cmd := &cobra.Command{
		Use:   "receipt ID|FILE",
		Short: "Ask for the outcome of a transaction, or for its proof",
		Long: `Ask for the outcome of a transaction, by its id or by the file with its signed
bytes. Exit code 0 if it was accepted, 3 if it was rejected, and 4 if no block up to
the height that the answer names holds it: then it may still come, unless it has
expired, or send the file again.`,
		Example: "  carbonledger receipt 5f0c…",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return g.asking(cmd, anonymous, func(ctx context.Context, c *api.Client) error {
				id, err := g.transactionID(ctx, c, args[0])
				if err != nil {
					return err
				}
				out, err := c.GetReceipt(ctx, &api.GetReceiptRequest{Id: id[:], MinHeight: minHeight})
				if err != nil {
					return err
				}
				if !out.Found {
					return notSeen(cmd, g, id, out.Height)
				}
				return errors.Join(printReceipt(cmd.OutOrStdout(), &out.Receipt, g.json), rejected(&out.Receipt))
			})
		},
	}
	cmd.Flags().Uint64Var(&minHeight, "min-height", 0, "wait until the node has this height")
	return cmd
}

func notSeen(cmd *cobra.Command, g *globals, id tx.ID, height uint64) error {
	if g.json {
		r := record{title: "receipt"}
		r.add("id", id.String())
		r.add("found", false)
		r.add("height", height)
		if err := r.print(cmd.OutOrStdout(), true); err != nil {
			return err
		}
	}
	return exitError{exitUnknown, fmt.Errorf("no block up to height %d holds transaction %s", height, id)}
}

// transactionID reads an id, or computes that of a file.
func (g *globals) transactionID(ctx context.Context, c *api.Client, s string) (tx.ID, error) {
	id, err := tx.ParseID(s)
	if err == nil {
		return id, nil
	}
	if _, none := os.Stat(s); none != nil {
		return id, usage(fmt.Errorf("%w, and there is no such file", err))
	}
	raw, err := readTransaction(s)
	if err != nil {
		return id, err
	}
	submit := submission{g: g}
	d, _, err := submit.chain(ctx, c)
	if err != nil {
		return id, err
	}
	if id, err = tx.TransactionID(d, raw); err != nil {
		return id, usage(fmt.Errorf("%s: %w", s, err))
	}
	return id, nil
}
