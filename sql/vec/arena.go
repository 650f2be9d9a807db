package vec

import "unsafe"

// Arena lends the memory of columns that are computed, looked at and forgotten
// within one evaluation, so that the next one finds it again, warm in the cache.
// What is lent holds leftovers: the borrower writes every slot. A nil Arena
// gives fresh memory. An Arena serves one goroutine at a time.
type Arena struct {
	ints   loans[int64]
	floats loans[float64]
	bools  loans[bool]
	words  loans[uint64]
	rows   loans[int32]
	offs   loans[uint32]
	bytes  loans[byte]
}

// loans are the buffers of one kind; the first used ones are lent.
type loans[T any] struct {
	bufs [][]T
	used int
}

// arenaElementsMax bounds what an Arena keeps of one buffer: a row with a large
// text is not to be held on to.
const arenaElementsMax = 64 * BatchRows

func (l *loans[T]) take(n int) []T {
	if l.used == len(l.bufs) {
		l.bufs = append(l.bufs, nil)
	}
	b := l.bufs[l.used]
	if cap(b) < n {
		b = make([]T, n)
		l.bufs[l.used] = b
	}
	l.used++
	return b[:n]
}

// settle takes back what was lent, except for buffers that a kept slice lies in.
func (l *loans[T]) settle(kept ...[]T) {
	for i, b := range l.bufs[:l.used] {
		if cap(b) > arenaElementsMax {
			l.bufs[i] = nil
			continue
		}
		for _, k := range kept {
			if within(k, b) {
				l.bufs[i] = nil
				break
			}
		}
	}
	l.used = 0
}

// within reports whether k lies in b's memory.
func within[T any](k, b []T) bool {
	if cap(k) == 0 || cap(b) == 0 {
		return false
	}
	var t T
	at, from := uintptr(unsafe.Pointer(unsafe.SliceData(k))), uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	return at >= from && at < from+uintptr(cap(b))*unsafe.Sizeof(t)
}

// Ints lends n integers.
func (a *Arena) Ints(n int) []int64 {
	if a == nil {
		return make([]int64, n)
	}
	return a.ints.take(n)
}

// Floats lends n floats.
func (a *Arena) Floats(n int) []float64 {
	if a == nil {
		return make([]float64, n)
	}
	return a.floats.take(n)
}

// Bools lends n bools.
func (a *Arena) Bools(n int) []bool {
	if a == nil {
		return make([]bool, n)
	}
	return a.bools.take(n)
}

// Bits lends a Bitmap of n bits.
func (a *Arena) Bits(n int) Bitmap {
	if a == nil {
		return make(Bitmap, (n+63)/64)
	}
	return a.words.take((n + 63) / 64)
}

// Rows lends n row numbers.
func (a *Arena) Rows(n int) []int32 {
	if a == nil {
		return make([]int32, n)
	}
	return a.rows.take(n)
}

// Settle ends the evaluation: what the columns of kept refer to is theirs for
// good, all else that was lent will be lent again.
func (a *Arena) Settle(kept []*Vec) {
	var ints [8][]int64
	var floats [8][]float64
	var bools [8][]bool
	var words [8][]uint64
	var offs [8][]uint32
	var bytes [8][]byte
	i, f, b, w, o, d := ints[:0], floats[:0], bools[:0], words[:0], offs[:0], bytes[:0]
	for _, v := range kept {
		i, f, b = append(i, v.Ints), append(f, v.Floats), append(b, v.Bools)
		w, o, d = append(w, v.Valid), append(o, v.Off), append(d, v.Data)
	}
	a.ints.settle(i...)
	a.floats.settle(f...)
	a.bools.settle(b...)
	a.words.settle(w...)
	a.offs.settle(o...)
	a.bytes.settle(d...)
	a.rows.settle()
}

// Compress returns the rows of v at the positions sel, ascending, none of them
// -1, which are also the set bits of mask. v is not Const.
func (a *Arena) Compress(v *Vec, sel []int32, mask Bitmap) *Vec {
	out := &Vec{Type: v.Type, N: len(sel), Scale: v.Scale}
	if v.Valid != nil {
		out.Valid = a.Bits(len(sel))
		if compressBits(out.Valid, v.Valid, mask) == len(sel) {
			out.Valid = nil
		}
	}
	switch {
	case v.Ints != nil:
		out.Ints = a.Ints(len(sel))
		compressSlice(out.Ints, v.Ints, sel)
	case v.Bools != nil:
		out.Bools = a.Bools(len(sel))
		compressSlice(out.Bools, v.Bools, sel)
	case v.Floats != nil:
		out.Floats = a.Floats(len(sel))
		compressSlice(out.Floats, v.Floats, sel)
	case v.Off != nil:
		a.compressBytes(out, v, sel)
	}
	return out
}

func compressSlice[T any](dst, src []T, sel []int32) {
	dst = dst[:len(sel)]
	for i, s := range sel {
		dst[i] = src[s]
	}
}

func (a *Arena) compressBytes(out, v *Vec, sel []int32) {
	if a == nil {
		gatherBytes(out, v, sel)
		return
	}
	out.Off = a.offs.take(len(sel) + 1)
	n := uint32(0)
	for i, s := range sel {
		out.Off[i] = n
		n += v.Off[s+1] - v.Off[s]
	}
	out.Off[len(sel)] = n
	out.Data = a.bytes.take(int(n))
	for i, s := range sel {
		copy(out.Data[out.Off[i]:], v.Data[v.Off[s]:v.Off[s+1]])
	}
}
