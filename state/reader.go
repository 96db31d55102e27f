package state

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"carbonledger/state/disk"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2"
)

// reader reads the records of a snapshot: as they are, or as a past block left
// them. Its queries answer for both.
type reader struct {
	store  *disk.Snapshot
	past   bool
	height uint64 // of the past
}

// get reads a copy of a record, nil where there is none.
func (r *reader) get(key []byte) ([]byte, error) {
	if r.past {
		return r.version(key)
	}
	b, closer, err := r.store.Get(key)
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
}](r *reader, key []byte) (M, bool, error) {
	var m M
	b, err := r.get(key)
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
func (r *reader) each(prefix []byte, err *error) iter.Seq2[[]byte, []byte] {
	return r.eachFrom(prefix, prefix, err)
}

// eachFrom is each without the records before the key from, which are not read.
func (r *reader) eachFrom(prefix, from []byte, err *error) iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		cut := func(key, value []byte) bool { return yield(key[len(prefix):], value) }
		read := scanFrom
		if r.past {
			read = r.scanPast
		}
		if scanErr := read(r.store, prefix, from, cut); scanErr != nil {
			*err = fmt.Errorf("state: read the records %x…: %w", prefix, scanErr)
		}
	}
}

// scan walks over the records whose keys begin with prefix until yield says no.
func scan(store pebble.Reader, prefix []byte, yield func(key, value []byte) bool) (err error) {
	return scanFrom(store, prefix, prefix, yield)
}

// scanFrom is scan without the records before the key from.
func scanFrom(store pebble.Reader, prefix, from []byte, yield func(key, value []byte) bool) (err error) {
	if bytes.Compare(from, prefix) < 0 {
		from = prefix
	}
	end := after(prefix)
	if end != nil && bytes.Compare(from, end) >= 0 {
		return nil // Pebble takes no bounds that cross
	}
	i, err := store.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: end})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	for ok := i.First(); ok; ok = i.Next() {
		if value, err := i.ValueAndErr(); err != nil || !yield(i.Key(), value) {
			return err
		}
	}
	return nil
}

// scanPast is scan in the past: a key is never deleted, so that every key of the
// past is among today's.
func (r *reader) scanPast(store pebble.Reader, prefix, from []byte, yield func(key, value []byte) bool) (err error) {
	old, err := r.openVersions()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, old.close()) }()
	var oldErr error
	err = scanFrom(store, prefix, from, func(key, _ []byte) bool {
		var value []byte
		if value, oldErr = old.newest(key); oldErr != nil {
			return false
		}
		return value == nil || yield(key, value)
	})
	return errors.Join(err, oldErr)
}

// page collects a part of a list: what lies after the cursor, up to a limit. The
// first page, which has no cursor, counts the list.
type page[T any] struct {
	after string
	limit int
	items []T
	total int
	next  string
	last  string
}

// add takes the next item of the list, and says whether the page wants to see more:
// a full one only to count them. Cursors go up.
func (p *page[T]) add(cursor string, make func() T) bool {
	if p.after != "" && cursor <= p.after {
		return true
	}
	p.total++
	if len(p.items) < p.limit {
		p.items, p.last = append(p.items, make()), cursor
		return true
	}
	p.next = p.last
	return p.after == ""
}

func (p *page[T]) result(err error) ([]T, int, string, error) {
	if err != nil {
		return nil, notCounted, "", err
	}
	if p.after != "" {
		p.total = notCounted
	}
	return p.items, p.total, p.next, nil
}

// notCounted is the total behind a cursor: no number of items, so that who takes it
// for one sees it.
const notCounted = -1

// list yields the records of a list: those whose keys go on behind base with
// within. A cursor is what follows base in a key, so that the list begins to read
// behind the one that is given.
func (r *reader) list(base []byte, within, after string, err *error) iter.Seq2[string, []byte] {
	from := base
	if after != "" {
		from = append(append(bytes.Clone(base), after...), 0)
	}
	return func(yield func(cursor string, value []byte) bool) {
		for key, value := range r.eachFrom(append(bytes.Clone(base), within...), from, err) {
			if !yield(within+string(key), value) {
				return
			}
		}
	}
}

