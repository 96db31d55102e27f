package cluster

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"carbonledger/node/audit"
	"carbonledger/node/publish"
	"carbonledger/node/remote"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// anyone may read entries with this token.
const anyone = "a token"

// served shows a validator's log at a URL.
func (l *logs) served(name string) *remote.Log {
	tokens := filepath.Join(l.dir, "tokens")
	l.must(os.WriteFile(tokens, []byte(publish.TokenLine("anyone", anyone)), 0o600))
	s := httptest.NewServer(l.running[name].Handler(&publish.Tokens{Path: tokens}))
	l.t.Cleanup(s.Close)
	return &remote.Log{URL: s.URL, Token: anyone, Client: s.Client()}
}

func (l *logs) policy() *proof.Policy {
	p, err := proof.ParsePolicy(publish.PolicyText(l.Founding.LogOrigin, l.Founding.LogKey, l.Founding.Validators))
	l.must(err)
	return p
}

func (l *logs) accept(raws ...[]byte) {
	l.t.Helper()
	receipts, err := l.Submit("n1", raws...)
	l.must(err)
	for i := range receipts {
		if receipts[i].Reason != tx.Accepted {
			l.t.Fatalf("%v", receipts[i].Rejection())
		}
	}
}

func (l *logs) deposits(count int, prefix string) {
	l.t.Helper()
	var raws [][]byte
	for i := range count {
		raws = append(raws, l.Sign("bank", fmt.Sprint(prefix, i), deposit(1)))
	}
	l.accept(raws...)
}

// day opens and closes a business day, with so many deposits in it, and waits until
// every validator has kept its checkpoint.
func (l *logs) day(day tx.Day, deposits int) {
	l.t.Helper()
	l.accept(l.Sign("exchange", "open"+day.String(), tx.Operation{Operation: &tx.Operation_OpenDay{OpenDay: &tx.OpenDay{Day: day}}}))
	l.deposits(deposits, day.String()+"-")
	l.accept(l.Sign("exchange", "close"+day.String(), tx.Operation{Operation: &tx.Operation_CloseDay{CloseDay: &tx.CloseDay{Day: day}}}))
	l.deposits(1, "after"+day.String())
	for _, name := range l.Names {
		l.awaitLog(name, "keeping a checkpoint", func(publish.Status) bool {
			v, err := l.Nodes[name].Ledger().View()
			l.must(err)
			defer v.Close()
			kept, err := v.KeptCheckpoint(day)
			l.must(err)
			return kept != nil
		})
	}
}

// reconcile states what the ledger has of a closed day.
func (l *logs) reconcile(day tx.Day) {
	l.t.Helper()
	v, err := l.Nodes["n1"].Ledger().View()
	l.must(err)
	defer v.Close()
	s, _, err := v.Settlement(day)
	l.must(err)
	totals := &tx.StateTotals{Day: day, Trades: s.Trades, Tonnes: s.Tonnes, Amount: s.Amount, Tradable: s.Tradable}
	l.accept(l.Sign("exchange", "totals"+day.String(), tx.Operation{Operation: &tx.Operation_StateTotals{StateTotals: totals}}))
	l.accept(l.Sign("bank", "totals"+day.String(), tx.Operation{Operation: &tx.Operation_StateTotals{StateTotals: &tx.StateTotals{Day: day, Money: s.Money}}}))
	l.accept(l.Sign("registry", "reconcile"+day.String(), tx.Operation{Operation: &tx.Operation_Reconcile{Reconcile: &tx.Reconcile{Day: day}}}))
}

// archived makes an archive from a validator's log.
func (l *logs) archived(dir string, until tx.Day, from ...audit.Log) *audit.ArchiveReport {
	l.t.Helper()
	r, err := audit.Archive(l.t.Context(), from, audit.ArchiveOptions{Policy: l.policy(), Until: until, Dir: dir})
	l.must(err)
	return r
}

