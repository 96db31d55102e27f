package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"carbonledger/cli/local"
	"carbonledger/node/audit"
	"carbonledger/tx"

	"github.com/spf13/cobra"
)

// benchInstrument is what the bench network moves about.
const benchInstrument = "CEA22"

// benchResult is the line that bench prints.
type benchResult struct {
	Nodes   int `json:"nodes"`
	Seconds int `json:"seconds"`
	Ops     int `json:"ops_per_tx"`
	// SignedTxPerSecond counts transactions from the first request until every
	// replica has executed the last of them.
	SignedTxPerSecond float64 `json:"signed_tx_per_s"`
	OpsPerSecond      float64 `json:"ops_per_s"`
	// VerifyLimitPerSecond is cores ÷ (nodes × cost of one signature in a
	// batch): what this machine could do if replicas only verified.
	VerifyLimitPerSecond float64 `json:"verify_limit_per_s"`
	// Ratio of signatures per second to that limit.
	Ratio        float64 `json:"ratio"`
	P50          float64 `json:"p50_ms"`
	P99          float64 `json:"p99_ms"`
	Transactions int     `json:"transactions"`
	Cores        int     `json:"cores"`
	// Log says whether a log was published meanwhile.
	Log bool `json:"log"`
	// WithoutLog is signed_tx_per_s of the networks without a log that ran in turn
	// with those that published one, and LogRatio the ratio of the two means.
	WithoutLog float64 `json:"without_log_tx_per_s,omitempty"`
	LogRatio   float64 `json:"log_ratio,omitempty"`
	// Of an audit of the log from a copy on this machine, where one was asked for:
	// signatures that it checked per second, cores ÷ cost of one signature in a
	// batch, and the ratio.
	AuditSignatures float64 `json:"audit_signatures_per_s,omitempty"`
	AuditLimit      float64 `json:"audit_limit_per_s,omitempty"`
	AuditRatio      float64 `json:"audit_ratio,omitempty"`
}

type benchOptions struct {
	nodes, seconds, ops, workers, perRequest int
	noLog, audit                             bool
	// pairs of networks, with a log and without.
	pairs int
}

func newBenchCommand() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a network on this machine",
		Long: `Measure a network on this machine: so many validators as processes, and one
client process that submits transfers signed beforehand.

Prints one JSON line. signed_tx_per_s counts what every replica has executed,
each of which verified every signature; verify_limit_per_s is what this machine
could verify if it did nothing else, measured in the same run. With --pairs,
networks with a log and without one take turns, and log_ratio says what the log
costs: what else the machine does meets both alike.`,
		Example: "  carbonledger bench --nodes 3 --seconds 10\n  carbonledger bench --nodes 3 --seconds 10 --ops 1000",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.audit && o.noLog {
				return usage(errors.New("--audit needs a log: leave --no-log out"))
			}
			if o.pairs > 0 && (o.noLog || o.audit) {
				return usage(errors.New("--pairs measures with a log and without: leave --no-log and --audit out"))
			}
			if o.pairs < 0 || o.nodes < 1 || o.nodes > 9 || o.seconds < 1 || o.ops < 1 || o.ops > 2000 || o.workers < 1 || o.perRequest < 1 {
				return usage(errors.New("use --nodes 1 to 9, --seconds from 1, --ops 1 to 2000, --workers and --per-request from 1"))
			}
			ctx, cancel := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer cancel()
			return runBench(ctx, cmd, o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.nodes, "nodes", 3, "validators")
	f.IntVar(&o.seconds, "seconds", 10, "how long to submit")
	f.IntVar(&o.ops, "ops", 1, "transfers under one signature")
	f.BoolVar(&o.noLog, "no-log", false, "keep no tree and publish no checkpoints: to measure what these cost")
	f.IntVar(&o.pairs, "pairs", 0, "measure so many networks with a log, and as many without in turn")
	f.BoolVar(&o.audit, "audit", false, "then audit the log from a copy, with the validators stopped")
	f.IntVar(&o.workers, "workers", 12, "requests at once")
	f.IntVar(&o.perRequest, "per-request", 256, "transactions in a request, of one transfer each")
	return cmd
}

func runBench(ctx context.Context, cmd *cobra.Command, o benchOptions) error {
	result, err := benchOnce(ctx, cmd, o)
	if err != nil {
		return err
	}
	if o.pairs > 0 {
		if err := benchPairs(ctx, cmd, o, &result); err != nil {
			return err
		}
	}
	line, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", line)
	return err
}

