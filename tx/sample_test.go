package tx

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

var (
	testDomain  = Domain(sha256.Sum256([]byte("a genesis document")))
	otherDomain = Domain(sha256.Sum256([]byte("another genesis document")))
)

// testKey is the key whose secret is SHA-256 of the name.
func testKey(t testing.TB, scheme KeyScheme, name string) PrivateKey {
	t.Helper()
	secret := sha256.Sum256([]byte(name))
	k, err := NewPrivateKey(scheme, secret[:])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func testBody(operations ...isOperation_Operation) *Body {
	b := &Body{ChainId: "cets-test", Party: "registry", Reference: "r-1"}
	for _, o := range operations {
		b.Operations = append(b.Operations, Operation{Operation: o})
	}
	return b
}

func sign(t testing.TB, b *Body, keys ...PrivateKey) []byte {
	t.Helper()
	raw, err := NewTransaction(testDomain, b, keys...)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func testOrder(t testing.TB, d Domain, side Side, party string, k PrivateKey) SignedOrder {
	t.Helper()
	o, err := NewOrder(d, &OrderBody{
		ChainId: "cets-test", Party: party, Reference: "o-" + party, Instrument: "CEA23",
		Side: side, LimitPrice: 9_596, Quantity: 500, Day: 2024_01_02, Kind: Listed,
	}, k)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func testRegistration(t testing.TB, side Side, party string, k PrivateKey) *Operation_RegisterOrder {
	t.Helper()
	return &Operation_RegisterOrder{RegisterOrder: &RegisterOrder{Order: testOrder(t, testDomain, side, party, k)}}
}

func proof(t testing.TB, d Domain, party string, k PrivateKey) ProvenKey {
	t.Helper()
	p, err := ProveKey(d, party, k)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func testPage() *OpeningPage {
	return &OpeningPage{
		Holdings: []OpeningHolding{{Party: "buyer", Instrument: "CEA22", Tonnes: 1_000}, {Party: "seller", Instrument: "CEA21", Tonnes: 7}},
		Money:    []OpeningMoney{{Party: "buyer", Amount: 100_00}},
	}
}

func encode(t testing.TB, m interface{ Marshal() ([]byte, error) }) []byte {
	t.Helper()
	raw, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func everyOperation(t testing.TB) []isOperation_Operation {
	return operationsOf(t, testKey(t, Ed25519, "buyer"), testKey(t, SM2, "seller"))
}

// operationsOf has one plausible operation of each kind, with a and b for the
// keys that occur in it.
func operationsOf(t testing.TB, a, b PrivateKey) []isOperation_Operation {
	page := encode(t, testPage())
	sum := sha256.Sum256(page)
	node := a.Public().Key
	return append([]isOperation_Operation{
		&Operation_BringForward{BringForward: &BringForward{
			AsOf: 2023_12_31, Money: 100_00, CumulativeTonnes: 442_000_000, CumulativeAmount: 24_900_000_000_00,
			Instruments: []InstrumentPosition{{Instrument: "CEA22", Tonnes: 1_000, Close: 7_942}, {Instrument: "CEA21", Tonnes: 7}},
			PageSha256:  [][]byte{sum[:]},
		}},
		&Operation_BringForwardPage{BringForwardPage: &BringForwardPage{Page: page}},
		&Operation_OpenAccount{OpenAccount: &OpenAccount{
			Id: "91420000X", Role: KeyEmittingEntity, Name: "湖北 Power", Region: "hubei", USCC: "914200000000000018", Sector: Steel,
			Keys: []ProvenKey{proof(t, testDomain, "91420000X", a), proof(t, testDomain, "91420000X", b)},
		}},
		&Operation_AddKey{AddKey: &AddKey{Key: proof(t, testDomain, "registry", a)}},
		&Operation_RevokeKey{RevokeKey: &RevokeKey{Key: b.Public()}},
		&Operation_SetParameter{SetParameter: &SetParameter{Name: "offset.share", From: 2024_01_02, Value: "5/100"}},
		&Operation_SetClock{SetClock: &SetClock{Time: 1_704_153_600_000}},
		&Operation_Deposit{Deposit: &Deposit{Party: "buyer", Amount: 1}},
		&Operation_Withdraw{Withdraw: &Withdraw{Party: "buyer", Amount: 1}},
		&Operation_IssueAllowances{IssueAllowances: &IssueAllowances{To: "buyer", Instrument: "CEA23", Tonnes: 9, Document: "国环规 2024-1", Stage: FinalAllocation, TableSha256: sum[:]}},
		&Operation_OpenDay{OpenDay: &OpenDay{Day: 2024_01_02}},
		&Operation_CloseDay{CloseDay: &CloseDay{Day: 2024_01_02}},
		&Operation_RecordTrade{RecordTrade: &RecordTrade{
			Kind: Listed, Instrument: "CEA23", Price: 9_596, Tonnes: 500, Buy: OrderName{Party: "buyer", Reference: "o-1"}, Sell: OrderName{Party: "seller", Reference: "o-2"},
		}},
		&Operation_Surrender{Surrender: &Surrender{Instrument: "CEA22", Tonnes: 3, Year: 2023, Application: "a-1"}},
		&Operation_BookOffset{BookOffset: &BookOffset{Entity: "buyer", Year: 2023, Cancellation: "CCER-1"}},
		&Operation_SetObligation{SetObligation: &SetObligation{Entity: "buyer", Year: 2023, Tonnes: 10}},
		&Operation_CloseYear{CloseYear: &CloseYear{Year: 2023}},
		&Operation_Transfer{Transfer: &Transfer{To: "seller", Instrument: "CEA22", Tonnes: 1}},
		&Operation_SetValidator{SetValidator: &SetValidator{Validator: Validator{
			Name: "wuhan-1", Site: "Wuhan", Address: "/ip4/127.0.0.1/tcp/4001", NodeKey: node, CosignKey: node, IncarnationSha256: sum[:], Voter: true,
		}}},
		&Operation_RemoveValidator{RemoveValidator: &RemoveValidator{Name: "wuhan-1"}},
		&Operation_SetProtocolVersion{SetProtocolVersion: &SetProtocolVersion{Version: 2}},
		&Operation_SetPolicy{SetPolicy: &SetPolicy{Operation: "Surrender", Persons: 2}},
		&Operation_Prepare{Prepare: &Prepare{Operations: []Operation{{Operation: &Operation_AddKey{AddKey: &AddKey{Key: proof(t, testDomain, "registry", b)}}}}}},
		&Operation_Approve{Approve: &Approve{Prepared: sum[:]}},
		&Operation_WithdrawPrepared{WithdrawPrepared: &WithdrawPrepared{Prepared: sum[:]}},
		&Operation_RecoverKeys{RecoverKeys: &RecoverKeys{Party: "buyer", Keys: []ProvenKey{proof(t, testDomain, "buyer", b)}, Document: "d"}},
		&Operation_ChangeAccount{ChangeAccount: &ChangeAccount{Party: "buyer", Name: "武汉 Power", Sector: Cement, Document: "d"}},
		&Operation_RestrictAccount{RestrictAccount: &RestrictAccount{Party: "buyer", Restriction: NoUse, Document: "d"}},
		&Operation_MergeAccounts{MergeAccounts: &MergeAccounts{From: "buyer", To: "seller", Document: "d"}},
		&Operation_CloseAccount{CloseAccount: &CloseAccount{Party: "buyer", Document: "d"}},
		&Operation_MoveHolding{MoveHolding: &MoveHolding{Instrument: "CEA23", Tonnes: 1, To: TradingAvailable}},
		testRegistration(t, Buy, "buyer", a),
		&Operation_WithdrawOrder{WithdrawOrder: &WithdrawOrder{Reference: "o-1"}},
		&Operation_AnnounceBidding{AnnounceBidding: &AnnounceBidding{Session: "s-1", Seller: "seller", Instrument: "CEA23", Tonnes: 100_000, Mode: PayAsBid, LowFloor: true}},
		&Operation_ConcludeBidding{ConcludeBidding: &ConcludeBidding{Session: "s-1"}},
		&Operation_SuspendTrading{SuspendTrading: &SuspendTrading{Instrument: "CEA23", Suspended: true, Document: "d"}},
		&Operation_StateTotals{StateTotals: &StateTotals{Day: 2024_01_02, Trades: 1, Tonnes: 2, Amount: 3, Tradable: []InstrumentTotal{{Instrument: "CEA23", Tonnes: 4}}}},
		&Operation_Reconcile{Reconcile: &Reconcile{Day: 2024_01_02}},
		&Operation_RepayReceivable{RepayReceivable: &RepayReceivable{Instrument: "CEA23", Tonnes: 1}},
	}, dutiesOf(sum[:])...)
}

// dutiesOf has one plausible operation of each further kind, with sum for a
// SHA-256.
func dutiesOf(sum []byte) []isOperation_Operation {
	return []isOperation_Operation{
		&Operation_RecordVerification{RecordVerification: &RecordVerification{Entity: "buyer", Year: 2023, Tonnes: 10, ReportSha256: sum}},
		&Operation_RecordDeduction{RecordDeduction: &RecordDeduction{Entity: "buyer", Year: 2023, Document: "d"}},
		&Operation_SurrenderOnBehalf{SurrenderOnBehalf: &SurrenderOnBehalf{Beneficiary: "buyer", Instrument: "CEA23", Tonnes: 1, Year: 2023, Application: "a-2"}},
		&Operation_DecideApplication{DecideApplication: &DecideApplication{Applicant: "seller", Application: "a-2", Approved: true}},
		&Operation_WithdrawApplication{WithdrawApplication: &WithdrawApplication{Application: "a-1"}},
		&Operation_ForceSurrender{ForceSurrender: &ForceSurrender{Entity: "buyer", Year: 2023, Document: "d"}},
		&Operation_RegisterReduction{RegisterReduction: &RegisterReduction{Batch: "b-1", Project: "海上风电", To: "buyer", Tonnes: 9, Document: "d", Old: true}},
		&Operation_TradeCCER{TradeCCER: &TradeCCER{Batch: "b-1", Seller: "seller", Buyer: "buyer", Tonnes: 1, Price: 8_045}},
		&Operation_CancelCCER{CancelCCER: &CancelCCER{Batch: "b-1", Tonnes: 1, Kind: NationalOffset, Cancellation: "c-1"}},
		&Operation_CancelVoluntarily{CancelVoluntarily: &CancelVoluntarily{Instrument: "CEA23", Tonnes: 1, Purpose: "公益", Application: "a-3"}},
		&Operation_ApplyCarryOver{ApplyCarryOver: &ApplyCarryOver{Instrument: "CEA23", Tonnes: 1, Application: "a-4"}},
		&Operation_TransferByLaw{TransferByLaw: &TransferByLaw{Kind: Correction, From: "buyer", To: "seller", Instrument: "CEA23", Tonnes: 1, Document: "d", Corrects: sum}},
		&Operation_Freeze{Freeze: &Freeze{Party: "buyer", Instrument: "CEA23", Tonnes: 1, Document: "f-1"}},
		&Operation_Unfreeze{Unfreeze: &Unfreeze{Freeze: "f-1", Tonnes: 1}},
		&Operation_Pledge{Pledge: &Pledge{Pledgee: "bank", Instrument: "CEA23", Tonnes: 1, Registration: "p-1", Condition: "loan repaid"}},
		&Operation_ReleasePledge{ReleasePledge: &ReleasePledge{Registration: "p-1"}},
		&Operation_TakeStateRoot{TakeStateRoot: &TakeStateRoot{}},
	}
}

// everyTransaction signs each operation alone, and all together in one body.
func everyTransaction(t testing.TB) [][]byte {
	ed, sm := testKey(t, Ed25519, "registry"), testKey(t, SM2, "ministry")
	operations := everyOperation(t)
	raws := [][]byte{sign(t, testBody(operations...), ed, sm)}
	for i, o := range operations {
		raws = append(raws, sign(t, testBody(o), []PrivateKey{ed, sm}[i%2]))
	}
	return raws
}

// TestEveryOperation fails when an operation is added without a sample here,
// because the samples seed the fuzzers and the golden vectors.
func TestEveryOperation(t *testing.T) {
	if have, want := len(everyOperation(t)), len(new(Operation).XXX_OneofWrappers()); have != want {
		t.Fatalf("samples of %d operations, the protocol has %d", have, want)
	}
	v := NewVerifier(testDomain)
	for i, raw := range everyTransaction(t) {
		d, err := Decode(raw)
		if err != nil {
			t.Fatalf("transaction %d: %v", i, err)
		}
		if again := encode(t, &d.Transaction); !bytes.Equal(again, raw) {
			t.Fatalf("transaction %d encodes differently", i)
		}
		got, err := v.Verify(raw)
		if err != nil {
			t.Fatalf("transaction %d: %v", i, err)
		}
		id, err := TransactionID(testDomain, raw)
		if err != nil || id != got.ID() || !bytes.Equal(got.Raw(), raw) || !got.Body().Equal(&d.Body) {
			t.Fatalf("transaction %d: id %v, %v; verified %v", i, id, err, got.ID())
		}
	}
}
