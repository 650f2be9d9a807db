package expr

import (
	"slices"

	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// result is a node's value over the rows of a frame. A row with an error is NULL
// in v; errs is ascending by row, one entry a row.
type result struct {
	v    *vec.Vec
	errs []funcs.RowError
}

// frame is a set of rows that nodes are computed for: all rows of the batch, or
// those that a branch selected (sel, positions in up's rows, ascending).
type frame struct {
	p    *Program
	e    *evaluation
	c    *funcs.Ctx
	n    int
	cols []*vec.Vec // the root's only
	up   *frame
	sel  []int32
	mask vec.Bitmap // sel as bits, made when first needed
	memo []result
}

// evaluation is what one call of a Program works with; it is used again by
// later calls.
type evaluation struct {
	ctx   funcs.Ctx
	arena vec.Arena
	memos [][]result // of the frames not open, one entry per node each
}

func (p *Program) newFrame(e *evaluation, n int) *frame {
	f := &frame{p: p, e: e, c: &e.ctx, n: n}
	if last := len(e.memos) - 1; last >= 0 {
		f.memo, e.memos = e.memos[last], e.memos[:last]
	} else {
		f.memo = make([]result, len(p.nodes))
	}
	return f
}

// close gives back what f worked with; its results stay until the evaluation ends.
func (f *frame) close() {
	clear(f.memo)
	f.e.memos = append(f.e.memos, f.memo)
}

// root opens the frame of a whole batch. The context is copied, so that one Ctx
// may serve several goroutines.
func (p *Program) root(c *funcs.Ctx, b *vec.Batch) *frame {
	e := p.pool.Get().(*evaluation)
	if c != nil {
		e.ctx = funcs.Ctx{Env: c.Env, Params: c.Params, Session: c.Session}
	}
	e.ctx.Scratch = &e.arena
	f := p.newFrame(e, b.N)
	f.cols = b.Cols
	return f
}

// end closes a root frame and gives its memory to the next evaluation, but for
// what the columns of kept are made of. After a panic nothing is given back.
func (f *frame) end(kept []*vec.Vec) {
	f.close()
	f.e.ctx = funcs.Ctx{}
	f.e.arena.Settle(kept)
	f.p.pool.Put(f.e)
}

// Eval computes the expressions over b's rows: one column each, never Const, and
// the errors, ascending by row and at most one a row (the first in evaluation
// order). A row that has an error holds nothing meaningful in any column; leave
// it out. Columns may share memory with b's.
func (p *Program) Eval(c *funcs.Ctx, b *vec.Batch) (cols []*vec.Vec, errs []funcs.RowError) {
	f := p.root(c, b)
	cols, errs = f.outputs()
	f.end(cols)
	return cols, errs
}

// EvalRows is Eval over the rows sel of b, ascending: row k of the result, and
// of its errors, is row sel[k] of b.
func (p *Program) EvalRows(c *funcs.Ctx, b *vec.Batch, sel []int32) (cols []*vec.Vec, errs []funcs.RowError) {
	if len(sel) == b.N {
		return p.Eval(c, b)
	}
	f := p.root(c, b)
	s := f.sub(sel)
	cols, errs = s.outputs()
	s.close()
	f.end(cols)
	return cols, errs
}

func (f *frame) outputs() (cols []*vec.Vec, errs []funcs.RowError) {
	cols = make([]*vec.Vec, len(f.p.outs))
	for i, n := range f.p.outs {
		r := f.eval(n)
		cols[i] = vec.Flatten(r.v)
		errs = mergeErrors(errs, r.errs)
	}
	return cols, errs
}

// EvalFilter returns the rows, ascending, for which the first expression is
// true, and the errors as Eval does; a row with an error is not selected.
func (p *Program) EvalFilter(c *funcs.Ctx, b *vec.Batch) (sel []int32, errs []funcs.RowError) {
	f := p.root(c, b)
	t := f.truth(p.outs[0])
	sel = t.yes.Positions(b.N)
	f.end(nil)
	return sel, t.errs
}

// EvalDatum computes an expression without columns. Parameters come from c.
func EvalDatum(c *funcs.Ctx, e Expr) (types.Datum, error) {
	switch k := e.(type) {
	case *Const:
		return k.Val, nil
	case *Param:
		if k.N <= len(c.Params) {
			return c.Params[k.N-1], nil
		}
	}
	p, err := Compile([]Expr{e}, nil)
	if err != nil {
		return types.NullDatum, err
	}
	cols, errs := p.Eval(c, &vec.Batch{N: 1})
	if len(errs) > 0 {
		return types.NullDatum, errs[0].Err
	}
	return cols[0].Datum(0), nil
}

// eval computes a node for all rows of f, once.
func (f *frame) eval(n *node) result {
	if r := f.memo[n.id]; r.v != nil {
		return r
	}
	var r result
	if f.up != nil {
		if up, ok := f.known(n); ok {
			r = up
		}
	}
	if r.v == nil {
		r = n.eval(f, n)
	}
	f.memo[n.id] = r
	return r
}

// known takes a node's value from the frame above, if it has one (it always has
// the columns).
func (f *frame) known(n *node) (result, bool) {
	r := f.up.memo[n.id]
	if r.v == nil && f.up.up != nil {
		up, ok := f.up.known(n)
		if !ok {
			return result{}, false
		}
		f.up.memo[n.id] = up
		r = up
	}
	if r.v == nil {
		if len(n.args) > 0 || f.up.up != nil {
			return result{}, false
		}
		r = f.up.eval(n)
	}
	out := result{errs: selectErrors(r.errs, f.sel)}
	if r.v.Const {
		c := *r.v
		c.N = f.n
		out.v = &c
	} else {
		out.v = f.e.arena.Compress(r.v, f.sel, f.selected())
	}
	return out, true
}

// sub opens the frame of the rows sel of f.
func (f *frame) sub(sel []int32) *frame {
	s := f.p.newFrame(f.e, len(sel))
	s.up, s.sel = f, sel
	return s
}

// selected is sel as bits of up's rows.
func (f *frame) selected() vec.Bitmap {
	if f.mask == nil {
		f.mask = f.e.arena.Bits(f.up.n)
		clear(f.mask)
		for _, s := range f.sel {
			f.mask.Set(int(s))
		}
	}
	return f.mask
}

// under is a node's value for some rows of a frame. Where full is set v has all
// rows of the frame, else row k of v is row sel[k].
type under struct {
	v    *vec.Vec
	full bool
	errs []funcs.RowError // rows of the frame, only selected ones
}

// evalUnder computes a node for the rows sel only, or for all where that is
// cheaper; errors of other rows are dropped either way.
func (f *frame) evalUnder(n *node, sel []int32) under {
	if len(sel) == f.n {
		r := f.eval(n)
		return under{r.v, true, r.errs}
	}
	if n.cheap || f.memo[n.id].v != nil {
		r := f.eval(n)
		return under{r.v, true, keepErrors(r.errs, sel)}
	}
	s := f.sub(sel)
	r := s.eval(n)
	s.close()
	errs := make([]funcs.RowError, len(r.errs))
	for i, e := range r.errs {
		errs[i] = funcs.RowError{Row: sel[e.Row], Err: e.Err}
	}
	return under{r.v, false, errs}
}

// mergeErrors joins two ascending lists; where both have a row, a's counts.
func mergeErrors(a, b []funcs.RowError) []funcs.RowError {
	if len(b) == 0 {
		return a
	}
	if len(a) == 0 {
		return b
	}
	out := make([]funcs.RowError, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Row < b[0].Row:
			out, a = append(out, a[0]), a[1:]
		case a[0].Row > b[0].Row:
			out, b = append(out, b[0]), b[1:]
		default:
			out, a, b = append(out, a[0]), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// keepErrors returns the errors of the rows sel.
func keepErrors(errs []funcs.RowError, sel []int32) []funcs.RowError {
	if len(errs) == 0 {
		return nil
	}
	var out []funcs.RowError
	for _, e := range errs {
		if _, ok := slices.BinarySearch(sel, e.Row); ok {
			out = append(out, e)
		}
	}
	return out
}

// selectErrors does the same and renumbers them to positions in sel.
func selectErrors(errs []funcs.RowError, sel []int32) []funcs.RowError {
	var out []funcs.RowError
	for _, e := range errs {
		if k, ok := slices.BinarySearch(sel, e.Row); ok {
			out = append(out, funcs.RowError{Row: int32(k), Err: e.Err})
		}
	}
	return out
}

func evalColumn(idx int) func(*frame, *node) result {
	return func(f *frame, n *node) result {
		if f.up != nil {
			r, _ := f.known(n)
			return r
		}
		return result{v: f.cols[idx]}
	}
}

func evalConst(v *vec.Vec) func(*frame, *node) result {
	return func(f *frame, n *node) result {
		c := *v
		c.N = f.n
		return result{v: &c}
	}
}

func evalParam(i int, t types.Type) func(*frame, *node) result {
	return func(f *frame, n *node) result {
		if i > len(f.c.Params) {
			return failAll(f, t, sqlerr.New(sqlerr.UndefinedParameter, "there is no parameter $%d", i))
		}
		return result{v: vec.ConstVec(t, f.c.Params[i-1], f.n)}
	}
}

// failAll is the same error in every row.
func failAll(f *frame, t types.Type, err *sqlerr.Error) result {
	r := result{v: vec.ConstVec(t, types.NullDatum, f.n)}
	for i := range f.n {
		r.errs = append(r.errs, funcs.RowError{Row: int32(i), Err: err})
	}
	return r
}
