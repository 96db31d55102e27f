// Package cli is the carbonledger command: the validator, one verb for each
// operation, queries, the audit, and the demonstration.
package cli
