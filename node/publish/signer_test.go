package publish

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/tx/proof"
)

// TestSigner: what is signed was written down before and is remembered by the next
// process; what was not written is not signed, nor what is behind.
func TestSigner(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path, key := filepath.Join(dir, "signer"), ed25519.NewKeyFromSeed(make([]byte, 32))
	open := func() *signer {
		t.Helper()
		s, err := openSigner(path, "log.test/chain", "n1", key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	of := func(size uint64, root byte) proof.Checkpoint {
		return proof.Checkpoint{Origin: "log.test/chain", Size: size, Root: proof.Hash{root}}
	}
	var shown proof.Checkpoint
	fine := func(last proof.Checkpoint) error { shown = last; return nil }
	refused := func(s *signer, c proof.Checkpoint, check func(proof.Checkpoint) error, words string) {
		t.Helper()
		before, _ := s.told()
		if line, err := s.cosign(c, 1, check); err == nil || line != nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q, %v", line, err)
		}
		if after, _ := s.told(); after != before {
			t.Errorf("%v became %v", before, after)
		}
	}
	signed := func(s *signer, c proof.Checkpoint) {
		t.Helper()
		line, err := s.cosign(c, 1, fine)
		if err == nil {
			_, err = c.VerifyCosignature(line, proof.CosignerVKey("log.test/chain/n1", key.Public().(ed25519.PublicKey)))
		}
		if err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != signerText(c) {
			t.Errorf("the file holds %q, %v", b, err)
		}
	}
	refused(open(), of(1, 1), fine, "the signer file is lost")
	if err := os.WriteFile(path, []byte(freshSigner), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open()
	refused(s, of(1, 1), func(proof.Checkpoint) error { return errors.New("not true here") }, "not true here")
	other := of(1, 1)
	other.Origin = "another"
	refused(s, other, fine, "of the log")
	signed(s, of(5, 1))
	signed(s, of(5, 1))
	refused(s, of(4, 1), fine, "is behind the size 5")
	s = open()
	signed(s, of(9, 2))
	if shown != of(5, 1) {
		t.Errorf("it was to continue %v", shown)
	}
	// The directory is gone, as on a disk that fails.
	if err := os.Rename(dir, dir+".gone"); err != nil {
		t.Fatal(err)
	}
	refused(s, of(12, 3), fine, "the signer file")
	if err := os.Rename(dir+".gone", dir); err != nil {
		t.Fatal(err)
	}
	if last, known := open().told(); last != of(9, 2) || !known {
		t.Errorf("it remembers %v", last)
	}
	for content, words := range map[string]string{"": "is damaged: remove it", "new": "is damaged: remove it", other.Text(): "is of the log another"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openSigner(path, "log.test/chain", "n1", key); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v", content, err)
		}
	}
}
