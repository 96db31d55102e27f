package scenario

import (
	"crypto/sha256"
	"fmt"

	"carbonledger/tx"
)

// preShare of the allocation comes before the final amount: 70 % (plan
// 国环规气候〔2024〕1号, of the year before; here of the same, which was not
// published by entity).
const preShare, preOf = 70, 100

// issue records verified emissions, allocates the own vintage in two stages on
// each province's document and table, and records what is due.
func (a *author) issue(s *Step) error {
	year := tx.Year(a.p.File.obligation().Year)
	var verified []tx.Operation
	for i := range a.p.Entities {
		e := &a.p.Entities[i]
		report := sha256.Sum256(fmt.Appendf(nil, "verification report of %s for %d: %d t", e.ID, year, e.Due))
		verified = append(verified, tx.Operation{Operation: &tx.Operation_RecordVerification{RecordVerification: &tx.RecordVerification{
			Entity: e.ID, Year: year, Tonnes: e.Due, ReportSha256: report[:]}}})
	}
	if err := a.signMany(s, Verifier, fmt.Sprintf("verified-%d", year), verified); err != nil {
		return err
	}
	for _, r := range a.p.File.Invented.Regions {
		if err := a.issueRegion(s, r.ID, year); err != nil {
			return err
		}
	}
	return nil
}

// issueRegion allocates to the entities of one region.
func (a *author) issueRegion(s *Step, region string, year tx.Year) error {
	var pre, final, due []tx.Operation
	table := fmt.Appendf(nil, "%s %d\n", region, year)
	for i := range a.p.Entities {
		if e := &a.p.Entities[i]; e.Region == region {
			table = fmt.Appendf(table, "%s,%d\n", e.ID, e.Allocated)
		}
	}
	sum := sha256.Sum256(table)
	for i := range a.p.Entities {
		e := &a.p.Entities[i]
		if e.Region != region {
			continue
		}
		issue := func(stage tx.Stage, tonnes tx.Tonnes) tx.Operation {
			o := &tx.IssueAllowances{
				To: e.ID, Instrument: a.p.File.Instruments[a.p.own], Tonnes: tonnes, Stage: stage,
				Document: fmt.Sprintf("%s-%d-%d", region, year, stage), TableSha256: sum[:],
			}
			if i == a.p.special.forced {
				o.To, o.Beneficiary = region, e.ID
			}
			return tx.Operation{Operation: &tx.Operation_IssueAllowances{IssueAllowances: o}}
		}
		if part := e.Allocated * preShare / preOf; part > 0 && i != a.p.special.forced {
			pre = append(pre, issue(tx.PreAllocation, part))
		}
		final = append(final, issue(tx.FinalAllocation, e.Allocated))
		if i != a.p.special.forced {
			a.registered[i][a.p.own] += e.Allocated
		}
		due = append(due, tx.Operation{Operation: &tx.Operation_SetObligation{SetObligation: &tx.SetObligation{
			Entity: e.ID, Year: year, Tonnes: e.Due}}})
	}
	for _, stage := range []struct {
		name       string
		operations []tx.Operation
	}{{"pre", pre}, {"final", final}} {
		if err := a.signMany(s, Registry, fmt.Sprintf("%s-%d-%s", stage.name, year, region), stage.operations, region); err != nil {
			return err
		}
	}
	return a.signMany(s, region, fmt.Sprintf("due-%d", year), due)
}

// encumber pledges some units of one entity and freezes some of another.
func (a *author) encumber(s *Step) error {
	code, p := a.p.File.Instruments[a.p.own], &a.p.special
	if p.pledgor >= 0 {
		id := a.p.Entities[p.pledgor].ID
		op := tx.Operation{Operation: &tx.Operation_Pledge{Pledge: &tx.Pledge{
			Pledgee: Bank, Instrument: code, Tonnes: p.quantity, Registration: "pledge-" + id, Condition: "the loan is repaid"}}}
		if err := a.sign(s, id, "pledge", []tx.Operation{op}); err != nil {
			return err
		}
	}
	if p.frozen >= 0 {
		id := a.p.Entities[p.frozen].ID
		op := tx.Operation{Operation: &tx.Operation_Freeze{Freeze: &tx.Freeze{
			Party: id, Instrument: code, Tonnes: p.quantity, Document: "order-" + id}}}
		return a.sign(s, Court, "freeze", []tx.Operation{op})
	}
	return nil
}

// release ends the pledge and the freeze.
func (a *author) release(s *Step) error {
	p := &a.p.special
	if p.pledgor >= 0 {
		op := tx.Operation{Operation: &tx.Operation_ReleasePledge{ReleasePledge: &tx.ReleasePledge{Registration: "pledge-" + a.p.Entities[p.pledgor].ID}}}
		if err := a.sign(s, Bank, "release", []tx.Operation{op}); err != nil {
			return err
		}
	}
	if p.frozen >= 0 {
		op := tx.Operation{Operation: &tx.Operation_Unfreeze{Unfreeze: &tx.Unfreeze{Freeze: "order-" + a.p.Entities[p.frozen].ID, Tonnes: p.quantity}}}
		return a.sign(s, Court, "unfreeze", []tx.Operation{op})
	}
	return nil
}

