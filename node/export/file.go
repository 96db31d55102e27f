package export

import (
	"bufio"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// part is a file that is being written beside its name.
type part struct {
	File
	path string // where it is now
	f    *os.File
	sum  hash.Hash
}

func (e *export) create(name string) (*part, error) {
	path := filepath.Join(e.dir, name+".part")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	p := &part{File: File{Name: name}, path: path, f: f, sum: sha256.New()}
	e.parts = append(e.parts, p)
	return p, nil
}

func (p *part) Write(b []byte) (int, error) {
	n, err := p.f.Write(b)
	p.sum.Write(b[:n])
	return n, err
}

// complete puts the content on disk.
func (p *part) complete(rows uint64) error {
	p.Rows, p.SHA256 = rows, hex.EncodeToString(p.sum.Sum(nil))
	if err := p.f.Sync(); err != nil {
		return err
	}
	err := p.f.Close()
	p.f = nil
	return err
}

func (p *part) rename() error {
	to := filepath.Join(filepath.Dir(p.path), p.Name)
	if err := os.Rename(p.path, to); err != nil {
		return err
	}
	p.path = to
	return nil
}

func (p *part) remove() error {
	if p.f != nil {
		_ = p.f.Close() // what it held is not wanted
	}
	return os.Remove(p.path)
}

// sink is a format: it writes rows into a part.
type sink[R row] interface {
	write(rows []R) error
	// end writes what is left and returns how many rows the file has.
	end() (uint64, error)
}

// row of a table. Its fields carry the columns' names and Parquet types.
type row interface {
	// cells are the columns' values as CSV shows them.
	cells() []string
}

// columns are the names of a row's columns, in order.
func columns[R row]() []string {
	var names []string
	for _, path := range parquet.SchemaOf(*new(R)).Columns() {
		names = append(names, path[0])
	}
	return names
}

// csvSink writes RFC 4180: UTF-8 without a byte order mark, a header, lines that
// end in CRLF, cells in quotes where they need them. Texts are as plain has them.
type csvSink[R row] struct {
	w    *csv.Writer
	rows uint64
}

func newCSV[R row](to io.Writer) (*csvSink[R], error) {
	s := &csvSink[R]{w: csv.NewWriter(bufio.NewWriterSize(to, 64<<10))}
	s.w.UseCRLF = true
	return s, s.w.Write(columns[R]())
}

func (s *csvSink[R]) write(rows []R) error {
	for _, r := range rows {
		if err := s.w.Write(r.cells()); err != nil {
			return err
		}
		s.rows++
	}
	return nil
}

func (s *csvSink[R]) end() (uint64, error) {
	s.w.Flush()
	return s.rows, s.w.Error()
}

// formulas are the characters with which a text becomes a formula in a spreadsheet:
// ASCII, full-width (Excel takes them in Chinese and Japanese), and those that an
// import may strip before it looks.
const formulas = "=+-@＝＋－＠\t\r\n"

// plain is a text that no spreadsheet takes for a formula: where it begins like
// one, or with an apostrophe, it gets an apostrophe in front. So a cell that begins
// with an apostrophe has one too many, and any other is the text itself. Numbers
// stay as they are.
func plain(text string) string {
	if strings.HasPrefix(text, "'") || strings.IndexAny(text, formulas) == 0 {
		return "'" + text
	}
	return text
}

// rowsPerGroup bounds what a Parquet writer keeps in memory.
const rowsPerGroup = 1 << 16

// parquetSink writes Parquet, compressed with zstd. Texts are as the ledger has
// them.
type parquetSink[R row] struct{ w *parquet.GenericWriter[R] }

func newParquet[R row](to io.Writer) *parquetSink[R] {
	return &parquetSink[R]{parquet.NewGenericWriter[R](to, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(rowsPerGroup))}
}

func (s *parquetSink[R]) write(rows []R) error {
	n, err := s.w.Write(rows)
	if err == nil && n != len(rows) {
		err = fmt.Errorf("parquet took %d rows of %d", n, len(rows))
	}
	return err
}

func (s *parquetSink[R]) end() (uint64, error) {
	if err := s.w.Close(); err != nil {
		return 0, err
	}
	return uint64(s.w.File().NumRows()), nil
}
