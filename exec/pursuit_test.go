package exec

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/storage/journal"
)

const outsideID = 16420

var errAway = errors.New("the broker is away")

// outsideDB is a database with a stream that is read through.
type outsideDB struct {
	*db
	out *fakeOutside
	rng *rand.Rand
}

func openOutside(t *testing.T) *outsideDB {
	o := &outsideDB{db: &db{t: t, host: &fakeHost{}, fs: vfs.NewCrashableMem()}, out: newFakeOutside(types.Int8, types.Int8), rng: rand.New(rand.NewSource(1))}
	o.host.out = o.out
	o.clock.Store(1_000_000)
	o.open()
	return o
}

// feed brings rows of (k, v) from outside.
func (o *outsideDB) feed(id uint64, kv ...int64) Epoch {
	o.t.Helper()
	var kvw []int64
	for i := 0; i < len(kv); i += 2 {
		kvw = append(kvw, kv[i], kv[i+1], 1)
	}
	b := rows(kvw...)
	b.Weights = nil
	return o.commit(&Txn{Writes: []Write{{Object: id, Rows: b}}, Cuts: o.out.produce(o.rng, id, b)})
}

// crash loses power and starts again, the broker being away or not.
func (o *outsideDB) crash(away error) {
	o.t.Helper()
	fs := o.fs.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{})
	o.close()
	o.fs = fs
	o.out.setAway(away)
	o.open()
}

func (o *outsideDB) wait(views ...uint64) {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, id := range views {
		if err := o.e.WaitView(ctx, id, func(int64, int64) {}); err != nil {
			o.t.Fatal(err)
		}
	}
}

// TestReadThrough: a stream whose records stay outside answers like any other, now
// and as of the past, over restarts; while the broker is away only what rests on it
// is not live.
func TestReadThrough(t *testing.T) {
	const over, twice, late, table = 16421, 16422, 16423, 16419
	o := openOutside(t)
	o.create("outside 16420")
	o.create("table 16419")
	o.create("view 16421 over 16420")
	o.create("view 16422 over 16421")
	o.create("view 16424 over 16419")
	e1 := o.feed(outsideID, 1, 10, 2, 20)
	e2 := o.feed(outsideID, 1, 5)
	o.insert(table, 1, 7, 1)
	o.create("view 16423 over 16420") // over what is already there
	o.wait(late)
	e3 := o.feed(outsideID, 3, 1)
	check := func(where string) {
		t.Helper()
		for _, c := range []struct {
			root plan.Node
			ep   Epoch
			want string
		}{
			{scanPlan(outsideID), 0, "1 10; 1 5; 2 20; 3 1"},
			{scanPlan(outsideID), e2, "1 10; 1 5; 2 20"},
			{scanPlan(outsideID), e1, "1 10; 2 20"},
			{viewScan(over), 0, "1 2 15; 2 1 20; 3 1 1"},
			{viewScan(late), 0, "1 2 15; 2 1 20; 3 1 1"},
			{viewScan(late), e1, "72000"},
			{viewScan(over), e2, "1 2 15; 2 1 20"},
			{viewScan(over), e1, "1 1 10; 2 1 20"},
			{viewScan(twice), 0, "1 1 2; 2 1 1; 3 1 1"},
			{viewScan(twice), e1, "1 1 1; 2 1 1"},
			{viewScan(16424), 0, "1 1 7"},
		} {
			if got := o.read(c.root, c.ep); got != c.want {
				t.Fatalf("%s: as of %d got %s, want %s", where, c.ep, got, c.want)
			}
		}
		o.want(o.since(viewScan(over), e1), "-1 1 1 10, +1 1 2 15; 3 1 1")
		o.want(o.since(viewScan(twice), e1), "-1 1 1 1, +1 1 1 2; 3 1 1")
		o.want(o.since(scanPlan(outsideID), e1), "1 5; 3 1")
	}
	check("at first")
	o.crash(nil)
	check("after a crash")
	o.close()
	o.open()
	check("after a restart")
	o.crash(nil)
	check("after another crash")

	// Away: the server starts, and says what it cannot.
	e4 := o.feed(outsideID, 4, 4)
	o.crash(errAway)
	for _, id := range []uint64{over, twice, late} {
		if st, _ := o.e.ViewStatus(id); st.State != "waiting" || !strings.Contains(st.LastError, "the broker is away") && id != twice {
			t.Fatalf("view %d is %q: %s", id, st.State, st.LastError)
		}
		o.want(o.read(viewScan(id), 0), string(sqlerr.ObjectNotInPrerequisiteState))
	}
	o.want(o.read(viewScan(16424), 0), "1 1 7")
	o.insert(table, 2, 8, 1)
	o.want(o.read(viewScan(16424), 0), "1 1 7; 2 1 8")
	if _, err := o.e.WaitFresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	// A checkpoint may come in between, and another crash.
	o.settle()
	e5 := o.feed(outsideID, 5, 5) // the source's reader is sooner than the views
	o.crash(errAway)
	o.insert(table, 3, 9, 1)
	o.out.setAway(nil)
	o.wait(over, twice, late)
	o.want(o.read(viewScan(over), 0), "1 2 15; 2 1 20; 3 1 1; 4 1 4; 5 1 5")
	o.want(o.read(viewScan(over), e4), "1 2 15; 2 1 20; 3 1 1; 4 1 4")
	o.want(o.read(viewScan(over), e3), "1 2 15; 2 1 20; 3 1 1")
	o.want(o.read(viewScan(twice), e4), "1 1 2; 2 1 1; 3 1 1; 4 1 1")
	o.want(o.since(viewScan(over), e2), "3 1 1; 4 1 4; 5 1 5")
	o.want(o.since(viewScan(twice), e3), "4 1 1; 5 1 1")
	o.want(o.since(viewScan(over), e5), "")
	o.feed(outsideID, 1, 1)
	o.want(o.read(viewScan(over), 0), "1 3 16; 2 1 20; 3 1 1; 4 1 4; 5 1 5")
	o.close()
}

