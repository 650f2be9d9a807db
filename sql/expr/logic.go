package expr

import (
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// truth is a condition's value in two bitmaps: rows where it is true and rows
// where it is false; in neither it is NULL or has an error. Bits beyond the last
// row are clear.
type truth struct {
	yes, no vec.Bitmap
	errs    []funcs.RowError
}

// truth evaluates a condition for all rows without making a bool column of it.
func (f *frame) truth(n *node) truth {
	switch n.logic {
	case logicAnd:
		return f.chain(n.args, false)
	case logicOr:
		return f.chain(n.args, true)
	case logicNot:
		t := f.truth(n.args[0])
		return truth{t.no, t.yes, t.errs}
	}
	r := f.eval(n)
	t := truthOf(r.v, f.n)
	t.errs = r.errs
	return t
}

func truthOf(v *vec.Vec, n int) truth {
	if v.Const {
		t := truth{vec.NewBitmap(n, false), vec.NewBitmap(n, false), nil}
		switch {
		case v.IsNull(0):
		case v.Bools[0]:
			t.yes = fullBitmap(n)
		default:
			t.no = fullBitmap(n)
		}
		return t
	}
	yes := vec.PackBools(v.Bools)
	no := make(vec.Bitmap, len(yes))
	for i, w := range yes {
		no[i] = ^w
	}
	if v.Valid != nil {
		for i, w := range v.Valid[:len(yes)] {
			yes[i] &= w
			no[i] &= w
		}
	}
	no.Trim(n)
	return truth{yes, no, nil}
}

func fullBitmap(n int) vec.Bitmap {
	b := vec.NewBitmap(n, true)
	b.Trim(n)
	return b
}

// chain is AND (stop = false) or OR (stop = true) from left to right: a row in
// which an argument has the value stop is decided, later arguments are not
// evaluated for it. NULL leaves a row open; an error closes it.
func (f *frame) chain(args []*node, stop bool) truth {
	decided := vec.NewBitmap(f.n, false) // value is stop
	passed := fullBitmap(f.n)            // every argument so far was !stop
	open := fullBitmap(f.n)
	var errs []funcs.RowError
	for i, a := range args {
		t := f.truthUnder(a, open, i == 0)
		hit, miss := t.no, t.yes
		if stop {
			hit, miss = t.yes, t.no
		}
		for w := range open {
			h := hit[w] & open[w]
			decided[w] |= h
			passed[w] &= miss[w]
			open[w] &^= h
		}
		if len(t.errs) > 0 {
			errs = mergeErrors(errs, t.errs)
			for _, e := range t.errs {
				open.Clear(int(e.Row))
				passed.Clear(int(e.Row))
			}
		}
		if open.Count() == 0 {
			break
		}
	}
	for w := range passed {
		passed[w] &= open[w]
	}
	if stop {
		return truth{decided, passed, errs}
	}
	return truth{passed, decided, errs}
}

// truthUnder evaluates a condition for the rows in open; bits of others mean
// nothing.
func (f *frame) truthUnder(n *node, open vec.Bitmap, all bool) truth {
	if all || n.cheap || f.memo[n.id].v != nil {
		t := f.truth(n)
		if !all && len(t.errs) > 0 {
			var errs []funcs.RowError
			for _, e := range t.errs {
				if open.Get(int(e.Row)) {
					errs = append(errs, e)
				}
			}
			t.errs = errs
		}
		return t
	}
	sel := open.Positions(f.n)
	if len(sel) == f.n {
		return f.truth(n)
	}
	s := f.sub(sel)
	st := s.truth(n)
	s.close()
	t := truth{vec.NewBitmap(f.n, false), vec.NewBitmap(f.n, false), nil}
	for k, row := range sel {
		if st.yes.Get(k) {
			t.yes.Set(int(row))
		} else if st.no.Get(k) {
			t.no.Set(int(row))
		}
	}
	for _, e := range st.errs {
		t.errs = append(t.errs, funcs.RowError{Row: sel[e.Row], Err: e.Err})
	}
	return t
}

// column makes the bool column of a truth.
func (t truth) column(nd *node, n int) result {
	v := &vec.Vec{Type: nd.typ, N: n, Bools: vec.UnpackBools(t.yes, n)}
	for w := range t.yes {
		full := ^uint64(0)
		if w == len(t.yes)-1 && n&63 != 0 {
			full = 1<<(uint(n)&63) - 1
		}
		if t.yes[w]|t.no[w] != full {
			v.Valid = vec.Or(t.yes, t.no)
			break
		}
	}
	return result{v, t.errs}
}

func evalAnd(f *frame, n *node) result { return f.chain(n.args, false).column(n, f.n) }
func evalOr(f *frame, n *node) result  { return f.chain(n.args, true).column(n, f.n) }

func evalNot(f *frame, n *node) result {
	r := f.eval(n.args[0])
	out := *r.v
	out.Bools = make([]bool, len(r.v.Bools))
	for i, b := range r.v.Bools {
		out.Bools[i] = !b
	}
	return result{&out, r.errs}
}

func evalIsNull(negated bool) func(*frame, *node) result {
	return func(f *frame, n *node) result {
		r := f.eval(n.args[0])
		if r.v.Const || r.v.Valid == nil {
			isNull := r.v.Const && r.v.IsNull(0)
			return boolResult(constBool(isNull != negated, f.n), r.errs)
		}
		bits := r.v.Valid
		if !negated {
			bits = vec.Not(bits)
		}
		out := &vec.Vec{Type: n.typ, N: f.n, Bools: vec.UnpackBools(bits, f.n)}
		return boolResult(out, r.errs)
	}
}

func evalIsTrue(want, negated bool) func(*frame, *node) result {
	return func(f *frame, n *node) result {
		t := f.truth(n.args[0])
		bits := t.yes
		if !want {
			bits = t.no
		}
		if negated {
			bits = vec.Not(bits)
		}
		return boolResult(&vec.Vec{Type: n.typ, N: f.n, Bools: vec.UnpackBools(bits, f.n)}, t.errs)
	}
}

// boolResult makes rows with errors NULL.
func boolResult(v *vec.Vec, errs []funcs.RowError) result {
	if len(errs) > 0 {
		v = withoutRows(v, errs)
	}
	return result{v, errs}
}

func constBool(b bool, n int) *vec.Vec {
	return vec.ConstVec(types.Bool, types.Boolean(b), n)
}
