package tx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// field encodes one field by hand, so that a test can write what no encoder
// would: a varint, or bytes with their length.
func field(number, value any) []byte {
	n := uint64(number.(int)) << 3
	switch v := value.(type) {
	case int:
		return binary.AppendUvarint(binary.AppendUvarint(nil, n), uint64(v))
	case int64:
		return binary.AppendUvarint(binary.AppendUvarint(nil, n), uint64(v))
	case string:
		return append(binary.AppendUvarint(binary.AppendUvarint(nil, n|2), uint64(len(v))), v...)
	case []byte:
		return append(binary.AppendUvarint(binary.AppendUvarint(nil, n|2), uint64(len(v))), v...)
	}
	panic("field: a value that is neither a number nor bytes")
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

type trap struct {
	name   string
	raw    []byte
	reason Reason
}

// wire holds the parts of one transaction, to be put together wrongly.
type wire struct {
	t         testing.TB
	head      []byte // chain, party and reference of a body
	deposit   []byte // an operation's submessage
	operation []byte // field 8 of Operation
	key       PrivateKey
}

func newWire(t testing.TB) *wire {
	deposit := join(field(1, "buyer"), field(2, 100))
	return &wire{
		t: t, head: join(field(1, "cets-test"), field(2, "registry"), field(3, "r-1")),
		deposit: deposit, operation: field(8, deposit), key: testKey(t, Ed25519, "registry"),
	}
}

// body is the wire's head and one operation of these bytes.
func (w *wire) body(operation []byte) []byte { return join(w.head, field(5, operation)) }

// transaction signs a body's bytes whatever they are.
func (w *wire) transaction(body []byte) []byte {
	sig, err := w.key.Sign(message(transactionTag, testDomain, body))
	if err != nil {
		w.t.Fatal(err)
	}
	return join(field(1, body), field(2, w.signature(sig)))
}

func (w *wire) signature(sig []byte) []byte {
	return join(field(1, join(field(1, 1), field(2, w.key.Public().Key))), field(2, sig))
}

// order signs a RegisterOrder of an order with these bytes.
func (w *wire) order(body []byte) []byte {
	sig, err := w.key.Sign(message(orderTag, testDomain, body))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.transaction(w.body(field(32, field(1, join(field(1, body), field(2, w.signature(sig)))))))
}

// traps are encodings that Decode must refuse, with the reason it gives.
func traps(t testing.TB) []trap {
	return slices.Concat(envelopeTraps(t), bodyTraps(t), textTraps(t), orderTraps(t))
}

func envelopeTraps(t testing.TB) []trap {
	w := newWire(t)
	body := w.body(w.operation)
	good := w.transaction(body)
	sig := good[len(field(1, body)):]
	key := join(field(1, 1), field(2, w.key.Public().Key))
	full := bytes.Repeat([]byte{7}, 64)
	withKey := func(key []byte) []byte { return join(field(1, body), field(2, join(field(1, key), field(2, full)))) }
	return []trap{
		{"empty", nil, NoOperations},
		{"one zero byte", []byte{0}, Malformed},
		{"noise", []byte("not a transaction"), Malformed},
		{"trailing byte", append(bytes.Clone(good), 0), Malformed},
		{"cut short", good[:len(good)-1], Malformed},
		{"unknown field", join(good, field(3, 1)), Malformed},
		{"unknown field of bytes", join(good, field(15, "x")), Malformed},
		{"unknown group", join(good, []byte{0x1b, 0x1c}), Malformed},
		{"group that never ends", join(good, bytes.Repeat([]byte{0x1b}, 1000)), Malformed},
		{"fields out of order", join(sig, field(1, body)), Malformed},
		{"body twice", join(field(1, body), field(1, body), sig), Malformed},
		{"length not minimal", join([]byte{0x0a, byte(len(body)) | 0x80, 0x00}, body, sig), Malformed},
		{"tag not minimal", join([]byte{0x8a, 0x00, byte(len(body))}, body, sig), Malformed},
		{"length beyond the end", []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x07}, Malformed},
		{"negative length", []byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, Malformed},
		{"varint of eleven bytes", join([]byte{0x0a}, bytes.Repeat([]byte{0xff}, 10), []byte{0x01}), Malformed},
		{"field number 0", []byte{0x02, 0x00}, Malformed},
		{"body as a number", join(field(1, 5), sig), Malformed},
		{"no signature", field(1, body), NoSignature},
		{"empty signature", join(field(1, body), field(2, "")), Malformed},
		{"signature without its key", join(field(1, body), field(2, field(2, full))), Malformed},
		{"signature of 63 bytes", join(field(1, body), field(2, w.signature(full[1:]))), BadSignature},
		{"signature of 65 bytes", join(field(1, body), field(2, w.signature(append(full, 7)))), BadSignature},
		{"empty key", withKey(nil), BadSignature},
		{"scheme 0 written out", withKey(join(field(1, 0), field(2, w.key.Public().Key))), Malformed},
		{"scheme left out", withKey(field(2, w.key.Public().Key)), BadSignature},
		{"unknown scheme", withKey(join(field(1, 3), field(2, w.key.Public().Key))), BadSignature},
		{"negative scheme", withKey(join(field(1, int64(-1)), field(2, w.key.Public().Key))), BadSignature},
		{"scheme beyond 32 bits", withKey(join(field(1, int64(1<<32+1)), field(2, w.key.Public().Key))), Malformed},
		{"key of 34 bytes", withKey(join(field(1, 2), field(2, make([]byte, 34)))), BadSignature},
		{"one key signs twice", join(field(1, body), field(2, join(field(1, key), field(2, full))), field(2, join(field(1, key), field(2, full)))), Malformed},
		{"signature's fields out of order", join(field(1, body), field(2, join(field(2, full), field(1, key)))), Malformed},
		{"too large", make([]byte, MaxTransactionBytes+1), TooLarge},
	}
}

