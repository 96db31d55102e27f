package state_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/datadriven"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// script runs a ledger that testdata/rules describes. A transaction is a line
//
//	PARTY REFERENCE [flag=value …] : operation name=value … ; operation …
//
// Flags: by=KEY,KEY (instead of the party's own keys), with=KEY,KEY (beside them),
// expiry=MS, chain=ID, damage (breaks the signature), label=NAME (for "again" and
// for prepared=). An operation is its message's name in lower case with hyphens,
// its fields have the names of tx.proto or a short one: see scriptops_test.go.
type script struct {
	t       testing.TB
	f       tx.Founding
	ledger  *state.Ledger
	dir     string
	fs      vfs.FS
	index   uint64
	names   map[string]string // of keys, by their text
	pages   map[string][]byte
	raws    map[string][]byte
	reasons map[tx.Reason]bool
	asked   asked
	past    []string // what the ledger answered, by height
	// prepared are the operations that wait, by the id of their transaction.
	prepared map[string][]tx.Operation
}

func newScript(t testing.TB) *script {
	s := &script{t: t, fs: vfs.NewMem(), dir: "ledger", names: map[string]string{}, pages: map[string][]byte{}, raws: map[string][]byte{}, reasons: map[tx.Reason]bool{}, asked: asked{}, prepared: map[string][]tx.Operation{}}
	s.f = tx.Founding{
		LogOrigin: "log.test/chain", ChainID: "rules", Hash: sha256.Sum256([]byte("genesis of the rules")), ProtocolVersion: 1, ScriptClock: true,
		FreeTransfers: true, Start: tx.Day(20240102).Start(),
		Instruments: []tx.Instrument{
			{Code: "CEA21", Vintage: 2021, ReferencePrice: 7000},
			{Code: "CEA22", Vintage: 2022, ReferencePrice: 8000},
			{Code: "CEA23", Vintage: 2023},
		},
		Validators: []tx.Validator{s.validator("n1", true)},
	}
	for i, p := range []struct {
		id, region string
		role       tx.Role
	}{
		{"ministry", "", tx.Ministry}, {"registry", "", tx.Registry}, {"exchange", "", tx.Exchange}, {"bank", "", tx.SettlementBank},
		{"timekeeper", "", tx.Timekeeper}, {"hubei", "", tx.RegionDepartment}, {"hunan", "", tx.RegionDepartment},
		{"ccer-registry", "", tx.CCERRegistry}, {"ccer-exchange", "", tx.CCERExchange}, {"verifier", "", tx.VerificationBody}, {"court", "", tx.Court},
		{"e0", "hubei", tx.KeyEmittingEntity}, {"e1", "hubei", tx.KeyEmittingEntity}, {"e2", "hunan", tx.KeyEmittingEntity},
	} {
		o := tx.OpenAccount{Id: p.id, Role: p.role, Name: "test " + p.id, Region: p.region}
		if p.role == tx.KeyEmittingEntity {
			o.USCC = tx.PracticeUSCC(i)
		}
		for _, key := range s.keysOf(p.id) {
			o.Keys = append(o.Keys, tx.ProvenKey{Key: key.Public()})
		}
		s.f.Parties = append(s.f.Parties, o)
	}
	for _, kind := range []string{"listed", "block", "bidding"} {
		s.f.Parameters = append(s.f.Parameters, tx.SetParameter{Name: "hours." + kind, From: s.f.Start.Day(), Value: "00:00-24:00"})
	}
	return s
}

// twoPersons are the parties whose operations need two persons: each has a second
// key, of another person, PARTY/2, and both sign unless a line says otherwise.
var twoPersons = []string{"registry", "hubei", "hunan", "ccer-registry"}

func (s *script) keysOf(party string) []tx.PrivateKey {
	keys := []tx.PrivateKey{s.key(party)}
	if slices.Contains(twoPersons, party) {
		keys = append(keys, s.key(party+"/2"))
	}
	return keys
}

// key is derived from its name, so that a run can be repeated byte for byte.
func (s *script) key(name string) tx.PrivateKey {
	seed := sha256.Sum256([]byte("rules key " + name))
	k, err := tx.NewPrivateKey(tx.Ed25519, seed[:])
	s.must(err)
	s.names[k.Public().String()] = "key:" + name
	return k
}

func (s *script) validator(name string, voter bool) tx.Validator {
	incarnation := sha256.Sum256([]byte("incarnation of " + name))
	return tx.Validator{
		Name: name, Site: "Wuhan", Address: "/ip4/127.0.0.1/tcp/1", Voter: voter, IncarnationSha256: incarnation[:],
		NodeKey: s.key("node/" + name).Public().Key, CosignKey: s.key("cosign/" + name).Public().Key,
	}
}

