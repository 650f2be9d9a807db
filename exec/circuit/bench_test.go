package circuit

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
	"github.com/tarndb/tarn/storage/state"
)

// nowhere takes a circuit's output and forgets it.
type nowhere struct{ rows int }

func (n *nowhere) Batch(b *vec.Batch) error  { n.rows += b.N; return nil }
func (n *nowhere) Errors([]zset.Error) error { return nil }

func benchScan(appendOnly bool, cols ...plan.Column) *plan.Scan {
	s := &plan.Scan{Object: 1, Name: "s", RowtimeCol: -1}
	s.Cols = cols
	s.P = plan.Props{AppendOnly: appendOnly, Watermark: -1}
	return s
}

func intBatch(n int, nullEvery int, f ...func(i int) int64) *vec.Batch {
	b := &vec.Batch{N: n}
	for _, f := range f {
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

// epochRows is how many rows come in one epoch of a loaded system.
const epochRows = 16 * vec.BatchRows

// drive steps a circuit over the given batches again and again.
func drive(b *testing.B, root plan.Node, quiet bool, epoch func(n int, push func(scan int, b *vec.Batch))) {
	env, space := testEnv()
	env.Output = arrange.TableOptions{} // history is the view's choice, and has its own price
	c, err := Build(root, env)
	if err != nil {
		b.Fatal(err)
	}
	v, err := NewView(c, "v", ctx())
	if err != nil {
		b.Fatal(err)
	}
	var out operator.Emit = &nowhere{}
	if quiet {
		v.SetWanted(false)
		out = v
	}
	rows, n := 0, 0
	b.ReportAllocs()
	cpu := cpuSeconds()
	for b.Loop() {
		n++
		space.Begin(uint64(n))
		s := &operator.Step{Epoch: uint64(n), Watermark: math.MinInt64, Ctx: ctx(), Workers: 1}
		epoch(n, func(scan int, batch *vec.Batch) {
			rows += batch.N
			if err := c.Push(s, scan, batch, out); err != nil {
				b.Fatal(err)
			}
		})
		if err := c.Flush(s, out); err != nil {
			b.Fatal(err)
		}
		if _, err := v.Commit(uint64(n)); err != nil {
			b.Fatal(err)
		}
	}
	cpu = cpuSeconds() - cpu
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	if cpu > 0 {
		b.ReportMetric(float64(rows)/cpu, "rows/cpu-s")
	}
}

func BenchmarkFilterProject(b *testing.B) {
	s := benchScan(true, plan.Column{Name: "a", Type: types.Int8}, plan.Column{Name: "b", Type: types.Int8}, plan.Column{Name: "c", Type: types.Int8})
	f := plan.NewFilter(s, op("<", plan.Ref(s, 0), constInt(800)))
	p := plan.NewProject(f, []expr.Expr{op("+", plan.Ref(s, 0), plan.Ref(s, 1)), op("*", plan.Ref(s, 2), constInt(3)), op("-", plan.Ref(s, 1), plan.Ref(s, 2))}, []string{"x", "y", "z"})
	batch := intBatch(vec.BatchRows, 10, func(i int) int64 { return int64(i*7919) % 1000 }, func(i int) int64 { return int64(i) }, func(i int) int64 { return int64(i * 3) })
	drive(b, p, false, func(n int, push func(int, *vec.Batch)) {
		for range 16 {
			push(0, batch)
		}
	})
}

func BenchmarkAggregate(b *testing.B) {
	for _, keys := range []int64{10_000, 1_000_000} {
		for _, quiet := range []bool{true, false} {
			b.Run(fmt.Sprintf("keys=%d/view=%v", keys, quiet), func(b *testing.B) {
				s := benchScan(true, plan.Column{Name: "k", Type: types.Int8}, plan.Column{Name: "v", Type: types.Int8})
				w := &world{}
				count, _ := w.agg("count", s)
				sum, _ := w.agg("sum", s, 1)
				root := plan.NewAggregate(s, []int{0}, []plan.AggCall{count, sum}, nil)
				r := rand.New(rand.NewPCG(1, 2))
				var batches []*vec.Batch
				for range 256 {
					batches = append(batches, intBatch(vec.BatchRows, 0, func(int) int64 { return r.Int64N(keys) }, func(int) int64 { return r.Int64N(1000) }))
				}
				drive(b, root, quiet, func(n int, push func(int, *vec.Batch)) {
					for i := range epochRows / vec.BatchRows {
						push(0, batches[(n*16+i)%len(batches)])
					}
				})
			})
		}
	}
}

// BenchmarkDurable is the aggregate as a server runs it: an epoch is a COPY of
// 10,000 rows, state is written by checkpoints beside the steps, one every 400
// epochs. CPU is that of all of it, the last checkpoint included.
func BenchmarkDurable(b *testing.B) {
	for _, history := range []bool{false, true} {
		b.Run(fmt.Sprintf("history=%v", history), func(b *testing.B) { benchDurable(b, history) })
	}
}

func benchDurable(b *testing.B, history bool) {
	const keys, copied, every = 1_000_000, 10_000, 400
	store, err := state.Open(b.TempDir(), nil, state.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	space := arrange.NewSpace(arrange.Options{Store: store, EpochTime: func(e uint64) int64 { return int64(e) * 10_000 }})
	defer space.Close()
	env := Env{Space: space, StateID: func(n int) uint64 { return uint64(n + 1) }}
	if history {
		env.Output = arrange.TableOptions{History: arrange.HistoryKeep}
	}
	w := &world{}
	s := benchScan(true, plan.Column{Name: "k", Type: types.Int8}, plan.Column{Name: "v", Type: types.Int4})
	count, _ := w.agg("count", s)
	sum, _ := w.agg("sum", s, 1)
	c, err := Build(plan.NewAggregate(s, []int{0}, []plan.AggCall{count, sum}, nil), env)
	if err != nil {
		b.Fatal(err)
	}
	v, err := NewView(c, "v", ctx())
	if err != nil {
		b.Fatal(err)
	}
	v.SetWanted(false)
	r := rand.New(rand.NewPCG(1, 2))
	var batches []*vec.Batch
	for range 100 {
		batches = append(batches, intBatch(copied, 0, func(int) int64 { return r.Int64N(keys) }, func(int) int64 { return r.Int64N(1000) }))
	}
	epoch := uint64(0)
	step := func(b *testing.B, batch *vec.Batch) {
		epoch++
		space.Begin(epoch)
		st := &operator.Step{Epoch: epoch, Watermark: math.MinInt64, Ctx: ctx(), Workers: 2}
		if err := c.Push(st, 0, batch, v); err != nil {
			b.Fatal(err)
		}
		if err := c.Flush(st, v); err != nil {
			b.Fatal(err)
		}
		if _, err := v.Commit(epoch); err != nil {
			b.Fatal(err)
		}
	}
	for base := int64(0); base < keys; base += copied {
		step(b, intBatch(copied, 0, func(i int) int64 { return base + int64(i) }, func(int) int64 { return 0 }))
	}
	var running chan error
	checkpoint := func() {
		if running != nil {
			if err := <-running; err != nil {
				b.Fatal(err)
			}
		}
		frozen, done := space.Freeze(), make(chan error, 1)
		running = done
		go func() { done <- frozen.Write(context.Background(), nil) }()
	}
	cpu, n := cpuSeconds(), 0
	for b.Loop() {
		step(b, batches[n%len(batches)])
		if n++; n%every == 0 {
			checkpoint()
		}
	}
	checkpoint()
	if err := <-running; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(n*copied)/b.Elapsed().Seconds(), "rows/s")
	if cpu = cpuSeconds() - cpu; cpu > 0 {
		b.ReportMetric(float64(n*copied)/cpu, "rows/cpu-s")
	}
}

func BenchmarkJoin(b *testing.B) {
	const keys = 1_000_000
	l := benchScan(true, plan.Column{Name: "k", Type: types.Int8}, plan.Column{Name: "v", Type: types.Int8})
	r := benchScan(true, plan.Column{Name: "k", Type: types.Int8}, plan.Column{Name: "w", Type: types.Int8})
	j := plan.NewJoin(plan.Inner, l, r)
	j.LeftKeys, j.RightKeys = []int{0}, []int{0}
	plan.Derive(j)
	// Each epoch brings 32 k keys to both sides, in different orders. When all
	// keys have been there once, the next round takes them away again: a key has
	// at most one row on each side, and a row one match.
	const half = epochRows / 2
	const rounds = keys / half
	drive(b, j, false, func(n int, push func(int, *vec.Batch)) {
		base := int64(n%rounds) * half
		var weights []int64
		if n/rounds%2 == 1 {
			weights = make([]int64, vec.BatchRows)
			for i := range weights {
				weights[i] = -1
			}
		}
		for at := 0; at < half; at += vec.BatchRows {
			key := func(i int) int64 { return (base + int64(i)) * 7919 % keys }
			left := intBatch(vec.BatchRows, 0, func(i int) int64 { return key(at + i) }, func(i int) int64 { return base })
			right := intBatch(vec.BatchRows, 0, func(i int) int64 { return key(half - 1 - at - i) }, func(i int) int64 { return -base })
			left.Weights, right.Weights = weights, weights
			push(0, left)
			push(1, right)
		}
	})
}

// BenchmarkTinyEpoch is the cost of an epoch of one row.
func BenchmarkTinyEpoch(b *testing.B) {
	s := benchScan(true, plan.Column{Name: "k", Type: types.Int8}, plan.Column{Name: "v", Type: types.Int8})
	w := &world{}
	count, _ := w.agg("count", s)
	sum, _ := w.agg("sum", s, 1)
	root := plan.NewAggregate(s, []int{0}, []plan.AggCall{count, sum}, nil)
	drive(b, root, true, func(n int, push func(int, *vec.Batch)) {
		push(0, intBatch(1, 0, func(int) int64 { return int64(n % 1000) }, func(int) int64 { return 1 }))
	})
}

// BenchmarkTopN keeps the latest row of each of 100 k partitions.
func BenchmarkTopN(b *testing.B) {
	s := benchScan(true, plan.Column{Name: "k", Type: types.Int8}, plan.Column{Name: "v", Type: types.Int8})
	root := plan.NewTopN(&plan.TopN{In: s, Partition: []int{0}, OrderBy: []plan.Order{{Col: 1, Desc: true}}, Limit: 1}, "")
	r := rand.New(rand.NewPCG(1, 2))
	drive(b, root, false, func(n int, push func(int, *vec.Batch)) {
		for range 4 {
			push(0, intBatch(vec.BatchRows, 0, func(int) int64 { return r.Int64N(100_000) }, func(int) int64 { return r.Int64N(1 << 40) }))
		}
	})
}

// BenchmarkGet looks single keys up in a view of 100 k groups.
func BenchmarkGet(b *testing.B) {
	s := benchScan(true, plan.Column{Name: "k", Type: types.Int8}, plan.Column{Name: "v", Type: types.Int8})
	w := &world{}
	count, _ := w.agg("count", s)
	sum, _ := w.agg("sum", s, 1)
	root := plan.NewAggregate(s, []int{0}, []plan.AggCall{count, sum}, nil)
	env, space := testEnv()
	c, err := Build(root, env)
	if err != nil {
		b.Fatal(err)
	}
	v, err := NewView(c, "v", ctx())
	if err != nil {
		b.Fatal(err)
	}
	v.SetWanted(false)
	space.Begin(1)
	st := &operator.Step{Epoch: 1, Watermark: math.MinInt64, Ctx: ctx(), Workers: 1}
	if err := c.Push(st, 0, intBatch(100_000, 0, func(i int) int64 { return int64(i) }, func(int) int64 { return 1 }), v); err != nil {
		b.Fatal(err)
	}
	if err := c.Flush(st, v); err != nil {
		b.Fatal(err)
	}
	if _, err := v.Commit(1); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	i := int64(0)
	for b.Loop() {
		i++
		out, err := v.Get(intBatch(1, 0, func(int) int64 { return i * 7919 % 100_000 }), 1, nil)
		if err != nil || out.N != 1 {
			b.Fatal(out, err)
		}
	}
}
