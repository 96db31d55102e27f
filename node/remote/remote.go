// Package remote reads the static form of a log (c2sp.org/tlog-tiles) from a web
// server: a validator, or whoever serves an archive.
package remote

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"carbonledger/tx/limited"
	"carbonledger/tx/proof"
)

// MaxFileBytes bounds a file of a log: none is longer than a bundle.
const MaxFileBytes = proof.MaxBundleBytes

// Log is a log at a URL.
type Log struct {
	URL string
	// Token opens the entries; empty for none.
	Token  string
	Client *http.Client
	// Check, if not nil, looks at each answer; its error is the fetch's.
	Check func(*http.Response) error
}

// Name is the URL.
func (l *Log) Name() string { return l.URL }

// patience is the longest pause between two attempts of a fetch.
const patience = 4 * time.Second

// Get fetches a file. What failed for want of a connection, or because the server
// was at fault, is tried again four times, after pauses of four seconds in all; not so
// what took the client longer than it waits, nor what another attempt cannot mend: a URL
// of no server, a certificate that is not believed, another protocol. The error wraps fs.ErrNotExist where there
// is no such file.
func (l *Log) Get(ctx context.Context, path string) (b []byte, err error) {
	for pause := 100 * time.Millisecond; ; pause *= 3 {
		var again bool
		if b, again, err = l.get(ctx, path); !again || pause > patience {
			return b, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// ErrUnauthorized: no patience helps, a token does.
var ErrUnauthorized = errors.New("it does not show entries without an auditor's token")

func (l *Log) get(ctx context.Context, path string) (b []byte, again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(l.URL, "/")+"/"+path, nil)
	if err != nil {
		return nil, false, fmt.Errorf("remote: %w", err)
	}
	if r.URL.Hostname() == "" {
		return nil, false, fmt.Errorf("remote: the URL %s names no host", l.URL)
	}
	if l.Token != "" {
		r.Header.Set("Authorization", "Bearer "+l.Token)
	}
	got, err := l.Client.Do(r)
	if err != nil {
		return nil, ctx.Err() == nil && !os.IsTimeout(err) && !permanent(err), fmt.Errorf("remote: %w%s", err, remedy(err))
	}
	defer got.Body.Close()
	if l.Check != nil {
		if err := l.Check(got); err != nil {
			return nil, false, err
		}
	}
	// In our words: those of the server may be anything.
	answer := strings.TrimSpace(fmt.Sprint(got.StatusCode, " ", http.StatusText(got.StatusCode)))
	switch {
	case got.StatusCode == http.StatusNotFound && path == proof.CheckpointPath:
		return nil, false, fmt.Errorf("remote: there is no log at %s, or it has no checkpoint yet (%s): %w", l.URL, answer, fs.ErrNotExist)
	case got.StatusCode == http.StatusNotFound:
		return nil, false, fmt.Errorf("remote: %s answers %s for %s: %w", l.URL, answer, path, fs.ErrNotExist)
	case got.StatusCode == http.StatusUnauthorized:
		// A node that has dropped entries sends to an archive, which may be another's.
		return nil, false, fmt.Errorf("remote: %s answers %s: %w: for a node give --archive-token-file, else give --token-file", got.Request.URL, answer, ErrUnauthorized)
	case got.StatusCode != http.StatusOK:
		return nil, got.StatusCode >= 500, fmt.Errorf("remote: %s answers %s for %s", l.URL, answer, path)
	}
	if b, err = io.ReadAll(io.LimitReader(got.Body, MaxFileBytes+1)); err != nil {
		return nil, !os.IsTimeout(err), fmt.Errorf("remote: fetch %s of %s: %w", path, l.URL, err)
	}
	if len(b) > MaxFileBytes {
		return nil, false, fmt.Errorf("remote: %s of %s is longer than any such file", path, l.URL)
	}
	return b, false, nil
}

// permanent tells what no further attempt can mend.
func permanent(err error) bool {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var address *net.AddrError
	var alert tls.AlertError
	return errors.As(err, &name) && name.IsNotFound ||
		errors.As(err, &certificate) || errors.As(err, &address) || errors.As(err, &alert) ||
		errors.Is(err, http.ErrSchemeMismatch) || notHTTP(err)
}

// notHTTP tells whether what answered speaks another protocol, for which net/http has
// no error of its own.
func notHTTP(err error) bool { return strings.Contains(err.Error(), "malformed HTTP") }

// remedy is what to do about an error, where that is known.
func remedy(err error) string {
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown):
		return ": give --ca FILE with the authority of its certificate"
	case errors.Is(err, http.ErrSchemeMismatch):
		return ": use http://"
	case notHTTP(err):
		return ": this is no port of a log (--log-listen of a node)"
	}
	return ""
}

// ReadToken reads a file with a token for a log's entries: one line without spaces.
func ReadToken(path string) (string, error) {
	b, err := limited.ReadFile(path, limited.MaxSecretBytes)
	if err != nil {
		return "", fmt.Errorf("remote: read the token: %w", err)
	}
	token := strings.Fields(string(b))
	if len(token) != 1 {
		return "", fmt.Errorf("remote: the file %s holds %d words: it should hold the token alone, which \"carbonledger token\" printed first", path, len(token))
	}
	if strings.ContainsFunc(token[0], func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("remote: the file %s holds no token: one is of printable ASCII, as \"carbonledger token\" printed it", path)
	}
	return token[0], nil
}
