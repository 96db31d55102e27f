package binary

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// smallScenario is another year than 2024, with other instruments and numbers.
func smallScenario(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs("../../cli/scenario/testdata/small.toml")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// processesIn are those that name dir on their command line.
func processesIn(t *testing.T, dir string) (pids []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		line, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(line, []byte(dir)) {
			continue // a process that has ended meanwhile, or another's
		}
		pid, err := strconv.Atoi(strings.Split(file, "/")[2])
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

func awaitNoProcess(t *testing.T, dir string) {
	t.Helper()
	awaitAnswer(t, "no process is left", func() (bool, error) {
		if pids := processesIn(t, dir); len(pids) > 0 {
			return false, errors.New("processes are left: " + strings.Trim(strings.Join(strings.Fields(strconvAll(pids)), " "), " "))
		}
		return true, nil
	})
}

func strconvAll(pids []int) string {
	var b strings.Builder
	for _, p := range pids {
		b.WriteString(strconv.Itoa(p) + " ")
	}
	return b.String()
}

// TestDemoOfAnotherYear: a scenario file with other numbers plays, loses a site
// and no transaction, and passes its audit; a figure that does not come out is
// named.
func TestDemoOfAnotherYear(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	r := command(t, "demo", "--scenario", smallScenario(t), "--seed", "5", "--data", dir, "--json").want(t, 0).parsed(t)
	for name, want := range map[string]any{
		"figures": 19.0, "figures_equal": 19.0, "transactions_lost": 0.0, "audit": "passed",
		// 48 entities, of which one is allocated to its province, and not twice.
		"issues": 95.0, "of_them_to_provinces": 1.0, "days_reconciled": 39.0, "trades_not_settled": 0.0,
		"of_them_on_behalf": 1.0, "forced_surrenders": 1.0, "ccer_cancellations": 0.0,
		"pledges": 1.0, "of_them_not_released": 0.0, "freezes": 1.0, "of_them_not_lifted": 0.0,
	} {
		if r[name] != want {
			t.Errorf("%s is %v, want %v", name, r[name], want)
		}
	}
	for _, name := range []string{"applications_approved", "prepared_and_approved"} {
		if n, _ := r[name].(float64); n < 1 {
			t.Errorf("%s is %v, want some", name, r[name])
		}
	}
	if r["site_lost"] == nil {
		t.Error("no site was lost")
	}
	if pids := processesIn(t, dir); len(pids) > 0 {
		t.Errorf("processes %v are left behind", pids)
	}
	command(t, "demo", "--data", dir).want(t, 2, dir+" is not empty")

	content, err := os.ReadFile(smallScenario(t))
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.toml")
	write := func(from, to string) {
		if err := os.WriteFile(other, bytes.Replace(content, []byte(from), []byte(to), 1), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(`trading_days = "39"`, `trading_days = "40"`)
	out := command(t, "demo", "--scenario", other).want(t, 1, "1 of 19 figures differ").out
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "trading days") && !strings.HasSuffix(strings.TrimSpace(line), "no") {
			t.Errorf("the row that differs says %q", line)
		}
	}
	write(`volume_tonnes = "5.3e6"`, `volume_tonnes = "9.9e6"`)
	command(t, "demo", "--scenario", other).want(t, 1, "cannot be played", "the year's volume")
	command(t, "demo", "--scenario", filepath.Join(t.TempDir(), "none.toml")).want(t, 1, "none.toml")
}

// kept is a demo that stays.
type kept struct {
	dir     string
	process *exec.Cmd
	out     *os.File
}

func awaitKeptDemo(t *testing.T) *kept {
	t.Helper()
	k := &kept{dir: filepath.Join(t.TempDir(), "demo")}
	var err error
	if k.out, err = os.Create(filepath.Join(t.TempDir(), "out")); err != nil {
		t.Fatal(err)
	}
	k.process = exec.Command(program, "demo", "--keep", "--scenario", smallScenario(t), "--data", k.dir)
	k.process.Stdout, k.process.Stderr = k.out, k.out
	if err := k.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = k.process.Process.Kill()
		_ = k.process.Wait()
		_ = k.out.Close()
	})
	awaitAnswer(t, "the demo stays", func() (string, error) {
		said, err := os.ReadFile(k.out.Name())
		if err == nil && !strings.Contains(string(said), "Bring a validator back") {
			err = errors.New(string(said))
		}
		return string(said), err
	})
	return k
}

// at runs a command of a visitor as a party.
func (k *kept) at(t *testing.T, party string, args ...string) result {
	t.Helper()
	return command(t, append(args, "--config", filepath.Join(k.dir, "visitor.toml"), "--party", party, "--key", filepath.Join(k.dir, "keys", party+".key"))...)
}

// TestDemoKept: the network that stays answers and takes transactions; when the
// leader's site is killed it goes on, and what was killed catches up; Ctrl-C
// ends everything.
func TestDemoKept(t *testing.T) {
	k := awaitKeptDemo(t)
	k.at(t, "kee-01", "query", "holdings", "kee-01").want(t, 0, "CEA30")
	k.at(t, "north", "query", "applications", "kee-01").want(t, 0, "approved")
	said, err := os.ReadFile(k.out.Name())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(said)) {
		if strings.Contains(line, " audit http://") {
			shell(t, k.dir, strings.TrimSpace(line)).want(t, 0, "passed", "SCRIPT CLOCK")
		}
	}
	leader := k.at(t, "bank", "status").want(t, 0).field(t, "leader")
	site, _, _ := strings.Cut(leader, "-")
	lost := processesIn(t, filepath.Join(k.dir, "nodes", site+"-"))
	if len(lost) == 0 {
		t.Fatalf("no process of %s runs", site)
	}
	for _, pid := range lost {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	receipt := k.at(t, "bank", "deposit", "--to", "kee-01", "--yuan", "1.00", "--yes", "--json").want(t, 0).parsed(t)
	for i := range lost {
		name := site + "-" + strconv.Itoa(i+1)
		c := exec.Command(program, "node", "--config", filepath.Join(k.dir, name+".toml"))
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
		api := configured(t, filepath.Join(k.dir, name+".toml"), "api-listen")
		awaitAnswer(t, name+" catches up", func() (bool, error) {
			r := command(t, "receipt", receipt["id"].(string), "--api", api, "--timeout", "1s")
			if r.code != 0 {
				return false, errors.New(r.errOut)
			}
			return true, nil
		})
	}
	if err := k.process.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := k.process.Wait(); err != nil {
		t.Errorf("the demo ended with %v after Ctrl-C", err)
	}
	for _, name := range []string{"wuhan-1", "shanghai-1", "beijing-1"} {
		if !strings.HasPrefix(name, site) && len(processesIn(t, filepath.Join(k.dir, "nodes", name))) > 0 {
			t.Errorf("%s is left behind", name)
		}
	}
}

// configured is a value of a configuration file.
func configured(t *testing.T, path, name string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	if err := toml.Unmarshal(content, &all); err != nil {
		t.Fatal(err)
	}
	return all[name]
}

// TestDemoKilled: no signal that ends the parent leaves a child behind.
func TestDemoKilled(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		k := awaitKeptDemo(t)
		if n := len(processesIn(t, k.dir)); n != 6 {
			t.Errorf("%d processes run, want the demo and five validators", n)
		}
		if err := k.process.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- k.process.Wait() }()
		select {
		case <-done:
		case <-time.After(patience):
			t.Fatalf("the demo has not ended %s after %v", patience, s)
		}
		awaitNoProcess(t, k.dir)
	}
}
