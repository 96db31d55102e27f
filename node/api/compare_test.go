package api

import (
	"bytes"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"carbonledger/tx"
)

// TestCompareReplica: ministry, registry and auditors may compare, nobody else; a
// block answers with its trace, entries and records, and requests are bounded.
func TestCompareReplica(t *testing.T) {
	s := market(t)
	receipt := s.must(t, "e01", "own", transfer("e02", "CEA22", 1))
	address := start(t, s, Config{}).Address()
	as := func(party string) *Client {
		key := keyOf(party)
		return newClient(t, ClientConfig{Addresses: []string{address}, Party: party, Key: &key, Domain: s.domain()})
	}
	for party, want := range map[string]codes.Code{
		"ministry": codes.OK, "registry": codes.OK, "auditor": codes.OK,
		"exchange": codes.PermissionDenied, "bank": codes.PermissionDenied, "hubei": codes.PermissionDenied, "e01": codes.PermissionDenied,
	} {
		if _, err := as(party).CompareReplica(t.Context(), &CompareReplicaRequest{}); status.Code(err) != want {
			t.Errorf("%s: %v, want %v", party, err, want)
		}
	}
	c := as("auditor")
	ask := func(in *CompareReplicaRequest) *CompareReplicaResponse {
		t.Helper()
		in.Height = receipt.Height
		out, err := c.CompareReplica(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	block := ask(&CompareReplicaRequest{Block: true})
	if !block.Reached || !block.Traced || len(block.Transactions) != 1 || len(block.Entries) != 1 || len(block.Leaves) != 1 || block.Archive != "" || len(block.Writes) < 4 {
		t.Errorf("the block: %v", block)
	}
	walk := ask(&CompareReplicaRequest{Walk: true})
	if len(walk.Records) != len(block.Writes) || len(walk.Next) != 0 {
		t.Fatalf("the walk finds %d records of %d writes, and goes on at %x", len(walk.Records), len(block.Writes), walk.Next)
	}
	var keys [][]byte
	for _, r := range walk.Records {
		keys = append(keys, r.Key)
	}
	for i, r := range ask(&CompareReplicaRequest{Keys: keys}).Records {
		if !r.Equal(&walk.Records[i]) || r.Outside || r.Versioned && (bytes.Equal(r.At, r.Before) || !bytes.Equal(r.At, r.Value)) {
			t.Errorf("record %d: %v", i, &r)
		}
	}
	if out, err := c.CompareReplica(t.Context(), &CompareReplicaRequest{Height: receipt.Height + 1, Walk: true}); err != nil || out.Reached || out.Height != receipt.Height {
		t.Errorf("above the head: %v, %v", out, err)
	}
	for name, in := range map[string]*CompareReplicaRequest{
		"many keys": {Keys: make([][]byte, 1001)}, "many digests": {Wanted: make([]uint32, 1001)},
		"a node's own key": {Keys: [][]byte{{0x82}}}, "an empty key": {Keys: [][]byte{{}}},
		"behind a node's own": {Walk: true, Behind: []byte{0x80}}, "keys and a walk": {Walk: true, Keys: keys},
	} {
		if _, err := c.CompareReplica(t.Context(), in); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	var none tx.ReplicaRecord
	if got := ask(&CompareReplicaRequest{Keys: [][]byte{{0x06, 'x'}}}).Records; len(got) != 1 || got[0].Versioned != true || len(got[0].Value) != len(none.Value) {
		t.Errorf("a record that is not there: %v", got)
	}
}

// TestCompareReplicaLarge: an answer is bounded in bytes, however large the records
// are, and it ends behind whole ones.
func TestCompareReplicaLarge(t *testing.T) {
	s := market(t)
	prepared := slices.Repeat([]tx.Operation{transfer("e02", "CEA22", 1)}, 2_000)
	r := s.must(t, "e01", "large", tx.Operation{Operation: &tx.Operation_Prepare{Prepare: &tx.Prepare{Operations: prepared}}})
	key := keyOf("auditor")
	c := newClient(t, ClientConfig{Addresses: []string{start(t, s, Config{}).Address()}, Party: "auditor", Key: &key, Domain: s.domain()})
	record := append([]byte{0x1a}, r.Id...) // the range of prepared transactions
	out, err := c.CompareReplica(t.Context(), &CompareReplicaRequest{Height: r.Height, Keys: slices.Repeat([][]byte{record}, maxItems)})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(out.Records); n < 2 || n == maxItems || out.Size() > chunkBytes+2*out.Records[0].Size() {
		t.Errorf("%d records of %d bytes in an answer of %d bytes", n, out.Records[0].Size(), out.Size())
	}
	for i := range out.Records {
		if got := &out.Records[i]; !bytes.Equal(got.Key, record) || len(got.Value) < 20_000 {
			t.Fatalf("record %d: key %x, %d bytes", i, got.Key, len(got.Value))
		}
	}
}
