package vec

import (
	"slices"

	"github.com/tarndb/tarn/sql/types"
)

// Gather returns the rows of v at the positions sel, in that order. A position
// of -1 gives NULL (as outer joins need).
func Gather(v *Vec, sel []int32) *Vec {
	out := &Vec{Type: v.Type, N: len(sel), Scale: v.Scale}
	if v.Const {
		c := *v
		c.Const, c.N = false, 1
		zero := make([]int32, len(sel))
		for i, s := range sel {
			if s < 0 {
				zero[i] = -1
			}
		}
		return Gather(&c, zero)
	}
	gatherValid(out, v, sel)
	switch v.Type.Phys() {
	case types.PhysBool:
		out.Bools = gatherSlice(v.Bools, sel)
	case types.PhysInt:
		out.Ints = gatherSlice(v.Ints, sel)
	case types.PhysFloat:
		out.Floats = gatherSlice(v.Floats, sel)
	case types.PhysNumeric:
		if v.Scale >= 0 {
			out.Ints = gatherSlice(v.Ints, sel)
		} else {
			gatherBytes(out, v, sel)
		}
	default:
		gatherBytes(out, v, sel)
	}
	return out
}

func gatherValid(out, v *Vec, sel []int32) {
	outer := int32(0)
	for _, s := range sel {
		outer |= s
	}
	switch {
	case outer >= 0 && v.Valid == nil:
		return
	case outer >= 0:
		out.Valid = gatherBits(v.Valid, sel)
	default:
		valid := NewBitmap(len(sel), false)
		for i, s := range sel {
			if s >= 0 && (v.Valid == nil || v.Valid.Get(int(s))) {
				valid.Set(i)
			}
		}
		out.Valid = valid
	}
	if out.Valid.CountN(len(sel)) == len(sel) {
		out.Valid = nil
	}
}

// gatherBits builds each word of the result in a register.
func gatherBits(b Bitmap, sel []int32) Bitmap {
	out := make(Bitmap, (len(sel)+63)/64)
	for w := range out {
		part := sel[w*64 : min(w*64+64, len(sel))]
		var word uint64
		for i, s := range part {
			word |= b[s>>6] >> (uint(s) & 63) & 1 << uint(i)
		}
		out[w] = word
	}
	return out
}

func gatherSlice[T any](in []T, sel []int32) []T {
	out := make([]T, len(sel))
	for i, s := range sel {
		if uint(s) < uint(len(in)) { // -1 fails it as well
			out[i] = in[s]
		}
	}
	return out
}

func gatherBytes(out, v *Vec, sel []int32) {
	n := 0
	for _, s := range sel {
		if s >= 0 {
			n += int(v.Off[s+1] - v.Off[s])
		}
	}
	out.Off = make([]uint32, len(sel)+1)
	out.Data = make([]byte, 0, n)
	for i, s := range sel {
		if s >= 0 {
			out.Data = append(out.Data, v.Data[v.Off[s]:v.Off[s+1]]...)
		}
		out.Off[i+1] = uint32(len(out.Data))
	}
}

// Select returns the rows of b at the positions sel (none of them -1), weights
// included.
func (b *Batch) Select(sel []int32) *Batch {
	out := &Batch{N: len(sel), Cols: make([]*Vec, len(b.Cols))}
	for i, c := range b.Cols {
		out.Cols[i] = Gather(c, sel)
	}
	if b.Weights != nil {
		out.Weights = gatherSlice(b.Weights, sel)
	}
	return out
}

// Slice returns rows [lo, hi) of b, without copying fixed-width values.
func (b *Batch) Slice(lo, hi int) *Batch {
	if lo == 0 && hi == b.N {
		return b
	}
	out := &Batch{N: hi - lo, Cols: make([]*Vec, len(b.Cols))}
	for i, c := range b.Cols {
		out.Cols[i] = c.Slice(lo, hi)
	}
	if b.Weights != nil {
		out.Weights = b.Weights[lo:hi]
	}
	return out
}

