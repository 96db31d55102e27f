package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/tx"
)

// traded is a network on which a little happened in every table.
func traded(t *testing.T) *solo {
	t.Helper()
	s := newSolo(t, "--parameter", "obligation.deadline.2023=2024-12-31")
	dir := t.TempDir()
	buy, sell := filepath.Join(dir, "buy.order"), filepath.Join(dir, "sell.order")
	s.does("registry", "issue", "--to", "entity-1", "--instrument", "CEA22", "--tonnes", "10,000", "--document", "D1")
	s.does("bank", "deposit", "--to", "entity-2", "--yuan", "500,000")
	s.does("region", "obligation", "set", "--entity", "entity-1", "--year", "2023", "--tonnes", "5,000")
	s.does("region", "obligation", "set", "--entity", "entity-2", "--year", "2023", "--tonnes", "100")
	s.does("exchange", "day", "open", "2024-01-02")
	for file, side := range map[string][]string{buy: {"entity-2", "buy"}, sell: {"entity-1", "sell"}} {
		mustRun(t, s.as(side[0], "order", "sign", "--side", side[1], "--instrument", "CEA22", "--tonnes", "2,000", "--limit", "80", "--day", "2024-01-02", "--reference", "O-1", "--out", file, "--yes")...)
	}
	s.does("exchange", "trade", "settle", "--price", "80.00", "--tonnes", "1,500", "--buy", buy, "--sell", sell)
	s.does("exchange", "day", "close", "2024-01-02")
	s.does("entity-1", "surrender", "--instrument", "CEA22", "--tonnes", "5,000", "--year", "2023")
	s.does("registry", "offset", "book", "--entity", "entity-2", "--year", "2023", "--tonnes", "5", "--cancellation", "C1")
	return s
}

