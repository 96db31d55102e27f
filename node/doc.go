// Package node is one validator: it opens the data directory, wires consensus,
// p2p, the API and the metrics together, and starts and stops them in order.
package node
