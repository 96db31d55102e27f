package cli

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"carbonledger/genesis"
	"carbonledger/node/audit"
	"carbonledger/tx"
	"carbonledger/tx/keyfile"
	"carbonledger/tx/proof"

	"golang.org/x/net/html"
)

// tablesIn parses a report's page and returns its tables by id, as rows of
// cells, and its texts word for word as one cell.
func tablesIn(t *testing.T, page string) map[string][][]string {
	t.Helper()
	shownIn(t, page) // nothing but what a page for people may have
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	text := func(n *html.Node) string {
		var b strings.Builder
		for d := range n.Descendants() {
			if d.Type == html.TextNode {
				b.WriteString(d.Data)
			} else if d.Data == "br" {
				b.WriteString("\n")
			}
		}
		return strings.TrimSuffix(b.String(), "\n")
	}
	all := map[string][][]string{}
	for n := range root.Descendants() {
		id := slices.IndexFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "id" })
		if id < 0 {
			continue
		}
		name := n.Attr[id].Val
		if all[name] != nil {
			t.Fatalf("two parts of the page are %q", name)
		}
		if n.Data == "pre" {
			all[name] = [][]string{{text(n)}}
			continue
		}
		for d := range n.Descendants() {
			switch d.Data {
			case "tr":
				all[name] = append(all[name], nil)
			case "th", "td":
				if d.Type == html.ElementNode {
					last := len(all[name]) - 1
					all[name][last] = append(all[name][last], text(d))
				}
			}
		}
	}
	return all
}

// requireFigures: what the page says is what the JSON says, and it leaves out
// nothing but what a failed audit does not have.
func requireFigures(t *testing.T, page string, said map[string]any) {
	t.Helper()
	names, seen := map[string]string{}, map[string]int{}
	for name, label := range reportNames {
		if label != (bilingual{}) {
			if other, twice := names[label.String()]; twice {
				t.Fatalf("%s and %s have the same words", name, other)
			}
			names[label.String()] = name
		}
	}
	figure := func(in map[string]any, label, shown string) {
		t.Helper()
		name := names[strings.ReplaceAll(label, "\n", " ")]
		if v, ok := in[name]; !ok || !sameFigure(name, shown, v) {
			t.Errorf("%q is %q in the page, %v in JSON", label, shown, v)
		}
		seen[name]++
	}
	conservation, _ := said["conservation"].(map[string]any)
	for id, rows := range tablesIn(t, page) {
		seen[id]++
		v, ok := said[id]
		if !ok {
			v = conservation[id]
		}
		switch v := v.(type) {
		case string:
			if strings.TrimSuffix(v, "\n") != rows[0][0] {
				t.Errorf("%s is %q in the page, %q in JSON", id, rows[0][0], v)
			}
		case []any:
			if len(v) != len(rows)-1 {
				t.Fatalf("%s has %d rows in the page, %d in JSON", id, len(rows)-1, len(v))
			}
			for i, row := range rows[1:] {
				for c, shown := range row {
					figure(v[i].(map[string]any), rows[0][c], shown)
				}
			}
		default:
			in, ok := v.(map[string]any)
			if !ok {
				in = said // a section's own values
			}
			for _, row := range rows {
				figure(in, row[0], row[1])
			}
		}
	}
	for name, v := range said {
		if all, ok := v.([]any); ok && len(all) == 0 || v == "" || name == "cosigned_by" || name == "proves" || name == "verdict" {
			continue
		}
		if seen[name] == 0 && v != nil && !(said["verdict"] == "failed" && name == "epochs") {
			t.Errorf("the page does not show %s, %v", name, v)
		}
	}
}

// sameFigure compares a cell with a value of JSON: grouping does not count.
func sameFigure(name, shown string, v any) bool {
	if name == "evidence" { // each audit keeps its own
		told, ok := v.(string)
		return ok && filepath.Base(shown) == filepath.Base(told)
	}
	switch x := v.(type) {
	case []any:
		if v = strings.Trim(fmt.Sprint(x), "[]"); len(x) == 0 {
			v = "–"
		}
		shown = strings.ReplaceAll(shown, "\n", " ")
	case float64:
		if v = fmt.Sprintf("%.0f", x); name == "entry" && x == 0 {
			v = "–"
		}
	case string:
		if x == "" {
			v = "-"
		}
	}
	if name == "reason" {
		shown, _, _ = strings.Cut(shown, " ")
	}
	return shown == v || strings.ReplaceAll(shown, ",", "") == v
}

