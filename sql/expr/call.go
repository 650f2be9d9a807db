package expr

import (
	"slices"

	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// kernelOf returns the kernel of a call for its actual argument types.
func kernelOf(e *Call) (funcs.Kernel, error) {
	if e.Fn.Bind != nil {
		ts := make([]types.Type, len(e.Args))
		for i, a := range e.Args {
			ts[i] = a.Type()
		}
		if k := e.Fn.Bind(ts, e.Typ); k != nil {
			return k, nil
		}
	}
	if e.Fn.Kernel == nil {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "function %s is not supported yet", e.Fn.Name).At(e.Pos)
	}
	return e.Fn.Kernel, nil
}

// evalCall runs a kernel over its arguments' columns. Constant arguments only:
// it runs for one row, and the result is constant too.
func evalCall(kernel funcs.Kernel, strict, volatile bool) func(*frame, *node) result {
	return func(f *frame, nd *node) result {
		var argErrs []funcs.RowError
		var few [4]*vec.Vec
		args := few[:0]
		constant := !volatile
		for _, a := range nd.args {
			r := f.eval(a)
			args = append(args, r.v)
			constant = constant && r.v.Const
			argErrs = mergeErrors(argErrs, r.errs)
		}
		if f.n == 0 {
			return result{v: vec.ConstVec(nd.typ, types.NullDatum, 0)}
		}
		r := runKernel(f, nd, kernel, strict, constant, args)
		if len(argErrs) > 0 {
			r.errs = mergeErrors(argErrs, r.errs)
			r.v = withoutRows(r.v, argErrs)
		}
		return r
	}
}

func runKernel(f *frame, nd *node, kernel funcs.Kernel, strict, constant bool, args []*vec.Vec) result {
	n := f.n
	if constant {
		one := make([]*vec.Vec, len(args))
		for i, a := range args {
			c := *a
			c.N = 1
			one[i] = &c
		}
		args, n = one, 1
	}
	var valid vec.Bitmap
	if strict {
		for _, a := range args {
			if a.Const && a.IsNull(0) {
				return result{v: vec.ConstVec(nd.typ, types.NullDatum, f.n)}
			}
		}
		valid = f.c.Valid(n, args)
	}
	out := kernel(f.c, n, args)
	errs := f.c.TakeErrors()
	if strict && valid != nil {
		out = withValid(out, n, valid)
	}
	if len(errs) > 0 {
		errs = tidyErrors(errs, valid)
		if len(errs) > 0 {
			out = withoutRows(out, errs)
		}
	}
	if out.Type != nd.typ {
		c := *out
		c.Type = nd.typ
		out = &c
	}
	if constant {
		c := *out
		c.Const, c.N = true, f.n
		if len(errs) > 0 {
			errs = failAll(f, nd.typ, errs[0].Err).errs
		}
		out = &c
	}
	return result{out, errs}
}

// withValid returns v with valid ANDed in.
func withValid(v *vec.Vec, n int, valid vec.Bitmap) *vec.Vec {
	if v.Const {
		v = vec.Flatten(v)
	}
	c := *v
	if v.Valid == nil {
		c.Valid = valid
	} else {
		c.Valid = vec.And(v.Valid, valid)
	}
	return &c
}

// withoutRows returns v with NULL in the rows that have errors.
func withoutRows(v *vec.Vec, errs []funcs.RowError) *vec.Vec {
	if v.Const {
		v = vec.Flatten(v)
	}
	c := *v
	if v.Valid == nil {
		c.Valid = vec.NewBitmap(v.N, true)
	} else {
		c.Valid = slices.Clone(v.Valid)
	}
	for _, e := range errs {
		c.Valid.Clear(int(e.Row))
	}
	return &c
}

// tidyErrors orders a kernel's errors by row, keeps the first of each row, and
// drops those of rows that a NULL argument rules out.
func tidyErrors(errs []funcs.RowError, valid vec.Bitmap) []funcs.RowError {
	byRow := func(a, b funcs.RowError) int { return int(a.Row) - int(b.Row) }
	if !slices.IsSortedFunc(errs, byRow) {
		slices.SortStableFunc(errs, byRow)
	}
	out := errs[:0]
	for _, e := range errs {
		if valid != nil && !valid.Get(int(e.Row)) {
			continue
		}
		if len(out) > 0 && out[len(out)-1].Row == e.Row {
			continue
		}
		out = append(out, e)
	}
	return out
}
