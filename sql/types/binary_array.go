package types

import (
	"encoding/binary"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// maxBinaryDepth bounds records within records on the wire.
const maxBinaryDepth = 64

func errShort() error { return errBinary("insufficient data left in message") }

// binaryArray reads: dimensions, flags, element OID, (size, lower bound) of each
// dimension, then length-prefixed elements, -1 for NULL.
func binaryArray(b []byte, t Type, depth int) (Datum, error) {
	if len(b) < 12 {
		return Datum{}, errShort()
	}
	ndim, flags := int(int32(binary.BigEndian.Uint32(b))), binary.BigEndian.Uint32(b[4:])
	oid := binary.BigEndian.Uint32(b[8:])
	elem := ElemOf(t)
	switch {
	case ndim < 0:
		return Datum{}, errBinary("invalid number of dimensions: %d", ndim)
	case ndim > maxDims:
		return Datum{}, errTooManyDims(ndim)
	case flags > 1:
		return Datum{}, errBinary("invalid array flags")
	case oid != elem.OID:
		return Datum{}, sqlerr.New(sqlerr.DatatypeMismatch, "wrong element type")
	}
	b = b[12:]
	if len(b) < 8*ndim {
		return Datum{}, errShort()
	}
	a := Array{Elem: elem.Base()}
	total := int64(0)
	if ndim > 0 {
		total = 1
	}
	for range ndim {
		n, low := int32(binary.BigEndian.Uint32(b)), int32(binary.BigEndian.Uint32(b[4:]))
		if n < 0 || int64(n) > maxArraySize {
			return Datum{}, sqlerr.New(sqlerr.ProgramLimitExceeded, "array size exceeds the maximum allowed (%d)", maxArraySize)
		}
		if total *= int64(n); total > maxArraySize {
			return Datum{}, sqlerr.New(sqlerr.ProgramLimitExceeded, "array size exceeds the maximum allowed (%d)", maxArraySize)
		}
		a.Dims, a.Lower = append(a.Dims, n), append(a.Lower, low)
		b = b[8:]
	}
	if total*4 > int64(len(b)) {
		return Datum{}, errShort()
	}
	a.Elems = make([]Datum, total)
	for i := range a.Elems {
		var err error
		if a.Elems[i], b, err = binaryField(b, elem, depth+1); err != nil {
			return Datum{}, err
		}
	}
	if len(b) != 0 {
		return Datum{}, errBinaryLen(t)
	}
	if total == 0 && !t.IsVector() {
		a.Dims, a.Lower = nil, nil
	}
	return ArrayDatum(&a), nil
}

// binaryField reads one length-prefixed value.
func binaryField(b []byte, t Type, depth int) (Datum, []byte, error) {
	if len(b) < 4 {
		return Datum{}, b, errShort()
	}
	n := int(int32(binary.BigEndian.Uint32(b)))
	b = b[4:]
	if n == -1 {
		return NullDatum, b, nil
	}
	if n < 0 || n > len(b) {
		return Datum{}, b, errShort()
	}
	var d Datum
	var err error
	switch {
	case t.OID == OIDRecord:
		d, err = binaryRecord(b[:n], depth)
	case t.IsArray():
		d, err = binaryArray(b[:n], t, depth)
	default:
		d, err = ParseBinary(b[:n], t)
	}
	return d, b[n:], err
}

func binaryRecord(b []byte, depth int) (Datum, error) {
	if depth > maxBinaryDepth {
		return Datum{}, sqlerr.New(sqlerr.StatementTooComplex, "stack depth limit exceeded")
	}
	if len(b) < 4 {
		return Datum{}, errShort()
	}
	n := int64(binary.BigEndian.Uint32(b))
	b = b[4:]
	if n*8 > int64(len(b)) {
		return Datum{}, errShort()
	}
	ts, ds := make([]Type, n), make([]Datum, n)
	for i := range ts {
		if len(b) < 4 {
			return Datum{}, errShort()
		}
		ts[i] = Type{binary.BigEndian.Uint32(b), -1}
		var err error
		if ds[i], b, err = binaryField(b[4:], ts[i], depth+1); err != nil {
			return Datum{}, err
		}
	}
	if len(b) != 0 {
		return Datum{}, errBinaryLen(Record)
	}
	return Datum{S: string(AppendRecord(nil, ts, ds))}, nil
}

// appendField writes one length-prefixed value.
func appendField(dst []byte, d Datum, t Type) []byte {
	if d.Null {
		return binary.BigEndian.AppendUint32(dst, 0xffffffff)
	}
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	dst = AppendBinary(dst, d, t)
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

func appendArrayBinary(dst []byte, image string, t Type) []byte {
	a, err := DecodeArray(image)
	if err != nil {
		a = Array{Elem: ElemOf(t)}
	}
	flags := uint32(0)
	for _, e := range a.Elems {
		if e.Null {
			flags = 1
		}
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(a.Dims)))
	dst = binary.BigEndian.AppendUint32(dst, flags)
	dst = binary.BigEndian.AppendUint32(dst, a.Elem.OID)
	for i, n := range a.Dims {
		dst = binary.BigEndian.AppendUint32(dst, uint32(n))
		dst = binary.BigEndian.AppendUint32(dst, uint32(a.Lower[i]))
	}
	for _, e := range a.Elems {
		dst = appendField(dst, e, a.Elem)
	}
	return dst
}

func appendRecordBinary(dst []byte, image string) []byte {
	ts, ds, err := DecodeRecord(image)
	if err != nil {
		return binary.BigEndian.AppendUint32(dst, 0)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(ts)))
	for i, t := range ts {
		dst = binary.BigEndian.AppendUint32(dst, t.OID)
		dst = appendField(dst, ds[i], t)
	}
	return dst
}
