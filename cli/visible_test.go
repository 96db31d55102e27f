package cli

import (
	"bytes"
	"errors"
	"testing"

	"carbonledger/node/api"
)

// TestVisible: no character of others' text does anything at a terminal.
func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		"湖北 a\tb\n— ✓":             "湖北 a\tb\n— ✓",
		"\x1b[31mred\a\r\x7f":      `\u001b[31mred\u0007\u000d\u007f`,
		"\u202eright\u200b\u009b1": `\u202eright\u200b\u009b1`,
		"\U000e0041":               `\udb40\udc41`,
		"\xff\x9b1m":               "?1m",
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
		for at := range len(text) + 1 { // however it comes
			var out bytes.Buffer
			s := &escaping{to: &out}
			_, err1 := s.Write([]byte(text[:at]))
			_, err2 := s.Write([]byte(text[at:]))
			if err := errors.Join(err1, err2, s.end()); err != nil || out.String() != want && text != "\xff\x9b1m" {
				t.Errorf("%q after %d bytes: %q, %v", text, at, out.String(), err)
			}
		}
	}
	if got := message(errors.New("\x1b]0;title\a")); got != `\u001b]0;title\u0007` {
		t.Errorf("an error is %q", got)
	}
}

// TestEscapedOutput: a table and an object of what a node answered.
func TestEscapedOutput(t *testing.T) {
	const name = "\x1b[2Jplant\u202e"
	one := record{}
	one.add("name", name)
	list := &table{name: "parties", columns: []string{"name"}, page: api.Page{Complete: true}}
	list.row(name)
	for want, print := range map[string]func(*escaping) error{
		"name  \\u001b[2Jplant\\u202e\n":                                  func(s *escaping) error { return one.print(s, false) },
		"{\"name\":\"\\u001b[2Jplant\\u202e\"}\n":                         func(s *escaping) error { return one.print(s, true) },
		"NAME\n\\u001b[2Jplant\\u202e\n1 parties at height 0; complete\n": func(s *escaping) error { return list.print(s, s, format{}) },
	} {
		var out bytes.Buffer
		s := &escaping{to: &out}
		if err := errors.Join(print(s), s.end()); err != nil || out.String() != want {
			t.Errorf("%q, %v, want %q", out.String(), err, want)
		}
	}
}
