package cli

import (
	"fmt"

	"carbonledger/tx"

	"github.com/spf13/cobra"
)

func newTransferByLawCommand(g *globals) *cobra.Command {
	o := &tx.TransferByLaw{}
	var kind, corrects string
	cmd := &cobra.Command{
		Use:   "transfer-by-law",
		Short: "Move units for a reason that the law knows beside trades (registry)",
		Long: `Move units for a reason that the law knows beside trades: succession; division and
release, with the region's signature; judicial, of frozen units, with the court's;
correction of an earlier transfer, which stays visible. Two persons of the registry
sign, and the others beside them (--cosign, or cosign on their own machines).`,
		Example: "  carbonledger transfer-by-law --kind division --from plant --to mill --instrument CEA22 --tonnes 500 --document HB-2024-61 --cosign registry-2.key --cosign hubei.key" + asRegistry,
	}
	f := cmd.Flags()
	f.StringVar(&kind, "kind", "", transferKinds.String())
	f.StringVar(&o.From, "from", "", "id of the holder")
	f.StringVar(&o.To, "to", "", "id of the one that gets them")
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA22")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	f.StringVar(&o.Document, "document", "", "number of the document that orders it")
	f.StringVar(&corrects, "corrects", "", "correction: id of the transaction with the transfer that was wrong")
	f.StringVar(&o.Freeze, "freeze", "", "judicial: the document of the freeze from which it takes")
	return g.verb(cmd, []string{"kind", "from", "to", "instrument", "tonnes", "document"}, func([]string) (op tx.Operation, err error) {
		if o.Kind, err = transferKinds.parse("kind", kind); err != nil {
			return op, err
		}
		if corrects != "" {
			id, err := tx.ParseID(corrects)
			if err != nil {
				return op, fmt.Errorf("--corrects %w", err)
			}
			o.Corrects = id[:]
		}
		return tx.Operation{Operation: &tx.Operation_TransferByLaw{TransferByLaw: o}}, nil
	})
}

func newFreezeCommand(g *globals) *cobra.Command {
	o := &tx.Freeze{}
	cmd := &cobra.Command{
		Use:     "freeze DOCUMENT",
		Short:   "Freeze units of a holder on a court's document, which names the freeze (court)",
		Example: "  carbonledger freeze E-01-2024-77 --holder plant --instrument CEA22 --tonnes 500" + asParty("court"),
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&o.Party, "holder", "", "id of the holder")
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA22")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	return g.verb(cmd, []string{"holder", "instrument", "tonnes"}, func(args []string) (tx.Operation, error) {
		o.Document = args[0]
		return tx.Operation{Operation: &tx.Operation_Freeze{Freeze: o}}, nil
	})
}

func newUnfreezeCommand(g *globals) *cobra.Command {
	o := &tx.Unfreeze{}
	cmd := &cobra.Command{
		Use:     "unfreeze DOCUMENT",
		Short:   "Lift a freeze, or a part of it (the court that froze)",
		Example: "  carbonledger unfreeze E-01-2024-77 --tonnes 500" + asParty("court"),
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	return g.verb(cmd, []string{"tonnes"}, func(args []string) (tx.Operation, error) {
		o.Freeze = args[0]
		return tx.Operation{Operation: &tx.Operation_Unfreeze{Unfreeze: o}}, nil
	})
}

func newPledgeCreateCommand(g *globals) *cobra.Command {
	o := &tx.Pledge{}
	cmd := &cobra.Command{
		Use:     "create REGISTRATION",
		Short:   "Encumber units for a creditor; they stay the holder's (holder)",
		Long:    "Encumber units of the asking party for a creditor. REGISTRATION is the number in the register of movables; it names the pledge.",
		Example: "  carbonledger pledge create 2024-0815 --pledgee bank --instrument CEA22 --tonnes 10,000 --condition 'loan L-7'" + asParty("plant"),
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&o.Pledgee, "pledgee", "", "id of the creditor")
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA22")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	f.StringVar(&o.Condition, "condition", "", "what it secures")
	return g.verb(cmd, []string{"pledgee", "instrument", "tonnes"}, func(args []string) (tx.Operation, error) {
		o.Registration = args[0]
		return tx.Operation{Operation: &tx.Operation_Pledge{Pledge: o}}, nil
	})
}

func newPledgeReleaseCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "release REGISTRATION",
		Short:   "End a pledge (the creditor alone)",
		Example: "  carbonledger pledge release 2024-0815" + asParty("bank"),
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_ReleasePledge{ReleasePledge: &tx.ReleasePledge{Registration: args[0]}}}, nil
	})
}
