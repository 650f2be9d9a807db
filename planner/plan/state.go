package plan

import (
	"slices"

	"github.com/tarndb/tarn/sql/funcs"
)

// State says what n keeps between epochs and what bounds it; "" if it keeps
// nothing. It describes the plan, for EXPLAIN and for the notice about state
// that grows for ever.
func State(n Node) string {
	switch n := n.(type) {
	case *Join:
		switch {
		case n.Kind == Semi || n.Kind == Anti:
			return "left rows and counts of right keys, " + growth(n.Left, n.Right)
		case n.Kind == Inner && len(n.LeftKeys) == 0:
			return "both sides, " + growth(n.Left, n.Right)
		}
		return "both sides by key, " + growth(n.Left, n.Right)
	case *Aggregate:
		return aggregateState(n)
	case *Distinct:
		return "a count per distinct row, " + growth(n.In)
	case *SetOp:
		if n.Kind == Union {
			return ""
		}
		return "a count per distinct row, " + growth(n.Ins...)
	case *TopN:
		if n.In.Props().AppendOnly && n.Limit >= 0 {
			return "the rows in rank, bounded by partitions"
		}
		return "all rows by partition, " + growth(n.In)
	case *Temporal:
		if n.ends() {
			return "rows until their time has passed"
		}
		return "rows until their time has come"
	case *Final:
		return "open windows, dropped as the watermark passes"
	}
	return ""
}

func aggregateState(n *Aggregate) string {
	if len(n.GroupBy) == 0 {
		if n.keepsValues() {
			return "one group and its values, " + growth(n.In)
		}
		return "one group"
	}
	what := "a group per key"
	if n.keepsValues() {
		what += " and its values"
	}
	if n.WindowEnd >= 0 {
		return what + ", open windows only"
	}
	return what + ", " + growth(n.In)
}

// keepsValues reports whether a group needs more than a few numbers.
func (n *Aggregate) keepsValues() bool {
	for _, a := range n.Aggs {
		switch {
		case a.Distinct:
			return true
		case a.Fn.Class == funcs.Invertible:
		case a.Fn.Class == funcs.Ordered && n.In.Props().AppendOnly: // Ordered: the extreme is enough
		default:
			return true
		}
	}
	return false
}

// ends reports whether rows leave again by time alone.
func (n *Temporal) ends() bool {
	return slices.ContainsFunc(n.Bounds, func(b Bound) bool { return b.Until })
}

func growth(ins ...Node) string {
	for _, in := range ins {
		if Grows(in) {
			return "grows with its streams"
		}
	}
	return "bounded by its tables"
}

// Grows reports whether n's collection gets new rows for ever: it reads a
// stream, and nothing between bounds it.
func Grows(n Node) bool {
	switch n := n.(type) {
	case *Scan:
		return n.Kind == Stream || n.Kind == MatView && n.P.AppendOnly
	case *Aggregate:
		return len(n.GroupBy) > 0 && Grows(n.In)
	case *TopN:
		return (len(n.Partition) > 0 || n.Limit < 0 && n.LimitE == nil) && Grows(n.In)
	case *Temporal:
		return !n.ends() && Grows(n.In)
	case *Join:
		if n.Kind == Semi || n.Kind == Anti {
			return Grows(n.Left)
		}
	}
	for _, in := range n.Inputs() {
		if Grows(in) {
			return true
		}
	}
	return false
}
