package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"carbonledger/cli/local"
	"carbonledger/cli/scenario"
	"carbonledger/node/api"
	"carbonledger/tx"

	"github.com/spf13/cobra"
)

// demoNodes play a scenario: Wuhan 2, Shanghai 2, Beijing 1.
const demoNodes = 5

// demoOptions are the flags of demo.
type demoOptions struct {
	scenario string
	seed     uint64
	data     string
	keep     bool
}

func newDemoCommand(g *globals) *cobra.Command {
	var o demoOptions
	var withStdin bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play a year of the market on five validators, lose a site, and audit it",
		Long: `Start five validators as processes of their own on this machine (Wuhan 2,
Shanghai 2, Beijing 1) and play a year of the market on them: opening position,
accounts, verification and issuance in stages with the provinces' signatures,
every trading day with its signed orders, settlement and reconciliation,
surrenders that the provinces approve by two persons, offsets by cancelled CCER,
and one each of a forced surrender, a surrender on behalf of another, a pledge
and a court's freeze. On one day both machines of the leader's site lose power;
trading goes on, and they come back later. At the end every published figure
stands beside the ledger's own, the ledger says how often it saw what the figures
do not name, every acknowledged transaction is looked for on the nodes that were
lost, and an auditor re-executes the whole history.

With --keep the network stays afterwards. Its directory then holds visitor.toml, a
configuration for whoever asks it, logs.txt with the URLs of its logs, policy.txt,
and in keys/ those of the institutions and the auditor's token.

The year is China's 2024 unless --scenario names another file: docs/scenario.md.
Exit code 1 if a figure differs, a day is not reconciled, a transaction is lost,
or the audit fails.`,
		Example: "  carbonledger demo\n  carbonledger demo --keep\n  carbonledger demo --scenario year.toml --seed 7 --data /tmp/year",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			if withStdin {
				cancelWithStdin(cmd, cancel)
			}
			d := &demo{demoOptions: o, g: g, cmd: cmd}
			return d.run(ctx)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.scenario, "scenario", "", "scenario `FILE` (default: China's 2024)")
	f.Uint64Var(&o.seed, "seed", 1, "of what the generator draws by lot")
	f.StringVar(&o.data, "data", "", "empty or new `DIR` for the network, which stays (default: a temporary one)")
	f.BoolVar(&o.keep, "keep", false, "leave the network running afterwards, until Ctrl-C")
	f.BoolVar(&withStdin, "stop-with-stdin", false, "stop when standard input ends: for a parent process")
	_ = f.MarkHidden("stop-with-stdin")
	return cmd
}

// demo is one run.
type demo struct {
	demoOptions
	g   *globals
	cmd *cobra.Command

	file *scenario.File
	plan *scenario.Plan
	net  *localNetwork
	// client submits and asks, with all nodes; reader as the auditor.
	client, reader *api.Client
	played         []acknowledged
	// logSize is that of the log at the newest receipt.
	logSize uint64
	loss    siteLoss
	closers []func() error
}

// acknowledged is a transaction that the network said it had committed.
type acknowledged struct {
	id     []byte
	height uint64
}

func (d *demo) say(format string, a ...any) {
	fmt.Fprintf(d.cmd.ErrOrStderr(), "demo: "+format+"\n", a...)
}

func (d *demo) run(ctx context.Context) (err error) {
	began := time.Now()
	// Nothing that was started outlives the run.
	defer func() {
		for i := len(d.closers) - 1; i >= 0; i-- {
			err = errors.Join(err, d.closers[i]())
		}
	}()
	if err := d.prepare(); err != nil {
		return err
	}
	d.say("%d validators in %s", len(d.net.nodes), d.net.Dir)
	if err := d.net.startAll(ctx); err != nil {
		return err
	}
	if err := d.connect(); err != nil {
		return err
	}
	d.say("%s", d.file.Title)
	if err := d.play(ctx); err != nil {
		return err
	}
	result, err := d.conclude(ctx)
	if err != nil {
		return err
	}
	result.seconds = time.Since(began)
	if err := result.print(d); err != nil {
		return err
	}
	if err := result.verdict(); err != nil {
		return err
	}
	if d.keep {
		return d.stay(ctx)
	}
	return nil
}

