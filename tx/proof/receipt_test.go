package proof

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"carbonledger/tx"

	tlog "github.com/transparency-dev/formats/proof"
)

// testLog is a small log of outcome records.
type testLog struct {
	t       testing.TB
	entries [][]byte
	nodes   kept
	tree    *Tree
}

// newTestLog has the founding, a block of three transactions, what was no block,
// a block without any and one of five: entries 0, 1 to 3, 4, 5, 6 to 10.
func newTestLog(t testing.TB) *testLog {
	l := &testLog{t: t, nodes: kept{}, tree: must(OpenTree(0, nil))}
	genesis := tx.Domain(LeafHash([]byte("a genesis document")))
	l.add(tx.FoundingRecord(genesis))
	l.block(1, []byte("one"), []byte("two"), []byte("three"))
	l.add(&tx.OutcomeRecord{Height: 2, PreviousHash: genesis[:]})
	l.block(3)
	l.block(4, []byte("four"), []byte("five"), []byte("six"), []byte("seven"), []byte("eight"))
	return l
}

func (l *testLog) add(r *tx.OutcomeRecord) { l.addRaw(must(r.Marshal())) }

func (l *testLog) addRaw(entry []byte) {
	l.entries = append(l.entries, entry)
	l.tree.Append(LeafHash(entry), l.nodes.keep)
}

// block adds the records of a block with these transactions.
func (l *testLog) block(height uint64, transactions ...[]byte) {
	head := (&tx.Block{Proposer: "wuhan-1", Stamp: 1_704_153_600_000, AppliedHeight: height - 1, AppliedHash: make([]byte, 32)}).Head()
	previous := bytes.Repeat([]byte{byte(height)}, 32)
	if len(transactions) == 0 {
		l.add(&tx.OutcomeRecord{Height: height, PreviousHash: previous, Head: head})
	}
	for i, raw := range transactions {
		id := LeafHash(raw)
		r := &tx.OutcomeRecord{Height: height, PreviousHash: previous, Transaction: raw, Receipt: &tx.Receipt{
			Id: id[:], Height: height, Position: uint32(i), Time: 1_704_153_600_000, Index: uint64(len(l.entries)),
			Party: "plant", Reference: fmt.Sprintf("%d-%d", height, i),
		}}
		if i == 0 {
			r.Head, r.Records = head, uint32(len(transactions))
		}
		l.add(r)
	}
}

func (l *testLog) checkpoint() *Checkpoint {
	return &Checkpoint{testOrigin, l.tree.Size(), l.tree.Root()}
}

// receipt of an entry, with a checkpoint that validators cosigned.
func (l *testLog) receipt(index int, validators ...string) *Receipt {
	path := must(Inclusion(uint64(index), l.tree.Size(), l.nodes.nodes))
	return &Receipt{Index: uint64(index), Path: path, Checkpoint: signed(l.checkpoint(), validators...), Record: l.entries[index]}
}

// verifyFile is what a holder of the file and the policy does.
func verifyFile(file []byte, p *Policy) (*Proven, error) {
	r, err := ParseReceipt(file)
	if err != nil {
		return nil, err
	}
	return r.Verify(p)
}

// TestReceipts of every entry at every size verify, and formats reads them.
func TestReceipts(t *testing.T) {
	p := testPolicy(t, 2, "a", "b", "c")
	whole := newTestLog(t)
	l := &testLog{t: t, nodes: kept{}, tree: must(OpenTree(0, nil))}
	n := 0
	for _, entry := range whole.entries {
		l.addRaw(entry)
		for i := range l.entries {
			r := l.receipt(i, "a", "c")
			file := r.Encode()
			got, err := verifyFile(file, p)
			if i == 4 {
				refused(t, "what was no block", err, "is no block")
				continue
			}
			if err != nil {
				t.Fatalf("entry %d of %d: %v", i, len(l.entries), err)
			}
			if !got.Record.Equal(must(tx.DecodeRecord(l.entries[i]))) || got.Checkpoint != *l.checkpoint() || len(got.Cosignatures) != 2 || got.Cosignatures[1].Unix != testTime {
				t.Fatalf("entry %d of %d: %+v", i, len(l.entries), got)
			}
			var theirs tlog.TLogProof
			if err := theirs.Unmarshal(file); err != nil || theirs.Index != uint64(i) || !bytes.Equal(theirs.ExtraData, l.entries[i]) || !equal(theirs.Hashes, r.Path) || !bytes.Equal(theirs.Checkpoint, r.Checkpoint) {
				t.Fatalf("entry %d of %d: formats reads %+v, %v", i, len(l.entries), theirs, err)
			}
			n++
		}
	}
	t.Logf("%d receipts", n)
}

