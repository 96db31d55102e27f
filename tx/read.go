package tx

import (
	"crypto/sha256"
	"encoding/binary"
)

// readTag marks a signed request to read: it can never be taken for a
// transaction.
const readTag = "carbonledger/read/v1\x00"

// ReadMessage is what a party signs to be shown what not everybody may see:
// the tag "carbonledger/read/v1" and a zero byte, the genesis hash, the full
// name of the gRPC method, SHA-256 of the encoded request, and the time of
// signing in milliseconds as 8 bytes, big endian. The last two have a fixed
// length, so the parts cannot run into each other.
func ReadMessage(d Domain, method string, request []byte, at Instant) []byte {
	sum := sha256.Sum256(request)
	body := append([]byte(method), sum[:]...)
	return message(readTag, d, binary.BigEndian.AppendUint64(body, uint64(at)))
}

// VerifyRead checks a signature over ReadMessage. Whether the key may read is
// for the ledger to say, and whether the time is recent for the node.
func VerifyRead(d Domain, key PublicKey, method string, request []byte, at Instant, signature []byte) bool {
	return key.Validate() == nil && verifyOne(key, ReadMessage(d, method, request, at), signature)
}
