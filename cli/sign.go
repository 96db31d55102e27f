package cli

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"carbonledger/tx"
	"carbonledger/tx/durable"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// signing are the flags of every command that asks for an operation.
type signing struct {
	g         *globals
	reference string
	expiry    string
	out       string
	pending   string
	cosign    []string
	prepare   bool
	dryRun    bool
	wait      bool
	yes       bool
}

func (s *signing) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.reference, "reference", "", "the party's own name for this transaction, never used before (default: a random one)")
	f.StringVar(&s.expiry, "expiry", "", "ledger time after which it must not be booked, such as 2024-01-02T15:00:00+08:00, or 2h from now (default: never)")
	f.StringVar(&s.out, "out", "", "only sign, into this new file; needs no network")
	f.StringArrayVar(&s.cosign, "cosign", nil, personsUsage)
	f.BoolVar(&s.prepare, "prepare", false, "lay it down on the ledger for other persons of the party to approve: see approve")
	f.BoolVar(&s.dryRun, "dry-run", false, "only ask a node what the ledger would answer now (the node gets the signed transaction)")
	f.BoolVar(&s.wait, "wait", true, "wait for the receipt, at most --timeout; with --wait=false for a second")
	f.BoolVarP(&s.yes, "yes", "y", false, "do not ask before signing")
	f.StringVar(&s.pending, "pending", ".", "directory that keeps the signed file until its receipt is here")
	f.String(passphraseFlag, "", "file with the passphrase of the key files")
}

// verb completes the command of an operation: required are the flags that it
// cannot do without.
func (g *globals) verb(cmd *cobra.Command, required []string, operation func(args []string) (tx.Operation, error)) *cobra.Command {
	s := &signing{g: g}
	s.addFlags(cmd)
	for _, name := range required {
		_ = cmd.MarkFlagRequired(name)
	}
	if cmd.Args == nil {
		cmd.Args = cobra.NoArgs
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		op, err := operation(args)
		if err != nil {
			return usage(err)
		}
		return s.run(cmd, [][]tx.Operation{{op}})
	}
	return cmd
}

// signed is a transaction on its way.
type signed struct {
	id   tx.ID
	raw  []byte
	file string
}

// run shows, signs and sends one transaction for each list of operations, in
// order; it ends with the first that is not accepted.
func (s *signing) run(cmd *cobra.Command, lists [][]tx.Operation) error {
	if err := s.check(); err != nil {
		return err
	}
	f, err := s.g.founding()
	if err != nil {
		return err
	}
	if s.prepare {
		for i := range lists {
			lists[i] = []tx.Operation{{Operation: &tx.Operation_Prepare{Prepare: &tx.Prepare{Operations: lists[i]}}}}
		}
	}
	bodies, err := s.bodies(&f, lists)
	if err != nil {
		return err
	}
	for _, b := range bodies {
		fmt.Fprint(cmd.ErrOrStderr(), words.describeBody(b, f.Hash.String()))
	}
	if err := confirm(cmd, s.yes); err != nil {
		return err
	}
	keys, err := s.keys(cmd)
	if err != nil {
		return err
	}
	all := make([]signed, len(bodies))
	for i, b := range bodies {
		if all[i], err = s.sign(f.Hash, b, keys); err != nil {
			return err
		}
	}
	if s.out != "" {
		return s.write(cmd, all)
	}
	return s.send(cmd, &f, all)
}

func (s *signing) check() error {
	switch {
	case s.g.party == "":
		return usage(errors.New("give --party ID: who asks"))
	case s.g.key == "":
		return usage(errors.New("give --key FILE: the key of the party that asks"))
	case s.out != "" && s.dryRun:
		return usage(errors.New("--out only signs and --dry-run only asks: give one of them"))
	}
	return nil
}

