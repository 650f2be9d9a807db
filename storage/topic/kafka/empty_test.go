package kafka

import (
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// emptyAnswer answers a fetch with nothing although the log goes further, of
// partitions for which end says how far; of others as if there was nothing new.
func emptyAnswer(q *kmsg.FetchRequest, end func(partition int32) int64) *kmsg.FetchResponse {
	resp := q.ResponseKind().(*kmsg.FetchResponse)
	for _, t := range q.Topics {
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			rp := kmsg.NewFetchResponseTopicPartition()
			rp.Partition, rp.HighWatermark = p.Partition, max(p.FetchOffset, end(p.Partition))
			rp.LastStableOffset = rp.HighWatermark
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

func onFetch(f *kfake.Cluster, answer func(*kmsg.FetchRequest) *kmsg.FetchResponse) {
	f.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.KeepControl()
		if resp := answer(req.(*kmsg.FetchRequest)); resp != nil {
			return resp, nil, true
		}
		return nil, nil, false
	})
}

// TestBatchLeftOut: a broker leaves a batch out that is larger than what was asked
// for of its partition, unless it is the first of the answer. It is no hole.
func TestBatchLeftOut(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 4, nil)
	mustProduce(t, c, "t", values("p", 0, 3))
	onFetch(f, func(q *kmsg.FetchRequest) *kmsg.FetchResponse {
		if len(q.Topics) == 1 && q.Topics[0].Partitions[0].Partition == 0 {
			return nil
		}
		return emptyAnswer(q, func(p int32) int64 {
			if p == 0 {
				return 3
			}
			return 0
		})
	})
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0, 1: 0, 2: 0, 3: 0}})
	if g := readTo(t, r, map[int32]int64{0: 3}); len(g.lines) != 3 {
		t.Fatalf("%d of 3 records were read", len(g.lines))
	}
}

// TestEmptyAtFirst: a broker that for a moment knows how far its log goes, and finds
// nothing, is asked again.
func TestEmptyAtFirst(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 1, nil)
	mustProduce(t, c, "t", values("p", 0, 3))
	var answers atomic.Int32
	onFetch(f, func(q *kmsg.FetchRequest) *kmsg.FetchResponse {
		if len(q.Topics) == 0 || q.Topics[0].Partitions[0].FetchOffset > 0 || answers.Add(1)%7 == 6 {
			return nil
		}
		return emptyAnswer(q, func(int32) int64 { return 3 })
	})
	r := reader(t, c, "t", ReaderOptions{Start: map[int32]int64{0: 0}})
	if g := readTo(t, r, map[int32]int64{0: 3}); len(g.lines) != 3 {
		t.Fatalf("%d of 3 records were read", len(g.lines))
	}
	if got, err := rangeLines(t, c, "t", 0, 0, 3); err != nil || len(got) != 3 {
		t.Fatalf("%d of 3 records were read again: %v", len(got), err)
	}
}
