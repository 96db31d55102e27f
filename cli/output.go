package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"carbonledger/node/api"
	"carbonledger/tx"
)

// record is one thing with named values, in the order in which they show.
type record struct {
	title  string
	names  []string
	values []any
}

func (r *record) add(name string, value any) {
	r.names, r.values = append(r.names, name), append(r.values, value)
}

// MarshalJSON keeps the order of the names.
func (r record) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range r.names {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := json.Marshal(plain(r.values[i]))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%q:%s", name, value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// plain turns what JSON has no word for into text: hashes, days, money. Tonnes
// stay numbers.
func plain(v any) any {
	switch v := v.(type) {
	case []byte:
		return fmt.Sprintf("%x", v)
	case tx.Tonnes:
		return int64(v)
	case tx.Day:
		if v == 0 {
			return ""
		}
		return v.String()
	case price:
		if v == 0 {
			return ""
		}
		return tx.Fen(v).String()
	case missing:
		return nil
	case fmt.Stringer:
		return v.String()
	}
	return v
}

// price is in fen a tonne; 0 is none, and shows as nothing.
type price tx.Fen

// cell is a value in a table for people.
func cell(v any) string {
	switch v := v.(type) {
	case tx.Tonnes:
		return grouped(int64(v))
	case tx.Fen:
		return strings.TrimSuffix(yuan(v), " yuan")
	case missing:
		return string(v)
	}
	return orDash(field(v))
}

// field is a value in CSV.
func field(v any) string {
	switch v := plain(v).(type) {
	case []string:
		return strings.Join(v, " ")
	case lines:
		return strings.Join(v, "; ")
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// print writes the record as a list of names and values, or as one JSON object.
// For people, what has parts of its own follows below.
func (r record) print(to io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(to).Encode(r)
	}
	w := tabwriter.NewWriter(to, 0, 4, 2, ' ', 0)
	var below []int
	for i, name := range r.names {
		name = heading(name)
		switch v := r.values[i].(type) {
		case record, verbatim:
			below = append(below, i)
		case []record:
			if len(v) > 0 {
				below = append(below, i)
			}
		case lines:
			for _, line := range v {
				fmt.Fprintf(w, "%s\t%s\n", name, line)
			}
		default:
			fmt.Fprintf(w, "%s\t%s\n", name, cell(v))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, i := range below {
		if _, err := fmt.Fprintf(to, "\n%s:\n", heading(r.names[i])); err != nil {
			return err
		}
		if err := printPart(to, r.values[i]); err != nil {
			return err
		}
	}
	return nil
}

func heading(name string) string { return strings.ReplaceAll(name, "_", " ") }

// printPart writes a record, or records: as a table where all have the same
// names.
func printPart(to io.Writer, part any) error {
	var all []record
	switch v := part.(type) {
	case record:
		return v.print(to, false)
	case verbatim:
		_, err := io.WriteString(to, string(v))
		return err
	case []record:
		all = v
	}
	t := table{columns: all[0].names}
	for i, r := range all {
		if !slices.Equal(r.names, t.columns) || r.deep() {
			for k := range all {
				if k > 0 {
					fmt.Fprintln(to)
				}
				if err := all[k].print(to, false); err != nil {
					return err
				}
			}
			return nil
		}
		t.rows = append(t.rows, all[i].values)
	}
	return t.printRows(to)
}

// deep reports whether a value does not fit one cell.
func (r record) deep() bool {
	return slices.ContainsFunc(r.values, func(v any) bool {
		switch v.(type) {
		case record, []record, lines, verbatim:
			return true
		}
		return false
	})
}

// verbatim is a text of several lines, each ended, that people copy.
type verbatim string

// missing says to people why there is no value; in JSON it is null.
type missing string

// lines are texts that people read one below the other.
type lines []string

// table is a list of things alike.
type table struct {
	name    string
	columns []string
	rows    [][]any
	page    api.Page
	// total is what the first page counted; nil behind a cursor.
	total *uint64
	// items is how many things the rows show where one has several rows; else 0.
	items int
	// from is the height of the first page where --all read several at
	// different heights; else 0.
	from uint64
}

func (t *table) shown() int {
	if t.items > 0 {
		return t.items
	}
	return len(t.rows)
}

func (t *table) row(values ...any) { t.rows = append(t.rows, values) }

// format says how a list is printed.
type format struct{ json, csv bool }

// print writes the table with its page: a list always says its height and whether it
// is complete, and how many items the whole has unless it begins behind a cursor.
func (t *table) print(to, errTo io.Writer, f format) error {
	switch {
	case f.json:
		return t.printJSON(to)
	case f.csv:
		if err := t.printCSV(to); err != nil {
			return err
		}
		_, err := fmt.Fprintln(errTo, t.extent())
		return err
	}
	if err := t.printRows(to); err != nil {
		return err
	}
	_, err := fmt.Fprintln(to, t.extent())
	return err
}

func (t *table) printRows(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, strings.ToUpper(strings.Join(t.columns, "\t")))
	for _, row := range t.rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = cell(v)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// extent says how much of the list this is.
func (t *table) extent() string {
	rest := "complete"
	if !t.page.Complete {
		rest = "goes on: --cursor " + t.page.Cursor + ", or --all"
	}
	at := fmt.Sprintf("at height %d", t.page.Height)
	if t.from != 0 {
		at = fmt.Sprintf("read page by page at heights %d to %d", t.from, t.page.Height)
	}
	of := ""
	if t.total != nil {
		of = " of " + grouped(int64(*t.total))
		if t.from != 0 {
			at += fmt.Sprintf(", counted at %d", t.from)
		}
	}
	return fmt.Sprintf("%s%s %s %s; %s", grouped(int64(t.shown())), of, t.name, at, rest)
}

func (t *table) printJSON(to io.Writer) error {
	items := make([]record, len(t.rows))
	for i, row := range t.rows {
		items[i] = record{names: t.columns, values: row}
	}
	r := record{}
	r.add("height", t.page.Height)
	if t.from != 0 {
		r.add("height_of_first_page", t.from)
	}
	if t.total != nil {
		r.add("total", *t.total)
	}
	r.add("complete", t.page.Complete)
	r.add("cursor", t.page.Cursor)
	r.add(t.name, items)
	return json.NewEncoder(to).Encode(r)
}

func (t *table) printCSV(to io.Writer) error {
	w := csv.NewWriter(to)
	all := [][]string{t.columns}
	for _, row := range t.rows {
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = field(v)
		}
		all = append(all, cells)
	}
	return w.WriteAll(all)
}
