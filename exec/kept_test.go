package exec

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/storage/topic"
)

// keep adds rows of (k, v) that the stream keeps itself.
func (o *outsideDB) keep(id uint64, kv ...int64) Epoch {
	o.t.Helper()
	var kvw []int64
	for i := 0; i < len(kv); i += 2 {
		kvw = append(kvw, kv[i], kv[i+1], 1)
	}
	b := rows(kvw...)
	b.Weights = nil
	return o.commit(&Txn{Writes: []Write{{Object: id, Rows: b}}, Cuts: []Cut{{Object: id, Partition: KeptRows, Rows: b.N}}})
}

// TestKept: rows that a stream that is read through keeps itself belong to it from
// their epoch on, for views that were there and for those that come later, over
// crashes and whatever has become of the topic outside.
func TestKept(t *testing.T) {
	const over, late = 16421, 16422
	o := openOutside(t)
	o.create("outside 16420")
	o.create("view 16421 over 16420")
	e1 := o.feed(outsideID, 1, 10, 2, 20)
	e2 := o.keep(outsideID, 1, 5, 3, 30)
	e3 := o.feed(outsideID, 1, 1)
	e4 := o.keep(outsideID, 2, 2)
	offsets := len(o.e.Offsets(outsideID))
	o.create("view 16422 over 16420")
	o.wait(late)
	check := func(where string) {
		t.Helper()
		o.wait(over, late)
		for _, c := range []struct {
			id   uint64
			ep   Epoch
			want string
		}{
			{over, e1, "1 1 10; 2 1 20"},
			{over, e2, "1 2 15; 2 1 20; 3 1 30"},
			{over, e3, "1 3 16; 2 1 20; 3 1 30"},
			{over, 0, "1 3 16; 2 2 22; 3 1 30"},
			{late, 0, "1 3 16; 2 2 22; 3 1 30"},
		} {
			if got := o.read(viewScan(c.id), c.ep); got != c.want {
				t.Fatalf("%s: view %d as of %d is %s, want %s", where, c.id, c.ep, got, c.want)
			}
		}
		o.want(o.read(scanPlan(outsideID), e1), "1 10; 2 20")
		o.want(o.read(scanPlan(outsideID), e2), "1 10; 1 5; 2 20; 3 30")
		o.want(o.read(scanPlan(outsideID), e4), "1 1; 1 10; 1 5; 2 2; 2 20; 3 30")
		o.want(o.since(scanPlan(outsideID), e1), "1 5, 3 30; 1 1; 2 2")
		if n := len(o.e.Offsets(outsideID)); n != offsets {
			t.Fatalf("%s: the source stands in %d partitions, stood in %d", where, n, offsets)
		}
	}
	check("at first")
	o.crash(nil)
	check("after a crash")
	o.settle()
	o.crash(nil)
	check("after a checkpoint")
	o.close()
	o.open()
	check("after a restart")
	o.crash(errAway) // what it keeps itself can be read all the same
	o.want(o.since(scanPlan(outsideID), e3), "2 2")
	o.out.setAway(nil)
	check("when the broker is back")
	o.create("drop 16422")
	o.create("drop 16421")
	o.create("drop 16420")
	if o.e.topics.Topic(outsideID|keptBit) != nil {
		t.Error("a dropped stream leaves its rows")
	}
	o.close()
}

