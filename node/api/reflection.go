package api

//lint:file-ignore SA1019 the older reflection is what many tools still speak

import (
	gogoproto "github.com/cosmos/gogoproto/proto"
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	reflectionv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
)

// registerReflection lets tools such as grpcurl list, describe and call the
// services, in both versions of the protocol. Descriptors come from gogoproto's
// registry and the standard one together.
func registerReflection(g *grpc.Server) {
	o := reflection.ServerOptions{Services: g, DescriptorResolver: gogoproto.HybridResolver}
	reflectionv1.RegisterServerReflectionServer(g, reflection.NewServerV1(o))
	reflectionv1alpha.RegisterServerReflectionServer(g, reflection.NewServer(o))
}
