package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"

	"carbonledger/tx"
)

// TestVerbsOfTheRegister: one verb for each operation on persons, accounts,
// orders, compliance, CCER and encumbrances, with its words before signing.
func TestVerbsOfTheRegister(t *testing.T) {
	o := newOffline(t)
	key, err := tx.NewPrivateKey(tx.SM2, append(make([]byte, 31), 8))
	if err != nil {
		t.Fatal(err)
	}
	proven, err := tx.ProveKey(o.domain, "plant", key)
	if err != nil {
		t.Fatal(err)
	}
	id, sum := sha256.Sum256([]byte("id")), sha256.Sum256([]byte("report"))
	hexID := hex.EncodeToString(id[:])
	for _, c := range []struct {
		party, args string
		want        tx.Operation
		says        string
	}{
		{"registry", "issue|--stage|adjustment|--to|region|--beneficiary|plant|--instrument|CEA23|--tonnes=-200|--document|D|--table|" + hexID,
			tx.Operation{Operation: &tx.Operation_IssueAllowances{IssueAllowances: &tx.IssueAllowances{To: "region", Instrument: "CEA23", Tonnes: -200, Document: "D", Stage: tx.Adjustment, TableSha256: id[:], Beneficiary: "plant"}}},
			"take 200 t (two hundred tonnes) of CEA23 back from region by document D\nheld for plant"},
		{"registry", "key|recover|plant|--document|R|--proven|" + formatProvenKey(&proven),
			tx.Operation{Operation: &tx.Operation_RecoverKeys{RecoverKeys: &tx.RecoverKeys{Party: "plant", Keys: []tx.ProvenKey{proven}, Document: "R"}}}, "revoke all keys of plant"},
		{"entity-1", "policy|set|Surrender|--persons|2",
			tx.Operation{Operation: &tx.Operation_SetPolicy{SetPolicy: &tx.SetPolicy{Operation: "Surrender", Persons: 2}}}, "ask for signatures of 2 persons of entity-1 on every Surrender"},
		{"region", "approve|" + hexID, tx.Operation{Operation: &tx.Operation_Approve{Approve: &tx.Approve{Prepared: id[:]}}}, "approve what region prepared with the transaction " + hexID},
		{"region", "prepared|withdraw|" + hexID, tx.Operation{Operation: &tx.Operation_WithdrawPrepared{WithdrawPrepared: &tx.WithdrawPrepared{Prepared: id[:]}}}, "take back what region prepared"},
		{"region", "application|decide|plant/S-1|--approve|--prepare",
			tx.Operation{Operation: &tx.Operation_Prepare{Prepare: &tx.Prepare{Operations: []tx.Operation{
				{Operation: &tx.Operation_DecideApplication{DecideApplication: &tx.DecideApplication{Applicant: "plant", Application: "S-1", Approved: true}}}}}}},
			"lay down for other persons of region to approve:\n(1) approve application S-1 of plant"},
		{"region", "application|decide|plant/S-1|--refuse",
			tx.Operation{Operation: &tx.Operation_DecideApplication{DecideApplication: &tx.DecideApplication{Applicant: "plant", Application: "S-1"}}}, "refuse application S-1 of plant: its units return"},
		{"entity-1", "application|withdraw|S-1", tx.Operation{Operation: &tx.Operation_WithdrawApplication{WithdrawApplication: &tx.WithdrawApplication{Application: "S-1"}}}, "take back application S-1 of entity-1"},
		{"registry", "account|change|plant|--name|New|--region|hunan|--uscc|" + tx.PracticeUSCC(3) + "|--sector|steel|--document|D",
			tx.Operation{Operation: &tx.Operation_ChangeAccount{ChangeAccount: &tx.ChangeAccount{Party: "plant", Name: "New", Region: "hunan", USCC: tx.PracticeUSCC(3), Sector: tx.Steel, Document: "D"}}},
			"change the account plant by document D\nname: \"New\"\nregion: \"hunan\"\nunified social credit code: \"" + tx.PracticeUSCC(3) + "\"\nsector: \"steel\""},
		{"registry", "account|restrict|plant|--restriction|use|--document|D",
			tx.Operation{Operation: &tx.Operation_RestrictAccount{RestrictAccount: &tx.RestrictAccount{Party: "plant", Restriction: tx.NoUse, Document: "D"}}}, "restrict to no use but for its obligation the account plant"},
		{"registry", "account|merge|--from|mill|--to|plant|--document|D",
			tx.Operation{Operation: &tx.Operation_MergeAccounts{MergeAccounts: &tx.MergeAccounts{From: "mill", To: "plant", Document: "D"}}}, "hand everything of mill to plant, and close mill for ever"},
		{"registry", "account|close|mill|--document|D", tx.Operation{Operation: &tx.Operation_CloseAccount{CloseAccount: &tx.CloseAccount{Party: "mill", Document: "D"}}}, "close the account mill for ever"},
		{"entity-1", "holding|move|--instrument|CEA22|--tonnes|20|--to|trading",
			tx.Operation{Operation: &tx.Operation_MoveHolding{MoveHolding: &tx.MoveHolding{Instrument: "CEA22", Tonnes: 20, To: tx.TradingAvailable}}}, "move 20 t (twenty tonnes) of CEA22 of entity-1 into its trading holding"},
		{"entity-1", "order|withdraw|B-1", tx.Operation{Operation: &tx.Operation_WithdrawOrder{WithdrawOrder: &tx.WithdrawOrder{Reference: "B-1"}}}, "take back what is unfilled of order B-1 of entity-1"},
		{"exchange", "bidding|announce|D-1|--seller|plant|--instrument|CEA22|--tonnes|120,000|--mode|pay-as-bid|--low-floor",
			tx.Operation{Operation: &tx.Operation_AnnounceBidding{AnnounceBidding: &tx.AnnounceBidding{Session: "D-1", Seller: "plant", Instrument: "CEA22", Tonnes: 120000, Mode: tx.PayAsBid, LowFloor: true}}},
			"from the floor below the previous close on; each winner pays its own bid"},
		{"exchange", "bidding|conclude|D-1", tx.Operation{Operation: &tx.Operation_ConcludeBidding{ConcludeBidding: &tx.ConcludeBidding{Session: "D-1"}}}, "conclude the bidding session D-1"},
		{"exchange", "trading|suspend|--document|T-1", tx.Operation{Operation: &tx.Operation_SuspendTrading{SuspendTrading: &tx.SuspendTrading{Suspended: true, Document: "T-1"}}}, "suspend trading in all instruments"},
		{"exchange", "trading|resume|--instrument|CEA22|--document|T-1",
			tx.Operation{Operation: &tx.Operation_SuspendTrading{SuspendTrading: &tx.SuspendTrading{Instrument: "CEA22", Document: "T-1"}}}, "take up trading again in CEA22"},
		{"exchange", "day|state|2024-01-02|--trades|1|--tonnes|3,000|--yuan|240,000|--tradable|CEA23=0|--tradable|CEA22=3,000",
			tx.Operation{Operation: &tx.Operation_StateTotals{StateTotals: &tx.StateTotals{Day: 20240102, Trades: 1, Tonnes: 3000, Amount: 24000000, Tradable: []tx.InstrumentTotal{{Instrument: "CEA22", Tonnes: 3000}, {Instrument: "CEA23"}}}}},
			"trades: 1, 3,000 t (three thousand tonnes) for 240,000.00 yuan"},
		{"bank", "day|state|2024-01-02|--money|5", tx.Operation{Operation: &tx.Operation_StateTotals{StateTotals: &tx.StateTotals{Day: 20240102, Money: 500}}}, "money of all sub-ledgers: 5.00 yuan (five yuan)"},
		{"auditor", "take-state-root", tx.Operation{Operation: &tx.Operation_TakeStateRoot{TakeStateRoot: &tx.TakeStateRoot{}}}, "leave the root of the ledger's state in the log"},
		{"registry", "day|reconcile|2024-01-02", tx.Operation{Operation: &tx.Operation_Reconcile{Reconcile: &tx.Reconcile{Day: 20240102}}}, "reconcile the trading day 2024-01-02"},
		{"entity-1", "receivable|repay|--instrument|CEA23|--tonnes|2", tx.Operation{Operation: &tx.Operation_RepayReceivable{RepayReceivable: &tx.RepayReceivable{Instrument: "CEA23", Tonnes: 2}}}, "hand back 2 t (two tonnes) of CEA23 of entity-1"},
		{"verifier", "verification|record|--entity|plant|--year|2023|--tonnes|85,000|--report|" + textFile(t, "report"),
			tx.Operation{Operation: &tx.Operation_RecordVerification{RecordVerification: &tx.RecordVerification{Entity: "plant", Year: 2023, Tonnes: 85000, ReportSha256: sum[:]}}}, "record verified emissions of plant for 2023: 85,000 t"},
		{"region", "deduction|record|--entity|plant|--year|2023|--document|D",
			tx.Operation{Operation: &tx.Operation_RecordDeduction{RecordDeduction: &tx.RecordDeduction{Entity: "plant", Year: 2023, Document: "D"}}}, "take what plant did not surrender for 2023 from its next final allocation"},
		{"entity-1", "surrender|--instrument|CEA22|--tonnes|85,000|--year|2023|--application|S-1",
			tx.Operation{Operation: &tx.Operation_Surrender{Surrender: &tx.Surrender{Instrument: "CEA22", Tonnes: 85000, Year: 2023, Application: "S-1"}}},
			"apply to surrender 85,000 t (eighty-five thousand tonnes) of CEA22 of entity-1 for its obligation of 2023, for ever (application S-1)"},
		{"entity-1", "surrender-on-behalf|--beneficiary|mill|--instrument|CEA22|--tonnes|1|--year|2023|--application|H-1",
			tx.Operation{Operation: &tx.Operation_SurrenderOnBehalf{SurrenderOnBehalf: &tx.SurrenderOnBehalf{Beneficiary: "mill", Instrument: "CEA22", Tonnes: 1, Year: 2023, Application: "H-1"}}}, "for the obligation of mill of 2023"},
		{"registry", "force-surrender|--entity|plant|--year|2023|--document|D",
			tx.Operation{Operation: &tx.Operation_ForceSurrender{ForceSurrender: &tx.ForceSurrender{Entity: "plant", Year: 2023, Document: "D"}}}, "surrender what there is of plant for its obligation of 2023"},
		{"registry", "offset|book|--entity|plant|--year|2023|--cancellation|C-88",
			tx.Operation{Operation: &tx.Operation_BookOffset{BookOffset: &tx.BookOffset{Entity: "plant", Year: 2023, Cancellation: "C-88"}}}, "count the whole cancellation C-88 of CCER against the obligation of plant for 2023"},
		{"ccer-registry", "ccer|register|B-1|--project|Wind farm|--to|plant|--tonnes|10|--document|R|--old",
			tx.Operation{Operation: &tx.Operation_RegisterReduction{RegisterReduction: &tx.RegisterReduction{Batch: "B-1", Project: "Wind farm", To: "plant", Tonnes: 10, Document: "R", Old: true}}}, "filed before 2017-03-14"},
		{"ccer-exchange", "ccer|trade|B-1|--seller|plant|--buyer|mill|--tonnes|5|--price|85",
			tx.Operation{Operation: &tx.Operation_TradeCCER{TradeCCER: &tx.TradeCCER{Batch: "B-1", Seller: "plant", Buyer: "mill", Tonnes: 5, Price: 8500}}}, "hand 5 t (five tonnes) of CCER of batch B-1 from plant to mill at 85.00 yuan"},
		{"entity-1", "ccer|cancel|C-88|--batch|B-1|--tonnes|4|--for|national-offset",
			tx.Operation{Operation: &tx.Operation_CancelCCER{CancelCCER: &tx.CancelCCER{Batch: "B-1", Tonnes: 4, Kind: tx.NationalOffset, Cancellation: "C-88"}}}, "of entity-1 for ever, for national-offset, as cancellation C-88"},
		{"entity-1", "cancel|--instrument|CEA22|--tonnes|1|--purpose|A meeting|--application|C-1",
			tx.Operation{Operation: &tx.Operation_CancelVoluntarily{CancelVoluntarily: &tx.CancelVoluntarily{Instrument: "CEA22", Tonnes: 1, Purpose: "A meeting", Application: "C-1"}}}, "for \"A meeting\", which is published"},
		{"entity-1", "carryover|apply|--instrument|CEA22|--tonnes|1|--application|J-1",
			tx.Operation{Operation: &tx.Operation_ApplyCarryOver{ApplyCarryOver: &tx.ApplyCarryOver{Instrument: "CEA22", Tonnes: 1, Application: "J-1"}}}, "apply to exchange 1 t (one tonne) of CEA22 of entity-1"},
		{"registry", "transfer-by-law|--kind|correction|--from|plant|--to|mill|--instrument|CEA22|--tonnes|1|--document|D|--corrects|" + hexID,
			tx.Operation{Operation: &tx.Operation_TransferByLaw{TransferByLaw: &tx.TransferByLaw{Kind: tx.Correction, From: "plant", To: "mill", Instrument: "CEA22", Tonnes: 1, Document: "D", Corrects: id[:]}}}, "corrects transaction " + hexID},
		{"registry", "transfer-by-law|--kind|judicial|--from|plant|--to|mill|--instrument|CEA22|--tonnes|1|--document|D|--freeze|F",
			tx.Operation{Operation: &tx.Operation_TransferByLaw{TransferByLaw: &tx.TransferByLaw{Kind: tx.Judicial, From: "plant", To: "mill", Instrument: "CEA22", Tonnes: 1, Document: "D", Freeze: "F"}}}, "out of the freeze F"},
		{"court", "freeze|F|--holder|plant|--instrument|CEA22|--tonnes|1",
			tx.Operation{Operation: &tx.Operation_Freeze{Freeze: &tx.Freeze{Party: "plant", Instrument: "CEA22", Tonnes: 1, Document: "F"}}}, "freeze 1 t (one tonne) of CEA22 of plant by document F"},
		{"court", "unfreeze|F|--tonnes|1", tx.Operation{Operation: &tx.Operation_Unfreeze{Unfreeze: &tx.Unfreeze{Freeze: "F", Tonnes: 1}}}, "lift 1 t (one tonne) of the freeze F"},
		{"entity-1", "pledge|create|P|--pledgee|bank|--instrument|CEA22|--tonnes|1|--condition|loan L-7",
			tx.Operation{Operation: &tx.Operation_Pledge{Pledge: &tx.Pledge{Pledgee: "bank", Instrument: "CEA22", Tonnes: 1, Registration: "P", Condition: "loan L-7"}}}, "condition: loan L-7"},
		{"bank", "pledge|release|P", tx.Operation{Operation: &tx.Operation_ReleasePledge{ReleasePledge: &tx.ReleasePledge{Registration: "P"}}}, "end the pledge P for ever"},
	} {
		body := o.body(c.party, append(strings.Split(c.args, "|"), "--reference", "R-1")...)
		want := tx.Body{ChainId: "script-test", Party: c.party, Reference: "R-1", Operations: []tx.Operation{c.want}}
		if !body.Equal(&want) {
			t.Errorf("%v signs\n%v\nwant\n%v", c.args, body, &want)
		}
		if said := strings.Join(words.describe(&c.want, c.party), "\n"); !strings.Contains(said, c.says) {
			t.Errorf("%v says %q, want %q", c.args, said, c.says)
		}
	}
}

