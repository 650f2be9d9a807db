package plan

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/tarndb/tarn/sql/expr"
)

// Fingerprint hashes what n computes: operators, object IDs, positions, types
// and constants. Names do not count, so a renamed column leaves it as it is. The
// value is stable between processes of one version.
func Fingerprint(n Node) uint64 {
	h := fnv.New64a()
	hashNode(h, n)
	return h.Sum64()
}

func hashNode(h hash.Hash64, n Node) {
	fmt.Fprintf(h, "(%T", n)
	for _, c := range n.Columns() {
		fmt.Fprintf(h, " %d/%d", c.Type.OID, c.Type.Mod)
	}
	hashOwn(h, n)
	for _, in := range n.Inputs() {
		hashNode(h, in)
	}
	fmt.Fprint(h, ")")
}

func hashOwn(h hash.Hash64, n Node) {
	switch n := n.(type) {
	case *Scan:
		fmt.Fprintf(h, " %d %v %d %v", n.Object, n.Fields, n.RowtimeCol, n.DropLate)
		hashTime(h, n.EventTime)
		hashTime(h, n.SystemTime)
	case *Values:
		for _, r := range n.Rows {
			hashExprs(h, r...)
		}
	case *Series:
		hashExprs(h, n.From, n.To, n.Step)
	case *Filter:
		hashExprs(h, n.Cond)
	case *Project:
		hashExprs(h, n.Exprs...)
	case *Tumble:
		fmt.Fprintf(h, " %d %d %d %d", n.Time, n.Size, n.Slide, n.Offset)
	case *Join:
		fmt.Fprintf(h, " %d %v %v %v %v %v", n.Kind, n.LeftKeys, n.RightKeys, n.NullEqual, n.NullAware, n.Single)
		hashExprs(h, n.Residual)
	case *Aggregate:
		fmt.Fprintf(h, " %v %d", n.GroupBy, n.WindowEnd)
		for _, a := range n.Aggs {
			fmt.Fprintf(h, " %s %v %v %d %v", a.Fn.Name, a.Args, a.Distinct, a.Filter, a.OrderBy)
		}
	case *Recursive:
		fmt.Fprintf(h, " %d %v", n.ID, n.All)
	case *Working:
		fmt.Fprintf(h, " %d", n.ID)
	case *SetOp:
		fmt.Fprintf(h, " %d %v", n.Kind, n.All)
	case *TopN:
		fmt.Fprintf(h, " %v %v %d %d %v %d", n.Partition, n.OrderBy, n.Limit, n.Offset, n.RankCol, n.RankKind)
		hashExprs(h, n.LimitE, n.OffsetE)
	case *Temporal:
		fmt.Fprintf(h, " %v", n.Bounds)
	case *Final:
		fmt.Fprintf(h, " %d %d", n.WindowEnd, n.Delay)
	case *Unnest:
		fmt.Fprintf(h, " %v %v %v", n.Ordinality, n.Outer, n.Blank)
		hashExprs(h, n.Array)
	case *Sort:
		fmt.Fprintf(h, " %v", n.OrderBy)
		hashExprs(h, n.Limit, n.Offset)
	}
}

func hashTime(h hash.Hash64, t *int64) {
	if t != nil {
		fmt.Fprintf(h, " @%d", *t)
	} else {
		fmt.Fprint(h, " @-")
	}
}

func hashExprs(h hash.Hash64, es ...expr.Expr) {
	for _, e := range es {
		if e == nil {
			fmt.Fprint(h, " nil")
			continue
		}
		bare := expr.MapColumns(e, func(c *expr.Column) expr.Expr { return &expr.Column{Idx: c.Idx, Typ: c.Typ} })
		fmt.Fprintf(h, " %s/%d", expr.Print(bare), e.Type().OID)
	}
}
