package api

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"carbonledger/tx"
)

// trade opens the day, registers two orders, records a listed trade of half of
// each, and settles and reconciles the day.
func (s *solo) trade(t *testing.T, buyer, seller string, tonnes tx.Tonnes, price tx.Fen) {
	t.Helper()
	register := func(party, reference string, side tx.Side) {
		o, err := tx.NewOrder(s.domain(), &tx.OrderBody{
			ChainId: chainID, Party: party, Reference: reference, Instrument: "CEA23", Side: side,
			LimitPrice: price, Quantity: 2 * tonnes, Day: today, Kind: tx.Listed,
		}, keyOf(party))
		if err != nil {
			t.Fatal(err)
		}
		s.must(t, "exchange", reference, tx.Operation{Operation: &tx.Operation_RegisterOrder{RegisterOrder: &tx.RegisterOrder{Order: o}}})
	}
	s.must(t, seller, "move", tx.Operation{Operation: &tx.Operation_MoveHolding{MoveHolding: &tx.MoveHolding{Instrument: "CEA23", Tonnes: 2 * tonnes, To: tx.TradingAvailable}}})
	s.must(t, "exchange", "open", tx.Operation{Operation: &tx.Operation_OpenDay{OpenDay: &tx.OpenDay{Day: today}}})
	s.must(t, "timekeeper", "half-past-nine", setClock(today.Start()+tx.Instant(9*60+30)*60_000))
	register(buyer, "buy-1", tx.Buy)
	register(seller, "sell-1", tx.Sell)
	s.must(t, "exchange", "trade", tx.Operation{Operation: &tx.Operation_RecordTrade{RecordTrade: &tx.RecordTrade{
		Kind: tx.Listed, Instrument: "CEA23", Price: price, Tonnes: tonnes,
		Buy: tx.OrderName{Party: buyer, Reference: "buy-1"}, Sell: tx.OrderName{Party: seller, Reference: "sell-1"},
	}}})
	s.closeDay(t, today)
}

func setClock(at tx.Instant) tx.Operation {
	return tx.Operation{Operation: &tx.Operation_SetClock{SetClock: &tx.SetClock{Time: at}}}
}

// closeDay closes a day, whose statements say what the ledger says.
func (s *solo) closeDay(t *testing.T, day tx.Day) {
	t.Helper()
	s.must(t, "exchange", "close-"+day.String(), tx.Operation{Operation: &tx.Operation_CloseDay{CloseDay: &tx.CloseDay{Day: day}}})
	v, err := s.ledger.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	d, _, err := v.Settlement(day)
	if err != nil {
		t.Fatal(err)
	}
	state := func(party string, o *tx.StateTotals) {
		s.must(t, party, "state-"+day.String(), tx.Operation{Operation: &tx.Operation_StateTotals{StateTotals: o}})
	}
	state("exchange", &tx.StateTotals{Day: day, Trades: d.Trades, Tonnes: d.Tonnes, Amount: d.Amount, Tradable: d.Tradable})
	state("bank", &tx.StateTotals{Day: day, Money: d.Money})
	s.must(t, "registry", "reconcile-"+day.String(), tx.Operation{Operation: &tx.Operation_Reconcile{Reconcile: &tx.Reconcile{Day: day}}})
}

