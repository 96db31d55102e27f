package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"carbonledger/node/api"
	"carbonledger/node/audit"
	"carbonledger/tx"
	"carbonledger/tx/durable"
	"carbonledger/tx/limited"
	"carbonledger/tx/proof"

	"github.com/spf13/cobra"
)

// receiptFiles are where a fetched receipt goes.
type receiptFiles struct{ out, leaf string }

func (f receiptFiles) write(cmd *cobra.Command, receipt, record []byte) error {
	r, err := proof.ParseReceipt(receipt)
	if err != nil {
		return err
	}
	if len(r.Record) == 0 {
		if f.leaf == "" {
			return usage(errors.New("this outcome is too long for the receipt's file: give --leaf FILE for it"))
		}
		if err := durable.Create(f.leaf, record, 0o600); err != nil {
			return err
		}
	}
	if f.out != "" {
		return durable.Create(f.out, receipt, 0o600)
	}
	_, err = cmd.OutOrStdout().Write(receipt)
	return err
}

func newReceiptGetCommand(g *globals) *cobra.Command {
	var to receiptFiles
	var log, token string
	cmd := &cobra.Command{
		Use:   "get ID|FILE, or get NUMBER --log URL|DIR",
		Short: "Fetch the proof of an outcome: a receipt that convinces without a network",
		Long: `Fetch the proof that the outcome of a transaction is in the transparency log, under
a checkpoint that counts: a file in the format c2sp.org/tlog-proof, which holds the
transaction and its outcome as well. Waits for a checkpoint.

It shows the transaction: the node asks for the key of its party, or of an
institution (--party, --key). The rare outcome above 49,146 bytes does not fit the
format and goes to the file of --leaf.

With --log the receipt is made from the log itself, from an archive too, by the
registration number; entries ask for an auditor's token there. It covers what the
log has: verify it.`,
		Example: `  carbonledger receipt get 5f0c… --party plant --key plant.key > r.tlog-proof
  carbonledger receipt get 4711 --log https://archive.example/ --token-file token > r.tlog-proof`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if log != "" {
				return g.receiptOfLog(cmd, args[0], log, token, to)
			}
			return g.asking(cmd, named, func(ctx context.Context, c *api.Client) error {
				id, err := g.transactionID(ctx, c, args[0])
				if err != nil {
					return err
				}
				got, err := c.GetProof(ctx, &api.GetProofRequest{Id: id[:]})
				if err != nil {
					return err
				}
				return to.write(cmd, got.Receipt, got.Record)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&to.out, "out", "", "file to write; it must not exist (default: print)")
	f.StringVar(&to.leaf, "leaf", "", "file for an outcome that does not fit the receipt's")
	f.StringVar(&log, "log", "", "URL or directory of a log, in place of a node's API")
	f.StringVar(&token, "token-file", "", "file with an auditor's token for the entries of --log")
	f.String(passphraseFlag, "", "file with the passphrase of the key file")
	return cmd
}

// receiptOfLog makes the receipt of a registration number from a log.
func (g *globals) receiptOfLog(cmd *cobra.Command, number, log, token string, to receiptFiles) error {
	index, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return usage(fmt.Errorf("%q is no registration number: a log is not searched for a transaction, its number is in its receipt (\"carbonledger receipt ID\")", number))
	}
	logs, err := (&auditing{token: token}).logs(g, []string{log})
	if err != nil {
		return err
	}
	r, err := audit.Receipt(cmd.Context(), logs[0], index)
	if err != nil {
		return err
	}
	return to.write(cmd, r.Encode(), r.Record)
}

func newReceiptVerifyCommand(g *globals) *cobra.Command {
	var policy, leaf, transaction string
	cmd := &cobra.Command{
		Use:   "verify RECEIPT|CERTIFICATE",
		Short: "Check a receipt's proof, without a network",
		Long: `Check that the outcome in a receipt is in the log, and that its checkpoint counts by
the policy: the log's own signature, and enough cosignatures. Nothing is asked of
anybody. With --tx also that the receipt is of those signed bytes.

Id and signatures name the network by its genesis document: with --genesis, which may
stand in the configuration, they are compared with the transaction in the record, and
the log with the one that the document names. Without it the output says that this was
not checked: then it is the cosigners' word alone.

Exit code 0 if everything holds, whatever the outcome was; 1 with the first thing
that is wrong.`,
		Example: "  carbonledger receipt verify r.tlog-proof --policy policy.txt --tx surrender.tx",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := readPolicy(policy)
			if err != nil {
				return err
			}
			index, all, err := verifyFile(args[0], leaf, p)
			if err != nil {
				return err
			}
			if err := sameTransaction(all[0].Record, transaction); err != nil {
				return err
			}
			check, err := g.outcomes(all[0].Checkpoint.Origin)
			if err != nil {
				return err
			}
			for _, proven := range all {
				if err := check(proven.Record); err != nil {
					return err
				}
			}
			return printProven(cmd, g, index, all[0])
		},
	}
	f := cmd.Flags()
	f.StringVar(&policy, "policy", "", "file with the log's policy (tlog-policy)")
	f.StringVar(&leaf, "leaf", "", "file with the outcome, where the receipt does not hold it")
	f.StringVar(&transaction, "tx", "", "file with the signed transaction that the receipt should be of")
	_ = cmd.MarkFlagRequired("policy")
	return cmd
}

