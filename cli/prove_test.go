package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// week is a network that was founded on 2024-01-02, closed that day, and is on
// 2024-01-04, of which nothing is closed.
func week(t *testing.T) *solo {
	t.Helper()
	s := traded(t)
	s.does("timekeeper", "clock", "set", "2024-01-04T09:00:00+08:00")
	s.does("exchange", "day", "open", "2024-01-04")
	s.does("bank", "deposit", "--to", "entity-1", "--yuan", "5")
	return s
}

// TestDaysThatAreNotThere: a day before the founding, or one that the ledger has not
// reached, is refused in the words that were typed, and nothing is written.
func TestDaysThatAreNotThere(t *testing.T) {
	s := week(t)
	file := filepath.Join(t.TempDir(), "file")
	for command, flags := range map[string][]string{
		"query holdings entity-1": {"at"}, "query money entity-1": {"at"}, "prove holding entity-1 CEA22 --out " + file: {"at"}, "statement entity-1 --out " + file: {"to", "from"},
	} {
		for _, flag := range flags {
			words := func(day string) []string { return s.as("auditor", append(strings.Fields(command), "--"+flag, day)...) }
			for _, day := range []string{"2024-01-05", "2099-01-01", "9999-12-31"} {
				mustFail(t, exitUsage, "--"+flag+" "+day+": the ledger has not reached that day, it is at 2024-01-04 (height ", words(day)...)
			}
			if flag != "from" {
				mustFail(t, exitUsage, "--"+flag+" 2024-01-01: the ledger was founded on 2024-01-02: give a later day", words("2024-01-01")...)
			}
		}
	}
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("something was written: %v", err)
	}
	mustRun(t, s.as("auditor", "query", "holdings", "entity-1", "--at", "2024-01-04")...)
}

// TestProveSaysWhatItProves: a day that is not closed has no proof of its own, and what
// is proven in its place is said.
func TestProveSaysWhatItProves(t *testing.T) {
	s := week(t)
	for at, want := range map[string]string{
		"":           "proof of the close of 2024-01-02 (height 13)\n",
		"16":         "proof of the close of 2024-01-02 (height 13)\n",
		"2024-01-02": "proof of the close of 2024-01-02 (height 13)\n",
		"2024-01-04": "proof of the close of 2024-01-02 (height 13), the newest up to 2024-01-04\n",
	} {
		file := filepath.Join(t.TempDir(), "held.proof")
		r := run(s.as("entity-1", "prove", "holding", "entity-1", "CEA22", "--at", at, "--out", file)...)
		if r.code != exitDone || r.out != "" || r.err != want {
			t.Errorf("--at %q: %+v, want %q", at, r, want)
		}
		if out := mustRun(t, "prove", "verify", file, "--policy", filepath.Join(s.dir, "policy.txt")); !strings.Contains(out, "2024-01-02") {
			t.Error(out)
		}
	}
	if r := run(s.as("entity-1", "prove", "holding", "entity-1", "CEA22")...); r.code != exitDone || !strings.HasPrefix(r.out, "carbonledger/state-proof@v1\n") || r.err != "" {
		t.Errorf("without --out: %+v", r)
	}
	mustFail(t, exitFailed, "there is no account nobody (at height ", s.as("auditor", "prove", "holding", "nobody", "CEA22")...)
	mustFail(t, exitFailed, "there is no instrument CEA99 (at height ", s.as("auditor", "prove", "holding", "entity-1", "CEA99")...)
	mustFail(t, exitFailed, "there is no account nobody (at height ", s.as("auditor", "statement", "nobody")...)
	mustRun(t, s.as("auditor", "prove", "holding", "entity-2", "CEA23")...) // of what is there: that there is none
}

// TestStatementEnds: a statement is between ends in their order, begins at the founding
// where nothing was before, and says which ends it has.
func TestStatementEnds(t *testing.T) {
	s := week(t)
	policy := filepath.Join(s.dir, "policy.txt")
	ask := func(more ...string) []string {
		return s.as("auditor", append([]string{"statement", "entity-1"}, more...)...)
	}
	for _, c := range []struct{ from, to, want string }{
		{"2024-01-04", "2024-01-03", "--from 2024-01-04 is after --to 2024-01-03"},
		{"2099-01-01", "2024-01-02", "--from 2099-01-01 is after --to 2024-01-02"},
		{"12", "5", "--from 12 is after --to 5"},
		{"2024-01-02", "2024-01-01", "--from 2024-01-02 is after --to 2024-01-01"},
	} {
		mustFail(t, exitUsage, c.want, ask("--from", c.from, "--to", c.to)...)
	}
	for _, c := range []struct {
		flags   []string
		says    string
		entries bool
	}{
		{nil, "from the founding to the close of 2024-01-02 (height 13): entries ", true},
		{[]string{"--from", "2024-01-02"}, "from the founding to the close of 2024-01-02 (height 13): entries ", true},
		{[]string{"--from", "2023-01-01", "--to", "2024-01-02"}, "from the founding to the close of 2024-01-02 (height 13): entries ", true},
		{[]string{"--from", "2024-01-03", "--to", "2024-01-04"}, "from the close of 2024-01-02 (height 13) to the close of 2024-01-02 (height 13), the newest up to 2024-01-04: entries 0\n", false},
	} {
		file := filepath.Join(t.TempDir(), "p.statement")
		r := run(ask(append(c.flags, "--out", file)...)...)
		if r.code != exitDone || r.out != "" || !strings.HasPrefix(r.err, "statement of entity-1 "+c.says) || c.entries == strings.HasSuffix(r.err, ": entries 0\n") {
			t.Errorf("%q: %+v, want %q", c.flags, r, c.says)
		}
		var said struct {
			Entries int
			From    string `json:"from_close_of"`
		}
		if err := json.Unmarshal([]byte(mustRun(t, "statement", "verify", file, "--policy", policy, "--json")), &said); err != nil || said.Entries > 0 != c.entries || (said.From == "") != c.entries {
			t.Errorf("%q: %+v %v", c.flags, said, err)
		}
	}
}

// TestStatementOfADayAndAHeight: they have no order until a node says their heights.
func TestStatementOfADayAndAHeight(t *testing.T) {
	s := week(t)
	s.does("exchange", "day", "close", "2024-01-04")
	s.does("exchange", "day", "state", "2024-01-04", "--trades", "0", "--tonnes", "0", "--yuan", "0", "--tradable", "CEA22=2,000", "--tradable", "CEA23=0")
	s.does("timekeeper", "clock", "set", "2024-01-05T09:00:00+08:00")
	mustFail(t, exitUsage, "--from 2024-01-05 is after --to 16: it begins at height ", s.as("auditor", "statement", "entity-1", "--from", "2024-01-05", "--to", "16")...)
	mustRun(t, s.as("auditor", "statement", "entity-1", "--from", "16", "--to", "2024-01-04")...)
}
