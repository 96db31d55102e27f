package api

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"carbonledger/tx"
)

func TestHealthFollowsTheNode(t *testing.T) {
	server := start(t, newSolo(t, 0), Config{})
	h := healthv1.NewHealthClient(dial(t, server.Address()))
	check := func(service string, want healthv1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		out, err := h.Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		if err != nil || out.Status != want {
			t.Errorf("%q: %v, %v, want %v", service, out, err, want)
		}
	}
	check("", healthv1.HealthCheckResponse_NOT_SERVING)
	server.SetServing(true)
	check("", healthv1.HealthCheckResponse_SERVING)
	check(serviceName, healthv1.HealthCheckResponse_SERVING)
	server.SetServing(false)
	check(serviceName, healthv1.HealthCheckResponse_NOT_SERVING)
}

func TestTooManyRequestsAreRefused(t *testing.T) {
	s := newSolo(t, 1)
	s.hold, s.held = make(chan struct{}), make(chan struct{}, 1)
	server := start(t, s, Config{MaxConcurrent: 1})
	conn := dial(t, server.Address(), ourCodec())
	l := NewLedgerClient(conn)
	first := make(chan error, 1)
	raw := s.sign(t, "bank", "r", deposit("e00", 1))
	go func() {
		_, err := l.Submit(t.Context(), &SubmitRequest{Transactions: [][]byte{raw}})
		first <- err
	}()
	<-s.held
	_, err := l.GetParty(t.Context(), &GetPartyRequest{Id: "e00"})
	if status.Code(err) != codes.ResourceExhausted || infoOf(err).Reason != reasonOverloaded || !hasRetry(err) {
		t.Errorf("with every slot taken: %v", err)
	}
	server.SetServing(true)
	if out, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil || out.Status != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("health of a busy node: %v, %v", out, err)
	}
	close(s.hold)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if _, err := l.GetParty(t.Context(), &GetPartyRequest{Id: "e00"}); err != nil {
		t.Errorf("with the slot given back: %v", err)
	}
}

func hasRetry(err error) bool {
	for _, d := range status.Convert(err).Details() {
		if _, ok := d.(*errdetails.RetryInfo); ok {
			return true
		}
	}
	return false
}

func TestOversizedRequestIsRefused(t *testing.T) {
	s := newSolo(t, 1)
	c := as(t, s, "", start(t, s, Config{MaxRequestBytes: 1000}).Address())
	_, err := c.Submit(t.Context(), [][]byte{make([]byte, 2000)})
	if status.Code(err) != codes.ResourceExhausted || !errors.Is(err, ErrWithoutEffect) || !strings.Contains(err.Error(), "1000") || !strings.Contains(err.Error(), "send fewer") {
		t.Errorf("%v", err)
	}
}

func TestPanicIsOneRequestsFailure(t *testing.T) {
	s := newSolo(t, 1)
	var log bytes.Buffer
	l := NewLedgerClient(dial(t, start(t, s, Config{Logger: slog.New(slog.NewTextHandler(&log, nil))}).Address(), ourCodec()))
	raw := s.sign(t, "bank", "r", deposit("e00", 1))
	s.set(func() { s.panicky = true })
	_, err := l.Submit(t.Context(), &SubmitRequest{Transactions: [][]byte{raw}})
	if status.Code(err) != codes.Internal || !strings.Contains(log.String(), "on purpose") {
		t.Errorf("%v; log: %s", err, log.String())
	}
	s.set(func() { s.panicky = false })
	if _, err := l.Submit(t.Context(), &SubmitRequest{Transactions: [][]byte{raw}}); err != nil {
		t.Errorf("the next request: %v", err)
	}
}

func TestListenBeyondLoopbackNeedsTLS(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", ":0", "192.0.2.1:9"} {
		_, err := NewServer(Config{Listen: listen}, newSolo(t, 0))
		if err == nil || !strings.Contains(err.Error(), "--tls-cert") {
			t.Errorf("%s without TLS: %v", listen, err)
		}
	}
	if _, err := NewServer(Config{Listen: "nonsense"}, newSolo(t, 0)); err == nil {
		t.Error("an address without a port is taken")
	}
	taken := start(t, newSolo(t, 0), Config{}).Address()
	if _, err := NewServer(Config{Listen: taken}, newSolo(t, 0)); err == nil || !strings.Contains(err.Error(), taken+" is in use") {
		t.Errorf("a taken port: %v", err)
	}
}