// reported runs an audit and reads its report in all forms.
func reported(t *testing.T, code int, words ...string) (page string, said map[string]any) {
	t.Helper()
	dir := t.TempDir()
	read := func(ending string) []byte {
		path := filepath.Join(dir, "report"+ending)
		if err := os.WriteFile(path, []byte("an earlier report"), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := run(append(words, "--report", path)...); r.code != code {
			t.Fatalf("exit code %d, want %d: %s%s", r.code, code, r.out, r.err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if err := json.Unmarshal(read(".json"), &said); err != nil {
		t.Fatal(err)
	}
	text := string(read(".txt"))
	for _, name := range []string{"verdict", "genesis_hash", "size", "root"} {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^%s +%v$`, heading(name), said[name])).MatchString(text) {
			t.Errorf("the text has another %s than %v:\n%s", name, said[name], text)
		}
	}
	page = string(read(".html"))
	if files, err := os.ReadDir(dir); err != nil || len(files) != 3 {
		t.Errorf("files are left beside the reports: %v %v", files, err)
	}
	// These are of the three audits, not of the ledger.
	for _, row := range tablesIn(t, page)["made"] {
		for _, name := range []string{"milliseconds", "began"} {
			if row[0] == reportNames[name].String() {
				said[name] = row[1]
			}
		}
	}
	return page, said
}

func TestReport(t *testing.T) {
	s := traded(t)
	s.does("auditor", "take-state-root")
	s.does("bank", "deposit", "--to", "entity-1", "--yuan", "1234567.89")
	mustFail(t, exitRejected, "INSUFFICIENT_HOLDING", s.as("entity-1", "transfer", "--to", "entity-2", "--instrument", "CEA22", "--tonnes", "99,000,000", "--yes")...)
	copied, policy := s.publish(), filepath.Join(s.dir, "policy.txt")
	words := []string{"audit", copied, "--genesis", s.genesis, "--policy", policy}

	page, said := reported(t, 0, words...)
	requireFigures(t, page, said)
	requireShown(t, shownIn(t, page), "审计通过", "PASSED", "SCRIPT CLOCK", "|State roots|", "INSUFFICIENT_HOLDING "+tx.InsufficientHolding.TextChinese())
	refuseShown(t, shownIn(t, page), "FAILED", "The first difference")
	var closed, askedFor int
	for _, e := range said["epochs"].([]any) {
		if e.(map[string]any)["day"] == "" {
			askedFor++
		} else {
			closed++
		}
	}
	if said["rejected"] != 1.0 || closed == 0 || askedFor != 1 {
		t.Errorf("the history has %v rejections and the epochs %v: too few to compare", said["rejected"], said["epochs"])
	}
	note, err := os.ReadFile(filepath.Join(copied, proof.CheckpointPath))
	if err != nil || said["checkpoint"] != string(note) {
		t.Errorf("the checkpoint is said to be %q, not %q (%v)", said["checkpoint"], note, err)
	}

	// A validator that signs a lie, with a name that would be a script.
	const name = "<script>alert('1')</script>"
	s.lie(copied, func(r *tx.OutcomeRecord) { r.Head.Proposer, r.Head.AppliedHash = name, make([]byte, 32) })
	page, said = reported(t, exitFailed, words...)
	requireFigures(t, page, said)
	difference, _ := said["difference"].(map[string]any)
	if what, _ := difference["what"].(string); !strings.Contains(what, name) {
		t.Errorf("the difference %v does not name the proposer", difference)
	}
	if failure := tablesIn(t, page)["failure"]; len(failure) != 1 || failure[0][0] != said["failure"] || !strings.Contains(failure[0][0], name) {
		t.Errorf("the failure is %q in the page, %q in JSON", failure, said["failure"])
	}
	requireShown(t, shownIn(t, page), "审计未通过", "FAILED", "The first difference")
	refuseShown(t, shownIn(t, page), "PASSED", "|State roots|")
	s.notAddedUp(page, said, words)

	// A checkpoint that does not count is a verdict; a log that is not there is none.
	if err := os.WriteFile(filepath.Join(copied, proof.CheckpointPath), note[:strings.LastIndexByte(strings.TrimSpace(string(note)), '\n')+1], 0o600); err != nil {
		t.Fatal(err)
	}
	page, said = reported(t, exitFailed, words...)
	requireFigures(t, page, said)
	requireShown(t, shownIn(t, page), "FAILED", "does not count by the policy")
	kept := filepath.Join(t.TempDir(), "report.html")
	mustFail(t, exitFailed, "there is no such directory", "audit", copied+"2", "--genesis", s.genesis, "--policy", policy, "--report", kept)
	if _, err := os.Stat(kept); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an audit that could not be made left a report: %v", err)
	}
	mustFail(t, exitUsage, "end the name with .html, .json or .txt", append(words, "--report", "report.pdf")...)
	mustFail(t, exitFailed, "report.html", append(words, "--report", filepath.Join(kept, "none", "report.html"))...)
}

// lie changes the last entry of a copy, and signs that history.
func (s *solo) lie(dir string, change func(*tx.OutcomeRecord)) {
	s.t.Helper()
	bundles, err := filepath.Glob(filepath.Join(dir, "tile", "entries", "*", "*"))
	if err != nil || len(bundles) != 1 {
		s.t.Fatalf("%v %v", bundles, err)
	}
	raw, err := os.ReadFile(bundles[0])
	if err != nil {
		s.t.Fatal(err)
	}
	var width int
	if _, err := fmt.Sscan(filepath.Base(bundles[0]), &width); err != nil {
		s.t.Fatal(err)
	}
	entries, err := proof.SplitBundle(raw, width)
	if err != nil {
		s.t.Fatal(err)
	}
	last, err := tx.DecodeRecord(entries[width-1])
	if err != nil {
		s.t.Fatal(err)
	}
	change(last)
	if entries[width-1], err = last.Marshal(); err != nil {
		s.t.Fatal(err)
	}
	tree, bundle := proof.NewTree(), []byte(nil)
	for _, e := range entries {
		tree.Append(proof.LeafHash(e), func(uint, uint64, proof.Hash) {})
		bundle = proof.AppendEntry(bundle, e)
	}
	if err := os.WriteFile(bundles[0], bundle, 0o600); err != nil {
		s.t.Fatal(err)
	}
	s.sign(dir, proof.Checkpoint{Origin: "carbonledger.test/script-test", Size: tree.Size(), Root: tree.Root()})
}

// notAddedUp: an audit that ended before it added up the accounts shows no sums of
// them, and says so.
func (s *solo) notAddedUp(page string, said map[string]any, words []string) {
	s.t.Helper()
	if v, ok := said["conservation"]; !ok || v != nil {
		s.t.Errorf("conservation in JSON: %v", v)
	}
	shown := shownIn(s.t, page)
	requireShown(s.t, shown, "守恒", "The audit ended before the accounts were added up: nothing is said of conservation.")
	refuseShown(s.t, shown, "All accounts of the auditor's own ledger added up", "Money (yuan)", "What does not add up")
	r := run(words...)
	if !strings.Contains(r.out, "not added up: the audit ended before\n") || strings.Contains(r.out, "money yuan") {
		s.t.Errorf("the audit prints\n%s", r.out)
	}
}

// sign writes a checkpoint as the network's one validator does.
func (s *solo) sign(dir string, c proof.Checkpoint) {
	s.t.Helper()
	read := func(name string) ed25519.PrivateKey {
		k, err := keyfile.Read(filepath.Join(s.dir, "nodes", "wuhan-1", name), "")
		if err != nil {
			s.t.Fatal(err)
		}
		return ed25519.NewKeyFromSeed(k.Secret())
	}
	own, err := c.SignOrigin(read("origin.key"))
	line, err2 := c.Cosign(proof.CosignerName(c.Origin, "wuhan-1"), read("cosign.key"), 1_700_000_000)
	if err := errors.Join(err, err2, os.WriteFile(filepath.Join(dir, proof.CheckpointPath), c.Note(own, line), 0o600)); err != nil {
		s.t.Fatal(err)
	}
}

// TestReportEscapes: no text of a log becomes a part of the page.
func TestReportEscapes(t *testing.T) {
	s := traded(t)
	const hostile = `</pre><script>alert("1")</script>&amp;'`
	var spoil func(v any) any
	spoil = func(v any) any {
		switch v := v.(type) {
		case record:
			for i := range v.values {
				v.values[i] = spoil(v.values[i])
			}
			return v
		case []record:
			for i := range v {
				spoil(v[i])
			}
			return v
		case []string:
			return []string{hostile}
		case string:
			return hostile
		case verbatim:
			return verbatim(hostile)
		}
		return v
	}
	d, err := genesis.Read(s.genesis)
	if err != nil {
		t.Fatal(err)
	}
	p, err := readPolicy(filepath.Join(s.dir, "policy.txt"))
	if err != nil {
		t.Fatal(err)
	}
	logs := []audit.Log{audit.Directory(s.publish())}
	report, err := audit.Run(t.Context(), logs, audit.Options{Founding: d.Founding(), Policy: p, Dir: t.TempDir()})
	f, made := newFinding(report, err, time.Now(), time.Second)
	if !made || f.failed != nil {
		t.Fatal(err)
	}
	r := f.whole(logs, p)
	verdict := r.values[0]
	spoil(r)
	r.values[0] = verdict
	path := filepath.Join(t.TempDir(), "report.html")
	if err := writeReport(path, r, true); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, part := range tablesIn(t, string(page)) {
		for _, row := range part {
			for _, c := range row {
				n += strings.Count(c, hostile)
			}
		}
	}
	if n < 12 {
		t.Errorf("the page shows %d of the texts as they are", n)
	}
}

// TestReportSentences: what an audit proves is said as docs/auditors.md says it.
func TestReportSentences(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "docs", "auditors.md"))
	if err != nil {
		t.Fatal(err)
	}
	guide := strings.Join(strings.Fields(strings.ReplaceAll(string(b), "**", "")), " ")
	for _, s := range auditProves {
		if !strings.Contains(guide, s.English) {
			t.Errorf("docs/auditors.md does not say %q", s.English)
		}
	}
}
