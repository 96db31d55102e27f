package cli

import (
	"context"
	"errors"
	"fmt"
	"math"

	"carbonledger/genesis"
	"carbonledger/node/api"
	"carbonledger/tx"
	"carbonledger/tx/durable"

	"github.com/spf13/cobra"
)

// querying are the flags of every query.
type querying struct {
	g         *globals
	minHeight uint64
	csv       bool
	all       bool
	cursor    string
	limit     uint32
}

func newQueryCommand(g *globals) *cobra.Command {
	q := &querying{g: g}
	cmd := &cobra.Command{
		Use:   "query",
		Short: "Ask what the ledger holds",
		Long: `Ask what the ledger holds. Every answer says at which height it was true, every
list also whether it is complete, and its total, which a page behind --cursor does
not have.

What a party holds, asks for or signs is not for everybody: it needs --party, --key
and --genesis, with a key that has the right to view.`,
		Example: `  carbonledger query holdings 91420000MA49 --genesis genesis.toml --party 91420000MA49 --key plant.key
  carbonledger query obligations 2023 --region hubei --all --csv
  carbonledger query bulletin 2024-01-02 --json`,
	}
	f := cmd.PersistentFlags()
	f.Uint64Var(&q.minHeight, "min-height", 0, "wait until the node has this height")
	f.String(passphraseFlag, "", "file with the passphrase of the key file")
	receipt := newOutcomeCommand(g)
	receipt.Flags().Lookup("min-height").Hidden = true
	cmd.AddCommand(
		q.party(), q.parties(), q.holdings(), q.money(), receipt, q.transaction(), q.block(),
		q.obligations(), q.regions(), q.year(), q.bulletin(), q.bulletins(), q.totals(), q.order(),
		q.trades(), q.settlement(), q.session(), q.lots(), q.allocation(), q.verifications(), q.applications(), q.voluntary(), q.prepared(),
		q.cancellations(), q.reductions(), q.ccer(), q.freezes(), q.pledges(), q.carryOver(), q.risks(), q.penalty(),
		q.parameters(), q.validators(), q.policy(), q.conservation(),
	)
	return cmd
}

// one makes the command of a query for one thing.
func (q *querying) one(cmd *cobra.Command, a access, f func(ctx context.Context, c *api.Client, args []string) (record, error)) *cobra.Command {
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return q.g.asking(cmd, a, func(ctx context.Context, c *api.Client) error {
			r, err := f(ctx, c, args)
			if err != nil {
				return err
			}
			return r.print(cmd.OutOrStdout(), q.g.json)
		})
	}
	return cmd
}

// pageRequest says which page of a list is wanted.
type pageRequest struct {
	cursor    string
	limit     uint32
	minHeight uint64
}

// list makes the command of a query for a list; next fetches a page and adds
// its rows.
func (q *querying) list(cmd *cobra.Command, a access, name string, columns []string, paged bool, next func(ctx context.Context, c *api.Client, args []string, p pageRequest, t *table) (api.Page, error)) *cobra.Command {
	cmd.Flags().BoolVar(&q.csv, "csv", false, "print CSV; height, total and cursor go to standard error")
	if paged {
		cmd.Flags().BoolVar(&q.all, "all", false, "read page after page to the end")
		cmd.Flags().StringVar(&q.cursor, "cursor", "", "where the last page ended")
		cmd.Flags().Uint32Var(&q.limit, "limit", 0, "items on a page, at most 1000 (default 1000)")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if q.csv && q.g.json {
			return usage(errors.New("give --json or --csv"))
		}
		return q.g.asking(cmd, a, func(ctx context.Context, c *api.Client) error {
			t := &table{name: name, columns: columns}
			p := pageRequest{q.cursor, q.limit, q.minHeight}
			for first := uint64(0); ; {
				page, err := next(ctx, c, args, p, t)
				if err != nil {
					return err
				}
				t.page = page
				if page.Counted != nil {
					t.total = new(page.GetTotal())
				}
				if first == 0 {
					first = page.Height
				} else if page.Height != first {
					t.from = first
				}
				if !q.all || page.Complete {
					break
				}
				if page.Cursor == p.cursor {
					return errors.New("the node sent the same page twice: ask another one")
				}
				// No later page is older than the one before.
				p.cursor, p.minHeight = page.Cursor, page.Height
			}
			return t.print(cmd.OutOrStdout(), cmd.ErrOrStderr(), format{json: q.g.json, csv: q.csv})
		})
	}
	return cmd
}

// sometime is an instant, or nothing where it is 0.
func sometime(at tx.Instant) string {
	if at == 0 {
		return ""
	}
	return at.String()
}

// optional is the argument at i, or nothing.
func optional(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}

