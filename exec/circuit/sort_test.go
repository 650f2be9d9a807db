package circuit

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// once runs a plan over rows and returns the result in order.
func once(t *testing.T, root plan.Node, env Env, rows []row) ([]row, error) {
	t.Helper()
	var out []row
	s := &operator.Step{Epoch: 1, Ctx: ctx(), Workers: 1}
	err := RunOnce(s, root, env, func(sc *plan.Scan, push func(*vec.Batch) error) error {
		for lo := 0; lo < len(rows); lo += 100 {
			if err := push(batchOf(typesOf(sc), rows[lo:min(lo+100, len(rows))])); err != nil {
				return err
			}
		}
		return nil
	}, func(b *vec.Batch) error {
		out = append(out, rowsOf(b)...)
		return nil
	})
	return out, err
}

// Sorting with and without a limit, in memory and spilling, gives the order that
// a stable sort of the rows gives; a plan that regroups its input breaks ties by
// the whole row.
func TestSort(t *testing.T) {
	for seed := range uint64(40) {
		w := &world{Rand: rand.New(rand.NewPCG(seed, 5))}
		s := w.scan(true)
		var rows []row
		for range w.IntN(2000) {
			rows = append(rows, w.row(s))
		}
		by := []plan.Order{{Col: w.IntN(5), Desc: w.maybe(2), NullsFirst: w.maybe(2)}, {Col: w.IntN(5), Desc: w.maybe(2)}}
		in := plan.Node(s)
		want := append([]row{}, rows...)
		ts := typesOf(s)
		if w.maybe(2) {
			in = plan.NewDistinct(s)
			want = distinct(want)
			sortRows(want, by, ts)
		} else {
			sortStable(want, by, ts)
		}
		var limit, offset expr.Expr
		if w.maybe(2) {
			l, o := w.Int64N(50), w.Int64N(20)
			limit, offset = constInt(l), constInt(o)
			want = want[min(int(o), len(want)):]
			want = want[:min(int(l), len(want))]
		}
		env := Env{}
		if w.maybe(2) {
			env = Env{Budget: arrange.NewBudget(100_000), TempDir: t.TempDir()}
		}
		if in != s && env.Budget != nil {
			env.Budget = arrange.NewBudget(64 << 20) // the groups of DISTINCT do not spill
		}
		got, err := once(t, plan.NewSort(in, by, limit, offset), env, rows)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("seed %d: got %d rows, want %d, or another order", seed, len(got), len(want))
		}
		if env.Budget.Used() != 0 {
			t.Fatalf("seed %d: %d bytes are still reserved", seed, env.Budget.Used())
		}
	}
}

func sortStable(rows []row, by []plan.Order, ts []types.Type) {
	for i := 1; i < len(rows); i++ {
		for k := i; k > 0 && compareBy(by, ts, rows[k-1], rows[k]) > 0; k-- {
			rows[k-1], rows[k] = rows[k], rows[k-1]
		}
	}
}

// Without a folder to spill to, a sort beyond the budget says so.
func TestSortBudget(t *testing.T) {
	w := &world{Rand: rand.New(rand.NewPCG(1, 5))}
	s := w.scan(true)
	var rows []row
	for range 5000 {
		rows = append(rows, w.row(s))
	}
	_, err := once(t, plan.NewSort(s, []plan.Order{{Col: 0}}, nil, nil), Env{Budget: arrange.NewBudget(100_000)}, rows)
	if !sqlerr.HasCode(err, sqlerr.OutOfMemory) {
		t.Errorf("got %v, want 53200", err)
	}
}

// LIMIT without ORDER BY keeps the order of arrival and stops reading.
func TestLimitStops(t *testing.T) {
	w := &world{Rand: rand.New(rand.NewPCG(1, 5))}
	s := w.scan(true)
	pushed := 0
	var out []row
	st := &operator.Step{Epoch: 1, Ctx: ctx(), Workers: 1}
	first := row{types.Int(1), types.Int(2), types.String("x"), types.Boolean(true), types.Int(3)}
	err := RunOnce(st, plan.NewSort(s, nil, constInt(1), nil), Env{}, func(sc *plan.Scan, push func(*vec.Batch) error) error {
		for {
			pushed++
			if err := push(batchOf(typesOf(sc), []row{first})); err != nil {
				return err
			}
		}
	}, func(b *vec.Batch) error {
		out = append(out, rowsOf(b)...)
		return nil
	})
	if err != nil || pushed != 1 || len(out) != 1 || out[0].String() != first.String() {
		t.Errorf("pushed %d, got %v, %v", pushed, out, err)
	}
}
