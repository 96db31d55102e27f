package export

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"testing"

	"carbonledger/tx"

	"github.com/parquet-go/parquet-go"
)

// TestTexts: texts that no ledger takes yet, such as lines, come back from both
// formats as they are, and from CSV never as formulas.
func TestTexts(t *testing.T) {
	texts := []string{"", "plain", "湖北省，电厂", "a,b", `a"b`, "two\nlines", "\n=1", "=1+1", "+1", "-1", "@a", "\t=1", "＝1", "'", "'=1", "''", " =1", `"=1"`}
	var rows []account
	for _, s := range texts {
		rows = append(rows, account{Party: s, Amount: -1})
	}
	var asCSV, asParquet bytes.Buffer
	c, err := newCSV[account](&asCSV)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []sink[account]{c, newParquet[account](&asParquet)} {
		if err := s.write(rows); err != nil {
			t.Fatal(err)
		}
		if n, err := s.end(); err != nil || n != uint64(len(rows)) {
			t.Fatalf("%d rows, %v", n, err)
		}
	}
	read, err := parquet.Read[account](bytes.NewReader(asParquet.Bytes()), int64(asParquet.Len()))
	if err != nil || !slices.Equal(read, rows) {
		t.Errorf("%v\nis not %v, %v", read, rows, err)
	}
	cells, err := csv.NewReader(&asCSV).ReadAll()
	if err != nil || fmt.Sprint(cells[0]) != "[party amount_fen locked_fen proceeds_fen brought_forward_fen]" {
		t.Fatalf("%v, %v", cells, err)
	}
	for i, r := range cells[1:] {
		if strings.IndexAny(r[0], formulas) == 0 {
			t.Errorf("a spreadsheet computes %q", r[0])
		}
		if strings.TrimPrefix(r[0], "'") != texts[i] || r[1] != "-1" {
			t.Errorf("%q is not %q", r, texts[i])
		}
	}
}

// TestRowGroups: a long table leaves memory group by group.
func TestRowGroups(t *testing.T) {
	var to bytes.Buffer
	s := newParquet[account](&to)
	const groups = 3
	batch := make([]account, batchRows)
	for i := range (groups-1)*rowsPerGroup/batchRows + 1 {
		for k := range batch {
			batch[k].Amount = tx.Fen(i*batchRows + k)
		}
		if err := s.write(batch); err != nil {
			t.Fatal(err)
		}
	}
	n, err := s.end()
	if err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(to.Bytes()), int64(to.Len()))
	if err != nil || len(f.RowGroups()) != groups || f.NumRows() != int64(n) {
		t.Fatalf("%d groups, %d rows of %d, %v", len(f.RowGroups()), f.NumRows(), n, err)
	}
	rows, err := parquet.Read[account](bytes.NewReader(to.Bytes()), int64(to.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		if r.Amount != tx.Fen(i) {
			t.Fatalf("row %d is %v", i, r)
		}
	}
}

// TestCounted: another number of rows than the ledger counts is an error, and no
// file is complete.
func TestCounted(t *testing.T) {
	for _, of := range []uint64{1, 3} {
		e := &export{ctx: t.Context(), dir: t.TempDir(), o: Options{CSV: true, Parquet: true}}
		err := writeTable(e, "money", of, func(take func(account) error) error {
			return list[int](pages).each(func(*int) error { return take(account{}) })
		})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("2 rows were read, the ledger counts %d", of)) {
			t.Errorf("2 rows of %d: %v", of, err)
		}
		for _, p := range e.parts {
			if p.SHA256 != "" {
				t.Errorf("%s is complete", p.Name)
			}
		}
		if err := e.discard(); err != nil {
			t.Error(err)
		}
	}
}

// pages is a list of two items on two pages.
func pages(after string, _ int) ([]int, int, string, error) {
	if after == "" {
		return []int{1}, 2, "first", nil
	}
	return []int{2}, -1, "", nil
}