// benchPairs goes on after the first network with a log: without, without, with,
// with, and so on, so that a machine that gets slower or faster favours neither.
func benchPairs(ctx context.Context, cmd *cobra.Command, o benchOptions, result *benchResult) error {
	var sum [2]float64
	sum[0] = result.SignedTxPerSecond
	for i := 1; i < 2*o.pairs; i++ {
		o.noLog = (i+1)/2%2 == 1
		one, err := benchOnce(ctx, cmd, o)
		if err != nil {
			return err
		}
		side := 0
		if o.noLog {
			side = 1
		}
		sum[side] += one.SignedTxPerSecond
	}
	result.SignedTxPerSecond, result.WithoutLog = sum[0]/float64(o.pairs), sum[1]/float64(o.pairs)
	result.LogRatio = result.SignedTxPerSecond / result.WithoutLog
	result.OpsPerSecond, result.Ratio = result.SignedTxPerSecond*float64(o.ops), result.SignedTxPerSecond/result.VerifyLimitPerSecond
	return nil
}

// benchOnce measures one network.
func benchOnce(ctx context.Context, cmd *cobra.Command, o benchOptions) (result benchResult, err error) {
	dir, err := os.MkdirTemp("", "carbonledger-bench-")
	if err != nil {
		return result, fmt.Errorf("make a directory for the network: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	say := func(format string, a ...any) { fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", a...) }
	say("bench: %d validators in %s", o.nodes, dir)
	n, err := newBenchNetwork(dir, o.nodes, o.noLog)
	if err != nil {
		return result, err
	}
	defer n.stop()
	if err := n.startAll(ctx); err != nil {
		return result, err
	}
	say("bench: the network serves; measuring signatures")
	limit, err := verifyLimit(o.nodes)
	if err != nil {
		return result, err
	}
	result, err = runBenchClient(ctx, cmd, n, o)
	if err != nil {
		return result, err
	}
	result.Nodes, result.VerifyLimitPerSecond, result.Cores = o.nodes, limit, runtime.NumCPU()
	result.OpsPerSecond = result.SignedTxPerSecond * float64(o.ops)
	result.Ratio, result.Log = result.SignedTxPerSecond/limit, !o.noLog
	if o.audit {
		if err := benchAudit(cmd, n, &result); err != nil {
			return result, err
		}
	}
	say("bench: %.0f transactions a second, log: %v", result.SignedTxPerSecond, result.Log)
	return result, nil
}

// benchAudit audits the network's log: once over the network, which leaves a copy,
// and then from that copy, with the validators stopped and everything in memory.
func benchAudit(cmd *cobra.Command, n *localNetwork, result *benchResult) error {
	policy, err := readPolicy(n.Policy)
	if err != nil {
		return err
	}
	a := auditing{token: n.Token}
	logs, err := a.logs(&globals{timeout: submitPatience}, n.logURLs()[:1])
	if err != nil {
		return err
	}
	saved := filepath.Join(n.Dir, "copy")
	o := audit.Options{Founding: n.Document.Founding(), Policy: policy, Save: saved, AtLeast: uint64(result.Transactions)}
	if _, err := runAudit(cmd, logs, o); err != nil {
		return err
	}
	n.stop()
	if result.AuditLimit, err = verifyLimit(1); err != nil {
		return err
	}
	o.Save, o.AtLeast = "", 0
	began := time.Now()
	report, err := runAudit(cmd, []audit.Log{audit.Directory(saved)}, o)
	if err != nil {
		return err
	}
	result.AuditSignatures = float64(report.Signatures) / time.Since(began).Seconds()
	result.AuditRatio = result.AuditSignatures / result.AuditLimit
	return nil
}

// benchEntities is how many parties transfer to one another.
const benchEntities = 64

