// Package genesis is the founding document of a network: a TOML file that a
// person can read and edit. The SHA-256 of its exact bytes is part of every
// signature's domain and of every p2p protocol name, so two documents that
// differ in a comment are two networks.
package genesis
