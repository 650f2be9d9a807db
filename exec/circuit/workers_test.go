package circuit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// recorder keeps what a circuit emits, byte for byte.
type recorder struct {
	*integral
	log []string
}

func (r *recorder) Batch(b *vec.Batch) error {
	for _, x := range rowsOf(b) {
		r.log = append(r.log, x.String())
	}
	return r.integral.Batch(b)
}

// wide runs a plan over large random batches with retractions.
func wide(t *testing.T, seed uint64, workers int, mk func(w *world) plan.Node) *recorder {
	t.Helper()
	w := &world{Rand: rand.New(rand.NewPCG(seed, 1)), rows: map[*plan.Scan][]row{}}
	root := mk(w)
	env, space := testEnv()
	c, err := Build(root, env)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewView(c, "v", ctx())
	if err != nil {
		t.Fatal(err)
	}
	rec := &recorder{integral: newIntegral()}
	old := map[int][]*vec.Batch{}
	for epoch := uint64(1); epoch <= 3; epoch++ {
		space.Begin(epoch)
		s := &operator.Step{Epoch: epoch, Watermark: math.MinInt64, Ctx: ctx(), Workers: workers}
		push := func(i int, b *vec.Batch) {
			if err := c.Push(s, i, b, both{rec, v}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range c.Sources() {
			for range 1 + w.IntN(3) {
				b := intBatch(vec.BatchRows, 9, func(int) int64 { return w.Int64N(6000) }, func(int) int64 { return w.Int64N(5) })
				old[i] = append(old[i], b)
				push(i, b)
			}
			if epoch > 1 {
				k := w.IntN(len(old[i]))
				push(i, zset.Negate(old[i][k]))
				old[i] = append(old[i][:k], old[i][k+1:]...)
			}
		}
		if err := c.Flush(s, both{rec, v}); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Commit(epoch); err != nil {
			t.Fatal(err)
		}
		stored := newIntegral()
		if err := v.Scan(epoch, nil, stored.Batch); err != nil {
			t.Fatal(err)
		}
		diff(t, fmt.Sprintf("%d workers, epoch %d, view", workers, epoch), stored.rows, rec.rows)
	}
	return rec
}

// The same batches give the same bytes, and the same collection whatever the
// number of workers.
func TestWorkers(t *testing.T) {
	two := func(*world) *plan.Scan {
		return benchScan(false, plan.Column{Name: "a", Type: types.Int8}, plan.Column{Name: "b", Type: types.Int8})
	}
	agg := func(w *world, in plan.Node, name string, args ...int) plan.AggCall {
		a, _ := w.agg(name, in, args...)
		return a
	}
	keyed := func(w *world, kind plan.JoinKind) plan.Node {
		j := plan.NewJoin(kind, two(w), two(w))
		j.LeftKeys, j.RightKeys = []int{0}, []int{0}
		plan.Derive(j)
		return j
	}
	plans := map[string]func(w *world) plan.Node{
		"aggregate": func(w *world) plan.Node {
			s := two(w)
			return plan.NewAggregate(s, []int{0}, []plan.AggCall{agg(w, s, "count"), agg(w, s, "sum", 1), agg(w, s, "max", 1)}, nil)
		},
		"inner": func(w *world) plan.Node { return keyed(w, plan.Inner) },
		"full":  func(w *world) plan.Node { return keyed(w, plan.Full) },
		"anti":  func(w *world) plan.Node { return keyed(w, plan.Anti) },
		"count over join": func(w *world) plan.Node {
			j := keyed(w, plan.Left)
			return plan.NewAggregate(j, []int{1}, []plan.AggCall{agg(w, j, "count"), agg(w, j, "min", 3)}, nil)
		},
	}
	for name, mk := range plans {
		t.Run(name, func(t *testing.T) {
			one, four, again := wide(t, 1, 1, mk), wide(t, 1, 4, mk), wide(t, 1, 4, mk)
			diff(t, "four workers against one", four.rows, one.rows)
			if !slices.Equal(four.log, again.log) {
				t.Error("the same batches gave other bytes")
			}
		})
	}
}
