package proof

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// refusals calls each with the reason's place and what the code says.
func (v *vectors) refusals(t *testing.T, each func(what string, reason *string, err error)) {
	t.Helper()
	policy := parsePolicy(t, v.Policy)
	for i := range v.Refused.Inclusion {
		c := &v.Refused.Inclusion[i]
		each("inclusion", &c.Reason, VerifyInclusion(c.Index, c.Size, Hash(c.Leaf), unhex(c.Path), Hash(c.Root)))
	}
	for i := range v.Refused.Consistency {
		c := &v.Refused.Consistency[i]
		each("consistency", &c.Reason, VerifyConsistency(c.Old, c.Size, unhex(c.Path), Hash(c.OldRoot), Hash(c.Root)))
	}
	for _, kind := range []struct {
		name   string
		all    []textVector
		verify func(text string) error
	}{
		{"checkpoint", v.Refused.Checkpoints, func(s string) error { _, err := ParseCheckpoint(s); return err }},
		{"note", v.Refused.Notes, func(s string) error { _, _, err := policy.Open([]byte(s)); return err }},
		{"policy", v.Refused.Policies, func(s string) error { _, err := ParsePolicy(s); return err }},
		{"receipt", v.Refused.Receipts, func(s string) error { _, err := verifyFile([]byte(s), policy); return err }},
	} {
		for i := range kind.all {
			each(kind.name+": "+kind.all[i].Name, &kind.all[i].Reason, kind.verify(kind.all[i].Text))
		}
	}
	for i := range v.Policies {
		c := &v.Policies[i]
		p, err := ParsePolicy(c.Policy)
		if err == nil {
			_, _, err = p.Open([]byte(c.Note))
		}
		if !c.Counts {
			each("policy that is not satisfied: "+c.Name, &c.Reason, err)
		} else if err != nil {
			t.Errorf("policy that is satisfied: %s: %v", c.Name, err)
		}
	}
	for _, path := range v.Refused.Paths {
		if tile, ok := ParseTile(path); ok {
			t.Errorf("%s reads as %+v", path, tile)
		}
	}
}

// refusedWith adds the reasons to what is refused.
func refusedWith(t *testing.T) func(what string, reason *string, err error) {
	return func(what string, reason *string, err error) {
		t.Helper()
		if err == nil {
			t.Fatalf("%s: not refused", what)
		}
		*reason = err.Error()
	}
}

// sameReason demands the reason that the file has.
func sameReason(t *testing.T) func(what string, reason *string, err error) {
	return func(what string, reason *string, err error) {
		t.Helper()
		if err == nil || err.Error() != *reason {
			t.Errorf("%s: %v; the file says %q", what, err, *reason)
		}
	}
}

// golden compares vectors with their file, which it reads into have.
func golden(t *testing.T, name string, made, have any) {
	t.Helper()
	file := filepath.Join(vectorsDir, name)
	raw := append(must(json.MarshalIndent(made, "", " ")), '\n')
	if *rewrite {
		if err := os.WriteFile(file, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, content) {
		t.Errorf("%s differs: a format or a signature changed, which no receipt in anybody's hands survives; where a vector was only added, run go test ./tx/proof -run Golden -rewrite", file)
	}
	if err := json.Unmarshal(content, have); err != nil {
		t.Fatal(err)
	}
}

// TestVectorsGolden: what a foreign implementer was given stays true.
func TestVectorsGolden(t *testing.T) {
	made := makeVectors(t)
	made.refusals(t, refusedWith(t))
	var v vectors
	golden(t, "log.json", made, &v)
	v.verify(t)
	v.refusals(t, sameReason(t))
}

// verify checks what the file says with the file's own words alone.
func (v *vectors) verify(t *testing.T) {
	t.Helper()
	k := kept{}
	tree := must(OpenTree(0, nil))
	for i, e := range v.Entries {
		if root := tree.Root(); !bytes.Equal(root[:], v.Roots[i].Root) || v.Roots[i].Size != uint64(i) {
			t.Errorf("another root at size %d", i)
		}
		if leaf := LeafHash(e.Entry); !bytes.Equal(leaf[:], e.LeafHash) {
			t.Errorf("another leaf hash %d", i)
		}
		tree.Append(Hash(e.LeafHash), k.keep)
	}
	if root := tree.Root(); !bytes.Equal(root[:], v.Checkpoint.Root) || tree.Size() != v.Checkpoint.Size {
		t.Error("the checkpoint is of another tree")
	}
	for _, c := range v.Inclusion {
		if err := VerifyInclusion(c.Index, c.Size, Hash(c.Leaf), unhex(c.Path), Hash(c.Root)); err != nil {
			t.Error(err)
		}
	}
	for _, c := range v.Consistency {
		if err := VerifyConsistency(c.Old, c.Size, unhex(c.Path), Hash(c.OldRoot), Hash(c.Root)); err != nil {
			t.Error(err)
		}
	}
	policy := parsePolicy(t, v.Policy)
	c, all, err := policy.Open([]byte(v.Checkpoint.Note))
	if err != nil || c.Text() != v.Checkpoint.Text || len(all) != 2 || all[0].Unix != v.Checkpoint.Time || string(all[1].Line) != v.Checkpoint.Cosignatures[1] {
		t.Errorf("checkpoint: %+v, %v", c, err)
	}
	for _, r := range v.Receipts {
		got, err := verifyFile([]byte(r.File), policy)
		if err != nil || !bytes.Equal(must(got.Record.Marshal()), r.Record) || got.Checkpoint != c {
			t.Errorf("receipt %d: %v", r.Index, err)
		}
	}
	for _, tile := range v.Tiles {
		got, ok := ParseTile(tile.Path)
		if !ok || got.Width != len(v.Entries) {
			t.Errorf("%s reads as %+v, %v", tile.Path, got, ok)
		}
		if _, err := SplitBundle(tile.Content, got.Width); (err == nil) != got.Entries {
			t.Errorf("%s: %v", tile.Path, err)
		}
	}
	for _, c := range v.Counted.Inclusion {
		if err := VerifyInclusion(c.Index, c.Size, Hash(c.Leaf), unhex(c.Path), Hash(c.Root)); err != nil || LeafHash(leafData(int(c.Index))) != Hash(c.Leaf) {
			t.Errorf("entry %d of the counted log of size %d: %v", c.Index, c.Size, err)
		}
	}
	for _, c := range v.Counted.Consistency {
		if err := VerifyConsistency(c.Old, c.Size, unhex(c.Path), Hash(c.OldRoot), Hash(c.Root)); err != nil {
			t.Error(err)
		}
	}
	defined := definition{}
	for _, r := range v.Counted.Roots {
		if defined.root(0, int(r.Size)) != Hash(r.Root) {
			t.Errorf("the counted log of size %d has another root by the definition of RFC 6962", r.Size)
		}
	}
}
