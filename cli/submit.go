package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"carbonledger/node/api"
	"carbonledger/tx"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

const (
	// A request has at most so many transactions and bytes.
	batchTransactions = 256
	batchBytes        = 2 << 20
	transactionSuffix = ".tx"
)

// submission sends signed files in order.
type submission struct {
	g       *globals
	journal string
	again   bool
	args    []string
}

func newSubmitCommand(g *globals) *cobra.Command {
	s := &submission{g: g}
	cmd := &cobra.Command{
		Use:   "submit FILE…",
		Short: "Send signed transactions and print their receipts",
		Long: `Send files with signed transactions, in the given order, and print a receipt for
each. A directory stands for its files *.tx in order of name. Sending a file again
is always safe: the ledger answers with the first receipt.

With --journal every file is noted on disk before it is sent, and its receipt when
it is here. The same command after any failure goes on where it ended: what has a
receipt is not sent again.

Exit code 3 if the ledger rejected any of them, 4 if the outcome of any is unknown.`,
		Example: "  carbonledger submit signed/ --journal issue-2024.journal --api wuhan:7071,shanghai:7071 --ca ca.pem",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s.args = args
			return s.run(cmd)
		},
	}
	cmd.Flags().StringVar(&s.journal, "journal", "", "file that remembers what was sent and answered")
	cmd.Flags().BoolVar(&s.again, "again", false, "the files were sent before: without a receipt their outcome stays unknown, exit code 4")
	return cmd
}

func (s *submission) run(cmd *cobra.Command) (err error) {
	files, err := listFiles(s.args)
	if err != nil {
		return err
	}
	var j *journal
	if s.journal != "" {
		if j, err = openJournal(s.journal); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, j.Close()) }()
	}
	c, err := s.g.client(cmd, anonymous)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	ctx, cancel := s.g.patience(cmd)
	domain, chain, err := s.chain(ctx, c)
	cancel()
	if err != nil {
		if s.again || j != nil && len(j.sent) > 0 {
			return s.unknown(err, s.args)
		}
		return err
	}
	c.SetDomain(domain)
	all, err := readSigned(files, domain, chain)
	if err != nil {
		return err
	}
	run := newSending(cmd, s, c, j, len(all))
	return run.all(cmd.Context(), all)
}

// chain is the one that the nodes serve, which must be that of --genesis where
// it is given.
func (s *submission) chain(ctx context.Context, c *api.Client) (tx.Domain, string, error) {
	if s.g.genesis != "" {
		f, err := s.g.founding()
		if err != nil {
			return tx.Domain{}, "", err
		}
		return f.Hash, f.ChainID, sameChain(ctx, c, &f)
	}
	status, err := c.Status(ctx, &api.StatusRequest{})
	if err != nil {
		return tx.Domain{}, "", err
	}
	chain := &status.Head.Chain
	if len(chain.GenesisHash) != len(tx.Domain{}) {
		return tx.Domain{}, "", errors.New("the node does not say which chain it serves: give --genesis FILE")
	}
	return tx.Domain(chain.GenesisHash), chain.ChainId, nil
}

// listFiles replaces directories by their signed transactions.
func listFiles(args []string) ([]string, error) {
	var files []string
	for _, path := range args {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, path)
			continue
		}
		entries, err := os.ReadDir(path)
		if err != nil {
			return nil, err
		}
		before := len(files)
		for _, e := range entries {
			if !e.IsDir() && strings.HasSuffix(e.Name(), transactionSuffix) {
				files = append(files, filepath.Join(path, e.Name()))
			}
		}
		if len(files) == before {
			return nil, fmt.Errorf("%s holds no file *%s", path, transactionSuffix)
		}
	}
	return files, nil
}

// readSigned reads and verifies every file before any is sent: a damaged one
// stops all of them, without effect. The same transaction twice is taken once.
func readSigned(files []string, d tx.Domain, chain string) ([]signed, error) {
	verifier := tx.NewVerifier(d)
	var all []signed
	seen := map[tx.ID]bool{}
	for part := range slices.Chunk(files, batchTransactions) {
		raws := make([][]byte, len(part))
		for i, path := range part {
			raw, err := readTransaction(path)
			if err != nil {
				return nil, err
			}
			raws[i] = raw
		}
		verified, errs := verifier.VerifyAll(raws)
		for i, path := range part {
			if errs[i] != nil {
				return nil, usage(fmt.Errorf("nothing was sent: %s, on chain %s with genesis %s: %w", path, chain, d, errs[i]))
			}
			if of := verified[i].Body().ChainId; of != chain {
				return nil, usage(fmt.Errorf("nothing was sent: %s is for chain %q, the node serves %q", path, of, chain))
			}
			if id := verified[i].ID(); !seen[id] {
				seen[id] = true
				all = append(all, signed{id: id, raw: raws[i], file: path})
			}
		}
	}
	return all, nil
}