func TestQueries(t *testing.T) {
	s := traded(t)
	for command, want := range map[string]string{
		"party entity-1":                     `"role":"entity","name":"Entity 1","region":"region"`,
		"parties --role entity":              `"total":2,"complete":true,"cursor":"","parties":[{"id":"entity-1"`,
		"holdings":                           `"holdings":[{"party":"entity-1","instrument":"CEA22","tonnes":3500,"brought_forward_tonnes":0},{"party":"entity-2","instrument":"CEA22","tonnes":1500`,
		"holdings entity-2":                  `"holdings":[{"party":"entity-2"`,
		"money":                              `{"party":"entity-2","yuan":"380000.00","brought_forward_yuan":"0.00"}`,
		"obligations 2023":                   `{"entity":"entity-1","region":"region","year":2023,"due":5000,"surrendered":5000,"offset":0,"short":0,"state":"complete"}`,
		"obligations 2023 --entity entity-2": `"due":100,"surrendered":0,"offset":5,"short":95,"state":"partly"`,
		"regions 2023":                       `{"region":"region","year":2023,"entities":2,"complete":1,"due":5100,"surrendered":5000,"offset":5,"offset_entities":1}`,
		"year 2023":                          `"entities":2,"complete":1,"regions":1,"regions_complete":0,"due":5100,"surrendered":5000,"surrendered_own_vintage":0,"surrendered_older":5000`,
		"bulletin 2024-01-02":                `{"instrument":"CEA22","open":"80.00","high":"80.00","low":"80.00","close":"80.00","previous_close":"79.42","listed_tonnes":1500,"listed_yuan":"120000.00"`,
		"bulletins --instruments":            `{"day":"2024-01-02","closed":true,"instrument":"CEA23","open":"","high":"","low":"","close":"79.42"`,
		"totals 2024":                        `"trading_days":1,"trades":1,"listed_tonnes":1500,"listed_yuan":"120000.00"`,
		"order entity-2 O-1":                 `"quantity":2000,"filled":1500`,
		"parameters":                         `{"name":"obligation.deadline.2023","from":"2024-01-02","value":"2024-12-31","height":0}`,
		"validators":                         `{"name":"wuhan-1","site":"Wuhan","voter":true`,
		"conservation":                       `{"instrument":"CEA22","brought_forward":0,"issued":10000,"held":5000,"surrendered":5000}`,
		"block 1":                            `"operations":["issue 10,000 t of CEA22 to entity-1 by document D1"]`,
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
	if out := mustRun(t, query...); !strings.Contains(out, "2 of 9 parties at height 0; goes on: --cursor ") {
		t.Errorf("one page says\n%s", out)
	}
	var ids []string
	cursor := ""
	for range 9 {
		var page struct {
			Total    int
			Complete bool
			Cursor   string
			Parties  []struct{ ID string }
		}
		if err := json.Unmarshal([]byte(mustRun(t, append(query, "--json", "--cursor", cursor)...)), &page); err != nil || page.Total != 9 {
			t.Fatalf("%+v, %v", page, err)
		}
		for _, p := range page.Parties {
			ids = append(ids, p.ID)
		}
		if cursor = page.Cursor; page.Complete {
			break
		}
	}
	out := mustRun(t, append(query, "--all", "--csv")...)
	if len(ids) != 9 || strings.Count(out, "\n") != 10 {
		t.Errorf("pages hold %v, --all prints\n%s", ids, out)
	}
	if out := mustRun(t, append(query, "--all")...); !strings.Contains(out, "9 of 9 parties at height 0; complete") {
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
		if r := run(append([]string{"query", "--api", s.address, "--timeout", "500ms"}, strings.Fields(command)...)...); r.code != exitFailed || !strings.Contains(r.err, want) {
			t.Errorf("query %s: %+v, want %q", command, r, want)
		}
	}
	mustFail(t, exitUsage, "is no height", s.as("auditor", "query", "block", "0")...)
	mustFail(t, exitUsage, "is no height", s.as("auditor", "query", "block", "1x")...)
	mustFail(t, exitFailed, "not yet at 1", s.as("auditor", "query", "block", "1", "--timeout", "500ms")...)
	mustFail(t, exitUsage, "is no role", "query", "parties", "--role", "boss", "--api", s.address)
	mustFail(t, exitUsage, "is not an id", s.as("auditor", "query", "transaction", "12")...)
	mustFail(t, exitFailed, "may read only its own", s.as("entity-1", "query", "holdings")...)
	s.does("bank", "deposit", "--to", "entity-1", "--yuan", "1")
	mustFail(t, exitFailed, "may not read blocks", s.as("entity-1", "query", "block", "1")...)
}

func TestStatus(t *testing.T) {
	s := newSolo(t)
	out := mustRun(t, "status", "--api", s.address+",127.0.0.1:1", "--timeout", "5s")
	for _, want := range []string{"leader", "wuhan-1", "SCRIPT CLOCK", "survivable sites  Beijing", "critical sites    Wuhan", "beijing-1", "127.0.0.1:1 ", "connection refused"} {
		if !strings.Contains(out, want) {
			t.Errorf("status lacks %q:\n%s", want, out)
		}
	}
	var said struct {
		Network map[string]any
		Nodes   []map[string]any
	}
	if err := json.Unmarshal([]byte(mustRun(t, "status", "--api", s.address+",127.0.0.1:1", "--json", "--timeout", "500ms")), &said); err != nil ||
		said.Network["leader"] != "wuhan-1" || len(said.Nodes) != 2 || said.Nodes[0]["serving"] != true || said.Nodes[0]["voter"] != true || said.Nodes[1]["error"] == "" {
		t.Errorf("%+v, %v", said, err)
	}
	mustFail(t, exitFailed, "no node of --api serves", "status", "--api", "127.0.0.1:1", "--timeout", "300ms")
}

func TestAudit(t *testing.T) {
	s := traded(t)
	copied := filepath.Join(t.TempDir(), "copy")
	out := mustRun(t, s.as("auditor", "audit", "--save", copied)...)
	for _, want := range []string{"verdict               passed", "blocks                9", "confirmed by          wuhan-1", "breaks  -"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
	fromDir := []string{"audit", "--from-dir", copied, "--genesis", s.genesis}
	var said map[string]any
	if err := json.Unmarshal([]byte(mustRun(t, append(fromDir, "--json")...)), &said); err != nil || said["verdict"] != "passed" || said["height"] != 9.0 {
		t.Errorf("%v, %v", said, err)
	}
	mustFail(t, exitFailed, "not confirmed by 2 of 1", append(fromDir, "--k", "2")...)
	if out := mustRun(t, append(fromDir, "--k", "2", "--unconfirmed")...); !strings.Contains(out, "unconfirmed") {
		t.Errorf("--unconfirmed prints\n%s", out)
	}
	mustFail(t, exitUsage, "not for everybody", "audit", "--api", s.address, "--genesis", s.genesis)
	mustFail(t, exitFailed, "may not read blocks", s.as("entity-1", "audit")...)
	mustFail(t, exitFailed, "no such file", "audit", "--from-dir", copied+"2", "--genesis", s.genesis)
	mustFail(t, exitUsage, "is no directory", "audit", "--from-dir", s.genesis, "--genesis", s.genesis)

	// One flipped byte of one block.
	block := filepath.Join(copied, "000000000006.block")
	raw, err := os.ReadFile(block)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(block, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	r := run(append(fromDir, "--json")...)
	if json.Unmarshal([]byte(r.out), &said) != nil || r.code != exitFailed || !strings.Contains(r.err, "the history is wrong at height 6") || said["verdict"] != "failed" {
		t.Errorf("%+v", r)
	}
	if d, ok := said["difference"].(map[string]any); !ok || d["height"] != 6.0 || d["what"] == "" {
		t.Errorf("the difference is %v", said["difference"])
	}
	if r := run(append(fromDir, "--unconfirmed")...); r.code != exitFailed {
		t.Errorf("--unconfirmed forgives a difference: %+v", r)
	}
}
