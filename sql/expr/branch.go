package expr

import (
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// picker puts a column together from several: per row which source and which
// row of it.
type picker struct {
	t    types.Type
	n    int
	srcs []*vec.Vec
	from []int32 // source of each row, -1 = NULL
	row  []int32 // row in that source
	errs []funcs.RowError
}

func newPicker(t types.Type, n int) *picker {
	p := &picker{t: t, n: n, from: make([]int32, n), row: make([]int32, n)}
	for i := range p.from {
		p.from[i] = -1
	}
	return p
}

// take uses u's values for the rows sel.
func (p *picker) take(u under, sel []int32) {
	src := int32(len(p.srcs))
	p.srcs = append(p.srcs, u.v)
	for k, r := range sel {
		p.from[r] = src
		switch {
		case u.v.Const:
			p.row[r] = 0
		case u.full:
			p.row[r] = r
		default:
			p.row[r] = int32(k)
		}
	}
	p.errs = mergeErrors(p.errs, u.errs)
}

func (p *picker) finish() result {
	v := vec.Pick(p.t, p.srcs, p.from, p.row)
	if len(p.errs) > 0 {
		v = withoutRows(v, p.errs)
	}
	return result{v, p.errs}
}

// evalCase has arguments when, then, when, then, …, and else if there is one.
func evalCase(whens int) func(*frame, *node) result {
	return func(f *frame, n *node) result {
		p := newPicker(n.typ, f.n)
		open := fullBitmap(f.n)
		for i := range whens {
			t := f.truthUnder(n.args[2*i], open, i == 0)
			hit := vec.And(t.yes, open)
			for _, e := range t.errs {
				open.Clear(int(e.Row))
				hit.Clear(int(e.Row))
			}
			p.errs = mergeErrors(p.errs, t.errs)
			if sel := hit.Positions(f.n); len(sel) > 0 {
				p.take(f.evalUnder(n.args[2*i+1], sel), sel)
			}
			for w := range open {
				open[w] &^= hit[w]
			}
			if open.Count() == 0 {
				return p.finish()
			}
		}
		if len(n.args) > 2*whens {
			sel := open.Positions(f.n)
			p.take(f.evalUnder(n.args[2*whens], sel), sel)
		}
		return p.finish()
	}
}

func evalCoalesce(f *frame, n *node) result {
	first := f.eval(n.args[0])
	if !first.v.Const && first.v.Valid == nil {
		return first
	}
	p := newPicker(n.typ, f.n)
	sel := fullBitmap(f.n).Positions(f.n)
	for i, a := range n.args {
		u := f.evalUnder(a, sel)
		p.errs = mergeErrors(p.errs, u.errs)
		failed := vec.NewBitmap(f.n, false)
		for _, e := range u.errs {
			failed.Set(int(e.Row))
		}
		var found, rest []int32
		for k, r := range sel {
			at := k
			if u.full {
				at = int(r)
			}
			switch {
			case failed.Get(int(r)):
			case u.v.IsNull(at):
				rest = append(rest, r)
			default:
				found = append(found, r)
			}
		}
		if len(found) > 0 {
			if !u.full && !u.v.Const {
				u = scatterRows(u, sel, f.n)
			}
			p.take(under{v: u.v, full: true}, found)
		}
		if sel = rest; len(sel) == 0 || i == len(n.args)-1 {
			break
		}
	}
	return p.finish()
}

// scatterRows brings a value over the rows sel to all n rows of the frame.
func scatterRows(u under, sel []int32, n int) under {
	back := make([]int32, n)
	for i := range back {
		back[i] = -1
	}
	for k, r := range sel {
		back[r] = int32(k)
	}
	return under{v: vec.Gather(u.v, back), full: true}
}

// compileRare fills in the nodes that compile's switch leaves; it returns the key.
func (c *compiler) compileRare(e Expr, n *node) (string, error) {
	n.cheap = false
	switch e := e.(type) {
	case *Coalesce:
		n.cheap = allCheap(n.args)
		n.eval = evalCoalesce
		return nodeKey("coalesce", e.Typ, n.args), nil
	case *NullIf:
		eq, err := equality(e.Eq, e.Left, e.Right)
		if err != nil {
			return "", err
		}
		n.cheap = allCheap(n.args)
		n.eval = evalNullIf(eq)
		return nodeKey("nullif", n.typ, n.args), nil
	case *Distinct:
		eq, err := equality(e.Eq, e.Left, e.Right)
		if err != nil {
			return "", err
		}
		n.cheap = allCheap(n.args)
		n.eval = evalDistinct(eq, e.Negated)
		return nodeKey("distinct", n.typ, n.args, e.Negated), nil
	case *In:
		n.cheap = allCheap(n.args)
		n.eval = evalIn(newInSet(e))
		return nodeKey("in", n.typ, n.args, e.Negated, e.HasNull, e.List), nil
	case *AnyOf:
		if in := anyAsIn(e); in != nil {
			n.cheap = n.args[0].cheap
			n.args = n.args[:1]
			n.eval = evalIn(newInSet(in))
			return nodeKey("in", n.typ, n.args, in.Negated, in.HasNull, in.List), nil
		}
		op, err := equality(e.Op, e.Left, &Const{Typ: types.ElemOf(e.Array.Type())})
		if err != nil {
			return "", err
		}
		n.eval = evalAnyOf(op, e)
		return nodeKey("anyof", n.typ, n.args, e.All, e.Op), nil
	case *MinMax:
		n.cheap = allCheap(n.args)
		n.eval = evalMinMax(e)
		return nodeKey("minmax", n.typ, n.args, e.Greatest), nil
	case *ArrayOf:
		n.eval = evalArrayOf(e)
		return nodeKey("array", n.typ, n.args), nil
	case *RowOf:
		ts := make([]types.Type, len(e.Args))
		for i, a := range e.Args {
			ts[i] = a.Type()
		}
		n.eval = evalRowOf(ts)
		return nodeKey("row", n.typ, n.args), nil
	}
	return "", sqlerr.New(sqlerr.InternalError, "cannot compile %T", e)
}

// equality is the kernel of a comparison between two expressions.
func equality(op *funcs.Overload, l, r Expr) (funcs.Kernel, error) {
	return kernelOf(&Call{Fn: op, Args: []Expr{l, r}, Typ: types.Bool})
}

// evalNullIf: rows where the sides are equal become NULL.
func evalNullIf(eq funcs.Kernel) func(*frame, *node) result {
	return func(f *frame, n *node) result {
		same := f.compare(eq, n.args[0], n.args[1])
		left := f.eval(n.args[0])
		v := vec.Flatten(left.v)
		t := truthOf(same.v, f.n)
		c := *v
		c.Valid = vec.Not(t.yes)
		if v.Valid != nil {
			c.Valid = vec.And(c.Valid, v.Valid[:len(c.Valid)])
		}
		return boolResult(&c, same.errs)
	}
}

// compare runs a strict comparison kernel over two nodes.
func (f *frame) compare(k funcs.Kernel, l, r *node) result {
	nd := &node{typ: types.Bool, args: []*node{l, r}}
	return evalCall(k, true, false)(f, nd)
}

// evalDistinct: never NULL; two NULLs are not distinct.
func evalDistinct(eq funcs.Kernel, negated bool) func(*frame, *node) result {
	return func(f *frame, n *node) result {
		same := f.compare(eq, n.args[0], n.args[1])
		t := truthOf(same.v, f.n)
		l, r := f.eval(n.args[0]).v, f.eval(n.args[1]).v
		out := &vec.Vec{Type: types.Bool, N: f.n, Bools: vec.UnpackBools(t.yes, f.n)}
		if same.v.Const || same.v.Valid != nil {
			for i := range f.n {
				if l.IsNull(i) && r.IsNull(i) {
					out.Bools[i] = true
				}
			}
		}
		if !negated {
			for i, b := range out.Bools {
				out.Bools[i] = !b
			}
		}
		return boolResult(out, same.errs)
	}
}
