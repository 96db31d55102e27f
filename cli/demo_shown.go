package cli

import (
	"context"

	"carbonledger/node/api"
	"carbonledger/tx"
)

// shown counts, from the ledger's answers, what a year had beside its figures.
type shown struct {
	// Entries of the register that issued units, and those of them that went to a
	// province's account.
	issues, toProvinces                  int
	approved, onBehalf, prepared, forced int
	cancellations                        int
	pledges, pledgesLeft                 int
	freezes, freezesLeft                 int
	reconciled, exceptions               int
}

// pages asks for a list page by page; one returns its page.
func pages(one func(cursor string) (api.Page, error)) error {
	for cursor := ""; ; {
		page, err := one(cursor)
		if err != nil || page.Complete {
			return err
		}
		cursor = page.Cursor
	}
}

// countShown asks as the auditor, who sees what is not public.
func (d *demo) countShown(ctx context.Context, days []tx.Bulletin) (s shown, err error) {
	d.reader.SetMinHeight(d.client.MinHeight())
	if err := s.duties(ctx, d.reader, d.plan.ObligationYear()); err != nil {
		return s, err
	}
	for i := range days {
		out, err := d.reader.GetSettlement(ctx, &api.GetSettlementRequest{Day: days[i].Day})
		if err != nil {
			return s, err
		}
		if out.Settlement.Reconciled {
			s.reconciled++
		}
		s.exceptions += int(out.Settlement.Exceptions)
	}
	if err := s.decisions(ctx, d.reader); err != nil {
		return s, err
	}
	return s, s.encumbrances(ctx, d.reader)
}

// duties counts what was issued, and what was surrendered by force.
func (s *shown) duties(ctx context.Context, c *api.Client, year tx.Year) error {
	err := pages(func(cursor string) (api.Page, error) {
		out, err := c.ListLots(ctx, &api.ListLotsRequest{Cursor: cursor})
		if err != nil {
			return api.Page{}, err
		}
		for i := range out.Lots {
			s.issues++
			if out.Lots[i].Beneficiary != "" {
				s.toProvinces++
			}
		}
		return out.Page, nil
	})
	if err != nil {
		return err
	}
	return pages(func(cursor string) (api.Page, error) {
		out, err := c.ListObligations(ctx, &api.ListObligationsRequest{Year: year, Cursor: cursor})
		if err != nil {
			return api.Page{}, err
		}
		for i := range out.Obligations {
			if out.Obligations[i].State == tx.ObligationForced {
				s.forced++
			}
		}
		return out.Page, nil
	})
}

// decisions counts approved applications, and what one person prepared and
// another approved.
func (s *shown) decisions(ctx context.Context, c *api.Client) error {
	err := pages(func(cursor string) (api.Page, error) {
		out, err := c.ListApplications(ctx, &api.ListApplicationsRequest{State: tx.ApplicationApproved, Cursor: cursor})
		if err != nil {
			return api.Page{}, err
		}
		for i := range out.Applications {
			s.approved++
			if out.Applications[i].Kind == tx.OnBehalfApplication {
				s.onBehalf++
			}
		}
		return out.Page, nil
	})
	if err != nil {
		return err
	}
	return pages(func(cursor string) (api.Page, error) {
		out, err := c.ListPrepared(ctx, &api.ListPreparedRequest{Cursor: cursor})
		if err != nil {
			return api.Page{}, err
		}
		for i := range out.Prepared {
			if out.Prepared[i].State == tx.PreparedCarriedOut {
				s.prepared++
			}
		}
		return out.Page, nil
	})
}

// encumbrances counts pledges and freezes, those of them that still hold units,
// and cancellations of CCER.
func (s *shown) encumbrances(ctx context.Context, c *api.Client) error {
	err := pages(func(cursor string) (api.Page, error) {
		out, err := c.ListPledges(ctx, &api.ListPledgesRequest{Cursor: cursor})
		if err != nil {
			return api.Page{}, err
		}
		for i := range out.Pledges {
			s.pledges++
			if !out.Pledges[i].Released {
				s.pledgesLeft++
			}
		}
		return out.Page, nil
	})
	if err != nil {
		return err
	}
	err = pages(func(cursor string) (api.Page, error) {
		out, err := c.ListFreezes(ctx, &api.ListFreezesRequest{Cursor: cursor})
		if err != nil {
			return api.Page{}, err
		}
		for i := range out.Freezes {
			s.freezes++
			if out.Freezes[i].Tonnes > 0 {
				s.freezesLeft++
			}
		}
		return out.Page, nil
	})
	if err != nil {
		return err
	}
	return pages(func(cursor string) (api.Page, error) {
		out, err := c.ListCancellations(ctx, &api.ListCancellationsRequest{Cursor: cursor})
		if err != nil {
			return api.Page{}, err
		}
		s.cancellations += len(out.Cancellations)
		return out.Page, nil
	})
}

// addTo shows the counts in the demo's record.
func (s *shown) addTo(r *record) {
	r.add("issues", s.issues)
	r.add("of_them_to_provinces", s.toProvinces)
	r.add("days_reconciled", s.reconciled)
	r.add("trades_not_settled", s.exceptions)
	r.add("applications_approved", s.approved)
	r.add("of_them_on_behalf", s.onBehalf)
	r.add("prepared_and_approved", s.prepared)
	r.add("forced_surrenders", s.forced)
	r.add("ccer_cancellations", s.cancellations)
	r.add("pledges", s.pledges)
	r.add("of_them_not_released", s.pledgesLeft)
	r.add("freezes", s.freezes)
	r.add("of_them_not_lifted", s.freezesLeft)
}
