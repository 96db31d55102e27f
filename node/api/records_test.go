package api

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"carbonledger/tx"
)

// TestRecordsAgreeWithTheLedger: what every query on records answers is what was
// booked.
func TestRecordsAgreeWithTheLedger(t *testing.T) {
	s := market(t)
	c := as(t, s, "auditor", start(t, s, Config{}).Address())
	ctx, height := t.Context(), s.ledger.Head().Height
	whole := func(name string, p Page, items, want int, err error) {
		t.Helper()
		if err != nil || p.Height != height || !p.Complete || !counted(p, want) || items != want {
			t.Fatalf("%s: %d items, %v, %v", name, items, p, err)
		}
	}
	trades, err := c.ListTrades(ctx, &ListTradesRequest{Day: today})
	whole("trades", trades.GetPage(), len(trades.GetTrades()), 1, err)
	if r := trades.Trades[0]; r.Number != 1 || r.Tonnes != 100 || r.Amount != 100*7900 || r.Buy.Party != "e01" || r.Sell.Reference != "sell-1" || r.State != tx.TradeSettled {
		t.Errorf("trades: %v", trades)
	}
	settlement, err := c.GetSettlement(ctx, &GetSettlementRequest{Day: today})
	if err != nil || settlement.Height != height || settlement.Settlement.Trades != 1 || !settlement.Settlement.Reconciled || settlement.Settlement.Money != 40*50_000_00 {
		t.Errorf("settlement: %v, %v", settlement, err)
	}
	lots, err := c.ListLots(ctx, &ListLotsRequest{Entity: "e07"})
	whole("lots", lots.GetPage(), len(lots.GetLots()), 2, err)
	if l := lots.Lots[1]; l.Instrument != "CEA23" || l.Tonnes != 1000 || l.Document != "doc-23" || l.Region != "hubei" {
		t.Errorf("lots: %v", lots)
	}
	verified, err := c.ListVerifications(ctx, &ListVerificationsRequest{Year: 2023})
	whole("verifications", verified.GetPage(), len(verified.GetVerifications()), 40, err)
	applications, err := c.ListApplications(ctx, &ListApplicationsRequest{State: tx.ApplicationApproved})
	whole("applications", applications.GetPage(), len(applications.GetApplications()), 2, err)
	if a := applications.Applications[0]; a.Applicant != "e00" || a.Kind != tx.SurrenderApplication || a.Decider != "hubei" {
		t.Errorf("applications: %v", applications)
	}
	voluntary, err := c.ListVoluntaryCancellations(ctx, &ListVoluntaryCancellationsRequest{})
	whole("voluntary cancellations", voluntary.GetPage(), len(voluntary.GetCancellations()), 1, err)
	if a := voluntary.Cancellations[0]; a.Purpose != "A meeting" || a.Tonnes != 3 {
		t.Errorf("voluntary cancellations: %v", voluntary)
	}
	cancelled, err := c.ListCancellations(ctx, &ListCancellationsRequest{})
	whole("cancellations", cancelled.GetPage(), len(cancelled.GetCancellations()), 1, err)
	if k := cancelled.Cancellations[0]; k.Cancellation != "C-1" || k.Kind != tx.NationalOffset || k.Booked != 0 {
		t.Errorf("cancellations: %v", cancelled)
	}
	batches, err := c.ListReductions(ctx, &ListReductionsRequest{})
	whole("reductions", batches.GetPage(), len(batches.GetReductions()), 1, err)
	if r := batches.Reductions[0]; r.Batch != "B-1" || r.Tonnes != 50 || r.Cancelled != 5 {
		t.Errorf("reductions: %v", batches)
	}
	ccer, err := c.ListReductionHoldings(ctx, &ListReductionHoldingsRequest{Party: "e01"})
	whole("CCER", ccer.GetPage(), len(ccer.GetHoldings()), 1, err)
	if h := ccer.Holdings[0]; h.Tonnes != 45 {
		t.Errorf("CCER: %v", ccer)
	}
	prepared, err := c.ListPrepared(ctx, &ListPreparedRequest{Party: "e01"})
	whole("prepared", prepared.GetPage(), len(prepared.GetPrepared()), 1, err)
	if p := prepared.Prepared[0]; p.State == tx.PreparedStateUnspecified || len(p.Operations) != 1 {
		t.Errorf("prepared: %v", prepared)
	}
	freezes, err := c.ListFreezes(ctx, &ListFreezesRequest{Party: "e01"})
	whole("freezes", freezes.GetPage(), len(freezes.GetFreezes()), 1, err)
	if f := freezes.Freezes[0]; f.Document != "F-1" || f.Tonnes != 7 || f.Court != "court" {
		t.Errorf("freezes: %v", freezes)
	}
	pledges, err := c.ListPledges(ctx, &ListPledgesRequest{Party: "bank"})
	whole("pledges", pledges.GetPage(), len(pledges.GetPledges()), 1, err)
	if p := pledges.Pledges[0]; p.Registration != "P-1" || p.Pledgor != "e01" || p.Tonnes != 9 {
		t.Errorf("pledges: %v", pledges)
	}
	carry, err := c.GetCarryOver(ctx, &GetCarryOverRequest{Entity: "e02"})
	if err != nil || carry.Standing.Sold != 100 || carry.Standing.NetSales != 100 || carry.Standing.Maximum != 10_150 {
		t.Errorf("carry-over: %v, %v", carry, err)
	}
	risks, err := c.ListRisks(ctx, &ListRisksRequest{Year: 2023})
	whole("risks", risks.GetPage(), len(risks.GetRisks()), 40, err)
	if r := risks.Risks[1]; r.Entity != "e01" || r.Due != 500 || r.Frozen != 7 {
		t.Errorf("risks: %v", risks.Risks[1])
	}
	penalty, err := c.GetPenalty(ctx, &GetPenaltyRequest{Entity: "e01", Year: 2023})
	if err != nil || penalty.Penalty.Unsurrendered != 500 || penalty.Penalty.AveragePrice != 7900 || penalty.Penalty.Least != 5*7900*500 || penalty.Penalty.Most != 10*7900*500 {
		t.Errorf("penalty: %v, %v", penalty, err)
	}
	_, e1 := c.GetSession(ctx, &GetSessionRequest{Session: "none"})
	_, e2 := c.GetSettlement(ctx, &GetSettlementRequest{Day: 20240103})
	_, e3 := c.GetAllocation(ctx, &GetAllocationRequest{Entity: "e01", Instrument: "CEA99"})
	_, e4 := c.GetPenalty(ctx, &GetPenaltyRequest{Entity: "e01", Year: 1999})
	for i, err := range []error{e1, e2, e3, e4} {
		if info := infoOf(err); status.Code(err) != codes.NotFound || info == nil || info.Reason != reasonNotFound {
			t.Errorf("%d: %v", i+1, err)
		}
	}
}

