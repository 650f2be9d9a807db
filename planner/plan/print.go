package plan

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tarndb/tarn/sql/expr"
)

// Print writes the tree below n for people, one operator a line, inputs
// indented below. Verbose adds the output columns with their types, keys and
// what state an operator keeps.
func Print(n Node, verbose bool) []string {
	p := printer{verbose: verbose}
	p.node(n, 0)
	return p.lines
}

type printer struct {
	lines   []string
	verbose bool
}

func (p *printer) add(depth int, text string) {
	p.lines = append(p.lines, strings.Repeat("  ", depth)+text)
}

func (p *printer) node(n Node, depth int) {
	p.add(depth, Title(n)+" ["+mode(n)+"]")
	if s := State(n); s != "" {
		p.add(depth, "    state: "+s)
	}
	if p.verbose {
		p.add(depth, "    output: "+columnsText(n))
		if k := n.Props().Keys; len(k) > 0 {
			p.add(depth, "    unique: "+keysText(n, k))
		}
	}
	for _, in := range n.Inputs() {
		p.node(in, depth+1)
	}
}

// mode is the changelog mode of n's output edge.
func mode(n Node) string {
	if n.Props().AppendOnly {
		return "append-only"
	}
	return "retracting"
}

func columnsText(n Node) string {
	parts := make([]string, len(n.Columns()))
	for i, c := range n.Columns() {
		parts[i] = columnName(n, i) + " " + c.Type.String()
	}
	return strings.Join(parts, ", ")
}

func keysText(n Node, keys [][]int) string {
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = "(" + names(n, k) + ")"
	}
	return strings.Join(parts, ", ")
}

// columnName is the name of column i of n's output, #i where it has none.
func columnName(n Node, i int) string {
	if i < 0 || i >= len(n.Columns()) {
		return "#" + strconv.Itoa(i)
	}
	if name := n.Columns()[i].Name; name != "" && name != "?column?" {
		return name
	}
	return "#" + strconv.Itoa(i)
}

func names(n Node, cols []int) string {
	parts := make([]string, len(cols))
	for i, c := range cols {
		parts[i] = columnName(n, c)
	}
	return strings.Join(parts, ", ")
}

