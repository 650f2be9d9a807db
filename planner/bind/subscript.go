package bind

import (
	"slices"

	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// subscript binds a[i], a[i][j] and a[lo:hi] as one access to the array, and j['k']
// as a path into the jsonb.
func (x *exprs) subscript(e *ast.Subscript) (expr.Expr, error) {
	chain := []*ast.Subscript{e}
	for {
		inner, ok := chain[len(chain)-1].X.(*ast.Subscript)
		if !ok {
			break
		}
		chain = append(chain, inner)
	}
	slices.Reverse(chain)
	v, err := x.bind(chain[0].X)
	if err != nil {
		return nil, err
	}
	t := x.typeOf(v)
	switch {
	case t.OID == types.OIDJSONB:
		return x.jsonSubscript(v, chain)
	case !t.IsArray():
		return nil, sqlerr.New(sqlerr.DatatypeMismatch, "cannot subscript type %s because it does not support subscripting", base(t)).At(e.Pos)
	}
	slice := slices.ContainsFunc(chain, func(s *ast.Subscript) bool { return s.Slice })
	if len(chain) == 1 && !slice {
		i, err := x.index(e.Lo)
		if err != nil {
			return nil, err
		}
		return x.named("subscript", []expr.Expr{v, i}, e.Pos)
	}
	return x.arrayAccess(v, chain, slice)
}

// index is a subscript of an array: an integer.
func (x *exprs) index(e ast.Expr) (expr.Expr, error) {
	i, err := x.bind(e)
	if err != nil {
		return nil, err
	}
	return x.coerce(i, types.Int4, types.CastAssignment, e.Position())
}

// jsonSubscript is a path whose steps are texts or numbers.
func (x *exprs) jsonSubscript(v expr.Expr, chain []*ast.Subscript) (expr.Expr, error) {
	path := &expr.ArrayOf{Typ: types.ArrayOf(types.Text)}
	for _, s := range chain {
		if s.Slice {
			return nil, sqlerr.New(sqlerr.DatatypeMismatch, "jsonb subscript does not support slices").At(s.Pos)
		}
		i, err := x.bind(s.Lo)
		if err != nil {
			return nil, err
		}
		switch t := x.typeOf(i); t.OID {
		case types.OIDUnknown, types.OIDText, types.OIDVarchar, types.OIDInt2, types.OIDInt4:
		default:
			return nil, sqlerr.New(sqlerr.DatatypeMismatch, "subscript type %s is not supported", base(t)).At(s.Lo.Position()).
				WithHint("jsonb subscript must be coercible to either integer or text.")
		}
		if i, err = x.coerce(i, types.Text, types.CastExplicit, s.Lo.Position()); err != nil {
			return nil, err
		}
		path.Elems = append(path.Elems, i)
	}
	return x.operator("#>", v, path, chain[0].Pos)
}

// arrayAccess is an element of several dimensions, or a slice. In a slice all
// subscripts are ranges: a single one begins at 1.
func (x *exprs) arrayAccess(v expr.Expr, chain []*ast.Subscript, slice bool) (expr.Expr, error) {
	t := base(x.typeOf(v))
	ret := t
	if !slice {
		ret = types.ElemOf(t)
	}
	args, in := []expr.Expr{v}, []types.Type{t}
	// Where bound k stands among the arguments; -1 is the array's own.
	var lo, hi []int
	bound := func(e ast.Expr, to *[]int) error {
		if e == nil {
			*to = append(*to, -1)
			return nil
		}
		i, err := x.index(e)
		if err != nil {
			return err
		}
		*to = append(*to, len(args))
		args, in = append(args, i), append(in, types.Int4)
		return nil
	}
	for _, s := range chain {
		first, last := s.Lo, s.Hi
		if !s.Slice {
			first, last = nil, s.Lo
		}
		if err := bound(first, &lo); err != nil {
			return nil, err
		}
		if !s.Slice {
			lo[len(lo)-1] = 0 // 1, in a slice
		}
		if err := bound(last, &hi); err != nil {
			return nil, err
		}
	}
	at := func(i int, cols []*vec.Vec, row int, otherwise int64) int64 {
		switch i {
		case -1:
			return otherwise
		case 0:
			return 1
		}
		return cols[i].Datum(row).I
	}
	// The name tells forms with the same arguments apart.
	name := "subscript"
	for k := range lo {
		name += form(lo[k]) + ":" + form(hi[k]) + ";"
	}
	if slice {
		name = "slice" + name
	}
	fn := &funcs.Overload{Inline: true, Name: name, Args: in, Ret: ret, Kernel: func(c *funcs.Ctx, n int, cols []*vec.Vec) *vec.Vec {
		b := vec.NewBuilder(ret, n)
		for row := range n {
			if slices.ContainsFunc(cols, func(v *vec.Vec) bool { return v.Datum(row).Null }) {
				b.Null()
				continue
			}
			a, err := types.DecodeArray(cols[0].Datum(row).S)
			if err != nil {
				c.Fail(row, sqlerr.From(err))
				b.Null()
				continue
			}
			from, to := make([]int64, len(lo)), make([]int64, len(hi))
			for k := range lo {
				first, last := int64(1), int64(0)
				if k < len(a.Dims) {
					first, last = int64(a.Lower[k]), int64(a.Lower[k]+a.Dims[k]-1)
				}
				from[k], to[k] = at(lo[k], cols, row, first), at(hi[k], cols, row, last)
			}
			if slice {
				out := funcs.ArraySlice(a, from, to)
				b.Bytes(types.AppendArray(nil, &out))
			} else {
				b.Datum(funcs.ArrayElement(a, to))
			}
		}
		return b.Finish()
	}}
	return &expr.Call{Fn: fn, Args: args, Typ: ret, Pos: chain[0].Pos}, nil
}

func form(bound int) string {
	switch bound {
	case -1:
		return ""
	case 0:
		return "1"
	}
	return "n"
}
