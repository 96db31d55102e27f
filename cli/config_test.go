package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// effective runs config check and returns setting → value and source.
func effective(t *testing.T, args ...string) map[string][2]string {
	t.Helper()
	var said struct {
		Settings []struct{ Setting, Value, From string }
	}
	if err := json.Unmarshal([]byte(mustRun(t, append([]string{"config", "check", "--json"}, args...)...)), &said); err != nil {
		t.Fatal(err)
	}
	all := map[string][2]string{}
	for _, s := range said.Settings {
		all[s.Setting] = [2]string{s.Value, s.From}
	}
	return all
}

func TestFlagBeforeEnvironmentBeforeFile(t *testing.T) {
	net := filepath.Join(t.TempDir(), "net")
	mustRun(t, "init", "--all", "1", "--dir", net)
	data, document := filepath.Join(net, "nodes", "wuhan-1"), filepath.Join(net, "genesis.toml")
	file := textFile(t, "party = 'from-file'\ntimeout = '5s'\nca = 'file.pem'\napi = ['a:1', 'b:2']\ndata = '"+data+"'\ngenesis = '"+document+"'\nfrom = 2024-01-02\n")
	t.Setenv("CARBONLEDGER_PARTY", "from-environment")
	t.Setenv("CARBONLEDGER_CA", "environment.pem")
	got := effective(t, file, "--ca", "flag.pem")
	for name, want := range map[string][2]string{
		"ca": {"flag.pem", "flag"}, "party": {"from-environment", "environment"}, "timeout": {"5s", "file"}, "api": {"a:1,b:2", "file"},
		"key": {"", "default"}, "tls": {"false", "default"}, "data": {data, "file"}, "from": {"2024-01-02", "file"},
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

// TestSettingsReachTheCommand: not only config check sees them.
func TestSettingsReachTheCommand(t *testing.T) {
	g, ran := &globals{}, false
	cmd := &cobra.Command{Use: "x", RunE: func(*cobra.Command, []string) error { ran = true; return nil }}
	var lists, slices []string
	var needed string
	cmd.Flags().StringArrayVar(&lists, "cosign", nil, "")
	cmd.Flags().StringSliceVar(&slices, "api", []string{"default"}, "")
	cmd.Flags().StringVar(&needed, "party", "", "")
	cmd.Flags().StringVar(&g.config, "config", textFile(t, "cosign = ['a,b', 'c']\napi = ['x', 'y']\nparty = 'p'\n"), "")
	_ = cmd.MarkFlagRequired("party")
	cmd.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return g.load(cmd) }
	cmd.SetArgs(nil)
	if err := cmd.Execute(); err != nil || !ran {
		t.Fatal(err)
	}
	if strings.Join(lists, "|") != "a,b|c" || strings.Join(slices, "|") != "x|y" || needed != "p" {
		t.Errorf("lists %q, slices %q, needed %q", lists, slices, needed)
	}
}

func TestConfigurationFileIsFound(t *testing.T) {
	t.Chdir(t.TempDir())
	if got := effective(t); got["party"][1] != "default" {
		t.Errorf("without a file the party is %v", got["party"])
	}
	if err := os.WriteFile(defaultConfig, []byte("party = 'here'"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := effective(t); got["party"] != [2]string{"here", "file"} {
		t.Errorf("the party is %v", got["party"])
	}
	t.Setenv(configVariable, textFile(t, "party = 'named'"))
	if got := effective(t); got["party"] != [2]string{"named", "file"} {
		t.Errorf("the party is %v", got["party"])
	}
	if got := effective(t, "--config", textFile(t, "party = 'flag'")); got["party"] != [2]string{"flag", "file"} {
		t.Errorf("the party is %v", got["party"])
	}
	t.Setenv(configVariable, filepath.Join(t.TempDir(), "none.toml"))
	mustFail(t, exitUsage, "no such file", "version")
}

func TestConfigurationRefuses(t *testing.T) {
	for content, want := range map[string]string{
		"party = 'a'\n\npatry = 'b'\n":          ":3: patry: there is no flag of this name",
		"party = 'a\n":                          ":1:",
		"[node]\ndata = 'x'\n":                  ":1: node: there is no flag of this name",
		"config = 'other.toml'\n":               ":1: config: there is no flag of this name",
		"timeout = 1.5\n":                       ":1: timeout: use a text",
		"timeout = 'soon'\n":                    ":1: ",
		"# c\njson = 'perhaps'\n":               ":2: ",
		"party = ['a', 'b']\n":                  ":1: party: takes one value",
		"api = [['a'], ['b']]\n":                ":1: api: use a list of texts",
		"party = 'a'\nparty = 'b'\n":            ":2",
		"tonnes = 'many'\n":                     ":1: ",
		"nonsense = 1\nparty = 'a'\nmore = 2\n": ":3: more: there is no flag",
	} {
		file := textFile(t, content)
		r := run("config", "check", file)
		if r.code != exitUsage || !strings.Contains(r.err, file+want) && !strings.Contains(r.err, want) {
			t.Errorf("%q: exit code %d, message %q; want %q", content, r.code, r.err, want)
		}
	}
	t.Setenv("CARBONLEDGER_TIMEOUT", "soon")
	mustFail(t, exitUsage, "CARBONLEDGER_TIMEOUT", "version")
}

// TestConfigCheckReadsTheGenesisDocument that the file names.
func TestConfigCheckReadsTheGenesisDocument(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	mustRun(t, "init", "--all", "1", "--dir", dir)
	file := textFile(t, "genesis = '"+filepath.Join(dir, "genesis.toml")+"'\n")
	if out := mustRun(t, "config", "check", file); !strings.Contains(out, "genesis hash") || !strings.Contains(out, "validators") {
		t.Errorf("config check prints\n%s", out)
	}
	bad := textFile(t, "chain_id = 'x'\nclock = 'sun'\n")
	mustFail(t, exitFailed, ":1: protocol_version", "config", "check", "--genesis", bad)
	mustFail(t, exitFailed, ":1: protocol_version", "config", "check", textFile(t, "genesis = '"+bad+"'\n"))
	mustFail(t, exitFailed, "no such file", "config", "check", "--genesis", filepath.Join(dir, "none"))
}

// TestConfigCheckFindsWhatKeepsANodeFromStarting, and "node" refuses the same
// settings as wrong usage.
func TestConfigCheckFindsWhatKeepsANodeFromStarting(t *testing.T) {
	net := filepath.Join(t.TempDir(), "net")
	mustRun(t, "init", "--all", "1", "--dir", net)
	good := "data = '" + filepath.Join(net, "nodes", "wuhan-1") + "'\ngenesis = '" + filepath.Join(net, "genesis.toml") + "'\n"
	mustRun(t, "config", "check", textFile(t, good))
	mustRun(t, "config", "check", textFile(t, "profile = 'loopback'\n"))
	for settings, want := range map[string]string{
		"profile = 'wam'":                         "use wan or loopback",
		"api-listen = '0.0.0.0:7999'":             "needs TLS",
		"api-listen = 'nonsense'":                 "--api-listen",
		"metrics-listen = '1:2:3'":                "--metrics-listen",
		"metrics-listen = '127.0.0.1:port'":       "--metrics-listen",
		"tls-cert = 'cert.pem'":                   "belong together",
		"min-free-disk = 'much'":                  "min-free-disk",
		"api-listen = '0.0.0.0:1'\nca = 'ca.pem'": "needs TLS",
	} {
		file := textFile(t, good+settings+"\n")
		mustFail(t, exitUsage, want, "config", "check", file)
		mustFail(t, exitUsage, want, "config", "check", textFile(t, settings+"\n"))
		mustFail(t, exitUsage, want, "node", "--config", file)
	}
	for settings, want := range map[string]string{
		"data = '/nonexistent'":                                   "/nonexistent is no validator's data directory",
		"data = '" + filepath.Join(net, "nodes", "wuhan-1") + "'": "genesis.toml: no such file",
		good + "tls-cert = '/none.pem'\ntls-key = '/none.pem'\n":  "/none.pem",
	} {
		mustFail(t, exitFailed, want, "config", "check", textFile(t, settings+"\n"))
	}
	t.Setenv("CARBONLEDGER_PROFILE", "moon")
	mustFail(t, exitUsage, "use wan or loopback", "config", "check")
}

// TestConfigCheckDoubtsAStartFarFromNow where time comes from the wall.
func TestConfigCheckDoubtsAStartFarFromNow(t *testing.T) {
	check := func(flags ...string) string {
		dir := filepath.Join(t.TempDir(), "net")
		mustRun(t, append([]string{"init", "--all", "1", "--dir", dir}, flags...)...)
		r := run("config", "check", "--genesis", filepath.Join(dir, "genesis.toml"))
		if r.code != exitDone {
			t.Errorf("exit code %d: %s", r.code, r.err)
		}
		return r.err
	}
	const start = "2024-01-01T00:00:00+08:00"
	if said := check("--start", start); !strings.Contains(said, "more than a day from now") {
		t.Errorf("of %s it says %q", start, said)
	}
	for _, flags := range [][]string{nil, {"--start", start, "--clock", "script"}} {
		if said := check(flags...); said != "" {
			t.Errorf("with %q it says %q", flags, said)
		}
	}
}

// TestAFlagOfTheSameNameIsNotSet: init genesis has a --party of another kind,
// which the party that asks must not fill in.
func TestAFlagOfTheSameNameIsNotSet(t *testing.T) {
	t.Setenv("CARBONLEDGER_PARTY", "registry")
	_, line := initNode(t, "wuhan-1", "Wuhan")
	r := run("init", "genesis", strings.TrimSpace(line), "--chain-id", "x", "--out", filepath.Join(t.TempDir(), "genesis.toml"))
	if strings.Contains(r.err, "--party \"registry\"") {
		t.Errorf("the party of the environment became a party of the document: %s", r.err)
	}
}
