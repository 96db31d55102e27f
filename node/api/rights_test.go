package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
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