func newBenchNetwork(dir string, nodes int, noLog bool) (*localNetwork, error) {
	parties := []foundingParty{
		{ID: "ministry", Role: tx.Ministry, Name: "Ministry"},
		{ID: "region", Role: tx.RegionDepartment, Name: "Region"},
		{ID: "registry", Role: tx.Registry, Name: "Registry"},
	}
	for i := range benchEntities {
		parties = append(parties, foundingParty{ID: benchEntity(i), Role: tx.KeyEmittingEntity, Name: "Entity " + strconv.Itoa(i), Region: "region", USCC: tx.PracticeUSCC(i)})
	}
	if err := newFoundingKeys(parties, map[string]int{"registry": 2, "region": 2}); err != nil {
		return nil, err
	}
	ports, err := local.FreePorts(nodes)
	if err != nil {
		return nil, err
	}
	n, err := createNetwork(networkOptions{
		Dir: dir, P2PPorts: ports, Sites: demoSites(nodes), ChainID: "bench", FreeTransfers: true, Parties: parties, NoLog: noLog,
		Instruments: []tx.Instrument{{Code: benchInstrument, Vintage: 2022, ReferencePrice: 8000}},
		Start:       tx.Instant(time.Now().UnixMilli()),
	})
	if err != nil {
		return nil, err
	}
	return newLocalNetwork(n)
}

func benchEntity(i int) string { return "e" + strconv.Itoa(i) }

// demoSites places validators: Wuhan 2, Shanghai 2, Beijing 1.
func demoSites(n int) []string {
	order := []string{"Wuhan", "Shanghai", "Beijing", "Wuhan", "Shanghai"}
	sites := make([]string, n)
	for i := range sites {
		sites[i] = order[i%len(order)]
	}
	return sites
}

// verifyTime is how long signatures are verified to learn what one costs.
const verifyTime = time.Second

// verifyLimit is cores ÷ (nodes × cost of one signature verified in a batch on
// one core).
func verifyLimit(nodes int) (float64, error) {
	const batch = 512
	d := tx.Domain{1}
	var keys []tx.PrivateKey
	for range benchEntities {
		k, err := tx.GenerateKey(tx.Ed25519, rand.Reader)
		if err != nil {
			return 0, err
		}
		keys = append(keys, k)
	}
	raws := make([][]byte, batch)
	for i := range raws {
		raw, err := benchTransfer(d, "bench", i%benchEntities, i, 1, keys[i%benchEntities])
		if err != nil {
			return 0, err
		}
		raws[i] = raw
	}
	// On all cores together, as the nodes will be, with nothing remembered from
	// one batch to the next but the keys.
	cores := runtime.NumCPU()
	done := make(chan int, cores)
	began := time.Now()
	for range cores {
		go func() {
			count := 0
			for time.Since(began) < verifyTime {
				_, errs := tx.NewVerifier(d).VerifyAll(raws)
				for _, err := range errs {
					if err != nil {
						panic(err)
					}
				}
				count += batch
			}
			done <- count
		}()
	}
	all := 0
	for range cores {
		all += <-done
	}
	return float64(all) / time.Since(began).Seconds() / float64(nodes), nil
}

// benchTransfer is one signed transaction of ops transfers of a tonne each.
func benchTransfer(d tx.Domain, chain string, from, number, ops int, key tx.PrivateKey) ([]byte, error) {
	body := &tx.Body{ChainId: chain, Party: benchEntity(from), Reference: strconv.Itoa(number)}
	for i := range ops {
		to := benchEntity((from + 1 + (number+i)%(benchEntities-1)) % benchEntities)
		body.Operations = append(body.Operations, tx.Operation{Operation: &tx.Operation_Transfer{
			Transfer: &tx.Transfer{To: to, Instrument: benchInstrument, Tonnes: 1},
		}})
	}
	return tx.NewTransaction(d, body, key)
}

// runBenchClient runs the client as a process of its own, as institutions are.
func runBenchClient(ctx context.Context, cmd *cobra.Command, n *localNetwork, o benchOptions) (benchResult, error) {
	var result benchResult
	keys := filepath.Join(n.Dir, "keys")
	c := exec.CommandContext(ctx, n.program, "bench-client",
		"--api", strings.Join(n.addresses(), ","), "--genesis", n.Genesis, "--keys", keys,
		"--seconds", strconv.Itoa(o.seconds), "--ops", strconv.Itoa(o.ops),
		"--workers", strconv.Itoa(o.workers), "--per-request", strconv.Itoa(o.perRequest))
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, cmd.ErrOrStderr()
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	if err := c.Run(); err != nil {
		return result, fmt.Errorf("the client process failed: %w", err)
	}
	if err := json.Unmarshal(out.Bytes(), &result); err != nil {
		return result, fmt.Errorf("read the client's result %q: %w", out.String(), err)
	}
	return result, nil
}
