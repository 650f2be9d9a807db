package rowenc

import (
	"encoding/binary"

	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// DecodeKeys turns keys back into columns of the given types; o must be what
// they were encoded with. rest is what follows the columns in each key. keys is
// not changed; the columns do not share its memory.
func DecodeKeys(keys [][]byte, ts []types.Type, o KeyOptions) (cols []*vec.Vec, rest [][]byte, err error) {
	rest = make([][]byte, len(keys))
	for i, k := range keys {
		if len(k) < len(o.Prefix) {
			return nil, nil, corrupt("key shorter than its prefix")
		}
		rest[i] = k[len(o.Prefix):]
	}
	for c, t := range ts {
		v, err := decodeKeyColumn(rest, t, o.Mode, o.order(c))
		if err != nil {
			return nil, nil, err
		}
		cols = append(cols, v)
	}
	return cols, rest, nil
}

// decodeKeyColumn reads one column and moves rest past it.
func decodeKeyColumn(rest [][]byte, t types.Type, m Mode, ord Order) (*vec.Vec, error) {
	if w := keyWidth(t, m); w > 0 {
		return decodeFixedKeys(rest, t, w, m, ord)
	}
	b := vec.NewBuilder(t, len(rest))
	put := keyReader(t, m)
	for i, k := range rest {
		if len(k) == 0 {
			return nil, corrupt("key cut short")
		}
		if k[0] == ord.null() {
			b.Null()
			rest[i] = k[1:]
			continue
		}
		after, err := put(b, k, ord.mask())
		if err != nil {
			return nil, err
		}
		rest[i] = after
	}
	return b.Finish(), nil
}

func decodeFixedKeys(rest [][]byte, t types.Type, w int, m Mode, ord Order) (*vec.Vec, error) {
	if t.Phys() == types.PhysInt {
		return decodeIntKeys(rest, t, ord)
	}
	n := len(rest)
	v := &vec.Vec{Type: t, N: n}
	flip := uint64(0)
	if ord.Desc {
		flip = ^flip
	}
	switch t.Phys() {
	case types.PhysFloat:
		v.Floats = make([]float64, n)
	case types.PhysBool:
		v.Bools = make([]bool, n)
	default:
		v.Off = make([]uint32, n+1)
		v.Data = make([]byte, 0, 16*n)
	}
	var buf [40]byte
	for i, k := range rest {
		if len(k) < w {
			return nil, corrupt("key cut short")
		}
		rest[i] = k[w:]
		null := k[0] == ord.null()
		if null {
			if v.Valid == nil {
				v.Valid = vec.NewBitmap(n, true)
			}
			v.Valid.Clear(i)
		} else if first := k[0] ^ ord.mask(); first != notNull && (t.Phys() != types.PhysBool || first != notNull+1) {
			return nil, corrupt("bad marker %#x in key", k[0])
		}
		switch t.Phys() {
		case types.PhysFloat:
			if !null {
				v.Floats[i] = floatOfKey(binary.BigEndian.Uint64(k[1:]) ^ flip)
			}
		case types.PhysBool:
			v.Bools[i] = !null && k[0]^ord.mask() == notNull+1
		default:
			if !null {
				b := append(buf[:0], k[1:w]...)
				complement(b, ord)
				if t.OID == types.OIDUUID {
					v.Data = append(v.Data, b...)
				} else {
					v.Data = appendIntervalOfKey(v.Data, b, m)
				}
			}
			v.Off[i+1] = uint32(len(v.Data))
		}
	}
	return v, nil
}

// decodeIntKeys is decodeFixedKeys for the columns that most keys are made of.
func decodeIntKeys(rest [][]byte, t types.Type, ord Order) (*vec.Vec, error) {
	v := &vec.Vec{Type: t, N: len(rest), Ints: make([]int64, len(rest))}
	first, mask := byte(notNull)^ord.mask(), uint64(signBit)
	if ord.Desc {
		mask = ^mask
	}
	for i, k := range rest {
		if len(k) < 9 {
			return nil, corrupt("key cut short")
		}
		rest[i] = k[9:]
		switch k[0] {
		case first:
			v.Ints[i] = int64(binary.BigEndian.Uint64(k[1:]) ^ mask)
		case ord.null():
			if v.Valid == nil {
				v.Valid = vec.NewBitmap(len(rest), true)
			}
			v.Valid.Clear(i)
		default:
			return nil, corrupt("bad marker %#x in key", k[0])
		}
	}
	return v, nil
}

// keyReaderFunc appends the value at the front of key (not NULL) to b and returns
// what follows it. mask is XORed to all bytes of key.
type keyReaderFunc func(b *vec.Builder, key []byte, mask byte) (rest []byte, err error)

func keyReader(t types.Type, m Mode) keyReaderFunc {
	if t.Phys() == types.PhysNumeric {
		return numericReader(t, m)
	}
	switch {
	case plainBytes(t):
		var buf []byte
		return func(b *vec.Builder, key []byte, mask byte) ([]byte, error) {
			if key[0]^mask != notNull {
				return nil, corrupt("bad marker %#x in key", key[0])
			}
			s, rest, err := bytesKey(buf[:0], key[1:], mask)
			if err != nil {
				return nil, err
			}
			buf = s
			b.Bytes(s)
			return rest, nil
		}
	}
	return func(b *vec.Builder, key []byte, mask byte) ([]byte, error) {
		d, rest, err := readDatum(key, t, m, mask)
		if err != nil {
			return nil, err
		}
		b.Datum(d)
		return rest, nil
	}
}

// numericReader decodes into the scale that t's modifier fixes; without one,
// Canonical keys give the least scale, Exact keys the scale they carry.
func numericReader(t types.Type, m Mode) keyReaderFunc {
	var n numberKey
	var img []byte
	fixed := int32(0)
	if _, s, ok := types.NumericMod(t); ok && m == Canonical {
		fixed = int32(max(s, 0))
	}
	return func(b *vec.Builder, key []byte, mask byte) ([]byte, error) {
		rest, scale, err := readNumericScale(&n, key, m, mask)
		if err != nil {
			return nil, err
		}
		if m == Canonical {
			scale = fixed
		}
		if x, s, ok := n.narrow(scale); ok {
			b.Numeric(x, s)
		} else {
			img = n.appendImage(img[:0], scale)
			b.NumericImage(img)
		}
		return rest, nil
	}
}
