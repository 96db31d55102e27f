package api

import (
	"context"
	"strconv"
	"time"

	"carbonledger/tx"
)

func decimal(n int) string { return strconv.Itoa(n) }

// bounded ends after the longest wait, and a tenth before the caller's time is
// over, so that a node that waits in vain can say for what.
func bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	wait := maxWait
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		wait = min(wait, left-min(left/10, 200*time.Millisecond))
	}
	return context.WithTimeout(ctx, wait)
}

// view opens the state at minHeight or later.
func (s *Server) view(ctx context.Context, minHeight uint64) (View, error) {
	opening, cancel := bounded(ctx)
	defer cancel()
	v, err := s.backend.View(opening, 0)
	if err != nil {
		return nil, viewFailure(ctx, err, s.backend.Status().Head.Height, minHeight)
	}
	if v.Head().Height >= minHeight {
		return v, nil
	}
	// A view that waits would hold what later blocks replace.
	if err := v.Close(); err != nil {
		return nil, broken(err)
	}
	if err := s.reach(ctx, minHeight); err != nil {
		return nil, err
	}
	if v, err = s.backend.View(opening, minHeight); err != nil {
		return nil, viewFailure(ctx, err, s.backend.Status().Head.Height, minHeight)
	}
	return v, nil
}

// reach waits for a height, among those that wait and not among those that
// work.
func (s *Server) reach(ctx context.Context, height uint64) error {
	if have := s.known(); height > have && height-have > farAhead {
		return tooFar(have, height)
	}
	select {
	case s.waits <- struct{}{}:
		defer func() { <-s.waits }()
	case <-s.stopping.Done():
		return s.ended(ctx)
	default:
		return overloaded("too many requests wait for a height")
	}
	until, cancel := s.untilStop(ctx)
	defer cancel()
	waiting, cancel := bounded(until)
	defer cancel()
	p, _ := ctx.Value(placeKey{}).(*place)
	if p != nil {
		p.leave()
	}
	if err := s.backend.WaitHeight(waiting, height); err != nil {
		return s.endedOr(ctx, viewFailure(ctx, err, s.backend.Status().Head.Height, height))
	}
	if p != nil && !p.back(waiting.Done()) {
		return s.endedOr(ctx, overloaded("too many requests in progress"))
	}
	return nil
}

// known is the newest height that this node or a peer that it hears has.
func (s *Server) known() uint64 {
	status := s.backend.Status()
	height := status.Head.Height
	for i := range status.Peers {
		height = max(height, status.Peers[i].Height)
	}
	return height
}

// look runs one query on a view, which it closes even if the query panics: an
// open view would keep the node from restoring and from stopping.
func look[T any](ctx context.Context, s *Server, minHeight uint64, query func(View, uint64) (*T, error)) (out *T, err error) {
	v, err := s.view(ctx, minHeight)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closed := v.Close(); err == nil && closed != nil {
			out, err = nil, broken(closed)
		}
	}()
	if out, err = query(v, v.Head().Height); err != nil {
		return nil, broken(err)
	}
	return out, nil
}

// page describes a list; total is negative where it was not counted, and next is empty
// when the list is complete.
func page(height uint64, total int, list, next string) Page {
	p := Page{Height: height, Complete: next == "", Cursor: seal(list, next)}
	if total >= 0 {
		p.Counted = &Page_Total{Total: uint64(total)}
	}
	return p
}

// first is the first of the errors that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s service) GetReceipt(ctx context.Context, in *GetReceiptRequest) (*GetReceiptResponse, error) {
	id, err := wantID(in.Id)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*GetReceiptResponse, error) {
		r, ok, err := v.Receipt(id)
		return &GetReceiptResponse{Height: h, Found: ok, Receipt: r}, err
	})
}

// proofWait bounds how long a proof may wait for its checkpoint.
const proofWait = 10 * time.Second

func (s service) GetProof(ctx context.Context, in *GetProofRequest) (*GetProofResponse, error) {
	own, err := s.GetTransaction(ctx, &GetTransactionRequest{Id: in.Id})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, proofWait)
	defer cancel()
	r, err := s.backend.Proof(ctx, own.Receipt.Index)
	if err != nil {
		return nil, noProof(err)
	}
	return &GetProofResponse{Receipt: r.Encode(), Record: r.Record}, nil
}

