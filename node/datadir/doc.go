// Package datadir is a validator's data directory and its identity:
//
//	validator     the public line: name, site, address, public keys
//	incarnation   32 random bytes; their SHA-256 is part of the line
//	node.key      p2p identity and signer of attestations (tx/keyfile)
//	cosign.key    signer of checkpoints (tx/keyfile)
//	genesis.toml  the genesis document, put there by the operator
//	lock          held while a node runs
//	state, raft, snapshots  what the node stores
//
// A directory is one voter for ever: copied or restored from a backup it is
// found out by the peers (consensus.ErrLostMemory).
package datadir
