package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// traded is a network on which a little happened in every table.
func traded(t *testing.T) *solo {
	t.Helper()
	s := newSolo(t, "--parameter", "obligation.deadline.2023=2024-12-31")
	dir := t.TempDir()
	buy, sell := filepath.Join(dir, "buy.order"), filepath.Join(dir, "sell.order")
	second, region := partyKeyPath(s.dir, "registry-2"), partyKeyPath(s.dir, "region")
	report := textFile(t, "report")
	s.does("registry", "issue", "--stage", "final", "--to", "entity-1", "--instrument", "CEA22", "--tonnes", "10,000", "--document", "D1", "--table", report, "--cosign", second, "--cosign", region)
	s.does("bank", "deposit", "--to", "entity-2", "--yuan", "500,000")
	for _, e := range [][2]string{{"entity-1", "5,000"}, {"entity-2", "100"}} {
		s.does("verifier", "verification", "record", "--entity", e[0], "--year", "2023", "--tonnes", e[1], "--report", report)
		s.does("region", "obligation", "set", "--entity", e[0], "--year", "2023", "--tonnes", e[1])
	}
	s.does("entity-1", "holding", "move", "--instrument", "CEA22", "--tonnes", "2,000", "--to", "trading")
	s.does("exchange", "day", "open", "2024-01-02")
	s.does("timekeeper", "clock", "set", "2024-01-02T09:30:00+08:00")
	for file, side := range map[string][]string{buy: {"entity-2", "buy"}, sell: {"entity-1", "sell"}} {
		mustRun(t, s.as(side[0], "order", "sign", "--side", side[1], "--instrument", "CEA22", "--tonnes", "2,000", "--limit", "80", "--day", "2024-01-02", "--reference", "O-1", "--out", file, "--yes")...)
	}
	s.does("exchange", "order", "register", buy)
	s.does("exchange", "order", "register", sell)
	s.does("exchange", "trade", "record", "--instrument", "CEA22", "--price", "80.00", "--tonnes", "1,500", "--buy", "entity-2/O-1", "--sell", "entity-1/O-1")
	s.does("exchange", "day", "close", "2024-01-02")
	s.does("exchange", "day", "state", "2024-01-02", "--trades", "1", "--tonnes", "1,500", "--yuan", "120,000", "--tradable", "CEA22=2,000", "--tradable", "CEA23=0")
	s.does("bank", "day", "state", "2024-01-02", "--money", "500,000")
	s.does("registry", "day", "reconcile", "2024-01-02", "--cosign", second)
	s.does("entity-1", "surrender", "--instrument", "CEA22", "--tonnes", "5,000", "--year", "2023", "--application", "S-1")
	s.does("region", "application", "decide", "entity-1/S-1", "--approve", "--cosign", partyKeyPath(s.dir, "region-2"))
	s.does("ccer-registry", "ccer", "register", "B-1", "--project", "Wind", "--to", "entity-2", "--tonnes", "50", "--document", "R-1", "--cosign", partyKeyPath(s.dir, "ccer-registry-2"))
	s.does("entity-2", "ccer", "cancel", "C1", "--batch", "B-1", "--tonnes", "5", "--for", "national-offset")
	s.does("registry", "offset", "book", "--entity", "entity-2", "--year", "2023", "--cancellation", "C1")
	s.does("court", "freeze", "F-1", "--holder", "entity-1", "--instrument", "CEA22", "--tonnes", "100")
	s.does("entity-1", "pledge", "create", "P-1", "--pledgee", "bank", "--instrument", "CEA22", "--tonnes", "200", "--condition", "loan")
	s.does("entity-1", "cancel", "--instrument", "CEA22", "--tonnes", "10", "--purpose", "A meeting", "--application", "V-1")
	s.does("registry", "application", "decide", "entity-1/V-1", "--approve", "--cosign", second)
	s.does("region", "deduction", "record", "--entity", "entity-1", "--year", "2023", "--document", "X", "--prepare")
	return s
}

