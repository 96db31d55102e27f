package state

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"

	"carbonledger/tx"
	"carbonledger/tx/proof"

	"github.com/cockroachdb/pebble/v2"
)

// Epoch is a block that closed a business day, or in which a root was asked for,
// with the root of the state that it left: the tree of proof.BuildStateTree over all
// records of the chosen ranges.
type Epoch struct {
	Height  uint64
	Day     tx.Day // that it closed, the last one of several; 0 where it closed none
	Records uint64
	Root    proof.Hash
}

const epochBytes = 4 + 8 + len(proof.Hash{})

func (e *Epoch) encode() []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(e.Day))
	return append(binary.BigEndian.AppendUint64(b, e.Records), e.Root[:]...)
}

// decodeEpoch reads a record whose key ends with height.
func decodeEpoch(height, b []byte) Epoch {
	if len(b) != epochBytes {
		panic(fmt.Sprintf("state: an epoch's record has %d bytes", len(b)))
	}
	return Epoch{
		Height: binary.BigEndian.Uint64(height), Day: tx.Day(binary.BigEndian.Uint32(b)),
		Records: binary.BigEndian.Uint64(b[4:]), Root: proof.Hash(b[12:]),
	}
}

// takeStateRoot asks for the root of what this block leaves. A root costs a scan of
// the whole state on every replica, so requests keep the distance of a parameter;
// but one root answers all that a block asks for.
func (x *exec) takeStateRoot(*tx.TakeStateRoot) *tx.Rejection {
	c := x.at(append(x.key(), rangeRootAsked))
	if c.exists() && !x.rootAsked {
		next := tx.Instant(c.number() + x.wholeOn(parameterRootMinutes, x.today())*minuteLength)
		if x.facts.time < next {
			return short(tx.RootTooSoon, "", next, x.facts.time)
		}
	}
	// Past this point the block leaves a root.
	x.rootAsked = true
	x.setNumber(c, int64(x.facts.time))
	return nil
}

// minuteLength in milliseconds.
const minuteLength = 60 * 1000

// endEpoch writes the root of the state that the block leaves. It reads every
// chosen record, which as seldom as it is done costs less than keeping them in memory
// and in step with the store.
func (x *exec) endEpoch() {
	e := Epoch{Day: x.closed}
	var scanErr error
	tree, err := proof.BuildStateTree(func(yield func([]byte, proof.Hash) bool) {
		scanErr = x.eachChosen(func(key, value []byte) bool {
			e.Records++
			return yield(key, sha256.Sum256(value))
		})
	})
	if scanErr != nil {
		panic(failure{fmt.Errorf("state: read the epoch: %w", scanErr)})
	}
	if err != nil {
		panic(fmt.Sprintf("state: %v", err))
	}
	e.Root = tree.Root()
	x.set(x.at(heightKey(rangeEpoch, x.height)), e.encode())
}

// stateRoot is the root that a block left, for the record behind it: there a
// stranger finds it in the log. nil where the block left none.
func (x *exec) stateRoot(height uint64) *tx.StateRoot {
	key := heightKey(rangeEpoch, height)
	c := x.at(key)
	if !c.exists() {
		return nil
	}
	e := decodeEpoch(key[1:], c.value)
	return &tx.StateRoot{Height: e.Height, Day: e.Day, Records: e.Records, Root: e.Root[:]}
}

// eachChosen yields the records of the chosen ranges as the block leaves them, in
// order of key: those of the store, and what the block wrote in place of them or
// between them.
func (x *exec) eachChosen(yield func(key, value []byte) bool) error {
	written := x.written()
	// next yields what the block wrote before a key, and whether also that key.
	next := func(key []byte) (there, more bool) {
		for len(written) > 0 && (key == nil || written[0].key <= string(key)) {
			c := written[0]
			written = written[1:]
			if !chosen(c.key[0]) {
				continue
			}
			there = c.key == string(key)
			if !yield([]byte(c.key), c.value) {
				return there, false
			}
		}
		return there, true
	}
	for _, r := range chosenRanges {
		more := true
		err := scan(x.store, []byte{r}, func(key, value []byte) bool {
			var there bool
			if there, more = next(key); more && !there {
				more = yield(key, value)
			}
			return more
		})
		if err != nil || !more {
			return err
		}
	}
	next(nil)
	return nil
}

