package tx

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"unicode"
)

// TestHidden: the ranges are part of the protocol and never change with Go; while
// its tables are of the version that they were written from, they say the same.
func TestHidden(t *testing.T) {
	const pinned = "30a0d1eba7268c3388572714befa1f040986afb28dd5881a0d866b0707207d32"
	if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(fmt.Sprint(hiddenUnicode, hidden)))); sum != pinned {
		t.Errorf("the characters that do not show have the hash %s: they change with the protocol's version alone", sum)
	}
	for i, of := range hidden {
		if of[0] > of[1] || i > 0 && of[0] <= hidden[i-1][1]+1 {
			t.Errorf("range %d, %x to %x, is not behind the one before it", i, of[0], of[1])
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		in := false
		for _, of := range hidden {
			in = in || r >= of[0] && r <= of[1]
		}
		surrogate := r >= 0xd800 && r <= 0xdfff // no text has one
		if !surrogate && shows(string(r)) == in {
			t.Fatalf("U+%04X shows: %v", r, !in)
		}
		if unicode.Version == hiddenUnicode && in != unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			t.Fatalf("U+%04X is hidden: %v; Unicode %s says otherwise", r, in, unicode.Version)
		}
	}
}
