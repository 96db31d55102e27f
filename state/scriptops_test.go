package state_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"carbonledger/tx"

	"github.com/cockroachdb/datadriven"
)

// shortNames of operations and fields in scripts.
var shortNames = map[string]string{
	"issue": "issue-allowances", "offset": "book-offset", "obligation": "set-obligation", "clock": "set-clock", "parameter": "set-parameter",
	"version": "set-protocol-version", "account": "open-account", "trade": "record-trade", "order": "register-order", "policy": "set-policy",
	"validator": "set-validator", "bring-page": "bring-forward-page", "verification": "record-verification", "deduction": "record-deduction",
	"behalf": "surrender-on-behalf", "decide": "decide-application", "force": "force-surrender", "repay": "repay-receivable", "move": "move-holding",
	"restrict": "restrict-account", "merge": "merge-accounts", "close": "close-account", "change": "change-account", "by-law": "transfer-by-law",
	"announce": "announce-bidding", "conclude": "conclude-bidding", "suspend": "suspend-trading", "totals": "state-totals", "trade-ccer": "trade-ccer",
	"reduction": "register-reduction", "cancel": "cancel-voluntarily", "carry-over": "apply-carry-over",
}

var shortFields = map[string][]string{
	"of": {"instrument", "entity", "batch"}, "t": {"tonnes"}, "doc": {"document", "cancellation", "registration"}, "fen": {"amount"},
	"to": {"to", "party"}, "from": {"from", "party"}, "for": {"entity", "beneficiary"}, "n": {"version", "persons"}, "app": {"application"},
	"table": {"table_sha256", "report_sha256"}, "money": {"money"},
}

// operation reads "deposit to=e0 fen=100".
func (s *script) operation(d *datadriven.TestData, asker, text string) tx.Operation {
	w := strings.Fields(text)
	a := map[string]string{}
	for _, x := range w[1:] {
		name, value, _ := strings.Cut(x, "=")
		a[name] = value
	}
	name := w[0]
	if long, short := shortNames[name]; short {
		name = long
	}
	if name == "none" {
		return tx.Operation{}
	}
	if o, rare := s.rarer(d, asker, name, a, text); rare {
		return o
	}
	for _, wrapper := range (*tx.Operation)(nil).XXX_OneofWrappers() {
		t := reflect.TypeOf(wrapper).Elem()
		if kebab(protoName(t.Field(0))) != name {
			continue
		}
		v := reflect.New(t)
		m := reflect.New(t.Field(0).Type.Elem())
		v.Elem().Field(0).Set(m)
		for field, value := range a {
			s.setField(d, m.Elem(), field, value)
		}
		return op(v.Interface())
	}
	d.Fatalf(s.t, "no operation %s", w[0])
	return tx.Operation{}
}

func protoName(f reflect.StructField) string {
	for part := range strings.SplitSeq(f.Tag.Get("protobuf"), ",") {
		if name, is := strings.CutPrefix(part, "name="); is {
			return name
		}
	}
	return ""
}

func kebab(s string) string { return strings.ReplaceAll(s, "_", "-") }

// setField sets a field of a message by its name in tx.proto, or a short one.
// Enumerations have the end of their value's name, bytes are hexadecimal, or the
// SHA-256 of a word after "sha:", or the id of a transaction after "id:".
func (s *script) setField(d *datadriven.TestData, m reflect.Value, field, value string) {
	names := append([]string{field, strings.ReplaceAll(field, "-", "_")}, shortFields[field]...)
	for i := range m.NumField() {
		if !slices.Contains(names, protoName(m.Type().Field(i))) {
			continue
		}
		f := m.Field(i)
		switch f.Kind() {
		case reflect.String:
			f.SetString(strings.ReplaceAll(value, "_", " "))
		case reflect.Bool:
			f.SetBool(value == "yes" || value == "")
		case reflect.Int64:
			f.SetInt(whole(value))
		case reflect.Uint32, reflect.Uint64:
			f.SetUint(uint64(whole(value)))
		case reflect.Int32:
			f.SetInt(int64(s.enumeration(d, f, value)))
		case reflect.Slice:
			s.setSlice(d, f, value)
		default:
			if order, is := f.Addr().Interface().(*tx.OrderName); is {
				order.Party, order.Reference, _ = strings.Cut(value, "/")
				return
			}
			d.Fatalf(s.t, "a script cannot set %s", field)
		}
		return
	}
	d.Fatalf(s.t, "no field %s", field)
}

// enumeration reads a number, or the end of a value's name in lower case.
func (s *script) enumeration(d *datadriven.TestData, f reflect.Value, value string) int32 {
	if n, err := strconv.Atoi(value); err == nil {
		return int32(n)
	}
	end := "_" + strings.ToUpper(strings.ReplaceAll(value, "-", "_"))
	for n := int32(0); n < 64; n++ {
		f.SetInt(int64(n))
		if e, is := f.Interface().(fmt.Stringer); is && strings.HasSuffix(e.String(), end) {
			return n
		}
	}
	d.Fatalf(s.t, "no value %s", value)
	return 0
}

