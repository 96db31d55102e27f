package publish

import (
	"errors"
	"net/http"
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
