package state

import (
	"encoding/binary"
	"fmt"

	"carbonledger/tx"
)

// Records that no query shows have a form of their own: numbers of 8 bytes,
// big endian, one after the other. Their decoders panic on anything else: the
// bytes were written here, and Pebble checks that they are the same.

func appendNumbers(b []byte, all ...int64) []byte {
	for _, n := range all {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return b
}

// numbers reads exactly len(into) numbers; no bytes at all read as zeros.
func numbers(b []byte, into ...*int64) {
	if len(b) == 0 {
		for _, p := range into {
			*p = 0
		}
		return
	}
	if len(b) != 8*len(into) {
		panic(fmt.Sprintf("state: a record of %d numbers has %d bytes", len(into), len(b)))
	}
	for i, p := range into {
		*p = int64(binary.BigEndian.Uint64(b[8*i:]))
	}
}

func number(b []byte) int64 {
	var n int64
	numbers(b, &n)
	return n
}

// message is a record that queries show, in tx's encoding.
type message interface {
	Size() int
	MarshalToSizedBuffer([]byte) (int, error)
	Unmarshal([]byte) error
}

func decode(b []byte, into message) {
	if err := into.Unmarshal(b); err != nil {
		panic(fmt.Sprintf("state: a record does not decode as %T: %v", into, err))
	}
}

func encode(b []byte, m message) []byte {
	n := m.Size()
	b = append(b, make([]byte, n)...)
	if _, err := m.MarshalToSizedBuffer(b[len(b)-n:]); err != nil {
		panic(fmt.Sprintf("state: encode %T: %v", m, err))
	}
	return b
}

// A list is short messages in one record, each after its length.

func appendToList(b []byte, m message) []byte {
	return encode(binary.AppendUvarint(b, uint64(m.Size())), m)
}

func eachInList(b []byte, f func(item []byte)) {
	for len(b) > 0 {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			panic("state: a list's record is cut short")
		}
		f(b[used : used+int(n)])
		b = b[used+int(n):]
	}
}

func decodeParameters(b []byte) []tx.ParameterValue {
	var all []tx.ParameterValue
	eachInList(b, func(item []byte) {
		var p tx.ParameterValue
		decode(item, &p)
		all = append(all, p)
	})
	return all
}

func decodeValidators(b []byte) []tx.Validator {
	var all []tx.Validator
	eachInList(b, func(item []byte) {
		var v tx.Validator
		decode(item, &v)
		all = append(all, v)
	})
	return all
}
