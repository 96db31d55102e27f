package remote

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	for text, want := range map[string]string{"abc": "abc", " abc\r\n": "abc", "": "", "abc\noffice sha256:12\n": "", "a b": ""} {
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
