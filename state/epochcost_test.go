package state

import (
	"fmt"
	"testing"

	"carbonledger/tx"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// BenchmarkEpoch measures what the root of the state adds to a day's close: 3,700
// entities have about 20,000 records.
func BenchmarkEpoch(b *testing.B) {
	for _, records := range []int{20_000, 100_000} {
		b.Run(fmt.Sprint(records), func(b *testing.B) {
			db, err := pebble.Open("epoch", &pebble.Options{FS: vfs.NewMem()})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			batch := db.NewBatch()
			for i := range records {
				h := holding{of: [subBalances]tx.Tonnes{tx.Tonnes(i)}}
				if err := batch.Set(keyOf2(nil, rangeHolding, fmt.Sprintf("entity-%d", i/5), fmt.Sprintf("CEA2%d", i%5)), h.encode(nil), nil); err != nil {
					b.Fatal(err)
				}
			}
			if err := batch.Commit(pebble.NoSync); err != nil {
				b.Fatal(err)
			}
			if err := db.Flush(); err != nil {
				b.Fatal(err)
			}
			c, err := newChain(tx.Founding{ProtocolVersion: 1})
			if err != nil {
				b.Fatal(err)
			}
			x := newExec(c, db, facts{version: 1})
			for b.Loop() {
				x.height++
				x.closed = 20240102
				x.endEpoch()
			}
		})
	}
}
