package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"os"
)

// copyOfLog checks that an argument which is no URL is a directory.
func copyOfLog(name string) error {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: there is no such directory, and the URL of a log begins with http:// or https://", name)
	case err != nil:
		return err
	case !info.IsDir():
		return usage(fmt.Errorf("%s is no directory and no http:// or https:// URL of a log", name))
	}
	return nil
}

// staysSecret follows a redirect as net/http does, but from https:// to no http://: the
// token goes along on the same host, and would be there for everybody to read.
func staysSecret(next *http.Request, before []*http.Request) error {
	if next.URL.Scheme != "https" && before[0].URL.Scheme == "https" {
		return fmt.Errorf("%s sends to %s, which is not https://: nothing is read there", before[0].URL.Redacted(), next.URL.Redacted())
	}
	if len(before) >= 10 {
		return fmt.Errorf("%s sends on and on", before[0].URL.Redacted())
	}
	return nil
}

// logTransport is how logs are read from servers.
func logTransport() *http.Transport {
	// net/http writes there what a server sends unasked, which the error says as well.
	log.SetOutput(io.Discard)
	return http.DefaultTransport.(*http.Transport).Clone()
}
