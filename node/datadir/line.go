package datadir

import (
	"encoding/hex"
	"fmt"
	"strings"

	"carbonledger/tx"
)

// LineTag is the first word of a public line.
const LineTag = "carbonledger-validator"

// FormatLine is a validator's public line: one line of text that its operator
// sends to whoever writes the genesis document or admits it.
func FormatLine(v tx.Validator) string {
	return fmt.Sprintf("%s name=%s site=%s address=%s node=%s cosign=%s incarnation=%x", LineTag, v.Name, v.Site, v.Address,
		&tx.PublicKey{Scheme: tx.Ed25519, Key: v.NodeKey}, &tx.PublicKey{Scheme: tx.Ed25519, Key: v.CosignKey}, v.IncarnationSha256)
}

// ParseLine reads a public line. Its error names the field. The validator is
// not yet a voter: who admits it decides.
func ParseLine(line string) (tx.Validator, error) {
	fields := strings.Fields(line)
	if len(fields) == 0 || fields[0] != LineTag {
		return tx.Validator{}, fmt.Errorf("datadir: a validator's line begins with %q: copy the whole line that init node printed", LineTag)
	}
	values := map[string]string{}
	for _, f := range fields[1:] {
		name, value, ok := strings.Cut(f, "=")
		if _, twice := values[name]; !ok || twice {
			return tx.Validator{}, fmt.Errorf("datadir: the line's part %q is no single field", f)
		}
		values[name] = value
	}
	var v tx.Validator
	var problem error
	take := func(name string, read func(string) error) {
		value := values[name]
		delete(values, name)
		if problem != nil {
			return
		}
		if value == "" {
			problem = fmt.Errorf("datadir: the line lacks %s", name)
		} else if err := read(value); err != nil {
			problem = fmt.Errorf("datadir: the line's %s: %w", name, err)
		}
	}
	text := func(to *string) func(string) error { return func(s string) error { *to = s; return nil } }
	take("name", text(&v.Name))
	take("site", text(&v.Site))
	take("address", text(&v.Address))
	take("node", readKey(&v.NodeKey))
	take("cosign", readKey(&v.CosignKey))
	take("incarnation", func(s string) error {
		b, err := hex.DecodeString(s)
		if err != nil || len(b) != 32 {
			return fmt.Errorf("%q is not 64 hexadecimal digits", s)
		}
		v.IncarnationSha256 = b
		return nil
	})
	if problem != nil {
		return tx.Validator{}, problem
	}
	for name := range values {
		return tx.Validator{}, fmt.Errorf("datadir: the line has an unknown field %q", name)
	}
	return v, nil
}

func readKey(to *[]byte) func(string) error {
	return func(s string) error {
		k, err := tx.ParsePublicKey(s)
		if err != nil {
			return err
		}
		if k.Scheme != tx.Ed25519 {
			return fmt.Errorf("%s is not an Ed25519 key", s)
		}
		*to = k.Key
		return nil
	}
}