// TestReadThroughCreate: a view that was created shortly before a crash joins where
// it did, though its source comes back only later.
func TestReadThroughCreate(t *testing.T) {
	o := openOutside(t)
	o.create("outside 16420")
	o.feed(outsideID, 1, 10, 2, 20)
	o.settle()
	o.create("view 16421 over 16420")
	o.wait(16421)
	e1 := o.e.Applied()
	o.create("view 16422 over 16421")
	e2 := o.feed(outsideID, 1, 5)
	o.read(viewScan(16421), 0)
	o.crash(errAway)
	o.insertNothing()
	o.crash(errAway)
	o.settle()
	o.crash(errAway)
	o.out.setAway(nil)
	o.wait(16421, 16422)
	o.want(o.read(viewScan(16421), e1), "1 1 10; 2 1 20")
	o.want(o.read(viewScan(16421), e2), "1 2 15; 2 1 20")
	o.want(o.since(viewScan(16421), e1), "-1 1 1 10, +1 1 2 15")
	o.want(o.read(viewScan(16422), 0), "1 1 2; 2 1 1")
	// A view that is dropped while it waits is gone, also while its records are read.
	o.crash(errAway)
	gate := make(chan struct{})
	o.out.mu.Lock()
	o.out.away, o.out.gate = nil, gate
	o.out.mu.Unlock()
	o.create("drop 16422")
	o.create("drop 16421")
	o.create("drop 16420")
	o.close()
}

func (o *outsideDB) insertNothing() { o.t.Helper(); o.commit(&Txn{}) }

// TestReadThroughGone: what a view has missed and the topic no longer has is an
// error, which names it, until it is to be left out. A new view cannot be built then.
func TestReadThroughGone(t *testing.T) {
	o := openOutside(t)
	o.create("outside 16420")
	o.create("view 16421 over 16420")
	o.feed(outsideID, 1, 10, 2, 20)
	o.out.mu.Lock()
	for p := range int32(3) {
		o.out.starts[p] = 100
	}
	o.out.mu.Unlock()
	o.crash(nil)
	<-o.e.relation(16421).run.tried
	if st, _ := o.e.ViewStatus(16421); st.State != "waiting" || !strings.Contains(st.LastError, "begins at offset 100") {
		t.Fatal(st)
	}
	o.want(o.read(scanPlan(outsideID), 0), "72000")
	o.want(o.read(viewScan(16421), 0), "55000")
	o.create("view 16422 over 16420")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := o.e.WaitView(ctx, 16422, func(int64, int64) {}); !sqlerr.HasCode(err, sqlerr.SnapshotTooOld) {
		t.Fatal(err)
	}
	o.out.mu.Lock()
	o.out.leavesOut = true
	o.out.mu.Unlock()
	o.wait(16421)
	o.create("view 16423 over 16420")
	o.wait(16423)
	o.feed(outsideID, 1, 5)
	o.want(o.read(viewScan(16421), 0), "1 1 5")
	o.want(o.read(viewScan(16423), 0), "1 1 5")
	o.close()
}

// TestReadThroughSlow: records that come slowly hold nobody up: neither writers nor
// the view, which gets what comes meanwhile from a queue.
func TestReadThroughSlow(t *testing.T) {
	o := openOutside(t)
	o.create("outside 16420")
	o.create("table 16419")
	o.feed(outsideID, 1, 10)
	gate := make(chan struct{})
	o.out.mu.Lock()
	o.out.gate = gate
	o.out.mu.Unlock()
	o.create("view 16421 over 16420")
	for i := range int64(20) {
		o.feed(outsideID, 2, i)
		o.insert(16419, i, i, 1)
	}
	if st, _ := o.e.ViewStatus(16421); st.State != "catching up" {
		t.Fatal(st)
	}
	close(gate)
	o.wait(16421)
	o.feed(outsideID, 1, 1)
	o.want(o.read(viewScan(16421), 0), "1 2 11; 2 20 190")
	o.close()
}