func TestReceiptsThatProveNothing(t *testing.T) {
	l, p := newTestLog(t), testPolicy(t, 2, "a", "b")
	other := newTestLog(t)
	other.block(5, []byte("nine"))
	liar := newTestLog(t)
	liar.addRaw(l.entries[3]) // which says that it is number 3
	liar.addRaw([]byte("no record"))
	foreign := &Checkpoint{"other.example/chain", l.tree.Size(), l.tree.Root()}
	forged := l.checkpoint()
	forged.Root = flipped(forged.Root, 0)
	for what, c := range map[string]struct {
		change func(r *Receipt)
		want   string
	}{
		"the index of another":                {func(r *Receipt) { r.Index = 2 }, "is not in the log"},
		"an index beyond the log":             {func(r *Receipt) { r.Index = 11 }, "beyond size"},
		"another's record":                    {func(r *Receipt) { r.Record = l.entries[2] }, "is not in the log"},
		"another's path":                      {func(r *Receipt) { r.Path = l.receipt(2).Path }, "is not in the log"},
		"another's record, path and index":    {func(r *Receipt) { *r = *liar.receipt(11, "a", "b") }, "says that it is number 3, it is the log's number 11"},
		"an entry that is no record":          {func(r *Receipt) { *r = *liar.receipt(12, "a", "b") }, "no outcome record"},
		"no path":                             {func(r *Receipt) { r.Path = nil }, "wrong proof size"},
		"a path too long":                     {func(r *Receipt) { r.Path = append(r.Path, Hash{}) }, "wrong proof size"},
		"a node for a record":                 {func(r *Receipt) { r.Record = slices.Concat([]byte{1}, r.Path[0][:], r.Path[1][:]) }, "is not in the log"},
		"no record":                           {func(r *Receipt) { r.Record = nil }, "does not hold its record"},
		"no checkpoint":                       {func(r *Receipt) { r.Checkpoint = nil }, "malformed note"},
		"a checkpoint of another size":        {func(r *Receipt) { r.Checkpoint = signed(other.checkpoint(), "a", "b") }, "is not in the log"},
		"a checkpoint of another root":        {func(r *Receipt) { r.Checkpoint = signed(forged, "a", "b") }, "is not in the log"},
		"a checkpoint of another log":         {func(r *Receipt) { r.Checkpoint = signed(foreign, "a", "b") }, "is of another network: of the log"},
		"a checkpoint without cosignatures":   {func(r *Receipt) { r.Checkpoint = signed(l.checkpoint()) }, "lacks cosignatures"},
		"a checkpoint that one cosigned":      {func(r *Receipt) { r.Checkpoint = signed(l.checkpoint(), "a") }, "lacks cosignatures"},
		"a checkpoint that a stranger signed": {func(r *Receipt) { r.Checkpoint = signed(l.checkpoint(), "a", "c") }, "lacks cosignatures"},
		"a checkpoint without the log's name": {func(r *Receipt) {
			r.Checkpoint = l.checkpoint().Note(cosignLine(l.checkpoint(), "a"), cosignLine(l.checkpoint(), "b"))
		}, "is not signed by the log"},
		"the cosignatures of another size": {func(r *Receipt) {
			r.Checkpoint = l.checkpoint().Note(originLine(l.checkpoint()), cosignLine(other.checkpoint(), "a"))
		}, "invalid signature"},
		"the signatures without their content": {func(r *Receipt) { r.Checkpoint = r.Checkpoint[bytes.Index(r.Checkpoint, []byte("\n\n"))+2:] }, "malformed note"},
	} {
		r := l.receipt(3, "a", "b")
		if _, err := verifyFile(r.Encode(), p); err != nil {
			t.Fatal(err)
		}
		c.change(r)
		_, err := r.Verify(p)
		refused(t, what, err, c.want)
	}
}

// TestReceiptOfAnotherChain: the same record under the same path in a log with
// another name or key, or to whom believes in other validators.
func TestReceiptOfAnotherChain(t *testing.T) {
	l := newTestLog(t)
	r := l.receipt(3, "a", "b")
	for what, c := range map[string]struct{ log, want, alone string }{
		"another origin, the same key":           {OriginVKey("other.example/chain", publicOf(testKey("log"))), "is not signed by the log", "is of another network"},
		"another origin that begins as this one": {OriginVKey(testOrigin+"2", publicOf(testKey("log"))), "is not signed by the log", "is of another network"},
		"the same origin, another key":           {OriginVKey(testOrigin, publicOf(testKey("c"))), "is not signed by the log", "no verifiable signatures"},
	} {
		_, err := r.Verify(parsePolicy(t, WritePolicy(c.log, []string{"a", "b"}, testVKeys("a", "b"), 2)))
		refused(t, what, err, c.want)
		_, err = r.Verify(parsePolicy(t, "log "+c.log+"\nquorum none\n"))
		refused(t, what+", no quorum", err, c.alone)
	}
	_, err := r.Verify(testPolicy(t, 1, "c", "d"))
	refused(t, "other validators", err, "lacks cosignatures")
	elsewhere := CosignerVKey(CosignerName("other.example/chain", "a"), publicOf(testKey("a")))
	_, err = r.Verify(parsePolicy(t, WritePolicy(testLogVKey(), []string{"a"}, []string{elsewhere}, 1)))
	refused(t, "the same validator's name in another chain", err, "lacks cosignatures")
}

