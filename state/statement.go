package state

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"carbonledger/tx/proof"

	"github.com/cockroachdb/pebble/v2"
)

// A party's statement is the complete list of the recorded transactions that
// touched it: those that it asked for, and those that wrote in its name. Its size
// and head are state, so that nobody can leave an entry out unseen; the entries
// are kept beside it.

// partyOf is in whose name a record stands, false for records of nobody's.
func partyOf(key string) (party string, ok bool) {
	switch rest := key[1:]; key[0] {
	case rangeParty, rangeMoney, rangeToLift:
		return rest, true
	case rangeHolding, rangeOrder, rangeAllocation, rangeApplication, rangeCCER, rangeReceivable:
		party, _ = cutKey(rest)
		return party, true
	case rangeVerification, rangeDeduction:
		return rest[4:], true // behind the year
	case rangeObligation:
		_, party = cutKey(rest[4:]) // behind the year
		return party, true
	}
	return "", false
}

// touch is a record that a transaction wrote in a party's name, as it left it; the key
// is empty for the asking party itself.
type touch struct {
	party, key string
	value      []byte
}

// touch remembers whom the transaction that has just ended touched, of which the undo
// list knows what it wrote. Its entries are made when the block ends: they name the
// leaves of its records, and the first record says how many there are.
func (x *exec) touch(asker string) {
	all := append(make([]touch, 0, len(x.undo)+1), touch{party: asker})
	for _, u := range x.undo {
		if u.cell.touched {
			continue // written more than once
		}
		if party, ok := partyOf(u.cell.key); ok {
			u.cell.touched = true
			all = append(all, touch{party, u.cell.key, u.cell.value})
		}
	}
	for _, u := range x.undo {
		u.cell.touched = false
	}
	slices.SortFunc(all, func(a, b touch) int {
		return cmp.Or(strings.Compare(a.party, b.party), strings.Compare(a.key, b.key))
	})
	x.touched = append(x.touched, all)
}

// intoStatements enters a transaction into the statement of every party that it
// touched.
func (x *exec) intoStatements(touches []touch, index uint64, leaf proof.Hash) {
	for rest := touches; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].party == rest[0].party {
			n++
		}
		x.intoStatement(rest[:n], index, leaf)
		rest = rest[n:]
	}
}

// intoStatement appends an entry to the statement of one party.
func (x *exec) intoStatement(touches []touch, index uint64, leaf proof.Hash) {
	entry := binary.BigEndian.AppendUint64(x.entry[:0], index)
	for _, t := range touches {
		if t.key != "" {
			entry = proof.AppendPut(entry, t.key, t.value)
		}
	}
	party := touches[0].party
	c := x.at(keyOf1(x.key(), rangeStatement, party))
	size, head := decodeStatement(c.value)
	size++
	head = proof.StatementHead(head, proof.StatementEntry{Index: index, Leaf: leaf, Puts: entry[8:]})
	x.set(c, append(binary.BigEndian.AppendUint64(x.room(statementBytes)[:0], size), head[:]...))
	x.local = append(x.local, put{statementKey(x.room(len(party) + 10)[:0], party, size), append(x.room(len(entry))[:0], entry...)})
	x.entry = entry
}

// statementBytes is the size of a statement's record: its size and its head.
const statementBytes = 8 + len(proof.Hash{})

func decodeStatement(b []byte) (size uint64, head proof.Hash) {
	if b == nil {
		return 0, head
	}
	if len(b) != statementBytes {
		panic(fmt.Sprintf("state: a statement's record has %d bytes", len(b)))
	}
	return binary.BigEndian.Uint64(b), proof.Hash(b[8:])
}

func statementKey(b []byte, party string, n uint64) []byte {
	return binary.BigEndian.AppendUint64(keyOf2(b, localStatement, party, ""), n)
}

// Statement is a part of a party's statement.
type Statement struct {
	Size    uint64     // how many entries the whole statement has
	Head    proof.Hash // what all of them lead to: see proof.StatementHead
	Entries []proof.StatementEntry
}

// Statement of a party: the entries behind the first so many, up to a limit. A
// party that nothing touched, or that does not exist, has an empty one.
func (r *reader) Statement(party string, after uint64, limit int) (s Statement, err error) {
	b, err := r.get(keyOf1(nil, rangeStatement, party))
	if err != nil {
		return s, err
	}
	if s.Size, s.Head = decodeStatement(b); after >= s.Size {
		return s, nil
	}
	last := after + min(uint64(limit), s.Size-after)
	i, err := r.store.NewIter(&pebble.IterOptions{LowerBound: statementKey(nil, party, after+1), UpperBound: statementKey(nil, party, last+1)})
	if err != nil {
		return s, fmt.Errorf("state: read the statement of %s: %w", party, err)
	}
	for ok := i.First(); ok; ok = i.Next() {
		b, err := i.ValueAndErr()
		if err != nil {
			break // Close returns it
		}
		s.Entries = append(s.Entries, proof.StatementEntry{Index: binary.BigEndian.Uint64(b), Puts: slices.Clone(b[8:])})
	}
	if err := i.Close(); err != nil {
		return s, fmt.Errorf("state: read the statement of %s: %w", party, err)
	}
	if n := uint64(len(s.Entries)); n != last-after {
		return s, fmt.Errorf("state: the statement of %s has %d entries behind entry %d, not %d", party, n, after, last-after)
	}
	nodes := nodesOf(r.store)
	for i := range s.Entries {
		leaf, err := nodes(0, s.Entries[i].Index, 1)
		if err != nil {
			return s, err
		}
		s.Entries[i].Leaf = leaf[0]
	}
	return s, nil
}
