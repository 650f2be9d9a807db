package bind

import (
	"github.com/tarndb/tarn/sql/ast"
)

// walkColumns calls f for the column references in e, in the order of the text;
// queries inside e are left out.
func walkColumns(e ast.Expr, f func(*ast.ColumnRef)) {
	ast.Walk(e, func(n ast.Node) bool {
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
	ast.Walk(q, func(n ast.Node) bool {
		if r, ok := n.(*ast.Relation); ok && len(r.Name.Parts) == 1 && r.Name.Parts[0] == name {
			found = true
		}
		return !found
	})
	return found
}

// sqlText is the canonical text of a node.
func sqlText(n ast.Node) string { return ast.SQL(n) }
