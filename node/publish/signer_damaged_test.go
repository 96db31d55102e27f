package publish

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/tx/proof"
)

// TestSignerFileDamaged: whichever bit of a signer file flips, the file is damaged,
// with the remedy; it is never what this validator is said to have cosigned.
func TestSignerFileDamaged(t *testing.T) {
	file, key := filepath.Join(t.TempDir(), "signer"), ed25519.NewKeyFromSeed(make([]byte, 32))
	open := func(content []byte) (*signer, error) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return openSigner(file, "example.org/log", "n1", key)
	}
	s, err := open([]byte(freshSigner))
	if err != nil {
		t.Fatal(err)
	}
	signed := proof.Checkpoint{Origin: "example.org/log", Size: 417, Root: proof.Hash{1, 2, 3}}
	if _, err := s.cosign(signed, 1, func(proof.Checkpoint) error { return nil }); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range [][]byte{whole, []byte(signed.Text())} { // the second is one of before
		if s, err := open(content); err != nil || s.last != signed || s.lost {
			t.Errorf("%q: %+v, %v", content, s, err)
		}
	}
	for i := range 8 * len(whole) {
		content := bytes.Clone(whole)
		content[i/8] ^= 1 << (i % 8)
		if _, err := open(content); err == nil || !strings.Contains(err.Error(), "is damaged: remove it") {
			t.Errorf("%q: %v", content, err)
		}
	}
}
