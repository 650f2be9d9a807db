package types

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// ParseText is t's input function, with t's modifier applied as an assignment
// does. env may be nil for the default settings.
func ParseText(s string, t Type, env *Env) (Datum, error) {
	switch t.OID {
	case OIDText, OIDUnknown:
		return Datum{S: s}, checkUTF8(s)
	case OIDVarchar, OIDBpchar, OIDName:
		if err := checkUTF8(s); err != nil {
			return Datum{}, err
		}
		return CoerceTypmod(Datum{S: s}, t, false)
	case OIDInt8, OIDInt4, OIDInt2:
		v, err := parseInt(s, t)
		return Datum{I: v}, err
	case OIDNumeric:
		return parseNumeric(s, t)
	case OIDFloat8, OIDFloat4:
		f, err := parseFloat(s, t)
		return Datum{F: f}, err
	case OIDBool:
		return parseBool(s)
	case OIDTimestamptz:
		if t.Mod < 0 {
			if ts, ok := scanISOZone(s); ok {
				return Datum{I: ts}, nil
			}
		}
		v, err := parseTimestamp(s, t, env)
		return Datum{I: v}, err
	case OIDTimestamp:
		if ts, n, ok := scanISO(s); ok && n == len(s) && t.Mod < 0 {
			return Datum{I: ts}, nil
		}
		v, err := parseTimestamp(s, t, env)
		return Datum{I: v}, err
	case OIDDate:
		v, err := parseDate(s, env)
		return Datum{I: v}, err
	case OIDTime:
		v, err := parseTime(s, t, env)
		return Datum{I: v}, err
	case OIDInterval:
		iv, err := parseInterval(s, t, env)
		if err != nil {
			return Datum{}, err
		}
		return IntervalDatum(iv), nil
	case OIDJSONB:
		j, err := ParseJSONB(s)
		return Datum{S: j}, err
	case OIDJSON:
		return Datum{S: s}, CheckJSON(s)
	case OIDUUID:
		return parseUUID(s)
	case OIDBytea:
		return parseBytea(s)
	case OIDChar:
		if s == "" {
			return Datum{}, nil
		}
		return Datum{I: int64(int8(s[0]))}, nil
	case OIDOid, OIDRegclass, OIDRegproc, OIDRegnamespace, OIDRegrole, OIDRegtype:
		if env != nil && env.Names != nil && t.OID != OIDOid {
			v, err := env.Names.RegIn(t, s)
			return Datum{I: v}, err
		}
		return parseOid(s, t)
	case OIDInt2Vector, OIDOidVector:
		return parseVector(s, t)
	case OIDVoid:
		return Datum{}, nil
	case OIDRecord:
		return Datum{}, sqlerr.New(sqlerr.FeatureNotSupported, "input of anonymous composite types is not implemented")
	}
	if t.IsArray() {
		return parseArray(s, t, env)
	}
	return Datum{}, sqlerr.New(sqlerr.FeatureNotSupported, "cannot accept a value of type %s", t)
}

// AppendText is t's output function. d must not be NULL.
func AppendText(dst []byte, d Datum, t Type, env *Env) []byte {
	switch t.OID {
	case OIDRegclass, OIDRegproc, OIDRegnamespace, OIDRegrole, OIDRegtype:
		if env != nil && env.Names != nil {
			return append(dst, env.Names.RegOut(t, d.I)...)
		}
	}
	switch t.OID {
	case OIDText, OIDVarchar, OIDBpchar, OIDName, OIDJSON, OIDJSONB, OIDUnknown:
		return append(dst, d.S...)
	case OIDInt8, OIDInt4, OIDInt2, OIDOid, OIDRegclass, OIDRegproc, OIDRegnamespace, OIDRegrole:
		return strconv.AppendInt(dst, d.I, 10)
	case OIDNumeric:
		return appendNumericText(dst, d)
	case OIDFloat8:
		return appendFloat(dst, d.F, 64, env.orDefault().ExtraFloatDigits)
	case OIDFloat4:
		return appendFloat(dst, d.F, 32, env.orDefault().ExtraFloatDigits)
	case OIDBool:
		if d.I != 0 {
			return append(dst, 't')
		}
		return append(dst, 'f')
	case OIDTimestamptz:
		return appendTimestamptz(dst, d.I, env.loc())
	case OIDTimestamp:
		return appendTimestamp(dst, d.I)
	case OIDDate:
		return appendDate(dst, d.I)
	case OIDTime:
		return appendTime(dst, d.I)
	case OIDInterval:
		return appendInterval(dst, DecodeInterval(d.S), env.orDefault().IntervalStyle)
	case OIDUUID:
		return appendUUID(dst, d.S)
	case OIDBytea:
		return appendBytea(dst, d.S, env.orDefault().ByteaEscape)
	case OIDChar:
		if d.I == 0 {
			return dst
		}
		return append(dst, byte(d.I))
	case OIDRegtype:
		if d.I == 0 {
			return append(dst, '-')
		}
		if InfoOf(uint32(d.I)) == nil {
			return strconv.AppendInt(dst, d.I, 10)
		}
		return append(dst, FormatType(uint32(d.I), -1, false)...)
	case OIDInt2Vector, OIDOidVector:
		return appendVector(dst, d.S)
	case OIDVoid:
		return dst
	case OIDRecord:
		return appendRecordText(dst, d.S, env)
	}
	if t.IsArray() {
		return appendArrayText(dst, d.S, env)
	}
	return append(dst, d.S...)
}