func (s service) GetTransaction(ctx context.Context, in *GetTransactionRequest) (*GetTransactionResponse, error) {
	id, err := wantID(in.Id)
	if err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*GetTransactionResponse, error) {
		r, ok, err := v.Receipt(id)
		if err != nil {
			return nil, err
		}
		sees, err := who.scope(v)
		if err != nil {
			return nil, err
		}
		// The same words whether there is one or not: a stranger learns nothing
		// from asking.
		if sees != seesAll && (sees != seesOwn || !ok || r.Party != who.party) {
			return nil, who.denied(v, "%s may read only its own transactions, and %s is none of them", who.party, id)
		}
		raw, stored, err := v.Transaction(id)
		if err != nil {
			return nil, err
		}
		if !ok || !stored {
			return nil, notFound(h, "transaction %s is not on the ledger", id)
		}
		return &GetTransactionResponse{Height: h, Transaction: raw, Receipt: r}, nil
	})
}

func (s service) GetParty(ctx context.Context, in *GetPartyRequest) (*GetPartyResponse, error) {
	if err := wantName("id", in.Id, maxPartyBytes); err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*GetPartyResponse, error) {
		p, ok, err := v.Party(in.Id)
		if err == nil && !ok {
			err = notFound(h, "party %s has no account", in.Id)
		}
		return &GetPartyResponse{Height: h, Party: p}, err
	})
}

func (s service) ListParties(ctx context.Context, in *ListPartiesRequest) (*ListPartiesResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListParties", in.Cursor)
	if err := first(wantRole(in.Role), mayName("region", in.Region, maxPartyBytes), e1, e2); err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListPartiesResponse, error) {
		if err := accounts(v, in.Region); err != nil {
			return nil, err
		}
		items, total, next, err := v.Parties(in.Role, in.Region, after, limit)
		return &ListPartiesResponse{Page: page(h, total, "ListParties", next), Parties: items}, err
	})
}

func (s service) ListHoldings(ctx context.Context, in *ListHoldingsRequest) (*ListHoldingsResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListHoldings", in.Cursor)
	if err := first(mayName("party", in.Party, maxPartyBytes), mayName("instrument", in.Instrument, maxCodeBytes), e1, e2); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListHoldingsResponse, error) {
		if err := who.may(v, in.Party); err != nil {
			return nil, err
		}
		if err := instrument(v, in.Instrument); err != nil {
			return nil, err
		}
		if in.AtHeight != 0 || in.AtTime != 0 {
			at, err := asOf(v, in.AtHeight, in.AtTime)
			if err != nil {
				return nil, err
			}
			items, total, next, err := v.HoldingsAt(at, in.Party, in.Instrument, after, limit)
			return &ListHoldingsResponse{Page: page(at, total, "ListHoldings", next), Holdings: items}, err
		}
		items, total, next, err := v.Holdings(in.Party, in.Instrument, after, limit)
		return &ListHoldingsResponse{Page: page(h, total, "ListHoldings", next), Holdings: items}, err
	})
}

func (s service) ListMoney(ctx context.Context, in *ListMoneyRequest) (*ListMoneyResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListMoney", in.Cursor)
	if err := first(mayName("party", in.Party, maxPartyBytes), e1, e2); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListMoneyResponse, error) {
		if err := who.may(v, in.Party); err != nil {
			return nil, err
		}
		if in.AtHeight != 0 || in.AtTime != 0 {
			at, err := asOf(v, in.AtHeight, in.AtTime)
			if err != nil {
				return nil, err
			}
			items, total, next, err := v.MoneyAt(at, in.Party, after, limit)
			return &ListMoneyResponse{Page: page(at, total, "ListMoney", next), Money: items}, err
		}
		items, total, next, err := v.Money(in.Party, after, limit)
		return &ListMoneyResponse{Page: page(h, total, "ListMoney", next), Money: items}, err
	})
}

func (s service) GetOrder(ctx context.Context, in *GetOrderRequest) (*GetOrderResponse, error) {
	if err := first(wantName("party", in.Party, maxPartyBytes), wantReference(in.Reference)); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*GetOrderResponse, error) {
		if err := who.may(v, in.Party); err != nil {
			return nil, err
		}
		order, ok, err := v.Order(in.Party, in.Reference)
		if err == nil && !ok {
			err = notFound(h, "no order %q of %s is registered", in.Reference, in.Party)
		}
		return &GetOrderResponse{Height: h, Order: order}, err
	})
}

func (s service) ListObligations(ctx context.Context, in *ListObligationsRequest) (*ListObligationsResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListObligations", in.Cursor)
	if err := first(wantYear(in.Year), mayName("region", in.Region, maxPartyBytes), mayName("entity", in.Entity, maxPartyBytes), e1, e2); err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListObligationsResponse, error) {
		if err := accounts(v, in.Region, in.Entity); err != nil {
			return nil, err
		}
		items, total, next, err := v.Obligations(in.Year, in.Region, in.Entity, after, limit)
		return &ListObligationsResponse{Page: page(h, total, "ListObligations", next), Obligations: items}, err
	})
}

