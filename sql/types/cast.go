package types

import (
	"math"
	"strings"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// CastContext says in which contexts a cast applies; each level includes those
// below it.
type CastContext uint8

// From no cast at all to one that is applied without being asked for.
const (
	CastNone CastContext = iota
	CastExplicit
	CastAssignment
	CastImplicit
)

func (c CastContext) String() string {
	return [...]string{"none", "explicit", "assignment", "implicit"}[c&3]
}

type castFunc func(d Datum, to Type, env *Env) (Datum, error)

// CastRow is one row of pg_cast.
type CastRow struct {
	From, To uint32
	Context  CastContext
	fn       castFunc
}

// CastKind says how a value of type from becomes one of type to, PostgreSQL's
// rules: the rows of Casts; any type to a string type by its text (assignment)
// and back (explicit); arrays as their elements; a literal of unknown type to
// anything.
func CastKind(from, to Type) CastContext {
	if from.OID == to.OID {
		return CastImplicit
	}
	if from.OID == OIDUnknown {
		return CastImplicit
	}
	if row, ok := castOf[castKey{from.OID, to.OID}]; ok {
		return row.Context
	}
	if from.IsArray() && to.IsArray() && !from.IsVector() && !to.IsVector() {
		if k := CastKind(ElemOf(from), ElemOf(to)); k != CastNone {
			return k
		}
		return CastNone
	}
	switch to.OID {
	case OIDAny, OIDAnyElement:
		return CastImplicit
	case OIDAnyArray:
		if from.IsArray() {
			return CastImplicit
		}
		return CastNone
	case OIDAnyNonArray:
		if !from.IsArray() {
			return CastImplicit
		}
		return CastNone
	}
	switch {
	case from.IsVector() && to.OID == ArrayOf(ElemOf(from)).OID:
		return CastImplicit
	case from.IsPseudo() && from.OID != OIDRecord || to.IsPseudo():
		return CastNone
	case isTextual(to):
		return CastAssignment
	case isTextual(from):
		return CastExplicit
	}
	return CastNone
}

// isTextual is the string category as I/O conversion casts see it.
func isTextual(t Type) bool {
	return t.OID == OIDText || t.OID == OIDVarchar || t.OID == OIDBpchar || t.OID == OIDName
}

func errCannotCast(from, to Type) error {
	return sqlerr.New(sqlerr.CannotCoerce, "cannot cast type %s to %s", from.Base(), to.Base())
}

// Cast converts d explicitly, as d::to, and applies to's modifier.
func Cast(d Datum, from, to Type, env *Env) (Datum, error) {
	if d.Null {
		return d, nil
	}
	if from.OID == to.OID {
		return CoerceTypmod(d, to, true)
	}
	if row, ok := castOf[castKey{from.OID, to.OID}]; ok {
		out, err := row.fn(d, to, env)
		if err != nil || to.Mod < 0 {
			return out, err
		}
		return CoerceTypmod(out, to, true)
	}
	if to.OID == OIDAny || to.OID == OIDAnyElement || to.OID == OIDAnyArray || to.OID == OIDAnyNonArray {
		return d, nil
	}
	switch {
	case from.IsVector() && to.IsArray():
		return d, nil
	case from.IsArray() && to.IsArray():
		return castArray(d, from, to, env)
	case isTextual(to):
		// The text is made first and cut to the length after.
		return CoerceTypmod(Datum{S: string(appendCastText(nil, d, from, env))}, to, true)
	case isTextual(from) || from.OID == OIDUnknown:
		if from.OID == OIDBpchar {
			d.S = trimBlanks(d.S)
		}
		out, err := ParseText(d.S, to.Base(), env)
		if from.OID == OIDUnknown && to.OID == OIDInterval {
			return ParseText(d.S, to, env) // a literal's modifier takes part in reading
		}
		if err != nil {
			return out, err
		}
		return CoerceTypmod(out, to, true)
	}
	return Datum{}, errCannotCast(from, to)
}

// appendCastText is AppendText but for bool, whose cast spells it out.
func appendCastText(dst []byte, d Datum, from Type, env *Env) []byte {
	switch from.OID {
	case OIDBool:
		if d.I != 0 {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case OIDBpchar:
		return append(dst, trimBlanks(d.S)...)
	}
	return AppendText(dst, d, from, env)
}

func castArray(d Datum, from, to Type, env *Env) (Datum, error) {
	a, err := DecodeArray(d.S)
	if err != nil {
		return d, err
	}
	elemFrom, elemTo := ElemOf(from), ElemOf(to)
	for i, e := range a.Elems {
		if a.Elems[i], err = Cast(e, elemFrom, elemTo, env); err != nil {
			return d, err
		}
	}
	a.Elem = elemTo.Base()
	return ArrayDatum(&a), nil
}

// CoerceTypmod applies t's modifier to a value of type t. An explicit cast cuts
// strings that are too long, an assignment refuses them unless only blanks are
// lost.
func CoerceTypmod(d Datum, t Type, explicit bool) (Datum, error) {
	if d.Null {
		return d, nil
	}
	switch t.OID {
	case OIDName:
		d.S = cutBytes(d.S, 63)
		return d, nil
	case OIDNumeric:
		return numericApplyMod(d, t)
	}
	if t.Mod < 0 {
		return d, nil
	}
	switch t.OID {
	case OIDVarchar, OIDBpchar:
		return coerceChars(d, t, explicit)
	case OIDTime:
		d.I = roundMicros(d.I, int(t.Mod))
	case OIDTimestamp, OIDTimestamptz:
		if !infinite(d.I) {
			d.I = roundMicros(d.I, int(t.Mod))
		}
	case OIDInterval:
		iv, err := DecodeInterval(d.S).applyMod(t.Mod)
		return IntervalDatum(iv), err
	default:
		if t.IsArray() && !t.IsVector() {
			a, err := DecodeArray(d.S)
			if err != nil {
				return d, err
			}
			elem := ElemOf(t)
			for i, e := range a.Elems {
				if a.Elems[i], err = CoerceTypmod(e, elem, explicit); err != nil {
					return d, err
				}
			}
			return ArrayDatum(&a), nil
		}
	}
	return d, nil
}

func coerceChars(d Datum, t Type, explicit bool) (Datum, error) {
	n, ok := CharMod(t)
	if !ok {
		return d, nil
	}
	length := len(d.S)
	if length > n || t.OID == OIDBpchar {
		length = utf8.RuneCountInString(d.S)
	}
	if length > n {
		at := 0
		for i := 0; i < n; i++ {
			_, w := utf8.DecodeRuneInString(d.S[at:])
			at += w
		}
		if !explicit && trimBlanks(d.S[at:]) != "" {
			return d, sqlerr.New(sqlerr.StringDataRightTruncation, "value too long for type %s", t)
		}
		d.S = d.S[:at]
	} else if t.OID == OIDBpchar && length < n {
		d.S += strings.Repeat(" ", n-length)
	}
	return d, nil
}

// cutBytes cuts s to at most n bytes at a character boundary.
func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Kernels of casts; the checks are PostgreSQL's.

func castSame(d Datum, _ Type, _ *Env) (Datum, error) { return d, nil }

func castInt(d Datum, to Type, _ *Env) (Datum, error) {
	if !intFits(d.I, to) {
		return d, errIntRange(to)
	}
	return d, nil
}

// castWrap reinterprets 32 bits, as binary-coercible casts between integer and oid do.
func castWrap(d Datum, to Type, _ *Env) (Datum, error) {
	if to.OID == OIDInt4 {
		return Int(int64(int32(d.I))), nil
	}
	return Int(int64(uint32(d.I))), nil
}

func castIntFloat(d Datum, to Type, _ *Env) (Datum, error) {
	if to.OID == OIDFloat4 {
		return Float(float64(float32(d.I))), nil
	}
	return Float(float64(d.I)), nil
}

func castIntNumeric(d Datum, _ Type, _ *Env) (Datum, error) { return NumericFromInt(d.I), nil }

// FloatToInt rounds half to even.
func FloatToInt(f float64, to Type) (int64, error) {
	f = math.RoundToEven(f)
	if !(f >= -9223372036854775808 && f < 9223372036854775808) || !intFits(int64(f), to) {
		return 0, errIntRange(to)
	}
	return int64(f), nil
}

func castFloatInt(d Datum, to Type, _ *Env) (Datum, error) {
	v, err := FloatToInt(d.F, to)
	return Int(v), err
}

// castFloat8to4 checks that nothing but precision is lost.
func castFloat8to4(d Datum, _ Type, _ *Env) (Datum, error) {
	f := float64(float32(d.F))
	switch {
	case math.IsInf(f, 0) && !math.IsInf(d.F, 0):
		return d, sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: overflow")
	case f == 0 && d.F != 0:
		return d, sqlerr.New(sqlerr.NumericValueOutOfRange, "value out of range: underflow")
	}
	return Float(f), nil
}

func castFloat8Numeric(d Datum, _ Type, _ *Env) (Datum, error) { return numericFromFloat(d.F, 15), nil }
func castFloat4Numeric(d Datum, _ Type, _ *Env) (Datum, error) { return numericFromFloat(d.F, 6), nil }

func castNumericInt(d Datum, to Type, _ *Env) (Datum, error) {
	v, err := NumericToInt(d, to)
	return Int(v), err
}

func castNumericFloat(d Datum, to Type, _ *Env) (Datum, error) {
	f := NumericToFloat(d)
	if math.IsInf(f, 0) && !isSpecial(d) || to.OID == OIDFloat4 && math.Abs(f) > math.MaxFloat32 && !math.IsInf(f, 0) {
		return d, sqlerr.New(sqlerr.NumericValueOutOfRange, "\"%s\" is out of range for type %s", appendNumericText(nil, d), to.Base())
	}
	if to.OID == OIDFloat4 {
		f = float64(float32(f))
	}
	return Float(f), nil
}

func castBoolInt(d Datum, _ Type, _ *Env) (Datum, error) { return d, nil }
func castIntBool(d Datum, _ Type, _ *Env) (Datum, error) { return Boolean(d.I != 0), nil }

func castText(from Type) castFunc {
	return func(d Datum, to Type, env *Env) (Datum, error) {
		return CoerceTypmod(Datum{S: string(appendCastText(nil, d, from, env))}, to, true)
	}
}

func castTrimText(d Datum, to Type, _ *Env) (Datum, error) {
	return CoerceTypmod(Datum{S: trimBlanks(d.S)}, to, true)
}

func castStringChar(d Datum, _ Type, _ *Env) (Datum, error) { return ParseText(d.S, Char, nil) }

func castInt4Char(d Datum, _ Type, _ *Env) (Datum, error) {
	if d.I < -128 || d.I > 127 {
		return d, sqlerr.New(sqlerr.NumericValueOutOfRange, "\"char\" out of range")
	}
	return d, nil
}

func castParse(d Datum, to Type, env *Env) (Datum, error) { return ParseText(d.S, to, env) }

// Date and time.

func castDateStamp(d Datum, to Type, env *Env) (Datum, error) {
	var v int64
	var err error
	if to.OID == OIDTimestamptz {
		v, err = DateToTimestamptz(d.I, env.loc())
	} else {
		v, err = DateToTimestamp(d.I)
	}
	return Int(v), err
}

func castStampDate(d Datum, _ Type, _ *Env) (Datum, error) { return Int(TimestampToDate(d.I)), nil }

func castStampTime(d Datum, _ Type, _ *Env) (Datum, error) {
	if infinite(d.I) {
		return NullDatum, nil
	}
	_, usec := splitTimestamp(d.I)
	return Int(usec), nil
}

func castStampZone(d Datum, _ Type, env *Env) (Datum, error) {
	v, err := TimestampToTimestamptz(d.I, env.loc())
	return Int(v), err
}

// castZoneLocal goes over the local timestamp.
func castZoneLocal(then castFunc) castFunc {
	return func(d Datum, to Type, env *Env) (Datum, error) {
		v, err := TimestamptzToTimestamp(d.I, env.loc())
		if err != nil {
			return d, err
		}
		return then(Int(v), to, env)
	}
}

func castTimeInterval(d Datum, _ Type, _ *Env) (Datum, error) {
	return IntervalDatum(IntervalValue{Micros: d.I}), nil
}

func castIntervalTime(d Datum, _ Type, _ *Env) (Datum, error) {
	iv := DecodeInterval(d.S)
	return Int(iv.Micros - floorDiv64(iv.Micros, usecDay)*usecDay), nil
}

// jsonb scalars.

func castJSONBScalar(d Datum, to Type, env *Env) (Datum, error) {
	kind := JSONBTypeof(d.S)
	switch {
	case to.OID == OIDBool && kind == "boolean":
		return Boolean(d.S == "true"), nil
	case to.OID != OIDBool && kind == "number":
		n, err := parseNumeric(d.S, Numeric)
		switch {
		case err != nil || to.OID == OIDNumeric:
			return n, err
		case to.Phys() == PhysFloat:
			return castNumericFloat(n, to, env)
		}
		return castNumericInt(n, to, env)
	}
	if kind == "array" || kind == "object" || kind == "string" || kind == "null" || kind == "boolean" || kind == "number" {
		if kind == "number" {
			kind = "numeric"
		}
		return d, sqlerr.New(sqlerr.InvalidParameterValue, "cannot cast jsonb %s to type %s", kind, to.Base())
	}
	return d, errCannotCast(JSONB, to)
}

type castKey struct{ from, to uint32 }
