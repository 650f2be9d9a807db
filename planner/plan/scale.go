package plan

import (
	"github.com/tarndb/tarn/sql/expr"
	"github.com/tarndb/tarn/sql/types"
)

// Scale is the number of digits behind the point that all values of numeric column
// col of n show, where the plan alone tells. Groups are told apart by value, so
// that what has been grouped is shown with this scale.
func Scale(n Node, col int) (int, bool) {
	s := scale(n, col)
	return s, s >= 0
}

const (
	unknownScale = -1
	anyScale     = -2 // NULL
)

func scale(n Node, col int) int {
	t := n.Columns()[col].Type
	if t.OID != types.OIDNumeric {
		return unknownScale
	}
	if _, s, ok := types.NumericMod(t); ok {
		return max(s, 0)
	}
	switch n := n.(type) {
	case *Project:
		return scaleOf(n.In, n.Exprs[col])
	case *Filter, *Sort, *Temporal, *Final, *Distinct:
		return scale(n.Inputs()[0], col)
	case *TopN, *Tumble, *Unnest:
		if in := n.Inputs()[0]; col < len(in.Columns()) {
			return scale(in, col)
		}
	case *Join:
		if w := len(n.Left.Columns()); col >= w {
			return scale(n.Right, col-w)
		}
		return scale(n.Left, col)
	case *Aggregate:
		if col < len(n.GroupBy) {
			return scale(n.In, n.GroupBy[col])
		}
		a := n.Aggs[col-len(n.GroupBy)]
		switch a.Fn.Name {
		case "sum", "min", "max":
			if n.In.Columns()[a.Args[0]].Type.OID == types.OIDInt8 {
				return 0
			}
			return scale(n.In, a.Args[0])
		}
	case *SetOp:
		out := anyScale
		for _, in := range n.Ins {
			out = same(out, scale(in, col))
		}
		return out
	case *Values:
		out := anyScale
		for _, r := range n.Rows {
			out = same(out, scaleOf(nil, r[col]))
		}
		return out
	}
	return unknownScale
}

// same is the scale of values some of which have scale a, the others b.
func same(a, b int) int {
	switch {
	case a == anyScale:
		return b
	case b == anyScale || a == b:
		return a
	}
	return unknownScale
}

// scaleOf is the scale of e over in.
func scaleOf(in Node, e expr.Expr) int {
	if e.Type().OID != types.OIDNumeric {
		return unknownScale
	}
	if _, s, ok := types.NumericMod(e.Type()); ok {
		return max(s, 0)
	}
	switch e := e.(type) {
	case *expr.Column:
		return scale(in, e.Idx)
	case *expr.Const:
		if e.Val.Null {
			return anyScale
		}
		if s, ok := types.NumericScale(e.Val); ok {
			return s
		}
	case *expr.Cast:
		switch e.In.Type().OID {
		case types.OIDInt2, types.OIDInt4, types.OIDInt8:
			return 0
		case types.OIDNumeric:
			return scaleOf(in, e.In)
		}
	case *expr.Coalesce:
		return scaleOfAll(in, e.Args)
	case *expr.MinMax:
		return scaleOfAll(in, e.Args)
	case *expr.Case:
		out := scaleOfAll(in, e.Thens)
		if e.Else != nil {
			out = same(out, scaleOf(in, e.Else))
		}
		return out
	case *expr.Call:
		return scaleOfCall(in, e)
	}
	return unknownScale
}

func scaleOfAll(in Node, es []expr.Expr) int {
	out := anyScale
	for _, e := range es {
		out = same(out, scaleOf(in, e))
	}
	return out
}

func scaleOfCall(in Node, e *expr.Call) int {
	switch len(e.Args) {
	case 1:
		switch e.Fn.Name {
		case "-", "+", "abs", "@":
			return scaleOf(in, e.Args[0])
		case "round", "trunc", "ceil", "ceiling", "floor":
			return 0
		}
	case 2:
		a := scaleOf(in, e.Args[0])
		switch e.Fn.Name {
		case "round", "trunc":
			if c, ok := e.Args[1].(*expr.Const); ok && !c.Val.Null {
				return int(min(max(c.Val.I, 0), 1000))
			}
		case "+", "-", "%", "mod":
			if b := scaleOf(in, e.Args[1]); a >= 0 && b >= 0 {
				return max(a, b)
			}
		case "*":
			if b := scaleOf(in, e.Args[1]); a >= 0 && b >= 0 {
				return a + b
			}
		}
	}
	return unknownScale
}
