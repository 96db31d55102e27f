package diverge

import (
	"testing"

	"carbonledger/node/api"
	"carbonledger/tx/proof"
)

// TestHashOfBytes: an entry that is there is compared by its bytes, also with the hash
// that a replica kept of the one that it dropped.
func TestHashOfBytes(t *testing.T) {
	entry := []byte("an entry")
	leaf := proof.LeafHash(entry)
	for _, test := range []struct {
		entry    []byte
		position int
	}{{entry, -1}, {[]byte("another"), 0}} {
		f := &finder{report: &Report{Position: -1}}
		f.blocks[0] = &api.CompareReplicaResponse{Entries: [][]byte{nil}, Leaves: [][]byte{leaf[:]}, Traced: true, Transactions: []uint64{1}, Archive: "https://archive.test"}
		f.blocks[1] = &api.CompareReplicaResponse{Entries: [][]byte{test.entry}, Leaves: [][]byte{make([]byte, 32)}, Traced: true, Transactions: []uint64{1}}
		f.transaction()
		if f.report.Position != test.position {
			t.Errorf("%q: position %d, %s", test.entry, f.report.Position, f.report.What)
		}
	}
}
