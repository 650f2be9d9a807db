package rowenc

import (
	"encoding/binary"
	"math"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// BatchInfo reads only the number of rows and columns.
func BatchInfo(data []byte) (rows, cols int, err error) {
	r := reader{b: data}
	r.head()
	return r.rows, r.cols, r.err
}

// DecodeBatch decodes what AppendBatch made; data must hold just that. The batch
// does not share data's memory.
func DecodeBatch(data []byte) (*vec.Batch, error) { return DecodeBatchColumns(data, nil) }

// DecodeBatchColumns decodes only the columns numbered in want (nil: all); the
// batch has them in that order. A number beyond the batch's columns gives a nil
// column (the row was written before the column existed).
func DecodeBatchColumns(data []byte, want []int) (*vec.Batch, error) {
	r := reader{b: data}
	r.head()
	if r.err != nil {
		return nil, r.err
	}
	b := &vec.Batch{N: r.rows}
	switch r.byte() {
	case 0:
	case 1:
		b.Weights = r.ints(r.rows)
	default:
		r.fail("bad weights")
	}
	cols := make([]reader, r.cols)
	for i := range cols {
		cols[i] = reader{b: r.take(r.uint32()), rows: r.rows}
	}
	if r.err == nil && len(r.b) != 0 {
		r.fail("bytes after the last column")
	}
	if r.err != nil {
		return nil, r.err
	}
	if want == nil {
		want = make([]int, len(cols))
		for i := range want {
			want[i] = i
		}
	}
	for _, c := range want {
		if c >= len(cols) {
			b.Cols = append(b.Cols, nil)
			continue
		}
		col := cols[c]
		v := col.column()
		if col.err == nil && len(col.b) != 0 {
			col.fail("bytes after the last value")
		}
		if col.err != nil {
			return nil, col.err
		}
		b.Cols = append(b.Cols, v)
	}
	return b, nil
}

// reader takes things off the front of b; after an error it gives zeros.
type reader struct {
	b          []byte
	rows, cols int
	err        error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = corrupt("batch: %s", what)
	}
	r.b = nil
}

func (r *reader) head() {
	if v := r.byte(); v != batchVersion && r.err == nil {
		r.fail("unknown version")
	}
	rows, cols := r.uvarint(), r.uvarint()
	if rows > BatchRowsMax || cols > batchColumnsMax || cols > uint64(len(r.b)) {
		r.fail("more rows or columns than there can be")
		return
	}
	r.rows, r.cols = int(rows), int(cols)
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b) {
		r.fail("cut short")
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint32() int {
	if b := r.take(4); b != nil {
		return int(binary.LittleEndian.Uint32(b))
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	x, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("bad number")
		return 0
	}
	r.b = r.b[n:]
	return x
}

func (r *reader) varint() int64 {
	x, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail("bad number")
		return 0
	}
	r.b = r.b[n:]
	return x
}

func (r *reader) ints(n int) []int64 {
	w, lo := int(r.byte()), r.varint()
	if w > 8 {
		r.fail("bad width")
	}
	in := r.take(w * n)
	if r.err != nil {
		return nil
	}
	out := make([]int64, n)
	if w == 0 {
		for i := range out {
			out[i] = lo
		}
		return out
	}
	mask := ^uint64(0) >> (64 - 8*uint(w))
	i := 0
	for ; i*w+8 <= len(in); i++ {
		out[i] = int64(binary.LittleEndian.Uint64(in[i*w:])&mask + uint64(lo))
	}
	var last [16]byte
	for ; i < n; i++ {
		copy(last[:8], in[i*w:][:w])
		out[i] = int64(binary.LittleEndian.Uint64(last[:])&mask + uint64(lo))
	}
	return out
}

func (r *reader) column() *vec.Vec {
	n := r.rows
	oid, mod := r.uvarint(), r.varint()
	if oid > math.MaxUint32 || mod != int64(int32(mod)) {
		r.fail("bad type")
		return nil
	}
	v := &vec.Vec{Type: types.Type{OID: uint32(oid), Mod: int32(mod)}, N: n}
	switch r.byte() {
	case 0:
	case 1:
		if in := r.take((n + 7) / 8); in != nil || n == 0 {
			v.Valid = vec.NewBitmap(n, false)
			for i, b := range in {
				v.Valid[i>>3] |= uint64(b) << (8 * uint(i&7))
			}
		}
	default:
		r.fail("bad validity")
	}
	if r.err != nil {
		return nil
	}
	switch v.Type.Phys() {
	case types.PhysBool:
		in := r.take((n + 7) / 8)
		if r.err == nil {
			v.Bools = make([]bool, n)
			for i := range v.Bools {
				v.Bools[i] = in[i>>3]&(1<<(i&7)) != 0
			}
		}
		return v
	case types.PhysInt:
		v.Ints = r.ints(n)
		return v
	case types.PhysFloat:
		in := r.take(8 * n)
		if r.err == nil {
			v.Floats = make([]float64, n)
			for i := range v.Floats {
				v.Floats[i] = math.Float64frombits(binary.LittleEndian.Uint64(in[8*i:]))
			}
		}
		return v
	case types.PhysNumeric:
		s := r.varint()
		if s < -1 || s > math.MaxInt16 {
			r.fail("bad scale")
		}
		v.Scale = int32(s)
		if s >= 0 {
			v.Ints = r.ints(n)
			return v
		}
	}
	r.strings(v, n)
	return v
}

func (r *reader) strings(v *vec.Vec, n int) {
	lens := r.ints(n)
	v.Off = make([]uint32, n+1)
	at := int64(0)
	for i, l := range lens {
		if l < 0 || at+l > int64(len(r.b)) {
			r.fail("cut short")
			return
		}
		at += l
		v.Off[i+1] = uint32(at)
	}
	v.Data = append([]byte(nil), r.take(int(at))...)
}
