package state

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"carbonledger/state/disk"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2"
)

// View is the ledger at one height. Its methods may be called by any goroutine
// until Close, which the caller owes: the ledger closes after its views.
//
// Lists take the cursor that the list before returned, "" for the beginning,
// and a limit greater than 0; they return the items, how many the whole list
// has, and the cursor of the rest, "" at the end.
type View struct {
	ledger *Ledger
	store  *disk.Snapshot
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
	return &View{ledger: l, store: store, at: l.now}, nil
}

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

func (v *View) get(key []byte) ([]byte, error) {
	b, closer, err := v.store.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("state: read %x: %w", key, err)
	}
	return append([]byte{}, b...), closer.Close()
}

// one reads a message, false where there is none.
func one[M any, P interface {
	*M
	message
}](v *View, key []byte) (M, bool, error) {
	var m M
	b, err := v.get(key)
	if err != nil || b == nil {
		return m, false, err
	}
	if err := P(&m).Unmarshal(b); err != nil {
		return m, false, fmt.Errorf("state: the record %x does not decode: %w", key, err)
	}
	return m, true, nil
}

// each yields the records whose keys begin with prefix, in order. The slices
// are good until the next step. A failure of the store ends it and is in *err.
func (v *View) each(prefix []byte, err *error) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		i, openErr := v.store.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
		if openErr != nil {
			*err = fmt.Errorf("state: read the records %x…: %w", prefix, openErr)
			return
		}
		for ok := i.First(); ok; ok = i.Next() {
			value, valueErr := i.ValueAndErr()
			if valueErr != nil {
				break // Close returns it
			}
			if !yield(i.Key()[len(prefix):], value) {
				break
			}
		}
		if closeErr := i.Close(); closeErr != nil {
			*err = fmt.Errorf("state: read the records %x…: %w", prefix, closeErr)
		}
	}
}

// page collects a list: what lies after the cursor, up to a limit.
type page[T any] struct {
	after string
	limit int
	items []T
	total int
	next  string
	last  string
}

// add counts an item and keeps it if it belongs to the page. Cursors go up.
func (p *page[T]) add(cursor string, make func() T) {
	p.total++
	switch {
	case p.after != "" && cursor <= p.after:
	case len(p.items) < p.limit:
		p.items, p.last = append(p.items, make()), cursor
	default:
		p.next = p.last
	}
}

func (p *page[T]) result(err error) ([]T, int, string, error) {
	if err != nil {
		return nil, 0, "", err
	}
	return p.items, p.total, p.next, nil
}

// Party is an account, false where there is none.
func (v *View) Party(id string) (tx.Party, bool, error) {
	return one[tx.Party](v, keyOf1(nil, rangeParty, id))
}

// Parties lists accounts in order of id, of one role unless it is unspecified,
// and of one region unless it is empty.
func (v *View) Parties(role tx.Role, region, after string, limit int) ([]tx.Party, int, string, error) {
	p := page[tx.Party]{after: after, limit: limit}
	var err error
	for key, value := range v.each([]byte{rangeParty}, &err) {
		var party tx.Party
		decode(value, &party)
		if role != tx.RoleUnspecified && party.Role != role || region != "" && party.Region != region {
			continue
		}
		p.add(string(key), func() tx.Party { return party })
	}
	return p.result(err)
}

// Holdings lists holdings by party and instrument, of one party or one
// instrument unless these are empty. Positions that came down to nothing are
// listed too.
func (v *View) Holdings(party, instrument, after string, limit int) ([]tx.Holding, int, string, error) {
	prefix := []byte{rangeHolding}
	if party != "" {
		prefix = keyOf2(nil, rangeHolding, party, "")
	}
	p := page[tx.Holding]{after: after, limit: limit}
	var err error
	for key, value := range v.each(prefix, &err) {
		holder, code := party, string(key)
		if party == "" {
			holder, code = cutKey(string(key))
		}
		if instrument != "" && code != instrument {
			continue
		}
		p.add(holder+"\x00"+code, func() tx.Holding {
			h := decodeHolding(value)
			return tx.Holding{
				Party: holder, Instrument: code, Tonnes: h.all(), RegistryAvailable: h.of[registryAvailable], TradingAvailable: h.of[tradingAvailable],
				Locked: h.of[locked], Pending: h.of[pending], Pledged: h.of[pledged], Frozen: h.of[frozen],
			}
		})
	}
	for i := range p.items {
		h := &p.items[i]
		old, getErr := v.get(keyOf2(nil, rangeHoldingAtOld, h.Party, h.Instrument))
		err = errors.Join(err, getErr)
		owed, owedErr := v.get(keyOf2(nil, rangeReceivable, h.Party, h.Instrument))
		err = errors.Join(err, owedErr)
		h.BroughtForward, h.Receivable = tx.Tonnes(number(old)), tx.Tonnes(number(owed))
	}
	return p.result(err)
}

// Money lists money by party, of one party unless it is empty.
func (v *View) Money(party, after string, limit int) ([]tx.Money, int, string, error) {
	p := page[tx.Money]{after: after, limit: limit}
	var err error
	for key, value := range v.each(keyOf1(nil, rangeMoney, party), &err) {
		holder := party + string(key)
		if party != "" && holder != party {
			continue // an id that begins with the one asked for
		}
		p.add(holder, func() tx.Money {
			var m money
			m.read(value)
			return tx.Money{Party: holder, Amount: m.balance, Locked: m.locked, Proceeds: m.proceeds}
		})
	}
	for i := range p.items {
		old, getErr := v.get(keyOf1(nil, rangeMoneyAtOld, p.items[i].Party))
		err = errors.Join(err, getErr)
		p.items[i].BroughtForward = tx.Fen(number(old))
	}
	return p.result(err)
}

// Receipt of a transaction; false: the ledger has not stored one.
func (v *View) Receipt(id tx.ID) (tx.Receipt, bool, error) {
	return one[tx.Receipt](v, receiptKey(nil, &id))
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
	entry, err := v.get(heightKey(localEntry, r.Index))
	if err != nil {
		return nil, false, err
	}
	record, err := tx.DecodeRecord(entry)
	if err != nil {
		return nil, false, fmt.Errorf("state: the log entry %d of the transaction %s: %w", r.Index, id, err)
	}
	return record.Transaction, true, nil
}

// Order that was registered, and how much of it is filled.
func (v *View) Order(party, reference string) (tx.OrderRecord, bool, error) {
	return one[tx.OrderRecord](v, keyOf2(nil, rangeOrder, party, reference))
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

// Validators lists the validators by name.
func (v *View) Validators() ([]tx.Validator, error) {
	b, err := v.get([]byte{rangeValidators})
	return decodeValidators(b), err
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
