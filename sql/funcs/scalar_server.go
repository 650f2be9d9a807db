package funcs

import (
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Functions about the server: sizes, encodings, what it is doing.

func serverRows() []Overload {
	t, i4, i8, bl, oid := types.Text, types.Int4, types.Int8, types.Bool, types.Oid
	size := func(k Catalog, a []types.Datum) (types.Datum, error) {
		if n, ok := k.SizeBytes(uint32(a[0].I)); ok {
			return types.Int(n), nil
		}
		return types.NullDatum, nil
	}
	rows := []Overload{
		fn("pg_size_pretty", ts(i8), t, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return types.String(sizePretty(a[0].I)), nil
		}, "Bytes in a unit that fits.", "pg_size_pretty(1234567::int8) → 1206 kB"),
		fn("pg_size_pretty", ts(types.Numeric), t, sizePrettyNumeric, "Bytes in a unit that fits.", ""),
		fn("pg_encoding_to_char", ts(i4), types.Name, func(_ *Ctx, a []types.Datum) (types.Datum, error) {
			return types.String(encodingNames[a[0].I]), nil
		}, "Name of an encoding.", "pg_encoding_to_char(6) → UTF8"),
		fn("pg_char_to_encoding", ts(types.Name), i4, encodingOf, "Number of an encoding, -1 if it is unknown.", "pg_char_to_encoding('utf-8') → 6"),
		fixed("getdatabaseencoding", nil, types.Name, types.String("UTF8"), "Encoding of the database."),
		fixed("pg_client_encoding", nil, types.Name, types.String("UTF8"), "Encoding of the client."),
		fixed("pg_is_in_recovery", nil, bl, types.Boolean(false), "Whether this is a replica that follows another server."),
		fixed("pg_advisory_unlock_all", nil, types.Void, types.String(""), "Gives back the session's advisory locks: it can hold none."),
		fixed("pg_my_temp_schema", nil, oid, types.Int(0), "Schema of temporary relations: there is none."),
		fixed("pg_is_other_temp_schema", ts(oid), bl, types.Boolean(false), "Whether a schema holds another session's temporary relations."),
		fixed("pg_tablespace_location", ts(oid), t, types.String(""), "Folder of a tablespace outside the server's."),
		ask("pg_tablespace_size", ts(oid), i8, func(k Catalog, _ []types.Datum) (types.Datum, error) { return size(k, []types.Datum{types.Int(0)}) }, "Bytes of a tablespace."),
		ask("pg_database_size", ts(oid), i8, func(k Catalog, a []types.Datum) (types.Datum, error) {
			if !k.Exists("pg_database", uint32(a[0].I)) {
				return types.NullDatum, nil
			}
			return size(k, []types.Datum{types.Int(0)})
		}, "Bytes of a database."),
		ask("pg_database_size", ts(types.Name), i8, func(k Catalog, a []types.Datum) (types.Datum, error) {
			if _, ok := k.FindDatabase(a[0].S); !ok {
				return types.NullDatum, sqlerr.New(sqlerr.InvalidCatalogName, "database \"%s\" does not exist", a[0].S)
			}
			return size(k, []types.Datum{types.Int(0)})
		}, "Bytes of a database."),
		ask("pg_relation_size", ts(types.Regclass, t), i8, size, "Bytes of a relation."),
		ask("pg_indexes_size", ts(types.Regclass), i8, func(k Catalog, a []types.Datum) (types.Datum, error) {
			if !k.Exists("pg_class", uint32(a[0].I)) {
				return types.NullDatum, nil
			}
			return types.Int(0), nil // a key is part of its relation
		}, "Bytes of a relation's indexes."),
		{Name: "pg_backend_pid", Ret: i4, Volatility: Stable, Doc: "Number of this connection.",
			Kernel: byDatum(func(c *Ctx, _ []types.Datum) (types.Datum, error) {
				if b, ok := c.Session.(Backend); ok {
					return types.Int(int64(b.BackendPID())), nil
				}
				return types.NullDatum, nil
			})(i4)},
		{Name: "set_config", Args: ts(t, t, bl), Ret: t, NotStrict: true, Volatility: Volatile, Kernel: byDatumNulls(setConfig)(t),
			Doc: "Changes a setting, for the transaction if the third argument is true."},
	}
	for _, name := range []string{"pg_relation_size", "pg_total_relation_size", "pg_table_size"} {
		rows = append(rows, ask(name, ts(types.Regclass), i8, size, "Bytes of a relation."))
	}
	// A connection's ends are not told: clients ask only to show them.
	for _, name := range []string{"inet_client_addr", "inet_server_addr"} {
		rows = append(rows, fixed(name, nil, t, types.NullDatum, "NULL: addresses are not told."))
	}
	for _, name := range []string{"inet_client_port", "inet_server_port"} {
		rows = append(rows, fixed(name, nil, i4, types.NullDatum, "NULL: ports are not told."))
	}
	return rows
}

