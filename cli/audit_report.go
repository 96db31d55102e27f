package cli

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"carbonledger/node/audit"
	"carbonledger/tx"
	"carbonledger/tx/durable"
	"carbonledger/tx/proof"
)

// reportForm names the form of an audit's report as a page.
const reportForm = "carbonledger audit report/v1"

//go:embed audit_report.html
var reportText string

var reportTemplate = template.Must(template.Must(template.New("page").Parse(reportText)).Parse(pageText))

// finding is what an audit came to: what it prints, and what its report says.
type finding struct {
	report *audit.Report
	// failed is nil where the audit passed, and difference where it failed by
	// something else than a difference.
	failed     error
	difference *audit.Difference
	// kept says of an audit that passed what of it could not be kept.
	kept  error
	began time.Time
	took  time.Duration
}

// newFinding takes what audit.Run returned; false where that is no verdict: the
// audit could not be made.
func newFinding(report *audit.Report, err error, began time.Time, took time.Duration) (*finding, bool) {
	f := &finding{report: report, began: began, took: took}
	switch {
	case err == nil:
	case errors.As(err, &f.difference):
		f.failed = fmt.Errorf("audit: the history is wrong at %w", err)
	case errors.Is(err, audit.ErrNotCounted), errors.Is(err, audit.ErrBehind):
		f.failed = err
	case errors.As(err, new(*audit.KeepError)):
		f.kept = err
	default:
		return nil, false
	}
	return f, true
}

// record is what the command prints.
func (f *finding) record(asJSON bool) record {
	r := record{title: "audit"}
	verdict := "passed"
	if f.failed != nil {
		verdict = "failed"
	}
	r.add("verdict", verdict)
	r.add("milliseconds", f.took.Milliseconds())
	addReport(&r, f.report)
	if f.difference != nil && asJSON {
		r.add("difference", differenceRecord(f.difference))
	}
	return r
}

// whole is what a report's file holds: what is printed, and all that a reader
// who was not there needs.
func (f *finding) whole(logs []audit.Log, p *proof.Policy) record {
	r := f.record(true)
	if f.failed != nil {
		r.add("failure", f.failed.Error())
	}
	names := []string{}
	for _, l := range logs {
		names = append(names, l.Name())
	}
	r.add("origin", p.Origin())
	r.add("logs", names)
	rules := []record{}
	for _, rule := range p.Rules() {
		one := record{}
		one.add("group", rule.Name)
		one.add("need", rule.Need)
		one.add("of", len(rule.Members))
		one.add("members", list(rule.Members))
		rules = append(rules, one)
	}
	r.add("policy", rules)
	r.add("policy_text", verbatim(p.Text()))
	r.add("checkpoint", verbatim(f.report.Checkpoint))
	cosignatures := []record{}
	for _, c := range f.report.Cosigned {
		one := record{}
		one.add("name", c.Name)
		one.add("time", unixTime(c.Unix))
		cosignatures = append(cosignatures, one)
	}
	r.add("cosignatures", cosignatures)
	epochs := []record{}
	for _, e := range f.report.Epochs {
		one := record{}
		one.add("day", e.Day)
		one.add("height", e.Height)
		one.add("records", e.Records)
		one.add("root", e.Root[:])
		one.add("entry", e.Entry)
		epochs = append(epochs, one)
	}
	r.add("epochs", epochs)
	r.add("began", tx.Instant(f.began.UnixMilli()).String())
	r.add("program", programVersion())
	r.add("go", runtime.Version())
	r.add("protocol_version", audit.ProtocolVersion)
	proves := lines{}
	for _, s := range auditProves {
		proves = append(proves, s.English)
	}
	r.add("proves", proves)
	return r
}

func differenceRecord(d *audit.Difference) record {
	r := record{}
	r.add("entry", d.Entry)
	r.add("height", d.Height)
	if d.Transaction >= 0 {
		r.add("transaction", d.Transaction)
	}
	r.add("id", d.ID)
	r.add("what", d.What)
	return r
}

// checkReportFile: the ending says in which form the report is written, and where it
// cannot be written is said before the audit.
func checkReportFile(path string) error {
	switch ext := filepath.Ext(path); {
	case path == "":
		return nil
	case ext != ".html" && ext != ".json" && ext != ".txt":
		return usage(fmt.Errorf("--report %s: end the name with .html, .json or .txt", path))
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return usage(fmt.Errorf("--report %s is a directory: name a file", path))
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".report-")
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	var at *fs.PathError // whose path is that of no file which anybody named
	if errors.As(err, &at) {
		err = at.Err
	}
	if err != nil {
		return fmt.Errorf("--report %s: no file can be made in %s: %w", path, filepath.Dir(path), err)
	}
	return nil
}

