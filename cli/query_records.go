package cli

import (
	"context"
	"fmt"

	"carbonledger/node/api"
	"carbonledger/tx"

	"github.com/spf13/cobra"
)

func (q *querying) order() *cobra.Command {
	cmd := &cobra.Command{Use: "order PARTY REFERENCE", Short: "A registered order, and how much of it trades have taken", Args: cobra.ExactArgs(2)}
	return q.one(cmd, named, func(ctx context.Context, c *api.Client, args []string) (record, error) {
		out, err := c.GetOrder(ctx, &api.GetOrderRequest{Party: args[0], Reference: args[1], MinHeight: q.minHeight})
		if err != nil {
			return record{}, err
		}
		o := &out.Order
		r := record{title: "order"}
		r.add("height", out.Height)
		r.add("party", o.Party)
		r.add("reference", o.Reference)
		r.add("order_id", o.OrderId)
		r.add("number", o.Number)
		r.add("day", o.Day)
		r.add("kind", tradeKinds.word(o.Kind))
		r.add("session", o.Session)
		r.add("side", sides.word(o.Side))
		r.add("instrument", o.Instrument)
		r.add("limit", price(o.LimitPrice))
		r.add("quantity", o.Quantity)
		r.add("filled", o.Filled)
		r.add("state", orderStates.word(o.State))
		r.add("key", o.Key.String())
		return r, nil
	})
}

