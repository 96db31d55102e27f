package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"carbonledger/tx"
)

// readAll calls everything that is not for everyone, about one party.
func readAll(ctx context.Context, c *Client, party, reference string, id tx.ID) map[string]error {
	errs := map[string]error{}
	_, errs["ListHoldings"] = c.ListHoldings(ctx, &ListHoldingsRequest{Party: party})
	_, errs["ListMoney"] = c.ListMoney(ctx, &ListMoneyRequest{Party: party})
	_, errs["GetOrder"] = c.GetOrder(ctx, &GetOrderRequest{Party: party, Reference: reference})
	_, errs["GetTransaction"] = c.GetTransaction(ctx, &GetTransactionRequest{Id: id[:]})
	_, errs["GetProof"] = c.GetProof(ctx, &GetProofRequest{Id: id[:]})
	errs["Blocks"] = c.EachBlock(ctx, 1, 0, false, func(*tx.BlockRecord) error { return nil })
	return errs
}

func TestWhoMayRead(t *testing.T) {
	s := market(t)
	raw := s.sign(t, "e01", "own", transfer("e02", "CEA22", 1))
	r, err := s.Submit(t.Context(), [][]byte{raw})
	if err != nil {
		t.Fatal(err)
	}
	id := tx.ID(r[0].Id)
	address := start(t, s, Config{}).Address()
	own := map[string]codes.Code{"Blocks": codes.PermissionDenied}
	all := map[string]codes.Code{}
	none := func(c codes.Code) map[string]codes.Code {
		return map[string]codes.Code{"ListHoldings": c, "ListMoney": c, "GetOrder": c, "GetTransaction": c, "GetProof": c, "Blocks": c}
	}
	node := none(codes.PermissionDenied)
	node["Blocks"] = codes.OK
	nodeKey, strange := keyOf("node/n1"), keyOf("stranger")
	for _, c := range []struct {
		name string
		ClientConfig
		want map[string]codes.Code
	}{
		{"itself", ClientConfig{Party: "e01"}, own},
		{"another entity", ClientConfig{Party: "e02"}, none(codes.PermissionDenied)},
		{"the timekeeper", ClientConfig{Party: "timekeeper"}, none(codes.PermissionDenied)},
		{"the ministry", ClientConfig{Party: "ministry"}, all},
		{"the registry", ClientConfig{Party: "registry"}, all},
		{"the exchange", ClientConfig{Party: "exchange"}, all},
		{"the bank", ClientConfig{Party: "bank"}, all},
		{"the region", ClientConfig{Party: "hubei"}, all},
		{"the auditor", ClientConfig{Party: "auditor"}, all},
		{"a validator", ClientConfig{Party: "n1", Key: &nodeKey}, node},
		{"a stranger as e01", ClientConfig{Party: "e01", Key: &strange}, none(codes.PermissionDenied)},
		{"a stranger as the ministry", ClientConfig{Party: "ministry", Key: &strange}, none(codes.PermissionDenied)},
		{"a validator's key as the ministry", ClientConfig{Party: "ministry", Key: &nodeKey}, none(codes.PermissionDenied)},
		{"another chain's key", ClientConfig{Party: "ministry", Domain: tx.Domain{1}}, none(codes.Unauthenticated)},
	} {
		if c.Key == nil {
			k := keyOf(c.Party)
			c.Key = &k
		}
		if c.Domain == (tx.Domain{}) {
			c.Domain = s.domain()
		}
		c.Addresses = []string{address}
		for method, err := range readAll(t.Context(), newClient(t, c.ClientConfig), "e01", "buy-1", id) {
			if got := status.Code(err); got != c.want[method] {
				t.Errorf("%s of e01 by %s: %v, want %v (%v)", method, c.name, got, c.want[method], err)
			}
		}
	}
	for method, err := range readAll(t.Context(), as(t, s, "", address), "e01", "buy-1", id) {
		if info := infoOf(err); status.Code(err) != codes.Unauthenticated || info.Reason != reasonNotSigned {
			t.Errorf("%s by nobody: %v", method, err)
		}
	}
	if _, err := as(t, s, "e01", address).ListHoldings(t.Context(), &ListHoldingsRequest{}); status.Code(err) != codes.PermissionDenied || !strings.Contains(err.Error(), "name it as the party") {
		t.Errorf("all holdings by an entity: %v", err)
	}
}

