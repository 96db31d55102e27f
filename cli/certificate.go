package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"carbonledger/tx"
	"carbonledger/tx/durable"
	"carbonledger/tx/limited"
	"carbonledger/tx/proof"

	"github.com/spf13/cobra"
)

// newCertificateCommand writes a receipt as a page for people. It needs no
// network: what the page says is what the receipt proves.
func newCertificateCommand(g *globals) *cobra.Command {
	var out, policy, leaf string
	var applications []string
	cmd := &cobra.Command{
		Use:   "certificate RECEIPT",
		Short: "Write a receipt as a certificate in Chinese and English",
		Long: `Verify the file with a receipt against a policy, and write it as a certificate: a
page (HTML) in Chinese and English, for the screen and for paper, that needs no
network and holds the receipt itself. It says what the receipt proves and no more.

The record of an approval that carries out what was prepared holds it. The record of
a decision names its application alone. --application, once for each,
gives the receipt of the transaction that applied, which is verified in the same way:
then the page also says what was applied for. --leaf gives the record where it is too
long to stand in the receipt. With --genesis, which may stand in the configuration, ids
and signatures are compared with the transactions too.`,
		Example: "  carbonledger receipt certificate decision.tlog-proof --policy policy.txt --application surrender.tlog-proof",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := readPolicy(policy)
			if err != nil {
				return err
			}
			var c certificateSources
			if c.receipt, err = limited.ReadFile(args[0], proof.MaxReceiptBytes); err != nil {
				return err
			}
			if leaf != "" {
				if c.leaf, err = limited.ReadFile(leaf, tx.MaxRecordBytes); err != nil {
					return err
				}
			}
			for _, path := range applications {
				a, err := limited.ReadFile(path, proof.MaxReceiptBytes)
				if err != nil {
					return err
				}
				c.applications = append(c.applications, a)
			}
			made, err := c.certify(p)
			if err != nil {
				return fmt.Errorf("no certificate: %w", err)
			}
			check, err := g.outcomes(made.main.proven.Checkpoint.Origin)
			if err != nil {
				return fmt.Errorf("no certificate: %w", err)
			}
			for _, proven := range made.proven() {
				if err := check(proven.Record); err != nil {
					return fmt.Errorf("no certificate: %w", err)
				}
			}
			page, err := made.page()
			if err != nil {
				return err
			}
			if err := durable.Create(out, page, 0o600); err != nil {
				return err
			}
			return printCertificate(cmd.OutOrStdout(), out, made, g.json)
		},
	}
	f := cmd.Flags()
	f.StringVar(&policy, "policy", "", "`FILE` with the policy: which log, and who must have cosigned")
	f.StringArrayVar(&applications, "application", nil, "`FILE` with the receipt of the application that is decided")
	f.StringVar(&out, "out", "certificate.html", "new `FILE` for the certificate")
	f.StringVar(&leaf, "leaf", "", "`FILE` with the record, where the receipt does not hold it")
	_ = cmd.MarkFlagRequired("policy")
	return cmd
}