func (s service) ListRegionObligations(ctx context.Context, in *ListRegionObligationsRequest) (*ListRegionObligationsResponse, error) {
	if err := wantYear(in.Year); err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListRegionObligationsResponse, error) {
		items, err := v.RegionObligations(in.Year)
		return &ListRegionObligationsResponse{Page: page(h, len(items), "", ""), Regions: items}, err
	})
}

func (s service) GetYearObligation(ctx context.Context, in *GetYearObligationRequest) (*GetYearObligationResponse, error) {
	if err := wantYear(in.Year); err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*GetYearObligationResponse, error) {
		o, ok, err := v.YearObligation(in.Year)
		if err == nil && !ok {
			err = notFound(h, "no obligation was set for %d", in.Year)
		}
		return &GetYearObligationResponse{Height: h, Obligation: o}, err
	})
}

func (s service) GetBulletin(ctx context.Context, in *GetBulletinRequest) (*GetBulletinResponse, error) {
	if err := wantDay("day", in.Day); err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*GetBulletinResponse, error) {
		b, ok, err := v.Bulletin(in.Day)
		if err == nil && !ok {
			err = notFound(h, "%s was no trading day here", in.Day)
		}
		return &GetBulletinResponse{Height: h, Bulletin: b}, err
	})
}

// ListBulletins takes no day as the first and the last of the calendar.
func (s service) ListBulletins(ctx context.Context, in *ListBulletinsRequest) (*ListBulletinsResponse, error) {
	const list = "ListBulletins"
	from, to := in.From, in.To
	if from == 0 {
		from = 1_01_01
	}
	if to == 0 {
		to = lastYear*1_00_00 + 12_31
	}
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open(list, in.Cursor)
	if err := first(wantDay("from", from), wantDay("to", to), e1, e2); err != nil {
		return nil, err
	}
	if from > to {
		return nil, badRequest("from %s lies after to %s", from, to)
	}
	var cursor tx.Day
	if after != "" {
		day, err := strconv.ParseInt(after, 10, 32)
		if cursor = tx.Day(day); err != nil || cursor < from || cursor > to {
			return nil, badRequest("the cursor does not lie between %s and %s", from, to)
		}
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListBulletinsResponse, error) {
		items, total, nextDay, err := v.Bulletins(from, to, cursor, limit)
		next := ""
		if nextDay != 0 {
			next = decimal(int(nextDay))
		}
		return &ListBulletinsResponse{Page: page(h, total, list, next), Bulletins: items}, err
	})
}

func (s service) GetYearTotals(ctx context.Context, in *GetYearTotalsRequest) (*GetYearTotalsResponse, error) {
	if err := wantYear(in.Year); err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*GetYearTotalsResponse, error) {
		t, ok, err := v.YearTotals(in.Year)
		if err == nil && !ok {
			err = notFound(h, "no trading day was opened in %d", in.Year)
		}
		return &GetYearTotalsResponse{Height: h, Totals: t}, err
	})
}

func (s service) ListParameters(ctx context.Context, in *ListParametersRequest) (*ListParametersResponse, error) {
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListParametersResponse, error) {
		items, err := v.Parameters()
		return &ListParametersResponse{Page: page(h, len(items), "", ""), Parameters: items}, err
	})
}

func (s service) ListValidators(ctx context.Context, in *ListValidatorsRequest) (*ListValidatorsResponse, error) {
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListValidatorsResponse, error) {
		items, err := v.Validators()
		return &ListValidatorsResponse{Page: page(h, len(items), "", ""), Validators: items}, err
	})
}

func (s service) CheckConservation(ctx context.Context, in *CheckConservationRequest) (*CheckConservationResponse, error) {
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*CheckConservationResponse, error) {
		c, err := v.Conservation()
		return &CheckConservationResponse{Height: h, Conservation: c}, err
	})
}

func (s service) ListAttestations(context.Context, *ListAttestationsRequest) (*ListAttestationsResponse, error) {
	items := s.backend.Attestations()
	var height uint64
	for i := range items {
		height = max(height, items[i].Height)
	}
	return &ListAttestationsResponse{Page: page(height, len(items), "", ""), Attestations: items}, nil
}

func (s service) Status(context.Context, *StatusRequest) (*StatusResponse, error) {
	r := s.backend.Status()
	return &r, nil
}
