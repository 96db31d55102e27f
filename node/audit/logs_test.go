package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"carbonledger/node/audit"
	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// served is a log that fails for some paths, and answers others before the log.
type served struct {
	audit.Log
	name  string
	fails func(path string) bool
	also  map[string][]byte
	asked atomic.Int64
}

func (s *served) Name() string { return s.name }

func (s *served) Get(ctx context.Context, path string) ([]byte, error) {
	s.asked.Add(1)
	if s.fails != nil && s.fails(path) {
		return nil, errors.New(s.name + ": connection refused")
	}
	if b, ok := s.also[path]; ok {
		return b, nil
	}
	return s.Log.Get(ctx, path)
}

func always(string) bool { return true }

func entriesOnly(path string) bool { return strings.HasPrefix(path, "tile/entries/") }

// long is a history of more than a bundle: so many transfers, 50 a block.
func long(t *testing.T, transfers int) *history {
	t.Helper()
	h := &history{f: founding()}
	ledger, err := state.Open("ledger", h.f, tx.NewVerifier(h.f.Hash), state.Options{FS: vfs.NewMem()})
	must(t, err)
	defer func() { must(t, ledger.Close()) }()
	raws := [][]byte{h.sign(t, "registry", "i", issue(1_000_000, "1"))}
	for i := range transfers {
		if raws = append(raws, h.sign(t, "e0", fmt.Sprint(i), transfer(1))); len(raws) == 50 {
			extend(t, ledger, raws)
			raws = nil
		}
	}
	h.read(t, ledger)
	h.note = h.checkpoint("n1", "n2")
	return h
}

// TestUnreachable: a log that does not answer leaves the verdict to the others, and is
// named. One that gives its checkpoint alone is compared all the same.
func TestUnreachable(t *testing.T) {
	h := honest(t)
	dead := &served{Log: h, name: "dead", fails: always}
	mute := &served{Log: h, name: "mute", fails: entriesOnly}
	o := audit.Options{Founding: h.f, Policy: policy(t)}
	r, err := audit.Run(t.Context(), []audit.Log{dead, mute, h}, o)
	if err != nil {
		t.Fatal(err)
	}
	if r.Size != uint64(len(h.entries)) || r.Log != "the log" || fmt.Sprint(r.Compared) != "[mute]" || fmt.Sprint(r.Unused) != "[dead: connection refused mute: connection refused]" {
		t.Errorf("%+v", r)
	}
	var unread *audit.ReadError
	for _, logs := range [][]audit.Log{{dead}, {mute}, {dead, dead}, {mute, mute, dead}} {
		if _, err := audit.Run(t.Context(), logs, o); !errors.As(err, &unread) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%d logs that cannot be read: %v", len(logs), err)
		}
	}
	// What one that gives no entries signed still counts.
	fork := h.clone()
	fork.entries[3], fork.entries[4] = fork.entries[4], fork.entries[3]
	fork.note = fork.checkpoint("n1", "n2")
	var d *audit.Difference
	if _, err := audit.Run(t.Context(), []audit.Log{&served{Log: fork, name: "mute", fails: entriesOnly}, h}, o); !errors.As(err, &d) || !strings.Contains(d.What, "mute signed root") {
		t.Errorf("a fork without entries: %v", err)
	}
}

// TestDifferenceReport: the report of an audit that failed is of the blocks before the
// difference, though more were executed.
func TestDifferenceReport(t *testing.T) {
	h := honest(t)
	for _, at := range []int{1, 60, len(h.entries) - 1} {
		wrong := h.clone()
		record, err := tx.DecodeRecord(h.entries[at])
		for ; err == nil && record.Receipt == nil; record, err = tx.DecodeRecord(h.entries[at]) {
			at--
		}
		must(t, err)
		record.Receipt.Reason++
		wrong.entries[at], err = record.Marshal()
		must(t, err)
		r, err := run(t, wrong)
		var d *audit.Difference
		if !errors.As(err, &d) || d.Entry != uint64(at) {
			t.Fatalf("entry %d: %v", at, err)
		}
		first := at - int(record.Receipt.Position)
		tree := proof.NewTree()
		for _, e := range h.entries[:first] {
			tree.Append(proof.LeafHash(e), func(uint, uint64, proof.Hash) {})
		}
		if r.Size != uint64(first) || r.Root != fmt.Sprintf("%x", tree.Root()) || r.Height != record.Height-1 || r.Hash != fmt.Sprintf("%x", record.PreviousHash) {
			t.Errorf("entry %d, of the block %d that begins with entry %d: %+v", at, record.Height, first, r)
		}
	}
}

