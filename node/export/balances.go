package export

import (
	"fmt"

	"carbonledger/tx"
)

// holding is a party's units of an instrument, in tonnes.
type holding struct {
	Party      string `parquet:"party"`
	Instrument string `parquet:"instrument,dict"`
	// Tonnes is the sum of the six sub-balances after it.
	Tonnes            tx.Tonnes `parquet:"tonnes"`
	RegistryAvailable tx.Tonnes `parquet:"registry_available"`
	TradingAvailable  tx.Tonnes `parquet:"trading_available"`
	Locked            tx.Tonnes `parquet:"locked"`
	Pending           tx.Tonnes `parquet:"pending"`
	Pledged           tx.Tonnes `parquet:"pledged"`
	Frozen            tx.Tonnes `parquet:"frozen"`
	Receivable        tx.Tonnes `parquet:"receivable"`
	BroughtForward    tx.Tonnes `parquet:"brought_forward"`
}

func (h holding) cells() []string {
	return []string{
		plain(h.Party), plain(h.Instrument), number(h.Tonnes), number(h.RegistryAvailable), number(h.TradingAvailable), number(h.Locked),
		number(h.Pending), number(h.Pledged), number(h.Frozen), number(h.Receivable), number(h.BroughtForward),
	}
}

// add sums what the ledger sums by instrument.
func (h *holding) add(o *holding) {
	h.Tonnes, h.BroughtForward = h.Tonnes+o.Tonnes, h.BroughtForward+o.BroughtForward
	h.RegistryAvailable, h.TradingAvailable = h.RegistryAvailable+o.RegistryAvailable, h.TradingAvailable+o.TradingAvailable
	h.Locked, h.Pending, h.Pledged, h.Frozen = h.Locked+o.Locked, h.Pending+o.Pending, h.Pledged+o.Pledged, h.Frozen+o.Frozen
}

func (e *export) holdings() error {
	all := list[tx.Holding](func(after string, limit int) ([]tx.Holding, int, string, error) {
		return e.v.Holdings("", "", after, limit)
	})
	of, _, err := e.v.Accounts()
	if err != nil {
		return err
	}
	sums := map[string]*holding{}
	return writeTable(e, "holdings", of, func(take func(holding) error) error {
		err := all.each(func(h *tx.Holding) error {
			r := holding{
				Party: h.Party, Instrument: h.Instrument, Tonnes: h.Tonnes, RegistryAvailable: h.RegistryAvailable, TradingAvailable: h.TradingAvailable,
				Locked: h.Locked, Pending: h.Pending, Pledged: h.Pledged, Frozen: h.Frozen, Receivable: h.Receivable, BroughtForward: h.BroughtForward,
			}
			if sums[r.Instrument] == nil {
				sums[r.Instrument] = &holding{Instrument: r.Instrument}
			}
			sums[r.Instrument].add(&r)
			return take(r)
		})
		if err != nil {
			return err
		}
		return e.compareHoldings(sums)
	})
}

// compareHoldings compares the rows' sums with the ledger's own.
func (e *export) compareHoldings(sums map[string]*holding) error {
	for _, s := range e.sums.Instruments {
		own := holding{
			Instrument: s.Instrument, Tonnes: s.Held, RegistryAvailable: s.RegistryAvailable, TradingAvailable: s.TradingAvailable,
			Locked: s.Locked, Pending: s.Pending, Pledged: s.Pledged, Frozen: s.Frozen, BroughtForward: s.BroughtForward,
		}
		rows := holding{Instrument: s.Instrument}
		if sums[s.Instrument] != nil {
			rows = *sums[s.Instrument]
		}
		if rows != own {
			return fmt.Errorf("the rows add up to %v, the ledger has %v", rows, own)
		}
		delete(sums, s.Instrument)
	}
	for code := range sums {
		return fmt.Errorf("rows of %q, which is no instrument", code)
	}
	return nil
}

// account is a party's money at the settlement bank, in fen.
type account struct {
	Party          string `parquet:"party"`
	Amount         tx.Fen `parquet:"amount_fen"`
	Locked         tx.Fen `parquet:"locked_fen"`
	Proceeds       tx.Fen `parquet:"proceeds_fen"`
	BroughtForward tx.Fen `parquet:"brought_forward_fen"`
}

func (a account) cells() []string {
	return []string{plain(a.Party), number(a.Amount), number(a.Locked), number(a.Proceeds), number(a.BroughtForward)}
}

func (e *export) money() error {
	all := list[tx.Money](func(after string, limit int) ([]tx.Money, int, string, error) { return e.v.Money("", after, limit) })
	_, of, err := e.v.Accounts()
	if err != nil {
		return err
	}
	var held, forward tx.Fen
	return writeTable(e, "money", of, func(take func(account) error) error {
		err := all.each(func(m *tx.Money) error {
			held, forward = held+m.Amount, forward+m.BroughtForward
			return take(account{Party: m.Party, Amount: m.Amount, Locked: m.Locked, Proceeds: m.Proceeds, BroughtForward: m.BroughtForward})
		})
		if err != nil {
			return err
		}
		if own := &e.sums.Money; held != own.Held || forward != own.BroughtForward {
			return fmt.Errorf("the rows add up to %d fen, %d of them brought forward; the ledger has %d and %d", held, forward, own.Held, own.BroughtForward)
		}
		return nil
	})
}
