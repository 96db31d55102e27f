package publish

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"carbonledger/tx/limited"
)

// Tokens are those of a file of lines "NAME SHA256-IN-HEX"; the tokens
// themselves are nowhere on a node. The file is opened at each request and read
// where it is another one than before, so that a line that is removed holds no
// longer. No file, or one that cannot be read: nobody reads entries.
type Tokens struct {
	Path string

	mu    sync.Mutex
	file  fs.FileInfo // that known was read from; nil: read again
	known [][]byte
}

var errNoToken = errors.New("entries are confidential: send a token of an auditor as \"Authorization: Bearer TOKEN\"")

func (t *Tokens) check(r *http.Request) error {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || t == nil || t.Path == "" {
		return errNoToken
	}
	known, err := t.read()
	if err != nil {
		return errors.New("this node cannot read its file of tokens: ask its operator")
	}
	sum := sha256.Sum256([]byte(token))
	for _, k := range known {
		if subtle.ConstantTimeCompare(k, sum[:]) == 1 {
			return nil
		}
	}
	return errNoToken
}

// settled is how long ago a file must have changed before its time tells it from what
// it is later: two changes within a tick of the file system's clock have one time.
const settled = 2 * time.Second

// read returns the hashes of the file's tokens as it is now.
func (t *Tokens) read() ([][]byte, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, err := os.Open(t.Path)
	if err != nil {
		t.file, t.known = nil, nil
		return nil, err
	}
	defer f.Close()
	now := time.Now()
	info, err := f.Stat()
	if err == nil && t.file != nil && os.SameFile(t.file, info) && t.file.Size() == info.Size() && t.file.ModTime().Equal(info.ModTime()) {
		return t.known, nil
	}
	t.file, t.known = nil, nil
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, limited.MaxSettingsBytes))
	if err != nil {
		return nil, err
	}
	t.known = parseTokens(b)
	if now.Sub(info.ModTime()) > settled {
		t.file = info
	}
	return t.known, nil
}

// parseTokens leaves out what is no line of a token.
func parseTokens(b []byte) (known [][]byte) {
	for line := range bytes.Lines(b) {
		words := strings.Fields(string(line))
		if len(words) != 2 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if hash, err := hex.DecodeString(words[1]); err == nil && len(hash) == sha256.Size {
			known = append(known, hash)
		}
	}
	return known
}

// Check finds lines that are none.
func (t *Tokens) Check() error {
	b, err := limited.ReadFile(t.Path, limited.MaxSettingsBytes)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if known, err := hex.DecodeString(words[len(words)-1]); len(words) != 2 || err != nil || len(known) != sha256.Size {
			return fmt.Errorf("publish: %s:%d: a line is NAME and the SHA-256 of a token in hex, as \"carbonledger token\" prints", t.Path, n)
		}
	}
	return lines.Err()
}

// TokenLine is the line for a token.
func TokenLine(name, token string) string {
	return fmt.Sprintf("%s %x\n", name, sha256.Sum256([]byte(token)))
}
