package kafka

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// TestLeaderMoves: while a partition changes its leader, or has just got one, its
// offsets are asked for again.
func TestLeaderMoves(t *testing.T) {
	f := fake(t)
	c := open(t, f.ListenAddrs())
	mustCreate(t, c, "t", 2, nil)
	mustProduce(t, c, "t", values("v", 0, 10))
	for _, e := range []*kerr.Error{kerr.NotLeaderForPartition, kerr.OffsetNotAvailable} {
		h := f.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Topic: "t", Err: e, Count: 4})
		if _, _, err := c.Partitions(inTime(t), "t"); err != nil {
			t.Errorf("%s: %v", e.Message, err)
		}
		if _, err := c.OffsetsAt(inTime(t), "t", 0); err != nil {
			t.Errorf("%s, at a time: %v", e.Message, err)
		}
		if h.Hits() == 0 {
			t.Errorf("%s was never given", e.Message)
		}
		h.Remove()
	}
	if _, _, err := c.Partitions(inTime(t), "none"); !sqlerr.HasCode(err, sqlerr.UndefinedObject) {
		t.Error(err)
	}
}