func bodyTraps(t testing.TB) []trap {
	w := newWire(t)
	operation := func(o []byte) []byte { return w.transaction(w.body(o)) }
	withHead := func(head ...[]byte) []byte { return w.transaction(join(join(head...), field(5, w.operation))) }
	chain, party, reference := field(1, "cets-test"), field(2, "registry"), field(3, "r-1")
	return []trap{
		{"no operation", w.transaction(w.head), NoOperations},
		{"operation of no kind", operation(nil), UnknownOperation},
		{"operation of an unknown kind", operation(field(99, w.deposit)), UnknownOperation},
		{"two members of the oneof", operation(join(field(8, w.deposit), field(9, w.deposit))), Malformed},
		{"one member of the oneof twice", operation(join(field(8, w.deposit), field(8, w.deposit))), Malformed},
		{"unknown field beside the operation", operation(join(w.operation, field(99, 1))), Malformed},
		{"unknown field in the operation", operation(field(8, join(w.deposit, field(3, 1)))), Malformed},
		{"operation's fields out of order", operation(field(8, join(field(2, 100), field(1, "buyer")))), Malformed},
		{"duplicate amount", operation(field(8, join(w.deposit, field(2, 100)))), Malformed},
		{"amount 0 written out", operation(field(8, join(field(1, "buyer"), field(2, 0)))), Malformed},
		{"empty party written out", operation(field(8, join(field(1, ""), field(2, 100)))), Malformed},
		{"amount not minimal", operation(field(8, join(field(1, "buyer"), []byte{0x10, 0xe4, 0x00}))), Malformed},
		{"amount of 65 bits", operation(field(8, join(field(1, "buyer"), []byte{0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x03}))), Malformed},
		{"amount as fixed64", operation(field(8, join(field(1, "buyer"), []byte{0x11, 100, 0, 0, 0, 0, 0, 0, 0}))), Malformed},
		{"amount packed", operation(field(8, join(field(1, "buyer"), field(2, []byte{100})))), Malformed},
		{"day beyond 32 bits", operation(field(11, field(1, int64(1<<32+2024_01_02)))), Malformed},
		{"flag of 2", operation(field(19, field(1, join(field(1, "wuhan-1"), field(7, 2))))), Malformed},
		{"flag of 0 written out", operation(field(19, field(1, join(field(1, "wuhan-1"), field(7, 0))))), Malformed},
		{"unknown role", operation(field(3, join(field(1, "x"), field(2, 99), field(3, "x")))), Malformed},
		{"negative role", operation(field(3, join(field(1, "x"), field(2, int64(-1)), field(3, "x")))), Malformed},
		{"page without bytes", operation(field(2, "")), Malformed},
		{"a key to revoke of an unknown scheme", operation(field(5, field(1, join(field(1, 257), field(2, w.key.Public().Key))))), Malformed},
		{"a key to revoke of no scheme", operation(field(5, field(1, field(2, w.key.Public().Key)))), Malformed},
		{"a key to revoke of 34 bytes", operation(field(5, field(1, join(field(1, 1), field(2, make([]byte, 34)))))), Malformed},
		{"a key to add of an unknown scheme", operation(field(4, field(1, field(1, join(field(1, 258), field(2, w.key.Public().Key)))))), Malformed},
		{"a proof of 65 bytes", operation(field(4, field(1, join(field(1, join(field(1, 1), field(2, w.key.Public().Key))), field(2, make([]byte, 65)))))), Malformed},
		{"an account's key of an unknown scheme", operation(field(3, join(field(1, "x"), field(2, 6), field(3, "x"), field(5, field(1, join(field(1, 3), field(2, "k"))))))), Malformed},
		{"2,001 operations", w.transaction(join(w.head, bytes.Repeat(field(5, field(12, "")), 2_001))), TooLarge},
		{"required submessage left out", operation(field(4, "")), Malformed},
		{"expiry 0 written out", w.transaction(join(w.head, field(4, 0), field(5, w.operation))), Malformed},
		{"expiry after the operations", w.transaction(join(w.body(w.operation), field(4, 1))), Malformed},
		{"unknown field in the body", w.transaction(join(w.body(w.operation), field(6, 1))), Malformed},
		{"trailing byte in the body", w.transaction(append(w.body(w.operation), 0)), Malformed},
		{"chain twice", withHead(chain, chain, party, reference), Malformed},
		{"party before chain", withHead(party, chain, reference), Malformed},
	}
}