func setConfig(c *Ctx, a []types.Datum) (types.Datum, error) {
	if a[0].Null {
		return types.NullDatum, sqlerr.New(sqlerr.NullValueNotAllowed, "SET requires parameter name")
	}
	s, ok := c.Session.(Setter)
	if !ok {
		return types.NullDatum, sqlerr.New(sqlerr.FeatureNotSupported, "set_config is not supported here")
	}
	value := ""
	if !a[1].Null {
		value = a[1].S
	}
	shown, err := s.SetSetting(a[0].S, value, !a[2].Null && a[2].I != 0)
	return types.String(shown), err
}

// sizePretty moves to the next unit at 10 of it, and rounds half away from zero;
// what lies below half a unit is cut off on the way, as in PostgreSQL.
func sizePretty(n int64) string {
	units := [...]string{"bytes", "kB", "MB", "GB", "TB", "PB"}
	sign, abs := "", uint64(n)
	if n < 0 {
		sign, abs = "-", -abs
	}
	unit := 0
	if abs >= 10*1024 {
		// From here on abs counts half units, for the rounding.
		unit, abs = 1, abs>>9
		for unit < len(units)-1 && abs >= 20*1024-1 {
			unit, abs = unit+1, abs>>10
		}
		abs = (abs + 1) / 2
	}
	return sign + strconv.FormatUint(abs, 10) + " " + units[unit]
}

func sizePrettyNumeric(_ *Ctx, a []types.Datum) (types.Datum, error) {
	var x apd.Decimal
	types.NumericToDecimal(a[0], &x)
	if n, err := x.Int64(); err == nil {
		return types.String(sizePretty(n)), nil
	}
	return types.NullDatum, sqlerr.New(sqlerr.NumericValueOutOfRange, "bigint out of range")
}

// encodingNames are PostgreSQL's numbers of the encodings that clients ask for.
var encodingNames = map[int64]string{0: "SQL_ASCII", 1: "EUC_JP", 2: "EUC_CN", 3: "EUC_KR", 4: "EUC_TW", 5: "EUC_JIS_2004", 6: "UTF8",
	7: "MULE_INTERNAL", 8: "LATIN1", 9: "LATIN2", 10: "LATIN3", 11: "LATIN4", 12: "LATIN5", 13: "LATIN6", 14: "LATIN7", 15: "LATIN8",
	16: "LATIN9", 17: "LATIN10", 18: "WIN1256", 19: "WIN1258", 20: "WIN866", 21: "WIN874", 22: "KOI8R", 23: "WIN1251", 24: "WIN1252",
	25: "ISO_8859_5", 26: "ISO_8859_6", 27: "ISO_8859_7", 28: "ISO_8859_8", 29: "WIN1250", 30: "WIN1253", 31: "WIN1254", 32: "WIN1255",
	33: "WIN1257", 34: "KOI8U"}

func encodingOf(_ *Ctx, a []types.Datum) (types.Datum, error) {
	bare := strings.NewReplacer("-", "", "_", "")
	want := bare.Replace(strings.ToUpper(a[0].S))
	if want == "UNICODE" {
		want = "UTF8"
	}
	for n, name := range encodingNames {
		if bare.Replace(name) == want {
			return types.Int(n), nil
		}
	}
	return types.Int(-1), nil
}
