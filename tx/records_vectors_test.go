package tx

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

const recordsFile = "../testdata/vectors/records.json"

// The layout of records.json. All of it follows from the secrets.
type (
	recordVectors struct {
		About   []string             `json:"about"`
		Genesis hexBytes             `json:"genesis_hash"`
		Entries []recordVector       `json:"entries"`
		Blocks  []blockVector        `json:"blocks"`
		Refused refusedRecordVectors `json:"refused"`
	}
	recordVector struct {
		Name     string   `json:"name"`
		Entry    hexBytes `json:"entry"`
		Height   uint64   `json:"height"`
		Position uint32   `json:"position"`
		ID       hexBytes `json:"id,omitempty"`
		Reason   string   `json:"reason,omitempty"`
		Number   Reason   `json:"number"`
	}
	blockVector struct {
		Height uint64   `json:"height"`
		Block  hexBytes `json:"block"`
	}
	refusedRecordVectors struct {
		Records []refusedRecord `json:"records"`
		Blocks  []refusedBlock  `json:"blocks"`
	}
	refusedRecord struct {
		Name   string   `json:"name"`
		Entry  hexBytes `json:"entry"`
		Index  uint64   `json:"index"`
		Reason string   `json:"reason"`
	}
	refusedBlock struct {
		Name    string     `json:"name"`
		Entries []hexBytes `json:"entries"`
		Reason  string     `json:"reason"`
	}
)

var aboutRecordVectors = []string{
	"Test vectors of the log's entries, docs/format.md sections 4 and 5. Byte strings are hexadecimal.",
	"\"entries\" are a whole log, in order, of the network with this genesis hash; \"number\" is the reason's, 0 for accepted.",
	"\"blocks\" are what the entries of a height are put together to.",
	"Running hashes are samples that join as they must: only execution gives true ones.",
	"\"refused\" has records that are none, at an index of that log, and records that make no block, with the reason in our words.",
}

// sampleHash stands for the running hash after a height.
func sampleHash(height uint64) []byte {
	h := sha256.Sum256(fmt.Appendf(nil, "running hash %d", height))
	return h[:]
}

// sampleLog has the founding, a block of three transactions, of which two are
// rejected, one that closed a day without one, and one that names that day's root.
func sampleLog(t *testing.T) (names []string, all []*OutcomeRecord) {
	t.Helper()
	const stamp = Instant(1_704_153_600_000)
	add := func(name string, r *OutcomeRecord) {
		names, all = append(names, name), append(all, r)
	}
	key := testKey(t, Ed25519, "registry")
	operations := operationsOf(t, testKey(t, Ed25519, "buyer"), testKey(t, Ed25519, "seller"))
	transaction := func(height uint64, position uint32, reference string, expiry Instant, head *BlockHead, outcome Receipt) *OutcomeRecord {
		body := testBody(operations[7])
		body.Reference, body.Expiry = reference, expiry
		raw := sign(t, body, key)
		id, err := TransactionID(testDomain, raw)
		if err != nil {
			t.Fatal(err)
		}
		outcome.Id, outcome.Height, outcome.Position, outcome.Index = id[:], height, position, uint64(len(all))
		outcome.Party, outcome.Reference, outcome.Time = body.Party, body.Reference, stamp+Instant(height)
		return &OutcomeRecord{Height: height, PreviousHash: sampleHash(height - 1), Head: head, Transaction: raw, Receipt: &outcome}
	}
	head := func(height, applied uint64) *BlockHead {
		return &BlockHead{Proposer: "wuhan-1", Stamp: stamp + Instant(height), AppliedHeight: applied, AppliedHash: sampleHash(applied)}
	}
	add("the founding", FoundingRecord(testDomain))
	add("accepted, the first of a block", transaction(1, 0, "r-1", 0, head(1, 0), Receipt{}))
	all[1].Records = 3
	add("rejected, with what the reason speaks of", transaction(1, 1, "r-2", 0, nil, Receipt{Reason: InsufficientHolding, Subject: "CEA22 of buyer", Have: 5, Want: 7}))
	expiry := stamp - 1
	add("expired", transaction(1, 2, "r-3", expiry, nil, Receipt{Reason: Expired, Have: int64(expiry), Want: int64(stamp + 1)}))
	add("a block without a transaction", &OutcomeRecord{Height: 2, PreviousHash: sampleHash(1), Head: head(2, 0)})
	third := transaction(3, 0, "r-4", 0, head(3, 2), Receipt{})
	third.Records = 2
	third.StateRoot = &StateRoot{Height: 2, Day: 2024_01_02, Records: 5, Root: sampleHash(99)}
	add("accepted, and the root of the day that the block before closed", third)
	add("the second of its block", transaction(3, 1, "r-5", 0, nil, Receipt{}))
	return names, all
}

