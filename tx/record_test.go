package tx

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// blockRecords are the records of a block with these transactions; of one
// without any its bare record.
func blockRecords(height uint64, transactions ...[]byte) []*OutcomeRecord {
	b := &Block{Proposer: "wuhan-1", Stamp: 1_704_153_600_000, AppliedHeight: height - 1, AppliedHash: testDomain[:]}
	previous := bytes.Repeat([]byte{byte(height)}, 32)
	if len(transactions) == 0 {
		return []*OutcomeRecord{{Height: height, PreviousHash: previous, Head: b.Head()}}
	}
	var all []*OutcomeRecord
	for i, raw := range transactions {
		r := &OutcomeRecord{Height: height, PreviousHash: previous, Transaction: raw, Receipt: &Receipt{Height: height, Position: uint32(i), Index: 100 + uint64(i),
			Id: otherDomain[:], Party: "registry", Reference: "r-1", Reason: InsufficientHolding, Subject: "CEA22 of buyer", Have: 1, Want: 2}}
		if i == 0 {
			r.Head, r.Records = b.Head(), uint32(len(transactions))
		}
		all = append(all, r)
	}
	return all
}

// accept makes an acceptance of the refusal of blockRecords.
func accept(r *Receipt) { r.Reason, r.Subject, r.Have, r.Want = Accepted, "", 0, 0 }

func noBlock(height uint64) *OutcomeRecord {
	return &OutcomeRecord{Height: height, PreviousHash: otherDomain[:]}
}

// carriedBy is what a transaction of blockRecords carries out: the first record's party
// prepared it.
func carriedBy(operations ...isOperation_Operation) []CarriedOut {
	p := new(Prepare)
	for _, o := range operations {
		p.Operations = append(p.Operations, Operation{Operation: o})
	}
	b, err := (&Body{ChainId: "cets-test", Party: "registry", Reference: "p-1", Expiry: 5, Operations: []Operation{{Operation: &Operation_Prepare{Prepare: p}}}}).Marshal()
	if err != nil {
		panic(err)
	}
	return []CarriedOut{{Index: 3, Body: b}}
}

// goodRecords is one of each kind.
func goodRecords() []*OutcomeRecord {
	all := append(blockRecords(7, []byte("one"), []byte("two"), []byte("three")), blockRecords(8)...)
	carries := blockRecords(9, []byte("one"))[0]
	accept(carries.Receipt)
	carries.CarriedOut = append(carriedBy(&Operation_SetClock{SetClock: new(SetClock)}), carriedBy()...)
	carries.CarriedOut[1].Operation = 7
	return append(all, carries, FoundingRecord(testDomain), noBlock(9), &OutcomeRecord{Height: 1<<64 - 1, PreviousHash: make([]byte, 32)})
}

func TestRecordsDecode(t *testing.T) {
	for i, r := range goodRecords() {
		raw := encode(t, r)
		got, err := DecodeRecord(raw)
		if err != nil || !got.Equal(r) {
			t.Errorf("record %d: %v", i, err)
		}
	}
}

