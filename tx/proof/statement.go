package proof

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

// statementTag begins what a statement's head hashes.
const statementTag = "carbonledger/statement/v1\x00"

// StatementEntry is what one recorded transaction left in a party's statement: the
// complete list of those that touched it.
type StatementEntry struct {
	Index uint64 // of its outcome record in the log
	Leaf  Hash   // LeafHash of that record
	Puts  []byte // the party's own records that it wrote, by AppendPut in order of key
}

// StatementHead appends entries to the statement with this head, 32 zero bytes for
// an empty one. With an entry e the head h becomes SHA-256(tag ‖ h ‖ e.Index, 8
// bytes big endian ‖ e.Leaf ‖ SHA-256(e.Puts)). Whoever has a party's head from a
// proven state, and entries that lead to it, has all of them.
func StatementHead(head Hash, entries ...StatementEntry) Hash {
	b := make([]byte, 0, len(statementTag)+8+3*len(head))
	for i := range entries {
		e := &entries[i]
		puts := sha256.Sum256(e.Puts)
		b = append(append(b[:0], statementTag...), head[:]...)
		b = append(binary.BigEndian.AppendUint64(b, e.Index), e.Leaf[:]...)
		head = sha256.Sum256(append(b, puts[:]...))
	}
	return head
}

// AppendPut appends a record that was written: key and value, each after its length
// as uvarint.
func AppendPut[K ~string | ~[]byte](b []byte, key K, value []byte) []byte {
	b = append(binary.AppendUvarint(b, uint64(len(key))), key...)
	return append(binary.AppendUvarint(b, uint64(len(value))), value...)
}

// Put is a record that was written.
type Put struct{ Key, Value []byte }

// DecodePuts reads what AppendPut wrote. The puts share memory with b.
func DecodePuts(b []byte) (all []Put, err error) {
	cut := func() []byte {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			err, b = errors.New("proof: a list of puts is cut short"), nil
			return nil
		}
		part := b[used : used+int(n)]
		b = b[used+int(n):]
		return part
	}
	for len(b) > 0 {
		p := Put{Key: cut()}
		p.Value = cut()
		all = append(all, p)
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}
