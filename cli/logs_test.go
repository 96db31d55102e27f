package cli

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoLog: what an argument of a log is not, and what to give in its place.
func TestNoLog(t *testing.T) {
	o := newOffline(t)
	empty := httptest.NewServer(http.NotFoundHandler())
	defer empty.Close()
	for _, c := range []struct {
		code      int
		log, want string
	}{
		{exitFailed, "127.0.0.1:7081", "begins with http:// or https://"},
		{exitFailed, strings.Replace(empty.URL, "http", "HTTP", 1), "begins with http:// or https://"},
		{exitFailed, o.dir, o.dir + " is no copy of a log"},
		{exitUsage, o.genesis, "is no directory"},
		{exitFailed, empty.URL, "there is no log at " + empty.URL},
	} {
		mustFail(t, c.code, c.want, "audit", c.log, "--genesis", o.genesis, "--policy", filepath.Join(o.dir, "policy.txt"))
		mustFail(t, c.code, c.want, "archive", c.log, "--until", "2024-01-02", "--policy", filepath.Join(o.dir, "policy.txt"), t.TempDir())
	}
}

// TestLogOfAPI: the port of a node's API is told from that of its log, in one line.
func TestLogOfAPI(t *testing.T) {
	s := newSolo(t)
	audit := []string{"audit", "http://" + s.address, "--genesis", s.genesis, "--policy", filepath.Join(s.dir, "policy.txt")}
	mustFail(t, exitFailed, "this is no port of a log", audit...)
	if r := run(audit...); strings.Count(r.err, "\n") != 1 {
		t.Errorf("more than one line: %q", r.err)
	}
}

// TestRedirects: a token that was sent by TLS is sent nowhere without it, and a server
// that sends in a circle is named.
func TestRedirects(t *testing.T) {
	open := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s was asked, with the token %q", r.URL, r.Header.Get("Authorization"))
	}))
	defer open.Close()
	to := open.URL
	secret := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, to+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer secret.Close()
	ca := textFile(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secret.Certificate().Raw})))
	get := []string{"receipt", "get", "1", "--log", secret.URL, "--ca", ca, "--token-file", textFile(t, "good\n")}
	mustFail(t, exitFailed, "which is not https://", get...)
	to = secret.URL
	mustFail(t, exitFailed, secret.URL+"/checkpoint sends on and on", get...)
}
