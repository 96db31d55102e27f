package api

import (
	"context"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type metrics struct {
	requests   *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	inProgress prometheus.Gauge
}

func newMetrics() *metrics {
	return &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "carbonledger_api_requests_total", Help: "Finished gRPC requests by method and code.",
		}, []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "carbonledger_api_request_seconds", Help: "Time from a request to the end of its answer; streams are left out.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"method"}),
		inProgress: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "carbonledger_api_requests_in_progress", Help: "gRPC requests and streams in progress.",
		}),
	}
}

func (m *metrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.requests, m.seconds, m.inProgress}
}

// ours reports whether a full method name is of this service: health and
// reflection answer however busy the node is.
func ours(method string) bool { return strings.HasPrefix(method, "/"+serviceName+"/") }

func (s *Server) measureUnary(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	begin := time.Now()
	s.metrics.inProgress.Inc()
	out, err := next(ctx, in)
	s.metrics.inProgress.Dec()
	s.metrics.requests.WithLabelValues(info.FullMethod, status.Code(err).String()).Inc()
	s.metrics.seconds.WithLabelValues(info.FullMethod).Observe(time.Since(begin).Seconds())
	return out, err
}

func (s *Server) measureStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	s.metrics.inProgress.Inc()
	err := next(srv, stream)
	s.metrics.inProgress.Dec()
	s.metrics.requests.WithLabelValues(info.FullMethod, status.Code(err).String()).Inc()
	return err
}

// survive turns a panic of one request into its failure: the node's other
// requests did nothing wrong.
func (s *Server) survive(method string, err *error) {
	if p := recover(); p != nil {
		s.log.Error("a request panicked", "method", method, "panic", p, "stack", string(debug.Stack()))
		*err = failure{code: codes.Internal, reason: reasonFailed, text: "the node failed on this request: its log has the cause"}.err()
	}
}

func (s *Server) recoverUnary(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (out any, err error) {
	defer s.survive(info.FullMethod, &err)
	return next(ctx, in)
}

func (s *Server) recoverStream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer s.survive(info.FullMethod, &err)
	return next(srv, stream)
}

// place is where a request in progress has its slot. It leaves while it waits
// for a height.
type place struct {
	slots chan struct{}
	held  bool
}

type placeKey struct{}

func (p *place) leave() {
	if p.held {
		p.held = false
		<-p.slots
	}
}

// back takes a slot again, unless done is closed before there is one.
func (p *place) back(done <-chan struct{}) bool {
	select {
	case p.slots <- struct{}{}:
		p.held = true
	case <-done:
	}
	return p.held
}

func (s *Server) limitUnary(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if !ours(info.FullMethod) {
		return next(ctx, in)
	}
	select {
	case s.requests <- struct{}{}:
		p := &place{slots: s.requests, held: true}
		defer p.leave()
		return next(context.WithValue(ctx, placeKey{}, p), in)
	case <-s.stopping.Done():
		return nil, s.ended(ctx)
	default:
		return nil, overloaded("too many requests in progress")
	}
}
