package server

import (
	"context"
	"strings"

	"github.com/tarndb/tarn/exec"
	"github.com/tarndb/tarn/pgwire"
	"github.com/tarndb/tarn/planner"
	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Push queries: SUBSCRIBE gives _epoch, [_progressed,] _diff and the row; SELECT …
// EMIT CHANGES gives _op and the row. Both are endless unless they say otherwise.

var _ = on[*ast.Subscribe](verb{tag: "SUBSCRIBE", reads: true, prepareFn: prepareSubscribe})

func prepareSubscribe(p *prepared) error {
	st := p.stmt.(*ast.Subscribe)
	switch {
	case st.Envelope != "":
		return sqlerr.New(sqlerr.FeatureNotSupported, "ENVELOPE %s is not supported", st.Envelope).At(st.Pos)
	case len(st.OrderBy) > 0:
		return sqlerr.New(sqlerr.FeatureNotSupported, "WITHIN TIMESTAMP ORDER BY is not supported").At(st.Pos)
	}
	q, err := planner.PlanSubscribe(st, p.s.options(p.params))
	if err != nil {
		return err
	}
	p.params = q.Params
	f := &pushFormat{subscribe: true}
	snapshot := true
	for _, o := range st.Options {
		word := strings.ToLower(o.Name)
		on, err := checkBool(optionText(o.Value))
		if o.Value == nil {
			on, err = "on", nil
		}
		switch {
		case word != "snapshot" && word != "progress":
			e := sqlerr.New(sqlerr.SyntaxError, "unrecognized SUBSCRIBE option %q", o.Name).At(o.Pos)
			if near := nearest(word, []string{"snapshot", "progress"}); near != "" {
				e = e.WithHint("Perhaps you meant %q.", near)
			}
			return e
		case err != nil:
			return sqlerr.New(sqlerr.InvalidParameterValue, "invalid value for option %q", o.Name).At(o.Pos).WithHint("%s", err.Error())
		case word == "snapshot":
			snapshot = on == "on"
		default:
			f.progress = on == "on"
		}
	}
	p.cols = f.columns(wireColumns(q.Columns))
	p.open = func(ctx context.Context, args []types.Datum) (cursor, error) {
		o := exec.SubscribeOptions{Ctx: p.s.evalCtx(args), Snapshot: snapshot, Progress: f.progress}
		if st.AsOf != nil {
			ep, isTime, err := p.s.epochOf(st.AsOf, o.Ctx)
			if err != nil {
				return nil, err
			}
			if isTime {
				o.From = &ep
			} else {
				o.After = &ep
			}
		}
		if st.UpTo != nil {
			ep, _, err := p.s.epochOf(st.UpTo, o.Ctx)
			if err != nil {
				return nil, err
			}
			o.UpTo = &ep
		}
		// Planned anew: the catalog may have changed since.
		q, err := planner.PlanSubscribe(st, p.s.options(p.params))
		if err != nil {
			return nil, err
		}
		return p.s.openPush(ctx, q.Root, o, f, -1)
	}
	return nil
}

// epochOf evaluates an AS OF or UP TO of a subscription: the number of an epoch,
// or a time.
func (s *session) epochOf(x ast.Expr, ec *funcs.Ctx) (ep exec.Epoch, isTime bool, err error) {
	e, err := planner.BindExpr(x, nil, types.Type{}, "AS OF", s.options(nil))
	if err != nil {
		return 0, false, err
	}
	switch e.Type().OID {
	case types.OIDInt2, types.OIDInt4, types.OIDInt8:
	default:
		isTime = true
		if e, err = planner.BindExpr(x, nil, types.Timestamptz, "AS OF", s.options(nil)); err != nil {
			return 0, false, err
		}
	}
	d, err := expr.EvalDatum(ec, e)
	if err != nil {
		return 0, false, err
	}
	if d.Null || d.I < 0 {
		return 0, false, sqlerr.New(sqlerr.InvalidParameterValue, "AS OF and UP TO want an epoch or a time").At(x.Position())
	}
	return exec.Epoch(d.I), isTime, nil
}

func preparePush(p *prepared, q *boundQuery) error {
	f := &pushFormat{key: q.Root.Props().Keys}
	p.cols = f.columns(p.cols)
	p.open = func(ctx context.Context, args []types.Datum) (cursor, error) {
		o := exec.SubscribeOptions{Ctx: p.s.evalCtx(args), Snapshot: true}
		limit := int64(-1)
		if q.Limit != nil {
			d, err := expr.EvalDatum(o.Ctx, q.Limit)
			if err != nil {
				return nil, err
			}
			if !d.Null {
				limit = max(d.I, 0)
			}
		}
		return p.s.openPush(ctx, q.Root, o, f, limit)
	}
	return nil
}

func (s *session) openPush(ctx context.Context, root plan.Node, o exec.SubscribeOptions, f *pushFormat, limit int64) (cursor, error) {
	// Strictly fresh: what this session has written is in the snapshot.
	if _, err := s.readEpoch(ctx); err != nil {
		return nil, err
	}
	sub, err := s.srv.engine.Subscribe(ctx, root, o)
	if err != nil {
		return nil, err
	}
	return &pushCursor{sub: sub, format: f, limit: limit}, nil
}

// pushCursor gives the updates of a subscription as rows.
type pushCursor struct {
	sub    *exec.Subscription
	format *pushFormat
	queue  []*vec.Batch
	limit  int64 // rows still to give, -1 = no end
	done   bool
}

func (c *pushCursor) next(ctx context.Context) (*vec.Batch, error) {
	for {
		if c.limit == 0 {
			return nil, nil
		}
		if len(c.queue) > 0 {
			b := c.queue[0]
			c.queue = c.queue[1:]
			if c.limit > 0 && int64(b.N) > c.limit {
				b = b.Slice(0, int(c.limit))
			}
			if c.limit > 0 {
				c.limit -= int64(b.N)
			}
			return b, nil
		}
		if c.done {
			return nil, nil
		}
		updates, done, err := c.sub.Next(ctx)
		if err != nil {
			return nil, err
		}
		c.done = done
		for i := range updates {
			c.queue = append(c.queue, c.format.rows(&updates[i])...)
		}
	}
}

func (c *pushCursor) pushes() {}

func (c *pushCursor) close() { c.sub.Close() }

// pushFormat turns updates into the rows that a client sees.
type pushFormat struct {
	subscribe, progress bool
	key                 [][]int // unique keys: -U and +U are told from -D and +I
	types               []types.Type
}

func (f *pushFormat) columns(cols []pgwire.Column) []pgwire.Column {
	for _, c := range cols {
		f.types = append(f.types, c.Type)
	}
	head := []pgwire.Column{{Name: "_op", Type: types.Text}}
	if f.subscribe {
		head = []pgwire.Column{{Name: "_epoch", Type: types.Int8}}
		if f.progress {
			head = append(head, pgwire.Column{Name: "_progressed", Type: types.Bool})
		}
		head = append(head, pgwire.Column{Name: "_diff", Type: types.Int8})
	}
	return append(head, cols...)
}

func (f *pushFormat) rows(u *exec.Update) []*vec.Batch {
	var out []*vec.Batch
	if u.Rows != nil {
		if f.subscribe {
			out = append(out, f.diffRows(u))
		} else {
			out = append(out, f.opRows(u.Rows))
		}
	}
	if f.progress {
		out = append(out, f.progressRow(u.Epoch))
	}
	return out
}

func (f *pushFormat) diffRows(u *exec.Update) *vec.Batch {
	b := u.Rows
	head := []*vec.Vec{constant(types.Int8, types.Int(int64(u.Epoch)), b.N)}
	if f.progress {
		head = append(head, constant(types.Bool, types.Boolean(false), b.N))
	}
	diff := &vec.Vec{Type: types.Int8, N: b.N, Ints: make([]int64, b.N)}
	for i := range diff.Ints {
		diff.Ints[i] = b.Weight(i)
	}
	return &vec.Batch{N: b.N, Cols: append(append(head, diff), b.Cols...)}
}

// progressRow says that nothing before the epoch after this one is still to come.
func (f *pushFormat) progressRow(ep exec.Epoch) *vec.Batch {
	b := &vec.Batch{N: 1, Cols: []*vec.Vec{
		constant(types.Int8, types.Int(int64(ep)+1), 1), constant(types.Bool, types.Boolean(true), 1), constant(types.Int8, types.NullDatum, 1),
	}}
	for _, t := range f.types {
		b.Cols = append(b.Cols, constant(t, types.NullDatum, 1))
	}
	return b
}

func constant(t types.Type, d types.Datum, n int) *vec.Vec {
	return vec.Flatten(vec.ConstVec(t, d, n))
}

// opRows writes one row per change: +I and -D, and where a key tells that a row
// replaced another, -U directly before +U.
func (f *pushFormat) opRows(b *vec.Batch) *vec.Batch {
	ops := vec.NewBuilder(types.Text, b.N)
	var sel []int32
	add := func(op string, i int, times int64) {
		for range times {
			ops.String(op)
			sel = append(sel, int32(i))
		}
	}
	replaced := map[string]int{} // key → row that is retracted
	keyOf := func(int) string { return "" }
	if len(f.key) > 0 {
		keys := encodeKeys(pick(b.Cols, f.key[0]), b.N)
		keyOf = func(i int) string { return string(keys.Key(i)) }
		for i := range b.N {
			if b.Weight(i) < 0 {
				replaced[keyOf(i)] = i
			}
		}
	}
	paired := map[int]bool{}
	pairOf := map[int]int{}
	if len(f.key) > 0 {
		for i := range b.N {
			if old, ok := replaced[keyOf(i)]; ok && b.Weight(i) > 0 {
				pairOf[i], paired[old] = old, true
			}
		}
	}
	for i := range b.N {
		if b.Weight(i) < 0 && !paired[i] {
			add("-D", i, -b.Weight(i))
		}
	}
	for i := range b.N {
		if b.Weight(i) <= 0 {
			continue
		}
		if old, ok := pairOf[i]; ok {
			add("-U", old, 1)
			add("+U", i, 1)
		} else {
			add("+I", i, b.Weight(i))
		}
	}
	rows := b.Select(sel)
	return &vec.Batch{N: len(sel), Cols: append([]*vec.Vec{ops.Finish()}, rows.Cols...)}
}