func (q *querying) party() *cobra.Command {
	return q.one(&cobra.Command{Use: "party ID", Short: "An account and its keys", Args: cobra.ExactArgs(1)}, anonymous,
		func(ctx context.Context, c *api.Client, args []string) (record, error) {
			out, err := c.GetParty(ctx, &api.GetPartyRequest{Id: args[0], MinHeight: q.minHeight})
			if err != nil {
				return record{}, err
			}
			p := &out.Party
			r := record{title: "party"}
			r.add("height", out.Height)
			r.add("id", p.Id)
			r.add("role", genesis.RoleName(p.Role))
			r.add("name", p.Name)
			r.add("region", p.Region)
			r.add("opened_height", p.OpenedHeight)
			r.add("uscc", p.USCC)
			r.add("sector", genesis.SectorName(p.Sector))
			r.add("contact", p.Contact)
			r.add("restriction", restrictions.word(p.Restriction))
			r.add("closed_height", p.ClosedHeight)
			r.add("successor", p.Successor)
			r.add("recovered_height", p.RecoveredHeight)
			policies := []string{}
			for _, o := range p.Policies {
				policies = append(policies, fmt.Sprintf("%s:%d", o.Operation, o.Persons))
			}
			r.add("policies", policies)
			keys := []record{}
			for i := range p.Keys {
				k := record{}
				k.add("key", p.Keys[i].Key.String())
				k.add("added_height", p.Keys[i].AddedHeight)
				k.add("revoked_height", p.Keys[i].RevokedHeight)
				k.add("rights", tx.Right(p.Keys[i].Rights).String())
				k.add("person", personName(&p.Keys[i]))
				k.add("valid_from", sometime(p.Keys[i].ValidFrom))
				k.add("valid_until", sometime(p.Keys[i].ValidUntil))
				keys = append(keys, k)
			}
			r.add("keys", keys)
			return r, nil
		})
}

func (q *querying) parties() *cobra.Command {
	var role, region string
	cmd := &cobra.Command{Use: "parties", Short: "Accounts by role and region", Args: cobra.NoArgs}
	cmd.Flags().StringVar(&role, "role", "", "only this role: ministry, region, registry, exchange, bank, entity, auditor, ccer-registry, ccer-exchange, verifier, court, other or timekeeper")
	cmd.Flags().StringVar(&region, "region", "", "only this region")
	columns := []string{"id", "role", "region", "name", "keys", "opened_height"}
	return q.list(cmd, anonymous, "parties", columns, true, func(ctx context.Context, c *api.Client, _ []string, p pageRequest, t *table) (page api.Page, err error) {
		in := &api.ListPartiesRequest{Region: region, Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight}
		if role != "" {
			if in.Role, err = genesis.ParseRole(role); err != nil {
				return page, usage(fmt.Errorf("--role %w", err))
			}
		}
		out, err := c.ListParties(ctx, in)
		if err != nil {
			return page, err
		}
		for i := range out.Parties {
			o := &out.Parties[i]
			t.row(o.Id, genesis.RoleName(o.Role), o.Region, o.Name, len(o.Keys), o.OpenedHeight)
		}
		return out.Page, nil
	})
}

func (q *querying) holdings() *cobra.Command {
	var instrument, at string
	cmd := &cobra.Command{Use: "holdings [PARTY]", Short: "Allowances of a party; of every party for those who may", Args: cobra.MaximumNArgs(1)}
	cmd.Flags().StringVar(&instrument, "instrument", "", "only this vintage")
	cmd.Flags().StringVar(&at, "at", "", "as of a height, or of the end of a day")
	columns := []string{"party", "instrument", "tonnes", "registry", "trading", "locked", "pending", "pledged", "frozen", "receivable", "brought_forward"}
	return q.list(cmd, named, "holdings", columns, true, func(ctx context.Context, c *api.Client, args []string, p pageRequest, t *table) (api.Page, error) {
		w, err := parseWhen("at", at)
		if err != nil {
			return api.Page{}, err
		}
		if err := w.sure(ctx, q.g, c); err != nil {
			return api.Page{}, err
		}
		out, err := c.ListHoldings(ctx, &api.ListHoldingsRequest{Party: optional(args, 0), Instrument: instrument, Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight, AtHeight: w.height, AtTime: w.time})
		if err != nil {
			return api.Page{}, err
		}
		for _, h := range out.Holdings {
			t.row(h.Party, h.Instrument, h.Tonnes, h.RegistryAvailable, h.TradingAvailable, h.Locked, h.Pending, h.Pledged, h.Frozen, h.Receivable, h.BroughtForward)
		}
		return out.Page, nil
	})
}

