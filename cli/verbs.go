package cli

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"carbonledger/genesis"
	"carbonledger/node/audit"
	"carbonledger/tx"
	"carbonledger/tx/keyfile"

	"github.com/spf13/cobra"
)

// verbs are the commands that ask the ledger for an operation.
func (g *globals) verbs() []*cobra.Command {
	group := func(use, short string, all ...*cobra.Command) *cobra.Command {
		cmd := &cobra.Command{Use: use, Short: short}
		cmd.AddCommand(all...)
		return cmd
	}
	return []*cobra.Command{
		newIssueCommand(g), newSurrenderCommand(g), newTransferCommand(g), newDepositCommand(g), newWithdrawCommand(g),
		group("account", "Open accounts", newAccountOpenCommand(g)),
		group("key", "Add and revoke keys of a party", newKeyAddCommand(g), newKeyRevokeCommand(g)),
		group("parameter", "Set parameters of the market", newParameterSetCommand(g)),
		group("clock", "Set the clock of a network whose time is scripted", newClockSetCommand(g)),
		group("day", "Open and close trading days", newDayCommand(g, true), newDayCommand(g, false)),
		group("order", "Sign orders", newOrderSignCommand(g)),
		group("trade", "Settle matched trades", newTradeSettleCommand(g)),
		group("offset", "Book CCER offsets", newOffsetBookCommand(g)),
		group("obligation", "Set obligations", newObligationSetCommand(g)),
		group("year", "Close obligation years", newYearCloseCommand(g)),
		group("validator", "Admit, change and remove validators", newValidatorSetCommand(g), newValidatorRemoveCommand(g)),
		group("protocol", "Move to a newer protocol version", newProtocolSetCommand(g)),
		group("opening", "Bring the position of an earlier register forward", newBringForwardCommand(g), newOpeningPageCommand(g)),
	}
}

const asRegistry = " --genesis genesis.toml --party registry --key registry.key"

func newIssueCommand(g *globals) *cobra.Command {
	o := &tx.IssueAllowances{}
	cmd := &cobra.Command{
		Use:     "issue",
		Short:   "Issue allowances to an entity (registry)",
		Long:    "Issue allowances of a vintage to an entity, by the document that determined the allocation. A document is good for one issue of an instrument to a holder.",
		Example: "  carbonledger issue --to 91420000MA49 --instrument CEA23 --tonnes 1_200 --document HB-2024-017" + asRegistry,
	}
	f := cmd.Flags()
	f.StringVar(&o.To, "to", "", "id of the entity that gets them")
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA23")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	f.StringVar(&o.Document, "document", "", "number of the document that determined the allocation")
	return g.verb(cmd, []string{"to", "instrument", "tonnes", "document"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_IssueAllowances{IssueAllowances: o}}, nil
	})
}

func newSurrenderCommand(g *globals) *cobra.Command {
	o := &tx.Surrender{}
	cmd := &cobra.Command{
		Use:     "surrender",
		Short:   "Surrender allowances for an obligation year (entity)",
		Long:    "Hand allowances of the asking entity in for its obligation of a year. What is surrendered never comes back. A later vintage cannot cover an earlier year.",
		Example: "  carbonledger surrender --instrument CEA22 --tonnes 85,000 --year 2023 --genesis genesis.toml --party 91420000MA49 --key plant.key",
	}
	f := cmd.Flags()
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA22")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	f.Var(yearFlag{&o.Year}, "year", "obligation year")
	return g.verb(cmd, []string{"instrument", "tonnes", "year"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_Surrender{Surrender: o}}, nil
	})
}

func newTransferCommand(g *globals) *cobra.Command {
	o := &tx.Transfer{}
	cmd := &cobra.Command{
		Use:     "transfer",
		Short:   "Transfer allowances without a trade (test networks only)",
		Long:    "Transfer allowances to another entity without a trade. Only networks whose genesis document says free_transfers = true know this; no real one does.",
		Example: "  carbonledger transfer --to mill --instrument CEA22 --tonnes 10 --genesis genesis.toml --party plant --key plant.key",
	}
	f := cmd.Flags()
	f.StringVar(&o.To, "to", "", "id of the entity that gets them")
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA22")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes")
	return g.verb(cmd, []string{"to", "instrument", "tonnes"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_Transfer{Transfer: o}}, nil
	})
}

