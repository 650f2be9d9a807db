package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/circuit"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/parser"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/state"
)

// benchPlan drives circuits of bound SQL with batches that are in memory: what
// the engine does in a step, without wire and journal. State is durable, with a
// checkpoint every 10 s beside it; CPU is that of the whole process.
func benchPlan(ctx context.Context, r *run) error {
	ballast := make([]byte, 32<<20) // the server's, see main.go
	defer runtime.KeepAlive(ballast)
	keys := r.size(10_000, 100_000, 1_000_000)
	window := time.Duration(pick(r, 100, 2000, 35_000)) * time.Millisecond
	for _, b := range []struct {
		what  string
		floor float64 // M rows per CPU-second
		make  func() *planned
	}{
		{"filter + 3 expressions", 60, func() *planned { return filterPlan() }},
		{"sum, count by " + short(float64(keys)) + " keys", 4, func() *planned { return sumPlan(keys, false) }},
		{"the same with an hour's history", 0, func() *planned { return sumPlan(keys, true) }},
		{"join on " + short(float64(keys)) + " keys", 1, func() *planned { return joinPlan(keys) }},
	} {
		p := b.make()
		if p.err != nil {
			return fmt.Errorf("%s: %w", b.what, p.err)
		}
		dir, err := r.folder("plan")
		if err != nil {
			return err
		}
		w := window
		if p.stateless {
			w = min(w, 5*time.Second)
		}
		o, err := p.drive(ctx, dir, w)
		if err != nil {
			return fmt.Errorf("%s: %w", b.what, err)
		}
		speed := float64(o.rows) / o.cpu
		floor := fmt.Sprintf("≥ %g M", b.floor)
		if b.floor == 0 {
			floor = ""
		}
		r.alone(b.what, series{speed}, "rows/CPU-s", floor, speed >= b.floor*1e6)
		if !p.stateless {
			r.alone(b.what+": L0 sublevels", series{float64(o.sublevels[1])},
				fmt.Sprintf("at the end, %d at the start, %d checkpoints", o.sublevels[0], o.checkpoints), "≤ start + 4", o.sublevels[1] <= o.sublevels[0]+4)
		}
	}
	return nil
}

// epochBatches is how many batches come in one epoch of a loaded system.
const epochBatches = 16

// planned is a view's plan and what is fed to it.
type planned struct {
	query     *planner.Query
	err       error
	output    arrange.TableOptions
	stateless bool
	// fill brings every key once; epoch n brings what the measurement repeats.
	fill  func(push func(scan int, b *vec.Batch))
	epoch func(n int, push func(scan int, b *vec.Batch))
	// right checks the view after n epochs.
	right func(v *circuit.View, epoch uint64, n int) error
}

// bindView binds a query over relations that it creates.
func bindView(p *planned, query string, relations ...string) *planned {
	fail := func(err error) *planned { p.err = err; return p }
	snap := catalog.New(nil)
	opt := func() planner.Options {
		return planner.Options{Catalog: snap, SearchPath: []string{"public"}, Env: types.NewEnv()}
	}
	parse := func(sql string) (ast.Statement, error) {
		all, err := parser.Parse(sql)
		if err != nil {
			return nil, err
		}
		return all[0].Stmt, nil
	}
	for i, sql := range relations {
		stmt, err := parse(sql)
		if err != nil {
			return fail(err)
		}
		o, err := planner.BindTableDef(stmt.(*ast.CreateTable), opt())
		if err != nil {
			return fail(err)
		}
		o.ID = catalog.FirstUserID + uint64(i)
		if o.Schema == "" {
			o.Schema = "public"
		}
		snap = snap.Apply([]catalog.Change{{Op: catalog.Put, Object: o}})
	}
	stmt, err := parse("CREATE MATERIALIZED VIEW v AS " + query)
	if err != nil {
		return fail(err)
	}
	view, err := planner.BindView(stmt.(*ast.CreateView), opt())
	if err != nil {
		return fail(err)
	}
	p.query, p.err = planner.PlanView(view.Object, opt())
	return p
}

