package cli

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"carbonledger/tx"
	"carbonledger/tx/limited"

	"github.com/spf13/cobra"
)

// openingRow is a row of a file with an opening position.
type openingRow struct {
	Party      string      `json:"party"`
	Instrument string      `json:"instrument"`
	Tonnes     json.Number `json:"tonnes"`
	Yuan       string      `json:"yuan"`
}

const openingFormat = `FILE is CSV with the columns party, instrument, tonnes and yuan, or JSON: a list of
objects with these names. A row gives a holding (instrument and tonnes), money
(yuan), or both. Its rows are cut into pages in the order of the file; both
commands must get the same file.`

// maxOpeningBytes bounds the file of a position: more than a thousand pages.
const maxOpeningBytes = 64 << 20

// pageBytes is what a page may have, so that its transaction is not too large.
const pageBytes = 55_000

// opening is a file's position.
type opening struct {
	pages []tx.OpeningPage
	raws  [][]byte
	held  map[string]tx.Tonnes
	// instruments in the order in which the file names them first.
	instruments []string
	money       tx.Fen
}

// readOpening reads a position and cuts it into pages. Its error names the row.
func readOpening(path string) (*opening, error) {
	b, err := limited.ReadFile(path, maxOpeningBytes)
	if err != nil {
		return nil, err
	}
	var rows []openingRow
	if strings.HasPrefix(strings.TrimSpace(string(b)), "[") {
		d := json.NewDecoder(strings.NewReader(string(b)))
		d.DisallowUnknownFields()
		if err := d.Decode(&rows); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	} else if rows, err = openingCSV(string(b)); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	o := &opening{held: map[string]tx.Tonnes{}}
	for i := range rows {
		if err := o.add(&rows[i]); err != nil {
			return nil, fmt.Errorf("%s: row %d: %w", path, i+1, err)
		}
	}
	for i := range o.pages {
		raw, err := o.pages[i].Marshal()
		if err != nil {
			return nil, fmt.Errorf("encode page %d: %w", i+1, err)
		}
		o.raws = append(o.raws, raw)
	}
	if len(o.raws) == 0 {
		return nil, fmt.Errorf("%s: no rows", path)
	}
	return o, nil
}

func openingCSV(content string) ([]openingRow, error) {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(content, "\ufeff")))
	head, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("read the head line: %w", err)
	}
	for _, name := range head {
		switch strings.TrimSpace(name) {
		case "party", "instrument", "tonnes", "yuan":
		default:
			return nil, fmt.Errorf("the head line names a column %q: use party, instrument, tonnes and yuan", name)
		}
	}
	var rows []openingRow
	for {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		var row openingRow
		for i, name := range head {
			cell := strings.TrimSpace(cells[i])
			switch strings.TrimSpace(name) {
			case "party":
				row.Party = cell
			case "instrument":
				row.Instrument = cell
			case "tonnes":
				row.Tonnes = json.Number(cell)
			case "yuan":
				row.Yuan = cell
			}
		}
		rows = append(rows, row)
	}
}

func (o *opening) add(r *openingRow) error {
	if r.Party == "" {
		return errors.New("no party")
	}
	if (r.Instrument == "") != (r.Tonnes == "") {
		return errors.New("give instrument and tonnes together")
	}
	if r.Tonnes == "" && r.Yuan == "" {
		return errors.New("neither tonnes nor yuan")
	}
	p := o.page()
	if r.Tonnes != "" {
		t, err := parseTonnes(string(r.Tonnes))
		if err != nil {
			return err
		}
		if _, seen := o.held[r.Instrument]; !seen {
			o.instruments = append(o.instruments, r.Instrument)
		}
		if o.held[r.Instrument]+t < t {
			return fmt.Errorf("the sum of %s is too large", r.Instrument)
		}
		o.held[r.Instrument] += t
		p.Holdings = append(p.Holdings, tx.OpeningHolding{Party: r.Party, Instrument: r.Instrument, Tonnes: t})
	}
	if r.Yuan != "" {
		f, err := parseYuan(r.Yuan)
		if err != nil {
			return err
		}
		if o.money+f < f {
			return errors.New("the sum of the money is too large")
		}
		o.money += f
		p.Money = append(p.Money, tx.OpeningMoney{Party: r.Party, Amount: f})
	}
	return nil
}

