package binary

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/node/api"
)

// TestArchive: a closed day of a network goes into an archive, which is audited,
// served, and found out where it is damaged; a validator that is told of it drops
// its old entries, says where they are, and is audited all the same.
func TestArchive(t *testing.T) {
	n := newNetwork(t, three(), "--chain-id", "script-test", "--clock", "script", "--start", "2024-01-02T09:00:00+08:00")
	n.chain = "script-test"
	n.startAll()
	n.does("exchange", "day", "open", "2024-01-02")
	n.fill("many", 5, 520)
	first := n.does("bank", "deposit", "--to", "entity-1", "--yuan", "7")
	n.does("exchange", "day", "close", "2024-01-02")
	n.does("bank", "deposit", "--to", "entity-1", "--yuan", "1")
	dir := filepath.Join(t.TempDir(), "archive")
	policy, token := filepath.Join(n.dir, "policy.txt"), filepath.Join(n.dir, "keys", "auditor.token")
	into := func(dir string, words ...string) []string {
		args := []string{"archive"}
		for _, v := range n.nodes {
			args = append(args, "http://"+v.log)
		}
		return append(append(args, "--until", "2024-01-31", "--policy", policy), append(words, dir)...)
	}
	awaitAnswer(t, "the checkpoint of a day", func() (any, error) {
		if r := command(t, into(dir, "--token-file", token)...); r.code != 0 {
			return nil, fmt.Errorf("exit code %d: %s", r.code, r.errOut)
		}
		return nil, nil
	})
	again := command(t, into(dir, "--token-file", token, "--json")...).must(t).parsed(t)
	if again["day"] != "2024-01-02" || again["bytes_fetched"] != 0.0 || again["size"].(float64) < 2604 || again["bytes"].(float64) < 500_000 {
		t.Errorf("the archive again: %v", again)
	}
	command(t, "audit", dir, "--genesis", n.genesis, "--policy", policy).want(t, 0, "passed")
	command(t, "archive", dir, "--until", "2024-01-02", "--policy", policy, filepath.Join(t.TempDir(), "second")).want(t, 0, "2024-01-02")
	archiveUsage(t, n, into)
	damagedArchive(t, n, dir, into(dir, "--token-file", token))
	receiptsOfLogs(t, n, dir, first.field(t, "registration number"))
	drops(t, n, dir, first.field(t, "transaction"))
}

// archiveUsage: what is missing or of others is said.
func archiveUsage(t *testing.T, n *network, into func(string, ...string) []string) {
	fresh := filepath.Join(t.TempDir(), "fresh")
	command(t, into(fresh)...).want(t, 1, "--token-file")
	command(t, into(fresh, "--until", "soon")...).want(t, 2, "soon")
	command(t, into(fresh, "--until", "2023-12-31")...).want(t, 1, "no log has a checkpoint that was kept for a day from 2023-11-02 to 2023-12-31")
	command(t, "archive", fresh, "--until", "2024-01-02", "--policy", filepath.Join(n.dir, "policy.txt")).want(t, 2)
	command(t, "archive", "http://"+n.nodes[0].log, fresh, "--policy", filepath.Join(n.dir, "policy.txt")).want(t, 2, "until")
	command(t, "archive", filepath.Join(n.dir, "nowhere"), fresh, "--until", "2024-01-02", "--policy", filepath.Join(n.dir, "policy.txt")).want(t, 1, "nowhere")
	other := newNetwork(t, []string{"Wuhan"})
	command(t, into(fresh, "--policy", filepath.Join(other.dir, "policy.txt"))...).want(t, 1, "does not count by the policy")
	if _, err := os.Stat(fresh); err == nil {
		files, _ := os.ReadDir(fresh)
		t.Errorf("something was written: %v", files)
	}
}