// setSlice reads bytes, or INSTRUMENT:TONNES with commas between.
func (s *script) setSlice(d *datadriven.TestData, f reflect.Value, value string) {
	if totals, is := f.Addr().Interface().(*[]tx.InstrumentTotal); is {
		for part := range strings.SplitSeq(value, ",") {
			code, n, _ := strings.Cut(part, ":")
			*totals = append(*totals, tx.InstrumentTotal{Instrument: code, Tonnes: tx.Tonnes(whole(n))})
		}
		return
	}
	if word, is := strings.CutPrefix(value, "sha:"); is {
		sum := sha256.Sum256([]byte(word))
		f.SetBytes(sum[:])
		return
	}
	if label, is := strings.CutPrefix(value, "id:"); is {
		id, err := tx.TransactionID(s.f.Hash, s.raws[label])
		if err != nil {
			id = sha256.Sum256([]byte(label)) // of nothing
		}
		f.SetBytes(id[:])
		return
	}
	b, err := hex.DecodeString(value)
	if err != nil {
		d.Fatalf(s.t, "%s: %v", value, err)
	}
	f.SetBytes(b)
}

// rarer reads the operations that carry keys, orders, pages or operations, and
// gives an issue what all have in common.
func (s *script) rarer(d *datadriven.TestData, asker, verb string, a map[string]string, text string) (tx.Operation, bool) {
	switch verb {
	case "set-clock":
		at := s.f.Start
		if a["ms"] != "" {
			at += tx.Instant(whole(a["ms"]))
		}
		if a["day"] != "" {
			at = tx.Day(whole(a["day"])).Start()
		}
		if a["minute"] != "" {
			at += tx.Instant(whole(a["minute"]) * 60_000)
		}
		return op(&tx.Operation_SetClock{SetClock: &tx.SetClock{Time: at}}), true
	case "issue-allowances":
		if _, given := a["stage"]; !given {
			a["stage"] = "adjustment"
		}
		if _, given := a["table"]; !given {
			a["table"] = "sha:table"
		}
	case "record-verification":
		if _, given := a["table"]; !given {
			a["table"] = "sha:report"
		}
	case "open-account":
		o := &tx.OpenAccount{Id: strings.ReplaceAll(a["id"], "_", " "), Role: tx.Role(tx.Role_value["ROLE_"+strings.ToUpper(strings.ReplaceAll(a["role"], "-", "_"))]), Name: "test", Region: a["region"], USCC: a["uscc"]}
		if name, given := a["name"]; given {
			o.Name = name
		}
		if n, given := strings.CutPrefix(a["uscc"], "#"); given {
			o.USCC = tx.PracticeUSCC(int(whole(n)))
		}
		o.Sector = tx.Sector(tx.Sector_value["SECTOR_"+strings.ToUpper(a["sector"])])
		o.Keys = s.provenAll(o.Id, a["keys"])
		return op(&tx.Operation_OpenAccount{OpenAccount: o}), true
	case "recover-keys":
		o := &tx.RecoverKeys{Party: a["party"], Keys: s.provenAll(a["party"], a["keys"]), Document: a["doc"]}
		return op(&tx.Operation_RecoverKeys{RecoverKeys: o}), true
	case "add-key":
		return op(&tx.Operation_AddKey{AddKey: &tx.AddKey{Key: s.proven(asker, a["key"])}}), true
	case "revoke-key":
		return op(&tx.Operation_RevokeKey{RevokeKey: &tx.RevokeKey{Key: s.key(a["key"]).Public()}}), true
	case "prepare": // prepare [operation] [operation]
		o := new(tx.Prepare)
		_, inner, _ := strings.Cut(text, " ")
		for part := range strings.SplitSeq(inner, "]") {
			if part = strings.TrimLeft(part, " ["); part != "" {
				o.Operations = append(o.Operations, s.operation(d, asker, part))
			}
		}
		return op(&tx.Operation_Prepare{Prepare: o}), true
	case "register-order":
		return op(&tx.Operation_RegisterOrder{RegisterOrder: &tx.RegisterOrder{Order: s.order(a)}}), true
	case "set-validator":
		v := s.validator(a["name"], a["voter"] != "no")
		if a["site"] != "" {
			v.Site = strings.ReplaceAll(a["site"], "_", " ")
		}
		if a["as"] != "" {
			other := s.validator(a["as"], true)
			v.NodeKey = other.NodeKey
		}
		if a["incarnation"] != "" {
			v.IncarnationSha256 = s.validator(a["incarnation"], true).IncarnationSha256
		}
		return op(&tx.Operation_SetValidator{SetValidator: &tx.SetValidator{Validator: v}}), true
	case "bring-forward":
		return op(&tx.Operation_BringForward{BringForward: s.opening(a)}), true
	case "bring-forward-page":
		page, known := s.pages[a["page"]]
		if !known {
			page = []byte(a["page"])
		}
		return op(&tx.Operation_BringForwardPage{BringForwardPage: &tx.BringForwardPage{Page: page}}), true
	}
	return tx.Operation{}, false
}

