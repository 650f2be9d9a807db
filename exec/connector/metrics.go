package connector

import "github.com/prometheus/client_golang/prometheus"

// collector reads the figures of all connectors when they are asked for.
type collector struct{ m *Manager }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tarn_connector_"+name, help, labels, nil)
}

var (
	descSourceUp      = desc("source_running", "1 if a source is running, else 0.", "source")
	descSourceRecords = desc("source_records_total", "Records that a source has read and committed.", "source")
	descSourceRows    = desc("source_rows_total", "Rows that a source has committed.", "source")
	descSourceBytes   = desc("source_bytes_total", "Memory of the records that a source has committed.", "source")
	descSourceTxns    = desc("source_transactions_total", "Transactions of a source.", "source")
	descSourceCommit  = desc("source_commit_seconds_total", "Time that the transactions of a source have taken.", "source")
	descSourceLag     = desc("source_lag_records", "Records of a topic that its source has not committed.", "source", "partition")
	descSourceLetters = desc("source_dead_letters_total", "Records that became dead letters.", "source")
	descSourceStand   = desc("source_dead_letters", "Dead letters that stand.", "source")
	descSourceExpired = desc("source_dead_letters_expired_total", "Dead letters that a bound has removed.", "source")
	descSinkUp        = desc("sink_running", "1 if a sink is running, else 0.", "sink")
	descSinkRows      = desc("sink_rows_total", "Changed rows that a sink has written.", "sink")
	descSinkBytes     = desc("sink_bytes_total", "Memory of the changed rows that a sink has written.", "sink")
	descSinkTxns      = desc("sink_transactions_total", "Transactions of a sink.", "sink")
	descSinkWrite     = desc("sink_write_seconds_total", "Time that the transactions of a sink have taken.", "sink")
	descSinkErrors    = desc("sink_errors_total", "Attempts of a sink that failed.", "sink")
	descSinkEpochs    = desc("sink_lag_epochs", "Epochs that a sink has still to write.", "sink")
	descSinkLagRows   = desc("sink_lag_rows", "Changed rows that a sink has still to write.", "sink")
	descSinkSeconds   = desc("sink_lag_seconds", "Age of the oldest change that a sink has still to write.", "sink")
)

// Describe sends nothing: connectors come and go, so the collector is unchecked.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect reads all figures.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	count := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	up := func(s State) float64 {
		if s == Running {
			return 1
		}
		return 0
	}
	// Names are unique within a schema only; the id makes the label unique.
	label := func(name string, id uint64) string { return name + "-" + itoa(id) }
	for _, s := range c.m.Sources() {
		n := label(s.Name, s.ID)
		gauge(descSourceUp, up(s.State), n)
		count(descSourceRecords, float64(s.Records), n)
		count(descSourceRows, float64(s.Rows), n)
		count(descSourceBytes, float64(s.Bytes), n)
		count(descSourceTxns, float64(s.Txns), n)
		count(descSourceCommit, s.CommitTime.Seconds(), n)
		count(descSourceLetters, float64(s.Letters), n)
		gauge(descSourceStand, float64(s.LettersNow), n)
		count(descSourceExpired, float64(s.LettersExpired), n)
		for _, p := range s.Partitions {
			gauge(descSourceLag, float64(p.Lag), n, itoa(uint64(p.ID)))
		}
	}
	for _, k := range c.m.Sinks() {
		n := label(k.Name, k.ID)
		gauge(descSinkUp, up(k.State), n)
		count(descSinkRows, float64(k.Rows), n)
		count(descSinkBytes, float64(k.Bytes), n)
		count(descSinkTxns, float64(k.Txns), n)
		count(descSinkWrite, k.WriteTime.Seconds(), n)
		count(descSinkErrors, float64(k.Errors), n)
		gauge(descSinkEpochs, float64(k.LagEpochs), n)
		gauge(descSinkLagRows, float64(k.LagRows), n)
		gauge(descSinkSeconds, k.LagSeconds, n)
	}
}