func TestRecordsThatAreNone(t *testing.T) {
	first := func(change func(r *OutcomeRecord)) []byte {
		r := blockRecords(7, []byte("one"))[0]
		change(r)
		return encode(t, r)
	}
	head := func(change func(h *BlockHead)) []byte {
		return first(func(r *OutcomeRecord) { change(r.Head) })
	}
	receipt := func(change func(r *Receipt)) []byte {
		return first(func(r *OutcomeRecord) { change(r.Receipt) })
	}
	accepted := func(change func(r *Receipt)) []byte {
		return receipt(func(r *Receipt) { accept(r); change(r) })
	}
	expired := func(have, want, at int64) []byte {
		return receipt(func(r *Receipt) { r.Reason, r.Subject, r.Have, r.Want, r.Time = Expired, "", have, want, Instant(at) })
	}
	root := func(height, of uint64) []byte {
		r := blockRecords(height)[0]
		r.StateRoot = &StateRoot{Height: of, Day: 20240102, Records: 1, Root: testDomain[:]}
		return encode(t, r)
	}
	for i, raw := range [][]byte{accepted(func(*Receipt) {}), expired(-5, 6, 6), receipt(func(r *Receipt) { r.Subject = strings.Repeat("x", MaxSubjectBytes) }),
		receipt(func(r *Receipt) { r.Reason = 4_000_000_000 }), root(7, 6)} {
		if _, err := DecodeRecord(raw); err != nil {
			t.Errorf("good record %d: %v", i, err)
		}
	}
	bare := encode(t, &OutcomeRecord{Height: 7, PreviousHash: testDomain[:], Head: &BlockHead{Proposer: "wuhan-1"}})
	second := func(change func(r *OutcomeRecord)) []byte {
		r := blockRecords(7, []byte("one"), []byte("two"))[1]
		change(r)
		return encode(t, r)
	}
	carried := carriedBy()
	unprepared, err := testBody(&Operation_SetClock{SetClock: new(SetClock)}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	carrying := func(change func(r *OutcomeRecord)) []byte {
		return first(func(r *OutcomeRecord) {
			accept(r.Receipt)
			r.CarriedOut = carried
			change(r)
		})
	}
	founding := func(change func(r *OutcomeRecord)) []byte {
		r := FoundingRecord(testDomain)
		change(r)
		return encode(t, r)
	}
	good := first(func(*OutcomeRecord) {})
	longest := func(n int) []byte {
		return first(func(r *OutcomeRecord) { r.Transaction = make([]byte, n) })
	}
	room := MaxRecordBytes - len(longest(60_000)) + 60_000
	if raw := longest(room); len(raw) != MaxRecordBytes {
		t.Fatalf("%d bytes", len(raw))
	} else if _, err := DecodeRecord(raw); err != nil {
		t.Errorf("the longest record: %v", err)
	}
	for what, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"a byte too long":                         {longest(room + 1), "the limit is 65535"},
		"empty":                                   {nil, "a previous hash of 0 bytes"},
		"noise":                                   {[]byte("an outcome record"), "no outcome record"},
		"cut short":                               {good[:len(good)-1], "no outcome record"},
		"a byte behind it":                        {append(bytes.Clone(good), 0), "no outcome record"},
		"an unknown field":                        {join(good, field(6, 1)), "no outcome record"},
		"a height of 0 written out":               {join(field(1, 0), field(2, testDomain[:])), "no outcome record"},
		"fields out of order":                     {join(field(2, testDomain[:]), field(1, 7)), "no outcome record"},
		"a previous hash twice":                   {join(field(2, testDomain[:]), field(2, testDomain[:])), "no outcome record"},
		"a length that is not minimal":            {join([]byte{0x12, 0xa0, 0x00}, testDomain[:]), "no outcome record"},
		"no transaction, written out":             {join(field(1, 7), field(2, testDomain[:]), field(4, "")), "no outcome record"},
		"a default written out in its head":       {join(field(1, 7), field(2, testDomain[:]), field(3, field(1, ""))), "no outcome record"},
		"no previous hash":                        {first(func(r *OutcomeRecord) { r.PreviousHash = nil }), "a previous hash of 0 bytes"},
		"a previous hash of 31 bytes":             {first(func(r *OutcomeRecord) { r.PreviousHash = r.PreviousHash[1:] }), "a previous hash of 31 bytes"},
		"a previous hash of 33 bytes":             {first(func(r *OutcomeRecord) { r.PreviousHash = append(r.PreviousHash, 1) }), "a previous hash of 33 bytes"},
		"a transaction without a receipt":         {first(func(r *OutcomeRecord) { r.Receipt = nil }), "or none of both"},
		"a receipt without a transaction":         {first(func(r *OutcomeRecord) { r.Transaction = nil }), "or none of both"},
		"a founding with a head":                  {founding(func(r *OutcomeRecord) { r.Head = new(BlockHead) }), "the founding's record has"},
		"a founding with a transaction":           {founding(func(r *OutcomeRecord) { r.Receipt, r.Transaction = new(Receipt), []byte("one") }), "the founding's record has"},
		"a founding with a transaction only":      {founding(func(r *OutcomeRecord) { r.Transaction = []byte("one") }), "or none of both"},
		"a receipt of another height":             {first(func(r *OutcomeRecord) { r.Receipt.Height++ }), "of another place"},
		"a receipt of no height":                  {first(func(r *OutcomeRecord) { r.Receipt.Height = 0 }), "of another place"},
		"a first record without its head":         {first(func(r *OutcomeRecord) { r.Head = nil }), "of another place"},
		"a first record of position 1":            {first(func(r *OutcomeRecord) { r.Receipt.Position = 1 }), "of another place"},
		"a second record with a head":             {second(func(r *OutcomeRecord) { r.Head = new(BlockHead) }), "of another place"},
		"a second record of position 0":           {second(func(r *OutcomeRecord) { r.Receipt.Position = 0 }), "of another place"},
		"a first record without a count":          {first(func(r *OutcomeRecord) { r.Records = 0 }), "counts the records"},
		"a second record with a count":            {second(func(r *OutcomeRecord) { r.Records = 2 }), "counts the records"},
		"a count of no transactions":              {first(func(r *OutcomeRecord) { r.Transaction, r.Receipt = nil, nil }), "counts the records"},
		"a head of its own height":                {head(func(h *BlockHead) { h.AppliedHeight = 7 }), "a height before 7"},
		"a head of a later height":                {head(func(h *BlockHead) { h.AppliedHeight = 1<<64 - 1 }), "a height before 7"},
		"a head of no hash":                       {head(func(h *BlockHead) { h.AppliedHash = nil }), "no running hash"},
		"a head of a hash of 31 bytes":            {head(func(h *BlockHead) { h.AppliedHash = h.AppliedHash[1:] }), "no running hash"},
		"a head of a hash of 33 bytes":            {head(func(h *BlockHead) { h.AppliedHash = append(bytes.Clone(h.AppliedHash), 1) }), "no running hash"},
		"a proposer that does not show":           {head(func(h *BlockHead) { h.Proposer = "wuhan\u202e-1" }), "its proposer in what is no text"},
		"a proposer that is not UTF-8":            {head(func(h *BlockHead) { h.Proposer = "\xff" }), "its proposer in what is no text"},
		"a proposer of 257 bytes":                 {head(func(h *BlockHead) { h.Proposer = strings.Repeat("n", 257) }), "its proposer in what is no text"},
		"a bare block's head without a hash":      {bare, "no running hash"},
		"a reason that leaves no record":          {receipt(func(r *Receipt) { r.Reason = Malformed }), "says what none in the log says"},
		"another of those":                        {receipt(func(r *Receipt) { r.Reason = KeyNotValid }), "says what none in the log says"},
		"a first id":                              {receipt(func(r *Receipt) { r.FirstId = r.Id }), "says what none in the log says"},
		"no id":                                   {receipt(func(r *Receipt) { r.Id = nil }), "says what none in the log says"},
		"an id of 31 bytes":                       {receipt(func(r *Receipt) { r.Id = r.Id[1:] }), "says what none in the log says"},
		"a subject of 404 bytes":                  {receipt(func(r *Receipt) { r.Subject = strings.Repeat("x", MaxSubjectBytes+1) }), "says what none in the log says"},
		"a subject that does not show":            {receipt(func(r *Receipt) { r.Subject = "\x1b[31mred" }), `subject "\x1b[31mred"`},
		"a subject that is not UTF-8":             {receipt(func(r *Receipt) { r.Subject = "\xff" }), "says what none in the log says"},
		"a receipt of a party that does not show": {receipt(func(r *Receipt) { r.Party = "reg\u202eistry" }), "says what none in the log says"},
		"a receipt without a reference":           {receipt(func(r *Receipt) { r.Reference = "" }), "says what none in the log says"},
		"accepted, about something":               {accepted(func(r *Receipt) { r.Subject = "CEA22" }), "says what none in the log says"},
		"accepted with numbers":                   {accepted(func(r *Receipt) { r.Want = 1 }), "says what none in the log says"},
		"accepted but for an operation":           {accepted(func(r *Receipt) { r.Operation = 1 }), "says what none in the log says"},
		"expired without an expiry":               {expired(0, 6, 6), "says what none in the log says"},
		"expired in time":                         {expired(6, 6, 6), "says what none in the log says"},
		"expired at another time":                 {expired(5, 6, 7), "says what none in the log says"},
		"a state root of the founding":            {root(1, 0), "a state root of another place"},
		"a state root of its own height":          {root(7, 7), "a state root of another place"},
		"a founding with a state root":            {founding(func(r *OutcomeRecord) { r.StateRoot = &StateRoot{Height: 1<<64 - 1, Root: testDomain[:]} }), "a state root of another place"},
		"carried out without a receipt":           {carrying(func(r *OutcomeRecord) { r.Transaction, r.Receipt = nil, nil }), "without being accepted"},
		"carried out by a refused one":            {carrying(func(r *OutcomeRecord) { r.Receipt.Reason, r.Receipt.Subject = InsufficientHolding, "CEA22" }), "without being accepted"},
		"carried out for another party":           {carrying(func(r *OutcomeRecord) { r.Receipt.Party = "other" }), "nobody prepared before"},
		"carried out before it was prepared":      {carrying(func(r *OutcomeRecord) { r.Receipt.Index = 3 }), "nobody prepared before"},
		"carried out twice":                       {carrying(func(r *OutcomeRecord) { r.CarriedOut = []CarriedOut{carried[0], carried[0]} }), "nobody prepared before"},
		"carried out without a number":            {carrying(func(r *OutcomeRecord) { r.CarriedOut = []CarriedOut{{Body: carried[0].Body}} }), "nobody prepared before"},
		"carried out what is no body":             {carrying(func(r *OutcomeRecord) { r.CarriedOut = []CarriedOut{{Index: 3, Body: []byte("x")}} }), "nobody prepared before"},
		"carried out a body without a byte": {carrying(func(r *OutcomeRecord) {
			r.CarriedOut = []CarriedOut{{Index: 3, Body: carried[0].Body[:len(carried[0].Body)-1]}}
		}), "nobody prepared before"},
		"carried out what was not prepared": {carrying(func(r *OutcomeRecord) { r.CarriedOut = []CarriedOut{{Index: 3, Body: unprepared}} }), "nobody prepared before"},
	} {
		r, err := DecodeRecord(c.raw)
		if r != nil || err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "tx: ") {
			t.Errorf("%s: %v; want an error with %q", what, err, c.want)
		}
	}
}

