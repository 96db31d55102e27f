package node

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"syscall"
	"time"

	"carbonledger/consensus"
	"carbonledger/node/api"
	"carbonledger/node/datadir"
	"carbonledger/node/publish"
	"carbonledger/node/remote"
)

// Config is what an operator decides about a node. The names of the flags and
// of the configuration file's keys are those of the fields in lower case with
// hyphens.
type Config struct {
	// Data is the directory that "init node" made; the genesis document is
	// Data/genesis.toml unless Genesis names another file.
	Data    string
	Genesis string
	// Introduce is a file that leads from the validators that this node knows to
	// those of today; empty for none.
	Introduce string
	// Passphrase opens the key files.
	Passphrase string
	// P2PListen are multiaddrs; none: the address that genesis gives.
	P2PListen []string
	// APIListen is host:port of the gRPC service; beyond loopback it needs
	// TLSCert and TLSKey.
	APIListen       string
	TLSCert, TLSKey string
	// MetricsListen is host:port of the Prometheus page; empty for none.
	MetricsListen string
	// LogListen is host:port of the transparency log over HTTP (c2sp.org/tlog-tiles);
	// empty for none. Beyond loopback it needs TLSCert and TLSKey. LogTokens is a
	// file with the hashed tokens of those who may read entries; empty: nobody.
	LogListen, LogTokens string
	// Archive is the URL of a copy of the log (see "carbonledger archive"): entries
	// that were found there are dropped here; empty: all are kept. ArchiveTokenFile
	// holds a token for its entries; empty for none.
	Archive, ArchiveTokenFile string
	// Profile is "wan" or "loopback": see consensus.Timing.
	Profile string
	// Lease, if not 0, replaces the profile's: for disks whose writes stall
	// longer than half of it. The same on every validator, since one with a
	// shorter lease than the leader's votes too early.
	Lease time.Duration
	// PrimarySite is preferred for the leader; empty for no preference.
	PrimarySite string
	// MinFreeDisk in bytes: below it the node refuses writes and does not lead.
	MinFreeDisk uint64
	// MaxRaftLog in bytes: above it the node takes a snapshot and cuts the
	// log; 0 for consensus's default.
	MaxRaftLog uint64
	// CheckConservation adds up every account after every block: for tests,
	// it is slow.
	CheckConservation bool
	Version           string
	Logger            *slog.Logger
}

func (c *Config) timing() (consensus.Timing, error) {
	var t consensus.Timing
	switch c.Profile {
	case "", "wan":
		t = consensus.DefaultTiming
	case "loopback":
		t = consensus.LoopbackTiming
	default:
		return t, fmt.Errorf("node: profile %q: use wan or loopback", c.Profile)
	}
	switch {
	case c.Lease == 0:
	case c.Lease < shortestLease || c.Lease > longestLease:
		return t, fmt.Errorf("node: --lease %s: use %s to %s, the same on every validator", c.Lease, shortestLease, longestLease)
	default:
		t.Lease = c.Lease
	}
	return t, nil
}

// A shorter lease loses its leader to the scheduler of a busy machine; with a
// longer one the market would wait a minute for a new leader.
const (
	shortestLease = 200 * time.Millisecond
	longestLease  = 30 * time.Second
)

// Check finds settings with which no node starts, whatever the machine has.
func (c *Config) Check() error {
	if _, err := c.timing(); err != nil {
		return err
	}
	for _, l := range []struct{ name, address string }{{"--api-listen", c.APIListen}, {"--metrics-listen", c.MetricsListen}, {"--log-listen", c.LogListen}} {
		if l.address == "" && l.name != "--api-listen" {
			continue
		}
		if _, err := net.ResolveTCPAddr("tcp", l.address); err != nil {
			return fmt.Errorf("node: %s %q is not host:port: %w", l.name, l.address, err)
		}
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		return errors.New("node: --tls-cert and --tls-key belong together: give both or none")
	}
	if err := c.checkArchive(); err != nil {
		return err
	}
	listen := c.apiConfig()
	if err := listen.CheckListen(); err != nil || c.LogListen == "" {
		return err
	}
	// The same rule for the log: its tokens do not travel in the clear.
	log := listen
	log.Listen = c.LogListen
	if err := log.CheckListen(); err != nil {
		return fmt.Errorf("node: --log-listen %s: %w", c.LogListen, err)
	}
	return nil
}

func (c *Config) checkArchive() error {
	if c.Archive == "" {
		if c.ArchiveTokenFile != "" {
			return errors.New("node: --archive-token-file is for --archive: give both")
		}
		return nil
	}
	u, err := url.Parse(c.Archive)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return fmt.Errorf("node: --archive %q is no http:// or https:// URL of a log, without a password, which everybody would be shown", c.Archive)
	}
	return nil
}

// CheckFiles finds what would keep a node from starting in the files that the
// settings name, the genesis document aside, without starting it.
func (c *Config) CheckFiles() error {
	listen := c.apiConfig()
	if err := listen.CheckTLS(); err != nil {
		return err
	}
	if c.LogTokens != "" {
		if err := (&publish.Tokens{Path: c.LogTokens}).Check(); err != nil {
			return err
		}
	}
	if c.ArchiveTokenFile != "" {
		if _, err := remote.ReadToken(c.ArchiveTokenFile); err != nil {
			return fmt.Errorf("node: --archive-token-file: %w", err)
		}
	}
	if c.Data == "" {
		return errors.New("node: no data directory: give --data, as made by \"carbonledger init node\"")
	}
	_, err := datadir.ReadLine(c.Data)
	return err
}

func (c *Config) apiConfig() api.Config {
	return api.Config{Listen: c.APIListen, CertFile: c.TLSCert, KeyFile: c.TLSKey, Logger: c.Logger}
}

// freeDisk is how many bytes an ordinary user may still write below dir.
func freeDisk(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("node: free space of %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}
