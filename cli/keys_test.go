package cli

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/genesis"
	"carbonledger/tx"
	"carbonledger/tx/keyfile"
)

func TestKeys(t *testing.T) {
	for _, scheme := range []string{"ed25519", "sm2"} {
		t.Run(scheme, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "party.key")
			first, second := textFile(t, "first\n"), textFile(t, "second\n")
			public := mustRun(t, "keys", "new", file, "--scheme", scheme, "--passphrase-file", first, "--work-factor", "2")
			if !strings.HasPrefix(public, scheme+":") || public != mustRun(t, "keys", "show", file) {
				t.Errorf("new printed %q, show %q", public, mustRun(t, "keys", "show", file))
			}
			if got := mustRun(t, "keys", "passphrase", file, "--passphrase-file", first, "--new-passphrase-file", second, "--work-factor", "2"); got != public {
				t.Errorf("passphrase printed %q", got)
			}
			if _, err := keyfile.Read(file, "first"); !errors.Is(err, keyfile.ErrPassphrase) {
				t.Errorf("the old passphrase: %v", err)
			}
			if key, err := keyfile.Read(file, "second"); err != nil || key.Public().String()+"\n" != public {
				t.Errorf("the new passphrase: %v", err)
			}
			mustFail(t, exitFailed, "does not open this key", "keys", "passphrase", file, "--passphrase-file", first, "--new-passphrase-file", second)
			mustFail(t, exitFailed, "never overwritten", "keys", "new", file, "--passphrase-file", first, "--work-factor", "2")
			var said map[string]any
			if out := mustRun(t, "--json", "keys", "show", file); json.Unmarshal([]byte(out), &said) != nil || said["public"] != strings.TrimSpace(public) || said["protected"] != true {
				t.Errorf("show --json printed %s", out)
			}
		})
	}
}

func TestKeysProve(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "net")
	mustRun(t, "init", "--all", "1", "--dir", dir)
	document := filepath.Join(dir, "genesis.toml")
	file := filepath.Join(t.TempDir(), "plant.key")
	mustRun(t, "keys", "new", file, "--scheme", "sm2", "--passphrase-file", textFile(t, "right"), "--work-factor", "2")
	t.Setenv(passphraseVariable, "right")
	out := strings.TrimSpace(mustRun(t, "keys", "prove", file, "--genesis", document, "--party", "plant"))
	proven, err := parseProvenKey(out)
	if err != nil || formatProvenKey(&proven) != out {
		t.Fatalf("%v, %v", proven, err)
	}
	// The proof is one for this party and chain: tx accepts it in an operation.
	d, err := genesis.Read(document)
	if err != nil {
		t.Fatal(err)
	}
	registry, err := keyfile.Read(partyKeyPath(dir, "registry"), "")
	if err != nil {
		t.Fatal(err)
	}
	for party, want := range map[string]bool{"plant": true, "other": false} {
		raw, err := tx.NewTransaction(d.Hash(), &tx.Body{
			ChainId: "test", Party: "registry", Reference: "open", Operations: []tx.Operation{{Operation: &tx.Operation_OpenAccount{OpenAccount: &tx.OpenAccount{
				Id: party, Role: tx.KeyEmittingEntity, Name: "Plant", Region: "region", Keys: []tx.ProvenKey{proven},
			}}}},
		}, registry)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.NewVerifier(d.Hash()).Verify(raw); (err == nil) != want {
			t.Errorf("the proof in an account of %s: %v", party, err)
		}
	}
	mustFail(t, exitUsage, "--party", "keys", "prove", file, "--genesis", document)
	mustFail(t, exitUsage, "--party", "keys", "prove", file, "--genesis", document, "--party", "a b")
	mustFail(t, exitUsage, "--genesis", "keys", "prove", file, "--party", "plant")
	t.Setenv(passphraseVariable, "wrong")
	mustFail(t, exitFailed, "does not open this key", "keys", "prove", file, "--genesis", document, "--party", "plant")
}

func TestParseProvenKeyRefuses(t *testing.T) {
	key := publicKey(t, tx.Ed25519)
	for _, s := range []string{"", key, key + ":", key + ":12", key + ":" + strings.Repeat("x", 128), "rsa:12:" + strings.Repeat("0", 128), key + ":" + strings.Repeat("0", 128) + ":"} {
		if p, err := parseProvenKey(s); err == nil {
			t.Errorf("%q is taken for %v", s, p)
		}
	}
}

func TestKeysRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "k")
	mustFail(t, exitUsage, "needs a command", "keys")
	mustFail(t, exitUsage, "accepts 1 arg", "keys", "new")
	mustFail(t, exitUsage, "--scheme", "keys", "new", file, "--scheme", "rsa")
	mustFail(t, exitUsage, "there is no terminal", "keys", "new", file)
	mustFail(t, exitFailed, "use 1 to 22", "keys", "new", file, "--passphrase-file", textFile(t, "a"), "--work-factor", "40")
	mustFail(t, exitFailed, "no such file", "keys", "show", file)
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("a refusal wrote the file: %v", err)
	}
	if err := os.WriteFile(file, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	mustFail(t, exitFailed, "no carbonledger key file", "keys", "show", file)
	mustRun(t, "keys", "new", file+"2", "--passphrase-file", textFile(t, "a"), "--work-factor", "2")
	if err := os.Chmod(file+"2", 0o644); err != nil {
		t.Fatal(err)
	}
	mustFail(t, exitFailed, "chmod 600 "+file+"2", "keys", "show", file+"2")
}
