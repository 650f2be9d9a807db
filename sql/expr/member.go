package expr

import (
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// inSet is a constant list made ready for look-ups by the family of its type.
type inSet struct {
	in      *In
	typ     types.Type
	ints    map[int64]bool
	texts   map[string]bool
	few     []int64 // int lists short enough to scan
	buckets map[uint64][]types.Datum
}

// inScanMax is the length up to which an integer list is scanned, not hashed.
const inScanMax = 8

func newInSet(e *In) *inSet {
	s := &inSet{in: e, typ: e.Left.Type()}
	switch p := s.typ.Phys(); {
	case p == types.PhysInt || p == types.PhysBool:
		s.ints = map[int64]bool{}
		for _, d := range e.List {
			s.ints[d.I] = true
		}
		if len(e.List) <= inScanMax && p == types.PhysInt {
			for _, d := range e.List {
				s.few = append(s.few, d.I)
			}
		}
	case byteEqual(s.typ):
		s.texts = map[string]bool{}
		for _, d := range e.List {
			s.texts[d.S] = true
		}
	default:
		s.buckets = map[uint64][]types.Datum{}
		for _, d := range e.List {
			h := types.Hash(d, s.typ)
			s.buckets[h] = append(s.buckets[h], d)
		}
	}
	return s
}

// byteEqual reports whether equal values of t have equal bytes.
func byteEqual(t types.Type) bool {
	switch t.OID {
	case types.OIDText, types.OIDVarchar, types.OIDName, types.OIDBytea, types.OIDUUID:
		return true
	}
	return false
}

func (s *inSet) has(d types.Datum) bool {
	for _, x := range s.buckets[types.Hash(d, s.typ)] {
		if types.Equal(x, d, s.typ) {
			return true
		}
	}
	return false
}

func evalIn(s *inSet) func(*frame, *node) result {
	return func(f *frame, n *node) result {
		r := f.eval(n.args[0])
		v := r.v
		if v.Const {
			c := *v
			c.N = 1
			v = vec.Flatten(&c)
		}
		out := &vec.Vec{Type: types.Bool, N: v.N, Bools: make([]bool, v.N), Valid: v.Valid}
		s.look(v, out.Bools)
		if s.in.HasNull {
			// A row that is in the list is known to be; of others nothing is known.
			out.Valid = vec.PackBools(out.Bools)
			if v.Valid != nil {
				out.Valid = vec.And(out.Valid, v.Valid)
			}
		}
		if s.in.Negated {
			for i, b := range out.Bools {
				out.Bools[i] = !b
			}
		}
		if r.v.Const {
			out.Const, out.N = true, f.n
		}
		return boolResult(out, r.errs)
	}
}

func (s *inSet) look(v *vec.Vec, out []bool) {
	switch {
	case s.few != nil:
		for i, x := range v.Ints {
			hit := false
			for _, y := range s.few {
				hit = hit || x == y
			}
			out[i] = hit
		}
	case v.Bools != nil:
		for i, x := range v.Bools {
			out[i] = s.ints[types.Boolean(x).I]
		}
	case s.ints != nil:
		for i, x := range v.Ints {
			out[i] = s.ints[x]
		}
	case s.texts != nil:
		for i := range out {
			out[i] = s.texts[string(v.Bytes(i))]
		}
	default:
		for i := range out {
			if !v.IsNull(i) {
				out[i] = s.has(v.Datum(i))
			}
		}
	}
}

// anyAsIn is x = ANY (constant array) as a look-up in a list, nil for other forms.
func anyAsIn(e *AnyOf) *In {
	k, ok := e.Array.(*Const)
	if !ok || k.Val.Null || e.All || e.Op.Name != "=" {
		return nil
	}
	elem := types.ElemOf(k.Typ)
	if e.Left.Type().OID != elem.OID {
		return nil
	}
	a, err := types.DecodeArray(k.Val.S)
	if err != nil || len(a.Elems) == 0 {
		return nil // of no elements: false even for NULL
	}
	in := &In{Left: e.Left}
	for _, d := range a.Elems {
		if d.Null {
			in.HasNull = true
		} else {
			in.List = append(in.List, d)
		}
	}
	return in
}

// evalAnyOf compares Left with each element: ANY is true if one comparison is,
// ALL false if one is not; else NULL if any was NULL.
func evalAnyOf(op funcs.Kernel, e *AnyOf) func(*frame, *node) result {
	elem := types.ElemOf(e.Array.Type())
	all := e.All
	return func(f *frame, n *node) result {
		l, a := f.eval(n.args[0]), f.eval(n.args[1])
		errs := mergeErrors(l.errs, a.errs)
		// All elements of all rows become one column, compared in one call.
		elems := vec.NewBuilder(elem, f.n)
		starts := make([]int32, f.n+1)
		var rows []int32
		var constant *types.Array
		var bad []funcs.RowError
		for i := range f.n {
			starts[i] = int32(len(rows))
			if l.v.IsNull(i) && !a.v.Const || a.v.IsNull(i) {
				continue
			}
			arr := constant
			if arr == nil {
				d, err := types.DecodeArray(string(a.v.Bytes(i)))
				if err != nil {
					bad = append(bad, funcs.RowError{Row: int32(i), Err: sqlerr.From(err)})
					continue
				}
				if arr = &d; a.v.Const {
					constant = arr
				}
			}
			for _, d := range arr.Elems {
				elems.Datum(d)
				rows = append(rows, int32(i))
			}
		}
		starts[f.n] = int32(len(rows))
		b := vec.NewBuilder(types.Bool, f.n)
		var same *vec.Vec
		if len(rows) > 0 {
			sub := &frame{p: f.p, c: f.c, n: len(rows), memo: make([]result, 2)}
			lv := vec.Gather(vec.Flatten(l.v), rows)
			sub.memo[0], sub.memo[1] = result{v: lv}, result{v: elems.Finish()}
			r := sub.compare(op, &node{id: 0}, &node{id: 1})
			same = vec.Flatten(r.v)
			for _, x := range r.errs {
				bad = append(bad, funcs.RowError{Row: rows[x.Row], Err: x.Err})
			}
		}
		for i := range f.n {
			if a.v.IsNull(i) {
				b.Null()
				continue
			}
			hit, null := false, false
			for k := starts[i]; k < starts[i+1]; k++ {
				if same.IsNull(int(k)) {
					null = true
				} else if same.Bools[k] != all {
					hit = true
				}
			}
			if l.v.IsNull(i) && !a.v.Const {
				// NULL op ANY of no elements is still false; decode only here.
				arr, _ := types.DecodeArray(string(a.v.Bytes(i)))
				null = len(arr.Elems) > 0
			}
			switch {
			case hit:
				b.Bool(!all)
			case null:
				b.Null()
			default:
				b.Bool(all)
			}
		}
		return boolResult(b.Finish(), mergeErrors(errs, tidyErrors(bad, nil)))
	}
}
