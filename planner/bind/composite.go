package bind

import (
	"strings"

	"github.com/tarndb/tarn/planner/plan"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/funcs"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
	"github.com/tarndb/tarn/sql/vec"
)

// shape names the fields of the rows that a set-returning function gives. Its
// values are records; the type modifier of a record whose fields are known is the
// position of its shape in the list, counted from 1.
type shape struct {
	function string
	args     []types.Type
	names    []string
	fields   []types.Type
	rows     func(c *funcs.Ctx, a []types.Datum) ([][]types.Datum, error)
}

func fieldsOf(ts ...types.Type) []types.Type { return ts }

func shapes() []shape {
	aclRows := func(_ *funcs.Ctx, a []types.Datum) ([][]types.Datum, error) { return accessRows(a[0].S) }
	return []shape{
		{"_pg_expandarray", fieldsOf(types.Int2Vector), []string{"x", "n"}, fieldsOf(types.Int2, types.Int4), expandArray},
		{"_pg_expandarray", fieldsOf(types.OidVector), []string{"x", "n"}, fieldsOf(types.Oid, types.Int4), expandArray},
		{"_pg_expandarray", fieldsOf(types.ArrayOf(types.Int2)), []string{"x", "n"}, fieldsOf(types.Int2, types.Int4), expandArray},
		{"_pg_expandarray", fieldsOf(types.ArrayOf(types.Int4)), []string{"x", "n"}, fieldsOf(types.Int4, types.Int4), expandArray},
		{"_pg_expandarray", fieldsOf(types.TextArray), []string{"x", "n"}, fieldsOf(types.Text, types.Int4), expandArray},
		{"aclexplode", fieldsOf(types.TextArray), []string{"grantor", "grantee", "privilege_type", "is_grantable"},
			fieldsOf(types.Oid, types.Oid, types.Text, types.Bool), aclRows},
		{"pg_options_to_table", fieldsOf(types.TextArray), []string{"option_name", "option_value"}, fieldsOf(types.Text, types.Text), optionRows},
		{"pg_partition_tree", fieldsOf(types.Regclass), []string{"relid", "parentrelid", "isleaf", "level"},
			fieldsOf(types.Regclass, types.Regclass, types.Bool, types.Int4), noRows},
		{"pg_get_keywords", nil, []string{"word", "catcode", "barelabel", "catdesc", "baredesc"},
			fieldsOf(types.Text, types.Char, types.Bool, types.Text, types.Text), keywordRows},
		{"jsonb_each", fieldsOf(types.JSONB), []string{"key", "value"}, fieldsOf(types.Text, types.JSONB), jsonEach("jsonb_each", false)},
		{"jsonb_each_text", fieldsOf(types.JSONB), []string{"key", "value"}, fieldsOf(types.Text, types.Text), jsonEach("jsonb_each_text", true)},
		{"json_each", fieldsOf(types.JSON), []string{"key", "value"}, fieldsOf(types.Text, types.JSON), jsonEach("json_each", false)},
		{"json_each_text", fieldsOf(types.JSON), []string{"key", "value"}, fieldsOf(types.Text, types.Text), jsonEach("json_each_text", true)},
	}
}

func noRows(*funcs.Ctx, []types.Datum) ([][]types.Datum, error) { return nil, nil }

func isComposite(name string) bool {
	for _, s := range shapes() {
		if s.function == name {
			return true
		}
	}
	return false
}

// shapeOf returns the shape of a record type, nil if its fields have no names.
func shapeOf(t types.Type) *shape {
	all := shapes()
	if t.OID != types.OIDRecord || t.Mod < 1 || int(t.Mod) > len(all) {
		return nil
	}
	return &all[t.Mod-1]
}

// composite binds a call of a function whose rows have several columns to the
// array of its rows.
func (x *exprs) composite(name string, args []expr.Expr, argPos []int, pos int) (expr.Expr, error) {
	var overloads []*funcs.Overload
	at0 := map[*funcs.Overload]int{}
	for i, s := range shapes() {
		if s.function == name {
			o := &funcs.Overload{Name: name, Args: s.args, Ret: types.Type{OID: types.OIDRecord, Mod: int32(i + 1)}}
			overloads, at0[o] = append(overloads, o), i
		}
	}
	o, err := funcs.ResolveAmong(name, overloads, x.typesOf(args))
	if err != nil {
		return nil, at(err, pos)
	}
	s := shapes()[at0[o]]
	out := make([]expr.Expr, len(args))
	for i, a := range args {
		if out[i], err = x.coerce(a, s.args[i], types.CastImplicit, argPos[i]); err != nil {
			return nil, err
		}
	}
	k := func(c *funcs.Ctx, _ []types.Type, a []types.Datum) ([]types.Datum, error) {
		rows, err := s.rows(c, a)
		return recordsOf(s.fields, rows), err
	}
	return setCall(name, k, out, s.args, o.Ret, pos), nil
}

