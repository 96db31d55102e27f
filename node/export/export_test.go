package export_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"carbonledger/node/export"
	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/parquet-go/parquet-go"
)

// The rows as a reader of Parquet declares them for itself.
type (
	transaction struct {
		Index           int64     `parquet:"index"`
		Height          int64     `parquet:"height"`
		Position        int64     `parquet:"position"`
		Time            time.Time `parquet:"time,timestamp(millisecond)"`
		ID              string    `parquet:"id"`
		Party           string    `parquet:"party"`
		Reference       string    `parquet:"reference"`
		Operations      string    `parquet:"operations"`
		Accepted        bool      `parquet:"accepted"`
		Reason          string    `parquet:"reason"`
		FailedOperation *int64    `parquet:"failed_operation"`
		Subject         string    `parquet:"subject"`
		Have            int64     `parquet:"have"`
		Want            int64     `parquet:"want"`
		Keys            string    `parquet:"keys"`
	}
	holding struct {
		Party             string `parquet:"party"`
		Instrument        string `parquet:"instrument"`
		Tonnes            int64  `parquet:"tonnes"`
		RegistryAvailable int64  `parquet:"registry_available"`
		TradingAvailable  int64  `parquet:"trading_available"`
		Locked            int64  `parquet:"locked"`
		Pending           int64  `parquet:"pending"`
		Pledged           int64  `parquet:"pledged"`
		Frozen            int64  `parquet:"frozen"`
		Receivable        int64  `parquet:"receivable"`
		BroughtForward    int64  `parquet:"brought_forward"`
	}
	account struct {
		Party          string `parquet:"party"`
		Amount         int64  `parquet:"amount_fen"`
		Locked         int64  `parquet:"locked_fen"`
		Proceeds       int64  `parquet:"proceeds_fen"`
		BroughtForward int64  `parquet:"brought_forward_fen"`
	}
	trade struct {
		Day        int32  `parquet:"day,date"`
		Number     int64  `parquet:"number"`
		Instrument string `parquet:"instrument"`
		Method     string `parquet:"method"`
		Seller     string `parquet:"seller"`
		Buyer      string `parquet:"buyer"`
		Tonnes     int64  `parquet:"tonnes"`
		Price      int64  `parquet:"price_fen"`
		PriceYuan  string `parquet:"price_yuan"`
		Amount     int64  `parquet:"amount_fen"`
		State      string `parquet:"state"`
		SellOrder  string `parquet:"sell_order"`
		BuyOrder   string `parquet:"buy_order"`
	}
)

func readParquet[R any](t *testing.T, dir, table string) []R {
	t.Helper()
	rows, err := parquet.ReadFile[R](filepath.Join(dir, table+".parquet"))
	must(t, err)
	return rows
}

// readCSV reads a table as a program does that knows the rule of the apostrophe:
// rows by the columns' names.
func readCSV(t *testing.T, dir, table string) (rows []map[string]string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, table+".csv"))
	must(t, err)
	if bytes.Count(b, []byte("\n")) != bytes.Count(b, []byte("\r\n")) {
		t.Errorf("%s: a line does not end in CRLF", table)
	}
	all, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	must(t, err)
	for _, cells := range all[1:] {
		r := map[string]string{}
		for i, c := range cells {
			if _, err := strconv.ParseInt(c, 10, 64); err != nil && strings.IndexAny(c, "=+-@＝＋－＠\t\r\n") == 0 {
				t.Errorf("%s: a spreadsheet computes %q", table, c)
			}
			r[all[0][i]] = strings.TrimPrefix(c, "'")
		}
		rows = append(rows, r)
	}
	return rows
}

// sameRows compares CSV with what Parquet rows say.
func sameRows[R any](t *testing.T, rows []map[string]string, of []R, cells func(R) string) {
	t.Helper()
	if len(rows) != len(of) {
		t.Fatalf("%d rows in CSV, %d in Parquet", len(rows), len(of))
	}
	columns := parquet.SchemaOf(*new(R)).Columns()
	for i, r := range rows {
		var got []string
		for _, c := range columns {
			value, there := r[c[0]]
			if !there || len(r) != len(columns) {
				t.Fatalf("the columns are %v, not %v", r, columns)
			}
			got = append(got, value)
		}
		if got, want := strings.Join(got, "|"), cells(of[i]); got != want {
			t.Errorf("row %d\nCSV     %s\nParquet %s", i, got, want)
		}
	}
}