func ints(n int, nullEvery int, columns ...func(i int) int64) *vec.Batch {
	b := &vec.Batch{N: n}
	for _, f := range columns {
		v := &vec.Vec{Type: types.Int8, N: n, Ints: make([]int64, n)}
		for i := range n {
			v.Ints[i] = f(i)
		}
		if nullEvery > 0 {
			v.Valid = vec.NewBitmap(n, true)
			for i := 0; i < n; i += nullEvery {
				v.Valid.Clear(i)
			}
		}
		b.Cols = append(b.Cols, v)
	}
	return b
}

func filterPlan() *planned {
	batch := ints(vec.BatchRows, 10, func(i int) int64 { return int64(i*7919) % 1000 }, func(i int) int64 { return int64(i) }, func(i int) int64 { return int64(i * 3) })
	p := &planned{stateless: true, epoch: func(_ int, push func(int, *vec.Batch)) {
		for range epochBatches {
			push(0, batch)
		}
	}}
	return bindView(p, "SELECT a + b AS x, c * 3 AS y, b - c AS z FROM s WHERE a < 800", "CREATE STREAM s (a bigint, b bigint, c bigint)")
}

func sumPlan(keys int64, history bool) *planned {
	rng := rand.New(rand.NewPCG(1, 2))
	var batches, all []*vec.Batch
	for range 256 {
		batches = append(batches, ints(vec.BatchRows, 0, func(int) int64 { return rng.Int64N(keys) }, func(int) int64 { return rng.Int64N(1000) }))
	}
	for base := int64(0); base < keys; base += vec.BatchRows {
		n := min(vec.BatchRows, keys-base)
		all = append(all, ints(int(n), 0, func(i int) int64 { return base + int64(i) }, func(int) int64 { return 0 }))
	}
	p := &planned{
		fill: func(push func(int, *vec.Batch)) {
			for _, b := range all {
				push(0, b)
			}
		},
		epoch: func(n int, push func(int, *vec.Batch)) {
			for i := range epochBatches {
				push(0, batches[(n*epochBatches+i)%len(batches)])
			}
		},
		right: func(v *circuit.View, epoch uint64, n int) error {
			count := int64(1) // of the first key of the first batch; the fill counted it once
			k := batches[0].Cols[0].Ints[0]
			for e := range n {
				for i := range epochBatches {
					for _, x := range batches[(e*epochBatches+i)%len(batches)].Cols[0].Ints {
						if x == k {
							count++
						}
					}
				}
				if n > 2000 { // the batches come round: no need to count them one by one
					return nil
				}
			}
			row, err := v.Get(ints(1, 0, func(int) int64 { return k }), epoch, nil)
			if err != nil {
				return err
			}
			if row == nil || row.N != 1 || row.Cols[1].Ints[0] != count || v.Rows() != keys {
				return fmt.Errorf("%w: key %d, expected a count of %d", errWrong, k, count)
			}
			return nil
		},
	}
	if history {
		p.output = arrange.TableOptions{History: arrange.HistoryKeep, RetainMicros: int64(time.Hour / time.Microsecond)}
	}
	return bindView(p, "SELECT k, count(*) AS n, sum(v) AS total FROM s GROUP BY k", "CREATE STREAM s (k bigint, v bigint)")
}

// joinPlan: each epoch brings the same keys to both sides in different orders.
// When all keys have been there, the next round takes them away again, so that a
// row has one match.
func joinPlan(keys int64) *planned {
	const side = epochBatches / 2
	type pair struct{ l, r *vec.Batch }
	var batches []pair
	for base := int64(0); base+vec.BatchRows <= keys; base += vec.BatchRows {
		key := func(i int) int64 { return (base + int64(i)) * 7919 % keys }
		batches = append(batches, pair{
			ints(vec.BatchRows, 0, func(i int) int64 { return key(i) }, func(int) int64 { return base }),
			ints(vec.BatchRows, 0, func(i int) int64 { return key(vec.BatchRows - 1 - i) }, func(int) int64 { return -base }),
		})
	}
	gone := make([]int64, vec.BatchRows)
	for i := range gone {
		gone[i] = -1
	}
	p := &planned{
		epoch: func(n int, push func(int, *vec.Batch)) {
			for i := n * side; i < (n+1)*side; i++ {
				b := batches[i%len(batches)]
				l, r := *b.l, *b.r
				if i/len(batches)%2 == 1 {
					l.Weights, r.Weights = gone, gone
				}
				push(0, &l)
				push(1, &r)
			}
		},
		right: func(v *circuit.View, _ uint64, n int) error {
			done, round := n*side, len(batches)
			want := done % round
			if done/round%2 == 1 {
				want = round - want
			}
			if got := v.Rows(); got != int64(want)*vec.BatchRows {
				return fmt.Errorf("%w: %d rows, expected %d", errWrong, got, want*vec.BatchRows)
			}
			return nil
		},
	}
	return bindView(p, "SELECT l.k, l.v, r.w FROM l JOIN r ON l.k = r.k", "CREATE TABLE l (k bigint, v bigint)", "CREATE TABLE r (k bigint, w bigint)")
}