func (s *script) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *script) open() {
	l, err := state.Open(s.dir, s.f, tx.NewVerifier(s.f.Hash), state.Options{FS: s.fs, CheckConservation: true})
	s.must(err)
	s.ledger = l
	s.index = l.AppliedIndex()
}

func (s *script) close() {
	if s.ledger != nil {
		s.comparePast()
		s.must(s.ledger.Close())
	}
}

func (s *script) run(d *datadriven.TestData) string {
	if s.ledger == nil && d.Cmd != "found" {
		s.open()
	}
	switch d.Cmd {
	case "found":
		s.found(d)
		return fmt.Sprintf("height 0, %s\n", s.ledger.Head().Time)
	case "block":
		return s.block(d)
	case "noise":
		b, err := hex.DecodeString(strings.TrimSpace(d.Input))
		s.must(err)
		return s.apply(b)
	case "skip":
		a, err := s.ledger.Apply([]state.Entry{{Index: s.index, Block: nil}})
		s.must(err)
		return fmt.Sprintf("skipped %v, height %d\n", a[0].Skipped, s.ledger.Head().Height)
	case "page":
		return s.page(d)
	case "show":
		return s.anonymous(s.show(d))
	}
	s.t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	return ""
}

func (s *script) found(d *datadriven.TestData) {
	for _, a := range d.CmdArgs {
		switch a.Key {
		case "wall":
			s.f.ScriptClock = false
		case "carry": // vintages up to the one that old ones are exchanged for
			s.f.Instruments = append(s.f.Instruments, tx.Instrument{Code: "CEA24", Vintage: 2024, ReferencePrice: 9000}, tx.Instrument{Code: "CEA25", Vintage: 2025})
		case "hours": // those of the market, not round the clock
			s.f.Parameters = nil
		case "lawful":
			s.f.FreeTransfers = false
		case "closed":
			for _, v := range a.Vals {
				s.f.ClosedDays = append(s.f.ClosedDays, tx.Day(whole(v)))
			}
		case "start":
			s.f.Start = tx.Day(whole(a.Vals[0])).Start()
		default:
			s.t.Fatalf("%s: found knows no %s", d.Pos, a.Key)
		}
	}
	if s.ledger != nil { // a ledger of its own, after an earlier one
		s.close()
		s.fs, s.past = vfs.NewMem(), nil
	}
	s.open()
}

// page makes a page of an opening position: lines PARTY INSTRUMENT TONNES, or
// PARTY FEN.
func (s *script) page(d *datadriven.TestData) string {
	var p tx.OpeningPage
	for line := range strings.Lines(d.Input) {
		switch w := strings.Fields(line); len(w) {
		case 2:
			p.Money = append(p.Money, tx.OpeningMoney{Party: w[0], Amount: tx.Fen(whole(w[1]))})
		case 3:
			p.Holdings = append(p.Holdings, tx.OpeningHolding{Party: w[0], Instrument: w[1], Tonnes: tx.Tonnes(whole(w[2]))})
		}
	}
	raw, err := p.Marshal()
	s.must(err)
	s.pages[d.CmdArgs[0].Key] = raw
	return ""
}

func (s *script) block(d *datadriven.TestData) string {
	b := tx.Block{Proposer: "n1", AppliedHash: make([]byte, 32)}
	var stamp string
	if d.MaybeScanArgs(s.t, "stamp", &stamp); stamp != "" {
		b.Stamp = s.f.Start + tx.Instant(whole(stamp))
	}
	for line := range strings.Lines(strings.TrimSpace(d.Input)) {
		if strings.TrimSpace(line) != "" {
			b.Transactions = append(b.Transactions, s.transaction(d, strings.TrimSpace(line)))
		}
	}
	raw, err := b.Marshal()
	s.must(err)
	return s.apply(raw)
}

func (s *script) apply(block []byte) string {
	s.index += 2 // Raft's own entries lie between
	applied, err := s.ledger.Apply([]state.Entry{{Index: s.index, Block: block}})
	if err != nil {
		return "failed: " + err.Error() + "\n"
	}
	var out strings.Builder
	a := applied[0]
	s.remember()
	s.asked.note(s, block, a.Receipts)
	fmt.Fprintf(&out, "height %d, %s\n", a.Height, a.Time)
	for i := range a.Receipts {
		out.WriteString(s.receipt(&a.Receipts[i]))
	}
	return s.anonymous(out.String())
}

