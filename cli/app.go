package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"carbonledger/node/api"
	"carbonledger/tx"

	"github.com/spf13/cobra"
)

// Exit codes. Programs rely on them: docs/institutions.md.
const (
	exitDone     = 0
	exitFailed   = 1 // and surely without effect
	exitUsage    = 2
	exitRejected = 3 // by the ledger
	exitUnknown  = 4 // the outcome; the message says how to learn it
)

// exitError is an error with the exit code that it asks for.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string { return e.err.Error() }
func (e exitError) Unwrap() error { return e.err }

// usage marks an error of the command line.
func usage(err error) error { return exitError{exitUsage, err} }

// grpcPrefix is what gRPC puts before a node's own words.
var grpcPrefix = regexp.MustCompile(`rpc error: code = \w+ desc = `)

// message is the error for people: errors that were joined stand in one line, and the
// same one only once, and what does not show is escaped.
func message(err error) string {
	return visible(strings.TrimRight(grpcPrefix.ReplaceAllString(oneLine(err), ""), "\n"))
}

// oneLine is an error's text with each errors.Join within it on one line. Lines that an
// error's own words have stay: they are commands to copy.
func oneLine(err error) string {
	if all := joined(err); len(all) > 0 {
		return strings.Join(all, "; ")
	}
	text := err.Error()
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		if in := e.Unwrap(); in != nil {
			text = strings.Replace(text, in.Error(), oneLine(in), 1)
		}
	case interface{ Unwrap() []error }:
		for _, in := range e.Unwrap() {
			text = strings.Replace(text, in.Error(), oneLine(in), 1)
		}
	}
	return text
}

