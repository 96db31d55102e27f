// Package disk is how this project opens Pebble, for the ledger and for Raft's
// log. It turns the ways in which Pebble keeps an error to itself into one: the
// first failure poisons the store, every call after it returns that failure,
// and the owner is told once, so that the node stops.
//
// What Pebble v2.1.7 does by itself (measured, see docs/adr/003): a failed
// synced commit calls Logger.Fatalf; a failed commit without sync says nothing
// until the log rotates, and there Pebble panics beyond recovery; a failed flush
// is retried for ever, with the store's lock held while it is told; a damaged
// table makes the reader wait for ever; and of a damaged log or manifest the
// part behind the damage is often dropped without a word.
package disk
