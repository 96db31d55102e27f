package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"carbonledger/genesis"
	"carbonledger/node"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newConfigCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check configuration files and genesis documents"}
	check := &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check a configuration file and the genesis document that it names",
		Long: `Check a configuration file: the one named here, by --config, or found in its usual
place. Prints every effective setting and where it comes from (flag before
environment before file), and what the genesis document of --genesis, or of the
file, says. Where there are settings of "node" it also checks that a node could
start with them: addresses, profile, lease, certificate, data directory.`,
		Example: "  carbonledger config check /etc/carbonledger.toml\n  carbonledger config check --genesis genesis.toml",
		Args:    cobra.MaximumNArgs(1),
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				g.config = args[0]
			}
			return g.load(cmd)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return g.checkConfig(cmd) },
	}
	cmd.AddCommand(check)
	return cmd
}

func (g *globals) checkConfig(cmd *cobra.Command) error {
	if err := g.checkValues(); err != nil {
		return usage(err)
	}
	r := record{title: "configuration"}
	r.add("file", g.file.path)
	all := []record{}
	note := func(name, value string, from source) {
		one := record{}
		one.add("setting", name)
		one.add("value", value)
		one.add("from", string(from))
		all = append(all, one)
	}
	cmd.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "config" {
			return
		}
		from, ok := g.sources[f.Name]
		if !ok {
			from = fromDefault
		}
		note(f.Name, strings.Trim(f.Value.String(), "[]"), from)
	})
	for _, s := range g.file.all {
		if cmd.Root().PersistentFlags().Lookup(s.name) == nil {
			note(s.name, strings.Join(s.values, ","), fromFile)
		}
	}
	r.add("settings", all)
	document, err := g.checkNode(cmd.Root())
	if err != nil {
		return err
	}
	if document != "" {
		d, err := genesis.Read(document)
		if err != nil {
			return err
		}
		warnOfStart(cmd.ErrOrStderr(), d, time.Now())
		r.add("genesis", foundingRecord(document, d))
	}
	return r.print(cmd.OutOrStdout(), g.json)
}

// startMargin is how far a network's start may be from now before "config
// check" doubts it.
const startMargin = 24 * time.Hour

// warnOfStart: with a wall clock, blocks move ledger time by ten minutes at
// most, so that a wrong start costs long.
func warnOfStart(to io.Writer, d *genesis.Document, now time.Time) {
	f := d.Founding()
	away := now.Sub(time.UnixMilli(int64(f.Start)))
	if f.ScriptClock || away.Abs() <= startMargin {
		return
	}
	fmt.Fprintf(to, "carbonledger: warning: the network's start, %s, is more than a day from now; for a network not yet founded write the document anew with the right start\n", f.Start)
}

// checkNode checks the settings of "node" in the file and the environment, if
// there are any, and names the genesis document that is in use, if there is
// one. What stands on a node's own command line is not known here.
func (g *globals) checkNode(root *cobra.Command) (document string, err error) {
	var c node.Config
	flags := pflag.NewFlagSet("node", pflag.ContinueOnError)
	addNodeFlags(flags, &c)
	is := false
	flags.VisitAll(func(f *pflag.Flag) {
		if root.PersistentFlags().Lookup(f.Name) != nil {
			return
		}
		if value, ok := os.LookupEnv(variable(f.Name)); ok {
			is, err = true, errors.Join(err, flags.Set(f.Name, value))
		} else if s, ok := g.file.find(f.Name); ok {
			is, err = true, errors.Join(err, s.apply(flags))
		}
	})
	if !is {
		return g.genesis, nil
	}
	if err = errors.Join(err, c.Check()); err != nil {
		return "", usage(fmt.Errorf("configuration: %w", err))
	}
	if c.Data == "" {
		return g.genesis, nil
	}
	return cmp.Or(g.genesis, filepath.Join(c.Data, "genesis.toml")), c.CheckFiles()
}

// checkValues tries every setting on each command that has the flag: one of
// them must take it.
func (g *globals) checkValues() error {
	var problems []error
	for _, s := range g.file.all {
		var refused []error
		taken := false
		var try func(cmd *cobra.Command)
		try = func(cmd *cobra.Command) {
			for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
				if flags.Lookup(s.name) == nil {
					continue
				}
				if err := s.apply(flags); err != nil {
					refused = append(refused, err)
				} else {
					taken = true
				}
			}
			for _, c := range cmd.Commands() {
				try(c)
			}
		}
		// A tree of commands of its own, so that nothing here takes effect.
		started := false
		try(newRoot(&started))
		if !taken && len(refused) > 0 {
			problems = append(problems, fmt.Errorf("configuration: %s:%d: %w", g.file.path, s.line, refused[0]))
		}
	}
	return eachOnALine(problems)
}
