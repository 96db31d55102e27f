package node

// Snapshot makes the node take a snapshot now, which otherwise only the size of
// its Raft log does.
func (n *Node) Snapshot() error { return n.consensus.Snapshot() }
