package bind

import (
	"strconv"
	"strings"

	"github.com/tarndb/tarn/catalog"
	"github.com/tarndb/tarn/sql/ast"
	"github.com/tarndb/tarn/sql/sqlerr"
	"github.com/tarndb/tarn/sql/types"
)

// typeName finds the type that n names.
func (b *binder) typeName(n *ast.TypeName) (types.Type, error) {
	if n.SetOf || n.PctType || n.Key != nil || n.Struct != nil {
		return types.Type{}, unsupported(n.Pos, "this form of type")
	}
	if n.Elem != nil {
		t, err := b.typeName(n.Elem)
		if err != nil {
			return t, err
		}
		return arrayOf(t, n.Pos)
	}
	name := n.Name.Base()
	if s := n.Name.Schema(); s != "" && s != "pg_catalog" {
		return types.Type{}, sqlerr.New(sqlerr.UndefinedObject, "type \"%s\" does not exist", quoted(n.Name.Parts)).At(n.Pos)
	}
	t, ok := types.Lookup(name)
	if name == "char" { // the parser knows the other one as bpchar
		t = types.Char
	}
	if !ok {
		err := sqlerr.New(sqlerr.UndefinedObject, "type \"%s\" does not exist", name).At(n.Pos)
		var all []string
		for _, i := range types.All {
			if i.Kind == 'b' && i.Elem == 0 {
				all = append(all, i.Name)
			}
		}
		if best := nearest(name, all); best != "" {
			err.Hint = "Perhaps you meant \"" + best + "\"."
		}
		return t, err
	}
	mods, err := typeMods(n)
	if err != nil {
		return t, err
	}
	if len(mods) > 0 {
		if t, err = types.WithMods(t, mods); err != nil {
			return t, at(err, n.Pos)
		}
	}
	if len(n.ArrayDims) > 0 {
		return arrayOf(t, n.Pos)
	}
	return t, nil
}

func arrayOf(t types.Type, pos int) (types.Type, error) {
	if t.IsArray() && !t.IsVector() {
		return t, nil // dimensions are not part of the type
	}
	a := types.ArrayOf(t)
	if a.OID == 0 {
		return a, sqlerr.New(sqlerr.UndefinedObject, "type \"%s[]\" does not exist", t).At(pos)
	}
	return a, nil
}

var intervalFields = map[string]int{
	"YEAR": types.IntervalYear, "MONTH": types.IntervalMonth, "DAY": types.IntervalDay,
	"HOUR": types.IntervalHour, "MINUTE": types.IntervalMinute, "SECOND": types.IntervalSecond,
}

func typeMods(n *ast.TypeName) ([]int, error) {
	var mods []int
	for _, m := range n.Mods {
		sign, e := 1, m
		if u, ok := m.(*ast.Unary); ok && u.Op.Name == "-" {
			sign, e = -1, u.X
		}
		num, ok := e.(*ast.Number)
		v := 0
		if ok {
			var err error
			v, err = strconv.Atoi(num.Text)
			ok = err == nil
		}
		if !ok {
			return nil, sqlerr.New(sqlerr.SyntaxError, "type modifiers must be simple constants or identifiers").At(n.Pos)
		}
		mods = append(mods, sign*v)
	}
	if n.Fields == "" {
		return mods, nil
	}
	order := []string{"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"}
	from, to, ranged := strings.Cut(n.Fields, " TO ")
	bits := intervalFields[from]
	if ranged {
		on := false
		for _, f := range order {
			on = on || f == from
			if on {
				bits |= intervalFields[f]
			}
			if f == to {
				break
			}
		}
	}
	prec := -1
	if len(mods) > 0 {
		prec = mods[0]
	}
	return []int{bits, prec}, nil
}

// findRegclass finds the relation that a regclass literal names: name or
// schema.name, each folded unless quoted; nil if there is none.
func (b *binder) findRegclass(s string) *catalog.Object {
	var parts []string
	part, inQuotes := []byte(nil), false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' && inQuotes && i+1 < len(s) && s[i+1] == '"':
			part = append(part, c)
			i++
		case c == '"':
			inQuotes = !inQuotes
		case c == '.' && !inQuotes:
			parts, part = append(parts, string(part)), nil
		case !inQuotes && c >= 'A' && c <= 'Z':
			part = append(part, c+'a'-'A')
		default:
			part = append(part, c)
		}
	}
	parts = append(parts, string(part))
	schema := ""
	if len(parts) > 1 {
		schema = parts[len(parts)-2]
	}
	if o := b.cat.Find(schema, parts[len(parts)-1], b.path); o != nil && o.Kind.Readable() {
		return o
	}
	return nil
}