// prepare reads the scenario and founds the network; nothing runs yet.
func (d *demo) prepare() (err error) {
	if d.file = scenario.Default(); d.scenario != "" {
		if d.file, err = scenario.Load(d.scenario); err != nil {
			return err
		}
	}
	if d.plan, err = scenario.Generate(d.file, d.seed); err != nil {
		return fmt.Errorf("the scenario cannot be played: %w", err)
	}
	dir, err := d.directory()
	if err != nil {
		return err
	}
	ports, err := local.FreePorts(demoNodes)
	if err != nil {
		return err
	}
	parties := []foundingParty{
		{ID: scenario.Ministry, Role: tx.Ministry, Name: "Ministry"},
		{ID: scenario.Registry, Role: tx.Registry, Name: "Registry"},
		{ID: scenario.Timekeeper, Role: tx.Timekeeper, Name: "Timekeeper"},
	}
	for i := range parties {
		if parties[i].Keys, err = d.plan.Keys(parties[i].ID); err != nil {
			return err
		}
	}
	n, err := createNetwork(networkOptions{
		Dir: dir, P2PPorts: ports, Sites: demoSites(demoNodes), ChainID: "script-demo-" + strconv.Itoa(d.file.Calendar.Year), ScriptClock: true,
		Parties: parties, Instruments: d.plan.Instruments(), ClosedDays: d.plan.ClosedDays(), Start: d.plan.Start(),
	})
	if err != nil {
		return err
	}
	if d.net, err = newLocalNetwork(n); err != nil {
		return err
	}
	d.net.primarySite = n.Nodes[0].Site
	d.closers = append(d.closers, func() error { d.net.stop(); return nil })
	return nil
}

// directory is where the network lives. A temporary one is removed at the end.
func (d *demo) directory() (string, error) {
	if d.data == "" {
		dir, err := os.MkdirTemp("", "carbonledger-demo-")
		if err != nil {
			return "", fmt.Errorf("make a directory for the network: %w", err)
		}
		d.closers = append(d.closers, func() error { return os.RemoveAll(dir) })
		return dir, nil
	}
	if entries, err := os.ReadDir(d.data); err == nil && len(entries) > 0 {
		return "", usage(fmt.Errorf("--data %s is not empty: a network is never overwritten; choose another directory", d.data))
	}
	if err := os.MkdirAll(d.data, 0o700); err != nil {
		return "", fmt.Errorf("make the network's directory: %w", err)
	}
	return filepath.Abs(d.data)
}

// connect makes the clients: one for everybody's business, one for the auditor.
func (d *demo) connect() (err error) {
	if d.client, err = api.NewClient(api.ClientConfig{Addresses: d.net.addresses()}); err != nil {
		return err
	}
	d.closers = append(d.closers, d.client.Close)
	keys, err := d.plan.Keys(scenario.Auditor)
	if err != nil {
		return err
	}
	d.reader, err = api.NewClient(api.ClientConfig{
		Addresses: d.net.addresses(), Party: scenario.Auditor, Key: &keys[0], Domain: d.net.Document.Hash(),
	})
	if err != nil {
		return err
	}
	d.closers = append(d.closers, d.reader.Close)
	return nil
}

// play submits the year, step by step.
func (d *demo) play(ctx context.Context) error {
	lost, back := d.plan.DayOf(d.file.Invented.SiteLost.Day()), d.plan.DayOf(d.file.Invented.SiteBack.Day())
	bar := newProgress(d.cmd, "demo")
	defer bar.end()
	done, shown := 0, tx.Day(0)
	for step, err := range d.plan.Steps(d.net.Document.ChainID, d.net.Document.Hash()) {
		if err != nil {
			return err
		}
		bar.describe(strings.TrimPrefix(step.Day.String()+" "+step.What, "- "))
		if month := step.Day / 100; !bar.seen() && month != shown && step.Day != 0 {
			shown = month
			d.say("%s", step.Day.String()[:7])
		}
		if step.Day != 0 && step.Day == back {
			bar.end()
			if err := d.restoreSite(); err != nil {
				return err
			}
		}
		if step.Day != 0 && step.Day == lost {
			bar.end()
			err = d.loseSite(ctx, step)
		} else {
			err = d.submit(ctx, step)
		}
		if err != nil {
			return err
		}
		done++
		bar.set(uint64(done), uint64(d.plan.Count()))
	}
	return nil
}

// submitPatience bounds one step, elections included.
const submitPatience = 60 * time.Second

// submit commits a step's transactions, each of which must be accepted.
func (d *demo) submit(ctx context.Context, step scenario.Step) error {
	if len(step.Transactions) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, submitPatience)
	defer cancel()
	receipts, err := d.client.Submit(ctx, step.Transactions)
	if err != nil {
		return fmt.Errorf("%s %s: %w", step.Day, step.What, err)
	}
	d.loss.acknowledged(time.Now())
	for i := range receipts {
		if r := receipts[i].Rejection(); r != nil {
			return fmt.Errorf("%s %s: %s of %s: %w", step.Day, step.What, receipts[i].Reference, receipts[i].Party, r)
		}
		d.played = append(d.played, acknowledged{receipts[i].Id, receipts[i].Height})
		d.logSize = max(d.logSize, receipts[i].Index+1)
	}
	return nil
}