// readTransaction does not read what is too large to be one.
func readTransaction(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(io.LimitReader(f, tx.MaxTransactionBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return raw, nil
}

// sending is a run of a submission.
type sending struct {
	s        *submission
	cmd      *cobra.Command
	client   *api.Client
	journal  *journal
	bar      *progressbar.ProgressBar
	several  bool
	accepted int
	refused  int
	before   int
	last     tx.Reason
}

func newSending(cmd *cobra.Command, s *submission, c *api.Client, j *journal, n int) *sending {
	run := &sending{s: s, cmd: cmd, client: c, journal: j, several: n > 1}
	if j != nil {
		c.SetMinHeight(j.height)
	}
	if to, ok := cmd.ErrOrStderr().(*os.File); ok && n > 1 && term.IsTerminal(int(to.Fd())) {
		run.bar = progressbar.NewOptions(n, progressbar.OptionSetWriter(to), progressbar.OptionShowCount(),
			progressbar.OptionSetDescription("submit"), progressbar.OptionClearOnFinish())
	}
	return run
}

func (r *sending) all(ctx context.Context, all []signed) error {
	var rest []signed
	for i := range all {
		if r.journal != nil {
			if e, ok := r.journal.receipts[all[i].id.String()]; ok {
				if err := r.recall(&all[i], e); err != nil {
					return err
				}
				continue
			}
		}
		rest = append(rest, all[i])
	}
	for len(rest) > 0 {
		n := batchOf(rest)
		doubtful := r.sentBefore(rest)
		if err := r.batch(ctx, rest[:n]); err != nil {
			if doubtful || errors.Is(err, api.ErrUnknownOutcome) {
				return r.unknown(err, rest)
			}
			if r.journal != nil {
				err = errors.Join(err, r.journal.withdraw(rest[:n]))
			}
			if done := r.accepted + r.refused; done > 0 {
				err = fmt.Errorf("%d of %d have receipts, the others were not booked: %w", done, len(all), err)
			}
			return err
		}
		rest = rest[n:]
	}
	return r.finish()
}

// sentBefore says that one of these may be on the ledger although this run did
// not send it: what fails now is then not without effect.
func (r *sending) sentBefore(all []signed) bool {
	return r.s.again || r.journal != nil && slices.ContainsFunc(all, func(t signed) bool { return r.journal.sent[t.id.String()] })
}

// batchOf is how many of the first fit one request.
func batchOf(all []signed) int {
	bytes := 0
	for i := range all {
		bytes += len(all[i].raw)
		if i > 0 && bytes > batchBytes || i == batchTransactions {
			return i
		}
	}
	return len(all)
}

// batch notes, sends, and notes what came back. A crash before the second note
// leaves entries without receipt: they are sent again, which is safe.
func (r *sending) batch(ctx context.Context, all []signed) error {
	raws, notes := make([][]byte, len(all)), make([]journalEntry, len(all))
	for i := range all {
		raws[i] = all[i].raw
		notes[i] = journalEntry{State: entrySent, ID: all[i].id.String(), File: all[i].file}
	}
	if r.journal != nil {
		if err := r.journal.add(notes...); err != nil {
			return err
		}
	}
	try, cancel := context.WithTimeout(ctx, r.s.g.timeout)
	defer cancel()
	receipts, err := r.client.Submit(try, raws)
	if err != nil {
		return err
	}
	for i := range receipts {
		notes[i].State, notes[i].Height, notes[i].Reason, notes[i].Text = entryReceipt, receipts[i].Height, receipts[i].Reason, outcome(&receipts[i])
	}
	var unnoted error
	if r.journal != nil {
		if err := r.journal.add(notes...); err != nil {
			unnoted = fmt.Errorf("%w: the receipts are here, the journal does not have them (%w)", api.ErrUnknownOutcome, err)
		}
	}
	for i := range receipts {
		if err := r.show(&all[i], &receipts[i]); err != nil {
			return err
		}
	}
	return unnoted
}

// count notes an outcome.
func (r *sending) count(reason tx.Reason) {
	r.last = reason
	if reason == tx.Accepted {
		r.accepted++
	} else {
		r.refused++
	}
	if r.bar != nil {
		_ = r.bar.Add(1)
	}
}

func (r *sending) show(t *signed, receipt *tx.Receipt) error {
	r.count(receipt.Reason)
	to := r.cmd.OutOrStdout()
	switch {
	case r.s.g.json:
		rec := receiptRecord(receipt)
		rec.add("file", t.file)
		return rec.print(to, true)
	case !r.several:
		return printReceipt(to, receipt, false)
	}
	_, err := fmt.Fprintf(to, "%s: %s\n", t.file, outcome(receipt))
	return err
}

// recall prints what the journal remembers.
func (r *sending) recall(t *signed, e journalEntry) error {
	r.count(e.Reason)
	r.before++
	to := r.cmd.OutOrStdout()
	if r.s.g.json {
		return json.NewEncoder(to).Encode(map[string]any{
			"id": e.ID, "accepted": e.Reason == tx.Accepted, "height": e.Height, "reason": e.Reason.String(),
			"reason_number": uint32(e.Reason), "file": t.file, "from_journal": true,
		})
	}
	_, err := fmt.Fprintf(to, "%s: %s (from the journal)\n", t.file, e.Text)
	return err
}

func (r *sending) finish() error {
	if r.bar != nil {
		_ = r.bar.Finish()
	}
	if r.several {
		before := ""
		if r.before > 0 {
			before = fmt.Sprintf("; %d of them before, by the journal", r.before)
		}
		fmt.Fprintf(r.cmd.ErrOrStderr(), "%d accepted, %d rejected%s\n", r.accepted, r.refused, before)
	}
	switch {
	case r.refused > 0 && !r.several:
		return rejected(&tx.Receipt{Reason: r.last})
	case r.refused > 0:
		return exitError{exitRejected, fmt.Errorf("the ledger rejected %d of %d", r.refused, r.accepted+r.refused)}
	}
	return nil
}

func (r *sending) unknown(err error, rest []signed) error {
	files := make([]string, len(rest))
	for i := range rest {
		files[i] = rest[i].file
	}
	return r.s.unknown(err, files)
}

// unknown names the command that goes on: with a journal the same one, without
// the files that have no receipt yet.
func (s *submission) unknown(err error, files []string) error {
	if s.journal != "" {
		return s.g.unknown(err, s.args, "--journal", s.journal)
	}
	return s.g.unknown(err, files, "--again")
}
