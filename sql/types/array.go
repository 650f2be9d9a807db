package types

import (
	"encoding/binary"
	"math"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Array is a decoded array value: Dims and Lower have one entry a dimension
// (none for the empty array), Elems is in row-major order.
type Array struct {
	Elem  Type
	Dims  []int32
	Lower []int32
	Elems []Datum
}

const (
	maxDims      = 6
	maxArraySize = 1 << 27
)

// NewArray makes a one-dimensional array with lower bound 1.
func NewArray(elem Type, elems []Datum) *Array {
	a := &Array{Elem: elem, Elems: elems}
	if len(elems) > 0 {
		a.Dims, a.Lower = []int32{int32(len(elems))}, []int32{1}
	}
	return a
}

// ArrayDatum makes the Datum of a.
func ArrayDatum(a *Array) Datum { return Datum{S: string(AppendArray(nil, a))} }

// AppendArray appends a's image: element OID, dimensions, then each element as
// appendElem writes it. One value has one image.
func AppendArray(dst []byte, a *Array) []byte {
	dst = binary.BigEndian.AppendUint32(dst, a.Elem.OID)
	dst = append(dst, byte(len(a.Dims)))
	for i, n := range a.Dims {
		dst = binary.AppendUvarint(dst, uint64(n))
		dst = binary.AppendVarint(dst, int64(a.Lower[i]))
	}
	for _, e := range a.Elems {
		dst = appendElem(dst, e, a.Elem.Phys())
	}
	return dst
}

// appendElem writes 0 for NULL, else a non-zero lead and the value.
func appendElem(dst []byte, d Datum, phys Phys) []byte {
	if d.Null {
		return append(dst, 0)
	}
	switch phys {
	case PhysBool, PhysInt:
		dst = append(dst, 1)
		return binary.AppendVarint(dst, d.I)
	case PhysFloat:
		dst = append(dst, 1)
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(d.F))
	case PhysNumeric: // always wide, so that one value has one image
		if d.Scale >= 0 {
			var x apd.Decimal
			NumericToDecimal(d, &x)
			var buf [24]byte
			image := AppendNumeric(buf[:0], &x)
			dst = binary.AppendUvarint(dst, uint64(len(image))+1)
			return append(dst, image...)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(d.S))+1)
	return append(dst, d.S...)
}

func decodeElem(s string, phys Phys) (d Datum, rest string, ok bool) {
	if s == "" {
		return d, "", false
	}
	if s[0] == 0 {
		return NullDatum, s[1:], true
	}
	switch phys {
	case PhysBool, PhysInt:
		v, n := varint(s[1:])
		if n <= 0 {
			return d, "", false
		}
		return Datum{I: v}, s[1+n:], true
	case PhysFloat:
		if len(s) < 9 {
			return d, "", false
		}
		return Datum{F: math.Float64frombits(binary.BigEndian.Uint64([]byte(s[1:9])))}, s[9:], true
	}
	size, n := uvarint(s)
	if n <= 0 || size == 0 || size-1 > uint64(len(s)-n) {
		return d, "", false
	}
	body := s[n : n+int(size)-1]
	rest = s[n+int(size)-1:]
	if phys == PhysNumeric {
		var x apd.Decimal
		if DecodeNumeric([]byte(body), &x) != nil {
			return d, "", false
		}
		return DecimalToDatum(&x), rest, true
	}
	return Datum{S: body}, rest, true
}

// uvarint and varint are binary's, over strings.
func uvarint(s string) (v uint64, n int) {
	for shift := 0; n < len(s) && n < binary.MaxVarintLen64; shift += 7 {
		c := s[n]
		n++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v, n
		}
	}
	return 0, 0
}

func varint(s string) (int64, int) {
	u, n := uvarint(s)
	return int64(u>>1) ^ -int64(u&1), n
}

var errArrayImage = sqlerr.New(sqlerr.DataCorrupted, "malformed array image")

// DecodeArray reads an image; element strings share its memory.
func DecodeArray(s string) (Array, error) {
	var a Array
	if len(s) < 5 {
		return a, errArrayImage
	}
	a.Elem = Type{binary.BigEndian.Uint32([]byte(s[:4])), -1}
	ndim := int(s[4])
	s = s[5:]
	if ndim > maxDims {
		return a, errArrayImage
	}
	total := int64(0)
	if ndim > 0 {
		total = 1
		a.Dims, a.Lower = make([]int32, ndim), make([]int32, ndim)
	}
	for i := range ndim {
		n, k := uvarint(s)
		if k <= 0 || n > maxArraySize {
			return a, errArrayImage
		}
		low, k2 := varint(s[k:])
		if k2 <= 0 || low != int64(int32(low)) {
			return a, errArrayImage
		}
		a.Dims[i], a.Lower[i] = int32(n), int32(low)
		if total *= int64(n); total > maxArraySize {
			return a, errArrayImage
		}
		s = s[k+k2:]
	}
	if total > int64(len(s)) { // an element takes a byte at least
		return a, errArrayImage
	}
	phys := a.Elem.Phys()
	a.Elems = make([]Datum, total)
	for i := range a.Elems {
		var ok bool
		if a.Elems[i], s, ok = decodeElem(s, phys); !ok {
			return a, errArrayImage
		}
	}
	if s != "" {
		return a, errArrayImage
	}
	return a, nil
}

// AppendRecord appends the image of a row: field count, then type OID and value
// of each.
func AppendRecord(dst []byte, ts []Type, ds []Datum) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(ts)))
	for i, t := range ts {
		dst = binary.BigEndian.AppendUint32(dst, t.OID)
		dst = appendElem(dst, ds[i], t.Phys())
	}
	return dst
}

// DecodeRecord reads an image made by AppendRecord.
func DecodeRecord(s string) ([]Type, []Datum, error) {
	bad := sqlerr.New(sqlerr.DataCorrupted, "malformed record image")
	n, k := uvarint(s)
	if k <= 0 || n > uint64(len(s)) {
		return nil, nil, bad
	}
	s = s[k:]
	ts, ds := make([]Type, n), make([]Datum, n)
	for i := range ts {
		if len(s) < 5 {
			return nil, nil, bad
		}
		ts[i] = Type{binary.BigEndian.Uint32([]byte(s[:4])), -1}
		var ok bool
		if ds[i], s, ok = decodeElem(s[4:], ts[i].Phys()); !ok {
			return nil, nil, bad
		}
	}
	if s != "" {
		return nil, nil, bad
	}
	return ts, ds, nil
}