// verifyFile checks a receipt, or a certificate with the receipt in it, whose
// text must be what follows from that. The first record is the receipt's, those of
// a certificate's applications follow.
func verifyFile(path, leaf string, p *proof.Policy) (uint64, []*proof.Proven, error) {
	file, err := limited.ReadFile(path, maxCertificateBytes)
	if err != nil {
		return 0, nil, err
	}
	if bytes.HasPrefix(file, []byte("<!DOCTYPE html>")) {
		var record []byte
		if leaf != "" {
			if record, err = limited.ReadFile(leaf, tx.MaxRecordBytes); err != nil {
				return 0, nil, err
			}
		}
		c, err := checkCertificate(file, record, p)
		if err != nil {
			return 0, nil, fmt.Errorf("%s: %w", path, err)
		}
		return c.main.index, c.proven(), nil
	}
	r, err := readReceipt(path, leaf)
	if err != nil {
		return 0, nil, err
	}
	proven, err := r.Verify(p)
	return r.Index, []*proof.Proven{proven}, inFile(path, err)
}

// readReceipt reads a receipt's file, and its record from another one if named.
func readReceipt(path, leaf string) (*proof.Receipt, error) {
	b, err := limited.ReadFile(path, proof.MaxReceiptBytes)
	if err != nil {
		return nil, err
	}
	r, err := proof.ParseReceipt(b)
	if err != nil {
		return nil, isNo("receipt", path, err)
	}
	if leaf != "" {
		if r.Record, err = limited.ReadFile(leaf, tx.MaxRecordBytes); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// notRejected is an error that has a reason, but is not the ledger's: the exit code
// of a rejection is only for what the ledger rejected.
func notRejected(err error) error { return errors.New(err.Error()) }

// sameTransaction compares a record with the signed bytes in a file, if there is
// one.
func sameTransaction(r *tx.OutcomeRecord, path string) error {
	if path == "" {
		return nil
	}
	raw, err := readTransaction(path)
	if err != nil {
		return err
	}
	own, err := tx.Decode(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", path, notRejected(err))
	}
	theirs, err := tx.Decode(r.Transaction)
	// Another signature of the same body is the same transaction.
	if err != nil || string(own.Transaction.Body) != string(theirs.Transaction.Body) {
		return fmt.Errorf("the receipt is of another transaction than %s", path)
	}
	return nil
}

// outcomes returns how records of a log are checked: an outcome is compared with the
// transaction beside it, in party, reference, and that it carries out nothing but what
// it approves; and id, signatures and the ids of what was approved where the genesis
// document is known, without which nobody can tell what they are over.
func (g *globals) outcomes(origin string) (func(*tx.OutcomeRecord) error, error) {
	if g.genesis == "" {
		return func(r *tx.OutcomeRecord) error {
			_, err := ofTransaction(r)
			return err
		}, nil
	}
	f, err := g.founding()
	if err != nil {
		return nil, err
	}
	if f.LogOrigin != origin {
		return nil, fmt.Errorf("the log is %q, the genesis document names %q", origin, f.LogOrigin)
	}
	verifier := tx.NewVerifier(f.Hash)
	return func(r *tx.OutcomeRecord) error {
		d, err := ofTransaction(r)
		if err != nil || d == nil {
			return errors.Join(err, foundedBy(r, f.Hash))
		}
		return signedBy(verifier, f.Hash, r, d)
	}, nil
}

// ofTransaction compares an outcome with the transaction beside it, and returns that;
// nil where a record has none.
func ofTransaction(record *tx.OutcomeRecord) (*tx.Decoded, error) {
	r := record.Receipt
	if r == nil {
		return nil, nil
	}
	d, err := tx.Decode(record.Transaction)
	if err != nil {
		return nil, fmt.Errorf("the transaction in the record: %w", notRejected(err))
	}
	if d.Body.Party != r.Party || d.Body.Reference != r.Reference {
		return nil, fmt.Errorf("the record has the outcome of %s of %s, its transaction is %s of %s", r.Reference, r.Party, d.Body.Reference, d.Body.Party)
	}
	if int(r.Operation) >= len(d.Body.Operations) {
		return nil, fmt.Errorf("the record has the outcome of operation %d, its transaction has %d", r.Operation+1, len(d.Body.Operations))
	}
	if r.Reason == tx.Expired && r.Have != int64(d.Body.Expiry) {
		return nil, fmt.Errorf("the record says that the expiry was %d, its transaction that it is %d", r.Have, d.Body.Expiry)
	}
	if _, err := doneBy(&d.Body, record.CarriedOut); err != nil {
		return nil, fmt.Errorf("the record: %w", err)
	}
	return d, nil
}

// signedBy checks ids and signatures.
func signedBy(verifier *tx.Verifier, genesis tx.Domain, r *tx.OutcomeRecord, d *tx.Decoded) error {
	v, err := verifier.Verify(r.Transaction)
	if err != nil {
		return fmt.Errorf("the transaction's signatures: %w", notRejected(err))
	}
	if id := v.ID(); string(id[:]) != string(r.Receipt.Id) {
		return fmt.Errorf("the receipt speaks of transaction %x, its bytes are %s by this genesis document", r.Receipt.Id, id)
	}
	for i := range r.CarriedOut {
		c := &r.CarriedOut[i]
		approved := d.Body.Operations[c.Operation].GetApprove().Prepared
		if id := c.ID(genesis); string(id[:]) != string(approved) {
			return fmt.Errorf("the record carries out the transaction %s, its operation %d approves %x", id, c.Operation+1, approved)
		}
	}
	return nil
}

// signaturesChecked says whether outcomes had what it takes to check them.
func (g *globals) signaturesChecked() string {
	if g.genesis == "" {
		return "not checked: give --genesis"
	}
	return "checked"
}

func printProven(cmd *cobra.Command, g *globals, index uint64, p *proof.Proven) error {
	out := record{title: "receipt"}
	out.add("verdict", "verified")
	out.add("registration_number", index)
	out.add("log", p.Checkpoint.Origin)
	out.add("size", p.Checkpoint.Size)
	out.add("root", fmt.Sprintf("%x", p.Checkpoint.Root))
	var by []string
	for _, c := range p.Cosignatures {
		by = append(by, c.Name+" at "+time.Unix(int64(c.Unix), 0).UTC().Format(time.RFC3339))
	}
	out.add("cosigned_by", lines(by))
	if p.Record.Receipt == nil {
		out.add("record", withoutReceipt(p.Record))
		return out.print(cmd.OutOrStdout(), g.json)
	}
	out.add("id_and_signatures", g.signaturesChecked())
	if g.json { // a proven receipt may be a rejection: programs need what it says
		out.add("receipt", receiptRecord(p.Record.Receipt))
		return out.print(cmd.OutOrStdout(), true)
	}
	if err := out.print(cmd.OutOrStdout(), false); err != nil {
		return err
	}
	return printReceipt(cmd.OutOrStdout(), p.Record.Receipt, false)
}
