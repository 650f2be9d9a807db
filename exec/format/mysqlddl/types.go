package mysqlddl

import (
	"strings"

	"github.com/pingcap/tidb/pkg/parser/mysql"
	tidb "github.com/pingcap/tidb/pkg/parser/types"

	"github.com/tarndb/tarn/sql/types"
)

// typeOf is the SQL type that holds every value of a MySQL type. docs/sql/mysql-types.md
// has the table.
func typeOf(t *tidb.FieldType, tableCharset string) (types.Type, bool) {
	unsigned := mysql.HasUnsignedFlag(t.GetFlag())
	wider := func(signed, unsignedType types.Type) (types.Type, bool) {
		if unsigned {
			return unsignedType, true
		}
		return signed, true
	}
	switch t.GetType() {
	case mysql.TypeTiny, mysql.TypeYear:
		return types.Int2, true
	case mysql.TypeShort:
		return wider(types.Int2, types.Int4)
	case mysql.TypeInt24:
		return types.Int4, true
	case mysql.TypeLong:
		return wider(types.Int4, types.Int8)
	case mysql.TypeLonglong:
		return wider(types.Int8, types.NumericOf(20, 0))
	case mysql.TypeFloat:
		return types.Float4, true
	case mysql.TypeDouble:
		return types.Float8, true
	case mysql.TypeNewDecimal:
		return decimalOf(t), true
	case mysql.TypeBit:
		return bitOf(t.GetFlen()), true
	case mysql.TypeDate, mysql.TypeNewDate:
		return types.Date, true
	case mysql.TypeDuration:
		return withPrecision(types.Time, t.GetDecimal()), true
	case mysql.TypeDatetime:
		return withPrecision(types.Timestamp, t.GetDecimal()), true
	case mysql.TypeTimestamp:
		return withPrecision(types.Timestamptz, t.GetDecimal()), true
	case mysql.TypeString, mysql.TypeVarchar, mysql.TypeVarString, mysql.TypeTinyBlob, mysql.TypeBlob, mysql.TypeMediumBlob, mysql.TypeLongBlob:
		return stringOf(t, tableCharset), true
	case mysql.TypeEnum, mysql.TypeSet, mysql.TypeTiDBVectorFloat32:
		return types.Text, true
	case mysql.TypeJSON:
		return types.JSONB, true
	}
	return types.Type{}, false
}

// decimalOf: MySQL's decimal without precision is decimal(10,0).
func decimalOf(t *tidb.FieldType) types.Type {
	p, s := t.GetFlen(), t.GetDecimal()
	if p == tidb.UnspecifiedLength {
		p = 10
	}
	if s == tidb.UnspecifiedLength {
		s = 0
	}
	if p < 1 || p > 1000 || s < 0 || s > p {
		return types.Numeric
	}
	return types.NumericOf(p, s)
}

// bitOf: one bit is a boolean, more are the number that they spell.
func bitOf(n int) types.Type {
	switch {
	case n <= 1:
		return types.Bool
	case n < 64:
		return types.Int8
	}
	return types.NumericOf(20, 0)
}

// withPrecision sets the digits of seconds; MySQL has none where none are named.
func withPrecision(t types.Type, digits int) types.Type {
	t.Mod = int32(min(max(digits, 0), 6))
	return t
}

// stringOf: bytes have the character set binary, of their own or their table's.
func stringOf(t *tidb.FieldType, tableCharset string) types.Type {
	charset := t.GetCharset()
	if charset == "" {
		charset = tableCharset
	}
	if strings.EqualFold(charset, "binary") {
		return types.Bytea
	}
	switch t.GetType() {
	case mysql.TypeString, mysql.TypeVarchar, mysql.TypeVarString:
		n := t.GetFlen()
		if n == tidb.UnspecifiedLength && t.GetType() == mysql.TypeString {
			n = 1
		}
		if v, err := types.WithMods(types.Varchar, []int{n}); err == nil {
			return v
		}
	}
	return types.Text
}
