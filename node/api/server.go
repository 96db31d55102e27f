package api

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"

	"carbonledger/tx"
)

// serviceName is the service's name for health checks besides the empty one.
const serviceName = "carbonledger.api.v1.Ledger"

// Defaults of Config.
const (
	DefaultMaxRequestBytes = 4 << 20
	DefaultMaxConcurrent   = 512
	DefaultSubmitSilence   = time.Minute
)

const (
	// streamsPerConnection bounds what one connection may have in the air.
	streamsPerConnection = 64
	connections          = 4096
	handshakeTime        = 10 * time.Second
	idleTime             = 15 * time.Minute
	headerBytes          = 16 << 10
	// maxWait is how long a query waits for min_height, and Submit for a
	// leader, at most.
	maxWait = 10 * time.Second
	// farAhead is how many blocks above the newest height known of any peer a
	// query may wait for: more will not be there in time.
	farAhead = 1000
	// flushTime is for the last answers to leave, after the last request.
	flushTime = time.Second
)

// Config of a Server. The zero values of numbers stand for the defaults.
type Config struct {
	// Listen is host:port; port 0 takes a free one.
	Listen string
	// CertFile and KeyFile are the PEM files of the TLS certificate; both are
	// needed as soon as Listen is not loopback.
	CertFile, KeyFile string
	// MaxRequestBytes bounds one request message.
	MaxRequestBytes int
	// MaxConcurrent bounds the requests in progress, a quarter of it the
	// streams of blocks and again those that wait for a height, a sixteenth
	// the streams of submissions, each of which may hold two requests in
	// memory; more are refused with RESOURCE_EXHAUSTED.
	MaxConcurrent int
	// SubmitSilence is how long a stream of submissions may send no whole
	// request before it ends: every request before has its answer by then.
	SubmitSilence time.Duration
	Logger        *slog.Logger
}

// Server serves a Backend over gRPC.
type Server struct {
	cfg      Config
	backend  Backend
	listener net.Listener
	grpc     *grpc.Server
	health   *health.Server
	log      *slog.Logger
	metrics  *metrics
	// Slots of requests in progress, of streams of blocks and of submissions,
	// and of requests that wait for a height: those that may wait or idle have
	// their own, so that they cannot keep the others out.
	requests, streams, submits, waits chan struct{}
	// chain is what signed requests must name, once the backend knows it.
	chain atomic.Pointer[tx.ChainInfo]

	// stopping ends streams that would go on for ever.
	stopping context.Context
	stop     context.CancelFunc
	once     sync.Once
	stopped  error
}

// NewServer listens at once, so that Address is known and a taken port is found
// before anything else starts. It refuses to serve a network without TLS.
func NewServer(c Config, b Backend) (*Server, error) {
	if c.MaxRequestBytes <= 0 {
		c.MaxRequestBytes = DefaultMaxRequestBytes
	}
	if c.MaxConcurrent <= 0 {
		c.MaxConcurrent = DefaultMaxConcurrent
	}
	if c.SubmitSilence <= 0 {
		c.SubmitSilence = DefaultSubmitSilence
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := c.CheckListen(); err != nil {
		return nil, err
	}
	secure, err := c.serverTLS()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", c.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("api: %s is in use: stop the other program, or choose another address with --api-listen", c.Listen)
	case err != nil:
		return nil, fmt.Errorf("api: listen on %s: %w", c.Listen, err)
	}
	s := &Server{
		cfg: c, backend: b, listener: listener, log: c.Logger, metrics: newMetrics(), health: health.NewServer(),
		requests: make(chan struct{}, c.MaxConcurrent), streams: make(chan struct{}, max(1, c.MaxConcurrent/4)),
		submits: make(chan struct{}, max(1, c.MaxConcurrent/16)), waits: make(chan struct{}, max(1, c.MaxConcurrent/4)),
	}
	s.stopping, s.stop = context.WithCancel(context.Background())
	s.grpc = grpc.NewServer(s.options(secure)...)
	s.register()
	s.SetServing(false)
	return s, nil
}