func recordsOf(fields []types.Type, rows [][]types.Datum) []types.Datum {
	out := make([]types.Datum, len(rows))
	for i, r := range rows {
		out[i] = types.Datum{S: string(types.AppendRecord(nil, fields, r))}
	}
	return out
}

// field is field i of the record e.
func field(e expr.Expr, i int, name string, t types.Type) expr.Expr {
	fn := &funcs.Overload{Inline: true, Name: "field " + itoa(i+1) + " " + name, Args: []types.Type{e.Type()}, Ret: t, Kernel: func(c *funcs.Ctx, n int, in []*vec.Vec) *vec.Vec {
		b := vec.NewBuilder(t, n)
		for row := range n {
			d := in[0].Datum(row)
			if d.Null {
				b.Null()
				continue
			}
			_, ds, err := types.DecodeRecord(d.S)
			if err == nil && i >= len(ds) {
				err = sqlerr.New(sqlerr.DataCorrupted, "a record of %d fields has no field %d", len(ds), i+1)
			}
			if err != nil {
				c.Fail(row, sqlerr.From(err))
				b.Null()
				continue
			}
			b.Datum(ds[i])
		}
		return b.Finish()
	}}
	return &expr.Call{Fn: fn, Args: []expr.Expr{e}, Typ: t}
}

// fieldSelect binds (x).name.
func (x *exprs) fieldSelect(e *ast.FieldSelect) (expr.Expr, error) {
	names, exprs, err := x.fields(e)
	if err != nil {
		return nil, err
	}
	if e.Star {
		return nil, sqlerr.New(sqlerr.FeatureNotSupported, "row expansion via \"*\" is not supported here").At(e.Pos)
	}
	for i, n := range names {
		if n == e.Field {
			return exprs[i], nil
		}
	}
	return nil, sqlerr.New(sqlerr.UndefinedColumn, "could not identify column \"%s\" in record data type", e.Field).At(e.Pos)
}

// fields are the fields of the composite value that e selects from.
func (x *exprs) fields(e *ast.FieldSelect) (names []string, out []expr.Expr, err error) {
	v, err := x.bind(e.X)
	if err != nil {
		return nil, nil, err
	}
	if r, ok := v.(*expr.RowOf); ok {
		if len(r.Names) > 0 {
			return r.Names, r.Args, nil
		}
		for i := range r.Args { // as PostgreSQL names what ROW() makes
			names = append(names, "f"+itoa(i+1))
		}
		return names, r.Args, nil
	}
	s := shapeOf(x.typeOf(v))
	if s == nil {
		if t := x.typeOf(v); t.OID != types.OIDRecord {
			return nil, nil, sqlerr.New(sqlerr.WrongObjectType, "column notation .%s applied to type %s, which is not a composite type", fieldWord(e), base(t)).At(e.Pos)
		}
		return nil, nil, unsupported(e.Pos, "selecting a field of a record whose fields have no names here")
	}
	for i, n := range s.names {
		out = append(out, field(v, i, n, s.fields[i]))
	}
	return s.names, out, nil
}

func fieldWord(e *ast.FieldSelect) string {
	if e.Star {
		return "*"
	}
	return e.Field
}

// fieldItem is a table function whose rows are the fields of the records that u
// unnests from one row.
func fieldItem(u *plan.Unnest, t *ast.FuncTable, name string, names []string, fields []types.Type) (*item, error) {
	record := plan.Ref(u, 1)
	var exprs []expr.Expr
	for i, n := range names {
		exprs = append(exprs, field(record, i, n, fields[i]))
	}
	if u.Ordinality {
		exprs, names = append(exprs, plan.Ref(u, 2)), append(append([]string(nil), names...), "ordinality")
	}
	return aliased(plan.NewProject(u, exprs, names), t.Alias, name, t.Pos)
}