func (q *querying) trades() *cobra.Command {
	cmd := &cobra.Command{Use: "trades DAY", Short: "The trades of a day, in the order of their settlement (for institutions)", Args: cobra.ExactArgs(1)}
	columns := []string{"number", "kind", "instrument", "price", "tonnes", "yuan", "buyer", "buy", "seller", "sell", "state"}
	return q.list(cmd, named, "trades", columns, true, func(ctx context.Context, c *api.Client, args []string, p pageRequest, t *table) (api.Page, error) {
		day, err := tx.ParseDay(args[0])
		if err != nil {
			return api.Page{}, usage(err)
		}
		out, err := c.ListTrades(ctx, &api.ListTradesRequest{Day: day, Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for _, r := range out.Trades {
			t.row(r.Number, tradeKinds.word(r.Kind), r.Instrument, price(r.Price), r.Tonnes, r.Amount, r.Buy.Party, r.Buy.Reference, r.Sell.Party, r.Sell.Reference, tradeStates.word(r.State))
		}
		return out.Page, nil
	})
}

func (q *querying) settlement() *cobra.Command {
	cmd := &cobra.Command{Use: "settlement DAY", Short: "What a day's close settled, and how it was reconciled", Args: cobra.ExactArgs(1)}
	return q.one(cmd, anonymous, func(ctx context.Context, c *api.Client, args []string) (record, error) {
		day, err := tx.ParseDay(args[0])
		if err != nil {
			return record{}, usage(err)
		}
		out, err := c.GetSettlement(ctx, &api.GetSettlementRequest{Day: day, MinHeight: q.minHeight})
		if err != nil {
			return record{}, err
		}
		s := &out.Settlement
		r := record{title: "settlement"}
		r.add("height", out.Height)
		r.add("day", s.Day)
		r.add("trades", s.Trades)
		r.add("exceptions", s.Exceptions)
		r.add("tonnes", s.Tonnes)
		r.add("yuan", s.Amount)
		r.add("money_yuan", s.Money)
		r.add("exchange_stated", s.Exchange != nil)
		r.add("bank_stated", s.Bank != nil)
		r.add("reconciled", s.Reconciled)
		r.add("breaks", lines(s.Breaks))
		tradable := []record{}
		for _, i := range s.Tradable {
			one := record{}
			one.add("instrument", i.Instrument)
			one.add("tradable", i.Tonnes)
			tradable = append(tradable, one)
		}
		r.add("in_trading_holdings", tradable)
		return r, nil
	})
}

func (q *querying) session() *cobra.Command {
	cmd := &cobra.Command{Use: "session NAME", Short: "A one-way bidding session", Args: cobra.ExactArgs(1)}
	return q.one(cmd, anonymous, func(ctx context.Context, c *api.Client, args []string) (record, error) {
		out, err := c.GetSession(ctx, &api.GetSessionRequest{Session: args[0], MinHeight: q.minHeight})
		if err != nil {
			return record{}, err
		}
		s := &out.Session
		r := record{title: "session"}
		r.add("height", out.Height)
		r.add("session", s.Session)
		r.add("day", s.Day)
		r.add("seller", s.Seller)
		r.add("instrument", s.Instrument)
		r.add("tonnes", s.Tonnes)
		r.add("mode", biddingModes.word(s.Mode))
		r.add("floor", price(s.Floor))
		r.add("ceiling", price(s.Ceiling))
		r.add("orders", s.Orders)
		r.add("concluded", s.Concluded)
		r.add("sold", s.Sold)
		return r, nil
	})
}

func (q *querying) lots() *cobra.Command {
	var instrument string
	cmd := &cobra.Command{Use: "lots [ENTITY]", Short: "What was issued, by which document; of every entity for those who may", Args: cobra.MaximumNArgs(1)}
	cmd.Flags().StringVar(&instrument, "instrument", "", "only this vintage")
	columns := []string{"number", "to", "beneficiary", "instrument", "tonnes", "stage", "region", "document", "carry_over", "table_sha256", "height"}
	return q.list(cmd, named, "lots", columns, true, func(ctx context.Context, c *api.Client, args []string, p pageRequest, t *table) (api.Page, error) {
		out, err := c.ListLots(ctx, &api.ListLotsRequest{Entity: optional(args, 0), Instrument: instrument, Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for _, l := range out.Lots {
			stage := ""
			if l.Stage != tx.StageUnspecified {
				stage = stages.word(l.Stage)
			}
			t.row(l.Number, l.To, l.Beneficiary, l.Instrument, l.Tonnes, stage, l.Region, l.Document, l.CarryOver, l.TableSha256, l.Height)
		}
		return out.Page, nil
	})
}

func (q *querying) allocation() *cobra.Command {
	cmd := &cobra.Command{Use: "allocation ENTITY INSTRUMENT", Short: "What an entity was allocated of a vintage, by stage", Args: cobra.ExactArgs(2)}
	return q.one(cmd, named, func(ctx context.Context, c *api.Client, args []string) (record, error) {
		out, err := c.GetAllocation(ctx, &api.GetAllocationRequest{Entity: args[0], Instrument: args[1], MinHeight: q.minHeight})
		if err != nil {
			return record{}, err
		}
		a := &out.Allocation
		r := record{title: "allocation"}
		r.add("height", out.Height)
		r.add("entity", a.Entity)
		r.add("instrument", a.Instrument)
		r.add("pre", a.Pre)
		r.add("pre_tonnes", a.PreTonnes)
		r.add("final", a.Final)
		r.add("final_tonnes", a.FinalTonnes)
		r.add("at_region", a.AtRegion)
		return r, nil
	})
}

func (q *querying) verifications() *cobra.Command {
	cmd := &cobra.Command{Use: "verifications YEAR [ENTITY]", Short: "Verified emissions of a year; of every entity for those who may", Args: cobra.RangeArgs(1, 2)}
	columns := []string{"entity", "year", "tonnes", "verifier", "report_sha256", "height"}
	return q.list(cmd, named, "verifications", columns, true, func(ctx context.Context, c *api.Client, args []string, p pageRequest, t *table) (api.Page, error) {
		year, err := parseYear(args[0])
		if err != nil {
			return api.Page{}, usage(err)
		}
		out, err := c.ListVerifications(ctx, &api.ListVerificationsRequest{Year: year, Entity: optional(args, 1), Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for _, v := range out.Verifications {
			t.row(v.Entity, int(v.Year), v.Tonnes, v.Verifier, v.ReportSha256, v.Height)
		}
		return out.Page, nil
	})
}

var applicationColumns = []string{"applicant", "application", "kind", "instrument", "tonnes", "beneficiary", "year", "purpose", "state", "submitted", "decided", "decider"}

func applicationRow(t *table, a *tx.Application) {
	year := ""
	if a.Year != 0 {
		year = fmt.Sprint(int(a.Year))
	}
	t.row(a.Applicant, a.Application, applicationKinds.word(a.Kind), a.Instrument, a.Tonnes, a.Beneficiary, year, a.Purpose,
		applicationStates.word(a.State), a.Submitted, a.Decided, a.Decider)
}

func (q *querying) applications() *cobra.Command {
	var beneficiary, state string
	cmd := &cobra.Command{Use: "applications [APPLICANT]", Short: "Applications and how they were decided; of every party for those who may", Args: cobra.MaximumNArgs(1)}
	cmd.Flags().StringVar(&beneficiary, "beneficiary", "", "only surrenders for this entity")
	cmd.Flags().StringVar(&state, "state", "", "only those "+applicationStates.String())
	return q.list(cmd, named, "applications", applicationColumns, true, func(ctx context.Context, c *api.Client, args []string, p pageRequest, t *table) (page api.Page, err error) {
		in := &api.ListApplicationsRequest{Applicant: optional(args, 0), Beneficiary: beneficiary, Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight}
		if state != "" {
			if in.State, err = applicationStates.parse("state", state); err != nil {
				return page, usage(err)
			}
		}
		out, err := c.ListApplications(ctx, in)
		if err != nil {
			return page, err
		}
		for i := range out.Applications {
			applicationRow(t, &out.Applications[i])
		}
		return out.Page, nil
	})
}

func (q *querying) voluntary() *cobra.Command {
	cmd := &cobra.Command{Use: "voluntary", Short: "Allowances cancelled for the public benefit, and what for", Args: cobra.NoArgs}
	return q.list(cmd, anonymous, "cancellations", applicationColumns, true, func(ctx context.Context, c *api.Client, _ []string, p pageRequest, t *table) (api.Page, error) {
		out, err := c.ListVoluntaryCancellations(ctx, &api.ListVoluntaryCancellationsRequest{Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for i := range out.Cancellations {
			applicationRow(t, &out.Cancellations[i])
		}
		return out.Page, nil
	})
}

func (q *querying) prepared() *cobra.Command {
	cmd := &cobra.Command{Use: "prepared [PARTY]", Short: "What waits, or waited, for other persons of a party", Args: cobra.MaximumNArgs(1)}
	columns := []string{"id", "party", "state", "signers", "lapses", "operations"}
	return q.list(cmd, named, "prepared", columns, true, func(ctx context.Context, c *api.Client, args []string, p pageRequest, t *table) (api.Page, error) {
		out, err := c.ListPrepared(ctx, &api.ListPreparedRequest{Party: optional(args, 0), Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight})
		if err != nil {
			return api.Page{}, err
		}
		for i := range out.Prepared {
			o := &out.Prepared[i]
			operations := lines{}
			for k := range o.Operations {
				operations = append(operations, figures.describe(&o.Operations[k], o.Party)...)
			}
			t.row(o.Id, o.Party, preparedStates.word(o.State), len(o.Signers), o.Lapses, operations)
		}
		return out.Page, nil
	})
}
