package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"carbonledger/tx"
	"carbonledger/tx/durable"
)

// journalEntry is a line of a journal: what was sent, or what the ledger
// answered. Lines are only ever added.
type journalEntry struct {
	State string `json:"state"`
	ID    string `json:"id"`
	File  string `json:"file"`
	// The rest is the receipt's.
	Height uint64    `json:"height,omitempty"`
	Reason tx.Reason `json:"reason_number,omitempty"`
	Text   string    `json:"outcome,omitempty"`
}

const (
	entrySent    = "sent"
	entryReceipt = "receipt"
	// entryWithdrawn: what was sent surely had no effect.
	entryWithdrawn = "withdrawn"
)

// maxLineBytes bounds a line: the name of a file is the longest part.
const maxLineBytes = 1 << 20

// journal remembers over crashes which transactions were sent and which have
// a receipt. What has one is not sent again; what has none is, which is safe.
type journal struct {
	file *os.File
	// receipts by transaction id.
	receipts map[string]journalEntry
	// sent are those without a receipt that may have had an effect.
	sent   map[string]bool
	height uint64
}

// openJournal reads a journal, or begins one. One program at a time holds it.
func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &journal{file: f, receipts: map[string]journalEntry{}, sent: map[string]bool{}}
	if err := j.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %s: %w", path, err), f.Close())
	}
	return j, nil
}

func (j *journal) load() error {
	if err := syscall.Flock(int(j.file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another program works with it: wait for its end (%w)", err)
	}
	lines, whole := bufio.NewReaderSize(j.file, maxLineBytes), int64(0)
	for n := 1; ; n++ {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			if err := j.mend(whole, string(line)); err != nil {
				return err
			}
			break
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			return fmt.Errorf("line %d is longer than any entry of a journal: name the journal, or a new file", n)
		}
		if err == nil {
			err = j.read(string(line))
		}
		if err != nil {
			return fmt.Errorf("line %d %w", n, err)
		}
		whole += int64(len(line))
	}
	// The name of a new journal must be on disk before anything is sent.
	return durable.SyncDirectory(filepath.Dir(j.file.Name()))
}

// read notes a line.
func (j *journal) read(line string) error {
	var e journalEntry
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return fmt.Errorf("is damaged: %w", err)
	}
	if _, err := tx.ParseID(e.ID); err != nil || e.State != entrySent && e.State != entryReceipt && e.State != entryWithdrawn {
		return errors.New("is no entry of a journal")
	}
	j.note(e)
	return nil
}

// entryBegins is how every entry does.
const entryBegins = `{"state":"`

// mend cuts off a torn last line. The crash that tore it came before its sync: nothing
// was done that relied on it. A file that was named by mistake stays as it is.
func (j *journal) mend(whole int64, torn string) error {
	if torn == "" {
		return nil
	}
	if whole == 0 && !strings.HasPrefix(torn, entryBegins) && !strings.HasPrefix(entryBegins, torn) {
		return errors.New("this is no journal: name one, or a new file")
	}
	return j.file.Truncate(whole)
}

func (j *journal) note(e journalEntry) {
	switch e.State {
	case entrySent:
		j.sent[e.ID] = true
	case entryWithdrawn:
		delete(j.sent, e.ID)
	default:
		delete(j.sent, e.ID)
		j.receipts[e.ID] = e
		j.height = max(j.height, e.Height)
	}
}

// withdraw notes that sending these, for the first time, had no effect.
func (j *journal) withdraw(all []signed) error {
	notes := make([]journalEntry, len(all))
	for i := range all {
		notes[i] = journalEntry{State: entryWithdrawn, ID: all[i].id.String(), File: all[i].file}
	}
	return j.add(notes...)
}

// add writes lines and returns when they are on disk.
func (j *journal) add(entries ...journalEntry) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	for i := range entries {
		if err := e.Encode(&entries[i]); err != nil {
			return fmt.Errorf("journal: encode: %w", err)
		}
	}
	_, err := j.file.Write(b.Bytes())
	if err = errors.Join(err, j.file.Sync()); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	for _, e := range entries {
		j.note(e)
	}
	return nil
}

// Close also gives the journal free.
func (j *journal) Close() error { return j.file.Close() }
