// Package foreign lets programs that nobody of ours wrote check what the ledger
// publishes. Its tests download these programs, and need Node.js, npm and Python
// as well as Go: tools/foreign/run runs them.
package foreign
