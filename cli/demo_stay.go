package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"carbonledger/cli/scenario"
)

// stay leaves the network running, says how to use it, and waits for Ctrl-C.
func (d *demo) stay(ctx context.Context) error {
	for _, party := range d.parties() {
		if _, err := os.Stat(d.net.keyPath(party)); err == nil {
			continue // of genesis
		}
		keys, err := d.plan.Keys(party)
		if err != nil {
			return err
		}
		if err := d.net.writeKeys(party, keys); err != nil {
			return err
		}
	}
	if err := d.sayHow(); err != nil {
		return err
	}
	<-ctx.Done()
	d.say("stops the network")
	return nil
}

// parties whose keys a visitor may want: the institutions, and one entity of
// each region.
func (d *demo) parties() []string {
	all := []string{scenario.Ministry, scenario.Registry, scenario.Exchange, scenario.Bank, scenario.Auditor, scenario.Timekeeper,
		scenario.Verifier, scenario.Court, scenario.CCERRegistry, scenario.CCERExchange}
	region := ""
	for _, r := range d.file.Invented.Regions {
		all = append(all, r.ID)
	}
	for i := range d.plan.Entities {
		if e := &d.plan.Entities[i]; e.Region != region {
			region = e.Region
			all = append(all, e.ID)
		}
	}
	return all
}

// writeConfig writes a configuration file, so that the commands which name it
// are short enough to read.
func (d *demo) writeConfig(name string, settings [][2]string) (path string, err error) {
	var b strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&b, "%s = %q\n", s[0], s[1])
	}
	path = filepath.Join(d.net.Dir, name+".toml")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return "", fmt.Errorf("write a configuration: %w", err)
	}
	return path, nil
}

// sayHow tells a visitor how to ask the network, submit to it, and break it.
func (d *demo) sayHow() error {
	out, entity := d.cmd.OutOrStdout(), d.plan.Entities[0].ID
	visitor, err := d.writeConfig("visitor", [][2]string{{"api", strings.Join(d.net.addresses(), ",")}, {"genesis", d.net.Genesis}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.net.Dir, "logs.txt"), []byte(strings.Join(d.net.logURLs(), "\n")+"\n"), 0o644); err != nil {
		return fmt.Errorf("write the logs' addresses: %w", err)
	}
	say := func(title string, commands ...string) {
		fmt.Fprintf(out, "\n%s:\n\n", title)
		for _, c := range commands {
			fmt.Fprintf(out, "  %s\n", c)
		}
	}
	ask := func(words, party string) string {
		c := d.net.program + " " + words + " --config " + visitor
		if party != "" {
			c += " --party " + party + " --key " + d.net.keyPath(party)
		}
		return c
	}
	say("The network runs until Ctrl-C. Ask it",
		ask("status", ""),
		ask("query bulletin "+d.plan.Days[len(d.plan.Days)-1].String(), ""),
		ask(fmt.Sprintf("query year %d", d.plan.ObligationYear()), ""),
		ask("query holdings "+entity, entity),
		ask("query settlement "+d.plan.Days[len(d.plan.Days)-1].String(), ""),
		ask("query applications "+entity, d.plan.Entities[0].Region),
		fmt.Sprintf("%s audit %s --genesis %s --policy %s --token-file %s", d.net.program, strings.Join(d.net.logURLs(), " "), d.net.Genesis, d.net.Policy, d.net.Token))
	say("Submit to it", ask("deposit --to "+entity+" --yuan 100.00", scenario.Bank))
	var cut, restart []string
	var failed error
	for _, site := range d.sites() {
		var pids []string
		for _, n := range d.net.nodes {
			if n.Site == site {
				pids = append(pids, fmt.Sprint(n.process.PID()))
			}
		}
		cut = append(cut, fmt.Sprintf("kill -9 %s   # %s", strings.Join(pids, " "), site))
	}
	for _, n := range d.net.nodes {
		path, err := d.writeConfig(n.Name, d.net.settings(n))
		failed = errors.Join(failed, err)
		restart = append(restart, d.net.program+" node --config "+path)
	}
	say("Cut the power of a site", cut...)
	say("Bring a validator back, in a terminal of its own", restart...)
	return failed
}

func (d *demo) sites() (all []string) {
	seen := map[string]bool{}
	for _, n := range d.net.nodes {
		if !seen[n.Site] {
			seen[n.Site] = true
			all = append(all, n.Site)
		}
	}
	return all
}
