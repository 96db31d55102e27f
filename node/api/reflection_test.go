package api

//lint:file-ignore SA1019 the older reflection is what many tools still speak

import (
	"strings"
	"testing"

	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// TestReflectionIsEnoughToCall does what grpcurl does: it knows nothing but the
// address, lists the services, fetches their descriptors, and calls a method
// with messages made from these, in grpc's own codec.
func TestReflectionIsEnoughToCall(t *testing.T) {
	s := newSolo(t, 2)
	s.must(t, "bank", "r", deposit("e00", 100))
	conn := dial(t, start(t, s, Config{}).Address())
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(in *reflectionv1.ServerReflectionRequest) *reflectionv1.ServerReflectionResponse {
		if err := stream.Send(in); err != nil {
			t.Fatal(err)
		}
		out, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if e := out.GetErrorResponse(); e != nil {
			t.Fatalf("%v: %v", in, e)
		}
		return out
	}
	var names []string
	list := ask(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}})
	for _, service := range list.GetListServicesResponse().Service {
		names = append(names, service.Name)
	}
	if !strings.Contains(strings.Join(names, " "), serviceName) || !strings.Contains(strings.Join(names, " "), "grpc.health.v1.Health") {
		t.Fatalf("services %v", names)
	}
	files := described(t, ask(&reflectionv1.ServerReflectionRequest{
		MessageRequest: &reflectionv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: serviceName},
	}).GetFileDescriptorResponse().FileDescriptorProto, func(name string) [][]byte {
		return ask(&reflectionv1.ServerReflectionRequest{
			MessageRequest: &reflectionv1.ServerReflectionRequest_FileByFilename{FileByFilename: name},
		}).GetFileDescriptorResponse().FileDescriptorProto
	})
	if n := files.Methods().Len(); n != len(_Ledger_serviceDesc.Methods)+len(_Ledger_serviceDesc.Streams) {
		t.Errorf("%d methods described", n)
	}
	for _, call := range []struct{ method, in, want string }{
		{"GetParty", `{"id":"e00"}`, `"ROLE_ENTITY"`},
		{"ListParties", `{"role":"ROLE_ENTITY","limit":1}`, `"total":"2"`},
		{"Status", `{}`, `"chainId":"api-test"`},
		{"CheckConservation", `{"minHeight":"1"}`, `"deposited":"100"`},
	} {
		m := files.Methods().ByName(protoreflect.Name(call.method))
		in, out := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
		if err := protojson.Unmarshal([]byte(call.in), in); err != nil {
			t.Fatal(err)
		}
		if err := conn.Invoke(t.Context(), fullName(call.method), in, out); err != nil {
			t.Fatalf("%s: %v", call.method, err)
		}
		text := strings.ReplaceAll(protojson.Format(out), " ", "")
		if !strings.Contains(text, call.want) {
			t.Errorf("%s %s: %s", call.method, call.in, text)
		}
	}
}

// described links the files of a reflection answer, and those they import, to
// the service's descriptor.
func described(t *testing.T, raws [][]byte, fetch func(name string) [][]byte) protoreflect.ServiceDescriptor {
	t.Helper()
	set := &descriptorpb.FileDescriptorSet{}
	have := map[string]bool{}
	for todo := raws; len(todo) > 0; todo = todo[1:] {
		f := &descriptorpb.FileDescriptorProto{}
		if err := proto.Unmarshal(todo[0], f); err != nil {
			t.Fatal(err)
		}
		if have[f.GetName()] {
			continue
		}
		have[f.GetName()] = true
		set.File = append(set.File, f)
		for _, name := range f.Dependency {
			if !have[name] {
				todo = append(todo, fetch(name)...)
			}
		}
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		t.Fatal(err)
	}
	d, err := files.FindDescriptorByName(serviceName)
	if err != nil {
		t.Fatal(err)
	}
	return d.(protoreflect.ServiceDescriptor)
}

func TestReflectionOfOldClients(t *testing.T) {
	conn := dial(t, start(t, newSolo(t, 0), Config{}).Address())
	stream, err := reflectionv1alpha.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1alpha.ServerReflectionRequest{
		MessageRequest: &reflectionv1alpha.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "carbonledger.tx.v1.Receipt"},
	}); err != nil {
		t.Fatal(err)
	}
	out, err := stream.Recv()
	if err != nil || len(out.GetFileDescriptorResponse().GetFileDescriptorProto()) == 0 {
		t.Fatalf("%v, %v", out, err)
	}
}
