// Package tx is the vocabulary of the ledger: what a registry institution may
// ask, how that is encoded and signed, and what the ledger answers.
//
// A transaction is the exact bytes of a Body and signatures over them. One
// message has one encoding: Decode refuses every other. Verify is the only
// maker of a Verified; whoever holds one need not look again at encoding or
// signatures. Whether a key may act for a party is not decided here, since
// that depends on the ledger at the moment of execution.
package tx
