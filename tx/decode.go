package tx

import (
	"bytes"
	"unicode/utf8"
)

const (
	// MaxTransactionBytes bounds an encoded transaction, so that its outcome
	// record fits a log entry of 65,535 bytes.
	MaxTransactionBytes = 60_000
	// MaxOperations bounds the operations of a transaction, so that what is
	// remembered of it is in proportion to its bytes.
	MaxOperations = 2_000
	// MaxBlockBytes bounds an encoded block.
	MaxBlockBytes = 512 << 10
	// MaxReferenceBytes bounds a client's reference.
	MaxReferenceBytes = 32
	maxTextBytes      = 256
	// maxValueBytes bounds the value of a parameter.
	maxValueBytes = 2_000
)

// Decoded is a transaction whose encoding is canonical; its signatures are not
// checked yet.
type Decoded struct {
	Transaction Transaction
	Body        Body
}

// Decode reads a transaction. It accepts bytes only if encoding what it read
// gives the same bytes again, every text is UTF-8 that shows, and keys, sides
// and trade methods are of kinds that exist. Its error is a *Rejection. It keeps
// references into raw.
func Decode(raw []byte) (*Decoded, error) {
	if len(raw) > MaxTransactionBytes {
		return nil, &Rejection{Reason: TooLarge, Have: MaxTransactionBytes, Want: int64(len(raw))}
	}
	d := new(Decoded)
	if d.Transaction.Unmarshal(raw) != nil || d.Body.Unmarshal(d.Transaction.Body) != nil {
		return nil, &Rejection{Reason: Malformed}
	}
	for i := range d.Body.Operations {
		if d.Body.Operations[i].Operation == nil {
			return nil, &Rejection{Reason: UnknownOperation, Operation: uint32(i)}
		}
	}
	if !same(&d.Transaction, raw) || !same(&d.Body, d.Transaction.Body) {
		return nil, &Rejection{Reason: Malformed}
	}
	if r := d.checkFrame(); r != nil {
		return nil, r
	}
	for i := range d.Body.Operations {
		if !checkOperation(&d.Body.Operations[i]) {
			return nil, &Rejection{Reason: Malformed, Operation: uint32(i)}
		}
	}
	return d, nil
}

type encoded interface {
	Size() int
	MarshalToSizedBuffer([]byte) (int, error)
}

// same reports whether m encodes to exactly raw.
func same(m encoded, raw []byte) bool {
	if m.Size() != len(raw) {
		return false
	}
	b := make([]byte, len(raw))
	n, err := m.MarshalToSizedBuffer(b)
	return err == nil && n == len(raw) && bytes.Equal(b, raw)
}

func (d *Decoded) checkFrame() *Rejection {
	switch {
	case len(d.Body.Operations) == 0:
		return &Rejection{Reason: NoOperations}
	case len(d.Body.Operations) > MaxOperations:
		return &Rejection{Reason: TooLarge, Subject: "operations", Have: MaxOperations, Want: int64(len(d.Body.Operations))}
	case len(d.Transaction.Signatures) == 0:
		return &Rejection{Reason: NoSignature}
	case !ValidReference(d.Body.Reference):
		return &Rejection{Reason: BadReference}
	case !text(d.Body.ChainId, d.Body.Party):
		return &Rejection{Reason: Malformed}
	}
	for i, s := range d.Transaction.Signatures {
		if !wellFormed(s) {
			return &Rejection{Reason: BadSignature}
		}
		for _, other := range d.Transaction.Signatures[:i] {
			if other.Key.Equal(&s.Key) {
				return &Rejection{Reason: Malformed, Subject: "two signatures by one key"}
			}
		}
	}
	return nil
}

func wellFormed(s Signature) bool { return knownKey(&s.Key) && len(s.Signature) == signatureBytes }

// knownKey accepts a key of a scheme that exists and of a size that it may have.
// Whether it is a point of the curve is a rule of the ledger.
func knownKey(k *PublicKey) bool {
	return (k.Scheme == Ed25519 || k.Scheme == SM2) && len(k.Key) <= sm2KeyBytes
}

func knownKeys(all []ProvenKey) bool {
	for i := range all {
		if !knownKey(&all[i].Key) || len(all[i].Proof) > signatureBytes || !text(all[i].Person) {
			return false
		}
	}
	return true
}

// ValidReference reports whether s can be a reference, or the number of an
// application: 1 to MaxReferenceBytes visible ASCII characters.
func ValidReference(s string) bool { return printable(s, MaxReferenceBytes) }

// printable accepts 1 to most bytes of visible ASCII.
func printable(s string, most int) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= most
}

// text accepts UTF-8 that shows as it is, at most 256 bytes each.
func text(all ...string) bool {
	for _, s := range all {
		if len(s) > maxTextBytes || !shows(s) {
			return false
		}
	}
	return true
}

// shows accepts UTF-8 whose characters all show: what is signed must read as it is.
func shows(s string) bool {
	for _, r := range s {
		if !Shows(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// Shows is false for control characters, line and paragraph separators, and the
// invisible ones that change how their neighbours show. Which ones these are is
// written down in hidden, because a replica that another Go release built must not
// think otherwise.
func Shows(r rune) bool {
	if r >= ' ' && r <= '~' {
		return true
	}
	for _, of := range hidden {
		if r >= of[0] && r <= of[1] {
			return false
		}
	}
	return true
}

// DecodeOpeningPage reads the bytes of a BringForwardPage, in their one
// encoding, or returns false.
func DecodeOpeningPage(raw []byte) (*OpeningPage, bool) {
	p := new(OpeningPage)
	if p.Unmarshal(raw) != nil || !same(p, raw) {
		return nil, false
	}
	for i := range p.Holdings {
		if !text(p.Holdings[i].Party, p.Holdings[i].Instrument) {
			return nil, false
		}
	}
	for i := range p.Money {
		if !text(p.Money[i].Party) {
			return nil, false
		}
	}
	return p, true
}

// DecodeBlock reads the block of a height in its one encoding, or returns false.
func DecodeBlock(raw []byte, height uint64) (*Block, bool) {
	b := new(Block)
	if len(raw) > MaxBlockBytes || b.Unmarshal(raw) != nil || !same(b, raw) || !b.Head().formed(height) {
		return nil, false
	}
	return b, true
}
