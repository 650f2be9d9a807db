package types

// Info describes a built-in type as pg_type does.
type Info struct {
	OID       uint32
	Name      string // typname
	SQLName   string // format_type without modifier
	Len       int16  // typlen: bytes, -1 = varying
	Kind      byte   // typtype: 'b' base, 'p' pseudo
	Category  byte   // typcategory
	Preferred bool   // preferred target of implicit casts in its category
	Elem      uint32 // typelem
	Array     uint32 // typarray
	Align     byte   // typalign
	Storage   byte   // typstorage
	IO        string // stem of the names of the I/O functions
	ModIO     string // stem of the names of the modifier functions, "" = takes none
}

// ByValue is typbyval.
func (i *Info) ByValue() bool {
	return i.Len == 1 || i.Len == 2 || i.Len == 4 || i.Len == 8
}

// All is the table of built-in types: base types, pseudo types, then the array
// types. It is not to be changed.
var All = withArrays([]Info{
	{OIDBool, "bool", "boolean", 1, 'b', 'B', true, 0, OIDBoolArray, 'c', 'p', "bool", ""},
	{OIDBytea, "bytea", "bytea", -1, 'b', 'U', false, 0, OIDByteaArray, 'i', 'x', "bytea", ""},
	{OIDChar, "char", `"char"`, 1, 'b', 'Z', false, 0, OIDCharArray, 'c', 'p', "char", ""},
	{OIDName, "name", "name", 64, 'b', 'S', false, OIDChar, OIDNameArray, 'c', 'p', "name", ""},
	{OIDInt8, "int8", "bigint", 8, 'b', 'N', false, 0, OIDInt8Array, 'd', 'p', "int8", ""},
	{OIDInt2, "int2", "smallint", 2, 'b', 'N', false, 0, OIDInt2Array, 's', 'p', "int2", ""},
	{OIDInt2Vector, "int2vector", "int2vector", -1, 'b', 'A', false, OIDInt2, OIDInt2VectorArray, 'i', 'p', "int2vector", ""},
	{OIDInt4, "int4", "integer", 4, 'b', 'N', false, 0, OIDInt4Array, 'i', 'p', "int4", ""},
	{OIDRegproc, "regproc", "regproc", 4, 'b', 'N', false, 0, OIDRegprocArray, 'i', 'p', "regproc", ""},
	{OIDText, "text", "text", -1, 'b', 'S', true, 0, OIDTextArray, 'i', 'x', "text", ""},
	{OIDOid, "oid", "oid", 4, 'b', 'N', true, 0, OIDOidArray, 'i', 'p', "oid", ""},
	{OIDOidVector, "oidvector", "oidvector", -1, 'b', 'A', false, OIDOid, OIDOidVectorArray, 'i', 'p', "oidvector", ""},
	{OIDJSON, "json", "json", -1, 'b', 'U', false, 0, OIDJSONArray, 'i', 'x', "json_", ""},
	{OIDFloat4, "float4", "real", 4, 'b', 'N', false, 0, OIDFloat4Array, 'i', 'p', "float4", ""},
	{OIDFloat8, "float8", "double precision", 8, 'b', 'N', true, 0, OIDFloat8Array, 'd', 'p', "float8", ""},
	{OIDBpchar, "bpchar", "character", -1, 'b', 'S', false, 0, OIDBpcharArray, 'i', 'x', "bpchar", "bpchar"},
	{OIDVarchar, "varchar", "character varying", -1, 'b', 'S', false, 0, OIDVarcharArray, 'i', 'x', "varchar", "varchar"},
	{OIDDate, "date", "date", 4, 'b', 'D', false, 0, OIDDateArray, 'i', 'p', "date_", ""},
	{OIDTime, "time", "time without time zone", 8, 'b', 'D', false, 0, OIDTimeArray, 'd', 'p', "time_", "time"},
	{OIDTimestamp, "timestamp", "timestamp without time zone", 8, 'b', 'D', false, 0, OIDTimestampArray, 'd', 'p', "timestamp_", "timestamp"},
	{OIDTimestamptz, "timestamptz", "timestamp with time zone", 8, 'b', 'D', true, 0, OIDTimestamptzArray, 'd', 'p', "timestamptz_", "timestamptz"},
	{OIDInterval, "interval", "interval", 16, 'b', 'T', true, 0, OIDIntervalArray, 'd', 'p', "interval_", "interval"},
	{OIDNumeric, "numeric", "numeric", -1, 'b', 'N', false, 0, OIDNumericArray, 'i', 'm', "numeric_", "numeric"},
	{OIDRegclass, "regclass", "regclass", 4, 'b', 'N', false, 0, OIDRegclassArray, 'i', 'p', "regclass", ""},
	{OIDRegtype, "regtype", "regtype", 4, 'b', 'N', false, 0, OIDRegtypeArray, 'i', 'p', "regtype", ""},
	{OIDUUID, "uuid", "uuid", 16, 'b', 'U', false, 0, OIDUUIDArray, 'c', 'p', "uuid_", ""},
	{OIDJSONB, "jsonb", "jsonb", -1, 'b', 'U', false, 0, OIDJSONBArray, 'i', 'x', "jsonb_", ""},
	{OIDRegnamespace, "regnamespace", "regnamespace", 4, 'b', 'N', false, 0, OIDRegnamespaceArr, 'i', 'p', "regnamespace", ""},
	{OIDRegrole, "regrole", "regrole", 4, 'b', 'N', false, 0, OIDRegroleArray, 'i', 'p', "regrole", ""},
	{OIDUnknown, "unknown", "unknown", -2, 'p', 'X', false, 0, 0, 'c', 'p', "unknown", ""},
	{OIDRecord, "record", "record", -1, 'p', 'P', false, 0, OIDRecordArray, 'd', 'x', "record_", ""},
	{OIDAny, "any", `"any"`, 4, 'p', 'P', false, 0, 0, 'i', 'p', "any_", ""},
	{OIDAnyArray, "anyarray", "anyarray", -1, 'p', 'P', false, 0, 0, 'd', 'x', "anyarray_", ""},
	{OIDVoid, "void", "void", 4, 'p', 'P', false, 0, 0, 'i', 'p', "void_", ""},
	{OIDTrigger, "trigger", "trigger", 4, 'p', 'P', false, 0, 0, 'i', 'p', "trigger_", ""},
	{OIDInternal, "internal", "internal", 8, 'p', 'P', false, 0, 0, 'd', 'p', "internal_", ""},
	{OIDAnyElement, "anyelement", "anyelement", 4, 'p', 'P', false, 0, 0, 'i', 'p', "anyelement_", ""},
	{OIDAnyNonArray, "anynonarray", "anynonarray", 4, 'p', 'P', false, 0, 0, 'i', 'p', "anynonarray_", ""},
})

