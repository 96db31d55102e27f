package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"carbonledger/genesis"
	"carbonledger/node/datadir"
	"carbonledger/node/publish"
	"carbonledger/tx"
	"carbonledger/tx/durable"
	"carbonledger/tx/limited"

	"github.com/spf13/cobra"
)

// foundingFlags are what init genesis and init --all have in common.
type foundingFlags struct {
	chainID       string
	clock         string
	freeTransfers bool
	start         string
	instruments   []string
	closedDays    []string
	parameters    []string
}

func (o *foundingFlags) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.chainID, "chain-id", "", "name of the network: part of every transaction; it begins with script- where --clock is script, and only there")
	f.StringVar(&o.clock, "clock", genesis.WallClock, "wall: ledger time comes from the leader's clock; script: from transactions of the timekeeper")
	f.BoolVar(&o.freeTransfers, "free-transfers", false, "allow transfers without a trade: bench and test networks only")
	f.StringVar(&o.start, "start", "", "ledger time at height 0, such as 2024-01-01T00:00:00+08:00 (default: now)")
	f.StringArrayVar(&o.instruments, "instrument", nil, "CODE:VINTAGE or CODE:VINTAGE:PRICE, such as CEA22:2022:79.42, the reference price in yuan a tonne; repeat it")
	f.StringSliceVar(&o.closedDays, "closed-day", nil, "weekday without trading, such as 2024-02-09; repeat it, or separate with commas")
	f.StringArrayVar(&o.parameters, "parameter", nil, "NAME=VALUE from the first day, or NAME@DAY=VALUE, such as obligation.deadline.2023=2024-12-31; repeat it")
}

// founding reads the flags. What the document checks is left to it.
func (o *foundingFlags) founding() (f tx.Founding, err error) {
	f = tx.Founding{ChainID: o.chainID, ProtocolVersion: 1, FreeTransfers: o.freeTransfers, ScriptClock: o.clock == genesis.ScriptClock}
	if o.clock != genesis.WallClock && o.clock != genesis.ScriptClock {
		return f, usage(fmt.Errorf("--clock %q: use wall or script", o.clock))
	}
	start := time.Now()
	if o.start != "" {
		if start, err = time.Parse(time.RFC3339, o.start); err != nil {
			return f, usage(fmt.Errorf("--start %q: use a time such as 2024-01-01T00:00:00+08:00", o.start))
		}
	}
	f.Start = tx.Instant(start.UnixMilli())
	for _, s := range o.instruments {
		i, err := parseInstrument(s)
		if err != nil {
			return f, usage(err)
		}
		f.Instruments = append(f.Instruments, i)
	}
	for _, s := range o.closedDays {
		day, err := tx.ParseDay(s)
		if err != nil {
			return f, usage(fmt.Errorf("--closed-day %w", err))
		}
		f.ClosedDays = append(f.ClosedDays, day)
	}
	for _, s := range o.parameters {
		p, err := parseParameter(s, f.Start.Day())
		if err != nil {
			return f, usage(err)
		}
		f.Parameters = append(f.Parameters, p)
	}
	return f, nil
}

// parseInstrument reads CODE:VINTAGE[:PRICE].
func parseInstrument(s string) (tx.Instrument, error) {
	parts := strings.Split(s, ":")
	if len(parts) != 2 && len(parts) != 3 {
		return tx.Instrument{}, fmt.Errorf("--instrument %q: use CODE:VINTAGE:PRICE, such as CEA22:2022:79.42", s)
	}
	year, err := strconv.Atoi(parts[1])
	if err != nil || year < 0 || year > 9999 {
		return tx.Instrument{}, fmt.Errorf("--instrument %q: the vintage %q is no year", s, parts[1])
	}
	i := tx.Instrument{Code: parts[0], Vintage: tx.Year(year)}
	if len(parts) == 3 {
		if i.ReferencePrice, err = tx.ParseFen(parts[2]); err != nil || i.ReferencePrice <= 0 {
			return i, fmt.Errorf("--instrument %q: the price %q is none in yuan such as 79.42", s, parts[2])
		}
	}
	return i, nil
}

// parseParameter reads NAME=VALUE and NAME@DAY=VALUE.
func parseParameter(s string, first tx.Day) (tx.SetParameter, error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return tx.SetParameter{}, fmt.Errorf("--parameter %q: use NAME=VALUE or NAME@DAY=VALUE", s)
	}
	p := tx.SetParameter{Name: name, From: first, Value: value}
	if name, day, ok := strings.Cut(name, "@"); ok {
		from, err := tx.ParseDay(day)
		if err != nil {
			return p, fmt.Errorf("--parameter %q: %w", s, err)
		}
		p.Name, p.From = name, from
	}
	return p, nil
}

