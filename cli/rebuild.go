package cli

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"carbonledger/node"
	"carbonledger/node/audit"

	"github.com/spf13/cobra"
)

func newRebuildCommand(g *globals) *cobra.Command {
	var a auditing
	var data string
	cmd := &cobra.Command{
		Use:   "rebuild URL|DIR",
		Short: "Rebuild a node's state from an archive of the log",
		Long: `Verify an archive of the transparency log as "audit" does, every signature and every
entry, and re-execute it into the data directory of a node that has not run yet
("carbonledger init node"). The node then answers queries, receipts and proofs, and
serves the log, up to the archive's end, even where no other node is left; it goes
on from there when it meets the others and the ministry has admitted it.

The genesis document and the policy are all that is taken for given. What was broken
off goes on with the same command. Exit code 1, with entry, height and transaction,
at the first thing in the archive that is wrong: then no node is made of it.`,
		Example: `  carbonledger rebuild archive/ --data /var/lib/carbonledger --genesis genesis.toml --policy policy.txt`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, policy, logs, err := a.given(g, args)
			if err != nil {
				return err
			}
			began := time.Now()
			debug.SetGCPercent(400)
			bar := newProgress(cmd, "rebuild")
			defer bar.end()
			report, err := node.Rebuild(cmd.Context(), node.RebuildConfig{Data: data, Founding: f, Policy: policy, Archive: logs[0], Progress: bar.set})
			bar.end()
			var d *audit.Difference
			switch {
			case errors.As(err, &d):
				return fmt.Errorf("rebuild: the archive is wrong at %w", err)
			case err != nil:
				return ended(cmd, data, err)
			}
			r := record{title: "rebuild"}
			r.add("verdict", "rebuilt: start the node")
			r.add("data", data)
			r.add("milliseconds", time.Since(began).Milliseconds())
			addReport(&r, report)
			return r.print(cmd.OutOrStdout(), g.json)
		},
	}
	f := cmd.Flags()
	f.StringVar(&data, "data", "", "data directory of the node, which \"init node\" made")
	f.StringVar(&a.policy, "policy", "", "file with the log's policy, which \"init\" wrote (tlog-policy)")
	f.StringVar(&a.token, "token-file", "", "file with an auditor's token for the entries")
	_ = cmd.MarkFlagRequired("data")
	_ = cmd.MarkFlagRequired("policy")
	return cmd
}
