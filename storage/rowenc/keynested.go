package rowenc

import (
	"encoding/binary"

	"github.com/tarndb/tarn/sql/types"
)

// Elements of arrays and records follow each other, NULLs as 0xFF (they sort
// last), and end with 0x00, which is below every element.
const elemsEnd = 0x00

func appendArray(dst []byte, img string) ([]byte, bool) {
	a, err := types.DecodeArray(img)
	if err != nil {
		return nil, false
	}
	dst = append(dst, notNull)
	for _, e := range a.Elems {
		if e.Null {
			dst = append(dst, nullLast)
		} else {
			dst = appendDatum(dst, e, a.Elem, Canonical)
		}
	}
	dst = append(dst, elemsEnd, byte(len(a.Dims)))
	for i := range a.Dims {
		dst = binary.BigEndian.AppendUint32(dst, uint32(a.Dims[i]))
	}
	for i := range a.Lower {
		dst = binary.BigEndian.AppendUint32(dst, uint32(a.Lower[i])^1<<31)
	}
	return dst, true
}

func readArray(key []byte, t types.Type, mask byte) (d types.Datum, rest []byte, err error) {
	a := types.Array{Elem: types.ElemOf(t)}
	for {
		if len(key) == 0 {
			return d, nil, corrupt("array cut short")
		}
		first := key[0] ^ mask
		if first == elemsEnd {
			key = key[1:]
			break
		}
		e := types.NullDatum
		if first == nullLast {
			key = key[1:]
		} else if e, key, err = readDatum(key, a.Elem, Canonical, mask); err != nil {
			return d, nil, err
		}
		a.Elems = append(a.Elems, e)
	}
	if len(key) == 0 {
		return d, nil, corrupt("array cut short")
	}
	ndim := int(key[0] ^ mask)
	key = key[1:]
	want := 1
	for range ndim {
		var n uint32
		if n, key, err = maskedUint32(key, mask); err != nil {
			return d, nil, err
		}
		if want *= int(int32(n)); want < 0 || want > len(a.Elems) {
			return d, nil, corrupt("bad array dimensions")
		}
		a.Dims = append(a.Dims, int32(n))
	}
	for range ndim {
		var lo uint32
		if lo, key, err = maskedUint32(key, mask); err != nil {
			return d, nil, err
		}
		a.Lower = append(a.Lower, int32(lo^1<<31))
	}
	if ndim == 0 {
		want = 0
	}
	if want != len(a.Elems) {
		return d, nil, corrupt("bad array dimensions")
	}
	return types.String(string(types.AppendArray(nil, &a))), key, nil
}

func appendRecord(dst []byte, img string) ([]byte, bool) {
	ts, ds, err := types.DecodeRecord(img)
	if err != nil {
		return nil, false
	}
	// The types come before each field: records of unlike types do not meet in
	// one column, so this costs no order and lets decoding go straight on.
	dst = append(dst, notNull)
	for i, d := range ds {
		dst = binary.BigEndian.AppendUint32(append(dst, fieldStart), ts[i].OID)
		dst = binary.BigEndian.AppendUint32(dst, uint32(ts[i].Mod))
		if d.Null {
			dst = append(dst, nullLast)
		} else {
			dst = appendDatum(dst, d, ts[i], Canonical)
		}
	}
	return append(dst, elemsEnd), true
}

const fieldStart = 0x01

func readRecord(key []byte, mask byte) (d types.Datum, rest []byte, err error) {
	var ts []types.Type
	var ds []types.Datum
	for {
		if len(key) == 0 {
			return d, nil, corrupt("record cut short")
		}
		first := key[0] ^ mask
		key = key[1:]
		if first == elemsEnd {
			return types.String(string(types.AppendRecord(nil, ts, ds))), key, nil
		}
		if first != fieldStart {
			return d, nil, corrupt("bad field in record")
		}
		var oid, mod uint32
		if oid, key, err = maskedUint32(key, mask); err != nil {
			return d, nil, err
		}
		if mod, key, err = maskedUint32(key, mask); err != nil {
			return d, nil, err
		}
		t, e := types.Type{OID: oid, Mod: int32(mod)}, types.NullDatum
		if len(key) > 0 && key[0]^mask == nullLast {
			key = key[1:]
		} else if e, key, err = readDatum(key, t, Canonical, mask); err != nil {
			return d, nil, err
		}
		ts, ds = append(ts, t), append(ds, e)
	}
}