func makeRecordVectors(t *testing.T) *recordVectors {
	t.Helper()
	v := &recordVectors{About: aboutRecordVectors, Genesis: testDomain[:]}
	names, all := sampleLog(t)
	for i, r := range all {
		one := recordVector{Name: names[i], Entry: encode(t, r), Height: r.Height}
		if r.Receipt != nil {
			one.Position, one.ID, one.Number, one.Reason = r.Receipt.Position, r.Receipt.Id, r.Receipt.Reason, r.Receipt.Reason.String()
		}
		v.Entries = append(v.Entries, one)
	}
	for _, block := range [][]*OutcomeRecord{all[1:4], all[4:5], all[5:]} {
		b, ok, err := JoinBlock(block)
		if err != nil || !ok {
			t.Fatal(err)
		}
		v.Blocks = append(v.Blocks, blockVector{block[0].Height, encode(t, b)})
	}
	v.refuse(t, all)
	return v
}

// refuse has what is no record, and no block; the reasons are added by refusals.
func (v *recordVectors) refuse(t *testing.T, all []*OutcomeRecord) {
	t.Helper()
	raw := func(name string, index uint64, b []byte) {
		v.Refused.Records = append(v.Refused.Records, refusedRecord{Name: name, Entry: b, Index: index})
	}
	changed := func(name string, index uint64, change func(r *OutcomeRecord)) {
		r := new(OutcomeRecord)
		if err := r.Unmarshal(encode(t, all[index])); err != nil {
			t.Fatal(err)
		}
		change(r)
		raw(name, index, encode(t, r))
	}
	good := encode(t, all[1])
	raw("empty", 0, nil)
	raw("noise", 1, []byte("an outcome record"))
	raw("cut short", 1, good[:len(good)-1])
	raw("a byte behind it", 1, append(bytes.Clone(good), 0))
	raw("an unknown field", 4, join(encode(t, all[4]), field(15, 1)))
	raw("a height of 0 written out", 0, join(field(1, 0), field(2, testDomain[:])))
	raw("fields out of order", 4, join(field(2, testDomain[:]), field(1, 7)))
	raw("a previous hash twice", 0, join(field(2, testDomain[:]), field(2, testDomain[:])))
	raw("a length that is not minimal", 0, join([]byte{0x12, 0xa0, 0x00}, testDomain[:]))
	raw("no transaction, written out", 4, join(field(1, 7), field(2, testDomain[:]), field(4, "")))
	changed("a previous hash of 31 bytes", 1, func(r *OutcomeRecord) { r.PreviousHash = r.PreviousHash[1:] })
	changed("a transaction without a receipt", 1, func(r *OutcomeRecord) { r.Receipt = nil })
	changed("a receipt without a transaction", 1, func(r *OutcomeRecord) { r.Transaction = nil })
	changed("a founding with a head", 0, func(r *OutcomeRecord) { r.Head = new(BlockHead) })
	changed("a receipt of another height", 1, func(r *OutcomeRecord) { r.Receipt.Height++ })
	changed("a first record without its head", 1, func(r *OutcomeRecord) { r.Head = nil })
	changed("a second record with a head", 2, func(r *OutcomeRecord) { r.Head = new(BlockHead) })
	changed("a head that names its own height", 1, func(r *OutcomeRecord) { r.Head.AppliedHeight = 1 })
	changed("a head whose hash has 31 bytes", 1, func(r *OutcomeRecord) { r.Head.AppliedHash = r.Head.AppliedHash[1:] })
	changed("a head whose hash has 33 bytes", 4, func(r *OutcomeRecord) { r.Head.AppliedHash = append(r.Head.AppliedHash, 1) })
	changed("a head without a hash", 4, func(r *OutcomeRecord) { r.Head.AppliedHash = nil })
	changed("a head whose proposer does not show", 1, func(r *OutcomeRecord) { r.Head.Proposer = "wuhan\u202e-1" })
	changed("a head whose proposer is not UTF-8", 4, func(r *OutcomeRecord) { r.Head.Proposer = "\xff" })
	changed("a head whose proposer has 257 bytes", 4, func(r *OutcomeRecord) { r.Head.Proposer = strings.Repeat("n", 257) })
	changed("a first record without a count", 1, func(r *OutcomeRecord) { r.Records = 0 })
	changed("a count in a second record", 2, func(r *OutcomeRecord) { r.Records = 3 })
	changed("a count in a block without a transaction", 4, func(r *OutcomeRecord) { r.Records = 1 })
	changed("something carried out that nobody prepared", 1, func(r *OutcomeRecord) { r.CarriedOut = []CarriedOut{{Index: 1}} })
	changed("a state root in a second record", 2, func(r *OutcomeRecord) { r.StateRoot = all[5].StateRoot })
	changed("a state root of another height", 5, func(r *OutcomeRecord) { r.StateRoot.Height++ })
	changed("a state root of 31 bytes", 5, func(r *OutcomeRecord) { r.StateRoot.Root = r.StateRoot.Root[1:] })

	blocks := func(name string, records ...*OutcomeRecord) {
		one := refusedBlock{Name: name}
		for _, r := range records {
			one.Entries = append(one.Entries, encode(t, r))
		}
		v.Refused.Blocks = append(v.Refused.Blocks, one)
	}
	blocks("without its first record", all[2], all[3])
	blocks("without its second record", all[1], all[3])
	blocks("without its last record", all[1], all[2])
	blocks("in another order", all[1], all[3], all[2])
	blocks("its last record twice", all[1], all[2], all[3], all[3])
	blocks("a record of another block in it", all[1], all[6])
	blocks("a record without a transaction before others", all[4], all[2])
}

