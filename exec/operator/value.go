package operator

import (
	"encoding/binary"
	"math"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// A value inside a state image: one byte says what follows, so that an image can
// be read without knowing more than the column's type.
const (
	valueNull = iota
	valueSet
	valueError // code (5 bytes), message
)

// appendValue appends row i of v.
func appendValue(dst []byte, v *vec.Vec, i int) []byte {
	if v.IsNull(i) {
		return append(dst, valueNull)
	}
	dst = append(dst, valueSet)
	switch v.Type.Phys() {
	case types.PhysBool:
		if v.Bools[i] {
			return append(dst, 1)
		}
		return append(dst, 0)
	case types.PhysInt:
		return binary.LittleEndian.AppendUint64(dst, uint64(v.Ints[i]))
	case types.PhysFloat:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v.Floats[i]))
	case types.PhysNumeric:
		if v.Scale >= 0 {
			dst = append(dst, byte(v.Scale+1))
			return binary.LittleEndian.AppendUint64(dst, uint64(v.Ints[i]))
		}
		return appendBytes(append(dst, 0), v.Bytes(i))
	}
	return appendBytes(dst, v.Bytes(i))
}

func appendBytes(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func appendErrorValue(dst []byte, e *sqlerr.Error) []byte {
	dst = append(dst, valueError)
	dst = appendBytes(dst, []byte(e.Code))
	return appendBytes(dst, []byte(e.Message))
}

// readValue appends the value at the front of b to out, NULL if it is an error,
// and returns what follows it.
func readValue(b []byte, out *vec.Builder, t types.Type) (rest []byte, failed *sqlerr.Error) {
	kind := b[0]
	b = b[1:]
	switch kind {
	case valueNull:
		out.Null()
		return b, nil
	case valueError:
		out.Null()
		code, b := readBytes(b)
		message, b := readBytes(b)
		return b, &sqlerr.Error{Code: sqlerr.Code(code), Message: string(message)}
	}
	switch t.Phys() {
	case types.PhysBool:
		out.Bool(b[0] != 0)
		return b[1:], nil
	case types.PhysInt:
		out.Int(int64(binary.LittleEndian.Uint64(b)))
		return b[8:], nil
	case types.PhysFloat:
		out.Float(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		return b[8:], nil
	case types.PhysNumeric:
		if b[0] > 0 {
			out.Numeric(int64(binary.LittleEndian.Uint64(b[1:])), int32(b[0])-1)
			return b[9:], nil
		}
		img, b := readBytes(b[1:])
		out.NumericImage(img)
		return b, nil
	}
	img, b := readBytes(b)
	out.Bytes(img)
	return b, nil
}

func readBytes(b []byte) (x, rest []byte) {
	n, w := binary.Uvarint(b)
	b = b[w:]
	return b[:n:n], b[n:]
}