// readPolicy reads the policy of a log.
func readPolicy(path string) (*proof.Policy, error) {
	text, err := limited.ReadFile(path, proof.MaxPolicyBytes)
	if err != nil {
		return nil, err
	}
	p, err := proof.ParsePolicy(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

func printCertificate(to io.Writer, path string, c *certificate, asJSON bool) error {
	r := record{title: "certificate"}
	r.add("file", path)
	r.add("title", c.Title.English)
	r.add("title_zh", c.Title.Chinese)
	r.add("registration_number", c.main.index)
	r.add("id", c.main.outcome().Id)
	r.add("accepted", c.main.outcome().Reason == tx.Accepted)
	r.add("clock", clockName(c.main.outcome().ScriptClock))
	return r.print(to, asJSON)
}

// certificateSources are the files that a certificate is made of, and the only
// ones: its page follows from them and from the policy.
type certificateSources struct {
	receipt      []byte
	leaf         []byte
	applications [][]byte
}

// registered is a transaction's record that is proven to be in the log.
type registered struct {
	file   []byte
	index  uint64
	leaf   []byte
	proven *proof.Proven
	body   *tx.Body
	done   []doneOperation
}

// doneOperation is an operation that a record says: one of its transaction, or one
// that was prepared and that an approval of it carried out.
type doneOperation struct {
	number string // 1, or 1.2 for the second one that operation 1 carried out
	op     *tx.Operation
	// carried out, by an approval before it
	carried bool
	// carriesOut says of an approval that it was the last.
	carriesOut bool
}

// doneBy are all operations that a record says, in order; an error where it carries
// out what its transaction does not approve.
func doneBy(body *tx.Body, carried []tx.CarriedOut) (all []doneOperation, err error) {
	for i := range body.Operations {
		one := doneOperation{number: strconv.Itoa(i + 1), op: &body.Operations[i]}
		if len(carried) == 0 || carried[0].Operation != uint32(i) {
			all = append(all, one)
			continue
		}
		prepared, ok := carried[0].Read()
		if !ok || one.op.GetApprove() == nil {
			break
		}
		one.carriesOut = true
		all = append(all, one)
		inner := prepared.Operations[0].GetPrepare().Operations
		for k := range inner {
			all = append(all, doneOperation{number: fmt.Sprintf("%d.%d", i+1, k+1), op: &inner[k], carried: true})
		}
		carried = carried[1:]
	}
	if len(carried) > 0 {
		return nil, fmt.Errorf("it carries out what its operation %d does not approve", carried[0].Operation+1)
	}
	return all, nil
}

func (r *registered) outcome() *tx.Receipt { return r.proven.Record.Receipt }

// certify verifies the files. Nothing is taken from elsewhere.
func (s certificateSources) certify(p *proof.Policy) (*certificate, error) {
	main, err := verifyRegistered(s.receipt, s.leaf, p)
	if err != nil {
		return nil, err
	}
	var applications []*registered
	for i, file := range s.applications {
		a, err := verifyRegistered(file, nil, p)
		if err != nil {
			return nil, fmt.Errorf("application %d: %w", i+1, err)
		}
		applications = append(applications, a)
	}
	return newCertificate(main, applications)
}

func verifyRegistered(file, leaf []byte, p *proof.Policy) (*registered, error) {
	r, err := proof.ParseReceipt(file)
	if err != nil {
		return nil, err
	}
	switch {
	case len(leaf) == 0:
	case len(r.Record) == 0:
		r.Record = leaf
	case !bytes.Equal(r.Record, leaf):
		return nil, errors.New("the record beside the receipt is not the one in it")
	}
	proven, err := r.Verify(p)
	if err != nil {
		return nil, err
	}
	out := proven.Record.Receipt
	if out == nil {
		return nil, fmt.Errorf("entry %d of the log holds no transaction", r.Index)
	}
	d, err := tx.Decode(proven.Record.Transaction)
	if err != nil {
		return nil, fmt.Errorf("the transaction of entry %d: %w", r.Index, notRejected(err))
	}
	if d.Body.Party != out.Party || d.Body.Reference != out.Reference || len(out.Id) != len(tx.ID{}) {
		return nil, fmt.Errorf("entry %d of the log has the outcome of another transaction than its own", r.Index)
	}
	done, err := doneBy(&d.Body, proven.Record.CarriedOut)
	if err != nil {
		return nil, fmt.Errorf("entry %d of the log: %w", r.Index, err)
	}
	return &registered{file, r.Index, r.Record, proven, &d.Body, done}, nil
}

// applicationOf reads what kind of application an operation makes, and its name;
// false where it makes none.
func applicationOf(op *tx.Operation) (kind tx.ApplicationKind, name string, ok bool) {
	switch o := op.Operation.(type) {
	case *tx.Operation_Surrender:
		return tx.SurrenderApplication, o.Surrender.Application, true
	case *tx.Operation_SurrenderOnBehalf:
		return tx.OnBehalfApplication, o.SurrenderOnBehalf.Application, true
	case *tx.Operation_CancelVoluntarily:
		return tx.CancellationApplication, o.CancelVoluntarily.Application, true
	case *tx.Operation_ApplyCarryOver:
		return tx.CarryOverApplication, o.ApplyCarryOver.Application, true
	}
	return 0, "", false
}

// decided is the operation of an application's own transaction that one of the
// decisions decides: of the same applicant, by the same name, accepted before. An
// applicant uses a name once, so there is no other.
func decided(main, application *registered) (decision int, op *tx.Operation, err error) {
	out := application.outcome()
	for i := range main.done {
		d := main.done[i].op.GetDecideApplication()
		if d == nil || d.Applicant != out.Party {
			continue
		}
		for k := range application.done {
			op := application.done[k].op
			if _, name, ok := applicationOf(op); !ok || name != d.Application {
				continue
			}
			if out.Reason != tx.Accepted {
				return 0, nil, fmt.Errorf("the ledger rejected entry %d, which asks for application %s of %s: it was not made by it", application.index, d.Application, out.Party)
			}
			if application.index >= main.index {
				return 0, nil, fmt.Errorf("application %s of %s is entry %d of the log, behind its decision", d.Application, out.Party, application.index)
			}
			return i, op, nil
		}
	}
	return 0, nil, fmt.Errorf("entry %d of the log makes none of the applications that entry %d decides", application.index, main.index)
}