// TestLongRecordsTravelBeside: readers of the format take lines of 64 KiB.
func TestLongRecordsTravelBeside(t *testing.T) {
	p := testPolicy(t, 1, "a")
	grown := func(transaction int) *testLog {
		l := newTestLog(t)
		l.block(5, make([]byte, transaction))
		return l
	}
	around := len(grown(40_000).entries[11]) - 40_000 // what a record has beside its transaction
	for _, size := range []int{40_000, maxExtraBytes, maxExtraBytes + 1, tx.MaxRecordBytes} {
		l := grown(size - around)
		if len(l.entries[11]) != size {
			t.Fatalf("a record of %d bytes, not %d", len(l.entries[11]), size)
		}
		whole := l.receipt(11, "a")
		file := whole.Encode()
		got, err := ParseReceipt(file)
		if err != nil || len(file) > MaxReceiptBytes {
			t.Fatalf("a record of %d bytes: %v", size, err)
		}
		if inside := len(got.Record) == size; inside != (size <= maxExtraBytes) || !inside && len(got.Record) > 0 {
			t.Fatalf("of a record of %d bytes %d stand in the receipt", size, len(got.Record))
		}
		if size > maxExtraBytes {
			_, err := got.Verify(p)
			refused(t, "without its record", err, "give the file with it")
			got.Record = append(bytes.Clone(l.entries[11]), 0)
			_, err = got.Verify(p)
			refused(t, "with another record beside it", err, "is not in the log")
			got.Record = l.entries[11]
		}
		if proven, err := got.Verify(p); err != nil || !proven.Record.Equal(must(tx.DecodeRecord(l.entries[11]))) {
			t.Errorf("a record of %d bytes: %v", size, err)
		}
	}
}

func TestFilesThatAreNoReceipt(t *testing.T) {
	l := newTestLog(t)
	file := string(l.receipt(3, "a").Encode())
	edit := func(old, new string) string {
		if !strings.Contains(file, old) {
			t.Fatalf("no %q in\n%s", old, file)
		}
		return strings.Replace(file, old, new, 1)
	}
	line := strings.Split(file, "\n")[1] // extra …
	path := strings.Split(file, "\n")[3]
	for what, c := range map[string]struct{ file, want string }{
		"nothing":                      {"", "missing expected header"},
		"another version":              {edit("@v1", "@v2"), "missing expected header"},
		"a carriage return":            {edit("@v1\n", "@v1\r\n"), "not written as"},
		"carriage returns":             {strings.ReplaceAll(file, "\n", "\r\n"), "not written as"},
		"no newline at the end":        {strings.TrimSuffix(file, "\n"), "not written as"},
		"an empty extra":               {edit(line, "extra "), "not written as"},
		"an extra without its space":   {edit(line, "extra"), "missing required index"},
		"an extra that is no base64":   {edit("extra ", "extra *"), "not base64"},
		"an extra with a space":        {edit("extra ", "extra  "), "not base64"},
		"an extra twice":               {edit(line+"\n", line+"\n"+line+"\n"), "missing required index"},
		"an extra behind the index":    {edit(line+"\nindex 3\n", "index 3\n"+line+"\n"), "not base64"},
		"an extra of more than 64 KiB": {edit(line, "extra "+strings.Repeat("A", 65_536)), "missing required index"},
		"no index":                     {edit("index 3\n", ""), "missing required index"},
		"an index in capitals":         {edit("index 3\n", "Index 3\n"), "missing required index"},
		"an index with a zero":         {edit("index 3\n", "index 03\n"), "not written as"},
		"an index with a plus":         {edit("index 3\n", "index +3\n"), "not a valid uint64"},
		"an index of -1":               {edit("index 3\n", "index -1\n"), "not a valid uint64"},
		"an index of 2^64":             {edit("index 3\n", "index 18446744073709551616\n"), "not a valid uint64"},
		"a hash of 31 bytes":           {edit(path, path[:40]+"AA=="), "hash length was"},
		"a hash with an unused bit":    {edit(path, otherForm64(path)), "not written as"},
		"a hash without its padding":   {edit(path, strings.TrimSuffix(path, "=")), "not base64"},
		"no empty line":                {edit("\n\n", "\n"), "not base64"},
		"more than 160 KiB":            {file + strings.Repeat("x", MaxReceiptBytes), "the limit is"},
	} {
		_, err := ParseReceipt([]byte(c.file))
		refused(t, what, err, c.want)
	}
}

func otherForm64(line string) string { return strings.TrimSpace(string(otherForm([]byte(line)))) }
