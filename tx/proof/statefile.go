package proof

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"carbonledger/tx"
)

// stateHeader begins the file of a StateReceipt.
const stateHeader = "carbonledger/state-proof@v1"

// MaxStateReceiptBytes bounds such a file.
const MaxStateReceiptBytes = MaxReceiptBytes + 2*MaxStateProofBytes

// StateReceipt proves what one record of the state was when a business day was
// closed: an ICS-23 proof to the root of that state, and a receipt of the log's
// entry that names the root.
type StateReceipt struct {
	Key, Proof []byte
	Receipt    *Receipt
}

// Encode writes the file: a header, key and proof in base64, an empty line, and the
// receipt's file.
func (s *StateReceipt) Encode() []byte {
	b := fmt.Appendf(nil, "%s\nkey %s\nproof %s\n\n", stateHeader, base64.StdEncoding.EncodeToString(s.Key), base64.StdEncoding.EncodeToString(s.Proof))
	return append(b, s.Receipt.Encode()...)
}

// ParseStateReceipt reads a file that Encode could have written, and no other.
func ParseStateReceipt(file []byte) (*StateReceipt, error) {
	if len(file) > MaxStateReceiptBytes {
		return nil, fmt.Errorf("proof: a state proof of %d bytes: the limit is %d", len(file), MaxStateReceiptBytes)
	}
	head, rest, ok := bytes.Cut(file, []byte("\n\n"))
	lines := bytes.Split(head, []byte("\n"))
	if !ok || len(lines) != 3 || string(lines[0]) != stateHeader {
		return nil, fmt.Errorf("proof: this is no state proof: it begins with %q, a key, a proof, and an empty line", stateHeader)
	}
	s := new(StateReceipt)
	for i, field := range []struct {
		name string
		into *[]byte
	}{{"key ", &s.Key}, {"proof ", &s.Proof}} {
		text, named := bytes.CutPrefix(lines[i+1], []byte(field.name))
		b, err := base64.StdEncoding.DecodeString(string(text))
		if !named || err != nil {
			return nil, fmt.Errorf("proof: line %d of the state proof is not %q and base64", i+2, field.name)
		}
		*field.into = b
	}
	var err error
	if s.Receipt, err = ParseReceipt(rest); err != nil {
		return nil, err
	}
	if !bytes.Equal(s.Encode(), file) {
		return nil, fmt.Errorf("proof: the state proof is not written as its format says")
	}
	return s, nil
}

// StateProven is what a StateReceipt proves.
type StateProven struct {
	Key []byte
	// Value of the record; Exists is false where there was none.
	Value  []byte
	Exists bool
	// Root is that of the state, with the height and the day that was closed.
	Root       tx.StateRoot
	Checkpoint Checkpoint
	// Index of the log's entry that names the root.
	Index        uint64
	Cosignatures []Cosignature
}

// Verify checks everything that a policy asks for, offline.
func (s *StateReceipt) Verify(p *Policy) (*StateProven, error) {
	log, err := s.Receipt.Verify(p)
	if err != nil {
		return nil, err
	}
	root := log.Record.StateRoot
	if root == nil {
		return nil, fmt.Errorf("proof: the log's entry %d names no root of a state", s.Receipt.Index)
	}
	out := &StateProven{Key: s.Key, Root: *root, Checkpoint: log.Checkpoint, Index: s.Receipt.Index, Cosignatures: log.Cosignatures}
	if out.Value, out.Exists, err = VerifyState(Hash(root.Root), s.Proof, s.Key); err != nil {
		return nil, err
	}
	return out, nil
}

// Absence says whether a state proof is one that there is no record.
func Absence(stateProof []byte) (bool, error) {
	_, absent, err := decodeStateProof(stateProof)
	return absent != nil, err
}

// Ranges of the state's keys (docs/format.md).
const (
	rangeHolding   = 0x06
	rangeStatement = 0x31
)

// HoldingKey takes the key of a holding apart.
func HoldingKey(key []byte) (party, instrument string, ok bool) {
	if len(key) == 0 || key[0] != rangeHolding {
		return "", "", false
	}
	before, after, ok := bytes.Cut(key[1:], []byte{0})
	return string(before), string(after), ok
}

// StatementKey takes the key of a statement apart.
func StatementKey(key []byte) (party string, ok bool) {
	if len(key) == 0 || key[0] != rangeStatement {
		return "", false
	}
	return string(key[1:]), true
}