func TestQueries(t *testing.T) {
	s := traded(t)
	for command, want := range map[string]string{
		"party entity-1":                     `"role":"entity","name":"Entity 1","region":"region"`,
		"parties --role entity":              `"total":2,"complete":true,"cursor":"","parties":[{"id":"entity-1"`,
		"holdings":                           `"holdings":[{"party":"entity-1","instrument":"CEA22","tonnes":3490,"registry":2690,"trading":500,"locked":0,"pending":0,"pledged":200,"frozen":100,"receivable":0,"brought_forward":0},{"party":"entity-2","instrument":"CEA22","tonnes":1500`,
		"holdings entity-2":                  `"holdings":[{"party":"entity-2"`,
		"money":                              `{"party":"entity-2","yuan":"380000.00","locked_yuan":"0.00","proceeds_yuan":"0.00","brought_forward_yuan":"0.00"}`,
		"obligations 2023":                   `{"entity":"entity-1","region":"region","year":2023,"due":5000,"surrendered":5000,"offset":0,"submitted":0,"short":0,"state":"complete"}`,
		"obligations 2023 --entity entity-2": `"due":100,"surrendered":0,"offset":5,"submitted":0,"short":95,"state":"partly"`,
		"regions 2023":                       `{"region":"region","year":2023,"entities":2,"complete":1,"due":5100,"surrendered":5000,"offset":5,"offset_entities":1}`,
		"year 2023":                          `"entities":2,"complete":1,"regions":1,"regions_complete":0,"due":5100,"surrendered":5000,"surrendered_own_vintage":0,"surrendered_older":5000`,
		"bulletin 2024-01-02":                `{"instrument":"CEA22","open":"80.00","high":"80.00","low":"80.00","close":"80.00","previous_close":"79.42","listed_tonnes":1500,"listed_yuan":"120000.00"`,
		"bulletins --instruments":            `{"day":"2024-01-02","closed":true,"instrument":"CEA23","open":"","high":"","low":"","close":"79.42"`,
		"totals 2024":                        `"trading_days":1,"trades":1,"listed_tonnes":1500,"listed_yuan":"120000.00"`,
		"order entity-2 O-1":                 `"quantity":2000,"filled":1500`,
		"trades 2024-01-02":                  `{"number":1,"kind":"listed","instrument":"CEA22","price":"80.00","tonnes":1500,"yuan":"120000.00","buyer":"entity-2","buy":"O-1","seller":"entity-1","sell":"O-1","state":"settled"}`,
		"settlement 2024-01-02":              `"trades":1,"exceptions":0,"tonnes":1500,"yuan":"120000.00","money_yuan":"500000.00","exchange_stated":true,"bank_stated":true,"reconciled":true`,
		"lots entity-1":                      `{"number":1,"to":"entity-1","beneficiary":"","instrument":"CEA22","tonnes":10000,"stage":"final","region":"region","document":"D1"`,
		"allocation entity-1 CEA22":          `"pre":false,"pre_tonnes":0,"final":true,"final_tonnes":10000`,
		"verifications 2023":                 `{"entity":"entity-1","year":2023,"tonnes":5000,"verifier":"verifier"`,
		"applications entity-1":              `{"applicant":"entity-1","application":"S-1","kind":"surrender","instrument":"CEA22","tonnes":5000,"beneficiary":"entity-1","year":"2023","purpose":"","state":"approved"`,
		"applications --state approved":      `"total":2,"complete":true,"cursor":"","applications":[{"applicant":"entity-1","application":"S-1"`,
		"voluntary":                          `"application":"V-1","kind":"cancellation","instrument":"CEA22","tonnes":10,"beneficiary":"","year":"","purpose":"A meeting"`,
		"cancellations":                      `{"cancellation":"C1","owner":"entity-2","batch":"B-1","tonnes":5,"for":"national-offset","day":"2024-01-02","booked":2023}`,
		"reductions":                         `{"batch":"B-1","project":"Wind","tonnes":50,"cancelled":5,"document":"R-1","old":false}`,
		"ccer entity-2":                      `{"party":"entity-2","batch":"B-1","tonnes":45}`,
		"prepared region":                    `"state":"waiting","signers":1`,
		"freezes entity-1":                   `{"document":"F-1","party":"entity-1","instrument":"CEA22","tonnes":100,"court":"court"}`,
		"pledges bank":                       `{"registration":"P-1","pledgor":"entity-1","pledgee":"bank","instrument":"CEA22","tonnes":200,"condition":"loan","released":false}`,
		"carry-over entity-1":                `"sold":1500,"bought":0,"net_sales":1500`,
		"risks 2023 --region region":         `{"entity":"entity-2","region":"region","due":100,"covered":5`,
		"penalty entity-2 2023":              `"unsurrendered":95`,
		"parameters":                         `{"name":"obligation.deadline.2023","from":"2024-01-02","value":"2024-12-31","height":0}`,
		"validators":                         `{"name":"wuhan-1","site":"Wuhan","voter":true`,
		"conservation":                       `{"instrument":"CEA22","brought_forward":0,"issued":10000,"held":4990,"surrendered":5000,"clawed_back":0,"cancelled":10,"carried_over":0}`,
		"block 1":                            `"operations":["issue to entity-1 what its final allocation of CEA22, 10,000 t in all,`,
	} {
		args := s.as("auditor", append([]string{"query"}, strings.Fields(command)...)...)
		out := mustRun(t, append(args, "--json")...)
		var said map[string]any
		if err := json.Unmarshal([]byte(out), &said); err != nil || !strings.Contains(out, want) || said["height"] == nil {
			t.Errorf("query %s prints\n%s\nwant %s (%v)", command, out, want, err)
		}
		if plain := mustRun(t, args...); plain == "" || strings.Contains(plain, "{") || strings.Contains(plain, "%!") {
			t.Errorf("query %s prints for people\n%s", command, plain)
		}
		if _, list := said["cursor"]; list {
			r := run(append(args, "--csv")...)
			if lines := strings.Split(r.out, "\n"); r.code != exitDone || len(lines) < 3 || !strings.Contains(r.err, "; complete") {
				t.Errorf("query %s --csv prints\n%s%s", command, r.out, r.err)
			}
		}
	}
}

