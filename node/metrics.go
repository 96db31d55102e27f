package node

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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
	// Of the last time that the accounts were added up.
	breaks, booksHeight prometheus.Gauge
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
		breaks:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "carbonledger_conservation_breaks", Help: "Sums that did not balance when every account was last added up, once an hour: alarm on any."}),
		booksHeight:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "carbonledger_conservation_height", Help: "Height at which every account was last added up; 0 before the first time."}),
	}
	for _, what := range consensus.Stalls() {
		m.stalls.WithLabelValues(what) // so that the first one is an increase
	}
	m.registry.MustRegister(m.blocks, m.transactions, m.rejections, m.apply, m.fsync, m.stalls, m.breaks, m.booksHeight,
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
	descAgrees  = prometheus.NewDesc("carbonledger_peer_agrees", "0 once a validator has reported another running hash than ours: alarm on it.", []string{"peer"}, nil)
	descPool    = prometheus.NewDesc("carbonledger_pool_transactions", "Transactions that wait for a block.", nil, nil)
	descLog     = prometheus.NewDesc("carbonledger_raft_log_bytes", "Size of the entries in the Raft log.", nil, nil)
	descLogDisk = prometheus.NewDesc("carbonledger_raft_log_disk_bytes", "What the Raft log takes on the disk.", nil, nil)
	descState   = prometheus.NewDesc("carbonledger_state_disk_bytes", "What the ledger takes on the disk, snapshots aside.", nil, nil)
	descSnap    = prometheus.NewDesc("carbonledger_snapshot_bytes", "Size of the newest snapshot.", nil, nil)
	descSnapAt  = prometheus.NewDesc("carbonledger_snapshot_timestamp_seconds", "When the newest snapshot was written, in seconds since 1970; absent before the first.", nil, nil)
	descDisk    = prometheus.NewDesc("carbonledger_disk_free_bytes", "Free space below the data directory.", nil, nil)
	// Of the transparency log; absent where the network publishes none.
	descSize      = prometheus.NewDesc("carbonledger_checkpoint_size", "Entries of the log that the newest published checkpoint covers.", nil, nil)
	descPublished = prometheus.NewDesc("carbonledger_checkpoint_timestamp_seconds", "When this node took the newest checkpoint, in seconds since 1970; absent before the first.", nil, nil)
	descTrouble   = prometheus.NewDesc("carbonledger_log_trouble", "1 while this node does not cosign, or nothing is published: status says why.", nil, nil)
	descFrom      = prometheus.NewDesc("carbonledger_log_entries_from", "The first entry of the log that is still here, 0 where all are: older ones are in the archive.", nil, nil)
	descArchive   = prometheus.NewDesc("carbonledger_archive_trouble", "1 while no entries are dropped because the archive cannot be read or differs: status says why.", nil, nil)
	descDiffering = prometheus.NewDesc("carbonledger_state_differing", "Validators whose state root was another one than this node's when the scrub last compared them.", nil, nil)
	descRepaired  = prometheus.NewDesc("carbonledger_log_repaired_total", "Records of the log that this node's disk had damaged and that were repaired: look at the disk.", nil, nil)
)

func (c statusCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descLeader, descServing, descTerm, descHeight, descIndex, descLag, descReach, descAgrees, descPool,
		descLog, descLogDisk, descState, descSnap, descSnapAt, descDisk,
		descSize, descPublished, descTrouble, descFrom, descArchive, descRepaired, descDiffering,
	} {
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
		gauge(descAgrees, one(p.Agrees), p.Name)
	}
	gauge(descPool, float64(s.Pool))
	gauge(descLog, float64(s.LogBytes))
	gauge(descLogDisk, float64(c.n.raftLog.DiskBytes()))
	if size, err := treeBytes(c.n.dir.State()); err == nil {
		gauge(descState, float64(size))
	}
	if size, at := newestSnapshot(c.n.dir.Snapshots()); size > 0 {
		gauge(descSnap, float64(size))
		gauge(descSnapAt, float64(at.UnixMilli())/1000)
	}
	if free, err := freeDisk(c.n.dir.Path()); err == nil {
		gauge(descDisk, float64(free))
	}
	if c.n.publisher == nil {
		return
	}
	log := c.n.publisher.Status()
	gauge(descSize, float64(log.Size))
	if !log.At.IsZero() {
		gauge(descPublished, float64(log.At.UnixMilli())/1000)
	}
	gauge(descTrouble, one(log.Problem != ""))
	gauge(descFrom, float64(log.EntriesFrom))
	gauge(descArchive, one(log.ArchiveProblem != ""))
	to <- prometheus.MustNewConstMetric(descDiffering, prometheus.GaugeValue, float64(len(log.Compared.Differing)))
	to <- prometheus.MustNewConstMetric(descRepaired, prometheus.CounterValue, float64(log.Repaired))
}

// treeBytes is the size of all files below a directory. Files may come and go
// meanwhile.
func treeBytes(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				total += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return total, err
}

// newestSnapshot is the size of the newest whole snapshot, and when it was
// written; 0 while there is none. Unfinished ones end in .tmp.
func newestSnapshot(dir string) (size int64, at time.Time) {
	files, err := filepath.Glob(filepath.Join(dir, "snapshots", "*", "state.bin"))
	if err != nil {
		return 0, at
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err == nil && !strings.HasSuffix(filepath.Dir(name), ".tmp") && info.ModTime().After(at) {
			size, at = info.Size(), info.ModTime()
		}
	}
	return size, at
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