func checkUTF8(s string) error {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return nil
	}
	return CheckUTF8([]byte(s))
}

// ParseInt reads an int8; a failed one comes with ParseText's error.
func ParseInt(b []byte) (int64, error) {
	if v, ok := scanInt(b); ok {
		return v, nil
	}
	return parseInt(string(b), Int8)
}

// scanInt reads up to 18 digits with an optional sign.
func scanInt[S string | []byte](s S) (v int64, ok bool) {
	i, neg := 0, false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg, i = s[0] == '-', 1
	}
	if n := len(s) - i; n == 0 || n > narrowDigits {
		return 0, false
	}
	for ; i < len(s); i++ {
		c := s[i] - '0'
		if c > 9 {
			return 0, false
		}
		v = v*10 + int64(c)
	}
	if neg {
		v = -v
	}
	return v, true
}

func parseInt(s string, t Type) (int64, error) {
	v, ok := scanInt(s)
	if !ok {
		trimmed := trimSpace(s)
		var err error
		v, err = strconv.ParseInt(trimmed, 10, 64)
		if n, isNum := err.(*strconv.NumError); isNum {
			if n.Err == strconv.ErrRange {
				return 0, errIntInput(s, t)
			}
			return 0, errSyntax(t, s)
		}
	}
	if !intFits(v, t) {
		return 0, errIntInput(s, t)
	}
	return v, nil
}

func errIntInput(s string, t Type) error {
	return sqlerr.New(sqlerr.NumericValueOutOfRange, "value \"%s\" is out of range for type %s", s, t.Base())
}

// parseOid reads oid and the reg types: numbers, '-' and for regtype names.
// Names of other objects need the catalog and are resolved above this package.
func parseOid(s string, t Type) (Datum, error) {
	if s == "-" && t.OID != OIDOid {
		return Datum{}, nil
	}
	v, err := strconv.ParseInt(trimSpace(s), 10, 64)
	if err == nil {
		if v < math.MinInt32 || v > math.MaxUint32 {
			return Datum{}, errIntInput(s, Oid)
		}
		return Datum{I: int64(uint32(v))}, nil
	}
	if t.OID == OIDRegtype {
		if found, ok := Lookup(strings.ToLower(strings.TrimPrefix(trimSpace(s), "pg_catalog."))); ok {
			return Datum{I: int64(found.OID)}, nil
		}
		return Datum{}, sqlerr.New(sqlerr.UndefinedObject, "type \"%s\" does not exist", s)
	}
	if n, ok := err.(*strconv.NumError); ok && n.Err == strconv.ErrRange {
		return Datum{}, errIntInput(s, Oid)
	}
	return Datum{}, errSyntax(t, s)
}

func parseFloat(s string, t Type) (float64, error) {
	bits := 64
	if t.OID == OIDFloat4 {
		bits = 32
	}
	text := trimSpace(s)
	f, err := strconv.ParseFloat(text, bits)
	if err != nil {
		if n, ok := err.(*strconv.NumError); ok && n.Err == strconv.ErrRange {
			return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "\"%s\" is out of range for type %s", s, t.Base())
		}
		return 0, errSyntax(t, s)
	}
	if strings.IndexByte(text, '_') >= 0 {
		return 0, errSyntax(t, s)
	}
	if f == 0 && underflows(text) {
		return 0, sqlerr.New(sqlerr.NumericValueOutOfRange, "\"%s\" is out of range for type %s", s, t.Base())
	}
	return f, nil
}

// underflows reports a non-zero digit in the mantissa of a number read as 0.
func underflows(s string) bool {
	for i := 0; i < len(s) && s[i]|0x20 != 'e' && s[i]|0x20 != 'p'; i++ {
		if s[i] >= '1' && s[i] <= '9' {
			return true
		}
	}
	return false
}

// appendFloat writes a float as PostgreSQL: the shortest digits that read back,
// in exponent form outside 1e-4 … 1e15 (float4: 1e6).
func appendFloat(dst []byte, f float64, bits, extra int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "Infinity"...)
	case math.IsInf(f, -1):
		return append(dst, "-Infinity"...)
	}
	digits, limit := 15, 1e15
	if bits == 32 {
		digits, limit = 6, 1e6
	}
	if extra <= 0 {
		return strconv.AppendFloat(dst, f, 'g', max(digits+extra, 1), bits)
	}
	low := 1e-4
	if bits == 32 {
		low = float64(float32(low))
	}
	if a := math.Abs(f); a != 0 && (a < low || a >= limit) {
		return strconv.AppendFloat(dst, f, 'e', -1, bits)
	}
	return strconv.AppendFloat(dst, f, 'f', -1, bits)
}

func parseBool(s string) (Datum, error) {
	w := strings.ToLower(trimSpace(s))
	prefix := func(of string, minLen int) bool { return len(w) >= minLen && strings.HasPrefix(of, w) }
	switch {
	case w == "1" || prefix("true", 1) || prefix("yes", 1) || w == "on":
		return Boolean(true), nil
	case w == "0" || prefix("false", 1) || prefix("no", 1) || prefix("off", 2):
		return Boolean(false), nil
	}
	return Datum{}, errSyntax(Bool, s)
}