// discard takes a circuit's output and forgets it.
type discard struct{}

func (discard) Batch(*vec.Batch) error    { return nil }
func (discard) Errors([]zset.Error) error { return nil }

type outcome struct {
	rows        int64
	cpu         float64
	checkpoints int
	sublevels   [2]int32 // at the start, at the end
}

// drive steps the plan for a while, checkpoints beside it.
func (p *planned) drive(ctx context.Context, dir string, window time.Duration) (o outcome, err error) {
	store, err := state.Open(filepath.Join(dir, "state"), nil, state.Options{})
	if err != nil {
		return o, err
	}
	defer store.Close()
	space := arrange.NewSpace(arrange.Options{Store: store, Budget: arrange.NewBudget(4 << 30), EpochTime: func(e uint64) int64 { return int64(e) }})
	defer space.Close()
	ec := &funcs.Ctx{Env: types.NewEnv()}
	c, err := circuit.Build(p.query.Root, circuit.Env{Space: space, StateID: func(i int) uint64 { return uint64(i + 1) }, Output: p.output})
	if err != nil {
		return o, err
	}
	v, err := circuit.NewView(c, "v", ec)
	if err != nil {
		return o, err
	}
	v.SetWanted(false)
	var out operator.Emit = v
	if p.stateless {
		out = discard{}
	}
	epoch := uint64(1)
	step := func(feed func(push func(int, *vec.Batch))) error {
		epoch += 50_000 // µs
		space.Begin(epoch)
		s := &operator.Step{Epoch: epoch, Time: int64(epoch), Watermark: math.MinInt64, Ctx: ec, Workers: 1}
		var pushErr error
		feed(func(scan int, b *vec.Batch) {
			o.rows += int64(b.N)
			if err := c.Push(s, scan, b, out); err != nil {
				pushErr = err
			}
		})
		if pushErr != nil {
			return pushErr
		}
		if err := c.Flush(s, out); err != nil {
			return err
		}
		_, err := v.Commit(epoch)
		return err
	}
	written := make(chan error, 1)
	written <- nil
	last := time.Now()
	checkpoint := func() error {
		if err := <-written; err != nil {
			return err
		}
		last = time.Now()
		o.checkpoints++
		f := space.Freeze()
		go func() { written <- f.Write(ctx, nil) }()
		return nil
	}
	if p.fill != nil {
		if err := step(p.fill); err != nil {
			return o, err
		}
	}
	if err := checkpoint(); err != nil {
		return o, err
	}
	o.sublevels[0] = store.Metrics().L0Sublevels
	o.rows, o.checkpoints = 0, 0
	every := min(10*time.Second, window/3)
	began, cpu, n := time.Now(), processCPU(), 0
	for ; time.Since(began) < window || n == 0; n++ {
		if err := step(func(push func(int, *vec.Batch)) { p.epoch(n, push) }); err != nil {
			return o, err
		}
		if !p.stateless && time.Since(last) >= every {
			if err := checkpoint(); err != nil {
				return o, err
			}
		}
	}
	if err := checkpoint(); err != nil { // what is dirty is paid for
		return o, err
	}
	if err := <-written; err != nil {
		return o, err
	}
	o.cpu = processCPU() - cpu
	o.sublevels[1] = store.Metrics().L0Sublevels
	if p.right != nil {
		err = p.right(v, epoch, n)
	}
	return o, err
}

// processCPU is this process's CPU-seconds, those of the collector included.
func processCPU() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
