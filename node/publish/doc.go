// Package publish makes a validator's part of the transparency log public. The
// leader names a size and a root; each validator recomputes them from its stored
// bytes, checks them against what it cosigned last, writes that down with a sync
// and cosigns; only over cosignatures of more than half of the voters is the
// log's own signature added. Every validator holds the log's key and refuses to
// use it without them, so that any leader can go on after any site is gone, and a
// restored backup cannot make a second history.
//
// The formats are those of c2sp.org: tlog-checkpoint, tlog-cosignature,
// tlog-tiles, tlog-witness.
package publish
