package cli

import (
	"carbonledger/tx"

	"github.com/spf13/cobra"
)

func newCCERRegisterCommand(g *globals) *cobra.Command {
	o := &tx.RegisterReduction{}
	cmd := &cobra.Command{
		Use:     "register BATCH",
		Short:   "Issue a batch of CCER to its owner (CCER registry)",
		Example: "  carbonledger ccer register CCER-0017-2024 --project 'Wind farm' --to plant --tonnes 10,000 --document R-17 --cosign ccer-registry-2.key" + asParty("ccer-registry"),
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&o.Project, "project", "", "name of the project")
	f.StringVar(&o.To, "to", "", "id of the owner, an entity or other institution")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	f.StringVar(&o.Document, "document", "", "number of the registration document")
	f.BoolVar(&o.Old, "old", false, "filed before 2017-03-14: for national offsets only until the day of the parameter ccer.old.until")
	return g.verb(cmd, []string{"project", "to", "tonnes", "document"}, func(args []string) (tx.Operation, error) {
		o.Batch = args[0]
		return tx.Operation{Operation: &tx.Operation_RegisterReduction{RegisterReduction: o}}, nil
	})
}

func newCCERTradeCommand(g *globals) *cobra.Command {
	o := &tx.TradeCCER{}
	cmd := &cobra.Command{
		Use:     "trade BATCH",
		Short:   "Hand CCER of a batch from seller to buyer, who both sign (CCER exchange)",
		Long:    "Hand CCER of a batch from seller to buyer, who both sign with a key that may trade (--cosign, or cosign on their own machines). The CCER exchange settles the money.",
		Example: "  carbonledger ccer trade CCER-0017-2024 --seller plant --buyer mill --tonnes 500 --price 85.00 --cosign plant.key --cosign mill.key" + asParty("ccer-exchange"),
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&o.Seller, "seller", "", "id of the seller")
	f.StringVar(&o.Buyer, "buyer", "", "id of the buyer")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	f.Var(yuanFlag{&o.Price}, "price", "price in yuan a tonne")
	return g.verb(cmd, []string{"seller", "buyer", "tonnes", "price"}, func(args []string) (tx.Operation, error) {
		o.Batch = args[0]
		return tx.Operation{Operation: &tx.Operation_TradeCCER{TradeCCER: o}}, nil
	})
}

func newCCERCancelCommand(g *globals) *cobra.Command {
	o := &tx.CancelCCER{}
	var kind string
	cmd := &cobra.Command{
		Use:     "cancel NUMBER",
		Short:   "Cancel CCER of a batch, for ever (holder)",
		Long:    "Cancel CCER of a batch for a use, for ever. NUMBER names the cancellation and is used once on the ledger.",
		Example: "  carbonledger ccer cancel CCER-2024-88 --batch CCER-0017-2024 --tonnes 4,000 --for national-offset" + asParty("plant"),
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&o.Batch, "batch", "", "name of the batch")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	f.StringVar(&kind, "for", "", cancelKinds.String())
	return g.verb(cmd, []string{"batch", "tonnes", "for"}, func(args []string) (op tx.Operation, err error) {
		o.Cancellation = args[0]
		o.Kind, err = cancelKinds.parse("for", kind)
		return tx.Operation{Operation: &tx.Operation_CancelCCER{CancelCCER: o}}, err
	})
}

func newOffsetBookCommand(g *globals) *cobra.Command {
	o := &tx.BookOffset{}
	cmd := &cobra.Command{
		Use:     "book",
		Short:   "Count a cancellation of CCER against its owner's obligation, whole and once (registry)",
		Example: "  carbonledger offset book --entity plant --year 2023 --cancellation CCER-2024-88" + asRegistry,
	}
	f := cmd.Flags()
	f.StringVar(&o.Entity, "entity", "", "id of the entity")
	f.Var(yearFlag{&o.Year}, "year", "obligation year")
	f.StringVar(&o.Cancellation, "cancellation", "", "number of the cancellation, of kind national-offset")
	return g.verb(cmd, []string{"entity", "year", "cancellation"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_BookOffset{BookOffset: o}}, nil
	})
}

func newCancelCommand(g *globals) *cobra.Command {
	o := &tx.CancelVoluntarily{}
	cmd := &cobra.Command{
		Use:     "cancel",
		Short:   "Apply to cancel allowances for the public benefit, for ever (holder)",
		Long:    "Apply to cancel allowances of the registry holding for the public benefit, for ever. The registry decides; cancellations are published with their purpose.",
		Example: "  carbonledger cancel --instrument CEA22 --tonnes 100 --purpose 'Carbon neutral meeting' --application C-1" + asParty("plant"),
	}
	f := cmd.Flags()
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA22")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	f.StringVar(&o.Purpose, "purpose", "", "what for; published")
	f.StringVar(&o.Application, "application", "", applicationUsage)
	return g.verb(cmd, []string{"instrument", "tonnes", "purpose", "application"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_CancelVoluntarily{CancelVoluntarily: o}}, nil
	})
}

func newCarryOverApplyCommand(g *globals) *cobra.Command {
	o := &tx.ApplyCarryOver{}
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Apply to exchange an old vintage for that of the carry-over (entity)",
		Long: `Apply to exchange units of an old vintage for the vintage of the parameter
carryover.year. "query carry-over" shows how much is possible, and why; the registry
decides.`,
		Example: "  carbonledger carryover apply --instrument CEA22 --tonnes 10,000 --application J-1" + asParty("plant"),
	}
	f := cmd.Flags()
	f.StringVar(&o.Instrument, "instrument", "", "old vintage, such as CEA22")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	f.StringVar(&o.Application, "application", "", applicationUsage)
	return g.verb(cmd, []string{"instrument", "tonnes", "application"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_ApplyCarryOver{ApplyCarryOver: o}}, nil
	})
}
