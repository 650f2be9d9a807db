package kafka

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestLateGroup: a group that answers with a position of before the newest committed
// records is asked again, and does not count if it stays behind. Records of others
// that carry positions, and transactions that were not committed, mean nothing.
func TestLateGroup(t *testing.T) {
	for name, late := range map[string]int32{"never": 0, "for a while": 3, "for good": 1 << 30} {
		t.Run(name, func(t *testing.T) {
			f := fake(t)
			c := open(t, f.ListenAddrs())
			mustCreate(t, c, "t", 3, nil)
			cfg := SinkConfig{Topic: "t", ID: "7", PositionHeader: "at", TailTime: 100 * time.Millisecond}
			if late == 3 {
				cfg.TailTime = time.Minute
			}
			put := func(s *Sink, at uint64) {
				t.Helper()
				var out []Out
				for i := range 2 * tailOffsets / 3 {
					out = append(out, Out{Partition: int32(i % 2), Value: fmt.Append(nil, at), Headers: []kgo.RecordHeader{{Key: "at", Value: fmt.Append(nil, at)}}})
				}
				mustWrite(t, s, out, at)
			}
			other := mustOpen(t, c, SinkConfig{Topic: "t", ID: "8", PositionHeader: "at"}, -1)
			s := mustOpen(t, c, cfg, -1)
			put(s, 5)
			put(s, 9)
			put(other, 1000)
			s.Close()
			s = mustOpen(t, c, cfg, 9)
			if err := s.produce(inTime(t), []Out{{Partition: 0, Headers: []kgo.RecordHeader{{Key: "at", Value: []byte("77")}}}}); err != nil {
				t.Fatal(err)
			}
			s.Close()
			var asked atomic.Int32
			f.ControlKey(int16(kmsg.OffsetFetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
				f.KeepControl()
				r := req.(*kmsg.OffsetFetchRequest)
				if asked.Add(1) > late {
					return nil, nil, false
				}
				resp := r.ResponseKind().(*kmsg.OffsetFetchResponse)
				for _, g := range r.Groups {
					rg := kmsg.NewOffsetFetchResponseGroup()
					rg.Group = g.Group
					rt := kmsg.NewOffsetFetchResponseGroupTopic()
					rt.Topic, rt.TopicID = g.Topics[0].Topic, g.Topics[0].TopicID
					rp := kmsg.NewOffsetFetchResponseGroupTopicPartition()
					rp.Offset, rp.Metadata = 5, kmsg.StringPtr(noteHead)
					rt.Partitions = append(rt.Partitions, rp)
					rg.Topics = append(rg.Topics, rt)
					resp.Groups = append(resp.Groups, rg)
				}
				return resp, nil, true
			})
			mustOpen(t, c, cfg, 9)
			if n := asked.Load(); n != min(late+1, n) || late > 0 && n < 2 {
				t.Errorf("the group was asked %d times", n)
			}
		})
	}
}
