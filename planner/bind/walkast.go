package bind

import (
	"reflect"

	"github.com/tarndb/tarn/sql/ast"
)

// walkColumns calls f for the column references in e, in the order of the text;
// queries inside e are left out.
func walkColumns(e ast.Expr, f func(*ast.ColumnRef)) {
	walkValue(reflect.ValueOf(e), func(n any) bool {
		switch n := n.(type) {
		case *ast.ColumnRef:
			f(n)
			return false
		case *ast.Query:
			return false
		}
		return true
	})
}

// firstColumn is the first column reference in e, nil if there is none.
func firstColumn(e ast.Expr) *ast.ColumnRef {
	var found *ast.ColumnRef
	walkColumns(e, func(r *ast.ColumnRef) {
		if found == nil {
			found = r
		}
	})
	return found
}

// namesRelation reports whether q reads a relation of that name.
func namesRelation(q *ast.Query, name string) bool {
	found := false
	walkValue(reflect.ValueOf(q), func(n any) bool {
		if r, ok := n.(*ast.Relation); ok && len(r.Name.Parts) == 1 && r.Name.Parts[0] == name {
			found = true
		}
		return !found
	})
	return found
}

// walkValue visits the syntax nodes below v. Reflection instead of a case per
// node: only names are looked for, off every hot path, and a node added to the
// tree is found without a change here.
func walkValue(v reflect.Value, f func(any) bool) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			walkValue(v.Elem(), f)
		}
	case reflect.Pointer:
		if v.IsNil() || v.Elem().Kind() != reflect.Struct || !f(v.Interface()) {
			return
		}
		walkValue(v.Elem(), f)
	case reflect.Struct:
		for i := range v.NumField() {
			walkValue(v.Field(i), f)
		}
	case reflect.Slice:
		for i := range v.Len() {
			walkValue(v.Index(i), f)
		}
	}
}

// sqlText is the canonical text of a node.
func sqlText(n ast.Node) string { return ast.SQL(n) }
