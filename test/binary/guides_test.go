package binary

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"carbonledger/tx"
)

// guides are the documents that are run, and how long each may be: a guide is
// read under pressure.
var guides = map[string]int{"operators.md": 300, "institutions.md": 328, "auditors.md": 148}

func TestGuides(t *testing.T) {
	for name, lines := range guides {
		t.Run(strings.TrimSuffix(name, ".md"), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join("..", "..", "docs", name)
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(content), "\n"); n > lines {
				t.Errorf("%s has %d lines, at most %d", path, n, lines)
			}
			if err := tryGuide(t, path, string(content)); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		})
	}
}

// tryGuide runs a guide and says what is wrong with it.
func tryGuide(t *testing.T, path, text string) error {
	t.Helper()
	blocks, err := guideBlocks(text)
	if err != nil {
		return err
	}
	s := newGuideShell(t, text)
	for i, b := range blocks {
		if b.language != "sh" {
			continue
		}
		pattern := ""
		if i+1 < len(blocks) && blocks[i+1].language == "output" {
			pattern = blocks[i+1].text
		}
		if err := s.run(b.text, pattern); err != nil {
			return fmt.Errorf("line %d: %w", b.line, err)
		}
	}
	if want := strings.Count("\n"+text, "\n```sh"); s.ran != want || want == 0 {
		return fmt.Errorf("it has %d blocks of commands, %d were run", want, s.ran)
	}
	return errors.Join(s.checkCodes(text), s.checkFlags(text), s.checkMetrics(text), checkGuideLinks(path, text), checkGuideReasons(path, text))
}

// TestBadGuides: a guide that is not true is found out.
func TestBadGuides(t *testing.T) {
	sh := func(commands string) string { return "```sh\n" + commands + "\n```\n" }
	const codes = "| 0 | done |\n"
	for name, c := range map[string]struct{ text, want string }{
		"another language":  {"```bash\nls\n```\n", "marked \"bash\""},
		"no language":       {"```\nls\n```\n", "marked \"\""},
		"an open block":     {"```sh\nls\n", "does not end"},
		"output alone":      {"```output\n1\n```\n", "without the commands"},
		"nothing to run":    {"ls\n", "0 blocks of commands"},
		"a failing command": {sh("ls nowhere"), "a command failed"},
		"a code not shown":  {sh("carbonledger surrender || true") + "| 2 | usage |\n", "exit code 2, which the guide does not show"},
		"a code not listed": {sh("carbonledger version"), "lacks 0"},
		"a code not seen":   {sh("carbonledger version") + codes + "| 4 | unknown |\n", "exit code 4, which no command"},
		"another output":    {sh("echo one; echo two") + "```output\none\n```\n", "the program prints\none\ntwo"},
		"a flag of none":    {sh("carbonledger version") + codes + "Use `--no-such-flag`.\n", "no-such-flag"},
		"a link to nothing": {sh("carbonledger version") + codes + "[that](nowhere.md)\n", "nowhere.md"},
		"a demo left behind": {sh("carbonledger demo --keep --scenario " + smallScenario(t) + ` --data demo >demo.txt 2>&1 &
until grep -s 'runs until Ctrl-C' demo.txt; do kill -0 $! || break; sleep 1; done
carbonledger audit $(cat demo/logs.txt) --config demo/visitor.toml --policy demo/policy.txt --token-file demo/keys/auditor.token
ls nowhere`), "verdict        passed"},
		"a metric without end": {sh("carbonledger version") + codes + "`carbonledger_height`\n", "no validator runs at its end"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tryGuide(t, filepath.Join(t.TempDir(), "guide.md"), c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the guide\n%s\nhas the error %v, want one with %q", c.text, err, c.want)
			}
		})
	}
	if checkGuideReasons("institutions.md", "INSUFFICIENT_HOLDING") == nil {
		t.Error("a guide of institutions with one reason has all of them")
	}
}

// guideBlock is what stands between two fences.
type guideBlock struct {
	line           int // of the first fence
	language, text string
}

