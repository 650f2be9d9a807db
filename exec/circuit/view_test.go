package circuit

import (
	"math"
	"testing"

	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// A view whose groups are the view answers the same whether or not its deltas
// are wanted; unwanted ones are not computed.
func TestViewUnwanted(t *testing.T) {
	w := &world{}
	s := w.scan(false)
	count, _ := w.agg("count", s)
	latest, _ := w.agg("max", s, 1)
	root := plan.NewAggregate(s, []int{0}, []plan.AggCall{count, latest}, nil)
	env, space := testEnv()
	c, err := Build(root, env)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewView(c, "v", ctx())
	if err != nil {
		t.Fatal(err)
	}
	for epoch := uint64(1); epoch <= 4; epoch++ {
		wanted := epoch%2 == 0
		v.SetWanted(wanted)
		space.Begin(epoch)
		st := &operator.Step{Epoch: epoch, Watermark: math.MinInt64, Ctx: ctx(), Workers: 1}
		b := batchOf(typesOf(s), []row{{types.Int(7), types.Int(int64(epoch)), types.String("x"), types.Boolean(true), types.NullDatum}})
		if err := c.Push(st, 0, b, v); err != nil {
			t.Fatal(err)
		}
		if err := c.Flush(st, v); err != nil {
			t.Fatal(err)
		}
		d, err := v.Commit(epoch)
		if err != nil {
			t.Fatal(err)
		}
		if (d.Batch != nil) != wanted {
			t.Errorf("epoch %d: wanted %v, delta %v", epoch, wanted, d.Batch)
		}
		got, err := v.Get(intBatch(1, 0, func(int) int64 { return 7 }), epoch, nil)
		if err != nil || got.N != 1 || got.Cols[1].Ints[0] != int64(epoch) {
			t.Errorf("epoch %d: got %v, %v", epoch, got, err)
		}
	}
	if v.Rows() != 1 {
		t.Errorf("%d rows", v.Rows())
	}
}

// A sum of integers that only a huge group can overflow is an error also where
// nobody wants the deltas, until the rows are taken back.
func TestViewUnwantedOverflow(t *testing.T) {
	for _, wanted := range []bool{false, true} {
		w := &world{}
		s := benchScan(false, plan.Column{Name: "k", Type: types.Int8}, plan.Column{Name: "v", Type: types.Int4})
		sum, _ := w.agg("sum", s, 1)
		root := plan.NewAggregate(s, []int{0}, []plan.AggCall{sum}, nil)
		env, space := testEnv()
		c, err := Build(root, env)
		if err != nil {
			t.Fatal(err)
		}
		v, err := NewView(c, "v", ctx())
		if err != nil {
			t.Fatal(err)
		}
		v.SetWanted(wanted)
		for epoch, weight := range []int64{1, 1 << 33, -1 << 33, 1 << 20} {
			epoch := uint64(epoch + 1)
			space.Begin(epoch)
			st := &operator.Step{Epoch: epoch, Watermark: math.MinInt64, Ctx: ctx(), Workers: 1}
			b := batchOf(typesOf(s), []row{{types.Int(7), types.Int(math.MaxInt32)}})
			b.Weights = []int64{weight}
			if err := c.Push(st, 0, b, v); err != nil {
				t.Fatal(err)
			}
			if err := c.Flush(st, v); err != nil {
				t.Fatal(err)
			}
			if _, err := v.Commit(epoch); err != nil {
				t.Fatal(err)
			}
			err := v.Scan(epoch, nil, func(*vec.Batch) error { return nil })
			if sqlerr.HasCode(err, sqlerr.NumericValueOutOfRange) != (weight == 1<<33) {
				t.Errorf("wanted %v, %d rows more: %v", wanted, weight, err)
			}
		}
	}
}

// Reading a view with live errors fails, naming it, until the row that caused
// them has gone; the past keeps its errors, and skip reads past them.
func TestViewErrors(t *testing.T) {
	w := &world{}
	s := w.scan(false)
	root := plan.NewProject(s, []expr.Expr{plan.Ref(s, 0), op("/", constInt(1), plan.Ref(s, 1))}, []string{"a", "q"})
	env, space := testEnv()
	c, err := Build(root, env)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewView(c, "v", ctx())
	if err != nil {
		t.Fatal(err)
	}
	step := func(epoch uint64, weight, divisor int64) {
		space.Begin(epoch)
		st := &operator.Step{Epoch: epoch, Watermark: math.MinInt64, Ctx: ctx(), Workers: 1}
		b := batchOf(typesOf(s), []row{{types.Int(7), types.Int(divisor), types.String("x"), types.Boolean(true), types.NullDatum}})
		b.Weights = []int64{weight}
		if err := c.Push(st, 0, b, v); err != nil {
			t.Fatal(err)
		}
		if err := c.Flush(st, v); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Commit(epoch); err != nil {
			t.Fatal(err)
		}
	}
	count := func(epoch uint64) (int, error) {
		n := 0
		err := v.Scan(epoch, nil, func(b *vec.Batch) error { n += b.N; return nil })
		return n, err
	}
	step(1, 1, 1)
	step(2, 1, 0)
	if _, err := count(2); !sqlerr.HasCode(err, sqlerr.DivisionByZero) || err.Error() != `view "v": division by zero` {
		t.Errorf("with a live error: %v", err)
	}
	if n, err := count(1); n != 1 || err != nil {
		t.Errorf("before the error: %d, %v", n, err)
	}
	step(3, -1, 0)
	if n, err := count(3); n != 1 || err != nil {
		t.Errorf("after its retraction: %d, %v", n, err)
	}
	if _, err := count(2); err == nil {
		t.Error("the past lost its error")
	}
	if errs, err := v.ErrorsAt(2, 0); len(errs) != 1 || errs[0].Weight != 1 || err != nil {
		t.Errorf("errors as of 2: %v, %v", errs, err)
	}
	v.SetSkipErrors(true)
	if n, err := count(2); n != 1 || err != nil {
		t.Errorf("past the error: %d, %v", n, err)
	}
}
