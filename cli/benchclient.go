package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"carbonledger/genesis"
	"carbonledger/node/api"
	"carbonledger/tx"
	"carbonledger/tx/keyfile"

	"github.com/spf13/cobra"
)

// benchClient is the client process of bench.
type benchClient struct {
	benchOptions
	api           []string
	genesis, keys string

	founding tx.Founding
	secret   map[string]tx.PrivateKey
}

func newBenchClientCommand() *cobra.Command {
	var b benchClient
	var addresses string
	cmd := &cobra.Command{
		Use: "bench-client", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b.api = strings.Split(addresses, ",")
			result, err := b.run(cmd)
			if err != nil {
				return err
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(result)
		},
	}
	f := cmd.Flags()
	f.StringVar(&addresses, "api", "", "addresses of all nodes")
	f.StringVar(&b.genesis, "genesis", "", "genesis document")
	f.StringVar(&b.keys, "keys", "", "directory of the parties' keys")
	f.IntVar(&b.seconds, "seconds", 10, "how long to submit")
	f.IntVar(&b.ops, "ops", 1, "transfers under one signature")
	f.IntVar(&b.workers, "workers", 12, "requests at once")
	f.IntVar(&b.perRequest, "per-request", 256, "transactions in a request")
	return cmd
}

func (b *benchClient) run(cmd *cobra.Command) (benchResult, error) {
	var none benchResult
	ctx := cmd.Context()
	if err := b.load(); err != nil {
		return none, err
	}
	leader, err := b.leaderAddress(ctx)
	if err != nil {
		return none, err
	}
	client, err := api.NewClient(api.ClientConfig{Addresses: []string{leader}})
	if err != nil {
		return none, err
	}
	defer client.Close()
	if err := b.issue(ctx, client); err != nil {
		return none, err
	}
	most := b.seconds * min(benchRate, benchOpsRate/b.ops)
	perRequest := max(1, b.perRequest/b.ops)
	fmt.Fprintf(cmd.ErrOrStderr(), "bench: signing %d transactions\n", most)
	requests, err := b.sign(max(most, 2*b.workers*perRequest), perRequest)
	if err != nil {
		return none, err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "bench: submitting for %d seconds\n", b.seconds)
	return b.drive(ctx, leader, requests)
}

// benchRate and benchOpsRate bound the transactions and operations a second that
// are prepared: more than two cores can commit, and little enough to sign and
// hold beforehand.
const benchRate, benchOpsRate = 60_000, 1_500_000

func (b *benchClient) load() error {
	document, err := genesis.Read(b.genesis)
	if err != nil {
		return err
	}
	b.founding = document.Founding()
	b.secret = map[string]tx.PrivateKey{}
	for _, p := range b.founding.Parties {
		key, err := keyfile.Read(filepath.Join(b.keys, p.Id+".key"), "")
		if err != nil {
			return err
		}
		b.secret[p.Id] = key
	}
	return nil
}

// leaderAddress spares the followers the forwarding: it is what an institution
// near the leader would use.
func (b *benchClient) leaderAddress(ctx context.Context) (string, error) {
	names := map[string]string{}
	var leader string
	for _, a := range b.api {
		s, err := statusOf(ctx, a)
		if err != nil {
			return "", err
		}
		names[s.Node], leader = a, s.Leader
	}
	if names[leader] == "" {
		return "", errors.New("the network has no leader")
	}
	return names[leader], nil
}

func statusOf(ctx context.Context, address string) (*api.StatusResponse, error) {
	c, err := api.NewClient(api.ClientConfig{Addresses: []string{address}})
	if err != nil {
		return nil, err
	}
	s, err := c.Status(ctx, &api.StatusRequest{})
	return s, errors.Join(err, c.Close())
}

