package types

import (
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
)

// Field bits of an interval's modifier.
const (
	IntervalMonth  = 1 << 1
	IntervalYear   = 1 << 2
	IntervalDay    = 1 << 3
	IntervalHour   = 1 << 10
	IntervalMinute = 1 << 11
	IntervalSecond = 1 << 12

	intervalAllFields = 0x7fff
	intervalFullPrec  = 0xffff
)

const (
	maxCharLen       = 10485760
	maxTimePrecision = 6
)

// aliases are the names beyond typname and SQLName: SQL's spellings and the
// ones of other streaming dialects.
var aliases = map[string]Type{
	"int":                            Int4,
	"integer":                        Int4,
	"tinyint":                        Int2,
	"float":                          Float8,
	"double":                         Float8,
	"decimal":                        Numeric,
	"dec":                            Numeric,
	"char":                           {OIDBpchar, 1 + 4},
	"character":                      {OIDBpchar, 1 + 4},
	"nchar":                          {OIDBpchar, 1 + 4},
	"national character":             {OIDBpchar, 1 + 4},
	"national char":                  {OIDBpchar, 1 + 4},
	"char varying":                   Varchar,
	"nvarchar":                       Varchar,
	"national character varying":     Varchar,
	"national char varying":          Varchar,
	"string":                         Text,
	"bytes":                          Bytea,
	"binary":                         Bytea,
	"varbinary":                      Bytea,
	"datetime":                       Timestamp,
	"timestamp_ntz":                  Timestamp,
	"timestamp_ltz":                  Timestamptz,
	"timestamp with local time zone": Timestamptz,
	"variant":                        JSONB,
}

var typeNamed = func() map[string]Type {
	m := make(map[string]Type, 2*len(All)+len(aliases))
	for _, i := range All {
		m[i.Name] = Type{i.OID, -1}
		m[i.SQLName] = Type{i.OID, -1}
	}
	for name, t := range aliases {
		m[name] = t
	}
	return m
}()

// Lookup finds a built-in type by any of its names, in lower case: typname
// (int4, _int4), SQL's spelling (timestamp with time zone), an alias (string),
// each also with [] behind it. `"char"` with its quotes is the one-byte type,
// char is character(1).
func Lookup(name string) (Type, bool) {
	if t, ok := typeNamed[name]; ok {
		return t, true
	}
	if elem, ok := strings.CutSuffix(name, "[]"); ok {
		for strings.HasSuffix(elem, "[]") { // dimensions are not part of the type
			elem = elem[:len(elem)-2]
		}
		if t, ok := typeNamed[elem]; ok {
			t = ArrayOf(t)
			return t, t.OID != 0
		}
	}
	return Type{}, false
}

// WithMods applies the modifiers written behind a type name. For interval one
// modifier is the precision, two are the field bits (IntervalYear | …, 0 = all)
// and the precision (-1 = full). An array type takes its element's modifiers.
func WithMods(t Type, mods []int) (Type, error) {
	if len(mods) == 0 {
		return t, nil
	}
	if t.IsArray() && !t.IsVector() {
		e, err := WithMods(ElemOf(t), mods)
		return ArrayOf(e), err
	}
	switch t.OID {
	case OIDNumeric:
		return numericWithMods(mods)
	case OIDVarchar, OIDBpchar:
		return charWithMods(t, mods)
	case OIDTime, OIDTimestamp, OIDTimestamptz:
		return timeWithMods(t, mods)
	case OIDInterval:
		return intervalWithMods(mods)
	case OIDFloat8:
		return floatWithMods(mods)
	}
	name := t.String()
	if i := InfoOf(t.OID); i != nil {
		name = i.Name
	}
	return t, sqlerr.New(sqlerr.SyntaxError, "type modifier is not allowed for type %q", name)
}

func numericWithMods(mods []int) (Type, error) {
	if len(mods) > 2 {
		return Numeric, sqlerr.New(sqlerr.InvalidParameterValue, "invalid NUMERIC type modifier")
	}
	p, s := mods[0], 0
	if p < 1 || p > 1000 {
		return Numeric, sqlerr.New(sqlerr.InvalidParameterValue, "NUMERIC precision %d must be between 1 and 1000", p)
	}
	if len(mods) == 2 {
		s = mods[1]
	}
	if s < -1000 || s > 1000 {
		return Numeric, sqlerr.New(sqlerr.InvalidParameterValue, "NUMERIC scale %d must be between -1000 and 1000", s)
	}
	return NumericOf(p, s), nil
}

func charWithMods(t Type, mods []int) (Type, error) {
	name := "varchar"
	if t.OID == OIDBpchar {
		name = "char"
	}
	switch n := mods[0]; {
	case len(mods) != 1:
		return t, sqlerr.New(sqlerr.InvalidParameterValue, "invalid type modifier")
	case n < 1:
		return t, sqlerr.New(sqlerr.InvalidParameterValue, "length for type %s must be at least 1", name)
	case n > maxCharLen:
		return t, sqlerr.New(sqlerr.InvalidParameterValue, "length for type %s cannot exceed %d", name, maxCharLen)
	default:
		return Type{t.OID, int32(n) + 4}, nil
	}
}

