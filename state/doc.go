// Package state is the register: the rules of the national carbon market, its
// records on Pebble, and the one atomic commit that a block is.
//
// Everything here is a function of the genesis document and the blocks: no
// clock, no chance, no order of maps, no floats, no goroutines of its own.
// DESIGN.md lists what that asks of the code. One rule lives in one file.
//
// There are three kinds of no. A rejection is a *tx.Rejection, a value on the
// ledger that every replica agrees on. A failure of this machine is an error.
// A bug is a panic.
package state
