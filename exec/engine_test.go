package exec

import (
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// fakeHost keeps relation names as its catalog: "table 16400", "stream 16401",
// "view 16402 over 16401".
type fakeHost struct {
	defs []string
	out  Outside // of streams that are read through
}

func (h *fakeHost) Image() []byte { b, _ := json.Marshal(h.defs); return b }

func (h *fakeHost) Restore(s *Setup, image []byte) error {
	h.defs = nil
	if image == nil {
		return nil
	}
	var defs []string
	if err := json.Unmarshal(image, &defs); err != nil {
		return err
	}
	for _, d := range defs {
		if err := h.create(s, d); err != nil {
			return err
		}
	}
	return nil
}

func (h *fakeHost) Apply(s *Setup, _ Epoch, change []byte) error { return h.create(s, string(change)) }

const minute = 60_000_000 // µs

var pair = []types.Type{types.Int8, types.Int8}

func (h *fakeHost) create(s *Setup, def string) error {
	var kind string
	var id, over uint64
	fmt.Sscanf(def, "%s %d over %d", &kind, &id, &over)
	s.OnCommit(func() { h.defs = append(h.defs, def) })
	switch kind {
	case "table":
		return s.CreateTable(TableDef{ID: id, Name: "t", Types: pair, Columns: []string{"k", "v"}, Key: []int{0}, KeyName: "t_pkey", Rowtime: -1})
	case "stream":
		return s.CreateStream(StreamDef{ID: id, Name: "s", Types: pair, Columns: []string{"k", "v"}, Rowtime: -1, RetainMicros: -1})
	case "bag":
		return s.CreateTable(TableDef{ID: id, Name: "bag", Types: pair, Columns: []string{"k", "v"}, Rowtime: -1})
	case "timed": // event time is column v, one second behind, idle after a second
		return s.CreateStream(StreamDef{ID: id, Name: "timed", Types: pair, Columns: []string{"k", "v"}, Rowtime: 1,
			DelayMicros: 1_000_000, IdleMicros: 1_000_000, RetainMicros: -1})
	case "short": // a stream and a table that keep a minute
		return s.CreateStream(StreamDef{ID: id, Name: "short", Types: pair, Columns: []string{"k", "v"}, Rowtime: -1, RetainMicros: minute})
	case "brief":
		return s.CreateTable(TableDef{ID: id, Name: "brief", Types: pair, Columns: []string{"k", "v"}, Key: []int{0}, KeyName: "brief_pkey", Rowtime: -1, RetainMicros: minute})
	case "outside":
		return s.CreateStream(StreamDef{ID: id, Name: "outside", Types: pair, Columns: []string{"k", "v"}, Rowtime: -1, RetainMicros: -1, Outside: h.out})
	case "shortoutside":
		return s.CreateStream(StreamDef{ID: id, Name: "short", Types: pair, Columns: []string{"k", "v"}, Rowtime: -1, RetainMicros: minute, Outside: h.out})
	case "timedoutside": // as "timed"
		return s.CreateStream(StreamDef{ID: id, Name: "timed", Types: pair, Columns: []string{"k", "v"}, Rowtime: 1,
			DelayMicros: 1_000_000, IdleMicros: 1_000_000, RetainMicros: -1, Outside: h.out})
	case "alterkeyed", "alterbag": // to as many columns as over says
		def := TableDef{ID: id, Name: "t", Types: wide(int(over)), Columns: make([]string, over), Rowtime: -1, Base: 2}
		if kind == "alterkeyed" {
			def.Key, def.KeyName = []int{0}, "t_pkey"
		}
		return s.AlterTable(def)
	case "alterstream":
		return s.AlterStream(StreamDef{ID: id, Name: "s", Types: wide(int(over)), Columns: make([]string, over), Rowtime: -1, RetainMicros: -1, Base: 2})
	case "drop":
		s.Drop(id)
	case "join": // of stream or table over with table 16400, on k
		j := plan.NewJoin(plan.Left, scanPlan(over), scanPlan(tableID))
		j.LeftKeys, j.RightKeys = []int{0}, []int{0}
		plan.Derive(j)
		s.CreateView(ViewDef{ID: id, Name: "join", Plan: j, Columns: []string{"k", "v", "k2", "v2"}})
	case "temporal": // the rows of a stream within a second after the time in v
		n := plan.NewTemporal(scanPlan(over), []plan.Bound{{Col: 1, Unit: 1}, {Col: 1, Unit: 1, Add: 1_000_000, Until: true}})
		s.CreateView(ViewDef{ID: id, Name: "temporal", Plan: n, Columns: []string{"k", "v"}})
	case "final": // counts by windows of a second in v, when they are over
		s.CreateView(ViewDef{ID: id, Name: "final", Plan: finalPlan(over), Columns: []string{"end", "k", "n"}})
	case "view":
		s.CreateView(ViewDef{ID: id, Name: "v", Plan: sumPlan(over), Columns: []string{"k", "n", "sum"}})
	}
	return nil
}

func scanPlan(id uint64) *plan.Scan {
	sc := &plan.Scan{Object: id, Fields: []int{0, 1}, RowtimeCol: -1, Kind: plan.Stream}
	sc.Cols = []plan.Column{{Name: "k", Type: types.Int8}, {Name: "v", Type: types.Int8}}
	return sc
}

func finalPlan(over uint64) plan.Node {
	scan := scanPlan(over)
	scan.DropLate = true
	count, _ := funcs.ResolveAgg("count", nil, true, false)
	windows := plan.NewTumble(scan, 1, 1_000_000, 1_000_000, 0)
	groups := plan.NewAggregate(windows, []int{3, 0}, []plan.AggCall{{Fn: count.Agg, Filter: -1, Type: types.Int8}}, []string{"n"})
	return plan.NewFinal(groups, 0, 0)
}

func sumPlan(over uint64) plan.Node {
	count, _ := funcs.ResolveAgg("count", nil, true, false)
	sum, _ := funcs.ResolveAgg("sum", []types.Type{types.Int8}, false, false)
	return plan.NewAggregate(scanPlan(over), []int{0}, []plan.AggCall{
		{Fn: count.Agg, Filter: -1, Type: types.Int8},
		{Fn: sum.Agg, Args: []int{1}, Filter: -1, Type: types.Numeric},
	}, []string{"k", "n", "sum"})
}

type db struct {
	t     *testing.T
	e     *Engine
	host  *fakeHost
	clock atomic.Int64 // µs
	fs    vfs.FS
	chunk int64 // Config.ChunkBytes
	// epochs: since shows them.
	epochs bool
}

func openDB(t *testing.T, fs vfs.FS) *db {
	d := &db{t: t, host: &fakeHost{}, fs: fs}
	d.clock.Store(1_000_000)
	d.open()
	return d
}

func (d *db) open() {
	e, err := Open(Config{FS: d.fs, Dir: "db", Host: d.host, Now: func() int64 { return d.clock.Add(1000) }, CheckpointEvery: -1, Workers: 2, ChunkBytes: d.chunk})
	if err != nil {
		d.t.Fatal(err)
	}
	d.e = e
}

func (d *db) close() {
	d.t.Helper()
	if err := d.e.Close(); err != nil {
		d.t.Fatal(err)
	}
}

func (d *db) commit(txn *Txn) Epoch {
	d.t.Helper()
	ep, err := d.e.Commit(context.Background(), txn)
	if err != nil {
		d.t.Fatal(err)
	}
	return ep
}

func (d *db) create(def string) { d.t.Helper(); d.commit(&Txn{Catalog: []byte(def)}) }

// rows makes a batch of (k, v, weight) triples.
func rows(kvw ...int64) *vec.Batch {
	b := &vec.Batch{N: len(kvw) / 3, Cols: []*vec.Vec{{Type: types.Int8}, {Type: types.Int8}}}
	for i := 0; i < len(kvw); i += 3 {
		b.Cols[0].Ints = append(b.Cols[0].Ints, kvw[i])
		b.Cols[1].Ints = append(b.Cols[1].Ints, kvw[i+1])
		b.Weights = append(b.Weights, kvw[i+2])
	}
	for _, c := range b.Cols {
		c.N = b.N
	}
	return b
}

func (d *db) insert(id uint64, kvw ...int64) Epoch {
	d.t.Helper()
	return d.commit(&Txn{Writes: []Write{{Object: id, Rows: rows(kvw...)}}})
}

// read gives the rows of a relation at an epoch (0: fresh), sorted.
func (d *db) read(root plan.Node, ep Epoch) string {
	d.t.Helper()
	if ep == 0 {
		var err error
		if ep, err = d.e.WaitFresh(context.Background()); err != nil {
			d.t.Fatal(err)
		}
	}
	var out []string
	err := d.e.Read(context.Background(), root, ReadOptions{Epoch: ep, Ctx: &funcs.Ctx{}}, func(b *vec.Batch) error {
		out = append(out, show(b)...)
		return nil
	})
	if err != nil {
		return string(sqlerr.CodeOf(err))
	}
	sort.Strings(out)
	return strings.Join(out, "; ")
}

func show(b *vec.Batch) []string {
	var out []string
	for i := range b.N {
		var cells []string
		for _, c := range b.Cols {
			cells = append(cells, string(types.AppendText(nil, c.Datum(i), c.Type, nil)))
		}
		line := strings.Join(cells, " ")
		if b.Weights != nil {
			line = fmt.Sprintf("%+d %s", b.Weights[i], line)
		}
		out = append(out, line)
	}
	return out
}

func viewScan(id uint64) plan.Node {
	sc := &plan.Scan{Object: id, Fields: []int{0, 1, 2}, RowtimeCol: -1, Kind: plan.MatView}
	sc.Cols = []plan.Column{{Name: "k", Type: types.Int8}, {Name: "n", Type: types.Int8}, {Name: "sum", Type: types.Numeric}}
	return sc
}

func (d *db) want(got, want string) {
	d.t.Helper()
	if got != want {
		d.t.Fatalf("got  %s\nwant %s", got, want)
	}
}

const (
	tableID, streamID, viewID, tviewID, lateViewID, timedID = 16400, 16401, 16402, 16403, 16404, 16399
)

func TestEngine(t *testing.T) {
	fs := vfs.NewMem()
	d := openDB(t, fs)
	d.create("table 16400")
	d.create("stream 16401")
	d.create("view 16402 over 16401")
	d.create("view 16403 over 16400")
	e1 := d.insert(streamID, 1, 10, 1, 2, 20, 1)
	d.want(d.read(viewScan(viewID), 0), "1 1 10; 2 1 20")
	e2 := d.insert(streamID, 1, 5, 1)
	d.want(d.read(viewScan(viewID), 0), "1 2 15; 2 1 20")
	d.want(d.read(viewScan(viewID), e1), "1 1 10; 2 1 20")
	d.insert(tableID, 7, 70, 1, 8, 80, 1)
	_, err := d.e.Commit(context.Background(), &Txn{Writes: []Write{{Object: tableID, Rows: rows(7, 1, 1)}}})
	if !sqlerr.HasCode(err, sqlerr.UniqueViolation) {
		t.Fatalf("duplicate key: %v", err)
	}
	d.insert(tableID, 7, 70, -1, 7, 71, 1)
	d.want(d.read(scanPlan(tableID), 0), "7 71; 8 80")
	d.want(d.read(viewScan(tviewID), 0), "7 1 71; 8 1 80")

	// A view over what is already there.
	d.create("view 16404 over 16401")
	d.want(d.read(viewScan(lateViewID), 0), "1 2 15; 2 1 20")

	// Without a checkpoint: the journal gives everything back.
	check := func() {
		t.Helper()
		d.want(d.read(viewScan(viewID), 0), "1 2 15; 2 1 20")
		d.want(d.read(viewScan(lateViewID), 0), "1 2 15; 2 1 20")
		d.want(d.read(scanPlan(tableID), 0), "7 71; 8 80")
		d.want(d.read(viewScan(tviewID), 0), "7 1 71; 8 1 80")
		d.want(d.read(viewScan(viewID), e1), "1 1 10; 2 1 20")
		d.want(d.read(viewScan(viewID), e2), "1 2 15; 2 1 20")
		d.want(d.read(scanPlan(streamID), 0), "1 10; 1 5; 2 20")
	}
	check()
	for range 3 {
		if err := d.e.Close(); err != nil {
			t.Fatal(err)
		}
		d.open()
		check()
	}
	d.insert(streamID, 2, 1, 1)
	d.want(d.read(viewScan(viewID), 0), "1 2 15; 2 2 21")
	if err := d.e.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSubscribe(t *testing.T) {
	d := openDB(t, vfs.NewMem())
	defer d.e.Close()
	d.create("stream 16401")
	d.create("view 16402 over 16401")
	first := d.insert(streamID, 1, 10, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := d.e.Subscribe(ctx, viewScan(viewID), SubscribeOptions{Ctx: &funcs.Ctx{}, Snapshot: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	next := func(s *Subscription) string {
		t.Helper()
		us, _, err := s.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, u := range us {
			out = append(out, show(u.Rows)...)
		}
		return strings.Join(out, "; ")
	}
	d.want(next(s), "1 1 10")
	d.insert(streamID, 1, 5, 1)
	d.want(next(s), "-1 1 1 10; +1 1 2 15")

	resumed, err := d.e.Subscribe(ctx, viewScan(viewID), SubscribeOptions{Ctx: &funcs.Ctx{}, After: &first})
	if err != nil {
		t.Fatal(err)
	}
	defer resumed.Close()
	d.want(next(resumed), "-1 1 1 10; +1 1 2 15")
	d.insert(streamID, 3, 1, 1)
	d.want(next(resumed), "3 1 1")
	d.want(next(s), "3 1 1")

	// A time after the newest epoch that has passed is as good as the newest epoch.
	d.clock.Add(1_000_000)
	now := Epoch(d.clock.Load())
	asof, err := d.e.Subscribe(ctx, viewScan(viewID), SubscribeOptions{Ctx: &funcs.Ctx{}, Snapshot: true, From: &now})
	if err != nil {
		t.Fatal(err)
	}
	defer asof.Close()
	d.clock.Store(int64(now) - 500_000) // the clock goes back: no epoch may come before now all the same
	d.want(next(asof), "1 2 15; 3 1 1")
	if ep := d.insert(streamID, 4, 1, 1); ep <= now {
		t.Fatalf("epoch %d is not after %d, which had passed", ep, now)
	}
	d.want(next(asof), "4 1 1")
	last := d.e.Applied()
	future := last + 3_600_000_000
	if _, err := d.e.Subscribe(ctx, viewScan(viewID), SubscribeOptions{Ctx: &funcs.Ctx{}, From: &future}); !sqlerr.HasCode(err, sqlerr.InvalidParameterValue) {
		t.Fatalf("as of the future: %v", err)
	}

	// Nothing has happened since: that, too, is told to those who ask for progress.
	idle, err := d.e.Subscribe(ctx, viewScan(viewID), SubscribeOptions{Ctx: &funcs.Ctx{}, After: &last, Progress: true})
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if us, _, err := idle.Next(ctx); err != nil || len(us) != 1 || us[0].Epoch != d.e.Applied() || us[0].Rows != nil {
		t.Fatalf("resumed at the newest epoch: %v, %v", us, err)
	}
}

// A view over more history than an epoch should hold is built in slices, while
// writes go on, and survives a restart half way.
func TestDetachedView(t *testing.T) {
	d := openDB(t, vfs.NewMem())
	d.create("stream 16401")

	for i := range 5 {
		kvw := make([]int64, 0, 3*sliceRows)
		for k := range sliceRows {
			kvw = append(kvw, int64(k%10), int64(i), 1)
		}
		d.insert(streamID, kvw...)
	}
	d.create("view 16402 over 16401")
	if st, _ := d.e.ViewStatus(viewID); st.State == "live" {
		t.Log("the view was live at once: the machine is fast")
	}
	d.insert(streamID, 3, 1000, 1)
	if err := d.e.Close(); err != nil {
		t.Fatal(err)
	}
	d.open()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	d.insert(streamID, 4, 2000, 1)
	if err := d.e.WaitView(ctx, viewID, func(int64, int64) {}); err != nil {
		t.Fatal(err)
	}
	d.insert(streamID, 5, 3000, 1)
	var want []string
	for k := range 10 {
		count, sum := 0, 0
		for i := range 5 {
			for j := range sliceRows {
				if j%10 == k {
					count, sum = count+1, sum+i
				}
			}
		}
		if k >= 3 && k <= 5 {
			count, sum = count+1, sum+1000*(k-2)
		}
		want = append(want, fmt.Sprintf("%d %d %d", k, count, sum))
	}
	d.want(d.read(viewScan(viewID), 0), strings.Join(want, "; "))
	if err := d.e.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestResumeFiltered: a subscription that resumes hears of the newest epoch, though
// the query takes nothing of what came in it.
func TestResumeFiltered(t *testing.T) {
	d := openDB(t, vfs.NewMem())
	defer d.close()
	d.create("stream 16401")
	first := d.insert(streamID, 1, 1, 1)
	d.insert(streamID, 2, 1, 1)
	newest := d.insert(streamID, 9, 1, 1)
	scan := scanPlan(streamID)
	k, int8 := plan.Ref(scan, 0), types.Int8
	less, err := funcs.ResolveOp("<", &int8, types.Int8)
	if err != nil {
		t.Fatal(err)
	}
	few := plan.NewFilter(scan, &expr.Call{Fn: less.Overload, Args: []expr.Expr{k, &expr.Const{Typ: types.Int8, Val: types.Int(5)}}, Typ: less.Ret})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, err := d.e.Subscribe(ctx, few, SubscribeOptions{Ctx: &funcs.Ctx{}, After: &first, Progress: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for at := first; at < newest; {
		us, _, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("after epoch %d of %d: %v", at, newest, err)
		}
		at = us[len(us)-1].Epoch
	}
}
