package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"carbonledger/node/diverge"
	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2"
)

// twins are two replicas in data directories on disk, without nodes: what the
// first executes the second does as well, but for what a test changes in it.
type twins struct {
	Parties
	t       *testing.T
	f       tx.Founding
	dirs    [2]string
	ledgers [2]*state.Ledger
	index   uint64
}

func newTwins(t *testing.T) *twins {
	f := Founding(3, 3, true)
	w := &twins{Parties: Parties{Domain: f.Hash, ChainID: f.ChainID}, t: t, f: f}
	for i := range w.dirs {
		w.dirs[i] = t.TempDir()
		w.must(os.MkdirAll(filepath.Join(w.dirs[i], "state"), 0o700))
		w.must(os.WriteFile(filepath.Join(w.dirs[i], "state", "CURRENT"), []byte("1\n"), 0o600))
	}
	w.open()
	t.Cleanup(func() { w.must(errors.Join(w.ledgers[0].Close(), w.ledgers[1].Close())) })
	return w
}

func (w *twins) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *twins) store(i int) string { return filepath.Join(w.dirs[i], "state", "00000001") }

func (w *twins) open() {
	w.t.Helper()
	for i := range w.ledgers {
		l, err := state.Open(w.store(i), w.f, tx.NewVerifier(w.f.Hash), state.Options{})
		w.must(err)
		w.ledgers[i] = l
	}
}

// close flushes as a node does that finds out that it differs.
func (w *twins) close() {
	w.t.Helper()
	for _, l := range w.ledgers {
		w.must(errors.Join(l.Flush(), l.Close()))
	}
}

// block executes one everywhere and returns the receipts of the first replica.
func (w *twins) block(raws ...[]byte) []tx.Receipt {
	w.t.Helper()
	b := tx.Block{Proposer: "n1", AppliedHash: make([]byte, 32), Transactions: raws}
	encoded, err := b.Marshal()
	w.must(err)
	w.index++
	var first []tx.Receipt
	for i, l := range w.ledgers {
		a, err := l.Apply([]state.Entry{{Index: w.index, Block: encoded}})
		w.must(err)
		if i == 0 {
			first = a[0].Receipts
		}
	}
	return first
}

// damage changes a record of the second replica outside of blocks.
func (w *twins) damage(key string, change func(value []byte)) {
	w.t.Helper()
	w.close()
	db, err := pebble.Open(w.store(1), &pebble.Options{FormatMajorVersion: pebble.FormatNewest, Logger: quiet{}})
	w.must(err)
	value, closer, err := db.Get([]byte(key))
	w.must(err)
	value = bytes.Clone(value)
	change(value)
	w.must(errors.Join(closer.Close(), db.Set([]byte(key), value, pebble.Sync), db.Close()))
	w.open()
}

func lowest(value []byte) { value[7] ^= 1 }

// find compares the two, whose ledgers are closed and opened again.
func (w *twins) find() *diverge.Report {
	w.t.Helper()
	w.close()
	defer w.open()
	var replicas [2]*diverge.Directory
	for i := range replicas {
		d, err := diverge.Open(w.dirs[i], w.f)
		w.must(err)
		defer func() { w.must(d.Close()) }()
		replicas[i] = d
	}
	d, err := diverge.Find(w.t.Context(), replicas[0], replicas[1], nil)
	w.must(err)
	return d
}

func (w *twins) deposit(reference string, fen tx.Fen) []byte {
	return w.Sign("bank", reference, tx.Operation{Operation: &tx.Operation_Deposit{Deposit: &tx.Deposit{Party: "e0", Amount: fen}}})
}

func (w *twins) withdraw(reference string, fen tx.Fen) []byte {
	return w.Sign("bank", reference, tx.Operation{Operation: &tx.Operation_Withdraw{Withdraw: &tx.Withdraw{Party: "e0", Amount: fen}}})
}

// words are the records of a report, as people read them.
func words(d *diverge.Report) (all []string) {
	for _, r := range d.Records {
		value := func(i int) []byte {
			if r.Versioned {
				return r.Has[i].At
			}
			return r.Has[i].Value
		}
		name, parts, a := diverge.Describe(r.Key, value(0))
		_, _, b := diverge.Describe(r.Key, value(1))
		all = append(all, fmt.Sprintf("%s %s: %s / %s", name, parts, a, b))
	}
	return all
}

func (w *twins) wants(d *diverge.Report, height uint64, id []byte, what string, records ...string) {
	w.t.Helper()
	if !d.Differ || d.Height != height || d.Transaction != fmt.Sprintf("%x", id) || !strings.Contains(d.What, what) {
		w.t.Errorf("found height %d, transaction %s, %q, want height %d, %x, %q", d.Height, d.Transaction, d.What, height, id, what)
	}
	got := words(d)
	for _, r := range records {
		if !slices.Contains(got, r) {
			w.t.Errorf("the records %q lack %q", got, r)
		}
	}
	if len(got) > 0 && len(records) > 0 && got[0] != records[0] {
		w.t.Errorf("the first record is %q, want %q", got[0], records[0])
	}
}

