package scenario

import (
	"errors"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// play applies a plan to a real ledger, one block a step, and asks it.
func play(t *testing.T, p *Plan) *Answers {
	t.Helper()
	founding := tx.Founding{
		ChainID: "test", Hash: tx.Domain{7}, ProtocolVersion: 1, ScriptClock: true, Start: p.Start(),
		Instruments: p.Instruments(), ClosedDays: p.ClosedDays(),
	}
	for id, role := range map[string]tx.Role{Ministry: tx.Ministry, Registry: tx.Registry, Timekeeper: tx.Timekeeper} {
		keys, err := p.Keys(id)
		if err != nil {
			t.Fatal(err)
		}
		o := tx.OpenAccount{Id: id, Role: role, Name: id}
		for _, k := range keys {
			o.Keys = append(o.Keys, tx.ProvenKey{Key: k.Public()})
		}
		founding.Parties = append(founding.Parties, o)
	}
	ledger, err := state.Open("ledger", founding, tx.NewVerifier(founding.Hash), state.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	height := uint64(0)
	for s, err := range p.Steps(founding.ChainID, founding.Hash) {
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range blocks(t, s.Transactions) {
			height++
			applied, err := ledger.Apply([]state.Entry{{Index: height, Block: block}})
			if err != nil {
				t.Fatal(err)
			}
			for i := range applied[0].Receipts {
				if r := applied[0].Receipts[i].Rejection(); r != nil {
					t.Fatalf("%s %s: %s of %s: %v", s.Day, s.What, applied[0].Receipts[i].Reference, applied[0].Receipts[i].Party, r)
				}
			}
		}
	}
	v, err := ledger.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	return ask(t, v, p.File)
}

// blocks packs transactions into blocks of a size that a leader would take.
func blocks(t *testing.T, raws [][]byte) (all [][]byte) {
	t.Helper()
	b, size := tx.Block{AppliedHash: make([]byte, 32)}, 0
	flush := func() {
		raw, err := b.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		all, b.Transactions, size = append(all, raw), nil, 0
	}
	for _, raw := range raws {
		if size+len(raw) > 400_000 {
			flush()
		}
		b.Transactions, size = append(b.Transactions, raw), size+len(raw)
	}
	flush()
	return all
}

func ask(t *testing.T, v *state.View, f *File) *Answers {
	t.Helper()
	a := &Answers{}
	year := tx.Day(f.Calendar.Year * 10000)
	var err1, err2, err3, err4 error
	var found bool
	a.Bulletins, _, _, err1 = v.Bulletins(year, year+1231, 0, 1000)
	a.Totals, _, err2 = v.YearTotals(tx.Year(f.Calendar.Year))
	a.Obligation, found, err3 = v.YearObligation(tx.Year(f.obligation().Year))
	c, err4 := v.Conservation()
	if err := errors.Join(err1, err2, err3, err4); err != nil || !found {
		t.Fatal(err, found)
	}
	if len(c.Breaks) > 0 {
		t.Fatal(c.Breaks)
	}
	return a
}

// allEqual plays a file and wants every row equal and so many of them.
func allEqual(t *testing.T, f *File, seed uint64, rows int) *Answers {
	t.Helper()
	p, err := Generate(f, seed)
	if err != nil {
		t.Fatal(err)
	}
	a := play(t, p)
	table, err := f.Table(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range table {
		if !r.Equal {
			t.Errorf("%s: published %s, the ledger has %s", r.Name, r.Published, r.Ledger)
		}
	}
	if len(table) != rows {
		t.Errorf("%d rows, want %d", len(table), rows)
	}
	return a
}

func TestYear2024(t *testing.T) {
	for _, seed := range []uint64{1, 20240716} {
		a := allEqual(t, Default(), seed, 59)
		// 5,244 × 99.98 % − 6.47 − 5,215 Mt can come from older vintages only.
		if older := a.Obligation.SurrenderedOlder; older < 21_000_000 {
			t.Errorf("seed %d: %d t of older vintages were surrendered", seed, older)
		}
	}
}

func TestAnotherYear(t *testing.T) {
	f, err := Load("testdata/small.toml")
	if err != nil {
		t.Fatal(err)
	}
	// Trading days, volume, turnover, entities trading, a close, a cumulative
	// volume and turnover, eight of the bulletin, four of the obligation.
	allEqual(t, f, 3, 19)
}
