package cluster

import (
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/node/audit"
	"carbonledger/node/publish"
	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// TestDropArchived: a validator drops what its archive holds, byte for byte and
// under a checkpoint that counts and is of its history, and nothing else; it says
// where the entries are, goes on cosigning and looks after what it kept.
func TestDropArchived(t *testing.T) {
	l := publishingBy(t, Options{Voters: 3, Entities: 1, ScriptClock: true})
	l.Leader()
	l.day(20240101, 2600)
	dir := t.TempDir()
	archived := l.archived(dir, 20240101, l.served("n1"))
	files := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer files.Close()
	l.archive = files.URL

	l.keepsAll("n3", dir, archived)
	l.noArchive("n3", files.URL)
	l.silence("n3")
	l.publish("n3")
	if s := l.awaitLog("n3", "dropping", func(s publish.Status) bool { return s.EntriesFrom > 0 }); s.EntriesFrom != 512 || s.Archive != files.URL || s.ArchiveProblem != "" {
		t.Errorf("%+v", s)
	}
	l.archivedEntries("n3", files.URL)
	c, _ := l.running["n3"].Newest()
	l.deposits(1, "more")
	l.awaitLog("n3", "cosigning", func(s publish.Status) bool { return s.Cosigned > c.Size && s.Problem == "" })

	// Another archive takes the place of the first once it holds all as well.
	moved := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer moved.Close()
	l.archive = moved.URL
	undo := l.alter(filepath.Join(dir, "tile/entries/000"))
	l.down("n3")
	l.up("n3")
	l.awaitLog("n3", "refusing", func(s publish.Status) bool {
		return strings.Contains(s.ArchiveProblem, "is not the one of the log here")
	})
	undo()
	l.awaitLog("n3", "moved", func(s publish.Status) bool {
		return s.Archive == moved.URL && s.EntriesFrom == 512 && s.ArchiveProblem == ""
	})

	// A damaged leaf of an entry that is not here comes from the archive.
	l.must(l.Nodes["n3"].Ledger().Flush())
	l.down("n3")
	flipByte(t, l.Nodes["n3"].FS, binary.BigEndian.AppendUint64([]byte{0x87, 0}, 300))
	l.up("n3")
	l.awaitLog("n3", "repaired", func(s publish.Status) bool { return s.Repaired == 1 && s.Problem == "" })
	before := l.running["n3"].Status().Passed
	l.awaitLog("n3", "passing again", func(s publish.Status) bool { return s.Passed.After(before) && s.Problem == "" && s.Repaired == 1 })

	// Without its signer file it learns from the peers what it cosigned; and a
	// signature of another history is told from damage without the old entries.
	c = l.published(1, "n3")
	l.down("n3")
	l.must(os.Remove(l.file("n3", "signer")))
	l.up("n3")
	l.awaitLog("n3", "recovered", func(s publish.Status) bool { return s.Cosigned >= c.Size && s.Problem == "" })
	l.down("n3")
	c.Root[0] ^= 1
	l.must(os.WriteFile(l.file("n3", "signer"), []byte(c.Text()), 0o600))
	l.up("n3")
	l.deposits(1, "most")
	l.awaitLog("n3", "stopped", func(s publish.Status) bool { return strings.Contains(s.Problem, "the history is contradicted") })
	if s := l.running["n1"].Status(); s.EntriesFrom != 0 || s.Archive != "" {
		t.Errorf("n1 has no archive: %+v", s)
	}
}

// keepsAll: nothing is dropped for an archive that is not right.
func (l *logs) keepsAll(name, dir string, archived *audit.ArchiveReport) {
	l.t.Helper()
	checkpoint := filepath.Join(dir, proof.CheckpointPath)
	signed, err := os.ReadFile(checkpoint)
	l.must(err)
	fork := proof.Checkpoint{Origin: l.Founding.LogOrigin, Size: archived.Size}
	own, err := fork.SignOrigin(l.key)
	l.must(err)
	lines := [][]byte{own}
	for _, v := range l.Names {
		line, err := fork.Cosign(proof.CosignerName(fork.Origin, v), ed25519.NewKeyFromSeed(l.Key("cosign/"+v).Secret()), 1)
		l.must(err)
		lines = append(lines, line)
	}
	alone, _, _ := strings.Cut(string(signed), "\n— "+l.Founding.LogOrigin+"/")
	for _, c := range []struct {
		what, says string
		spoil      func() (undo func())
	}{
		{"a byte of the first bundle", "its entries are not those of the log here", func() func() { return l.alter(filepath.Join(dir, "tile/entries/000")) }},
		{"a byte of the last bundle that could go", "tile/entries/001: its entries are not those", func() func() { return l.alter(filepath.Join(dir, "tile/entries/001")) }},
		{"a bundle that is gone", "404 Not Found for tile/entries/001", func() func() { return l.replace(filepath.Join(dir, "tile/entries/001"), nil) }},
		{"a checkpoint without cosignatures", "does not count", func() func() { return l.replace(checkpoint, []byte(alone+"\n")) }},
		{"a checkpoint of another history", "another history", func() func() { return l.replace(checkpoint, fork.Note(lines...)) }},
		{"a checkpoint that is gone", "there is no log at ", func() func() { return l.replace(checkpoint, nil) }},
	} {
		undo := c.spoil()
		l.silence(name)
		l.publish(name)
		s := l.awaitLog(name, "refusing "+c.what, func(s publish.Status) bool { return s.ArchiveProblem != "" })
		if !strings.Contains(s.ArchiveProblem, c.says) || s.EntriesFrom != 0 || s.Problem != "" {
			l.t.Errorf("%s: %+v", c.what, s)
		}
		l.silence(name)
		v, err := l.Nodes[name].Ledger().View()
		l.must(err)
		if err := errors.Join(v.Entries(0, v.LogSize(), func(uint64, []byte) error { return nil }), v.Close()); err != nil {
			l.t.Errorf("%s: %v", c.what, err)
		}
		undo()
	}
}

// noArchive: what may itself drop entries, or only says where they are, is none.
func (l *logs) noArchive(name, archive string) {
	l.t.Helper()
	validator := l.served("n1")
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/tile/") {
			http.Redirect(w, r, archive+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		http.ServeFileFS(w, r, os.DirFS(filepath.Join(l.dir, "n1")), "checkpoint")
	}))
	defer elsewhere.Close()
	for url, says := range map[string]string{validator.URL: "is the validator n1", elsewhere.URL: "answers 307 Temporary Redirect for tile/entries/000"} {
		l.archive = url
		l.silence(name)
		l.publish(name)
		s := l.awaitLog(name, "refusing", func(s publish.Status) bool { return s.ArchiveProblem != "" })
		if !strings.Contains(s.ArchiveProblem, says) || s.EntriesFrom != 0 {
			l.t.Errorf("%s: %+v", says, s)
		}
	}
	l.archive = archive
}