// Slice returns rows [lo, hi) of v; values are shared.
func (v *Vec) Slice(lo, hi int) *Vec {
	out := &Vec{Type: v.Type, N: hi - lo, Scale: v.Scale}
	if v.Const {
		c := *v
		c.N = hi - lo
		return &c
	}
	if v.Valid != nil {
		out.Valid = v.Valid.sliceBits(lo, hi)
	}
	if v.Bools != nil {
		out.Bools = v.Bools[lo:hi]
	}
	if v.Ints != nil {
		out.Ints = v.Ints[lo:hi]
	}
	if v.Floats != nil {
		out.Floats = v.Floats[lo:hi]
	}
	if v.Off != nil {
		out.Off, out.Data = v.Off[lo:hi+1], v.Data // offsets stay absolute
	}
	return out
}

// Concat returns the rows of all batches in one, in order. Batches must have
// the same column types; nil if there are none.
func Concat(bs []*Batch) *Batch {
	if len(bs) == 0 {
		return nil
	}
	if len(bs) == 1 {
		return bs[0]
	}
	n, weighted := 0, false
	for _, b := range bs {
		n += b.N
		weighted = weighted || b.Weights != nil
	}
	out := &Batch{N: n, Cols: make([]*Vec, len(bs[0].Cols))}
	for c := range out.Cols {
		parts := make([]*Vec, len(bs))
		for i, b := range bs {
			parts[i] = b.Cols[c]
		}
		out.Cols[c] = ConcatVecs(parts)
	}
	if weighted {
		out.Weights = make([]int64, 0, n)
		for _, b := range bs {
			for i := range b.N {
				out.Weights = append(out.Weights, b.Weight(i))
			}
		}
	}
	return out
}

// ConcatVecs returns the rows of all vs in one column. Numeric columns stay
// narrow if all are, with one scale.
func ConcatVecs(vs []*Vec) *Vec {
	n := 0
	for i, v := range vs {
		n += v.N
		if v.Const {
			vs = slices.Clone(vs)
			vs[i] = Flatten(v)
		}
	}
	out := &Vec{Type: vs[0].Type, N: n}
	concatValid(out, vs)
	switch out.Type.Phys() {
	case types.PhysBool:
		out.Bools = concatSlice(vs, n, func(v *Vec) []bool { return v.Bools })
	case types.PhysInt:
		out.Ints = concatSlice(vs, n, func(v *Vec) []int64 { return v.Ints })
	case types.PhysFloat:
		out.Floats = concatSlice(vs, n, func(v *Vec) []float64 { return v.Floats })
	case types.PhysNumeric:
		if scale, ok := oneScale(vs); ok {
			out.Scale = scale
			out.Ints = concatSlice(vs, n, func(v *Vec) []int64 { return v.Ints })
			break
		}
		wide := make([]*Vec, len(vs))
		for i, v := range vs {
			wide[i] = Widen(v)
		}
		out.Scale = -1
		concatBytes(out, wide)
	default:
		concatBytes(out, vs)
	}
	return out
}

// oneScale is sameScale for whole columns: those without any value have any scale.
func oneScale(vs []*Vec) (int32, bool) {
	var some []*Vec
	for _, v := range vs {
		if v.N > 0 && (v.Valid == nil || v.Scale < 0 || v.Valid.CountN(v.N) > 0) {
			some = append(some, v)
		}
	}
	return sameScale(some)
}

func concatSlice[T any](vs []*Vec, n int, get func(*Vec) []T) []T {
	out := make([]T, 0, n)
	for _, v := range vs {
		out = append(out, get(v)[:v.N]...)
	}
	return out
}

