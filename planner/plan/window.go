package plan

import "github.com/tarndb/tarn/sql/expr"

// WindowColumn follows column i of n down to the window function that made it,
// and says whether it is the window's end; nil if it is no window's column.
func WindowColumn(n Node, i int) (t *Tumble, end bool) {
	switch n := n.(type) {
	case *Tumble:
		if w := len(n.Cols); i >= w-2 {
			return n, i == w-1
		}
		return WindowColumn(n.In, i)
	case *Project:
		if c, ok := n.Exprs[i].(*expr.Column); ok {
			return WindowColumn(n.In, c.Idx)
		}
	case *Filter:
		return WindowColumn(n.In, i)
	case *Temporal:
		return WindowColumn(n.In, i)
	case *Unnest:
		if i < len(n.In.Columns()) {
			return WindowColumn(n.In, i)
		}
	case *Join:
		lw := len(n.Left.Columns())
		if i < lw && (n.Kind == Inner || n.Kind == Semi) {
			return WindowColumn(n.Left, i)
		}
		if i >= lw && n.Kind == Inner {
			return WindowColumn(n.Right, i-lw)
		}
	}
	return nil, false
}
