package proof

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/witness"
)

// randomPolicy is a policy's text over the validators. Many are wrong.
func randomPolicy(r *rand.Rand, validators []string) string {
	text := "log " + testLogVKey() + "\n"
	names := []string{"none", "nobody"}
	for _, v := range validators {
		text += fmt.Sprintf("witness %s %s https://%s.invalid/\n", v, testVKey(v), v)
		names = append(names, v)
	}
	free := append([]string(nil), validators...)
	r.Shuffle(len(free), func(i, j int) { free[i], free[j] = free[j], free[i] })
	for g := range r.IntN(4) {
		n := min(len(free), 1+r.IntN(4))
		members := append([]string(nil), free[:n]...)
		if free = free[n:]; r.IntN(12) == 0 {
			members = append(members, names[r.IntN(len(names))])
		}
		if len(members) == 0 {
			continue
		}
		k := []string{"any", "all", fmt.Sprint(1 + r.IntN(len(members))), fmt.Sprint(r.IntN(len(members) + 2))}[r.IntN(4)]
		name := fmt.Sprintf("g%d", g)
		text += fmt.Sprintf("group %s %s %s\n", name, k, strings.Join(members, " "))
		names, free = append(names, name), append(free, name)
	}
	quorum := names[r.IntN(len(names))]
	if r.IntN(3) > 0 {
		quorum = names[len(names)-1]
	}
	return text + "quorum " + quorum + "\n"
}

// TestPoliciesAsFormatsReadsThem: what ParsePolicy takes, formats takes, and
// every set of cosignatures is enough for both or for neither.
func TestPoliciesAsFormatsReadsThem(t *testing.T) {
	r, c := rand.New(rand.NewPCG(1, 2)), testCheckpoint()
	all := []string{"a", "b", "c", "d", "e"}
	lines := map[string][]byte{}
	for _, v := range all {
		lines[v] = cosignLine(c, v)
	}
	var taken, refusals, theirsAlone, yes, no int
	for range 120 {
		validators := all[:1+r.IntN(len(all))]
		text := randomPolicy(r, validators)
		p, err := ParsePolicy(text)
		theirs, theirErr := witness.ParsePolicy([]byte(text))
		switch {
		case err == nil && theirErr != nil:
			t.Fatalf("formats refuses: %v\n%s", theirErr, text)
		case err != nil && theirErr == nil:
			if theirsAlone++; !strings.Contains(err.Error(), "a member already") && !strings.Contains(err.Error(), "asks for 0 of") {
				t.Fatalf("formats takes it: %v\n%s", err, text)
			}
			continue
		case err != nil:
			refusals++
			continue
		}
		taken++
		for set := range 1 << len(validators) {
			cosigned := [][]byte{originLine(c)}
			for i, v := range validators {
				if set>>i&1 == 1 {
					cosigned = append(cosigned, lines[v])
				}
			}
			r.Shuffle(len(cosigned), func(i, j int) { cosigned[i], cosigned[j] = cosigned[j], cosigned[i] })
			_, _, err := p.Open(c.Note(cosigned...))
			if enough := theirs.Satisfied(c.Note(cosigned...)); enough != (err == nil) {
				t.Fatalf("cosigned by the set %b: %v, formats says %v\n%s", set, err, enough, text)
			} else if enough {
				yes++
			} else {
				no++
			}
		}
	}
	t.Logf("%d policies taken, %d refused by both, %d by us alone; %d sets enough, %d not", taken, refusals, theirsAlone, yes, no)
	if taken < 50 || yes < 200 || no < 200 || theirsAlone < 5 || refusals < 10 {
		t.Error("the policies are not of every kind")
	}
}

// TestWrittenPolicies are read by formats as well, with the same quorum.
func TestWrittenPolicies(t *testing.T) {
	c := testCheckpoint()
	all := []string{"wuhan-1", "beijing-1", "beijing-2", "shanghai-1", "guangzhou-1"}
	for n := 1; n <= len(all); n++ {
		for k := 1; k <= n; k++ {
			text := WritePolicy(testLogVKey(), all[:n], testVKeys(all[:n]...), k)
			p, theirs := parsePolicy(t, text), must(witness.ParsePolicy([]byte(text)))
			if p.Origin() != testOrigin || theirs.N != k || len(theirs.Components) != n || len(theirs.Endpoints()) != n {
				t.Errorf("%d of %d: origin %s, formats reads %d of %d", k, n, p.Origin(), theirs.N, len(theirs.Components))
			}
			for have := 0; have <= n; have++ {
				cp := signed(c, all[:have]...)
				_, _, err := p.Open(cp)
				if (err == nil) != (have >= k) || theirs.Satisfied(cp) != (have >= k) {
					t.Errorf("%d of %d cosigned where %d are asked for: %v, formats says %v", have, n, k, err, theirs.Satisfied(cp))
				}
			}
		}
	}
	words := []string{"log", "witness", "group", "quorum", "any", "all", "none", "validators", "5", "validator"}
	p, theirs := parsePolicy(t, WritePolicy(testLogVKey(), words, testVKeys(words...), 10)), must(witness.ParsePolicy([]byte(WritePolicy(testLogVKey(), words, testVKeys(words...), 10))))
	if _, _, err := p.Open(signed(c, words...)); err != nil || !theirs.Satisfied(signed(c, words...)) {
		t.Errorf("validators with the names of words: %v", err)
	}
	for what, text := range map[string]string{
		"nobody":                  WritePolicy(testLogVKey(), nil, nil, 0),
		"more than there are":     WritePolicy(testLogVKey(), all[:2], testVKeys(all[:2]...), 3),
		"none of two":             WritePolicy(testLogVKey(), all[:2], testVKeys(all[:2]...), 0),
		"one of two with one key": WritePolicy(testLogVKey(), all[:2], testVKeys(all[0], all[0]), 1),
	} {
		if _, err := ParsePolicy(text); err == nil {
			t.Errorf("%s: parses", what)
		}
	}
}
