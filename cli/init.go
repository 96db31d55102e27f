package cli

import (
	"errors"
	"fmt"

	"carbonledger/genesis"
	"carbonledger/node/datadir"
	"carbonledger/tx"

	"github.com/spf13/cobra"
)

// newInitCommand makes networks: init node on every operator's machine, init
// genesis by whoever collects the lines, init --all for both on one machine.
func newInitCommand(g *globals) *cobra.Command {
	var o allOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make a validator's data directory, a genesis document, or a whole network for tests",
		Long: `Make what a network begins with. For a real one every operator runs "init node"
on the validator's own machine and sends the line that it prints; whoever writes
the genesis document collects lines and institutions' keys with "init genesis",
and everybody compares its hash.

With --all N this does both on one machine, and makes keys without passphrase for
the institutions: for tests and demonstrations only.`,
		Example: `  carbonledger init --all 5 --dir net
  carbonledger init node --dir /var/lib/carbonledger --name wuhan-1 --site Wuhan --p2p /ip4/10.1.2.3/tcp/7070
  carbonledger init genesis @lines.txt --chain-id cn-ets --party 'mee:ministry:Ministry:ed25519:…'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.validators == 0 {
				return usage(errors.New("init needs a command, node or genesis, or --all N; see --help"))
			}
			return initAll(cmd, g, &o)
		},
	}
	o.addFlags(cmd)
	cmd.AddCommand(newInitNodeCommand(g), newInitGenesisCommand(g))
	return cmd
}

func newInitNodeCommand(g *globals) *cobra.Command {
	var dir string
	var o datadir.Options
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Make a validator's data directory on its own machine",
		Long: `Make a validator's data directory: a random incarnation, the node key and the
cosigning key, both encrypted with a passphrase. Prints one line for whoever
writes the genesis document or admits the validator. The line holds no secret.

Never copy the directory to a second machine, and never run it from a backup: a
validator that forgot what it voted would vote twice. Make a new one instead.`,
		Example: "  carbonledger init node --dir /var/lib/carbonledger --name wuhan-1 --site Wuhan --p2p /ip4/10.1.2.3/tcp/7070",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			// Before anything is written.
			for _, c := range []struct {
				flag string
				err  error
			}{{"--name", genesis.CheckName(o.Name)}, {"--site", genesis.CheckName(o.Site)}, {"--p2p", genesis.CheckAddress(o.P2PAddress)}} {
				if c.err != nil {
					return usage(fmt.Errorf("%s %w", c.flag, c.err))
				}
			}
			if o.Passphrase, err = readPassphrase(cmd, "the keys in "+dir, true); err != nil {
				return err
			}
			v, err := datadir.Create(dir, o)
			if err != nil {
				return err
			}
			if !g.json {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), datadir.FormatLine(v))
				return err
			}
			r := record{title: "validator"}
			r.add("dir", dir)
			r.add("line", datadir.FormatLine(v))
			addValidator(&r, &v)
			return r.print(cmd.OutOrStdout(), true)
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "dir", "", "data directory to make; it must not exist, or be empty")
	f.StringVar(&o.Name, "name", "", "name of the validator, such as wuhan-1")
	f.StringVar(&o.Site, "site", "", "city of the validator, such as Wuhan: losing a site must not lose the majority")
	f.StringVar(&o.P2PAddress, "p2p", "", "multiaddr under which the other validators reach this one, such as /ip4/10.1.2.3/tcp/7070")
	addPassphraseFlags(cmd, &o.Keys)
	for _, name := range []string{"dir", "name", "site", "p2p"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

func addValidator(r *record, v *tx.Validator) {
	public := func(key []byte) string { return tx.PublicKey{Scheme: tx.Ed25519, Key: key}.String() }
	r.add("name", v.Name)
	r.add("site", v.Site)
	r.add("address", v.Address)
	r.add("node_key", public(v.NodeKey))
	r.add("cosign_key", public(v.CosignKey))
	r.add("incarnation_sha256", v.IncarnationSha256)
}

// printFounding says what a new document is, so that everybody can compare.
func printFounding(cmd *cobra.Command, asJSON bool, path string, d *genesis.Document) error {
	r := foundingRecord(path, d)
	return r.print(cmd.OutOrStdout(), asJSON)
}

func foundingRecord(path string, d *genesis.Document) record {
	f := d.Founding()
	r := record{title: "genesis"}
	r.add("genesis", path)
	r.add("genesis_hash", d.Hash().String())
	r.add("chain_id", f.ChainID)
	r.add("clock", d.Clock)
	r.add("free_transfers", f.FreeTransfers)
	r.add("validators", len(f.Validators))
	r.add("parties", len(f.Parties))
	r.add("instruments", len(f.Instruments))
	return r
}
