package keyfile

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/tx"
)

// quick makes scrypt cheap: the tests are not about its cost.
var quick = Options{WorkFactor: 2}

func newKey(t *testing.T, scheme tx.KeyScheme) tx.PrivateKey {
	t.Helper()
	k, err := tx.GenerateKey(scheme, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func written(t *testing.T, key tx.PrivateKey, passphrase string, o Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "party.key")
	if err := Write(path, key, passphrase, o); err != nil {
		t.Fatal(err)
	}
	return path
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRoundTrip(t *testing.T) {
	for name, c := range map[string]struct {
		scheme     tx.KeyScheme
		passphrase string
		options    Options
		header     string
	}{
		"ed25519":     {tx.Ed25519, "correct horse", quick, "protected: passphrase\n-----BEGIN AGE ENCRYPTED FILE-----\n"},
		"sm2":         {tx.SM2, "口令", quick, "protected: passphrase\n-----BEGIN AGE ENCRYPTED FILE-----\n"},
		"unprotected": {tx.Ed25519, "", Options{Unprotected: true}, "protected: no\n"},
	} {
		t.Run(name, func(t *testing.T) {
			key := newKey(t, c.scheme)
			path := written(t, key, c.passphrase, c.options)
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, %v", info.Mode(), err)
			}
			public := key.Public()
			if want := "carbonledger key v1\npublic: " + public.String() + "\n" + c.header; !strings.HasPrefix(content(t, path), want) {
				t.Errorf("the file is\n%s\nwant it to begin with\n%s", content(t, path), want)
			}
			if got, err := ReadPublic(path); err != nil || !got.Equal(&public) {
				t.Errorf("ReadPublic: %v, %v", got, err)
			}
			if protected, err := Protected(path); err != nil || protected == c.options.Unprotected {
				t.Errorf("Protected: %v, %v", protected, err)
			}
			got, err := Read(path, c.passphrase)
			if err != nil || string(got.Secret()) != string(key.Secret()) || got.Scheme() != c.scheme {
				t.Errorf("Read: %v", err)
			}
		})
	}
}

func TestWriteNeverOverwrites(t *testing.T) {
	path := written(t, newKey(t, tx.Ed25519), "a", quick)
	before := content(t, path)
	err := Write(path, newKey(t, tx.Ed25519), "a", quick)
	if err == nil || !strings.Contains(err.Error(), "never overwritten") {
		t.Errorf("the second Write: %v", err)
	}
	if content(t, path) != before {
		t.Error("the file changed")
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		passphrase string
		options    Options
		want       string
	}{
		"no passphrase":          {"", quick, "needs a passphrase"},
		"work without end":       {"a", Options{WorkFactor: 23}, "use 1 to 22"},
		"negative work":          {"a", Options{WorkFactor: -1}, "use 1 to 22"},
		"passphrase for nothing": {"a", Options{Unprotected: true}, "without one"},
	} {
		path := filepath.Join(t.TempDir(), "k")
		if err := Write(path, newKey(t, tx.Ed25519), c.passphrase, c.options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a file was left: %v", name, err)
		}
	}
}

func TestReplaceChangesThePassphrase(t *testing.T) {
	key := newKey(t, tx.SM2)
	path := written(t, key, "old", quick)
	if err := Replace(path, key, "new", quick); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path, "old"); !errors.Is(err, ErrPassphrase) {
		t.Errorf("the old passphrase: %v", err)
	}
	if got, err := Read(path, "new"); err != nil || string(got.Secret()) != string(key.Secret()) {
		t.Errorf("the new passphrase: %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("files are left beside the key: %v, %v", entries, err)
	}
}

func TestReadRefuses(t *testing.T) {
	key, other := newKey(t, tx.Ed25519), newKey(t, tx.Ed25519)
	protected := content(t, written(t, key, "right", quick))
	open := content(t, written(t, key, "", Options{Unprotected: true}))
	public, another := key.Public().String(), other.Public().String()
	for name, c := range map[string]struct {
		content    string
		mode       fs.FileMode
		passphrase string
		is         error
		want       string
	}{
		"wrong passphrase":      {protected, 0o600, "wrong", ErrPassphrase, ""},
		"empty passphrase":      {protected, 0o600, "", ErrPassphrase, ""},
		"readable by the group": {protected, 0o640, "right", nil, "run chmod 600 "},
		"readable by all":       {protected, 0o604, "right", nil, "run chmod 600 "},
		"empty file":            {"", 0o600, "right", ErrNoKey, ""},
		"another file":          {"-----BEGIN PRIVATE KEY-----\n", 0o600, "right", ErrNoKey, ""},
		"next version":          {strings.Replace(protected, "v1", "v2", 1), 0o600, "right", ErrNoKey, ""},
		"no public line":        {strings.Replace(protected, "public", "key", 1), 0o600, "right", ErrNoKey, ""},
		"bad public line":       {strings.Replace(protected, public, "ed25519:00", 1), 0o600, "right", nil, "bytes"},
		"another's public line": {strings.Replace(protected, public, another, 1), 0o600, "right", ErrNoKey, "does not belong"},
		"unknown protection":    {strings.Replace(protected, "passphrase", "hope", 1), 0o600, "right", ErrNoKey, ""},
		"cut short":             {protected[:len(protected)-60], 0o600, "right", ErrNoKey, ""},
		"open, another's":       {strings.Replace(open, public, another, 1), 0o600, "", ErrNoKey, "does not belong"},
		"open, cut short":       {open[:len(open)-5], 0o600, "", nil, "32 bytes"},
		"open, no hexadecimal":  {open + "zz", 0o600, "", ErrNoKey, ""},
		"far too long":          {protected + strings.Repeat("x", 20<<10), 0o600, "right", ErrNoKey, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "k")
			if err := os.WriteFile(path, []byte(c.content), c.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, c.mode); err != nil {
				t.Fatal(err)
			}
			_, err := Read(path, c.passphrase)
			if err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Read: %v", err)
			}
		})
	}
	if _, err := Read(filepath.Join(t.TempDir(), "none"), ""); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}
