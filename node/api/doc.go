// Package api is how the world talks to a node: one gRPC service, its server
// over whatever the node hands it as a Backend, and a client that knows several
// nodes.
//
// # Answers
//
// Every answer to a query is true at one height, which it names; a list says
// whether it is complete, and gives the cursor of the rest. Its first page, the one
// without a cursor, also gives the exact total; a page behind a cursor has none, so
// that a walk over all pages does not read the list anew for each. A query with
// min_height waits until the node has applied that height, at most ten seconds
// and never past the caller's deadline; one more than 1,000 blocks above the newest
// height that the node knows of is refused at once with HEIGHT_NOT_KNOWN.
//
// # Rights
//
// Receipts, parties, obligations, bulletins, totals, settlements, sessions,
// cancellations and batches of CCER are open to everyone who can reach the node.
// What a party holds, asks for or signs, trades, risks, transactions and Blocks
// need four metadata entries, all text, by a key with the right to view:
//
//	carbonledger-party      the party that asks, or a validator's name
//	carbonledger-key        its public key: "ed25519:<hex>" or "sm2:<hex>"
//	carbonledger-time       milliseconds since 1970, decimal
//	carbonledger-signature  64 bytes in hexadecimal over tx.ReadMessage
//
// The signed message holds the genesis hash, the full method name such as
// "/carbonledger.api.v1.Ledger/ListHoldings", the SHA-256 of the request, and
// the time, which may differ from the node's clock by 60 seconds. The request
// enters in its canonical encoding: fields in the order of their numbers,
// fields with their default value left out, which is what protobuf encoders
// write.
//
// The ministry, regional departments, the registry, the exchange, settlement
// banks and auditors may read everything; every other party what is its own. A
// validator's node key opens Blocks. A copied request shows the same again for
// a minute and to nobody without the metadata, which TLS hides. The party's record decides at the height
// of the answer, so a revoked key opens nothing more.
//
// # Errors
//
// A failed call carries a gRPC code and an ErrorInfo of domain "carbonledger",
// whose reason is stable and whose metadata holds the numbers: height, have,
// want. RetryInfo is there where waiting helps. A transaction that a block
// refused is no failed call: its receipt says why.
package api