func write(t *testing.T, v *state.View) (string, []export.File) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a", "tables")
	files, err := export.Write(t.Context(), v, dir, export.Options{CSV: true, Parquet: true})
	must(t, err)
	return dir, files
}

func TestTransactions(t *testing.T) {
	m := trading(t)
	v := m.view()
	dir, _ := write(t, v)
	rows := readParquet[transaction](t, dir, "transactions")
	if len(rows) != m.accepted+m.refused || m.accepted < many || m.refused != 2 {
		t.Fatalf("%d rows, %d were accepted and %d refused", len(rows), m.accepted, m.refused)
	}
	texts := map[string]bool{}
	for i, r := range rows {
		id, err := tx.ParseID(r.ID)
		must(t, err)
		c, ok, err := v.Receipt(id)
		must(t, err)
		if !ok || uint64(r.Index) != c.Index || uint64(r.Height) != c.Height || uint32(r.Position) != c.Position || tx.Instant(r.Time.UnixMilli()) != c.Time ||
			r.Party != c.Party || r.Reference != c.Reference || r.Accepted != (c.Reason == tx.Accepted) || r.Reason != c.Reason.String() ||
			r.Subject != c.Subject || r.Have != c.Have || r.Want != c.Want || (r.FailedOperation == nil) != r.Accepted {
			t.Errorf("%+v\nis not %v", r, c)
		}
		if i > 0 && r.Index <= rows[i-1].Index {
			t.Errorf("row %d has the index %d after %d", i, r.Index, rows[i-1].Index)
		}
		texts[r.Reference] = true
		switch r.Reference {
		case "no-stranger":
			if r.Operations != "Transfer+Transfer" || *r.FailedOperation != 1 || r.Reason != "UNKNOWN_COUNTERPARTY" || r.Subject != stranger {
				t.Errorf("%+v", r)
			}
		case "no-holding":
			if *r.FailedOperation != 0 || r.Have != 700 || r.Want != 9_000_000 || r.Keys != key("e0").Public().String()+"+"+key("e0/2").Public().String()+"+"+key("hubei").Public().String() {
				t.Errorf("%+v", r)
			}
		}
	}
	for _, reference := range references {
		if !texts[reference] {
			t.Errorf("the reference %q is lost", reference)
		}
	}
	sameRows(t, readCSV(t, dir, "transactions"), rows, func(r transaction) string {
		failed := ""
		if r.FailedOperation != nil {
			failed = fmt.Sprint(*r.FailedOperation)
		}
		at := r.Time.In(time.FixedZone("", 8*60*60)).Format("2006-01-02T15:04:05.000-07:00")
		return strings.Join([]string{fmt.Sprint(r.Index), fmt.Sprint(r.Height), fmt.Sprint(r.Position), at, r.ID, r.Party, r.Reference, r.Operations,
			fmt.Sprint(r.Accepted), r.Reason, failed, r.Subject, fmt.Sprint(r.Have), fmt.Sprint(r.Want), r.Keys}, "|")
	})
}

