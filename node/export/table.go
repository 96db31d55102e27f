package export

import (
	"fmt"
)

const (
	// batchRows are encoded at once.
	batchRows = 1 << 10
	// pageRows are read at once.
	pageRows = 1 << 10
)

// table writes rows into every format that is asked for.
type table[R row] struct {
	e     *export
	name  string
	of    uint64
	parts []*part
	sinks []sink[R]
	batch []R
	done  uint64
}

// writeTable writes a table whose rows produce hands to take, and of which the
// ledger counts so many: another number is an error.
func writeTable[R row](e *export, name string, of uint64, produce func(take func(R) error) error) error {
	t := &table[R]{e: e, name: name, of: of, batch: make([]R, 0, batchRows)}
	if err := t.open(); err != nil {
		return err
	}
	if err := produce(t.add); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := t.end(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (t *table[R]) open() error {
	if t.e.o.CSV {
		p, err := t.e.create(t.name + ".csv")
		if err != nil {
			return err
		}
		s, err := newCSV[R](p)
		if err != nil {
			return err
		}
		t.parts, t.sinks = append(t.parts, p), append(t.sinks, s)
	}
	if t.e.o.Parquet {
		p, err := t.e.create(t.name + ".parquet")
		if err != nil {
			return err
		}
		t.parts, t.sinks = append(t.parts, p), append(t.sinks, newParquet[R](p))
	}
	return nil
}

func (t *table[R]) add(r R) error {
	if t.batch = append(t.batch, r); len(t.batch) < batchRows {
		return nil
	}
	return t.flush()
}

func (t *table[R]) flush() error {
	if err := t.e.ctx.Err(); err != nil {
		return err
	}
	for _, s := range t.sinks {
		if err := s.write(t.batch); err != nil {
			return err
		}
	}
	t.done += uint64(len(t.batch))
	clear(t.batch)
	t.batch = t.batch[:0]
	if t.e.o.Progress != nil {
		t.e.o.Progress(t.name, t.done, t.of)
	}
	return nil
}

// end completes the files if each has all rows.
func (t *table[R]) end() error {
	if err := t.flush(); err != nil {
		return err
	}
	if t.done != t.of {
		return fmt.Errorf("%d rows were read, the ledger counts %d", t.done, t.of)
	}
	for i, s := range t.sinks {
		rows, err := s.end()
		if err != nil {
			return err
		}
		if rows != t.of {
			return fmt.Errorf("%s has %d rows, the ledger counts %d", t.parts[i].Name, rows, t.of)
		}
		if err := t.parts[i].complete(rows); err != nil {
			return err
		}
	}
	return nil
}

// list is a list of the view, as its methods have it.
type list[T any] func(after string, limit int) (items []T, total int, next string, err error)

// each calls take with every item, page by page.
func (l list[T]) each(take func(*T) error) error {
	for after := ""; ; {
		items, _, next, err := l(after, pageRows)
		if err != nil {
			return err
		}
		for i := range items {
			if err := take(&items[i]); err != nil {
				return err
			}
		}
		if next == "" {
			return nil
		}
		after = next
	}
}
