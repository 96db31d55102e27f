package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"carbonledger/node/audit"
	"carbonledger/node/export"
	"carbonledger/node/remote"
	"carbonledger/tx"
	"carbonledger/tx/limited"
	"carbonledger/tx/proof"

	"github.com/spf13/cobra"
)

// auditing are the flags of audit.
type auditing struct {
	policy, token, dir, save string
	follow                   time.Duration
	// export is a directory for tables, formats those of its files.
	export  string
	formats []string
	// report is a file that gets the report.
	report string
}

func newAuditCommand(g *globals) *cobra.Command {
	a := &auditing{}
	cmd := &cobra.Command{
		Use:   "audit URL|DIR…",
		Short: "Verify every signature and re-execute the whole history from its log",
		Long: `Fetch the transparency log from a validator, a web server or a directory, verify
every signature, re-execute everything from the genesis document in a ledger of
your own, and compare every entry, the tree and the checkpoint. It believes nobody:
the genesis document and the policy, which are public keys, are all that it takes
for given. Several logs are compared with each other; one that cannot be read is
named, and the others are audited.

The entries are confidential: a validator asks for an auditor's token. With --dir
the audit is kept and goes on from there the next time; with --follow it goes on as
a monitor until the first lie: a round in which no log can be read is tried again.
Where every log has less than what was verified, the audit fails after ten seconds,
and with --follow in the third such round.

--report writes a page for people, in Chinese and English (.html), or the same as
JSON or text (.json, .txt). It is replaced as a whole, after every round of
--follow, and written too where the audit fails: then it holds the difference.
An audit that could not be made, because a log did not answer, leaves it as it is.

Exit code 1, with entry, height, transaction and difference, at the first thing that
is wrong; also 1 if the checkpoint does not count by the policy, if every log lacks
what was verified, or if what was to be kept of an audit that passed could not be.`,
		Example: `  carbonledger audit https://wuhan:7081 https://shanghai:7081 --ca ca.pem --genesis genesis.toml --policy policy.txt --token-file token --dir audit/
  carbonledger audit copy/ --genesis genesis.toml --policy policy.txt --report audit.html`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return ended(cmd, a.dir, a.run(cmd, g, args)) },
	}
	f := cmd.Flags()
	f.StringVar(&a.policy, "policy", "", "file with the log's policy, which \"init\" wrote (tlog-policy)")
	f.StringVar(&a.token, "token-file", "", "file with an auditor's token for the entries")
	f.StringVar(&a.dir, "dir", "", "the auditor's directory: what was verified is kept there, and the next audit goes on from it")
	f.StringVar(&a.save, "save", "", "keep a copy of the log in this directory")
	f.DurationVar(&a.follow, "follow", 0, "go on for ever, and look again after so long")
	f.StringVar(&a.export, "export", "", "write transactions, holdings, money and trades as tables into this directory")
	f.StringSliceVar(&a.formats, "export-format", []string{"csv"}, "csv, parquet, or both")
	f.StringVar(&a.report, "report", "", "write a report into this `FILE`, by its ending .html, .json or .txt")
	_ = cmd.MarkFlagRequired("policy")
	_ = cmd.MarkFlagFilename("report", "html", "json", "txt")
	return cmd
}

// exporting writes the audited ledger as tables.
func (a *auditing) exporting(cmd *cobra.Command) (func(*audit.View) error, error) {
	if a.export == "" {
		return nil, nil
	}
	if a.follow != 0 {
		return nil, usage(errors.New("--export writes once: not with --follow"))
	}
	o := export.Options{CSV: slices.Contains(a.formats, "csv"), Parquet: slices.Contains(a.formats, "parquet")}
	for _, f := range a.formats {
		if f != "csv" && f != "parquet" {
			return nil, usage(fmt.Errorf("--export-format %q: use csv, parquet", f))
		}
	}
	return func(v *audit.View) error {
		bar := newProgress(cmd, "export")
		defer bar.end()
		o.Progress = func(table string, done, of uint64) {
			bar.describe("export " + table)
			bar.set(done, max(of, 1))
		}
		_, err := export.Write(cmd.Context(), v, a.export, o)
		return err
	}, nil
}

