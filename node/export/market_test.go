package export_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2/vfs"
)

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func key(name string) tx.PrivateKey {
	seed := sha256.Sum256([]byte("export key of " + name))
	k, err := tx.NewPrivateKey(tx.Ed25519, seed[:])
	if err != nil {
		panic(err)
	}
	return k
}

func founding() tx.Founding {
	f := tx.Founding{
		ChainID: "export-test", ProtocolVersion: 1, FreeTransfers: true, Start: secondDay.Start() - 60_000,
		Instruments: []tx.Instrument{{Code: "CEA21", Vintage: 2021, ReferencePrice: 7000}, {Code: "CEA22", Vintage: 2022, ReferencePrice: 8000}},
		Hash:        sha256.Sum256([]byte("genesis of the export")),
	}
	incarnation := sha256.Sum256([]byte("incarnation"))
	f.Validators = []tx.Validator{{
		Name: "n1", Site: "Wuhan", Address: "/ip4/127.0.0.1/tcp/1", Voter: true, IncarnationSha256: incarnation[:],
		NodeKey: key("node/n1").Public().Key, CosignKey: key("cosign/n1").Public().Key,
	}}
	// An id may begin with a hyphen, which a spreadsheet takes for a formula.
	for _, p := range []tx.OpenAccount{
		{Id: "ministry", Role: tx.Ministry}, {Id: "registry", Role: tx.Registry}, {Id: "bank", Role: tx.SettlementBank}, {Id: "exchange", Role: tx.Exchange},
		{Id: "court", Role: tx.Court}, {Id: "hubei", Role: tx.RegionDepartment}, {Id: "e0", Role: tx.KeyEmittingEntity, Region: "hubei"},
		{Id: "-e1", Role: tx.KeyEmittingEntity, Region: "hubei"},
	} {
		p.Name, p.Keys = "test "+p.Id, []tx.ProvenKey{{Key: key(p.Id).Public()}, {Key: key(p.Id + "/2").Public()}}
		if p.Role == tx.KeyEmittingEntity {
			p.USCC = tx.PracticeUSCC(len(f.Parties))
		}
		f.Parties = append(f.Parties, p)
	}
	for _, kind := range []string{"listed", "block", "bidding"} {
		f.Parameters = append(f.Parameters, tx.SetParameter{Name: "hours." + kind, From: f.Start.Day(), Value: "00:00-24:00"})
	}
	return f
}

// market is a ledger and what was asked of it.
type market struct {
	t        *testing.T
	f        tx.Founding
	fs       *vfs.MemFS
	ledger   *state.Ledger
	raws     [][]byte
	accepted int
	refused  int
}

func (m *market) open() {
	l, err := state.Open("ledger", m.f, tx.NewVerifier(m.f.Hash), state.Options{FS: m.fs})
	must(m.t, err)
	m.ledger = l
	m.t.Cleanup(func() { must(m.t, l.Close()) }) // after its views
}

// ask puts a transaction into the next block.
func (m *market) ask(party, reference string, operations ...any) {
	m.t.Helper()
	body := &tx.Body{ChainId: m.f.ChainID, Party: party, Reference: reference}
	for _, o := range operations {
		var operation tx.Operation
		switch o := o.(type) {
		case *tx.IssueAllowances:
			operation.Operation = &tx.Operation_IssueAllowances{IssueAllowances: o}
		case *tx.Deposit:
			operation.Operation = &tx.Operation_Deposit{Deposit: o}
		case *tx.Transfer:
			operation.Operation = &tx.Operation_Transfer{Transfer: o}
		case *tx.MoveHolding:
			operation.Operation = &tx.Operation_MoveHolding{MoveHolding: o}
		case *tx.OpenDay:
			operation.Operation = &tx.Operation_OpenDay{OpenDay: o}
		case *tx.CloseDay:
			operation.Operation = &tx.Operation_CloseDay{CloseDay: o}
		case *tx.OrderBody:
			o.ChainId, o.Kind, o.Day = m.f.ChainID, tx.Listed, m.ledger.Head().Day
			signed, err := tx.NewOrder(m.f.Hash, o, key(o.Party))
			must(m.t, err)
			operation.Operation = &tx.Operation_RegisterOrder{RegisterOrder: &tx.RegisterOrder{Order: signed}}
		case *tx.RecordTrade:
			operation.Operation = &tx.Operation_RecordTrade{RecordTrade: o}
		case *tx.Freeze:
			operation.Operation = &tx.Operation_Freeze{Freeze: o}
		case *tx.StateTotals:
			operation.Operation = &tx.Operation_StateTotals{StateTotals: o}
		case *tx.Reconcile:
			operation.Operation = &tx.Operation_Reconcile{Reconcile: o}
		}
		body.Operations = append(body.Operations, operation)
	}
	raw, err := tx.NewTransaction(m.f.Hash, body, key(party), key(party+"/2"), key("hubei"))
	must(m.t, err)
	m.raws = append(m.raws, raw)
}

// block executes what was asked.
func (m *market) block(stamp tx.Instant) {
	m.t.Helper()
	head := m.ledger.Head()
	raw, err := (&tx.Block{Proposer: "n1", Stamp: max(stamp, head.Time+1000), AppliedHeight: head.Height, AppliedHash: head.Hash, Transactions: m.raws}).Marshal()
	must(m.t, err)
	applied, err := m.ledger.Apply([]state.Entry{{Index: head.Height + 1, Block: raw}})
	must(m.t, err)
	for _, r := range applied[0].Receipts {
		switch {
		case r.Reason == tx.Accepted:
			m.accepted++
		case r.Index == 0 || !strings.HasPrefix(r.Reference, "no"):
			m.t.Fatalf("%s of %s: %s", r.Reference, r.Party, r.Rejection())
		default:
			m.refused++
		}
	}
	m.raws = nil
}

