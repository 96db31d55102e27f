package state_test

import (
	"fmt"
	"strings"
	"testing"

	"carbonledger/state"
	"carbonledger/tx"

	"github.com/cockroachdb/datadriven"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// benchBlock is how many transactions a block has.
const benchBlock = 100

// benchLedger is a ledger with business prepared, without the check of
// conservation.
func benchLedger(b *testing.B, lines ...string) (*script, *state.Ledger, *tx.Verifier) {
	s := newScript(b)
	v := tx.NewVerifier(s.f.Hash)
	l, err := state.Open("bench", s.f, v, state.Options{FS: vfs.NewMem()})
	s.must(err)
	s.ledger = l
	b.Cleanup(func() { closeLedger(b, l) })
	s.apply(benchBlockOf(s, lines))
	return s, l, v
}

func benchBlockOf(s *script, lines []string) []byte {
	block := tx.Block{Proposer: "n1", AppliedHash: make([]byte, 32)}
	for _, line := range lines {
		block.Transactions = append(block.Transactions, s.transaction(&datadriven.TestData{Pos: "bench"}, line))
	}
	raw, err := block.Marshal()
	s.must(err)
	return raw
}

// benchApply measures Apply of one block an iteration; verified says that the
// transactions came in through this node's API before.
func benchApply(b *testing.B, verified bool, line func(n int) string, prepare ...string) {
	s, l, v := benchLedger(b, prepare...)
	n := 0
	for b.Loop() {
		b.StopTimer()
		lines := make([]string, benchBlock)
		for i := range lines {
			lines[i] = line(n)
			n++
		}
		raw := benchBlockOf(s, lines)
		clear(s.raws)
		if verified {
			block, _ := tx.DecodeBlock(raw, s.index+1)
			v.VerifyAll(block.Transactions)
		}
		s.index++
		b.StartTimer()
		a, err := l.Apply([]state.Entry{{Index: s.index, Block: raw}})
		if err != nil {
			b.Fatal(err)
		}
		for i := range a[0].Receipts {
			if r := &a[0].Receipts[i]; r.Reason != tx.Accepted {
				b.Fatalf("transaction %d: %s", i, r.Reason)
			}
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "tx/s")
}

func BenchmarkApplyTransfers(b *testing.B) {
	transfer := func(n int) string {
		return fmt.Sprintf("e%d t%d: transfer to=e%d of=CEA22 t=1", n%3, n, (n+1)%3)
	}
	issue := "registry i with=hubei,hunan: issue to=e0 of=CEA22 t=1000000000 doc=i ; issue to=e1 of=CEA22 t=1000000000 doc=i ; issue to=e2 of=CEA22 t=1000000000 doc=i"
	for _, verified := range []bool{true, false} {
		b.Run(fmt.Sprintf("verified=%v", verified), func(b *testing.B) { benchApply(b, verified, transfer, issue) })
	}
}

// BenchmarkApplyOperations measures transactions of many operations: what one
// operation costs without the frame of a transaction.
func BenchmarkApplyOperations(b *testing.B) {
	many := func(n int) string {
		one := fmt.Sprintf("transfer to=e%d of=CEA22 t=1", (n+1)%3)
		return fmt.Sprintf("e%d t%d: %s", n%3, n, one+strings.Repeat(" ; "+one, 99))
	}
	benchApply(b, true, many, "registry i with=hubei,hunan: issue to=e0 of=CEA22 t=1000000000 doc=i ; issue to=e1 of=CEA22 t=1000000000 doc=i ; issue to=e2 of=CEA22 t=1000000000 doc=i")
}

func BenchmarkApplyTrades(b *testing.B) {
	trade := func(n int) string {
		return fmt.Sprintf("exchange t%d: order name=e1/b%d of=CEA22 limit=8000 t=1 ; order name=e0/s%d of=CEA22 side=sell limit=8000 t=1 ; "+
			"trade kind=listed of=CEA22 price=8000 t=1 buy=e1/b%d sell=e0/s%d", n, n, n, n, n)
	}
	benchApply(b, true, trade, "registry i with=hubei: issue to=e0 of=CEA22 t=1000000000 doc=i", "e0 m: move of=CEA22 t=1000000000 to=trading",
		"bank d: deposit to=e1 fen=1000000000000000", "exchange o: open-day day=20240102")
}