// concatBytes copies each column's bytes in one piece and shifts its offsets.
func concatBytes(out *Vec, vs []*Vec) {
	size := 0
	for _, v := range vs {
		size += int(v.Off[v.N] - v.Off[0])
	}
	out.Data = make([]byte, 0, size)
	out.Off = make([]uint32, 1, out.N+1)
	for _, v := range vs {
		shift := uint32(len(out.Data)) - v.Off[0] // wraps, and wraps back below
		out.Data = append(out.Data, v.Data[v.Off[0]:v.Off[v.N]]...)
		for _, o := range v.Off[1 : v.N+1] {
			out.Off = append(out.Off, o+shift)
		}
	}
}

func concatValid(out *Vec, vs []*Vec) {
	nulls := false
	for _, v := range vs {
		nulls = nulls || v.Valid != nil
	}
	if !nulls {
		return
	}
	out.Valid = NewBitmap(out.N, false)
	at := 0
	for _, v := range vs {
		out.Valid.putBits(at, v.Valid, v.N)
		at += v.N
	}
}

// Pick puts a column of type t together: row i is row row[i] of srcs[from[i]],
// NULL where from[i] is -1. Row numbers of a Const source are 0.
func Pick(t types.Type, srcs []*Vec, from, row []int32) *Vec {
	n := len(from)
	out := &Vec{Type: t, N: n}
	pickValid(out, srcs, from, row)
	switch t.Phys() {
	case types.PhysBool:
		out.Bools = pickSlice(srcs, from, row, func(v *Vec) []bool { return v.Bools })
	case types.PhysInt:
		out.Ints = pickSlice(srcs, from, row, func(v *Vec) []int64 { return v.Ints })
	case types.PhysFloat:
		out.Floats = pickSlice(srcs, from, row, func(v *Vec) []float64 { return v.Floats })
	case types.PhysNumeric:
		if scale, ok := sameScale(srcs); ok {
			out.Scale = scale
			out.Ints = pickSlice(srcs, from, row, func(v *Vec) []int64 { return v.Ints })
			break
		}
		wide := make([]*Vec, len(srcs))
		for i, s := range srcs {
			wide[i] = Widen(s)
		}
		out.Scale = -1
		pickBytes(out, wide, from, row)
	default:
		pickBytes(out, srcs, from, row)
	}
	return out
}

// sameScale reports whether all columns are narrow with one scale. Columns with
// no value that counts (all NULL) have any.
func sameScale(vs []*Vec) (int32, bool) {
	scale, found := int32(0), false
	for _, v := range vs {
		if v.Const && v.IsNull(0) && v.Scale >= 0 {
			continue
		}
		if v.Scale < 0 || (found && v.Scale != scale) {
			return 0, false
		}
		scale, found = v.Scale, true
	}
	return scale, true
}

func pickValid(out *Vec, srcs []*Vec, from, row []int32) {
	nulls := false
	for _, s := range srcs {
		nulls = nulls || s.Valid != nil
	}
	valid, all := NewBitmap(out.N, false), true
	for i, f := range from {
		if f >= 0 && (!nulls || !srcs[f].IsNull(int(row[i]))) {
			valid.Set(i)
		} else {
			all = false
		}
	}
	if !all {
		out.Valid = valid
	}
}

func pickSlice[T any](srcs []*Vec, from, row []int32, get func(*Vec) []T) []T {
	vals := make([][]T, len(srcs))
	for i, s := range srcs {
		vals[i] = get(s)
	}
	out := make([]T, len(from))
	for i, f := range from {
		if f >= 0 {
			out[i] = vals[f][row[i]]
		}
	}
	return out
}

func pickBytes(out *Vec, srcs []*Vec, from, row []int32) {
	out.Off = make([]uint32, len(from)+1)
	size := 0
	for i, f := range from {
		if f >= 0 {
			s := srcs[f]
			size += int(s.Off[row[i]+1] - s.Off[row[i]])
		}
		out.Off[i+1] = uint32(size)
	}
	out.Data = make([]byte, 0, size)
	for i, f := range from {
		if f >= 0 {
			s := srcs[f]
			out.Data = append(out.Data, s.Data[s.Off[row[i]]:s.Off[row[i]+1]]...)
		}
	}
}