func TestBalances(t *testing.T) {
	m := trading(t)
	v := m.view()
	dir, _ := write(t, v)
	all, _, _, err := v.Holdings("", "", "", 1000)
	must(t, err)
	rows := readParquet[holding](t, dir, "holdings")
	if len(rows) != len(all) || len(all) != 3 {
		t.Fatalf("%d rows of %d holdings", len(rows), len(all))
	}
	for i, h := range all {
		if want := (holding{h.Party, h.Instrument, int64(h.Tonnes), int64(h.RegistryAvailable), int64(h.TradingAvailable), int64(h.Locked), int64(h.Pending),
			int64(h.Pledged), int64(h.Frozen), int64(h.Receivable), int64(h.BroughtForward)}); rows[i] != want {
			t.Errorf("%+v\nis not %+v", rows[i], want)
		}
	}
	if e := rows[2]; e.Party != "e0" || e.Instrument != "CEA22" || e.Frozen != 400 || e.Tonnes != 700 {
		t.Errorf("%+v", e)
	}
	sameRows(t, readCSV(t, dir, "holdings"), rows, func(r holding) string { return strings.ReplaceAll(strings.Trim(fmt.Sprint(r), "{}"), " ", "|") })

	money, _, _, err := v.Money("", "", 1000)
	must(t, err)
	accounts := readParquet[account](t, dir, "money")
	if len(accounts) != len(money) || len(money) != 2 {
		t.Fatalf("%d rows of %d accounts", len(accounts), len(money))
	}
	for i, a := range money {
		if want := (account{a.Party, int64(a.Amount), int64(a.Locked), int64(a.Proceeds), int64(a.BroughtForward)}); accounts[i] != want {
			t.Errorf("%+v\nis not %+v", accounts[i], want)
		}
	}
	sameRows(t, readCSV(t, dir, "money"), accounts, func(r account) string { return strings.ReplaceAll(strings.Trim(fmt.Sprint(r), "{}"), " ", "|") })
}

func TestTrades(t *testing.T) {
	m := trading(t)
	dir, _ := write(t, m.view())
	rows := readParquet[trade](t, dir, "trades")
	const first = 19724 // days from 1970-01-01 to 2024-01-02
	want := []trade{
		{first, 1, "CEA22", "listed", "e0", "-e1", 1, 8005, "80.05", 8005, "settled", "=s", `b,"`},
		{first, 2, "CEA22", "listed", "e0", "-e1", 299, 8005, "80.05", 299 * 8005, "settled", "=s", `b,"`},
		{first, 3, "CEA22", "listed", "e0", "-e1", 600, 8005, "80.05", 600 * 8005, "exception", "=s", `b,"`},
		{first + 1, 1, "CEA21", "listed", "e0", "-e1", 250, 7000, "70.00", 250 * 7000, "recorded", "s2", "b2"},
	}
	if !slices.Equal(rows, want) {
		t.Errorf("%+v\nare not %+v", rows, want)
	}
	sameRows(t, readCSV(t, dir, "trades"), rows, func(r trade) string {
		day := time.Unix(int64(r.Day)*86400, 0).UTC().Format(time.DateOnly)
		return day + strings.TrimPrefix(strings.ReplaceAll(strings.Trim(fmt.Sprint(r), "{}"), " ", "|"), fmt.Sprint(r.Day))
	})
}

