package genesis

import (
	"crypto/rand"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/tx"
)

// guild makes validators and keeps their cosigning keys.
type guild struct {
	t    *testing.T
	keys map[string]tx.PrivateKey
}

func (g *guild) list(names ...string) (all []tx.Validator) {
	for _, name := range names {
		node, err1 := tx.GenerateKey(tx.Ed25519, rand.Reader)
		cosign, err2 := tx.GenerateKey(tx.Ed25519, rand.Reader)
		if err1 != nil || err2 != nil {
			g.t.Fatal(err1, err2)
		}
		if _, known := g.keys[name]; !known {
			g.keys[name] = cosign
		}
		sum := sha256.Sum256([]byte(name))
		all = append(all, tx.Validator{
			Name: name, Site: "Wuhan", Address: "/dns4/" + name + "/tcp/7070", Voter: !strings.HasPrefix(name, "x"),
			NodeKey: node.Public().Key, CosignKey: g.keys[name].Public().Key, IncarnationSha256: sum[:],
		})
	}
	return all
}

func (g *guild) sign(n *Introduction, names ...string) {
	g.t.Helper()
	for _, name := range names {
		if err := n.Sign(name, g.keys[name]); err != nil {
			g.t.Fatal(err)
		}
	}
}

func TestIntroduction(t *testing.T) {
	g := &guild{t, map[string]tx.PrivateKey{}}
	d := tx.Domain{1}
	founders, second, third := g.list("a", "b", "c", "x1"), g.list("c", "d", "e"), g.list("f", "g", "h")
	n := NewIntroduction(d)
	if _, err := n.Current(d, founders); err == nil {
		t.Error("no list leads nowhere")
	}
	n.Add(second)
	// Two of three voters are needed; x1 has no vote, d is not of the list before,
	// and a name with another's key is nobody.
	g.sign(n, "x1", "d", "a")
	if err := n.Sign("b", g.keys["d"]); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Current(d, founders); err == nil || !strings.Contains(err.Error(), "list 1 of the introduction is signed by 1 of the 2 trusted voters that are needed: [a]") {
		t.Errorf("one signature is enough, or the error is %v", err)
	}
	g.sign(n, "b")
	n.Add(third)
	g.sign(n, "c", "e")

	// What it says is the same after it went through a file.
	path := filepath.Join(t.TempDir(), "introduction.toml")
	if err := n.Write(path); err != nil {
		t.Fatal(err)
	}
	n, err := ReadIntroduction(path)
	if err != nil {
		t.Fatal(err)
	}
	for who, trusted := range map[string][]tx.Validator{"founders": founders, "the second list": second} {
		now, err := n.Current(d, trusted)
		if err != nil || len(now) != 3 || !now[0].Equal(&third[0]) {
			t.Errorf("from %s: %v, %v", who, now, err)
		}
	}
	if _, err := n.Current(d, g.list("s", "t")); err == nil {
		t.Error("strangers are led to the network")
	}
	if _, err := n.Current(tx.Domain{2}, founders); err == nil || !strings.Contains(err.Error(), "is for genesis") {
		t.Errorf("another chain: %v", err)
	}
	// A list that was changed after it was signed.
	n.lists[1][0].Address = "/dns4/evil/tcp/7070"
	if _, err := n.Current(d, founders); err == nil || !strings.Contains(err.Error(), "list 2") {
		t.Errorf("a changed list: %v", err)
	}
}

func TestBadIntroductions(t *testing.T) {
	g := &guild{t, map[string]tx.PrivateKey{}}
	n := NewIntroduction(tx.Domain{1})
	n.Add(g.list("a", "b"))
	g.sign(n, "a")
	path := filepath.Join(t.TempDir(), "introduction.toml")
	if err := n.Write(path); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{"genesis_hash = '01", "genesis_hash = 'zz", "genesis_hash"},
		{"[[steps]]", "[[stairs]]", "there is no such field"},
		{"site = 'Wuhan'", "site = 'Wu han'", "site"},
		{"name = 'b'", "name = 'a'", "named twice"},
		{"node_key = 'ed25519:", "node_key = 'sm2:", "node_key"},
	} {
		if !strings.Contains(string(good), c.from) {
			t.Fatalf("the file has no %q:\n%s", c.from, good)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(good), c.from, c.to, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadIntroduction(path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, want %q", c.to, err, c.want)
		}
	}
	if _, err := ReadIntroduction(path + ".none"); err == nil {
		t.Error("a file that is not there was read")
	}
	if err := NewIntroduction(tx.Domain{}).Sign("a", g.keys["a"]); err == nil {
		t.Error("an introduction without a list was signed")
	}
}
