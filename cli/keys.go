package cli

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"carbonledger/genesis"
	"carbonledger/tx"
	"carbonledger/tx/keyfile"

	"github.com/spf13/cobra"
)

func newKeysCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make and look at key files",
		Long: `Make and look at key files. A key file holds one private key, encrypted with a
passphrase, and begins with its public key for anybody to read.

A key becomes one of a party by the genesis document, by "account open", or by
"key add"; the last two ask for the proof that "keys prove" prints.`,
	}
	cmd.AddCommand(newKeysNewCommand(g), newKeysShowCommand(g), newKeysProveCommand(g), newKeysPassphraseCommand(g))
	return cmd
}

func newKeysNewCommand(g *globals) *cobra.Command {
	var scheme string
	var o keyfile.Options
	cmd := &cobra.Command{
		Use:     "new FILE",
		Short:   "Make a key and print its public half",
		Example: "  carbonledger keys new registry.key --scheme sm2",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := tx.ParseScheme(scheme)
			if err != nil {
				return usage(fmt.Errorf("--scheme: %w", err))
			}
			key, err := tx.GenerateKey(s, rand.Reader)
			if err != nil {
				return err
			}
			passphrase, err := readPassphrase(cmd, args[0], true)
			if err != nil {
				return err
			}
			if err := keyfile.Write(args[0], key, passphrase, o); err != nil {
				return err
			}
			return printKey(cmd, g, args[0], key.Public())
		},
	}
	cmd.Flags().StringVar(&scheme, "scheme", "ed25519", "ed25519, or sm2 (GB/T 32918, with SM3)")
	addPassphraseFlags(cmd, &o)
	return cmd
}

func printKey(cmd *cobra.Command, g *globals, file string, public tx.PublicKey) error {
	if !g.json {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), public.String())
		return err
	}
	protected, err := keyfile.Protected(file)
	if err != nil {
		return err
	}
	r := record{title: "key"}
	r.add("file", file)
	r.add("public", public.String())
	r.add("protected", protected)
	return r.print(cmd.OutOrStdout(), true)
}

func newKeysShowCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "show FILE",
		Short: "Print the public key of a key file; needs no passphrase",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			public, err := keyfile.ReadPublic(args[0])
			if err != nil {
				return err
			}
			return printKey(cmd, g, args[0], public)
		},
	}
}

func newKeysProveCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prove FILE",
		Short: "Print a key with the proof that its holder wants it to act for a party",
		Long: `Print a key's public half and the proof that its holder wants it to act for the
party: one word, for "account open" and "key add". It is good for this party on
this network (--genesis) alone.`,
		Example: "  carbonledger keys prove plant.key --genesis genesis.toml --party 91420000MA49",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if g.party == "" {
				return usage(errors.New("give --party ID: a proof is for one party"))
			}
			if err := genesis.CheckName(g.party); err != nil {
				return usage(fmt.Errorf("--party %w", err))
			}
			f, err := g.founding()
			if err != nil {
				return err
			}
			key, err := openKey(cmd, args[0])
			if err != nil {
				return err
			}
			proven, err := tx.ProveKey(f.Hash, g.party, key)
			if err != nil {
				return err
			}
			if !g.json {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), formatProvenKey(&proven))
				return err
			}
			r := record{title: "proof"}
			r.add("party", g.party)
			r.add("chain_id", f.ChainID)
			r.add("genesis_hash", f.Hash.String())
			r.add("public", proven.Key.String())
			r.add("proof", proven.Proof)
			r.add("proven", formatProvenKey(&proven))
			return r.print(cmd.OutOrStdout(), true)
		},
	}
	cmd.Flags().String(passphraseFlag, "", "file with the passphrase of the key file")
	return cmd
}

// formatProvenKey is a key and its proof as one word: SCHEME:KEY:PROOF, both in
// hexadecimal.
func formatProvenKey(p *tx.ProvenKey) string {
	return p.Key.String() + ":" + hex.EncodeToString(p.Proof)
}

// parseProvenKey reads what formatProvenKey shows. It does not check the proof:
// the ledger does.
func parseProvenKey(s string) (tx.ProvenKey, error) {
	bad := fmt.Errorf("%q is no key with its proof: use what \"carbonledger keys prove\" printed", s)
	cut := strings.LastIndexByte(s, ':')
	if strings.Count(s, ":") != 2 {
		return tx.ProvenKey{}, bad
	}
	public, err := tx.ParsePublicKey(s[:cut])
	if err != nil {
		return tx.ProvenKey{}, err
	}
	proof, err := hex.DecodeString(s[cut+1:])
	if err != nil || len(proof) != 64 {
		return tx.ProvenKey{}, bad
	}
	return tx.ProvenKey{Key: public, Proof: proof}, nil
}

func newKeysPassphraseCommand(g *globals) *cobra.Command {
	var o keyfile.Options
	cmd := &cobra.Command{
		Use:   "passphrase FILE",
		Short: "Change the passphrase of a key file",
		Long: `Change the passphrase of a key file, or give one to a key that has none. Copies
made before, in backups too, keep the old one: if it may be known to others, add
another key and revoke this one.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			key, err := openKey(cmd, args[0])
			if err != nil {
				return err
			}
			next, err := readPassphraseFrom(cmd, newPassphraseFlag, newPassphraseVariable, "the new passphrase of "+args[0], true)
			if err != nil {
				return err
			}
			if err := keyfile.Replace(args[0], key, next, o); err != nil {
				return err
			}
			return printKey(cmd, g, args[0], key.Public())
		},
	}
	addPassphraseFlags(cmd, &o)
	cmd.Flags().String(newPassphraseFlag, "", "file with the new passphrase (else "+newPassphraseVariable+", else it is asked for)")
	return cmd
}
