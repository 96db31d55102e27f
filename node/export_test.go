package node

import "carbonledger/consensus"

// Timing is what the settings make of the profile.
func (c *Config) Timing() (consensus.Timing, error) { return c.timing() }

// Snapshot makes the node take a snapshot now, which otherwise only the size of
// its Raft log does.
func (n *Node) Snapshot() error { return n.consensus.Snapshot() }

// CheckBooks adds up every account now, which otherwise only the hour does.
func (n *Node) CheckBooks() error { return n.checkBooks() }