func TestTLS(t *testing.T) {
	cert, key := certificate(t)
	s := newSolo(t, 1)
	server := start(t, s, Config{Listen: "0.0.0.0:0", CertFile: cert, KeyFile: key})
	_, port, err := net.SplitHostPort(server.Address())
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:" + port
	c := newClient(t, ClientConfig{Addresses: []string{address}, CAFile: cert})
	if _, err := c.Status(t.Context(), &StatusRequest{}); err != nil {
		t.Errorf("with the authority's certificate: %v", err)
	}
	for name, c := range map[string]ClientConfig{"plaintext": {}, "the system's authorities": {TLS: true}} {
		c.Addresses = []string{address}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, err := newClient(t, c).Status(ctx, &StatusRequest{}); err == nil {
			t.Errorf("%s got an answer", name)
		}
		cancel()
	}
	if _, err := NewServer(Config{Listen: "127.0.0.1:0", CertFile: "no such file"}, s); err == nil {
		t.Error("a missing certificate is taken")
	}
}

// certificate makes files of a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for file, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// TestShutdownFinishesRequests: the request in progress gets its answer, and
// idle streams of clients that never hang up do not hold the server back.
func TestShutdownFinishesRequests(t *testing.T) {
	s := newSolo(t, 1)
	s.hold, s.held = make(chan struct{}), make(chan struct{}, 1)
	server := start(t, s, Config{})
	conn := dial(t, server.Address(), ourCodec())
	watch, err := healthv1.NewHealthClient(conn).Watch(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	if _, err := NewLedgerClient(conn).SubmitStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	raw := s.sign(t, "bank", "r", deposit("e00", 1))
	go func() {
		_, err := NewLedgerClient(conn).Submit(t.Context(), &SubmitRequest{Transactions: [][]byte{raw}})
		answered <- err
	}()
	<-s.held
	done := make(chan error, 1)
	go func() { done <- server.Shutdown(t.Context()) }()
	close(s.hold)
	if err := <-answered; err != nil {
		t.Errorf("the request in progress: %v", err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestShutdownCutsOffInTheEnd(t *testing.T) {
	s := newSolo(t, 1)
	s.hold, s.held = make(chan struct{}), make(chan struct{}, 1)
	server := start(t, s, Config{})
	answered := make(chan error, 1)
	raw := s.sign(t, "bank", "r", deposit("e00", 1))
	l := NewLedgerClient(dial(t, server.Address(), ourCodec()))
	go func() {
		_, err := l.Submit(t.Context(), &SubmitRequest{Transactions: [][]byte{raw}})
		answered <- err
	}()
	<-s.held
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := <-answered; err == nil {
		t.Error("a request that was cut off has an answer")
	}
}

func TestMetricsCountByMethodAndCode(t *testing.T) {
	s := newSolo(t, 1)
	server := start(t, s, Config{})
	registry := prometheus.NewRegistry()
	registry.MustRegister(server.Collectors()...)
	c := as(t, s, "", server.Address())
	_, _ = c.GetParty(t.Context(), &GetPartyRequest{Id: "e00"})
	_, _ = c.GetParty(t.Context(), &GetPartyRequest{Id: "nobody"})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			labels := f.GetName()
			for _, l := range m.Label {
				labels += " " + l.GetValue()
			}
			if m.Counter != nil {
				got[labels] = m.Counter.GetValue()
			}
			if m.Histogram != nil {
				got[labels] = float64(m.Histogram.GetSampleCount())
			}
		}
	}
	for labels, want := range map[string]float64{
		"carbonledger_api_requests_total NotFound " + fullName("GetParty"): 1,
		"carbonledger_api_requests_total OK " + fullName("GetParty"):       1,
		"carbonledger_api_request_seconds " + fullName("GetParty"):         2,
	} {
		if got[labels] != want {
			t.Errorf("%s = %v, want %v, of %v", labels, got[labels], want, got)
		}
	}
}

// TestCodecTakesBothKinds: our messages and those of grpc's own services, and
// nothing else.
func TestCodecTakesBothKinds(t *testing.T) {
	for _, c := range []struct{ in, out any }{
		{&GetPartyRequest{Id: "e00", MinHeight: 7}, &GetPartyRequest{}},
		{&healthv1.HealthCheckRequest{Service: "x"}, &healthv1.HealthCheckRequest{}},
	} {
		b, err := codec{}.Marshal(c.in)
		if err != nil {
			t.Fatal(err)
		}
		if err := (codec{}).Unmarshal(b, c.out); err != nil {
			t.Fatal(err)
		}
		again, err := codec{}.Marshal(c.out)
		if err != nil || !bytes.Equal(again.Materialize(), b.Materialize()) {
			t.Errorf("%T: %v", c.in, err)
		}
	}
	if _, err := (codec{}).Marshal("text"); err == nil {
		t.Error("text is encoded")
	}
	if err := (codec{}).Unmarshal(nil, new(tx.ID)); err == nil {
		t.Error("an id is decoded")
	}
}