// TestBrokenOff: what an audit executed that was broken off is not said to have been
// verified, and is not executed again.
func TestBrokenOff(t *testing.T) {
	h, o := long(t, 600), audit.Options{Founding: founding(), Policy: policy(t), Dir: t.TempDir()}
	second := proof.Tile{Entries: true, Index: 1, Width: proof.TileWidth}.Path()
	_, err := audit.Run(t.Context(), []audit.Log{&served{Log: h, name: "broken", fails: func(path string) bool { return path == second }}}, o)
	if err == nil {
		t.Fatal("an audit without the second bundle passed")
	}
	r, err := audit.Run(t.Context(), []audit.Log{h}, o)
	if err != nil || r.Since != 1 || r.Resumed != 251 || r.Transactions != uint64(len(h.entries)-251) {
		t.Errorf("after one that was broken off: %+v %v", r, err)
	}
	size := uint64(len(h.entries))
	if r, err = audit.Run(t.Context(), []audit.Log{h}, o); err != nil || r.Since != size || r.Resumed != size || r.Transactions != 0 {
		t.Errorf("after one that passed: %+v %v", r, err)
	}
}

// TestProgress: whoever waits is told at least every thousand transactions or so.
func TestProgress(t *testing.T) {
	h := long(t, 2600)
	told := uint64(0)
	_, err := audit.Run(t.Context(), []audit.Log{h}, audit.Options{Founding: h.f, Policy: policy(t), Progress: func(entry, size uint64) {
		if entry <= told || entry > told+1024+proof.TileWidth || size != uint64(len(h.entries)) {
			t.Errorf("after %d of %d it is told %d of %d", told, len(h.entries), entry, size)
		}
		told = entry
	}})
	if err != nil || told != uint64(len(h.entries)) {
		t.Errorf("it was told %d of %d, %v", told, len(h.entries), err)
	}
}

// TestKeepFails: where nothing can be saved no log is asked; where saving fails at the
// end the report is whole, and the directory goes on.
func TestKeepFails(t *testing.T) {
	h := honest(t)
	log := &served{Log: h, name: "log"}
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	o := audit.Options{Founding: h.f, Policy: policy(t), Save: filepath.Join(file, "copy")}
	if _, err := audit.Run(t.Context(), []audit.Log{log}, o); err == nil || !strings.Contains(err.Error(), o.Save) || log.asked.Load() > 0 {
		t.Errorf("below a file: %v, %d files were fetched", err, log.asked.Load())
	}
	o.Save, o.Dir = t.TempDir(), t.TempDir()
	for _, tile := range proof.TilesOf(0, uint64(len(h.entries))) {
		path := filepath.Join(o.Save, tile.Path())
		must(t, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("another"), 0o600))
	}
	var kept *audit.KeepError
	r, err := audit.Run(t.Context(), []audit.Log{log}, o)
	if !errors.As(err, &kept) || r.Conservation == nil || r.Size != uint64(len(h.entries)) {
		t.Errorf("into another log's copy: %+v %v", r, err)
	}
	o.Save = ""
	if r, err := audit.Run(t.Context(), []audit.Log{log}, o); err != nil || r.Since != uint64(len(h.entries)) {
		t.Errorf("after that: %+v %v", r, err)
	}
	o.Finished = func(*audit.View) error { return errors.New("no room for tables") }
	if r, err := audit.Run(t.Context(), []audit.Log{log}, o); !errors.As(err, &kept) || r.Conservation == nil {
		t.Errorf("without room for tables: %+v %v", r, err)
	}
}

// TestCopyOfAnother: a copy of another history, or of more, keeps its checkpoint, also
// where no tile of it has the name of one of the log.
func TestCopyOfAnother(t *testing.T) {
	h := honest(t)
	short := h.clone()
	short.entries = h.entries[:h.blockEnd(t, 60)]
	short.note = short.checkpoint("n1", "n2")
	for what, other := range map[string]*history{"of another history": small(t), "has size": h} {
		dir := t.TempDir()
		o := audit.Options{Founding: h.f, Policy: policy(t), Save: dir}
		_, err := audit.Run(t.Context(), []audit.Log{other}, o)
		must(t, err)
		var kept *audit.KeepError
		if _, err := audit.Run(t.Context(), []audit.Log{short}, o); !errors.As(err, &kept) || !strings.Contains(err.Error(), what) {
			t.Errorf("a copy that %s: %v", what, err)
		}
		if b, err := os.ReadFile(filepath.Join(dir, "checkpoint")); err != nil || !bytes.Equal(b, other.note) {
			t.Errorf("a copy that %s has the checkpoint %q %v", what, b, err)
		}
	}
}

// TestCopyWithDamagedCheckpoint: a checkpoint that the log never signed is damage, and
// no sign of another history.
func TestCopyWithDamagedCheckpoint(t *testing.T) {
	h, dir := honest(t), t.TempDir()
	o := audit.Options{Founding: h.f, Policy: policy(t), Save: dir}
	_, err := audit.Run(t.Context(), []audit.Log{h}, o)
	must(t, err)
	file := filepath.Join(dir, "checkpoint")
	must(t, os.WriteFile(file, otherRoot(h.note), 0o600))
	if _, err := audit.Run(t.Context(), []audit.Log{h}, o); err == nil || !strings.Contains(err.Error(), "is damaged") || strings.Contains(err.Error(), "another history") {
		t.Errorf("%v", err)
	}
	if b, err := os.ReadFile(file); err != nil || bytes.Equal(b, h.note) {
		t.Errorf("it was written over: %v", err)
	}
}

