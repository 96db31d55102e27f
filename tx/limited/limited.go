// Package limited reads files that people name: a name can be mistaken for that of a
// disk image or of a device without an end, which must cost an error and no memory.
package limited

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Bounds of what people write themselves.
const (
	MaxSecretBytes   = 64 << 10 // a token, a passphrase
	MaxSettingsBytes = 1 << 20  // a configuration, certificate authorities, lines of validators
)

// ErrTooLong says that a file is longer than what was looked for can be.
var ErrTooLong = errors.New("too long to be what is read here")

// ReadFile reads a whole file of at most limit bytes. It reads no more than that of a
// longer one, of which its error wraps ErrTooLong.
func ReadFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes: %w", path, limit, ErrTooLong)
	}
	return b, nil
}
