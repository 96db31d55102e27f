package publish

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// Handler serves the log as c2sp.org/tlog-tiles says: the newest checkpoint and
// the hash tiles to everybody, the entries, which are confidential, to whoever
// has a token of the file. What no published checkpoint covers does not exist.
func (p *Publisher) Handler(tokens *Tokens) http.Handler {
	mux := http.NewServeMux()
	named := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(validatorHeader, p.c.Name)
		mux.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /"+proof.CheckpointPath, func(w http.ResponseWriter, _ *http.Request) {
		_, signed := p.Newest()
		if signed == nil {
			http.Error(w, "no checkpoint is published yet", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(signed)
	})
	mux.HandleFunc("GET /checkpoints/{day}", p.serveKept)
	mux.HandleFunc("GET /tile/", func(w http.ResponseWriter, r *http.Request) {
		t, ok := proof.ParseTile(strings.TrimPrefix(r.URL.Path, "/"))
		c, _ := p.Newest()
		if !ok || !within(t, c.Size) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		if t.Entries {
			if err := tokens.check(r); err != nil {
				w.Header().Set("WWW-Authenticate", `Bearer realm="entries of the log"`)
				w.Header().Set("Cache-Control", "no-store")
				http.Error(w, err.Error(), http.StatusUnauthorized)
				return
			}
			w.Header().Set("Cache-Control", "private, max-age=31536000, immutable")
		}
		b, err := p.tile(t)
		var elsewhere *state.ErrArchived
		if errors.As(err, &elsewhere) {
			// Whoever may read it here asks there with the own right.
			w.Header().Set("Cache-Control", "no-store")
			http.Redirect(w, r, strings.TrimRight(elsewhere.URL, "/")+"/"+t.Path(), http.StatusTemporaryRedirect)
			return
		}
		if err != nil {
			p.c.Logger.Error("publish: serve", "path", t.Path(), "error", err)
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "this node cannot read it: ask another one", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b)
	})
	return named
}

// serveKept shows the checkpoint that was kept for a business day.
func (p *Publisher) serveKept(w http.ResponseWriter, r *http.Request) {
	day, err := tx.ParseDay(r.PathValue("day"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	v, err := p.c.Ledger().View()
	if err != nil {
		http.Error(w, "this node cannot read it now: ask another one", http.StatusInternalServerError)
		return
	}
	signed, err := v.KeptCheckpoint(day)
	if err := errors.Join(err, v.Close()); err != nil {
		p.c.Logger.Error("publish: serve", "path", r.URL.Path, "error", err)
		http.Error(w, "this node cannot read it: ask another one", http.StatusInternalServerError)
		return
	}
	if signed == nil {
		http.Error(w, "this node kept no checkpoint of that day: another one may have", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(signed)
}

// within says whether a log of this size has the tile.
func within(t proof.Tile, size uint64) bool {
	n := size >> (t.Level * proof.TileHeight)
	return t.Level < 8 && t.Index <= n/proof.TileWidth && t.Index*proof.TileWidth+uint64(t.Width) <= n
}

func (p *Publisher) tile(t proof.Tile) ([]byte, error) {
	v, err := p.c.Ledger().View()
	if err != nil {
		return nil, err
	}
	b, err := v.Tile(t)
	return b, errors.Join(err, v.Close())
}

// Tokens are those of a file of lines "NAME SHA256-IN-HEX"; the tokens
// themselves are nowhere on a node. The file is read at each request, so that a
// line that is removed holds no longer. No file: nobody reads entries.
type Tokens struct{ Path string }

var errNoToken = errors.New("entries are confidential: send a token of an auditor as \"Authorization: Bearer TOKEN\"")

func (t *Tokens) check(r *http.Request) error {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || t == nil || t.Path == "" {
		return errNoToken
	}
	b, err := os.ReadFile(t.Path)
	if err != nil {
		return errors.New("this node cannot read its file of tokens: ask its operator")
	}
	sum := sha256.Sum256([]byte(token))
	for line := range bytes.Lines(b) {
		words := strings.Fields(string(line))
		if len(words) != 2 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if known, err := hex.DecodeString(words[1]); err == nil && subtle.ConstantTimeCompare(known, sum[:]) == 1 {
			return nil
		}
	}
	return errNoToken
}

// Check finds lines that are none.
func (t *Tokens) Check() error {
	b, err := os.ReadFile(t.Path)
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