// parseParty reads ID:ROLE:NAME:KEY[,KEY], where the name may have colons, and
// ROLE of an entity is entity@REGION@USCC, that of others other@@USCC.
func parseParty(s string) (tx.OpenAccount, error) {
	bad := fmt.Errorf("--party %q: use ID:ROLE:NAME:KEY[,KEY], such as mee:ministry:Ministry:ed25519:…, with entity@REGION@USCC for the role of an entity, other@@USCC for another institution", s)
	parts := strings.SplitN(s, ":", 3)
	if len(parts) != 3 {
		return tx.OpenAccount{}, bad
	}
	role, region, _ := strings.Cut(parts[1], "@")
	region, uscc, _ := strings.Cut(region, "@")
	a := tx.OpenAccount{Id: parts[0], Region: region, USCC: uscc}
	var err error
	if a.Role, err = genesis.ParseRole(role); err != nil {
		return a, fmt.Errorf("--party %q: %w", s, err)
	}
	// The keys begin at the first colon before a scheme's name.
	at := -1
	for _, scheme := range []string{":ed25519:", ":sm2:"} {
		if i := strings.Index(parts[2], scheme); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	if at < 0 {
		return a, bad
	}
	a.Name = parts[2][:at]
	for k := range strings.SplitSeq(parts[2][at+1:], ",") {
		public, err := tx.ParsePublicKey(k)
		if err != nil {
			return a, fmt.Errorf("--party %q: %w", s, err)
		}
		a.Keys = append(a.Keys, tx.ProvenKey{Key: public})
	}
	return a, nil
}

// readLines reads validators' lines: arguments, and files named as @FILE. A
// line that the shell took apart, because it was not quoted, is put together.
func readLines(args []string) ([]tx.Validator, error) {
	var words []string
	for _, a := range args {
		if path, ok := strings.CutPrefix(a, "@"); ok {
			b, err := limited.ReadFile(path, limited.MaxSettingsBytes)
			if err != nil {
				return nil, fmt.Errorf("read validators' lines: %w", err)
			}
			a = withoutComments(string(b))
		}
		words = append(words, strings.Fields(a)...)
	}
	var all []tx.Validator
	for len(words) > 0 {
		end := 1
		for end < len(words) && words[end] != datadir.LineTag {
			end++
		}
		v, err := datadir.ParseLine(strings.Join(words[:end], " "))
		if err != nil {
			return nil, fmt.Errorf("validator %d of the list: %w", len(all)+1, err)
		}
		v.Voter = true
		all, words = append(all, v), words[end:]
	}
	if len(all) == 0 {
		return nil, usage(errors.New("no validators: give the lines that \"carbonledger init node\" printed, or @FILE with them"))
	}
	return all, nil
}

func withoutComments(s string) string {
	var lines []string
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// foundedLog reads the flags of the log.
func foundedLog(f *tx.Founding, origin, key string) error {
	if (origin == "") != (key == "") {
		return errors.New("--log-origin and --log-key belong together: give both or none")
	}
	if origin == "" {
		return nil
	}
	public, err := tx.ParsePublicKey(key)
	if err != nil {
		return fmt.Errorf("--log-key %w", err)
	}
	if public.Scheme != tx.Ed25519 {
		return errors.New("--log-key: the log's key is an Ed25519 key: the format of checkpoints knows no other")
	}
	f.LogOrigin, f.LogKey = origin, public.Key
	return nil
}

func newInitGenesisCommand(g *globals) *cobra.Command {
	var o foundingFlags
	var parties, files []string
	var out, origin, logKey, policy string
	cmd := &cobra.Command{
		Use:   "genesis LINE…",
		Short: "Collect validators' lines and institutions' keys into a genesis document",
		Long: `Collect the lines that "init node" printed, and institutions' public keys, into
a genesis document. @FILE stands for lines in a file. The document is text that
may be edited until its hash has been agreed on: "config check" prints the hash.

--log-origin and --log-key name the transparency log and its public key, of a key
file that "carbonledger keys new" made and that every validator gets as origin.key
in its data directory (re-encrypted with that directory's passphrase). --policy is
where the policy goes, by which anybody tells whether a checkpoint counts.`,
		Example: `  carbonledger init genesis @lines.txt --chain-id cn-ets --out genesis.toml \
    --party 'mee:ministry:Ministry of Ecology and Environment:ed25519:…' \
    --party 'registry:registry:Carbon Registry:sm2:…,ed25519:…' \
    --parties regions.toml --instrument CEA22:2022:79.42`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := o.founding()
			if err != nil {
				return err
			}
			if f.Validators, err = readLines(args); err != nil {
				return err
			}
			for _, s := range parties {
				p, err := parseParty(s)
				if err != nil {
					return usage(err)
				}
				f.Parties = append(f.Parties, p)
			}
			for _, path := range files {
				all, err := genesis.ReadParties(path)
				if err != nil {
					return err
				}
				f.Parties = append(f.Parties, all...)
			}
			if err := foundedLog(&f, origin, logKey); err != nil {
				return usage(err)
			}
			d, err := writeGenesis(out, &f)
			if err != nil {
				return err
			}
			if f.LogOrigin != "" {
				if err := durable.Create(policy, []byte(publish.PolicyText(f.LogOrigin, f.LogKey, f.Validators)), 0o644); err != nil {
					return err
				}
			}
			return printFounding(cmd, g.json, out, d)
		},
	}
	o.addFlags(cmd)
	fl := cmd.Flags()
	fl.StringArrayVar(&parties, "party", nil, "founding party as ID:ROLE:NAME:KEY[,KEY]; ROLE: ministry, region, registry, exchange, bank, auditor, ccer-registry, ccer-exchange, verifier, court, timekeeper, entity@REGION@USCC, other@@USCC; repeat it. Each key is a person's of its own; a registry has two")
	fl.StringArrayVar(&files, "parties", nil, "TOML file with [[parties]] as in a genesis document; repeat it")
	fl.StringVar(&out, "out", "genesis.toml", "file to write; it must not exist")
	fl.StringVar(&origin, "log-origin", "", "name of the transparency log, such as register.example/cn-ets; empty: none is published")
	fl.StringVar(&logKey, "log-key", "", "public key of the log, as ed25519:…")
	fl.StringVar(&policy, "policy", "policy.txt", "file to write the log's policy to; it must not exist")
	_ = cmd.MarkFlagRequired("chain-id")
	return cmd
}