// logs are the arguments: URLs, and directories.
func (a *auditing) logs(g *globals, args []string) (all []audit.Log, err error) {
	var token string
	if a.token != "" {
		if token, err = remote.ReadToken(a.token); err != nil {
			return nil, err
		}
	}
	transport := logTransport()
	if g.ca != "" {
		pem, err := limited.ReadFile(g.ca, limited.MaxSettingsBytes)
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, usage(fmt.Errorf("--ca %s holds no certificate in PEM form", g.ca))
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	client := &http.Client{Transport: transport, Timeout: g.timeout, CheckRedirect: staysSecret}
	for _, s := range args {
		if strings.HasPrefix(s, "http://") || strings.HasPrefix(s, "https://") {
			if u, err := url.Parse(s); err == nil && u.User != nil { // a password, which reports would show
				return nil, usage(fmt.Errorf("%s names a user: a log asks for a token, give --token-file", u.Redacted()))
			}
			all = append(all, &remote.Log{URL: s, Token: token, Client: client})
			continue
		}
		if err := copyOfLog(s); err != nil {
			return nil, err
		}
		all = append(all, audit.Directory(s))
	}
	return all, nil
}

// given is what an audit takes for given, and the logs that it looks at.
func (a *auditing) given(g *globals, args []string) (f tx.Founding, p *proof.Policy, logs []audit.Log, err error) {
	if f, err = g.founding(); err == nil {
		if p, err = readPolicy(a.policy); err == nil {
			logs, err = a.logs(g, args)
		}
	}
	return f, p, logs, err
}

func (a *auditing) run(cmd *cobra.Command, g *globals, args []string) error {
	if cmd.Flags().Changed("follow") && a.follow < shortestFollow {
		return usage(fmt.Errorf("--follow %s: give at least %s", a.follow, shortestFollow))
	}
	if err := checkReportFile(a.report); err != nil {
		return err
	}
	f, policy, logs, err := a.given(g, args)
	if err != nil {
		return err
	}
	o := audit.Options{Founding: f, Policy: policy, Dir: a.dir, Save: a.save}
	if o.Finished, err = a.exporting(cmd); err != nil {
		return err
	}
	if a.follow == 0 {
		return a.once(cmd, g, logs, o, false)
	}
	if o.Dir == "" {
		return usage(errors.New("--follow goes on from what was verified: give --dir"))
	}
	return a.monitor(cmd, g, logs, o)
}

const (
	// shortestFollow keeps a monitor from asking without a pause.
	shortestFollow = 10 * time.Millisecond
	// behindRounds is for how many rounds in a row every log may have less than what
	// was verified: validators that restart are behind for a moment.
	behindRounds = 3
)

// monitor audits round after round, until one finds something wrong or this machine
// cannot go on. A log that refuses its token before anything was verified is a
// mistake of the set-up, which no later round mends.
func (a *auditing) monitor(cmd *cobra.Command, g *globals, logs []audit.Log, o audit.Options) error {
	ctx, cancel := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	cmd.SetContext(ctx)
	o.Patience = min(a.follow, 10*time.Second)
	for behind, passed := 0, false; ; {
		err := a.once(cmd, g, logs, o, behind+1 < behindRounds)
		var unread *audit.ReadError
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			behind, passed = 0, true
		case !passed && errors.Is(err, remote.ErrUnauthorized):
			return err
		case errors.Is(err, audit.ErrBehind) && behind+1 < behindRounds:
			behind++
		case !errors.As(err, &unread):
			return err
		}
		if err != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "carbonledger: %s; tried again in %s\n", message(err), a.follow)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(a.follow):
		}
	}
}

// once audits, and prints the verdict and writes the report if it came to one: not of
// logs that are behind where those are waited for.
func (a *auditing) once(cmd *cobra.Command, g *globals, logs []audit.Log, o audit.Options, patient bool) error {
	began := time.Now()
	report, err := runAudit(cmd, logs, o)
	if report == nil || errors.Is(err, context.Canceled) || patient && errors.Is(err, audit.ErrBehind) {
		return err
	}
	f, made := newFinding(report, err, began, time.Since(began))
	if !made {
		return err
	}
	err = errors.Join(f.failed, f.kept)
	if a.report != "" {
		err = errors.Join(err, writeReport(a.report, f.whole(logs, o.Policy), report.ScriptClock))
	}
	return errors.Join(f.record(g.json).print(cmd.OutOrStdout(), g.json), err)
}

// runAudit audits with a progress bar.
func runAudit(cmd *cobra.Command, logs []audit.Log, o audit.Options) (*audit.Report, error) {
	// As for a validator: blocks are short-lived garbage.
	debug.SetGCPercent(400)
	bar := newProgress(cmd, "audit")
	defer bar.end()
	o.Progress = bar.set
	return audit.Run(cmd.Context(), logs, o)
}

func addReport(r *record, a *audit.Report) {
	r.add("chain", a.ChainID)
	r.add("genesis_hash", a.GenesisHash)
	r.add("clock", clockName(a.ScriptClock))
	r.add("height", a.Height)
	r.add("hash", a.Hash)
	r.add("ledger_time", a.Time)
	r.add("size", a.Size)
	r.add("root", a.Root)
	r.add("since_size", a.Since)
	if a.Resumed > a.Since { // an audit was broken off there
		r.add("resumed_size", a.Resumed)
	}
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
	r.add("log", a.Log)
	r.add("cosigned_by", list(cosigners(a.Cosigned)))
	r.add("compared_with", list(a.Compared))
	sizes := []record{}
	for _, s := range a.Sizes {
		one := record{}
		one.add("name", s.Log)
		one.add("checkpoint_size", s.Size)
		sizes = append(sizes, one)
	}
	r.add("checkpoints", sizes)
	if len(a.Unused) > 0 {
		r.add("logs_not_used", lines(a.Unused))
	}
	if a.Evidence != "" {
		r.add("evidence", a.Evidence)
	}
	r.add("rejections", reasons)
	if a.Conservation == nil {
		r.add("conservation", missing("not added up: the audit ended before"))
		return
	}
	r.add("conservation", conservationRecord(a.Conservation))
}

// cosigners names those of a checkpoint.
func cosigners(all []proof.Cosignature) (names []string) {
	for _, c := range all {
		names = append(names, c.Name)
	}
	return names
}
