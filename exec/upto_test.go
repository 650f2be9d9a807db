package exec

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/funcs"
)

// TestUpToPasses: a subscription ends when its UP TO has passed, also where nothing is
// ever written again, and not before what is written until then.
func TestUpToPasses(t *testing.T) {
	d := openDB(t, vfs.NewMem())
	defer d.close()
	d.create("table 16400")
	d.insert(tableID, 1, 10, 1)
	now := Epoch(d.clock.Load())
	later := now + 50_000 // 50 readings of the clock
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for name, o := range map[string]SubscribeOptions{
		"a time of the past": {From: &now, UpTo: &now},
		"a time to come":     {Snapshot: true, UpTo: &later},
		"with progress":      {Snapshot: true, UpTo: &later, Progress: true},
	} {
		o.Ctx = &funcs.Ctx{}
		sub, err := d.e.Subscribe(ctx, scanPlan(tableID), o)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		upTo := *o.UpTo
		for newest := Epoch(0); ; {
			us, done, err := sub.Next(ctx)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, u := range us {
				if u.Epoch >= upTo || u.Epoch < newest {
					t.Errorf("%s: epoch %d after %d, UP TO %d", name, u.Epoch, newest, upTo)
				}
				newest = u.Epoch
			}
			if done {
				if o.Progress && newest != upTo-1 {
					t.Errorf("%s: the last sign is of epoch %d, UP TO %d", name, newest, upTo)
				}
				break
			}
		}
		sub.Close()
		later = Epoch(d.clock.Load()) + 50_000
	}
}
