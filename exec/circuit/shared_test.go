package circuit

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/vec"
)

// keeper shares arrangements as the engine does: it updates them before circuits
// step, and fills a new one with what its relation holds.
type keeper struct {
	w     *world
	space *arrange.Space
	of    map[string]*kept
	order []*kept
}

type kept struct {
	def   Index
	rows  *arrange.Multi
	index *operator.Index
}

func (k *keeper) ask(def Index, have bool) *arrange.Multi {
	name := fmt.Sprint(def.Relation, def.Fields, def.Key)
	x := k.of[name]
	if x == nil && !have {
		x = &kept{def: def, rows: k.space.Multi(uint64(1000 + len(k.order)))}
		x.index = operator.NewIndex(def.Types, def.Key, x.rows)
		k.of[name], k.order = x, append(k.order, x)
		for s, rows := range k.w.rows {
			if s.Object == def.Relation && len(rows) > 0 {
				_ = k.apply(x, batchOf(typesOf(s), rows))
			}
		}
	}
	if x == nil {
		return nil
	}
	return x.rows
}

func (k *keeper) apply(x *kept, b *vec.Batch) error {
	c := &vec.Batch{N: b.N, Weights: b.Weights}
	for _, f := range x.def.Fields {
		c.Cols = append(c.Cols, b.Cols[f])
	}
	return x.index.Apply(c)
}

// TestShared: joins whose sides others keep give what joins of their own give, from
// the first step, when they are made over what is there, and after a restart.
func TestShared(t *testing.T) {
	asked := 0
	for seed := range uint64(150) {
		if *oracleSeed != 0 {
			seed = *oracleSeed
		}
		w := &world{Rand: rand.New(rand.NewPCG(seed, 11)), workers: 1 + int(seed%2)*3, rows: map[*plan.Scan][]row{}}
		var ins []plan.Node
		for i := range 4 {
			s := w.scan(i == 3)
			s.Fields = []int{0, 1, 2, 3, 4}
			ins = append(ins, s)
		}
		side := func() plan.Node {
			n := ins[w.IntN(len(ins))]
			if w.maybe(4) {
				return plan.NewProject(n, []expr.Expr{plan.Ref(n, 2), plan.Ref(n, 0)}, nil)
			}
			return n
		}
		var roots []plan.Node
		for range 3 {
			root := w.join(side(), side(), plan.JoinKind(w.IntN(6)))
			if w.maybe(3) {
				root = w.join(root, side(), plan.JoinKind(w.IntN(6)))
			}
			roots = append(roots, root)
		}
		asked += w.runShared(t, roots)
		if t.Failed() {
			for _, r := range roots {
				t.Log("\n" + join(plan.Print(r, false)))
			}
			t.Fatalf("seed %d", seed)
		}
		if *oracleSeed != 0 {
			return
		}
	}
	if asked < 200 {
		t.Errorf("only %d arrangements were shared: the test shows nothing", asked)
	}
}

func (w *world) runShared(t *testing.T, roots []plan.Node) int {
	space := arrange.NewSpace(arrange.Options{})
	k := &keeper{w: w, space: space, of: map[string]*kept{}}
	type member struct {
		root plan.Node
		env  Env
		c    *Circuit
		got  *integral

		answers []bool
	}
	var group []*member
	build := func(m *member) bool {
		// A circuit that is made again gets what it had, whatever else there is now.
		had := m.answers
		m.answers = nil
		m.env.Registry = func(def Index, have bool) *arrange.Multi {
			var rows *arrange.Multi
			if n := len(m.answers); had == nil || n < len(had) && had[n] {
				rows = k.ask(def, have)
			}
			m.answers = append(m.answers, rows != nil)
			return rows
		}
		c, err := Build(m.root, m.env)
		if err != nil {
			t.Error(err)
			return false
		}
		m.c = c
		return true
	}
	for epoch := uint64(1); epoch <= 8; epoch++ {
		space.Begin(epoch)
		s := &operator.Step{Epoch: epoch, Watermark: math.MinInt64, Ctx: ctx(), Workers: w.workers}
		deltas := map[*plan.Scan][]*vec.Batch{}
		for _, sc := range w.scans {
			for range w.IntN(3) {
				d := w.delta(sc)
				deltas[sc] = append(deltas[sc], d)
				for _, x := range k.order {
					if x.def.Relation == sc.Object {
						if err := k.apply(x, d); err != nil {
							t.Error(err)
						}
					}
				}
			}
		}
		for _, m := range group {
			if w.maybe(5) && !build(m) { // a restart
				return 0
			}
			for i, sc := range m.c.Sources() {
				for _, d := range deltas[sc] {
					if err := m.c.Push(s, i, d, m.got); err != nil {
						t.Error(err)
					}
				}
			}
			if err := m.c.Flush(s, m.got); err != nil {
				t.Error(err)
			}
		}
		if len(group) < len(roots) && (epoch == 1 || w.maybe(2)) { // one more, over what there is
			base := uint64(len(group)+1) * 10_000
			m := &member{root: roots[len(group)], got: newIntegral(),
				env: Env{Space: space, StateID: func(i int) uint64 { return base + uint64(i) }}}
			if !build(m) {
				return 0
			}
			group = append(group, m)
			load := *s
			load.Load = true
			for i, sc := range m.c.Sources() {
				rows := w.rows[sc]
				for len(rows) > 0 {
					n := 1 + w.IntN(len(rows))
					if err := m.c.Push(&load, i, batchOf(typesOf(sc), rows[:n]), m.got); err != nil {
						t.Error(err)
					}
					rows = rows[n:]
				}
			}
			if err := m.c.Flush(&load, m.got); err != nil {
				t.Error(err)
			}
		}
		for i, m := range group {
			ref := &naive{in: w.rows, watermark: math.MinInt64, fails: map[string]int64{}}
			diff(t, fmt.Sprintf("epoch %d, plan %d", epoch, i), m.got.rows, sum(ref.eval(m.root)))
		}
		if t.Failed() {
			return 0
		}
	}
	return len(k.order)
}
