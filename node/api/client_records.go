package api

import "context"

// ListTrades lists the trades of a day.
func (c *Client) ListTrades(ctx context.Context, in *ListTradesRequest) (*ListTradesResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListTrades", &r, LedgerClient.ListTrades)
}

// GetSettlement fetches what a day's close settled.
func (c *Client) GetSettlement(ctx context.Context, in *GetSettlementRequest) (*GetSettlementResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "GetSettlement", &r, LedgerClient.GetSettlement)
}

// GetSession fetches a bidding session.
func (c *Client) GetSession(ctx context.Context, in *GetSessionRequest) (*GetSessionResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "GetSession", &r, LedgerClient.GetSession)
}

// ListLots lists the provenance of what was issued.
func (c *Client) ListLots(ctx context.Context, in *ListLotsRequest) (*ListLotsResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListLots", &r, LedgerClient.ListLots)
}

// GetAllocation says what an entity was allocated of a vintage.
func (c *Client) GetAllocation(ctx context.Context, in *GetAllocationRequest) (*GetAllocationResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "GetAllocation", &r, LedgerClient.GetAllocation)
}

// ListVerifications lists the verified emissions of a year.
func (c *Client) ListVerifications(ctx context.Context, in *ListVerificationsRequest) (*ListVerificationsResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListVerifications", &r, LedgerClient.ListVerifications)
}

// ListApplications lists applications by applicant, beneficiary and state.
func (c *Client) ListApplications(ctx context.Context, in *ListApplicationsRequest) (*ListApplicationsResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListApplications", &r, LedgerClient.ListApplications)
}

// ListVoluntaryCancellations lists the voluntary cancellations of allowances.
func (c *Client) ListVoluntaryCancellations(ctx context.Context, in *ListVoluntaryCancellationsRequest) (*ListVoluntaryCancellationsResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListVoluntaryCancellations", &r, LedgerClient.ListVoluntaryCancellations)
}

// ListCancellations lists the cancellations of CCER.
func (c *Client) ListCancellations(ctx context.Context, in *ListCancellationsRequest) (*ListCancellationsResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListCancellations", &r, LedgerClient.ListCancellations)
}

// ListReductions lists the batches of CCER.
func (c *Client) ListReductions(ctx context.Context, in *ListReductionsRequest) (*ListReductionsResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListReductions", &r, LedgerClient.ListReductions)
}

// ListReductionHoldings lists CCER by party and batch.
func (c *Client) ListReductionHoldings(ctx context.Context, in *ListReductionHoldingsRequest) (*ListReductionHoldingsResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListReductionHoldings", &r, LedgerClient.ListReductionHoldings)
}

// ListPrepared lists the prepared transactions of a party.
func (c *Client) ListPrepared(ctx context.Context, in *ListPreparedRequest) (*ListPreparedResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListPrepared", &r, LedgerClient.ListPrepared)
}

// ListFreezes lists freezes by holder.
func (c *Client) ListFreezes(ctx context.Context, in *ListFreezesRequest) (*ListFreezesResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListFreezes", &r, LedgerClient.ListFreezes)
}

// ListPledges lists pledges by pledgor or pledgee.
func (c *Client) ListPledges(ctx context.Context, in *ListPledgesRequest) (*ListPledgesResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListPledges", &r, LedgerClient.ListPledges)
}

// GetCarryOver says how much an entity may carry over.
func (c *Client) GetCarryOver(ctx context.Context, in *GetCarryOverRequest) (*GetCarryOverResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "GetCarryOver", &r, LedgerClient.GetCarryOver)
}

// ListRisks lists what entities lack for a year's obligation.
func (c *Client) ListRisks(ctx context.Context, in *ListRisksRequest) (*ListRisksResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "ListRisks", &r, LedgerClient.ListRisks)
}

// GetPenalty computes the range of the fine for what was not surrendered.
func (c *Client) GetPenalty(ctx context.Context, in *GetPenaltyRequest) (*GetPenaltyResponse, error) {
	r := *in
	c.floor(&r.MinHeight)
	return ask(ctx, c, "GetPenalty", &r, LedgerClient.GetPenalty)
}
