package circuit

import (
	"errors"

	"github.com/tarndb/tarn/exec/arrange"
	"github.com/tarndb/tarn/exec/operator"
	"github.com/tarndb/tarn/exec/zset"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/vec"
)

// Feed reads what a scan asks for, as of the statement's snapshot, and pushes it
// batch by batch with the scan's columns; streams in the order of their records.
// An error from push ends it and is returned.
type Feed func(scan *plan.Scan, push func(b *vec.Batch) error) error

// errEnough ends the reading of inputs when the limit has been reached.
var errEnough = errors.New("enough rows")

// RunOnce runs a plan over its whole input as one step, with its state in memory,
// and emits the result: rows in the plan's order, each as often as it is there,
// without weights. A run-time error of any row is the statement's error.
//
// Without ORDER BY a plan that only passes rows through keeps the order of its
// input, and a LIMIT ends the reading early; a plan that could retract what it
// emitted is given in value order, which is the same every time.
func RunOnce(s *operator.Step, root plan.Node, env Env, feed Feed, emit func(b *vec.Batch) error) error {
	if p, ok := root.(*plan.Project); ok { // ORDER BY what is not in the select list
		if x, ok := p.In.(*plan.Sort); ok {
			exprs, err := expr.Compile(p.Exprs, typesOf(x))
			if err != nil {
				return err
			}
			out := emit
			root, emit = x, func(b *vec.Batch) error {
				cols, errs := exprs.Eval(s.Ctx, b)
				if len(errs) > 0 {
					return errs[0].Err
				}
				return out(&vec.Batch{N: b.N, Cols: cols})
			}
		}
	}
	var sort *plan.Sort
	body := root
	if x, ok := root.(*plan.Sort); ok {
		sort, body = x, x.In
	}
	limit, offset := int64(-1), int64(0)
	if sort != nil {
		var err error
		if limit, offset, err = operator.EvalLimits(s, sort.Limit, sort.Offset); err != nil {
			return err
		}
	}
	if limit == 0 {
		return nil
	}
	space := arrange.NewSpace(arrange.Options{Budget: env.Budget})
	defer space.Close()
	env.Space = space
	env.StateID = func(ordinal int) uint64 { return uint64(ordinal + 1) }
	env.Output = arrange.TableOptions{}
	env.Registry = nil
	c, err := Build(body, env)
	if err != nil {
		return err
	}
	space.Begin(1)
	order := orderOf(body)
	var sink finisher
	if (sort == nil || len(sort.OrderBy) == 0) && (order == arrival || order == growing && limit < 0 && offset == 0) {
		sink = &passer{limit: limit, offset: offset, emit: emit}
	} else {
		var by []plan.Order
		if sort != nil {
			by = sort.OrderBy
		}
		sorter := newSorter(typesOf(body), by, order == arrival, env)
		if order != retracting {
			sorter.keep(limit, offset)
		}
		defer sorter.close()
		sink = &sorted{sorter: sorter, limit: limit, offset: offset, emit: emit}
	}
	err = c.runOnce(s, sink, feed)
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err != nil {
		return err
	}
	return sink.finish(s)
}

func (c *Circuit) runOnce(s *operator.Step, sink finisher, feed Feed) error {
	for i := len(c.scans) - 1; i >= 0; i-- { // right sides of joins first: they are built, left sides probe
		if err := c.feed(s, c.env, i, feed, sink); err != nil {
			return err
		}
	}
	if err := c.Flush(s, sink); err != nil {
		return err
	}
	return sink.failure()
}

// feed pushes all rows of source i.
func (c *Circuit) feed(s *operator.Step, env Env, i int, feed Feed, out operator.Emit) error {
	push := func(b *vec.Batch) error {
		select {
		case <-s.Done:
			return operator.Cancelled()
		default:
		}
		return c.Push(s, i, b, out)
	}
	switch n := c.computed[c.scans[i]].(type) {
	case *plan.Recursive:
		r := repetition{n: n, s: s, env: env, feed: feed}
		return r.run(push)
	case *plan.Working:
		return sqlerr.New(sqlerr.FeatureNotSupported, "a recursive query that depends on the rows of another one's recursive term is not supported yet")
	}
	return feed(c.scans[i], push)
}

