package tx

import (
	"bytes"
	"errors"
	"testing"
)

func FuzzDecode(f *testing.F) {
	for _, raw := range everyTransaction(f) {
		f.Add(raw)
		f.Add(raw[:len(raw)-1])
		f.Add(append(bytes.Clone(raw), 0))
	}
	for _, c := range traps(f) {
		f.Add(c.raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := Decode(raw)
		if err != nil {
			var r *Rejection
			if !errors.As(err, &r) || r.Reason == Accepted || r.Error() == "" {
				t.Fatalf("error %v is not a rejection with a reason", err)
			}
			return
		}
		if !bytes.Equal(encode(t, &d.Transaction), raw) || !bytes.Equal(encode(t, &d.Body), d.Transaction.Body) {
			t.Fatal("an accepted transaction encodes differently")
		}
		for i := range d.Body.Operations {
			if r := d.Body.Operations[i].GetRegisterOrder(); r != nil {
				order, ok := r.Order.Read()
				if !ok || !bytes.Equal(encode(t, &order), r.Order.Body) {
					t.Fatal("an accepted order encodes differently")
				}
			}
		}
	})
}

func FuzzDecodeBlock(f *testing.F) {
	raws := everyTransaction(f)
	b := Block{Proposer: "wuhan-1", Stamp: 1_704_153_600_000, AppliedHeight: 7, AppliedHash: testDomain[:], Transactions: raws[1:4]}
	f.Add(encode(f, &b))
	b.Transactions = append(b.Transactions, nil, []byte{})
	f.Add(encode(f, &b))
	f.Add([]byte{})
	f.Add([]byte{0x10, 0x00})
	f.Add([]byte{0x10, 0x81, 0x00})
	f.Add([]byte{0x0a, 0x01, 0xff})
	f.Add([]byte{0x0a, 0x01, 0x0a})
	f.Add([]byte{0x2b, 0x2c})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if b, ok := DecodeBlock(raw, 1<<40); ok && !bytes.Equal(encode(t, b), raw) {
			t.Fatal("an accepted block encodes differently")
		}
	})
}

func FuzzDecodeOpeningPage(f *testing.F) {
	page := encode(f, testPage())
	f.Add(page)
	f.Add(page[:len(page)-1])
	f.Add(append(page, 0x1a, 0x00))
	f.Add([]byte{})
	f.Add([]byte{0x12, 0x00, 0x0a, 0x00})
	f.Fuzz(func(t *testing.T, raw []byte) {
		if p, ok := DecodeOpeningPage(raw); ok && !bytes.Equal(encode(t, p), raw) {
			t.Fatal("an accepted page encodes differently")
		}
	})
}

// FuzzDecodeRecord: what decodes encodes to the same bytes, and its parts join
// to a block or to an error.
func FuzzDecodeRecord(f *testing.F) {
	for _, r := range goodRecords() {
		raw := encode(f, r)
		f.Add(raw, raw)
		f.Add(raw[:len(raw)-1], append(bytes.Clone(raw), 0))
	}
	seven := blockRecords(7, []byte("one"), []byte("two"))
	f.Add(encode(f, seven[0]), encode(f, seven[1]))
	f.Fuzz(func(t *testing.T, one, two []byte) {
		var records []*OutcomeRecord
		for _, raw := range [][]byte{one, two} {
			r, err := DecodeRecord(raw)
			if err != nil {
				continue
			}
			if !bytes.Equal(encode(t, r), raw) {
				t.Fatal("an accepted record encodes differently")
			}
			records = append(records, r)
		}
		for i := range records {
			b, ok, err := JoinBlock(records[:i+1])
			switch {
			case err != nil && (b != nil || ok):
				t.Fatal("a block beside an error")
			case ok && len(b.Transactions) > i+1:
				t.Fatal("more transactions than records")
			case ok && !b.Head().Equal(records[0].Head):
				t.Fatal("a block with another head")
			}
		}
	})
}
