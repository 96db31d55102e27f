package proof

import (
	"fmt"
	"strconv"
	"strings"
)

// Witness is an independent cosigner outside the network (c2sp.org/tlog-witness).
type Witness struct{ Name, VKey, URL string }

// ParseWitnesses reads "K NAME VKEY URL, NAME VKEY URL, …": the witnesses, and
// how many of them must cosign. No text, or "none", is no witness. All of it is
// printable ASCII. The ledger decides by it whether a parameter can have a value, so
// no rule of it follows the Go release, as those of strings.Fields and url.Parse do.
func ParseWitnesses(s string) (all []Witness, need int, err error) {
	if s == "" || s == "none" {
		return nil, 0, nil
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
		return nil, 0, fmt.Errorf("proof: the list of witnesses has a character at byte %d that is no printable ASCII", i)
	}
	k, list, _ := strings.Cut(s, " ")
	keys := map[string]bool{}
	for one := range strings.SplitSeq(list, ",") {
		words := strings.FieldsFunc(one, func(r rune) bool { return r == ' ' })
		if len(words) != 3 {
			return nil, 0, fmt.Errorf("proof: the witness %q is not NAME VKEY URL", strings.Trim(one, " "))
		}
		w := Witness{words[0], words[1], strings.TrimRight(words[2], "/")}
		_, key, err := cosigner(w.VKey)
		if err != nil {
			return nil, 0, fmt.Errorf("proof: the key of the witness %s: %w", w.Name, err)
		}
		if !webAddress(w.URL) {
			return nil, 0, fmt.Errorf("proof: the address %q of the witness %s is no http or https URL such as https://witness.example:8443/log", w.URL, w.Name)
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

// webAddress accepts http or https, a host of letters, digits, dots and hyphens or
// an IPv6 address in brackets, a port, and a path of letters, digits, "-", ".", "_",
// "~" and "/".
func webAddress(s string) bool {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		if rest, ok = strings.CutPrefix(s, "http://"); !ok {
			return false
		}
	}
	authority, path, _ := strings.Cut(rest, "/")
	host, port, hasPort := strings.Cut(authority, ":")
	if in, bracket := strings.CutPrefix(authority, "["); bracket {
		var behind string
		if host, behind, ok = strings.Cut(in, "]"); !ok || behind != "" && behind[0] != ':' || !made(host, "abcdefABCDEF0123456789:.") {
			return false
		}
		port, hasPort = strings.CutPrefix(behind, ":")
	} else if !made(host, letters+"-.") {
		return false
	}
	if n, err := strconv.Atoi(port); hasPort && (err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != port) {
		return false
	}
	return path == "" || made(path, letters+"-._~/")
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// made accepts a text that is not empty and has no other bytes than these.
func made(s, of string) bool { return s != "" && strings.Trim(s, of) == "" }