// TestWhoMayReadRecords: what is a party's own is for it and the institutions,
// CCER also for its registry and exchange, and risks for few.
func TestWhoMayReadRecords(t *testing.T) {
	s := market(t)
	address := start(t, s, Config{}).Address()
	ctx := t.Context()
	own := func(c *Client, party string) map[string]error {
		errs := map[string]error{}
		_, errs["lots"] = c.ListLots(ctx, &ListLotsRequest{Entity: party})
		_, errs["allocation"] = c.GetAllocation(ctx, &GetAllocationRequest{Entity: party, Instrument: "CEA22"})
		_, errs["verifications"] = c.ListVerifications(ctx, &ListVerificationsRequest{Year: 2023, Entity: party})
		_, errs["applications"] = c.ListApplications(ctx, &ListApplicationsRequest{Applicant: party})
		_, errs["prepared"] = c.ListPrepared(ctx, &ListPreparedRequest{Party: party})
		_, errs["freezes"] = c.ListFreezes(ctx, &ListFreezesRequest{Party: party})
		_, errs["pledges"] = c.ListPledges(ctx, &ListPledgesRequest{Party: party})
		_, errs["carry-over"] = c.GetCarryOver(ctx, &GetCarryOverRequest{Entity: party})
		_, errs["penalty"] = c.GetPenalty(ctx, &GetPenaltyRequest{Entity: party, Year: 2023})
		return errs
	}
	for reader, want := range map[string]codes.Code{
		"e01": codes.OK, "bank": codes.OK, "hunan": codes.OK, "e02": codes.PermissionDenied, "court": codes.PermissionDenied, "ccer-registry": codes.PermissionDenied,
	} {
		for name, err := range own(as(t, s, reader, address), "e01") {
			if got := status.Code(err); got != want {
				t.Errorf("%s of e01 by %s: %v, want %v (%v)", name, reader, got, want, err)
			}
		}
	}
	for name, err := range own(as(t, s, "", address), "e01") {
		if status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s by nobody: %v", name, err)
		}
	}
	for reader, want := range map[string]codes.Code{"e01": codes.PermissionDenied, "auditor": codes.OK, "court": codes.PermissionDenied} {
		if _, err := as(t, s, reader, address).ListTrades(ctx, &ListTradesRequest{Day: today}); status.Code(err) != want {
			t.Errorf("trades by %s: %v", reader, err)
		}
	}
	for reader, want := range map[string]codes.Code{"e01": codes.OK, "e02": codes.PermissionDenied, "ccer-registry": codes.OK, "ccer-exchange": codes.OK, "court": codes.PermissionDenied} {
		if _, err := as(t, s, reader, address).ListReductionHoldings(ctx, &ListReductionHoldingsRequest{Party: "e01"}); status.Code(err) != want {
			t.Errorf("CCER by %s: %v", reader, err)
		}
	}
	for _, c := range []struct {
		reader, region string
		want           codes.Code
	}{
		{"ministry", "", codes.OK}, {"registry", "", codes.OK}, {"auditor", "hubei", codes.OK}, {"hubei", "hubei", codes.OK},
		{"hubei", "", codes.PermissionDenied}, {"hunan", "hubei", codes.PermissionDenied}, {"exchange", "", codes.PermissionDenied}, {"e01", "hubei", codes.PermissionDenied},
	} {
		if _, err := as(t, s, c.reader, address).ListRisks(ctx, &ListRisksRequest{Year: 2023, Region: c.region}); status.Code(err) != c.want {
			t.Errorf("risks of %q by %s: %v", c.region, c.reader, err)
		}
	}
	// What everybody may see needs no key.
	nobody := as(t, s, "", address)
	_, e1 := nobody.GetSettlement(ctx, &GetSettlementRequest{Day: today})
	_, e2 := nobody.ListCancellations(ctx, &ListCancellationsRequest{})
	_, e3 := nobody.ListVoluntaryCancellations(ctx, &ListVoluntaryCancellationsRequest{})
	_, e4 := nobody.ListReductions(ctx, &ListReductionsRequest{})
	for i, err := range []error{e1, e2, e3, e4} {
		if err != nil {
			t.Errorf("%d: %v", i+1, err)
		}
	}
}

