package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"carbonledger/node/api"
	"carbonledger/tx"
	"carbonledger/tx/durable"
	"carbonledger/tx/limited"
	"carbonledger/tx/proof"

	"github.com/spf13/cobra"
)

func newProveCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prove",
		Short: "Prove what was held when the log got a root of the state, and check such proofs",
	}
	cmd.AddCommand(newProveHoldingCommand(g), newProveVerifyCommand(g))
	return cmd
}

func newProveHoldingCommand(g *globals) *cobra.Command {
	var at, out string
	cmd := &cobra.Command{
		Use:   "holding PARTY INSTRUMENT",
		Short: "Fetch the proof of a holding, or that there was none",
		Long: `Fetch the proof of what a party held: an ICS-23 proof to a root of the state, and a
receipt of the log's entry that names the root. It convinces without a network. With
--at DAY the root is that of the newest close of a business day up to the end of it;
with --at HEIGHT the newest one up to there, also one that "take-state-root" asked for.

It shows the holding: the node asks for the key of the party or of an institution.
That there was no holding is proven to institutions and auditors alone, because the
proof shows the records beside it.`,
		Example: "  carbonledger prove holding plant CEA24 --at 2025-12-31 --party plant --key plant.key --out holding.proof",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := parseWhen("at", at)
			if err != nil {
				return err
			}
			return g.asking(cmd, named, func(ctx context.Context, c *api.Client) error {
				if err := w.sure(ctx, g, c); err != nil {
					return err
				}
				got, err := c.GetStateProof(ctx, &api.GetStateProofRequest{Party: args[0], Instrument: args[1], AtHeight: w.height, AtTime: w.time})
				if err != nil {
					return err
				}
				if out != "" {
					root, err := rootOf(got.File)
					if err == nil {
						err = durable.Create(out, got.File, 0o600)
					}
					if err != nil {
						return err
					}
					fmt.Fprintf(cmd.ErrOrStderr(), "proof of %s%s\n", leftBy(root), w.newest(root))
					return nil
				}
				_, err = cmd.OutOrStdout().Write(got.File)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "height, or day of which the end counts (default: now)")
	cmd.Flags().StringVar(&out, "out", "", "file to write; it must not exist (default: print)")
	cmd.Flags().String(passphraseFlag, "", "file with the passphrase of the key file")
	return cmd
}

func newProveVerifyCommand(g *globals) *cobra.Command {
	var policy string
	cmd := &cobra.Command{
		Use:     "verify FILE",
		Short:   "Check the proof of a holding, without a network",
		Example: "  carbonledger prove verify holding.proof --policy policy.txt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := readPolicy(policy)
			if err != nil {
				return err
			}
			b, err := limited.ReadFile(args[0], proof.MaxStateReceiptBytes)
			if err != nil {
				return err
			}
			s, err := proof.ParseStateReceipt(b)
			if err != nil {
				return isNo("state proof", args[0], err)
			}
			proven, err := s.Verify(p)
			if err != nil {
				return inFile(args[0], err)
			}
			return printStateProven(cmd, g.json, proven)
		},
	}
	cmd.Flags().StringVar(&policy, "policy", "", "file with the log's policy (tlog-policy)")
	_ = cmd.MarkFlagRequired("policy")
	return cmd
}

func printStateProven(cmd *cobra.Command, asJSON bool, p *proof.StateProven) error {
	r := record{title: "state proof"}
	r.add("verdict", "verified")
	r.add("closed_day", closeOf(p.Root))
	r.add("height", p.Root.Height)
	r.add("log", p.Checkpoint.Origin)
	r.add("cosigned_by", list(cosigners(p.Cosignatures)))
	switch party, instrument, holding := proof.HoldingKey(p.Key); {
	case holding && !p.Exists:
		r.add("party", party)
		r.add("instrument", instrument)
		r.add("tonnes", "no holding")
	case holding:
		h, err := proof.DecodeHolding(p.Key, p.Value)
		if err != nil {
			return err
		}
		r.add("party", party)
		r.add("instrument", instrument)
		r.add("tonnes", h.Tonnes)
		r.add("registry", h.RegistryAvailable)
		r.add("trading", h.TradingAvailable)
		r.add("locked", h.Locked)
		r.add("pending", h.Pending)
		r.add("pledged", h.Pledged)
		r.add("frozen", h.Frozen)
	default:
		r.add("key", fmt.Sprintf("%x", p.Key))
		r.add("value", fmt.Sprintf("%x", p.Value))
	}
	return r.print(cmd.OutOrStdout(), asJSON)
}

// rootOf is what the log's entry in the file of a state proof says of its root.
func rootOf(file []byte) (tx.StateRoot, error) {
	s, err := proof.ParseStateReceipt(file)
	if err != nil {
		return tx.StateRoot{}, err
	}
	r, err := tx.DecodeRecord(s.Receipt.Record)
	if err != nil || r.StateRoot == nil {
		return tx.StateRoot{}, fmt.Errorf("the node's proof names no root of a state: ask another one")
	}
	return *r.StateRoot, nil
}

// leftBy says what left a root.
func leftBy(root tx.StateRoot) string {
	if root.Day == 0 {
		return fmt.Sprintf("the root that was asked for (height %d)", root.Height)
	}
	return fmt.Sprintf("the close of %s (height %d)", root.Day, root.Height)
}

// closeOf says which day's close left a root.
func closeOf(root tx.StateRoot) string {
	if root.Day == 0 {
		return "none: the root was asked for"
	}
	return root.Day.String()
}

func newStatementCommand(g *globals) *cobra.Command {
	var from, to, out string
	cmd := &cobra.Command{
		Use:   "statement PARTY",
		Short: "Fetch a complete statement: every transaction that touched a party, none left out",
		Long: `Fetch every recorded transaction that touched a party's account, between the closes
of two business days, or two heights: what it asked for, and what others did to it. The file holds the
proofs of both ends, so that "statement verify" finds whatever is missing. With --out
it says which ends they are: a day that is not closed yet is not in it.`,
		Example: "  carbonledger statement plant --from 2025-01-01 --to 2025-12-31 --party plant --key plant.key --out plant.statement",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			begin, err := parseWhen("from", from)
			if err != nil {
				return err
			}
			end, err := parseWhen("to", to)
			if err != nil {
				return err
			}
			if begin.after(end) {
				return usage(fmt.Errorf("--from %s is after --to %s", begin, end))
			}
			return g.asking(cmd, named, func(ctx context.Context, c *api.Client) error {
				s, err := fetchStatement(ctx, g, c, args[0], begin, end)
				if err != nil {
					return err
				}
				b, err := s.Encode()
				if err != nil {
					return err
				}
				if out != "" {
					if err := durable.Create(out, b, 0o600); err != nil {
						return err
					}
					return sayStatement(cmd, s, end)
				}
				_, err = cmd.OutOrStdout().Write(b)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&from, "from", "", "height or day; the newest root, or close, before it is the beginning (default, and up to the day of the founding: the founding)")
	f.StringVar(&to, "to", "", "height or day; the newest root, or close, at or before it is the end (default: now)")
	f.StringVar(&out, "out", "", "file to write; it must not exist (default: print)")
	f.String(passphraseFlag, "", "file with the passphrase of the key file")
	cmd.AddCommand(newStatementVerifyCommand(g))
	return cmd
}

// sayStatement says which ends a statement has.
func sayStatement(cmd *cobra.Command, s *proof.StatementFile, end when) error {
	to, err := rootOf([]byte(s.To))
	if err != nil {
		return err
	}
	from := "the founding"
	if s.From != "" {
		root, err := rootOf([]byte(s.From))
		if err != nil {
			return err
		}
		from = leftBy(root)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "statement of %s from %s to %s%s: entries %d\n", s.Party, from, leftBy(to), end.newest(to), len(s.Entries))
	return nil
}

func fetchStatement(ctx context.Context, g *globals, c *api.Client, party string, from, to when) (*proof.StatementFile, error) {
	given := from
	if from.day != 0 {
		f, err := g.founding()
		if err != nil {
			return nil, err
		}
		if from.day <= f.Start.Day() {
			from = when{} // nothing was before
		}
	}
	for _, w := range []when{from, to} {
		if err := w.sure(ctx, g, c); err != nil {
			return nil, err
		}
	}
	s := &proof.StatementFile{Party: party}
	end, err := c.GetStateProof(ctx, &api.GetStateProofRequest{Party: party, AtHeight: to.height, AtTime: to.time})
	if err != nil {
		return nil, err
	}
	s.To = string(end.File)
	after := uint64(0)
	if from != (when{}) {
		if from.day != 0 {
			from.time = from.day.Start() - 1
		} else if from.height--; from.height == 0 {
			return nil, usage(errors.New("--from 1: leave it out for a statement from the beginning"))
		}
		begin, err := c.GetStateProof(ctx, &api.GetStateProofRequest{Party: party, AtHeight: from.height, AtTime: from.time})
		if err != nil {
			return nil, fmt.Errorf("the beginning: %w", err)
		}
		if begin.Height > end.Height { // a day and a height
			return nil, usage(fmt.Errorf("--from %s is after --to %s: it begins at height %d, and ends at height %d", given, to, begin.Height, end.Height))
		}
		s.From = string(begin.File)
		size, err := c.ListStatement(ctx, &api.ListStatementRequest{Party: party, AtHeight: begin.Height, Limit: 1})
		if err != nil {
			return nil, err
		}
		after = size.Size_
	}
	for {
		got, err := c.ListStatement(ctx, &api.ListStatementRequest{Party: party, AtHeight: end.Height, After: after})
		if err != nil {
			return nil, err
		}
		for _, e := range got.Entries {
			s.Entries = append(s.Entries, proof.Statement{Index: e.Index, Record: e.Record, Puts: e.Puts})
		}
		after += uint64(len(got.Entries))
		if after >= got.Size_ {
			return s, nil
		}
		if len(got.Entries) == 0 {
			return nil, fmt.Errorf("the node gave %d of %d entries and no more: ask another one", after, got.Size_)
		}
	}
}

func newStatementVerifyCommand(g *globals) *cobra.Command {
	var policy string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check that nothing is missing from a statement, without a network, and print it",
		Long: `Check that both ends of a statement are proven under checkpoints that count by the
policy, and that the entries lead from one to the other: then none is missing, added
or altered. Nothing is asked of anybody.

With --genesis, which may stand in the configuration, id and signatures of every
entry's transaction are checked as well, and the log is compared with the one that the
document names. Without it the output says that nobody did: then it is the cosigners'
word alone.

Exit code 1 with the first entry that is wrong.`,
		Example: "  carbonledger statement verify plant.statement --policy policy.txt --genesis genesis.toml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := readPolicy(policy)
			if err != nil {
				return err
			}
			b, err := limited.ReadFile(args[0], proof.MaxStatementFileBytes)
			if err != nil {
				return err
			}
			s, err := proof.ParseStatement(b)
			if err != nil {
				return isNo("statement", args[0], err)
			}
			proven, err := s.Verify(p)
			if err != nil {
				return inFile(args[0], err)
			}
			check, err := g.outcomes(proven.To.Checkpoint.Origin)
			if err != nil {
				return err
			}
			for i, r := range proven.Records {
				if err := check(r); err != nil {
					return fmt.Errorf("entry %d of the statement: %w", proven.Before+uint64(i)+1, err)
				}
			}
			return printStatement(cmd, g, s, proven)
		},
	}
	cmd.Flags().StringVar(&policy, "policy", "", "file with the log's policy (tlog-policy)")
	_ = cmd.MarkFlagRequired("policy")
	return cmd
}

func printStatement(cmd *cobra.Command, g *globals, s *proof.StatementFile, p *proof.StatementProven) error {
	r := record{title: "statement"}
	r.add("verdict", "verified: nothing is missing")
	r.add("party", p.Party)
	if p.From != nil {
		r.add("from_close_of", closeOf(p.From.Root))
	}
	r.add("to_close_of", closeOf(p.To.Root))
	r.add("to_height", p.To.Root.Height)
	r.add("entries_before", p.Before)
	r.add("entries", len(p.Records))
	r.add("ids_and_signatures", g.signaturesChecked())
	t := table{name: "entries", columns: []string{"number", "index", "time", "by", "reference", "operations", "result", "holdings_after"}}
	for i, one := range p.Records {
		d, err := tx.Decode(one.Transaction)
		if err != nil {
			return fmt.Errorf("entry %d of the statement: %w", p.Before+uint64(i)+1, notRejected(err))
		}
		var operations, after []string
		all, err := doneBy(&d.Body, one.CarriedOut)
		if err != nil {
			return fmt.Errorf("entry %d of the statement: %w", p.Before+uint64(i)+1, err)
		}
		for _, o := range all {
			operations = append(operations, operationWord(o.op))
		}
		if !g.json {
			operations = counted(operations)
		}
		puts, err := proof.DecodePuts(s.Entries[i].Puts)
		if err != nil {
			return err
		}
		for _, put := range puts {
			if h, err := proof.DecodeHolding(put.Key, put.Value); err == nil {
				after = append(after, fmt.Sprintf("%s %s", h.Instrument, h.Tonnes))
			}
		}
		t.row(p.Before+uint64(i)+1, s.Entries[i].Index, one.Receipt.Time, one.Receipt.Party, one.Receipt.Reference, list(operations), one.Receipt.Reason.String(), list(after))
	}
	if g.json {
		items := make([]record, len(t.rows))
		for i := range t.rows {
			items[i] = record{names: t.columns, values: t.rows[i]}
		}
		r.add("list", items)
		return r.print(cmd.OutOrStdout(), true)
	}
	if err := r.print(cmd.OutOrStdout(), false); err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout())
	return t.printRows(cmd.OutOrStdout())
}

// counted puts neighbours that are the same into one word: a transaction may have
// 2,000 operations.
func counted(names []string) (all []string) {
	for len(names) > 0 {
		n := slices.IndexFunc(names, func(s string) bool { return s != names[0] })
		if n < 0 {
			n = len(names)
		}
		word := names[0]
		if n > 1 {
			word = fmt.Sprintf("%s×%d", word, n)
		}
		all, names = append(all, word), names[n:]
	}
	return all
}
