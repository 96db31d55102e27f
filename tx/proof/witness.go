package proof

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Witness is an independent cosigner outside the network (c2sp.org/tlog-witness).
type Witness struct{ Name, VKey, URL string }

// ParseWitnesses reads "K NAME VKEY URL, NAME VKEY URL, …": the witnesses, and
// how many of them must cosign. No text, or "none", is no witness.
func ParseWitnesses(s string) (all []Witness, need int, err error) {
	if s == "" || s == "none" {
		return nil, 0, nil
	}
	k, list, _ := strings.Cut(s, " ")
	keys := map[string]bool{}
	for one := range strings.SplitSeq(list, ",") {
		words := strings.Fields(one)
		if len(words) != 3 {
			return nil, 0, fmt.Errorf("proof: the witness %q is not NAME VKEY URL", strings.TrimSpace(one))
		}
		w := Witness{words[0], words[1], strings.TrimRight(words[2], "/")}
		_, key, err := cosigner(w.VKey)
		if err != nil {
			return nil, 0, fmt.Errorf("proof: the key of the witness %s: %w", w.Name, err)
		}
		if u, err := url.Parse(w.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, 0, fmt.Errorf("proof: the address %q of the witness %s is no http or https URL", w.URL, w.Name)
		}
		for _, other := range all {
			if other.Name == w.Name {
				return nil, 0, fmt.Errorf("proof: the witness %s stands there twice", w.Name)
			}
		}
		if keys[key] {
			return nil, 0, fmt.Errorf("proof: the key of the witness %s stands there twice", w.Name)
		}
		keys[key] = true
		all = append(all, w)
	}
	if need, err = strconv.Atoi(k); err != nil || need < 0 || need > len(all) {
		return nil, 0, fmt.Errorf("proof: %q of %d witnesses: begin with how many must cosign", k, len(all))
	}
	return all, need, nil
}
