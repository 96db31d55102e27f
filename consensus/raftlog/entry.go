package raftlog

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// An entry is its type (1 byte), term (8, big endian), time of the append (8,
// nanoseconds since 1970, 0 for none), length of the extensions (4), the
// extensions, and the data. Its index is its key.
const entryHead = 1 + 8 + 8 + 4

func encodedSize(l *raft.Log) int { return entryHead + len(l.Extensions) + len(l.Data) }

func encode(b []byte, l *raft.Log) []byte {
	var appended uint64
	if !l.AppendedAt.IsZero() {
		appended = uint64(l.AppendedAt.UnixNano())
	}
	b = append(b, byte(l.Type))
	b = binary.BigEndian.AppendUint64(b, l.Term)
	b = binary.BigEndian.AppendUint64(b, appended)
	b = binary.BigEndian.AppendUint32(b, uint32(len(l.Extensions)))
	return append(append(b, l.Extensions...), l.Data...)
}

func decode(b []byte, index uint64, l *raft.Log) error {
	if len(b) < entryHead || int64(len(b)-entryHead) < int64(binary.BigEndian.Uint32(b[17:])) {
		return fmt.Errorf("%w: entry %d has %d bytes", ErrDamaged, index, len(b))
	}
	*l = raft.Log{Index: index, Type: raft.LogType(b[0]), Term: binary.BigEndian.Uint64(b[1:])}
	if appended := int64(binary.BigEndian.Uint64(b[9:])); appended != 0 {
		l.AppendedAt = time.Unix(0, appended)
	}
	rest := b[entryHead:]
	if n := binary.BigEndian.Uint32(b[17:]); n > 0 {
		l.Extensions = append([]byte{}, rest[:n]...)
		rest = rest[n:]
	}
	if len(rest) > 0 {
		l.Data = append([]byte{}, rest...)
	}
	return nil
}
