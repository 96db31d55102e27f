// Package consensus puts transactions into one order on every replica.
//
// Submit takes signed transactions on any node. A follower forwards them to
// the leader; the leader packs what waits into blocks, stamps the time and
// hands them to Raft, several in flight. Every replica executes every
// committed block on its own ledger. The leader answers with receipts only
// after a majority of voters reported the same running hash for the block's
// height, so an acknowledged transaction is not only stored but executed
// alike by a majority.
//
// What is promised to the caller of Submit: a receipt is final. ErrNoLeader,
// ErrOverloaded and ErrDiskFull mean that nothing happened. ErrUnknownOutcome means that the
// transactions may or may not be on the ledger: sending the same bytes again
// tells which, and is always safe.
package consensus