func textTraps(t testing.TB) []trap {
	w := newWire(t)
	var all []trap
	head := func(name, chain, party, reference string, want Reason) {
		b := testBody(&Operation_Deposit{Deposit: &Deposit{Party: "buyer", Amount: 100}})
		b.ChainId, b.Party, b.Reference = chain, party, reference
		all = append(all, trap{name, w.transaction(encode(t, b)), want})
	}
	head("no reference", "c", "p", "", BadReference)
	head("reference of 33 bytes", "c", "p", strings.Repeat("r", 33), BadReference)
	head("reference with a space", "c", "p", "r 1", BadReference)
	head("reference with a newline", "c", "p", "r\n", BadReference)
	head("reference with DEL", "c", "p", "r\x7f", BadReference)
	head("reference beyond ASCII", "c", "p", "号", BadReference)
	for _, bad := range []struct{ name, text string }{
		{"a zero byte", "x\x00"}, {"a newline", "x\n"}, {"an escape", "\x1b[2J"}, {"DEL", "x\x7f"}, {"a C1 control", "x\u009b2J"},
		{"invalid UTF-8", "x\xff"}, {"a surrogate", "\xed\xa0\x80"}, {"an overlong slash", "\xc0\xaf"}, {"a cut rune", "\xe5\x8f"},
		{"a text turned around", "x\u202e"}, {"a character of no width", "x\u200b"}, {"a line separator", "x\u2028"}, {"a paragraph separator", "x\u2029"},
		{"257 bytes", strings.Repeat("x", 257)},
	} {
		head("chain with "+bad.name, bad.text, "p", "r", Malformed)
		head("party with "+bad.name, "c", bad.text, "r", Malformed)
		for _, o := range textOperations(bad.text) {
			if len(bad.text) == maxTextBytes+1 && o.name == "SetParameter.Value" {
				o.o.(*Operation_SetParameter).SetParameter.Value = strings.Repeat("x", maxValueBytes+1)
			}
			all = append(all, trap{bad.name + " in " + strings.TrimPrefix(o.name, "*"), w.transaction(w.body(encode(t, &Operation{Operation: o.o}))), Malformed})
		}
	}
	return all
}

type namedOperation struct {
	name string
	o    isOperation_Operation
}

// textOperations puts one text into every text field of every operation, one at a
// time.
func textOperations(s string) []namedOperation {
	all := []namedOperation{
		{"BringForward.Instruments.Instrument", &Operation_BringForward{&BringForward{Instruments: []InstrumentPosition{{Instrument: "CEA22"}, {Instrument: s}}}}},
		{"StateTotals.Tradable.Instrument", &Operation_StateTotals{&StateTotals{Tradable: []InstrumentTotal{{Instrument: "CEA22"}, {Instrument: s}}}}},
	}
	for _, w := range (*Operation)(nil).XXX_OneofWrappers() {
		kind := reflect.TypeOf(w).Elem()
		message := kind.Field(0).Type.Elem()
		for _, path := range textFields(message) {
			o, m := reflect.New(kind), reflect.New(message)
			m.Elem().FieldByIndex(path).SetString(s)
			o.Elem().Field(0).Set(m)
			all = append(all, namedOperation{message.Name() + "." + message.FieldByIndex(path).Name, o.Interface().(isOperation_Operation)})
		}
	}
	return all
}

