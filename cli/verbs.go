package cli

import (
	"fmt"
	"strconv"
	"time"

	"carbonledger/node/audit"
	"carbonledger/tx"

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
		group("account", "Open, change, restrict, merge and close accounts",
			newAccountOpenCommand(g), newAccountChangeCommand(g), newAccountRestrictCommand(g), newAccountMergeCommand(g), newAccountCloseCommand(g)),
		group("key", "Add, revoke and recover keys of a party", newKeyAddCommand(g), newKeyRevokeCommand(g), newKeyRecoverCommand(g)),
		group("policy", "Ask for several persons", newPolicySetCommand(g)),
		newApproveCommand(g),
		group("prepared", "Take back what was prepared", newPreparedWithdrawCommand(g)),
		newIssueCommand(g),
		group("receivable", "Hand back what was issued in excess", newReceivableRepayCommand(g)),
		group("holding", "Move units between registry and trading holding", newHoldingMoveCommand(g)),
		newDepositCommand(g), newWithdrawCommand(g),
		group("day", "Open, close, state and reconcile trading days", newDayCommand(g, true), newDayCommand(g, false), newDayStateCommand(g), newDayReconcileCommand(g)),
		group("order", "Sign, register and withdraw orders", newOrderSignCommand(g), newOrderRegisterCommand(g), newOrderWithdrawCommand(g)),
		group("trade", "Record matched trades", newTradeRecordCommand(g)),
		group("bidding", "Announce and conclude one-way bidding", newBiddingAnnounceCommand(g), newBiddingConcludeCommand(g)),
		group("trading", "Suspend trading and take it up again", newTradingCommand(g, true), newTradingCommand(g, false)),
		group("verification", "Record verified emissions", newVerificationRecordCommand(g)),
		group("obligation", "Set obligations", newObligationSetCommand(g)),
		newSurrenderCommand(g), newSurrenderOnBehalfCommand(g), newForceSurrenderCommand(g), newCancelCommand(g),
		group("application", "Decide and withdraw applications", newApplicationDecideCommand(g), newApplicationWithdrawCommand(g)),
		group("deduction", "Take what was not surrendered from the next allocation", newDeductionRecordCommand(g)),
		group("year", "Close obligation years", newYearCloseCommand(g)),
		group("ccer", "Register, trade and cancel CCER", newCCERRegisterCommand(g), newCCERTradeCommand(g), newCCERCancelCommand(g)),
		group("offset", "Book CCER offsets", newOffsetBookCommand(g)),
		group("carryover", "Carry old vintages over", newCarryOverApplyCommand(g)),
		newTransferByLawCommand(g), newFreezeCommand(g), newUnfreezeCommand(g),
		group("pledge", "Create and release pledges", newPledgeCreateCommand(g), newPledgeReleaseCommand(g)),
		newTransferCommand(g),
		group("parameter", "Set parameters of the market", newParameterSetCommand(g)),
		group("clock", "Set the clock of a network whose time is scripted", newClockSetCommand(g)),
		group("validator", "Admit, change and remove validators", newValidatorSetCommand(g), newValidatorRemoveCommand(g)),
		group("protocol", "Move to a newer protocol version", newProtocolSetCommand(g)),
		newTakeStateRootCommand(g),
		group("opening", "Bring the position of an earlier register forward", newBringForwardCommand(g), newOpeningPageCommand(g)),
	}
}

const asRegistry = " --genesis genesis.toml --party registry --key registry.key"

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

func newParameterSetCommand(g *globals) *cobra.Command {
	o := &tx.SetParameter{}
	cmd := &cobra.Command{
		Use:   "set NAME VALUE",
		Short: "Set a parameter of the market from a day on (ministry; exchange for prices, weights and hours)",
		Long: `Set a parameter of the market from a day on, such as price.limit.listed (10/100),
offset.share (5/100), persons.OPERATION (2) or obligation.deadline.YEAR (2024-12-31).
composite.weights ("CEA21:2 CEA22:3"), price.reference.INSTRUMENT (79.42) and
hours.KIND ("09:30-11:30 13:00-15:00") are the exchange's. "query parameters" lists
all of them.`,
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

func newTakeStateRootCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "take-state-root",
		Short: "Have the root of the state put into the log, beside those of the closes (ministry, registry, auditor)",
		Long: `Ask that the block of this transaction leaves the root of the ledger's state in the
log, as the close of a business day does. The next block names it: on a wall clock
within a minute. Holdings and statements are proven to it, with the receipt's height:
"prove holding --at HEIGHT". Between two requests lie the minutes of the parameter
root.minutes.`,
		Example: "  carbonledger take-state-root --genesis genesis.toml --party auditor --key auditor.key",
		Args:    cobra.NoArgs,
	}
	return g.verb(cmd, nil, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_TakeStateRoot{TakeStateRoot: &tx.TakeStateRoot{}}}, nil
	})
}