// TestDivergeFinds: whatever is damaged, the first height, transaction and records
// are found: of a versioned range, of one without versions, and where a damaged
// record changed an outcome.
func TestDivergeFinds(t *testing.T) {
	w := newTwins(t)
	for i := range 40 {
		w.block(w.deposit(fmt.Sprint("d", i), 10))
	}
	if d := w.find(); d.Differ || d.Heights != [2]uint64{40, 40} || d.Comparisons != 1 {
		t.Fatalf("twins differ: %+v", d)
	}

	t.Run("a versioned range", func(t *testing.T) {
		w := newTwins(t)
		w.block(w.deposit("d", 10))
		w.damage("\x07e0", lowest)
		if d := w.find(); d.Differ || len(d.Outside[1]) != 0 {
			t.Errorf("before any block reads it: %+v", d)
		}
		w.block()
		r := w.block(w.deposit("e", 10), w.deposit("f", 10))
		for range 10 {
			w.block()
		}
		d := w.find()
		w.wants(d, 3, r[0].Id, "what it wrote is not", "money e0: balance=30 locked=0 proceeds=0 / balance=31 locked=0 proceeds=0")
		if !d.Records[0].Versioned || string(d.Records[0].Has[1].Before) != string(d.Records[0].Has[0].Before) || d.Comparisons > 6 {
			t.Errorf("%+v", d)
		}
	})
	t.Run("a range without versions", func(t *testing.T) {
		w := newTwins(t)
		w.block(w.deposit("d", 10))
		w.damage("\x0b", func(value []byte) { value[15] ^= 1 })
		w.block()
		r := w.block(w.deposit("e", 10))
		w.wants(w.find(), 3, r[0].Id, "what it wrote is not",
			"money supply : brought_forward=0 deposited=20 withdrawn=0 / brought_forward=0 deposited=21 withdrawn=0")
	})
	t.Run("an outcome", func(t *testing.T) {
		w := newTwins(t)
		w.block(w.deposit("d", 11))
		w.damage("\x07e0", lowest) // 10
		r := w.block(w.deposit("other", 0), w.withdraw("w", 11))
		d := w.find()
		w.wants(d, 2, r[1].Id, "it is ACCEPTED in the first and INSUFFICIENT_MONEY in the second")
		if d.Position != 1 || !slices.Contains(words(d), "money e0: balance=0 locked=0 proceeds=0 / balance=11 locked=0 proceeds=0") {
			t.Errorf("position %d, records %q", d.Position, words(d))
		}
		// The second did not write it, so that its damage is still to be seen.
		if o := d.Outside[1]; len(o) != 1 || string(o[0].Key) != "\x07e0" || len(d.Outside[0]) != 0 {
			t.Errorf("changed outside of blocks: %v", d.Outside)
		}
	})
}

// TestDivergeWithoutTraces: more than a thousand blocks later the traces are gone;
// height and versioned records are found all the same.
func TestDivergeWithoutTraces(t *testing.T) {
	w := newTwins(t)
	w.block(w.deposit("d", 10))
	w.damage("\x07e0", lowest)
	w.block(w.deposit("e", 10))
	for i := range 1010 {
		if i%100 == 0 {
			w.block(w.deposit(fmt.Sprint("later", i), 10))
			continue
		}
		w.block()
	}
	d := w.find()
	w.wants(d, 2, nil, "the newest 1000 blocks alone have traces", "money e0: balance=20 locked=0 proceeds=0 / balance=21 locked=0 proceeds=0")
	if d.Traced != [2]bool{} || d.Comparisons > 12 {
		t.Errorf("%+v", d)
	}
}

// TestDivergeDropped: where one replica or both have dropped the entries of the block
// that differs, its height and its records are found, and the transaction by the
// hashes and the traces: its id where a replica has the entry.
func TestDivergeDropped(t *testing.T) {
	const gone = "https://archive.test"
	for _, dropped := range [][2]string{{gone, ""}, {"", gone}, {gone, gone}} {
		differing := func(amount tx.Fen) (*diverge.Report, []tx.Receipt, *twins) {
			w := newTwins(t)
			w.block(w.deposit("d", 11))
			w.damage("\x07e0", lowest) // 10
			r := w.block(w.deposit("other", 0), w.withdraw("w", amount))
			var more [][]byte
			for i := range 300 {
				more = append(more, w.deposit(fmt.Sprint("more", i), 1))
			}
			w.block(more...)
			for i, url := range dropped {
				if url != "" {
					w.must(w.ledgers[i].DropEntries(256, url))
				}
			}
			return w.find(), r, w
		}
		for amount, what := range map[tx.Fen]string{
			11: "its entries of the log have different hashes", 5: "its outcome is the same, and what it wrote is not",
		} {
			d, r, w := differing(amount)
			id := r[1].Id
			if dropped[0] == dropped[1] {
				id = nil
			}
			w.wants(d, 2, id, what)
			if d.Position != 1 || d.Archives != dropped || !slices.ContainsFunc(words(d), func(s string) bool { return strings.HasPrefix(s, "money e0: ") }) {
				t.Errorf("position %d, archives %q, records %q", d.Position, d.Archives, words(d))
			}
		}
	}
}
