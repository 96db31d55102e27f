// Package proof is what a stranger can check with public keys alone: the
// transparency log's tree (RFC 6962), its checkpoints and their cosignatures
// (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy), the
// paths and bundles of its static form (tlog-tiles), receipts (tlog-proof), and
// state proofs (ICS-23). Its functions are pure: no disk, no network, no clock.
package proof
