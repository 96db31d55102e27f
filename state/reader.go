package state

import (
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
	return func(yield func(key, value []byte) bool) {
		cut := func(key, value []byte) bool { return yield(key[len(prefix):], value) }
		read := scan
		if r.past {
			read = r.scanPast
		}
		if scanErr := read(r.store, prefix, cut); scanErr != nil {
			*err = fmt.Errorf("state: read the records %x…: %w", prefix, scanErr)
		}
	}
}

// scan walks over the records whose keys begin with prefix until yield says no.
func scan(store pebble.Reader, prefix []byte, yield func(key, value []byte) bool) (err error) {
	i, err := store.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: after(prefix)})
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
func (r *reader) scanPast(store pebble.Reader, prefix []byte, yield func(key, value []byte) bool) (err error) {
	old, err := r.openVersions()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, old.close()) }()
	var oldErr error
	err = scan(store, prefix, func(key, _ []byte) bool {
		var value []byte
		if value, oldErr = old.newest(key); oldErr != nil {
			return false
		}
		return value == nil || yield(key, value)
	})
	return errors.Join(err, oldErr)
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
func (r *reader) Party(id string) (tx.Party, bool, error) {
	return one[tx.Party](r, keyOf1(nil, rangeParty, id))
}

// Parties lists accounts in order of id, of one role unless it is unspecified,
// and of one region unless it is empty.
func (r *reader) Parties(role tx.Role, region, after string, limit int) ([]tx.Party, int, string, error) {
	p := page[tx.Party]{after: after, limit: limit}
	var err error
	for key, value := range r.each([]byte{rangeParty}, &err) {
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
func (r *reader) Holdings(party, instrument, after string, limit int) ([]tx.Holding, int, string, error) {
	prefix := []byte{rangeHolding}
	if party != "" {
		prefix = keyOf2(nil, rangeHolding, party, "")
	}
	p := page[tx.Holding]{after: after, limit: limit}
	var err error
	for key, value := range r.each(prefix, &err) {
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
		old, getErr := r.get(keyOf2(nil, rangeHoldingAtOld, h.Party, h.Instrument))
		err = errors.Join(err, getErr)
		owed, owedErr := r.get(keyOf2(nil, rangeReceivable, h.Party, h.Instrument))
		err = errors.Join(err, owedErr)
		h.BroughtForward, h.Receivable = tx.Tonnes(number(old)), tx.Tonnes(number(owed))
	}
	return p.result(err)
}

// Money lists money by party, of one party unless it is empty.
func (r *reader) Money(party, after string, limit int) ([]tx.Money, int, string, error) {
	p := page[tx.Money]{after: after, limit: limit}
	var err error
	for key, value := range r.each(keyOf1(nil, rangeMoney, party), &err) {
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
	for key, value := range r.each([]byte{rangeCCER}, &err) {
		holder, batch := cutKey(string(key))
		if of(party, holder) {
			p.add(string(key), func() tx.ReductionHolding {
				return tx.ReductionHolding{Party: holder, Batch: batch, Tonnes: tx.Tonnes(number(value))}
			})
		}
	}
	return p.result(err)
}

// Validators lists the validators by name.
func (r *reader) Validators() ([]tx.Validator, error) {
	b, err := r.get([]byte{rangeValidators})
	return decodeValidators(b), err
}
