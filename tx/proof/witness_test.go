package proof

import (
	"crypto/ed25519"
	"strings"
	"testing"
)

// TestParseWitnesses: what a list of witnesses is.
func TestParseWitnesses(t *testing.T) {
	key := func(name string) string {
		seed := make([]byte, ed25519.SeedSize)
		copy(seed, name)
		return CosignerVKey(name, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	}
	one, two := "w1 "+key("witness.one"), "w2 "+key("witness.two")
	for _, good := range []struct {
		text  string
		count int
		need  int
	}{
		{"", 0, 0}, {"none", 0, 0},
		{"1 " + one + " https://witness.example", 1, 1},
		{"0 " + one + " http://10.1.2.3:8080/", 1, 0},
		{"2 " + one + " http://[fd00::1]:80/a/b~c,  " + two + "  https://w.example/log.v1_x", 2, 2},
	} {
		if all, need, err := ParseWitnesses(good.text); err != nil || len(all) != good.count || need != good.need {
			t.Errorf("%q: %v, %d, %v", good.text, all, need, err)
		}
	}
	for _, bad := range []string{
		"1", "1 ", "2 " + one + " https://w.example", "-1 " + one + " https://w.example", "x " + one + " https://w.example",
		"1 " + one, "1 " + one + " https://w.example more", "1 " + one + " https://w.example, " + one + " https://v.example",
		"1 " + one + " https://w.example, w3 " + strings.TrimPrefix(one, "w1 ") + " https://v.example",
		"1 w1 nokey https://w.example",
		"1 " + one + " ftp://w.example", "1 " + one + " https://", "1 " + one + " https:///path", "1 " + one + " //w.example", "1 " + one + " w.example",
		"1 " + one + " https://user@w.example", "1 " + one + " https://w.example:0", "1 " + one + " https://w.example:080", "1 " + one + " https://w.example:65536",
		"1 " + one + " https://w.example:", "1 " + one + " https://w.example:8:8", "1 " + one + " https://[fd00::1", "1 " + one + " https://[fd00::1]8", "1 " + one + " https://[g::1]",
		"1 " + one + " https://w.example/%zz", "1 " + one + " https://w.example/?q", "1 " + one + " https://w.example/#f",
		"1 " + one + "\u00a0https://w.example", "1 " + one + "\thttps://w.example", "1 " + one + " https://w\u00e4chter.example", "1\u2003" + one + " https://w.example",
	} {
		if all, need, err := ParseWitnesses(bad); err == nil {
			t.Errorf("%q is taken: %v, %d", bad, all, need)
		}
	}
}
