package cli

import (
	"fmt"

	"carbonledger/tx"
)

// describeAllowance is describe for issues and verified emissions.
func (w wording) describeAllowance(op *tx.Operation, party string) []string {
	switch o := op.Operation.(type) {
	case *tx.Operation_IssueAllowances:
		return w.issue(o.IssueAllowances)
	case *tx.Operation_RepayReceivable:
		r := o.RepayReceivable
		return say("hand back %s of %s of %s that were issued in excess", w.tonnes(r.Tonnes), r.Instrument, party)
	case *tx.Operation_RecordVerification:
		v := o.RecordVerification
		return []string{
			fmt.Sprintf("record verified emissions of %s for %d: %s", v.Entity, v.Year, w.tonnes(v.Tonnes)),
			fmt.Sprintf("report SHA-256 %x", v.ReportSha256),
		}
	case *tx.Operation_RecordDeduction:
		d := o.RecordDeduction
		return say("take what %s did not surrender for %d from its next final allocation, by document %s", d.Entity, d.Year, d.Document)
	}
	return nil
}

func (w wording) issue(i *tx.IssueAllowances) []string {
	var text string
	switch {
	case i.Stage == tx.Adjustment && i.Tonnes < 0:
		text = fmt.Sprintf("take %s of %s back from %s by document %s", w.tonnes(-i.Tonnes), i.Instrument, i.To, i.Document)
	case i.Stage == tx.FinalAllocation:
		text = fmt.Sprintf("issue to %s what its final allocation of %s, %s in all, exceeds what was issued before, or take the excess back, by document %s", i.To, i.Instrument, w.tonnes(i.Tonnes), i.Document)
	default:
		text = fmt.Sprintf("issue %s of %s to %s (%s) by document %s", w.tonnes(i.Tonnes), i.Instrument, i.To, stages.word(i.Stage), i.Document)
	}
	lines := []string{text}
	if i.Beneficiary != "" {
		lines = append(lines, "held for "+i.Beneficiary)
	}
	return append(lines, fmt.Sprintf("table SHA-256 %x", i.TableSha256))
}

// describeDuty is describe for obligations and applications.
func (w wording) describeDuty(op *tx.Operation, party string) []string {
	switch o := op.Operation.(type) {
	case *tx.Operation_SetObligation:
		s := o.SetObligation
		return say("set the obligation of %s for %d to %s", s.Entity, s.Year, w.tonnes(s.Tonnes))
	case *tx.Operation_Surrender:
		s := o.Surrender
		return say("apply to surrender %s of %s of %s for its obligation of %d, for ever (application %s)", w.tonnes(s.Tonnes), s.Instrument, party, s.Year, s.Application)
	case *tx.Operation_SurrenderOnBehalf:
		s := o.SurrenderOnBehalf
		return say("apply to surrender %s of %s of %s for the obligation of %s of %d, for ever and without a price (application %s)", w.tonnes(s.Tonnes), s.Instrument, party, s.Beneficiary, s.Year, s.Application)
	case *tx.Operation_DecideApplication:
		d := o.DecideApplication
		if d.Approved {
			return say("approve application %s of %s: what it applies for is done for ever", d.Application, d.Applicant)
		}
		return say("refuse application %s of %s: its units return", d.Application, d.Applicant)
	case *tx.Operation_WithdrawApplication:
		return say("take back application %s of %s", o.WithdrawApplication.Application, party)
	case *tx.Operation_ForceSurrender:
		s := o.ForceSurrender
		return say("surrender what there is of %s for its obligation of %d, up to what is due, for ever, by document %s", s.Entity, s.Year, s.Document)
	case *tx.Operation_BookOffset:
		b := o.BookOffset
		return say("count the whole cancellation %s of CCER against the obligation of %s for %d", b.Cancellation, b.Entity, b.Year)
	case *tx.Operation_CloseYear:
		return say("close the obligation year %d: the standing of every entity becomes final", o.CloseYear.Year)
	case *tx.Operation_CancelVoluntarily:
		c := o.CancelVoluntarily
		return say("apply to cancel %s of %s of %s for ever, for %q, which is published (application %s)", w.tonnes(c.Tonnes), c.Instrument, party, c.Purpose, c.Application)
	case *tx.Operation_ApplyCarryOver:
		c := o.ApplyCarryOver
		return say("apply to exchange %s of %s of %s for the vintage of the carry-over (application %s)", w.tonnes(c.Tonnes), c.Instrument, party, c.Application)
	}
	return nil
}

// describeLaw is describe for CCER, transfers by law, freezes and pledges.
func (w wording) describeLaw(op *tx.Operation, party string) []string {
	switch o := op.Operation.(type) {
	case *tx.Operation_RegisterReduction:
		r := o.RegisterReduction
		old := ""
		if r.Old {
			old = ", filed before 2017-03-14"
		}
		return say("issue %s of CCER as batch %s of the project %q to %s by document %s%s", w.tonnes(r.Tonnes), r.Batch, r.Project, r.To, r.Document, old)
	case *tx.Operation_TradeCCER:
		t := o.TradeCCER
		return say("hand %s of CCER of batch %s from %s to %s at %s a tonne", w.tonnes(t.Tonnes), t.Batch, t.Seller, t.Buyer, w.yuan(t.Price))
	case *tx.Operation_CancelCCER:
		c := o.CancelCCER
		return say("cancel %s of CCER of batch %s of %s for ever, for %s, as cancellation %s", w.tonnes(c.Tonnes), c.Batch, party, cancelKinds.word(c.Kind), c.Cancellation)
	case *tx.Operation_TransferByLaw:
		t := o.TransferByLaw
		lines := say("transfer %s of %s from %s to %s by law (%s), by document %s", w.tonnes(t.Tonnes), t.Instrument, t.From, t.To, transferKinds.word(t.Kind), t.Document)
		if len(t.Corrects) > 0 {
			lines = append(lines, fmt.Sprintf("corrects transaction %x", t.Corrects))
		}
		if t.Freeze != "" {
			lines = append(lines, "out of the freeze "+t.Freeze)
		}
		return lines
	case *tx.Operation_Freeze:
		f := o.Freeze
		return say("freeze %s of %s of %s by document %s", w.tonnes(f.Tonnes), f.Instrument, f.Party, f.Document)
	case *tx.Operation_Unfreeze:
		return say("lift %s of the freeze %s", w.tonnes(o.Unfreeze.Tonnes), o.Unfreeze.Freeze)
	case *tx.Operation_Pledge:
		p := o.Pledge
		lines := say("pledge %s of %s of %s to %s, registered as %s", w.tonnes(p.Tonnes), p.Instrument, party, p.Pledgee, p.Registration)
		if p.Condition != "" {
			lines = append(lines, "condition: "+p.Condition)
		}
		return lines
	case *tx.Operation_ReleasePledge:
		return say("end the pledge %s for ever: %s has no claim on its units any more", o.ReleasePledge.Registration, party)
	}
	return nil
}
