package state_test

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"strings"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/datadriven"
)

// operation reads "deposit party=e0 amount=100".
func (s *script) operation(d *datadriven.TestData, asker, text string) tx.Operation {
	w := strings.Fields(text)
	a := map[string]string{}
	for _, x := range w[1:] {
		name, value, _ := strings.Cut(x, "=")
		a[name] = value
	}
	text32 := func(name string) string { return strings.ReplaceAll(a[name], "_", " ") }
	n := func(name string) int64 {
		if a[name] == "" {
			return 0
		}
		return whole(a[name])
	}
	switch w[0] {
	case "deposit":
		return op(&tx.Operation_Deposit{Deposit: &tx.Deposit{Party: a["to"], Amount: tx.Fen(n("fen"))}})
	case "withdraw":
		return op(&tx.Operation_Withdraw{Withdraw: &tx.Withdraw{Party: a["from"], Amount: tx.Fen(n("fen"))}})
	case "issue":
		return op(&tx.Operation_IssueAllowances{IssueAllowances: &tx.IssueAllowances{To: a["to"], Instrument: a["of"], Tonnes: tx.Tonnes(n("t")), Document: text32("doc")}})
	case "transfer":
		return op(&tx.Operation_Transfer{Transfer: &tx.Transfer{To: a["to"], Instrument: a["of"], Tonnes: tx.Tonnes(n("t"))}})
	case "surrender":
		return op(&tx.Operation_Surrender{Surrender: &tx.Surrender{Instrument: a["of"], Tonnes: tx.Tonnes(n("t")), Year: tx.Year(n("year"))}})
	case "offset":
		return op(&tx.Operation_BookOffset{BookOffset: &tx.BookOffset{Entity: a["for"], Year: tx.Year(n("year")), Tonnes: tx.Tonnes(n("t")), Cancellation: text32("doc")}})
	case "obligation":
		return op(&tx.Operation_SetObligation{SetObligation: &tx.SetObligation{Entity: a["of"], Year: tx.Year(n("year")), Tonnes: tx.Tonnes(n("t"))}})
	case "close-year":
		return op(&tx.Operation_CloseYear{CloseYear: &tx.CloseYear{Year: tx.Year(n("year"))}})
	case "open-day":
		return op(&tx.Operation_OpenDay{OpenDay: &tx.OpenDay{Day: tx.Day(n("day"))}})
	case "close-day":
		return op(&tx.Operation_CloseDay{CloseDay: &tx.CloseDay{Day: tx.Day(n("day"))}})
	case "clock":
		at := s.f.Start + tx.Instant(n("ms"))
		if a["day"] != "" {
			at = tx.Day(n("day")).Start()
		}
		return op(&tx.Operation_SetClock{SetClock: &tx.SetClock{Time: at}})
	case "parameter":
		return op(&tx.Operation_SetParameter{SetParameter: &tx.SetParameter{Name: a["name"], From: tx.Day(n("from")), Value: text32("value")}})
	case "version":
		return op(&tx.Operation_SetProtocolVersion{SetProtocolVersion: &tx.SetProtocolVersion{Version: uint32(n("n"))}})
	case "none":
		return tx.Operation{}
	}
	return s.rarer(d, asker, w[0], a)
}

// rarer reads the operations that carry keys, orders and pages.
func (s *script) rarer(d *datadriven.TestData, asker, verb string, a map[string]string) tx.Operation {
	switch verb {
	case "account":
		o := &tx.OpenAccount{Id: strings.ReplaceAll(a["id"], "_", " "), Role: tx.Role(tx.Role_value["ROLE_"+strings.ToUpper(a["role"])]), Name: "test", Region: a["region"]}
		if name, given := a["name"]; given {
			o.Name = name
		}
		for k := range strings.SplitSeq(a["keys"], ",") {
			if k != "" {
				o.Keys = append(o.Keys, s.proven(o.Id, k))
			}
		}
		return op(&tx.Operation_OpenAccount{OpenAccount: o})
	case "add-key":
		return op(&tx.Operation_AddKey{AddKey: &tx.AddKey{Key: s.proven(asker, a["key"])}})
	case "revoke-key":
		return op(&tx.Operation_RevokeKey{RevokeKey: &tx.RevokeKey{Key: s.key(a["key"]).Public()}})
	case "validator":
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
		return op(&tx.Operation_SetValidator{SetValidator: &tx.SetValidator{Validator: v}})
	case "remove-validator":
		return op(&tx.Operation_RemoveValidator{RemoveValidator: &tx.RemoveValidator{Name: a["name"]}})
	case "bring-forward":
		return op(&tx.Operation_BringForward{BringForward: s.opening(a)})
	case "bring-page":
		page, known := s.pages[a["page"]]
		if !known {
			page = []byte(a["page"])
		}
		return op(&tx.Operation_BringForwardPage{BringForwardPage: &tx.BringForwardPage{Page: page}})
	case "trade":
		return op(&tx.Operation_SettleTrade{SettleTrade: s.trade(a)})
	}
	s.t.Fatalf("%s: no operation %s", d.Pos, verb)
	return tx.Operation{}
}

// op puts an operation into its envelope; its case of the oneof has no name
// outside tx.
func op(o any) (operation tx.Operation) {
	reflect.ValueOf(&operation.Operation).Elem().Set(reflect.ValueOf(o))
	return operation
}