// withArrays adds the array type of each type that has one.
func withArrays(base []Info) []Info {
	all := base
	for _, b := range base {
		if b.Array == 0 {
			continue
		}
		align, kind, category := byte('i'), byte('b'), byte('A')
		if b.Align == 'd' {
			align = 'd'
		}
		if b.OID == OIDRecord {
			kind, category = 'p', 'P'
		}
		all = append(all, Info{b.Array, "_" + b.Name, b.SQLName + "[]", -1, kind, category, false, b.OID, 0, align, 'x', "array_", b.ModIO})
	}
	return all
}

var infoOf = func() map[uint32]*Info {
	m := make(map[uint32]*Info, len(All))
	for i := range All {
		m[All[i].OID] = &All[i]
	}
	return m
}()

// InfoOf returns the table row of a type, nil if it is not built in.
func InfoOf(oid uint32) *Info { return infoOf[oid] }

// ArrayOf returns the type of arrays of t, with t's modifier, or the zero Type.
func ArrayOf(t Type) Type {
	if i := infoOf[t.OID]; i != nil && i.Array != 0 {
		return Type{i.Array, t.Mod}
	}
	return Type{}
}

// ElemOf returns the element type of the array type t, with t's modifier, or
// the zero Type if t is no array. int2vector and oidvector are arrays here.
func ElemOf(t Type) Type {
	if i := infoOf[t.OID]; i != nil && i.Elem != 0 && i.Len == -1 {
		return Type{i.Elem, t.Mod}
	}
	return Type{}
}

// IsArray reports whether t is an array type (int2vector and oidvector included).
func (t Type) IsArray() bool {
	switch t.Phys() {
	case PhysBytes:
		return ElemOf(t).OID != 0
	}
	return false
}

// IsVector reports whether t is int2vector or oidvector.
func (t Type) IsVector() bool { return t.OID == OIDInt2Vector || t.OID == OIDOidVector }

// Len is typlen: the size of t in bytes, -1 if it varies.
func (t Type) Len() int {
	if i := infoOf[t.OID]; i != nil {
		return int(i.Len)
	}
	return -1
}

// Category is PostgreSQL's typcategory, 'U' for an unknown OID.
func (t Type) Category() byte {
	if i := infoOf[t.OID]; i != nil {
		return i.Category
	}
	return 'U'
}

// IsPreferred reports whether t is the preferred type of its category.
func (t Type) IsPreferred() bool {
	i := infoOf[t.OID]
	return i != nil && i.Preferred
}

// IsString reports whether t is of the string category (text, varchar, bpchar, name).
func (t Type) IsString() bool { return t.Category() == 'S' }

// IsPseudo reports whether t is a pseudo type, which no column can have.
func (t Type) IsPseudo() bool {
	i := infoOf[t.OID]
	return i != nil && i.Kind == 'p'
}

// Base returns t without its modifier.
func (t Type) Base() Type { return Type{t.OID, -1} }
