package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"carbonledger/tx"
	"carbonledger/tx/proof"
)

// statementOf is a statement of the bank with these records, to a root that an entry
// of the log names, under a checkpoint that counts: all the validator's word.
func (s *solo) statementOf(records []*tx.OutcomeRecord) (file string) {
	s.t.Helper()
	must := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	out, head := proof.StatementFile{Party: "bank"}, proof.Hash{}
	for _, r := range records {
		raw, err := r.Marshal()
		must(err)
		out.Entries = append(out.Entries, proof.Statement{Index: r.Receipt.Index, Record: raw})
		head = proof.StatementHead(head, proof.StatementEntry{Index: r.Receipt.Index, Leaf: proof.LeafHash(raw)})
	}
	key, value := []byte("\x31bank"), append(binary.BigEndian.AppendUint64(nil, uint64(len(records))), head[:]...)
	tree, err := proof.BuildStateTree(func(yield func([]byte, proof.Hash) bool) { yield(key, sha256.Sum256(value)) })
	must(err)
	end := proof.StateReceipt{Key: key}
	end.Proof, err = tree.Prove(key, func([]byte) ([]byte, error) { return value, nil })
	must(err)
	copied, root := s.publish(), tree.Root()
	s.lie(copied, func(r *tx.OutcomeRecord) { r.StateRoot = &tx.StateRoot{Height: r.Height - 1, Root: root[:]} })
	receipt, err := os.ReadFile(lastReceipt(s.t, copied))
	must(err)
	end.Receipt, err = proof.ParseReceipt(receipt)
	must(err)
	out.To = string(end.Encode())
	b, err := out.Encode()
	must(err)
	file = filepath.Join(s.t.TempDir(), "bank.statement")
	must(os.WriteFile(file, b, 0o600))
	return file
}

// records of the log, but the founding's.
func (s *solo) records() (all []*tx.OutcomeRecord) {
	s.t.Helper()
	v, err := s.ledger.View()
	if err != nil {
		s.t.Fatal(err)
	}
	defer v.Close()
	err = v.Entries(1, v.LogSize(), func(_ uint64, entry []byte) error {
		r, err := tx.DecodeRecord(bytes.Clone(entry))
		all = append(all, r)
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// TestStatementVerify: what the validators say of a statement's transactions is
// compared with them, and their signatures are checked; without the genesis document
// it says that nobody did.
func TestStatementVerify(t *testing.T) {
	s := newSolo(t)
	for range 3 {
		s.does("bank", "deposit", "--to", "entity-1", "--yuan", "5")
	}
	verify := func(file string, more ...string) []string {
		return append([]string{"statement", "verify", file, "--policy", filepath.Join(s.dir, "policy.txt")}, more...)
	}
	shows := func(out, checked string) {
		t.Helper()
		if !strings.Contains(out, "nothing is missing") || !regexp.MustCompile(`(?m)^ids and signatures +`+checked+`$`).MatchString(out) {
			t.Errorf("%q is not shown:\n%s", checked, out)
		}
	}
	file := s.statementOf(s.records())
	shows(mustRun(t, verify(file)...), "not checked: give --genesis")
	shows(mustRun(t, verify(file, "--genesis", s.genesis)...), "checked")
	for genesis, want := range map[string]string{"": "not checked: give --genesis", s.genesis: "checked"} {
		var said map[string]any
		if err := json.Unmarshal([]byte(mustRun(t, verify(file, "--json", "--genesis", genesis)...)), &said); err != nil || said["ids_and_signatures"] != want {
			t.Errorf("%v %v", said, err)
		}
	}
	mustFail(t, exitFailed, "entry 1 of the statement: the transaction's signatures", verify(file, "--genesis", newSolo(t).genesis)...)

	for what, c := range map[string]struct {
		change        func(*tx.OutcomeRecord)
		without, with string // the error; empty for none
	}{
		"another id":                     {func(r *tx.OutcomeRecord) { r.Receipt.Id[0] ^= 1 }, "", "the receipt speaks of transaction"},
		"a signature that does not hold": {func(r *tx.OutcomeRecord) { r.Transaction[len(r.Transaction)-1] ^= 1 }, "", "the transaction's signatures"},
		"another reference":              {func(r *tx.OutcomeRecord) { r.Receipt.Reference = "r-2" }, "the record has the outcome of", "the record has the outcome of"},
		"no transaction":                 {func(r *tx.OutcomeRecord) { r.Transaction = []byte("none") }, "the transaction in the record", "the transaction in the record"},
	} {
		all := s.records()
		c.change(all[1])
		all[2].Receipt.Reference = "r-3" // wrong too, but not the first
		if c.without == "" {
			all[2].Receipt.Reference = s.records()[2].Receipt.Reference
			all[2].Receipt.Id[0] ^= 1
		}
		file := s.statementOf(all)
		if c.without == "" {
			shows(mustRun(t, verify(file)...), "not checked: give --genesis")
		} else {
			mustFail(t, exitFailed, "entry 2 of the statement: "+c.without, verify(file)...)
		}
		r := run(verify(file, "--genesis", s.genesis)...)
		if r.code != exitFailed || r.out != "" || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, "entry 2 of the statement: "+c.with) {
			t.Errorf("%s: %+v, want %q", what, r, c.with)
		}
	}
}
