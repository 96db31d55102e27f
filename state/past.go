package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"

	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2"
)

// ErrNoHeight: the ledger has no such height yet, or had none at that time.
var ErrNoHeight = errors.New("state: the ledger has no block of that height or time")

// chosenRanges are those that people ask of with a date, and that state proofs are
// about, in order. Another one is ledger-changing.
var chosenRanges = []byte{rangeParty, rangeHolding, rangeMoney, rangeObligation, rangeValidators, rangeCCER, rangeReceivable, rangeStatement}

func chosen(r byte) bool { return bytes.IndexByte(chosenRanges, r) >= 0 }

// versioned reports whether every block's value of a range's records is kept:
// of the chosen ones, and of what their queries read beside them.
func versioned(r byte) bool { return chosen(r) || r == rangeHoldingAtOld || r == rangeMoneyAtOld }

// putVersion keeps a record's value as this block leaves it. It is in the batch
// of the block: a crash loses both or none.
func putVersion(b *pebble.Batch, key string, height uint64, value []byte) error {
	d := b.SetDeferred(3+len(key)+8, len(value))
	d.Key[0] = localVersion
	binary.BigEndian.PutUint16(d.Key[1:], uint16(len(key)))
	binary.BigEndian.PutUint64(d.Key[3+copy(d.Key[3:], key):], height)
	copy(d.Value, value)
	return d.Finish()
}

// versionKey is where the version of a record after a block is kept.
func versionKey(b, key []byte, height uint64) []byte {
	b = binary.BigEndian.AppendUint16(append(b, localVersion), uint16(len(key)))
	return binary.BigEndian.AppendUint64(append(b, key...), height)
}

// versions finds what records were after a block.
type versions struct {
	i      *pebble.Iterator
	height uint64
	key    []byte
}

func (r *reader) openVersions() (*versions, error) {
	i, err := r.store.NewIter(&pebble.IterOptions{LowerBound: []byte{localVersion}, UpperBound: []byte{localVersion + 1}})
	return &versions{i: i, height: r.height}, err
}

func (v *versions) close() error { return v.i.Close() }

// newest is the value of the newest version of a record up to the height, nil
// where it did not exist. It is good until the next call.
func (v *versions) newest(key []byte) ([]byte, error) {
	if !versioned(key[0]) {
		panic(fmt.Sprintf("state: the past of %x is not kept", key))
	}
	v.key = versionKey(v.key[:0], key, v.height+1)
	if !v.i.SeekLT(v.key) || !bytes.HasPrefix(v.i.Key(), v.key[:len(v.key)-8]) {
		return nil, v.i.Error()
	}
	return v.i.ValueAndErr()
}

// version is a copy of what a record was, nil where it did not exist.
func (r *reader) version(key []byte) (value []byte, err error) {
	v, err := r.openVersions()
	if err != nil {
		return nil, fmt.Errorf("state: read the past of %x: %w", key, err)
	}
	b, err := v.newest(key)
	if b != nil {
		value = append([]byte{}, b...)
	}
	if err = errors.Join(err, v.close()); err != nil {
		return nil, fmt.Errorf("state: read the past of %x: %w", key, err)
	}
	return value, nil
}

// Past is what a block left: accounts, holdings, money and validators as they were
// then. It lives as long as its view. Lists are the view's.
type Past struct {
	reader
	end blockEnd
}

// At is the past after the block of a height, 0 for the founding. ErrNoHeight is
// the error above the view's head.
func (v *View) At(height uint64) (*Past, error) {
	if height > v.at.height {
		return nil, fmt.Errorf("%w: height %d, the head is %d", ErrNoHeight, height, v.at.height)
	}
	end, err := v.blockEnd(height)
	if err != nil {
		return nil, err
	}
	return &Past{reader{store: v.store, past: true, height: height}, end}, nil
}

// Height of the block that left it.
func (p *Past) Height() uint64 { return p.height }

// Time is ledger time after that block.
func (p *Past) Time() tx.Instant { return p.end.time }

// HeightAt is the newest height whose ledger time is not after an instant: with
// the last millisecond of a day, how the ledger ended the day. ErrNoHeight is the
// error before the founding; an instant after the head's answers with the head,
// which later blocks of the same time may pass.
func (v *View) HeightAt(at tx.Instant) (uint64, error) {
	var failed error
	// Ledger time never goes back, so that the first height after at is found by halving.
	n := sort.Search(int(v.at.height)+1, func(h int) bool {
		end, err := v.blockEnd(uint64(h))
		failed = errors.Join(failed, err)
		return err != nil || end.time > at
	})
	switch {
	case failed != nil:
		return 0, failed
	case n == 0:
		return 0, fmt.Errorf("%w: %s is before the founding", ErrNoHeight, at)
	}
	return uint64(n - 1), nil
}
