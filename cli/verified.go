package cli

import (
	"bytes"
	"fmt"

	"carbonledger/tx"
)

// inFile is what is wrong with a file, under its name.
func inFile(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}

// isNo is why a file cannot be read as what it should be.
func isNo(what, path string, err error) error {
	return fmt.Errorf("%s is no %s, or it is damaged: %w", path, what, err)
}

// foundedBy compares the founding's record, if it is one, with the genesis document.
func foundedBy(r *tx.OutcomeRecord, genesis tx.Domain) error {
	if r.Receipt == nil && r.Head == nil && !bytes.Equal(r.PreviousHash, genesis[:]) {
		return fmt.Errorf("the network was founded by the genesis document of hash %x, this one has %s", r.PreviousHash, genesis)
	}
	return nil
}

// withoutReceipt says what a record without a transaction is.
func withoutReceipt(r *tx.OutcomeRecord) string {
	if r.Head == nil {
		return fmt.Sprintf("the founding by the genesis document of hash %x", r.PreviousHash)
	}
	return "a block without transactions"
}