// market is a ledger with something in every list.
func market(t *testing.T) *solo {
	t.Helper()
	s := newSolo(t, 40)
	report := make([]byte, 32)
	for i := range 40 {
		e := fmt.Sprintf("e%02d", i)
		s.must(t, "registry", "issue-"+e, issue(e, "CEA22", 100, "doc-22"), issue(e, "CEA23", 1000, "doc-23"))
		s.must(t, "bank", "deposit-"+e, deposit(e, 50_000_00))
		s.must(t, "verifier", "verified-"+e, tx.Operation{Operation: &tx.Operation_RecordVerification{RecordVerification: &tx.RecordVerification{Entity: e, Year: 2023, Tonnes: 500, ReportSha256: report}}})
		s.must(t, "hubei", "due-"+e, tx.Operation{Operation: &tx.Operation_SetObligation{SetObligation: &tx.SetObligation{Entity: e, Year: 2023, Tonnes: 500}}})
	}
	decide := tx.Operation{Operation: &tx.Operation_DecideApplication{DecideApplication: &tx.DecideApplication{Applicant: "e00", Application: "S-1", Approved: true}}}
	s.must(t, "e00", "surrender", tx.Operation{Operation: &tx.Operation_Surrender{Surrender: &tx.Surrender{Instrument: "CEA23", Tonnes: 500, Year: 2023, Application: "S-1"}}})
	s.must(t, "hubei", "decide", decide)
	s.must(t, "ministry", "parameter", tx.Operation{Operation: &tx.Operation_SetParameter{SetParameter: &tx.SetParameter{Name: "offset.share", From: today, Value: "4/100"}}})
	s.must(t, "ministry", "deadline", tx.Operation{Operation: &tx.Operation_SetParameter{SetParameter: &tx.SetParameter{Name: "obligation.deadline.2023", From: today, Value: "2024-02-10"}}})
	s.trade(t, "e01", "e02", 100, 7900)
	s.must(t, "ccer-registry", "batch", tx.Operation{Operation: &tx.Operation_RegisterReduction{RegisterReduction: &tx.RegisterReduction{Batch: "B-1", Project: "Wind", To: "e01", Tonnes: 50, Document: "R-1"}}})
	s.must(t, "e01", "cancel", tx.Operation{Operation: &tx.Operation_CancelCCER{CancelCCER: &tx.CancelCCER{Batch: "B-1", Tonnes: 5, Kind: tx.NationalOffset, Cancellation: "C-1"}}})
	s.must(t, "court", "freeze", tx.Operation{Operation: &tx.Operation_Freeze{Freeze: &tx.Freeze{Party: "e01", Instrument: "CEA22", Tonnes: 7, Document: "F-1"}}})
	s.must(t, "e01", "pledge", tx.Operation{Operation: &tx.Operation_Pledge{Pledge: &tx.Pledge{Pledgee: "bank", Instrument: "CEA22", Tonnes: 9, Registration: "P-1", Condition: "loan"}}})
	s.must(t, "e01", "prepare", tx.Operation{Operation: &tx.Operation_Prepare{Prepare: &tx.Prepare{Operations: []tx.Operation{transfer("e02", "CEA22", 1)}}}})
	s.must(t, "e01", "voluntary", tx.Operation{Operation: &tx.Operation_CancelVoluntarily{CancelVoluntarily: &tx.CancelVoluntarily{Instrument: "CEA22", Tonnes: 3, Purpose: "A meeting", Application: "V-1"}}})
	s.must(t, "registry", "approve", tx.Operation{Operation: &tx.Operation_DecideApplication{DecideApplication: &tx.DecideApplication{Applicant: "e01", Application: "V-1", Approved: true}}})
	return s
}

func TestSubmitAnswersWithReceipts(t *testing.T) {
	s := newSolo(t, 2)
	c := as(t, s, "", start(t, s, Config{}).Address())
	raws := [][]byte{
		s.sign(t, "registry", "r1", issue("e00", "CEA23", 10, "doc")),
		s.sign(t, "e00", "r2", transfer("e01", "CEA23", 11)),
	}
	receipts, err := c.Submit(t.Context(), raws)
	if err != nil {
		t.Fatal(err)
	}
	if receipts[0].Rejection() != nil || receipts[0].Height != 1 || c.MinHeight() != 1 {
		t.Fatalf("first receipt %v, min height %d", receipts[0], c.MinHeight())
	}
	no := receipts[1].Rejection()
	if no == nil || no.Reason != tx.InsufficientHolding || no.Have != 10 || no.Want != 11 || receipts[1].Height != 1 {
		t.Fatalf("a transfer of more than is held: %v", receipts[1])
	}
	again, err := c.Submit(t.Context(), raws)
	if err != nil || !again[0].Equal(&receipts[0]) {
		t.Fatalf("the same bytes again: %v, %v", again, err)
	}
	got, err := c.GetReceipt(t.Context(), &GetReceiptRequest{Id: receipts[1].Id})
	if err != nil || !got.Found || !got.Receipt.Equal(&receipts[1]) {
		t.Fatalf("receipt by id: %v, %v", got, err)
	}
	none, err := c.GetReceipt(t.Context(), &GetReceiptRequest{Id: make([]byte, 32)})
	if err != nil || none.Found || none.Height < 1 {
		t.Fatalf("receipt of nothing: %v, %v", none, err)
	}
}