// Epochs lists epochs above a height, up to a limit.
func (v *View) Epochs(after uint64, limit int) (all []Epoch, err error) {
	i, err := v.store.NewIter(&pebble.IterOptions{LowerBound: append(heightKey(rangeEpoch, after), 0), UpperBound: []byte{rangeEpoch + 1}})
	if err != nil {
		return nil, fmt.Errorf("state: read the epochs: %w", err)
	}
	for ok := i.First(); ok && len(all) < limit; ok = i.Next() {
		b, err := i.ValueAndErr()
		if err != nil {
			break // Close returns it
		}
		all = append(all, decodeEpoch(i.Key()[1:], b))
	}
	if err := i.Close(); err != nil {
		return nil, fmt.Errorf("state: read the epochs: %w", err)
	}
	return all, nil
}

// EpochAt is the newest epoch of a height or below it, CloseAt the newest one that
// closed a business day; false if there is none.
func (v *View) EpochAt(height uint64) (Epoch, bool, error) {
	return v.epoch(height, func(*Epoch) bool { return true })
}

func (v *View) CloseAt(height uint64) (Epoch, bool, error) {
	return v.epoch(height, func(e *Epoch) bool { return e.Day != 0 })
}

// epoch is the newest one at or below a height that is wanted.
func (v *View) epoch(height uint64, wanted func(*Epoch) bool) (e Epoch, ok bool, err error) {
	i, err := v.store.NewIter(&pebble.IterOptions{LowerBound: []byte{rangeEpoch}, UpperBound: append(heightKey(rangeEpoch, height), 0)})
	if err != nil {
		return e, false, fmt.Errorf("state: read the epochs: %w", err)
	}
	for more := i.Last(); more && !ok; more = i.Prev() {
		b, err := i.ValueAndErr()
		if err != nil {
			break // Close returns it
		}
		e = decodeEpoch(i.Key()[1:], b)
		ok = wanted(&e)
	}
	if err := i.Close(); err != nil {
		return e, false, fmt.Errorf("state: read the epochs: %w", err)
	}
	return e, ok, nil
}

// ErrNoProof: there is no state proof of that record at that height.
var ErrNoProof = errors.New("state: no state proof")

// ProveState proves to the root of the epoch of a height what the record with a key
// was, or that there was none: see proof.VerifyState. ErrNoProof is the error where
// the height is no epoch's or the key is of no chosen range, ErrBusy where too many
// trees are built.
func (v *View) ProveState(epoch uint64, key []byte) ([]byte, proof.Hash, error) {
	if len(key) == 0 || !chosen(key[0]) {
		return nil, proof.Hash{}, fmt.Errorf("%w: the key %.64x is of no range that epochs cover", ErrNoProof, key)
	}
	e, ok, err := v.EpochAt(epoch)
	if err == nil && (!ok || e.Height != epoch) {
		err = fmt.Errorf("%w: height %d left no state root", ErrNoProof, epoch)
	}
	if err != nil {
		return nil, proof.Hash{}, err
	}
	past, err := v.At(epoch)
	if err != nil {
		return nil, proof.Hash{}, err
	}
	tree, err := v.ledger.proven.of(e, func() (*proof.StateTree, error) { return past.tree(&e) })
	if err != nil {
		return nil, proof.Hash{}, err
	}
	b, err := tree.Prove(key, past.version)
	return b, e.Root, err
}

// StateRoot is the root of the state that the block of a height left, also where
// that block left none in the log: replicas compare it. It reads the whole state.
func (v *View) StateRoot(height uint64) (proof.Hash, error) {
	p, err := v.At(height)
	if err != nil {
		return proof.Hash{}, err
	}
	tree, err := p.build()
	if err != nil {
		return proof.Hash{}, err
	}
	return tree.Root(), nil
}

