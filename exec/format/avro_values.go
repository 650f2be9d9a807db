package format

import (
	"encoding/binary"
	"math"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// avroFromJSON writes a jsonb text as a value of n.
func avroFromJSON(dst []byte, n *avroNode, j string, depth int) ([]byte, error) {
	if depth > avroDepthMax {
		return dst, sqlerr.New(sqlerr.StatementTooComplex, "the JSON value is nested more than %d deep", avroDepthMax)
	}
	kind := types.JSONBTypeof(j)
	switch n.typ {
	case avroNull:
		if kind == "null" {
			return dst, nil
		}
	case avroUnion:
		for i, b := range n.branches {
			if image, err := avroFromJSON(nil, b, j, depth+1); err == nil && jsonSuits(b, kind) {
				return append(binary.AppendVarint(dst, int64(i)), image...), nil
			}
		}
	case avroRecord:
		if kind == "object" {
			return avroFromMembers(dst, n, j, depth)
		}
	case avroArray, avroMap:
		if kind == "array" && n.typ == avroArray || kind == "object" && n.typ == avroMap {
			return avroFromItems(dst, n, j, depth)
		}
	default:
		if text, null := types.JSONBText(j); !null && kind != "object" && kind != "array" {
			d, err := types.ParseText(text, n.natural(), nil)
			if err != nil {
				return dst, err
			}
			return avroScalar(dst, n, d)
		}
	}
	return dst, sqlerr.New(sqlerr.DatatypeMismatch, "a JSON %s cannot become Avro %s", kind, n.what())
}

// jsonSuits keeps numbers out of the strings of unions, and strings out of their
// numbers.
func jsonSuits(n *avroNode, kind string) bool {
	switch n.kind {
	case kindText:
		return kind == "string"
	case kindInt, kindLong, kindFloat, kindDouble:
		return kind == "number"
	case kindBool:
		return kind == "boolean"
	}
	return true
}

func avroFromMembers(dst []byte, n *avroNode, j string, depth int) (_ []byte, err error) {
	for i := range n.fields {
		f := &n.fields[i]
		if v, ok := types.JSONBGet(j, f.name); ok {
			dst, err = avroFromJSON(dst, f.node, v, depth+1)
		} else {
			dst, err = avroMissing(dst, f)
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func avroFromItems(dst []byte, n *avroNode, j string, depth int) (_ []byte, err error) {
	count := 0
	var body []byte
	one := func(v string) bool {
		count++
		body, err = avroFromJSON(body, n.items, v, depth+1)
		return err == nil
	}
	if n.typ == avroArray {
		types.JSONBElements(j, one)
	} else {
		types.JSONBEach(j, func(key, v string) bool {
			body = append(binary.AppendVarint(body, int64(len(key))), key...)
			return one(v)
		})
	}
	if err != nil {
		return dst, err
	}
	if count > 0 {
		dst = append(binary.AppendVarint(dst, int64(count)), body...)
	}
	return append(dst, 0), nil
}

// avroDefault writes the default of a field, as the schema's parser gives it: a
// Go value of the type that belongs to the schema's.
func avroDefault(dst []byte, n *avroNode, def any) ([]byte, error) {
	bad := sqlerr.New(sqlerr.InvalidParameterValue, "invalid Avro schema: a default does not fit its type %s", n.what())
	switch n.typ {
	case avroNull:
		return dst, nil
	case avroUnion:
		for i, b := range n.branches {
			if image, err := avroDefault(nil, b, def); err == nil && (b.typ == avroNull) == (def == nil) {
				return append(binary.AppendVarint(dst, int64(i)), image...), nil
			}
		}
		return dst, bad
	}
	switch v := def.(type) {
	case bool:
		if n.typ == avroBool {
			return append(dst, map[bool]byte{true: 1}[v]), nil
		}
	case int32:
		if n.typ == avroInt {
			return binary.AppendVarint(dst, int64(v)), nil
		}
	case int64:
		if n.typ == avroLong {
			return binary.AppendVarint(dst, v), nil
		}
	case float32:
		if n.typ == avroFloat {
			return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v)), nil
		}
	case float64:
		if n.typ == avroDouble {
			return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v)), nil
		}
	case string:
		if n.typ == avroEnum || n.typ == avroString {
			if n.typ == avroEnum {
				return avroScalar(dst, n, types.String(v))
			}
			return avroBlob(dst, n, []byte(v))
		}
	case []byte:
		if n.typ == avroBytes || n.typ == avroFixed {
			return avroBlob(dst, n, v)
		}
	case []any:
		if n.typ == avroArray {
			return avroDefaultItems(dst, n, v)
		}
	case map[string]any:
		return avroDefaultMembers(dst, n, v)
	}
	return dst, bad
}

func avroDefaultItems(dst []byte, n *avroNode, items []any) (_ []byte, err error) {
	if len(items) > 0 {
		dst = binary.AppendVarint(dst, int64(len(items)))
	}
	for _, item := range items {
		if dst, err = avroDefault(dst, n.items, item); err != nil {
			return dst, err
		}
	}
	return append(dst, 0), nil
}

func avroDefaultMembers(dst []byte, n *avroNode, members map[string]any) (_ []byte, err error) {
	switch n.typ {
	case avroMap:
		if len(members) > 0 {
			dst = binary.AppendVarint(dst, int64(len(members)))
		}
		for _, key := range sortedKeys(members) {
			dst = append(binary.AppendVarint(dst, int64(len(key))), key...)
			if dst, err = avroDefault(dst, n.items, members[key]); err != nil {
				return dst, err
			}
		}
		return append(dst, 0), nil
	case avroRecord:
		for i := range n.fields {
			f := &n.fields[i]
			if v, ok := members[f.name]; ok {
				dst, err = avroDefault(dst, f.node, v)
			} else {
				dst, err = avroMissing(dst, f)
			}
			if err != nil {
				return dst, err
			}
		}
		return dst, nil
	}
	return dst, sqlerr.New(sqlerr.InvalidParameterValue, "invalid Avro schema: a default does not fit its type %s", n.what())
}
