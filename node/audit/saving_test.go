package audit_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/node/audit"
)

// TestSavedBlocksAreConfidential, those of an earlier and open copy too.
func TestSavedBlocksAreConfidential(t *testing.T) {
	h := honest(t)
	dir := filepath.Join(t.TempDir(), "copy")
	open := func(path string, want os.FileMode) {
		t.Helper()
		info, err := os.Stat(path)
		must(t, err)
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
	_, err := run(t, &audit.Saving{Source: h, To: audit.Directory(dir)}, h.f)
	must(t, err)
	open(dir, 0o700)
	first := filepath.Join(dir, fmt.Sprintf("%012d.block", 1))
	files := []string{first, filepath.Join(dir, "attestations.json")}
	for _, f := range files {
		open(f, 0o600)
		must(t, os.Chmod(f, 0o644))
	}
	_, err = run(t, &audit.Saving{Source: h, To: audit.Directory(dir)}, h.f)
	must(t, err)
	for _, f := range files {
		open(f, 0o600)
	}
}

// TestSavingWritesNothingOver: a copy is continued by the same history, and by
// nothing else.
func TestSavingWritesNothingOver(t *testing.T) {
	h := honest(t)
	part := h.clone()
	part.records, part.attestations = part.records[:7], nil
	part.attestations = append(part.attestations, h.attest("n1", 7, h.records[6].Hash), h.attest("n2", 7, h.records[6].Hash))
	forked := h.clone()
	forked.records[20].Hash[0] ^= 1
	dir := audit.Directory(filepath.Join(t.TempDir(), "copy"))
	content := func() (all string) {
		files, err := filepath.Glob(filepath.Join(string(dir), "*"))
		must(t, err)
		for _, f := range files {
			b, err := os.ReadFile(f)
			must(t, err)
			all += fmt.Sprintf("%s %x\n", f, b)
		}
		return all
	}
	for _, from := range []*history{part, h, h} {
		_, err := run(t, &audit.Saving{Source: from, To: dir}, h.f)
		must(t, err)
	}
	before := content()
	none := h.clone()
	none.records, none.attestations = nil, nil
	for name, c := range map[string]struct {
		from *history
		want string
	}{
		"a shorter history": {part, "goes up to height 40, the history that the nodes give ends at 7"},
		"no history":        {none, "goes up to height 40, the history that the nodes give ends at 0"},
		"another history":   {forked, "another block at height 21"},
	} {
		_, err := run(t, &audit.Saving{Source: c.from, To: dir}, h.f)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "save into an empty directory") {
			t.Errorf("%s: %v", name, err)
		}
		if content() != before {
			t.Errorf("%s changed the copy", name)
		}
	}
	r, err := run(t, dir, h.f)
	must(t, err)
	if r.Height != blocks || r.ConfirmedHeight != blocks {
		t.Errorf("%+v", r)
	}
	must(t, os.WriteFile(filepath.Join(string(dir), "mine.block"), nil, 0o600))
	if _, err := run(t, &audit.Saving{Source: h, To: dir}, h.f); err == nil || !strings.Contains(err.Error(), "mine.block is no file of a copy") {
		t.Errorf("a stranger's file: %v", err)
	}
}
