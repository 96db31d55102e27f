package api

import (
	"fmt"

	gogoproto "github.com/cosmos/gogoproto/proto"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
)

// codec encodes our messages with their generated code and those of health and
// reflection as grpc itself does: grpc's own codec reads ours by reflection,
// which is slow and panics on some of gogoproto's field options.
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	var b []byte
	var err error
	switch m := v.(type) {
	case proto.Message:
		b, err = proto.Marshal(m)
	case gogoproto.Message:
		b, err = gogoproto.Marshal(m)
	default:
		return nil, fmt.Errorf("api: encode %T: not a protobuf message", v)
	}
	if err != nil {
		return nil, fmt.Errorf("api: encode %T: %w", v, err)
	}
	return mem.BufferSlice{mem.SliceBuffer(b)}, nil
}

// Unmarshal copies what it keeps, so that the buffer can be used again.
func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	buffer := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer buffer.Free()
	switch m := v.(type) {
	case proto.Message:
		return proto.Unmarshal(buffer.ReadOnlyData(), m)
	case gogoproto.Message:
		return gogoproto.Unmarshal(buffer.ReadOnlyData(), m)
	}
	return fmt.Errorf("api: decode %T: not a protobuf message", v)
}
