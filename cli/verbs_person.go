package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"carbonledger/tx"
	"carbonledger/tx/keyfile"

	"github.com/spf13/cobra"
)

func newKeyAddCommand(g *globals) *cobra.Command {
	var rights, from, until string
	k := &tx.ProvenKey{}
	cmd := &cobra.Command{
		Use:   "add PROVEN",
		Short: "Let one more key act for the asking party",
		Long: `Let one more key act for the asking party. PROVEN is the word that the holder of
the new key got from "carbonledger keys prove NEWKEY --party ID". A key has rights:
prepare (asks for operations), approve (signs as a second person), trade (signs
orders), treasury (money), view (reads what is the party's own). Two keys of one
--person count once where two persons are asked for. As many persons sign as the
party's strictest operation asks for (--cosign).`,
		Example: "  carbonledger key add \"$(carbonledger keys prove new.key --genesis genesis.toml --party registry)\" --rights approve,view --person 'Li Wei' --cosign registry-2.key" + asRegistry,
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&rights, "rights", "all", "prepare, approve, trade, treasury and view, with commas between, or all")
	f.StringVar(&k.Person, "person", "", "who holds it (default: a person whom no other key has)")
	f.StringVar(&from, "from", "", "time from which it is valid (default: now)")
	f.StringVar(&until, "until", "", "time until which it is valid (default: for ever)")
	return g.verb(cmd, nil, func(args []string) (op tx.Operation, err error) {
		proven, err := parseProvenKey(args[0])
		if err != nil {
			return op, err
		}
		proven.Person = k.Person
		if err := grantRights(&proven, rights); err != nil {
			return op, fmt.Errorf("--rights %w", err)
		}
		if proven.ValidFrom, err = optionalInstant("from", from); err != nil {
			return op, err
		}
		if proven.ValidUntil, err = optionalInstant("until", until); err != nil {
			return op, err
		}
		return tx.Operation{Operation: &tx.Operation_AddKey{AddKey: &tx.AddKey{Key: proven}}}, nil
	})
}

// grantRights leaves a key without rights of its own all of them.
func grantRights(k *tx.ProvenKey, s string) error {
	r, ok := tx.ParseRights(s)
	if !ok {
		return fmt.Errorf("%q: use prepare, approve, trade, treasury and view, with commas between, or all", s)
	}
	k.Rights = 0
	if r != tx.AllRights {
		k.Rights = uint32(r)
	}
	return nil
}

func optionalInstant(flag, s string) (tx.Instant, error) {
	if s == "" {
		return 0, nil
	}
	at, err := parseInstant(s)
	if err != nil {
		return 0, fmt.Errorf("--%s %w", flag, err)
	}
	return at, nil
}

// parseGrants reads PROVEN, PROVEN/RIGHTS and PROVEN/RIGHTS/PERSON.
func parseGrants(all []string) ([]tx.ProvenKey, error) {
	var keys []tx.ProvenKey
	for _, s := range all {
		parts := append(strings.SplitN(s, "/", 3), "", "")
		key, err := parseProvenKey(parts[0])
		if err != nil {
			return nil, err
		}
		if err := grantRights(&key, parts[1]); err != nil {
			return nil, fmt.Errorf("--proven: the rights %w", err)
		}
		key.Person = parts[2]
		keys = append(keys, key)
	}
	return keys, nil
}

const provenUsage = "key with its proof, as \"keys prove\" prints it, and if it has not all rights /RIGHTS or /RIGHTS/PERSON after it; repeat it"

func newKeyRevokeCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke KEY",
		Short: "Revoke a key of the asking party, at once and for ever",
		Long: `Revoke a key of the asking party, at once and for ever. KEY is a public key or a
key file. A party keeps as many persons as its strictest operation asks for: add
another key first.`,
		Example: "  carbonledger key revoke ed25519:5f0c… --cosign registry-2.key" + asRegistry,
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		key, err := tx.ParsePublicKey(args[0])
		if err != nil {
			var fromFile error
			if key, fromFile = keyfile.ReadPublic(args[0]); fromFile != nil {
				return tx.Operation{}, errors.Join(err, fromFile)
			}
		}
		return tx.Operation{Operation: &tx.Operation_RevokeKey{RevokeKey: &tx.RevokeKey{Key: key}}}, nil
	})
}

func newKeyRecoverCommand(g *globals) *cobra.Command {
	o := &tx.RecoverKeys{}
	var proven []string
	cmd := &cobra.Command{
		Use:   "recover PARTY",
		Short: "Revoke all keys of a party that lost them, and give it new ones (registry with the ministry; ministry for the registry)",
		Long: `Revoke all keys of a party that lost them, and give it new ones, by a document. The
registry asks with the ministry's signature (--cosign, or cosign on another
machine); for the registry's own keys the ministry asks. It shows for ever.`,
		Example: "  carbonledger key recover plant --document R-2024-3 --proven \"$(cat plant.proof)\" --cosign ministry.key" + asRegistry,
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringArrayVar(&proven, "proven", nil, provenUsage)
	f.StringVar(&o.Document, "document", "", "number of the document that asks for it")
	return g.verb(cmd, []string{"proven", "document"}, func(args []string) (op tx.Operation, err error) {
		o.Party = args[0]
		o.Keys, err = parseGrants(proven)
		return tx.Operation{Operation: &tx.Operation_RecoverKeys{RecoverKeys: o}}, err
	})
}

func newPolicySetCommand(g *globals) *cobra.Command {
	o := &tx.SetPolicy{}
	cmd := &cobra.Command{
		Use:   "set OPERATION",
		Short: "Ask for signatures of several persons of the asking party on an operation",
		Long: `Ask for signatures of so many persons of the asking party on an operation, such as
Surrender or RegisterOrder (the names are those of docs/rules.md). What the ledger
itself asks for stays the least.`,
		Example: "  carbonledger policy set Surrender --persons 2 --cosign plant-2.key" + asParty("plant"),
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().Uint32Var(&o.Persons, "persons", 0, "1 to 16")
	return g.verb(cmd, []string{"persons"}, func(args []string) (tx.Operation, error) {
		o.Operation = args[0]
		return tx.Operation{Operation: &tx.Operation_SetPolicy{SetPolicy: o}}, nil
	})
}

func newApproveCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "approve ID",
		Short: "Approve what another person of the asking party prepared",
		Long: `Approve what another person of the asking party prepared (--prepare). ID is that
transaction's: "query prepared" shows what it asks for. With the last person that
it needs it is carried out.`,
		Example: "  carbonledger approve 3f60…" + asParty("hubei"),
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		id, err := tx.ParseID(args[0])
		return tx.Operation{Operation: &tx.Operation_Approve{Approve: &tx.Approve{Prepared: id[:]}}}, err
	})
}

func newPreparedWithdrawCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "withdraw ID",
		Short:   "Take back what a person of the asking party prepared",
		Example: "  carbonledger prepared withdraw 3f60…" + asParty("hubei"),
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		id, err := tx.ParseID(args[0])
		return tx.Operation{Operation: &tx.Operation_WithdrawPrepared{WithdrawPrepared: &tx.WithdrawPrepared{Prepared: id[:]}}}, err
	})
}

// personsUsage is for the flag by which further keys sign.
const personsUsage = "key file of one more person of the party, or of another party that must sign; repeat it"

// personName shows who holds a key, unless it is nobody but the key.
func personName(k *tx.KeyRecord) string {
	if k.Person == k.Key.String() {
		return ""
	}
	return k.Person
}

// personsInWords counts them.
func personsInWords(n uint32) string {
	if n == 1 {
		return "1 person"
	}
	return strconv.FormatUint(uint64(n), 10) + " persons"
}