// TestBlocksJoin: the head and the transactions of a block come back.
func TestBlocksJoin(t *testing.T) {
	for _, transactions := range [][][]byte{nil, {[]byte("one")}, {[]byte("one"), []byte("two"), []byte("three")}} {
		records := blockRecords(7, transactions...)
		want := &Block{Proposer: "wuhan-1", Stamp: 1_704_153_600_000, AppliedHeight: 6, AppliedHash: testDomain[:], Transactions: transactions}
		b, ok, err := JoinBlock(records)
		if err != nil || !ok || !b.Equal(want) || !b.Head().Equal(records[0].Head) {
			t.Errorf("%d transactions: %+v, %v, %v", len(transactions), b, ok, err)
		}
	}
	b, ok, err := JoinBlock([]*OutcomeRecord{noBlock(9)})
	if err != nil || ok || !b.Equal(new(Block)) {
		t.Errorf("no block: %+v, %v, %v", b, ok, err)
	}
}

func TestRecordsThatAreNoBlock(t *testing.T) {
	seven, eight := blockRecords(7, []byte("one"), []byte("two"), []byte("three")), blockRecords(8, []byte("one"), []byte("two"))
	elsewhere := blockRecords(7, []byte("one"), []byte("two"))[1]
	elsewhere.PreviousHash = testDomain[:]
	bare, none := blockRecords(7)[0], noBlock(7)
	none.PreviousHash = seven[0].PreviousHash
	for what, c := range map[string]struct {
		records []*OutcomeRecord
		want    string
	}{
		"nothing":                              {nil, "a block without records"},
		"the founding":                         {[]*OutcomeRecord{FoundingRecord(testDomain)}, "the founding is no block"},
		"the founding before a block":          {append([]*OutcomeRecord{FoundingRecord(testDomain)}, seven...), "the founding is no block"},
		"without its first record":             {seven[1:], "block 7 begins without its head"},
		"its second record alone":              {seven[1:2], "block 7 begins without its head"},
		"no block, with a record behind it":    {[]*OutcomeRecord{none, seven[1]}, "block 7 begins without its head"},
		"without its second record":            {slices.Delete(slices.Clone(seven), 1, 2), "record 1 of block 7 is that of position 2"},
		"in another order":                     {[]*OutcomeRecord{seven[0], seven[2], seven[1]}, "record 1 of block 7 is that of position 2"},
		"without its last record":              {seven[:2], "block 7 has 3 records, not 2"},
		"its first record twice":               {[]*OutcomeRecord{seven[0], seven[0]}, "record 1 of block 7 is that of position 0"},
		"its last record twice":                {append(slices.Clone(seven), seven[2]), "record 3 of block 7 is that of position 2"},
		"a record of the next block behind it": {append(slices.Clone(seven), eight[0]), "record 3 of block 7 is of another block"},
		"a record of the next block in it":     {[]*OutcomeRecord{seven[0], eight[1], seven[2]}, "record 1 of block 7 is of another block"},
		"a record of another history":          {[]*OutcomeRecord{seven[0], elsewhere}, "record 1 of block 7 is of another block"},
		"a bare record and another":            {[]*OutcomeRecord{bare, seven[1]}, "record 0 of block 7 has no transaction"},
		"a bare record behind its first":       {[]*OutcomeRecord{seven[0], bare}, "record 1 of block 7 has no transaction"},
	} {
		b, ok, err := JoinBlock(c.records)
		if b != nil || ok || err == nil || err.Error() != "tx: "+c.want {
			t.Errorf("%s: %v; want %q", what, err, c.want)
		}
	}
}
