package proof

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Policy says when a checkpoint counts: the log's own signature, and enough
// cosignatures (c2sp.org/tlog-policy). It is what a verifier believes in.
type Policy struct {
	log       note.Verifier
	witnesses map[string]note.Verifier
	groups    map[string]group
	members   map[string]bool // of any group
	keys      map[string]bool // of witnesses
	quorum    string
	text      string
}

type group struct {
	need    int
	members []string
}

// MaxPolicyBytes bounds a policy's text.
const MaxPolicyBytes = 64 << 10

// ParsePolicy reads a policy with one log. No key stands there twice and no name
// is a member twice, so that each witness counts in one way only.
func ParsePolicy(text string) (*Policy, error) {
	if len(text) > MaxPolicyBytes {
		return nil, fmt.Errorf("proof: a policy of %d bytes: the limit is %d", len(text), MaxPolicyBytes)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' || r == 0x7f }) {
		return nil, fmt.Errorf("proof: a policy has no control characters but tab and newline")
	}
	p := &Policy{text: text, witnesses: map[string]note.Verifier{}, groups: map[string]group{}, members: map[string]bool{}, keys: map[string]bool{}}
	for i, line := range strings.Split(text, "\n") {
		words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' })
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if err := p.line(words); err != nil {
			return nil, fmt.Errorf("proof: the policy's line %d: %w", i+1, err)
		}
	}
	if p.log == nil || p.quorum == "" {
		return nil, fmt.Errorf("proof: a policy has a line \"log\" and a line \"quorum\"")
	}
	return p, nil
}

func (p *Policy) line(words []string) (err error) {
	switch kind, n := words[0], len(words); {
	case kind == "log" && (n == 2 || n == 3) && p.log == nil:
		if p.log, err = note.NewVerifier(words[1]); err != nil {
			return err
		}
		if _, _, ok := plain(words[1]); !ok {
			return fmt.Errorf("the key of %s is not written as it must be", p.log.Name())
		}
		return nil
	case kind == "witness" && (n == 3 || n == 4):
		v, key, err := cosigner(words[2])
		if err != nil {
			return err
		}
		if p.keys[key] {
			return fmt.Errorf("the key of %s stands there twice", v.Name())
		}
		if err := p.free(words[1]); err != nil {
			return err
		}
		p.witnesses[words[1]], p.keys[key] = v, true
		return nil
	case kind == "group" && n >= 4:
		return p.group(words[1], words[2], words[3:])
	case kind == "quorum" && n == 2 && p.quorum == "":
		if p.quorum = words[1]; p.quorum != "none" && !p.known(p.quorum) {
			return fmt.Errorf("the quorum %q is no witness and no group before it", p.quorum)
		}
		return nil
	}
	return fmt.Errorf("%q is none of: log VKEY [URL], witness NAME VKEY [URL], group NAME K MEMBER…, quorum NAME; log and quorum once", strings.Join(words, " "))
}

func (p *Policy) group(name, need string, members []string) error {
	g := group{members: members}
	switch need {
	case "any":
		g.need = 1
	case "all":
		g.need = len(members)
	default:
		n, err := strconv.ParseUint(need, 10, 8)
		if err != nil {
			return fmt.Errorf("the group %q asks for %q of its members", name, need)
		}
		g.need = int(n)
	}
	if g.need < 1 || g.need > len(members) {
		return fmt.Errorf("the group %q asks for %d of %d members", name, g.need, len(members))
	}
	for _, m := range members {
		if !p.known(m) || p.members[m] {
			return fmt.Errorf("the group %q has the member %q, which is a member already or not named before", name, m)
		}
		p.members[m] = true
	}
	if err := p.free(name); err != nil {
		return err
	}
	p.groups[name] = g
	return nil
}

func (p *Policy) known(name string) bool {
	_, group := p.groups[name]
	return group || p.witnesses[name] != nil
}

func (p *Policy) free(name string) error {
	if slices.Contains([]string{"log", "witness", "group", "quorum", "any", "all", "none"}, name) || p.known(name) {
		return fmt.Errorf("the name %q is taken", name)
	}
	return nil
}

// Origin of the log.
func (p *Policy) Origin() string { return p.log.Name() }

// Text is the policy as it was read.
func (p *Policy) Text() string { return p.text }

// Rule is one of a policy's groups: Need of the Members, which are witnesses or
// groups, make it up.
type Rule struct {
	Name    string
	Need    int
	Members []string
}