func TestQueryTransaction(t *testing.T) {
	s := traded(t)
	file := s.signs("bank", "deposit", "--to", "entity-1", "--yuan", "3")
	mustRun(t, "submit", file, "--api", s.address)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	id, err := tx.TransactionID(s.domain, raw)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.tx")
	out := mustRun(t, s.as("bank", "query", "transaction", id.String(), "--out", copied)...)
	if again, err := os.ReadFile(copied); err != nil || string(again) != string(raw) || !strings.Contains(out, "record a deposit of 3.00 yuan") || !strings.Contains(out, "ACCEPTED") {
		t.Errorf("%v; query transaction prints\n%s", err, out)
	}
	mustFail(t, exitFailed, "may read only its own transactions", s.as("entity-2", "query", "transaction", id.String())...)
}

// TestQueryPages: a list is whole, or says that it is not.
func TestQueryPages(t *testing.T) {
	s := newSolo(t)
	query := []string{"query", "parties", "--api", s.address, "--limit", "2"}
	if out := mustRun(t, query...); !strings.Contains(out, "2 of 13 parties at height 0; goes on: --cursor ") {
		t.Errorf("one page says\n%s", out)
	}
	var ids []string
	cursor := ""
	for range 13 {
		var page struct {
			Total    *int
			Complete bool
			Cursor   string
			Parties  []struct{ ID string }
		}
		if err := json.Unmarshal([]byte(mustRun(t, append(query, "--json", "--cursor", cursor)...)), &page); err != nil {
			t.Fatal(err)
		}
		if first := cursor == ""; first != (page.Total != nil) || first && *page.Total != 13 {
			t.Fatalf("behind the cursor %q, the total is %v", cursor, page.Total)
		}
		if out := mustRun(t, append(query, "--cursor", cursor)...); cursor != "" && !strings.Contains(out, fmt.Sprintf("\n%d parties at height 0; ", len(page.Parties))) {
			t.Errorf("behind the cursor %q, a page says\n%s", cursor, out)
		}
		for _, p := range page.Parties {
			ids = append(ids, p.ID)
		}
		if cursor = page.Cursor; page.Complete {
			break
		}
	}
	out := mustRun(t, append(query, "--all", "--csv")...)
	if len(ids) != 13 || strings.Count(out, "\n") != 14 {
		t.Errorf("pages hold %v, --all prints\n%s", ids, out)
	}
	if out := mustRun(t, append(query, "--all")...); !strings.Contains(out, "13 of 13 parties at height 0; complete") {
		t.Errorf("--all says\n%s", out)
	}
	mustFail(t, exitFailed, "cursor", append(query, "--cursor", "nonsense")...)
}

