package state_test

import (
	"fmt"
	"reflect"
	"strings"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/datadriven"
)

// show answers queries.
func (s *script) show(d *datadriven.TestData) string {
	v, err := s.ledger.View()
	s.must(err)
	defer func() { s.must(v.Close()) }()
	var out strings.Builder
	arg := func(n int) string { // "-" stands for nothing
		if n < len(d.CmdArgs) && d.CmdArgs[n].Key != "-" {
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
	case "duty": // of one entity, and of one region
		showList(s, line, func(after string, limit int) ([]tx.Obligation, int, string, error) {
			return v.Obligations(tx.Year(whole(arg(1))), arg(3), arg(2), after, limit)
		})
	case "party":
		p, ok, err := v.Party(arg(1))
		line(fmt.Sprintf("found %v %s %s region=%q opened %d%s", ok, p.Id, p.Role, p.Region, p.OpenedHeight, partyFacts(&p)), err)
		for _, k := range p.Keys {
			line(fmt.Sprintf("%s added %d revoked %d rights %s of %s", k.Key.String(), k.AddedHeight, k.RevokedHeight, tx.Right(k.Rights), k.Person), nil)
		}
	case "prepared":
		id, err := tx.TransactionID(s.f.Hash, s.raws[arg(1)])
		s.must(err)
		party, _, _ := strings.Cut(arg(1), "/")
		all, _, _, err := v.Prepared(party, "", 100)
		for _, p := range all {
			if string(p.Id) == string(id[:]) {
				line(fmt.Sprintf("%s lapses %s, signed by %v, %d operations", p.State, p.Lapses, p.Signers, len(p.Operations)), err)
			}
		}
	case "order":
		f, ok, err := v.Order(arg(1), arg(2))
		f.OrderId, f.Key = nil, tx.PublicKey{}
		line(fmt.Sprintf("found %v %s", ok, &f), err)
	case "parameters":
		all, err := v.Parameters()
		for i := range all {
			line(&all[i], err)
		}
	case "epochs":
		all, err := v.Epochs(0, 100)
		for _, e := range all {
			line(fmt.Sprintf("height %d, day %s, %d records", e.Height, e.Day, e.Records), err)
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
	case "settlement":
		d, _, err := v.Settlement(tx.Day(whole(arg(1))))
		line(&d, err)
	case "trades":
		showList(s, line, func(after string, limit int) ([]tx.TradeRecord, int, string, error) {
			return v.Trades(tx.Day(whole(arg(1))), after, limit)
		})
	case "session":
		b, _, err := v.Session(arg(1))
		line(&b, err)
	case "lots": // of an entity, of an instrument
		showList(s, line, func(after string, limit int) ([]tx.Lot, int, string, error) {
			all, total, next, err := v.Lots(arg(1), arg(2), after, limit)
			for i := range all {
				all[i].TableSha256 = nil
			}
			return all, total, next, err
		})
	case "allocation":
		a, _, err := v.Allocation(arg(1), arg(2))
		line(&a, err)
	case "verifications":
		showList(s, line, func(after string, limit int) ([]tx.Verification, int, string, error) {
			all, total, next, err := v.Verifications(tx.Year(whole(arg(1))), arg(2), after, limit)
			for i := range all {
				all[i].ReportSha256 = nil
			}
			return all, total, next, err
		})
	case "applications": // of an applicant, for an entity, in a state
		var state tx.ApplicationState
		if arg(3) != "" {
			state = tx.ApplicationState(whole(arg(3)))
		}
		showList(s, line, func(after string, limit int) ([]tx.Application, int, string, error) {
			return v.Applications(arg(1), arg(2), state, after, limit)
		})
	case "voluntary":
		showList(s, line, func(after string, limit int) ([]tx.Application, int, string, error) {
			return v.VoluntaryCancellations(after, limit)
		})
	case "cancellations":
		showList(s, line, func(after string, limit int) ([]tx.Cancellation, int, string, error) {
			return v.Cancellations(arg(1), after, limit)
		})
	case "reductions":
		showList(s, line, func(after string, limit int) ([]tx.Reduction, int, string, error) {
			return v.Reductions(after, limit)
		})
	case "ccer":
		showList(s, line, func(after string, limit int) ([]tx.ReductionHolding, int, string, error) {
			return v.ReductionHoldings(arg(1), after, limit)
		})
	case "freezes":
		showList(s, line, func(after string, limit int) ([]tx.FreezeRecord, int, string, error) {
			return v.Freezes(arg(1), after, limit)
		})
	case "pledges":
		showList(s, line, func(after string, limit int) ([]tx.PledgeRecord, int, string, error) {
			return v.Pledges(arg(1), after, limit)
		})
	case "carry-over":
		c, err := v.CarryOver(arg(1))
		line(&c, err)
	case "risks":
		showList(s, line, func(after string, limit int) ([]tx.Risk, int, string, error) {
			return v.Risks(tx.Year(whole(arg(1))), arg(2), arg(3), after, limit)
		})
	case "penalty":
		p, found, err := v.Penalty(arg(1), tx.Year(whole(arg(2))))
		line(fmt.Sprintf("found %v %s", found, &p), err)
	case "conservation":
		c, err := v.Conservation()
		line(&c, err)
	default:
		s.t.Fatalf("%s: nothing to show of %q", d.Pos, arg(0))
	}
	return out.String()
}

// showList prints a list, which must be the same when it is read item by item.
func showList[M any](s *script, line func(any, error), list func(after string, limit int) ([]M, int, string, error)) {
	all, total, rest, err := list("", 100)
	s.must(err)
	if rest != "" || total != len(all) {
		s.t.Fatalf("%d of %d items, and a cursor %q", len(all), total, rest)
	}
	after := ""
	for i := range all {
		one, n, next, err := list(after, 1)
		s.must(err)
		want := total
		if i > 0 {
			want = -1 // behind a cursor
		}
		if len(one) != 1 || n != want || !reflect.DeepEqual(one[0], all[i]) || (next == "") != (i == total-1) {
			s.t.Fatalf("item %d of %d after the cursor %q is %v, the next cursor %q, the whole list has %v", i, n, after, one, next, all[i])
		}
		after = next
		line(any(&all[i]).(fmt.Stringer).String(), nil)
	}
	line(fmt.Sprintf("total %d", total), nil)
}

// partyFacts are what an account says beside what every account says.
func partyFacts(p *tx.Party) (all string) {
	say := func(given bool, format string, a ...any) {
		if given {
			all += fmt.Sprintf(" "+format, a...)
		}
	}
	say(p.Name != "test "+p.Id && p.Name != "test", "name=%q", p.Name)
	say(p.USCC != "", "uscc=%s", p.USCC)
	say(p.Sector != tx.SectorUnspecified, "%s", p.Sector)
	say(p.Contact != "", "contact=%q", p.Contact)
	say(p.Restriction != tx.Unrestricted, "%s", p.Restriction)
	say(p.RecoveredHeight != 0, "recovered %d", p.RecoveredHeight)
	say(p.ClosedHeight != 0, "closed %d", p.ClosedHeight)
	say(p.Successor != "", "successor=%s", p.Successor)
	for _, y := range p.Policies {
		say(true, "%s:%d", y.Operation, y.Persons)
	}
	return all
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
