package cli

import (
	"fmt"
	"slices"
	"strings"

	"carbonledger/tx"

	"github.com/spf13/cobra"
)

func newOrderRegisterCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "register FILE",
		Short: "Register a trader's signed order, which locks what it may cost (exchange)",
		Long: `Register a trader's signed order, a file that "carbonledger order sign" made. The
ledger locks the units to sell, or the money to buy, until the order is filled or
withdrawn, or the day closes.`,
		Example: "  carbonledger order register buy.order" + asParty("exchange"),
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		order, _, err := readOrder(args[0], tx.SideUnspecified)
		return tx.Operation{Operation: &tx.Operation_RegisterOrder{RegisterOrder: &tx.RegisterOrder{Order: order}}}, err
	})
}

func newOrderWithdrawCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "withdraw REFERENCE",
		Short:   "Take back what is unfilled of an order of the asking party",
		Example: "  carbonledger order withdraw B-17" + asParty("plant"),
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_WithdrawOrder{WithdrawOrder: &tx.WithdrawOrder{Reference: args[0]}}}, nil
	})
}

func newTradeRecordCommand(g *globals) *cobra.Command {
	o := &tx.RecordTrade{}
	var kind, buy, sell string
	cmd := &cobra.Command{
		Use:   "record",
		Short: "Record a matched trade of two registered orders (exchange)",
		Long: `Record a matched trade of two registered orders. It is final and binding; units
and money change hands at the close of the day, in the order of the trades.`,
		Example: "  carbonledger trade record --kind listed --instrument CEA22 --price 79.45 --tonnes 3,000 --buy plant/B-17 --sell mill/S-4" + asParty("exchange"),
	}
	f := cmd.Flags()
	f.StringVar(&kind, "kind", "listed", "listed or block; bidding is concluded by the ledger")
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA22")
	f.Var(yuanFlag{&o.Price}, "price", "price in yuan a tonne")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes that change hands")
	f.StringVar(&buy, "buy", "", "the buyer's order, as PARTY/REFERENCE")
	f.StringVar(&sell, "sell", "", "the seller's order, as PARTY/REFERENCE")
	return g.verb(cmd, []string{"instrument", "price", "tonnes", "buy", "sell"}, func([]string) (op tx.Operation, err error) {
		if o.Kind, err = tradeKinds.parse("kind", kind); err != nil {
			return op, err
		}
		if o.Buy.Party, o.Buy.Reference, err = pairOf("--buy", buy); err != nil {
			return op, err
		}
		o.Sell.Party, o.Sell.Reference, err = pairOf("--sell", sell)
		return tx.Operation{Operation: &tx.Operation_RecordTrade{RecordTrade: o}}, err
	})
}

func newBiddingAnnounceCommand(g *globals) *cobra.Command {
	o := &tx.AnnounceBidding{}
	var mode string
	cmd := &cobra.Command{
		Use:   "announce SESSION",
		Short: "Announce a one-way bidding session on the open day (exchange)",
		Long: `Announce a one-way bidding session on the open day: one seller's units, at the
previous close or more, or with --low-floor from the parameter's part below it. The
seller and the bidders sign orders of kind bidding for the session.`,
		Example: "  carbonledger bidding announce D-2024-7 --seller plant --instrument CEA22 --tonnes 120,000 --mode uniform" + asParty("exchange"),
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&o.Seller, "seller", "", "id of the seller")
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA22")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "whole tonnes on offer")
	f.StringVar(&mode, "mode", "", "uniform (all winners pay the lowest winning bid) or pay-as-bid")
	f.BoolVar(&o.LowFloor, "low-floor", false, "let bids begin below the previous close, by the parameter price.limit.bidding")
	return g.verb(cmd, []string{"seller", "instrument", "tonnes", "mode"}, func(args []string) (op tx.Operation, err error) {
		o.Session = args[0]
		o.Mode, err = biddingModes.parse("mode", mode)
		return tx.Operation{Operation: &tx.Operation_AnnounceBidding{AnnounceBidding: o}}, err
	})
}

func newBiddingConcludeCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "conclude SESSION",
		Short:   "Let the ledger pick the winners of a bidding session, by price and then by time (exchange)",
		Example: "  carbonledger bidding conclude D-2024-7" + asParty("exchange"),
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_ConcludeBidding{ConcludeBidding: &tx.ConcludeBidding{Session: args[0]}}}, nil
	})
}