func (s *Server) options(secure credentials.TransportCredentials) []grpc.ServerOption {
	options := []grpc.ServerOption{
		grpc.ForceServerCodecV2(codec{}),
		grpc.MaxRecvMsgSize(s.cfg.MaxRequestBytes),
		grpc.MaxConcurrentStreams(streamsPerConnection),
		grpc.MaxHeaderListSize(headerBytes),
		grpc.ConnectionTimeout(handshakeTime),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleTime, Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		grpc.ChainUnaryInterceptor(s.measureUnary, s.recoverUnary, s.limitUnary),
		grpc.ChainStreamInterceptor(s.measureStream, s.recoverStream),
	}
	if secure != nil {
		options = append(options, grpc.Creds(secure))
	}
	return options
}

// register adds our service, the standard health service and reflection.
func (s *Server) register() {
	RegisterLedgerServer(s.grpc, service{s})
	healthv1.RegisterHealthServer(s.grpc, s.health)
	registerReflection(s.grpc)
}

// CheckListen refuses an address that is none, and one that other machines
// reach without TLS.
func (c *Config) CheckListen() error {
	address, err := net.ResolveTCPAddr("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("api: listen address %q is not host:port: %w", c.Listen, err)
	}
	if c.CertFile == "" && c.KeyFile == "" && (address.IP == nil || !address.IP.IsLoopback()) {
		return fmt.Errorf("api: %s can be reached from other machines, which needs TLS: give --tls-cert and --tls-key, or listen on 127.0.0.1", c.Listen)
	}
	return nil
}

// CheckTLS reads the certificate and its key, where there are any.
func (c *Config) CheckTLS() error {
	_, err := c.serverTLS()
	return err
}

// serverTLS is nil without a certificate.
func (c *Config) serverTLS() (credentials.TransportCredentials, error) {
	if c.CertFile == "" && c.KeyFile == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("api: TLS certificate %q with key %q: %w", c.CertFile, c.KeyFile, err)
	}
	return credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13}), nil
}

// Address is the host:port that the server listens on.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Serve answers requests until Shutdown, and then returns nil.
func (s *Server) Serve() error {
	err := s.grpc.Serve(netutil.LimitListener(s.listener, connections))
	if err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("api: serve %s: %w", s.Address(), err)
	}
	return nil
}

// SetServing is the answer to health checks: whether the node can take part.
// It starts as false.
func (s *Server) SetServing(serving bool) {
	answer := healthv1.HealthCheckResponse_NOT_SERVING
	if serving {
		answer = healthv1.HealthCheckResponse_SERVING
	}
	s.health.SetServingStatus("", answer)
	s.health.SetServingStatus(serviceName, answer)
}

// Shutdown takes no more requests, ends streams, and lets requests in progress
// finish until ctx is done; then it cuts them off and says so. A second call
// waits for the first and returns its error.
func (s *Server) Shutdown(ctx context.Context) error {
	s.once.Do(func() { s.stopped = s.shutdown(ctx) })
	return s.stopped
}

func (s *Server) shutdown(ctx context.Context) error {
	s.health.Shutdown()
	s.stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.grpc.GracefulStop()
	}()
	cut := s.drain(ctx)
	if cut == nil {
		// What is still open are idle streams, which only their clients end.
		select {
		case <-done:
		case <-time.After(flushTime):
		case <-ctx.Done():
		}
	}
	s.grpc.Stop()
	<-done
	// A server that never served still holds its port.
	_ = s.listener.Close()
	if cut != nil {
		return fmt.Errorf("api: requests were cut off: %w", cut)
	}
	return nil
}

// drain takes every slot of work, once: then nothing is in progress, and nothing
// begins.
func (s *Server) drain(ctx context.Context) error {
	for _, slots := range []chan struct{}{s.requests, s.waits, s.streams} {
		for range cap(slots) {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// Collectors are the server's Prometheus metrics, for the node's registry.
func (s *Server) Collectors() []prometheus.Collector { return s.metrics.collectors() }