func (s *script) provenAll(party, names string) (all []tx.ProvenKey) {
	for k := range strings.SplitSeq(names, ",") {
		if k != "" {
			all = append(all, s.proven(party, k))
		}
	}
	return all
}

// op puts an operation into its envelope; its case of the oneof has no name
// outside tx.
func op(o any) (operation tx.Operation) {
	reflect.ValueOf(&operation.Operation).Elem().Set(reflect.ValueOf(o))
	return operation
}

// proven proves a key for a party; "!k" spoils the proof, "small" is a key of
// small order, with the proof of nobody. After the name, each after a colon:
// rights as a number, the person, first and last instant of validity in
// milliseconds after the founding.
func (s *script) proven(party, text string) tx.ProvenKey {
	name, rest, _ := strings.Cut(text, ":")
	bad := strings.HasPrefix(name, "!")
	k, err := tx.ProveKey(s.f.Hash, party, s.key(strings.TrimPrefix(name, "!")))
	s.must(err)
	if bad {
		k.Proof[0] ^= 1
	}
	if name == "small" {
		// The neutral element signs everything: R is neutral and S is zero.
		k.Key.Key = append([]byte{1}, make([]byte, 31)...)
		k.Proof = append([]byte{1}, make([]byte, 63)...)
	}
	part := strings.Split(rest+":::", ":")
	if part[0] != "" {
		k.Rights = uint32(whole(part[0]))
	}
	k.Person = part[1]
	if part[2] != "" {
		k.ValidFrom = s.f.Start + tx.Instant(whole(part[2]))
	}
	if part[3] != "" {
		k.ValidUntil = s.f.Start + tx.Instant(whole(part[3]))
	}
	return k
}

// opening reads as-of=DAY money=FEN t=FEN y=FEN pages=a,b and CODE=TONNES/CLOSE.
func (s *script) opening(a map[string]string) *tx.BringForward {
	o := &tx.BringForward{AsOf: 20231229}
	for _, i := range s.f.Instruments {
		if v, given := a[i.Code]; given {
			tonnes, price, _ := strings.Cut(v, "/")
			o.Instruments = append(o.Instruments, tx.InstrumentPosition{Instrument: i.Code, Tonnes: tx.Tonnes(whole(tonnes)), Close: tx.Fen(whole(price))})
		}
	}
	if v, given := a["unknown"]; given {
		o.Instruments = append(o.Instruments, tx.InstrumentPosition{Instrument: v})
	}
	for name, into := range map[string]func(int64){
		"as-of": func(n int64) { o.AsOf = tx.Day(n) }, "money": func(n int64) { o.Money = tx.Fen(n) },
		"tonnes": func(n int64) { o.CumulativeTonnes = tx.Tonnes(n) }, "amount": func(n int64) { o.CumulativeAmount = tx.Fen(n) },
	} {
		if v, given := a[name]; given {
			into(whole(v))
		}
	}
	for name := range strings.SplitSeq(a["pages"], ",") {
		if name != "" {
			page, known := s.pages[name]
			if !known {
				page = []byte(name)
			}
			sum := sha256.Sum256(page)
			o.PageSha256 = append(o.PageSha256, sum[:])
		}
	}
	return o
}

// order reads name=PARTY/REFERENCE of= side=buy|sell limit= t= and, where it is
// not today's listed order of this chain under the party's own key, day= chain=
// key= kind=listed|block|bidding session=.
func (s *script) order(a map[string]string) tx.SignedOrder {
	party, reference, _ := strings.Cut(a["name"], "/")
	o := &tx.OrderBody{
		ChainId: s.f.ChainID, Party: party, Reference: reference, Instrument: a["of"], Side: tx.Buy,
		LimitPrice: tx.Fen(whole(a["limit"])), Quantity: tx.Tonnes(whole(a["t"])), Day: s.ledger.Head().Day, Kind: tx.Listed, Session: a["session"],
	}
	key := s.key(party)
	for name, value := range a {
		switch name {
		case "side":
			if value == "sell" {
				o.Side = tx.Sell
			}
		case "day":
			o.Day = tx.Day(whole(value))
		case "chain":
			o.ChainId = value
		case "key":
			key = s.key(value)
		case "kind":
			o.Kind = map[string]tx.TradeKind{"listed": tx.Listed, "block": tx.BlockTrade, "bidding": tx.Bidding}[value]
		}
	}
	signed, err := tx.NewOrder(s.f.Hash, o, key)
	s.must(err)
	return signed
}