// Party is an account, false where there is none.
func (r *reader) Party(id string) (tx.Party, bool, error) {
	return one[tx.Party](r, keyOf1(nil, rangeParty, id))
}

// Parties lists accounts in order of id, of one role unless it is unspecified,
// and of one region unless it is empty.
func (r *reader) Parties(role tx.Role, region, after string, limit int) ([]tx.Party, int, string, error) {
	return records(r, []byte{rangeParty}, "", after, limit, where(role != tx.RoleUnspecified || region != "", func(p *tx.Party) bool {
		return (role == tx.RoleUnspecified || p.Role == role) && of(region, p.Region)
	}))
}

// Holdings lists holdings by party and instrument, of one party or one
// instrument unless these are empty. Positions that came down to nothing are
// listed too.
func (r *reader) Holdings(party, instrument, after string, limit int) ([]tx.Holding, int, string, error) {
	p := page[tx.Holding]{after: after, limit: limit}
	var err error
	for cursor, value := range r.list([]byte{rangeHolding}, withinParty(party), after, &err) {
		holder, code := cutKey(cursor)
		more := !of(instrument, code) || p.add(cursor, func() tx.Holding {
			h := decodeHolding(value)
			return tx.Holding{
				Party: holder, Instrument: code, Tonnes: h.all(), RegistryAvailable: h.of[registryAvailable], TradingAvailable: h.of[tradingAvailable],
				Locked: h.of[locked], Pending: h.of[pending], Pledged: h.of[pledged], Frozen: h.of[frozen],
			}
		})
		if !more {
			break
		}
	}
	for i := range p.items {
		h := &p.items[i]
		old, getErr := r.get(keyOf2(nil, rangeHoldingAtOld, h.Party, h.Instrument))
		err = errors.Join(err, getErr)
		owed, owedErr := r.get(keyOf2(nil, rangeReceivable, h.Party, h.Instrument))
		err = errors.Join(err, owedErr)
		h.BroughtForward, h.Receivable = tx.Tonnes(number(old)), tx.Tonnes(number(owed))
	}
	return p.result(err)
}

// withinParty begins the keys of one party in a range of party 0 something, and
// every key where the party is empty.
func withinParty(party string) string {
	if party == "" {
		return ""
	}
	return party + "\x00"
}

// Money lists money by party, of one party unless it is empty.
func (r *reader) Money(party, after string, limit int) ([]tx.Money, int, string, error) {
	p := page[tx.Money]{after: after, limit: limit}
	var err error
	for holder, value := range r.list([]byte{rangeMoney}, party, after, &err) {
		if !of(party, holder) {
			break // an id that begins with the one asked for, which comes first
		}
		more := p.add(holder, func() tx.Money {
			var m money
			m.read(value)
			return tx.Money{Party: holder, Amount: m.balance, Locked: m.locked, Proceeds: m.proceeds}
		})
		if !more {
			break
		}
	}
	for i := range p.items {
		old, getErr := r.get(keyOf1(nil, rangeMoneyAtOld, p.items[i].Party))
		err = errors.Join(err, getErr)
		p.items[i].BroughtForward = tx.Fen(number(old))
	}
	return p.result(err)
}

// ReductionHoldings lists holdings of CCER by party and batch, of one party unless
// it is empty. Those that came down to nothing are listed too.
func (r *reader) ReductionHoldings(party, after string, limit int) ([]tx.ReductionHolding, int, string, error) {
	p := page[tx.ReductionHolding]{after: after, limit: limit}
	var err error
	for cursor, value := range r.list([]byte{rangeCCER}, withinParty(party), after, &err) {
		holder, batch := cutKey(cursor)
		more := p.add(cursor, func() tx.ReductionHolding {
			return tx.ReductionHolding{Party: holder, Batch: batch, Tonnes: tx.Tonnes(number(value))}
		})
		if !more {
			break
		}
	}
	return p.result(err)
}

// Validators lists the validators by name.
func (r *reader) Validators() ([]tx.Validator, error) {
	b, err := r.get([]byte{rangeValidators})
	return decodeValidators(b), err
}
