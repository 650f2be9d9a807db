package types

import (
	"math"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// ToJSONB is to_jsonb(d) for a value of type t.
func ToJSONB(d Datum, t Type, env *Env) (string, error) {
	if t.OID == OIDJSONB && !d.Null {
		return d.S, nil
	}
	s, err := ToJSON(d, t, env)
	if err != nil {
		return "", err
	}
	return ParseJSONB(s)
}

// ToJSON is to_json(d) for a value of type t: numbers bare, arrays as arrays,
// rows as objects, other values as strings of their text, timestamps with a T.
func ToJSON(d Datum, t Type, env *Env) (string, error) {
	b, err := appendJSON(nil, d, t, env)
	return string(b), err
}

func appendJSON(dst []byte, d Datum, t Type, env *Env) ([]byte, error) {
	if d.Null {
		return append(dst, "null"...), nil
	}
	quoted := func(s []byte) ([]byte, error) { return AppendJSONString(dst, string(s)), nil }
	switch t.OID {
	case OIDBool:
		return appendCastText(dst, d, t, env), nil
	case OIDInt2, OIDInt4, OIDInt8:
		return AppendText(dst, d, t, env), nil
	case OIDFloat4, OIDFloat8:
		if math.IsNaN(d.F) || math.IsInf(d.F, 0) {
			return quoted(AppendText(nil, d, t, env))
		}
		return AppendText(dst, d, t, env), nil
	case OIDNumeric:
		if isSpecial(d) {
			return quoted(AppendText(nil, d, t, env))
		}
		return AppendText(dst, d, t, env), nil
	case OIDJSON, OIDJSONB:
		return append(dst, d.S...), nil
	case OIDTimestamp:
		return quoted(appendStamp(nil, d.I, 'T', noOffset))
	case OIDTimestamptz:
		if infinite(d.I) {
			return quoted(appendInfinity(nil, d.I))
		}
		off := zoneOffset(d.I, env.loc())
		b := appendStamp(nil, d.I+int64(off)*usecSec, 'T', off)
		if off%3600 == 0 { // JSON dates always have minutes
			b = jsonMinutes(b)
		}
		return quoted(b)
	case OIDRecord:
		return appendJSONRecord(dst, d, env)
	}
	if t.IsArray() {
		a, err := DecodeArray(d.S)
		if err != nil {
			return dst, err
		}
		if len(a.Elems) == 0 {
			return append(dst, "[]"...), nil
		}
		next := 0
		return appendJSONArray(dst, &a, 0, &next, env)
	}
	return quoted(AppendText(nil, d, t, env))
}

// jsonMinutes puts :00 behind ±hh, before a BC.
func jsonMinutes(b []byte) []byte {
	if n := len(b); n > 3 && b[n-1] == 'C' {
		return append(append(append([]byte(nil), b[:n-3]...), ":00"...), b[n-3:]...)
	}
	return append(b, ":00"...)
}

func appendJSONArray(dst []byte, a *Array, depth int, next *int, env *Env) ([]byte, error) {
	dst = append(dst, '[')
	var err error
	for i := range a.Dims[depth] {
		if i > 0 {
			dst = append(dst, ',')
		}
		if depth+1 < len(a.Dims) {
			dst, err = appendJSONArray(dst, a, depth+1, next, env)
		} else {
			dst, err = appendJSON(dst, a.Elems[*next], a.Elem, env)
			*next++
		}
		if err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// appendJSONRecord names the fields f1, f2, …: an anonymous row has no others.
func appendJSONRecord(dst []byte, d Datum, env *Env) ([]byte, error) {
	ts, ds, err := DecodeRecord(d.S)
	if err != nil {
		return dst, err
	}
	dst = append(dst, '{')
	for i := range ds {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, "\"f"...)
		dst = appendPad(dst, i+1, 1)
		dst = append(dst, "\":"...)
		if dst, err = appendJSON(dst, ds[i], ts[i], env); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// JSONBBuildArray is jsonb_build_array.
func JSONBBuildArray(ds []Datum, ts []Type, env *Env) (string, error) {
	dst := []byte{'['}
	for i := range ds {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		j, err := ToJSONB(ds[i], ts[i], env)
		if err != nil {
			return "", err
		}
		dst = append(dst, j...)
	}
	return string(append(dst, ']')), nil
}

// JSONBBuildObject is jsonb_build_object: keys and values in turn.
func JSONBBuildObject(ds []Datum, ts []Type, env *Env) (string, error) {
	if len(ds)%2 != 0 {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "argument list must have even number of elements").
			WithHint("The arguments of jsonb_build_object() must consist of alternating keys and values.")
	}
	n := jsonNode{kind: 'o'}
	for i := 0; i < len(ds); i += 2 {
		if ds[i].Null {
			return "", sqlerr.New(sqlerr.InvalidParameterValue, "argument %d: key must not be null", i+1)
		}
		if t := ts[i]; t.IsArray() || t.OID == OIDJSON || t.OID == OIDJSONB || t.OID == OIDRecord {
			return "", sqlerr.New(sqlerr.InvalidParameterValue, "key value must be scalar, not array, composite, or json")
		}
		v, err := ToJSONB(ds[i+1], ts[i+1], env)
		if err != nil {
			return "", err
		}
		n.keys = append(n.keys, string(appendCastText(nil, ds[i], ts[i], env)))
		n.items = append(n.items, mustNode(v))
	}
	n.sortKeys()
	return n.String(), nil
}

// JSONBuildArray is json_build_array.
func JSONBuildArray(ds []Datum, ts []Type, env *Env) (string, error) {
	dst := []byte{'['}
	for i := range ds {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		var err error
		if dst, err = appendJSON(dst, ds[i], ts[i], env); err != nil {
			return "", err
		}
	}
	return string(append(dst, ']')), nil
}

// JSONBuildObject is json_build_object: keys and values in turn, kept as they come.
func JSONBuildObject(ds []Datum, ts []Type, env *Env) (string, error) {
	if len(ds)%2 != 0 {
		return "", sqlerr.New(sqlerr.InvalidParameterValue, "argument list must have even number of elements").
			WithHint("The arguments of json_build_object() must consist of alternating keys and values.")
	}
	dst := []byte{'{'}
	for i := 0; i < len(ds); i += 2 {
		if ds[i].Null {
			return "", sqlerr.New(sqlerr.InvalidParameterValue, "argument %d cannot be null", i+1).
				WithHint("Object keys should be text.")
		}
		if t := ts[i]; t.IsArray() || t.OID == OIDJSON || t.OID == OIDJSONB || t.OID == OIDRecord {
			return "", sqlerr.New(sqlerr.InvalidParameterValue, "key value must be scalar, not array, composite, or json")
		}
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = AppendJSONString(dst, string(appendCastText(nil, ds[i], ts[i], env)))
		dst = append(dst, " : "...)
		var err error
		if dst, err = appendJSON(dst, ds[i+1], ts[i+1], env); err != nil {
			return "", err
		}
	}
	return string(append(dst, '}')), nil
}
