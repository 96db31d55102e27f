package binary

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"carbonledger/node/api"
)

// TestCannotStart: what keeps a node from starting is named, with the flag that
// helps; the node that is in the way is not disturbed.
func TestCannotStart(t *testing.T) {
	n := running(t, []string{"Wuhan"})
	v := n.nodes[0]
	tried := 0
	refused := func(code int, flags []string, words ...string) {
		t.Helper()
		tried++
		// Each try has a data directory of its own, with the identity of a founder.
		other := newNetwork(t, []string{"Wuhan"})
		w := other.nodes[0]
		args := append([]string{"node", "--data", w.dir, "--genesis", other.genesis, "--api-listen", w.api, "--profile", "loopback"}, flags...)
		command(t, args...).want(t, code, words...)
	}
	peer := "/ip4/127.0.0.1/tcp/" + strconv.Itoa(v.peer)
	refused(1, []string{"--api-listen", v.api}, v.api+" is in use", "--api-listen")
	refused(1, []string{"--p2p-listen", peer}, peer, "in use", "--p2p-listen")
	refused(1, []string{"--metrics-listen", v.metrics}, v.metrics+" is in use", "--metrics-listen")
	refused(2, []string{"--api-listen", "0.0.0.0:0"}, "0.0.0.0:0 can be reached from other machines, which needs TLS", "--tls-cert", "--tls-key", "127.0.0.1")
	refused(2, []string{"--api-listen", "localhost"}, "--api-listen", "localhost", "host:port")
	refused(2, []string{"--metrics-listen", "here"}, "--metrics-listen", "here")
	refused(2, []string{"--profile", "moon"}, "moon", "wan or loopback")
	refused(2, []string{"--log-level", "loud"}, "--log-level", "loud")
	refused(2, []string{"--min-free-disk", "much"}, "--min-free-disk", "much")
	refused(1, []string{"--p2p-listen", "127.0.0.1:7000"}, "127.0.0.1:7000", "/ip4/")
	refused(1, []string{"--tls-cert", "none.pem", "--tls-key", "none.pem"}, "none.pem")
	refused(1, []string{"--genesis", "none.toml"}, "none.toml")

	command(t, "node", "--data", v.dir, "--genesis", n.genesis, "--api-listen", "127.0.0.1:0").want(t, 1,
		v.dir+" is in use by process "+strconv.Itoa(v.process.PID())+": stop that node first")
	empty := t.TempDir()
	command(t, "node", "--data", empty).want(t, 1, empty+" is no validator's data directory", "carbonledger init node --dir")
	command(t, "init", "node", "--dir", v.dir, "--name", "x-1", "--site", "X", "--p2p", peer).want(t, 2, "--passphrase-file", "CARBONLEDGER_PASSPHRASE")
	command(t, "init", "node", "--dir", v.dir, "--name", "x-1", "--site", "X", "--p2p", peer, "--passphrase-file", secretFile(t), "--work-factor", "10").want(t, 1, v.dir+" is not empty", "choose another directory")
	n.awaitServing(v)
	n.does("bank", "deposit", "--to", "entity-1", "--yuan", "1")
	n.stop(v)
}

// awaitLogged waits until a validator's log has each of these texts.
func (n *network) awaitLogged(v *validator, texts ...string) {
	n.t.Helper()
	awaitAnswer(n.t, "the log of "+v.name, func() (bool, error) {
		log, err := os.ReadFile(filepath.Join(n.dir, v.name+".log"))
		if err != nil {
			return false, err
		}
		for _, text := range texts {
			if !strings.Contains(string(log), text) {
				return false, fmt.Errorf("it has no %q:\n%s", text, log)
			}
		}
		return true, nil
	})
}

