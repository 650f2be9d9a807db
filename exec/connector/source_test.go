package connector

import (
	"testing"
)

// TestSource: records become rows once, through restarts and crashes.
func TestSource(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1})
	w.produce("in", 0, value(1, "a"), value(2, "b"))
	w.start(w.source("in"))
	w.wantRows(streamID, "1 a", "2 b")
	w.produce("in", 0, value(3, "c"))
	w.wantRows(streamID, "1 a", "2 b", "3 c")
	w.m.StopSource(streamID)
	w.produce("in", 0, value(4, "d"))
	w.start(w.source("in"))
	w.wantRows(streamID, "1 a", "2 b", "3 c", "4 d")
	w.crash()
	w.produce("in", 0, value(5, "e"))
	w.start(w.source("in"))
	w.wantRows(streamID, "1 a", "2 b", "3 c", "4 d", "5 e")
	w.until("the counts", func() bool { st, _ := w.m.Source(streamID); return st.Txns > 0 })
	st, _ := w.m.Source(streamID)
	if st.State != Running || st.Rows != 1 || st.Lag != 0 {
		t.Errorf("status %+v", st)
	}
}

// TestLagKnown: a source that has not reached its cluster yet does not say that it
// has read everything.
func TestLagKnown(t *testing.T) {
	w := newWorld(t, map[string]int32{"in": 1})
	away := w.source("in")
	away.ID, away.Kafka.Brokers = tableID, []string{"127.0.0.1:1"}
	w.start(w.source("in"))
	w.start(away)
	w.until("one source's lag is known", func() bool { s, _ := w.m.Source(streamID); return s.LagKnown })
	w.state(tableID, Retrying)
	if s, _ := w.m.Source(tableID); s.LagKnown {
		t.Errorf("%+v", s)
	}
}
