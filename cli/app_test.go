package cli

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestUsageErrors(t *testing.T) {
	for _, c := range []struct {
		want string
		args []string
	}{
		{"unknown command \"bogus\"", []string{"bogus"}},
		{"unknown flag: --bogus", []string{"version", "--bogus"}},
		{"unknown flag: --bogus", []string{"--bogus"}},
		{"unknown command \"extra\"", []string{"version", "extra"}},
		{"required flag(s)", []string{"issue"}},
		{"--tonnes", []string{"issue", "--to", "a", "--instrument", "b", "--document", "c", "--tonnes", "1,00"}},
		{"account needs a command", []string{"account"}},
		{"account has no command \"rename\"", []string{"account", "rename"}},
		{"give --party", []string{"day", "open", "2024-01-02"}},
		{"give --key", []string{"day", "open", "2024-01-02", "--party", "exchange"}},
		{"give --genesis", []string{"day", "open", "2024-01-02", "--party", "exchange", "--key", "k"}},
		{"is not a day", []string{"day", "open", "tomorrow"}},
		{"is no year", []string{"query", "year", "23"}},
		{"--json or --csv", []string{"query", "parties", "--csv", "--json"}},
		{"not for everybody", []string{"query", "holdings"}},
		{"no such file", []string{"receipt", "abc"}},
		{"invalid argument \"soon\"", []string{"status", "--timeout", "soon"}},
		{"\"policy\" not set", []string{"audit", "copy"}},
	} {
		mustFail(t, exitUsage, c.want, c.args...)
	}
}

// TestHelp: every command says what it does, and every one that does something
// with arguments or flags of its own shows an example or explains itself.
func TestHelp(t *testing.T) {
	started := false
	root := newRoot(&started)
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Hidden || cmd.Name() == "help" || cmd.Name() == "completion" {
			return
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: its summary is %q", cmd.CommandPath(), cmd.Short)
		}
		if cmd.HasAvailableSubCommands() {
			for _, c := range cmd.Commands() {
				walk(c)
			}
		} else if cmd.Example != "" && !strings.Contains(cmd.Example, cmd.CommandPath()) && cmd.CommandPath() != "carbonledger query receipt" {
			t.Errorf("%s: its example is of another command:\n%s", cmd.CommandPath(), cmd.Example)
		}
		if out := mustRun(t, append(strings.Fields(cmd.CommandPath())[1:], "--help")...); !strings.Contains(out, "Usage:") {
			t.Errorf("%s --help prints %q", cmd.CommandPath(), out)
		}
	}
	walk(root)
}

// TestExamplesParse: every flag in an example exists.
func TestExamplesParse(t *testing.T) {
	started := false
	root := newRoot(&started)
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, line := range strings.Split(strings.ReplaceAll(cmd.Example, "\\\n", ""), "\n") {
			for _, word := range strings.Fields(line) {
				name, ok := strings.CutPrefix(word, "--")
				name, _, _ = strings.Cut(name, "=")
				if !ok || strings.Contains(line, "$(") {
					continue
				}
				target, _, err := root.Find(strings.Fields(line)[1:])
				if err != nil || target.Flags().Lookup(name) == nil && target.InheritedFlags().Lookup(name) == nil {
					t.Errorf("%s: the example %q uses --%s, which does not exist (%v)", cmd.CommandPath(), line, name, err)
				}
			}
		}
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(root)
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out := mustRun(t, "completion", shell); !strings.Contains(out, "carbonledger") {
			t.Errorf("%s: %.80q", shell, out)
		}
	}
	if out := mustRun(t, "__complete", "query", "tot"); !strings.HasPrefix(out, "totals\t") {
		t.Errorf("query tot completes to %q", out)
	}
}

func TestVersion(t *testing.T) {
	if out := mustRun(t, "version", "--json"); !strings.Contains(out, `"protocol_version":1`) || !strings.Contains(out, `"go":"go1.`) {
		t.Errorf("version prints %s", out)
	}
}

func TestShellLine(t *testing.T) {
	got := shellLine([]string{"carbonledger", "submit", "a b.tx", "it's", "", "x=1", "é", "$HOME", "/tmp/a-1.tx"})
	const want = `carbonledger submit 'a b.tx' 'it'\''s' '' x=1 'é' '$HOME' /tmp/a-1.tx`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
