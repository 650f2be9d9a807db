package exec

import (
	"context"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
)

const shortID, briefID, heldViewID = 16406, 16407, 16408

// settle writes a checkpoint and lets go of what has expired by then.
func (d *db) settle() {
	d.t.Helper()
	var running chan struct{}
	err := d.e.onLoop(context.Background(), func() error {
		d.e.checkpoint()
		running = d.e.ck.running
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	if running != nil {
		<-running
	}
}

// since lists the changes of a relation after an epoch.
func (d *db) since(root plan.Node, after Epoch) string {
	d.t.Helper()
	newest := d.e.Applied()
	s, err := d.e.Subscribe(context.Background(), root, SubscribeOptions{Ctx: &funcs.Ctx{}, After: &after, Progress: true})
	if err != nil {
		return string(sqlerr.CodeOf(err))
	}
	defer s.Close()
	var out []string
	for at := after; at < newest; {
		us, _, err := s.Next(context.Background())
		if err != nil {
			d.t.Fatal(err)
		}
		for _, u := range us {
			if at = u.Epoch; u.Rows != nil {
				line := strings.Join(show(u.Rows), ", ")
				if d.epochs {
					line = fmt.Sprintf("%d: %s", u.Epoch, line)
				}
				out = append(out, line)
			}
		}
	}
	return strings.Join(out, "; ")
}

// TestHold: what came after the epoch of a hold can be had however long ago it
// was, over restarts and crashes; what nobody holds goes.
func TestHold(t *testing.T) {
	d := openDB(t, vfs.NewCrashableMem())
	d.create("short 16406")
	d.create("brief 16407")
	d.create("view 16408 over 16407")
	both := func(kvw ...int64) Epoch {
		t.Helper()
		r := rows(kvw...)
		r.Weights = nil
		return d.commit(&Txn{Writes: []Write{{Object: shortID, Rows: r}, {Object: briefID, Rows: r, Upsert: true}}})
	}
	var epochs []Epoch
	for i := range int64(6) {
		epochs = append(epochs, both(1, i, 1))
		d.settle() // a segment each
		d.clock.Add(minute / 10)
	}
	crash := func() {
		t.Helper()
		fs := d.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
		d.close()
		d.fs = fs
		d.open()
	}
	objects := map[uint64]plan.Node{shortID: scanPlan(shortID), briefID: scanPlan(briefID), heldViewID: viewScan(heldViewID)}
	for id := range objects {
		if err := d.e.Hold(fmt.Sprint("sink ", id), id, epochs[2]); err != nil {
			t.Fatal(err)
		}
	}
	later := func() {
		t.Helper()
		d.clock.Add(10 * minute)
		both(2, 1, 1)
		d.settle()
		d.clock.Add(10 * minute)
		both(2, 2, 1)
		d.settle()
	}
	want := map[uint64]string{
		shortID:    "1 3; 1 4; 1 5; ",
		briefID:    "-1 1 2, +1 1 3; -1 1 3, +1 1 4; -1 1 4, +1 1 5; ",
		heldViewID: "-1 1 1 2, +1 1 1 3; -1 1 1 3, +1 1 1 4; -1 1 1 4, +1 1 1 5; ",
	}
	for _, reopen := range []func(){crash, func() {}, func() { d.close(); d.open() }, crash} {
		reopen()
		later()
		for id, root := range objects {
			if got := d.since(root, epochs[2]); !strings.HasPrefix(got, want[id]) {
				t.Fatalf("after the hold %d has\n%s\nwant\n%s", id, got, want[id])
			}
		}
	}
	// What is before the hold has gone with the stream's segments.
	if b, _ := d.e.relation(shortID).topic.Bounds(0); b.Start != 3 {
		t.Fatalf("the stream begins at %d", b.Start)
	}
	if got := d.read(scanPlan(shortID), 0); !strings.HasPrefix(got, "1 3; 1 4; 1 5") {
		t.Fatal(got)
	}
	d.want(d.read(scanPlan(shortID), epochs[0]), "72000")
	if err := d.e.Hold("another", shortID, epochs[0]); !sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
		t.Fatalf("held what has gone: %v", err)
	}
	if err := d.e.Hold("another", 99, epochs[0]); !sqlerr.HasCode(err, sqlerr.UndefinedTable) {
		t.Fatalf("held what never was: %v", err)
	}
	// A hold that moves on lets go of what lies behind it.
	for id := range objects {
		if err := d.e.Hold(fmt.Sprint("sink ", id), id, epochs[4]); err != nil {
			t.Fatal(err)
		}
	}
	later()
	crash()
	for id, root := range objects {
		if got := d.since(root, epochs[4]); strings.Contains(got, "72000") {
			t.Fatalf("%d: %s", id, got)
		}
	}
	// Released, everything goes; a release survives a crash.
	for id := range objects {
		if err := d.e.Release(fmt.Sprint("sink ", id)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.e.Release("nobody"); err != nil {
		t.Fatal(err)
	}
	crash()
	later()
	for id, root := range objects {
		if got := d.since(root, epochs[4]); got != "72000" {
			t.Fatalf("after the release %d still has %s", id, got)
		}
	}
	// A dropped relation has no holds.
	if err := d.e.Hold("sink", shortID, d.e.Applied()); err != nil {
		t.Fatal(err)
	}
	d.create("drop 16406")
	crash()
	if got := d.e.Holds(); got != nil {
		t.Fatal(got)
	}
	d.close()
}

// TestHoldCrash: whatever a crash takes, a hold is where it was put or further
// back, and what it holds is there.
func TestHoldCrash(t *testing.T) {
	for seed := range seeds(10) {
		rng := rand.New(rand.NewSource(seed))
		d := openDB(t, vfs.NewCrashableMem())
		d.create("brief 16407")
		var log []Epoch // epoch i put v = i under key 1
		put := func() {
			t.Helper()
			log = append(log, d.commit(&Txn{Writes: []Write{{Object: briefID, Rows: rows(1, int64(len(log)), 1), Upsert: true}}}))
		}
		put()
		durable, last := -1, 0 // places in log: of the hold that was journalled, and of the newest
		for range 60 {
			switch rng.Intn(6) {
			case 0:
				d.settle()
			case 1:
				d.clock.Add(minute)
			case 2:
				n := last + rng.Intn(len(log)-last)
				err := d.e.Hold("sink", briefID, log[n])
				if durable < 0 && sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
					break // nobody held it
				}
				if err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
				if last = n; durable < 0 {
					durable = n
				}
			case 3:
				fs := d.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: randOf(rng.Int63())})
				d.close()
				d.fs = fs
				d.open()
				if durable < 0 {
					break
				}
				hs := d.e.Holds()
				if len(hs) != 1 || hs[0].After < log[durable] || hs[0].After > log[last] {
					t.Fatalf("seed %d: the hold is %v, put at %d and moved to %d", seed, hs, log[durable], log[last])
				}
				var want []string
				for i, ep := range log {
					if ep > log[last] {
						want = append(want, fmt.Sprintf("-1 1 %d, +1 1 %d", i-1, i))
					}
				}
				if got := d.since(scanPlan(briefID), log[last]); got != strings.Join(want, "; ") {
					t.Fatalf("seed %d: after the hold there is\n%s\nwant\n%s", seed, got, strings.Join(want, "; "))
				}
			default:
				put()
			}
		}
		d.close()
	}
}

// TestMetaOfTomorrow: what a newer release has journalled is refused by name.
func TestMetaOfTomorrow(t *testing.T) {
	d := openDB(t, vfs.NewMem())
	defer d.close()
	if err := d.e.replayMeta(1, []byte{metaEntryVersion + 1}); !sqlerr.HasCode(err, sqlerr.FeatureNotSupported) {
		t.Fatal(err)
	}
	if err := d.e.replayMeta(1, []byte{metaEntryVersion, '{'}); !sqlerr.HasCode(err, sqlerr.DataCorrupted) {
		t.Fatal(err)
	}
}