func newDepositCommand(g *globals) *cobra.Command {
	o := &tx.Deposit{}
	cmd := &cobra.Command{
		Use:     "deposit",
		Short:   "Record money that reached the settlement account (settlement bank)",
		Example: "  carbonledger deposit --to 91420000MA49 --yuan 1,250,000.00 --genesis genesis.toml --party bank --key bank.key",
	}
	f := cmd.Flags()
	f.StringVar(&o.Party, "to", "", "id of the entity whose money it is")
	f.Var(yuanFlag{&o.Amount}, "yuan", "amount with at most two decimals")
	return g.verb(cmd, []string{"to", "yuan"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_Deposit{Deposit: o}}, nil
	})
}

func newWithdrawCommand(g *globals) *cobra.Command {
	o := &tx.Withdraw{}
	cmd := &cobra.Command{
		Use:     "withdraw",
		Short:   "Record money paid out of the settlement account (settlement bank)",
		Example: "  carbonledger withdraw --from 91420000MA49 --yuan 80,000.00 --genesis genesis.toml --party bank --key bank.key",
	}
	f := cmd.Flags()
	f.StringVar(&o.Party, "from", "", "id of the entity whose money it was")
	f.Var(yuanFlag{&o.Amount}, "yuan", "amount with at most two decimals")
	return g.verb(cmd, []string{"from", "yuan"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_Withdraw{Withdraw: o}}, nil
	})
}

func newAccountOpenCommand(g *globals) *cobra.Command {
	o := &tx.OpenAccount{}
	var role string
	var proven []string
	cmd := &cobra.Command{
		Use:   "open ID",
		Short: "Open an account (ministry or registry)",
		Long: `Open an account. The ministry opens regions, registries, exchanges, banks and
auditors; the registry opens entities and auditors. An entity names its region.

Each key comes with the proof that its holder wants it to act for the account:
the holder runs "carbonledger keys prove KEYFILE --party ID" and sends the word
that it prints.`,
		Example: "  carbonledger account open 91420000MA49 --role entity --name 'Hubei Power Plant' --region hubei --proven sm2:02…:9f…" + asRegistry,
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&role, "role", "", "region, registry, exchange, bank, entity or auditor")
	f.StringVar(&o.Name, "name", "", "name of the party")
	f.StringVar(&o.Region, "region", "", "id of the region's department, for entities")
	f.StringArrayVar(&proven, "proven", nil, "key with its proof, as \"keys prove\" prints it; repeat it")
	return g.verb(cmd, []string{"role", "name", "proven"}, func(args []string) (op tx.Operation, err error) {
		o.Id = args[0]
		if o.Role, err = genesis.ParseRole(role); err != nil {
			return op, fmt.Errorf("--role %w", err)
		}
		for _, p := range proven {
			key, err := parseProvenKey(p)
			if err != nil {
				return op, err
			}
			o.Keys = append(o.Keys, key)
		}
		return tx.Operation{Operation: &tx.Operation_OpenAccount{OpenAccount: o}}, nil
	})
}

func newKeyAddCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add PROVEN",
		Short: "Let one more key act for the asking party",
		Long: `Let one more key act for the asking party. PROVEN is the word that the holder of
the new key got from "carbonledger keys prove NEWKEY --party ID".`,
		Example: "  carbonledger key add \"$(carbonledger keys prove new.key --genesis genesis.toml --party registry)\"" + asRegistry,
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		key, err := parseProvenKey(args[0])
		return tx.Operation{Operation: &tx.Operation_AddKey{AddKey: &tx.AddKey{Key: key}}}, err
	})
}

func newKeyRevokeCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke KEY",
		Short: "Revoke a key of the asking party, at once and for ever",
		Long: `Revoke a key of the asking party, at once and for ever. KEY is a public key or a
key file. The last key of a party cannot be revoked: add another one first.`,
		Example: "  carbonledger key revoke ed25519:5f0c… " + asRegistry[1:],
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

func newParameterSetCommand(g *globals) *cobra.Command {
	o := &tx.SetParameter{}
	cmd := &cobra.Command{
		Use:   "set NAME VALUE",
		Short: "Set a parameter of the market from a day on (ministry; exchange for prices and weights)",
		Long: `Set a parameter of the market from a day on: price.limit.listed and
price.limit.block (10/100), order.listed.below and order.block.least (tonnes),
offset.share (5/100), obligation.deadline.YEAR (2024-12-31), composite.weights
("CEA21:2 CEA22:3") and price.reference.INSTRUMENT (79.42). The last two are the
exchange's.`,
		Example: "  carbonledger parameter set obligation.deadline.2023 2024-12-31 --from 2024-01-02 --genesis genesis.toml --party ministry --key ministry.key",
		Args:    cobra.ExactArgs(2),
	}
	cmd.Flags().Var(dayFlag{&o.From}, "from", "first day on which it holds; not before the ledger's day")
	return g.verb(cmd, []string{"from"}, func(args []string) (tx.Operation, error) {
		o.Name, o.Value = args[0], args[1]
		return tx.Operation{Operation: &tx.Operation_SetParameter{SetParameter: o}}, nil
	})
}

func newClockSetCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "set TIME",
		Short:   "Set the ledger's clock forwards (timekeeper; script networks only)",
		Example: "  carbonledger clock set 2024-01-02T09:30:00+08:00 --genesis genesis.toml --party timekeeper --key timekeeper.key",
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		at, err := parseInstant(args[0])
		return tx.Operation{Operation: &tx.Operation_SetClock{SetClock: &tx.SetClock{Time: at}}}, err
	})
}

// parseInstant reads a time with its zone, or a day's beginning in UTC+8.
func parseInstant(s string) (tx.Instant, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil && t.UnixMilli() > 0 {
		return tx.Instant(t.UnixMilli()), nil
	}
	if d, err := tx.ParseDay(s); err == nil {
		return d.Start(), nil
	}
	return 0, fmt.Errorf("%q is no time such as 2024-01-02T09:30:00+08:00, nor a day such as 2024-01-02", s)
}

func newYearCloseCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "close YEAR",
		Short:   "Close an obligation year after its deadline (registry)",
		Long:    "Close an obligation year after its deadline: the standing of every entity becomes final.",
		Example: "  carbonledger year close 2023" + asRegistry,
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		year, err := parseYear(args[0])
		return tx.Operation{Operation: &tx.Operation_CloseYear{CloseYear: &tx.CloseYear{Year: year}}}, err
	})
}

func newProtocolSetCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set VERSION",
		Short: "Move every replica to the next protocol version (ministry)",
		Long: `Move every replica to the next protocol version from the next block on. A
validator whose program does not know it stops there: look at the versions that
"carbonledger status" shows first. A version that this program itself does not know
is refused.`,
		Example: "  carbonledger protocol set 2 --genesis genesis.toml --party ministry --key ministry.key",
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		n, err := strconv.ParseUint(args[0], 10, 32)
		if err != nil || n == 0 {
			return tx.Operation{}, fmt.Errorf("%q is no protocol version, such as 2", args[0])
		}
		if n > audit.ProtocolVersion {
			return tx.Operation{}, fmt.Errorf("this program knows no protocol version above %d, and a validator that runs it would stop at once: ask with the program that every validator runs by then", audit.ProtocolVersion)
		}
		return tx.Operation{Operation: &tx.Operation_SetProtocolVersion{SetProtocolVersion: &tx.SetProtocolVersion{Version: uint32(n)}}}, nil
	})
}
