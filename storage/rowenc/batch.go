package rowenc

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// A batch in bytes: the journal's payload. Integers are stored as the distance
// from the column's least value in as few whole bytes as the greatest distance
// needs, which makes narrow rows a few bytes each at the speed of a copy.
//
//	version byte, uvarint rows, uvarint columns, weights (0: all +1; 1: ints follow)
//	each column: uint32 bytes that follow, uvarint OID, varint Mod, validity, values
//	validity: 0 = no NULLs, 1 = bitmap of (rows+7)/8 bytes
const (
	batchVersion = 1
	// BatchRowsMax bounds the rows of one encoded batch; decoding believes no more.
	BatchRowsMax    = 1 << 20
	batchColumnsMax = 1 << 14
)

// AppendBatch appends b's bytes to dst. b has at most BatchRowsMax rows.
func AppendBatch(dst []byte, b *vec.Batch) []byte {
	if b.N > BatchRowsMax {
		panic("rowenc: batch of more than BatchRowsMax rows")
	}
	dst = append(dst, batchVersion)
	dst = binary.AppendUvarint(dst, uint64(b.N))
	dst = binary.AppendUvarint(dst, uint64(len(b.Cols)))
	if b.Weights == nil {
		dst = append(dst, 0)
	} else {
		dst = appendInts(append(dst, 1), b.Weights[:b.N], nil)
	}
	for _, v := range b.Cols {
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		dst = appendColumn(dst, vec.Flatten(v), b.N)
		binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	}
	return dst
}

// AppendColumn appends one column of v.N rows as a batch holds it, type included.
func AppendColumn(dst []byte, v *vec.Vec) []byte { return appendColumn(dst, vec.Flatten(v), v.N) }

// DecodeColumn decodes what AppendColumn made of a column of n rows.
func DecodeColumn(data []byte, n int) (*vec.Vec, error) {
	r := reader{b: data, rows: n}
	if n < 0 || n > BatchRowsMax {
		r.fail("more rows than there can be")
	}
	v := r.column()
	if r.err == nil && len(r.b) != 0 {
		r.fail("bytes after the last value")
	}
	return v, r.err
}

func appendColumn(dst []byte, v *vec.Vec, n int) []byte {
	dst = binary.AppendUvarint(dst, uint64(v.Type.OID))
	dst = binary.AppendVarint(dst, int64(v.Type.Mod))
	valid := v.Valid
	if valid == nil {
		dst = append(dst, 0)
	} else {
		dst = append(dst, 1)
		for i := 0; i < n; i += 64 {
			w := valid[i>>6]
			if n-i < 64 {
				w &= 1<<uint(n-i) - 1
			}
			dst = binary.LittleEndian.AppendUint64(dst, w)
			if n-i < 64 {
				dst = dst[:len(dst)-8+(n-i+7)/8]
			}
		}
	}
	switch v.Type.Phys() {
	case types.PhysBool:
		return appendBools(dst, v.Bools[:n])
	case types.PhysInt:
		return appendInts(dst, v.Ints[:n], valid)
	case types.PhysFloat:
		return appendFloats(dst, v.Floats[:n])
	case types.PhysNumeric:
		if v.Scale >= 0 {
			dst = binary.AppendVarint(dst, int64(v.Scale))
			return appendInts(dst, v.Ints[:n], valid)
		}
		dst = binary.AppendVarint(dst, -1)
	}
	return appendStrings(dst, v, n)
}

func appendBools(dst []byte, xs []bool) []byte {
	for len(xs) > 0 {
		k := min(len(xs), 8)
		b := byte(0)
		for i, x := range xs[:k] {
			if x {
				b |= 1 << i
			}
		}
		dst, xs = append(dst, b), xs[k:]
	}
	return dst
}

func appendFloats(dst []byte, xs []float64) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, 8*len(xs))...)
	for i, x := range xs {
		binary.LittleEndian.PutUint64(dst[at+8*i:], math.Float64bits(x))
	}
	return dst
}

// appendInts appends width (0 … 8), least value, and the distances. Slots of
// NULLs may hold anything and are written as the least value.
func appendInts(dst []byte, xs []int64, valid vec.Bitmap) []byte {
	lo, hi := int64(math.MaxInt64), int64(math.MinInt64)
	if valid == nil {
		for _, x := range xs {
			lo, hi = min(lo, x), max(hi, x)
		}
	} else {
		for i, x := range xs {
			if valid.Get(i) {
				lo, hi = min(lo, x), max(hi, x)
			}
		}
	}
	if lo > hi {
		lo, hi = 0, 0
	}
	w := (bits.Len64(uint64(hi)-uint64(lo)) + 7) / 8
	dst = binary.AppendVarint(append(dst, byte(w)), lo)
	if w == 0 {
		return dst
	}
	at, n := len(dst), len(xs)
	// Eight bytes are stored each time and the next value overwrites the excess.
	size := at + w*n
	if cap(dst) < size+8 {
		dst = append(dst, make([]byte, w*n+8)...)
	}
	dst = dst[:size+8]
	out := dst[at:]
	if valid == nil {
		for i, x := range xs {
			binary.LittleEndian.PutUint64(out[i*w:], uint64(x)-uint64(lo))
		}
	} else {
		for i, x := range xs {
			d := uint64(x) - uint64(lo)
			if !valid.Get(i) {
				d = 0
			}
			binary.LittleEndian.PutUint64(out[i*w:], d)
		}
	}
	return dst[:size]
}

func appendStrings(dst []byte, v *vec.Vec, n int) []byte {
	lens := make([]int64, n)
	size := int64(0)
	for i := range lens {
		if !v.IsNull(i) {
			lens[i] = int64(v.Off[i+1] - v.Off[i])
			size += lens[i]
		}
	}
	dst = appendInts(dst, lens, nil)
	if int64(v.Off[n]-v.Off[0]) == size {
		return append(dst, v.Data[v.Off[0]:v.Off[n]]...)
	}
	for i := range n {
		if !v.IsNull(i) {
			dst = append(dst, v.Bytes(i)...)
		}
	}
	return dst
}