func TestQueryRefuses(t *testing.T) {
	s := newSolo(t)
	for command, want := range map[string]string{
		"party nobody":              "party nobody has no account (at height 0)",
		"bulletin 2024-01-02":       "(at height 0)",
		"parties --min-height 5":    "not yet at 5",
		"parties --region BAD!":     "region",
		"bulletins --limit 5000000": "limit",
	} {
		if r := run(append([]string{"query", "--api", s.address, "--timeout", "2s"}, strings.Fields(command)...)...); r.code != exitFailed || !strings.Contains(r.err, want) {
			t.Errorf("query %s: %+v, want %q", command, r, want)
		}
	}
	mustFail(t, exitUsage, "is no height", s.as("auditor", "query", "block", "0")...)
	mustFail(t, exitUsage, "is no height", s.as("auditor", "query", "block", "1x")...)
	mustFail(t, exitFailed, "not yet at 1", s.as("auditor", "query", "block", "1", "--timeout", "2s")...)
	mustFail(t, exitUsage, "is no role", "query", "parties", "--role", "boss", "--api", s.address)
	mustFail(t, exitUsage, "is not an id", s.as("auditor", "query", "transaction", "12")...)
	mustFail(t, exitFailed, "may read only its own", s.as("entity-1", "query", "holdings")...)
	s.does("bank", "deposit", "--to", "entity-1", "--yuan", "1")
	mustFail(t, exitFailed, "may not read blocks", s.as("entity-1", "query", "block", "1")...)
}

// TestAtADayWithoutHyphens: a height that the ledger has not reached, and that reads as
// a day, is refused with both readings wherever a height or a day is given.
func TestAtADayWithoutHyphens(t *testing.T) {
	s := newSolo(t)
	s.does("bank", "deposit", "--to", "entity-1", "--yuan", "1")
	for command, flag := range map[string]string{
		"query holdings entity-1": "at", "query money entity-1": "at", "prove holding entity-1 CEA22": "at", "statement entity-1": "from", "statement entity-1 ": "to",
	} {
		words := func(at string) []string { return s.as("auditor", append(strings.Fields(command), "--"+flag, at)...) }
		r := run(words("20240131")...)
		want := fmt.Sprintf("--%[1]s 20240131 is a height, which the ledger has not reached (it is at height 1), or the day 2024-01-31 without its hyphens: for the day write --%[1]s 2024-01-31\n", flag)
		if r.code != exitUsage || !strings.Contains(r.err, want) {
			t.Errorf("%s: %+v, want %q", command, r, want)
		}
		for _, at := range []string{"20240230", "9999999", "202401310"} { // which are no day
			want := "at_height: " + at + " is above this node's height 1"
			if flag == "from" {
				continue // the end is looked for first
			}
			if r := run(words(at)...); r.code != exitFailed || !strings.Contains(r.err, want) {
				t.Errorf("%s --%s %s: %+v, want %q", command, flag, at, r, want)
			}
		}
	}
	for _, at := range []string{"1", "2024-01-02"} {
		mustRun(t, s.as("auditor", "query", "money", "entity-1", "--at", at)...)
	}
}

func TestStatus(t *testing.T) {
	s := newSolo(t)
	out := mustRun(t, "status", "--api", s.address+",127.0.0.1:1", "--timeout", "5s")
	for _, want := range []string{"leader", "wuhan-1", "SCRIPT CLOCK", "survivable sites  Beijing", "critical sites    Wuhan", "beijing-1", "127.0.0.1:1 ", "connection refused"} {
		if !strings.Contains(out, want) {
			t.Errorf("status lacks %q:\n%s", want, out)
		}
	}
	for _, want := range []string{`beijing-1 +Beijing +no +yes +7 +2 +yes\n`, `shanghai-1 +Shanghai +yes +no +9 +\? +\?\n`, `shanghai-2 +Shanghai +yes +no +4 +\? +no\n`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("status lacks %q:\n%s", want, out)
		}
	}
	var said struct {
		Network map[string]any
		Nodes   []map[string]any
	}
	if err := json.Unmarshal([]byte(mustRun(t, "status", "--api", s.address+",127.0.0.1:1", "--json", "--timeout", "2s")), &said); err != nil ||
		said.Network["leader"] != "wuhan-1" || len(said.Nodes) != 2 || said.Nodes[0]["serving"] != true || said.Nodes[0]["voter"] != true || said.Nodes[1]["error"] == "" {
		t.Errorf("%+v, %v", said, err)
	}
	mustFail(t, exitFailed, "no node of --api serves", "status", "--api", "127.0.0.1:1", "--timeout", "2s")
}