// emission says what a plan's output is like when its input comes as one step.
type emission uint8

const (
	retracting emission = iota // may take back what it emitted
	growing                    // only adds rows
	arrival                    // passes rows on in the order of one input
)

func orderOf(n plan.Node) emission {
	switch n := n.(type) {
	case *plan.Scan, *plan.Values, *plan.Series, *plan.Recursive:
		return arrival
	case *plan.Filter, *plan.Project, *plan.Tumble, *plan.Unnest:
		return orderOf(n.Inputs()[0])
	case *plan.SetOp:
		if n.Kind == plan.Union || n.Kind == plan.Intersect && len(n.Ins) == 2 {
			return lowest(n.Ins)
		}
	case *plan.Distinct:
		return lowest(n.Inputs())
	case *plan.Join:
		if n.Kind == plan.Inner && !n.Single || n.Kind == plan.Semi {
			return lowest(n.Inputs())
		}
	case *plan.Aggregate: // one row per group, when all has been seen
		return lowest(n.Inputs())
	}
	return retracting
}

func lowest(ins []plan.Node) emission {
	out := growing
	for _, in := range ins {
		out = min(out, orderOf(in))
	}
	return out
}

// finisher takes a circuit's output and makes the result of it.
type finisher interface {
	operator.Emit
	failure() error
	finish(s *operator.Step) error
}

// failures keeps the errors of a run. They may still be taken back until the end.
type failures struct{ errs []zset.Error }

func (f *failures) Errors(errs []zset.Error) error {
	f.errs = append(f.errs, errs...)
	if len(f.errs) > 4096 {
		f.errs = zset.ConsolidateErrors(f.errs)
	}
	return nil
}

func (f *failures) failure() error {
	for _, e := range zset.ConsolidateErrors(f.errs) {
		if e.Weight > 0 {
			return e.Err
		}
	}
	return nil
}

// passer emits rows as they come.
type passer struct {
	failures
	limit, offset int64 // limit -1 = none
	emit          func(b *vec.Batch) error
}

func (p *passer) Batch(b *vec.Batch) error {
	if err := p.failure(); err != nil { // what has been seen cannot be taken back
		return err
	}
	b = expand(b)
	if p.offset > 0 {
		n := min(p.offset, int64(b.N))
		p.offset -= n
		if b = b.Slice(int(n), b.N); b.N == 0 {
			return nil
		}
	}
	if p.limit >= 0 && int64(b.N) > p.limit {
		b = b.Slice(0, int(p.limit))
	}
	if b.N > 0 {
		if err := p.emit(b); err != nil {
			return err
		}
	}
	if p.limit >= 0 {
		if p.limit -= int64(b.N); p.limit == 0 {
			return errEnough
		}
	}
	return nil
}

func (p *passer) finish(*operator.Step) error { return nil }

// expand turns weights into repeated rows.
func expand(b *vec.Batch) *vec.Batch {
	if b.Weights == nil {
		return b
	}
	sel := make([]int32, 0, b.N)
	for i, w := range b.Weights {
		for range w {
			sel = append(sel, int32(i))
		}
	}
	out := b.Select(sel)
	out.Weights = nil
	return out
}

// sorted emits rows when all have come.
type sorted struct {
	failures
	sorter        *sorter
	limit, offset int64
	emit          func(b *vec.Batch) error
}

func (o *sorted) Batch(b *vec.Batch) error { return o.sorter.add(b) }

func (o *sorted) finish(s *operator.Step) error {
	p := &passer{limit: o.limit, offset: o.offset, emit: o.emit}
	err := o.sorter.each(s, p.Batch)
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
