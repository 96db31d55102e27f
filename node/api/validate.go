package api

import (
	"encoding/base64"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"

	"carbonledger/tx"
)

const (
	maxItems      = 1000
	maxPartyBytes = 64
	maxCodeBytes  = 32
	maxCursor     = 512
	lastYear      = 9999
)

// isName accepts what party ids, regions and instrument codes are made of.
// Which of them exist is the ledger's to say.
func isName(s string, most int) bool {
	if s == "" || len(s) > most {
		return false
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}

func wantName(field, s string, most int) error {
	if !isName(s, most) {
		return badRequest("%s %q: want 1 to %d letters, digits and hyphens", field, s, most)
	}
	return nil
}

func mayName(field, s string, most int) error {
	if s == "" {
		return nil
	}
	return wantName(field, s, most)
}

func wantReference(s string) error {
	if s == "" || len(s) > tx.MaxReferenceBytes {
		return badRequest("reference: want 1 to %d bytes", tx.MaxReferenceBytes)
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return badRequest("reference %q: want printable ASCII without spaces", s)
		}
	}
	return nil
}

func wantID(b []byte) (tx.ID, error) {
	if len(b) != len(tx.ID{}) {
		return tx.ID{}, badRequest("id: has %d bytes, want %d", len(b), len(tx.ID{}))
	}
	return tx.ID(b), nil
}

func wantYear(y tx.Year) error {
	if y < 1 || y > lastYear {
		return badRequest("year %d: want 1 to %d", y, lastYear)
	}
	return nil
}

func wantDay(field string, d tx.Day) error {
	if !d.Valid() {
		return badRequest("%s %d: want a day as YYYYMMDD", field, d)
	}
	return nil
}

func wantRole(r tx.Role) error {
	if _, ok := tx.Role_name[int32(r)]; !ok {
		return badRequest("role %d: there is no such role", int32(r))
	}
	return nil
}

func wantApplicationState(s tx.ApplicationState) error {
	if _, ok := tx.ApplicationState_name[int32(s)]; !ok {
		return badRequest("state %d: there is no such state", int32(s))
	}
	return nil
}

func wantLimit(n uint32) (int, error) {
	switch {
	case n == 0:
		return maxItems, nil
	case n > maxItems:
		return 0, badRequest("limit %d: at most %d items a page; the cursor gets the rest", n, maxItems)
	}
	return int(n), nil
}

// seal makes a cursor of the place where a list goes on. It names the list, so
// that a cursor of another one is found out.
func seal(list, next string) string {
	if next == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(list + "\x00" + next))
}

func open(list, cursor string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	if len(cursor) <= maxCursor {
		if b, err := base64.RawURLEncoding.Strict().DecodeString(cursor); err == nil {
			if next, ok := strings.CutPrefix(string(b), list+"\x00"); ok && next != "" {
				return next, nil
			}
		}
	}
	return "", failure{
		code: codes.InvalidArgument, reason: reasonBadCursor,
		text: fmt.Sprintf("the cursor is not one of %s: give what the page before returned, or nothing", list),
	}.err()
}
