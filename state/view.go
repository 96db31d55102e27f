package state

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"sync"

	"carbonledger/tx"
)

// View is the ledger at one height. Its methods may be called by any goroutine
// until Close, which the caller owes: the ledger closes after its views.
//
// Lists take the cursor that the list before returned, "" for the beginning,
// and a limit greater than 0; they return the items, how many the whole list has, and
// the cursor of the rest, "" at the end. The first page counts the list to its end. A
// page behind a cursor does not: its total is -1, and it reads from its cursor to its
// last item, however long the list is. What a filter leaves out on the way is read
// too, unless a key begins with what the filter asks for.
type View struct {
	reader
	ledger *Ledger
	at     position
	once   sync.Once
}

// View opens a view of the newest height.
func (l *Ledger) View() (*View, error) {
	if !l.enter() {
		return nil, ErrClosed
	}
	l.publish.Lock()
	defer l.publish.Unlock()
	store, err := l.db.NewSnapshot()
	if err != nil {
		l.leave()
		return nil, fmt.Errorf("state: open a view: %w", err)
	}
	// Only commit changes it, and commit waits for us.
	return &View{reader: reader{store: store}, ledger: l, at: l.now}, nil
}

// Ledger that the view is of: closed once a restore has replaced it.
func (v *View) Ledger() *Ledger { return v.ledger }

// Close ends the view. A second call does nothing.
func (v *View) Close() (err error) {
	v.once.Do(func() {
		err = v.store.Close()
		v.ledger.leave()
	})
	return err
}

// Head is where the ledger stood.
func (v *View) Head() tx.Head { return v.ledger.chain.head(&v.at) }

// Founded is ledger time before the first block.
func (v *View) Founded() tx.Instant { return v.ledger.chain.Start }

// HasInstrument says whether allowances of that code are registered here.
func (v *View) HasInstrument(code string) bool {
	return slices.ContainsFunc(v.ledger.chain.Instruments, func(i tx.Instrument) bool { return i.Code == code })
}

// Accounts counts the holdings and the money accounts that the ledger has: a list of
// all of them that was read page by page has as many.
func (v *View) Accounts() (holdings, money uint64, err error) {
	for range v.each([]byte{rangeHolding}, &err) {
		holdings++
	}
	for range v.each([]byte{rangeMoney}, &err) {
		money++
	}
	return holdings, money, err
}

// Receipt of a transaction; false: the ledger has not stored one.
func (v *View) Receipt(id tx.ID) (tx.Receipt, bool, error) {
	return one[tx.Receipt](&v.reader, receiptKey(nil, &id))
}

// Block at a height from 1 on, false above the head.
func (v *View) Block(height uint64) (tx.BlockRecord, bool, error) {
	if height == 0 || height > v.at.height {
		return tx.BlockRecord{}, false, nil
	}
	before, err := v.blockEnd(height - 1)
	if err != nil {
		return tx.BlockRecord{}, false, err
	}
	end, err := v.blockEnd(height)
	if err != nil {
		return tx.BlockRecord{}, false, err
	}
	var records []*tx.OutcomeRecord
	err = v.Entries(before.size, end.size, func(_ uint64, entry []byte) error {
		r, err := tx.DecodeRecord(bytes.Clone(entry))
		records = append(records, r)
		return err
	})
	if err != nil {
		return tx.BlockRecord{}, false, err
	}
	raw, err := historyBlock(records)
	if err != nil {
		return tx.BlockRecord{}, false, fmt.Errorf("state: the log entries %d to %d: %w", before.size, end.size-1, err)
	}
	return tx.BlockRecord{Height: height, Block: raw, Hash: end.hash[:], Time: end.time}, true, nil
}

// Transaction is the signed bytes of a transaction that has a receipt.
func (v *View) Transaction(id tx.ID) ([]byte, bool, error) {
	r, ok, err := v.Receipt(id)
	if err != nil || !ok {
		return nil, false, err
	}
	var record *tx.OutcomeRecord
	err = v.Entries(r.Index, r.Index+1, func(_ uint64, entry []byte) error {
		record, err = tx.DecodeRecord(bytes.Clone(entry))
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("state: the log entry %d of the transaction %s: %w", r.Index, id, err)
	}
	return record.Transaction, true, nil
}

// Order that was registered, and how much of it is filled.
func (v *View) Order(party, reference string) (tx.OrderRecord, bool, error) {
	return one[tx.OrderRecord](&v.reader, keyOf2(nil, rangeOrder, party, reference))
}

// Parameters lists the values by name and day: those that were set and, from the
// ledger's first day until one is set, the defaults.
func (v *View) Parameters() ([]tx.ParameterValue, error) {
	var all []tx.ParameterValue
	var err error
	for _, value := range v.each([]byte{rangeParameter}, &err) {
		all = append(all, decodeParameters(value)...)
	}
	first := v.ledger.chain.Start.Day()
	for name, value := range parameterDefaults {
		if !slices.ContainsFunc(all, func(p tx.ParameterValue) bool { return p.Name == name && p.From <= first }) {
			all = append(all, tx.ParameterValue{Name: name, From: first, Value: value})
		}
	}
	slices.SortFunc(all, func(a, b tx.ParameterValue) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.From, b.From))
	})
	return all, err
}

// Check says what a transaction would answer if it were the only one of the
// next block, in which no time passes. Nothing is written.
func (v *View) Check(raw []byte) (r tx.Receipt, err error) {
	defer recovered(&err)
	x := newExec(v.ledger.chain, v.store, v.at.facts)
	x.height, x.logSize = v.at.height+1, v.at.size
	verified, verifyErr := v.ledger.verifier.Verify(raw)
	r, _ = x.run(verified, verifyErr, raw, 0)
	return r, nil
}
