package cli

import (
	"context"

	"carbonledger/node/api"

	"github.com/spf13/cobra"
)

func (q *querying) cancellations() *cobra.Command {
	cmd := &cobra.Command{Use: "cancellations", Short: "Cancellations of CCER, what for, and where they are booked", Args: cobra.NoArgs}
	var owner string
	cmd.Flags().StringVar(&owner, "owner", "", "only this owner's")
	columns := []string{"cancellation", "owner", "batch", "tonnes", "for", "day", "booked"}
	return q.list(cmd, anonymous, "cancellations", columns, true, func(ctx context.Context, c *api.Client, _ []string, p pageRequest, t *table) (api.Page, error) {
		out, err := c.ListCancellations(ctx, &api.ListCancellationsRequest{Owner: owner, Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for _, o := range out.Cancellations {
			t.row(o.Cancellation, o.Owner, o.Batch, o.Tonnes, cancelKinds.word(o.Kind), o.Day, int(o.Booked))
		}
		return out.Page, nil
	})
}

func (q *querying) reductions() *cobra.Command {
	cmd := &cobra.Command{Use: "reductions", Short: "Batches of CCER", Args: cobra.NoArgs}
	columns := []string{"batch", "project", "tonnes", "cancelled", "document", "old"}
	return q.list(cmd, anonymous, "reductions", columns, true, func(ctx context.Context, c *api.Client, _ []string, p pageRequest, t *table) (api.Page, error) {
		out, err := c.ListReductions(ctx, &api.ListReductionsRequest{Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for _, r := range out.Reductions {
			t.row(r.Batch, r.Project, r.Tonnes, r.Cancelled, r.Document, r.Old)
		}
		return out.Page, nil
	})
}

func (q *querying) ccer() *cobra.Command {
	cmd := &cobra.Command{Use: "ccer [PARTY]", Short: "CCER of a party by batch; of every party for those who may", Args: cobra.MaximumNArgs(1)}
	return q.list(cmd, named, "holdings", []string{"party", "batch", "tonnes"}, true, func(ctx context.Context, c *api.Client, args []string, p pageRequest, t *table) (api.Page, error) {
		out, err := c.ListReductionHoldings(ctx, &api.ListReductionHoldingsRequest{Party: optional(args, 0), Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for _, h := range out.Holdings {
			t.row(h.Party, h.Batch, h.Tonnes)
		}
		return out.Page, nil
	})
}

func (q *querying) freezes() *cobra.Command {
	cmd := &cobra.Command{Use: "freezes [PARTY]", Short: "Units of a party that courts froze; of every party for those who may", Args: cobra.MaximumNArgs(1)}
	columns := []string{"document", "party", "instrument", "tonnes", "court"}
	return q.list(cmd, named, "freezes", columns, true, func(ctx context.Context, c *api.Client, args []string, p pageRequest, t *table) (api.Page, error) {
		out, err := c.ListFreezes(ctx, &api.ListFreezesRequest{Party: optional(args, 0), Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for _, f := range out.Freezes {
			t.row(f.Document, f.Party, f.Instrument, f.Tonnes, f.Court)
		}
		return out.Page, nil
	})
}

func (q *querying) pledges() *cobra.Command {
	cmd := &cobra.Command{Use: "pledges [PARTY]", Short: "Pledges of a party, or for it; of every party for those who may", Args: cobra.MaximumNArgs(1)}
	columns := []string{"registration", "pledgor", "pledgee", "instrument", "tonnes", "condition", "released"}
	return q.list(cmd, named, "pledges", columns, true, func(ctx context.Context, c *api.Client, args []string, p pageRequest, t *table) (api.Page, error) {
		out, err := c.ListPledges(ctx, &api.ListPledgesRequest{Party: optional(args, 0), Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for _, o := range out.Pledges {
			t.row(o.Registration, o.Pledgor, o.Pledgee, o.Instrument, o.Tonnes, o.Condition, o.Released)
		}
		return out.Page, nil
	})
}

func (q *querying) carryOver() *cobra.Command {
	cmd := &cobra.Command{Use: "carry-over ENTITY", Short: "How much an entity may carry over, and why", Args: cobra.ExactArgs(1)}
	return q.one(cmd, named, func(ctx context.Context, c *api.Client, args []string) (record, error) {
		out, err := c.GetCarryOver(ctx, &api.GetCarryOverRequest{Entity: args[0], MinHeight: q.minHeight})
		if err != nil {
			return record{}, err
		}
		s := &out.Standing
		r := record{title: "carry-over"}
		r.add("height", out.Height)
		r.add("entity", s.Entity)
		r.add("sold", s.Sold)
		r.add("bought", s.Bought)
		r.add("net_sales", s.NetSales)
		r.add("maximum", s.Maximum)
		r.add("held_at_year_end", s.Held)
		r.add("applied", s.Applied)
		r.add("left", max(0, min(s.Maximum, s.Held)-s.Applied))
		return r, nil
	})
}

func (q *querying) risks() *cobra.Command {
	var region, entity string
	cmd := &cobra.Command{Use: "risks YEAR", Short: "What entities lack for a year's obligation (ministry, registry, auditors; a region its own)", Args: cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&region, "region", "", "only this region; a region names itself")
	cmd.Flags().StringVar(&entity, "entity", "", "only this entity")
	columns := []string{"entity", "region", "due", "covered", "usable", "frozen", "reductions", "money_yuan", "gap", "days_left", "risk"}
	return q.list(cmd, named, "risks", columns, true, func(ctx context.Context, c *api.Client, args []string, p pageRequest, t *table) (api.Page, error) {
		year, err := parseYear(args[0])
		if err != nil {
			return api.Page{}, usage(err)
		}
		out, err := c.ListRisks(ctx, &api.ListRisksRequest{Year: year, Region: region, Entity: entity, Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for _, r := range out.Risks {
			t.row(r.Entity, r.Region, r.Due, r.Covered, r.Usable, r.Frozen, r.Reductions, r.Money, r.Gap, r.DaysLeft, riskClasses.word(r.Class))
		}
		return out.Page, nil
	})
}

func (q *querying) penalty() *cobra.Command {
	cmd := &cobra.Command{
		Use: "penalty ENTITY YEAR", Short: "The range of the fine for what was not surrendered", Args: cobra.ExactArgs(2),
		Long: "The range of the fine for what an entity did not surrender: 5 to 10 times the average price of the month before the deadline (Interim Regulations, Art. 24), and what its next allocation may lose. The ledger computes; the department decides.",
	}
	return q.one(cmd, named, func(ctx context.Context, c *api.Client, args []string) (record, error) {
		year, err := parseYear(args[1])
		if err != nil {
			return record{}, usage(err)
		}
		out, err := c.GetPenalty(ctx, &api.GetPenaltyRequest{Entity: args[0], Year: year, MinHeight: q.minHeight})
		if err != nil {
			return record{}, err
		}
		p := &out.Penalty
		r := record{title: "penalty"}
		r.add("height", out.Height)
		r.add("entity", p.Entity)
		r.add("year", int(p.Year))
		r.add("unsurrendered", p.Unsurrendered)
		r.add("month_tonnes", p.MonthTonnes)
		r.add("month_yuan", p.MonthAmount)
		r.add("average_price", price(p.AveragePrice))
		r.add("least_yuan", p.Least)
		r.add("most_yuan", p.Most)
		r.add("deduction", p.Deduction)
		return r, nil
	})
}
