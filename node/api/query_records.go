package api

import "context"

func (s service) ListTrades(ctx context.Context, in *ListTradesRequest) (*ListTradesResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListTrades", in.Cursor)
	if err := first(wantDay("day", in.Day), e1, e2); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListTradesResponse, error) {
		if err := who.may(v, ""); err != nil {
			return nil, err
		}
		items, total, next, err := v.Trades(in.Day, after, limit)
		return &ListTradesResponse{Page: page(h, total, "ListTrades", next), Trades: items}, err
	})
}

func (s service) GetSettlement(ctx context.Context, in *GetSettlementRequest) (*GetSettlementResponse, error) {
	if err := wantDay("day", in.Day); err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*GetSettlementResponse, error) {
		x, ok, err := v.Settlement(in.Day)
		if err == nil && !ok {
			err = notFound(h, "no trading day %s was closed here", in.Day)
		}
		return &GetSettlementResponse{Height: h, Settlement: x}, err
	})
}

func (s service) GetSession(ctx context.Context, in *GetSessionRequest) (*GetSessionResponse, error) {
	if err := wantReference(in.Session); err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*GetSessionResponse, error) {
		x, ok, err := v.Session(in.Session)
		if err == nil && !ok {
			err = notFound(h, "no bidding session %q was announced", in.Session)
		}
		return &GetSessionResponse{Height: h, Session: x}, err
	})
}

func (s service) ListLots(ctx context.Context, in *ListLotsRequest) (*ListLotsResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListLots", in.Cursor)
	if err := first(mayName("entity", in.Entity, maxPartyBytes), mayName("instrument", in.Instrument, maxCodeBytes), e1, e2); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListLotsResponse, error) {
		if err := who.may(v, in.Entity); err != nil {
			return nil, err
		}
		if err := instrument(v, in.Instrument); err != nil {
			return nil, err
		}
		items, total, next, err := v.Lots(in.Entity, in.Instrument, after, limit)
		return &ListLotsResponse{Page: page(h, total, "ListLots", next), Lots: items}, err
	})
}

func (s service) GetAllocation(ctx context.Context, in *GetAllocationRequest) (*GetAllocationResponse, error) {
	if err := first(wantName("entity", in.Entity, maxPartyBytes), wantName("instrument", in.Instrument, maxCodeBytes)); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*GetAllocationResponse, error) {
		if err := who.may(v, in.Entity); err != nil {
			return nil, err
		}
		if err := instrument(v, in.Instrument); err != nil {
			return nil, err
		}
		x, ok, err := v.Allocation(in.Entity, in.Instrument)
		if err == nil && !ok {
			err = notFound(h, "nothing of %s was allocated to %s", in.Instrument, in.Entity)
		}
		return &GetAllocationResponse{Height: h, Allocation: x}, err
	})
}

func (s service) ListVerifications(ctx context.Context, in *ListVerificationsRequest) (*ListVerificationsResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListVerifications", in.Cursor)
	if err := first(wantYear(in.Year), mayName("entity", in.Entity, maxPartyBytes), e1, e2); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListVerificationsResponse, error) {
		if err := who.may(v, in.Entity); err != nil {
			return nil, err
		}
		items, total, next, err := v.Verifications(in.Year, in.Entity, after, limit)
		return &ListVerificationsResponse{Page: page(h, total, "ListVerifications", next), Verifications: items}, err
	})
}

func (s service) ListApplications(ctx context.Context, in *ListApplicationsRequest) (*ListApplicationsResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListApplications", in.Cursor)
	if err := first(mayName("applicant", in.Applicant, maxPartyBytes), mayName("beneficiary", in.Beneficiary, maxPartyBytes), wantApplicationState(in.State), e1, e2); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListApplicationsResponse, error) {
		if err := who.may(v, in.Applicant); err != nil {
			return nil, err
		}
		if err := accounts(v, in.Beneficiary); err != nil {
			return nil, err
		}
		items, total, next, err := v.Applications(in.Applicant, in.Beneficiary, in.State, after, limit)
		return &ListApplicationsResponse{Page: page(h, total, "ListApplications", next), Applications: items}, err
	})
}

func (s service) ListVoluntaryCancellations(ctx context.Context, in *ListVoluntaryCancellationsRequest) (*ListVoluntaryCancellationsResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListVoluntaryCancellations", in.Cursor)
	if err := first(e1, e2); err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListVoluntaryCancellationsResponse, error) {
		items, total, next, err := v.VoluntaryCancellations(after, limit)
		return &ListVoluntaryCancellationsResponse{Page: page(h, total, "ListVoluntaryCancellations", next), Cancellations: items}, err
	})
}

