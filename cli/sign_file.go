package cli

import (
	"fmt"

	"carbonledger/tx"
	"carbonledger/tx/durable"

	"github.com/spf13/cobra"
)

// newShowCommand looks at signed transactions without any network.
func newShowCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE…",
		Short: "Show what is in files with signed transactions or orders",
		Long: `Show what files with signed transactions or signed orders ask for, and who signed.
With --genesis the signatures are verified and the ids shown; needs no network.`,
		Example: "  carbonledger show issue.tx --genesis genesis.toml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var f *tx.Founding
			if g.genesis != "" {
				founding, err := g.founding()
				if err != nil {
					return err
				}
				f = &founding
			}
			for _, path := range args {
				r, err := showFile(path, f)
				if err != nil {
					return err
				}
				if err := r.print(cmd.OutOrStdout(), g.json); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func showFile(path string, f *tx.Founding) (record, error) {
	r := record{title: "file"}
	r.add("file", path)
	raw, err := readTransaction(path)
	if err != nil {
		return r, err
	}
	d, err := tx.Decode(raw)
	if err != nil {
		if o, body, none := readOrder(path, tx.SideUnspecified); none == nil {
			r.add("chain", body.ChainId)
			r.add("order", words.order(&body))
			r.add("signed_by", o.Signature.Key.String())
			return r, nil
		}
		return r, exitError{exitFailed, fmt.Errorf("%s holds neither a transaction nor an order: %w", path, err)}
	}
	r.add("chain", d.Body.ChainId)
	if f != nil {
		v, err := tx.NewVerifier(f.Hash).Verify(raw)
		if err != nil {
			return r, exitError{exitFailed, fmt.Errorf("%s, on chain %s with genesis %s: %w", path, f.ChainID, f.Hash, err)}
		}
		r.add("transaction", v.ID().String())
		r.add("signatures", "good on the chain of the genesis document")
	} else {
		r.add("signatures", "not verified: give --genesis FILE")
	}
	addTransaction(&r, d, words)
	return r, nil
}

// newCosignCommand adds signatures of parties whose keys are elsewhere.
func newCosignCommand(g *globals) *cobra.Command {
	s := &signing{g: g}
	cmd := &cobra.Command{
		Use:   "cosign FILE",
		Short: "Add a signature to a signed transaction; needs no network",
		Long: `Show a signed transaction, and write it with one more signature, by --key, into
another file: of a second person of the party that asks, or of another party that
must sign, such as the region of an allocation. The transaction and its id stay the
same.`,
		Example: "  carbonledger cosign opening.tx --out opening-2.tx --genesis genesis.toml --key ministry.key",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return s.addSignature(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&s.out, "out", "", "new file for the result")
	f.BoolVarP(&s.yes, "yes", "y", false, "do not ask before signing")
	f.String(passphraseFlag, "", "file with the passphrase of the key file")
	_ = cmd.MarkFlagRequired("out")
	return cmd
}

func (s *signing) addSignature(cmd *cobra.Command, path string) error {
	if s.g.key == "" {
		return usage(fmt.Errorf("give --key FILE: the key that signs"))
	}
	f, err := s.g.founding()
	if err != nil {
		return err
	}
	raw, err := readTransaction(path)
	if err != nil {
		return err
	}
	verifier := tx.NewVerifier(f.Hash)
	v, err := verifier.Verify(raw)
	if err != nil {
		return usage(fmt.Errorf("%s, on chain %s with genesis %s: %w", path, f.ChainID, f.Hash, err))
	}
	fmt.Fprint(cmd.ErrOrStderr(), words.describeBody(v.Body(), f.Hash.String()))
	for _, k := range v.Signers() {
		fmt.Fprintf(cmd.ErrOrStderr(), "  signed by %s\n", k)
	}
	if err := confirm(cmd, s.yes); err != nil {
		return err
	}
	keys, err := s.keys(cmd)
	if err != nil {
		return err
	}
	d, err := tx.Decode(raw)
	if err != nil {
		return usage(err)
	}
	more, err := tx.SignBody(f.Hash, d.Transaction.Body, d.Transaction.Signatures, keys...)
	if err != nil {
		return err
	}
	if _, err := verifier.Verify(more); err != nil {
		return usage(fmt.Errorf("nothing was written: %w", err))
	}
	if err := durable.Create(s.out, more, 0o644); err != nil {
		return err
	}
	return printSigned(cmd, s.g.json, s.out, v.ID())
}
