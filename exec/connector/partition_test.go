package connector

import (
	"context"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// leaveOut lets the cluster forget a partition of a topic, as a broker does that has
// not heard of all yet, until the returned function is called.
func (w *world) leaveOut(topic string, partition int32) (back func()) {
	w.t.Helper()
	req := kmsg.NewPtrMetadataRequest()
	rt := kmsg.NewMetadataRequestTopic()
	rt.Topic = kmsg.StringPtr(topic)
	req.Topics = append(req.Topics, rt)
	whole, err := req.RequestWith(context.Background(), w.cl)
	if err != nil {
		w.t.Fatal(err)
	}
	t := &whole.Topics[0]
	t.Partitions = slices.DeleteFunc(t.Partitions, func(p kmsg.MetadataResponseTopicPartition) bool { return p.Partition == partition })
	over := make(chan struct{})
	w.kafka.ControlKey(int16(kmsg.Metadata), func(r kmsg.Request) (kmsg.Response, error, bool) {
		select {
		case <-over:
			w.kafka.DropControl()
			return nil, nil, false
		default:
		}
		w.kafka.KeepControl()
		resp := *whole
		resp.SetVersion(r.GetVersion())
		return &resp, nil, true
	})
	return func() { close(over) }
}

// TestPartitionLeftOut: a partition that the brokers do not tell of when a source
// begins is read all the same as soon as they do, and meanwhile the source does not
// say that all is well.
func TestPartitionLeftOut(t *testing.T) {
	for _, c := range []struct {
		name  string
		first []string // what partition 1 has before
		state State    // meanwhile
	}{
		{"one that has been read", []string{value(1, "a")}, Retrying},
		{"one that was empty", nil, Running},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, map[string]int32{"in": 2})
			w.produce("in", 0, value(0, "x"))
			w.produce("in", 1, c.first...)
			w.start(w.source("in"))
			n := 1 + len(c.first)
			w.until("the first rows", func() bool { return len(w.rows(streamID)) == n })
			w.crash()
			w.produce("in", 0, value(2, "y"))
			w.produce("in", 1, value(3, "b"), value(4, "c"))
			back := w.leaveOut("in", 1)
			w.start(w.source("in"))
			w.state(streamID, c.state)
			back()
			w.until("the rest", func() bool { return len(w.rows(streamID)) == n+3 })
			w.until("no lag", func() bool {
				st, _ := w.m.Source(streamID)
				return st.State == Running && st.Lag == 0 && len(st.Partitions) == 2
			})
		})
	}
}