func (s *script) receipt(r *tx.Receipt) string {
	s.reasons[r.Reason] = true
	line := fmt.Sprintf("%d/%d %s %s: %s", r.Height, r.Position, r.Party, r.Reference, r.Reason)
	if r.Operation > 0 {
		line += fmt.Sprintf(" operation %d", r.Operation)
	}
	if r.Subject != "" {
		line += fmt.Sprintf(" (%s)", r.Subject)
	}
	if r.Have != 0 || r.Want != 0 {
		line += fmt.Sprintf(" have %d want %d", r.Have, r.Want)
	}
	for name, raw := range s.raws {
		if id, err := tx.TransactionID(s.f.Hash, raw); err == nil && r.FirstId != nil && bytes.Equal(id[:], r.FirstId) {
			line += " first was " + name
		}
	}
	return line + "\n"
}

// anonymous puts names for keys.
func (s *script) anonymous(text string) string {
	for key, name := range s.names {
		text = strings.ReplaceAll(text, key, name)
	}
	return text
}

// transaction makes a transaction of a line; "again LABEL" repeats one, "hex …"
// is bytes as they are.
func (s *script) transaction(d *datadriven.TestData, line string) []byte {
	head, tail, ok := strings.Cut(line, ":")
	w := strings.Fields(head)
	if w[0] == "again" {
		return s.raws[w[1]]
	}
	if w[0] == "hex" {
		b, err := hex.DecodeString(w[1])
		s.must(err)
		return b
	}
	if !ok || len(w) < 2 {
		s.t.Fatalf("%s: not a transaction: %s", d.Pos, line)
	}
	body := &tx.Body{ChainId: s.f.ChainID, Party: w[0], Reference: strings.ReplaceAll(w[1], "_", " ")}
	keys, label, damage := s.keysOf(w[0]), w[0]+"/"+w[1], false
	for _, flag := range w[2:] {
		name, value, _ := strings.Cut(flag, "=")
		switch name {
		case "by":
			keys = nil
			for k := range strings.SplitSeq(value, ",") {
				if k != "" {
					keys = append(keys, s.key(k))
				}
			}
		case "with":
			for k := range strings.SplitSeq(value, ",") {
				keys = append(keys, s.key(k))
			}
		case "expiry":
			body.Expiry = s.f.Start + tx.Instant(whole(value))
		case "chain":
			body.ChainId = value
		case "label":
			label = value
		case "damage":
			damage = true
		default:
			s.t.Fatalf("%s: no flag %s", d.Pos, name)
		}
	}
	for op := range strings.SplitSeq(tail, " ; ") {
		if op = strings.TrimSpace(op); op != "" {
			body.Operations = append(body.Operations, s.operation(d, body.Party, op))
		}
	}
	raw, err := tx.NewTransaction(s.f.Hash, body, keys...)
	if len(keys) == 0 { // NewTransaction refuses to make one without signatures
		encoded, bodyErr := body.Marshal()
		s.must(bodyErr)
		raw, err = (&tx.Transaction{Body: encoded}).Marshal()
	}
	s.must(err)
	if damage {
		raw[len(raw)-1] ^= 1
	}
	if _, known := s.raws[label]; !known {
		s.raws[label] = raw
	}
	return raw
}

func whole(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// Rules whose reasons have a place elsewhere.
var elsewhere = map[tx.Reason]string{
	tx.TooLarge:              "FuzzApply's seeds and TestTooLarge: 60,001 bytes are no readable test data",
	tx.TooManyKeys:           "showTooManyKeys: 65 keys are no readable test data",
	tx.PreparedTooLarge:      "showPreparedTooLarge: 50,001 bytes are no readable test data",
	tx.OperationNotInVersion: "no operation is newer than version 1: the frame's test comes with the first that is",
}

func TestRules(t *testing.T) {
	given, all := map[tx.Reason]bool{}, asked{}
	datadriven.Walk(t, "testdata/rules", func(t *testing.T, path string) {
		s := newScript(t)
		s.asked = all
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			s.t = t
			return s.run(d)
		})
		s.close()
		for r := range s.reasons {
			given[r] = true
		}
	})
	t.Run("rows of the table", func(t *testing.T) { showFrame(t, all) })
	t.Run("rows with too many keys", func(t *testing.T) { showTooManyKeys(t, all) })
	t.Run("rows with too much prepared", func(t *testing.T) { showPreparedTooLarge(t, all) })
	for _, r := range tx.Reasons() {
		if _, there := elsewhere[r]; !given[r] && !there {
			t.Errorf("no file of testdata/rules shows %s", r)
		}
	}
	all.check(t)
}
