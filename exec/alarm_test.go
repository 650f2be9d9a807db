package exec

import (
	"context"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/planner/plan"
)

// TestAlarm: rows come and go by time alone, also across restarts, with and
// without a checkpoint, and a view over the view and a subscription follow.
func TestAlarm(t *testing.T) {
	d := openDB(t, vfs.NewMem())
	d.create("stream 16401")
	d.create("temporal 16402 over 16401")
	d.create("view 16403 over 16402")
	recent := scanPlan(viewID)
	recent.Kind = plan.MatView
	sub, err := d.e.Subscribe(context.Background(), plan.NewTemporal(scanPlan(streamID), []plan.Bound{{Col: 1, Unit: 1, Add: 1_000_000, Until: true}}), SubscribeOptions{Snapshot: true})
	if err != nil {
		t.Fatal(err)
	}
	start := d.clock.Load()
	ep := d.insert(streamID, 1, start, 1, 2, start+2_000_000, 1, 3, start-5_000_000, 1)
	d.want(d.read(recent, 0), pairText(1, start))
	d.want(d.read(viewScan(tviewID), 0), fmt.Sprintf("1 1 %d", start))
	d.clock.Add(1_500_000)
	d.want(d.read(recent, 0), "")
	d.want(d.read(recent, ep), pairText(1, start)) // as it was
	d.close()
	d.open()
	d.want(d.read(recent, 0), "")
	d.clock.Add(1_000_000)
	d.want(d.read(recent, 0), pairText(2, start+2_000_000))
	d.want(d.read(viewScan(tviewID), 0), fmt.Sprintf("2 1 %d", start+2_000_000))
	d.clock.Add(1_000_000)
	d.want(d.read(recent, 0), "")
	d.want(d.read(viewScan(tviewID), 0), "")
	d.close()

	// The subscription ended with the first engine: it has seen rows come with their epoch and go by time.
	var got []string
	for {
		updates, done, err := sub.Next(context.Background())
		for _, u := range updates {
			if u.Rows != nil {
				got = append(got, show(u.Rows)...)
			}
		}
		if done || err != nil {
			break
		}
	}
	if len(got) < 3 || got[len(got)-1] != "-1 "+pairText(1, start) {
		t.Fatalf("the subscription has seen %q", got)
	}
}

func pairText(k, v int64) string { return fmt.Sprintf("%d %d", k, v) }

// TestAlarmRings: nobody reads, and the loop seals the epoch by itself.
func TestAlarmRings(t *testing.T) {
	d := openDB(t, vfs.NewMem())
	defer d.close()
	d.create("stream 16401")
	d.create("temporal 16402 over 16401")
	start := d.clock.Load()
	ep := d.insert(streamID, 1, start, 1)
	d.clock.Add(2_000_000)
	if _, err := d.e.WaitApplied(context.Background(), ep+1); err != nil {
		t.Fatal(err)
	}
	recent := scanPlan(viewID)
	recent.Kind = plan.MatView
	d.want(d.read(recent, d.e.Applied()), "")
}