func expandArray(_ *funcs.Ctx, a []types.Datum) (out [][]types.Datum, err error) {
	array, err := types.DecodeArray(a[0].S)
	if err != nil {
		return nil, err
	}
	for i, e := range array.Elems {
		out = append(out, []types.Datum{e, types.Int(int64(i + 1))})
	}
	return out, nil
}

// bootstrapRole is the OID of the role that owns what the server brings along.
const bootstrapRole = 10

// accessRows takes apart access lists: grantee=letters/grantor, where a star
// behind a letter says that it can be passed on.
func accessRows(image string) (out [][]types.Datum, err error) {
	array, err := types.DecodeArray(image)
	if err != nil {
		return nil, err
	}
	words := map[byte]string{'r': "SELECT", 'a': "INSERT", 'w': "UPDATE", 'd': "DELETE", 'D': "TRUNCATE", 'x': "REFERENCES", 't': "TRIGGER",
		'X': "EXECUTE", 'U': "USAGE", 'C': "CREATE", 'c': "CONNECT", 'T': "TEMPORARY", 's': "SET", 'A': "ALTER SYSTEM"}
	for _, e := range array.Elems {
		grantee, rest, ok := strings.Cut(e.S, "=")
		letters, _, ok2 := strings.Cut(rest, "/")
		if !ok || !ok2 {
			return nil, sqlerr.New(sqlerr.InvalidTextRepresentation, "missing \"=\" sign").WithHint("An access list is written grantee=privileges/grantor.")
		}
		to := int64(bootstrapRole)
		if grantee == "" {
			to = 0 // everybody
		}
		for i := 0; i < len(letters); i++ {
			word := words[letters[i]]
			if word == "" {
				return nil, sqlerr.New(sqlerr.InvalidTextRepresentation, "invalid mode character: must be one of \"%s\"", "arwdDxtXUCTcsA")
			}
			again := i+1 < len(letters) && letters[i+1] == '*'
			if again {
				i++
			}
			out = append(out, []types.Datum{types.Int(bootstrapRole), types.Int(to), types.String(word), types.Boolean(again)})
		}
	}
	return out, nil
}

func optionRows(_ *funcs.Ctx, a []types.Datum) (out [][]types.Datum, err error) {
	array, err := types.DecodeArray(a[0].S)
	if err != nil {
		return nil, err
	}
	for _, e := range array.Elems {
		name, value, ok := strings.Cut(e.S, "=")
		v := types.String(value)
		if !ok {
			v = types.NullDatum
		}
		out = append(out, []types.Datum{types.String(name), v})
	}
	return out, nil
}

// keywordRows are the words that have a meaning in the grammar.
func keywordRows(*funcs.Ctx, []types.Datum) (out [][]types.Datum, err error) {
	letters := map[ast.KeywordClass]byte{ast.ColName: 'C', ast.TypeFuncName: 'T', ast.Reserved: 'R'}
	docs := map[ast.KeywordClass]string{ast.ColName: "unreserved (cannot be function or type name)",
		ast.TypeFuncName: "reserved (can be function or type name)", ast.Reserved: "reserved"}
	for _, w := range ast.ClassedWords() {
		class, bare, label := ast.Class(w), ast.BareLabel(w), "can be bare label"
		if !bare {
			label = "requires AS"
		}
		out = append(out, []types.Datum{types.String(w), types.Int(int64(letters[class])), types.Boolean(bare), types.String(docs[class]), types.String(label)})
	}
	return out, nil
}

func jsonEach(function string, text bool) func(*funcs.Ctx, []types.Datum) ([][]types.Datum, error) {
	return func(_ *funcs.Ctx, a []types.Datum) (out [][]types.Datum, err error) {
		j := a[0].S
		if strings.HasPrefix(function, "json_") {
			if j, err = types.ParseJSONB(j); err != nil {
				return nil, err
			}
		}
		if types.JSONBTypeof(j) != "object" {
			return nil, sqlerr.New(sqlerr.InvalidParameterValue, "cannot call %s on a non-object", function)
		}
		types.JSONBEach(j, func(key, value string) bool {
			v := types.String(value)
			if text {
				s, null := types.JSONBText(value)
				v = types.String(s)
				if null {
					v = types.NullDatum
				}
			}
			out = append(out, []types.Datum{types.String(key), v})
			return true
		})
		return out, nil
	}
}
