package cli

import (
	"fmt"

	"carbonledger/genesis"
	"carbonledger/tx"

	"github.com/spf13/cobra"
)

func newAccountOpenCommand(g *globals) *cobra.Command {
	o := &tx.OpenAccount{}
	var role, sector string
	var proven []string
	cmd := &cobra.Command{
		Use:   "open ID",
		Short: "Open an account (ministry or registry)",
		Long: `Open an account. The ministry opens regions, registries, exchanges, banks,
verification bodies, courts, the CCER registry and exchange, and auditors; the
registry opens entities, other institutions and auditors. An entity names its
region; entities and other institutions have a unified social credit code.

Each key comes with the proof that its holder wants it to act for the account:
the holder runs "carbonledger keys prove KEYFILE --party ID" and sends the word
that it prints.`,
		Example: "  carbonledger account open plant --role entity --name 'Hubei Power Plant' --region hubei --uscc 91420000MA4KXRK35J --sector power --proven sm2:02…:9f…" + asRegistry,
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&role, "role", "", "region, registry, exchange, bank, entity, auditor, ccer-registry, ccer-exchange, verifier, court or other")
	f.StringVar(&o.Name, "name", "", "name of the party")
	f.StringVar(&o.Region, "region", "", "id of the region's department, for entities")
	f.StringVar(&o.USCC, "uscc", "", "unified social credit code, for entities and others")
	f.StringVar(&sector, "sector", "", "power (the default), steel, cement or aluminium, for entities")
	f.StringArrayVar(&proven, "proven", nil, provenUsage)
	return g.verb(cmd, []string{"role", "name", "proven"}, func(args []string) (op tx.Operation, err error) {
		o.Id = args[0]
		if o.Role, err = genesis.ParseRole(role); err != nil {
			return op, fmt.Errorf("--role %w", err)
		}
		if o.Sector, err = genesis.ParseSector(sector); err != nil {
			return op, fmt.Errorf("--sector %w", err)
		}
		o.Keys, err = parseGrants(proven)
		return tx.Operation{Operation: &tx.Operation_OpenAccount{OpenAccount: o}}, err
	})
}

func newAccountChangeCommand(g *globals) *cobra.Command {
	o := &tx.ChangeAccount{}
	var sector string
	cmd := &cobra.Command{
		Use:   "change ID",
		Short: "Change what the register says of a party (registry; a party its own contact)",
		Long: `Change what the register says of a party; what is not given stays. A party changes
its own contact, the registry everything else, by a document.`,
		Example: "  carbonledger account change plant --name 'Hubei Power Plant II' --document HB-2024-31" + asRegistry +
			"\n  carbonledger account change plant --contact 'Li Wei, +86 27 0000 0000'" + asParty("plant"),
		Args: cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&o.Name, "name", "", "new name")
	f.StringVar(&o.Region, "region", "", "id of the new region's department")
	f.StringVar(&o.USCC, "uscc", "", "new unified social credit code")
	f.StringVar(&sector, "sector", "", "power, steel, cement or aluminium")
	f.StringVar(&o.Contact, "contact", "", "whom to reach, and how")
	f.StringVar(&o.Document, "document", "", "number of the document, for all but the contact")
	return g.verb(cmd, nil, func(args []string) (op tx.Operation, err error) {
		o.Party = args[0]
		if o.Sector, err = genesis.ParseSector(sector); err != nil {
			return op, fmt.Errorf("--sector %w", err)
		}
		return tx.Operation{Operation: &tx.Operation_ChangeAccount{ChangeAccount: o}}, nil
	})
}

func newAccountRestrictCommand(g *globals) *cobra.Command {
	o := &tx.RestrictAccount{}
	var to string
	cmd := &cobra.Command{
		Use:   "restrict ID",
		Short: "Restrict an account, or lift a restriction (registry; exchange: trading)",
		Long: `Restrict an account: trading (no orders), use (nothing leaves it but for its
obligation), or none. The exchange sets and lifts the first alone.`,
		Example: "  carbonledger account restrict plant --restriction trading --document CD-2024-9" + asRegistry,
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&to, "restriction", "", restrictions.String())
	f.StringVar(&o.Document, "document", "", "number of the document that orders it")
	return g.verb(cmd, []string{"restriction", "document"}, func(args []string) (op tx.Operation, err error) {
		o.Party = args[0]
		o.Restriction, err = restrictions.parse("restriction", to)
		return tx.Operation{Operation: &tx.Operation_RestrictAccount{RestrictAccount: o}}, err
	})
}

func newAccountMergeCommand(g *globals) *cobra.Command {
	o := &tx.MergeAccounts{}
	cmd := &cobra.Command{
		Use:   "merge",
		Short: "Hand everything of one entity to another and close the first (registry, with the region)",
		Long: `Hand everything of an entity without open business to another, which goes on in its
place, and close the first. The region of the one that goes signs too (--cosign).`,
		Example: "  carbonledger account merge --from mill --to plant --document HB-2024-40 --cosign registry-2.key --cosign hubei.key" + asRegistry,
	}
	f := cmd.Flags()
	f.StringVar(&o.From, "from", "", "id of the entity that goes")
	f.StringVar(&o.To, "to", "", "id of the entity that goes on")
	f.StringVar(&o.Document, "document", "", "number of the document that merges them")
	return g.verb(cmd, []string{"from", "to", "document"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_MergeAccounts{MergeAccounts: o}}, nil
	})
}

func newAccountCloseCommand(g *globals) *cobra.Command {
	o := &tx.CloseAccount{}
	cmd := &cobra.Command{
		Use:     "close ID",
		Short:   "Close an account without open business, for ever (registry)",
		Example: "  carbonledger account close mill --document HB-2024-41 --cosign registry-2.key" + asRegistry,
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&o.Document, "document", "", "number of the document that closes it")
	return g.verb(cmd, []string{"document"}, func(args []string) (tx.Operation, error) {
		o.Party = args[0]
		return tx.Operation{Operation: &tx.Operation_CloseAccount{CloseAccount: o}}, nil
	})
}

func newHoldingMoveCommand(g *globals) *cobra.Command {
	o := &tx.MoveHolding{}
	var to string
	cmd := &cobra.Command{
		Use:     "move",
		Short:   "Move units between registry holding and trading holding (holder)",
		Long:    "Move units of the asking party between its registry holding, from which it surrenders, and its trading holding, from which it sells.",
		Example: "  carbonledger holding move --instrument CEA22 --tonnes 20,000 --to trading" + asParty("plant"),
	}
	f := cmd.Flags()
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA22")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	f.StringVar(&to, "to", "", subBalances.String())
	return g.verb(cmd, []string{"instrument", "tonnes", "to"}, func([]string) (op tx.Operation, err error) {
		o.To, err = subBalances.parse("to", to)
		return tx.Operation{Operation: &tx.Operation_MoveHolding{MoveHolding: o}}, err
	})
}
