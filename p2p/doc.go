// Package p2p carries bytes between the admitted peers of one ledger: a peer's identity, the allow list, and named
// streams that look like net.Conn. It knows no consensus and no transactions, and it is the only home of go-libp2p.
//
// Its promises:
//
//   - Identity is an Ed25519 key. A connection is TCP with libp2p TLS and yamux; there is no certificate date, no relay,
//     no discovery, no address exchange: whom we may talk to, and where, comes from [Host.SetPeers] alone.
//   - A stream that [Host.Listen] hands out comes from a peer that stood on the allow list when it was opened, and its
//     RemoteAddr is the name that the allow list gives this peer. When a peer leaves the list, or its name or key changes,
//     its connections close, and with them all its streams.
//   - A stranger may connect and say hello, nothing else. It learns why it is refused and is then disconnected. At most
//     [maxStrangers] strangers are connected at a time, each for at most [strangerLife] and [strangerStreams] streams.
//   - The genesis hash is part of every protocol name but the hello's, so that two ledgers cannot mix their streams.
//   - [Host.Dial] says why it failed: [ErrNotAdmitted], [ErrOtherGenesis], [ErrOtherVersion], [ErrUnreachable]. It never
//     backs off: a peer that is back is reached by the next Dial. Pacing is the caller's.
//   - A silent connection is closed within [keepAlive] plus [writeTimeout].
//
// It promises no delivery: a closed or reset connection may lose what was written to it.
package p2p
