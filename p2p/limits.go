package p2p

import (
	"io"
	"math"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/x/rate"
	yamuxwire "github.com/libp2p/go-yamux/v5"
)

// What one host spends on others. Admitted peers are trusted to be few and well-meaning, so their limits only stop a bug
// from spreading; strangers are not. A flood of half-open connections from many addresses is a firewall's work.
const (
	maxStrangers    = 16               // established connections of strangers
	strangerLife    = 10 * time.Second // of a stranger's connection that says nothing
	strangerGrace   = time.Second      // to read the answer to a hello
	strangerStreams = 8                // a stranger's connection may open, all in all

	maxHandshakes    = 128 // inbound connections whose key is not known yet
	connsPerAddress  = 64  // connections of one IP address; loopback is exempt
	connRate         = 10  // new connections per second of one IP address, after a burst of connsPerAddress; loopback is exempt
	connsPerPeer     = 16
	streamsPerPeer   = 1024 // inbound, all connections of a peer together
	acceptBacklog    = 64   // streams that wait in one listener; more are reset
	acceptTimeout    = 5 * time.Second
	negotiateTimeout = 5 * time.Second
	dialTimeout      = 10 * time.Second // one Dial, whatever its context says
	keepAlive        = 5 * time.Second
	writeTimeout     = 10 * time.Second
)

func newResourceManager() (network.ResourceManager, error) {
	limits := rcmgr.PartialLimitConfig{
		Transient:   rcmgr.ResourceLimits{ConnsInbound: maxHandshakes},
		PeerDefault: rcmgr.ResourceLimits{ConnsInbound: connsPerPeer, StreamsInbound: streamsPerPeer},
	}.Build(rcmgr.InfiniteLimits)
	pace := rate.Limit{RPS: connRate, Burst: connsPerAddress}
	paces := &rate.Limiter{SubnetRateLimiter: rate.SubnetLimiter{
		IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: pace}},
		IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 64, Limit: pace}},
		GracePeriod:      time.Minute,
	}}
	for _, n := range rcmgr.DefaultNetworkPrefixLimitV4 {
		paces.NetworkPrefixLimits = append(paces.NetworkPrefixLimits, rate.PrefixLimit{Prefix: n.Network})
	}
	for _, n := range rcmgr.DefaultNetworkPrefixLimitV6 {
		paces.NetworkPrefixLimits = append(paces.NetworkPrefixLimits, rate.PrefixLimit{Prefix: n.Network})
	}
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits),
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithConnRateLimiters(paces),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: connsPerAddress}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 64, ConnCount: connsPerAddress}}))
}

// newMuxer is libp2p's yamux with a shorter patience for a peer that went silent.
func newMuxer() *yamux.Transport {
	c := yamuxwire.DefaultConfig()
	c.KeepAliveInterval = keepAlive
	c.ConnectionWriteTimeout = writeTimeout
	c.MaxStreamWindowSize = 16 << 20 // fills a line of 1 Gbit/s at 100 ms, as libp2p's own default
	c.ReadBufSize = 0                // TLS buffers already
	c.MaxIncomingStreams = math.MaxUint32
	c.LogOutput = io.Discard
	return (*yamux.Transport)(c)
}
