package circuit

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

var (
	oracleSeed = flag.Uint64("seed", 0, "run the oracle tests with this seed only")
	oracleRuns = flag.Int("runs", 40, "random histories per oracle line")
)

// world is a random history over some scans, and a generator of plans over them.
type world struct {
	*rand.Rand
	scans   []*plan.Scan
	rows    map[*plan.Scan][]row
	workers int
	money   bool // scans have a numeric column more
	// Histories with a moving watermark have no late records.
	timed     bool
	watermark int64
}

// scan makes a source with columns a, b int8, c text, d bool, t timestamptz.
func (w *world) scan(appendOnly bool) *plan.Scan {
	s := &plan.Scan{Object: uint64(len(w.scans) + 1), Name: fmt.Sprintf("s%d", len(w.scans)), RowtimeCol: -1}
	s.Cols = []plan.Column{{Name: "a", Type: types.Int8}, {Name: "b", Type: types.Int8}, {Name: "c", Type: types.Text},
		{Name: "d", Type: types.Bool}, {Name: "t", Type: types.Timestamptz}}
	if w.money {
		s.Cols = append(s.Cols, plan.Column{Name: "e", Type: types.NumericOf(8, 2)}, plan.Column{Name: "f", Type: types.Float8})
	}
	s.P = plan.Props{AppendOnly: appendOnly, Watermark: -1}
	w.scans = append(w.scans, s)
	return s
}

func (w *world) maybe(n int) bool { return w.IntN(n) == 0 }

func (w *world) datum(t types.Type) types.Datum {
	if w.maybe(6) {
		return types.NullDatum
	}
	switch t.OID {
	case types.OIDText:
		return types.String([]string{"", "x", "y", "z\x00"}[w.IntN(4)])
	case types.OIDBool:
		return types.Boolean(w.maybe(2))
	case types.OIDNumeric:
		return types.Datum{I: w.Int64N(3) * 50, Scale: 2}
	case types.OIDFloat8:
		return types.Float([]float64{-1.5, 0, math.Inf(1), math.NaN()}[w.IntN(4)])
	case types.OIDTimestamptz:
		if w.timed {
			return types.Int(max(w.watermark, 0) + w.Int64N(12))
		}
		return types.Int(w.Int64N(40))
	}
	return types.Int(w.Int64N(4))
}

func (w *world) row(s *plan.Scan) row {
	r := make(row, len(s.Cols))
	for i, c := range s.Cols {
		r[i] = w.datum(c.Type)
	}
	return r
}

// delta changes a scan's contents at random and returns how.
func (w *world) delta(s *plan.Scan) *vec.Batch {
	var rows []row
	var weights []int64
	for range w.IntN(8) {
		have := w.rows[s]
		if len(have) > 0 && !s.P.AppendOnly && (w.maybe(2) || len(have) > 14) {
			i := w.IntN(len(have))
			rows, weights = append(rows, have[i]), append(weights, -1)
			w.rows[s] = append(append([]row{}, have[:i]...), have[i+1:]...)
			continue
		}
		if len(have) > 20 {
			continue
		}
		r := w.row(s)
		n := 1 + w.IntN(2)*w.IntN(2)
		for range n {
			w.rows[s] = append(w.rows[s], r)
		}
		rows, weights = append(rows, r), append(weights, int64(n))
	}
	b := batchOf(typesOf(s), rows)
	b.Weights = weights
	return b
}

// integral sums what a circuit emits.
type integral struct {
	rows  map[string]int64
	fails map[string]int64
}

func newIntegral() *integral {
	return &integral{rows: map[string]int64{}, fails: map[string]int64{}}
}

func (in *integral) Batch(b *vec.Batch) error {
	for i, r := range rowsOf(b) {
		if in.rows[r.String()] += b.Weight(i); in.rows[r.String()] == 0 {
			delete(in.rows, r.String())
		}
	}
	return nil
}

func (in *integral) Errors(errs []zset.Error) error {
	for _, e := range errs {
		if in.fails[e.Err.Message] += e.Weight; in.fails[e.Err.Message] == 0 {
			delete(in.fails, e.Err.Message)
		}
	}
	return nil
}

func sum(rows []row) map[string]int64 {
	out := map[string]int64{}
	for _, r := range rows {
		out[r.String()]++
	}
	return out
}

