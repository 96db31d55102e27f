package cli

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"carbonledger/tx"
)

// escaping writes text for a terminal. What a server, a node or a file says may hold
// characters that move the cursor, colour what follows or turn its order round: those
// are written as escapes, in the form that JSON has, so that JSON stays what it was.
type escaping struct {
	to io.Writer
	// part is the beginning of a character whose end is not here yet.
	part []byte
}

// Write writes all but the part of a last character.
func (s *escaping) Write(b []byte) (int, error) {
	all := append(s.part, b...)
	whole := len(all)
	for i := max(0, whole-utf8.UTFMax+1); i < len(all); i++ {
		if utf8.RuneStart(all[i]) && !utf8.FullRune(all[i:]) {
			whole = i
			break
		}
	}
	s.part = append([]byte(nil), all[whole:]...)
	if _, err := io.WriteString(s.to, visible(string(all[:whole]))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// end writes what was no whole character.
func (s *escaping) end() error {
	_, err := io.WriteString(s.to, visible(string(s.part)))
	s.part = nil
	return err
}

// visible is a text with escapes for what does not show, but for tabs and the ends of
// lines, and ? for what is no text.
func visible(text string) string {
	text = strings.ToValidUTF8(text, "?")
	hidden := func(r rune) bool { return r != '\n' && r != '\t' && !tx.Shows(r) }
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		if !hidden(r) {
			out.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&out, `\u%04x`, unit)
		}
	}
	return out.String()
}
