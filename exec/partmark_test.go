package exec

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/types"
)

// TestPartitionMarks: the event time of a stream with partitions is that of the one
// that is furthest behind, of those that give something; a replay and a query of
// the past see the same.
func TestPartitionMarks(t *testing.T) {
	for _, kind := range []string{"timed", "timedoutside"} {
		t.Run(kind, func(t *testing.T) {
			o := &outsideDB{db: &db{t: t, host: &fakeHost{}, fs: vfs.NewCrashableMem()}, out: newFakeOutside(types.Int8, types.Int8)}
			o.host.out = o.out
			o.clock.Store(1_000_000)
			o.open()
			o.create(kind + " 16399")
			next := map[int32]int64{}
			var epochs []Epoch
			put := func(partition int32, times ...int64) {
				t.Helper()
				c := Cut{Object: timedID, Partition: partition, From: next[partition], Rows: len(times)}
				var kvw []int64
				for _, v := range times {
					kvw = append(kvw, 1, v, 1)
					o.out.add(partition, 0, []types.Datum{{I: 1}, {I: v}})
				}
				next[partition] += int64(len(times)) + 1
				o.out.add(partition, 0, nil)
				c.To = next[partition]
				txn := &Txn{Cuts: []Cut{c}}
				if len(times) > 0 {
					b := rows(kvw...)
					b.Weights = nil
					txn.Writes = []Write{{Object: timedID, Rows: b}}
				}
				epochs = append(epochs, o.commit(txn))
			}
			const s = 1_000_000
			mark := func(want int64) {
				t.Helper()
				if _, err := o.e.WaitFresh(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := o.e.watermarkFor(scanPlan(timedID)); got != want {
					t.Fatalf("the watermark is %d, want %d", got, want)
				}
			}
			put(0, 5*s, 3*s)
			mark(4 * s)
			put(1, 2*s) // late, but nothing goes back
			mark(4 * s)
			put(0, 50*s)
			mark(4 * s) // partition 1 holds it up
			put(1, 20*s)
			mark(19 * s)
			put(2)  // has nothing yet
			put(-5) // is none
			put(0, 51*s)
			put(1, 30*s)
			mark(19 * s)
			put(2, 28*s)
			mark(27 * s)
			o.clock.Add(2 * s) // the others are idle then
			put(0, 52*s)
			mark(51 * s)
			want := fmt.Sprint(timeline{{{epochs[0], 4 * s}, {epochs[3], 19 * s}, {epochs[8], 27 * s}, {epochs[9], 51 * s}}})
			for range 3 {
				m, err := o.e.moves([]*plan.Scan{scanPlan(timedID)}, epochs[9])
				if err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprint(m); got != want {
					t.Fatalf("event time went %s, want %s", got, want)
				}
				mark(51 * s)
				o.crash(nil)
				mark(51 * s)
				o.settle()
			}
			// The clocks of the partitions are what they were, too.
			put(1, 53*s)
			put(2, 54*s)
			put(0, 90*s)
			mark(52 * s)
			o.close()
		})
	}
}

// TestIdleMoves: that the wall clock moved an idle stream is seen by queries of the
// past, also after a checkpoint and a crash.
func TestIdleMoves(t *testing.T) {
	d := openDB(t, vfs.NewCrashableMem())
	d.create("timed 16399")
	d.create("view 16402 over 16399")
	first := d.insert(timedID, 1, 3_000_000, 1)
	if _, err := d.e.WaitFresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	d.clock.Add(20_000_000)
	scan := scanPlan(timedID)
	for began := time.Now(); d.e.watermarkFor(scan) == 2_000_000; time.Sleep(time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatal("the idle stream's watermark stands still")
		}
	}
	mark := d.e.watermarkFor(scan)
	last := d.insert(timedID, 1, 90_000_000, 1)
	want := ""
	for i := range 4 {
		m, err := d.e.moves([]*plan.Scan{scan}, last-1)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(m[0]); m[0][0] != (move{first, 2_000_000}) || n < 2 || m[0][n-1].to < mark {
			t.Fatalf("event time went %v, to %d at least", m, mark)
		}
		if got := fmt.Sprint(m); i == 0 {
			want = got
		} else if got != want {
			t.Fatalf("event time went %s, was %s", got, want)
		}
		fs := d.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
		d.close()
		d.fs = fs
		d.open()
		d.settle()
	}
	d.close()
}