func diff(t *testing.T, what string, got, want map[string]int64) {
	t.Helper()
	for k, w := range want {
		if got[k] != w {
			t.Errorf("%s: %s weighs %d, want %d", what, k, got[k], w)
		}
	}
	for k, g := range got {
		if _, ok := want[k]; !ok {
			t.Errorf("%s: %s weighs %d, want none", what, k, g)
		}
	}
}

// both are two Emits at once.
type both struct{ a, b operator.Emit }

func (t both) Batch(b *vec.Batch) error {
	if err := t.a.Batch(b); err != nil {
		return err
	}
	return t.b.Batch(b)
}

func (t both) Errors(e []zset.Error) error {
	if err := t.a.Errors(e); err != nil {
		return err
	}
	return t.b.Errors(e)
}

func testEnv() (Env, *arrange.Space) {
	space := arrange.NewSpace(arrange.Options{})
	return Env{Space: space, StateID: func(i int) uint64 { return uint64(i + 1) },
		Output: arrange.TableOptions{History: arrange.HistoryKeep}}, space
}

func ctx() *funcs.Ctx { return &funcs.Ctx{Env: types.NewEnv()} }

// run drives a plan through a random history and compares each step with the
// naive evaluator: the sum of the output, the view, and its history.
func (w *world) run(t *testing.T, root plan.Node) {
	env, space := testEnv()
	c, err := Build(root, env)
	if err != nil {
		t.Error(err)
		return
	}
	v, err := NewView(c, "v", ctx())
	if err != nil {
		t.Error(err)
		return
	}
	got := newIntegral()
	w.rows = map[*plan.Scan][]row{}
	states := map[uint64]map[string]int64{}
	w.watermark = math.MinInt64
	for epoch := uint64(1); epoch <= 6; epoch++ {
		space.Begin(epoch)
		if w.maybe(4) { // a restart: new operators find their state
			if c, err = Build(root, env); err != nil {
				t.Error(err)
				return
			}
			if v, err = NewView(c, "v", ctx()); err != nil {
				t.Error(err)
				return
			}
		}
		s := &operator.Step{Epoch: epoch, Time: int64(epoch) * 7, Watermark: w.watermark, Ctx: ctx(), Workers: w.workers}
		for range w.IntN(4) {
			i := w.IntN(len(c.Sources()) + 1)
			if i == len(c.Sources()) {
				continue
			}
			if err := c.Push(s, i, w.delta(c.Sources()[i]), both{got, v}); err != nil {
				t.Error(err)
				return
			}
		}
		if w.timed && w.maybe(2) {
			w.watermark = max(w.watermark, 0) + w.Int64N(8)
			s.Watermark = w.watermark
		}
		if err := c.Flush(s, both{got, v}); err != nil {
			t.Error(err)
			return
		}
		if _, err := v.Commit(epoch); err != nil {
			t.Error(err)
			return
		}
		ref := &naive{in: w.rows, watermark: w.watermark, time: s.Time, fails: map[string]int64{}}
		want := sum(ref.eval(root))
		states[epoch] = want
		diff(t, fmt.Sprintf("epoch %d", epoch), got.rows, want)
		diff(t, fmt.Sprintf("epoch %d errors", epoch), got.fails, ref.fails)
		if t.Failed() {
			return
		}
		w.checkView(t, v, epoch, want, ref.fails)
		if t.Failed() {
			return
		}
		w.checkOnce(t, root, s.Time, want, ref.fails)
		if t.Failed() {
			return
		}
	}
	w.checkHistory(t, v, states)
}

func (w *world) checkView(t *testing.T, v *View, epoch uint64, want, fails map[string]int64) {
	t.Helper()
	in := newIntegral()
	err := v.Scan(epoch, nil, in.Batch)
	if len(fails) > 0 {
		if err == nil {
			t.Errorf("epoch %d: view is read past its errors %v", epoch, fails)
		}
		return
	}
	if err != nil {
		t.Errorf("epoch %d: view: %v", epoch, err)
	}
	diff(t, fmt.Sprintf("epoch %d view", epoch), in.rows, want)
	if !v.HasKey() {
		return
	}
	// Every row is found by its key.
	all := []*vec.Batch{}
	if err := v.Scan(epoch, nil, func(b *vec.Batch) error { all = append(all, b); return nil }); err != nil {
		t.Error(err)
	}
	found := newIntegral()
	for _, b := range all {
		k := &vec.Batch{N: b.N}
		for _, c := range v.KeyCols() {
			k.Cols = append(k.Cols, b.Cols[c])
		}
		g, err := v.Get(k, epoch, nil)
		if err != nil {
			t.Error(err)
		}
		if g != nil {
			_ = found.Batch(g)
		}
	}
	diff(t, fmt.Sprintf("epoch %d get", epoch), found.rows, want)
}

