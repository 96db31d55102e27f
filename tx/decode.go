package tx

import (
	"bytes"
	"unicode"
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
	// Orders holds two order bodies, buy and sell, for each SettleTrade, in
	// the order of the operations.
	Orders []OrderBody
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
		if !d.checkOperation(&d.Body.Operations[i]) {
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
	case !printable(d.Body.Reference, MaxReferenceBytes):
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
		if !knownKey(&all[i].Key) || len(all[i].Proof) > signatureBytes {
			return false
		}
	}
	return true
}

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

// shows accepts UTF-8 without control characters, line and paragraph separators,
// and the invisible ones that change how their neighbours show: what is signed
// must read as it is.
func shows(s string) bool {
	for _, r := range s {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return false
		}
	}
	return utf8.ValidString(s)
}

// checkOperation checks what gogoproto's decoder does not: texts, enumerations
// and nested encodings. Amounts and rights are rules of the ledger.
func (d *Decoded) checkOperation(o *Operation) bool {
	switch o := o.Operation.(type) {
	case *Operation_BringForward:
		return checkOpening(o.BringForward)
	case *Operation_BringForwardPage:
		return len(o.BringForwardPage.Page) > 0
	case *Operation_OpenAccount:
		a := o.OpenAccount
		_, known := Role_name[int32(a.Role)]
		return known && text(a.Id, a.Name, a.Region) && knownKeys(a.Keys)
	case *Operation_AddKey:
		return knownKeys([]ProvenKey{o.AddKey.Key})
	case *Operation_RevokeKey:
		return knownKey(&o.RevokeKey.Key)
	case *Operation_SetParameter:
		return text(o.SetParameter.Name) && len(o.SetParameter.Value) <= maxValueBytes && shows(o.SetParameter.Value)
	case *Operation_Deposit:
		return text(o.Deposit.Party)
	case *Operation_Withdraw:
		return text(o.Withdraw.Party)
	case *Operation_IssueAllowances:
		return text(o.IssueAllowances.To, o.IssueAllowances.Instrument, o.IssueAllowances.Document)
	case *Operation_SettleTrade:
		return d.checkTrade(o.SettleTrade)
	case *Operation_Surrender:
		return text(o.Surrender.Instrument)
	case *Operation_BookOffset:
		return text(o.BookOffset.Entity, o.BookOffset.Cancellation)
	case *Operation_SetObligation:
		return text(o.SetObligation.Entity)
	case *Operation_Transfer:
		return text(o.Transfer.To, o.Transfer.Instrument)
	case *Operation_SetValidator:
		v := &o.SetValidator.Validator
		return text(v.Name, v.Site, v.Address)
	case *Operation_RemoveValidator:
		return text(o.RemoveValidator.Name)
	}
	return true
}

func checkOpening(o *BringForward) bool {
	for i := range o.Instruments {
		if !text(o.Instruments[i].Instrument) {
			return false
		}
	}
	return true
}

func (d *Decoded) checkTrade(t *SettleTrade) bool {
	if t.Kind != Listed && t.Kind != BlockTrade || !text(t.Instrument) {
		return false
	}
	for _, s := range []*SignedOrder{&t.Buy, &t.Sell} {
		var o OrderBody
		if o.Unmarshal(s.Body) != nil || !same(&o, s.Body) || !wellFormed(s.Signature) {
			return false
		}
		if o.Side != Buy && o.Side != Sell || !text(o.ChainId, o.Party, o.Instrument) || !printable(o.Reference, MaxReferenceBytes) {
			return false
		}
		d.Orders = append(d.Orders, o)
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

// DecodeBlock reads a block in its one encoding, or returns false.
func DecodeBlock(raw []byte) (*Block, bool) {
	b := new(Block)
	if len(raw) > MaxBlockBytes || b.Unmarshal(raw) != nil || !same(b, raw) || !text(b.Proposer) {
		return nil, false
	}
	return b, true
}
