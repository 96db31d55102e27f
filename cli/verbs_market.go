package cli

import (
	"errors"
	"fmt"
	"strings"

	"carbonledger/node/datadir"
	"carbonledger/tx"
	"carbonledger/tx/durable"
	"carbonledger/tx/limited"

	"github.com/spf13/cobra"
)

func newDayCommand(g *globals, open bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "open DAY",
		Short:   "Open trading on the ledger's day (exchange)",
		Example: "  carbonledger day open 2024-01-02 --genesis genesis.toml --party exchange --key exchange.key",
		Args:    cobra.ExactArgs(1),
	}
	if !open {
		cmd.Use, cmd.Short = "close DAY", "Close the trading day; the ledger computes its bulletin (exchange)"
		cmd.Example = strings.Replace(cmd.Example, "day open", "day close", 1)
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		day, err := tx.ParseDay(args[0])
		if open {
			return tx.Operation{Operation: &tx.Operation_OpenDay{OpenDay: &tx.OpenDay{Day: day}}}, err
		}
		return tx.Operation{Operation: &tx.Operation_CloseDay{CloseDay: &tx.CloseDay{Day: day}}}, err
	})
}

func newOrderSignCommand(g *globals) *cobra.Command {
	s := &signing{g: g}
	o := &tx.OrderBody{}
	var side, kind string
	cmd := &cobra.Command{
		Use:   "sign",
		Short: "Sign an order into a file for the exchange (trader); needs no network",
		Long: `Sign an order into a file, which the exchange registers. Trades take it on that day,
at the limit or better, and never more in sum than its tonnes. --kind is the trade
method; an order of kind bidding names the --session that it is for.`,
		Example: "  carbonledger order sign --side buy --instrument CEA22 --tonnes 5,000 --limit 79.50 --day 2024-01-02 --reference B-17 --out buy.order --genesis genesis.toml --party plant --key plant.key",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Side, err = sides.parse("side", side); err != nil {
				return usage(err)
			}
			if o.Kind, err = tradeKinds.parse("kind", kind); err != nil {
				return usage(err)
			}
			return s.order(cmd, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&side, "side", "", "buy or sell")
	f.StringVar(&kind, "kind", "listed", tradeKinds.String())
	f.StringVar(&o.Session, "session", "", "bidding: the session that it is for")
	f.StringVar(&o.Instrument, "instrument", "", "vintage, such as CEA22")
	f.Var(tonnesFlag{&o.Quantity}, "tonnes", "the most that all trades against it may take")
	f.Var(yuanFlag{&o.LimitPrice}, "limit", "highest price to buy, lowest to sell, in yuan a tonne")
	f.Var(dayFlag{&o.Day}, "day", "the trading day on which it is good")
	f.StringVar(&o.Reference, "reference", "", "the party's own name for this order, never used before for another")
	f.StringVar(&s.out, "out", "", "new file for the signed order")
	f.BoolVarP(&s.yes, "yes", "y", false, "do not ask before signing")
	f.String(passphraseFlag, "", "file with the passphrase of the key file")
	for _, name := range []string{"side", "instrument", "tonnes", "limit", "day", "reference", "out"} {
		_ = cmd.MarkFlagRequired(name)
	}
	return cmd
}

// order shows and signs an order into --out.
func (s *signing) order(cmd *cobra.Command, o *tx.OrderBody) error {
	if err := s.check(); err != nil {
		return err
	}
	f, err := s.g.founding()
	if err != nil {
		return err
	}
	o.ChainId, o.Party = f.ChainID, s.g.party
	fmt.Fprintf(cmd.ErrOrStderr(), "On chain %s (genesis %s):\n  %s\n", f.ChainID, f.Hash, words.order(o))
	if err := confirm(cmd, s.yes); err != nil {
		return err
	}
	keys, err := s.keys(cmd)
	if err != nil {
		return err
	}
	order, err := tx.NewOrder(f.Hash, o, keys[0])
	if err != nil {
		return err
	}
	raw, err := order.Marshal()
	if err != nil {
		return fmt.Errorf("encode the order: %w", err)
	}
	if err := durable.Create(s.out, raw, 0o644); err != nil {
		return err
	}
	r := record{title: "order"}
	r.add("file", s.out)
	r.add("party", o.Party)
	r.add("reference", o.Reference)
	return r.print(cmd.OutOrStdout(), s.g.json)
}

// maxOrderBytes bounds an order's file.
const maxOrderBytes = 4096

// readOrder reads an order of the side, or of any where none is given.
func readOrder(path string, side tx.Side) (o tx.SignedOrder, body tx.OrderBody, err error) {
	raw, err := limited.ReadFile(path, maxOrderBytes)
	if err != nil && !errors.Is(err, limited.ErrTooLong) {
		return o, body, err
	}
	if err != nil || o.Unmarshal(raw) != nil || body.Unmarshal(o.Body) != nil || len(o.Body) == 0 {
		return o, body, fmt.Errorf("%s holds no signed order: make one with \"carbonledger order sign\"", path)
	}
	if side != tx.SideUnspecified && body.Side != side {
		return o, body, fmt.Errorf("%s holds an order to %s, not to %s", path, sides.word(body.Side), sides.word(side))
	}
	return o, body, nil
}

func newValidatorSetCommand(g *globals) *cobra.Command {
	var voter bool
	cmd := &cobra.Command{
		Use:   "set LINE",
		Short: "Admit or change a validator (ministry)",
		Long: `Admit a validator, or change one of the same name. LINE is the public line that
"carbonledger init node" printed on its operator's machine, or @FILE with it.`,
		Example: "  carbonledger validator set @wuhan-3.line --voter --genesis genesis.toml --party ministry --key ministry.key",
		Args:    cobra.MinimumNArgs(1),
	}
	cmd.Flags().BoolVar(&voter, "voter", false, "give it a vote; without it the validator only follows")
	return g.verb(cmd, nil, func(args []string) (op tx.Operation, err error) {
		// The shell may have taken the line apart.
		line := strings.Join(args, " ")
		if path, ok := strings.CutPrefix(line, "@"); ok {
			b, err := limited.ReadFile(path, limited.MaxSettingsBytes)
			if err != nil {
				return op, err
			}
			line = strings.TrimSpace(string(b))
		}
		if strings.Contains(line, "\n") {
			return op, errors.New("several lines are given: admit one validator at a time")
		}
		v, err := datadir.ParseLine(line)
		if err != nil {
			return op, err
		}
		v.Voter = voter
		return tx.Operation{Operation: &tx.Operation_SetValidator{SetValidator: &tx.SetValidator{Validator: v}}}, nil
	})
}

func newValidatorRemoveCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "remove NAME",
		Short:   "Take a validator off the list (ministry)",
		Example: "  carbonledger validator remove wuhan-2 --genesis genesis.toml --party ministry --key ministry.key",
		Args:    cobra.ExactArgs(1),
	}
	return g.verb(cmd, nil, func(args []string) (tx.Operation, error) {
		return tx.Operation{Operation: &tx.Operation_RemoveValidator{RemoveValidator: &tx.RemoveValidator{Name: args[0]}}}, nil
	})
}
