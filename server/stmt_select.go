package server

import (
	"context"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

var _ = on[*ast.Query](verb{tag: "SELECT", reads: true, prepareFn: prepareQuery})

// boundQuery is a query's plan and what it was bound under.
type boundQuery struct {
	*planner.Query
	version    uint64 // catalog
	generation int    // settings
	peek       *peek
}

func prepareQuery(p *prepared) error {
	q := p.stmt.(*ast.Query)
	bound, err := p.s.plan(q, p.params)
	if err != nil {
		return err
	}
	if len(q.Locks) > 0 {
		return sqlerr.New(sqlerr.FeatureNotSupported, "FOR %s is not supported", q.Locks[0].Strength).At(q.Locks[0].Pos).
			WithHint("UPDATE and DELETE lock the rows they change; REPEATABLE READ reports a change in between as 40001.")
	}
	if bound.EmitEvery > 0 {
		return sqlerr.New(sqlerr.FeatureNotSupported, "EMIT CHANGES EVERY is not supported").At(q.Emit.Pos).WithHint("EMIT CHANGES gives every change at once.")
	}
	p.params = bound.Params
	p.s.notices(bound.Notices)
	p.cols = wireColumns(bound.Columns)
	if bound.Emit == planner.EmitChanges {
		return preparePush(p, bound)
	}
	// A plan outlives changes of catalog and settings only by being made again. An
	// event time stands in its scans.
	moves := q.AsOf != nil && q.AsOf.Event != nil
	fresh := func(args []types.Datum) (*boundQuery, error) {
		if bound.version == p.s.catalog().Version && bound.generation == p.s.generation && p.s.tx.catalog == nil && !moves {
			return bound, nil
		}
		again, err := p.s.plan(q, p.params, args...)
		if err != nil {
			return nil, err
		}
		if !sameColumns(wireColumns(again.Columns), p.cols) {
			return nil, sqlerr.New(sqlerr.FeatureNotSupported, "cached plan must not change result type")
		}
		bound = again
		return bound, nil
	}
	p.open = func(ctx context.Context, args []types.Datum) (cursor, error) {
		b, err := fresh(args)
		if err != nil {
			return nil, err
		}
		return p.s.openQuery(ctx, b, args)
	}
	return nil
}

// travels reports an AS OF.
func travels(a *planner.AsOf) bool {
	return a.System != nil || a.Epoch != nil || a.Event != nil || a.Unbound
}

func (s *session) plan(q *ast.Query, params []types.Type, values ...types.Datum) (*boundQuery, error) {
	opt := s.options(params)
	opt.ParamValues = values
	bound, err := planner.PlanSelect(q, opt)
	if err != nil {
		return nil, err
	}
	b := &boundQuery{Query: bound, version: opt.Catalog.Version, generation: s.generation}
	b.peek = newPeek(s.srv.engine, bound)
	return b, nil
}

// openQuery runs a query over its snapshot.
func (s *session) openQuery(ctx context.Context, q *boundQuery, args []types.Datum) (cursor, error) {
	ep, err := s.readEpoch(ctx)
	if err != nil {
		return nil, err
	}
	if travels(&q.AsOf) {
		a, err := q.AsOf.At(s.evalCtx(args))
		if err != nil {
			return nil, err
		}
		if ep, err = s.travel(ctx, &a, ep); err != nil {
			return nil, err
		}
	}
	if q.peek != nil && s.tx.own[q.peek.object] == nil {
		ec := &funcs.Ctx{Params: args}
		if !q.peek.plain() {
			ec = s.evalCtx(args)
		}
		b, err := q.peek.run(s.srv.engine, ep, ec)
		if err != nil || b == nil {
			return &listCursor{}, err
		}
		return &listCursor{batches: []*vec.Batch{b}}, nil
	}
	ec := s.evalCtx(args)
	ec.Done = ctx.Done()
	opts := exec.ReadOptions{Epoch: ep, Ctx: ec, Own: s.tx.own, System: s.systemRows}
	return startQuery(ctx, s.srv.engine, q.Root, opts), nil
}

// travel is the epoch of an AS OF; an epoch's number is its time. Event times
// are in the plan's scans already.
func (s *session) travel(ctx context.Context, a *planner.AsOf, newest exec.Epoch) (exec.Epoch, error) {
	ep := newest
	switch {
	case a.Epoch != nil:
		ep = *a.Epoch
	case a.System != nil:
		ep = exec.Epoch(max(*a.System, 0))
	}
	if a.AtLeast || ep <= newest {
		return min(max(ep, 0), newest), nil
	}
	if int64(ep) <= nowMicros() {
		newest, err := s.srv.engine.Pass(ctx, ep)
		return min(ep, newest), err
	}
	return 0, sqlerr.New(sqlerr.InvalidParameterValue, "AS OF SYSTEM TIME lies in the future").
		WithDetail("It is %s now.", types.AppendText(nil, types.Int(nowMicros()), types.Timestamptz, s.Env()))
}

// queryCursor runs a query in its own goroutine, a few batches ahead of what is
// asked for.
type queryCursor struct {
	cancel context.CancelFunc
	out    chan *vec.Batch
	err    error // set before out is closed
}

func startQuery(ctx context.Context, e *exec.Engine, root plan.Node, o exec.ReadOptions) cursor {
	ctx, cancel := context.WithCancel(ctx)
	c := &queryCursor{cancel: cancel, out: make(chan *vec.Batch, 4)}
	go func() {
		defer close(c.out)
		c.err = guarded(func() error {
			return e.Read(ctx, root, o, func(b *vec.Batch) error {
				select {
				case c.out <- b:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})
		})
	}()
	return c
}

func (c *queryCursor) next(ctx context.Context) (*vec.Batch, error) {
	select {
	case b, ok := <-c.out:
		if !ok {
			return nil, c.err
		}
		return b, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (c *queryCursor) close() {
	c.cancel()
	for range c.out { // until the goroutine has ended
	}
}

func wireColumns(cols []plan.Column) []pgwire.Column {
	out := make([]pgwire.Column, len(cols))
	for i, c := range cols {
		t := c.Type
		if t.OID == types.OIDUnknown {
			t = types.Text
		}
		out[i] = pgwire.Column{Name: c.Name, Type: t, TableOID: uint32(c.Table), Attr: int16(c.Attnum)}
	}
	return out
}

func sameColumns(a, b []pgwire.Column) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Type != b[i].Type || a[i].Name != b[i].Name {
			return false
		}
	}
	return true
}
