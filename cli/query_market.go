package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"carbonledger/node/api"
	"carbonledger/node/publish"
	"carbonledger/tx"

	"github.com/spf13/cobra"
)

func (q *querying) obligations() *cobra.Command {
	var region, entity string
	cmd := &cobra.Command{Use: "obligations YEAR", Short: "Where every entity stands with a year's obligation", Args: cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&region, "region", "", "only this region")
	cmd.Flags().StringVar(&entity, "entity", "", "only this entity")
	columns := []string{"entity", "region", "year", "due", "surrendered", "offset", "submitted", "short", "state"}
	return q.list(cmd, anonymous, "obligations", columns, true, func(ctx context.Context, c *api.Client, args []string, p pageRequest, t *table) (api.Page, error) {
		year, err := parseYear(args[0])
		if err != nil {
			return api.Page{}, usage(err)
		}
		out, err := c.ListObligations(ctx, &api.ListObligationsRequest{Year: year, Region: region, Entity: entity, Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for _, o := range out.Obligations {
			t.row(o.Entity, o.Region, int(o.Year), o.Due, o.Surrendered, o.Offset, o.Submitted, o.Due-o.Surrendered-o.Offset, obligationState(o.State))
		}
		return out.Page, nil
	})
}

func obligationState(s tx.ObligationState) string {
	switch s {
	case tx.ObligationOpen:
		return "open"
	case tx.ObligationPartly:
		return "partly"
	case tx.ObligationComplete:
		return "complete"
	case tx.ObligationIncomplete:
		return "incomplete"
	case tx.ObligationSubmitted:
		return "submitted"
	case tx.ObligationLate:
		return "late"
	case tx.ObligationForced:
		return "forced"
	case tx.ObligationNoDuty:
		return "no-duty"
	}
	return s.String()
}

func (q *querying) regions() *cobra.Command {
	cmd := &cobra.Command{Use: "regions YEAR", Short: "A year's obligations by region", Args: cobra.ExactArgs(1)}
	columns := []string{"region", "year", "entities", "complete", "due", "surrendered", "offset", "offset_entities"}
	return q.list(cmd, anonymous, "regions", columns, false, func(ctx context.Context, c *api.Client, args []string, p pageRequest, t *table) (api.Page, error) {
		year, err := parseYear(args[0])
		if err != nil {
			return api.Page{}, usage(err)
		}
		out, err := c.ListRegionObligations(ctx, &api.ListRegionObligationsRequest{Year: year, MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for _, r := range out.Regions {
			t.row(r.Region, int(r.Year), r.Entities, r.Complete, r.Due, r.Surrendered, r.Offset, r.OffsetEntities)
		}
		return out.Page, nil
	})
}

func (q *querying) year() *cobra.Command {
	cmd := &cobra.Command{Use: "year YEAR", Short: "The sums of an obligation year", Args: cobra.ExactArgs(1)}
	return q.one(cmd, anonymous, func(ctx context.Context, c *api.Client, args []string) (record, error) {
		year, err := parseYear(args[0])
		if err != nil {
			return record{}, usage(err)
		}
		out, err := c.GetYearObligation(ctx, &api.GetYearObligationRequest{Year: year, MinHeight: q.minHeight})
		if err != nil {
			return record{}, err
		}
		y := &out.Obligation
		r := record{title: "year"}
		r.add("height", out.Height)
		r.add("year", int(y.Year))
		r.add("closed", y.Closed)
		r.add("entities", y.Entities)
		r.add("complete", y.Complete)
		r.add("regions", y.Regions)
		r.add("regions_complete", y.RegionsComplete)
		r.add("due", y.Due)
		r.add("surrendered", y.Surrendered)
		r.add("surrendered_own_vintage", y.SurrenderedOwnVintage)
		r.add("surrendered_older", y.SurrenderedOlder)
		r.add("offset", y.Offset)
		r.add("offset_entities", y.OffsetEntities)
		r.add("offset_regions", y.OffsetRegions)
		r.add("allocated", y.Allocated)
		return r, nil
	})
}

func quoteRecord(u *tx.Quote) record {
	r := record{}
	r.add("instrument", u.Instrument)
	r.add("open", price(u.Open))
	r.add("high", price(u.High))
	r.add("low", price(u.Low))
	r.add("close", price(u.Close))
	r.add("previous_close", price(u.PreviousClose))
	r.add("listed_tonnes", u.ListedTonnes)
	r.add("listed_yuan", u.ListedAmount)
	r.add("block_tonnes", u.BlockTonnes)
	r.add("block_yuan", u.BlockAmount)
	r.add("bidding_tonnes", u.BiddingTonnes)
	r.add("bidding_yuan", u.BiddingAmount)
	r.add("trades", u.Trades)
	return r
}

func (q *querying) bulletin() *cobra.Command {
	cmd := &cobra.Command{Use: "bulletin DAY", Short: "The exchange's bulletin of a day, as the ledger computed it", Args: cobra.ExactArgs(1)}
	return q.one(cmd, anonymous, func(ctx context.Context, c *api.Client, args []string) (record, error) {
		day, err := tx.ParseDay(args[0])
		if err != nil {
			return record{}, usage(err)
		}
		out, err := c.GetBulletin(ctx, &api.GetBulletinRequest{Day: day, MinHeight: q.minHeight})
		if err != nil {
			return record{}, err
		}
		b := &out.Bulletin
		r := record{title: "bulletin"}
		r.add("height", out.Height)
		r.add("day", b.Day)
		r.add("closed", b.Closed)
		quotes := []record{quoteRecord(&b.Composite)}
		for i := range b.Instruments {
			quotes = append(quotes, quoteRecord(&b.Instruments[i]))
		}
		r.add("year_tonnes", b.YearTonnes)
		r.add("year_yuan", b.YearAmount)
		r.add("cumulative_tonnes", b.CumulativeTonnes)
		r.add("cumulative_yuan", b.CumulativeAmount)
		r.add("quotes", quotes)
		return r, nil
	})
}

func (q *querying) bulletins() *cobra.Command {
	var from, to tx.Day
	var instruments bool
	cmd := &cobra.Command{Use: "bulletins", Short: "The bulletins of a span of days", Args: cobra.NoArgs}
	cmd.Flags().Var(dayFlag{&from}, "from", "first day")
	cmd.Flags().Var(dayFlag{&to}, "to", "last day")
	cmd.Flags().BoolVar(&instruments, "instruments", false, "a row for each instrument besides the composite's")
	probe := quoteRecord(&tx.Quote{})
	columns := append(append([]string{"day", "closed"}, probe.names...), "year_tonnes", "year_yuan", "cumulative_tonnes", "cumulative_yuan")
	return q.list(cmd, anonymous, "bulletins", columns, true, func(ctx context.Context, c *api.Client, _ []string, p pageRequest, t *table) (api.Page, error) {
		out, err := c.ListBulletins(ctx, &api.ListBulletinsRequest{From: from, To: to, Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for i := range out.Bulletins {
			b := &out.Bulletins[i]
			quotes := []tx.Quote{b.Composite}
			if instruments {
				quotes = append(quotes, b.Instruments...)
			}
			for k := range quotes {
				row := append([]any{b.Day, b.Closed}, quoteRecord(&quotes[k]).values...)
				t.row(append(row, b.YearTonnes, b.YearAmount, b.CumulativeTonnes, b.CumulativeAmount)...)
			}
			t.items++
		}
		return out.Page, nil
	})
}

func (q *querying) totals() *cobra.Command {
	cmd := &cobra.Command{Use: "totals YEAR", Short: "The sums of a calendar year's trading", Args: cobra.ExactArgs(1)}
	return q.one(cmd, anonymous, func(ctx context.Context, c *api.Client, args []string) (record, error) {
		year, err := parseYear(args[0])
		if err != nil {
			return record{}, usage(err)
		}
		out, err := c.GetYearTotals(ctx, &api.GetYearTotalsRequest{Year: year, MinHeight: q.minHeight})
		if err != nil {
			return record{}, err
		}
		y := &out.Totals
		r := record{title: "totals"}
		r.add("height", out.Height)
		r.add("year", int(y.Year))
		r.add("trading_days", y.TradingDays)
		r.add("trades", y.Trades)
		r.add("listed_tonnes", y.ListedTonnes)
		r.add("listed_yuan", y.ListedAmount)
		r.add("block_tonnes", y.BlockTonnes)
		r.add("block_yuan", y.BlockAmount)
		r.add("bidding_tonnes", y.BiddingTonnes)
		r.add("bidding_yuan", y.BiddingAmount)
		r.add("parties_trading", y.PartiesTrading)
		r.add("cumulative_tonnes", y.CumulativeTonnes)
		r.add("cumulative_yuan", y.CumulativeAmount)
		return r, nil
	})
}

func (q *querying) parameters() *cobra.Command {
	cmd := &cobra.Command{Use: "parameters", Short: "The parameters of the market, each from a day on", Args: cobra.NoArgs}
	return q.list(cmd, anonymous, "parameters", []string{"name", "from", "value", "height"}, false, func(ctx context.Context, c *api.Client, _ []string, p pageRequest, t *table) (api.Page, error) {
		out, err := c.ListParameters(ctx, &api.ListParametersRequest{MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for _, v := range out.Parameters {
			t.row(v.Name, v.From, v.Value, v.Height)
		}
		return out.Page, nil
	})
}

func (q *querying) validators() *cobra.Command {
	cmd := &cobra.Command{Use: "validators", Short: "The validators on the ledger", Args: cobra.NoArgs}
	columns := []string{"name", "site", "voter", "address", "node_key", "cosign_key", "incarnation_sha256"}
	return q.list(cmd, anonymous, "validators", columns, false, func(ctx context.Context, c *api.Client, _ []string, p pageRequest, t *table) (api.Page, error) {
		out, err := c.ListValidators(ctx, &api.ListValidatorsRequest{MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for i := range out.Validators {
			v := &out.Validators[i]
			t.row(v.Name, v.Site, v.Voter, v.Address, v.NodeKey, v.CosignKey, v.IncarnationSha256)
		}
		return out.Page, nil
	})
}

func (q *querying) policy() *cobra.Command {
	cmd := &cobra.Command{
		Use: "policy", Short: "The log's policy of today's validators", Args: cobra.NoArgs,
		Long: "Print the policy (tlog-policy) by which a checkpoint counts when more than half of the voters that are on the ledger now cosigned it. One node's word: compare it with others', or with the policy of the founding and the transactions since.",
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		f, err := q.g.founding()
		if err != nil {
			return err
		}
		if f.LogOrigin == "" {
			return errors.New("the genesis document of this network names no log")
		}
		return q.g.asking(cmd, anonymous, func(ctx context.Context, c *api.Client) error {
			out, err := c.ListValidators(ctx, &api.ListValidatorsRequest{MinHeight: q.minHeight})
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), publish.PolicyText(f.LogOrigin, f.LogKey, out.Validators))
			return err
		})
	}
	return cmd
}

func (q *querying) conservation() *cobra.Command {
	cmd := &cobra.Command{
		Use: "conservation", Short: "Add up every account and compare", Args: cobra.NoArgs,
		Long: "Have a node add up every account: what was brought forward and issued must be held, surrendered, taken back, cancelled or carried over, what was brought forward and deposited must be held or withdrawn. Exit code 1 if it is not.",
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return q.g.asking(cmd, anonymous, func(ctx context.Context, c *api.Client) error {
			out, err := c.CheckConservation(ctx, &api.CheckConservationRequest{MinHeight: q.minHeight})
			if err != nil {
				return err
			}
			r := conservationRecord(&out.Conservation)
			if err := r.print(cmd.OutOrStdout(), q.g.json); err != nil {
				return err
			}
			return notConserved(&out.Conservation)
		})
	}
	return cmd
}

func notConserved(c *tx.Conservation) error {
	if len(c.Breaks) == 0 {
		return nil
	}
	return fmt.Errorf("the accounts do not add up: %s", strings.Join(c.Breaks, "; "))
}

func conservationRecord(c *tx.Conservation) record {
	r := record{title: "conservation"}
	r.add("height", c.Height)
	all := []record{}
	for i := range c.Instruments {
		s := &c.Instruments[i]
		one := record{}
		one.add("instrument", s.Instrument)
		one.add("brought_forward", s.BroughtForward)
		one.add("issued", s.Issued)
		one.add("held", s.Held)
		one.add("surrendered", s.Surrendered)
		one.add("clawed_back", s.ClawedBack)
		one.add("cancelled", s.Cancelled)
		one.add("carried_over", s.CarriedOver)
		all = append(all, one)
	}
	r.add("instruments", all)
	money := record{}
	money.add("brought_forward", c.Money.BroughtForward)
	money.add("deposited", c.Money.Deposited)
	money.add("withdrawn", c.Money.Withdrawn)
	money.add("held", c.Money.Held)
	r.add("money_yuan", money)
	ccer := record{}
	ccer.add("registered", c.Reductions.Registered)
	ccer.add("held", c.Reductions.Held)
	ccer.add("cancelled", c.Reductions.Cancelled)
	ccer.add("for_national_offset", c.Reductions.NationalOffset)
	ccer.add("booked", c.Reductions.Booked)
	r.add("ccer", ccer)
	r.add("breaks", list(c.Breaks))
	return r
}