// TestEveryOperationHasWords: nobody signs what the program cannot say.
func TestEveryOperationHasWords(t *testing.T) {
	for _, kind := range (*tx.Operation)(nil).XXX_OneofWrappers() {
		wrapper := reflect.New(reflect.TypeOf(kind).Elem())
		wrapper.Elem().Field(0).Set(reflect.New(wrapper.Elem().Field(0).Type().Elem()))
		var op tx.Operation
		reflect.ValueOf(&op).Elem().FieldByName("Operation").Set(wrapper)
		if lines := words.describe(&op, "plant"); len(lines) == 0 || strings.Contains(lines[0], "does not know") {
			t.Errorf("%T is described as %q", kind, lines)
		}
	}
}

func TestVerbsOfTheRegisterRefuse(t *testing.T) {
	o := newOffline(t)
	for args, want := range map[string]string{
		"application decide plant/S-1":                                                       "give --approve or --refuse",
		"application decide plant/S-1 --approve --refuse":                                    "give --approve or --refuse",
		"application decide S-1 --approve":                                                   "use PARTY/NUMBER",
		"account restrict plant --restriction all --document D":                              "use none, trading or use",
		"day state 2024-01-02 --tradable CEA99=1":                                            "--tradable",
		"key add nothing":                                                                    "is no key with its proof",
		"approve 12":                                                                         "is not an id",
		"holding move --instrument CEA22 --tonnes -5 --to trading":                           "no number of whole tonnes",
		"verification record --entity plant --year 2023 --tonnes 1 --report /no/such":        "no file",
		"ccer cancel C --batch B --tonnes 1 --for fun":                                       "national-offset",
		"transfer-by-law --kind gift --from a --to b --instrument c --tonnes 1 --document d": "succession",
		"freeze F --holder plant --instrument CEA22":                                         "required",
	} {
		mustFail(t, exitUsage, want, o.as("registry", strings.Fields(args)...)...)
	}
}
