package genesis_test

import (
	"errors"
	"path/filepath"
	"testing"

	"carbonledger/genesis"
	"carbonledger/state"
	"carbonledger/tx"
)

// TestTheLedgerTakesTheDocument: what is accepted here founds a ledger.
func TestTheLedgerTakesTheDocument(t *testing.T) {
	d, err := genesis.Read(filepath.Join("testdata", "genesis.toml"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := state.Open(t.TempDir(), d.Founding(), tx.NewVerifier(d.Hash()), state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	v, err := l.View()
	if err != nil {
		t.Fatal(err)
	}
	validators, err := v.Validators()
	if err != nil || len(validators) != 3 {
		t.Errorf("validators %v, %v", validators, err)
	}
	parameters, err := v.Parameters()
	if err != nil || len(parameters) < 5 {
		t.Errorf("parameters %v, %v", parameters, err)
	}
	if err := errors.Join(v.Close(), l.Close()); err != nil {
		t.Error(err)
	}
}
