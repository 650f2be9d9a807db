package server

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/tarndb/tarn/catalog"
)

// metrics reads the engine's figures when they are asked for: nothing is counted
// twice, and a scrape is the only cost.
type metrics struct{ s *Server }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tarn_"+name, help, labels, nil)
}

var (
	descEpochs      = desc("exec_epochs_total", "Epochs applied since the start.")
	descApplied     = desc("exec_applied_epoch_seconds", "Logical time of the newest applied epoch, Unix seconds.")
	descLag         = desc("exec_apply_lag_seconds", "How far the live group is behind the newest durable epoch.")
	descCheckpoints = desc("exec_checkpoints_total", "Checkpoints attempted since the start.")
	descCkSeconds   = desc("exec_checkpoint_seconds", "Duration of the last checkpoint.")
	descCkPause     = desc("exec_checkpoint_pause_seconds", "How long the last checkpoint held the loop up.")
	descDebt        = desc("exec_replay_seconds", "About how long a start after a crash would take to step what no checkpoint has.")
	descWriters     = desc("exec_writers_waiting", "Writers that wait for a checkpoint, since a start after a crash would take too long.")
	descWaited      = desc("exec_writers_waited_seconds_total", "How long writers have waited for checkpoints.")
	descCkAge       = desc("exec_checkpoint_age_seconds", "Age of the newest durable checkpoint.")
	descMemory      = desc("exec_memory_bytes", "Memory accounted to state, queries and queues.")
	descMemoryMax   = desc("exec_memory_limit_bytes", "The memory budget.")
	descJournal     = desc("storage_journal_bytes", "Size of the journal.")
	descFeeds       = desc("exec_subscriptions", "Subscriptions that run.")
	descWaiting     = desc("exec_subscription_waiting_bytes", "Changes that wait for slow subscribers.")
	descConns       = desc("pgwire_connections", "Open client connections.")
	descViewRows    = desc("view_rows", "Rows of a materialized view.", "schema", "view")
	descViewState   = desc("view_live", "1 if a materialized view is live, else 0.", "schema", "view")
	descViewIn      = desc("view_rows_in_total", "Rows that a view has taken in since the start.", "schema", "view")
	descViewCPU     = desc("view_cpu_seconds_total", "Time that a view's steps have taken since the start.", "schema", "view")
	descStreamRows  = desc("stream_rows", "Records of a stream.", "schema", "stream")
	descStreamLate  = desc("stream_late_total", "Late records of a stream since the start.", "schema", "stream")
)

// Describe sends nothing: the relations come and go, so the collector is unchecked.
func (m metrics) Describe(chan<- *prometheus.Desc) {}

// Collect reads all figures.
func (m metrics) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	if !m.s.http.ready.Load() {
		return
	}
	st := m.s.engine.Status()
	count(descEpochs, float64(st.Epochs))
	gauge(descApplied, float64(int64(st.Applied)+pgEpoch)/1e6)
	gauge(descLag, float64(st.Acked-st.Applied)/1e6)
	count(descCheckpoints, float64(st.Checkpoints))
	gauge(descCkSeconds, st.CheckpointTime.Seconds())
	gauge(descCkPause, st.CheckpointPause.Seconds())
	gauge(descDebt, st.Debt.Seconds())
	gauge(descWriters, float64(st.Waiting))
	count(descWaited, st.Waited.Seconds())
	if st.Checkpoint > 0 {
		gauge(descCkAge, float64(nowMicros()-int64(st.Checkpoint))/1e6)
	}
	gauge(descMemory, float64(st.MemoryBytes))
	gauge(descMemoryMax, float64(st.MemoryLimit))
	gauge(descJournal, float64(st.JournalBytes))
	feeds := m.s.engine.Feeds()
	waiting := int64(0)
	for _, f := range feeds {
		waiting += f.Bytes
	}
	gauge(descFeeds, float64(len(feeds)))
	gauge(descWaiting, float64(waiting))
	gauge(descConns, float64(m.s.wire.Connections()))
	for _, o := range m.s.host.Snapshot().Objects() {
		switch o.Kind {
		case catalog.MatView:
			v, ok := m.s.engine.ViewStatus(o.ID)
			if !ok {
				continue
			}
			live := 0.0
			if v.State == "live" {
				live = 1
			}
			gauge(descViewRows, float64(v.Rows), o.Schema, o.Name)
			gauge(descViewState, live, o.Schema, o.Name)
			count(descViewIn, float64(v.RowsIn), o.Schema, o.Name)
			count(descViewCPU, v.CPUSeconds, o.Schema, o.Name)
		case catalog.Stream:
			if v, ok := m.s.engine.StreamStatus(o.ID); ok {
				gauge(descStreamRows, float64(v.Rows), o.Schema, o.Name)
				count(descStreamLate, float64(v.Late), o.Schema, o.Name)
			}
		}
	}
}

// newMetrics is the registry behind /metrics.
func newMetrics(s *Server) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(metrics{s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