// surrender makes the applications of the entities that surrender after this day's
// close, and the decisions of their provinces.
func (a *author) surrender(s *Step, i int) error {
	year := tx.Year(a.p.File.obligation().Year)
	decisions := map[string][]tx.Operation{}
	for n := range a.p.Entities {
		e := &a.p.Entities[n]
		if e.surrender.day != i {
			continue
		}
		if n == a.p.special.forced {
			op := tx.Operation{Operation: &tx.Operation_ForceSurrender{ForceSurrender: &tx.ForceSurrender{
				Entity: e.ID, Year: year, Document: fmt.Sprintf("entrustment-%s-%d", e.Region, year)}}}
			if err := a.sign(s, Registry, "force-"+e.ID, []tx.Operation{op}, e.Region); err != nil {
				return err
			}
			continue
		}
		if err := a.offset(s, e, year); err != nil {
			return err
		}
		if err := a.apply(s, n, year, decisions); err != nil {
			return err
		}
	}
	for k, r := range a.p.File.Invented.Regions {
		if all := decisions[r.ID]; len(all) > 0 {
			if err := a.decide(s, r.ID, fmt.Sprintf("decisions-%s", a.p.Days[i]), all, k == 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// offset registers CCER for an entity, which cancels it; the registry books it.
func (a *author) offset(s *Step, e *Entity, year tx.Year) error {
	if e.Offset == 0 {
		return nil
	}
	batch, number := "ccer-"+e.ID, fmt.Sprintf("ccer-%d-%s", year, e.ID)
	for _, x := range []struct {
		party string
		op    tx.Operation
	}{
		{CCERRegistry, tx.Operation{Operation: &tx.Operation_RegisterReduction{RegisterReduction: &tx.RegisterReduction{
			Batch: batch, Project: "offshore wind " + e.ID, To: e.ID, Tonnes: e.Offset, Document: "registration-" + e.ID}}}},
		{e.ID, tx.Operation{Operation: &tx.Operation_CancelCCER{CancelCCER: &tx.CancelCCER{
			Batch: batch, Tonnes: e.Offset, Kind: tx.NationalOffset, Cancellation: number}}}},
		{Registry, tx.Operation{Operation: &tx.Operation_BookOffset{BookOffset: &tx.BookOffset{Entity: e.ID, Year: year, Cancellation: number}}}},
	} {
		if err := a.sign(s, x.party, "offset-"+e.ID, []tx.Operation{x.op}); err != nil {
			return err
		}
	}
	return nil
}

// apply makes an entity's applications, after it has moved what it needs into its
// registry holding.
func (a *author) apply(s *Step, n int, year tx.Year, decisions map[string][]tx.Operation) error {
	e := &a.p.Entities[n]
	var operations []tx.Operation
	decide := func(applicant, application string) {
		decisions[e.Region] = append(decisions[e.Region], tx.Operation{Operation: &tx.Operation_DecideApplication{
			DecideApplication: &tx.DecideApplication{Applicant: applicant, Application: application, Approved: true}}})
	}
	for k, t := range e.surrender.tonnes {
		if t == 0 {
			continue
		}
		if lack := t - a.registered[n][k]; lack > 0 {
			operations = append(operations, a.move(n, k, lack, tx.RegistryAvailable))
		}
		a.registered[n][k] -= t
		application := fmt.Sprintf("surrender-%d-%d", year, k+1)
		operations = append(operations, tx.Operation{Operation: &tx.Operation_Surrender{Surrender: &tx.Surrender{
			Instrument: a.p.File.Instruments[k], Tonnes: t, Year: year, Application: application}}})
		decide(e.ID, application)
	}
	if len(operations) > 0 {
		if err := a.sign(s, e.ID, fmt.Sprintf("surrender-%d", year), operations); err != nil {
			return err
		}
	}
	if n != a.p.special.beneficiary {
		return nil
	}
	provider, older := a.p.special.provider, olderThan(a.p.own)
	a.registered[provider][older] -= a.p.special.quantity
	id := a.p.Entities[provider].ID
	decide(id, "on-behalf")
	op := tx.Operation{Operation: &tx.Operation_SurrenderOnBehalf{SurrenderOnBehalf: &tx.SurrenderOnBehalf{
		Beneficiary: e.ID, Instrument: a.p.File.Instruments[older], Tonnes: a.p.special.quantity, Year: year, Application: "on-behalf"}}}
	return a.sign(s, id, "on-behalf", []tx.Operation{op})
}

// decide approves applications by two persons of a region: together, or where one
// prepares and another approves, one after the other.
func (a *author) decide(s *Step, region, reference string, operations []tx.Operation, prepared bool) error {
	if !prepared {
		return a.signMany(s, region, reference, operations)
	}
	keys, err := a.keysOf(region)
	if err != nil {
		return err
	}
	const most = 400 // of the operations of one preparation: they fit a transaction
	for n := 1; len(operations) > 0; n++ {
		part := operations[:min(most, len(operations))]
		operations = operations[len(part):]
		id, err := a.signBy(s, region, fmt.Sprintf("%s-%d", reference, n), []tx.Operation{{Operation: &tx.Operation_Prepare{Prepare: &tx.Prepare{Operations: part}}}}, keys[:1])
		if err != nil {
			return err
		}
		approve := tx.Operation{Operation: &tx.Operation_Approve{Approve: &tx.Approve{Prepared: id[:]}}}
		if _, err := a.signBy(s, region, fmt.Sprintf("%s-%d-approved", reference, n), []tx.Operation{approve}, keys[1:]); err != nil {
			return err
		}
	}
	return nil
}