// TestArchive: a log up to a day becomes files, which are audited as the log is,
// continued, and of which an archive of an earlier day can be made. What a log or
// the directory has wrong is named, and nothing is written over.
func TestArchive(t *testing.T) {
	l := publishingBy(t, Options{Voters: 3, Entities: 1, ScriptClock: true})
	l.Leader()
	l.day(20240101, 300)
	web, dir := l.served("n2"), t.TempDir()
	first := l.archived(dir, 20240105, web)
	if first.Day != 20240101 || first.Size < 303 || !slices.Equal(first.Days, []tx.Day{20240101}) || first.Fetched == 0 {
		t.Errorf("%+v", first)
	}
	audited := func(log audit.Log) *audit.Report {
		t.Helper()
		r, err := audit.Run(t.Context(), []audit.Log{log}, audit.Options{Founding: l.Founding, Policy: l.policy(), Dir: t.TempDir()})
		l.must(err)
		return r
	}
	if r := audited(audit.Directory(dir)); r.Size != first.Size || r.Root != first.Root {
		t.Errorf("%+v", r)
	}

	l.accept(l.Sign("timekeeper", "t", tx.Operation{Operation: &tx.Operation_SetClock{SetClock: &tx.SetClock{Time: tx.Day(20240102).Start()}}}))
	l.reconcile(20240101)
	l.day(20240102, 300)
	again := l.archived(dir, 20240101, web) // what is there is verified
	if again.Fetched != 0 || again.Root != first.Root {
		t.Errorf("%+v", again)
	}
	l.keptLater(web)
	second := l.archived(dir, 20240102, web)
	if second.Day != 20240102 || second.Size < first.Size+303 || len(second.Days) != 2 || second.Fetched >= second.Bytes {
		t.Errorf("%+v", second)
	}
	audited(audit.Directory(dir))
	early := t.TempDir()
	if r := l.archived(early, 20240101, audit.Directory(dir)); r.Root != first.Root || r.Size != first.Size {
		t.Errorf("an archive of an archive: %+v", r)
	}
	audited(audit.Directory(early))
	if _, err := audit.Archive(t.Context(), []audit.Log{web}, audit.ArchiveOptions{Policy: l.policy(), Until: 20240101, Dir: dir}); err == nil || !strings.Contains(err.Error(), "give a later --until") {
		t.Errorf("an earlier day: %v", err)
	}
	note, err := os.ReadFile(filepath.Join(dir, proof.CheckpointPath))
	l.must(err)
	other := t.TempDir()
	l.must(os.WriteFile(filepath.Join(other, proof.CheckpointPath), append([]byte("another"), note...), 0o600))
	if _, err := audit.Archive(t.Context(), []audit.Log{web}, audit.ArchiveOptions{Policy: l.policy(), Until: 20240102, Dir: other}); err == nil || !strings.Contains(err.Error(), "is an archive of the log \"another") {
		t.Errorf("the directory of another log: %v", err)
	}
	if _, err := audit.Archive(t.Context(), []audit.Log{web}, audit.ArchiveOptions{Policy: l.policy(), Until: 20231231, Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "that was kept for a day from 2023-11-02 to 2023-12-31") {
		t.Errorf("before the first day: %v", err)
	}
	l.damagedArchives(dir)
}

// later is a validator's log in which a later checkpoint was kept for a day.
type later struct {
	audit.Log
	day tx.Day
}

func (l *later) Get(ctx context.Context, path string) ([]byte, error) {
	if path == proof.KeptCheckpointPath(l.day) {
		path = proof.CheckpointPath
	}
	return l.Log.Get(ctx, path)
}

// keptLater: validators may have kept two checkpoints for one day, both good; an
// archive of one is continued from the other.
func (l *logs) keptLater(from audit.Log) {
	l.t.Helper()
	dir := l.t.TempDir()
	first := l.archived(dir, 20240101, from)
	again, err := audit.Archive(l.t.Context(), []audit.Log{&later{from, 20240101}}, audit.ArchiveOptions{Policy: l.policy(), Until: 20240101, Dir: dir})
	if err != nil || again.Size <= first.Size || again.Days[0] != 20240101 {
		l.t.Errorf("%+v, %v", again, err)
	}
}

// bad is a log in which some files are not as they should be.
type bad struct {
	audit.Log
	name string
	get  func(path string, good []byte) ([]byte, error)
}

func (b *bad) Name() string { return b.name }

func (b *bad) Get(ctx context.Context, path string) ([]byte, error) {
	good, err := b.Log.Get(ctx, path)
	if err != nil {
		return nil, err
	}
	return b.get(path, good)
}

// TestArchiveFromOthers: a log whose kept checkpoint does not count, or that does not
// give a file, is passed over for the next; if none serves, each has its reason.
func TestArchiveFromOthers(t *testing.T) {
	l := publishingBy(t, Options{Voters: 3, Entities: 1, ScriptClock: true})
	l.Leader()
	l.day(20240101, 300)
	good := l.served("n1")
	unsigned := &bad{l.served("n2"), "the unsigned", func(path string, good []byte) ([]byte, error) {
		if strings.HasPrefix(path, "checkpoints/") {
			good, _, _ = bytes.Cut(good, []byte("\n— "+l.Founding.LogOrigin+"/"))
			good = append(good, '\n')
		}
		return good, nil
	}}
	broken := &bad{l.served("n3"), "the broken", func(path string, good []byte) ([]byte, error) {
		if strings.HasPrefix(path, "tile/entries/") {
			return nil, errors.New("the broken has a bad disk")
		}
		return good, nil
	}}
	r := l.archived(t.TempDir(), 20240101, unsigned, broken, good)
	if r.Day != 20240101 || len(r.Unused) != 1 || !strings.Contains(r.Unused[0], "the unsigned") {
		t.Errorf("%+v", r)
	}
	_, err := audit.Archive(t.Context(), []audit.Log{unsigned, broken}, audit.ArchiveOptions{Policy: l.policy(), Until: 20240101, Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "the broken has a bad disk") {
		t.Errorf("nobody has the entries: %v", err)
	}
	other := &bad{l.served("n1"), "the other", unsigned.get}
	_, err = audit.Archive(t.Context(), []audit.Log{unsigned, other}, audit.ArchiveOptions{Policy: l.policy(), Until: 20240101, Dir: t.TempDir()})
	if !errors.Is(err, audit.ErrNotCounted) || !strings.Contains(err.Error(), "the unsigned") || !strings.Contains(err.Error(), "the other") {
		t.Errorf("no checkpoint counts: %v", err)
	}
}

// damagedArchives changes each file of an archive, one after the other.
func (l *logs) damagedArchives(dir string) {
	l.must(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		whole, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		flipped := bytes.Clone(whole)
		flipped[len(flipped)/2] ^= 1
		name, _ := filepath.Rel(dir, path)
		// A part of what is longer or full by now.
		full, width, partial := strings.Cut(path, ".p/")
		_, fullErr := os.Stat(full)
		wider, _ := filepath.Glob(full + ".p/*")
		older := partial && (fullErr == nil || slices.ContainsFunc(wider, func(w string) bool {
			_, other, _ := strings.Cut(w, ".p/")
			return cmp.Or(cmp.Compare(len(other), len(width)), cmp.Compare(other, width)) > 0
		}))
		kinds := map[string][]byte{"cut": whole[:len(whole)-1], "flipped": flipped}
		if name == proof.KeptCheckpointPath(20240101) || name == proof.CheckpointPath {
			root := bytes.Clone(whole)
			root[bytes.Index(whole, []byte("=\n"))-30] ^= 1
			kinds["of another root"] = root
		}
		if name == proof.KeptCheckpointPath(20240101) {
			lines := bytes.SplitN(whole, []byte("\n"), 3) // origin, size, and what follows
			kinds["of a greater size"] = bytes.Join([][]byte{lines[0], append(bytes.Clone(lines[1]), "000"...), lines[2]}, []byte("\n"))
		}
		for what, damaged := range kinds {
			if err := os.WriteFile(path, damaged, 0o600); err != nil {
				return err
			}
			fresh := l.t.TempDir()
			// As the source of another, and as what is continued.
			_, fromErr := audit.Archive(l.t.Context(), []audit.Log{audit.Directory(dir)}, audit.ArchiveOptions{Policy: l.policy(), Until: 20240102, Dir: fresh})
			good := l.served("n1")
			_, intoErr := audit.Archive(l.t.Context(), []audit.Log{good}, audit.ArchiveOptions{Policy: l.policy(), Until: 20240102, Dir: dir})
			switch {
			case what == "of a greater size":
				if intoErr == nil || !strings.Contains(intoErr.Error(), "remove it") {
					l.t.Errorf("%s %s: %v", name, what, intoErr)
				}
			case what == "of another root":
				if intoErr == nil || !strings.Contains(intoErr.Error(), "is damaged") || strings.Contains(intoErr.Error(), "another history") {
					l.t.Errorf("%s %s: %v", name, what, intoErr)
				}
			case older || name == proof.CheckpointPath: // of no use to the present one; or replaced
			case name == proof.KeptCheckpointPath(20240101):
				if r := l.archived(l.t.TempDir(), 20240102, audit.Directory(dir)); !slices.Equal(r.Lacking, []tx.Day{20240101}) {
					l.t.Errorf("%s %s: %+v", name, what, r)
				}
			case fromErr == nil:
				l.t.Errorf("%s %s: an archive was made of it", name, what)
			case intoErr == nil:
				l.t.Errorf("%s %s: it was continued", name, what)
			}
			if _, err := os.Stat(filepath.Join(fresh, proof.CheckpointPath)); (err == nil) != (fromErr == nil) {
				l.t.Errorf("%s %s: a checkpoint was written: %v", name, what, fromErr)
			}
			for _, err := range []error{fromErr, intoErr} {
				if err != nil && strings.Contains(err.Error(), "\n") {
					l.t.Errorf("%s %s: more than a line: %v", name, what, err)
				}
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, damaged) && name != proof.CheckpointPath {
				l.t.Errorf("%s %s: it was written over", name, what)
			}
		}
		return os.WriteFile(path, whole, 0o600)
	}))
}