func (w *world) checkHistory(t *testing.T, v *View, states map[uint64]map[string]int64) {
	t.Helper()
	v.SetSkipErrors(true)
	if v.errs.Len() > 0 || v.failed.Load() {
		return // groups in error cannot be read one by one
	}
	at := newIntegral()
	last := uint64(0)
	err := v.Changes(0, 6, func(e uint64, b *vec.Batch) error {
		for k := last + 1; k < e; k++ {
			diff(t, fmt.Sprintf("changes up to %d", k), at.rows, states[k])
		}
		last = e - 1
		return at.Batch(b)
	})
	if err != nil {
		t.Error(err)
	}
	diff(t, "all changes", at.rows, states[6])
	for e, want := range states {
		in := newIntegral()
		if err := v.Scan(e, nil, in.Batch); err != nil {
			t.Error(err)
		}
		diff(t, fmt.Sprintf("scan as of %d", e), in.rows, want)
	}
}

// checkOnce runs the plan one-shot over the same contents.
func (w *world) checkOnce(t *testing.T, root plan.Node, now int64, want, fails map[string]int64) {
	t.Helper()
	var hasFinal bool
	plan.Walk(root, func(n plan.Node) {
		if _, ok := n.(*plan.Final); ok {
			hasFinal = true
		}
	})
	if hasFinal {
		return
	}
	in := newIntegral()
	s := &operator.Step{Epoch: 1, Time: now, Watermark: math.MinInt64, Ctx: ctx(), Workers: 1}
	err := RunOnce(s, root, Env{}, func(sc *plan.Scan, push func(*vec.Batch) error) error {
		rows := w.rows[sc]
		for len(rows) > 0 {
			n := 1 + w.IntN(len(rows))
			if err := push(batchOf(typesOf(sc), rows[:n])); err != nil {
				return err
			}
			rows = rows[n:]
		}
		return nil
	}, in.Batch)
	if len(fails) > 0 {
		if err == nil {
			t.Errorf("one-shot run goes past errors %v", fails)
		}
		return
	}
	if err != nil {
		t.Errorf("one-shot run: %v", err)
		return
	}
	diff(t, "one-shot", in.rows, want)
}

