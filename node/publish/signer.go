package publish

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"

	"carbonledger/tx/durable"
	"carbonledger/tx/proof"
)

// freshSigner is the content of a signer file before its first signature.
const freshSigner = "new\n"

// errLost: what this validator cosigned last is not known.
var errLost = errors.New("publish: the signer file is lost: this validator cosigns again once a majority of its peers told what they cosigned last")

// signer cosigns checkpoints and never two that contradict each other. What it
// signed last is in a file that belongs in no backup; the data directory's lock
// keeps a second process away.
type signer struct {
	path, origin, name string
	key                ed25519.PrivateKey

	mu   sync.Mutex
	last proof.Checkpoint // of size 0 before the first
	lost bool
}

func openSigner(path, origin, name string, key ed25519.PrivateKey) (*signer, error) {
	s := &signer{path: path, origin: origin, name: proof.CosignerName(origin, name), key: key, last: proof.Checkpoint{Origin: origin}}
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		s.lost = true
		return s, nil
	case err != nil:
		return nil, fmt.Errorf("publish: read the signer file: %w", err)
	case string(b) == freshSigner:
		return s, nil
	}
	text, _, summed := strings.Cut(string(b), sumLine)
	c, err := proof.ParseCheckpoint(text)
	if err == nil && summed && signerText(c) != string(b) {
		err = errors.New("its content does not fit its checksum")
	}
	if err != nil {
		return nil, fmt.Errorf("publish: the signer file %s is damaged: remove it, the peers tell what was cosigned: %w", path, err)
	}
	if c.Origin != origin {
		return nil, fmt.Errorf("publish: the signer file %s is of the log %s, the genesis document names %s", path, c.Origin, origin)
	}
	s.last = c
	return s, nil
}

// sumLine begins the last line of a signer file: without a checksum a flipped bit
// would pass for the signature of another history. Files of before have none.
const sumLine = "sha256 "

func signerText(c proof.Checkpoint) string {
	if c.Size == 0 {
		return freshSigner
	}
	return fmt.Sprintf("%s%s%x\n", c.Text(), sumLine, sha256.Sum256([]byte(c.Text())))
}

// told is what was cosigned last, false where that is not known.
func (s *signer) told() (proof.Checkpoint, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, !s.lost
}

// cosign signs a checkpoint that check finds true of this validator's log; check
// is given what was signed last, of which the log must be a continuation.
func (s *signer) cosign(c proof.Checkpoint, unix uint64, check func(last proof.Checkpoint) error) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.lost:
		return nil, errLost
	case c.Origin != s.origin:
		return nil, fmt.Errorf("publish: a checkpoint of the log %q", c.Origin)
	case c.Size < s.last.Size:
		return nil, fmt.Errorf("publish: size %d is behind the size %d that this validator cosigned", c.Size, s.last.Size)
	}
	if err := check(s.last); err != nil {
		return nil, err
	}
	if c != s.last {
		// On the disk before anybody sees the signature: a crash here forgets at
		// most a signature that nobody has.
		if err := durable.Replace(s.path, []byte(signerText(c)), 0o600); err != nil {
			return nil, fmt.Errorf("publish: the signer file: %w", err)
		}
		s.last = c
	}
	return c.Cosign(s.name, s.key, unix)
}

// recover takes up what the peers say was cosigned last, and writes it down.
func (s *signer) recover(c proof.Checkpoint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := durable.Replace(s.path, []byte(signerText(c)), 0o600); err != nil {
		return fmt.Errorf("publish: the signer file: %w", err)
	}
	s.last, s.lost = c, false
	return nil
}
