package diverge

import (
	"bytes"
	"context"
	"fmt"

	"carbonledger/node/api"
	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// Report is what a comparison found. Pairs are of the two replicas, in order.
type Report struct {
	// Heights of the replicas; up to the lower one they are compared.
	Heights [2]uint64
	// Comparisons of running hashes that it took.
	Comparisons int
	// Differ: the rest says where; else the replicas agree up to the lower height.
	Differ bool
	Height uint64 // first that differs
	Hashes [2]tx.ID
	// Traced: the replica has the trace of the block still.
	Traced [2]bool
	// Position of the first transaction that differs, -1 where none does; ID its id.
	Position    int
	Transaction string
	// What differs of it.
	What string
	// Archives are the logs with those of the block's entries that a replica has
	// dropped; empty where none was. Of them the hashes alone were compared.
	Archives [2]string
	// Records that differ, in order of key, at most mostRecords of Found. Those of
	// ranges without versions are the newest values.
	Records []Record
	Found   int
	// Outside are records that no block left as they are, of each replica.
	Outside [2][]tx.ReplicaRecord
}

// Record is one that differs. A replica without it has a record without values.
type Record struct {
	Key []byte
	Has [2]tx.ReplicaRecord
	// Versioned: the values are of the height; else the newest.
	Versioned bool
}

// mostRecords is how many records a report shows: the first is what matters.
const mostRecords = 20

// finder compares two replicas.
type finder struct {
	replicas [2]Replica
	progress func(what string, walked uint64)
	report   *Report
	blocks   [2]*api.CompareReplicaResponse
}

// Find compares two replicas of one ledger. Progress is told what it does and how
// far a walk is; nil for silence.
func Find(ctx context.Context, a, b Replica, progress func(what string, walked uint64)) (*Report, error) {
	if progress == nil {
		progress = func(string, uint64) {}
	}
	f := &finder{replicas: [2]Replica{a, b}, progress: progress, report: &Report{Position: -1}}
	if err := f.bisect(ctx); err != nil || !f.report.Differ {
		return f.report, err
	}
	for i, r := range f.replicas {
		var err error
		if f.blocks[i], err = f.ask(ctx, i, &api.CompareReplicaRequest{Height: f.report.Height, Block: true}); err != nil {
			return nil, fmt.Errorf("diverge: read block %d of %s: %w", f.report.Height, r.Name(), err)
		}
		f.report.Traced[i], f.report.Archives[i] = f.blocks[i].Traced, f.blocks[i].Archive
	}
	f.transaction()
	if err := f.records(ctx); err != nil {
		return nil, err
	}
	return f.report, nil
}

func (f *finder) ask(ctx context.Context, i int, in *api.CompareReplicaRequest) (*api.CompareReplicaResponse, error) {
	out, err := f.replicas[i].Compare(ctx, in)
	if err == nil && !out.Reached {
		err = fmt.Errorf("diverge: %s is at height %d and does not have %d", f.replicas[i].Name(), out.Height, in.Height)
	}
	return out, err
}

// hashes at a height, of both.
func (f *finder) hashes(ctx context.Context, height uint64) (both [2]tx.ID, err error) {
	f.report.Comparisons++
	for i, r := range f.replicas {
		out, err := f.ask(ctx, i, &api.CompareReplicaRequest{Height: height})
		if err != nil {
			return both, fmt.Errorf("diverge: ask %s for the hash of height %d: %w", r.Name(), height, err)
		}
		if len(out.Hash) != len(tx.ID{}) {
			return both, fmt.Errorf("diverge: %s gives a hash of %d bytes", r.Name(), len(out.Hash))
		}
		both[i] = tx.ID(out.Hash)
	}
	return both, nil
}

// bisect finds the first height at which the running hashes differ: they are
// chained, so that they agree below it and nowhere above.
func (f *finder) bisect(ctx context.Context) error {
	f.progress("compare hashes", 0)
	for i, r := range f.replicas {
		out, err := r.Compare(ctx, &api.CompareReplicaRequest{})
		if err != nil {
			return fmt.Errorf("diverge: ask %s: %w", r.Name(), err)
		}
		f.report.Heights[i] = out.Height
	}
	top := min(f.report.Heights[0], f.report.Heights[1])
	hashes, err := f.hashes(ctx, top)
	if err != nil || hashes[0] == hashes[1] {
		f.report.Hashes = hashes
		return err
	}
	f.report.Differ = true
	// They differ at high; where low > 0, they agree at low − 1.
	low, high := uint64(0), top
	for low < high {
		middle := low + (high-low)/2
		at, err := f.hashes(ctx, middle)
		if err != nil {
			return err
		}
		if at[0] == at[1] {
			low = middle + 1
		} else {
			high, hashes = middle, at
		}
	}
	f.report.Height, f.report.Hashes = high, hashes
	return nil
}

// transaction finds the first one of the block that differs: in its entry of the
// log, or in what it wrote.
func (f *finder) transaction() {
	a, b := f.blocks[0], f.blocks[1]
	traced := a.Traced && b.Traced
	dropped := func(i int) bool { return len(a.Entries[i]) == 0 || len(b.Entries[i]) == 0 }
	for i := range max(len(a.Entries), len(b.Entries)) {
		switch {
		case i >= len(a.Entries) || i >= len(b.Entries):
			f.report.What = "one replica alone has recorded it"
		case dropped(i) && !bytes.Equal(leaf(a, i), leaf(b, i)):
			f.report.What = "its entries of the log have different hashes; in what they differ is not to be seen, because not both are here"
		case !dropped(i) && !bytes.Equal(a.Entries[i], b.Entries[i]):
			f.report.What = entriesDiffer(a.Entries[i], b.Entries[i])
		case traced && i < len(a.Transactions) && i < len(b.Transactions) && a.Transactions[i] != b.Transactions[i]:
			f.report.What = "its outcome is the same, and what it wrote is not"
		default:
			continue
		}
		f.report.Position = i
		for _, entries := range [][][]byte{a.Entries, b.Entries} {
			if i >= len(entries) || len(entries[i]) == 0 {
				continue
			}
			if r, err := tx.DecodeRecord(entries[i]); err == nil && r.Receipt != nil {
				f.report.Transaction = fmt.Sprintf("%x", r.Receipt.Id)
				break
			}
		}
		return
	}
	f.report.What = "the transactions and what they wrote are the same: the block itself wrote something else"
	if !traced {
		f.report.What = "the outcomes of the transactions are the same; which one wrote something else is not known any more, because the newest 1000 blocks alone have traces"
	}
}

// leaf is the hash of an entry of a block: of its bytes, or where these were dropped
// the one that was kept; empty where the node gave none.
func leaf(block *api.CompareReplicaResponse, i int) []byte {
	if len(block.Entries[i]) > 0 {
		hash := proof.LeafHash(block.Entries[i])
		return hash[:]
	}
	if i >= len(block.Leaves) {
		return nil
	}
	return block.Leaves[i]
}

// entriesDiffer says in what two records of the log differ.
func entriesDiffer(a, b []byte) string {
	x, err1 := tx.DecodeRecord(a)
	y, err2 := tx.DecodeRecord(b)
	switch {
	case err1 != nil || err2 != nil:
		return "an entry of the log does not decode: the disk damaged it"
	case x.Receipt == nil || y.Receipt == nil:
		return "one replica alone has recorded it"
	case x.Receipt.Reason != y.Receipt.Reason:
		return fmt.Sprintf("it is %s in the first and %s in the second", x.Receipt.Reason, y.Receipt.Reason)
	case !bytes.Equal(x.Receipt.Id, y.Receipt.Id):
		return "they are different transactions"
	case !x.Receipt.Equal(y.Receipt):
		return "the receipts differ"
	}
	return "the entries of the log differ, with the same receipt"
}
