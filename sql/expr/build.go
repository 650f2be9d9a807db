package expr

import (
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// evalMinMax is GREATEST and LEAST: NULL only if all arguments are.
func evalMinMax(e *MinMax) func(*frame, *node) result {
	t, greatest := e.Typ, e.Greatest
	return func(f *frame, n *node) result {
		p := newPicker(t, f.n)
		for a, nd := range n.args {
			r := f.eval(nd)
			p.errs = mergeErrors(p.errs, r.errs)
			p.srcs = append(p.srcs, r.v)
			for i := range f.n {
				if r.v.IsNull(i) {
					continue
				}
				at := i
				if r.v.Const {
					at = 0
				}
				if p.from[i] >= 0 {
					c := compareAt(t, r.v, at, p.srcs[p.from[i]], int(p.row[i]))
					if c == 0 || c > 0 != greatest {
						continue
					}
				}
				p.from[i], p.row[i] = int32(a), int32(at)
			}
		}
		return p.finish()
	}
}

func compareAt(t types.Type, a *vec.Vec, i int, b *vec.Vec, j int) int {
	if t.Phys() == types.PhysInt {
		switch x, y := a.Ints[i], b.Ints[j]; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	return types.Compare(a.Datum(i), b.Datum(j), t)
}

// evalArrayOf is ARRAY[…]; elements that are arrays make one more dimension.
func evalArrayOf(e *ArrayOf) func(*frame, *node) result {
	elem := types.ElemOf(e.Typ)
	nested := len(e.Elems) > 0 && e.Elems[0].Type().IsArray()
	return func(f *frame, n *node) result {
		var errs []funcs.RowError
		cols := make([]*vec.Vec, len(n.args))
		for i, a := range n.args {
			r := f.eval(a)
			cols[i] = r.v
			errs = mergeErrors(errs, r.errs)
		}
		b := vec.NewBuilder(e.Typ, f.n)
		var image []byte
		var bad []funcs.RowError
		ds := make([]types.Datum, len(cols))
		for i := range f.n {
			for k, c := range cols {
				ds[k] = c.Datum(i)
			}
			arr, err := makeArray(elem, ds, nested)
			if err != nil {
				bad = append(bad, funcs.RowError{Row: int32(i), Err: err})
				b.Null()
				continue
			}
			image = types.AppendArray(image[:0], arr)
			b.Bytes(image)
		}
		return boolResult(b.Finish(), mergeErrors(errs, bad))
	}
}

func makeArray(elem types.Type, ds []types.Datum, nested bool) (*types.Array, *sqlerr.Error) {
	if len(ds) == 0 {
		return &types.Array{Elem: elem}, nil
	}
	if !nested {
		return &types.Array{Elem: elem, Dims: []int32{int32(len(ds))}, Lower: []int32{1}, Elems: ds}, nil
	}
	mismatch := sqlerr.New(sqlerr.ArraySubscriptError, "multidimensional arrays must have array expressions with matching dimensions")
	out := &types.Array{Elem: elem}
	var dims []int32
	for i, d := range ds {
		if d.Null {
			return nil, mismatch
		}
		a, err := types.DecodeArray(d.S)
		if err != nil {
			return nil, sqlerr.From(err)
		}
		if i == 0 {
			dims = a.Dims
		}
		if len(a.Dims) != len(dims) {
			return nil, mismatch
		}
		for k := range dims {
			if dims[k] != a.Dims[k] {
				return nil, mismatch
			}
		}
		out.Elems = append(out.Elems, a.Elems...)
	}
	if len(dims) == 0 {
		return out, nil
	}
	out.Dims = append([]int32{int32(len(ds))}, dims...)
	for range out.Dims {
		out.Lower = append(out.Lower, 1)
	}
	return out, nil
}

func evalRowOf(ts []types.Type) func(*frame, *node) result {
	return func(f *frame, n *node) result {
		var errs []funcs.RowError
		cols := make([]*vec.Vec, len(n.args))
		for i, a := range n.args {
			r := f.eval(a)
			cols[i] = r.v
			errs = mergeErrors(errs, r.errs)
		}
		b := vec.NewBuilder(n.typ, f.n)
		ds := make([]types.Datum, len(cols))
		var image []byte
		for i := range f.n {
			for k, c := range cols {
				ds[k] = c.Datum(i)
			}
			image = types.AppendRecord(image[:0], ts, ds)
			b.Bytes(image)
		}
		return boolResult(b.Finish(), errs)
	}
}