// damagedArchive: audit and archive end at the first wrong thing, in one line, and
// leave it as it is.
func damagedArchive(t *testing.T, n *network, dir string, again []string) {
	policy := filepath.Join(n.dir, "policy.txt")
	says := func(what, text string, args ...string) {
		t.Helper()
		r := command(t, args...).want(t, 1, text)
		if strings.Count(strings.TrimSpace(r.errOut), "\n") > 0 {
			t.Errorf("%s: more than a line: %s", what, r.errOut)
		}
	}
	for _, name := range []string{"tile/entries/003", "tile/0/003"} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		restore := flip(t, file, size(t, file)/2)
		says(name+" flipped", name, again...)
		says(name+" flipped, as the source", name, "archive", dir, filepath.Join(t.TempDir(), "out"), "--until", "2024-01-02", "--policy", policy)
		if strings.Contains(name, "entries") {
			says(name+" flipped, audited", "the history is wrong at entry ", "audit", dir, "--genesis", n.genesis, "--policy", policy)
		}
		restore()
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, whole[:len(whole)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		says(name+" cut", name, again...)
		if strings.Contains(name, "entries") {
			says(name+" cut, audited", "entry 768", "audit", dir, "--genesis", n.genesis, "--policy", policy)
		}
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command(t, again...).must(t)
}

// receiptsOfLogs are made from an archive and from a validator, by number alone.
func receiptsOfLogs(t *testing.T, n *network, dir, number string) {
	policy, token := filepath.Join(n.dir, "policy.txt"), filepath.Join(n.dir, "keys", "auditor.token")
	for i, log := range []string{dir, "http://" + n.nodes[1].log} {
		file := filepath.Join(t.TempDir(), fmt.Sprint(i))
		command(t, "receipt", "get", number, "--log", log, "--token-file", token, "--out", file).must(t)
		command(t, "receipt", "verify", file, "--policy", policy, "--genesis", n.genesis).want(t, 0, "verified", "registration number  "+number)
	}
	command(t, "receipt", "get", strings.Repeat("ab", 32), "--log", dir).want(t, 2, "a log is not searched")
	command(t, "receipt", "get", "999999", "--log", dir).want(t, 1, "ask a log that has number 999999")
	file := filepath.Join(dir, "tile", "entries", "000")
	restore := flip(t, file, size(t, file)/2)
	damaged := 0
	for i := range 256 {
		if r := command(t, "receipt", "get", fmt.Sprint(i), "--log", dir); r.code != 0 {
			r.want(t, 1, dir)
			damaged++
			break
		}
	}
	restore()
	if damaged == 0 {
		t.Error("no receipt of a damaged bundle was refused")
	}
}

// drops: a validator is told of an archive which asks for a token.
func drops(t *testing.T, n *network, dir, id string) {
	token, err := os.ReadFile(filepath.Join(n.dir, "keys", "auditor.token"))
	if err != nil {
		t.Fatal(err)
	}
	files := http.FileServer(http.Dir(dir))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/tile/entries/") && r.Header.Get("Authorization") != "Bearer "+strings.TrimSpace(string(token)) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	v := n.nodes[2]
	n.stop(v)
	v.flags = []string{"--archive", web.URL}
	n.start(v)
	n.awaitServing(v)
	n.awaitStatus(v, "is refused by the archive", func(s *api.StatusResponse) bool {
		return strings.Contains(s.Log.ArchiveProblem, "401 Unauthorized") && s.Log.EntriesFrom == 0
	})
	command(t, "status", "--api", v.api).want(t, 0, v.name+": no more entries are dropped: ", "401 Unauthorized")
	n.stop(v)
	v.flags = []string{"--archive", web.URL, "--archive-token-file", filepath.Join(n.dir, "keys", "auditor.token")}
	n.start(v)
	n.awaitServing(v)
	n.awaitStatus(v, "drops", func(s *api.StatusResponse) bool { return s.Log.EntriesFrom == 512 && s.Log.ArchiveProblem == "" })
	command(t, "status", "--api", v.api).want(t, 0, v.name+": entries from 512, older ones at "+web.URL)
	if from := scrape(t, v)["carbonledger_log_entries_from"]; from != 512 {
		t.Errorf("the metric says %v", from)
	}
	n.audit([]*validator{v}).want(t, 0, "passed")
	n.audit([]*validator{v, n.nodes[0]}).want(t, 0, "passed")

	// What people ask of it says where to go; another node still has it.
	n.asAt([]*validator{v}, "auditor", "query", "block", "2").want(t, 1, "is not on this node any more, it is in the archive "+web.URL)
	n.asAt(n.nodes[:1], "auditor", "query", "block", "2").want(t, 0)
	block := n.asAt(n.nodes[:1], "auditor", "query", "block", "2", "--json").must(t)
	old := firstID(t, block.out)
	n.asAt([]*validator{v}, "bank", "receipt", "get", old).want(t, 1, "is not on this node any more", web.URL)
	n.asAt([]*validator{v}, "bank", "receipt", "get", id).must(t)
	n.asAt(n.nodes[:1], "bank", "receipt", "get", old).must(t)

	// It goes on after a crash, from where it was.
	n.does("bank", "deposit", "--to", "entity-1", "--yuan", "2")
	n.kill(v)
	n.start(v)
	n.awaitServing(v)
	n.awaitStatus(v, "is as before", func(s *api.StatusResponse) bool { return s.Log.EntriesFrom == 512 && s.Log.Problem == "" })
	n.awaitSame(n.nodes...)

	file := filepath.Join(t.TempDir(), "node.toml")
	for text, says := range map[string]string{
		`archive = "ftp://elsewhere"`:                 "--archive",
		`archive = "archive"`:                         "no http:// or https:// URL",
		`archive = "https://me:secret@archive"`:       "without a password",
		`archive-token-file = "token"`:                "--archive-token-file is for --archive",
		"archive = 'https://a'\narchive-tokens = 'b'": "archive-tokens: there is no flag",
	} {
		if err := os.WriteFile(file, []byte("data = '"+v.dir+"'\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		command(t, "config", "check", file).want(t, 2, says)
	}
}

// firstID in JSON.
func firstID(t *testing.T, out string) string {
	t.Helper()
	_, rest, ok := strings.Cut(out, `"id":"`)
	id, _, end := strings.Cut(rest, `"`)
	if !ok || !end {
		t.Fatalf("no id in %s", out)
	}
	return id
}
