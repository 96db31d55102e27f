package datadir

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/tx"
	"carbonledger/tx/keyfile"
)

func created(t *testing.T) (string, tx.Validator) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data", "wuhan-1")
	v, err := Create(dir, Options{
		Name: "wuhan-1", Site: "Wuhan", P2PAddress: "/ip4/10.1.2.3/tcp/7070", Passphrase: "right", Keys: keyfile.Options{WorkFactor: 2},
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir, v
}

func opened(t *testing.T, dir string) *Dir {
	t.Helper()
	d, err := Open(dir, "right")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestCreateAndOpen(t *testing.T) {
	dir, v := created(t)
	for name, mode := range map[string]os.FileMode{".": 0o700, "incarnation": 0o600, "node.key": 0o600, "cosign.key": 0o600, "validator": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want mode %o", name, info, err, mode)
		}
	}
	d := opened(t, dir)
	incarnation := d.Incarnation()
	sum := sha256.Sum256(incarnation[:])
	if string(sum[:]) != string(v.IncarnationSha256) {
		t.Error("the line's incarnation is not the SHA-256 of the file")
	}
	got := d.Validator()
	if !got.Equal(&v) || d.Name() != "wuhan-1" || d.P2PAddress() != v.Address || v.Voter {
		t.Errorf("opened %v, created %v", got, v)
	}
	if string(d.NodeKey()[32:]) != string(v.NodeKey) || string(d.CosignKey()[32:]) != string(v.CosignKey) || string(v.NodeKey) == string(v.CosignKey) {
		t.Error("the keys are not those of the line")
	}
	for _, p := range []string{d.State(), d.RaftLog(), d.Snapshots(), d.Genesis()} {
		if filepath.Dir(p) != dir || d.Path() != dir {
			t.Errorf("%s is not in %s", p, dir)
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if protected, err := Protected(dir); err != nil || !protected {
		t.Errorf("Protected: %v, %v", protected, err)
	}
}

func TestTwoDirectoriesShareNothing(t *testing.T) {
	_, a := created(t)
	_, b := created(t)
	if string(a.NodeKey) == string(b.NodeKey) || string(a.CosignKey) == string(b.CosignKey) || string(a.IncarnationSha256) == string(b.IncarnationSha256) {
		t.Error("two directories have a key or the incarnation in common")
	}
}

func TestCreateRefusesAnIdentityThatIsThere(t *testing.T) {
	dir, v := created(t)
	if _, err := Create(dir, Options{Name: "other", Site: "Wuhan", P2PAddress: "/ip4/10.1.2.3/tcp/7070", Keys: keyfile.Options{Unprotected: true}}); err == nil || !strings.Contains(err.Error(), "never overwritten") {
		t.Errorf("Create: %v", err)
	}
	d := opened(t, dir)
	defer d.Close()
	if got := d.Validator(); !got.Equal(&v) {
		t.Error("the identity changed")
	}
}

func TestCreateClosesADirectoryThatWasOpen(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir, Options{Name: "a", Site: "b", P2PAddress: "/ip4/10.1.2.3/tcp/7070", Keys: keyfile.Options{Unprotected: true}}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	dir, _ := created(t)
	d := opened(t, dir)
	_, err := Open(dir, "right")
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("in use by process %d: stop that node first", os.Getpid())) {
		t.Errorf("the second Open: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := opened(t, dir).Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	copyFrom := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			other, _ := created(t)
			b, err := os.ReadFile(filepath.Join(other, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		damage     func(t *testing.T, dir string)
		passphrase string
		want       string
	}{
		"wrong passphrase":      {func(*testing.T, string) {}, "wrong", "the passphrase does not open this key"},
		"another's incarnation": {copyFrom("incarnation"), "right", "does not fit the public line"},
		"another's node key":    {copyFrom("node.key"), "right", "node.key is not the key of the public line"},
		"another's cosign key":  {copyFrom("cosign.key"), "right", "cosign.key is not the key of the public line"},
		"no incarnation":        {remove("incarnation"), "right", "incarnation"},
		"no node key":           {remove("node.key"), "right", "node.key"},
		"no line":               {remove("validator"), "right", "carbonledger init node --dir"},
		"a damaged line": {func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "validator"), []byte("carbonledger-validator name=a\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "right", "validator: datadir: the line lacks site"},
		"a key open to all": {func(t *testing.T, dir string) {
			if err := os.Chmod(filepath.Join(dir, "node.key"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "right", "chmod 600"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := created(t)
			c.damage(t, dir)
			// Twice: the first refusal gives the lock back.
			for range 2 {
				if _, err := Open(dir, c.passphrase); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("Open: %v; want %q", err, c.want)
				}
			}
		})
	}
}

func TestLine(t *testing.T) {
	_, v := created(t)
	line := FormatLine(v)
	if strings.ContainsAny(line, "\r\n") {
		t.Errorf("more than one line: %q", line)
	}
	got, err := ParseLine(line)
	if err != nil || !got.Equal(&v) {
		t.Errorf("ParseLine: %v, %v", got, err)
	}
	node := (&tx.PublicKey{Scheme: tx.Ed25519, Key: v.NodeKey}).String()
	for name, c := range map[string]struct{ old, new, want string }{
		"another line":       {"carbonledger-validator ", "validator ", "begins with"},
		"no site":            {"site=Wuhan ", "", "lacks site"},
		"empty name":         {"name=wuhan-1", "name=", "lacks name"},
		"address missing":    {"address=" + v.Address + " ", "", "lacks address"},
		"key cut short":      {node, node[:30], "the line's node: "},
		"key of a scheme":    {"node=ed25519:", "node=rsa:", "the line's node: "},
		"no cosign key":      {"cosign=", "consign=", "lacks cosign"},
		"incarnation":        {"incarnation=", "incarnation=0", "the line's incarnation: "},
		"twice":              {"site=Wuhan", "site=Wuhan site=Wuhan", `"site=Wuhan" is no single field`},
		"no field":           {"site=Wuhan", "site=Wuhan hello", `"hello" is no single field`},
		"unknown field":      {"site=Wuhan", "site=Wuhan rack=7", `unknown field "rack"`},
		"nothing whatsoever": {line, "", "begins with"},
	} {
		if _, err := ParseLine(strings.Replace(line, c.old, c.new, 1)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", name, err, c.want)
		}
	}
}
