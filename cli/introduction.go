package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"carbonledger/genesis"
	"carbonledger/node/api"
	"carbonledger/node/datadir"
	"carbonledger/tx"

	"github.com/spf13/cobra"
)

func newIntroductionCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "introduction",
		Short: "Introduce today's validators to a node whose own list is too old",
		Long: `A new node learns of the network from the validators that its genesis document
names. When so many of them have been replaced that it reaches no majority, an
introduction leads it to those of today: a file with the validators of now, signed
with the cosigning keys of a majority of those before. Each change of hands adds a
list to the file, so keep it, and have it signed before validators leave.

  carbonledger introduction new FILE      asks a node for the validators of now
  carbonledger introduction sign FILE     on each operator's machine
  carbonledger introduction check FILE    anywhere
  carbonledger node --introduce FILE      on the new node, until it has caught up`,
	}
	cmd.AddCommand(newIntroductionNewCommand(g), newIntroductionSignCommand(g), newIntroductionCheckCommand(g))
	return cmd
}

func newIntroductionNewCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "new FILE",
		Short:   "Write the validators of now into a file, or add them to one",
		Example: "  carbonledger introduction new introduction.toml --api wuhan:7071 --ca ca.pem --genesis genesis.toml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := g.founding()
			if err != nil {
				return err
			}
			return g.asking(cmd, anonymous, func(ctx context.Context, c *api.Client) error {
				if err := sameChain(ctx, c, &f); err != nil {
					return err
				}
				out, err := c.ListValidators(ctx, &api.ListValidatorsRequest{})
				if err != nil {
					return err
				}
				n := genesis.NewIntroduction(f.Hash)
				if _, err := os.Stat(args[0]); err == nil {
					if n, err = genesis.ReadIntroduction(args[0]); err != nil {
						return err
					}
				}
				n.Add(out.Validators)
				if err := n.Write(args[0]); err != nil {
					return err
				}
				return printIntroduction(cmd, g, n, &f)
			})
		},
	}
}

func newIntroductionSignCommand(g *globals) *cobra.Command {
	var data string
	var yes bool
	cmd := &cobra.Command{
		Use:   "sign FILE",
		Short: "Sign the newest list of an introduction with a validator's cosigning key",
		Long: `Sign the newest list of an introduction with the cosigning key of a validator's
data directory, which may be in use. You vouch that these are the network's
validators: compare them with "carbonledger query validators" at your own node.`,
		Example: "  carbonledger introduction sign introduction.toml --data /var/lib/carbonledger",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := genesis.ReadIntroduction(args[0])
			if err != nil {
				return err
			}
			v, err := datadir.ReadLine(data)
			if err != nil {
				return err
			}
			for _, w := range n.Last() {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s (voter: %s)\n", datadir.FormatLine(w), yesNo(w.Voter))
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s vouches that these are the validators of the network with genesis %s.\n", v.Name, n.GenesisHash)
			if err := confirm(cmd, yes); err != nil {
				return err
			}
			key, err := openKey(cmd, datadir.CosignKeyFile(data))
			if err != nil {
				return err
			}
			if err := n.Sign(v.Name, key); err != nil {
				return usage(err)
			}
			return n.Write(args[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&data, "data", "", "data directory of the validator that vouches")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask before signing")
	f.String(passphraseFlag, "", "file with the passphrase of the key files")
	_ = cmd.MarkFlagRequired("data")
	return cmd
}

func newIntroductionCheckCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "check FILE",
		Short:   "Check that an introduction leads from the genesis document to its newest list",
		Example: "  carbonledger introduction check introduction.toml --genesis genesis.toml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := g.founding()
			if err != nil {
				return err
			}
			n, err := genesis.ReadIntroduction(args[0])
			if err != nil {
				return err
			}
			_, notYet := n.Current(f.Hash, f.Validators)
			return errors.Join(printIntroduction(cmd, g, n, &f), notYet)
		},
	}
}

// printIntroduction says who signed what, from genesis on.
func printIntroduction(cmd *cobra.Command, g *globals, n *genesis.Introduction, f *tx.Founding) error {
	r := record{title: "introduction"}
	r.add("genesis_hash", n.GenesisHash)
	lists, trusted := []record{}, f.Validators
	for i := range n.Steps {
		signers, need := n.Signers(i, trusted)
		trusted = n.List(i)
		var names []string
		for _, v := range trusted {
			names = append(names, v.Name)
		}
		one := record{}
		one.add("list", i+1)
		one.add("validators", list(names))
		one.add("signed_by", list(signers))
		one.add("needed", need)
		lists = append(lists, one)
	}
	r.add("lists", lists)
	return r.print(cmd.OutOrStdout(), g.json)
}