const (
	firstDay, secondDay = tx.Day(20240102), tx.Day(20240103)
	many                = 1200 // deposits: more than one batch
)

// references that CSV must put into quotes, or a spreadsheet takes for formulas.
var references = []string{`=1+1`, `+1`, `-1`, `@SUM(A1)`, `a,"b",c`, `'already`, `'=x`, `"`, `;|`}

// stranger is an account that nobody has, as a refusal's subject names it.
const stranger = `＝湖北,"甲"电厂`

// trading is a ledger with two days: trades that settled and exceptions on
// the first, a recorded one on the second, which is open.
func trading(t *testing.T) *market {
	t.Helper()
	m := &market{t: t, f: founding(), fs: vfs.NewCrashableMem()}
	m.open()
	for i, code := range []string{"CEA21", "CEA22"} {
		m.ask("registry", fmt.Sprint("i", i), &tx.IssueAllowances{To: "e0", Instrument: code, Tonnes: 1000, Document: code, Stage: tx.Adjustment, TableSha256: make([]byte, 32)})
	}
	m.ask("e0", "m", &tx.MoveHolding{Instrument: "CEA22", Tonnes: 1000, To: tx.TradingAvailable}, &tx.MoveHolding{Instrument: "CEA21", Tonnes: 300, To: tx.TradingAvailable})
	for i, reference := range references {
		m.ask("bank", reference, &tx.Deposit{Party: "-e1", Amount: tx.Fen(10_000_000 + i)})
	}
	m.ask("e0", "no-stranger", &tx.Transfer{To: "-e1", Instrument: "CEA21", Tonnes: 1}, &tx.Transfer{To: stranger, Instrument: "CEA21", Tonnes: 1})
	m.ask("e0", "no-holding", &tx.Transfer{To: "-e1", Instrument: "CEA21", Tonnes: 9_000_000})
	m.block(0)
	m.block(0) // leaves a bare record
	for i := range many {
		if m.ask("bank", fmt.Sprint("d", i), &tx.Deposit{Party: "e0", Amount: 1}); i%400 == 399 {
			m.block(0)
		}
	}
	m.ask("exchange", "o1", &tx.OpenDay{Day: firstDay})
	m.block(0)
	m.ask("exchange", "a1", &tx.OrderBody{Party: "e0", Reference: "=s", Instrument: "CEA22", Side: tx.Sell, LimitPrice: 7990, Quantity: 900})
	m.ask("exchange", "a2", &tx.OrderBody{Party: "-e1", Reference: `b,"`, Instrument: "CEA22", Side: tx.Buy, LimitPrice: 8010, Quantity: 900})
	for i, tonnes := range []tx.Tonnes{1, 299, 600} {
		m.ask("exchange", fmt.Sprint("t", i), &tx.RecordTrade{
			Kind: tx.Listed, Instrument: "CEA22", Price: 8005, Tonnes: tonnes, Buy: tx.OrderName{Party: "-e1", Reference: `b,"`}, Sell: tx.OrderName{Party: "e0", Reference: "=s"},
		})
	}
	m.ask("court", "f", &tx.Freeze{Party: "e0", Instrument: "CEA22", Tonnes: 400, Document: "F-1"})
	m.ask("exchange", "c1", &tx.CloseDay{Day: firstDay})
	m.block(0)
	m.reconcile()
	m.block(secondDay.Start())
	m.ask("exchange", "o2", &tx.OpenDay{Day: secondDay})
	m.block(0)
	m.ask("exchange", "a3", &tx.OrderBody{Party: "e0", Reference: "s2", Instrument: "CEA21", Side: tx.Sell, LimitPrice: 7000, Quantity: 300})
	m.ask("exchange", "a4", &tx.OrderBody{Party: "-e1", Reference: "b2", Instrument: "CEA21", Side: tx.Buy, LimitPrice: 7000, Quantity: 250})
	m.ask("exchange", "t3", &tx.RecordTrade{
		Kind: tx.Listed, Instrument: "CEA21", Price: 7000, Tonnes: 250, Buy: tx.OrderName{Party: "-e1", Reference: "b2"}, Sell: tx.OrderName{Party: "e0", Reference: "s2"},
	})
	m.block(0)
	return m
}

// reconcile states the first day's totals as the ledger has them.
func (m *market) reconcile() {
	m.t.Helper()
	v := m.view()
	d, closed, err := v.Settlement(firstDay)
	must(m.t, err)
	if !closed || d.Trades != 3 || d.Exceptions != 1 {
		m.t.Fatalf("the day to export is not the one that was meant: %v", d)
	}
	m.ask("exchange", "s1", &tx.StateTotals{Day: firstDay, Trades: d.Trades, Tonnes: d.Tonnes, Amount: d.Amount, Tradable: d.Tradable})
	m.ask("bank", "s2", &tx.StateTotals{Day: firstDay, Money: d.Money})
	m.ask("registry", "r", &tx.Reconcile{Day: firstDay})
}

func (m *market) view() *state.View {
	m.t.Helper()
	v, err := m.ledger.View()
	must(m.t, err)
	m.t.Cleanup(func() { must(m.t, v.Close()) })
	return v
}