// Rules lists the quorum, and below it the groups that it is made of. A witness
// alone is a group of itself. The quorum "none" has no rule.
func (p *Policy) Rules() []Rule {
	if p.quorum == "none" {
		return nil
	}
	if p.witnesses[p.quorum] != nil {
		return []Rule{{p.quorum, 1, []string{p.quorum}}}
	}
	return p.rulesOf(p.quorum)
}

func (p *Policy) rulesOf(name string) (all []Rule) {
	g, ok := p.groups[name]
	if !ok {
		return nil
	}
	all = []Rule{{name, g.need, slices.Clone(g.members)}}
	for _, m := range g.members {
		all = append(all, p.rulesOf(m)...)
	}
	return all
}

// ErrLacking: the log signed the checkpoint, but too few of the policy's cosigners did.
var ErrLacking = errors.New("lacks cosignatures")

// Open verifies a checkpoint: the log's signature, its origin, and that the
// quorum cosigned it. Signatures of strangers are ignored, as the format says;
// one of a known key that does not hold, or a second one of it, is an error.
func (p *Policy) Open(checkpoint []byte) (Checkpoint, []Cosignature, error) {
	c, all, err := p.signed(checkpoint)
	if err != nil {
		return c, nil, err
	}
	seen := map[string]bool{}
	for name, v := range p.witnesses {
		seen[name] = slices.ContainsFunc(all, func(s Cosignature) bool { return s.Name == v.Name() && s.id == v.KeyHash() })
	}
	if p.quorum != "none" && !p.satisfied(p.quorum, seen) {
		return c, all, fmt.Errorf("proof: the checkpoint of size %d %w: %d are there, not enough for the quorum %q", c.Size, ErrLacking, len(all), p.quorum)
	}
	return c, all, nil
}

func (p *Policy) signed(checkpoint []byte) (c Checkpoint, all []Cosignature, err error) {
	if len(checkpoint) > MaxCheckpointBytes {
		return c, nil, fmt.Errorf("proof: a checkpoint of %d bytes: the limit is %d", len(checkpoint), MaxCheckpointBytes)
	}
	verifiers := []note.Verifier{p.log}
	for _, v := range p.witnesses {
		verifiers = append(verifiers, v)
	}
	n, err := note.Open(checkpoint, newOnce(verifiers))
	if unknown := new(note.UnverifiedNoteError); errors.As(err, &unknown) {
		if theirs, err := ParseCheckpoint(unknown.Note.Text); err == nil && theirs.Origin != p.Origin() {
			return c, nil, fmt.Errorf("proof: the checkpoint is of another network: of the log %q, the policy is of %q", theirs.Origin, p.Origin())
		}
	}
	if err != nil {
		return c, nil, fmt.Errorf("proof: the checkpoint: %w", err)
	}
	if c, err = ParseCheckpoint(n.Text); err != nil {
		return c, nil, err
	}
	own := false
	for _, s := range n.Sigs {
		if s.Name == p.log.Name() && s.Hash == p.log.KeyHash() {
			if own, err = true, strict(s); err != nil {
				return c, nil, err
			}
			continue
		}
		one, err := cosignature(s)
		if err != nil {
			return c, nil, err
		}
		all = append(all, one)
	}
	if !own || c.Origin != p.Origin() {
		return c, nil, fmt.Errorf("proof: the checkpoint of %q is not signed by the log %q", c.Origin, p.Origin())
	}
	return c, all, nil
}

func (p *Policy) satisfied(name string, seen map[string]bool) bool {
	g, ok := p.groups[name]
	if !ok {
		return seen[name]
	}
	n := 0
	for _, m := range g.members {
		if p.satisfied(m, seen) {
			n++
		}
	}
	return n >= g.need
}

// WritePolicy is the text of a policy: the log, and k of the cosigners with
// these names and keys. A name has no slash, so that it does not meet a word of
// the format. There are readers which want a URL behind each witness.
func WritePolicy(log string, names, vkeys []string, k int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# A checkpoint counts when %d of these %d validators cosigned it (c2sp.org/tlog-policy).\nlog %s\n", k, len(names), log)
	group := fmt.Sprintf("group validators %d", k)
	for i, name := range names {
		fmt.Fprintf(&b, "witness validator/%s %s https://%s.invalid/\n", name, vkeys[i], name)
		group += " validator/" + name
	}
	return b.String() + group + "\nquorum validators\n"
}
