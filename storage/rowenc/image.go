package rowenc

import (
	"encoding/binary"
	"math"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// Codec turns the rows of one schema into images and back: null bits, then one
// slot a column at an offset that is the same in every row, then the variable
// part. It is immutable and safe for concurrent use.
type Codec struct {
	types []types.Type
	slots []slot
	fixed int // bytes before the variable part
	bytes []int
	nums  []int
	// Behind the first image, of the types first, come images of one column each
	// (NewGrownCodec): added, of the columns of.
	added []*Codec
	of    []int
	first []types.Type
}

type slot struct {
	off, width int
	kind       slotKind
	prev       int // slotBytes: the slot that holds where this value begins; -1 = at 0
}

type slotKind uint8

const (
	slotBool slotKind = iota
	slotInt
	slotUint
	slotFloat
	slotRaw     // fixed-width bytes: uuid, interval
	slotNumeric // scale, int64; or wideScale, start uint32, length uint32
	slotBytes   // end uint32 in the variable part; it begins where the one before ends
)

// wideScale in place of a scale says that the value is a wide image.
const wideScale = 0xFF

// NewCodec compiles the codec of a schema.
func NewCodec(ts []types.Type) *Codec {
	c := &Codec{types: ts, slots: make([]slot, len(ts))}
	at, prev := (len(ts)+7)/8, -1
	for i, t := range ts {
		s := slot{off: at, width: 8, prev: -1}
		switch t.Phys() {
		case types.PhysBool:
			s.kind, s.width = slotBool, 1
		case types.PhysInt:
			s.kind = slotInt
			switch t.OID {
			case types.OIDInt2:
				s.width = 2
			case types.OIDInt4:
				s.width = 4
			case types.OIDOid:
				s.kind, s.width = slotUint, 4
			}
		case types.PhysFloat:
			s.kind = slotFloat
		case types.PhysNumeric:
			s.kind, s.width = slotNumeric, 9
			c.nums = append(c.nums, i)
		default:
			if t.OID == types.OIDUUID || t.OID == types.OIDInterval {
				s.kind, s.width = slotRaw, 16
				break
			}
			s.kind, s.width, s.prev = slotBytes, 4, prev
			prev = i
			c.bytes = append(c.bytes, i)
		}
		c.slots[i] = s
		at += s.width
	}
	c.fixed = at
	return c
}

// Types are the column types that the codec was made for; not to be changed.
func (c *Codec) Types() []types.Type { return c.types }

// Encode makes dst hold the images of the n rows of cols, in place of what it held.
// Equal columns give equal images.
func (c *Codec) Encode(dst *Keys, cols []*vec.Vec, n int) {
	if c.added != nil {
		c.encodeExtended(dst, cols, n)
		return
	}
	dst.reset(n)
	if cap(dst.pos) < n {
		dst.pos = make([]uint32, n)
	}
	dst.pos = dst.pos[:n]
	cols = c.fitScales(cols)
	at := uint64(0)
	for i := range n {
		at += uint64(c.fixed)
		for _, b := range c.bytes {
			if v := cols[b]; !v.IsNull(i) {
				at += uint64(len(v.Bytes(i)))
			}
		}
		for _, b := range c.nums {
			if v := cols[b]; v.Scale < 0 && !v.IsNull(i) {
				at += uint64(len(v.Bytes(i)))
			}
		}
		dst.Off[i+1] = uint32(at)
	}
	if at > math.MaxUint32 {
		panic("rowenc: images of one batch exceed 4 GiB")
	}
	dst.size(int(at))
	for i := range n {
		clear(dst.Data[dst.Off[i]:][:c.fixed])
		dst.pos[i] = 0 // bytes used of the variable part
	}
	for col := range c.slots {
		if c.slots[col].kind != slotNumeric {
			c.encodeColumn(dst, vec.Flatten(cols[col]), col)
		}
	}
	// Wide numerics come after all byte strings, whose slots tell only ends.
	for _, col := range c.nums {
		c.encodeNumeric(dst, vec.Flatten(cols[col]), col)
	}
}

// fitScales widens numerics whose scale does not fit its byte.
func (c *Codec) fitScales(cols []*vec.Vec) []*vec.Vec {
	copied := false
	for _, b := range c.nums {
		if cols[b].Scale < wideScale {
			continue
		}
		if !copied {
			cols, copied = append([]*vec.Vec(nil), cols...), true
		}
		cols[b] = vec.Widen(cols[b])
	}
	return cols
}

func (c *Codec) encodeColumn(dst *Keys, v *vec.Vec, col int) {
	s, data := c.slots[col], dst.Data
	off := dst.Off[:len(dst.pos)]
	if v.Valid != nil {
		bit := byte(1) << (col & 7)
		for i, o := range off {
			if !v.Valid.Get(i) {
				data[int(o)+col/8] |= bit
			}
		}
	}
	for i, o := range off {
		b := data[int(o)+s.off:][:s.width]
		if s.kind == slotBytes {
			// A NULL still says where it ends: the next value begins there.
			if !v.IsNull(i) {
				dst.pos[i] += uint32(copy(data[int(o)+c.fixed+int(dst.pos[i]):], v.Bytes(i)))
			}
			binary.LittleEndian.PutUint32(b, dst.pos[i])
			continue
		}
		if v.IsNull(i) {
			continue
		}
		switch s.kind {
		case slotBool:
			if v.Bools[i] {
				b[0] = 1
			}
		case slotInt, slotUint:
			switch s.width {
			case 8:
				binary.LittleEndian.PutUint64(b, uint64(v.Ints[i]))
			case 4:
				binary.LittleEndian.PutUint32(b, uint32(v.Ints[i]))
			default:
				binary.LittleEndian.PutUint16(b, uint16(v.Ints[i]))
			}
		case slotFloat:
			binary.LittleEndian.PutUint64(b, math.Float64bits(v.Floats[i]))
		case slotRaw:
			copy(b, v.Bytes(i))
		}
	}
}

func (c *Codec) encodeNumeric(dst *Keys, v *vec.Vec, col int) {
	s, data := c.slots[col], dst.Data
	for i, o := range dst.Off[:len(dst.pos)] {
		if v.IsNull(i) {
			data[int(o)+col/8] |= 1 << (col & 7)
			continue
		}
		b := data[int(o)+s.off:][:s.width]
		if v.Scale >= 0 {
			b[0] = byte(v.Scale)
			binary.LittleEndian.PutUint64(b[1:], uint64(v.Ints[i]))
			continue
		}
		img, p := v.Bytes(i), dst.pos[i]
		b[0] = wideScale
		binary.LittleEndian.PutUint32(b[1:], p)
		binary.LittleEndian.PutUint32(b[5:], uint32(len(img)))
		dst.pos[i] = p + uint32(copy(data[int(o)+c.fixed+int(p):], img))
	}
}

// Decode turns images back into columns: those numbered in want, nil for all.
// The columns do not share the rows' memory.
func (c *Codec) Decode(rows [][]byte, want []int) ([]*vec.Vec, error) {
	if want == nil {
		want = make([]int, len(c.types))
		for i := range want {
			want[i] = i
		}
	}
	if c.added != nil {
		return c.decodeExtended(rows, want)
	}
	for _, r := range rows {
		if len(r) < c.fixed {
			return nil, corrupt("row image of %d bytes, its fixed part has %d", len(r), c.fixed)
		}
	}
	cols := make([]*vec.Vec, len(want))
	for k, col := range want {
		v, err := c.decodeColumn(rows, col)
		if err != nil {
			return nil, err
		}
		cols[k] = v
	}
	return cols, nil
}

func (c *Codec) decodeColumn(rows [][]byte, col int) (*vec.Vec, error) {
	s, n := c.slots[col], len(rows)
	v := &vec.Vec{Type: c.types[col], N: n}
	nullAt, bit := col/8, byte(1)<<(col&7)
	for i, r := range rows {
		if r[nullAt]&bit != 0 {
			if v.Valid == nil {
				v.Valid = vec.NewBitmap(n, true)
			}
			v.Valid.Clear(i)
		}
	}
	switch s.kind {
	case slotBool:
		v.Bools = make([]bool, n)
		for i, r := range rows {
			v.Bools[i] = r[s.off] != 0
		}
	case slotInt, slotUint:
		v.Ints = make([]int64, n)
		for i, r := range rows {
			b := r[s.off:]
			switch {
			case s.width == 8:
				v.Ints[i] = int64(binary.LittleEndian.Uint64(b))
			case s.width == 2:
				v.Ints[i] = int64(int16(binary.LittleEndian.Uint16(b)))
			case s.kind == slotUint:
				v.Ints[i] = int64(binary.LittleEndian.Uint32(b))
			default:
				v.Ints[i] = int64(int32(binary.LittleEndian.Uint32(b)))
			}
		}
	case slotFloat:
		v.Floats = make([]float64, n)
		for i, r := range rows {
			v.Floats[i] = math.Float64frombits(binary.LittleEndian.Uint64(r[s.off:]))
		}
	case slotNumeric:
		return c.decodeNumeric(rows, v, s)
	case slotRaw:
		v.Off, v.Data = make([]uint32, n+1), make([]byte, 0, n*s.width)
		for i, r := range rows {
			if !v.IsNull(i) {
				v.Data = append(v.Data, r[s.off:][:s.width]...)
			}
			v.Off[i+1] = uint32(len(v.Data))
		}
	case slotBytes:
		v.Off = make([]uint32, n+1)
		size := 0
		for i, r := range rows {
			lo, hi, err := c.span(r, s)
			if err != nil {
				return nil, err
			}
			if size += hi - lo; size > math.MaxUint32 {
				return nil, corrupt("column of over 4 GiB")
			}
			v.Off[i+1] = uint32(size)
		}
		v.Data = make([]byte, 0, size)
		for _, r := range rows {
			lo, hi, _ := c.span(r, s)
			v.Data = append(v.Data, r[lo:hi]...)
		}
	}
	return v, nil
}

// span is where a byte string lies in a row.
func (c *Codec) span(r []byte, s slot) (lo, hi int, err error) {
	lo, hi = c.fixed, c.fixed+int(binary.LittleEndian.Uint32(r[s.off:]))
	if s.prev >= 0 {
		lo += int(binary.LittleEndian.Uint32(r[c.slots[s.prev].off:]))
	}
	if lo > hi || hi > len(r) {
		return 0, 0, corrupt("value at %d to %d in a row image of %d bytes", lo, hi, len(r))
	}
	return lo, hi, nil
}

func (c *Codec) decodeNumeric(rows [][]byte, v *vec.Vec, s slot) (*vec.Vec, error) {
	// The common case: one scale in the whole column.
	first, same := -1, true
	for i, r := range rows {
		if !v.IsNull(i) {
			scale := int(r[s.off])
			if first < 0 {
				first = scale
			}
			same = same && scale == first && scale != wideScale
		}
	}
	if same {
		v.Scale, v.Ints = int32(max(first, 0)), make([]int64, len(rows))
		for i, r := range rows {
			v.Ints[i] = int64(binary.LittleEndian.Uint64(r[s.off+1:]))
		}
		return v, nil
	}
	b := vec.NewBuilder(v.Type, len(rows))
	for i, r := range rows {
		slot := r[s.off:]
		switch {
		case v.IsNull(i):
			b.Null()
		case slot[0] == wideScale:
			lo := c.fixed + int(binary.LittleEndian.Uint32(slot[1:]))
			hi := lo + int(binary.LittleEndian.Uint32(slot[5:]))
			if hi > len(r) {
				return nil, corrupt("numeric at %d to %d in a row image of %d bytes", lo, hi, len(r))
			}
			b.NumericImage(r[lo:hi])
		default:
			b.Numeric(int64(binary.LittleEndian.Uint64(slot[1:])), int32(slot[0]))
		}
	}
	return b.Finish(), nil
}
