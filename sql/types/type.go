// Package types is the vocabulary of SQL values: types with PostgreSQL's OIDs,
// single values (Datum), and for each type its text and binary form, order,
// equality and casts.
//
// Invariants
//   - A Type alone decides the physical form of a column (Phys).
//   - Nothing here knows columns or batches; kernels over columns live in
//     sql/funcs, ordered key encoding in storage/rowenc.
package types

// Type is a SQL type: a PostgreSQL OID and its type modifier (-1 = none), both
// as the wire shows them. It is comparable.
//
// Mod is PostgreSQL's atttypmod: numeric ((p<<16)|(s&0x7ff))+4, varchar and
// bpchar n+4, timestamp/timestamptz/time p.
type Type struct {
	OID uint32
	Mod int32
}

// OIDs of the built-in types.
const (
	OIDBool         = 16
	OIDBytea        = 17
	OIDChar         = 18 // "char", one byte
	OIDName         = 19
	OIDInt8         = 20
	OIDInt2         = 21
	OIDInt2Vector   = 22
	OIDInt4         = 23
	OIDRegproc      = 24
	OIDText         = 25
	OIDOid          = 26
	OIDOidVector    = 30
	OIDJSON         = 114
	OIDFloat4       = 700
	OIDFloat8       = 701
	OIDUnknown      = 705
	OIDBpchar       = 1042
	OIDVarchar      = 1043
	OIDDate         = 1082
	OIDTime         = 1083
	OIDTimestamp    = 1114
	OIDTimestamptz  = 1184
	OIDInterval     = 1186
	OIDNumeric      = 1700
	OIDRegclass     = 2205
	OIDRegtype      = 2206
	OIDRecord       = 2249
	OIDAnyArray     = 2277
	OIDAny          = 2276
	OIDVoid         = 2278
	OIDAnyElement   = 2283
	OIDAnyNonArray  = 2776
	OIDTrigger      = 2279
	OIDInternal     = 2281
	OIDUUID         = 2950
	OIDJSONB        = 3802
	OIDRegnamespace = 4089
	OIDRegrole      = 4096

	// Array types have OIDs of their own; ArrayOf and ElemOf translate.
	OIDBoolArray        = 1000
	OIDByteaArray       = 1001
	OIDCharArray        = 1002
	OIDNameArray        = 1003
	OIDInt2Array        = 1005
	OIDInt4Array        = 1007
	OIDTextArray        = 1009
	OIDBpcharArray      = 1014
	OIDVarcharArray     = 1015
	OIDInt8Array        = 1016
	OIDFloat4Array      = 1021
	OIDFloat8Array      = 1022
	OIDOidArray         = 1028
	OIDTimestampArray   = 1115
	OIDDateArray        = 1182
	OIDTimeArray        = 1183
	OIDTimestamptzArray = 1185
	OIDIntervalArray    = 1187
	OIDNumericArray     = 1231
	OIDJSONArray        = 199
	OIDRegclassArray    = 2210
	OIDRegtypeArray     = 2211
	OIDUUIDArray        = 2951
	OIDJSONBArray       = 3807
	OIDInt2VectorArray  = 1006
	OIDOidVectorArray   = 1013
	OIDRegprocArray     = 1008
	OIDRegnamespaceArr  = 4090
	OIDRegroleArray     = 4097
	OIDRecordArray      = 2287
)

