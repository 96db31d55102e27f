package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"carbonledger/node/api"
	"carbonledger/node/diverge"
	"carbonledger/tx"

	"github.com/spf13/cobra"
)

func newDivergeCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diverge NODE NODE",
		Short: "Find where two replicas differ: height, transaction, record",
		Long: `Compare two replicas of the ledger, and name the first height at which they differ,
the first transaction there, and the records with both values. The running hashes
are bisected: a million heights take some twenty comparisons.

NODE is the data directory of a node that does not run, or a copy of one; it is only
read and stays as it is. Or it is the HOST:PORT of the API of a node that runs: for
the ministry, the registry and auditors (--party, --key). A node that stops because
its state differs has flushed it; any other directory shows what was flushed last,
because the state has no write-ahead log of its own.

Exit code 0 if they agree up to the lower of their heights, 1 if they differ or could
not be compared.`,
		Example: `  carbonledger diverge /var/lib/carbonledger 10.1.2.3:7071 --genesis genesis.toml --party auditor --key auditor.key`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			f, err := g.founding()
			if err != nil {
				return err
			}
			replicas, closers, err := g.replicas(cmd, &f, args)
			defer func() {
				for _, c := range closers {
					err = errors.Join(err, c.Close())
				}
			}()
			if err != nil {
				return err
			}
			bar := newProgress(cmd, "diverge")
			defer bar.end()
			report, err := diverge.Find(cmd.Context(), replicas[0], replicas[1], func(what string, walked uint64) {
				bar.describe(what)
				bar.set(walked, walked+1)
			})
			if err != nil {
				return err
			}
			bar.end()
			return printDivergence(cmd, g.json, args, replicas, report)
		},
	}
	cmd.Flags().String(passphraseFlag, "", "file with the passphrase of the key file")
	return cmd
}

// replicas opens what the arguments name. The closers are owed even after an error.
func (g *globals) replicas(cmd *cobra.Command, f *tx.Founding, args []string) (all []diverge.Replica, closers []io.Closer, err error) {
	if sameReplica(args[0], args[1]) {
		return nil, nil, usage(fmt.Errorf("%s and %s are the same replica: give two", args[0], args[1]))
	}
	var c *api.ClientConfig
	for _, name := range args {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			d, err := diverge.Open(name, *f)
			if err != nil {
				return nil, closers, err
			}
			all, closers = append(all, d), append(closers, d)
			continue
		}
		if _, _, err := net.SplitHostPort(name); err != nil {
			return nil, closers, usage(fmt.Errorf("%s is no directory and no HOST:PORT of a node's API", name))
		}
		if c == nil {
			config, err := g.clientConfig(cmd, named)
			if err != nil {
				return nil, closers, err
			}
			c = &config
		}
		c.Addresses = []string{name}
		client, err := api.NewClient(*c)
		if err != nil {
			return nil, closers, err
		}
		all, closers = append(all, &diverge.Running{Address: name, Client: client}), append(closers, client)
		ctx, cancel := context.WithTimeout(cmd.Context(), g.timeout)
		defer cancel()
		if err := sameChain(ctx, client, f); err != nil {
			return nil, closers, fmt.Errorf("%s: %w", name, err)
		}
	}
	return all, closers, nil
}

// sameReplica tells whether both names are of one address or one directory.
func sameReplica(a, b string) bool {
	first, err1 := os.Stat(a)
	second, err2 := os.Stat(b)
	return a == b || err1 == nil && err2 == nil && os.SameFile(first, second)
}

func printDivergence(cmd *cobra.Command, asJSON bool, names []string, replicas []diverge.Replica, d *diverge.Report) error {
	r := record{title: "diverge"}
	at := min(d.Heights[0], d.Heights[1])
	verdict := fmt.Sprintf("the replicas agree up to height %d", at)
	if d.Differ {
		at = d.Height
		verdict = fmt.Sprintf("the replicas differ from height %d on", d.Height)
	}
	r.add("verdict", verdict)
	r.add("agree", !d.Differ)
	r.add("comparisons", d.Comparisons)
	var both []record
	var flushed lines
	for i, name := range names {
		one := record{}
		one.add("replica", name)
		one.add("height", d.Heights[i])
		one.add("compared_at", at)
		one.add("running_hash", d.Hashes[i])
		both = append(both, one)
		if replicas[i].Near() && d.Heights[i] < d.Heights[1-i] {
			flushed = append(flushed, fmt.Sprintf("%s shows what its node had flushed, up to height %d: what came later is in its Raft log alone", name, d.Heights[i]))
		}
	}
	if len(flushed) > 0 {
		r.add("note", flushed)
	}
	if d.Differ {
		addDifference(&r, asJSON, names, d)
	}
	r.add("replicas", both)
	err := r.print(cmd.OutOrStdout(), asJSON)
	if d.Differ {
		err = errors.Join(err, fmt.Errorf("%s and %s differ from height %d on", names[0], names[1], d.Height))
	}
	return err
}

func addDifference(r *record, asJSON bool, names []string, d *diverge.Report) {
	r.add("height", d.Height)
	if d.Position >= 0 {
		r.add("position", d.Position)
		r.add("transaction", d.Transaction)
	}
	r.add("what", d.What)
	var hashes lines
	for i, url := range d.Archives {
		if url != "" {
			hashes = append(hashes, fmt.Sprintf("%s has dropped entries of this block, of which the hashes alone were compared: they are in the archive %s", names[i], url))
		}
	}
	if len(hashes) > 0 {
		r.add("not_compared", hashes)
	}
	r.add("records_found", d.Found)
	records := []record{}
	for i := range d.Records {
		records = append(records, differingRecord(asJSON, names, &d.Records[i]))
	}
	r.add("records", records)
	outside := []record{}
	for i := range d.Outside {
		for k := range d.Outside[i] {
			outside = append(outside, outsideRecord(names[i], &d.Outside[i][k]))
		}
	}
	r.add("changed_outside_of_any_block", outside)
}

// differingRecord shows a record with both values, and what it was before where
// both replicas agree on that.
func differingRecord(asJSON bool, names []string, d *diverge.Record) record {
	values, before := [2]string{}, [2]string{}
	var out record
	at := "newest value"
	for i := range d.Has {
		value := d.Has[i].Value
		if d.Versioned {
			at, value = "as the block left it", d.Has[i].At
		}
		var name, parts string
		name, parts, values[i] = diverge.Describe(d.Key, value)
		_, _, before[i] = diverge.Describe(d.Key, d.Has[i].Before)
		if i == 0 {
			out.add("range", name)
			out.add("record", parts)
		}
	}
	out.add("key", d.Key)
	out.add("at", at)
	if asJSON {
		out.add("first", values[0])
		out.add("second", values[1])
	} else {
		out.add("value", lines{names[0] + ": " + values[0], names[1] + ": " + values[1]})
	}
	if d.Versioned && before[0] == before[1] {
		out.add("before", before[0])
	} else if d.Versioned {
		out.add("before", fmt.Sprintf("%s and %s", before[0], before[1]))
	}
	return out
}

func outsideRecord(name string, o *tx.ReplicaRecord) record {
	var out record
	what, parts, value := diverge.Describe(o.Key, o.Value)
	_, _, at := diverge.Describe(o.Key, o.At)
	out.add("replica", name)
	out.add("range", what)
	out.add("record", parts)
	out.add("key", o.Key)
	out.add("value", value)
	out.add("as_the_block_left_it", at)
	return out
}