func (q *querying) money() *cobra.Command {
	var at string
	cmd := &cobra.Command{Use: "money [PARTY]", Short: "Money of a party; of every party for those who may", Args: cobra.MaximumNArgs(1)}
	cmd.Flags().StringVar(&at, "at", "", "as of a height, or of the end of a day")
	columns := []string{"party", "yuan", "locked_yuan", "proceeds_yuan", "brought_forward_yuan"}
	return q.list(cmd, named, "money", columns, true, func(ctx context.Context, c *api.Client, args []string, p pageRequest, t *table) (api.Page, error) {
		w, err := parseWhen("at", at)
		if err != nil {
			return api.Page{}, err
		}
		if err := w.sure(ctx, q.g, c); err != nil {
			return api.Page{}, err
		}
		out, err := c.ListMoney(ctx, &api.ListMoneyRequest{Party: optional(args, 0), Cursor: p.cursor, Limit: p.limit, MinHeight: p.minHeight, AtHeight: w.height, AtTime: w.time})
		if err != nil {
			return api.Page{}, err
		}
		for _, m := range out.Money {
			t.row(m.Party, m.Amount, m.Locked, m.Proceeds, m.BroughtForward)
		}
		return out.Page, nil
	})
}

func (q *querying) transaction() *cobra.Command {
	var out string
	cmd := &cobra.Command{Use: "transaction ID", Short: "A transaction with its receipt (own ones, or any for institutions)", Args: cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&out, "out", "", "write its exact bytes into this new file")
	return q.one(cmd, named, func(ctx context.Context, c *api.Client, args []string) (record, error) {
		id, err := tx.ParseID(args[0])
		if err != nil {
			return record{}, usage(err)
		}
		got, err := c.GetTransaction(ctx, &api.GetTransactionRequest{Id: id[:], MinHeight: q.minHeight})
		if err != nil {
			return record{}, err
		}
		d, err := tx.Decode(got.Transaction)
		if err != nil {
			return record{}, fmt.Errorf("the node sent a transaction that is none: %w", err)
		}
		if out != "" {
			if err := durable.Create(out, got.Transaction, 0o644); err != nil {
				return record{}, err
			}
		}
		r := record{title: "transaction"}
		r.add("height", got.Height)
		addTransaction(&r, d, figures)
		r.add("receipt", receiptRecord(&got.Receipt))
		return r, nil
	})
}

func (q *querying) block() *cobra.Command {
	cmd := &cobra.Command{Use: "block HEIGHT", Short: "A block and its transactions (for institutions)", Args: cobra.ExactArgs(1)}
	return q.one(cmd, named, func(ctx context.Context, c *api.Client, args []string) (record, error) {
		var height uint64
		if _, err := fmt.Sscanf(args[0], "%d", &height); err != nil || height == 0 || height == math.MaxUint64 || fmt.Sprint(height) != args[0] {
			return record{}, usage(fmt.Errorf("%q is no height: heights begin at 1", args[0]))
		}
		f, err := q.g.founding()
		if err != nil {
			return record{}, err
		}
		var got *tx.BlockRecord
		if err := c.EachBlock(ctx, height, height, false, func(b *tx.BlockRecord) error { got = b; return nil }); err != nil {
			return record{}, err
		}
		if got == nil {
			return record{}, fmt.Errorf("there is no block at height %d yet", height)
		}
		return blockRecord(f.Hash, got), nil
	})
}

func blockRecord(d tx.Domain, b *tx.BlockRecord) record {
	r := record{title: "block"}
	r.add("height", b.Height)
	r.add("hash", b.Hash)
	r.add("time", b.Time)
	r.add("bytes", len(b.Block))
	block, ok := tx.DecodeBlock(b.Block, b.Height)
	if !ok {
		r.add("problem", "the bytes are no block")
		return r
	}
	r.add("proposer", block.Proposer)
	r.add("stamp", block.Stamp)
	all := []record{}
	for _, raw := range block.Transactions {
		t := record{}
		decoded, err := tx.Decode(raw)
		if err != nil {
			t.add("problem", err.Error())
		} else if id, err := tx.TransactionID(d, raw); err == nil {
			t.add("id", id.String())
			addTransaction(&t, decoded, figures)
		}
		all = append(all, t)
	}
	r.add("transactions", all)
	return r
}

// addTransaction shows a transaction's frame and what it asks for.
func addTransaction(r *record, d *tx.Decoded, w wording) {
	r.add("party", d.Body.Party)
	r.add("reference", d.Body.Reference)
	if d.Body.Expiry != 0 {
		r.add("expiry", d.Body.Expiry)
	}
	operations := lines{}
	for i := range d.Body.Operations {
		operations = append(operations, w.describe(&d.Body.Operations[i], d.Body.Party)...)
	}
	signers := lines{}
	for i := range d.Transaction.Signatures {
		signers = append(signers, d.Transaction.Signatures[i].Key.String())
	}
	r.add("operations", operations)
	r.add("signed_by", signers)
}