func (s *signing) bodies(f *tx.Founding, lists [][]tx.Operation) ([]*tx.Body, error) {
	expiry, err := parseExpiry(s.expiry, time.Now())
	if err != nil {
		return nil, usage(err)
	}
	reference := s.reference
	if reference == "" {
		var b [12]byte
		if _, err := rand.Read(b[:]); err != nil {
			return nil, fmt.Errorf("make a reference: %w", err)
		}
		reference = "cli-" + hex.EncodeToString(b[:])
	}
	var bodies []*tx.Body
	for i, operations := range lists {
		b := &tx.Body{ChainId: f.ChainID, Party: s.g.party, Reference: reference, Expiry: expiry, Operations: operations}
		if len(lists) > 1 {
			b.Reference = fmt.Sprintf("%s-%d", reference, i+1)
		}
		bodies = append(bodies, b)
	}
	return bodies, nil
}

// parseExpiry reads an instant, or a time from now.
func parseExpiry(s string, now time.Time) (tx.Instant, error) {
	if s == "" {
		return 0, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return tx.Instant(now.Add(d).UnixMilli()), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.UnixMilli() <= 0 {
		return 0, fmt.Errorf("--expiry %q: use a time such as 2024-01-02T15:00:00+08:00, or a span from now such as 2h", s)
	}
	return tx.Instant(t.UnixMilli()), nil
}

// confirm asks whether to sign. Without a terminal somebody must have said yes.
func confirm(cmd *cobra.Command, yes bool) error {
	if yes {
		return nil
	}
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return usage(errors.New("nothing was signed: there is no terminal to ask on; give --yes if what stands above is right"))
	}
	fmt.Fprint(cmd.ErrOrStderr(), "Sign this? [y/N] ")
	answers := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(in).ReadString('\n')
		answers <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case answer := <-answers:
		if answer == "y" || answer == "yes" {
			return nil
		}
	case <-cmd.Context().Done():
		fmt.Fprintln(cmd.ErrOrStderr())
	}
	return errors.New("nothing was signed")
}

func (s *signing) keys(cmd *cobra.Command) ([]tx.PrivateKey, error) {
	var keys []tx.PrivateKey
	for _, path := range append([]string{s.g.key}, s.cosign...) {
		key, err := openKey(cmd, path)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// sign refuses what no ledger would take for its form alone.
func (s *signing) sign(d tx.Domain, b *tx.Body, keys []tx.PrivateKey) (signed, error) {
	raw, err := tx.NewTransaction(d, b, keys...)
	if err != nil {
		return signed{}, err
	}
	v, err := tx.NewVerifier(d).Verify(raw)
	if err != nil {
		return signed{}, usage(fmt.Errorf("nothing was sent: %w", err))
	}
	return signed{id: v.ID(), raw: raw}, nil
}

// write is all that --out does.
func (s *signing) write(cmd *cobra.Command, all []signed) error {
	for i := range all {
		path := s.out
		if len(all) > 1 {
			path = fmt.Sprintf("%s.%d", s.out, i+1)
		}
		if err := durable.Create(path, all[i].raw, 0o644); err != nil {
			return err
		}
		if err := printSigned(cmd, s.g.json, path, all[i].id); err != nil {
			return err
		}
	}
	return nil
}

func printSigned(cmd *cobra.Command, asJSON bool, path string, id tx.ID) error {
	r := record{title: "signed"}
	r.add("file", path)
	r.add("transaction", id.String())
	return r.print(cmd.OutOrStdout(), asJSON)
}

func (s *signing) send(cmd *cobra.Command, f *tx.Founding, all []signed) (err error) {
	c, err := s.g.client(cmd, anonymous)
	if err != nil {
		return err
	}
	c.SetDomain(f.Hash)
	defer func() { err = errors.Join(err, c.Close()) }()
	ctx, cancel := s.g.patience(cmd)
	defer cancel()
	if err := sameChain(ctx, c, f); err != nil {
		return err
	}
	for i := range all {
		if s.dryRun {
			err = s.ask(ctx, cmd, c, &all[i])
		} else {
			err = s.submit(ctx, cmd, c, &all[i])
		}
		if err != nil {
			return err
		}
	}
	return nil
}