var guideLanguages = []string{"sh", "output", "text", "toml", "ini"}

func guideBlocks(text string) ([]guideBlock, error) {
	var all []guideBlock
	open := false
	for i, line := range strings.Split(text, "\n") {
		language, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && open:
			open = false
		case fence && !slices.Contains(guideLanguages, language):
			return nil, fmt.Errorf("line %d: a block is marked %q: use one of %v", i+1, language, guideLanguages)
		case fence && language == "output" && (len(all) == 0 || all[len(all)-1].language != "sh"):
			return nil, fmt.Errorf("line %d: an output without the commands before it", i+1)
		case fence:
			open = true
			all = append(all, guideBlock{line: i + 1, language: language})
		case open:
			all[len(all)-1].text += line + "\n"
		}
	}
	if open {
		return nil, fmt.Errorf("line %d: a block does not end", all[len(all)-1].line)
	}
	return all, nil
}

// checkCodes compares the table of exit codes with what was seen.
func (s *guideShell) checkCodes(text string) error {
	claimed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d) \|`).FindAllStringSubmatch(text, -1) {
		claimed[m[1]] = true
		if !s.codes[m[1]] {
			return fmt.Errorf("the table has the exit code %s, which no command of the guide had", m[1])
		}
	}
	for code := range s.codes {
		if !claimed[code] {
			return fmt.Errorf("the table of exit codes lacks %s", code)
		}
	}
	return nil
}

// checkFlags asks the program itself: a configuration file may name any flag,
// and no other.
func (s *guideShell) checkFlags(text string) error {
	var file strings.Builder
	for _, m := range regexp.MustCompile("(?m)(?:^|[\\s`(])--([a-z][a-z0-9-]+)").FindAllStringSubmatch(text, -1) {
		if name := m[1]; name != "config" && name != "help" && !strings.Contains(file.String(), "\n"+name+" =") {
			fmt.Fprintf(&file, "\n%s = true", name)
		}
	}
	path := filepath.Join(s.records, "flags.toml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		return err
	}
	out, _ := exec.Command(program, "config", "check", path).CombinedOutput()
	if strings.Contains(string(out), "there is no flag of this name") {
		return fmt.Errorf("it names flags that do not exist:\n%s", out)
	}
	return nil
}

// checkMetrics looks for every metric of the text on a validator's page.
func (s *guideShell) checkMetrics(text string) error {
	names := regexp.MustCompile(`carbonledger_[a-z_]+`).FindAllString(text, -1)
	if len(names) == 0 {
		return nil
	}
	for pid, args := range s.nodes {
		if !runsNow(pid) {
			continue
		}
		r, err := http.Get("http://" + s.setting(args, "metrics-listen") + "/metrics")
		if err != nil {
			return err
		}
		page, err := io.ReadAll(r.Body)
		if err = errors.Join(err, r.Body.Close()); err != nil {
			return err
		}
		// One with labels shows when it is counted first.
		declared, err := os.ReadFile(filepath.Join("..", "..", "node", "metrics.go"))
		if err != nil {
			return err
		}
		for _, name := range names {
			if !strings.Contains(string(page), name) && !strings.Contains(string(declared), `"`+name+`"`) {
				return fmt.Errorf("there is no metric %s", name)
			}
		}
		return nil
	}
	return errors.New("it names metrics, and no validator runs at its end")
}

func checkGuideLinks(path, text string) error {
	for _, m := range regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
			return fmt.Errorf("a link goes nowhere: %w", err)
		}
	}
	return nil
}

// checkGuideReasons: institutions find every reason with what to do.
func checkGuideReasons(path, text string) error {
	if filepath.Base(path) != "institutions.md" {
		return nil
	}
	for _, r := range tx.Reasons() {
		if r != tx.Accepted && !regexp.MustCompile(`\b`+r.String()+`\b`).MatchString(text) {
			return fmt.Errorf("it lacks the reason %s (%d)", r, uint32(r))
		}
	}
	return nil
}
