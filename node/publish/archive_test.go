package publish

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"carbonledger/state"
	"carbonledger/tx/proof"
)

// archive serves the files of a log, fails as often as it is told to, and counts.
type archive struct {
	files  map[string][]byte
	fails  map[string]int
	served map[string]int
}

func (a *archive) RoundTrip(r *http.Request) (*http.Response, error) {
	path := strings.TrimPrefix(r.URL.Path, "/")
	got := &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(a.files[path])), Request: r}
	if a.fails[path] > 0 {
		a.fails[path]--
		got.StatusCode, got.Status = http.StatusServiceUnavailable, "503 Service Unavailable"
		return got, nil
	}
	a.served[path]++
	return got, nil
}

// archiveOf is an archive of the whole log of a ledger of logOf.
func archiveOf(t *testing.T, l *state.Ledger) *archive {
	t.Helper()
	v := viewOf(t, l)
	a := &archive{files: map[string][]byte{}, fails: map[string]int{}, served: map[string]int{}}
	for _, tile := range proof.TilesOf(0, v.LogSize()) {
		b, err := v.Tile(tile)
		if err != nil {
			t.Fatal(err)
		}
		a.files[tile.Path()] = b
	}
	root, err := proof.Root(v.LogSize(), v.Nodes)
	if err != nil {
		t.Fatal(err)
	}
	c := proof.Checkpoint{Origin: "log.test/chain", Size: v.LogSize(), Root: root}
	own, err := c.SignOrigin(ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	lines := [][]byte{own}
	for _, name := range []string{"n1", "n2", "n3"} {
		sum := sha256.Sum256([]byte(name))
		line, err := c.Cosign(proof.CosignerName(c.Origin, name), ed25519.NewKeyFromSeed(append(sum[1:], 0)), 1)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	a.files[proof.CheckpointPath] = c.Note(lines...)
	return a
}

// TestArchiveGoesOn: a fetch that fails is tried again; if it fails for good, the
// next pass goes on where that one ended. What was compared counts no more after a day,
// or once the archive was found to differ, became shorter, or the ledger here was replaced.
func TestArchiveGoesOn(t *testing.T) {
	const first, last = "tile/entries/000", "tile/entries/003"
	for _, test := range []struct {
		what string
		// spoil makes the first pass fail, and mend the second go well.
		spoil, mend func(a, shorter *archive, p *Publisher, other *state.Ledger)
		served      int // how often the first bundle is
		says        string
	}{
		{"a fetch fails twice", func(a, _ *archive, _ *Publisher, _ *state.Ledger) { a.fails[last] = 2 }, nil, 1, ""},
		{"a fetch fails for good", func(a, _ *archive, _ *Publisher, _ *state.Ledger) { a.fails[last] = 5 }, nil, 1, "503 Service Unavailable"},
		{"the archive differs", func(a, _ *archive, _ *Publisher, _ *state.Ledger) { a.files[last][9] ^= 1 }, func(a, _ *archive, _ *Publisher, _ *state.Ledger) { a.files[last][9] ^= 1 }, 2, "its entries are not those"},
		{
			"the archive is shorter then", func(a, _ *archive, _ *Publisher, _ *state.Ledger) { a.fails[last] = 5 },
			func(a, shorter *archive, _ *Publisher, _ *state.Ledger) { a.files = shorter.files }, 2, "503 Service Unavailable",
		},
		{
			"the ledger is replaced", func(a, _ *archive, _ *Publisher, _ *state.Ledger) { a.fails[last] = 5 },
			func(_, _ *archive, p *Publisher, other *state.Ledger) {
				p.c.Ledger = func() *state.Ledger { return other }
			}, 2, "503 Service Unavailable",
		},
		{
			"a day has gone by", func(a, _ *archive, _ *Publisher, _ *state.Ledger) { a.fails[last] = 5 },
			func(_, _ *archive, _ *Publisher, _ *state.Ledger) { time.Sleep(24*time.Hour + time.Second) }, 2, "503 Service Unavailable",
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			l, other := logOf(t, 3299), logOf(t, 3299)
			a, shorter, p := archiveOf(t, l), archiveOf(t, logOf(t, 3199)), publisherOf(t, l)
			p.c.Archive, p.c.LogKey = "https://archive.test", ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
			p.c.Timing.Archive = time.Hour
			client := &http.Client{Transport: a}
			test.spoil(a, shorter, p, other)
			to, err := p.dropArchived(client)
			if test.says != "" {
				if err == nil || to != 0 || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%s: dropped up to %d, %v", test.what, to, err)
				}
				if from, _ := p.archived(); from != 0 {
					t.Errorf("%s: entries begin with %d", test.what, from)
				}
				if test.mend != nil {
					test.mend(a, shorter, p, other)
				}
				to, err = p.dropArchived(client)
			}
			if err != nil || to != 1024 {
				t.Errorf("%s: then dropped up to %d, %v", test.what, to, err)
			}
			if from, url := p.archived(); from != 1024 || url != p.c.Archive {
				t.Errorf("%s: entries begin with %d, older ones are at %q", test.what, from, url)
			}
			if a.served[first] != test.served {
				t.Errorf("%s: the first bundle was fetched %d times, want %d", test.what, a.served[first], test.served)
			}
		})
	}
}

// TestArchiveIsLookedAt: an archive that is none is said when the node has started,
// not at the next look.
func TestArchiveIsLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := logOf(t, 9)
		p := publisherOf(t, l)
		p.c.Archive, p.c.Timing.Archive = "://none", time.Hour
		p.work.Go(p.watchArchive)
		defer p.work.Wait()
		defer p.cancel()
		time.Sleep(time.Minute)
		p.mu.Lock()
		defer p.mu.Unlock()
		if s := p.archiveProblem; !strings.Contains(s, "://none") {
			t.Errorf("the status says %q", s)
		}
	})
}