func newTradingCommand(g *globals, suspend bool) *cobra.Command {
	o := &tx.SuspendTrading{Suspended: suspend}
	cmd := &cobra.Command{
		Use:     "suspend",
		Short:   "Suspend trading in an instrument, or in all (exchange)",
		Example: "  carbonledger trading suspend --instrument CEA22 --document T-2024-3" + asParty("exchange"),
	}
	if !suspend {
		cmd.Use, cmd.Short = "resume", "Take trading up again in an instrument, or in all (exchange)"
		cmd.Example = strings.Replace(cmd.Example, "suspend", "resume", 1)
	}
	f := cmd.Flags()
	f.StringVar(&o.Instrument, "instrument", "", "vintage (default: all)")
	f.StringVar(&o.Document, "document", "", "number of the announcement")
	return g.verb(cmd, []string{"document"}, func([]string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_SuspendTrading{SuspendTrading: o}}, nil
	})
}

func newDayStateCommand(g *globals) *cobra.Command {
	o := &tx.StateTotals{}
	var tradable []string
	cmd := &cobra.Command{
		Use:   "state DAY",
		Short: "State one's own totals of the last closed day (exchange; bank)",
		Long: `State one's own totals of the last closed day, for the registry to reconcile with
the ledger's. The exchange states trades, tonnes, amount, and what stands in trading
holdings of every instrument; a settlement bank the money of all sub-ledgers.`,
		Example: "  carbonledger day state 2024-01-02 --trades 1 --tonnes 3,000 --yuan 238,350.00 --tradable CEA22=17,000 --tradable CEA23=0" + asParty("exchange") +
			"\n  carbonledger day state 2024-01-02 --money 1,250,000.00" + asParty("bank"),
		Args: cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.Int64Var(&o.Trades, "trades", 0, "exchange: how many trades")
	f.Var(tonnesFlag{&o.Tonnes}, "tonnes", "exchange: whole tonnes traded")
	f.Var(yuanFlag{&o.Amount}, "yuan", "exchange: the trades' amount")
	f.StringArrayVar(&tradable, "tradable", nil, "exchange: units in trading holdings after settlement, as INSTRUMENT=TONNES; one for every instrument")
	f.Var(yuanFlag{&o.Money}, "money", "bank: money of all sub-ledgers after settlement, in yuan")
	return g.verb(cmd, nil, func(args []string) (op tx.Operation, err error) {
		if o.Day, err = tx.ParseDay(args[0]); err != nil {
			return op, err
		}
		if o.Tradable, err = g.instrumentTotals(tradable); err != nil {
			return op, err
		}
		return tx.Operation{Operation: &tx.Operation_StateTotals{StateTotals: o}}, nil
	})
}

// instrumentTotals reads INSTRUMENT=TONNES, and puts them in genesis order.
func (g *globals) instrumentTotals(all []string) ([]tx.InstrumentTotal, error) {
	if len(all) == 0 {
		return nil, nil
	}
	f, err := g.founding()
	if err != nil {
		return nil, err
	}
	place := func(code string) int {
		return slices.IndexFunc(f.Instruments, func(i tx.Instrument) bool { return i.Code == code })
	}
	var totals []tx.InstrumentTotal
	for _, s := range all {
		code, number, ok := strings.Cut(s, "=")
		tonnes, err := parseTonnes(number)
		if !ok || err != nil || place(code) < 0 {
			return nil, fmt.Errorf("--tradable %q: use INSTRUMENT=TONNES with an instrument of the genesis document", s)
		}
		totals = append(totals, tx.InstrumentTotal{Instrument: code, Tonnes: tonnes})
	}
	slices.SortStableFunc(totals, func(a, b tx.InstrumentTotal) int { return place(a.Instrument) - place(b.Instrument) })
	return totals, nil
}

func newDayReconcileCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reconcile DAY",
		Short: "Compare the statements of exchange and bank with the ledger's totals (registry)",
		Long: `Compare the statements of exchange and bank of the last closed day with the
ledger's totals. The breaks are recorded ("query settlement" shows them); with none
the next day may open.`,
		Example: "  carbonledger day reconcile 2024-01-02" + asRegistry,
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		day, err := tx.ParseDay(args[0])
		return tx.Operation{Operation: &tx.Operation_Reconcile{Reconcile: &tx.Reconcile{Day: day}}}, err
	})
}