// TestStrangers: a node with another genesis, and one that nobody admitted, find
// no way in, and everybody's log says why. The network does not notice.
func TestStrangers(t *testing.T) {
	n := running(t, three())
	v := n.others(n.awaitLeader())[0]
	n.stop(v)

	// The same validators, one figure of the document changed.
	content, err := os.ReadFile(n.genesis)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(content), `code = 'CEA23'`, `code = 'CEA24'`, 1)
	if changed == string(content) {
		changed = strings.Replace(string(content), `code = "CEA23"`, `code = "CEA24"`, 1)
	}
	if changed == string(content) {
		t.Fatalf("genesis lists no CEA23:\n%s", content)
	}
	file := filepath.Join(t.TempDir(), "changed.toml")
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	hash := command(t, "config", "check", "--genesis", file).must(t).field(t, "genesis hash")
	odd := n.add("odd-"+v.name, v.site, filepath.Join(t.TempDir(), "odd"), v.peer, freePorts(t, 2))
	odd.flags = []string{"--genesis", file}
	copyOf(t, v.dir, odd.dir)
	for _, old := range []string{"raft", "state", "snapshots"} {
		if err := os.RemoveAll(filepath.Join(odd.dir, old)); err != nil {
			t.Fatal(err)
		}
	}
	n.start(odd)
	n.awaitLogged(odd, "peer refuses us", "it runs another genesis (theirs "+n.domain.String()[:16]+"…, ours "+hash[:16]+"…)", "compare")
	s := n.awaitStatus(odd, "waits", func(s *api.StatusResponse) bool { return strings.Contains(s.Problem, "waits for ") })
	if s.Serving || s.Head.Height != 0 {
		t.Errorf("the node with another genesis takes part: %+v", s)
	}
	for _, w := range n.others(v, odd) {
		n.awaitLogged(w, "it runs another genesis", hash[:16])
	}
	n.kill(odd)
	n.nodes = n.nodes[:3]
	n.start(v)
	n.awaitServing(v)

	// A validator whose line the ministry never admitted.
	port, dir := freePorts(t, 3), filepath.Join(t.TempDir(), "stranger")
	secret := secretFile(t)
	command(t, "init", "node", "--dir", dir, "--name", "stranger", "--site", "Nowhere", "--p2p", "/ip4/127.0.0.1/tcp/"+strconv.Itoa(port),
		"--passphrase-file", secret, "--work-factor", "10").must(t)
	stranger := n.add("stranger", "Nowhere", dir, port, port+1)
	stranger.flags = []string{"--passphrase-file", secret}
	n.start(stranger)
	n.awaitLogged(stranger, "peer refuses us", "not admitted: the key of stranger, ed25519:", "is not on its allow list: have it added there")
	awaitAnswer(t, "a refusal", func() (bool, error) {
		for _, w := range n.others(stranger) {
			log, err := os.ReadFile(filepath.Join(n.dir, w.name+".log"))
			if err == nil && strings.Contains(string(log), `msg="peer refused" reason="not admitted"`) {
				return true, nil
			}
		}
		return false, fmt.Errorf("nobody refused it")
	})
	if s, err := statusOf(stranger); err != nil || s.Serving || s.Head.Height != 0 {
		t.Errorf("the stranger says %+v, %v", s, err)
	}
	n.asAt(n.others(stranger), "bank", "deposit", "--to", "entity-1", "--yuan", "1", "--yes").must(t)
	n.awaitSame(n.others(stranger)...)
}

// certificate makes a self-signed one for 127.0.0.1.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "wuhan-1"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	certDER, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: certDER}, "key.pem": {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
}

// TestTLS: with a certificate the API speaks TLS only, and a client that knows
// the authority is served.
func TestTLS(t *testing.T) {
	n := newNetwork(t, []string{"Wuhan"})
	v := n.nodes[0]
	cert, key := certificate(t)
	foreign, _ := certificate(t)
	v.flags = []string{"--tls-cert", cert, "--tls-key", key}
	n.start(v)
	awaitAnswer(t, "an answer over TLS", func() (bool, error) {
		r := command(t, "status", "--api", v.api, "--ca", cert, "--timeout", "2s")
		if r.code != 0 {
			return false, fmt.Errorf("exit code %d: %s%s", r.code, r.out, r.errOut)
		}
		return true, nil
	})
	n.does("bank", "deposit", "--to", "entity-1", "--yuan", "1", "--ca", cert).want(t, 0, "accepted at height ")
	awaitAnswer(t, "an audit over TLS", func() (any, error) {
		r := command(t, "audit", "https://"+v.log, "--ca", cert, "--genesis", n.genesis, "--policy", filepath.Join(n.dir, "policy.txt"), "--token-file", filepath.Join(n.dir, "keys", "auditor.token"))
		if r.code != 0 || !strings.Contains(r.out, "passed") {
			return nil, fmt.Errorf("exit code %d: %s%s", r.code, r.out, r.errOut)
		}
		return nil, nil
	})
	command(t, "status", "--api", v.api, "--timeout", "1s").want(t, 1, "no node of --api serves")
	command(t, "status", "--api", v.api, "--timeout", "1s", "--ca", foreign).want(t, 1, "certificate")
	command(t, "status", "--api", v.api, "--timeout", "1s", "--tls").want(t, 1, "certificate")
	command(t, "status", "--api", v.api, "--timeout", "1s", "--ca", key).want(t, 1, key+" holds no PEM certificate")
}
