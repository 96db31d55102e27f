package sim

import (
	"fmt"
	"strings"

	"carbonledger/state"
	"carbonledger/tx"
)

// many is more than any list of a run has.
const many = 1 << 30

// differences between a ledger and the model.
type differences struct{ all []string }

func (d *differences) equal(what string, got, want any) {
	if got != want {
		d.all = append(d.all, fmt.Sprintf("%s is %+v, in the model %+v", what, got, want))
	}
}

// compare looks at every balance, obligation, parameter of supply, bulletin and
// account of a view.
func compare(v *state.View, m *model) ([]string, error) {
	d := &differences{}
	for _, part := range []func(*state.View, *model, *differences) error{compareHoldings, compareMoney, compareSupply, compareDuties, compareMarket, compareParties} {
		if err := part(v, m, d); err != nil {
			return nil, err
		}
	}
	return d.all, nil
}

func compareHoldings(v *state.View, m *model, d *differences) error {
	holdings, _, _, err := v.Holdings("", "", "", many)
	if err != nil {
		return err
	}
	seen := map[of]bool{}
	for _, h := range holdings {
		at := of{h.Party, h.Instrument}
		seen[at] = true
		got := units{int64(h.RegistryAvailable), int64(h.TradingAvailable), int64(h.Locked), int64(h.Pending), int64(h.Pledged), int64(h.Frozen)}
		d.equal(fmt.Sprint(at), got, m.units[at])
		d.equal(fmt.Sprint("all of ", at), int64(h.Tonnes), m.units[at].all())
		d.equal(fmt.Sprint("receivable ", at), int64(h.Receivable), m.receivable[at])
	}
	for at, u := range m.units {
		if !seen[at] {
			d.equal(fmt.Sprint(at), units{}, u)
		}
	}
	return nil
}

func compareMoney(v *state.View, m *model, d *differences) error {
	money, _, _, err := v.Money("", "", many)
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, p := range money {
		seen[p.Party] = true
		d.equal("money of "+p.Party, purse{int64(p.Amount), int64(p.Locked), int64(p.Proceeds)}, m.money[p.Party])
	}
	for party, p := range m.money {
		if !seen[party] {
			d.equal("money of "+party, purse{}, p)
		}
	}
	return nil
}

func compareSupply(v *state.View, m *model, d *differences) error {
	c, err := v.Conservation()
	if err != nil {
		return err
	}
	d.all = append(d.all, c.Breaks...)
	for _, s := range c.Instruments {
		got := flows{int64(s.Issued), int64(s.Surrendered), int64(s.ClawedBack), int64(s.Cancelled), int64(s.CarriedOver)}
		d.equal("supply of "+s.Instrument, got, m.supply[s.Instrument])
	}
	d.equal("deposits", int64(c.Money.Deposited), m.deposited)
	d.equal("withdrawals", int64(c.Money.Withdrawn), m.withdrawn)
	return nil
}

func compareDuties(v *state.View, m *model, d *differences) error {
	years := map[tx.Year]bool{}
	for at := range m.obligations {
		years[at.year] = true
	}
	seen := map[yearly]bool{}
	for year := range years {
		all, _, _, err := v.Obligations(year, "", "", "", many)
		if err != nil {
			return err
		}
		for _, o := range all {
			at := yearly{o.Entity, o.Year}
			seen[at] = true
			got := duty{int64(o.Due), int64(o.Surrendered), int64(o.Offset), int64(o.Submitted), int64(o.Forced)}
			d.equal(fmt.Sprint("obligation ", at), got, m.obligations[at])
		}
	}
	for at, o := range m.obligations {
		if !seen[at] {
			d.equal(fmt.Sprint("obligation ", at), duty{}, o)
		}
	}
	return nil
}

func compareMarket(v *state.View, m *model, d *differences) error {
	for day, quotes := range m.bulletins {
		b, ok, err := v.Bulletin(day)
		if err != nil {
			return err
		}
		d.equal(fmt.Sprint("the bulletin of ", day), ok && b.Closed, true)
		for _, q := range append(b.Instruments, b.Composite) {
			d.equal(day.String()+" "+q.Instrument, int64(q.Close), quotes[q.Instrument])
		}
	}
	for year, turnover := range m.yearEnd {
		totals, _, err := v.YearTotals(year)
		if err != nil {
			return err
		}
		d.equal(fmt.Sprint("turnover up to ", year), fmt.Sprint(int64(totals.CumulativeAmount)), turnover.String())
	}
	return nil
}

func compareParties(v *state.View, m *model, d *differences) error {
	all, _, _, err := v.Parties(tx.RoleUnspecified, "", "", many)
	if err != nil {
		return err
	}
	d.equal("the number of accounts", len(all), len(m.parties))
	for i := range all {
		p := &all[i]
		want := m.parties[p.Id]
		var keys []string
		for j := range p.Keys {
			k := &p.Keys[j]
			keys = append(keys, k.Key.String())
			d.equal("revoked: "+p.Id+" "+k.Key.String(), k.RevokedHeight != 0, m.owners[k.Key.String()].revoked)
		}
		d.equal("keys of "+p.Id, strings.Join(keys, " "), strings.Join(want.keys, " "))
		got := []any{p.Role, p.Name, p.Region, p.USCC, p.Sector, p.Contact, p.Restriction, p.ClosedHeight != 0}
		d.equal("the account "+p.Id, fmt.Sprint(got), fmt.Sprint([]any{want.role, want.name, want.region, want.uscc, want.sector, want.contact, want.restriction, want.closed}))
	}
	return nil
}
