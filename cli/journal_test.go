package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"carbonledger/tx"
)

func id(n byte) string { return tx.ID{n}.String() }

func mustOpen(t *testing.T, path string) *journal {
	t.Helper()
	j, err := openJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func TestJournalRemembers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := mustOpen(t, path)
	for _, e := range []journalEntry{
		{State: entrySent, ID: id(1), File: "a.tx"},
		{State: entrySent, ID: id(2), File: "b <&> \"c\"\n.tx"},
		{State: entryReceipt, ID: id(1), File: "a.tx", Height: 7, Reason: tx.Expired, Text: "rejected"},
	} {
		if err := j.add(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = mustOpen(t, path)
	if e := j.receipts[id(1)]; len(j.receipts) != 1 || e.Height != 7 || e.Reason != tx.Expired || e.Text != "rejected" || j.height != 7 {
		t.Errorf("remembers %+v, height %d", j.receipts, j.height)
	}
	if j.sent[id(1)] || !j.sent[id(2)] || len(j.sent) != 1 {
		t.Errorf("sent %v", j.sent)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || strings.Count(string(b), "\n") != 3 {
		t.Errorf("the journal is\n%s", b)
	}
}

// TestJournalAfterACrash: a torn last line is gone, wherever the tear is, and
// the next line stands alone.
func TestJournalAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := mustOpen(t, path)
	if err := j.add(journalEntry{State: entrySent, ID: id(1), File: "a.tx"}, journalEntry{State: entryReceipt, ID: id(1), File: "a.tx", Height: 3}); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first := strings.IndexByte(string(whole), '\n') + 1
	for cut := 0; cut < len(whole); cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		j := mustOpen(t, path)
		if len(j.receipts) != 0 || j.sent[id(1)] != (cut >= first) {
			t.Errorf("torn at byte %d: sent %v, receipts %v", cut, j.sent, j.receipts)
		}
		if err := j.add(journalEntry{State: entryReceipt, ID: id(2), File: "b.tx", Height: 4}); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = mustOpen(t, path)
		if j.receipts[id(2)].Height != 4 {
			t.Errorf("torn at byte %d: what was added after is lost", cut)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestJournalRefuses(t *testing.T) {
	good := `{"state":"sent","id":"` + id(1) + `","file":"a.tx"}` + "\n"
	for content, want := range map[string]string{
		good + "hello\n" + good:                                             "line 2 is damaged",
		"{\"state\":\"sent\",\"id\":\"12\",\"file\":\"a\"}\n":               "line 1 is no entry",
		good + strings.Replace(good, "sent", "lost", 1):                     "line 2 is no entry",
		good + strings.Replace(good, `"file"`, `"more":1,"file"`, 1) + good: "line 2 is damaged",
	} {
		path := textFile(t, content)
		if _, err := openJournal(path); err == nil || !strings.Contains(err.Error(), path+": "+want) {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
		if after, err := os.ReadFile(path); err != nil || string(after) != content {
			t.Errorf("a refused journal changed to %q, %v", after, err)
		}
	}
	path := filepath.Join(t.TempDir(), "journal")
	j := mustOpen(t, path)
	if _, err := openJournal(path); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("a second program gets the journal: %v", err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, path).Close()
	if _, err := openJournal(filepath.Join(t.TempDir(), "none", "journal")); err == nil {
		t.Error("a journal in a directory that does not exist")
	}
}

// TestNoJournal: a file that was named by mistake stays as it is, and one without an
// end costs no memory.
func TestNoJournal(t *testing.T) {
	for _, mine := range []string{"a note without a newline", "{\"mine\":1}", "\x00\x01\x02", "first\nsecond"} {
		path := textFile(t, mine)
		j, err := openJournal(path)
		if err == nil {
			err = j.Close()
			t.Errorf("%q is a journal (%v)", mine, err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != mine {
			t.Errorf("%q became %q, %v", mine, b, err)
		}
	}
	path := textFile(t, "")
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(path); err == nil || !strings.Contains(err.Error(), "longer than any entry") {
		t.Errorf("a terabyte of nothing: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 1<<40 {
		t.Errorf("it is %v, %v", info, err)
	}
}
