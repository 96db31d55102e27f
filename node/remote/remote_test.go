package remote

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	for text, want := range map[string]string{"abc": "abc", " abc\r\n": "abc", "": "", "abc\noffice sha256:12\n": "", "a b": "", "a\x00b": "", "\xff\xfe": "", "a\u00e9": ""} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadToken(file)
		if got != want || (err == nil) != (want != "") || err != nil && !strings.Contains(err.Error(), file) {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	if _, err := ReadToken(file + "2"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestGet: what a server's answers mean, and what is tried again.
func TestGet(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch {
		case r.URL.Path == "/log/checkpoint":
			_, _ = w.Write([]byte("signed"))
		case r.URL.Path == "/log/tile/entries/000" && r.Header.Get("Authorization") == "Bearer good":
			_, _ = w.Write([]byte("entries"))
		case r.URL.Path == "/log/tile/entries/000":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/log/slow" && asked < 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/log/slow":
			_, _ = w.Write([]byte("at last"))
		case r.URL.Path == "/log/long":
			_, _ = w.Write(make([]byte, MaxFileBytes+1))
		case r.URL.Path == "/log/odd":
			w.WriteHeader(http.StatusTeapot)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	get := func(path, token string) (string, error) {
		asked = 0
		b, err := (&Log{URL: server.URL + "/log/", Token: token, Client: server.Client()}).Get(context.Background(), path)
		return string(b), err
	}
	for _, test := range []struct {
		path, token, want, says string
		asked                   int
	}{
		{"checkpoint", "", "signed", "", 1},
		{"tile/entries/000", "good", "entries", "", 1},
		{"tile/entries/000", "bad", "", "--token-file", 1},
		{"slow", "", "at last", "", 3},
		{"long", "", "", "longer than any such file", 1},
		{"odd", "", "", "418", 1},
		{"nothing", "", "", "404", 1},
	} {
		got, err := get(test.path, test.token)
		if got != test.want || (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) || asked != test.asked {
			t.Errorf("%s with %q: %q, %v, asked %d times", test.path, test.token, got, err, asked)
		}
		if errors.Is(err, fs.ErrNotExist) != (test.path == "nothing") {
			t.Errorf("%s: %v", test.path, err)
		}
	}
	refused := errors.New("not this one")
	l := &Log{URL: server.URL, Client: server.Client(), Check: func(*http.Response) error { return refused }}
	if _, err := l.Get(context.Background(), "log/checkpoint"); !errors.Is(err, refused) {
		t.Errorf("an answer that Check refuses: %v", err)
	}
}

// dialled counts connections.
type dialled struct{ n int }

func (d *dialled) transport(trust *x509.CertPool) *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		d.n++
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
}

// TestPermanent: what no other attempt mends is not tried again, and says what to do.
func TestPermanent(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	// As a gRPC server does, which begins with a frame of HTTP/2.
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	go func() {
		for {
			c, err := other.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = c.Write([]byte("\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x40\x00\n"))
			_ = c.Close()
		}
	}()
	for _, test := range []struct {
		url, says string
		dialled   int
	}{
		{strings.Replace(plain.URL, "http:", "https:", 1), "use http://", 1},
		{secure.URL, "--ca FILE", 1},
		{"http://" + other.Addr().String(), "no port of a log", 1},
		{"http://", "names no host", 0},
		{"http://127.0.0.1:99999", "invalid port", 1},
		{plain.URL, "there is no log at " + plain.URL, 1},
	} {
		d := &dialled{}
		_, err := (&Log{URL: test.url, Client: &http.Client{Transport: d.transport(x509.NewCertPool())}}).Get(context.Background(), "checkpoint")
		if err == nil || !strings.Contains(err.Error(), test.says) || d.n != test.dialled {
			t.Errorf("%s: %v, connected %d times", test.url, err, d.n)
		}
	}
}

// TestLost: a server that is not there is tried again until it is.
func TestLost(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("signed")) }))
	defer server.Close()
	address := server.Listener.Addr().String()
	if err := server.Listener.Close(); err != nil {
		t.Fatal(err)
	}
	started := false
	transport := &http.Transport{DialContext: func(ctx context.Context, network, at string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, at)
		if err != nil && !started {
			started = true
			l, err := net.Listen("tcp", address)
			if err != nil {
				t.Error(err)
				return nil, err
			}
			server.Listener = l
			server.Start()
		}
		return c, err
	}}
	b, err := (&Log{URL: "http://" + address, Client: &http.Client{Transport: transport}}).Get(context.Background(), "checkpoint")
	if err != nil || string(b) != "signed" || !started {
		t.Errorf("%q, %v", b, err)
	}
}

// TestWordsOfAServer: what stands beside the number of an answer is not repeated.
func TestWordsOfAServer(t *testing.T) {
	for code, want := range map[string]string{"403": "403 Forbidden", "404": "404 Not Found", "401": "401 Unauthorized", "999": "999 for"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, err = io.WriteString(conn, "HTTP/1.1 "+code+" \x1b[31mPASSED\r\nContent-Length: 0\r\n\r\n")
			if err = errors.Join(err, conn.Close()); err != nil {
				t.Error(err)
			}
		}))
		_, _, err := (&Log{URL: server.URL, Client: server.Client()}).get(t.Context(), "tile/0/000")
		server.Close()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "PASSED") {
			t.Errorf("%s: %v", code, err)
		}
	}
}
