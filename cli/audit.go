package cli

import (
	"errors"
	"fmt"
	"os"
	"time"

	"carbonledger/node/audit"

	"github.com/spf13/cobra"
)

// auditing are the flags of audit.
type auditing struct {
	fromDir, save string
	k             int
	unconfirmed   bool
}

func newAuditCommand(g *globals) *cobra.Command {
	a := &auditing{}
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Verify every signature and re-execute the whole history",
		Long: `Fetch every block from any node, or from a directory, verify every signature and
hash, re-execute everything from the genesis document in a fresh ledger, and
compare. It believes nobody: the genesis document is all that it takes for given.

Blocks show everyone's transactions: the node asks for the key of an institution,
an auditor, or a validator (--party, --key). A directory needs no key.

Exit code 1, with height, transaction and difference, at the first thing that is
wrong; also 1 if fewer validators than --k have signed the end of the history.`,
		Example: `  carbonledger audit --api wuhan:7071,shanghai:7071 --ca ca.pem --genesis genesis.toml --party auditor --key auditor.key --save copy/
  carbonledger audit --from-dir copy/ --genesis genesis.toml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.run(cmd, g) },
	}
	f := cmd.Flags()
	f.StringVar(&a.fromDir, "from-dir", "", "directory with a copy of the history, in place of nodes")
	f.StringVar(&a.save, "save", "", "keep a copy of the history in this directory")
	f.IntVar(&a.k, "k", 0, "validators that must have signed the end (default: a majority of the voters)")
	f.BoolVar(&a.unconfirmed, "unconfirmed", false, "be content with a history that is consistent with itself")
	f.String(passphraseFlag, "", "file with the passphrase of the key file")
	return cmd
}

func (a *auditing) run(cmd *cobra.Command, g *globals) (err error) {
	if a.k < 0 {
		return usage(fmt.Errorf("--k %d: give a number of validators", a.k))
	}
	f, err := g.founding()
	if err != nil {
		return err
	}
	var source audit.Source = audit.Directory(a.fromDir)
	if a.fromDir == "" {
		c, err := g.client(cmd, named)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		source = &audit.Network{Client: c}
	} else if info, err := os.Stat(a.fromDir); err != nil {
		return err
	} else if !info.IsDir() {
		return usage(fmt.Errorf("--from-dir %s is no directory", a.fromDir))
	}
	if a.save != "" {
		source = &audit.Saving{Source: source, To: audit.Directory(a.save)}
	}
	began := time.Now()
	report, err := runAudit(cmd, source, audit.Options{Founding: f, Need: a.k})
	if report == nil {
		return err
	}
	return a.conclude(cmd, g, report, err, time.Since(began))
}

// runAudit re-executes a history in a fresh ledger, which it removes.
func runAudit(cmd *cobra.Command, source audit.Source, o audit.Options) (report *audit.Report, err error) {
	if o.Dir, err = os.MkdirTemp("", "carbonledger-audit-"); err != nil {
		return nil, fmt.Errorf("make a directory for the fresh ledger: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.Dir)) }()
	bar := newProgress(cmd, "audit")
	defer bar.end()
	o.Progress = bar.set
	return audit.Run(cmd.Context(), source, o)
}

// conclude prints the report and what it comes to.
func (a *auditing) conclude(cmd *cobra.Command, g *globals, report *audit.Report, err error, took time.Duration) error {
	var d *audit.Difference
	verdict := "passed"
	switch {
	case errors.As(err, &d):
		verdict = "failed"
	case errors.Is(err, audit.ErrUnconfirmed):
		verdict = "unconfirmed"
		if a.unconfirmed {
			err = nil
		}
	case err != nil:
		return err
	}
	r := record{title: "audit"}
	r.add("verdict", verdict)
	r.add("milliseconds", took.Milliseconds())
	addReport(&r, report)
	if d != nil {
		difference := record{}
		difference.add("height", d.Height)
		if d.Transaction >= 0 {
			difference.add("transaction", d.Transaction)
		}
		difference.add("id", d.ID)
		difference.add("what", d.What)
		if g.json {
			r.add("difference", difference)
		}
		err = fmt.Errorf("audit: the history is wrong at %w", err)
	}
	return errors.Join(r.print(cmd.OutOrStdout(), g.json), err)
}

func addReport(r *record, a *audit.Report) {
	r.add("chain", a.ChainID)
	r.add("genesis_hash", a.GenesisHash)
	r.add("clock", clockName(a.ScriptClock))
	r.add("height", a.Height)
	r.add("hash", a.Hash)
	r.add("ledger_time", a.Time)
	r.add("blocks", a.Blocks)
	r.add("transactions", a.Transactions)
	r.add("signatures", a.Signatures)
	r.add("accepted", a.Accepted)
	reasons, rejected := []record{}, uint64(0)
	for _, c := range a.Rejected {
		one := record{}
		one.add("reason", c.Reason)
		one.add("count", c.Count)
		reasons = append(reasons, one)
		rejected += c.Count
	}
	r.add("rejected", rejected)
	r.add("confirmed_height", a.ConfirmedHeight)
	r.add("confirmed_by", list(a.Confirmed))
	r.add("confirmations_needed", a.Need)
	r.add("voters", a.Of)
	r.add("rejections", reasons)
	r.add("conservation", conservationRecord(&a.Conservation))
}
