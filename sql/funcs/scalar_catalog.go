package funcs

import (
	"math"
	"strings"

	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// Catalog is what functions and the reg types ask about what exists. A Session
// may be one too; catalog/pgcatalog.Lookup answers for a snapshot. Classes are
// named by their catalog (pg_class, pg_type, pg_proc …). ok is false where there
// is no such object, for which the functions give NULL.
type Catalog interface {
	// RegIn finds the OID that the text of a reg type names; RegOut is its inverse.
	RegIn(t types.Type, text string) (oid int64, err error)
	RegOut(t types.Type, oid int64) string
	// Exists reports whether class has the OID; Visible whether its bare name
	// finds it along the search path.
	Exists(class string, oid uint32) bool
	Visible(class string, oid uint32) (visible, ok bool)
	// FindDatabase finds a database by name.
	FindDatabase(name string) (oid uint32, ok bool)
	RoleName(oid uint32) (name string, ok bool)
	// IndexDef is CREATE INDEX, or, with column ≥ 1, what that column is over.
	// Pretty forms leave out what is not needed to read them.
	IndexDef(oid uint32, column int, pretty bool) (text string, ok bool)
	ConstraintDef(oid uint32, pretty bool) (text string, ok bool)
	ViewDef(oid uint32, pretty bool) (text string, ok bool)
	FunctionArguments(oid uint32) (text string, ok bool)
	FunctionResult(oid uint32) (text string, ok bool)
	// Comment is an object's, or with sub ≥ 1 a column's; class "" is any.
	Comment(class string, oid uint32, sub int) (text string, ok bool)
	// Serial is the sequence that a column takes its default from.
	Serial(table uint32, column string) (sequence string, ok bool, err error)
	// SizeBytes is the size of a relation, or of everything for OID 0.
	SizeBytes(oid uint32) (bytes int64, ok bool)
	// Updatable is the sum of 4 (UPDATE), 8 (INSERT) and 16 (DELETE).
	Updatable(oid uint32) (events int64)
}

// Setter is a Session whose settings can be changed by set_config.
type Setter interface {
	SetSetting(name, value string, local bool) (shown string, err error)
}

// Backend is a Session that knows the number of its connection.
type Backend interface{ BackendPID() int32 }

// IsReg reports whether t's text is a name that the catalog resolves.
func IsReg(t types.Type) bool {
	switch t.OID {
	case types.OIDRegclass, types.OIDRegproc, types.OIDRegtype, types.OIDRegnamespace, types.OIDRegrole:
		return true
	}
	return false
}

// CastReg converts between a reg type and a string type by name; done is false
// where the cast is another one, or there is no catalog to ask.
func CastReg(c *Ctx, d types.Datum, from, to types.Type) (out types.Datum, done bool, err error) {
	k, ok := c.Session.(Catalog)
	if !ok || d.Null {
		return d, false, nil
	}
	switch {
	case IsReg(to) && (from.IsString() || from.OID == types.OIDUnknown):
		oid, err := k.RegIn(to, d.S)
		return types.Int(oid), true, err
	case IsReg(from) && to.IsString():
		return types.String(k.RegOut(from, d.I)), true, nil
	}
	return d, false, nil
}

// TableFuncs returns all table functions; do not change the slice.
func TableFuncs() []TableFunc { return tableFuncs }

// ask makes the row of a function that asks the catalog; without one it is NULL.
func ask(name string, args []types.Type, ret types.Type, f func(k Catalog, a []types.Datum) (types.Datum, error), doc string) Overload {
	o := fn(name, args, ret, func(c *Ctx, a []types.Datum) (types.Datum, error) {
		k, ok := c.Session.(Catalog)
		if !ok {
			return types.NullDatum, nil
		}
		return f(k, a)
	}, doc, "")
	o.Volatility = Stable
	return o
}

// fixed makes the row of a function whose answer is always the same here.
func fixed(name string, args []types.Type, ret types.Type, d types.Datum, doc string) Overload {
	o := fn(name, args, ret, func(*Ctx, []types.Datum) (types.Datum, error) { return d, nil }, doc, "")
	o.Volatility = Stable
	return o
}

func textOr(s string, ok bool) (types.Datum, error) {
	if !ok {
		return types.NullDatum, nil
	}
	return types.String(s), nil
}

func catalogRows() []Overload {
	t, i4, bl, oid := types.Text, types.Int4, types.Bool, types.Oid
	rows := []Overload{
		{Name: "format_type", Args: ts(oid, i4), Ret: t, NotStrict: true, Volatility: Stable, Kernel: byDatumNulls(formatType)(t),
			Doc: "Name of a type with its modifier.", Example: "format_type(1043, 24) → character varying(20)"},
		fn("oidvectortypes", ts(types.OidVector), t, oidVectorTypes, "Names of types, separated by commas.", "oidvectortypes('23 25') → integer, text"),
		ask("pg_get_userbyid", ts(oid), types.Name, func(k Catalog, a []types.Datum) (types.Datum, error) {
			if name, ok := k.RoleName(uint32(a[0].I)); ok {
				return types.String(name), nil
			}
			return types.String("unknown (OID=" + string(types.AppendText(nil, a[0], types.Oid, nil)) + ")"), nil
		}, "Name of a role."),
		ask("pg_get_indexdef", ts(oid), t, func(k Catalog, a []types.Datum) (types.Datum, error) {
			return textOr(k.IndexDef(uint32(a[0].I), 0, false))
		}, "CREATE INDEX of an index."),
		ask("pg_get_indexdef", ts(oid, i4, bl), t, func(k Catalog, a []types.Datum) (types.Datum, error) {
			return textOr(k.IndexDef(uint32(a[0].I), int(a[1].I), a[2].I != 0))
		}, "CREATE INDEX of an index, or one of its columns."),
		ask("pg_get_serial_sequence", ts(t, t), t, func(k Catalog, a []types.Datum) (types.Datum, error) {
			table, err := k.RegIn(types.Regclass, a[0].S)
			if err != nil {
				return types.NullDatum, err
			}
			s, ok, err := k.Serial(uint32(table), a[1].S)
			if err != nil {
				return types.NullDatum, err
			}
			return textOr(s, ok)
		}, "Sequence that a column takes its default from."),
		ask("pg_relation_is_publishable", ts(types.Regclass), bl, func(k Catalog, a []types.Datum) (types.Datum, error) {
			if !k.Exists("pg_class", uint32(a[0].I)) {
				return types.NullDatum, nil
			}
			return types.Boolean(false), nil
		}, "Whether a relation can be published: none can."),
		ask("pg_relation_is_updatable", ts(types.Regclass, bl), i4, func(k Catalog, a []types.Datum) (types.Datum, error) {
			return types.Int(k.Updatable(uint32(a[0].I))), nil
		}, "What can be done to a relation: 4 UPDATE, 8 INSERT, 16 DELETE."),
		fixed("age", ts(oid), i4, types.Int(math.MaxInt32), "Transactions since a row's xmin: rows of the catalogs are older than all."),
		fixed("acldefault", ts(types.Char, oid), types.TextArray, types.NullDatum, "NULL: there are no access lists."),
		fixed("pg_blocking_pids", ts(i4), types.Int4Array, types.ArrayDatum(types.NewArray(i4, nil)), "Connections that one waits for: none ever does."),
		ask("pg_get_function_arguments", ts(oid), t, func(k Catalog, a []types.Datum) (types.Datum, error) {
			return textOr(k.FunctionArguments(uint32(a[0].I)))
		}, "Arguments of a function."),
		ask("pg_get_function_identity_arguments", ts(oid), t, func(k Catalog, a []types.Datum) (types.Datum, error) {
			return textOr(k.FunctionArguments(uint32(a[0].I)))
		}, "Arguments of a function."),
		ask("pg_get_function_result", ts(oid), t, func(k Catalog, a []types.Datum) (types.Datum, error) {
			return textOr(k.FunctionResult(uint32(a[0].I)))
		}, "Result type of a function."),
	}
	rows = append(rows, definitionRows()...)
	rows = append(rows, commentRows()...)
	rows = append(rows, visibleRows()...)
	return append(rows, regRows()...)
}

func formatType(_ *Ctx, a []types.Datum) (types.Datum, error) {
	if a[0].Null {
		return types.NullDatum, nil
	}
	return types.String(types.FormatType(uint32(a[0].I), modOf(a[1]), !a[1].Null)), nil
}

func modOf(d types.Datum) int32 {
	if d.Null {
		return -1
	}
	return int32(d.I)
}

func oidVectorTypes(_ *Ctx, a []types.Datum) (types.Datum, error) {
	x, err := types.DecodeArray(a[0].S)
	if err != nil {
		return types.NullDatum, err
	}
	parts := make([]string, len(x.Elems))
	for i, e := range x.Elems {
		parts[i] = types.FormatType(uint32(e.I), -1, false)
	}
	return types.String(strings.Join(parts, ", ")), nil
}

// definitionRows: texts of definitions, each with an optional pretty argument.
func definitionRows() (rows []Overload) {
	t, oid, bl := types.Text, types.Oid, types.Bool
	pretty := func(a []types.Datum, i int) bool { return len(a) > i && a[i].I != 0 }
	both := func(name string, args []types.Type, f func(k Catalog, a []types.Datum) (types.Datum, error), doc string) {
		rows = append(rows, ask(name, args, t, f, doc), ask(name, append(append([]types.Type(nil), args...), bl), t, f, doc))
	}
	// An expression is stored as its text.
	both("pg_get_expr", ts(t, oid), func(_ Catalog, a []types.Datum) (types.Datum, error) { return a[0], nil }, "Text of a stored expression.")
	both("pg_get_constraintdef", ts(oid), func(k Catalog, a []types.Datum) (types.Datum, error) {
		return textOr(k.ConstraintDef(uint32(a[0].I), pretty(a, 1)))
	}, "Definition of a constraint.")
	both("pg_get_viewdef", ts(oid), func(k Catalog, a []types.Datum) (types.Datum, error) {
		return textOr(k.ViewDef(uint32(a[0].I), pretty(a, 1)))
	}, "Query of a view.")
	both("pg_get_viewdef", ts(t), func(k Catalog, a []types.Datum) (types.Datum, error) {
		id, err := k.RegIn(types.Regclass, a[0].S)
		if err != nil {
			return types.NullDatum, err
		}
		return textOr(k.ViewDef(uint32(id), pretty(a, 1)))
	}, "Query of a view.")
	// Rules and triggers do not exist, nor do partitions and extended statistics.
	none := func(Catalog, []types.Datum) (types.Datum, error) { return types.NullDatum, nil }
	both("pg_get_ruledef", ts(oid), none, "NULL: there are no rules.")
	both("pg_get_triggerdef", ts(oid), none, "NULL: there are no triggers.")
	for _, name := range []string{"pg_get_partkeydef", "pg_get_partition_constraintdef", "pg_get_statisticsobjdef", "pg_get_statisticsobjdef_columns",
		"pg_get_functiondef", "pg_get_function_sqlbody"} {
		rows = append(rows, ask(name, ts(oid), t, none, "NULL: there is nothing of the kind."))
	}
	return rows
}

func commentRows() []Overload {
	t, oid, name := types.Text, types.Oid, types.Name
	of := func(k Catalog, a []types.Datum) (types.Datum, error) {
		class := ""
		if len(a) > 1 {
			class = a[1].S
		}
		return textOr(k.Comment(class, uint32(a[0].I), 0))
	}
	return []Overload{
		ask("obj_description", ts(oid, name), t, of, "Comment of an object of a catalog."),
		ask("obj_description", ts(oid), t, of, "Comment of an object."),
		ask("shobj_description", ts(oid, name), t, of, "Comment of a database or a role."),
		ask("col_description", ts(oid, types.Int4), t, func(k Catalog, a []types.Datum) (types.Datum, error) {
			if a[1].I < 1 {
				return types.NullDatum, nil
			}
			return textOr(k.Comment("pg_class", uint32(a[0].I), int(a[1].I)))
		}, "Comment of a column."),
	}
}

// visibleFunctions are the pg_…_is_visible functions and their catalogs.
var visibleFunctions = []struct{ name, class string }{
	{"pg_table_is_visible", "pg_class"}, {"pg_type_is_visible", "pg_type"}, {"pg_function_is_visible", "pg_proc"},
	{"pg_operator_is_visible", "pg_operator"}, {"pg_opclass_is_visible", "pg_opclass"}, {"pg_opfamily_is_visible", "pg_opfamily"},
	{"pg_collation_is_visible", "pg_collation"}, {"pg_conversion_is_visible", "pg_conversion"},
	{"pg_statistics_obj_is_visible", "pg_statistic_ext"}, {"pg_ts_config_is_visible", "pg_ts_config"}, {"pg_ts_dict_is_visible", "pg_ts_dict"},
	{"pg_ts_parser_is_visible", "pg_ts_parser"}, {"pg_ts_template_is_visible", "pg_ts_template"},
}

func visibleRows() (rows []Overload) {
	for _, f := range visibleFunctions {
		rows = append(rows, ask(f.name, ts(types.Oid), types.Bool, func(k Catalog, a []types.Datum) (types.Datum, error) {
			visible, ok := k.Visible(f.class, uint32(a[0].I))
			if !ok {
				return types.NullDatum, nil
			}
			return types.Boolean(visible), nil
		}, "Whether the bare name finds it along the search path."))
	}
	return rows
}

// regRows: to_regclass and the like give NULL where a cast would fail.
func regRows() (rows []Overload) {
	for _, r := range []struct {
		name string
		oid  uint32
	}{{"to_regclass", types.OIDRegclass}, {"to_regtype", types.OIDRegtype}, {"to_regproc", types.OIDRegproc},
		{"to_regnamespace", types.OIDRegnamespace}, {"to_regrole", types.OIDRegrole}} {
		to := types.Type{OID: r.oid, Mod: -1}
		rows = append(rows, ask(r.name, ts(types.Text), to, func(k Catalog, a []types.Datum) (types.Datum, error) {
			if s := a[0].S; s == "-" || s != "" && strings.Trim(s, "0123456789") == "" {
				return types.NullDatum, nil // numbers are for the casts
			}
			oid, err := k.RegIn(to, a[0].S)
			switch {
			case err == nil:
				return types.Int(oid), nil
			case sqlerr.HasCode(err, sqlerr.InvalidName), sqlerr.HasCode(err, sqlerr.SyntaxError):
				return types.NullDatum, err
			}
			return types.NullDatum, nil
		}, "What the name means, NULL if there is nothing of that name."))
	}
	return rows
}