// TestRepairFromArchive: an entry that is damaged here, and that no peer has any
// more, comes from the archive; only then it is dropped here too.
func TestRepairFromArchive(t *testing.T) {
	l := publishingBy(t, Options{Voters: 3, Entities: 1, ScriptClock: true})
	l.Leader()
	l.day(20240101, 2600)
	dir := t.TempDir()
	l.archived(dir, 20240101, l.served("n1"))
	files := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer files.Close()
	l.must(l.Nodes["n3"].Ledger().Flush())
	l.down("n3")
	l.archive = files.URL
	for _, name := range []string{"n1", "n2"} {
		l.silence(name)
		l.publish(name)
		l.awaitLog(name, "dropping", func(s publish.Status) bool { return s.EntriesFrom == 512 })
	}
	flipByte(t, l.Nodes["n3"].FS, binary.BigEndian.AppendUint64([]byte{0x84}, 7))
	l.up("n3")
	l.awaitLog("n3", "repaired", func(s publish.Status) bool {
		return s.Repaired == 1 && s.EntriesFrom == 512 && s.Problem == "" && s.ArchiveProblem == ""
	})
}

// alter flips a bit of a file, replace writes or removes one, until undo.
func (l *logs) alter(path string) (undo func()) {
	b, err := os.ReadFile(path)
	l.must(err)
	b[len(b)/2] ^= 1
	return l.replace(path, b)
}

func (l *logs) replace(path string, by []byte) (undo func()) {
	was, err := os.ReadFile(path)
	l.must(err)
	if by == nil {
		l.must(os.Remove(path))
	} else {
		l.must(os.WriteFile(path, by, 0o600))
	}
	return func() { l.must(os.WriteFile(path, was, 0o600)) }
}

// archivedEntries: whoever asks for what was dropped learns where it is, and an
// audit of the validator's log finds it there.
func (l *logs) archivedEntries(name, url string) {
	l.t.Helper()
	v, err := l.Nodes[name].Ledger().View()
	l.must(err)
	defer v.Close()
	var gone *state.ErrArchived
	if err := v.Entries(5, 6, nil); !errors.As(err, &gone) || gone.URL != url || gone.Index != 5 {
		l.t.Errorf("an entry: %v", err)
	}
	web := l.served(name)
	for path, want := range map[string]int{
		"tile/entries/000": http.StatusTemporaryRedirect, "tile/entries/001": http.StatusTemporaryRedirect, "tile/entries/001.p/9": http.StatusTemporaryRedirect,
		"tile/entries/002": http.StatusOK, "tile/0/000": http.StatusOK, "checkpoint": http.StatusOK,
		"checkpoints/2024-01-01": http.StatusOK, "checkpoints/2024-01-02": http.StatusNotFound, "checkpoints/x": http.StatusNotFound,
	} {
		for _, token := range []string{anyone, ""} {
			r, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, web.URL+"/"+path, nil)
			l.must(err)
			r.Header.Set("Authorization", "Bearer "+token)
			got, err := web.Client.Transport.RoundTrip(r)
			l.must(err)
			l.must(got.Body.Close())
			entries := strings.HasPrefix(path, "tile/entries")
			switch {
			case token == "" && entries:
				if got.StatusCode != http.StatusUnauthorized {
					l.t.Errorf("%s without a token: %s", path, got.Status)
				}
			case got.StatusCode != want || want == http.StatusTemporaryRedirect && got.Header.Get("Location") != url+"/"+path:
				l.t.Errorf("%s: %s to %q", path, got.Status, got.Header.Get("Location"))
			}
		}
	}
	r, err := audit.Run(l.t.Context(), []audit.Log{web}, audit.Options{Founding: l.Founding, Policy: l.policy(), Dir: l.t.TempDir()})
	l.must(err)
	if r.Size < 2600 {
		l.t.Errorf("%+v", r)
	}
	// An archive is made of such a log as of any other.
	l.archived(l.t.TempDir(), tx.Day(20240101), web)
}