// oracle has one line per operator, and one for trees of them.
var oracle = []struct {
	name string
	make func(w *world) plan.Node
}{
	{"filter", func(w *world) plan.Node { return w.filter(w.scan(false)) }},
	{"project", func(w *world) plan.Node { return w.shape(w.filter(w.scan(false))) }},
	{"project fails", func(w *world) plan.Node { return w.divide(w.scan(false)) }},
	{"tumble", func(w *world) plan.Node { return w.tumble(w.scan(false)) }},
	{"values", func(w *world) plan.Node {
		return w.join(w.shape(w.scan(false)), plan.NewValues([]plan.Column{{Name: "x", Type: types.Int8}}, [][]expr.Expr{{constInt(1)}, {constInt(2)}}), plan.Left)
	}},
	{"series", func(w *world) plan.Node {
		s := &plan.Series{From: constInt(w.Int64N(6)), To: constInt(w.Int64N(6)), Step: constInt(1 + w.Int64N(2))}
		if w.maybe(2) {
			s.Step = constInt(-1 - w.Int64N(2))
		}
		s.Cols = []plan.Column{{Name: "generate_series", Type: types.Int8}}
		plan.Derive(s)
		return w.join(w.shape(w.scan(false)), s, plan.JoinKind(w.IntN(6)))
	}},
	{"union", func(w *world) plan.Node {
		return plan.NewSetOp(plan.Union, true, w.scan(false), w.scan(false), w.scan(true))
	}},
	{"join inner", func(w *world) plan.Node { return w.join(w.scan(false), w.scan(false), plan.Inner) }},
	{"join left", func(w *world) plan.Node { return w.join(w.scan(false), w.scan(false), plan.Left) }},
	{"join right", func(w *world) plan.Node { return w.join(w.scan(false), w.scan(false), plan.Right) }},
	{"join full", func(w *world) plan.Node { return w.join(w.scan(false), w.scan(false), plan.Full) }},
	{"join self", func(w *world) plan.Node { s := w.scan(false); return w.join(s, s, plan.JoinKind(w.IntN(6))) }},
	{"semi", func(w *world) plan.Node { return w.join(w.scan(false), w.scan(false), plan.Semi) }},
	{"anti", func(w *world) plan.Node { return w.join(w.scan(false), w.scan(false), plan.Anti) }},
	{"not in", func(w *world) plan.Node { return w.notIn(w.scan(false), w.scan(false)) }},
	{"single", func(w *world) plan.Node { return w.single(w.shape(w.scan(false)), w.shape(w.scan(false))) }},
	{"aggregate invertible", func(w *world) plan.Node { return w.aggregate(w.scan(false), funcs.Invertible) }},
	{"aggregate ordered", func(w *world) plan.Node { return w.aggregate(w.scan(false), funcs.Ordered) }},
	{"aggregate append-only", func(w *world) plan.Node { return w.aggregate(w.scan(true)) }},
	{"aggregate holistic", func(w *world) plan.Node { return w.aggregate(w.scan(false), funcs.Holistic) }},
	{"aggregate over", func(w *world) plan.Node { return w.shape(w.filter(w.aggregate(w.scan(false)))) }},
	{"distinct", func(w *world) plan.Node { return plan.NewDistinct(w.shape(w.scan(false))) }},
	{"set operation", func(w *world) plan.Node { return w.setOp(w.scan(false), w.scan(false)) }},
	{"top-n", func(w *world) plan.Node { return w.topN(w.scan(false)) }},
	{"top-n append-only", func(w *world) plan.Node { return w.topN(w.scan(true)) }},
	{"temporal", func(w *world) plan.Node { return w.shape(w.temporal(w.scan(w.maybe(3)))) }},
	{"temporal below", func(w *world) plan.Node { return w.aggregate(w.temporal(w.scan(false))) }},
	{"final", func(w *world) plan.Node {
		w.timed = true
		in := w.tumble(w.scan(true))
		n := len(in.Columns())
		count, _ := w.agg("count", in)
		latest, _ := w.agg("max", in, 0)
		agg := plan.NewAggregate(in, []int{n - 1, 1}, []plan.AggCall{count, latest}, nil)
		if w.maybe(2) {
			agg.WindowEnd = 0
		}
		return plan.NewFinal(agg, 0, w.Int64N(3))
	}},
	{"unnest", func(w *world) plan.Node {
		in := w.scan(false)
		array := &expr.ArrayOf{Elems: []expr.Expr{plan.Ref(in, 0), plan.Ref(in, 1)}, Typ: types.ArrayOf(types.Int8)}
		if w.maybe(2) {
			some := op("<", plan.Ref(in, 0), constInt(2))
			cond := &expr.Case{Whens: []expr.Expr{some}, Thens: []expr.Expr{array}, Typ: array.Typ}
			return plan.NewUnnest(in, cond, "e", w.maybe(2), w.maybe(2))
		}
		return plan.NewUnnest(in, array, "e", w.maybe(2), w.maybe(2))
	}},
	{"tree", func(w *world) plan.Node { return w.tree(1 + w.IntN(3)) }},
}

func TestOracle(t *testing.T) {
	for _, line := range oracle {
		t.Run(line.name, func(t *testing.T) {
			n := *oracleRuns
			if line.name == "tree" {
				n *= 5
			}
			for i := range uint64(n) {
				seed := i + 1
				if *oracleSeed != 0 {
					seed = *oracleSeed
				}
				w := &world{Rand: rand.New(rand.NewPCG(seed, 7)), workers: 1 + int(seed%2)*3, money: seed%3 == 0}
				root := line.make(w)
				w.run(t, root)
				if t.Failed() {
					t.Fatalf("seed %d, plan:\n%s", seed, join(plan.Print(root, true)))
				}
				if *oracleSeed != 0 {
					break
				}
			}
		})
	}
}

func join(lines []string) (s string) {
	for _, l := range lines {
		s += l + "\n"
	}
	return s
}
