package cli

import (
	"fmt"

	"carbonledger/node/audit"
	"carbonledger/tx"

	"github.com/spf13/cobra"
)

func newArchiveCommand(g *globals) *cobra.Command {
	from := &auditing{}
	o := audit.ArchiveOptions{}
	cmd := &cobra.Command{
		Use:   "archive URL|DIR… DIR",
		Short: "Write the log up to a day as files that any web server can serve",
		Long: `Write the transparency log into the last directory, as it stood when a business day
was closed: the files of c2sp.org/tlog-tiles. Any web server or object store can
serve them, audit and this command read them, and a validator that is told where
they are drops the entries that it finds there (node --archive).

The checkpoint is the one that a validator kept for the newest closed day that is
not after --until. It is checked by the policy, every entry is hashed, and every
hash must lead to the checkpoint's root before a file is written; the checkpoint is
the last one. Run again with a later date it verifies what is there and adds the
rest; it never writes over a file that differs.

The entries are confidential: a validator asks for an auditor's token, and whoever
serves the archive must ask for one as well.`,
		Example: `  carbonledger archive https://wuhan:7081 https://shanghai:7081 --until 2026-12-31 --ca ca.pem --policy policy.txt --token-file token archive/`,
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			logs, err := from.logs(g, args[:len(args)-1])
			if err != nil {
				return err
			}
			if o.Policy, err = readPolicy(from.policy); err != nil {
				return err
			}
			o.Dir = args[len(args)-1]
			bar := newProgress(cmd, "archive")
			o.Progress = bar.set
			report, err := audit.Archive(cmd.Context(), logs, o)
			bar.end()
			if err != nil {
				return ended(cmd, o.Dir, err)
			}
			r := archiveRecord(report)
			return r.print(cmd.OutOrStdout(), g.json)
		},
	}
	f := cmd.Flags()
	f.Var(dayFlag{&o.Until}, "until", "the archive ends with the newest closed day that is not after this `DATE`")
	f.StringVar(&from.policy, "policy", "", "file with the log's policy, which \"init\" wrote (tlog-policy)")
	f.StringVar(&from.token, "token-file", "", "file with an auditor's token for the entries")
	_ = cmd.MarkFlagRequired("policy")
	_ = cmd.MarkFlagRequired("until")
	return cmd
}

func archiveRecord(a *audit.ArchiveReport) record {
	r := record{title: "archive"}
	r.add("log", a.Origin)
	r.add("day", a.Day)
	r.add("height", a.Height)
	r.add("size", a.Size)
	r.add("root", a.Root)
	r.add("bytes", a.Bytes)
	r.add("bytes_fetched", a.Fetched)
	r.add("days", list(days(a.Days)))
	if len(a.Lacking) > 0 {
		r.add("days_without_checkpoint", list(days(a.Lacking)))
	}
	if len(a.Unused) > 0 {
		r.add("logs_not_used", lines(a.Unused))
	}
	r.add("cosigned_by", list(cosigners(a.Cosigned)))
	return r
}

func days(all []tx.Day) (names []string) {
	for _, d := range all {
		names = append(names, fmt.Sprint(d))
	}
	return names
}