// build makes the tree over the past.
func (p *Past) build() (*proof.StateTree, error) {
	var scanErr error
	tree, err := proof.BuildStateTree(p.chosen(&scanErr))
	return tree, errors.Join(scanErr, err)
}

// tree over the past of an epoch, whose root must be the epoch's.
func (p *Past) tree(e *Epoch) (*proof.StateTree, error) {
	tree, err := p.build()
	if err != nil {
		return nil, err
	}
	if root := tree.Root(); root != e.Root {
		return nil, fmt.Errorf("state: the records of height %d have the root %x, the epoch %x: this store is damaged", e.Height, root, e.Root)
	}
	return tree, nil
}

// chosen yields the keys and hashed values of all chosen records in order.
func (r *reader) chosen(err *error) iter.Seq2[[]byte, proof.Hash] {
	return func(yield func([]byte, proof.Hash) bool) {
		var whole []byte
		for _, of := range chosenRanges {
			for key, value := range r.each([]byte{of}, err) {
				whole = append(append(whole[:0], of), key...)
				if !yield(whole, sha256.Sum256(value)) {
					return
				}
			}
		}
	}
}

// RootEntry is the index of the log's entry that names the root of an epoch: the
// first one of the block behind it. ErrNoProof is the error while there is none.
func (v *View) RootEntry(epoch uint64) (uint64, error) {
	if epoch >= v.at.height {
		return 0, fmt.Errorf("%w: the block behind height %d, which names its root, is not there yet", ErrNoProof, epoch)
	}
	return v.SizeAt(epoch)
}

// HoldingKey and StatementKey are keys of records that epochs cover.
func HoldingKey(party, instrument string) []byte { return keyOf2(nil, rangeHolding, party, instrument) }
func StatementKey(party string) []byte           { return keyOf1(nil, rangeStatement, party) }

// EpochHeight is the height of the newest epoch at or below a height, CloseHeight
// that of the newest which closed a business day; ErrNoProof where there is none.
func (v *View) EpochHeight(height uint64) (uint64, error) {
	e, ok, err := v.EpochAt(height)
	if err == nil && !ok {
		err = fmt.Errorf("%w: up to height %d no business day was closed and no state root asked for", ErrNoProof, height)
	}
	return e.Height, err
}

func (v *View) CloseHeight(height uint64) (uint64, error) {
	e, ok, err := v.CloseAt(height)
	if err == nil && !ok {
		err = fmt.Errorf("%w: no business day was closed up to height %d", ErrNoProof, height)
	}
	return e.Height, err
}

// ProveHolding and ProveStatement prove what a party held, or how its statement
// stood, in an epoch. They return the record's key and its proof.
func (v *View) ProveHolding(epoch uint64, party, instrument string) (key, file []byte, err error) {
	key = HoldingKey(party, instrument)
	file, _, err = v.ProveState(epoch, key)
	return key, file, err
}

func (v *View) ProveStatement(epoch uint64, party string) (key, file []byte, err error) {
	key = StatementKey(party)
	file, _, err = v.ProveState(epoch, key)
	return key, file, err
}

// HoldingsAt, MoneyAt and StatementAt answer as of a height that the view has.
func (v *View) HoldingsAt(height uint64, party, instrument, after string, limit int) ([]tx.Holding, int, string, error) {
	p, err := v.At(height)
	if err != nil {
		return nil, notCounted, "", err
	}
	return p.Holdings(party, instrument, after, limit)
}

func (v *View) MoneyAt(height uint64, party, after string, limit int) ([]tx.Money, int, string, error) {
	p, err := v.At(height)
	if err != nil {
		return nil, notCounted, "", err
	}
	return p.Money(party, after, limit)
}

func (v *View) StatementAt(height uint64, party string, after uint64, limit int) (size uint64, entries []proof.StatementEntry, err error) {
	p, err := v.At(height)
	if err != nil {
		return 0, nil, err
	}
	s, err := p.Statement(party, after, limit)
	return s.Size, s.Entries, err
}
