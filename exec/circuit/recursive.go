package circuit

import (
	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// repetition computes a recursive query (semi-naive evaluation). Its step is a
// circuit like that of a view: everything but the last rows is fed to it once, and
// since a step is linear in the last rows, which the binder sees to, what it
// makes of them is the delta that they cause. The rows come in the order of
// PostgreSQL: those of each round behind those of the one before.
type repetition struct {
	n    *plan.Recursive
	s    *operator.Step
	env  Env
	feed Feed
}

func (r *repetition) run(push func(b *vec.Batch) error) error {
	var last []*vec.Batch
	keep := func(b *vec.Batch) error { last = append(last, b); return nil }
	if err := RunOnce(r.s, r.n.First, r.env, r.feed, keep); err != nil {
		return err
	}
	var seen *stepper
	if !r.n.All {
		var err error
		if seen, err = r.open(plan.NewDistinct(plan.NewWorking(r.n.ID, r.n.Name, r.n))); err != nil {
			return err
		}
		defer seen.close()
	}
	step, err := r.open(r.n.Step)
	if err != nil {
		return err
	}
	defer step.close()
	for first := true; ; first = false {
		if seen != nil {
			if last, err = seen.step(last); err != nil {
				return err
			}
		}
		if len(last) == 0 {
			return nil
		}
		for _, b := range last {
			if err := push(b); err != nil {
				return err
			}
		}
		if first {
			if err := step.start(r.feed); err != nil {
				return err
			}
		}
		if last, err = step.step(last); err != nil {
			return err
		}
	}
}

// stepper is a circuit with a state of its own that takes round after round.
type stepper struct {
	*repetition
	c       *Circuit
	space   *arrange.Space
	working int // the source that stands for the last rows
	now     operator.Step
	out     collector
}

func (r *repetition) open(body plan.Node) (*stepper, error) {
	st := &stepper{repetition: r, now: *r.s, working: -1}
	st.now.Epoch, st.now.Load = 0, false
	st.space = arrange.NewSpace(arrange.Options{Budget: r.env.Budget})
	env := r.env
	env.Space, env.Output, env.Registry = st.space, arrange.TableOptions{}, nil
	env.StateID = func(ordinal int) uint64 { return uint64(ordinal + 1) }
	c, err := Build(body, env)
	if err != nil {
		st.close()
		return nil, err
	}
	st.c = c
	for i, s := range c.scans {
		if w, ok := c.computed[s].(*plan.Working); ok && w.ID == r.n.ID {
			st.working = i
		}
	}
	if st.working < 0 {
		st.close()
		return nil, sqlerr.New(sqlerr.InternalError, "a recursive step does not read its last rows")
	}
	return st, nil
}

func (st *stepper) close() { st.space.Close() }

// start feeds everything but the last rows.
func (st *stepper) start(feed Feed) error {
	st.begin()
	for i := len(st.c.scans) - 1; i >= 0; i-- {
		if i == st.working {
			continue
		}
		if err := st.c.feed(&st.now, st.env, i, feed, &st.out); err != nil {
			return err
		}
	}
	if _, err := st.end(); err != nil {
		return err
	}
	return nil
}

// step returns what the circuit makes of a round's rows.
func (st *stepper) step(rows []*vec.Batch) ([]*vec.Batch, error) {
	st.begin()
	for _, b := range rows {
		if err := st.c.Push(&st.now, st.working, b, &st.out); err != nil {
			return nil, err
		}
	}
	return st.end()
}

func (st *stepper) begin() {
	st.now.Epoch++
	st.space.Begin(st.now.Epoch)
}

func (st *stepper) end() ([]*vec.Batch, error) {
	if err := st.c.Flush(&st.now, &st.out); err != nil {
		return nil, err
	}
	select {
	case <-st.now.Done:
		return nil, operator.Cancelled()
	default:
	}
	return st.out.take()
}

// collector keeps a step's rows.
type collector struct {
	failures
	list []*vec.Batch
}

func (k *collector) Batch(b *vec.Batch) error {
	k.list = append(k.list, b)
	return nil
}

// take returns the rows since the last call, each as often as it is there. Those
// that were taken back within the step are gone.
func (k *collector) take() ([]*vec.Batch, error) {
	if err := k.failure(); err != nil {
		return nil, err
	}
	list := k.list
	k.list = nil
	for _, b := range list {
		for _, w := range b.Weights {
			if w < 0 {
				all := zset.ConsolidateAll(list)
				if all == nil || all.N == 0 {
					return nil, nil
				}
				return []*vec.Batch{expand(all)}, nil
			}
		}
	}
	out := list[:0]
	for _, b := range list {
		if b = expand(b); b.N > 0 {
			out = append(out, b)
		}
	}
	return out, nil
}