// Title is n's own line: its operator and what it does.
func Title(n Node) string {
	switch n := n.(type) {
	case *Scan:
		return scanTitle(n)
	case *Values:
		return fmt.Sprintf("Values: %d row%s of %d column%s", len(n.Rows), plural(len(n.Rows)), len(n.Cols), plural(len(n.Cols)))
	case *Series:
		args := []expr.Expr{n.From, n.To}
		if n.Step != nil {
			args = append(args, n.Step)
		}
		return "Series: " + exprList(args)
	case *Filter:
		return "Filter: " + expr.Print(n.Cond)
	case *Project:
		return "Project: " + projectText(n)
	case *Tumble:
		return tumbleTitle(n)
	case *Join:
		return joinTitle(n)
	case *Aggregate:
		return aggregateTitle(n)
	case *Distinct:
		return "Distinct"
	case *Recursive:
		return "Recursive " + n.Name
	case *Working:
		return "Scan the last rows of " + n.Name
	case *SetOp:
		return setOpTitle(n)
	case *TopN:
		return topNTitle(n)
	case *Temporal:
		return "Temporal: " + boundsText(n)
	case *Final:
		s := "Final: when the watermark passes " + columnName(n, n.WindowEnd)
		if n.Delay > 0 {
			s += " by " + micros(n.Delay)
		}
		return s
	case *Unnest:
		s := "Unnest: " + expr.Print(n.Array)
		if n.Ordinality {
			s += " with ordinality"
		}
		if n.Outer {
			s += ", keeps rows without elements"
		}
		return s
	case *Sort:
		return sortTitle(n)
	}
	return fmt.Sprintf("%T", n)
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func exprList(es []expr.Expr) string {
	parts := make([]string, len(es))
	for i, e := range es {
		parts[i] = expr.Print(e)
	}
	return strings.Join(parts, ", ")
}

func scanTitle(n *Scan) string {
	kind := [...]string{"table", "stream", "materialized view", "system relation"}[n.Kind]
	s := "Scan " + kind + " " + n.Name
	fields := make([]string, len(n.Cols))
	for i := range n.Cols {
		fields[i] = columnName(n, i)
	}
	s += " (" + strings.Join(fields, ", ") + ")"
	if n.EventTime != nil {
		s += " as of event time"
	}
	if n.SystemTime != nil {
		s += " as of system time"
	}
	if n.DropLate {
		s += " without late records"
	}
	return s
}

func projectText(n *Project) string {
	parts := make([]string, len(n.Exprs))
	for i, e := range n.Exprs {
		text := expr.Print(e)
		if name := n.Cols[i].Name; name != "" && name != "?column?" && name != text {
			text += " AS " + name
		}
		parts[i] = text
	}
	return strings.Join(parts, ", ")
}

func tumbleTitle(n *Tumble) string {
	s := "Tumble: "
	if n.Slide != n.Size {
		s = "Hop: "
	}
	s += columnName(n, n.Time) + ", windows of " + micros(n.Size)
	if n.Slide != n.Size {
		s += " every " + micros(n.Slide)
	}
	if n.Offset != 0 {
		s += ", offset " + micros(n.Offset)
	}
	return s
}

// boundsText writes the bounds as conditions on the column.
func boundsText(n *Temporal) string {
	parts := make([]string, len(n.Bounds))
	for i, b := range n.Bounds {
		op, add := " <= ", b.Add
		if b.Until {
			op = " > "
		}
		// x > now() - 1.000001 s is x >= now() - 1 s.
		if b.Unit == 1 && add%1000 == 1 {
			op, add = map[bool]string{true: " >= ", false: " < "}[b.Until], add-1
		}
		parts[i] = columnName(n, b.Col) + op + "now()"
		switch by := add * b.Unit; {
		case by > 0:
			parts[i] += " - " + micros(by)
		case by < 0:
			parts[i] += " + " + micros(-by)
		}
	}
	return strings.Join(parts, " and ")
}

// micros writes a duration with the largest unit that divides it.
func micros(us int64) string {
	units := []struct {
		name string
		us   int64
	}{{"day", 86400e6}, {"hour", 3600e6}, {"minute", 60e6}, {"second", 1e6}, {"millisecond", 1e3}, {"microsecond", 1}}
	for _, u := range units {
		if us%u.us == 0 {
			n := us / u.us
			return strconv.FormatInt(n, 10) + " " + u.name + plural(int(n))
		}
	}
	return ""
}

var joinNames = [...]string{"inner", "left", "right", "full", "semi", "anti"}

func joinTitle(n *Join) string {
	s := "Join " + joinNames[n.Kind]
	var conds []string
	for i := range n.LeftKeys {
		op := " = "
		if n.NullEqual {
			op = " IS NOT DISTINCT FROM "
		}
		conds = append(conds, columnName(n.Left, n.LeftKeys[i])+op+columnName(n.Right, n.RightKeys[i]))
	}
	if n.Residual != nil {
		conds = append(conds, expr.Print(n.Residual))
	}
	if len(conds) == 0 {
		s += ": every pair"
	} else {
		s += ": " + strings.Join(conds, " AND ")
	}
	if n.NullAware {
		s += " (NULL matches unknown)"
	}
	if n.Single {
		s += " (at most one match)"
	}
	return s
}

func aggregateTitle(n *Aggregate) string {
	s := "Aggregate"
	if len(n.GroupBy) > 0 {
		s += " by " + names(n.In, n.GroupBy)
	}
	calls := make([]string, len(n.Aggs))
	for i, a := range n.Aggs {
		calls[i] = callText(n.In, a)
	}
	if len(calls) > 0 {
		s += ": " + strings.Join(calls, ", ")
	}
	return s
}

func callText(in Node, a AggCall) string {
	s := a.Fn.Name + "("
	if a.Distinct {
		s += "DISTINCT "
	}
	if len(a.Args) == 0 {
		s += "*"
	}
	s += names(in, a.Args)
	if len(a.OrderBy) > 0 {
		s += " ORDER BY " + orderText(in, a.OrderBy)
	}
	s += ")"
	if a.Filter >= 0 {
		s += " FILTER (" + columnName(in, a.Filter) + ")"
	}
	return s
}

func orderText(in Node, os []Order) string {
	parts := make([]string, len(os))
	for i, o := range os {
		s := columnName(in, o.Col)
		if o.Desc {
			s += " DESC"
		}
		if o.NullsFirst != o.Desc {
			if o.NullsFirst {
				s += " NULLS FIRST"
			} else {
				s += " NULLS LAST"
			}
		}
		parts[i] = s
	}
	return strings.Join(parts, ", ")
}

func setOpTitle(n *SetOp) string {
	s := [...]string{"Union", "Intersect", "Except"}[n.Kind]
	if n.All {
		s += " all"
	}
	return s
}

var rankNames = [...]string{"row_number", "rank", "dense_rank"}

func topNTitle(n *TopN) string {
	s := "TopN"
	switch {
	case n.LimitE != nil:
		s += " " + expr.Print(n.LimitE)
	case n.Limit >= 0:
		s += " " + strconv.FormatInt(n.Limit, 10)
	default:
		s += " all"
	}
	if n.OffsetE != nil {
		s += " after " + expr.Print(n.OffsetE)
	} else if n.Offset > 0 {
		s += " after " + strconv.FormatInt(n.Offset, 10)
	}
	if len(n.Partition) > 0 {
		s += " per " + names(n.In, n.Partition)
	}
	if len(n.OrderBy) > 0 {
		s += " by " + orderText(n.In, n.OrderBy)
	}
	if n.RankCol || n.RankKind != 0 {
		s += ", " + rankNames[n.RankKind]
	}
	return s
}

func sortTitle(n *Sort) string {
	s := "Sort"
	if len(n.OrderBy) > 0 {
		s += " by " + orderText(n.In, n.OrderBy)
	} else {
		s = "Limit"
	}
	if n.Limit != nil {
		s += ", limit " + expr.Print(n.Limit)
	}
	if n.Offset != nil {
		s += ", offset " + expr.Print(n.Offset)
	}
	return s
}
