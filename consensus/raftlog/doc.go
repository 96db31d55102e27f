// Package raftlog is Raft's log and stable store on Pebble: one store of its
// own, one fsync for each call of StoreLogs.
//
// The log is contiguous: StoreLogs refuses a gap, and Open refuses a log that
// has one, because a hole would make Raft skip blocks in silence.
package raftlog
