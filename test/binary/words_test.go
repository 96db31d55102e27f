package binary

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestWords: what the program says without any network.
func TestWords(t *testing.T) {
	command(t, "help").want(t, 0, "Run a network:", "Ask the ledger for an operation:", "surrender", "audit", "Exit codes: 0 done; 1 failed")
	command(t, "surrender", "--help").want(t, 0, "--tonnes", "--dry-run", "--expiry", "A later\nvintage cannot cover an earlier year")
	command(t, "help", "validator", "set").want(t, 0, "Usage:", "carbonledger validator set")
	command(t).want(t, 0, "Usage:")
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"surender"}, "surender"},
		{[]string{"surrender", "--tons", "4"}, "--tons"},
		{[]string{"submit"}, "requires at least 1 arg"},
		{[]string{"key"}, "carbonledger key needs a command"},
		{[]string{"key", "steal"}, `carbonledger key has no command "steal"`},
		{[]string{"node"}, `"data" not set`},
		{[]string{"init"}, "node or genesis, or --all N"},
		{[]string{"surrender", "--instrument", "CEA22", "--tonnes", "-5", "--year", "2023", "--application", "s"}, "-5"},
		{[]string{"deposit", "--to", "e", "--yuan", "0.001"}, "0.001"},
		{[]string{"surrender", "--instrument", "CEA22", "--tonnes", "9223372036854775808", "--year", "2023"}, "9223372036854775808"},
		{[]string{"status", "--timeout", "soon"}, "soon"},
		{[]string{"audit", "--policy", "p"}, "requires at least 1 arg"},
		{[]string{"issue", "--to", "e", "--instrument", "CEA22", "--stage", "final", "--table", strings.Repeat("ab", 32), "--tonnes", "5", "--document", "d"}, "--party"},
	} {
		command(t, c.args...).want(t, 2, "carbonledger: ", c.says, "--help")
	}
	v := command(t, "version", "--json").want(t, 0).parsed(t)
	if v["version"] == "" || v["protocol_version"] != float64(1) || !strings.HasPrefix(v["go"].(string), "go1.") || v["platform"] == "" {
		t.Errorf("version --json prints %v", v)
	}
}

// TestCompletion: the script for bash is one that bash reads, and the program
// completes what it offers.
func TestCompletion(t *testing.T) {
	script := command(t, "completion", "bash").want(t, 0, "__start_carbonledger").out
	file := filepath.Join(t.TempDir(), "completion.bash")
	if err := os.WriteFile(file, []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	if bash, err := exec.LookPath("bash"); err == nil {
		if out, err := exec.Command(bash, "-n", file).CombinedOutput(); err != nil {
			t.Errorf("bash does not read the completion script: %v\n%s", err, out)
		}
	}
	for _, other := range []string{"zsh", "fish", "powershell"} {
		command(t, "completion", other).want(t, 0, "carbonledger")
	}
	command(t, "__complete", "surr").want(t, 0, "surrender\t")
	command(t, "__complete", "validator", "").want(t, 0, "remove\t", "set\t")
}

// TestConfigCheck names line and field of what is wrong in a genesis document
// and in a configuration file.
func TestConfigCheck(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	command(t, "init", "--all", "3", "--dir", dir).must(t)
	good := filepath.Join(dir, "genesis.toml")
	hash := command(t, "config", "check", "--genesis", good).want(t, 0, "chain id", "validators").field(t, "genesis hash")
	if len(hash) != 64 {
		t.Errorf("the genesis hash is %q", hash)
	}
	command(t, "init", "--all", "3", "--dir", dir).want(t, 2, dir+" is not empty")

	content, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(content), "\n")
	line := func(begin string) int {
		for i, l := range lines {
			if strings.HasPrefix(l, begin) {
				return i
			}
		}
		t.Fatalf("no line of genesis begins with %q", begin)
		return 0
	}
	for _, c := range []struct{ begin, instead, says string }{
		{"clock", `clock = "sundial"`, "clock"},
		{"chain_id", `chain_id = 7`, "chain_id"},
		{"site", `sight = "Wuhan"`, "sight"},
		{"role", `role = "emperor"`, "role"},
	} {
		i := line(c.begin)
		bad := append(append(append([]string{}, lines[:i]...), c.instead), lines[i+1:]...)
		file := filepath.Join(t.TempDir(), "bad.toml")
		if err := os.WriteFile(file, []byte(strings.Join(bad, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
		r := command(t, "config", "check", "--genesis", file).want(t, 1, file, c.says)
		if !strings.Contains(r.errOut, ":"+strconv.Itoa(i+1)) && !strings.Contains(r.errOut, "line "+strconv.Itoa(i+1)) {
			t.Errorf("%s in line %d: the error names another line: %s", c.instead, i+1, r.errOut)
		}
	}

	settings := filepath.Join(t.TempDir(), "settings.toml")
	if err := os.WriteFile(settings, []byte("party = \"bank\"\ntimeout = \"soon\"\ncolour = \"red\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, "config", "check", settings).want(t, 2, settings+":3: colour: there is no flag of this name")
	if err := os.WriteFile(settings, []byte("party = \"bank\"\ntimeout = \"soon\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, "config", "check", settings).want(t, 2, settings+":2", "timeout")
	if err := os.WriteFile(settings, []byte("party = \"bank\"\ngenesis = '"+good+"'\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	command(t, "config", "check", settings).want(t, 0, "party", "bank", "file", hash)
}
