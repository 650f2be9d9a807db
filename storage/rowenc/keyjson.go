package rowenc

import (
	"encoding/binary"
	"strconv"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/types"
)

// A jsonb value's key is its kind, then strings as bytes, numbers as numerics,
// arrays and objects as their count and what is in them: types.Compare's order.
const (
	// An empty array at the top is below every scalar (PostgreSQL keeps that for
	// the sake of old indexes).
	jsonEmptyTop = 0x08
	jsonNull     = 0x10
	jsonString   = 0x20
	jsonNumber   = 0x30
	jsonFalse    = 0x40
	jsonTrue     = 0x41
	jsonArray    = 0x50
	jsonObject   = 0x60

	// jsonDepthMax is more than jsonb's input lets in; it bounds what a damaged
	// key can make decoding recurse.
	jsonDepthMax = 10_000
)

// appendJSON appends the canonical key of a normalised text.
func appendJSON(dst []byte, j string) []byte {
	if j == "[]" {
		return append(dst, jsonEmptyTop)
	}
	return appendJSONValue(dst, j)
}

func appendJSONValue(dst []byte, j string) []byte {
	switch types.JSONBTypeof(j) {
	case "object":
		at, n := len(dst)+1, uint32(0)
		dst = append(dst, jsonObject, 0, 0, 0, 0)
		types.JSONBEach(j, func(key, value string) bool {
			dst = appendJSONValue(appendBytesKey(dst, []byte(key)), value)
			n++
			return true
		})
		binary.BigEndian.PutUint32(dst[at:], n)
	case "array":
		at, n := len(dst)+1, uint32(0)
		dst = append(dst, jsonArray, 0, 0, 0, 0)
		types.JSONBElements(j, func(elem string) bool {
			dst = appendJSONValue(dst, elem)
			n++
			return true
		})
		binary.BigEndian.PutUint32(dst[at:], n)
	case "string":
		s, _ := types.JSONBText(j)
		dst = appendBytesKey(append(dst, jsonString), []byte(s))
	case "boolean":
		if j == "true" {
			return append(dst, jsonTrue)
		}
		dst = append(dst, jsonFalse)
	case "null":
		dst = append(dst, jsonNull)
	default:
		dst = append(dst, jsonNumber)
		if x, err := strconv.ParseInt(j, 10, 64); err == nil {
			return appendNumericInt(dst, x, 0)
		}
		d, _, err := apd.NewFromString(j)
		if err != nil {
			return append(dst, numNaN) // no number is NaN, so this one was damaged before
		}
		dst = appendDecimal(dst, d)
	}
	return dst
}

// readJSON reads a key's text.
func readJSON(key []byte, mask byte) (d types.Datum, rest []byte, err error) {
	if key[0]^mask == jsonEmptyTop {
		return types.String("[]"), key[1:], nil
	}
	text, rest, err := readJSONValue(nil, key, mask, 0)
	return types.String(string(text)), rest, err
}

func readJSONValue(dst, key []byte, mask byte, depth int) (text, rest []byte, err error) {
	if len(key) == 0 || depth > jsonDepthMax {
		return nil, nil, corrupt("jsonb cut short")
	}
	kind := key[0] ^ mask
	key = key[1:]
	switch kind {
	case jsonNull:
		return append(dst, "null"...), key, nil
	case jsonFalse:
		return append(dst, "false"...), key, nil
	case jsonTrue:
		return append(dst, "true"...), key, nil
	case jsonString:
		s, rest, err := bytesKey(nil, key, mask)
		return types.AppendJSONString(dst, string(s)), rest, err
	case jsonNumber:
		var n numberKey
		rest, err := readNumeric(&n, key, mask)
		if err != nil {
			return nil, nil, err
		}
		if x, _, ok := n.narrow(0); ok && n.class == numZero {
			return strconv.AppendInt(dst, x, 10), rest, nil
		}
		if n.class != numPos && n.class != numNeg {
			return nil, nil, corrupt("bad number in jsonb")
		}
		var d apd.Decimal
		n.decimal(&d, 0)
		return d.Append(dst, 'f'), rest, nil
	case jsonArray, jsonObject:
		return readJSONMany(dst, key, mask, depth, kind == jsonObject)
	}
	return nil, nil, corrupt("bad kind %#x in jsonb", kind)
}

func readJSONMany(dst, key []byte, mask byte, depth int, object bool) (text, rest []byte, err error) {
	n, key, err := maskedUint32(key, mask)
	if err != nil {
		return nil, nil, err
	}
	open, end := byte('['), byte(']')
	if object {
		open, end = '{', '}'
	}
	dst = append(dst, open)
	for i := range n {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		if object {
			var s []byte
			if s, key, err = bytesKey(nil, key, mask); err != nil {
				return nil, nil, err
			}
			dst = append(types.AppendJSONString(dst, string(s)), ": "...)
		}
		if dst, key, err = readJSONValue(dst, key, mask, depth+1); err != nil {
			return nil, nil, err
		}
	}
	return append(dst, end), key, nil
}