// writeReport replaces the file by the report, as a whole.
func writeReport(path string, r record, script bool) error {
	var b bytes.Buffer
	var err error
	switch filepath.Ext(path) {
	case ".json":
		e := json.NewEncoder(&b)
		e.SetIndent("", "  ")
		err = e.Encode(r)
	case ".txt":
		text := &escaping{to: &b}
		err = errors.Join(r.print(text, false), text.end())
	default:
		err = reportTemplate.Execute(&b, newReportPage(r, script))
	}
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if err := durable.Replace(path, b.Bytes(), 0o600); err != nil {
		return fmt.Errorf("--report %s: %w", path, err)
	}
	return nil
}

// reportPage is a report's record for the page: every value comes from there.
type reportPage struct {
	Form, Chain, Failure string
	Script               bool
	Verdict, Meaning     bilingual
	Sections             []reportSection
	Proves               []bilingual
}

type reportSection struct {
	Title, Note bilingual
	Parts       []reportPart
}

// reportPart is a table of names and values, a list, or a text word for word.
type reportPart struct {
	ID      string
	Title   bilingual
	Fields  []reportField
	Columns []reportColumn
	Rows    [][]string
	Text    string
}

type reportField struct {
	Label  bilingual
	Values []string
}

type reportColumn struct {
	Label bilingual
	// Kind is the style's classes for the values.
	Kind string
}

func newReportPage(r record, script bool) *reportPage {
	value := map[string]any{}
	for i, name := range r.names {
		value[name] = r.values[i]
	}
	p := &reportPage{Form: reportForm, Chain: cell(value["chain"]), Script: script, Proves: auditProves}
	verdict := cell(value["verdict"])
	p.Verdict, p.Meaning = reportVerdicts[verdict][0], reportVerdicts[verdict][1]
	if failure, ok := value["failure"]; ok {
		p.Failure = cell(failure)
	}
	for _, s := range reportSections {
		if s.passed && verdict != "passed" {
			continue
		}
		out := reportSection{Title: s.title, Note: s.note}
		scalars, absent := record{}, false
		for _, name := range s.names {
			v, ok := value[name]
			if !ok {
				continue
			}
			switch v.(type) {
			case missing:
				out.Note, absent = s.missing, true
			case record, []record, verbatim:
				out.Parts = append(out.Parts, reportParts(name, v)...)
			default:
				scalars.add(name, v)
			}
		}
		if len(scalars.names) > 0 {
			out.Parts = append(reportParts(s.id, scalars), out.Parts...)
		}
		if len(out.Parts) > 0 || absent {
			p.Sections = append(p.Sections, out)
		}
	}
	return p
}

// reportParts shows a value, and below it those within it. An empty list is none.
func reportParts(name string, v any) (all []reportPart) {
	part := reportPart{ID: name, Title: reportNames[name]}
	switch v := v.(type) {
	case verbatim:
		if part.Text = string(v); v == "" {
			return nil
		}
	case []record:
		if len(v) == 0 {
			return nil
		}
		for i, column := range v[0].names {
			part.Columns = append(part.Columns, reportColumn{reportNames[column], columnKind(v[0].values[i])})
		}
		for _, one := range v {
			var row []string
			for i := range one.values {
				row = append(row, reportCell(one.names[i], one.values[i]))
			}
			part.Rows = append(part.Rows, row)
		}
	case record:
		for i, name := range v.names {
			switch inner := v.values[i].(type) {
			case record, []record, verbatim:
				all = append(all, reportParts(name, inner)...)
			case lines:
				part.Fields = append(part.Fields, reportField{reportNames[name], inner})
			case []string:
				if len(inner) == 0 {
					inner = []string{"–"}
				}
				part.Fields = append(part.Fields, reportField{reportNames[name], inner})
			default:
				part.Fields = append(part.Fields, reportField{reportNames[name], []string{reportCell(name, inner)}})
			}
		}
	}
	return append([]reportPart{part}, all...)
}

func columnKind(v any) string {
	switch v.(type) {
	case string, []string:
		return "text"
	case []byte:
		return "text hash"
	case tx.Day:
		return "text day"
	}
	return "number"
}

// reportCell is cell, with a reason's meaning in both languages.
func reportCell(name string, v any) string {
	if name == "reason" {
		for _, r := range tx.Reasons() {
			if r.String() == v {
				return r.String() + " " + r.TextChinese() + " " + r.Text()
			}
		}
	}
	if name == "entry" && v == uint64(0) {
		return "–"
	}
	return cell(v)
}