// proven proves a key for a party; "!k" spoils the proof, "small" is a key of
// small order, with the proof of nobody.
func (s *script) proven(party, name string) tx.ProvenKey {
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

// trade reads kind= of= price= t= and buy=PARTY/REFERENCE[,limit=…]; an order
// fits its trade unless it says otherwise.
func (s *script) trade(a map[string]string) *tx.SettleTrade {
	t := &tx.SettleTrade{Kind: tx.Listed, Instrument: a["of"], Price: tx.Fen(whole(a["price"])), Tonnes: tx.Tonnes(whole(a["t"]))}
	if a["kind"] == "block" {
		t.Kind = tx.BlockTrade
	}
	t.Buy, t.Sell = s.order(t, tx.Buy, a["buy"]), s.order(t, tx.Sell, a["sell"])
	return t
}

func (s *script) order(t *tx.SettleTrade, side tx.Side, text string) tx.SignedOrder {
	first, rest, _ := strings.Cut(text, ",")
	party, reference, _ := strings.Cut(first, "/")
	o := &tx.OrderBody{
		ChainId: s.f.ChainID, Party: party, Reference: reference, Instrument: t.Instrument, Side: side,
		LimitPrice: t.Price, Quantity: t.Tonnes, Day: s.ledger.Head().Day,
	}
	key := s.key(party)
	for _, x := range strings.Split(rest, ",") {
		name, value, _ := strings.Cut(x, ":")
		switch name {
		case "limit":
			o.LimitPrice = tx.Fen(whole(value))
		case "quantity":
			o.Quantity = tx.Tonnes(whole(value))
		case "day":
			o.Day = tx.Day(whole(value))
		case "chain":
			o.ChainId = value
		case "of":
			o.Instrument = value
		case "key":
			key = s.key(value)
		case "turned":
			o.Side = tx.Buy + tx.Sell - side
		}
	}
	signed, err := tx.NewOrder(s.f.Hash, o, key)
	s.must(err)
	return signed
}

// show answers queries.
func (s *script) show(d *datadriven.TestData) string {
	v, err := s.ledger.View()
	s.must(err)
	defer func() { s.must(v.Close()) }()
	var out strings.Builder
	arg := func(n int) string {
		if n < len(d.CmdArgs) {
			return d.CmdArgs[n].Key
		}
		return ""
	}
	line := func(x any, err error) {
		s.must(err)
		fmt.Fprintln(&out, strings.TrimSpace(fmt.Sprint(x)))
	}
	switch arg(0) {
	case "head":
		h := v.Head()
		line(fmt.Sprintf("height %d, day %s, open day %s, version %d, transactions %d, pages missing %d", h.Height, h.Day, h.OpenDay, h.ProtocolVersion, h.Transactions, h.OpeningPagesMissing), nil)
	case "holdings":
		all, total, next, err := v.Holdings(arg(1), "", "", 100)
		for i := range all {
			line(&all[i], err)
		}
		line(fmt.Sprintf("total %d%s", total, next), err)
	case "money":
		all, total, next, err := v.Money(arg(1), "", 100)
		for i := range all {
			line(&all[i], err)
		}
		line(fmt.Sprintf("total %d%s", total, next), err)
	case "bulletin":
		b, ok, err := v.Bulletin(tx.Day(whole(arg(1))))
		line(fmt.Sprintf("found %v closed %v year %d/%d cumulative %d/%d", ok, b.Closed, b.YearTonnes, b.YearAmount, b.CumulativeTonnes, b.CumulativeAmount), err)
		for i := range b.Instruments {
			line(&b.Instruments[i], nil)
		}
		line(&b.Composite, nil)
	case "year-totals":
		t, _, err := v.YearTotals(tx.Year(whole(arg(1))))
		line(&t, err)
	case "obligations":
		s.showObligations(v, tx.Year(whole(arg(1))), line)
	case "party":
		p, ok, err := v.Party(arg(1))
		line(fmt.Sprintf("found %v %s %s region=%q opened %d", ok, p.Id, p.Role, p.Region, p.OpenedHeight), err)
		for _, k := range p.Keys {
			line(fmt.Sprintf("%s added %d revoked %d", k.Key.String(), k.AddedHeight, k.RevokedHeight), nil)
		}
	case "fill":
		f, ok, err := v.OrderFill(arg(1), arg(2))
		line(fmt.Sprintf("found %v %d of %d", ok, f.Filled, f.Quantity), err)
	case "parameters":
		all, err := v.Parameters()
		for i := range all {
			line(&all[i], err)
		}
	case "validators":
		all, err := v.Validators()
		for i := range all {
			line(fmt.Sprintf("%s of %s voter %v", all[i].Name, all[i].Site, all[i].Voter), err)
		}
	case "receipt":
		id, err := tx.TransactionID(s.f.Hash, s.raws[arg(1)])
		s.must(err)
		r, ok, err := v.Receipt(id)
		line(fmt.Sprintf("stored %v %s", ok, s.receipt(&r)), err)
	case "conservation":
		c, err := v.Conservation()
		line(&c, err)
	default:
		s.t.Fatalf("%s: nothing to show of %q", d.Pos, arg(0))
	}
	return out.String()
}

func (s *script) showObligations(v *state.View, year tx.Year, line func(any, error)) {
	all, _, _, err := v.Obligations(year, "", "", "", 100)
	for i := range all {
		line(&all[i], err)
	}
	regions, err := v.RegionObligations(year)
	for i := range regions {
		line(&regions[i], err)
	}
	y, _, err := v.YearObligation(year)
	line(&y, err)
}
