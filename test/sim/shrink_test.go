package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// shrinkFor bounds the search for a shorter history with the same fault.
const shrinkFor = 2 * time.Minute

// shrunk drops transactions from a history as long as the same disagreement
// stays, and tells what is left in words.
func shrunk(t *testing.T, seed uint64, history [][][]byte, at int, fault string) string {
	var all [][]byte
	for i, block := range history {
		if i == len(history)-1 {
			block = block[:at+1]
		}
		all = append(all, block...)
	}
	end := time.Now().Add(shrinkFor)
	if sameFault(t, seed, all) == "" {
		return "none: the fault does not come back in blocks of one transaction"
	}
	kind := kindOf(fault)
	for size := len(all) / 2; size >= 1; size /= 2 {
		for from := 0; from+size <= len(all) && time.Now().Before(end); {
			fewer := slices.Delete(slices.Clone(all), from, from+size)
			if kindOf(sameFault(t, seed, fewer)) == kind {
				all = fewer
			} else {
				from += size
			}
		}
	}
	p := newPlay(t, seed)
	var b strings.Builder
	for i, raw := range all {
		if i > 60 {
			fmt.Fprintf(&b, "    … %d more\n", len(all)-i)
			break
		}
		fmt.Fprintf(&b, "    %s\n", words(p.model, raw))
		fmt.Fprintf(&b, "      → %s\n", p.foretell(raw).verdict)
	}
	return b.String()
}

// kindOf a fault: its reasons, without numbers and names.
func kindOf(fault string) string {
	var words []string
	for _, w := range strings.FieldsFunc(fault, func(r rune) bool { return r == ' ' || r == '\n' || r == '(' || r == ')' }) {
		if strings.ToUpper(w) == w && len(w) > 4 && strings.ContainsRune(w, '_') || w == "ACCEPTED" {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return fault[:strings.IndexByte(fault+" ", ' ')]
	}
	return strings.Join(words[:min(2, len(words))], " ")
}

// sameFault plays transactions, twenty a block, and returns the first
// disagreement.
func sameFault(t *testing.T, seed uint64, raws [][]byte) string {
	p := newPlay(t, seed)
	for part := range slices.Chunk(raws, 20) {
		for _, raw := range part {
			p.foretell(raw)
		}
		if fault, _ := p.block(part, false); fault != "" {
			return fault
		}
	}
	v, err := p.ledger.View()
	p.must(err)
	differ, err := compare(v, p.model)
	p.must(err)
	p.must(v.Close())
	if len(differ) > 0 {
		return differ[0]
	}
	return ""
}