// The plain types, without modifier.
var (
	Bool        = Type{OIDBool, -1}
	Int2        = Type{OIDInt2, -1}
	Int4        = Type{OIDInt4, -1}
	Int8        = Type{OIDInt8, -1}
	Float4      = Type{OIDFloat4, -1}
	Float8      = Type{OIDFloat8, -1}
	Numeric     = Type{OIDNumeric, -1}
	Text        = Type{OIDText, -1}
	Varchar     = Type{OIDVarchar, -1}
	Bpchar      = Type{OIDBpchar, -1}
	Bytea       = Type{OIDBytea, -1}
	Name        = Type{OIDName, -1}
	Char        = Type{OIDChar, -1}
	Oid         = Type{OIDOid, -1}
	Date        = Type{OIDDate, -1}
	Time        = Type{OIDTime, -1}
	Timestamp   = Type{OIDTimestamp, -1}
	Timestamptz = Type{OIDTimestamptz, -1}
	Interval    = Type{OIDInterval, -1}
	UUID        = Type{OIDUUID, -1}
	JSON        = Type{OIDJSON, -1}
	JSONB       = Type{OIDJSONB, -1}
	Unknown     = Type{OIDUnknown, -1}
	Void        = Type{OIDVoid, -1}
	Record      = Type{OIDRecord, -1}
	Any         = Type{OIDAny, -1}
	AnyElement  = Type{OIDAnyElement, -1}
	AnyArray    = Type{OIDAnyArray, -1}
	Int2Vector  = Type{OIDInt2Vector, -1}
	OidVector   = Type{OIDOidVector, -1}
	Regclass    = Type{OIDRegclass, -1}
	Regtype     = Type{OIDRegtype, -1}
	TextArray   = Type{OIDTextArray, -1}
	Int4Array   = Type{OIDInt4Array, -1}
	Int8Array   = Type{OIDInt8Array, -1}
)

// NumericOf is numeric(p, s).
func NumericOf(p, s int) Type { return Type{OIDNumeric, int32(p<<16|(s&0x7ff)) + 4} }

// Phys is the physical family of a column.
type Phys uint8

const (
	// PhysBool: one Go bool a row.
	PhysBool Phys = iota
	// PhysInt: one int64 a row. int2, int4, int8, oid and reg*; "char" (its
	// byte); date (days since 2000-01-01); time (µs since midnight); timestamp
	// and timestamptz (µs since 2000-01-01, UTC). The infinities of date and
	// timestamps are math.MinInt64 and math.MaxInt64.
	PhysInt
	// PhysFloat: one float64 a row. float4 (already rounded to 32 bits), float8.
	PhysFloat
	// PhysNumeric: numeric, in one of two forms a column: narrow (int64 and one
	// scale for the whole column) or wide (bytes, as PhysBytes, each value an
	// image as made by AppendNumeric).
	PhysNumeric
	// PhysBytes: variable bytes. text, varchar, bpchar, name, bytea, json as they
	// are; uuid 16 bytes; interval 16 bytes (AppendInterval); jsonb its
	// normalised text; arrays, int2vector, oidvector and records images
	// (AppendArray, AppendRecord).
	PhysBytes
)

// Phys returns the physical family of t's columns.
func (t Type) Phys() Phys {
	switch t.OID {
	case OIDBool:
		return PhysBool
	case OIDInt2, OIDInt4, OIDInt8, OIDOid, OIDRegproc, OIDRegclass, OIDRegtype, OIDRegnamespace, OIDRegrole,
		OIDChar, OIDDate, OIDTime, OIDTimestamp, OIDTimestamptz:
		return PhysInt
	case OIDFloat4, OIDFloat8:
		return PhysFloat
	case OIDNumeric:
		return PhysNumeric
	}
	return PhysBytes
}

// Datum is one value, for constants, parameters and everything that is not hot.
// Its type stands beside it; the zero Datum is not NULL.
type Datum struct {
	Null  bool
	Scale int32   // numeric: ≥ 0 narrow (I × 10^-Scale), -1 wide (S holds the image)
	I     int64   // PhysBool (0, 1), PhysInt, narrow PhysNumeric
	F     float64 // PhysFloat
	S     string  // PhysBytes, wide PhysNumeric
}

// NullDatum is NULL of any type.
var NullDatum = Datum{Null: true}

// Int, Float, String and Boolean make the Datum of their family.
func Int(v int64) Datum { return Datum{I: v} }

// Float makes a PhysFloat Datum.
func Float(v float64) Datum { return Datum{F: v} }

// String makes a PhysBytes Datum.
func String(v string) Datum { return Datum{S: v} }

// Boolean makes a PhysBool Datum.
func Boolean(v bool) Datum {
	if v {
		return Datum{I: 1}
	}
	return Datum{}
}
