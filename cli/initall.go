package cli

import (
	"errors"
	"fmt"
	"os"

	"carbonledger/cli/local"
	"carbonledger/genesis"
	"carbonledger/tx"

	"github.com/spf13/cobra"
)

// allOptions are the flags of init --all.
type allOptions struct {
	foundingFlags
	validators int
	dir        string
	sites      []string
	basePort   int
}

// maxLocalValidators bounds a mistyped number.
const maxLocalValidators = 99

func (o *allOptions) addFlags(cmd *cobra.Command) {
	o.foundingFlags.addFlags(cmd)
	f := cmd.Flags()
	f.IntVar(&o.validators, "all", 0, "make a whole network of so many validators on this machine: for tests and demonstrations")
	f.StringVar(&o.dir, "dir", "", "directory to make; it gets genesis.toml, policy.txt, nodes/NAME, keys/PARTY.key, of a second person keys/PARTY-2.key, and an auditor's token")
	f.StringSliceVar(&o.sites, "sites", nil, "site of each validator (default for five: Wuhan and Shanghai with two, Beijing with one)")
	f.IntVar(&o.basePort, "base-port", 0, "p2p port of the first validator on 127.0.0.1, the next ones follow (default: free ports)")
}

// initAll plays every operator and every institution.
func initAll(cmd *cobra.Command, g *globals, o *allOptions) error {
	if err := o.check(); err != nil {
		return usage(err)
	}
	f, err := o.founding()
	if err != nil {
		return err
	}
	ports, err := o.ports()
	if err != nil {
		return err
	}
	parties, err := institutions(f.ScriptClock)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return fmt.Errorf("make the network's directory: %w", err)
	}
	n, err := createNetwork(networkOptions{
		Dir: o.dir, Sites: o.sites, ChainID: f.ChainID, ScriptClock: f.ScriptClock, FreeTransfers: f.FreeTransfers,
		Parties: parties, Instruments: f.Instruments, ClosedDays: f.ClosedDays, Start: f.Start, Parameters: f.Parameters, P2PPorts: ports,
	})
	if err != nil {
		return err
	}
	if err := printFounding(cmd, g.json, n.Genesis, n.Document); err != nil || g.json {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "\nThe keys in %s and of the validators have no passphrase: for tests and demonstrations only.\nStart the validators, each in a terminal of its own:\n\n", partyKeyPath(o.dir, "PARTY"))
	for i, node := range n.Nodes {
		fmt.Fprintf(out, "  carbonledger node --data %s --genesis %s --api-listen 127.0.0.1:%d --log-listen 127.0.0.1:%d --log-tokens %s --profile loopback\n", node.Dir, n.Genesis, 7071+i, 7081+i, n.Tokens)
	}
	return nil
}

// check fills in what --all leaves open.
func (o *allOptions) check() error {
	switch {
	case o.dir == "":
		return errors.New("--all needs --dir, the directory to make")
	case o.validators < 1 || o.validators > maxLocalValidators:
		return fmt.Errorf("--all %d: use 1 to %d validators", o.validators, maxLocalValidators)
	case o.basePort < 0 || o.basePort > 0 && o.basePort+o.validators-1 > 65535:
		return fmt.Errorf("--base-port %d: use 1 to %d for %d validators", o.basePort, 65536-o.validators, o.validators)
	}
	if len(o.sites) == 0 {
		o.sites = demoSites(o.validators)
	}
	if len(o.sites) != o.validators {
		return fmt.Errorf("--sites names %d sites for %d validators: name one for each", len(o.sites), o.validators)
	}
	for _, name := range append(validatorNames(o.sites), o.sites...) {
		if err := genesis.CheckName(name); err != nil {
			return fmt.Errorf("--sites %w", err)
		}
	}
	if o.chainID == "" {
		o.chainID = "test"
		if o.clock == genesis.ScriptClock {
			o.chainID = genesis.ScriptPrefix + "test"
		}
	}
	if len(o.instruments) == 0 {
		o.instruments = []string{"CEA22:2022", "CEA23:2023"}
	}
	if entries, err := os.ReadDir(o.dir); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s is not empty: a network is never overwritten; choose another --dir", o.dir)
	}
	return nil
}

func (o *allOptions) ports() ([]int, error) {
	if o.basePort == 0 {
		return local.FreePorts(o.validators)
	}
	ports := make([]int, o.validators)
	for i := range ports {
		ports[i] = o.basePort + i
	}
	return ports, nil
}

// institutions are the parties of a network for tests, with new keys: one of
// each role, and two entities in one region. Registry, CCER registry and region
// have two persons, as their operations ask for.
func institutions(scriptClock bool) ([]foundingParty, error) {
	parties := []foundingParty{
		{ID: "ministry", Role: tx.Ministry, Name: "Ministry"},
		{ID: "region", Role: tx.RegionDepartment, Name: "Region"},
		{ID: "registry", Role: tx.Registry, Name: "Registry"},
		{ID: "exchange", Role: tx.Exchange, Name: "Exchange"},
		{ID: "bank", Role: tx.SettlementBank, Name: "Settlement bank"},
		{ID: "auditor", Role: tx.Auditor, Name: "Auditor"},
		{ID: "verifier", Role: tx.VerificationBody, Name: "Verification body"},
		{ID: "ccer-registry", Role: tx.CCERRegistry, Name: "CCER registry"},
		{ID: "ccer-exchange", Role: tx.CCERExchange, Name: "CCER exchange"},
		{ID: "court", Role: tx.Court, Name: "Court"},
		{ID: "entity-1", Role: tx.KeyEmittingEntity, Name: "Entity 1", Region: "region", USCC: tx.PracticeUSCC(1)},
		{ID: "entity-2", Role: tx.KeyEmittingEntity, Name: "Entity 2", Region: "region", USCC: tx.PracticeUSCC(2)},
	}
	if scriptClock {
		parties = append(parties, foundingParty{ID: "timekeeper", Role: tx.Timekeeper, Name: "Timekeeper"})
	}
	return parties, newFoundingKeys(parties, map[string]int{"registry": 2, "ccer-registry": 2, "region": 2})
}
