package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"carbonledger/node"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// stopTime is how long an orderly stop may take.
const stopTime = 20 * time.Second

func newNodeCommand() *cobra.Command {
	var c node.Config
	var free, log uint64
	var level, format string
	var withStdin bool
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Run a validator",
		Long: `Run a validator on a data directory that "carbonledger init node" made.

SIGTERM or Ctrl-C hands over leadership, finishes what is in progress and stops;
the exit code is then 0. A node that cannot go on, because its disk failed or
because its state differs from the majority's, says why and exits with 1.`,
		Example: `  carbonledger node --data /var/lib/carbonledger --api-listen 127.0.0.1:7071 --metrics-listen 127.0.0.1:7072`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			logger, err := newLogger(cmd.ErrOrStderr(), level, format)
			if err != nil {
				return err
			}
			if err := c.Check(); err != nil {
				return usage(err)
			}
			if c.Passphrase, err = nodePassphrase(cmd, c.Data); err != nil {
				return err
			}
			c.Logger, c.MinFreeDisk, c.MaxRaftLog, c.Version = logger, free<<20, log<<20, programVersion()
			return runNode(cmd, c, withStdin)
		},
	}
	f := cmd.Flags()
	addNodeFlags(f, &c)
	f.Uint64Var(&free, "min-free-disk", 1024, "MiB that must stay free; below it the node refuses writes and does not lead")
	f.Uint64Var(&log, "max-raft-log", 128, "MiB of Raft log above which the node takes a snapshot and cuts the log")
	f.String("passphrase-file", "", "file with the passphrase of the key files")
	f.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&format, "log-format", "text", "text or json")
	f.BoolVar(&c.CheckConservation, "check-conservation", false, "add up every account after every block (slow; for tests)")
	f.BoolVar(&withStdin, "stop-with-stdin", false, "stop when standard input ends: for a parent process")
	_ = f.MarkHidden("check-conservation")
	_ = f.MarkHidden("stop-with-stdin")
	_ = cmd.MarkFlagRequired("data")
	return cmd
}

// addNodeFlags are the flags that "config check" tries too.
func addNodeFlags(f *pflag.FlagSet, c *node.Config) {
	f.StringVar(&c.Data, "data", "", "data directory of this validator")
	f.StringVar(&c.Genesis, "genesis", "", "genesis document (default: genesis.toml in the data directory)")
	f.StringVar(&c.Introduce, "introduce", "", "introduction to today's validators, for a node whose own list is too old (see \"carbonledger introduction\")")
	f.StringArrayVar(&c.P2PListen, "p2p-listen", nil, "multiaddr to listen on for peers (default: the address of init node)")
	f.StringVar(&c.APIListen, "api-listen", "127.0.0.1:7071", "host:port of the API; beyond loopback it needs TLS")
	f.StringVar(&c.TLSCert, "tls-cert", "", "PEM file of the API's certificate")
	f.StringVar(&c.TLSKey, "tls-key", "", "PEM file of the certificate's key")
	f.StringVar(&c.MetricsListen, "metrics-listen", "", "host:port of the Prometheus page; empty for none")
	f.StringVar(&c.LogListen, "log-listen", "", "host:port of the transparency log over HTTP; empty for none; beyond loopback it needs TLS")
	f.StringVar(&c.LogTokens, "log-tokens", "", "file with the hashed tokens of those who may read the log's entries (see \"carbonledger token\")")
	f.StringVar(&c.Archive, "archive", "", "URL of an archive of the log: entries that it has are dropped here (see \"carbonledger archive\"); empty: all are kept")
	f.StringVar(&c.ArchiveTokenFile, "archive-token-file", "", "file with a token for the archive's entries")
	f.StringVar(&c.Profile, "profile", "wan", "timing of the network: wan, or loopback for one machine")
	f.DurationVar(&c.Lease, "lease", 0, "lease instead of the profile's, for slow disks: the same on every validator")
	f.StringVar(&c.PrimarySite, "primary-site", "", "site that should hold the leader when it can")
}

func newLogger(to io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, usage(fmt.Errorf("--log-level %q: use debug, info, warn or error", level))
	}
	o := &slog.HandlerOptions{Level: l}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(to, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(to, o)), nil
	}
	return nil, usage(fmt.Errorf("--log-format %q: use text or json", format))
}

// runNode runs until a signal, the end of the parent, or a failure.
func runNode(cmd *cobra.Command, c node.Config, withStdin bool) error {
	ctx, cancel := signal.NotifyContext(cmd.Context(), syscall.SIGTERM, os.Interrupt)
	defer cancel()
	if withStdin {
		cancelWithStdin(cmd, cancel)
	}
	// Blocks are short-lived garbage: collecting less often costs memory that
	// a validator has, and saves time that it needs.
	debug.SetGCPercent(400)
	n, err := node.Start(c)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: peers %s, API %s, metrics %s, log %s\n", n.Name(), n.P2PAddress(), n.APIAddress(), orDash(n.MetricsAddress()), orDash(n.LogAddress()))
	var failure error
	select {
	case <-ctx.Done():
		c.Logger.Info("node: stops on request", "node", n.Name())
	case <-n.Failed():
		failure = n.Err()
	}
	stop, stopped := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer stopped()
	return errors.Join(failure, n.Stop(stop))
}

// cancelWithStdin cancels when standard input ends: with the parent, however that
// ends.
func cancelWithStdin(cmd *cobra.Command, cancel func()) {
	go func() {
		_, _ = io.Copy(io.Discard, cmd.InOrStdin())
		cancel()
	}()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
