package rowenc

import (
	"encoding/binary"
	"math"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

const signBit = 1 << 63

// keyWidth is the number of bytes of a column whose keys all have one length
// (NULLs are padded to it), 0 if they vary.
func keyWidth(t types.Type, m Mode) int {
	switch t.Phys() {
	case types.PhysBool:
		return 1
	case types.PhysInt, types.PhysFloat:
		return 9
	}
	switch t.OID {
	case types.OIDUUID:
		return 1 + 16
	case types.OIDInterval:
		if m == Exact {
			return 1 + 16 + intervalImageLen
		}
		return 1 + 16
	}
	return 0
}

// EncodeKeys makes dst hold the keys of the n rows of cols, in place of what it
// held. No columns give n empty keys (after the prefix). All keys of a batch
// together must stay under 4 GiB.
func EncodeKeys(dst *Keys, cols []*vec.Vec, n int, o KeyOptions) {
	dst.reset(n)
	fixed, nvars := len(o.Prefix), 0
	for c, v := range cols {
		if w := keyWidth(v.Type, o.Mode); w > 0 {
			fixed += w
			continue
		}
		if nvars == len(dst.vars) {
			dst.vars = append(dst.vars, Keys{})
		}
		encodeVar(&dst.vars[nvars], vec.Flatten(v), n, o.Mode, o.order(c))
		nvars++
	}
	if cap(dst.pos) < n {
		dst.pos = make([]uint32, n)
	}
	dst.pos = dst.pos[:n]
	layout(dst, dst.vars[:nvars], n, fixed)

	if len(o.Prefix) > 0 {
		for i, p := range dst.pos {
			dst.pos[i] = p + uint32(copy(dst.Data[p:], o.Prefix))
		}
	}
	nvars = 0
	for c, v := range cols {
		w := keyWidth(v.Type, o.Mode)
		if w == 0 {
			placeVar(dst, &dst.vars[nvars])
			nvars++
			continue
		}
		encodeFixed(dst, vec.Flatten(v), w, o.Mode, o.order(c))
	}
}

// layout sets the offsets of all rows, and the position of each row's first column.
func layout(dst *Keys, vars []Keys, n, fixed int) {
	at := uint64(0)
	for i := range n {
		dst.pos[i] = uint32(at)
		at += uint64(fixed)
		for v := range vars {
			at += uint64(vars[v].Off[i+1] - vars[v].Off[i])
		}
		dst.Off[i+1] = uint32(at)
	}
	if at > math.MaxUint32 {
		panic("rowenc: keys of one batch exceed 4 GiB")
	}
	dst.size(int(at))
}

func placeVar(dst, v *Keys) {
	for i, p := range dst.pos {
		dst.pos[i] = p + uint32(copy(dst.Data[p:], v.Data[v.Off[i]:v.Off[i+1]]))
	}
}

// encodeFixed writes a column of constant width at the rows' positions.
func encodeFixed(dst *Keys, v *vec.Vec, w int, m Mode, ord Order) {
	data, pos := dst.Data, dst.pos
	switch v.Type.Phys() {
	case types.PhysInt:
		mask, first := uint64(signBit), byte(notNull)
		if ord.Desc {
			mask, first = ^mask, ^first
		}
		for i, x := range v.Ints[:len(pos)] {
			b := data[pos[i]:][:9]
			b[0] = first
			binary.BigEndian.PutUint64(b[1:], uint64(x)^mask)
		}
	case types.PhysFloat:
		first, mask := byte(notNull)^ord.mask(), uint64(0)
		if ord.Desc {
			mask = ^mask
		}
		for i, x := range v.Floats[:len(pos)] {
			b := data[pos[i]:][:9]
			b[0] = first
			binary.BigEndian.PutUint64(b[1:], floatKey(x, m)^mask)
		}
	case types.PhysBool:
		for i, x := range v.Bools[:len(pos)] {
			b := byte(notNull)
			if x {
				b = notNull + 1
			}
			data[pos[i]] = b ^ ord.mask()
		}
	default:
		for i, p := range pos {
			if v.IsNull(i) {
				continue
			}
			b := data[p:][:w]
			b[0] = notNull
			if v.Type.OID == types.OIDUUID {
				copy(b[1:], v.Bytes(i))
			} else {
				putInterval(b[1:], v.Bytes(i), m)
			}
			complement(b, ord)
		}
	}
	if v.Valid != nil {
		for i, p := range pos {
			if !v.Valid.Get(i) {
				clear(data[p:][:w])
				data[p] = ord.null()
			}
		}
	}
	for i := range pos {
		pos[i] += uint32(w)
	}
}

func complement(b []byte, ord Order) {
	if !ord.Desc {
		return
	}
	for i := range b {
		b[i] = ^b[i]
	}
}

// floatKey orders as SQL does: NaN, of whatever bits, is one value above all
// others. -0.0 is 0.0, but Exact keeps it, just below.
func floatKey(x float64, m Mode) uint64 {
	if x != x {
		return math.Float64bits(math.NaN()) | signBit
	}
	if x == 0 && m == Canonical {
		x = 0
	}
	u := math.Float64bits(x)
	if u&signBit != 0 {
		return ^u
	}
	return u | signBit
}

func floatOfKey(u uint64) float64 {
	if u&signBit != 0 {
		return math.Float64frombits(u &^ signBit)
	}
	return math.Float64frombits(^u)
}

// encodeVar encodes one variable-width column into k, each row's bytes apart.
func encodeVar(k *Keys, v *vec.Vec, n int, m Mode, ord Order) {
	k.reset(n)
	put := keyAppender(v, m)
	data := k.Data
	for i := range n {
		if v.IsNull(i) {
			data = append(data, ord.null())
		} else {
			at := len(data)
			data = put(data, v, i)
			complement(data[at:], ord)
		}
		k.Off[i+1] = uint32(len(data))
	}
	k.Data = data
}

// appender appends the ascending key of row i of v, which is not NULL.
type appender func(dst []byte, v *vec.Vec, i int) []byte

func keyAppender(v *vec.Vec, m Mode) appender {
	switch {
	case v.Type.Phys() == types.PhysNumeric && v.Scale >= 0:
		if m == Exact {
			return func(dst []byte, v *vec.Vec, i int) []byte {
				return appendScale(appendNumericInt(dst, v.Ints[i], v.Scale), v.Scale)
			}
		}
		return func(dst []byte, v *vec.Vec, i int) []byte { return appendNumericInt(dst, v.Ints[i], v.Scale) }
	case v.Type.Phys() == types.PhysNumeric:
		return func(dst []byte, v *vec.Vec, i int) []byte { return appendNumericImage(dst, v.Bytes(i), m) }
	case !plainBytes(v.Type):
		return datumAppender(m)
	}
	return func(dst []byte, v *vec.Vec, i int) []byte { return appendBytesKey(append(dst, notNull), v.Bytes(i)) }
}