// page is the one that takes the next row.
func (o *opening) page() *tx.OpeningPage {
	const row = 200 // the most that a row adds
	if n := len(o.pages); n == 0 || o.pages[n-1].Size()+row > pageBytes {
		o.pages = append(o.pages, tx.OpeningPage{})
	}
	return &o.pages[len(o.pages)-1]
}

func newBringForwardCommand(g *globals) *cobra.Command {
	o := &tx.BringForward{}
	var closes []string
	cmd := &cobra.Command{
		Use:   "bring-forward FILE",
		Short: "Open the books with an earlier register's position (registry and ministry)",
		Long: `Open the books with the position of an earlier register: the ledger's first
transaction or none. The registry asks and the ministry signs too (--cosign, or
"carbonledger cosign" on the file of --out). It names the sums and the SHA-256 of
every page; "opening page" then books the pages.

` + openingFormat,
		Example: "  carbonledger opening bring-forward position.csv --as-of 2023-12-31 --close CEA22=79.42 --cumulative-tonnes 441,000,000 --cumulative-yuan 24,900,000,000 --cosign ministry.key" + asRegistry,
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.Var(dayFlag{&o.AsOf}, "as-of", "the day at whose end the position stood")
	f.StringArrayVar(&closes, "close", nil, "INSTRUMENT=YUAN, the last close; repeat it")
	f.Var(tonnesFlag{&o.CumulativeTonnes}, "cumulative-tonnes", "traded since the market's start")
	f.Var(yuanFlag{&o.CumulativeAmount}, "cumulative-yuan", "traded since the market's start")
	return g.verb(cmd, []string{"as-of"}, func(args []string) (op tx.Operation, err error) {
		position, err := readOpening(args[0])
		if err != nil {
			return op, err
		}
		if o.Instruments, err = position.totals(closes); err != nil {
			return op, err
		}
		o.Money = position.money
		for _, raw := range position.raws {
			sum := sha256.Sum256(raw)
			o.PageSha256 = append(o.PageSha256, sum[:])
		}
		return tx.Operation{Operation: &tx.Operation_BringForward{BringForward: o}}, nil
	})
}

// totals adds the closes to what is held of each instrument.
func (o *opening) totals(closes []string) ([]tx.InstrumentPosition, error) {
	var all []tx.InstrumentPosition
	at := map[string]int{}
	for _, i := range o.instruments {
		at[i] = len(all)
		all = append(all, tx.InstrumentPosition{Instrument: i, Tonnes: o.held[i]})
	}
	for _, c := range closes {
		instrument, price, _ := strings.Cut(c, "=")
		f, err := parseYuan(price)
		if err != nil {
			return nil, fmt.Errorf("--close %q: %w", c, err)
		}
		i, ok := at[instrument]
		if !ok {
			i, all = len(all), append(all, tx.InstrumentPosition{Instrument: instrument})
			at[instrument] = i
		}
		if all[i].Close != 0 {
			return nil, fmt.Errorf("--close %q: %s has a close already", c, instrument)
		}
		all[i].Close = f
	}
	return all, nil
}

func newOpeningPageCommand(g *globals) *cobra.Command {
	s := &signing{g: g}
	var only int
	cmd := &cobra.Command{
		Use:   "page FILE",
		Short: "Book the pages of the opening position (registry)",
		Long: `Book the pages of the opening position, one transaction each, in order: all of
them, or the one of --page. A page that is booked already is refused without harm.

` + openingFormat,
		Example: "  carbonledger opening page position.csv" + asRegistry,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			position, err := readOpening(args[0])
			if err != nil {
				return usage(err)
			}
			if only < 0 || only > len(position.raws) {
				return usage(fmt.Errorf("--page %d: the position has %d pages", only, len(position.raws)))
			}
			var lists [][]tx.Operation
			for i, raw := range position.raws {
				if only == 0 || only == i+1 {
					lists = append(lists, []tx.Operation{{Operation: &tx.Operation_BringForwardPage{BringForwardPage: &tx.BringForwardPage{Page: raw}}}})
				}
			}
			return s.run(cmd, lists)
		},
	}
	s.addFlags(cmd)
	cmd.Flags().IntVar(&only, "page", 0, "number of one page, from 1 (default: all)")
	return cmd
}
