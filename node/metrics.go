package node

import (
	"time"

	"carbonledger/consensus"
	"carbonledger/tx"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are what an operator's Prometheus scrapes. Names begin with
// carbonledger_; durations are seconds, sizes bytes.
type metrics struct {
	registry     *prometheus.Registry
	blocks       prometheus.Counter
	transactions prometheus.Counter
	rejections   *prometheus.CounterVec
	apply, fsync prometheus.Histogram
	stalls       *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry:     prometheus.NewRegistry(),
		blocks:       prometheus.NewCounter(prometheus.CounterOpts{Name: "carbonledger_blocks_total", Help: "Blocks executed since the start of this process."}),
		transactions: prometheus.NewCounter(prometheus.CounterOpts{Name: "carbonledger_transactions_total", Help: "Transactions executed since the start of this process."}),
		rejections:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "carbonledger_rejections_total", Help: "Transactions that the ledger refused, by reason."}, []string{"reason"}),
		apply:        prometheus.NewHistogram(prometheus.HistogramOpts{Name: "carbonledger_apply_seconds", Help: "Time to execute one batch of blocks.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14)}),
		fsync:        prometheus.NewHistogram(prometheus.HistogramOpts{Name: "carbonledger_log_fsync_seconds", Help: "Time to write and sync the Raft log once.", Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16)}),
		stalls:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: "carbonledger_stalls_total", Help: "Times that the loop which answers heartbeats was held up for more than half the lease: alarm on any."}, []string{"of"}),
	}
	m.registry.MustRegister(m.blocks, m.transactions, m.rejections, m.apply, m.fsync, m.stalls,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observer() consensus.Observer {
	return consensus.Observer{
		Applied: func(blocks, transactions int, rejected []tx.Reason, took time.Duration) {
			m.blocks.Add(float64(blocks))
			m.transactions.Add(float64(transactions))
			for _, r := range rejected {
				m.rejections.WithLabelValues(r.String()).Inc()
			}
			m.apply.Observe(took.Seconds())
		},
		Stalled: func(what string, _ time.Duration) { m.stalls.WithLabelValues(what).Inc() },
	}
}

// statusCollector reads the node's status when it is scraped.
type statusCollector struct{ n *Node }

var (
	descLeader  = prometheus.NewDesc("carbonledger_leader", "1 on the leader.", nil, nil)
	descServing = prometheus.NewDesc("carbonledger_serving", "1 while this node can take part.", nil, nil)
	descTerm    = prometheus.NewDesc("carbonledger_term", "Raft term.", nil, nil)
	descHeight  = prometheus.NewDesc("carbonledger_height", "Newest block executed.", nil, nil)
	descIndex   = prometheus.NewDesc("carbonledger_log_index", "Raft log indices.", []string{"which"}, nil)
	descLag     = prometheus.NewDesc("carbonledger_peer_lag_blocks", "Blocks by which a validator trails the newest height known.", []string{"peer"}, nil)
	descReach   = prometheus.NewDesc("carbonledger_peer_reachable", "1 while a validator is heard.", []string{"peer"}, nil)
	descPool    = prometheus.NewDesc("carbonledger_pool_transactions", "Transactions that wait for a block.", nil, nil)
	descLog     = prometheus.NewDesc("carbonledger_raft_log_bytes", "Size of the Raft log.", nil, nil)
	descDisk    = prometheus.NewDesc("carbonledger_disk_free_bytes", "Free space below the data directory.", nil, nil)
)

func (c statusCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descLeader, descServing, descTerm, descHeight, descIndex, descLag, descReach, descPool, descLog, descDisk} {
		to <- d
	}
}

func (c statusCollector) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s := c.n.consensus.Status()
	height := c.n.consensus.Ledger().Head().Height
	newest := height
	for _, p := range s.Peers {
		newest = max(newest, p.Height)
	}
	gauge(descLeader, one(s.Leader == s.Name))
	gauge(descServing, one(s.Serving))
	gauge(descTerm, float64(s.Term))
	gauge(descHeight, float64(height))
	gauge(descIndex, float64(s.LastLogIndex), "last")
	gauge(descIndex, float64(s.CommitIndex), "commit")
	gauge(descIndex, float64(s.AppliedIndex), "applied")
	for _, p := range s.Peers {
		gauge(descLag, float64(newest-p.Height), p.Name)
		gauge(descReach, one(p.Reachable), p.Name)
	}
	gauge(descPool, float64(s.Pool))
	gauge(descLog, float64(s.LogBytes))
	if free, err := freeDisk(c.n.dir.Path()); err == nil {
		gauge(descDisk, float64(free))
	}
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
