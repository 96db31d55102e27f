package diverge

import "testing"

// TestDescribe: a key reads as text only where that shows.
func TestDescribe(t *testing.T) {
	for key, want := range map[string]string{
		"\x06e0\x00CEA22": "e0 CEA22", "\x14名称": "名称", "\x14上海　电力": "上海　电力",
		"\x06e\x1b[2J\x00CEA22": "651b5b324a004345413232", "\x06e0\x00\xff": "653000ff", "\x07e\u202e": "65e280ae",
	} {
		if _, parts, _ := Describe([]byte(key), nil); parts != want {
			t.Errorf("the key %x reads %q, want %q", key, parts, want)
		}
	}
}
