package diverge

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"carbonledger/node/api"
	"carbonledger/state"
	"carbonledger/tx"
)

// keysPerRequest bounds the answer to one request for records.
const keysPerRequest = 200

// records finds the records that differ: from the digests of what the block wrote
// where both replicas have them still, else from everything that either is known
// to have written.
func (f *finder) records(ctx context.Context) error {
	exact := f.blocks[0].Traced && f.blocks[1].Traced
	var wanted [2][]uint32
	if exact {
		wanted[0] = only(f.blocks[0].Writes, f.blocks[1].Writes)
		wanted[1] = only(f.blocks[1].Writes, f.blocks[0].Writes)
	}
	keys, err := f.walk(ctx, exact, wanted)
	if err != nil {
		return err
	}
	var newest []Record // of ranges without versions
	for len(keys) > 0 {
		part := keys[:min(len(keys), keysPerRequest)]
		f.progress("compare records", uint64(f.report.Found))
		var both [2]*api.CompareReplicaResponse
		for i, r := range f.replicas {
			if both[i], err = f.ask(ctx, i, &api.CompareReplicaRequest{Height: f.report.Height, Keys: part}); err != nil {
				return fmt.Errorf("diverge: read records of %s: %w", r.Name(), err)
			}
			n := len(both[i].Records)
			if n == 0 || n > len(part) {
				return fmt.Errorf("diverge: %s gives %d records for %d keys", r.Name(), n, len(part))
			}
			part = part[:n] // large records: the rest is asked for again
		}
		keys = keys[len(part):]
		for k, key := range part {
			r := Record{Key: key, Has: [2]tx.ReplicaRecord{both[0].Records[k], both[1].Records[k]}}
			r.Versioned = r.Has[0].Versioned && r.Has[1].Versioned
			switch {
			case r.Versioned && bytes.Equal(r.Has[0].At, r.Has[1].At):
			case r.Versioned, exact:
				f.differs(r)
			case !bytes.Equal(r.Has[0].Value, r.Has[1].Value):
				newest = append(newest, r)
			}
		}
	}
	// Without traces the newest values may differ because of later blocks: they come
	// last.
	for _, r := range newest {
		f.differs(r)
	}
	return nil
}

func (f *finder) differs(r Record) {
	if f.report.Found++; len(f.report.Records) < mostRecords {
		f.report.Records = append(f.report.Records, r)
	}
}

// only are the digests of keys of the first writes of a that b has not, at most as
// many as a report shows.
func only(a, b []uint64) (keys []uint32) {
	have := map[uint64]bool{}
	for _, w := range b {
		have[w] = true
	}
	for _, w := range a {
		if !have[w] && len(keys) < mostRecords {
			keys = append(keys, state.KeyDigest(w))
		}
	}
	return keys
}

// walk goes over the records of the replicas, and returns the keys of those that
// may differ, in order. A directory is always walked, because that finds what was
// changed outside of blocks; a node only where nothing else knows a key.
func (f *finder) walk(ctx context.Context, exact bool, wanted [2][]uint32) (keys [][]byte, err error) {
	all, found := slices.Concat(wanted[0], wanted[1]), map[string]bool{}
	if exact && len(all) == 0 {
		all = []uint32{0} // no write differs: look for changes outside of blocks alone
	}
	order := []int{0, 1}
	if f.replicas[1].Near() && !f.replicas[0].Near() {
		order = []int{1, 0}
	}
	for n, i := range order {
		if exact && n == 1 && !f.replicas[i].Near() && !slices.ContainsFunc(wanted[i], func(d uint32) bool { return !slices.Contains(wanted[order[0]], d) }) {
			continue
		}
		in := &api.CompareReplicaRequest{Height: f.report.Height, Walk: true, Wanted: all}
		for pages := uint64(1); ; pages++ {
			f.progress("walk over the records of "+f.replicas[i].Name(), pages)
			out, err := f.ask(ctx, i, in)
			if err != nil {
				return nil, fmt.Errorf("diverge: walk over the records of %s: %w", f.replicas[i].Name(), err)
			}
			for _, r := range out.Records {
				if r.Outside && len(f.report.Outside[i]) < mostRecords {
					f.report.Outside[i] = append(f.report.Outside[i], r)
				}
				found[string(r.Key)] = true
			}
			if len(out.Next) == 0 {
				break
			}
			if bytes.Compare(out.Next, in.Behind) <= 0 {
				return nil, fmt.Errorf("diverge: the walk over the records of %s goes back from %x to %x", f.replicas[i].Name(), in.Behind, out.Next)
			}
			in.Behind = out.Next
		}
	}
	for key := range found {
		keys = append(keys, []byte(key))
	}
	slices.SortFunc(keys, func(a, b []byte) int { return strings.Compare(string(a), string(b)) })
	return keys, nil
}

// Describe says for people what a record is: see state.Describe.
func Describe(key, value []byte) (name, parts, text string) { return state.Describe(key, value) }