func TestRevokedKeyReadsNoMore(t *testing.T) {
	s := newSolo(t, 1)
	second, err := tx.GenerateKey(tx.SM2, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := tx.ProveKey(s.domain(), "auditor", second)
	if err != nil {
		t.Fatal(err)
	}
	s.must(t, "auditor", "add", tx.Operation{Operation: &tx.Operation_AddKey{AddKey: &tx.AddKey{Key: proof}}})
	address := start(t, s, Config{}).Address()
	old := as(t, s, "auditor", address)
	sm2 := newClient(t, ClientConfig{Addresses: []string{address}, Party: "auditor", Key: &second, Domain: s.domain()})
	stop := make(chan struct{})
	followed := make(chan error, 1)
	go func() {
		followed <- old.EachBlock(t.Context(), 1, 0, true, func(*tx.BlockRecord) error {
			close(stop)
			return nil
		})
	}()
	<-stop
	for name, c := range map[string]*Client{"the first key": old, "an SM2 key": sm2} {
		if _, err := c.ListMoney(t.Context(), &ListMoneyRequest{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.must(t, "auditor", "revoke", tx.Operation{Operation: &tx.Operation_RevokeKey{RevokeKey: &tx.RevokeKey{Key: keyOf("auditor").Public()}}})
	if _, err := old.ListMoney(t.Context(), &ListMoneyRequest{}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("with the revoked key: %v", err)
	}
	if err := <-followed; status.Code(err) != codes.PermissionDenied {
		t.Errorf("a stream that the revoked key opened: %v", err)
	}
	if _, err := sm2.ListMoney(t.Context(), &ListMoneyRequest{}); err != nil {
		t.Errorf("the other key: %v", err)
	}
}

// TestSignatureFitsOneRequest: metadata of one request opens no other one, and
// not for long.
func TestSignatureFitsOneRequest(t *testing.T) {
	s := newSolo(t, 1)
	s.must(t, "bank", "r", deposit("e00", 100))
	l := NewLedgerClient(dial(t, start(t, s, Config{}).Address(), ourCodec()))
	key := keyOf("auditor")
	signed := func(method string, in *ListMoneyRequest, at time.Time) []string {
		raw, err := in.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		ms := at.UnixMilli()
		sig, err := key.Sign(tx.ReadMessage(s.domain(), method, raw, tx.Instant(ms)))
		if err != nil {
			t.Fatal(err)
		}
		return []string{metadataParty, "auditor", metadataKey, key.Public().String(), metadataTime, strconv.FormatInt(ms, 10), metadataSignature, hex.EncodeToString(sig)}
	}
	with := func(md []string) error {
		_, err := l.ListMoney(metadata.AppendToOutgoingContext(t.Context(), md...), &ListMoneyRequest{Party: "e00"})
		return err
	}
	in, method := &ListMoneyRequest{Party: "e00"}, fullName("ListMoney")
	good := signed(method, in, time.Now())
	if err := with(good); err != nil {
		t.Fatalf("a good signature: %v", err)
	}
	changed := func(i int, v string) []string {
		md := append([]string{}, good...)
		md[i] = v
		return md
	}
	for name, c := range map[string]struct {
		md     []string
		reason string
	}{
		"another request":    {signed(method, &ListMoneyRequest{}, time.Now()), reasonBadSignature},
		"another method":     {signed(fullName("ListHoldings"), in, time.Now()), reasonBadSignature},
		"two minutes old":    {signed(method, in, time.Now().Add(-2*time.Minute)), reasonClock},
		"two minutes ahead":  {signed(method, in, time.Now().Add(2*time.Minute)), reasonClock},
		"another time":       {changed(5, strconv.FormatInt(time.Now().UnixMilli()+1000, 10)), reasonBadSignature},
		"no number":          {changed(5, "now"), reasonBadSignature},
		"a time of no clock": {changed(5, "-9223372036854775808"), reasonClock},
		"no hexadecimal":     {changed(7, "zz"), reasonBadSignature},
		"no key":             {changed(3, "ed25519:00"), reasonBadSignature},
		"no party":           {changed(1, "a b"), reasonNotSigned},
		"twice":              {append(changed(0, metadataParty), metadataParty, "bank"), reasonNotSigned},
		// The neutral element as a key fits every message under ZIP-215.
		"a key of small order": {changed(3, "ed25519:01"+strings.Repeat("00", 31)), reasonBadSignature},
	} {
		err := with(c.md)
		if info := infoOf(err); status.Code(err) != codes.Unauthenticated || info == nil || info.Reason != c.reason {
			t.Errorf("%s: %v, want %s", name, err, c.reason)
		}
	}
}

// TestNamesThatNobodyHas: who sees all is told of a mistyped name; an empty answer is
// about an account and an instrument that are there.
func TestNamesThatNobodyHas(t *testing.T) {
	s := market(t)
	address := start(t, s, Config{}).Address()
	c, own := as(t, s, "auditor", address), as(t, s, "e01", address)
	ctx := t.Context()
	only := func(_ any, err error) error { return err }
	asks := func(c *Client, party, code string) map[string]error {
		return map[string]error{
			"GetStateProof":         only(c.GetStateProof(ctx, &GetStateProofRequest{Party: party, Instrument: code})),
			"ListStatement":         only(c.ListStatement(ctx, &ListStatementRequest{Party: party})),
			"ListHoldings":          only(c.ListHoldings(ctx, &ListHoldingsRequest{Party: party, Instrument: code})),
			"ListHoldings at 1":     only(c.ListHoldings(ctx, &ListHoldingsRequest{Party: party, Instrument: code, AtHeight: 1})),
			"ListMoney":             only(c.ListMoney(ctx, &ListMoneyRequest{Party: party})),
			"ListLots":              only(c.ListLots(ctx, &ListLotsRequest{Entity: party, Instrument: code})),
			"ListVerifications":     only(c.ListVerifications(ctx, &ListVerificationsRequest{Year: 2023, Entity: party})),
			"ListApplications":      only(c.ListApplications(ctx, &ListApplicationsRequest{Applicant: party})),
			"ListApplications for":  only(c.ListApplications(ctx, &ListApplicationsRequest{Beneficiary: party})),
			"ListReductionHoldings": only(c.ListReductionHoldings(ctx, &ListReductionHoldingsRequest{Party: party})),
			"ListPrepared":          only(c.ListPrepared(ctx, &ListPreparedRequest{Party: party})),
			"ListFreezes":           only(c.ListFreezes(ctx, &ListFreezesRequest{Party: party})),
			"ListPledges":           only(c.ListPledges(ctx, &ListPledgesRequest{Party: party})),
			"ListRisks":             only(c.ListRisks(ctx, &ListRisksRequest{Year: 2023, Entity: party})),
			"ListObligations":       only(c.ListObligations(ctx, &ListObligationsRequest{Year: 2023, Entity: party})),
			"ListCancellations":     only(c.ListCancellations(ctx, &ListCancellationsRequest{Owner: party})),
			"GetCarryOver":          only(c.GetCarryOver(ctx, &GetCarryOverRequest{Entity: party})),
		}
	}
	at := fmt.Sprintf(" (at height %d)", s.ledger.Head().Height)
	for method, err := range asks(c, "nobody", "CEA23") {
		if status.Code(err) != codes.NotFound || !strings.Contains(err.Error(), "there is no account nobody"+at) {
			t.Errorf("%s of nobody: %v", method, err)
		}
	}
	for _, reads := range []*Client{c, own} {
		for method, err := range asks(reads, "e01", "CEA99") {
			switch method {
			case "GetStateProof", "ListHoldings", "ListHoldings at 1", "ListLots":
				if status.Code(err) != codes.NotFound || !strings.Contains(err.Error(), "there is no instrument CEA99"+at) {
					t.Errorf("%s of CEA99: %v", method, err)
				}
			}
		}
	}
	for _, party := range []string{"e01", "court"} { // which is of no list
		for method, err := range asks(c, party, "CEA22") {
			if err != nil {
				t.Errorf("%s of %s: %v", method, party, err)
			}
		}
	}
	if _, err := own.ListHoldings(ctx, &ListHoldingsRequest{Party: "nobody"}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("an entity about nobody: %v", err)
	}
}

// TestTimesOutsideOfTheLedger: what was before the founding, or will be on a day that
// the ledger has not reached, is not answered with what is now.
func TestTimesOutsideOfTheLedger(t *testing.T) {
	s := market(t)
	c := as(t, s, "auditor", start(t, s, Config{}).Address())
	head := s.ledger.Head()
	tomorrow := head.Time.Day().Next().Start()
	for at, want := range map[tx.Instant]string{
		today.Start() - 1: "is before the founding", today.Start(): "", head.Time: "", tomorrow - 1: "",
		tomorrow: "a day that the ledger has not reached", 1 << 62: "a day that the ledger has not reached", -1: "is before the founding",
	} {
		_, err1 := c.ListHoldings(t.Context(), &ListHoldingsRequest{AtTime: at})
		_, err2 := c.ListMoney(t.Context(), &ListMoneyRequest{AtTime: at})
		_, err3 := c.GetStateProof(t.Context(), &GetStateProofRequest{Party: "e01", AtTime: at})
		if want == "" && at < head.Time {
			err3 = nil // no day was closed then
		}
		for _, err := range []error{err1, err2, err3} {
			if want == "" && err != nil || want != "" && (status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), want)) {
				t.Errorf("at %d: %v, want %q", at, err, want)
			}
		}
	}
}
