package state_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// statementOf reads a whole statement three entries at a time, and checks that they
// lead to the head.
func statementOf(t testing.TB, d interface {
	Statement(party string, after uint64, limit int) (state.Statement, error)
}, party string) state.Statement {
	whole, err := d.Statement(party, 0, 3)
	for err == nil && uint64(len(whole.Entries)) < whole.Size {
		var s state.Statement
		s, err = d.Statement(party, uint64(len(whole.Entries)), 3)
		if len(s.Entries) == 0 {
			t.Fatalf("the statement of %s ends at %d of %d", party, len(whole.Entries), whole.Size)
		}
		whole.Entries = append(whole.Entries, s.Entries...)
	}
	if err != nil {
		t.Fatal(err)
	}
	if head := proof.StatementHead(proof.Hash{}, whole.Entries...); head != whole.Head {
		t.Fatalf("the entries of %s lead to %x, not %x", party, head, whole.Head)
	}
	return whole
}

// inName is all that stands in a party's name at a height.
func inName(t testing.TB, d dated, party string) string {
	holdings, _, _, err := d.Holdings(party, "", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	money, _, _, err := d.Money(party, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := d.Party(party)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(holdings, money, &p)
}

// TestStatements: a statement has every recorded transaction that the party asked
// for, and one of every block that changed something in its name; what it says was
// written is what the ledger has; and it has nothing else.
func TestStatements(t *testing.T) {
	s, blocks := history(t, 11, 120)
	s.open()
	defer s.close()
	asked := map[string]map[uint64]bool{} // by party and index
	for _, e := range entriesOf(blocks) {
		a, err := s.ledger.Apply([]state.Entry{e})
		s.must(err)
		for i := range a[0].Receipts {
			if r := &a[0].Receipts[i]; r.Height == a[0].Height && r.Index > 0 {
				if asked[r.Party] == nil {
					asked[r.Party] = map[uint64]bool{}
				}
				asked[r.Party][r.Index] = true
			}
		}
	}
	v, err := s.ledger.View()
	s.must(err)
	defer func() { s.must(v.Close()) }()
	parties, _, _, err := v.Parties(tx.RoleUnspecified, "", "", 100)
	s.must(err)
	others := 0
	for i := range parties {
		id := parties[i].Id
		whole := statementOf(t, v, id)
		byHeight, written, last := map[uint64]bool{}, map[string][]byte{}, uint64(0)
		for _, e := range whole.Entries {
			if e.Index <= last {
				t.Fatalf("%s: entry of %d behind %d", id, e.Index, last)
			}
			last = e.Index
			s.must(v.Entries(e.Index, e.Index+1, func(_ uint64, raw []byte) error {
				r, err := tx.DecodeRecord(raw)
				byHeight[r.Height] = true
				if e.Leaf != proof.LeafHash(raw) {
					t.Errorf("%s: entry of %d has another leaf", id, e.Index)
				}
				return err
			}))
			puts, err := proof.DecodePuts(e.Puts)
			s.must(err)
			if len(puts) == 0 && !asked[id][e.Index] {
				t.Errorf("%s: entry of %d says nothing", id, e.Index)
			}
			if !asked[id][e.Index] {
				others++
			}
			delete(asked[id], e.Index)
			for i, p := range puts {
				if i > 0 && string(puts[i-1].Key) >= string(p.Key) || !strings.Contains(string(p.Key), id) {
					t.Errorf("%s: entry of %d has the put %q", id, e.Index, p.Key)
				}
				written[string(p.Key)] = p.Value
			}
		}
		if len(asked[id]) > 0 {
			t.Errorf("%s: the statement leaves out what it asked for: %v", id, asked[id])
		}
		for h := uint64(1); h <= v.Head().Height; h++ {
			before, err := v.At(h - 1)
			s.must(err)
			now, err := v.At(h)
			s.must(err)
			if inName(t, before, id) != inName(t, now, id) && !byHeight[h] {
				t.Errorf("%s: block %d changed something, the statement has nothing of it", id, h)
			}
		}
		holdings, _, _, err := v.Holdings(id, "", "", 100)
		s.must(err)
		for _, h := range holdings {
			b := written["\x06"+id+"\x00"+h.Instrument]
			if len(b) < 16 || tx.Tonnes(binary.BigEndian.Uint64(b)) != h.RegistryAvailable || tx.Tonnes(binary.BigEndian.Uint64(b[8:])) != h.TradingAvailable {
				t.Errorf("%s: the statement ends with %x for %v", id, b, &h)
			}
		}
	}
	if others == 0 {
		t.Error("no statement has a transaction of another party: the history tries nothing")
	}
	for party, left := range asked {
		if len(left) > 0 {
			t.Errorf("%s asked for %v, and is no party", party, left)
		}
	}
	if s, err := v.Statement("nobody", 0, 5); err != nil || s.Size != 0 || len(s.Entries) != 0 {
		t.Errorf("nobody's statement is %v, %v", s, err)
	}
	s.must(comparePrefix(t, v))
}

// comparePrefix: a statement of the past is the beginning of today's.
func comparePrefix(t testing.TB, v *state.View) error {
	now := statementOf(t, v, "e0")
	for h := uint64(0); h <= v.Head().Height; h += 7 {
		p, err := v.At(h)
		if err != nil {
			return err
		}
		then := statementOf(t, p, "e0")
		if proof.StatementHead(proof.Hash{}, now.Entries[:then.Size]...) != then.Head {
			t.Errorf("the statement of height %d is no beginning of today's", h)
		}
	}
	return nil
}