func timeWithMods(t Type, mods []int) (Type, error) {
	if len(mods) != 1 {
		return t, sqlerr.New(sqlerr.InvalidParameterValue, "invalid type modifier")
	}
	p := mods[0]
	if p < 0 {
		name, zone := "TIMESTAMP", ""
		if t.OID == OIDTime {
			name = "TIME"
		}
		if t.OID == OIDTimestamptz {
			zone = " WITH TIME ZONE"
		}
		return t, sqlerr.New(sqlerr.InvalidParameterValue, "%s(%d)%s precision must not be negative", name, p, zone)
	}
	// A larger precision only warns in PostgreSQL; values have 6 digits anyway.
	return Type{t.OID, int32(min(p, maxTimePrecision))}, nil
}

func intervalWithMods(mods []int) (Type, error) {
	fields, prec := intervalAllFields, mods[0]
	switch len(mods) {
	case 1:
	case 2:
		prec = mods[1]
		if mods[0] > 0 {
			fields = mods[0]
		}
		if prec < 0 {
			prec = intervalFullPrec
		}
	default:
		return Interval, sqlerr.New(sqlerr.InvalidParameterValue, "invalid INTERVAL type modifier")
	}
	if prec < 0 {
		return Interval, sqlerr.New(sqlerr.InvalidParameterValue, "INTERVAL(%d) precision must not be negative", prec)
	}
	if prec != intervalFullPrec {
		prec = min(prec, maxTimePrecision)
	}
	if fields == intervalAllFields && prec == intervalFullPrec {
		return Interval, nil
	}
	return Type{OIDInterval, int32(fields&0x7fff)<<16 | int32(prec)}, nil
}

// float(p) names a type by the binary digits asked for.
func floatWithMods(mods []int) (Type, error) {
	switch p := mods[0]; {
	case len(mods) != 1:
		return Float8, sqlerr.New(sqlerr.InvalidParameterValue, "invalid type modifier")
	case p < 1:
		return Float8, sqlerr.New(sqlerr.InvalidParameterValue, "precision for type float must be at least 1 bit")
	case p <= 24:
		return Float4, nil
	case p <= 53:
		return Float8, nil
	}
	return Float8, sqlerr.New(sqlerr.InvalidParameterValue, "precision for type float must be less than 54 bits")
}

// NumericMod returns precision and scale of numeric(p, s), ok = false for plain
// numeric.
func NumericMod(t Type) (p, s int, ok bool) {
	if t.OID != OIDNumeric && t.OID != OIDNumericArray || t.Mod < 4 {
		return 0, 0, false
	}
	m := int(t.Mod - 4)
	// The scale is an 11-bit signed field.
	return m >> 16 & 0xffff, (m&0x7ff ^ 1024) - 1024, true
}

// CharMod returns n of varchar(n) and bpchar(n).
func CharMod(t Type) (n int, ok bool) {
	switch t.OID {
	case OIDVarchar, OIDBpchar, OIDVarcharArray, OIDBpcharArray:
		return int(t.Mod) - 4, t.Mod >= 4
	}
	return 0, false
}

// String spells t as format_type does, with its modifier.
func (t Type) String() string { return FormatType(t.OID, t.Mod, t.Mod >= 0) }

// FormatType is format_type(oid, mod); withMod = false stands for a NULL mod,
// which matters for bpchar only.
func FormatType(oid uint32, mod int32, withMod bool) string {
	i := infoOf[oid]
	if i == nil {
		if oid == 0 {
			return "-"
		}
		return "???"
	}
	if i.Elem != 0 && i.Len == -1 && i.Name[0] == '_' {
		return FormatType(i.Elem, mod, withMod) + "[]"
	}
	t := Type{oid, mod}
	switch oid {
	case OIDNumeric:
		if p, s, ok := NumericMod(t); ok {
			return "numeric(" + strconv.Itoa(p) + "," + strconv.Itoa(s) + ")"
		}
	case OIDBpchar:
		if withMod && mod < 4 {
			return "bpchar"
		}
		fallthrough
	case OIDVarchar:
		if n, ok := CharMod(t); ok {
			return i.SQLName + "(" + strconv.Itoa(n) + ")"
		}
	case OIDTime, OIDTimestamp, OIDTimestamptz:
		if mod >= 0 {
			head, tail, _ := strings.Cut(i.SQLName, " ")
			return head + "(" + strconv.Itoa(int(mod)) + ") " + tail
		}
	case OIDInterval:
		if mod >= 0 {
			return "interval" + intervalModText(mod)
		}
	}
	return i.SQLName
}

var intervalFieldNames = map[int]string{
	IntervalYear:                 " year",
	IntervalMonth:                " month",
	IntervalDay:                  " day",
	IntervalHour:                 " hour",
	IntervalMinute:               " minute",
	IntervalSecond:               " second",
	IntervalYear | IntervalMonth: " year to month",
	IntervalDay | IntervalHour:   " day to hour",
	IntervalDay | IntervalHour | IntervalMinute:                  " day to minute",
	IntervalDay | IntervalHour | IntervalMinute | IntervalSecond: " day to second",
	IntervalHour | IntervalMinute:                                " hour to minute",
	IntervalHour | IntervalMinute | IntervalSecond:               " hour to second",
	IntervalMinute | IntervalSecond:                              " minute to second",
}

func intervalModText(mod int32) string {
	fields, prec := intervalMod(mod)
	s := intervalFieldNames[fields]
	if prec != intervalFullPrec {
		s += "(" + strconv.Itoa(prec) + ")"
	}
	return s
}

// intervalMod splits an interval modifier.
func intervalMod(mod int32) (fields, prec int) {
	return int(mod>>16) & 0x7fff, int(mod) & 0xffff
}