func TestAudit(t *testing.T) {
	s := traded(t)
	copied := s.publish()
	audit := []string{"audit", copied, "--genesis", s.genesis, "--policy", filepath.Join(s.dir, "policy.txt")}
	tables := filepath.Join(t.TempDir(), "tables")
	out := mustRun(t, append(audit, "--export", tables, "--export-format", "csv,parquet")...)
	for _, want := range []string{"verdict        passed", "blocks         26", "cosigned by    carbonledger.test/", "breaks  -"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
	if files, err := os.ReadDir(tables); err != nil || len(files) != 8 {
		t.Errorf("the tables: %v %v", files, err)
	}
	var said map[string]any
	if err := json.Unmarshal([]byte(mustRun(t, append(audit, "--json")...)), &said); err != nil || said["verdict"] != "passed" || said["height"] != 26.0 {
		t.Errorf("%v, %v", said, err)
	}
	mustFail(t, exitUsage, "give --genesis", "audit", copied, "--policy", filepath.Join(s.dir, "policy.txt"))
	mustFail(t, exitFailed, "there is no such directory", "audit", copied+"2", "--genesis", s.genesis, "--policy", filepath.Join(s.dir, "policy.txt"))
	mustFail(t, exitUsage, "is no directory", "audit", s.genesis, "--genesis", s.genesis, "--policy", filepath.Join(s.dir, "policy.txt"))
	mustFail(t, exitUsage, "http://bob:xxxxx@127.0.0.1:1 names a user", "audit", "http://bob:secret@127.0.0.1:1", "--genesis", s.genesis, "--policy", filepath.Join(s.dir, "policy.txt"))
	mustFail(t, exitUsage, "give --dir", append(audit, "--follow", "1s")...)
	mustFail(t, exitUsage, "use csv, parquet", append(audit, "--export", tables, "--export-format", "xls")...)
	mustFail(t, exitFailed, "the policy's line", append(audit, "--policy", s.genesis)...)

	// One flipped byte of one entry.
	bundle, err := filepath.Glob(filepath.Join(copied, "tile", "entries", "*", "*"))
	if err != nil || len(bundle) != 1 {
		t.Fatalf("%v %v", bundle, err)
	}
	raw, err := os.ReadFile(bundle[0])
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(bundle[0], raw, 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(append(audit, "--json")...)
	if json.Unmarshal([]byte(r.out), &said) != nil || r.code != exitFailed || !strings.Contains(r.err, "the history is wrong at entry ") || said["verdict"] != "failed" {
		t.Errorf("%+v", r)
	}
}

// publish writes the ledger's log as files, signed as its one validator would.
func (s *solo) publish() (dir string) {
	s.t.Helper()
	dir = s.t.TempDir()
	v, err := s.ledger.View()
	if err != nil {
		s.t.Fatal(err)
	}
	defer v.Close()
	c := proof.Checkpoint{Origin: "carbonledger.test/script-test", Size: v.LogSize()}
	c.Root, err = proof.Root(c.Size, v.Nodes)
	if err != nil {
		s.t.Fatal(err)
	}
	s.sign(dir, c)
	for _, t := range proof.TilesOf(0, c.Size) {
		b, err := v.Tile(t)
		path := filepath.Join(dir, filepath.FromSlash(t.Path()))
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600)); err != nil {
			s.t.Fatal(err)
		}
	}
	return dir
}

// TestCounted: a long transaction takes one line of a statement.
func TestCounted(t *testing.T) {
	for given, want := range map[string]string{
		"": "", "A": "A", "A A A": "A×3", "A B B A": "A B×2 A",
	} {
		if got := strings.Join(counted(strings.Fields(given)), " "); got != want {
			t.Errorf("%q is shown as %q, want %q", given, got, want)
		}
	}
}
