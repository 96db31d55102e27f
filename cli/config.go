package cli

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"carbonledger/tx/limited"

	"github.com/pelletier/go-toml/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// defaultConfig is read where no other file is named and this one exists.
const defaultConfig = "carbonledger.toml"

// configVariable names the configuration file in the environment.
const configVariable = "CARBONLEDGER_CONFIG"

// setting is what a configuration file says of one flag.
type setting struct {
	name   string
	values []string
	line   int
}

// settings are those of a file, in its order.
type settings struct {
	path string
	all  []setting
}

func (s *settings) find(name string) (setting, bool) {
	i := slices.IndexFunc(s.all, func(e setting) bool { return e.name == name })
	if i < 0 {
		return setting{}, false
	}
	return s.all[i], true
}

// source says where a flag's value comes from.
type source string

const (
	fromDefault     source = "default"
	fromFile        source = "file"
	fromEnvironment source = "environment"
	fromFlag        source = "flag"
)

// variable is the name of a flag in the environment.
func variable(flag string) string {
	return "CARBONLEDGER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// load fills in the flags that the command line left out, from the environment,
// then from the configuration file. Its errors name the setting.
func (g *globals) load(cmd *cobra.Command) error {
	file, err := readSettings(cmd.Root(), g.config)
	if err != nil {
		return usage(err)
	}
	g.file, g.sources = file, map[string]source{}
	var problems []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed {
			g.sources[f.Name] = fromFlag
			return
		}
		if f.Name == "config" || f.Name == "help" {
			return
		}
		// A command's own flag that only shares the name of a global one.
		if global := cmd.Root().PersistentFlags().Lookup(f.Name); global != nil && global.Value.Type() != f.Value.Type() {
			return
		}
		if value, ok := os.LookupEnv(variable(f.Name)); ok {
			if err := cmd.Flags().Set(f.Name, value); err != nil {
				problems = append(problems, fmt.Errorf("environment variable %s: %w", variable(f.Name), err))
			}
			g.sources[f.Name] = fromEnvironment
		} else if s, ok := file.find(f.Name); ok {
			if err := s.apply(cmd.Flags()); err != nil {
				problems = append(problems, fmt.Errorf("configuration: %s:%d: %w", file.path, s.line, err))
			}
			g.sources[f.Name] = fromFile
		}
	})
	if len(problems) > 0 {
		return usage(eachOnALine(problems))
	}
	return nil
}

// apply sets the flag of a command.
func (s *setting) apply(flags *pflag.FlagSet) error {
	kind := flags.Lookup(s.name).Value.Type()
	if len(s.values) != 1 && kind != "stringSlice" && kind != "stringArray" {
		return fmt.Errorf("%s: takes one value, not a list", s.name)
	}
	for _, value := range s.values {
		if err := flags.Set(s.name, value); err != nil {
			return err
		}
	}
	return nil
}

// readSettings reads a configuration file: names of flags of any command, and
// their values. Its error names every line that is wrong.
func readSettings(root *cobra.Command, path string) (*settings, error) {
	named := path != ""
	if !named {
		if path, named = os.LookupEnv(configVariable); !named {
			path = defaultConfig
		}
	}
	content, err := limited.ReadFile(path, limited.MaxSettingsBytes)
	if errors.Is(err, fs.ErrNotExist) && !named {
		return &settings{}, nil
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
	s := &settings{path: path}
	var problems []error
	for name, value := range values {
		e := setting{name: name, line: lineOf(content, name)}
		if !known[name] {
			problems = append(problems, fmt.Errorf("configuration: %s:%d: %s: there is no flag of this name", path, e.line, name))
			continue
		}
		if e.values, err = settingTexts(value); err != nil {
			problems = append(problems, fmt.Errorf("configuration: %s:%d: %s: %w", path, e.line, name, err))
		}
		s.all = append(s.all, e)
	}
	if len(problems) > 0 {
		slices.SortFunc(problems, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
		return nil, eachOnALine(problems)
	}
	slices.SortFunc(s.all, func(a, b setting) int { return cmp.Or(a.line-b.line, cmp.Compare(a.name, b.name)) })
	return s, nil
}

func settingTexts(value any) ([]string, error) {
	switch v := value.(type) {
	case string:
		return []string{v}, nil
	case bool, int64, toml.LocalDate:
		return []string{fmt.Sprint(v)}, nil
	case []any:
		var all []string
		for _, part := range v {
			if _, nested := part.([]any); nested {
				return nil, errors.New("use a list of texts, not of lists")
			}
			texts, err := settingTexts(part)
			if err != nil {
				return nil, err
			}
			all = append(all, texts...)
		}
		return all, nil
	}
	return nil, errors.New("use a text, a whole number, true, false, or a list of texts")
}

// lineOf finds the line that begins with a name, or with a table of this name.
func lineOf(content []byte, name string) int {
	for i, line := range strings.Split(string(content), "\n") {
		before, _, _ := strings.Cut(line, "=")
		before, _, _ = strings.Cut(strings.Trim(before, " \t\r[]\""), ".")
		if strings.Trim(before, " \"") == name {
			return i + 1
		}
	}
	return 1
}

// flagNames are the flags that a file may set.
func flagNames(cmd *cobra.Command, into map[string]bool) {
	note := func(f *pflag.Flag) {
		if f.Name != "config" && f.Name != "help" {
			into[f.Name] = true
		}
	}
	cmd.Flags().VisitAll(note)
	cmd.PersistentFlags().VisitAll(note)
	for _, c := range cmd.Commands() {
		flagNames(c, into)
	}
}

// eachOnALine is an error of several problems of a text, in lines of their own.
func eachOnALine(problems []error) error {
	if len(problems) == 0 {
		return nil
	}
	return errors.New(errors.Join(problems...).Error())
}