// refusals calls each with the reason's place and what the code says.
func (v *recordVectors) refusals(t *testing.T, each func(what string, reason *string, err error)) {
	t.Helper()
	for i := range v.Refused.Records {
		c := &v.Refused.Records[i]
		_, err := DecodeRecord(c.Entry)
		each(c.Name, &c.Reason, err)
	}
	for i := range v.Refused.Blocks {
		c := &v.Refused.Blocks[i]
		var records []*OutcomeRecord
		for _, e := range c.Entries {
			r, err := DecodeRecord(e)
			if err != nil {
				t.Fatalf("%s: %v", c.Name, err)
			}
			records = append(records, r)
		}
		_, _, err := JoinBlock(records)
		each(c.Name, &c.Reason, err)
	}
}

// TestRecordVectorsGolden: what a foreign implementer was given stays true.
func TestRecordVectorsGolden(t *testing.T) {
	made := makeRecordVectors(t)
	made.refusals(t, func(what string, reason *string, err error) {
		if err == nil {
			t.Fatalf("%s: not refused", what)
		}
		*reason = err.Error()
	})
	raw, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	raw = append(raw, '\n')
	if *rewrite {
		if err := os.WriteFile(recordsFile, raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	content, err := os.ReadFile(recordsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, content) {
		t.Errorf("%s differs: the form of entries changed, which no log survives; where a vector was only added, run go test ./tx -run Golden -rewrite", recordsFile)
	}
	var v recordVectors
	if err := json.Unmarshal(content, &v); err != nil {
		t.Fatal(err)
	}
	v.refusals(t, func(what string, reason *string, err error) {
		if err == nil || err.Error() != *reason {
			t.Errorf("%s: %v; the file says %q", what, err, *reason)
		}
	})
	verifier := NewVerifier(Domain(v.Genesis))
	for _, e := range v.Entries {
		r, err := DecodeRecord(e.Entry)
		if err != nil || r.Height != e.Height {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		if r.Receipt == nil {
			continue
		}
		got, err := verifier.Verify(r.Transaction)
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
		} else if id := got.ID(); !bytes.Equal(id[:], e.ID) || r.Receipt.Reason != e.Number || r.Receipt.Position != e.Position {
			t.Errorf("%s: another outcome", e.Name)
		}
	}
}