// DecodeHolding reads the value of a holding's record: six sub-balances and two
// years, each a number of 8 bytes, big endian.
func DecodeHolding(key, value []byte) (h tx.Holding, err error) {
	party, instrument, ok := HoldingKey(key)
	if !ok || len(value) != 8*8 {
		return h, fmt.Errorf("proof: the record is no holding")
	}
	h.Party, h.Instrument = party, instrument
	for i, into := range []*tx.Tonnes{&h.RegistryAvailable, &h.TradingAvailable, &h.Locked, &h.Pending, &h.Pledged, &h.Frozen} {
		*into = tx.Tonnes(binary.BigEndian.Uint64(value[8*i:]))
		h.Tonnes += *into
	}
	return h, nil
}

// StatementFile is a party's statement between the closes of two business days: no
// transaction that touched the party is missing.
type StatementFile struct {
	Party string `json:"party"`
	// From proves how many entries there were before, and their head; empty for a
	// statement from the beginning. To proves how many there are in the end.
	From    string      `json:"from,omitempty"`
	To      string      `json:"to"`
	Entries []Statement `json:"entries"`
}

// Statement is one entry of a file.
type Statement struct {
	Index uint64 `json:"index"`
	// Record is the encoded outcome record, Puts the party's own records that the
	// transaction wrote.
	Record []byte `json:"record"`
	Puts   []byte `json:"puts"`
}

// MaxStatementFileBytes bounds such a file.
const MaxStatementFileBytes = 256 << 20

// Encode writes the file: JSON of one form (docs/format.md).
func (s *StatementFile) Encode() ([]byte, error) {
	one := *s
	one.Entries = append([]Statement{}, s.Entries...)
	for i := range one.Entries { // what is empty is written as such, never as null
		if e := &one.Entries[i]; e.Record == nil {
			e.Record = []byte{}
		}
		if e := &one.Entries[i]; e.Puts == nil {
			e.Puts = []byte{}
		}
	}
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	to.SetEscapeHTML(false)
	to.SetIndent("", " ")
	if err := to.Encode(&one); err != nil {
		return nil, fmt.Errorf("proof: encode the statement: %w", err)
	}
	return b.Bytes(), nil
}

// ParseStatement reads a file that Encode could have written, and no other: what
// is behind it, or in it twice, would be read by some and not by others.
func ParseStatement(file []byte) (*StatementFile, error) {
	s := new(StatementFile)
	if err := json.NewDecoder(bytes.NewReader(file)).Decode(s); err != nil {
		return nil, fmt.Errorf("proof: this is no statement: %w", err)
	}
	b, err := s.Encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(b, file) {
		return nil, fmt.Errorf("proof: the statement is not written as its format says")
	}
	return s, nil
}

// StatementProven is what a StatementFile proves.
type StatementProven struct {
	Party string
	// Before is how many entries come before the file's.
	Before uint64
	From   *StateProven // nil: from the beginning
	To     *StateProven
	// Records of the entries, in order.
	Records []*tx.OutcomeRecord
}

// Verify checks both ends by a policy, and that the entries lead from one to the
// other: then none is missing, added, altered or out of order.
func (s *StatementFile) Verify(p *Policy) (*StatementProven, error) {
	out := &StatementProven{Party: s.Party}
	end := func(what, file string) (proven *StateProven, size uint64, head Hash, err error) {
		r, err := ParseStateReceipt([]byte(file))
		if err == nil {
			proven, err = r.Verify(p)
		}
		if err != nil {
			return nil, 0, head, fmt.Errorf("the statement's %s: %w", what, err)
		}
		party, ok := StatementKey(proven.Key)
		if !ok || party != s.Party || proven.Exists && len(proven.Value) != 40 {
			return nil, 0, head, fmt.Errorf("proof: the statement's %s is not of the statement of %s", what, s.Party)
		}
		if proven.Exists {
			size, head = binary.BigEndian.Uint64(proven.Value), Hash(proven.Value[8:])
		}
		return proven, size, head, nil
	}
	var head Hash
	var err error
	if s.From != "" {
		if out.From, out.Before, head, err = end("beginning", s.From); err != nil {
			return nil, err
		}
	}
	to, size, want, err := end("end", s.To)
	if err != nil {
		return nil, err
	}
	if out.To = to; size != out.Before+uint64(len(s.Entries)) {
		return nil, fmt.Errorf("proof: the statement of %s has %d entries, the file holds those from %d to %d", s.Party, size, out.Before+1, out.Before+uint64(len(s.Entries)))
	}
	for i, e := range s.Entries {
		r, err := tx.DecodeRecord(e.Record)
		if err != nil {
			return nil, fmt.Errorf("proof: entry %d of the statement: %w", out.Before+uint64(i)+1, err)
		}
		head = StatementHead(head, StatementEntry{Index: e.Index, Leaf: LeafHash(e.Record), Puts: e.Puts})
		out.Records = append(out.Records, r)
	}
	if head != want {
		return nil, fmt.Errorf("proof: the entries do not lead to the head of the statement of %s: one is missing, added, altered or out of order", s.Party)
	}
	return out, nil
}