// textFields are the text fields of a message and of the messages in it, but for
// keys and orders, which have traps of their own.
func textFields(message reflect.Type) (paths [][]int) {
	for i := range message.NumField() {
		switch f := message.Field(i); {
		case f.Type.Kind() == reflect.String:
			paths = append(paths, []int{i})
		case f.Type.Kind() == reflect.Struct && f.Type != reflect.TypeFor[ProvenKey]() && f.Type != reflect.TypeFor[SignedOrder]():
			for _, inner := range textFields(f.Type) {
				paths = append(paths, append([]int{i}, inner...))
			}
		}
	}
	return paths
}

func orderTraps(t testing.TB) []trap {
	w := newWire(t)
	head := join(field(1, "cets-test"), field(2, "buyer"))
	kind := field(9, 10)
	all := []trap{
		{"order without a reference", w.order(join(head, field(5, 1), kind)), Malformed},
		{"order of an unknown side", w.order(join(head, field(3, "o-1"), field(5, 3), kind)), Malformed},
		{"order with side 0 written out", w.order(join(head, field(3, "o-1"), field(5, 0), kind)), Malformed},
		{"order with an unknown field", w.order(join(head, field(3, "o-1"), field(5, 1), kind, field(11, 1))), Malformed},
		{"order's fields out of order", w.order(join(field(2, "buyer"), field(1, "cets-test"), field(3, "o-1"), field(5, 1), kind)), Malformed},
		{"order with a trailing byte", w.order(append(join(head, field(3, "o-1"), field(5, 1), kind), 0)), Malformed},
		{"order with a control character", w.order(join(field(1, "x\n"), field(3, "o-1"), field(5, 1), kind)), Malformed},
		{"order with invalid UTF-8", w.order(join(head, field(3, "o-1"), field(4, "\xff"), field(5, 1), kind)), Malformed},
		{"order of no trade method", w.order(join(head, field(3, "o-1"), field(5, 1))), Malformed},
		{"registration without an order", w.transaction(w.body(field(32, ""))), Malformed},
	}
	for _, kind := range []TradeKind{11, -10} {
		trade := &Operation_RecordTrade{RecordTrade: &RecordTrade{Kind: kind}}
		all = append(all, trap{"unknown kind of trade", sign(t, testBody(trade), w.key), Malformed})
	}
	inner := &Operation_Prepare{Prepare: &Prepare{Operations: []Operation{{Operation: &Operation_Prepare{Prepare: &Prepare{}}}}}}
	all = append(all, trap{"prepared within prepared", sign(t, testBody(inner), w.key), Malformed},
		trap{"prepared operation of no kind", sign(t, testBody(&Operation_Prepare{Prepare: &Prepare{Operations: []Operation{{}}}}), w.key), Malformed},
		trap{"approval of half an id", sign(t, testBody(&Operation_Approve{Approve: &Approve{Prepared: make([]byte, 16)}}), w.key), Malformed})
	registration := testRegistration(t, Buy, "buyer", w.key)
	short := &registration.RegisterOrder.Order.Signature
	short.Signature = short.Signature[1:]
	return append(all, trap{"order's signature of 63 bytes", sign(t, testBody(registration), w.key), Malformed})
}

func TestTraps(t *testing.T) {
	v := NewVerifier(testDomain)
	for _, c := range traps(t) {
		_, err := Decode(c.raw)
		var r *Rejection
		if !errors.As(err, &r) || r.Reason != c.reason {
			t.Errorf("%s: %v, want %v", c.name, err, c.reason)
		}
		if _, again := v.Verify(c.raw); again == nil || err == nil || again.Error() != err.Error() {
			t.Errorf("%s: Verify says %v", c.name, again)
		}
		if _, again := TransactionID(testDomain, c.raw); again == nil {
			t.Errorf("%s: it has an id", c.name)
		}
	}
}

