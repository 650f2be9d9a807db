package kafka_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tarndb/tarn/storage/topic/kafka"
	"github.com/tarndb/tarn/tests/kafka/kafkatest"
)

// TestUncleanLeader: a broker that was behind becomes a partition's leader, and what
// only the others had is gone, with other records in its place by the time that the
// reader comes back. The reader does not take those for the ones that followed.
func TestUncleanLeader(t *testing.T) {
	kafkatest.OnlyInAll(t)
	k := kafkatest.Start(t, kafkatest.Options{Brokers: 3, Set: map[string]string{"unclean.leader.election.enable": "true", "unclean.leader.election.interval.ms": "500"}})
	c := k.Open(t)
	ctx := inTime(t, 3*time.Minute)
	if err := c.CreateTopic(ctx, "t", 1, 2, map[string]string{"min.insync.replicas": "1", "unclean.leader.election.enable": "true"}); err != nil {
		t.Fatal(err)
	}
	admin := kadm.NewClient(plain(t, k.Plain))
	var leader, other int32
	isr := func(n int) func() bool {
		return func() bool {
			ds, err := admin.ListTopics(ctx, "t")
			if err != nil || len(ds["t"].Partitions) != 1 || len(ds["t"].Partitions[0].ISR) != n {
				return false
			}
			p := ds["t"].Partitions[0]
			leader = p.Leader
			for _, r := range p.Replicas {
				if r != leader {
					other = r
				}
			}
			return leader > 0
		}
	}
	write := func(prefix string, n int) (vs []string) {
		for i := range n {
			vs = append(vs, fmt.Sprint(prefix, i))
		}
		produce(t, c, "t", vs...)
		return vs
	}
	wait(t, ctx, "both replicas are in sync", isr(2))
	r := reader(t, c, "t", 0)
	want := write("both", 50)
	got := readTo(t, r, 50)
	k.Kill(t, int(other))
	wait(t, ctx, "one is in sync", isr(1))
	want = append(want, write("lost", 30)...)
	if got = append(got, readTo(t, r, 80)...); !slices.Equal(got, want) {
		t.Fatalf("read %v", got)
	}
	was := leader
	k.Kill(t, int(was))
	k.Restart(t, int(other))
	write("new", 60) // offsets 50 to 110
	g := gap(t, r)
	if g.Kind != kafka.Truncated || g.Start != 50 || g.Asked != 80 {
		t.Fatalf("%+v", g)
	}
	r.Add(0, g.Start)
	if got := readTo(t, r, 110); len(got) != 60 || got[0] != "new0" {
		t.Fatalf("then %v", got)
	}
}
