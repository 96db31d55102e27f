package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2"
)

// A comparison of replicas reads records as a block left them, as they are now, and
// as the block before left them. Ranges without versions answer for now alone.

// Compare reads records for a comparison at a height, those of the first keys: it
// stops early above most bytes, behind one at least. Their bytes are the caller's.
func (v *View) Compare(height uint64, keys [][]byte, most int) ([]tx.ReplicaRecord, error) {
	c, err := v.comparing(height)
	if err != nil {
		return nil, err
	}
	all, size := make([]tx.ReplicaRecord, 0, len(keys)), 0
	for _, key := range keys {
		if size > most {
			break
		}
		if len(key) == 0 || key[0] >= localRanges {
			err = fmt.Errorf("state: %x is no key of the ledger", key)
			break
		}
		value, getErr := v.get(key)
		r, readErr := c.read(bytes.Clone(key), value)
		if err = errors.Join(getErr, readErr); err != nil {
			break
		}
		all, size = append(all, r), size+r.Size()
	}
	return all, errors.Join(err, c.close())
}

// Suspects walks over at most so many records behind a key, of those that the
// running hash covers, and returns those that may say where replicas differ: whose
// KeyDigest is wanted, or, where none is, that the block of the height wrote, as
// far as versions or its trace tell; and those that are not what was written last.
// It stops early above most bytes of findings. next is where the walk goes on, nil
// at its end.
func (v *View) Suspects(height uint64, wanted []uint32, behind []byte, limit, most int) (found []tx.ReplicaRecord, next []byte, err error) {
	c, err := v.comparing(height)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.want(v, wanted); err != nil {
		return nil, nil, err
	}
	i, err := v.store.NewIter(&pebble.IterOptions{LowerBound: append(bytes.Clone(behind), 0), UpperBound: []byte{localRanges}})
	if err != nil {
		return nil, nil, fmt.Errorf("state: read the records: %w", err)
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	walked, size := 0, 0
	for ok := i.First(); ok; ok = i.Next() {
		if walked == limit || size > most {
			return found, next, nil
		}
		value, err := i.ValueAndErr()
		if err != nil {
			return nil, nil, fmt.Errorf("state: read %x: %w", i.Key(), err)
		}
		r, suspect, err := c.look(i.Key(), value)
		if err != nil {
			return nil, nil, err
		}
		if suspect {
			found, size = append(found, r), size+r.Size()
		}
		walked, next = walked+1, append(next[:0], i.Key()...)
	}
	return found, nil, i.Error()
}

// comparing reads versions for a comparison at a height.
type comparing struct {
	versions
	wanted map[uint32]bool
	// exact: wanted are all that the block wrote, or that the caller asks for.
	exact bool
}

func (v *View) comparing(height uint64) (*comparing, error) {
	if height > v.at.height {
		return nil, fmt.Errorf("%w: height %d, the head is %d", ErrNoHeight, height, v.at.height)
	}
	past := reader{store: v.store, past: true, height: height}
	old, err := past.openVersions()
	if err != nil {
		return nil, fmt.Errorf("state: read the past: %w", err)
	}
	return &comparing{versions: *old}, nil
}

func (c *comparing) want(v *View, wanted []uint32) error {
	c.wanted, c.exact = map[uint32]bool{}, len(wanted) > 0
	for _, d := range wanted {
		c.wanted[d] = true
	}
	if c.exact {
		return nil
	}
	_, writes, ok, err := v.Traces(c.height)
	for _, w := range writes {
		c.wanted[KeyDigest(w)] = true
	}
	c.exact = ok
	return err
}

// look decides whether a record is one that a comparison asks for.
func (c *comparing) look(key, value []byte) (r tx.ReplicaRecord, suspect bool, err error) {
	suspect = c.exact && c.wanted[keyDigest(key)]
	if versioned(key[0]) && !suspect {
		at, newest, _, err := c.upTo(key, ^uint64(0)-1)
		if err != nil {
			return r, false, err
		}
		suspect = !bytes.Equal(newest, value)
		if !suspect && !c.exact && at >= c.height {
			var ok bool
			at, _, ok, err = c.upTo(key, c.height)
			suspect = ok && at == c.height
		}
		if err != nil {
			return r, false, err
		}
	}
	if !suspect {
		return r, false, nil
	}
	r, err = c.read(bytes.Clone(key), bytes.Clone(value))
	return r, true, err
}

// read completes a record with its versions.
func (c *comparing) read(key, value []byte) (tx.ReplicaRecord, error) {
	r := tx.ReplicaRecord{Key: key, Value: value, Versioned: versioned(key[0])}
	if !r.Versioned {
		return r, nil
	}
	_, newest, _, err := c.upTo(key, ^uint64(0)-1)
	r.Outside = !bytes.Equal(newest, value)
	_, at, _, err2 := c.upTo(key, c.height)
	r.At = bytes.Clone(at)
	if err := errors.Join(err, err2); err != nil || c.height == 0 {
		return r, err
	}
	_, before, _, err := c.upTo(key, c.height-1)
	r.Before = bytes.Clone(before)
	return r, err
}

// upTo is the newest version of a record up to a height, and the height of that. It
// is good until the next call.
func (c *comparing) upTo(key []byte, height uint64) (at uint64, value []byte, ok bool, err error) {
	c.key = versionKey(c.key[:0], key, height+1)
	if !c.i.SeekLT(c.key) || !bytes.HasPrefix(c.i.Key(), c.key[:len(c.key)-8]) {
		if err = c.i.Error(); err != nil {
			err = fmt.Errorf("state: read the past of %x: %w", key, err)
		}
		return 0, nil, false, err
	}
	at = binary.BigEndian.Uint64(c.i.Key()[len(c.key)-8:])
	if value, err = c.i.ValueAndErr(); err != nil {
		err = fmt.Errorf("state: read the past of %x: %w", key, err)
	}
	return at, value, err == nil, err
}
