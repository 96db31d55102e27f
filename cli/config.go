package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sort"
	"strings"

	"carbonledger/genesis"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// defaultConfig is read where --config is not given and the file exists.
const defaultConfig = "carbonledger.toml"

// loadSettings fills in the flags that the command line left out, from the
// environment, then from the configuration file. Its errors name the setting.
func loadSettings(cmd *cobra.Command, path string) error {
	file, err := readSettings(cmd.Root(), path)
	if err != nil {
		return usage(err)
	}
	var problems []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "config" || f.Name == "help" {
			return
		}
		name := "CARBONLEDGER_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value, ok := os.LookupEnv(name); ok && f.Name != "passphrase" {
			if err := cmd.Flags().Set(f.Name, value); err != nil {
				problems = append(problems, fmt.Errorf("environment variable %s: %w", name, err))
			}
		} else if value, ok := file[f.Name]; ok {
			if err := cmd.Flags().Set(f.Name, value); err != nil {
				problems = append(problems, fmt.Errorf("configuration: %s: %w", f.Name, err))
			}
		}
	})
	if len(problems) > 0 {
		return usage(errors.Join(problems...))
	}
	return nil
}

// readSettings reads a configuration file: names of flags of any command, and
// their values.
func readSettings(root *cobra.Command, path string) (map[string]string, error) {
	given := path != ""
	if !given {
		path = defaultConfig
		if p, ok := os.LookupEnv("CARBONLEDGER_CONFIG"); ok {
			path, given = p, true
		}
	}
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && !given {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var values map[string]any
	if err := toml.NewDecoder(bytes.NewReader(content)).Decode(&values); err != nil {
		var wrong *toml.DecodeError
		if errors.As(err, &wrong) {
			line, _ := wrong.Position()
			return nil, fmt.Errorf("configuration: %s:%d: %w", path, line, err)
		}
		return nil, fmt.Errorf("configuration: %s: %w", path, err)
	}
	known := map[string]bool{}
	flagNames(root, known)
	settings := map[string]string{}
	for name, value := range values {
		if !known[name] {
			return nil, fmt.Errorf("configuration: %s:%d: %s: there is no flag of this name", path, lineOf(content, name), name)
		}
		text, err := settingText(value)
		if err != nil {
			return nil, fmt.Errorf("configuration: %s:%d: %s: %w", path, lineOf(content, name), name, err)
		}
		settings[name] = text
	}
	return settings, nil
}

func settingText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case bool, int64:
		return fmt.Sprint(v), nil
	case []any:
		var parts []string
		for _, p := range v {
			text, err := settingText(p)
			if err != nil {
				return "", err
			}
			parts = append(parts, text)
		}
		return strings.Join(parts, ","), nil
	}
	return "", errors.New("use a text, a number, true, false, or a list of texts")
}

func lineOf(content []byte, name string) int {
	for i, line := range strings.Split(string(content), "\n") {
		if before, _, ok := strings.Cut(line, "="); ok && strings.Trim(before, " \t\"") == name {
			return i + 1
		}
	}
	return 1
}

func flagNames(cmd *cobra.Command, into map[string]bool) {
	note := func(f *pflag.Flag) { into[f.Name] = true }
	cmd.Flags().VisitAll(note)
	cmd.PersistentFlags().VisitAll(note)
	for _, c := range cmd.Commands() {
		flagNames(c, into)
	}
}

func newConfigCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check configuration files and genesis documents"}
	cmd.AddCommand(&cobra.Command{
		Use:   "check [GENESIS]",
		Short: "Check the configuration file (--config) and a genesis document",
		Long:  "Check the configuration file, and the genesis document that is named here, by --genesis, or in the configuration file. Prints what they say.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			settings, err := readSettings(cmd.Root(), g.config)
			if err != nil {
				return err
			}
			r := record{title: "configuration"}
			names := make([]string, 0, len(settings))
			for name := range settings {
				names = append(names, name)
			}
			sort.Strings(names)
			for _, name := range names {
				r.add(name, settings[name])
			}
			if len(args) == 1 {
				g.genesis = args[0]
			}
			if g.genesis != "" {
				d, err := genesis.Read(g.genesis)
				if err != nil {
					return err
				}
				f := d.Founding()
				r.add("genesis_hash", d.Hash().String())
				r.add("chain_id", f.ChainID)
				r.add("clock", d.Clock)
				r.add("free_transfers", f.FreeTransfers)
				r.add("validators", len(f.Validators))
				r.add("parties", len(f.Parties))
				r.add("instruments", len(f.Instruments))
			}
			return r.print(cmd.OutOrStdout(), g.json)
		},
	})
	return cmd
}