// TestReadThroughMarks: event time of a stream that is read through, and which of its
// records were late, is known without the records.
func TestReadThroughMarks(t *testing.T) {
	o := openOutside(t)
	o.out.partitions = 1
	o.create("timedoutside 16420")
	o.create("view 16421 over 16420")
	scan := scanPlan(outsideID)
	var epochs []Epoch
	for _, v := range []int64{3_000_000, 2_500_000, 9_000_000, 1, 9_500_000} {
		epochs = append(epochs, o.feed(outsideID, 1, v))
	}
	line := func() string {
		t.Helper()
		ep, err := o.e.WaitFresh(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		m, err := o.e.moves([]*plan.Scan{scan}, ep)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(m)
	}
	want := fmt.Sprint(timeline{{{epochs[0], 2_000_000}, {epochs[2], 8_000_000}, {epochs[4], 8_500_000}}})
	if got := line(); got != want {
		t.Fatalf("event time went %s, want %s", got, want)
	}
	late := scanPlan(outsideID)
	late.DropLate = true
	for range 2 {
		o.crash(errAway)
		if got := line(); got != want {
			t.Fatalf("event time went %s, want %s", got, want)
		}
		if got := o.e.watermarkFor(scan); got != 8_500_000 {
			t.Fatalf("the watermark is %d", got)
		}
		st, _ := o.e.StreamStatus(outsideID)
		if st.Late != 1 || st.Rows != 5 {
			t.Fatal(st)
		}
		o.out.setAway(nil)
		o.want(o.read(late, 0), "1 2500000; 1 3000000; 1 9000000; 1 9500000")
		o.settle()
	}
	o.close()
}

// TestReadThroughFinal: windows over a stream that is read through close at the
// epochs at which they did, whenever the records come back: a sink that had passed
// some of them on finds the same ones.
func TestReadThroughFinal(t *testing.T) {
	o := openOutside(t)
	o.epochs = true
	o.out.partitions = 1
	o.create("timedoutside 16420")
	o.create("table 16419")
	o.create("final 16421 over 16420")
	first := o.insert(16419, 1, 1, 1)
	final := scanPlan(16421)
	final.Kind, final.Fields = plan.MatView, []int{0, 1, 2}
	final.Cols = append(final.Cols, plan.Column{Name: "n", Type: types.Int8})
	const s = 1_000_000
	for i := range int64(6) {
		o.feed(outsideID, 1, i*s, 2, i*s+300, 1, i*s-2*s)
		o.insert(16419, 10+i, i, 1)
	}
	if _, err := o.e.WaitFresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Then it is idle, and its time goes with the clock.
	before := o.e.watermarkFor(scanPlan(outsideID))
	o.clock.Add(20 * s)
	for began := time.Now(); o.e.watermarkFor(scanPlan(outsideID)) == before; time.Sleep(time.Millisecond) {
		if time.Since(began) > 10*time.Second {
			t.Fatal("the idle stream's watermark stands still")
		}
	}
	o.feed(outsideID, 1, 40*s)
	want := o.since(final, first)
	if strings.Count(want, ":") < 4 {
		t.Fatalf("few windows have closed: %s", want)
	}
	for i := range 4 {
		o.crash(errAway)
		if i == 2 {
			o.settle()
		}
		o.out.setAway(nil)
		o.wait(16421)
		if got := o.since(final, first); !strings.HasPrefix(got, want) {
			t.Fatalf("round %d: the windows closed\n%s\nbefore the crash they had closed\n%s", i, got, want)
		}
		want = o.since(final, first)
		o.feed(outsideID, 1, int64(50+i)*s)
	}
	o.close()
}

// TestReadThroughCrash is TestCrashAtSteps with a stream that is read through, its
// broker being away now and then when the server starts.
func TestReadThroughCrash(t *testing.T) {
	stopped := errors.New("stopped here")
	for seed := range seeds(6) {
		out := newFakeOutside(types.Int8, types.Int8)
		out.keeps = 3
		c := newCrashDBOver(t, seed, vfs.NewCrashableMem(), out)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		for life := range 5 {
			where := fmt.Sprintf("seed %d, life %d", seed, life)
			c.follow(where)
			image, point, acked := c.untilStop(stopped)
			c.e.Close()
			c.stop = nil
			c.fs = image
			rec, err := journal.Verify(journal.Config{FS: image, Dir: "db/" + journalDir}, func(*journal.Frame) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			c.found = rec.LastEpoch
			if c.rng.Intn(2) == 0 {
				out.setAway(errAway)
			}
			c.open()
			out.forget(c.e.Offsets(crashStream))
			if c.rng.Intn(2) == 0 { // a checkpoint while views are behind
				if err := c.checkpoint(); err != nil {
					t.Fatal(err)
				}
			}
			out.setAway(nil)
			for _, id := range []uint64{overStream, twice} {
				if err := c.e.WaitView(ctx, id, func(int64, int64) {}); err != nil {
					t.Fatalf("%s: %v", where, err)
				}
			}
			c.recovered(where+", "+point, acked)
			c.check(where + ", " + point)
			c.follow(where + ", " + point)
		}
		cancel()
		c.close()
	}
}