// TestFiles: each is named, counted and hashed as it lies there, only its owner
// may read it, and the same view gives the same bytes.
func TestFiles(t *testing.T) {
	m := trading(t)
	v := m.view()
	told := map[string]uint64{}
	dir := t.TempDir() // there and empty
	files, err := export.Write(t.Context(), v, dir, export.Options{CSV: true, Parquet: true, Progress: func(table string, done, of uint64) {
		if done < told[table] || done > of {
			t.Errorf("%s: %d of %d after %d", table, done, of, told[table])
		}
		told[table] = done
	}})
	must(t, err)
	_, again := write(t, v)
	if !slices.Equal(files, again) {
		t.Errorf("%v\nare not %v", again, files)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
		b, err := os.ReadFile(filepath.Join(dir, f.Name))
		must(t, err)
		if fmt.Sprintf("%x", sha256.Sum256(b)) != f.SHA256 {
			t.Errorf("%s has another hash", f.Name)
		}
		info, err := os.Stat(filepath.Join(dir, f.Name))
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %s", f.Name, info.Mode())
		}
		if table, _, _ := strings.Cut(f.Name, "."); told[table] != f.Rows {
			t.Errorf("%s has %d rows, %d were told", f.Name, f.Rows, told[table])
		}
	}
	slices.Sort(names)
	if there := list(t, dir); !slices.Equal(there, names) || len(there) != 8 {
		t.Errorf("there are %v, returned were %v", there, names)
	}
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// TestRefused: what is in a directory stays, and nothing is added to it.
func TestRefused(t *testing.T) {
	m := trading(t)
	v := m.view()
	both := export.Options{CSV: true, Parquet: true}
	full := t.TempDir()
	must(t, os.WriteFile(filepath.Join(full, "trades.csv"), []byte("evidence"), 0o600))
	if _, err := export.Write(t.Context(), v, full, both); err == nil || !strings.Contains(err.Error(), "it has trades.csv") {
		t.Errorf("a directory with files: %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(full, "trades.csv")); err != nil || string(b) != "evidence" || len(list(t, full)) != 1 {
		t.Errorf("%q, %v, %v", b, err, list(t, full))
	}
	if _, err := export.Write(t.Context(), v, filepath.Join(full, "trades.csv"), both); err == nil {
		t.Error("a file for a directory is taken")
	}
	dir := filepath.Join(t.TempDir(), "none")
	if _, err := export.Write(t.Context(), v, dir, export.Options{}); err == nil {
		t.Error("no format is taken")
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an export of nothing made a directory: %v", err)
	}
	// Stopped in the middle, it leaves nothing.
	ctx, stop := context.WithCancel(t.Context())
	stopping := both
	stopping.Progress = func(table string, done, _ uint64) {
		if table == "transactions" && done == 1024 {
			stop()
		}
	}
	empty := t.TempDir()
	if files, err := export.Write(ctx, v, empty, stopping); !errors.Is(err, context.Canceled) || files != nil || len(list(t, empty)) != 0 {
		t.Errorf("stopped: %v, %v, %v", files, err, list(t, empty))
	}
	if files, err := export.Write(t.Context(), v, empty, export.Options{CSV: true}); err != nil || len(files) != 4 {
		t.Errorf("the next one: %v, %v", files, err)
	}
}

// TestDamaged: a bit that flips in a table of the store is an error, or hits
// nothing that is exported. It never leaves a file.
func TestDamaged(t *testing.T) {
	m := trading(t)
	_, whole := write(t, m.view())
	fs, found, flips := m.stopped(), 0, 0
	for _, name := range tables(t, fs) {
		size := len(slurp(t, fs, name))
		for at := size / 40; at < size; at += max(1, size/20) {
			flips++
			dir := t.TempDir()
			files, err := m.exportDamaged(fs, name, at, dir)
			switch {
			case err != nil && (files != nil || len(list(t, dir)) > 0):
				t.Errorf("%s, byte %d: %v, and it left %v", name, at, err, list(t, dir))
			case err != nil && strings.HasPrefix(err.Error(), "export: "):
				found++
			case err == nil && !slices.Equal(files, whole):
				t.Errorf("%s, byte %d: another export without an error", name, at)
			}
		}
	}
	if found == 0 {
		t.Errorf("none of %d flips was met by the export", flips)
	}
}

// stopped is a disk with a copy of the ledger, everything in tables.
func (m *market) stopped() *vfs.MemFS {
	m.t.Helper()
	must(m.t, m.ledger.Checkpoint("copy"))
	return m.fs.CrashClone(vfs.CrashCloneCfg{})
}

// exportDamaged exports the copy on a disk with one bit of a file changed.
func (m *market) exportDamaged(fs *vfs.MemFS, name string, at int, dir string) ([]export.File, error) {
	fs = fs.CrashClone(vfs.CrashCloneCfg{})
	b := slurp(m.t, fs, name)
	b[at] ^= 4
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	must(m.t, err)
	_, err = f.Write(b)
	must(m.t, err, f.Close())
	ledger, err := state.Open("copy", m.f, tx.NewVerifier(m.f.Hash), state.Options{FS: fs})
	if err != nil {
		return nil, err
	}
	defer ledger.Close() // it says again what is damaged
	v, err := ledger.View()
	if err != nil {
		return nil, err
	}
	defer v.Close()
	return export.Write(m.t.Context(), v, dir, export.Options{CSV: true, Parquet: true})
}

func tables(t *testing.T, fs vfs.FS) (names []string) {
	t.Helper()
	all, err := fs.List("copy")
	must(t, err)
	for _, name := range all {
		if strings.HasSuffix(name, ".sst") {
			names = append(names, fs.PathJoin("copy", name))
		}
	}
	return names
}

func slurp(t *testing.T, fs vfs.FS, name string) []byte {
	t.Helper()
	f, err := fs.Open(name)
	must(t, err)
	b, err := io.ReadAll(f)
	must(t, err, f.Close())
	return b
}
