package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"carbonledger/cli/scenario"
	"carbonledger/node/api"
	"carbonledger/node/audit"
	"carbonledger/tx"
)

// demoResult is what a demo comes to.
type demoResult struct {
	rows    []scenario.Row
	days    int // that were opened
	shown   shown
	lost    int
	report  *audit.Report
	audited error
	seconds time.Duration
}

// conclude asks the ledger for every figure, the lost nodes for every
// transaction, and an auditor for the whole history.
func (d *demo) conclude(ctx context.Context) (*demoResult, error) {
	r := &demoResult{}
	answers, err := d.answers(ctx)
	if err != nil {
		return nil, err
	}
	if r.rows, err = d.file.Table(answers); err != nil {
		return nil, err
	}
	r.days = len(answers.Bulletins)
	if r.shown, err = d.countShown(ctx, answers.Bulletins); err != nil {
		return nil, err
	}
	if r.lost, err = d.countLost(ctx); err != nil {
		return nil, err
	}
	d.say("audits the whole history")
	d.reader.SetMinHeight(d.client.MinHeight())
	r.report, r.audited = d.audit()
	if r.report == nil {
		return nil, r.audited
	}
	return r, nil
}

// audit is what an auditor with a token does: every validator's log is compared.
func (d *demo) audit() (*audit.Report, error) {
	policy, err := readPolicy(d.net.Policy)
	if err != nil {
		return nil, err
	}
	a := auditing{token: d.net.Token}
	logs, err := a.logs(&globals{timeout: submitPatience}, d.net.logURLs())
	if err != nil {
		return nil, err
	}
	report, err := runAudit(d.cmd, logs, audit.Options{Founding: d.net.Document.Founding(), Policy: policy, AtLeast: d.logSize})
	if err == nil && len(report.Unused) > 0 {
		err = fmt.Errorf("not every log can be read: %s", strings.Join(report.Unused, "; "))
	}
	return report, err
}

// answers are the ledger's own queries, at the height of the last receipt or
// above.
func (d *demo) answers(ctx context.Context) (*scenario.Answers, error) {
	a := &scenario.Answers{}
	year := tx.Day(d.file.Calendar.Year * 10000)
	err := pages(func(cursor string) (api.Page, error) {
		out, err := d.client.ListBulletins(ctx, &api.ListBulletinsRequest{From: year + 101, To: year + 1231, Limit: 500, Cursor: cursor})
		if err != nil {
			return api.Page{}, err
		}
		a.Bulletins = append(a.Bulletins, out.Bulletins...)
		return out.Page, nil
	})
	if err != nil {
		return nil, err
	}
	totals, err := d.client.GetYearTotals(ctx, &api.GetYearTotalsRequest{Year: tx.Year(d.file.Calendar.Year)})
	if err != nil {
		return nil, err
	}
	obligation, err := d.client.GetYearObligation(ctx, &api.GetYearObligationRequest{Year: d.plan.ObligationYear()})
	if err != nil {
		return nil, err
	}
	a.Totals, a.Obligation = totals.Totals, obligation.Obligation
	return a, nil
}

func (r *demoResult) different() (n int) {
	for i := range r.rows {
		if !r.rows[i].Equal {
			n++
		}
	}
	return n
}

// verdict is an error that names everything which is not as it must be.
func (r *demoResult) verdict() error {
	var errs []error
	if n := r.different(); n > 0 {
		errs = append(errs, fmt.Errorf("%d of %d figures differ from the published ones", n, len(r.rows)))
	}
	if n := r.days - r.shown.reconciled; n > 0 {
		errs = append(errs, fmt.Errorf("%d of %d trading days are not reconciled", n, r.days))
	}
	if r.lost > 0 {
		errs = append(errs, fmt.Errorf("%d acknowledged transactions are lost", r.lost))
	}
	if r.audited != nil {
		errs = append(errs, fmt.Errorf("the audit failed: %w", r.audited))
	}
	return errors.Join(errs...)
}

// print shows the table, what the loss of the site cost, and the audit.
func (r *demoResult) print(d *demo) error {
	out := d.cmd.OutOrStdout()
	figures := table{name: "figures", columns: []string{"figure", "published", "ledger", "equal"}}
	for _, row := range r.rows {
		figures.row(row.Name, row.Published, row.Ledger, yesNo(row.Equal))
	}
	all := record{title: "demo"}
	all.add("scenario", d.file.Title)
	all.add("seed", d.seed)
	all.add("clock", clockName(d.net.Document.Founding().ScriptClock))
	all.add("transactions", len(d.played))
	all.add("height", d.client.MinHeight())
	if d.loss.site != "" {
		all.add("site_lost", d.loss.site)
		all.add("seconds_without_commit", fmt.Sprintf("%.2f", d.loss.outage.Seconds()))
	}
	all.add("transactions_lost", r.lost)
	all.add("audit", r.auditWord())
	all.add("checkpoint_cosigned_by", list(cosigners(r.report.Cosigned)))
	all.add("logs_compared", 1+len(r.report.Compared))
	all.add("signatures_verified", r.report.Signatures)
	r.shown.addTo(&all)
	all.add("figures", len(r.rows))
	all.add("figures_equal", len(r.rows)-r.different())
	all.add("seconds", fmt.Sprintf("%.1f", r.seconds.Seconds()))
	if d.g.json {
		items := make([]record, len(figures.rows))
		for i, row := range figures.rows {
			row[3] = r.rows[i].Equal
			items[i] = record{names: figures.columns, values: row}
		}
		all.add("table", items)
		return all.print(out, true)
	}
	if err := figures.printRows(out); err != nil {
		return err
	}
	fmt.Fprintf(out, "\nWhat the table does not name, such as who traded and held what, is invented: docs/scenario.md.\n\n")
	return all.print(out, false)
}

func (r *demoResult) auditWord() string {
	if r.audited != nil {
		return "failed"
	}
	return "passed"
}