// TestKeptRefused: rows are kept only for a stream that is read through, and not
// mixed with those of its source.
func TestKeptRefused(t *testing.T) {
	o := openOutside(t)
	o.create("outside 16420")
	o.create("stream 16401")
	o.create("table 16400")
	one := rows(1, 1, 1)
	one.Weights = nil
	for _, txn := range []*Txn{
		{Writes: []Write{{Object: streamID, Rows: one}}, Cuts: []Cut{{Object: streamID, Partition: KeptRows, Rows: 1}}},
		{Writes: []Write{{Object: tableID, Rows: one}}, Cuts: []Cut{{Object: tableID, Partition: KeptRows, Rows: 1}}},
		{Writes: []Write{{Object: outsideID, Rows: one}}, Cuts: []Cut{{Object: outsideID, Partition: KeptRows, Rows: 2}}},
		{Writes: []Write{{Object: outsideID, Rows: one}}, Cuts: []Cut{{Object: outsideID, Partition: KeptRows, Rows: 1}, {Object: outsideID, To: 1}}},
		{Writes: []Write{{Object: outsideID, Rows: one}}, Cuts: []Cut{{Object: outsideID, Partition: KeptRows, Rows: 1}, {Object: outsideID, Partition: KeptRows, Rows: 1}}},
		{Cuts: []Cut{{Object: outsideID, Partition: KeptRows}}},
	} {
		if _, err := o.e.Commit(context.Background(), txn); !sqlerr.HasCode(err, sqlerr.InternalError) {
			t.Errorf("%+v: %v", txn.Cuts, err)
		}
	}
	o.want(o.read(scanPlan(outsideID), 0)+o.read(scanPlan(streamID), 0)+o.read(scanPlan(tableID), 0), "")
	o.close()
}

// TestKeptRetained: kept rows go when their cuts do, not sooner.
func TestKeptRetained(t *testing.T) {
	o := openOutside(t)
	o.create("shortoutside 16420")
	o.keep(outsideID, 1, 1)
	o.settle()
	o.clock.Add(40_000_000)
	o.keep(outsideID, 2, 2)
	o.feed(outsideID, 3, 3)
	o.settle()
	kept := func() topic.Bounds {
		b, err := o.e.topics.Topic(outsideID | keptBit).Bounds(0)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for step, want := range []string{"1 1; 2 2; 3 3", "2 2; 3 3; 4 4", "4 4; 5 5"} {
		if got := o.read(scanPlan(outsideID), 0); got != want {
			t.Fatalf("step %d: got %s, want %s", step, got, want)
		}
		o.clock.Add(40_000_000)
		o.feed(outsideID, int64(4+step), int64(4+step))
		o.settle()
	}
	if b := kept(); b.Start == 0 || b.Start > 2 {
		t.Errorf("rows %d to %d are kept", b.Start, b.End)
	}
	o.close()
}

// TestKeptMarks: the event time of a stream goes the same way after a crash as it
// went when rows that it keeps came between those of its source.
func TestKeptMarks(t *testing.T) {
	o := &outsideDB{db: &db{t: t, host: &fakeHost{}, fs: vfs.NewCrashableMem()}, out: newFakeOutside(types.Int8, types.Int8)}
	o.host.out = o.out
	o.clock.Store(1_000_000)
	o.open()
	o.create("timedoutside 16399")
	const s = 1_000_000
	next := int64(0)
	put := func(time int64) {
		b := rows(1, time, 1)
		b.Weights = nil
		o.out.add(0, 0, []types.Datum{{I: 1}, {I: time}})
		o.commit(&Txn{Writes: []Write{{Object: timedID, Rows: b}}, Cuts: []Cut{{Object: timedID, From: next, To: next + 1, Rows: 1}}})
		next++
	}
	put(10 * s)
	o.keep(timedID, 1, 3*s, 1, 20*s) // the first is late, the second ahead of partition 0
	put(40 * s)                      // held up by what was kept, for a while
	o.clock.Add(2 * s)
	put(41 * s)
	mark := func() int64 {
		if _, err := o.e.WaitFresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		return o.e.watermarkFor(scanPlan(timedID))
	}
	was, late := mark(), o.e.relation(timedID).late.Load()
	if was != 40*s || late != 1 {
		t.Fatalf("the watermark is %d, %d rows were late", was, late)
	}
	for range 2 {
		o.crash(nil)
		if got, n := mark(), o.e.relation(timedID).late.Load(); got != was || n != late {
			t.Fatalf("the watermark is %d, was %d; %d rows were late, %d had been", got, was, n, late)
		}
		o.want(o.read(scanPlan(timedID), 0), "1 10000000; 1 20000000; 1 3000000; 1 40000000; 1 41000000")
		o.settle()
	}
	o.close()
}