func TestSubmitStreamKeepsOrder(t *testing.T) {
	s := newSolo(t, 2)
	stream, err := NewLedgerClient(dial(t, start(t, s, Config{}).Address(), ourCodec())).SubmitStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		raw := s.sign(t, "registry", fmt.Sprintf("r%d", i), issue("e00", "CEA23", 1, fmt.Sprintf("doc%d", i)))
		if err := stream.Send(&SubmitRequest{Transactions: [][]byte{raw}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		out, err := stream.Recv()
		if err != nil || out.Receipts[0].Height != uint64(i+1) || out.Receipts[0].Reference != fmt.Sprintf("r%d", i) {
			t.Fatalf("answer %d: %v, %v", i, out, err)
		}
	}
}

func TestCheckHasNoEffect(t *testing.T) {
	s := newSolo(t, 2)
	c := as(t, s, "", start(t, s, Config{}).Address())
	out, err := c.Check(t.Context(), &CheckRequest{Transaction: s.sign(t, "e00", "r", transfer("e01", "CEA23", 5))})
	if err != nil || out.Receipt.Reason != tx.InsufficientHolding || out.Receipt.Want != 5 {
		t.Fatalf("%v, %v", out, err)
	}
	if h := s.ledger.Head().Height; h != 0 {
		t.Fatalf("the check made block %d", h)
	}
}

func TestQueriesAgreeWithTheLedger(t *testing.T) {
	s := market(t)
	c := as(t, s, "auditor", start(t, s, Config{}).Address())
	ctx, height := t.Context(), s.ledger.Head().Height
	v, err := s.ledger.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()

	order, err := c.GetOrder(ctx, &GetOrderRequest{Party: "e01", Reference: "buy-1"})
	if err != nil || order.Height != height || order.Order.Filled != 100 || order.Order.Quantity != 200 || order.Order.State != tx.OrderLapsed {
		t.Errorf("order: %v, %v", order, err)
	}
	bulletin, err := c.GetBulletin(ctx, &GetBulletinRequest{Day: today})
	if err != nil || !bulletin.Bulletin.Closed || bulletin.Bulletin.Composite.ListedTonnes != 100 {
		t.Errorf("bulletin: %v, %v", bulletin, err)
	}
	days, err := c.ListBulletins(ctx, &ListBulletinsRequest{})
	if err != nil || !days.Page.Complete || !counted(days.Page, 1) || days.Page.Height != height || !days.Bulletins[0].Equal(&bulletin.Bulletin) {
		t.Errorf("bulletins: %v, %v", days, err)
	}
	totals, err := c.GetYearTotals(ctx, &GetYearTotalsRequest{Year: 2024})
	if want, _, _ := v.YearTotals(2024); err != nil || !totals.Totals.Equal(&want) || want.Trades != 1 {
		t.Errorf("year's totals: %v, %v", totals, err)
	}
	year, err := c.GetYearObligation(ctx, &GetYearObligationRequest{Year: 2023})
	if err != nil || year.Obligation.Entities != 40 || year.Obligation.Complete != 1 {
		t.Errorf("year's obligation: %v, %v", year, err)
	}
	regions, err := c.ListRegionObligations(ctx, &ListRegionObligationsRequest{Year: 2023})
	if err != nil || len(regions.Regions) != 1 || regions.Regions[0].Due != 20_000 || !counted(regions.Page, 1) || !regions.Page.Complete {
		t.Errorf("regions: %v, %v", regions, err)
	}
	parameters, err := c.ListParameters(ctx, &ListParametersRequest{})
	if err != nil || parameters.Page.Height != height || !slices.ContainsFunc(parameters.Parameters, func(p tx.ParameterValue) bool { return p.Name == "offset.share" && p.Value == "4/100" }) {
		t.Errorf("parameters: %v, %v", parameters, err)
	}
	validators, err := c.ListValidators(ctx, &ListValidatorsRequest{})
	if err != nil || len(validators.Validators) != 1 || validators.Validators[0].Name != "n1" {
		t.Errorf("validators: %v, %v", validators, err)
	}
	sums, err := c.CheckConservation(ctx, &CheckConservationRequest{})
	if err != nil || sums.Height != height || len(sums.Conservation.Breaks) != 0 || len(sums.Conservation.Instruments) != 2 {
		t.Errorf("conservation: %v, %v", sums, err)
	}
	party, err := c.GetParty(ctx, &GetPartyRequest{Id: "e07"})
	if err != nil || party.Party.Region != "hubei" || len(party.Party.Keys) != 1 {
		t.Errorf("party: %v, %v", party, err)
	}
	money, err := c.ListMoney(ctx, &ListMoneyRequest{Party: "e01"})
	if err != nil || len(money.Money) != 1 || money.Money[0].Amount != 50_000_00-100*7900 {
		t.Errorf("money: %v, %v", money, err)
	}
	state, err := c.Status(ctx, &StatusRequest{})
	if err != nil || state.Head.Height != height || !state.Serving {
		t.Errorf("status: %v, %v", state, err)
	}
	s.signed = []tx.Attestation{{Validator: "n1", Height: 7, Hash: make([]byte, 32), Signature: make([]byte, 64)}}
	signed, err := c.ListAttestations(ctx, &ListAttestationsRequest{})
	if err != nil || len(signed.Attestations) != 1 || signed.Page.Height != 7 {
		t.Errorf("attestations: %v, %v", signed, err)
	}
}

func TestTransactionByID(t *testing.T) {
	s := newSolo(t, 1)
	raw := s.sign(t, "bank", "r", deposit("e00", 100))
	r, err := s.Submit(t.Context(), [][]byte{raw})
	if err != nil {
		t.Fatal(err)
	}
	address := start(t, s, Config{}).Address()
	out, err := as(t, s, "bank", address).GetTransaction(t.Context(), &GetTransactionRequest{Id: r[0].Id})
	if err != nil || !bytes.Equal(out.Transaction, raw) || !out.Receipt.Equal(&r[0]) {
		t.Fatalf("%v, %v", out, err)
	}
}

// counted says whether a page has a total, and this one.
func counted(p Page, total int) bool { return p.Counted != nil && p.GetTotal() == uint64(total) }

// TestEmptyListIsCounted: a total of nothing is a total, and goes over the wire.
func TestEmptyListIsCounted(t *testing.T) {
	s := newSolo(t, 1)
	out, err := as(t, s, "", start(t, s, Config{}).Address()).ListParties(t.Context(), &ListPartiesRequest{Region: "hunan"})
	if err != nil || len(out.Parties) != 0 || !out.Page.Complete || !counted(out.Page, 0) {
		t.Errorf("%v, %v", out, err)
	}
}

// TestPagesMakeTheList: walking a list by cursors of any page size gives the
// same items as one page, each once. The first page has the exact total, and no page
// behind a cursor has any.
func TestPagesMakeTheList(t *testing.T) {
	s := market(t)
	c := as(t, s, "auditor", start(t, s, Config{}).Address())
	type list func(cursor string, limit uint32) (items []string, p Page, err error)
	lists := map[string]list{
		"parties": func(cursor string, limit uint32) (all []string, p Page, err error) {
			out, err := c.ListParties(t.Context(), &ListPartiesRequest{Role: tx.KeyEmittingEntity, Region: "hubei", Cursor: cursor, Limit: limit})
			if err == nil {
				for _, i := range out.Parties {
					all = append(all, i.Id)
				}
				p = out.Page
			}
			return all, p, err
		},
		"holdings": func(cursor string, limit uint32) (all []string, p Page, err error) {
			out, err := c.ListHoldings(t.Context(), &ListHoldingsRequest{Cursor: cursor, Limit: limit})
			if err == nil {
				for _, i := range out.Holdings {
					all = append(all, i.String())
				}
				p = out.Page
			}
			return all, p, err
		},
		"money": func(cursor string, limit uint32) (all []string, p Page, err error) {
			out, err := c.ListMoney(t.Context(), &ListMoneyRequest{Cursor: cursor, Limit: limit})
			if err == nil {
				for _, i := range out.Money {
					all = append(all, i.String())
				}
				p = out.Page
			}
			return all, p, err
		},
		"obligations": func(cursor string, limit uint32) (all []string, p Page, err error) {
			out, err := c.ListObligations(t.Context(), &ListObligationsRequest{Year: 2023, Cursor: cursor, Limit: limit})
			if err == nil {
				for _, i := range out.Obligations {
					all = append(all, i.String())
				}
				p = out.Page
			}
			return all, p, err
		},
	}
	for name, ask := range lists {
		whole, page, err := ask("", 0)
		if err != nil || !page.Complete || page.Cursor != "" || !counted(page, len(whole)) || len(whole) < 40 {
			t.Fatalf("%s in one page: %d items, %v, %v", name, len(whole), page, err)
		}
		for _, limit := range []uint32{1, 7, 40, 41} {
			var walked []string
			for cursor := ""; ; {
				items, p, err := ask(cursor, limit)
				if err != nil || counted(p, len(whole)) != (cursor == "") || cursor != "" && p.Counted != nil || p.Complete != (p.Cursor == "") || len(items) > int(limit) {
					t.Fatalf("%s by %d: %v, %v", name, limit, p, err)
				}
				walked = append(walked, items...)
				if cursor = p.Cursor; p.Complete {
					break
				}
			}
			if strings.Join(walked, "\n") != strings.Join(whole, "\n") {
				t.Errorf("%s by %d: %d items walked, %d in one page", name, limit, len(walked), len(whole))
			}
		}
	}
}

// TestPagesWithNamesThatBeginAlike: the id of one party is the beginning of
// another's, with a character that sorts before most separators.
func TestPagesWithNamesThatBeginAlike(t *testing.T) {
	s := newSolo(t, 0)
	ids := []string{"a", "a-b", "a0", "aa"}
	for _, id := range ids {
		proof, err := tx.ProveKey(s.domain(), id, keyOf(id))
		if err != nil {
			t.Fatal(err)
		}
		s.must(t, "registry", "open-"+id, tx.Operation{Operation: &tx.Operation_OpenAccount{OpenAccount: &tx.OpenAccount{
			Id: id, Role: tx.KeyEmittingEntity, Name: id, Region: "hubei", USCC: usccOf(id), Keys: []tx.ProvenKey{proof},
		}}})
		s.must(t, "registry", "issue-"+id, issue(id, "CEA22", 1, "doc"), issue(id, "CEA23", 1, "doc"))
	}
	c := as(t, s, "registry", start(t, s, Config{}).Address())
	seen := map[string]bool{}
	for cursor := ""; ; {
		out, err := c.ListHoldings(t.Context(), &ListHoldingsRequest{Cursor: cursor, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range out.Holdings {
			seen[h.Party+" "+h.Instrument] = true
		}
		if cursor = out.Page.Cursor; out.Page.Complete {
			break
		}
	}
	if len(seen) != 8 {
		t.Errorf("walked over %v, want both instruments of %v", seen, ids)
	}
}

func TestBulletinsByPage(t *testing.T) {
	s := newSolo(t, 0)
	for i, day := 0, today; i < 3; i, day = i+1, day.Next() {
		if i > 0 {
			s.must(t, "timekeeper", fmt.Sprintf("clock%d", i), setClock(day.Start()))
		}
		s.must(t, "exchange", fmt.Sprintf("open%d", i), tx.Operation{Operation: &tx.Operation_OpenDay{OpenDay: &tx.OpenDay{Day: day}}})
		s.closeDay(t, day)
	}
	c := as(t, s, "", start(t, s, Config{}).Address())
	var days []tx.Day
	for cursor := ""; ; {
		out, err := c.ListBulletins(t.Context(), &ListBulletinsRequest{From: today, To: today.Next().Next(), Cursor: cursor, Limit: 1})
		if err != nil || len(out.Bulletins) != 1 || counted(out.Page, 3) != (cursor == "") || cursor != "" && out.Page.Counted != nil {
			t.Fatalf("%v, %v", out, err)
		}
		days = append(days, out.Bulletins[0].Day)
		if cursor = out.Page.Cursor; out.Page.Complete {
			break
		}
	}
	if fmt.Sprint(days) != "[2024-01-02 2024-01-03 2024-01-04]" {
		t.Errorf("walked over %v", days)
	}
	if _, err := c.ListBulletins(t.Context(), &ListBulletinsRequest{From: 20240104, To: 20240102}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("from after to: %v", err)
	}
}

func TestNotFoundNamesTheHeight(t *testing.T) {
	s := newSolo(t, 1)
	s.must(t, "bank", "r", deposit("e00", 1))
	c := as(t, s, "auditor", start(t, s, Config{}).Address())
	ctx := t.Context()
	_, e1 := c.GetParty(ctx, &GetPartyRequest{Id: "nobody"})
	_, e2 := c.GetBulletin(ctx, &GetBulletinRequest{Day: today})
	_, e3 := c.GetYearTotals(ctx, &GetYearTotalsRequest{Year: 1999})
	_, e4 := c.GetYearObligation(ctx, &GetYearObligationRequest{Year: 1999})
	_, e5 := c.GetOrder(ctx, &GetOrderRequest{Party: "e00", Reference: "none"})
	_, e6 := c.GetTransaction(ctx, &GetTransactionRequest{Id: make([]byte, 32)})
	for i, err := range []error{e1, e2, e3, e4, e5, e6} {
		info := infoOf(err)
		if status.Code(err) != codes.NotFound || info == nil || info.Reason != reasonNotFound || info.Metadata["height"] != "1" || !strings.Contains(err.Error(), "height 1") {
			t.Errorf("%d: %v, details %v", i+1, err, info)
		}
	}
}

func TestBadRequestsNameWhatIsWrong(t *testing.T) {
	s := newSolo(t, 1)
	l := as(t, s, "auditor", start(t, s, Config{}).Address())
	other, err := l.ListParties(t.Context(), &ListPartiesRequest{Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want string
		ask  func() error
	}{
		{"id: has 3 bytes, want 32", func() error { _, err := l.GetReceipt(t.Context(), &GetReceiptRequest{Id: []byte("abc")}); return err }},
		{"limit 1001", func() error { _, err := l.ListParties(t.Context(), &ListPartiesRequest{Limit: 1001}); return err }},
		{"role 99", func() error { _, err := l.ListParties(t.Context(), &ListPartiesRequest{Role: 99}); return err }},
		{"not one of ListParties", func() error {
			_, err := l.ListParties(t.Context(), &ListPartiesRequest{Cursor: "noise!"})
			return err
		}},
		{"not one of ListMoney", func() error {
			_, err := l.ListMoney(t.Context(), &ListMoneyRequest{Cursor: other.Page.Cursor})
			return err
		}},
		{"not one of ListParties", func() error {
			_, err := l.ListParties(t.Context(), &ListPartiesRequest{Cursor: strings.Repeat("A", 10_000)})
			return err
		}},
		{"year 0", func() error { _, err := l.GetYearTotals(t.Context(), &GetYearTotalsRequest{}); return err }},
		{"year -5", func() error {
			_, err := l.ListObligations(t.Context(), &ListObligationsRequest{Year: -5})
			return err
		}},
		{"YYYYMMDD", func() error { _, err := l.GetBulletin(t.Context(), &GetBulletinRequest{Day: 20240231}); return err }},
		{`id "\xff`, func() error { _, err := l.GetParty(t.Context(), &GetPartyRequest{Id: "\xff\xfe"}); return err }},
		{"reference", func() error {
			_, err := l.GetOrder(t.Context(), &GetOrderRequest{Party: "e00", Reference: "a b"})
			return err
		}},
		{"heights begin at 1", func() error {
			return l.EachBlock(t.Context(), 0, 0, false, func(*tx.BlockRecord) error { return nil })
		}},
		{"none given", func() error { _, err := l.Submit(t.Context(), nil); return err }},
		{"TOO_LARGE", func() error {
			_, err := l.Submit(t.Context(), [][]byte{make([]byte, tx.MaxTransactionBytes+1)})
			return err
		}},
		{"MALFORMED", func() error { _, err := l.Submit(t.Context(), [][]byte{[]byte("noise")}); return err }},
	} {
		err := c.ask()
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), c.want) || infoOf(err) == nil {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
	_, err = l.Submit(t.Context(), [][]byte{s.sign(t, "bank", "r", deposit("e00", 1)), []byte("noise")})
	var no *tx.Rejection
	if !errors.Is(err, ErrWithoutEffect) || !errors.As(err, &no) || no.Reason != tx.Malformed {
		t.Errorf("noise after a good transaction: %v", err)
	}
	if h := s.ledger.Head().Height; h != 0 {
		t.Errorf("refused requests made block %d", h)
	}
}