func (s service) ListCancellations(ctx context.Context, in *ListCancellationsRequest) (*ListCancellationsResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListCancellations", in.Cursor)
	if err := first(mayName("owner", in.Owner, maxPartyBytes), e1, e2); err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListCancellationsResponse, error) {
		if err := accounts(v, in.Owner); err != nil {
			return nil, err
		}
		items, total, next, err := v.Cancellations(in.Owner, after, limit)
		return &ListCancellationsResponse{Page: page(h, total, "ListCancellations", next), Cancellations: items}, err
	})
}

func (s service) ListReductions(ctx context.Context, in *ListReductionsRequest) (*ListReductionsResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListReductions", in.Cursor)
	if err := first(e1, e2); err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListReductionsResponse, error) {
		items, total, next, err := v.Reductions(after, limit)
		return &ListReductionsResponse{Page: page(h, total, "ListReductions", next), Reductions: items}, err
	})
}

func (s service) ListReductionHoldings(ctx context.Context, in *ListReductionHoldingsRequest) (*ListReductionHoldingsResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListReductionHoldings", in.Cursor)
	if err := first(mayName("party", in.Party, maxPartyBytes), e1, e2); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListReductionHoldingsResponse, error) {
		if err := who.mayReductions(v, in.Party); err != nil {
			return nil, err
		}
		items, total, next, err := v.ReductionHoldings(in.Party, after, limit)
		return &ListReductionHoldingsResponse{Page: page(h, total, "ListReductionHoldings", next), Holdings: items}, err
	})
}

func (s service) ListPrepared(ctx context.Context, in *ListPreparedRequest) (*ListPreparedResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListPrepared", in.Cursor)
	if err := first(mayName("party", in.Party, maxPartyBytes), e1, e2); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListPreparedResponse, error) {
		if err := who.may(v, in.Party); err != nil {
			return nil, err
		}
		items, total, next, err := v.Prepared(in.Party, after, limit)
		return &ListPreparedResponse{Page: page(h, total, "ListPrepared", next), Prepared: items}, err
	})
}

func (s service) ListFreezes(ctx context.Context, in *ListFreezesRequest) (*ListFreezesResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListFreezes", in.Cursor)
	if err := first(mayName("party", in.Party, maxPartyBytes), e1, e2); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListFreezesResponse, error) {
		if err := who.may(v, in.Party); err != nil {
			return nil, err
		}
		items, total, next, err := v.Freezes(in.Party, after, limit)
		return &ListFreezesResponse{Page: page(h, total, "ListFreezes", next), Freezes: items}, err
	})
}

func (s service) ListPledges(ctx context.Context, in *ListPledgesRequest) (*ListPledgesResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListPledges", in.Cursor)
	if err := first(mayName("party", in.Party, maxPartyBytes), e1, e2); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListPledgesResponse, error) {
		if err := who.may(v, in.Party); err != nil {
			return nil, err
		}
		items, total, next, err := v.Pledges(in.Party, after, limit)
		return &ListPledgesResponse{Page: page(h, total, "ListPledges", next), Pledges: items}, err
	})
}

func (s service) GetCarryOver(ctx context.Context, in *GetCarryOverRequest) (*GetCarryOverResponse, error) {
	if err := wantName("entity", in.Entity, maxPartyBytes); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*GetCarryOverResponse, error) {
		if err := who.may(v, in.Entity); err != nil {
			return nil, err
		}
		x, err := v.CarryOver(in.Entity)
		return &GetCarryOverResponse{Height: h, Standing: x}, err
	})
}

func (s service) ListRisks(ctx context.Context, in *ListRisksRequest) (*ListRisksResponse, error) {
	limit, e1 := wantLimit(in.Limit)
	after, e2 := open("ListRisks", in.Cursor)
	if err := first(wantYear(in.Year), mayName("region", in.Region, maxPartyBytes), mayName("entity", in.Entity, maxPartyBytes), e1, e2); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*ListRisksResponse, error) {
		if err := who.mayRisks(v, in.Region, in.Entity); err != nil {
			return nil, err
		}
		items, total, next, err := v.Risks(in.Year, in.Region, in.Entity, after, limit)
		return &ListRisksResponse{Page: page(h, total, "ListRisks", next), Risks: items}, err
	})
}

func (s service) GetPenalty(ctx context.Context, in *GetPenaltyRequest) (*GetPenaltyResponse, error) {
	if err := first(wantName("entity", in.Entity, maxPartyBytes), wantYear(in.Year)); err != nil {
		return nil, err
	}
	who, err := s.authenticateUnary(ctx, in)
	if err != nil {
		return nil, err
	}
	return look(ctx, s.Server, in.MinHeight, func(v View, h uint64) (*GetPenaltyResponse, error) {
		if err := who.may(v, in.Entity); err != nil {
			return nil, err
		}
		x, ok, err := v.Penalty(in.Entity, in.Year)
		if err == nil && !ok {
			err = notFound(h, "%s owes nothing for %d, or the year has no deadline", in.Entity, in.Year)
		}
		return &GetPenaltyResponse{Height: h, Penalty: x}, err
	})
}
