package publish

import (
	"crypto/ed25519"
	"crypto/sha256"
	"path/filepath"
	"testing"
	"time"

	"carbonledger/tx/proof"
)

// TestPublishedSince: a checkpoint is as old as the cosignatures that make it count,
// however late it is read or told again; an older one of the same size takes no
// newer one's place, and one cosigner's clock makes none newer.
func TestPublishedSince(t *testing.T) {
	l := logOf(t, 3)
	v := viewOf(t, l)
	root, err := proof.Root(v.LogSize(), v.Nodes)
	if err != nil {
		t.Fatal(err)
	}
	c := proof.Checkpoint{Origin: "log.test/chain", Size: v.LogSize(), Root: root}
	now := time.Unix(1_700_000_000, 0)
	// note by validators that saw it so many seconds ago.
	note := func(ago map[string]int64) []byte {
		line, err := c.SignOrigin(ed25519.NewKeyFromSeed(make([]byte, 32)))
		if err != nil {
			t.Fatal(err)
		}
		lines := [][]byte{line}
		for _, name := range []string{"n1", "n2", "n3"} {
			seconds, ok := ago[name]
			if !ok {
				continue
			}
			sum := sha256.Sum256([]byte(name))
			line, err := c.Cosign(proof.CosignerName(c.Origin, name), ed25519.NewKeyFromSeed(append(sum[1:], 0)), uint64(now.Unix()-seconds))
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, line)
		}
		return c.Note(lines...)
	}
	p := publisherOf(t, l)
	p.c.LogKey = ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	p.c.Checkpoint, p.c.Now, p.changed = filepath.Join(t.TempDir(), "checkpoint"), func() time.Time { return now }, make(chan struct{})
	for _, step := range []struct {
		what string
		ago  map[string]int64
		want int64
	}{
		{"one of an hour ago", map[string]int64{"n1": 3600, "n2": 3601}, 3601},
		{"an older one", map[string]int64{"n2": 7000, "n3": 7000}, 3601},
		{"a newer one", map[string]int64{"n1": 60, "n2": 59, "n3": 58}, 59},
		{"one cosigner alone is newer", map[string]int64{"n1": 0, "n2": 3601}, 59},
		{"clocks that are ahead", map[string]int64{"n1": -10, "n2": -9}, 0},
	} {
		p.take(note(step.ago))
		if got := now.Sub(p.newest.at); p.newest.Size != c.Size || got != time.Duration(step.want)*time.Second {
			t.Errorf("%s: published %v ago, not %d s", step.what, got, step.want)
		}
	}
}
