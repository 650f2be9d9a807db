package types

import (
	"math"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

// Compare orders two values of type t that are not NULL, as PostgreSQL's btree
// operators do: NaN is greatest, -0 equals 0, texts go by bytes (C collation),
// an interval's month is 30 days. json has no order there; here it has the one
// of its text.
func Compare(a, b Datum, t Type) int {
	switch t.OID {
	case OIDNumeric:
		return compareNumeric(a, b)
	case OIDInterval:
		return compareInterval(DecodeInterval(a.S), DecodeInterval(b.S))
	case OIDJSONB:
		return compareJSONB(a.S, b.S)
	case OIDBpchar:
		return strings.Compare(trimBlanks(a.S), trimBlanks(b.S))
	case OIDChar:
		return cmpInt(a.I&0xff, b.I&0xff)
	case OIDRecord:
		return compareRecords(a.S, b.S)
	}
	switch t.Phys() {
	case PhysBool, PhysInt:
		return cmpInt(a.I, b.I)
	case PhysFloat:
		return compareFloat(a.F, b.F)
	}
	if t.IsArray() {
		return compareArrays(a.S, b.S)
	}
	return strings.Compare(a.S, b.S)
}

func trimBlanks(s string) string { return strings.TrimRight(s, " ") }

func compareFloat(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	}
	return boolInt(math.IsNaN(a)) - boolInt(math.IsNaN(b))
}

// compareArrays goes element by element, NULLs last; then the shorter is first,
// then the dimensions decide.
func compareArrays(x, y string) int {
	if x == y {
		return 0
	}
	a, err1 := DecodeArray(x)
	b, err2 := DecodeArray(y)
	if err1 != nil || err2 != nil {
		return strings.Compare(x, y)
	}
	for i := range min(len(a.Elems), len(b.Elems)) {
		if c := compareNullable(a.Elems[i], b.Elems[i], a.Elem); c != 0 {
			return c
		}
	}
	if c := len(a.Elems) - len(b.Elems); c != 0 {
		return cmpInt(int64(c), 0)
	}
	if c := len(a.Dims) - len(b.Dims); c != 0 {
		return cmpInt(int64(c), 0)
	}
	for i := range a.Dims {
		if c := cmpInt(int64(a.Dims[i]), int64(b.Dims[i])); c != 0 {
			return c
		}
	}
	for i := range a.Lower {
		if c := cmpInt(int64(a.Lower[i]), int64(b.Lower[i])); c != 0 {
			return c
		}
	}
	return 0
}

func compareNullable(a, b Datum, t Type) int {
	if a.Null || b.Null {
		return boolInt(a.Null) - boolInt(b.Null)
	}
	return Compare(a, b, t)
}

func compareRecords(x, y string) int {
	if x == y {
		return 0
	}
	at, ad, err1 := DecodeRecord(x)
	_, bd, err2 := DecodeRecord(y)
	if err1 != nil || err2 != nil {
		return strings.Compare(x, y)
	}
	for i := range min(len(ad), len(bd)) {
		if c := compareNullable(ad[i], bd[i], at[i]); c != 0 {
			return c
		}
	}
	return cmpInt(int64(len(ad)), int64(len(bd)))
}

// Equal reports whether Compare gives 0.
func Equal(a, b Datum, t Type) bool {
	if t.Phys() == PhysBytes && a.S == b.S {
		return true
	}
	return Compare(a, b, t) == 0
}

const (
	hashSeed = 0x9e3779b97f4a7c15
	hashNull = 0x7fb5d329728ea185
)

// mix is a strong 64-bit finalizer (the constants of MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

func hashBytes(h uint64, s string) uint64 {
	h ^= uint64(len(s)) * hashSeed
	for ; len(s) >= 8; s = s[8:] {
		w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		h = mix(h ^ w)
	}
	var w uint64
	for i := 0; i < len(s); i++ {
		w |= uint64(s[i]) << (8 * i)
	}
	return mix(h ^ w)
}

// Hash is consistent with Equal within one type. It is the same in every
// process, but not a stored format.
func Hash(d Datum, t Type) uint64 {
	if d.Null {
		return hashNull
	}
	switch t.OID {
	case OIDNumeric:
		return hashNumeric(d)
	case OIDInterval:
		days, micros := DecodeInterval(d.S).span()
		return mix(mix(uint64(days)^hashSeed) ^ uint64(micros))
	case OIDBpchar:
		return hashBytes(hashSeed, trimBlanks(d.S))
	case OIDJSONB:
		return hashJSONB(d.S)
	case OIDRecord:
		ts, ds, err := DecodeRecord(d.S)
		if err != nil {
			return hashBytes(hashSeed, d.S)
		}
		h := uint64(hashSeed)
		for i := range ds {
			h = mix(h ^ Hash(ds[i], ts[i]))
		}
		return h
	}
	switch t.Phys() {
	case PhysBool, PhysInt:
		return mix(uint64(d.I) ^ hashSeed)
	case PhysFloat:
		f := d.F
		if f == 0 {
			f = 0 // -0
		}
		if math.IsNaN(f) {
			return mix(hashNull ^ 1)
		}
		return mix(math.Float64bits(f+0) ^ hashSeed)
	}
	if t.IsArray() {
		return hashArray(d.S)
	}
	return hashBytes(hashSeed, d.S)
}

// hashNumeric hashes the value without trailing zeros.
func hashNumeric(d Datum) uint64 {
	d = NumericTrimScale(d)
	if d.Scale < 0 && !isSpecial(d) || d.Scale >= 0 && absInt(d.I) >= narrowLimit { // zeros before the point may still make it wide
		var x apd.Decimal
		NumericToDecimal(d, &x)
		d = DecimalToDatum(&x)
	}
	if d.Scale >= 0 {
		return mix(mix(uint64(d.I)^hashSeed) ^ uint64(d.Scale))
	}
	return hashBytes(hashSeed, d.S)
}

func hashArray(s string) uint64 {
	a, err := DecodeArray(s)
	if err != nil {
		return hashBytes(hashSeed, s)
	}
	h := uint64(hashSeed)
	for _, e := range a.Elems {
		h = mix(h ^ Hash(e, a.Elem))
	}
	return h
}