// otherRoot changes a byte of a checkpoint's root.
func otherRoot(note []byte) []byte {
	lines := bytes.SplitN(note, []byte("\n"), 3)
	b := bytes.Clone(note)
	at := len(lines[0]) + len(lines[1]) + 2
	b[at] = 'A' + (b[at]-'A'+1)%26
	return b
}

// TestHashTiles: an audit of a directory finds the tiles that receipts are made from
// damaged or gone.
func TestHashTiles(t *testing.T) {
	h, dir := long(t, 600), t.TempDir()
	_, err := audit.Run(t.Context(), []audit.Log{h}, audit.Options{Founding: h.f, Policy: policy(t), Save: dir})
	must(t, err)
	hashes := 0
	for _, tile := range proof.TilesOf(0, uint64(len(h.entries))) {
		if tile.Entries {
			continue
		}
		hashes++
		path := filepath.Join(dir, tile.Path())
		whole, err := os.ReadFile(path)
		must(t, err)
		altered := bytes.Clone(whole)
		altered[len(altered)-1] ^= 1
		for _, b := range [][]byte{altered, whole[:len(whole)-1], nil} {
			must(t, os.WriteFile(path, b, 0o600))
			var d *audit.Difference
			if _, err := run(t, audit.Directory(dir)); !errors.As(err, &d) || !strings.Contains(d.What, tile.Path()) || d.Entry != tile.Index*proof.TileWidth {
				t.Errorf("%s of %d bytes: %v", tile.Path(), len(b), err)
			}
		}
		must(t, os.Remove(path))
		if _, err := run(t, audit.Directory(dir)); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), tile.Path()) {
			t.Errorf("%s gone: %v", tile.Path(), err)
		}
		must(t, os.WriteFile(path, whole, 0o600))
	}
	if hashes != 4 {
		t.Errorf("the log has %d tiles of hashes", hashes)
	}
	if _, err := run(t, audit.Directory(dir)); err != nil {
		t.Error(err)
	}
}

// TestEndlessFiles: no file without end is read to it.
func TestEndlessFiles(t *testing.T) {
	h := honest(t)
	endless := func(path string) {
		t.Helper()
		must(t, os.MkdirAll(filepath.Dir(path), 0o700), os.RemoveAll(path), os.Symlink("/dev/zero", path))
	}
	refused := func(what string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "is longer than any file of a log") {
			t.Errorf("%s: %v", what, err)
		}
	}
	o := audit.Options{Founding: h.f, Policy: policy(t), Dir: t.TempDir(), Patience: time.Millisecond}
	endless(filepath.Join(o.Dir, "checkpoint"))
	_, err := audit.Run(t.Context(), []audit.Log{h}, o)
	refused("the verified checkpoint", err)

	copied := t.TempDir()
	o.Dir, o.Save = "", copied
	_, err = audit.Run(t.Context(), []audit.Log{h}, o)
	must(t, err)
	day := tx.Day(20240103)
	log := &served{Log: audit.Directory(copied), name: "log", also: map[string][]byte{proof.KeptCheckpointPath(day): h.note}}
	for _, name := range []string{proof.CheckpointPath, proof.TilesOf(0, uint64(len(h.entries)))[0].Path()} {
		dir := t.TempDir()
		endless(filepath.Join(dir, filepath.FromSlash(name)))
		_, err := audit.Archive(t.Context(), []audit.Log{log}, audit.ArchiveOptions{Policy: policy(t), Until: day, Dir: dir})
		refused(name+" of an archive", err)
	}
	endless(filepath.Join(copied, proof.TilesOf(0, uint64(len(h.entries)))[0].Path()))
	_, err = audit.Run(t.Context(), []audit.Log{h}, o)
	refused("a bundle of a copy", err)
}

// TestPipes: an audit of a copy from elsewhere does not wait at a pipe in it.
func TestPipes(t *testing.T) {
	copied := t.TempDir()
	h := honest(t)
	o := audit.Options{Founding: h.f, Policy: policy(t), Save: copied, Patience: time.Millisecond}
	_, err := audit.Run(t.Context(), []audit.Log{h}, o)
	must(t, err)
	for _, name := range []string{proof.TilesOf(0, uint64(len(h.entries)))[0].Path(), proof.CheckpointPath} {
		path := filepath.Join(copied, filepath.FromSlash(name))
		must(t, os.Remove(path), syscall.Mkfifo(path, 0o600))
		ended := make(chan error, 1)
		go func() {
			_, err := audit.Run(t.Context(), []audit.Log{audit.Directory(copied)}, audit.Options{Founding: h.f, Policy: o.Policy, Patience: time.Millisecond})
			ended <- err
		}()
		select {
		case err := <-ended:
			if err == nil || !strings.Contains(err.Error(), path+" is a pipe") {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: it waits", name)
		}
	}
}