// TestReadingNeedsTheRight: a key reads by its right to view, and in its time.
func TestReadingNeedsTheRight(t *testing.T) {
	s := newSolo(t, 1)
	address := start(t, s, Config{}).Address()
	hour := tx.Instant(3600_000)
	for _, c := range []struct {
		name   string
		rights tx.Right
		from   tx.Instant
		until  tx.Instant
		want   codes.Code
	}{
		{"view", tx.RightView, 0, 0, codes.OK},
		{"all", 0, 0, today.Start(), codes.OK},
		{"trade", tx.RightTrade | tx.RightPrepare, 0, 0, codes.PermissionDenied},
		{"to come", tx.RightView, today.Start() + hour, 0, codes.PermissionDenied},
	} {
		key := keyOf("auditor/" + c.name)
		proven, err := tx.ProveKey(s.domain(), "auditor", key)
		if err != nil {
			t.Fatal(err)
		}
		proven.Rights, proven.ValidFrom, proven.ValidUntil = uint32(c.rights), c.from, c.until
		s.must(t, "auditor", "add-"+strings.ReplaceAll(c.name, " ", "-"), tx.Operation{Operation: &tx.Operation_AddKey{AddKey: &tx.AddKey{Key: proven}}})
		reader := newClient(t, ClientConfig{Addresses: []string{address}, Party: "auditor", Key: &key, Domain: s.domain()})
		if _, err := reader.ListMoney(t.Context(), &ListMoneyRequest{}); status.Code(err) != c.want {
			t.Errorf("a key with %s: %v, want %v", c.name, err, c.want)
		}
		if c.until == 0 {
			continue
		}
		s.must(t, "timekeeper", "later", setClock(c.until+1))
		if _, err := reader.ListMoney(t.Context(), &ListMoneyRequest{}); status.Code(err) != codes.PermissionDenied {
			t.Errorf("a key whose time is over: %v", err)
		}
	}
}