// TestNotTraps holds what is canonical although it looks strange: amounts and
// rights are rules of the ledger, not of the encoding.
func TestNotTraps(t *testing.T) {
	w := newWire(t)
	for name, raw := range map[string][]byte{
		"by hand":            w.transaction(w.body(w.operation)),
		"order by hand":      w.order(join(field(1, "cets-test"), field(2, "buyer"), field(3, "o-1"), field(5, 1), field(9, 10))),
		"negative amount":    w.transaction(w.body(field(8, join(field(1, "buyer"), field(2, int64(-1)))))),
		"amount left out":    w.transaction(w.body(field(8, field(1, "buyer")))),
		"empty operation":    w.transaction(w.body(field(8, ""))),
		"negative expiry":    w.transaction(join(w.head, field(4, int64(-1)), field(5, w.operation))),
		"another chain":      w.transaction(join(field(1, "other"), field(3, "r"), field(5, w.operation))),
		"no chain, no party": w.transaction(join(field(3, "r"), field(5, w.operation))),
		"256 bytes of text":  w.transaction(w.body(field(8, field(1, strings.Repeat("x", 256))))),
		"32 reference bytes": w.transaction(join(field(3, strings.Repeat("~", 32)), field(5, w.operation))),
		"replacement rune":   w.transaction(w.body(field(8, field(1, "\ufffd")))),
		"two operations":     w.transaction(join(w.body(w.operation), field(5, w.operation))),
	} {
		if _, err := NewVerifier(testDomain).Verify(raw); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSizeLimits(t *testing.T) {
	key := testKey(t, Ed25519, "registry")
	page := &BringForwardPage{Page: make([]byte, MaxTransactionBytes)}
	if _, err := NewTransaction(testDomain, testBody(&Operation_BringForwardPage{page}), key); err == nil || !strings.Contains(err.Error(), "split its operations") {
		t.Errorf("a transaction that is too large: %v", err)
	}
	page.Page = page.Page[:MaxTransactionBytes-200]
	raw := sign(t, testBody(&Operation_BringForwardPage{page}), key)
	page.Page = make([]byte, len(page.Page)+MaxTransactionBytes-len(raw))
	raw = sign(t, testBody(&Operation_BringForwardPage{page}), key)
	if _, err := NewVerifier(testDomain).Verify(raw); err != nil || len(raw) != MaxTransactionBytes {
		t.Errorf("a transaction of %d bytes: %v", len(raw), err)
	}
	b := &Block{AppliedHash: make([]byte, 32), Transactions: [][]byte{make([]byte, MaxBlockBytes-4-34)}}
	if raw := encode(t, b); len(raw) != MaxBlockBytes {
		t.Fatalf("the block has %d bytes", len(raw))
	} else if _, ok := DecodeBlock(raw, 1); !ok {
		t.Error("a block of the greatest size is refused")
	}
	b.Transactions[0] = make([]byte, MaxBlockBytes-3-34)
	if _, ok := DecodeBlock(encode(t, b), 1); ok {
		t.Error("a block above the greatest size is accepted")
	}
}

func TestBlockAndPageTraps(t *testing.T) {
	hash := field(4, string(make([]byte, 32)))
	block := encode(t, &Block{Proposer: "wuhan-1", Stamp: 5, AppliedHeight: 1, AppliedHash: make([]byte, 32), Transactions: [][]byte{{1}, {}}})
	if _, ok := DecodeBlock(block, 2); !ok {
		t.Fatal("a good block is refused")
	}
	if _, ok := DecodeBlock(hash, 1); !ok {
		t.Fatal("the least block is refused")
	}
	if _, ok := DecodeBlock(block, 1); ok {
		t.Error("a proposer that had executed the block before: accepted")
	}
	for name, raw := range map[string][]byte{
		"trailing byte": append(bytes.Clone(block), 0), "cut short": block[:len(block)-1], "unknown field": join(block, field(6, 1)),
		"stamp twice": join(field(2, 5), field(2, 5), hash), "stamp 0": join(field(2, 0), hash), "out of order": join(field(3, 1), field(2, 5), hash),
		"stamp not minimal": join([]byte{0x10, 0x85, 0x00}, hash), "proposer not UTF-8": join(field(1, "\xff"), hash), "proposer with a control": join(field(1, "a\tb"), hash),
		"noise": []byte("a block of noise"), "nothing": nil, "no running hash": field(1, "a"), "half a running hash": field(4, string(make([]byte, 31))), "more than a running hash": field(4, string(make([]byte, 33))),
	} {
		if _, ok := DecodeBlock(raw, 3); ok {
			t.Errorf("block, %s: accepted", name)
		}
	}
	page := encode(t, testPage())
	if p, ok := DecodeOpeningPage(page); !ok || !p.Equal(testPage()) {
		t.Fatal("a good page is refused")
	}
	for name, raw := range map[string][]byte{
		"trailing byte": append(bytes.Clone(page), 0), "cut short": page[:len(page)-1], "unknown field": join(page, field(3, 1)),
		"money before holdings": join(field(2, field(1, "a")), field(1, field(1, "a"))), "tonnes 0": field(1, join(field(1, "a"), field(3, 0))),
		"party not UTF-8": field(1, field(1, "\xff")), "instrument with a control": field(1, field(2, "\n")), "payee not UTF-8": field(2, field(1, "\xff")),
	} {
		if _, ok := DecodeOpeningPage(raw); ok {
			t.Errorf("page, %s: accepted", name)
		}
	}
}