// joined are the different texts that errors.Join put together; none for another error.
func joined(err error) (all []string) {
	e, ok := err.(interface{ Unwrap() []error })
	if !ok || err.Error() != errors.Join(e.Unwrap()...).Error() {
		return nil
	}
	for _, in := range e.Unwrap() {
		parts := joined(in)
		if parts == nil {
			parts = []string{oneLine(in)}
		}
		for _, p := range parts {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all
}

// ended is the error of a command on a log. Where kept names a directory, what was done
// before Ctrl-C is there, and nobody else may work in it.
func ended(cmd *cobra.Command, kept string, err error) error {
	switch {
	case err == nil || errors.As(err, new(exitError)):
	case cmd.Context().Err() != nil && errors.Is(err, context.Canceled) && kept != "":
		return errors.New("stopped: the same command goes on from there")
	case cmd.Context().Err() != nil && errors.Is(err, context.Canceled):
		return errors.New("stopped: nothing is kept")
	case kept != "" && errors.Is(err, syscall.EAGAIN):
		return fmt.Errorf("%s is in use by another process: give each its own directory", kept)
	}
	return err
}

// Run executes one command line and returns the exit code.
func Run(args []string, in io.Reader, out, errOut io.Writer) int {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	// A second Ctrl-C ends what does not heed the first.
	context.AfterFunc(ctx, cancel)
	started := false
	root := newRoot(&started)
	root.SetArgs(args)
	root.SetIn(in)
	show := &escaping{to: out}
	root.SetOut(show)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if unsaid := show.end(); err == nil {
		err = unsaid
	}
	if err == nil {
		return exitDone
	}
	code := exitCode(err)
	if !started && code == exitFailed {
		// Cobra itself refused the command line.
		code = exitUsage
	}
	fmt.Fprintf(errOut, "carbonledger: %s\n", message(err))
	if code == exitUsage {
		fmt.Fprintln(errOut, "See \"carbonledger help\" or the command's --help.")
	}
	return code
}

func exitCode(err error) int {
	var e exitError
	var r *tx.Rejection
	switch {
	case errors.As(err, &e):
		return e.code
	case errors.Is(err, api.ErrUnknownOutcome):
		return exitUnknown
	case errors.As(err, &r):
		return exitRejected
	}
	return exitFailed
}

// globals are the flags that every command has.
type globals struct {
	config  string
	api     []string
	tls     bool
	ca      string
	genesis string
	party   string
	key     string
	json    bool
	timeout time.Duration

	// What load found: the configuration file, and where each flag's value is
	// from.
	file    *settings
	sources map[string]source
}

func newRoot(started *bool) *cobra.Command {
	g := &globals{}
	root := &cobra.Command{
		Use:   "carbonledger",
		Short: "The register of a national carbon market as a replicated ledger",
		Long: `carbonledger runs validators of a carbon market's register, signs and submits
transactions for institutions, and audits the whole history for anybody.

Exit codes: 0 done; 1 failed, surely without effect; 2 wrong usage; 3 rejected by
the ledger; 4 the outcome is unknown (the message says how to learn it).

Flags may also stand in a configuration file under their names (--config, or
carbonledger.toml in the current directory), or in the environment as
CARBONLEDGER_ and the name in capitals, with _ for -.`,
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := g.load(cmd); err != nil {
				return err
			}
			if g.timeout <= 0 {
				return usage(fmt.Errorf("--timeout %s: give a time above 0, such as 30s", g.timeout))
			}
			return nil
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&g.config, "config", "", "configuration `FILE` (default: $CARBONLEDGER_CONFIG, or carbonledger.toml here)")
	f.StringSliceVar(&g.api, "api", []string{"127.0.0.1:7071"}, "`HOST:PORT` of a node; several, with commas: the next is asked when one fails")
	f.BoolVar(&g.tls, "tls", false, "use TLS with the machine's certificate authorities")
	f.StringVar(&g.ca, "ca", "", "use TLS with the certificate authorities of this PEM `FILE`")
	f.StringVar(&g.genesis, "genesis", "", "`FILE` with the genesis document")
	f.StringVar(&g.party, "party", "", "`ID` of the party that asks")
	f.StringVar(&g.key, "key", "", "`FILE` with the key of the party")
	f.BoolVar(&g.json, "json", false, "print JSON")
	f.DurationVar(&g.timeout, "timeout", 30*time.Second, "how long to try")
	root.AddGroup(
		&cobra.Group{ID: "network", Title: "Run a network:"},
		&cobra.Group{ID: "ask", Title: "Ask the ledger for an operation:"},
		&cobra.Group{ID: "read", Title: "Read:"},
		&cobra.Group{ID: "tools", Title: "Tools:"},
	)
	add := func(group string, all ...*cobra.Command) {
		for _, c := range all {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("network", newInitCommand(g), newNodeCommand(), newRebuildCommand(g), newIntroductionCommand(g), newDemoCommand(g), newBenchCommand())
	add("ask", g.verbs()...)
	add("ask", newSubmitCommand(g), newShowCommand(g), newCosignCommand(g))
	add("read", newQueryCommand(g), newReceiptCommand(g), newProveCommand(g), newStatementCommand(g), newStatusCommand(g), newAuditCommand(g), newArchiveCommand(g), newDivergeCommand(g))
	add("tools", newKeysCommand(g), newTokenCommand(g), newConfigCommand(g), newVersionCommand(g))
	root.AddCommand(newBenchClientCommand())
	root.SetHelpCommandGroupID("tools")
	root.SetCompletionCommandGroupID("tools")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	noteStart(root, started)
	return root
}

// noteStart notes when a command begins, so that what cobra refuses before is
// told from what the command says.
func noteStart(cmd *cobra.Command, started *bool) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*started = true
			return run(cmd, args)
		}
	} else if cmd.HasSubCommands() && cmd.HasParent() {
		// A group of commands without one named.
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			*started = true
			if len(args) > 0 {
				return usage(fmt.Errorf("%s has no command %q", cmd.CommandPath(), args[0]))
			}
			return usage(fmt.Errorf("%s needs a command; see --help", cmd.CommandPath()))
		}
	}
	for _, c := range cmd.Commands() {
		noteStart(c, started)
	}
}