// issue gives every entity enough to transfer.
func (b *benchClient) issue(ctx context.Context, client *api.Client) error {
	body := &tx.Body{ChainId: b.founding.ChainID, Party: "registry", Reference: "issue"}
	for i := range benchEntities {
		body.Operations = append(body.Operations, tx.Operation{Operation: &tx.Operation_IssueAllowances{IssueAllowances: &tx.IssueAllowances{
			To: benchEntity(i), Instrument: benchInstrument, Tonnes: 1_000_000_000, Document: "bench",
			Stage: tx.Adjustment, TableSha256: b.founding.Hash[:]}}})
	}
	second, err := keyfile.Read(filepath.Join(b.keys, "registry-2.key"), "")
	if err != nil {
		return err
	}
	// Two persons of the registry, and the province.
	raw, err := tx.NewTransaction(b.founding.Hash, body, b.secret["registry"], second, b.secret["region"])
	if err != nil {
		return err
	}
	receipts, err := client.Submit(ctx, [][]byte{raw})
	if err != nil {
		return err
	}
	if r := receipts[0].Rejection(); r != nil {
		return r
	}
	return nil
}

// sign prepares requests on all cores.
func (b *benchClient) sign(count, perRequest int) ([][][]byte, error) {
	requests := make([][][]byte, (count+perRequest-1)/perRequest)
	cores := runtime.NumCPU()
	errs := make([]error, cores)
	var wg sync.WaitGroup
	for core := range cores {
		wg.Go(func() {
			for r := core; r < len(requests); r += cores {
				for i := range perRequest {
					number := r*perRequest + i
					from := number % benchEntities
					raw, err := benchTransfer(b.founding.Hash, b.founding.ChainID, from, number, b.ops, b.secret[benchEntity(from)])
					if err != nil {
						errs[core] = err
						return
					}
					requests[r] = append(requests[r], raw)
				}
			}
		})
	}
	wg.Wait()
	return requests, errors.Join(errs...)
}

// drive submits until the time is up, and then waits for every replica.
func (b *benchClient) drive(ctx context.Context, leader string, requests [][][]byte) (benchResult, error) {
	next := make(chan [][]byte, len(requests))
	for _, r := range requests {
		next <- r
	}
	close(next)
	var mu sync.Mutex
	var latencies []float64
	var failed error
	height, accepted := uint64(0), 0
	began := time.Now()
	end := began.Add(time.Duration(b.seconds) * time.Second)
	var wg sync.WaitGroup
	for range b.workers {
		wg.Go(func() {
			client, err := api.NewClient(api.ClientConfig{Addresses: []string{leader}})
			if err == nil {
				defer client.Close()
			}
			for err == nil && time.Now().Before(end) {
				raws, ok := <-next
				if !ok {
					break
				}
				sent := time.Now()
				var receipts []tx.Receipt
				if receipts, err = client.Submit(ctx, raws); err != nil {
					break
				}
				took := float64(time.Since(sent).Microseconds()) / 1000
				mu.Lock()
				for i := range receipts {
					if r := receipts[i].Rejection(); r != nil && failed == nil {
						failed = r
					}
					height = max(height, receipts[i].Height)
					latencies = append(latencies, took)
				}
				accepted += len(receipts)
				mu.Unlock()
			}
			mu.Lock()
			failed = errors.Join(failed, err)
			mu.Unlock()
		})
	}
	wg.Wait()
	if failed != nil {
		return benchResult{}, failed
	}
	for _, a := range b.api {
		if err := waitHeight(ctx, a, height); err != nil {
			return benchResult{}, err
		}
	}
	took := time.Since(began).Seconds()
	slices.Sort(latencies)
	at := func(share float64) float64 {
		return latencies[min(len(latencies)-1, int(share*float64(len(latencies))))]
	}
	return benchResult{
		Seconds: b.seconds, Ops: b.ops, SignedTxPerSecond: float64(accepted) / took, Transactions: accepted,
		P50: at(0.50), P99: at(0.99),
	}, nil
}

// waitHeight waits until a node has executed a height.
func waitHeight(ctx context.Context, address string, height uint64) error {
	c, err := api.NewClient(api.ClientConfig{Addresses: []string{address}})
	if err != nil {
		return err
	}
	_, err = c.ListValidators(ctx, &api.ListValidatorsRequest{MinHeight: height})
	if err != nil {
		err = fmt.Errorf("wait for height %s at %s: %w", strconv.FormatUint(height, 10), address, err)
	}
	return errors.Join(err, c.Close())
}
